//! Stretches of local time, once or every year.

use std::ops::Range;

use chrono::{Datelike as _, Months, NaiveDateTime};
use chrono_tz::Tz;

use super::first_moment;
use crate::identity::Timestamp;

/// From one local moment to another, which is excluded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Window {
    /// The clocks that count.
    pub zone: Tz,
    /// When it begins, the first time.
    pub from: NaiveDateTime,
    /// When it is over, the first time.
    pub to: NaiveDateTime,
    /// Whether it comes again every year from then on.
    pub yearly: bool,
}

impl Window {
    /// The stretch that moment lies in.
    #[must_use]
    pub fn around(&self, at: Timestamp) -> Option<Range<Timestamp>> {
        let years = at.with_timezone(&self.zone).year() - self.from.year();
        // It may have begun last year.
        [years - 1, years]
            .into_iter()
            .filter_map(|year| self.occurrence(year))
            .find(|stretch| stretch.contains(&at))
    }

    /// When the last of it is over; `None` if it comes again and again.
    #[must_use]
    pub fn end(&self) -> Option<Timestamp> {
        (!self.yearly).then(|| first_moment(self.zone, self.to))
    }

    /// Whether both hold at some moment.
    #[must_use]
    pub fn overlaps(&self, other: &Self) -> bool {
        // Two years beyond the later beginning, nothing new happens.
        let last = self.from.year().max(other.from.year()) + 2;
        let all = |window: &Self| {
            let years = 0..=(last - window.from.year());
            years.filter_map(|year| window.occurrence(year)).collect::<Vec<_>>()
        };
        let others = all(other);
        all(self)
            .iter()
            .any(|one| others.iter().any(|two| one.start < two.end && two.start < one.end))
    }

    fn occurrence(&self, years: i32) -> Option<Range<Timestamp>> {
        let years = u32::try_from(years).ok().filter(|years| self.yearly || *years == 0)?;
        let moved = |local: NaiveDateTime| local.checked_add_months(Months::new(12 * years));
        let (from, to) = (moved(self.from)?, moved(self.to)?);
        Some(first_moment(self.zone, from)..first_moment(self.zone, to))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(from: &str, to: &str, yearly: bool) -> Window {
        let local = |text: &str| format!("{text}T00:00:00").parse().unwrap();
        Window { zone: Tz::Europe__Berlin, from: local(from), to: local(to), yearly }
    }

    #[test]
    fn a_window_over_new_year_comes_again_every_year() {
        let at = |text: &str| text.parse().unwrap();
        let yearly = window("2026-12-20", "2027-01-05", true);
        for inside in ["2026-12-19T23:00:00Z", "2027-01-04T22:59:00Z", "2030-01-01T00:00:00Z"] {
            assert!(yearly.around(at(inside)).is_some(), "{inside}");
        }
        for outside in ["2026-12-19T22:59:00Z", "2027-01-04T23:00:00Z", "2026-01-01T00:00:00Z"] {
            assert_eq!(yearly.around(at(outside)), None, "{outside}");
        }
        let stretch = yearly.around(at("2030-12-31T00:00:00Z")).unwrap();
        assert_eq!(stretch.end, at("2031-01-04T23:00:00Z"));
        assert_eq!(yearly.end(), None);
        let once = window("2026-12-20", "2027-01-05", false);
        assert_eq!(once.around(at("2030-01-01T00:00:00Z")), None);
        assert_eq!(once.end(), Some(at("2027-01-04T23:00:00Z")));
    }

    #[test]
    fn overlaps_are_found_across_years() {
        let christmas = window("2020-12-20", "2021-01-05", true);
        assert!(christmas.overlaps(&window("2026-12-30", "2027-01-02", false)));
        assert!(!christmas.overlaps(&window("2026-11-30", "2026-12-20", false)));
        assert!(!window("2026-12-30", "2027-01-02", false).overlaps(&window(
            "2027-12-30",
            "2028-01-02",
            false
        )));
        assert!(christmas.overlaps(&window("2026-01-04", "2026-01-06", true)));
    }
}
