//! Making an instance, and removing it again.

use serde_json::{Value, json};

use super::{
    body,
    entities::Instance,
    failure::{Failure, Unusable},
    job::{Job, JobError, Meaning, Stage},
    queue::CREATE,
    transport::Request,
    turn::{Ours, ROUNDS, Turn},
};
use crate::{
    identity::MachineName,
    machine::{Keep, Machine, MachineOrder},
};

const REMOVE: &str = "remove";

impl Turn<'_> {
    /// Makes the machine, or completes what an earlier attempt left. When
    /// something went wrong for good, nothing of it stays.
    pub(super) async fn create(&self, order: &MachineOrder) -> Result<Machine, Failure> {
        check_name(&order.key.name)?;
        let body = body::create(order, &self.full_name(), &self.cluster.defaults)?;
        let outcome = self.make(&body).await;
        if matches!(outcome, Ok(_) | Err(Failure::Job { .. })) {
            self.forget(CREATE);
        }
        outcome
    }

    async fn make(&self, body: &Value) -> Result<Machine, Failure> {
        let mut was_taken = false;
        for _ in 0..ROUNDS {
            match self.locate().await? {
                Some(ours) if ours.is_on() => return Ok(ours.shown(self)),
                Some(ours) => self.complete(&ours).await?,
                None if self.key.uuid.is_some() => return Err(is_gone()),
                None => {
                    let request = Request::post(["2", "instances"]).body(body.clone());
                    match self.run(CREATE, request).await {
                        Ok(_) => {}
                        // By another replica of ours, or a stranger: that shows when it is
                        // looked at again.
                        Err(failure) if failure.of_job() == Some(Meaning::Taken) && !was_taken => {
                            was_taken = true;
                            self.forget(CREATE);
                        }
                        Err(failure @ Failure::Job { .. }) => {
                            self.clear().await?;
                            return Err(failure);
                        }
                        Err(failure) => return Err(failure),
                    }
                }
            }
        }
        Err(Failure::Unsettled)
    }

    /// Goes on with an instance that is there but not on.
    async fn complete(&self, ours: &Ours) -> Result<(), Failure> {
        match self.finish(CREATE).await {
            Ok(true) => return Ok(()),
            Ok(false) => {}
            Err(failure) if failure.of_job() == Some(Meaning::Taken) => {
                self.forget(CREATE);
                return Ok(());
            }
            Err(failure @ Failure::Job { .. }) => {
                self.clear().await?;
                return Err(failure);
            }
            Err(failure) => return Err(failure),
        }
        if let Some(failure) = self.half_made(ours).await? {
            self.remove(ours).await?;
            return Err(failure);
        }
        self.switch_on(ours).await.map(drop)
    }

    /// Removes what a failed creation left. Nothing left is fine.
    async fn clear(&self) -> Result<(), Failure> {
        if let Some(ours) = self.locate().await?
            && self.half_made(&ours).await?.is_some()
        {
            self.remove(&ours).await?;
        }
        Ok(())
    }

    /// How the job failed that this instance came into being in, if one did:
    /// then its system was never installed. Its other creation jobs, such as
    /// those that found the name taken, say nothing about it.
    async fn half_made(&self, ours: &Ours) -> Result<Option<Failure>, Failure> {
        if !ours.0.is_to_be_off() {
            return Ok(None);
        }
        let jobs = self.history(&format!("INSTANCE_CREATE({})", ours.0.name)).await?;
        let failed = broken_creation(&ours.0, &jobs, |job| job.has_reason(&self.reason(CREATE)));
        Ok(failed.map(|(id, error)| Failure::Job { id, error }))
    }

    /// Removes the machine and verifies that it is gone.
    pub(super) async fn destroy(&self, keep: Keep) -> Result<(), Failure> {
        for _ in 0..ROUNDS {
            if let Some(ours) = self.locate().await? {
                if keep == Keep::Disks {
                    return Err(keeps_nothing());
                }
                self.remove(&ours).await?;
            }
            if !self.cancel(CREATE).await? {
                return Ok(());
            }
            // It may have begun in the very moment: then it is removed once it is there.
            match self.finish(CREATE).await {
                Ok(_) => {}
                Err(Failure::Job { .. } | Failure::NoSuchJob(_)) => self.forget(CREATE),
                Err(failure) => return Err(failure),
            }
        }
        Err(Failure::Unsettled)
    }

    async fn remove(&self, ours: &Ours) -> Result<(), Failure> {
        let uuid = ours.uuid();
        let timeout = self.cluster.stop_timeout.as_secs();
        let request = Request::delete(["2", "instances", &ours.0.name])
            .body(json!({"instance_uuid": uuid, "shutdown_timeout": timeout}));
        match self.run_again(REMOVE, request).await {
            Err(failure) if failure.of_job() == Some(Meaning::Absent) => {}
            done => _ = done?,
        }
        match self.instance(&uuid.to_string()).await? {
            None => Ok(()),
            Some(still) => Err(Failure::StillThere(still.name)),
        }
    }
}

