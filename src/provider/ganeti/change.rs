//! Changing an instance that is there: its power, its size, its system, whose
//! it is.

use http::Method;
use serde_json::json;

use super::{
    body,
    failure::{Disagreement, Failure, Unusable},
    job::{Meaning, Stage},
    queue::When,
    tags::{self, Owner},
    transport::Request,
    turn::{Ours, ROUNDS, Turn},
};
use crate::machine::{Machine, MachineOrder, Power};

const START: &str = "start";
const STOP: &str = "stop";
const REBOOT: &str = "reboot";
const PAUSE: &str = "pause";
const MODIFY: &str = "modify";
const GROW: &str = "grow";
const REINSTALL: &str = "reinstall";
const ADOPT: &str = "adopt";

impl Turn<'_> {
    pub(super) async fn start(&self) -> Result<(), Failure> {
        for _ in 0..ROUNDS {
            let ours = self.require().await?;
            if ours.0.status == "running" || self.switch_on(&ours).await? == When::Now {
                return Ok(());
            }
        }
        Err(Failure::Unsettled)
    }

    pub(super) async fn switch_on(&self, ours: &Ours) -> Result<When, Failure> {
        let request = Request::put(["2", "instances", &ours.0.name, "startup"]);
        absent(self.run_again(START, request).await)
    }

    /// Shuts it down, and makes sure that it stays down: the cluster starts
    /// again what is to run and does not.
    pub(super) async fn stop(&self) -> Result<(), Failure> {
        for _ in 0..ROUNDS {
            let Some(ours) = self.locate().await? else { return Ok(()) };
            if ours.0.power() == Power::Off && ours.0.admin_state.as_deref() != Some("up") {
                return Ok(());
            }
            match absent(self.run_again(STOP, self.shutdown(&ours)).await) {
                Ok(When::Now) | Err(Failure::Absent) => return Ok(()),
                Ok(When::Before) => {}
                Err(failure) => return Err(failure),
            }
        }
        Err(Failure::Unsettled)
    }

    fn shutdown(&self, ours: &Ours) -> Request {
        let timeout = self.cluster.stop_timeout.as_secs();
        Request::put(["2", "instances", &ours.0.name, "shutdown"])
            .body(json!({"instance_uuid": ours.uuid(), "timeout": timeout}))
    }

    /// Restarts it; Ganeti switches on what is off.
    pub(super) async fn reboot(&self) -> Result<(), Failure> {
        let ours = self.require().await?;
        absent(self.run(REBOOT, reboot(&ours, "hard", self)).await).map(drop)
    }

    /// What there is to be done is read off the instance each time, so that it
    /// does not matter how far an earlier call came. While its disk grows it is
    /// off but still meant to run, which is how it is known that it ran.
    pub(super) async fn resize(&self, order: &MachineOrder) -> Result<(), Failure> {
        let mut was_modified = false;
        for _ in 0..ROUNDS {
            let ours = self.require().await?;
            let Some((verb, request)) = self.next_step(&ours, order, was_modified)? else {
                return Ok(());
            };
            match absent(self.run(verb, request).await) {
                Ok(When::Now) if verb == REBOOT => return Ok(()),
                Ok(_) => was_modified |= verb == MODIFY,
                Err(failure @ Failure::Job { .. }) => {
                    self.resume().await;
                    return Err(failure);
                }
                Err(failure) => return Err(failure),
            }
        }
        Err(Failure::Unsettled)
    }

    fn next_step(
        &self,
        ours: &Ours,
        order: &MachineOrder,
        was_modified: bool,
    ) -> Result<Option<(&'static str, Request)>, Failure> {
        let found = &ours.0;
        let (name, uuid) = (found.name.as_str(), ours.uuid());
        let wanted = (u64::from(order.shape.vcpus.get()), order.shape.memory.get());
        let disk = order.shape.disk.get();
        let has = found.root_disk();
        if has.is_some_and(|has| has > disk) {
            return Err(Unusable::new(
                format!(
                    "the root disk has {} MiB and cannot shrink to {disk} MiB",
                    has.unwrap_or_default()
                ),
                "ask for at least as much disk as it has",
            )
            .into());
        }
        let grows = has.is_some_and(|has| has < disk);
        if found.beparams.is_none_or(|sizes| (sizes.vcpus, sizes.maxmem) != wanted) {
            let request = Request::put(["2", "instances", name, "modify"])
                .body(json!({"instance_uuid": uuid, "beparams": body::sizes(order)}));
            return Ok(Some((MODIFY, request)));
        }
        if grows && ours.is_on() {
            // A guest sees a larger disk only when it is started anew.
            return Ok(Some((PAUSE, self.shutdown(ours).query("no_remember", "1"))));
        }
        if grows {
            let request =
                Request::post(["2", "instances", name, "disk", "0", "grow"]).body(json!({
                    "instance_uuid": uuid,
                    "amount": disk,
                    "absolute": true,
                    "wait_for_sync": self.cluster.defaults.wait_for_sync,
                }));
            return Ok(Some((GROW, request)));
        }
        if is_paused(ours) {
            return Ok(Some((START, Request::put(["2", "instances", name, "startup"]))));
        }
        let runs_as = found.oper_vcpus.zip(found.oper_ram);
        if ours.is_on() && runs_as.is_some_and(|has| is_outdated(has, wanted, was_modified)) {
            return Ok(Some((REBOOT, reboot(ours, "full", self))));
        }
        Ok(None)
    }

    /// Starts it again when it was only off for a change that came to nothing.
    async fn resume(&self) {
        let resumed = match self.locate().await {
            Ok(Some(ours)) if is_paused(&ours) => self.switch_on(&ours).await.map(drop),
            other => other.map(drop),
        };
        if let Err(error) = resumed {
            // The cluster starts what is meant to run by itself, some minutes later.
            tracing::warn!(%error, machine = %self.key.name, "could not be started again");
        }
    }

    /// Installs the system anew once for each count. Tags remember what was
    /// begun and what was done.
    pub(super) async fn rebuild(&self, order: &MachineOrder) -> Result<Machine, Failure> {
        let request = body::reinstall(order, &self.cluster.defaults)?;
        for _ in 0..ROUNDS {
            let ours = self.require().await?;
            let outdated = tags::outdated(&ours.0.tags, order.rebuild);
            if tags::built(&ours.0.tags) < order.rebuild {
                self.install(&ours, order.rebuild, &request).await?;
            } else if !outdated.is_empty() {
                let verb = format!("built-{}", order.rebuild);
                self.tag(&ours, Method::DELETE, &verb, &outdated).await?;
            } else if ours.is_on() {
                return Ok(ours.shown(self));
            } else {
                self.switch_on(&ours).await?;
            }
        }
        Err(Failure::Unsettled)
    }

    async fn install(
        &self,
        ours: &Ours,
        count: u32,
        request: &serde_json::Value,
    ) -> Result<(), Failure> {
        let began = format!("building-{count}");
        let tag = tags::building(count);
        if !ours.0.tags.contains(&tag) {
            return self.tag(ours, Method::PUT, &began, &[tag]).await;
        }
        if !self.was_installed(ours, &began).await? {
            let request =
                Request::post(["2", "instances", &ours.0.name, "reinstall"]).body(request.clone());
            if !self.finish(REINSTALL).await? {
                self.submit_without_reason(REINSTALL, &request).await?;
                self.finish(REINSTALL).await?;
            }
        }
        self.tag(ours, Method::PUT, &format!("build-{count}"), &[tags::build(count)]).await
    }

    /// Whether the system was installed since that tag was set. One that is
    /// being installed is taken up; one that failed is tried again.
    async fn was_installed(&self, ours: &Ours, began: &str) -> Result<bool, Failure> {
        let reason = self.reason(began);
        let tagged = self.history("TAGS_SET").await?;
        let Some(since) = tagged.iter().rfind(|job| job.has_reason(&reason)).map(|job| job.id)
        else {
            return Ok(false);
        };
        let jobs = self.history(&format!("INSTANCE_REINSTALL({})", ours.0.name)).await?;
        match jobs.iter().rfind(|job| job.id > since).map(|job| (job.id, job.stage())) {
            Some((_, Stage::Done)) => Ok(true),
            Some((id, Stage::Unfinished(_))) => {
                self.take_up(REINSTALL, id);
                self.finish(REINSTALL).await
            }
            _ => Ok(false),
        }
    }

    /// Writes the lease's tag.
    pub(super) async fn adopt(&self) -> Result<(), Failure> {
        let Some(uuid) = self.key.uuid else {
            return Err(Unusable::new(
                format!("it is not known which instance `{}` is", self.key.name),
                "adopt it with its UUID",
            )
            .into());
        };
        for _ in 0..ROUNDS {
            let Some(found) = self.named().await? else {
                return Err(match self.instance(&uuid.to_string()).await? {
                    Some(renamed) => self.not_ours(&renamed, Disagreement::Renamed),
                    None => Failure::Absent,
                });
            };
            match tags::owner(&found.tags) {
                _ if found.uuid != uuid => {
                    return Err(self.not_ours(&found, Disagreement::Uuid(found.uuid)));
                }
                Owner::Lease(lease) if lease == self.key.lease => return Ok(()),
                Owner::Lease(lease) => {
                    return Err(self.not_ours(&found, Disagreement::Lease(lease)));
                }
                Owner::Unclear => return Err(self.not_ours(&found, Disagreement::Unclear)),
                Owner::Nobody => {
                    let tag = tags::lease(self.key.lease);
                    self.tag(&Ours(found), Method::PUT, ADOPT, &[tag]).await?;
                }
            }
        }
        Err(Failure::Unsettled)
    }

    /// Sets tags, or takes them away. They go into the query: in a body they
    /// would be ignored without a word.
    async fn tag(
        &self,
        ours: &Ours,
        method: Method,
        verb: &str,
        tags: &[String],
    ) -> Result<(), Failure> {
        let mut request = Request::put(["2", "instances", &ours.0.name, "tags"]);
        request.method = method;
        for tag in tags {
            request = request.query("tag", tag);
        }
        match self.run(verb, request).await {
            // A tag that was taken away meanwhile; or the instance, which shows next.
            Err(failure) if failure.of_job() == Some(Meaning::Absent) => Ok(()),
            done => done.map(drop),
        }
    }
}

fn reboot(ours: &Ours, kind: &str, turn: &Turn<'_>) -> Request {
    let timeout = turn.cluster.stop_timeout.as_secs();
    Request::post(["2", "instances", &ours.0.name, "reboot"])
        .query("type", kind)
        .body(json!({"instance_uuid": ours.uuid(), "shutdown_timeout": timeout}))
}

/// Whether a guest still runs with what it had before. Some hypervisors show a
/// little less memory than they were told, for which no guest is restarted.
fn is_outdated(has: (u64, u64), wanted: (u64, u64), was_modified: bool) -> bool {
    let is_close = has.0 == wanted.0 && has.1.abs_diff(wanted.1) <= wanted.1 / 16;
    has != wanted && (was_modified || !is_close)
}

/// Whether it is off although it is meant to run.
fn is_paused(ours: &Ours) -> bool {
    ours.0.power() == Power::Off && ours.0.admin_state.as_deref() == Some("up")
}

/// What the job did not find was removed since it was looked at.
fn absent<T>(done: Result<T, Failure>) -> Result<T, Failure> {
    done.map_err(|failure| match failure.of_job() {
        Some(Meaning::Absent) => Failure::Absent,
        _ => failure,
    })
}
