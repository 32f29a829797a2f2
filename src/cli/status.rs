//! `innkeeper status`: how the service is doing, from its store. Works whether
//! it runs or not.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    process::ExitCode,
};

use chrono::TimeDelta;
use clap::Args;
use serde::Serialize;

use super::{
    output::{self, Paint, printable},
    runtime::runtime,
};
use crate::{
    app::{compose, policies::Remembered, supervision::Panic, system::SystemClock},
    brake::{Deed, Freeze},
    calendar::Calendar,
    config::{self, Config},
    engine::{Breakers, DAY, HEARTBEAT, Orphaned, breakers, clock_doubt, credential, forge_moment},
    identity::{CookbookName, ForgeName, Timestamp},
    ports::{
        PortError,
        clock::Clock as _,
        restoration::Restoration,
        store::{EffectKind, Figures, Store},
    },
};

/// For how long after a panic somebody should look.
const PANIC_IS_NEWS: TimeDelta = TimeDelta::hours(1);

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The configuration file of the service
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// What `--json` prints.
#[derive(Serialize)]
struct Status {
    /// Whether nothing needs a person.
    well: bool,
    /// When the service last swept.
    last_sweep: Option<Timestamp>,
    /// The policies in force; none if the service never ran.
    policies: Option<Policies>,
    /// The last restoration of the store, while nothing is done because of it.
    restored: Option<Restoration>,
    /// What operators have frozen, by what.
    frozen: BTreeMap<Deed, Freeze>,
    /// The embargoes of the configuration that are in force.
    embargoes: Vec<InForce>,
    /// What holds leases back, and how many, as the last sweep found it.
    breakers: Breakers,
    /// What panicked within the last day, if anything did: a mistake of ours.
    panicked: Option<Panic>,
    /// Since when the clock is doubted, if it is.
    clock_doubted: Option<Timestamp>,
    /// The limits of the day.
    day_limits: BTreeMap<Deed, DayLimit>,
    /// The forges of the configuration.
    forges: BTreeMap<ForgeName, Forge>,
    #[serde(flatten)]
    figures: Figures,
}

/// An embargo that holds something back now.
#[derive(Serialize)]
struct InForce {
    what: BTreeSet<Deed>,
    /// For machines of these cookbooks; of all when it is absent.
    cookbooks: Option<Vec<CookbookName>>,
    reason: String,
    until: Timestamp,
}

/// What the service judges by.
#[derive(Serialize)]
struct Policies {
    #[serde(flatten)]
    remembered: Remembered,
    /// What stands under the names of cookbooks that are gone.
    orphaned: Vec<Orphaned>,
}

impl Policies {
    /// Whether the last reload went well, and no request waits for a cookbook
    /// that is gone.
    fn well(&self) -> bool {
        self.remembered.problem.is_none() && self.orphaned.iter().all(|orphan| orphan.requests == 0)
    }
}

/// How much of a limit is used.
#[derive(Serialize)]
struct DayLimit {
    /// So many were done, or have begun, within 24 hours.
    used: u64,
    /// So many may be.
    most: u64,
    /// When there is a place again, if there is none.
    place_at: Option<Timestamp>,
}

