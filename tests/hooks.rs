//! Running hooks: real programs, and a small server that is told.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::{
    fs,
    path::PathBuf,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use axum::{
    Router,
    body::Bytes,
    extract::{Path, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse as _, Redirect, Response},
    routing::post,
};
use innkeeper::{
    hook::{Hook, Point},
    hooks::{Action, Runner, Settings},
    ports::{
        PortError,
        hooks::{HookRunner as _, Input},
    },
};
use secrecy::SecretString;
use tokio::net::TcpListener;

const SECRET: &str = "not-for-everybody";

/// Far more than anything here takes.
const LONG: Duration = Duration::from_secs(20);
const SHORT: Duration = Duration::from_millis(300);

fn hook() -> Hook {
    Hook {
        name: "dns".into(),
        title: "DNS record".into(),
        on: vec![Point::PreStop],
        cookbooks: vec![],
        tries: 1,
    }
}

fn input() -> Input {
    Input {
        version: 1,
        point: Point::PreStop,
        idempotency_key: "lease-7:pre-stop:dns:3".into(),
        lease: "lease-7".into(),
        cookbook: "sandbox".into(),
        machine: "sandbox-7".into(),
        uuid: None,
        provider: "libvirt".into(),
        addresses: vec!["192.0.2.7".into()],
        vcpus: 1,
        memory_mebibytes: 1024,
        disk_mebibytes: 10_240,
        owner: "alice; touch /tmp/x".into(),
        fallback: vec![],
        issue_url: "https://gitlab.example.org/x/-/issues/7".into(),
        deadline: None,
    }
}

/// Runs a hook; a failure is its text as people read it.
async fn run(action: Action, timeout: Duration) -> Result<String, String> {
    let runner = Runner::new(vec![Settings { hook: hook(), action, timeout }]).unwrap();
    let answer = runner.run(&hook(), &input()).await;
    answer.map_err(|error: PortError| error.chain())
}

/// What a script says.
async fn shell(script: &str, timeout: Duration) -> Result<String, String> {
    let arguments = vec!["-c".to_owned(), script.to_owned()];
    run(Action::Command { program: "/bin/sh".into(), arguments }, timeout).await
}

// --- programs

#[tokio::test]
async fn a_program_gets_json_and_its_first_line_is_what_it_said() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("input");
    let script = format!("cat > {}; printf '\\n \\033[1mdone\\ttwice\\nmore'", file.display());
    assert_eq!(shell(&script, LONG).await.unwrap(), "[1mdone twice");
    let told: serde_json::Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
    assert_eq!(told["machine"], "sandbox-7");
    assert_eq!(told["point"], "pre-stop");
    assert_eq!(told["idempotency_key"], "lease-7:pre-stop:dns:3");
    assert_eq!(told["version"], 1);
}

#[tokio::test]
async fn a_program_that_fails_is_quoted_with_its_last_complaint() {
    for (script, expected) in [
        ("echo fine; echo one >&2; echo two >&2; exit 3", "exit code 3: two"),
        ("exit 1", "exit code 1"),
        ("kill -9 $$", "it was ended by a signal"),
    ] {
        let failure = shell(script, LONG).await.unwrap_err();
        assert_eq!(failure, format!("could not run hook dns: {expected}"));
    }
}

#[tokio::test]
async fn arguments_are_passed_as_they_are() {
    let arguments = ["%s|", "a b", "$(id)", "*", "\"'"].map(str::to_owned).to_vec();
    let program = PathBuf::from("/usr/bin/printf");
    let said = run(Action::Command { program, arguments }, LONG).await.unwrap();
    assert_eq!(said, "a b|$(id)|*|\"'|");
}

#[tokio::test]
async fn a_program_that_is_not_there_is_named_as_the_cause() {
    for (program, why) in
        [("/nonexistent/hook", "No such file or directory"), ("/etc/passwd", "Permission denied")]
    {
        let action = Action::Command { program: program.into(), arguments: vec![] };
        let failure = run(action, LONG).await.unwrap_err();
        assert!(failure.contains("it could not be started"), "{failure}");
        assert!(failure.contains(why), "{failure}");
    }
}

