//! Whether a machine that was just started can be used.

use std::{net::IpAddr, time::Duration};

use tokio::{io::AsyncReadExt as _, net::TcpStream};
use virt::domain::Domain;

use super::{
    failure::Failure,
    session::Session,
    shown,
    tag::{self, Run},
};
use crate::machine::{Machine, MachineOrder, Power};

/// How long a guest's agent or SSH server may take to say a word. Shorter, and
/// a busy guest looks dead; longer, and it holds up others that start.
const A_WORD: Duration = Duration::from_secs(2);

/// When a machine counts as usable.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Ready {
    /// When it has an address, and its guest agent or its SSH server answers.
    #[default]
    AgentOrSsh,
    /// When it has an address.
    Address,
    /// At once.
    None,
}

/// A machine that is starting.
#[derive(Debug)]
pub(super) struct Boot {
    pub(super) machine: Machine,
    /// How long it has been running, as far as known.
    pub(super) age: Duration,
    /// What is still to be seen; `None` when nobody has to wait.
    pub(super) awaits: Option<Sign>,
}

/// A sign of life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sign {
    Address,
    /// An answer of its SSH server, since the agent gave none.
    Ssh,
}

/// Looks at a machine that runs. Blank disks never come alive by themselves:
/// only what was made from an image is waited for.
pub(super) fn look(
    session: Session<'_>,
    domain: &Domain,
    order: &MachineOrder,
) -> Result<Boot, Failure> {
    let machine = shown::whole(session, domain)?;
    let ready = session.settings().ready;
    let simulated = session.is_simulated()?;
    let mut boot = Boot { machine, age: Duration::ZERO, awaits: None };
    let off = boot.machine.power != Power::On;
    if order.image.is_none() || simulated || ready == Ready::None || off {
        return Ok(boot);
    }
    boot.age = age(session, domain)?;
    let has_network = order.network.is_some() || session.settings().default_network.is_some();
    boot.awaits = if has_network && boot.machine.addresses.is_empty() {
        Some(Sign::Address)
    } else if ready == Ready::Address || agent_answers(domain) {
        None
    } else {
        Some(Sign::Ssh)
    };
    Ok(boot)
}

/// Since when it runs is written on it when it is first looked at, so that
/// whoever goes on waiting knows.
fn age(session: Session<'_>, domain: &Domain) -> Result<Duration, Failure> {
    let (now, run) = (session.now(), tag::read_run(domain)?);
    let Some(since) = run.since else {
        tag::write_run(domain, Run { since: Some(now), ..run })?;
        return Ok(Duration::ZERO);
    };
    Ok((now - since).to_std().unwrap_or_default())
}

fn agent_answers(domain: &Domain) -> bool {
    let seconds = i32::try_from(A_WORD.as_secs()).unwrap_or(1);
    domain.qemu_agent_command(r#"{"execute":"guest-ping"}"#, seconds, 0).is_ok()
}

/// Whether an SSH server answers at one of these addresses.
pub(super) async fn ssh_answers(addresses: &[String]) -> bool {
    for address in addresses {
        let Ok(address) = address.parse::<IpAddr>() else { continue };
        if tokio::time::timeout(A_WORD, speaks_ssh(address)).await.is_ok_and(|speaks| speaks) {
            return true;
        }
    }
    false
}

async fn speaks_ssh(address: IpAddr) -> bool {
    let mut greeting = [0; 4];
    let Ok(mut stream) = TcpStream::connect((address, 22)).await else { return false };
    stream.read_exact(&mut greeting).await.is_ok() && greeting == *b"SSH-"
}

impl Boot {
    /// How far it got, for people.
    pub(super) fn progress(&self) -> String {
        let missing = match self.awaits {
            Some(Sign::Address) => "no address yet",
            Some(Sign::Ssh) => "neither its agent nor its SSH server answers yet",
            None => "ready",
        };
        format!("it is starting: {missing} ({} s)", self.age.as_secs())
    }
}
