//! `[lifetime]`: how long machines live, and with how much notice they go.

use super::reader::{At, Table};
use crate::{
    cookbook::Terms,
    quantity::{Delay, Lifetime},
};

const HOUR: u32 = 60;
const DAY: u32 = 24 * HOUR;

/// The most extensions that can be meant.
const MOST_EXTENSIONS: u32 = 1000;

fn minutes(minutes: u32) -> Delay {
    Delay::new(minutes).unwrap_or(Delay::MAX)
}

/// Reads the section. What is missing or wrong has been reported, and stands
/// as its default, so that the rest can still be checked.
pub(super) fn read(table: &Table<'_>) -> Terms {
    for (key, example) in [("default", "default = \"14d\""), ("max", "max = \"30d\"")] {
        if table.value(key).is_none() {
            table.missing(key, example);
        }
    }
    let default = table.read("default", Lifetime::parse);
    let max = table.read("max", Lifetime::parse);
    let total = table.read("total", Lifetime::parse);
    let warn = table.read_all("warn", Delay::parse);
    let grace = table.read("grace", Delay::parse);
    let backups = table.read("backups", Delay::parse);
    let min_notice = table.read("min_notice", Delay::parse);
    let extensions = extensions(table);
    table.finish();

    ordered(table, "default", default.as_ref(), "max", max.as_ref());
    ordered(table, "max", max.as_ref(), "total", total.as_ref());
    if max.is_none() {
        ordered(table, "default", default.as_ref(), "total", total.as_ref());
    }
    if let Some(notice) = &min_notice
        && notice.value < minutes(HOUR)
    {
        let message = "nobody can act on less than an hour's notice";
        table.file.report_with(&notice.span, message, "write at least `min_notice = \"1h\"`");
    }
    let notice = min_notice.as_ref().map_or(minutes(DAY), |notice| notice.value);
    let warn = warnings(table, warn, notice);
    if let Some(grace) = &grace
        && grace.value < notice
    {
        let message =
            format!("the grace of {} is shorter than `min_notice`, {notice}", grace.value);
        let help = "a stopped machine is announced to be destroyed at least `min_notice` before";
        table.file.report_with(&grace.span, message, help);
    }

    let default = default.map_or(Lifetime::MIN, |default| default.value);
    let max = max.map_or(default, |max| max.value);
    Terms {
        default,
        max,
        total: total.map_or(max, |total| total.value),
        extensions,
        warn,
        min_notice: notice,
        grace: grace.map_or(minutes(3 * DAY), |grace| grace.value),
        backups: backups.map_or(minutes(30 * DAY), |backups| backups.value),
    }
}

/// How often owners extend alone.
fn extensions(table: &Table<'_>) -> Option<u32> {
    let most = table.number("extensions")?;
    let number = u32::try_from(most.value).ok().filter(|number| *number <= MOST_EXTENSIONS);
    if number.is_none() {
        let message = format!("more than {MOST_EXTENSIONS} extensions are no limit");
        let help = "leave `extensions` out: `total` limits them all the same";
        table.file.report_with(&most.span, message, help);
    }
    number
}

/// Reports when the first is longer than the second.
fn ordered(
    table: &Table<'_>,
    shorter: &str,
    a: Option<&At<Lifetime>>,
    longer: &str,
    b: Option<&At<Lifetime>>,
) {
    let (Some(a), Some(b)) = (a, b) else { return };
    if a.value > b.value {
        let message = format!("`{shorter}` is {}, longer than `{longer}`, {}", a.value, b.value);
        let help = format!("`{shorter}` must not be longer than `{longer}`");
        table.file.report_with(&a.span, message, help);
    }
}

/// The warnings, longest first.
fn warnings(table: &Table<'_>, warn: Option<At<Vec<At<Delay>>>>, notice: Delay) -> Vec<Delay> {
    let Some(warn) = warn else {
        // The usual ones, as far as they are early enough.
        let usual = [minutes(7 * DAY), minutes(DAY)];
        let mut leads: Vec<Delay> = usual.into_iter().filter(|lead| *lead >= notice).collect();
        if leads.is_empty() {
            leads.push(notice);
        }
        return leads;
    };
    if warn.value.is_empty() {
        let message = "a machine must be warned about at least once before it is stopped";
        table.file.report_with(&warn.span, message, "write for example `warn = [\"7d\", \"1d\"]`");
    }
    let mut leads = Vec::new();
    for lead in warn.value {
        if lead.value < notice {
            let message =
                format!("a warning {} before is shorter than `min_notice`, {notice}", lead.value);
            let help = "warn earlier, or set a shorter `min_notice`";
            table.file.report_with(&lead.span, message, help);
        }
        if leads.contains(&lead.value) {
            table.file.report(&lead.span, "this warning is listed twice");
        }
        leads.push(lead.value);
    }
    leads.sort_unstable_by(|a, b| b.cmp(a));
    leads
}
