//! One call of the port on its way: which machine it is about, how long it may
//! take, and what it may look at.
//!
//! Nothing here trusts what an earlier step saw: whoever touches a machine
//! locates it anew, and then addresses it by its whole name together with its
//! UUID (where Ganeti takes one), so that neither a rename nor Ganeti's
//! completion of short names leads to another.

use std::time::Duration;

use serde::de::DeserializeOwned;
use serde_json::json;
use tokio::time::Instant;
use uuid::Uuid;

use super::{
    Cluster,
    entities::{Instance, Rows, full_name},
    failure::{Disagreement, Failure, NotOurs},
    tags::{self, Owner},
    transport::{Request, TransportError},
};
use crate::machine::{Machine, MachineKey, Power};

/// More changes than happen to a machine during one call.
pub(super) const ROUNDS: usize = 8;

pub(super) struct Turn<'a> {
    pub(super) cluster: &'a Cluster,
    pub(super) key: &'a MachineKey,
    /// When there is no more waiting: what is unfinished is under way then.
    pub(super) patience: Instant,
    /// When everything ends.
    deadline: Instant,
}

/// A machine that has been proved to be the lease's.
#[derive(Debug)]
pub(super) struct Ours(pub(super) Instance);

impl<'a> Turn<'a> {
    /// The last third of the time is for the answers that are on their way.
    pub(super) fn new(cluster: &'a Cluster, key: &'a MachineKey, call_timeout: Duration) -> Self {
        let now = Instant::now();
        Self { cluster, key, patience: now + call_timeout * 2 / 3, deadline: now + call_timeout }
    }

    pub(super) async fn ask<T: DeserializeOwned>(
        &self,
        request: &Request,
    ) -> Result<T, TransportError> {
        self.cluster.transport.ask(request, self.deadline).await
    }

    pub(super) fn is_out_of_time(&self) -> bool {
        Instant::now() >= self.patience
    }

    pub(super) fn full_name(&self) -> String {
        full_name(&self.key.name, &self.cluster.domain)
    }

    /// The instance of that whole name or UUID.
    pub(super) async fn instance(&self, name: &str) -> Result<Option<Instance>, Failure> {
        match self.ask(&Request::get(["2", "instances", name])).await {
            Ok(instance) => Ok(Some(instance)),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// The instance of exactly the machine's name, whosever it is.
    pub(super) async fn named(&self) -> Result<Option<Instance>, Failure> {
        let name = self.full_name();
        // Ganeti would answer with one that merely begins like that.
        Ok(self.instance(&name).await?.filter(|instance| instance.name == name))
    }

    /// The machine of this lease, after its name, its lease and its UUID (once
    /// known) were all found to agree. `None` when neither the name is taken
    /// nor the lease's tag on anything.
    pub(super) async fn locate(&self) -> Result<Option<Ours>, Failure> {
        let Some(found) = self.named().await? else {
            return match self.tagged().await?.first() {
                Some(elsewhere) => Err(self.not_ours(elsewhere, Disagreement::Name)),
                None => Ok(None),
            };
        };
        let disagreement = match tags::owner(&found.tags) {
            Owner::Nobody => Disagreement::NoLease,
            Owner::Unclear => Disagreement::Unclear,
            Owner::Lease(lease) if lease != self.key.lease => Disagreement::Lease(lease),
            Owner::Lease(_) if self.key.uuid.is_some_and(|known| known != found.uuid) => {
                Disagreement::Uuid(found.uuid)
            }
            Owner::Lease(_) => return Ok(Some(Ours(found))),
        };
        Err(self.not_ours(&found, disagreement))
    }

    /// The machine of this lease, where it must be there.
    pub(super) async fn require(&self) -> Result<Ours, Failure> {
        self.locate().await?.ok_or(Failure::Absent)
    }

    pub(super) fn not_ours(&self, found: &Instance, disagreement: Disagreement) -> Failure {
        NotOurs { wanted: self.key.clone(), name: found.name.clone(), disagreement }.into()
    }

    /// What has the lease's tag under any other name. The name itself may have
    /// come up since it was looked for.
    async fn tagged(&self) -> Result<Vec<Instance>, Failure> {
        let filter = json!({
            "fields": ["name", "uuid", "tags"],
            "qfilter": ["=[]", "tags", tags::lease(self.key.lease)],
        });
        let request = Request::put(["2", "query", "instance"]).body(filter).reading();
        let rows: Rows = self.ask(&request).await?;
        let found: Vec<Instance> = rows.read().map_err(TransportError::Unreadable)?;
        let name = self.full_name();
        Ok(found.into_iter().filter(|instance| instance.name != name).collect())
    }
}

impl Ours {
    pub(super) fn uuid(&self) -> Uuid {
        self.0.uuid
    }

    pub(super) fn is_on(&self) -> bool {
        self.0.power() == Power::On
    }

    pub(super) fn shown(&self, turn: &Turn<'_>) -> Machine {
        self.0.shown(&turn.cluster.domain)
    }
}