fn broken_creation(
    instance: &Instance,
    jobs: &[Job],
    is_ours: impl Fn(&Job) -> bool,
) -> Option<(u64, JobError)> {
    let made_at = instance.made_at()?;
    let mut failed = None;
    for job in jobs.iter().filter(|job| is_ours(job) && job.ran_at(made_at)) {
        match job.stage() {
            Stage::Failed(JobError::Refused { .. } | JobError::Canceled) => {}
            Stage::Failed(error) => failed = Some((job.id, error)),
            Stage::Unknown | Stage::Unfinished(_) | Stage::Done => return None,
        }
    }
    failed
}

/// Ganeti gives UUIDs out itself, so what was lost cannot be made again.
fn is_gone() -> Failure {
    Unusable::new(
        "the machine that was made before is gone, and a new one would be another",
        "end this lease; its owner can ask for another machine",
    )
    .into()
}

fn keeps_nothing() -> Failure {
    Unusable::new(
        "Ganeti cannot remove an instance and keep its disks",
        "take `keep_disks` out of the cookbook's placement for this provider",
    )
    .into()
}

/// Names come from a checked form; this holds the promise where it matters:
/// Ganeti would take other names apart, or complete them.
fn check_name(name: &MachineName) -> Result<(), Failure> {
    let name = name.as_str();
    let allowed = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-');
    if (1..=63).contains(&name.len()) && name.bytes().all(allowed) && !name.starts_with('-') {
        return Ok(());
    }
    Err(Unusable::new(
        format!("`{}` is no name for a machine", super::text::clean(name)),
        "use 1 to 63 lower-case letters, digits and hyphens",
    )
    .into())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::broken_creation;
    use crate::provider::ganeti::{
        entities::Instance,
        job::{Job, JobError},
    };

    fn job(id: u64, status: &str, result: &Value, start: u64, end: Option<u64>) -> Job {
        serde_json::from_value(json!({
            "id": id, "status": status, "opstatus": [status], "opresult": [result],
            "start_ts": [start, 0], "end_ts": end.map(|end| [end, 0]),
        }))
        .unwrap()
    }

    #[test]
    fn an_instance_is_half_made_only_when_the_job_it_came_into_being_in_broke() {
        let instance: Instance = serde_json::from_value(json!({
            "name": "web-1.example.org", "uuid": "e4e1156e-d4bf-43a0-8aa6-80fcf12e12f8",
            "ctime": 100.5,
        }))
        .unwrap();
        let broke = json!(["OpExecError", ["OS create script failed"]]);
        let taken = json!(["OpPrereqError", ["already", "already_exists"]]);
        let died = json!("detected death of job 1");
        let none = Value::Null;
        let table = [
            (vec![job(1, "error", &broke, 90, Some(110))], true),
            (vec![job(1, "error", &died, 90, None)], true),
            // It belongs to a machine that was there before, or comes after.
            (vec![job(1, "error", &broke, 80, Some(90))], false),
            (vec![job(1, "error", &broke, 101, Some(110))], false),
            // A second replica's attempt at a machine that was made.
            (
                vec![
                    job(1, "success", &none, 90, Some(110)),
                    job(2, "error", &taken, 91, Some(111)),
                ],
                false,
            ),
            (
                vec![job(1, "running", &none, 90, None), job(2, "error", &taken, 91, Some(92))],
                false,
            ),
            (
                vec![
                    job(1, "error", &broke, 90, Some(110)),
                    job(2, "error", &taken, 91, Some(111)),
                ],
                true,
            ),
            (vec![job(1, "error", &taken, 90, Some(110))], false),
            (vec![], false),
        ];
        for (jobs, expected) in table {
            let found = broken_creation(&instance, &jobs, |_| true);
            assert_eq!(found.is_some(), expected, "{jobs:?}");
            assert!(found.is_none_or(|(id, error)| {
                id == 1 && matches!(error, JobError::Broke { .. } | JobError::Died { .. })
            }));
            assert_eq!(broken_creation(&instance, &jobs, |_| false), None, "not our jobs");
        }
    }
}
