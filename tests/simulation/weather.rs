//! What goes wrong, how often, and for how long: drawn once for each seed.

use chrono::TimeDelta;
use innkeeper::{identity::Timestamp, ports::PortError};

use crate::dice::Dice;

/// Whom a call is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Side {
    Store,
    Forge,
    Provider,
    Hook,
}

/// Something that goes wrong at a call, by dice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fault {
    /// Nothing happens, and it is said so.
    Before(Side),
    /// It happens, and the answer is lost.
    After(Side),
    /// Too many requests: it names a time.
    Wait(Side),
    /// No room.
    Full,
    /// It takes more than one call.
    Underway,
    /// It will not, for good.
    Refused(Side),
    /// The process ends.
    Crash,
    /// A task, or a whole process, stands still for longer than its claim.
    Stall,
    /// A machine is removed behind our back.
    Removal,
}

const KINDS: [Fault; 16] = [
    Fault::Before(Side::Store),
    Fault::Before(Side::Forge),
    Fault::Before(Side::Provider),
    Fault::Before(Side::Hook),
    Fault::After(Side::Store),
    Fault::After(Side::Forge),
    Fault::After(Side::Provider),
    Fault::After(Side::Hook),
    Fault::Wait(Side::Forge),
    Fault::Wait(Side::Provider),
    Fault::Full,
    Fault::Underway,
    Fault::Refused(Side::Provider),
    Fault::Crash,
    Fault::Stall,
    Fault::Removal,
];

/// Something that lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Spell {
    /// The forge does not answer.
    ForgeDown,
    /// The forge's token was revoked.
    ForgeRefuses,
    /// The provider does not answer.
    ProviderDown,
    /// The provider lets nobody in.
    ProviderRefuses,
    /// No webhook arrives.
    WebhooksOff,
    /// Nothing of ours runs.
    AllDown,
}

pub(crate) struct Weather {
    /// Of 100,000 calls or steps, by kind.
    rates: Vec<(Fault, u32)>,
    spells: Vec<(Spell, Timestamp, Timestamp)>,
    /// Faults are over.
    pub(crate) calm: bool,
    /// Whether the clocks of all replicas are set wrong now and then.
    pub(crate) jumps: bool,
    /// Of 100 webhooks this many are lost, doubled, or late.
    pub(crate) webhooks: [u64; 3],
}

impl Weather {
    /// The weather of a seed: a tenth of them is calm, some have one kind of
    /// fault only, the others several.
    pub(crate) fn of(seed: u64, dice: &mut Dice, begin: Timestamp, storm: TimeDelta) -> Self {
        let rate = |dice: &mut Dice, fault: Fault| {
            let most = match fault {
                Fault::Crash => 300,
                Fault::Stall => 200,
                Fault::Removal => 0,
                Fault::Before(Side::Store) | Fault::After(Side::Store) => 1_500,
                Fault::Refused(_) => 3_000,
                Fault::Full | Fault::Underway => 30_000,
                _ => 12_000,
            };
            u32::try_from(dice.range(most / 20, most)).unwrap_or(0)
        };
        let mut rates: Vec<(Fault, u32)> = Vec::new();
        let mut spells = Vec::new();
        let mut jumps = false;
        let mut webhooks = [0, 0, 0];
        match seed % 10 {
            0 => {}
            1..=3 => {
                let kind = dice.index(KINDS.len() + 2);
                match KINDS.get(kind) {
                    Some(fault) => rates.push((*fault, rate(dice, *fault) * 2)),
                    None if kind == KINDS.len() => jumps = true,
                    None => webhooks = [40, 20, 40],
                }
            }
            strength => {
                for fault in KINDS {
                    if dice.below(10) < strength {
                        let rate = rate(dice, fault) / if strength > 7 { 1 } else { 4 };
                        rates.push((fault, rate));
                    }
                }
                jumps = dice.below(3) == 0;
                webhooks = [dice.below(60), dice.below(40), dice.below(60)];
            }
        }
        if seed % 10 >= 3 {
            for (spell, most_hours) in [
                (Spell::ForgeDown, 30),
                (Spell::ForgeRefuses, 60),
                (Spell::ProviderDown, 20),
                (Spell::ProviderRefuses, 40),
                (Spell::WebhooksOff, 96),
                (Spell::AllDown, 72),
            ] {
                if dice.below(3) == 0 {
                    let from = begin + TimeDelta::minutes(dice.range(0, storm.num_minutes()));
                    let length = TimeDelta::minutes(dice.range(5, most_hours * 60));
                    spells.push((spell, from, (from + length).min(begin + storm)));
                }
            }
        }
        Self { rates, spells, calm: false, jumps, webhooks }
    }

    /// Nothing goes wrong but this.
    pub(crate) fn only(&mut self, fault: Fault, rate: u32) {
        self.rates = vec![(fault, rate)];
        self.spells.clear();
    }

    /// How often of 100,000.
    pub(crate) fn rate(&self, fault: Fault) -> u32 {
        if self.calm {
            return 0;
        }
        self.rates.iter().find(|(kind, _)| *kind == fault).map_or(0, |(_, rate)| *rate)
    }

    pub(crate) fn lasts(&self, spell: Spell, now: Timestamp) -> bool {
        !self.calm
            && self
                .spells
                .iter()
                .any(|(kind, from, to)| *kind == spell && (*from..*to).contains(&now))
    }

    /// When it is over, if it lasts.
    pub(crate) fn end(&self, spell: Spell, now: Timestamp) -> Option<Timestamp> {
        let lasts = |(kind, from, to): &&(Spell, Timestamp, Timestamp)| {
            *kind == spell && (*from..*to).contains(&now)
        };
        self.spells.iter().find(lasts).map(|(_, _, to)| *to).filter(|_| !self.calm)
    }

    /// For people who read a story.
    pub(crate) fn describe(&self) -> String {
        format!(
            "rates of 100,000: {:?}; spells: {:?}; clocks jump: {}; webhooks lost, doubled, late of 100: {:?}",
            self.rates, self.spells, self.jumps, self.webhooks
        )
    }
}

/// What lasts at the moment makes every such call fail.
pub(crate) fn spell_over(weather: &Weather, side: Side, now: Timestamp) -> Option<PortError> {
    let lasts = |spell| weather.lasts(spell, now);
    match side {
        Side::Forge if lasts(Spell::ForgeDown) => {
            Some(PortError::retry("reach the forge", "it does not answer"))
        }
        Side::Forge if lasts(Spell::ForgeRefuses) => {
            Some(PortError::give_up("sign in to the forge", "401: the token was revoked"))
        }
        Side::Provider if lasts(Spell::ProviderDown) => {
            Some(PortError::retry("reach the provider", "it does not answer"))
        }
        Side::Provider if lasts(Spell::ProviderRefuses) => {
            Some(PortError::retry("sign in to the provider", "it lets nobody in"))
        }
        _ => None,
    }
}
