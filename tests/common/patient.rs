//! A provider whose every call is made until it is done, as the engine does
//! turn by turn.

use std::{future::Future, sync::Arc};

use async_trait::async_trait;
use innkeeper::{
    identity::ProviderName,
    machine::{Capacity, Keep, Machine, MachineKey, MachineOrder},
    ports::{
        PortError, Verdict,
        finding::Finding,
        provider::{Provider, Wanted},
    },
};

/// More turns than anything takes.
const TURNS: usize = 10_000;

pub(crate) struct Patient(pub(crate) Arc<dyn Provider>);

async fn until_done<T, F: Future<Output = Result<T, PortError>>>(
    call: impl Fn() -> F,
) -> Result<T, PortError> {
    for _ in 0..TURNS {
        match call().await {
            Err(PortError { verdict: Verdict::Underway { after }, .. }) => {
                tokio::time::sleep(after).await;
            }
            done => return done,
        }
    }
    Err(PortError::give_up("wait until it is done", "it never is"))
}

#[async_trait]
impl Provider for Patient {
    fn name(&self) -> &ProviderName {
        self.0.name()
    }

    fn keeps_disks(&self) -> bool {
        self.0.keeps_disks()
    }

    async fn create(&self, order: &MachineOrder) -> Result<Machine, PortError> {
        until_done(|| self.0.create(order)).await
    }

    async fn find(&self, machine: &MachineKey) -> Result<Option<Machine>, PortError> {
        self.0.find(machine).await
    }

    async fn list(&self) -> Result<Vec<Machine>, PortError> {
        self.0.list().await
    }

    async fn start(&self, machine: &MachineKey) -> Result<(), PortError> {
        until_done(|| self.0.start(machine)).await
    }

    async fn stop(&self, machine: &MachineKey) -> Result<(), PortError> {
        until_done(|| self.0.stop(machine)).await
    }

    async fn reboot(&self, machine: &MachineKey) -> Result<(), PortError> {
        until_done(|| self.0.reboot(machine)).await
    }

    async fn resize(&self, order: &MachineOrder) -> Result<(), PortError> {
        until_done(|| self.0.resize(order)).await
    }

    async fn rebuild(&self, order: &MachineOrder) -> Result<Machine, PortError> {
        until_done(|| self.0.rebuild(order)).await
    }

    async fn destroy(&self, machine: &MachineKey, keep: Keep) -> Result<(), PortError> {
        until_done(|| self.0.destroy(machine, keep)).await
    }

    async fn drop_backups(&self, machine: &MachineKey) -> Result<(), PortError> {
        until_done(|| self.0.drop_backups(machine)).await
    }

    async fn adopt(&self, machine: &MachineKey) -> Result<(), PortError> {
        until_done(|| self.0.adopt(machine)).await
    }

    async fn capacity(&self) -> Result<Capacity, PortError> {
        self.0.capacity().await
    }

    async fn examine(&self, wanted: &[Wanted]) -> Vec<Finding> {
        self.0.examine(wanted).await
    }
}
