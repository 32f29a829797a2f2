//! Webhooks: lost, doubled, late and out of order.

use chrono::TimeDelta;
use innkeeper::{
    identity::IssueRef,
    ports::intake::{Intake as _, NewDelivery},
};

use super::{Item, Play};
use crate::{forge::FORGE, replica::Kind, weather::Spell};

impl Play {
    /// Something happened on an issue: the forge tells of it, mostly.
    pub(super) fn webhook(&mut self, at: &IssueRef) {
        let mut world = self.world.lock();
        let [lost, doubled, late] =
            if world.weather.calm { [0; 3] } else { world.weather.webhooks };
        let off = world.weather.lasts(Spell::WebhooksOff, world.now);
        if off || self.dice.below(100) < lost {
            world.count("webhooks lost");
            return;
        }
        let twice = self.dice.below(100) < doubled;
        if twice {
            world.count("webhooks doubled");
        }
        let is_late = self.dice.below(100) < late;
        if is_late {
            world.count("webhooks late");
        }
        drop(world);
        self.webhooks += 1;
        let key = self.webhooks;
        for _ in 0..=u8::from(twice) {
            let seconds = if is_late { self.dice.range(60, 40_000) } else { self.dice.range(0, 5) };
            self.at(TimeDelta::seconds(seconds), Item::Webhook(at.clone(), key));
        }
    }

    pub(super) fn delivers(&mut self, at: &IssueRef, key: u64) {
        let number = self.dice.index(self.replicas.len());
        let Some(engine) = self.replicas[number].engine.clone() else {
            self.world.lock().count("webhooks lost");
            return;
        };
        let delivery = NewDelivery {
            forge: FORGE.into(),
            project: at.project,
            issue: Some(at.number),
            key: key.to_string(),
            event: "Note Hook".to_owned(),
            body: Vec::new(),
            received_at: self.now() + self.replicas[number].skew + self.jump,
        };
        self.start(number, Kind::Webhook, async move {
            engine.accept(delivery).await.map(|_| false).map_err(drop)
        });
    }
}
