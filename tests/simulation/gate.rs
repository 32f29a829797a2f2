//! The gate every call outside passes: others may act before it takes effect
//! and before its answer is heard, and either may fail.

use std::{future::poll_fn, task::Poll, time::Duration};

use chrono::TimeDelta;
use innkeeper::ports::PortError;

use crate::{
    weather::{Fault, Side, spell_over},
    world::{Shared, World},
};

/// When adapters hang up, in true time.
fn timeout(side: Side) -> TimeDelta {
    match side {
        Side::Forge => TimeDelta::seconds(20),
        Side::Provider | Side::Hook => TimeDelta::seconds(50),
        Side::Store => TimeDelta::MAX,
    }
}

/// Lets everybody else act.
async fn others_act() {
    let mut waited = false;
    poll_fn(|context| {
        if waited {
            return Poll::Ready(());
        }
        waited = true;
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// A replica's way to the outside.
#[derive(Clone)]
pub(crate) struct Gate {
    pub(crate) world: Shared,
}

impl Gate {
    /// A call: `deed` is what it does.
    pub(crate) async fn call<T>(
        &self,
        side: Side,
        name: &'static str,
        detail: impl Fn() -> String,
        deed: impl FnOnce(&mut World) -> Result<T, PortError>,
    ) -> Result<T, PortError> {
        let asked = self.world.lock().now;
        others_act().await;
        let (answered, result) = {
            let mut world = self.world.lock();
            if world.now - asked > timeout(side) {
                world.note(name, "timed out before", &detail);
                return Err(PortError::retry(name, "no answer in time"));
            }
            if let Some(error) = fails(&mut world, side, name) {
                world.note(name, "failed", &detail);
                return Err(error);
            }
            world.asked = asked;
            let result = deed(&mut world);
            let outcome = if result.is_ok() { "ok" } else { "refused" };
            world.note(name, outcome, || match &result {
                Ok(_) => detail(),
                Err(error) => format!("{} {}", detail(), error.chain()),
            });
            (world.now, result)
        };
        others_act().await;
        let mut world = self.world.lock();
        let is_late = world.now - answered > timeout(side);
        if is_late || world.strikes(Fault::After(side)) {
            world.note(name, "answer lost", &detail);
            return Err(PortError::retry(name, "the answer was lost"));
        }
        result
    }
}

/// Whether the call fails before anything happens.
fn fails(world: &mut World, side: Side, name: &'static str) -> Option<PortError> {
    if let Some(error) = spell_over(&world.weather, side, world.now) {
        world.count(match side {
            Side::Forge => "forge away",
            _ => "provider away",
        });
        return Some(error);
    }
    if world.strikes(Fault::Before(side)) {
        return Some(PortError::retry(name, "no connection"));
    }
    if world.strikes(Fault::Wait(side)) {
        let seconds = world.dice.below(1_800);
        let mut error = PortError::retry(name, "429: too many requests");
        error.verdict =
            innkeeper::ports::Verdict::Retry { after: Some(Duration::from_secs(seconds)) };
        return Some(error);
    }
    None
}
