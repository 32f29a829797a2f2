use super::*;
use crate::rehearsal::{Fault, Trouble};

#[tokio::test]
async fn each_exchange_is_recorded_once_without_tokens_and_without_planned_trouble() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("exchanges.jsonl");
    let options = Options { record: Some(file.clone()), ..Options::default() };
    let gitlab = start(world(), clock(), options).await;
    let key = filed(&gitlab);
    note(&gitlab, "bot", key, "hello").await;
    gitlab.plan(Fault::on_any("*", Trouble::HtmlErrorPage { status: 502 }));
    get(&gitlab, "bot", "/version").await;
    for _ in 0..2 {
        get(&gitlab, "bot", "/projects/7?a=b").await;
    }

    let text = std::fs::read_to_string(file).unwrap();
    assert!(!text.contains("bot-token"), "{text}");
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let [posted, project] = &lines[..] else { panic!("{text}") };
    assert_eq!(posted["method"], "POST");
    assert_eq!(posted["path"], "/api/v4/projects/7/issues/1/notes");
    assert_eq!(posted["headers"]["private-token"], "withheld");
    assert_eq!(posted["body"], r#"{"body":"hello"}"#);
    assert_eq!(posted["answer"]["status"], 201);
    assert!(posted["answer"]["body"].as_str().unwrap().contains("\"hello\""), "{posted}");
    assert_eq!(project["query"], "a=b");
    assert_eq!(project["answer"]["headers"]["content-type"], "application/json");
}
