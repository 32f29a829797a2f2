//! `[calendar]`: when the people are there that a cookbook's machines are for.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;

use super::reader::Table;
use crate::{
    calendar::{CalendarRules, Days, Hours, holidays, zone},
    cookbook::diagnostic::{Diagnostic, nearest},
};

/// Files beside the cookbooks, by name, and what was found wrong with them.
pub(super) struct Beside<'a> {
    pub(super) texts: BTreeMap<&'a str, &'a str>,
    pub(super) found: Vec<Diagnostic>,
}

/// What the table says; mistakes in the file of holidays go to `beside`.
pub(super) fn read(table: &Table<'_>, beside: &mut Beside<'_>) -> CalendarRules {
    let zone = table.read("time_zone", zone);
    let hours = table.read("hours", Hours::parse);
    let days = table.read_all("days", Days::parse_one);
    let dates = table.dates("holidays");
    let file = table.text("holidays_file");
    table.finish();
    if let Some(days) = &days
        && days.value.is_empty()
    {
        let message = "nobody ever works, so nothing would ever be stopped or destroyed";
        table.file.report_with(&days.span, message, "e.g. `days = [\"Mon\", \"Tue\"]`");
    }
    let mut off: Option<BTreeSet<NaiveDate>> = dates.map(|dates| dates.into_iter().collect());
    if let Some(file) = file {
        let texts = beside.texts.iter().find(|(name, _)| **name == file.value);
        if let Some((name, text)) = texts {
            match holidays::read(text) {
                Ok(days) => off.get_or_insert_default().extend(days),
                Err(mistakes) => beside.found.extend(
                    mistakes.into_iter().map(|m| Diagnostic::at(name, text, m.at, m.message)),
                ),
            }
        } else {
            let help = match nearest(&file.value, beside.texts.keys().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => "put it beside the cookbooks, and name it without a folder".to_owned(),
            };
            let message = format!("there is no file `{}` beside the cookbooks", file.value);
            table.file.report_with(&file.span, message, help);
        }
    }
    CalendarRules {
        zone: zone.map(|zone| zone.value),
        hours: hours.map(|hours| hours.value),
        days: days.and_then(|days| Days::of(days.value.into_iter().map(|day| day.value))),
        holidays: off,
    }
}
