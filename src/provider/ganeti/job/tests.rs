use serde_json::{Value, json};

use super::{Code, Job, JobError, Meaning, Moment, Stage};

fn failed(opstatus: &Value, opresult: &Value) -> JobError {
    let job = json!({"id": 1, "status": "error", "opstatus": opstatus, "opresult": opresult});
    match serde_json::from_value::<Job>(job).unwrap().stage() {
        Stage::Failed(error) => error,
        other => panic!("{other:?}"),
    }
}

fn one(opresult: &Value) -> JobError {
    failed(&json!(["error"]), &json!([opresult]))
}

/// What Ganeti 3.0.2 answered, or would by its source, and what it means.
const ANSWERS: &str = include_str!("../../../../tests/fixtures/ganeti/answers.json");

#[test]
fn every_answer_of_a_real_cluster_has_its_meaning() {
    let answers: Vec<(String, Value)> = serde_json::from_str(ANSWERS).unwrap();
    assert!(answers.len() > 20, "the collection is gone");
    for (expected, result) in answers {
        let error = one(&result);
        let meaning = match error.meaning() {
            Meaning::Taken => "taken",
            Meaning::Absent => "absent",
            Meaning::Full => "full",
            Meaning::Passing(_) => "passing",
            Meaning::Lasting(_) => "lasting",
        };
        assert_eq!(meaning, expected, "{result}");
        assert!(!error.to_string().contains('\n'), "{error}");
    }
}

#[test]
fn what_was_only_checked_is_told_from_what_broke_half_way() {
    let refused = one(&json!(["OpPrereqError", ["no", "wrong_input"]]));
    assert_eq!(refused, JobError::Refused { code: Code::WrongInput, message: "no".into() });
    let without_code = one(&json!(["OpPrereqError", ["no"]]));
    assert_eq!(without_code, JobError::Refused { code: Code::Other, message: "no".into() });
    let broke = one(&json!(["OpExecError", ["half\nway"]]));
    assert_eq!(broke, JobError::Broke { message: "half way".into() });
    let died = one(&json!("detected death of job 119"));
    assert_eq!(died, JobError::Died { message: "detected death of job 119".into() });
    assert_eq!(one(&json!("Job canceled by request")), JobError::Canceled);
    for odd in [json!([]), json!(7), json!({}), json!(["OpExecError"]), json!([["x"], [["y"]]])] {
        assert!(matches!(one(&odd), JobError::Broke { .. }), "{odd}");
    }
}

#[test]
fn the_step_that_failed_is_the_one_that_counts() {
    let statuses = json!(["success", "error", "error"]);
    let results = json!([null, ["OpExecError", ["the second"]], "Job canceled by request"]);
    assert_eq!(failed(&statuses, &results), JobError::Broke { message: "the second".into() });
}

#[test]
fn a_job_is_unknown_unfinished_done_or_failed() {
    let stage = |status: Value| {
        serde_json::from_value::<Job>(json!({"id": 7, "status": status, "ops": null}))
            .unwrap()
            .stage()
    };
    assert_eq!(stage(Value::Null), Stage::Unknown);
    for unfinished in ["queued", "waiting", "canceling", "running"] {
        assert_eq!(stage(json!(unfinished)), Stage::Unfinished(unfinished.into()));
    }
    assert_eq!(stage(json!("success")), Stage::Done);
    assert_eq!(stage(json!("canceled")), Stage::Failed(JobError::Canceled));
    assert_eq!(stage(json!("error")), Stage::Failed(JobError::Silent));
}

#[test]
fn a_job_is_recognised_by_its_reason_alone() {
    let job: Job = serde_json::from_value(json!({
        "id": 5,
        "ops": [{
            "OP_ID": "OP_INSTANCE_CREATE",
            "instance_name": "innkeeper:a:create",
            "reason": [["gnt:user", "innkeeper:a:create", 1], ["gnt:library:rlib2:instances", "x", 2]],
        }],
        "start_ts": [10, 5],
        "end_ts": null,
    }))
    .unwrap();
    assert!(job.has_reason("innkeeper:a:create"));
    assert!(!job.has_reason("innkeeper:a"));
    assert!(!job.has_reason("x"), "not what the library adds");
    assert!(job.ran_at(Moment(10, 6)) && !job.ran_at(Moment(10, 4)));
}
