use std::sync::atomic::AtomicU32;

use super::*;

struct Noon;

impl Clock for Noon {
    fn now(&self) -> Timestamp {
        "2026-11-21T12:00:00Z".parse().unwrap()
    }
}

fn panics() -> Panics {
    Panics::new(Arc::new(Noon))
}

fn panic_for(reason: &str) {
    assert!(reason.is_empty(), "{reason}");
}

#[tokio::test]
async fn what_panics_is_caught_counted_and_has_a_reference() {
    let panics = panics();
    assert_eq!(panics.caught("sweep", async { 3 }).await, Some(3));
    assert_eq!(panics.latest(), None);
    assert_eq!(panics.caught("sweep", async { panic_for("the test wants it") }).await, None);
    assert_eq!(panics.counts()["sweep"], 1);
    let latest = panics.latest().unwrap();
    assert_eq!((latest.task.as_str(), latest.reference.len()), ("sweep", 8));
    assert_eq!(panics.unwell(), None, "once is not always");
}

#[tokio::test]
async fn what_panics_is_started_again() {
    let panics = Panics { first_rest: Duration::from_millis(1), ..panics() };
    let started = AtomicU32::new(0);
    panics
        .restarted("worker", || async {
            if started.fetch_add(1, Ordering::Relaxed) < 4 {
                panic_for("again");
            }
        })
        .await;
    assert_eq!(started.load(Ordering::Relaxed), 5);
    assert_eq!(panics.counts()["worker"], 4);
    assert_eq!(panics.unwell(), Some("worker"));
}

#[test]
fn each_rest_is_longer_and_none_lasts_for_ever() {
    let seconds = [1, 2, 3, 6, 7, u32::MAX].map(|row| rest(FIRST_REST, row).as_secs());
    assert_eq!(seconds, [1, 2, 4, 32, 60, 60]);
}
