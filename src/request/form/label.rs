//! Headings and labels matched to fields.

use std::collections::BTreeMap;

use crate::{
    cookbook::Field,
    quantity::{Unit, written::tidy},
    request::value::date::DateOrder,
};

/// A heading or label as it was written, ready to be compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Label {
    /// Letter case, spaces, quotes and trailing marks folded.
    folded: String,
    /// The same without a parenthesised ending or a unit.
    bare: String,
    /// A unit in the ending: `(in GB)`.
    pub(super) unit: Option<String>,
    /// An order of dates in the ending: `MM/DD/YYYY`.
    pub(super) date_order: Option<DateOrder>,
}

/// Longer lines are no labels, and are not worth folding.
const MAX_LABEL: usize = 300;

impl Label {
    pub(super) fn new(text: &str) -> Self {
        let folded = if text.len() > MAX_LABEL { String::new() } else { fold(text) };
        let (mut bare, mut unit, mut date_order) = (folded.clone(), None, None);
        while let Some((rest, ending)) = split_ending(&bare) {
            let ending = ending.trim_start_matches("in ").trim();
            if Unit::parse(ending).is_some() || is_time_unit(ending) {
                unit.get_or_insert_with(|| ending.to_owned());
            }
            date_order = date_order.or(order(ending));
            bare = fold(rest);
        }
        Self { folded, bare, unit, date_order }
    }
}

/// Every way to name a field, folded once: a body may have thousands of lines
/// that could be labels.
#[derive(Debug)]
pub(super) struct Names {
    folded: BTreeMap<String, usize>,
    bare: BTreeMap<String, usize>,
}

impl Names {
    /// Labels, aliases and names of these fields. Where two fields share one,
    /// the first has it.
    pub(super) fn of(fields: &[Field]) -> Self {
        let mut names = Self { folded: BTreeMap::new(), bare: BTreeMap::new() };
        for (index, field) in fields.iter().enumerate() {
            let spaced = field.name.as_str().replace('_', " ");
            let aliases = field.aliases.iter().map(String::as_str);
            for name in aliases.chain([field.label.as_str(), field.name.as_str(), &spaced]) {
                let label = Label::new(name);
                names.folded.entry(label.folded).or_insert(index);
                names.bare.entry(label.bare).or_insert(index);
            }
        }
        names.folded.remove("");
        names.bare.remove("");
        names
    }

    /// The index of the field this means: by the exact label if one matches,
    /// else without units and remarks.
    pub(super) fn field(&self, label: &Label) -> Option<usize> {
        self.folded.get(&label.folded).or_else(|| self.bare.get(&label.bare)).copied()
    }
}

fn fold(text: &str) -> String {
    let plain = tidy(text).to_lowercase().replace(['\u{2018}', '\u{2019}'], "'");
    let plain =
        plain.replace(['\u{201c}', '\u{201d}'], "\"").replace(['\u{2010}', '\u{2011}'], "-");
    let marks = |character: char| {
        matches!(character, ':' | '*' | '_' | '#' | '?' | '.' | '!' | '`' | '"' | '\'')
    };
    plain.trim_matches(|character: char| marks(character) || character == ' ').to_owned()
}

/// `memory (in gb)` as `memory` and `in gb`; also a unit or a form of dates
/// without parentheses.
fn split_ending(text: &str) -> Option<(&str, &str)> {
    for (open, close) in [('(', ')'), ('[', ']')] {
        if let Some((rest, ending)) =
            text.strip_suffix(close).and_then(|text| text.rsplit_once(open))
        {
            return Some((rest, ending));
        }
    }
    let (rest, last) = text.rsplit_once(' ')?;
    if order(last).is_some() || last == "yyyy-mm-dd" {
        return Some((rest, last));
    }
    let unit = Unit::parse(last).is_some() || is_time_unit(last);
    rest.strip_suffix(" in").filter(|_| unit).map(|rest| (rest, last))
}

fn is_time_unit(text: &str) -> bool {
    matches!(text, "day" | "days" | "week" | "weeks" | "month" | "months" | "year" | "years")
}

fn order(text: &str) -> Option<DateOrder> {
    match text {
        "mm/dd/yyyy" | "mm-dd-yyyy" | "m/d/yyyy" => Some(DateOrder::MonthFirst),
        "dd/mm/yyyy" | "dd-mm-yyyy" | "d/m/yyyy" => Some(DateOrder::DayFirst),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{DateOrder, Label, fold};

    #[test]
    fn the_ways_to_write_a_label_fold_together() {
        for text in ["Who\u{2019}s the Owner?", "who's  the owner:", "**Who\u{a0}'s**"] {
            let folded = fold(text);
            assert!(folded == "who's the owner" || folded == "who 's", "{folded}");
        }
        assert_eq!(fold("Fall\u{2011}back **"), "fall-back");
        assert_eq!(fold("\u{201c}I understand\u{201d}:"), "i understand");
    }

    #[test]
    fn units_and_orders_in_the_label_are_kept_apart() {
        for (text, bare, unit, date_order) in [
            ("Amount of memory per VM (in GB):", "amount of memory per vm", Some("gb"), None),
            ("Disk [GiB] *", "disk", Some("gib"), None),
            ("Memory in MB", "memory", Some("mb"), None),
            ("Lifetime (days)", "lifetime", Some("days"), None),
            ("EOL Date MM/DD/YYYY:", "eol date", None, Some(DateOrder::MonthFirst)),
            ("Until (DD/MM/YYYY)", "until", None, Some(DateOrder::DayFirst)),
            ("Owner (optional)", "owner", None, None),
            ("Anything in days gone by", "anything in days gone by", None, None),
        ] {
            let label = Label::new(text);
            assert_eq!(label.bare, bare);
            assert_eq!(label.unit.as_deref(), unit);
            assert_eq!(label.date_order, date_order);
        }
    }
}
