use std::{
    any::Any,
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use axum::http::HeaderMap;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::{Notify, oneshot},
};

use super::{
    Limits, Panicked, WebState,
    health::{Check, Readiness},
    metrics::{Reading, Readings, Value},
    serve,
};
use crate::{
    identity::{ForgeName, IssueNumber, ProjectId, Timestamp},
    ports::{
        PortError,
        clock::Clock,
        intake::{About, Accepted, Genuine, Hooks, Intake, NewDelivery, Unauthenticated},
    },
};

/// Believes `x-token: good`; the body says what to find in it.
struct Obliging;

impl Hooks for Obliging {
    fn check(
        &self,
        headers: &HeaderMap,
        body: &[u8],
        _now: Timestamp,
    ) -> Result<Genuine, Unauthenticated> {
        assert_ne!(body, b"panic", "as the test asked");
        if headers.get("x-token").is_none_or(|token| token != "good") {
            return Err(Unauthenticated("not good"));
        }
        let about = match body {
            b"other" => About::Nothing("a push".to_owned()),
            b"garbage" => About::Unreadable("no number".to_owned()),
            _ => About::Issue(IssueNumber(3)),
        };
        let key = String::from_utf8_lossy(body).into_owned();
        Ok(Genuine { project: ProjectId(7), event: "Note Hook".to_owned(), key, about })
    }
}

#[derive(Default)]
struct Memory {
    kept: Mutex<Vec<NewDelivery>>,
    keys: Mutex<BTreeSet<String>>,
}

#[async_trait]
impl Intake for Memory {
    async fn accept(&self, delivery: NewDelivery) -> Result<Accepted, PortError> {
        match delivery.body.as_slice() {
            b"broken store" => return Err(PortError::retry("store a delivery", "disk full")),
            b"slow store" => std::future::pending().await,
            _ => {}
        }
        if !self.keys.lock().unwrap().insert(delivery.key.clone()) {
            return Ok(Accepted::Duplicate);
        }
        self.kept.lock().unwrap().push(delivery);
        Ok(Accepted::New)
    }
}

struct Noon;

impl Clock for Noon {
    fn now(&self) -> Timestamp {
        "2026-11-21T12:00:00Z".parse().unwrap()
    }
}

struct Storeless(bool);

#[async_trait]
impl Readiness for Storeless {
    async fn checks(&self) -> Vec<Check> {
        let check = |name, ok, detail: &str| Check { name, ok, detail: detail.to_owned() };
        vec![check("cookbooks", true, "2 loaded"), check("store", self.0, "asked just now")]
    }
}

struct TwoLeases;

#[async_trait]
impl Readings for TwoLeases {
    async fn read(&self) -> Vec<Reading> {
        let leases = |state: &str, value| Reading {
            name: "leases",
            help: "Leases by state",
            labels: vec![("state", state.to_owned())],
            value: Value::Gauge(value),
        };
        let sweeps = Reading {
            name: "sweeps",
            help: "Sweeps done",
            labels: Vec::new(),
            value: Value::Counter(4),
        };
        vec![leases("active", 2.0), sweeps, leases("exp\"ired", 0.0)]
    }
}

#[derive(Default)]
struct Counted(AtomicU64);

