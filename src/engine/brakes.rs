//! What is held back for now: asked before every step on a machine, and for
//! what the issues say.
//!
//! A freeze is read from the store as the last thing before a provider is
//! called. What remains is the moment between the two: a call that is on its
//! way, or a job that the provider is carrying out already, cannot be taken
//! back, and its outcome is stored whenever the next call asks for it.

mod operator;

use std::collections::BTreeMap;

use chrono::TimeDelta;

pub use self::operator::{freeze, thaw};
use super::{Engine, draft::Draft};
use crate::{
    brake::{Deed, Freezes, Waiting, Why, longer},
    identity::{CookbookName, LeaseId},
    lease::{
        Lease,
        lifecycle::{Effect, Event},
    },
    notice::waits::waits,
    ports::{
        PortError,
        store::{ClaimedEffect, CommitError, EffectKind},
    },
};

/// How long before something that waits asks again whether it may go on. Longer,
/// and a thaw or a raised limit is noticed late; shorter asks for nothing.
const ASK_AGAIN: TimeDelta = TimeDelta::minutes(30);

/// How long at least, so that nothing is asked over and over at one moment.
const SOONEST: TimeDelta = TimeDelta::seconds(1);

/// What the limits of the day are about.
pub const DAY: TimeDelta = TimeDelta::hours(24);

/// Why no machine is made at the moment, by cookbook.
pub(super) type NotMade = BTreeMap<CookbookName, Waiting>;

impl Engine {
    /// What holds this back at this moment, for machines of this cookbook.
    pub(super) async fn brake(
        &self,
        deed: Deed,
        cookbook: &CookbookName,
    ) -> Result<Option<Waiting>, PortError> {
        let held = self.brake_of(&self.store().freezes().await?, deed, cookbook);
        let doubted = self.clock_doubt().await?.and_then(|doubt| doubt.hold(deed));
        Ok(longer(held, doubted))
    }

    fn brake_of(&self, freezes: &Freezes, deed: Deed, cookbook: &CookbookName) -> Option<Waiting> {
        let now = self.now();
        let embargoes = self.settings.embargoes.iter();
        embargoes
            .map(|embargo| embargo.hold(deed, cookbook, now))
            .fold(freezes.hold(deed, now), longer)
    }

    /// What holds this step back.
    pub(super) async fn brake_on(
        &self,
        step: &Effect,
        lease: &Lease,
    ) -> Result<Option<Waiting>, PortError> {
        match step.deed() {
            Some(deed) => self.brake(deed, &lease.cookbook).await,
            None => Ok(None),
        }
    }

    /// Whether this step has to wait because of the limit of the day; if not, it
    /// has its place.
    pub(super) async fn day_limit(
        &self,
        effect: &ClaimedEffect,
        step: &Effect,
    ) -> Result<Option<Waiting>, PortError> {
        let (kind, deed, most) = match step {
            Effect::Create => (EffectKind::Create, Deed::Create, self.settings.creations_per_day),
            Effect::Destroy => (EffectKind::Destroy, Deed::Destroy, self.settings.destroys_per_day),
            _ => return Ok(None),
        };
        let since = self.now() - DAY;
        if self.store().admit(kind, effect, since, most).await? {
            return Ok(None);
        }
        let until = self.store().used(kind, since).await?.place_at(most, DAY);
        Ok(Some(Waiting { deed, why: Why::DayLimit { most }, until }))
    }

    /// The step waits, and its issue says so. It has not failed.
    pub(super) async fn let_wait(
        &self,
        effect: &ClaimedEffect,
        draft: &mut Draft<'_>,
        id: LeaseId,
        waiting: Waiting,
    ) -> Result<(), CommitError> {
        let now = self.now();
        let again = now + ASK_AGAIN;
        let due = waiting.until.map_or(again, |until| until.clamp(now + SOONEST, again));
        let why = waits(&waiting, self.calendar());
        let news = draft
            .leases
            .iter()
            .any(|lease| lease.value.id == id && lease.value.waiting.as_ref() != Some(&waiting));
        if news && let Some(lease) = draft.lease_mut(id) {
            lease.waiting = Some(waiting);
            draft.look_again();
            draft.commit().await?;
        }
        Ok(self.store().hold_effect(effect, due, &why).await?)
    }

    /// What happens to a lease whose time may have come.
    pub(super) fn tick(&self, freezes: &Freezes, lease: &Lease) -> Event {
        lease
            .deadline
            .and_then(|deadline| self.brake_of(freezes, deadline.step.deed(), &lease.cookbook))
            .map_or(Event::Tick, Event::HeldBack)
    }

    /// Issues that wait for approval say whether machines are made at the
    /// moment: they are shown anew when that changes. After a restart that is
    /// not known, and all are that say so.
    pub(super) async fn show_what_is_not_made(&self, freezes: &Freezes) -> Result<(), PortError> {
        let cookbooks = self.cookbooks();
        let now: NotMade = cookbooks
            .cookbooks
            .iter()
            .filter_map(|cookbook| {
                let waiting = self.brake_of(freezes, Deed::Create, &cookbook.name)?;
                Some((cookbook.name.clone(), waiting))
            })
            .collect();
        let before = {
            let mut not_made =
                self.not_made.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            std::mem::replace(&mut *not_made, now.clone())
        };
        if before == now {
            return Ok(());
        }
        let open = self.store().open_requests().await?;
        let changed: Vec<_> = open
            .into_iter()
            .map(|request| request.value)
            .filter(|request| before.get(&request.cookbook) != now.get(&request.cookbook))
            .map(|request| request.issue)
            .collect();
        self.store().want_looks(&changed, self.now()).await
    }

    /// The limits of the day, how much of each is used, and the word for it.
    ///
    /// # Errors
    ///
    /// The store's.
    pub async fn day_limits(&self) -> Result<[(&'static str, u64, u64); 2], PortError> {
        let since = self.now() - DAY;
        let used = async |kind| Ok::<_, PortError>(self.store().used(kind, since).await?.count());
        Ok([
            ("create", self.settings.creations_per_day, used(EffectKind::Create).await?),
            ("destroy", self.settings.destroys_per_day, used(EffectKind::Destroy).await?),
        ])
    }
}

/// The lease waits no more: something happens to it, or fails.
pub(super) fn goes_on(draft: &mut Draft<'_>, id: LeaseId) {
    let waits = |lease: &Lease| lease.id == id && lease.waiting.is_some();
    if draft.leases.iter().any(|lease| waits(&lease.value))
        && let Some(lease) = draft.lease_mut(id)
    {
        lease.waiting = None;
    }
}