/// How a forge is doing.
#[derive(Serialize)]
struct Forge {
    /// Whether it needs nobody.
    well: bool,
    /// When it last answered a poll.
    last_answer: Option<Timestamp>,
    /// When what we sign in with ends, if that is known and it does.
    credential_ends: Option<Timestamp>,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let config = Config::load(&arguments.config, &config::environment())?;
    let status = runtime()?.block_on(read(&config))?;
    if arguments.json {
        output::line(serde_json::to_string_pretty(&status)?);
    } else {
        print(&status, &config.calendar);
    }
    Ok(if status.well { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn read(config: &Config) -> anyhow::Result<Status> {
    let store = compose::present_store(config).await?;
    let now = SystemClock.now();
    let last_sweep = store.moment(HEARTBEAT).await?;
    let gap: TimeDelta = config.schedule.sweep.longest_gap(now, 50) * 2;
    let runs = last_sweep.is_some_and(|at| now - at <= gap);
    let mut forges = BTreeMap::new();
    for name in config.forges.keys() {
        let forge = forge(config, store.as_ref(), name, now).await?;
        forges.insert(name.clone(), forge);
    }
    let policies = if let Some(remembered) = Remembered::read(store.as_ref()).await? {
        let orphaned = remembered.orphaned(store.as_ref()).await?;
        Some(Policies { remembered, orphaned })
    } else {
        store.each_live_lease(&mut |_| ()).await?;
        None
    };
    // All leases have been read by now: that is how those are found that cannot be.
    let figures = store.figures(now).await?;
    let restored = Restoration::read(store.as_ref()).await?;
    let restored = restored.filter(Restoration::stands);
    let panicked = Panic::latest(store.as_ref()).await?;
    let panicked = panicked.filter(|panic| now - panic.at < DAY);
    let clock_doubted = clock_doubt(store.as_ref(), now, false).await?;
    let clock_doubted = clock_doubted.map(|doubt| doubt.since);
    let breakers = breakers(store.as_ref()).await?;
    let well = runs
        && restored.is_none()
        && clock_doubted.is_none()
        && panicked.as_ref().is_none_or(|panic| now - panic.at > PANIC_IS_NEWS)
        && figures.effects_buried == 0
        && figures.leases_unreadable.is_empty()
        && forges.values().all(|forge| forge.well)
        && policies.as_ref().is_none_or(Policies::well);
    let freezes = store.freezes().await?;
    let frozen = freezes.in_force(now).map(|(deed, freeze)| (deed, freeze.clone())).collect();
    let day_limits = day_limits(config, store.as_ref(), now).await?;
    let embargoes = config.embargoes.iter().filter_map(|embargo| {
        Some(InForce {
            what: embargo.deeds.clone(),
            cookbooks: embargo.cookbooks.clone(),
            reason: embargo.reason.clone(),
            until: embargo.window.around(now)?.end,
        })
    });
    let embargoes = embargoes.collect();
    Ok(Status {
        well,
        last_sweep,
        policies,
        restored,
        frozen,
        embargoes,
        breakers,
        panicked,
        clock_doubted,
        day_limits,
        forges,
        figures,
    })
}

async fn day_limits(
    config: &Config,
    store: &dyn Store,
    now: Timestamp,
) -> Result<BTreeMap<Deed, DayLimit>, PortError> {
    let mut limits = BTreeMap::new();
    for (deed, kind, most) in [
        (Deed::Create, EffectKind::Create, config.limits.creations_per_day),
        (Deed::Destroy, EffectKind::Destroy, config.limits.destroys_per_day),
    ] {
        let used = store.used(kind, now - DAY).await?;
        let place_at = used.place_at(most, DAY);
        limits.insert(deed, DayLimit { used: used.count(), most, place_at });
    }
    Ok(limits)
}

async fn forge(
    config: &Config,
    store: &dyn Store,
    name: &ForgeName,
    now: Timestamp,
) -> Result<Forge, PortError> {
    let last_answer = store.moment(&forge_moment(name)).await?;
    let credential_ends =
        store.moment(&credential::ends(name)).await?.filter(|at| *at < credential::ENDLESS);
    let gap: TimeDelta = config.schedule.poll.longest_gap(now, 50) * 2;
    let answers = last_answer.is_some_and(|at| now - at <= gap);
    let lasts = credential_ends.is_none_or(|at| at - now > credential::URGENT);
    Ok(Forge { well: answers && lasts, last_answer, credential_ends })
}

fn print_policies(policies: &Policies, paint: Paint) {
    let Policies { remembered, orphaned } = policies;
    let commit = remembered.commit.as_ref().map(|commit| format!(" of commit {commit}"));
    output::line(format_args!(
        "policies: version {}{}, {} cookbooks, in force since {}",
        remembered.version.short(),
        commit.unwrap_or_default(),
        remembered.cookbooks.len(),
        remembered.since
    ));
    if let Some(problem) = &remembered.problem {
        let what = format!("  the reload at {} failed, and changed nothing:", remembered.read_at);
        output::line(paint.red(&what));
        for line in problem.lines() {
            output::line(format_args!("    {}", printable(line)));
        }
    }
    for orphan in orphaned {
        let line = format!(
            "  cookbook `{}` is gone: {} open requests wait for it, {} leases keep their terms",
            orphan.cookbook, orphan.requests, orphan.leases
        );
        output::line(if orphan.requests > 0 { paint.red(&line) } else { paint.yellow(&line) });
    }
}

fn print(status: &Status, calendar: &Calendar) {
    let paint = Paint::new();
    let figures = &status.figures;
    let word = if status.well { paint.green("well") } else { paint.red("needs a person") };
    let swept = status.last_sweep.map_or_else(|| "never".to_owned(), |at| at.to_string());
    output::line(format_args!("{word}, last sweep {swept}"));
    if let Some(policies) = &status.policies {
        print_policies(policies, paint);
    }
    if let Some(restored) = &status.restored {
        output::line(paint.red(&format!(
            "restored at {} as of {}: it only listens; look at `innkeeper reconcile`, then \
             `innkeeper reconcile --go-on`",
            calendar.absolute(restored.restored_at),
            calendar.absolute(restored.taken_at)
        )));
    }
    for (deed, freeze) in &status.frozen {
        let since = calendar.absolute(freeze.since);
        let until = freeze
            .until
            .map_or_else(|| "somebody thaws it".to_owned(), |until| calendar.absolute(until));
        let reason = printable(&freeze.reason);
        let line = format!("frozen: {deed}, since {since} until {until}: {reason}");
        output::line(paint.yellow(&line));
    }
    for embargo in &status.embargoes {
        let what: Vec<&str> = embargo.what.iter().map(|deed| deed.word()).collect();
        let until = calendar.absolute(embargo.until);
        let reason = printable(&embargo.reason);
        let line = format!("embargo: {}, until {until}: {reason}", what.join(", "));
        output::line(paint.yellow(&line));
    }
    if let Some(panic) = &status.panicked {
        let (task, at) = (printable(&panic.task), calendar.absolute(panic.at));
        let reference = printable(&panic.reference);
        let line = format!("a mistake of ours: {task} panicked at {at}, in the log as {reference}");
        output::line(paint.red(&line));
    }
    if let Some(since) = status.clock_doubted {
        let since = calendar.absolute(since);
        let line = format!("the clock is doubted since {since}: see `innkeeper thaw --clock`");
        output::line(paint.red(&line));
    }
    for (breaker, holding) in &status.breakers {
        let since = calendar.absolute(holding.since);
        let line =
            format!("held back by {}: {} leases, since {since}", breaker.word(), holding.held);
        output::line(paint.yellow(&line));
    }
    for (name, forge) in &status.forges {
        let answered = forge.last_answer.map_or_else(|| "never".to_owned(), |at| at.to_string());
        let ends = forge
            .credential_ends
            .map(|at| format!(", its token ends {}", at.date_naive()))
            .unwrap_or_default();
        let line = format!("forge {name}: last answered {answered}{ends}");
        output::line(if forge.well { line } else { paint.red(&line) });
    }
    for (what, states) in [("requests", &figures.requests), ("leases", &figures.leases)] {
        let counts: Vec<String> =
            states.iter().map(|(state, count)| format!("{count} {state}")).collect();
        let counts = if counts.is_empty() { "none".to_owned() } else { counts.join(", ") };
        output::line(format_args!("{what}: {counts}"));
    }
    let limits: Vec<String> = status
        .day_limits
        .iter()
        .map(|(deed, limit)| {
            let place = limit.place_at.map(|at| format!(" (next after {})", calendar.absolute(at)));
            let place = place.unwrap_or_default();
            format!("{} of {} {}{place}", limit.used, limit.most, deed.done())
        })
        .collect();
    output::line(format_args!("within 24 hours: {}", limits.join(", ")));
    output::line(format_args!(
        "waiting: {} looks (oldest {} s), {} effects (oldest {} s)",
        figures.looks_waiting,
        figures.oldest_look_seconds,
        figures.effects_pending,
        figures.oldest_effect_seconds
    ));
    if !figures.leases_unreadable.is_empty() {
        let count = figures.leases_unreadable.len();
        output::line(paint.red(&format!("set aside, a person is needed: {count} leases")));
        for lease in &figures.leases_unreadable {
            output::line(format_args!("  {}", printable(lease)));
        }
    }
    if figures.effects_buried > 0 {
        let count = figures.effects_buried;
        output::line(paint.red(&format!("given up, a person is needed: {count}")));
        for buried in &figures.buried {
            output::line(format_args!("  {}", printable(buried)));
        }
        output::line("  see `innkeeper queue list`");
    }
}
