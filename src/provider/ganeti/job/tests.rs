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

/// What Ganeti 3.0.2 answered, word for word, and what it means.
#[test]
fn every_answer_of_a_real_cluster_has_its_meaning() {
    let full = |error: &JobError| error.meaning() == Meaning::Full;
    let lasting = |error: &JobError| matches!(error.meaning(), Meaning::Lasting(_));
    let passing = |error: &JobError| matches!(error.meaning(), Meaning::Passing(_));
    let taken = |error: &JobError| error.meaning() == Meaning::Taken;
    let absent = |error: &JobError| error.meaning() == Meaning::Absent;
    let table: &[(Value, &dyn Fn(&JobError) -> bool)] = &[
        (
            json!([
                "OpPrereqError",
                ["Instance 'web2.gnt.test' is already in the cluster", "already_exists"]
            ]),
            &taken,
        ),
        (
            json!(["OpPrereqError", ["Instance 'nosuch.gnt.test' not known", "unknown_entity"]]),
            &absent,
        ),
        (json!(["OpPrereqError", ["Node 'node9.gnt.test' not known", "unknown_entity"]]), &absent),
        (json!(["OpPrereqError", ["Tag(s) 'tier:1' not found", "unknown_entity"]]), &absent),
        (
            json!([
                "OpPrereqError",
                [
                    "Can't compute nodes using iallocator 'hail': Request failed: Group default (preferred): No valid allocation solutions, failure reasons: FailMem: 2",
                    "insufficient_resources"
                ]
            ]),
            &full,
        ),
        (
            json!([
                "OpPrereqError",
                [
                    "Can't compute nodes using iallocator 'hail': Request failed: Group default (preferred): No valid allocation solutions, failure reasons: FailCPU: 2",
                    "insufficient_resources"
                ]
            ]),
            &full,
        ),
        (
            json!([
                "OpPrereqError",
                [
                    "Not enough memory on node node1.gnt.test for creating instance e1.gnt.test: needed 500000 MiB, available 64512 MiB",
                    "insufficient_resources"
                ]
            ]),
            &full,
        ),
        (
            json!([
                "OpPrereqError",
                ["Unable to get a free IP for NIC 0 from the address pool", "wrong_state"]
            ]),
            &full,
        ),
        (
            json!([
                "OpPrereqError",
                [
                    "This change will prevent the instance from failover to its secondary node node2.gnt.test, due to not enough memory",
                    "wrong_state"
                ]
            ]),
            &full,
        ),
        (
            json!(["OpPrereqError", ["Cannot get resources", "temp_insufficient_resources"]]),
            &passing,
        ),
        (
            json!([
                "OpPrereqError",
                [
                    "IP address 10.20.0.2 already in use or does not belong to network net1",
                    "resource_not_unique"
                ]
            ]),
            &passing,
        ),
        (
            json!([
                "OpPrereqError",
                [
                    "Error checking bridges on destination node 'node2.gnt.test': Missing bridges nobr",
                    "environment_error"
                ]
            ]),
            &passing,
        ),
        (
            json!([
                "OpPrereqError",
                ["Instance 'web1.gnt.test' is marked to be up, cannot rename", "wrong_state"]
            ]),
            &passing,
        ),
        (
            json!([
                "OpPrereqError",
                [
                    "Instance allocation to group 6f2bff25 (default) violates policy: disk-size/0 value 2147483648 is not in range [0, 1073741824]",
                    "wrong_input"
                ]
            ]),
            &lasting,
        ),
        (
            json!([
                "OpPrereqError",
                [
                    "The given name (e1.gnt.test) does not resolve: Name or service not known",
                    "resolver_error"
                ]
            ]),
            &lasting,
        ),
        (
            json!([
                "OpPrereqError",
                ["Cannot do IP address check without a name check", "wrong_input"]
            ]),
            &lasting,
        ),
        (
            json!(["OpPrereqError", ["Do not specify both, iallocator and node", "wrong_input"]]),
            &lasting,
        ),
        (
            json!([
                "OpPrereqError",
                [
                    "Disk template 'plain' is not enabled in cluster. Enabled disk templates are: file,diskless"
                ]
            ]),
            &lasting,
        ),
        (
            json!([
                "OpExecError",
                [
                    "OS Parameters validation failed on node node2.gnt.test: Directory for OS nope not found in search path"
                ]
            ]),
            &lasting,
        ),
        (
            json!([
                "OpExecError",
                [
                    "OS Parameters validation failed on node node2.gnt.test: The following parameters are not supported by the OS noop: bogus"
                ]
            ]),
            &lasting,
        ),
        (
            json!([
                "OpExecError",
                [
                    "Could not add os for instance left.gnt.test on node node2.gnt.test: OS create script failed (exited with exit code 1), last lines in the log file:\ncreating left.gnt.test with failing\nthis OS always fails"
                ]
            ]),
            &lasting,
        ),
        (
            json!([
                "OpExecError",
                [
                    "Could not add os for instance left.gnt.test on node node2.gnt.test: Error 28: Operation timed out"
                ]
            ]),
            &passing,
        ),
        (json!(["TagError", ["Tag contains invalid characters"]]), &lasting),
        (json!("Job canceled by request"), &lasting),
        (json!("detected death of job 119"), &passing),
        (Value::Null, &passing),
    ];
    for (result, means) in table {
        let error = one(result);
        assert!(means(&error), "{result}: {:?}", error.meaning());
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
