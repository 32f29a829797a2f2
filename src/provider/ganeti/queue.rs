//! Ganeti's job queue: every change is a job that goes on whoever waits for it.
//!
//! A job is found again by the `reason` it was submitted with,
//! `innkeeper:LEASE:VERB`: after an answer was lost, after a restart of ours,
//! by another replica. So none is submitted while one like it is unfinished,
//! except where a second one does no harm.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use super::{
    entities::Rows,
    failure::Failure,
    job::{Job, JobId, Stage},
    transport::{Request, TransportError},
    turn::Turn,
};
use crate::identity::LeaseId;

/// How often a job is looked at: often at first, since most take few seconds;
/// then each time a quarter later. What is lost between its end and the look at
/// it is about a tenth of what it took.
const FIRST_PAUSE: Duration = Duration::from_millis(300);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// When to look for a job whose number was lost with the answer. The queue
/// shows it a moment late.
const LOOK_AGAIN: [Duration; 3] =
    [Duration::from_millis(100), Duration::from_millis(400), Duration::from_secs(1)];

/// A job that nobody asked about for so long was given up; what is asked now is
/// something new.
const FORGOTTEN_AFTER: Duration = Duration::from_mins(5);

/// The verb whose failed job stays known until what it left is removed and the
/// failure told, however many calls that takes.
pub(super) const CREATE: &str = "create";

/// The jobs this process began or found, until somebody was told how they ended.
#[derive(Debug, Default)]
pub(super) struct Begun(Mutex<BTreeMap<(LeaseId, String), Known>>);

#[derive(Clone, Copy, Debug)]
struct Known {
    id: JobId,
    since: Instant,
    touched: Instant,
}

impl Begun {
    fn known(&self, lease: LeaseId, verb: &str) -> Option<Known> {
        let mut begun = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        begun.retain(|_, known| now.duration_since(known.touched) < FORGOTTEN_AFTER);
        let known = begun.get_mut(&(lease, verb.to_owned()))?;
        known.touched = now;
        Some(*known)
    }

    fn keep(&self, lease: LeaseId, verb: &str, id: JobId) -> Known {
        let now = Instant::now();
        let known = Known { id, since: now, touched: now };
        let mut begun = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *begun.entry((lease, verb.to_owned())).or_insert(known)
    }

    fn forget(&self, lease: LeaseId, verb: &str) {
        let mut begun = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        begun.remove(&(lease, verb.to_owned()));
    }
}

/// When the job that was waited for had been begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum When {
    /// In this very call: what it did is what was asked for.
    Now,
    /// Before: the world may have changed since.
    Before,
}

