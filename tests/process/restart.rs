//! What outlives the process, and how the process ends.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
    time::Duration,
};

use sqlx::{Connection as _, SqliteConnection};

use crate::{
    forge::{Scripted, listener},
    house::{House, SEVEN, eventually, issue_event},
};

#[tokio::test(flavor = "multi_thread")]
async fn a_delivery_that_was_accepted_survives_kill_minus_nine() {
    let (listener, forge) = listener().await;
    let house = House::new(&forge);
    let service = house.serve().await;
    // Nobody answers at the forge yet, so nothing can have been looked at.
    assert_eq!(service.deliver(SEVEN, issue_event(7, 3)).await.0, 202);
    service.kill();
    let status = house.status();
    assert_eq!((&status["deliveries"], &status["looks_waiting"]), (&1.into(), &1.into()));

    let forge = Scripted::start(listener);
    let mut service = house.serve().await;
    // The claim of the killed process runs out first.
    forge.was_asked("GET /api/v4/projects/7/issues/3").await;
    assert_eq!(service.deliver(SEVEN, issue_event(7, 3)).await.0, 200, "it is known already");
    assert!(service.stop().await.0.success());
    assert_eq!(house.deliveries(), 1);
    service.is_unharmed();
}

#[tokio::test(flavor = "multi_thread")]
async fn asked_to_end_it_ends_soon_and_well() {
    let (listener, forge) = listener().await;
    let house = House::new(&forge);
    let mut service = house.serve().await;
    // In the middle of work: the forge does not answer.
    assert_eq!(service.deliver(SEVEN, issue_event(7, 3)).await.0, 202);
    let (status, took) = service.stop().await;
    assert_eq!(status.code(), Some(0), "{}", service.gist());
    assert!(took < Duration::from_secs(5), "it took {took:?}");
    service.logged(r#""message":"stopped""#).await;
    assert_eq!(house.status()["looks_waiting"], 1, "what was not done is still to be done");
    service.is_unharmed();
    drop(listener);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_service_ends_at_once_and_starts_again() {
    let (listener, forge) = listener().await;
    let _forge = Scripted::start(listener);
    let house = House::new(&forge);
    for _ in 0..2 {
        let mut service = house.serve().await;
        assert_eq!(service.get("/healthz").await.0, 200);
        let (status, took) = service.stop().await;
        assert_eq!(status.code(), Some(0));
        assert!(took < Duration::from_secs(3), "it took {took:?}");
        service.is_unharmed();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_under_load_it_has_kept_everything_it_accepted() {
    let (_silent, forge) = listener().await;
    let house = House::new(&forge);
    let service = house.serve().await;
    let accepted = Arc::new(Mutex::new(BTreeSet::new()));
    let senders: Vec<_> = (0..4_u64)
        .map(|sender| {
            let (url, http) = (format!("{}/webhooks/gitlab", service.url), service.http.clone());
            let accepted = Arc::clone(&accepted);
            tokio::spawn(async move {
                for issue in (1..).map(|number| number * 4 + sender) {
                    let request = http.post(&url).header("x-gitlab-token", SEVEN);
                    let Ok(answer) = request.body(issue_event(7, issue)).send().await else {
                        return;
                    };
                    assert_eq!(answer.status(), 202);
                    accepted.lock().unwrap().insert(issue.cast_signed());
                }
            })
        })
        .collect();
    eventually("fifty are accepted", || accepted.lock().unwrap().len() >= 50).await;
    service.kill();
    for sender in senders {
        sender.await.unwrap();
    }

    let url = format!("sqlite://{}", house.path("innkeeper.db").display());
    let mut store = SqliteConnection::connect(&url).await.unwrap();
    let stored: Vec<(i64,)> =
        sqlx::query_as("SELECT issue FROM deliveries").fetch_all(&mut store).await.unwrap();
    let stored: BTreeSet<i64> = stored.into_iter().map(|(issue,)| issue).collect();
    let accepted = accepted.lock().unwrap();
    assert!(accepted.is_subset(&stored), "lost: {:?}", accepted.difference(&stored));
}