#[tokio::test]
async fn a_program_sees_nothing_of_our_environment() {
    // Cargo sets many, and they are ours here.
    let said = shell("env -0 | cut -z -d= -f1 | sort -z | tr '\\0' ' '", LONG).await.unwrap();
    // The shell itself sets PWD, and some OLDPWD, SHLVL and _.
    let set: Vec<&str> =
        said.split(' ').filter(|name| !["PWD", "OLDPWD", "SHLVL", "_"].contains(name)).collect();
    let ours = ["HOOK", "IDEMPOTENCY_KEY", "MACHINE", "POINT"];
    let mut expected = ours.map(|name| format!("INNKEEPER_{name}")).to_vec();
    expected.push("PATH".to_owned());
    assert_eq!(set, expected);
    assert_eq!(shell("pwd; echo", LONG).await.unwrap(), "/");
}

#[tokio::test]
async fn a_program_that_hangs_is_ended_with_its_children() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("pids");
    // Both ignore every gentler signal, and one holds the output open.
    let script = format!(
        "trap '' TERM HUP INT; (trap '' TERM HUP INT; exec sleep 300) & echo $! $$ > {}; wait",
        file.display()
    );
    let ended = tokio::time::timeout(LONG, shell(&script, Duration::from_secs(1))).await;
    let failure = ended.unwrap().unwrap_err();
    assert_eq!(failure, "could not run hook dns: it took longer than 1 s");
    let pids = fs::read_to_string(&file).unwrap();
    let pids: Vec<&str> = pids.split_whitespace().collect();
    assert_eq!(pids.len(), 2);
    for pid in pids {
        is_ended(pid).await;
    }
}

#[tokio::test]
async fn a_program_nobody_waits_for_any_more_is_ended_as_well() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("pids");
    let script = format!("sleep 300 & echo $! $$ > {}.new; mv {0}.new {0}; wait", file.display());
    let waiting = tokio::time::timeout(LONG, async {
        while !file.exists() {
            tokio::task::yield_now().await;
        }
    });
    tokio::select! {
        _ = shell(&script, LONG) => panic!("it should hang"),
        begun = waiting => begun.unwrap(),
    }
    for pid in fs::read_to_string(&file).unwrap().split_whitespace() {
        is_ended(pid).await;
    }
}