impl Turn<'_> {
    /// Does that, unless it is being done, and waits for its end.
    pub(super) async fn run(&self, verb: &str, request: Request) -> Result<When, Failure> {
        let (known, when) = match self.unfinished(verb).await? {
            Some(known) => (known, When::Before),
            None => (self.submit(verb, request).await?, When::Now),
        };
        self.wait(verb, known).await.map(|()| when)
    }

    /// The same where a second job would do no harm, so that none is looked for
    /// but the one this process knows.
    pub(super) async fn run_again(&self, verb: &str, request: Request) -> Result<When, Failure> {
        let (known, when) = match self.cluster.begun.known(self.key.lease, verb) {
            Some(known) => (known, When::Before),
            None => (self.submit(verb, request).await?, When::Now),
        };
        self.wait(verb, known).await.map(|()| when)
    }

    /// Waits for the job of that verb, if one is unfinished or its end was not
    /// told yet.
    pub(super) async fn finish(&self, verb: &str) -> Result<bool, Failure> {
        let Some(known) = self.unfinished(verb).await? else { return Ok(false) };
        self.wait(verb, known).await.map(|()| true)
    }

    /// Cancels the job of that verb, if it has not begun.
    pub(super) async fn cancel(&self, verb: &str) -> Result<bool, Failure> {
        let Some(known) = self.unfinished(verb).await? else { return Ok(false) };
        let _: Value = self.ask(&Request::delete(["2", "jobs", &known.id.to_string()])).await?;
        Ok(true)
    }

    /// How it ended was told.
    pub(super) fn forget(&self, verb: &str) {
        self.cluster.begun.forget(self.key.lease, verb);
    }

    async fn unfinished(&self, verb: &str) -> Result<Option<Known>, Failure> {
        if let Some(known) = self.cluster.begun.known(self.key.lease, verb) {
            return Ok(Some(known));
        }
        let reason = self.reason(verb);
        let found = self.unfinished_jobs(|job| job.has_reason(&reason)).await?;
        Ok(found.map(|id| self.cluster.begun.keep(self.key.lease, verb, id)))
    }

    /// The first job that has not ended and is such a one.
    pub(super) async fn unfinished_jobs(
        &self,
        is_meant: impl Fn(&Job) -> bool + Send,
    ) -> Result<Option<JobId>, Failure> {
        let is = |status: &str| json!(["=", "status", status]);
        let unfinished = json!(["|", is("queued"), is("waiting"), is("running"), is("canceling")]);
        let jobs = self.jobs(&["id", "ops"], &unfinished).await?;
        Ok(jobs.iter().filter(|job| is_meant(job)).map(|job| job.id).min())
    }

    /// Every job the queue still has that is summed up like that, oldest first.
    pub(super) async fn history(&self, summary: &str) -> Result<Vec<Job>, Failure> {
        let fields = ["id", "status", "ops", "opstatus", "opresult", "start_ts", "end_ts"];
        let mut jobs = self.jobs(&fields, &json!(["=[]", "summary", summary])).await?;
        jobs.sort_by_key(|job| job.id);
        Ok(jobs)
    }

    async fn jobs(&self, fields: &[&str], filter: &Value) -> Result<Vec<Job>, Failure> {
        let body = json!({"fields": fields, "qfilter": filter});
        let request = Request::put(["2", "query", "job"]).body(body).reading();
        let rows: Rows = self.ask(&request).await?;
        Ok(rows.read().map_err(TransportError::Unreadable)?)
    }

    /// Submits it. When the answer is lost, the job may be there nevertheless.
    async fn submit(&self, verb: &str, request: Request) -> Result<Known, Failure> {
        if self.is_out_of_time() {
            return Err(Failure::OutOfTime);
        }
        let reason = self.reason(verb);
        let error = match self.ask(&request.query("reason", &*reason)).await {
            Ok(id) => return Ok(self.cluster.begun.keep(self.key.lease, verb, id)),
            Err(error) if error.leaves_doubt() => error,
            Err(error) => return Err(error.into()),
        };
        for pause in LOOK_AGAIN {
            sleep(pause).await;
            let found = self.unfinished_jobs(|job| job.has_reason(&reason)).await;
            if let Ok(Some(id)) = found {
                return Ok(self.cluster.begun.keep(self.key.lease, verb, id));
            }
        }
        Err(error.into())
    }

    /// Reinstallation takes no reason, so its job goes by what it does.
    pub(super) async fn submit_without_reason(
        &self,
        verb: &str,
        request: &Request,
    ) -> Result<(), Failure> {
        if self.is_out_of_time() {
            return Err(Failure::OutOfTime);
        }
        let id = self.ask(request).await?;
        self.cluster.begun.keep(self.key.lease, verb, id);
        Ok(())
    }

    /// Takes up a job that was found by other means than its reason.
    pub(super) fn take_up(&self, verb: &str, id: JobId) {
        self.cluster.begun.keep(self.key.lease, verb, id);
    }

    async fn wait(&self, verb: &str, known: Known) -> Result<(), Failure> {
        let Known { id, since, .. } = known;
        let mut pause = FIRST_PAUSE;
        loop {
            let job: Job = self.ask(&Request::get(["2", "jobs", &id.to_string()])).await?;
            let stage = match job.stage() {
                Stage::Unfinished(stage) => stage,
                Stage::Done => {
                    self.forget(verb);
                    return Ok(());
                }
                Stage::Failed(error) => {
                    if verb != CREATE {
                        self.forget(verb);
                    }
                    return Err(Failure::Job { id, error });
                }
                Stage::Unknown => {
                    self.forget(verb);
                    return Err(Failure::NoSuchJob(id));
                }
            };
            if Instant::now() + pause > self.patience {
                return Err(Failure::Underway { id, stage, lasts: since.elapsed() });
            }
            sleep(pause).await;
            pause = (pause * 5 / 4).min(LONGEST_PAUSE);
        }
    }

    pub(super) fn reason(&self, verb: &str) -> String {
        format!("innkeeper:{}:{verb}", self.key.lease)
    }
}
