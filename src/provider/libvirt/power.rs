//! Switching a machine on and off.

use std::time::Duration;

use chrono::TimeDelta;
use virt::{
    connect::Connect,
    domain::{Domain, DomainState},
    sys,
};

use super::{
    failure::Failure,
    locate::{locate, present, require},
    session::Session,
    tag::{self, Run},
};
use crate::machine::{MachineKey, Power};

/// A request to shut down that is so much older than the time it was given
/// belongs to another stop, e.g. before the machine was saved and restored.
const FORGOTTEN: TimeDelta = TimeDelta::hours(1);

/// Switches the lease's machine on.
pub(super) fn start(session: Session<'_>, key: &MachineKey) -> Result<(), Failure> {
    let domain = require(session.connect, key)?.domain;
    if is_active(&domain)? {
        let run = tag::read_run(&domain)?;
        if run.asked.is_some() {
            tag::write_run(&domain, Run { asked: None, ..run })?;
        }
    }
    run(&domain)
}

/// Makes it run, whatever it does now.
pub(super) fn run(domain: &Domain) -> Result<(), Failure> {
    let done = match domain.info()?.state.known() {
        Some(DomainState::Running | DomainState::Blocked) => return Ok(()),
        Some(DomainState::Paused) => domain.resume(),
        Some(DomainState::PMSuspended) => domain.pm_wakeup(0),
        _ => {
            // A crashed guest may have been kept for somebody to look at.
            if domain.is_active()? {
                domain.destroy()?;
            }
            domain.create()
        }
    };
    match done {
        Err(_) if of(domain)? == Power::On => Ok(()),
        done => Ok(done?),
    }
}

/// Asks the guest to shut down. The answer is for how long it has been asked
/// by now, in all calls together; `None` when there is nothing to stop.
pub(super) fn ask_to_stop(
    session: Session<'_>,
    key: &MachineKey,
) -> Result<Option<Duration>, Failure> {
    let Some(ours) = locate(session.connect, key)? else { return Ok(None) };
    let domain = ours.domain;
    if !is_active(&domain)? {
        return Ok(None);
    }
    // Asked again in every call: a guest that is just starting misses the first.
    if let Err(error) = domain.shutdown() {
        // A paused or crashed guest cannot be asked. It is switched off in the end.
        tracing::debug!(%error, machine = %key.name, "guest could not be asked to shut down");
    }
    match asked_for(session, &domain) {
        // It went off at once.
        Err(_) if !is_active(&domain)? => Ok(None),
        asked => asked.map(Some),
    }
}

fn asked_for(session: Session<'_>, domain: &Domain) -> Result<Duration, Failure> {
    let (now, run) = (session.now(), tag::read_run(domain)?);
    let patience = TimeDelta::from_std(session.settings().stop_timeout)
        .unwrap_or(TimeDelta::MAX)
        .checked_add(&FORGOTTEN)
        .unwrap_or(TimeDelta::MAX);
    if let Some(asked) = run.asked.filter(|asked| now - asked < patience) {
        return Ok((now - asked).to_std().unwrap_or_default());
    }
    tag::write_run(domain, Run { asked: Some(now), ..run })?;
    Ok(Duration::ZERO)
}

/// Whether there is anything left to stop.
pub(super) fn is_running(session: Session<'_>, key: &MachineKey) -> Result<bool, Failure> {
    match locate(session.connect, key)? {
        Some(ours) => is_active(&ours.domain),
        None => Ok(false),
    }
}

/// Pulls the plug.
pub(super) fn switch_off(session: Session<'_>, key: &MachineKey) -> Result<(), Failure> {
    match locate(session.connect, key)? {
        Some(ours) => switch_off_domain(&ours.domain),
        None => Ok(()),
    }
}

/// Pulls the plug of one that was located.
pub(super) fn switch_off_domain(domain: &Domain) -> Result<(), Failure> {
    if !is_active(domain)? {
        return Ok(());
    }
    match domain.destroy() {
        // It went off by itself in between.
        Err(_) if !is_active(domain)? => Ok(()),
        done => Ok(done?),
    }
}

/// Whether it runs, is paused, or is otherwise not off.
pub(super) fn is_active(domain: &Domain) -> Result<bool, Failure> {
    Ok(present(domain.is_active())?.unwrap_or(false))
}

/// Restarts it; a machine that is off is switched on.
pub(super) fn reboot(connect: &Connect, key: &MachineKey) -> Result<(), Failure> {
    let domain = require(connect, key)?.domain;
    match of(&domain)? {
        Power::On => Ok(domain.reboot(sys::VIR_DOMAIN_REBOOT_DEFAULT)?),
        Power::Off | Power::Unknown => run(&domain),
    }
}

/// From `info`, because `state` swallows errors in this version of the binding.
pub(super) fn of(domain: &Domain) -> Result<Power, Failure> {
    Ok(of_state(domain.info()?.state.known()))
}

/// What a state of libvirt's means.
pub(super) fn of_state(state: Option<DomainState>) -> Power {
    match state {
        Some(DomainState::Shutoff | DomainState::Crashed) => Power::Off,
        Some(DomainState::NoState) | None => Power::Unknown,
        Some(_) => Power::On,
    }
}