impl Panicked for Counted {
    fn caught(&self, payload: &(dyn Any + Send)) {
        assert!(payload.is::<String>());
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

struct House {
    url: String,
    memory: Arc<Memory>,
    wake: Arc<Notify>,
    http: reqwest::Client,
    stop: oneshot::Sender<()>,
    served: tokio::task::JoinHandle<()>,
    panics: Arc<Counted>,
}

impl House {
    async fn open(limits: Limits, is_ready: bool) -> Self {
        let (memory, wake) = (Arc::<Memory>::default(), Arc::<Notify>::default());
        let panics = Arc::<Counted>::default();
        let state = WebState {
            hooks: BTreeMap::from([(ForgeName::from("gitlab"), Arc::new(Obliging) as _)]),
            intake: Arc::clone(&memory) as _,
            wake: Arc::clone(&wake),
            clock: Arc::new(Noon),
            readiness: Arc::new(Storeless(is_ready)),
            readings: Arc::new(TwoLeases),
            panics: Arc::clone(&panics) as _,
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (stop, stopped) = oneshot::channel::<()>();
        let shutdown = async move { drop(stopped.await) };
        let served = async move { serve(&listener, state, limits, shutdown).await };
        let served = tokio::spawn(served);
        let http = reqwest::Client::builder().timeout(Duration::from_secs(30)).build().unwrap();
        Self { url, memory, wake, http, stop, served, panics }
    }

    async fn deliver(&self, token: &str, body: &'static str) -> (u16, String) {
        let request = self.http.post(format!("{}/webhooks/gitlab", self.url));
        let response = request.header("x-token", token).body(body).send().await.unwrap();
        (response.status().as_u16(), response.text().await.unwrap())
    }

    async fn get(&self, path: &str) -> (u16, String) {
        let response = self.http.get(format!("{}{path}", self.url)).send().await.unwrap();
        (response.status().as_u16(), response.text().await.unwrap())
    }

    fn stored(&self) -> usize {
        self.memory.kept.lock().unwrap().len()
    }
}

#[tokio::test]
async fn a_delivery_is_stored_once_and_wakes_the_engine() {
    let house = House::open(Limits::default(), true).await;
    assert_eq!(house.deliver("good", "{1}").await, (202, "accepted\n".to_owned()));
    house.wake.notified().await;
    assert_eq!(house.deliver("good", "{1}").await, (200, "known already\n".to_owned()));
    assert_eq!(house.stored(), 1);
    let kept = house.memory.kept.lock().unwrap().remove(0);
    assert_eq!((kept.project, kept.issue), (ProjectId(7), Some(IssueNumber(3))));
    assert_eq!((kept.body.as_slice(), kept.received_at), (b"{1}".as_slice(), Noon.now()));
}

#[tokio::test]
async fn a_stranger_learns_nothing_and_stores_nothing() {
    let house = House::open(Limits::default(), true).await;
    assert_eq!(house.deliver("bad", "{1}").await, (401, String::new()));
    assert_eq!(house.deliver("bad", "garbage").await, (401, String::new()));
    assert_eq!(house.stored(), 0);
    let elsewhere = house.http.post(format!("{}/webhooks/other", house.url));
    assert_eq!(elsewhere.send().await.unwrap().status(), 404);
}

#[tokio::test]
async fn a_genuine_delivery_is_never_refused() {
    let house = House::open(Limits::default(), true).await;
    assert_eq!(house.deliver("good", "other").await, (200, "ignored\n".to_owned()));
    assert_eq!(house.stored(), 0);
    assert_eq!(house.deliver("good", "garbage").await.0, 200);
    assert_eq!(house.memory.kept.lock().unwrap()[0].issue, None);
    assert_eq!(house.deliver("good", "broken store").await.0, 503);
}

#[tokio::test]
async fn the_limits_hold_are_counted_and_leave_the_rest_working() {
    let time = Duration::from_millis(200);
    let limits = Limits { body: 100, time, ..Limits::default() };
    let house = House::open(limits, true).await;
    let large = "x".repeat(101).leak();
    assert_eq!(house.deliver("good", large).await.0, 413);
    assert_eq!(house.deliver("good", "panic").await.0, 500);
    assert_eq!(house.panics.0.load(Ordering::Relaxed), 1);
    let (slow, second, alive) = tokio::join!(
        house.deliver("good", "slow store"),
        house.deliver("good", "slow store"),
        house.get("/healthz")
    );
    assert_eq!((slow.0, second.0, alive.0), (503, 503, 200));
    assert_eq!(house.get("/nowhere/at/all").await.0, 404);

    let (status, metrics) = house.get("/metrics").await;
    assert_eq!(status, 200);
    let counter = "innkeeper_http_requests_total";
    for line in [
        r#"{method="POST",route="/webhooks/{forge}",status="413"} 1"#,
        r#"{method="POST",route="/webhooks/{forge}",status="500"} 1"#,
        r#"{method="POST",route="/webhooks/{forge}",status="503"} 2"#,
        r#"{method="GET",route="/healthz",status="200"} 1"#,
        r#"{method="GET",route="(none)",status="404"} 1"#,
    ] {
        assert!(metrics.contains(&format!("{counter}{line}\n")), "{line} in\n{metrics}");
    }
}

#[tokio::test]
async fn the_metrics_hold_deliveries_and_what_others_measure() {
    let house = House::open(Limits::default(), true).await;
    house.deliver("good", "{1}").await;
    house.deliver("good", "{1}").await;
    house.deliver("bad", "{1}").await;
    let (_, metrics) = house.get("/metrics").await;
    for line in [
        r#"innkeeper_webhook_deliveries_total{forge="gitlab",outcome="accepted"} 1"#,
        r#"innkeeper_webhook_deliveries_total{forge="gitlab",outcome="duplicate"} 1"#,
        r#"innkeeper_webhook_deliveries_total{forge="gitlab",outcome="refused"} 1"#,
        "# TYPE innkeeper_leases gauge",
        r#"innkeeper_leases{state="active"} 2.0"#,
        r#"innkeeper_leases{state="exp\"ired"} 0.0"#,
        "innkeeper_sweeps_total 4",
    ] {
        assert!(metrics.contains(&format!("{line}\n")), "{line} in\n{metrics}");
    }
    assert_eq!(metrics.matches("# TYPE innkeeper_leases").count(), 1);
    assert!(metrics.ends_with("# EOF\n"));
}

#[tokio::test]
async fn readiness_tells_what_is_wrong() {
    let house = House::open(Limits::default(), false).await;
    assert_eq!(house.get("/healthz").await, (200, "ok\n".to_owned()));
    let expected = "cookbooks: ok (2 loaded)\nstore: NOT OK (asked just now)\n";
    assert_eq!(house.get("/readyz").await, (503, expected.to_owned()));
    let house = House::open(Limits::default(), true).await;
    assert_eq!(house.get("/readyz").await.0, 200);
}

#[tokio::test]
async fn serving_ends_when_told_to() {
    let House { stop, served, .. } = House::open(Limits::default(), true).await;
    stop.send(()).unwrap();
    served.await.unwrap();
}

/// Opens a connection and sends this.
async fn send(house: &House, text: &str) -> TcpStream {
    let mut stream = TcpStream::connect(house.url.trim_start_matches("http://")).await.unwrap();
    stream.write_all(text.as_bytes()).await.unwrap();
    stream
}

/// The status of the answer; empty when the connection ended without one.
async fn status(stream: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    let _ = tokio::time::timeout(Duration::from_secs(30), stream.read_to_end(&mut answer)).await;
    let answer = String::from_utf8_lossy(&answer).into_owned();
    answer.split(' ').nth(1).unwrap_or_default().to_owned()
}

fn head(headers: &str) -> String {
    format!("POST /webhooks/gitlab HTTP/1.1\r\nhost: x\r\nx-token: good\r\n{headers}\r\n")
}

#[tokio::test]
async fn whoever_lets_a_full_house_wait_for_longest_leaves() {
    let undisturbed = Duration::from_millis(50);
    let limits = Limits { connections: 2, undisturbed, ..Limits::default() };
    let house = House::open(limits, true).await;
    let mut idle = send(&house, "").await;
    let mut slow = send(&house, &head("content-length: 5\r\n")).await;
    assert_eq!(house.deliver("good", "{1}").await.0, 202);
    assert_eq!(status(&mut idle).await, "", "it sent nothing");
    let _another = send(&house, "").await;
    assert_eq!(status(&mut slow).await, "", "it did not go on");
    assert_eq!(house.deliver("good", "{2}").await.0, 202);
    let (_, metrics) = house.get("/metrics").await;
    let cut = "innkeeper_http_connections_cut_total{why=\"crowded\"} ";
    assert!(metrics.contains(cut), "{metrics}");
    assert!(metrics.contains("innkeeper_http_connections 2\n"), "{metrics}");
}

#[tokio::test]
async fn heads_and_bodies_have_to_come_in_time() {
    let (soon, later) = (Duration::from_millis(100), Duration::from_secs(20));
    let limits = Limits { head: soon, sending: soon, time: later, ..Limits::default() };
    let house = House::open(limits, true).await;
    let mut half_a_head = send(&house, "POST /webhooks/gitlab HTTP/1.1\r\nhost: x\r\n").await;
    let mut half_a_body = send(&house, &head("content-length: 5\r\n")).await;
    let mut idle = send(&house, "GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n").await;
    assert_eq!(status(&mut half_a_head).await, "");
    assert_eq!(status(&mut half_a_body).await, "408");
    assert_eq!(status(&mut idle).await, "200", "and then it is not kept for ever");
}

#[tokio::test]
async fn slow_large_bodies_keep_no_small_one_waiting() {
    let limits = Limits { small: 10, large: 1, ..Limits::default() };
    let house = House::open(limits, true).await;
    let large = head("content-length: 100\r\n") + &"x".repeat(50);
    let first = send(&house, &large).await;
    let second = send(&house, &large).await;
    assert_eq!(house.deliver("good", "{small}").await.0, 202);
    drop((first, second));
    assert_eq!(house.deliver("good", "{not so small}").await.0, 202);
}

#[tokio::test]
async fn what_is_compressed_is_refused_before_it_is_read() {
    let house = House::open(Limits::default(), true).await;
    for coding in ["gzip", "identity, br"] {
        let head = head(&format!("content-encoding: {coding}\r\ncontent-length: 9\r\n"));
        assert_eq!(status(&mut send(&house, &head).await).await, "415", "{coding}");
    }
    let plain = head("content-encoding: identity\r\ncontent-length: 1\r\nconnection: close\r\n");
    assert_eq!(status(&mut send(&house, &(plain + "1")).await).await, "202");
}
