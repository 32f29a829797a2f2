//! Attacks that go on: while they do, an honest delivery is kept and answered,
//! the process lives and its memory is bounded.

use std::{
    future::Future,
    pin::Pin,
    time::{Duration, Instant},
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    task::JoinSet,
};

use crate::{
    forge::listener,
    house::{House, SEVEN, Service, issue_event},
};

/// A forge waits for ten seconds. This is far less, and far more than it takes.
const BOUND: Duration = Duration::from_secs(8);

/// The most memory it may ever have, in KiB: less than the unit of systemd allows.
const MOST_MEMORY: u64 = 400 * 1024;

/// More connections than the service takes.
const CROWD: usize = 700;

type Attack = fn(TcpStream) -> Pin<Box<dyn Future<Output = ()> + Send>>;

/// Attackers, each of whom does this again and again until the siege is over.
fn besiege(attackers: &mut JoinSet<()>, service: &Service, how_many: usize, attack: Attack) {
    for _ in 0..how_many {
        let address = service.address().to_owned();
        attackers.spawn(async move {
            loop {
                if let Ok(stream) = TcpStream::connect(&address).await {
                    attack(stream).await;
                }
                tokio::task::yield_now().await;
            }
        });
    }
}

/// Says this, and then nothing until the service hangs up.
async fn say_and_wait(mut stream: TcpStream, text: &[u8]) {
    if stream.write_all(text).await.is_ok() {
        hear_out(&mut stream).await;
    }
}

async fn hear_out(stream: &mut TcpStream) {
    let mut part = [0; 4096];
    while stream.read(&mut part).await.is_ok_and(|length| length > 0) {}
}

fn head(header: &str) -> String {
    format!("POST /webhooks/gitlab HTTP/1.1\r\nhost: x\r\nx-gitlab-token: guess\r\n{header}\r\n")
}

async fn slow_head(mut stream: TcpStream) {
    for letter in head("").bytes() {
        if stream.write_all(&[letter]).await.is_err() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
}

async fn slow_body(mut stream: TcpStream) {
    let begun = head("content-length: 26000000\r\n") + &"x".repeat(200 * 1024);
    if stream.write_all(begun.as_bytes()).await.is_err() {
        return;
    }
    while stream.write_all(b"x").await.is_ok() {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

async fn many_headers(stream: TcpStream) {
    let flood = "x-flood: 1\r\n".repeat(5_000);
    say_and_wait(stream, head(&flood).as_bytes()).await;
}

async fn long_header(stream: TcpStream) {
    let long = format!("x-gitlab-event: {}\r\n", "x".repeat(1024 * 1024));
    say_and_wait(stream, head(&long).as_bytes()).await;
}

async fn deep_body(stream: TcpStream) {
    let body = "[".repeat(1024 * 1024);
    let text = head(&format!("content-length: {}\r\nconnection: close\r\n", body.len())) + &body;
    say_and_wait(stream, text.as_bytes()).await;
}

async fn garbage(stream: TcpStream) {
    let hello =
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\0\xff\xfe PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    say_and_wait(stream, hello).await;
}

/// Asks, and asks, and reads nothing of what is answered.
async fn deaf(mut stream: TcpStream) {
    let ask = "GET /metrics HTTP/1.1\r\nhost: x\r\n\r\n".repeat(100);
    while stream.write_all(ask.as_bytes()).await.is_ok() {}
}

fn has_cut(metrics: &str, why: &str) -> bool {
    metrics.contains(&format!("innkeeper_http_connections_cut_total{{why=\"{why}\"}}"))
}

/// Until they have taken all connections there are, and one had to go.
async fn until_crowded(service: &Service) {
    let began = Instant::now();
    loop {
        let metrics = service.get("/metrics").await.1;
        if has_cut(&metrics, "crowded") {
            return;
        }
        assert!(began.elapsed() < Duration::from_mins(1), "never crowded: {metrics}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// What others notice of a siege.
async fn hold(what: &str, service: &Service, issue: &mut u64) {
    for _ in 0..5 {
        let began = Instant::now();
        *issue += 1;
        // A connection of its own: what is kept open is cut first.
        let http = reqwest::Client::builder().timeout(BOUND).build().unwrap();
        let request = http
            .post(format!("{}/webhooks/gitlab", service.url))
            .header("x-gitlab-token", SEVEN)
            .body(issue_event(7, *issue));
        let answer = request.send().await.unwrap_or_else(|error| {
            panic!("{what}: after {:?}: {error:?}\n{}", began.elapsed(), service.gist())
        });
        assert_eq!(answer.status(), 202, "{what}");
        let health = http.get(format!("{}/healthz", service.url)).send().await;
        assert_eq!(health.unwrap().status(), 200, "{what}");
    }
    let (_, most) = service.memory();
    assert!(most < MOST_MEMORY, "{what}: {most} KiB");
}

#[tokio::test(flavor = "multi_thread")]
async fn under_siege_honest_deliveries_are_kept_and_answered() {
    let (_silent, forge) = listener().await;
    let house = House::new(&forge);
    // To log every byte that comes is not what is tried here.
    house.adjust("innkeeper.toml", "filter = \"trace\"", "filter = \"info\"");
    let mut service = house.serve().await;
    let mut issue = 0;
    let attacks: [(&str, usize, Attack); 7] = [
        ("slow heads", CROWD, |stream| Box::pin(slow_head(stream))),
        ("slow bodies", CROWD, |stream| Box::pin(slow_body(stream))),
        ("many headers", 8, |stream| Box::pin(many_headers(stream))),
        ("long headers", 8, |stream| Box::pin(long_header(stream))),
        ("deep bodies", 4, |stream| Box::pin(deep_body(stream))),
        ("garbage", 8, |stream| Box::pin(garbage(stream))),
        ("nobody reads", 32, |stream| Box::pin(deaf(stream))),
    ];
    for (what, how_many, attack) in attacks {
        let mut attackers = JoinSet::new();
        besiege(&mut attackers, &service, how_many, attack);
        tokio::time::sleep(Duration::from_millis(300)).await;
        if how_many == CROWD {
            until_crowded(&service).await;
        }
        hold(what, &service, &mut issue).await;
        attackers.shutdown().await;
    }
    assert_eq!(house.deliveries(), issue, "each honest one, and no other");
    let metrics = service.get("/metrics").await.1;
    assert!(has_cut(&metrics, "unreadable"), "{metrics}");
    assert!(service.stop().await.0.success());
    service.is_unharmed();
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_in_one_go_are_answered_one_by_one() {
    let (_silent, forge) = listener().await;
    let house = House::new(&forge);
    let service = house.serve().await;
    let mut stream = TcpStream::connect(service.address()).await.unwrap();
    let one = |issue: u64| {
        let body = issue_event(7, issue);
        format!(
            "POST /webhooks/gitlab HTTP/1.1\r\nhost: x\r\nx-gitlab-token: {SEVEN}\r\n\
             content-length: {}\r\n\r\n{body}",
            body.len()
        )
    };
    let all: String = (1..=50).map(one).collect();
    let last = "GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
    stream.write_all((all + last).as_bytes()).await.unwrap();
    let mut answers = Vec::new();
    let reading = stream.read_to_end(&mut answers);
    tokio::time::timeout(Duration::from_secs(30), reading).await.unwrap().unwrap();
    let answers = String::from_utf8(answers).unwrap();
    assert_eq!(answers.matches("HTTP/1.1 202").count(), 50);
    assert!(answers.ends_with("\r\n\r\nok\n"), "{answers}");
    assert_eq!(house.deliveries(), 50);
    service.is_unharmed();
}
