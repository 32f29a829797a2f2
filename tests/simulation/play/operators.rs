//! What operators do with the command line and the machine it runs on.

use std::sync::Arc;

use chrono::TimeDelta;
use innkeeper::{
    brake::{Deed, Freeze},
    engine::{
        Engine,
        adopt::{Prospect, Target},
        freeze, thaw,
    },
    identity::ProjectId,
    lease::State,
    ports::PortError,
};

use super::{Item, Play};
use crate::{
    forge::{DAN, FORGE, PLAIN, PROJECT},
    laws,
    replica::{HOSTS, Kind},
};

/// How wrong the clock of a replica goes, in milliseconds. Claims outlast calls
/// by ten seconds: that much two replicas may differ.
pub(super) const SKEW: i64 = 4_500;

impl Play {
    /// Where an operator types.
    fn console(&self) -> Option<(usize, Arc<Engine>)> {
        let mut living = self.replicas.iter().enumerate();
        living.find_map(|(number, replica)| Some((number, replica.engine.clone()?)))
    }

    /// Somebody freezes something, and thaws it later, unless it thaws by itself.
    pub(super) fn freezes(&mut self) {
        let chosen = self.dice.range(1, 15);
        let deeds = Deed::ALL.iter().enumerate().filter(|(bit, _)| (chosen >> bit) & 1 == 1);
        let deeds: Vec<Deed> = deeds.map(|(_, deed)| *deed).collect();
        let hours = TimeDelta::hours(self.dice.range(1, 60));
        let ends = self.dice.below(2) == 0;
        if !ends {
            self.at(hours, Item::Thaw);
        }
        let Some((number, engine)) = self.console() else { return };
        self.world.lock().count("freezes");
        self.start(number, Kind::Operator, async move {
            let now = engine.now();
            let reason = "the storage is moved".to_owned();
            let frozen = Freeze { reason, since: now, until: ends.then(|| now + hours) };
            freeze(engine.store(), &deeds, &frozen, now).await.map(|()| false).map_err(drop)
        });
    }

    pub(super) fn thaws(&mut self) {
        let Some((number, engine)) = self.console() else { return };
        self.start(number, Kind::Operator, async move {
            let now = engine.now();
            thaw(engine.store(), &Deed::ALL, now).await.map(|_| false).map_err(drop)
        });
    }

    /// Somebody adopts what is on the second host; tried again another day if
    /// it was not done.
    pub(super) fn adopts(&mut self) {
        let Some((number, engine)) = self.console() else { return };
        self.world.lock().count("adoptions tried");
        self.start(number, Kind::Operator, async move {
            adopt_all(&engine).await.map(|()| false).map_err(drop)
        });
    }

    /// Whether there is a machine whose issue was deleted.
    pub(super) fn is_somebody_homeless(&self) -> bool {
        let world = self.world.lock();
        let mut leases = world.laws.leases.values().map(|lease| &lease.value);
        leases.any(|lease| lease.state != State::Ended && laws::is_lost(&world, &lease.issue))
    }

    /// Somebody opens a new issue for each request whose own one is gone. What
    /// comes of it is seen in what is stored.
    pub(super) fn rehomes(&mut self) {
        let Some((number, engine)) = self.console() else { return };
        let world = self.world.clone();
        self.start(number, Kind::Operator, async move {
            for homeless in engine.homeless().await.map_err(drop)? {
                let to = {
                    let mut world = world.lock();
                    world.count("machines given another issue");
                    let now = world.now;
                    world.house.file(now, PROJECT, DAN, PLAIN.to_owned())
                };
                engine.rehome(homeless.request, &to).await.map_err(drop)?;
            }
            Ok(false)
        });
    }

    pub(super) fn drifts(&mut self, number: usize) {
        self.replicas[number].skew = TimeDelta::milliseconds(self.dice.range(-SKEW, SKEW));
        self.world.lock().note("clock drifts", "", || format!("r{number}"));
        if self.calm_since.is_none() {
            let hours = self.dice.range(6, 60);
            self.at(TimeDelta::hours(hours), Item::Drift(number));
        }
    }
}

async fn adopt_all(engine: &Engine) -> Result<(), PortError> {
    let target = Target {
        provider: HOSTS[1].into(),
        forge: FORGE.into(),
        project: ProjectId(PROJECT),
        cookbook: "sandbox".into(),
    };
    let mut adoption = engine.begin_adoption(target).await?;
    for found in engine.survey(&HOSTS[1].into()).await? {
        if matches!(found.prospect, Prospect::Adoptable { .. }) {
            adoption.adopt(&found.machine).await?;
        }
    }
    adoption.end().await
}
