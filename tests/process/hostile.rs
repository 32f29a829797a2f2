//! What anybody who reaches the port can send.

use std::time::Duration;

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::{
    forge::listener,
    house::{House, SEVEN, Service, issue_event},
};

const MIB: usize = 1024 * 1024;

#[tokio::test(flavor = "multi_thread")]
async fn whatever_is_sent_the_service_answers_and_goes_on() {
    let (_silent, forge) = listener().await;
    let house = House::new(&forge);
    let mut service = house.serve().await;
    let kept = (200, "kept, but cannot be read\n".to_owned());
    let ignored = (200, "ignored\n".to_owned());
    let nested = |open: &str, close: &str| [open.repeat(100_000), close.repeat(100_000)].concat();
    let within = |value: &str| {
        format!(
            r#"{{"object_kind":"issue","project":{{"id":7}},"object_attributes":{{"iid":{value}}}}}"#
        )
    };
    let cases: Vec<(&str, Vec<u8>, &(u16, String))> = vec![
        ("an empty body", vec![], &kept),
        ("garbage", b"{{{ not JSON".into(), &kept),
        ("bytes that are not UTF-8", b"{\"object_kind\":\"issue\xff\xfe\"}".into(), &kept),
        ("a body cut short", issue_event(7, 3).as_bytes()[..40].into(), &kept),
        ("brackets in brackets", nested("[", "]").into(), &kept),
        ("objects in objects", nested("{\"a\":", "}").into(), &kept),
        ("brackets in an event", within(&nested("[", "]")).into(), &kept),
        ("a negative number", within("-1").into(), &kept),
        ("a number beyond any", within("1e999").into(), &kept),
        ("text for a number", within("\"3; DROP TABLE deliveries\"").into(), &kept),
        ("JSON, but a list", b"[1, 2]".into(), &ignored),
        ("JSON, but a word", b"null".into(), &ignored),
        ("an event nobody knows", br#"{"object_kind":"teapot"}"#.into(), &ignored),
    ];
    let mut expected = 0;
    for (what, body, answer) in cases {
        expected += u64::from(*answer == kept);
        assert_eq!(service.deliver("wrong", body.clone()).await.0, 401, "{what}");
        assert_eq!(service.deliver(SEVEN, body).await, *answer, "{what}");
    }
    assert_eq!(house.deliveries(), expected);
    assert_eq!(service.get("/healthz").await.0, 200);

    let largest = format!("{{\"padding\":\"{}\"}}", "x".repeat(24 * MIB));
    assert_eq!(service.deliver(SEVEN, largest).await, ignored, "as large as GitLab sends");
    assert_eq!(service.deliver(SEVEN, issue_event(7, 3)).await.0, 202);
    assert!(service.stop().await.0.success());
    service.is_unharmed();
}

#[tokio::test(flavor = "multi_thread")]
async fn too_much_is_refused_whether_announced_or_not() {
    let (_silent, forge) = listener().await;
    let house = House::new(&forge);
    let service = house.serve().await;
    let mut announced = open(&service, &format!("content-length: {}", 30 * MIB)).await;
    assert_eq!(status(&mut announced).await, "413");

    let mut chunked = open(&service, "transfer-encoding: chunked").await;
    let chunk = [format!("{MIB:x}\r\n").as_bytes(), &vec![b'x'; MIB], b"\r\n"].concat();
    for _ in 0..30 {
        // The answer may come, and the connection end, before everything is sent.
        if chunked.write_all(&chunk).await.is_err() {
            break;
        }
    }
    assert_eq!(status(&mut chunked).await, "413");

    let long = format!("x-gitlab-event: {}", "x".repeat(MIB));
    assert_eq!(status(&mut open(&service, &long).await).await, "431");
    assert_eq!(service.get("/healthz").await.0, 200);
    assert_eq!(house.deliveries(), 0);
    service.is_unharmed();
}

/// Together, since both wait until the time limit of a request is over.
#[tokio::test(flavor = "multi_thread")]
async fn slow_senders_keep_neither_others_waiting_nor_the_service_from_ending() {
    tokio::join!(a_slow_sender_is_given_up(), half_a_request_is_cut_at_the_end());
}

async fn a_slow_sender_is_given_up() {
    let (_silent, forge) = listener().await;
    let house = House::new(&forge);
    let service = house.serve().await;
    let mut slow = open(&service, "content-length: 1000").await;
    slow.write_all(b"{\"object_kind\"").await.unwrap();
    let mut gone = open(&service, "content-length: 1000").await;
    gone.write_all(b"{").await.unwrap();
    drop(gone);
    assert_eq!(service.deliver(SEVEN, issue_event(7, 3)).await.0, 202);
    assert_eq!(status(&mut slow).await, "408");
    assert_eq!(house.deliveries(), 1);
    service.is_unharmed();
}

async fn half_a_request_is_cut_at_the_end() {
    let (_silent, forge) = listener().await;
    let house = House::new(&forge);
    let mut service = house.serve().await;
    let mut head = TcpStream::connect(service.address()).await.unwrap();
    head.write_all(b"POST /webhooks/gitlab HTTP/1.1\r\nhost: x\r\n").await.unwrap();
    let mut body = open(&service, "content-length: 1000").await;
    body.write_all(b"{").await.unwrap();
    let silent = TcpStream::connect(service.address()).await.unwrap();
    assert_eq!(service.get("/healthz").await.0, 200, "the others were accepted before it");
    let (status, took) = service.stop().await;
    assert!(status.success());
    assert!(took < Duration::from_secs(12), "it took {took:?}");
    drop((head, body, silent));
    service.is_unharmed();
}

/// The head of a webhook with this header.
async fn open(service: &Service, header: &str) -> TcpStream {
    let mut stream = TcpStream::connect(service.address()).await.unwrap();
    let head = format!(
        "POST /webhooks/gitlab HTTP/1.1\r\nhost: x\r\nx-gitlab-token: {SEVEN}\r\n{header}\r\n\r\n"
    );
    // An over-long head may be refused before it ends.
    let _ = stream.write_all(head.as_bytes()).await;
    stream
}

/// The status of the answer; empty if there was none.
async fn status(stream: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    let mut part = [0; 1024];
    while !answer.contains(&b'\n') {
        let reading = tokio::time::timeout(Duration::from_secs(20), stream.read(&mut part));
        let Ok(read) = reading.await else { panic!("the service neither answers nor hangs up") };
        match read {
            Ok(0) | Err(_) => break,
            Ok(length) => answer.extend_from_slice(&part[..length]),
        }
    }
    let answer = String::from_utf8_lossy(&answer).into_owned();
    answer.split(' ').nth(1).unwrap_or_default().to_owned()
}