/// Waits until a process is gone, or dead and waiting to be buried by
/// whoever inherited it.
async fn is_ended(pid: &str) {
    let ended = || {
        let status = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        status.rsplit(')').next().is_none_or(|rest| rest.is_empty() || rest.starts_with(" Z"))
    };
    let begin = Instant::now();
    while !ended() {
        assert!(begin.elapsed() < LONG, "process {pid} goes on");
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn what_a_program_leaves_running_keeps_nobody_waiting() {
    let begin = Instant::now();
    let said = shell("sleep 300 & echo begun $!", LONG).await.unwrap();
    let pid = said.strip_prefix("begun ").unwrap();
    assert!(begin.elapsed() < LONG);
    // It goes on, so somebody has to end it.
    shell(&format!("kill {pid}"), LONG).await.unwrap();
    is_ended(pid).await;
}

#[tokio::test]
async fn however_much_a_program_says_it_ends_and_little_is_kept() {
    let flood = "i=0; while [ $i -lt 300 ]; do printf '%16384s' x; i=$((i+1)); done";
    let said = shell(&format!("echo first; {flood}"), LONG).await.unwrap();
    assert_eq!(said, "first");
    let one_line = shell(flood, LONG).await.unwrap();
    assert!(one_line.chars().count() <= 201, "{}", one_line.len());
    let failure = shell(&format!("({flood}) >&2; echo >&2; echo last >&2; exit 1"), LONG).await;
    assert!(failure.unwrap_err().ends_with("exit code 1: last"));
    let endless = shell("while :; do echo y; done", SHORT).await.unwrap_err();
    assert!(endless.contains("it took longer than"), "{endless}");
}

#[tokio::test]
async fn a_program_need_not_read_what_it_is_told() {
    assert_eq!(shell("exec <&-; echo deaf", LONG).await.unwrap(), "deaf");
}

// --- addresses

type Told = Arc<Mutex<Vec<(String, HeaderMap, Bytes)>>>;

/// A server that answers by the path, and what it was told.
async fn server() -> (String, Told) {
    async fn answer(
        Path(path): Path<String>,
        State(told): State<Told>,
        headers: HeaderMap,
        body: Bytes,
    ) -> Response {
        told.lock().unwrap().push((path.clone(), headers, body));
        let json = [(header::CONTENT_TYPE, "application/json")];
        match path.as_str() {
            "text" => "2 records\nset".into_response(),
            "json" => (json, r#"{"message": "3 records", "x": 1}"#).into_response(),
            "nothing" => StatusCode::NO_CONTENT.into_response(),
            "page" => ([(header::CONTENT_TYPE, "text/html")], "<h1>ok</h1>").into_response(),
            "busy" => (StatusCode::TOO_MANY_REQUESTS, "later\nplease").into_response(),
            "broken" => {
                (StatusCode::INTERNAL_SERVER_ERROR, json, r#"{"message":"db"}"#).into_response()
            }
            "elsewhere" => Redirect::temporary("/text").into_response(),
            "large" => "x".repeat(1 << 24).into_response(),
            _ => std::future::pending().await,
        }
    }
    let told = Told::default();
    let router = Router::new().route("/{path}", post(answer)).with_state(told.clone());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async { axum::serve(listener, router).await });
    (base, told)
}

fn to(url: &str) -> Action {
    Action::Post { url: url.parse().unwrap(), token: Some(SecretString::from(SECRET)) }
}

#[tokio::test]
async fn an_address_that_answers_well_is_done() {
    let (base, told) = server().await;
    for (path, said) in
        [("text", "2 records"), ("json", "3 records"), ("nothing", ""), ("page", "")]
    {
        assert_eq!(run(to(&format!("{base}/{path}")), LONG).await.unwrap(), said, "{path}");
    }
    let large = run(to(&format!("{base}/large")), LONG).await.unwrap();
    assert_eq!(large.chars().count(), 201);
    let told = told.lock().unwrap();
    let (_, headers, body) = &told[0];
    assert_eq!(headers["content-type"], "application/json");
    assert_eq!(headers["idempotency-key"], "lease-7:pre-stop:dns:3");
    assert_eq!(headers["authorization"], format!("Bearer {SECRET}"));
    let body: serde_json::Value = serde_json::from_slice(body).unwrap();
    assert_eq!(body["addresses"][0], "192.0.2.7");
}

#[tokio::test]
async fn any_other_answer_is_a_failure_and_no_redirect_is_followed() {
    let (base, told) = server().await;
    for (path, why) in [
        ("busy", "it answered 429 Too Many Requests: later"),
        ("broken", "it answered 500 Internal Server Error: db"),
        ("elsewhere", "it answered 307 Temporary Redirect"),
    ] {
        let failure = run(to(&format!("{base}/{path}")), LONG).await.unwrap_err();
        assert_eq!(failure, format!("could not run hook dns: {why}"));
    }
    let failure = run(to(&format!("{base}/slow")), SHORT).await.unwrap_err();
    assert_eq!(failure, "could not run hook dns: it took longer than 0.3 s");
    assert!(told.lock().unwrap().iter().all(|(path, ..)| path != "text"));
}

#[tokio::test]
async fn an_address_nobody_answers_at_is_not_shown() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/?key={SECRET}", listener.local_addr().unwrap());
    drop(listener);
    let failure = run(to(&url), LONG).await.unwrap_err();
    assert!(failure.contains("it could not be reached"), "{failure}");
    assert!(!failure.contains(SECRET), "{failure}");
}

#[test]
fn a_token_shows_nowhere() {
    let action = to("https://hooks.example.org/");
    let settings = Settings { hook: hook(), action, timeout: LONG };
    assert!(!format!("{settings:?}").contains(SECRET));
}
