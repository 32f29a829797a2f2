//! Freezing and thawing, from the command line: only the store is needed, and
//! every replica hears of it there.

use crate::{
    brake::{Deed, Freeze, Why},
    effect::NewEffect,
    identity::Timestamp,
    lease::Lease,
    ports::{
        PortError,
        store::{AuditNote, Change, Store, Versioned},
    },
};

/// Freezes these, in place of what was frozen of them.
///
/// # Errors
///
/// The store's.
pub async fn freeze(
    store: &dyn Store,
    deeds: &[Deed],
    freeze: &Freeze,
    now: Timestamp,
) -> Result<(), PortError> {
    let freezes = deeds.iter().map(|deed| (*deed, Some(freeze.clone()))).collect();
    let audit = deeds.iter().map(|deed| note("freeze", *deed)).collect();
    commit(store, &Change { freezes, audit, at: now, ..Change::default() }).await
}

/// Thaws whatever is frozen of these, and returns it. What waited because of
/// it asks at once whether it may go on.
///
/// # Errors
///
/// The store's.
pub async fn thaw(
    store: &dyn Store,
    deeds: &[Deed],
    now: Timestamp,
) -> Result<Vec<(Deed, Freeze)>, PortError> {
    let thawed: Vec<(Deed, Freeze)> =
        store.freezes().await?.0.into_iter().filter(|(deed, _)| deeds.contains(deed)).collect();
    let freezes = thawed.iter().map(|(deed, _)| (*deed, None)).collect();
    let audit = thawed.iter().map(|(deed, _)| note("thaw", *deed)).collect();
    commit(store, &Change { freezes, audit, at: now, ..Change::default() }).await?;
    let mut lanes = Vec::new();
    let mut show = |lease: Versioned<Lease>| {
        let waiting = lease.value.waiting.as_ref();
        if waiting.is_some_and(|waiting| matches!(waiting.why, Why::Frozen { .. })) {
            lanes.push(NewEffect::machine_lane(lease.value.id));
        }
    };
    store.each_live_lease(&mut show).await?;
    store.revive_effects(&lanes, now).await?;
    Ok(thawed)
}

async fn commit(store: &dyn Store, change: &Change) -> Result<(), PortError> {
    store.commit(change).await.map_err(|error| error.or_retry("store a freeze"))
}

/// The reason may be personal: it stands beside the log, not in it.
fn note(what: &str, deed: Deed) -> AuditNote {
    AuditNote::by_operator(format!("{what}-{deed}"))
}
