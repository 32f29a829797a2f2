//! The operator's hooks.

use async_trait::async_trait;
use innkeeper::{
    hook::{Hook, Point},
    ports::{
        PortError,
        hooks::{HookRunner, Input},
    },
};

use crate::{gate::Gate, weather::Side};

pub(crate) struct SimulatedHooks {
    pub(crate) gate: Gate,
    pub(crate) hooks: Vec<Hook>,
}

/// One hook at every point.
pub(crate) fn some() -> Vec<Hook> {
    vec![Hook {
        name: "dns".to_owned(),
        title: "DNS record".to_owned(),
        on: vec![Point::PostProvision, Point::PreStop, Point::PostDestroy, Point::DropBackups],
        cookbooks: Vec::new(),
        tries: 3,
    }]
}

#[async_trait]
impl HookRunner for SimulatedHooks {
    fn hooks(&self) -> &[Hook] {
        &self.hooks
    }

    async fn run(&self, hook: &Hook, input: &Input) -> Result<String, PortError> {
        let detail = || format!("{} {}", hook.name, input.machine);
        self.gate
            .call(Side::Hook, input.point.word(), detail, |_| Ok("done @planted".to_owned()))
            .await
    }
}
