//! The calendar, and the times in which something is held back.

use std::{collections::BTreeSet, fs, path::PathBuf};

use chrono::{NaiveDate, NaiveDateTime};
use chrono_tz::Tz;
use toml::value::{Datetime, Offset};

use super::Checker;
use crate::{
    brake::{Deed, Embargo},
    calendar::{Calendar, CalendarRules, Days, Hours, Window, holidays},
    config::keys::{CalendarKeys, EmbargoKeys},
    cookbook::diagnostic::{Diagnostic, nearest},
    identity::CookbookName,
};

/// The longest reason, in characters: it stands on issues.
const LONGEST_REASON: usize = 200;

/// The longest time that comes again every year, in days. Longer, and there is
/// hardly a day left for deadlines.
const LONGEST_YEARLY: i64 = 300;

impl Checker<'_> {
    pub(super) fn calendar(&mut self, keys: &CalendarKeys) -> Option<Calendar> {
        let mut days_off = BTreeSet::new();
        for (index, written) in keys.holidays.iter().enumerate() {
            match day(written) {
                Some(day) => _ = days_off.insert(day),
                None => self.wrong(
                    &["calendar", "holidays", &index.to_string()],
                    format!("`{written}` is not a day"),
                    "write the date alone, e.g. 2026-12-25",
                ),
            }
        }
        if let Some(path) = &keys.holidays_file {
            days_off.extend(self.holidays_file(path));
        }
        let hours = self.keep(&["calendar", "hours"], Hours::parse(&keys.hours));
        let days = self.days(&keys.days);
        let calendar = Calendar::from_parts(&keys.time_zone, days_off);
        let calendar = self.keep(&["calendar", "time_zone"], calendar)?;
        Some(CalendarRules { hours, days, ..CalendarRules::default() }.over(&calendar))
    }

    fn days(&mut self, written: &[String]) -> Option<Days> {
        let days: Vec<_> = written
            .iter()
            .enumerate()
            .filter_map(|(index, text)| {
                let path = ["calendar", "days", &index.to_string()];
                self.keep(&path, Days::parse_one(text))
            })
            .collect();
        if written.is_empty() {
            let message = "nobody ever works, so nothing would ever be stopped or destroyed";
            self.wrong(&["calendar", "days"], message, "e.g. `days = [\"Mon\", \"Tue\"]`");
        }
        Days::of(days)
    }

    fn holidays_file(&mut self, path: &PathBuf) -> BTreeSet<NaiveDate> {
        let key = ["calendar", "holidays_file"];
        let text = match fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) => {
                let message = format!("{} cannot be read: {error}", path.display());
                self.wrong(&key, message, "name an iCalendar file that the service may read");
                return BTreeSet::new();
            }
        };
        let name = path.display().to_string();
        holidays::read(&text).unwrap_or_else(|mistakes| {
            let found = mistakes.into_iter();
            self.found.extend(found.map(|m| Diagnostic::at(&name, &text, m.at, m.message)));
            BTreeSet::new()
        })
    }

    pub(super) fn embargoes(&mut self, keys: &[EmbargoKeys], zone: Tz) -> Vec<Embargo> {
        let mut embargoes: Vec<Embargo> = Vec::new();
        for (index, keys) in keys.iter().enumerate() {
            let Some(embargo) = self.embargo(&index.to_string(), keys, zone) else { continue };
            if let Some(other) = embargoes.iter().find(|other| other.overlaps(&embargo)) {
                self.warnings.push(format!(
                    "{}: this [[embargo]] overlaps the one at {}; whatever both hold back waits \
                     for the later end",
                    embargo.place, other.place
                ));
            }
            embargoes.push(embargo);
        }
        embargoes
    }

    fn embargo(&mut self, index: &str, keys: &EmbargoKeys, zone: Tz) -> Option<Embargo> {
        let reason = self.reason(index, keys.reason.as_deref());
        let from = self.edge(index, "from", keys.from.as_ref());
        let to = self.edge(index, "to", keys.to.as_ref());
        let deeds = self.deeds(index, &keys.what);
        let yearly = match keys.every.as_deref() {
            None => Some(false),
            Some("year") => Some(true),
            Some(other) => {
                let message = format!("`{other}` is not how often an embargo can come again");
                self.wrong(&["embargo", index, "every"], message, "`every = \"year\"`, or nothing");
                None
            }
        };
        let cookbooks = keys.cookbooks.as_ref().map(|names| {
            if names.is_empty() {
                let message = "this embargo is for no cookbook";
                let help = "leave the key out, and it is for all";
                self.wrong(&["embargo", index, "cookbooks"], message, help);
            }
            names.iter().map(|name| CookbookName(name.clone())).collect()
        });
        let (from, to) = (from?.0, to?.1);
        if to <= from {
            let message = "this embargo ends before it begins";
            self.wrong(&["embargo", index, "to"], message, "`to` is its last day, or a later time");
            return None;
        }
        let yearly = yearly?;
        if yearly && (to - from).num_days() > LONGEST_YEARLY {
            let message = format!("what comes every year lasts {LONGEST_YEARLY} days at most");
            self.wrong(&["embargo", index, "to"], message, "leave time for what waits");
            return None;
        }
        let place = self.document.line_of(&["embargo", index]);
        let window = Window { zone, from, to, yearly };
        Some(Embargo { reason: reason?, window, deeds, cookbooks, place })
    }

    fn reason(&mut self, index: &str, written: Option<&str>) -> Option<String> {
        let path = ["embargo", index, "reason"];
        let help = "why, for everybody who waits, e.g. `reason = \"nobody is in the office\"`";
        let Some(written) = written else {
            self.wrong(&path, "this [[embargo]] lacks `reason`", help);
            return None;
        };
        // It is put into a sentence.
        let reason = written.trim().trim_end_matches(['.', '!']).trim_end();
        let length = reason.chars().count();
        if reason.is_empty() || reason.contains(char::is_control) || length > LONGEST_REASON {
            let message = format!("a reason is one line of {LONGEST_REASON} characters at most");
            self.wrong(&path, message, help);
            return None;
        }
        Some(reason.to_owned())
    }

    /// The moment as the beginning and as the end of a time: a day that ends
    /// it is part of it.
    fn edge(
        &mut self,
        index: &str,
        key: &str,
        written: Option<&Datetime>,
    ) -> Option<(NaiveDateTime, NaiveDateTime)> {
        let path = ["embargo", index, key];
        let help =
            "a day, e.g. 2026-12-20, or a time in the calendar's zone, e.g. 2026-12-20T18:00:00";
        let Some(written) = written else {
            self.wrong(&path, format!("this [[embargo]] lacks `{key}`"), help);
            return None;
        };
        let edges = match written.offset {
            None => local(written),
            Some(Offset::Z | Offset::Custom { .. }) => None,
        };
        if edges.is_none() {
            self.wrong(&path, format!("`{written}` is neither a day nor a local time"), help);
        }
        edges
    }

    fn deeds(&mut self, index: &str, words: &[String]) -> BTreeSet<Deed> {
        let known = Deed::ALL.map(Deed::word);
        if words.is_empty() {
            let message = "this embargo holds nothing back";
            self.wrong(&["embargo", index, "what"], message, format!("one or more of {known:?}"));
        }
        let mut deeds = BTreeSet::new();
        for (place, word) in words.iter().enumerate() {
            if let Some(deed) = Deed::of_word(word) {
                deeds.insert(deed);
                continue;
            }
            let help = match nearest(word, known) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("there is `{}`", known.join("`, `")),
            };
            let path = ["embargo", index, "what", &place.to_string()];
            self.wrong(&path, format!("`{word}` cannot be held back"), help);
        }
        deeds
    }
}

fn day(written: &Datetime) -> Option<NaiveDate> {
    match written {
        Datetime { date: Some(date), time: None, offset: None } => {
            NaiveDate::from_ymd_opt(date.year.into(), date.month.into(), date.day.into())
        }
        _ => None,
    }
}

fn local(written: &Datetime) -> Option<(NaiveDateTime, NaiveDateTime)> {
    let date = day(&Datetime { time: None, offset: None, ..*written })?;
    let Some(time) = written.time else {
        return Some((date.and_hms_opt(0, 0, 0)?, date.succ_opt()?.and_hms_opt(0, 0, 0)?));
    };
    let second = time.second.unwrap_or_default().into();
    let moment = date.and_hms_opt(time.hour.into(), time.minute.into(), second)?;
    Some((moment, moment))
}
