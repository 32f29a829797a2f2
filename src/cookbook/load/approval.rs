//! `[approval]`: who decides.

use super::{
    reader::{At, Table},
    sections::principals,
};
use crate::{
    cookbook::{AlsoApproval, Approval, Principal},
    policy::expression::Schema,
};

/// The most people who can be asked to agree on one request.
const MOST: u64 = 10;

/// `[approval]` with its `[[approval.also]]`.
pub(super) fn read(table: &Table<'_>, schema: Option<&Schema>) -> Approval {
    let by = principals(table, "by = [\"group:tpo/tpa\"]").unwrap_or_default();
    let count = table.number("count");
    let own = table.boolean("own");
    let unless = table.condition("unless", schema);
    let tables = table.tables("also", "[[approval.also]]", "id");
    table.finish();
    let help = "use `unless` for requests nobody needs to look at";
    let count = how_many(table, count.as_ref(), &by, help);
    let also: Vec<AlsoApproval> = tables.iter().map(|table| also(table, schema)).collect();
    if unless.is_some()
        && let Some((_, always)) = also
            .iter()
            .zip(&tables)
            .find(|(also, table)| also.when.is_none() && table.value("when").is_none())
    {
        table.file.report_with(
            &always.span,
            "with this nobody's approval is ever automatic, but there is an `unless`",
            "say `when` it is needed, or take `unless` out",
        );
    }
    Approval { by, count, own: own.is_some_and(|own| own.value), unless, also }
}

fn also(table: &Table<'_>, schema: Option<&Schema>) -> AlsoApproval {
    let by = principals(table, "by = [\"group:tpo/security\"]").unwrap_or_default();
    let count = table.number("count");
    let own = table.boolean("own");
    let when = table.condition("when", schema);
    let reason = table.line_of_text("reason");
    table.finish();
    let help = "say `when` it is needed, or take it out";
    AlsoApproval {
        when,
        count: how_many(table, count.as_ref(), &by, help),
        by,
        own: own.is_some_and(|own| own.value),
        reason: reason.map(|reason| reason.value),
        file: table.file.name(&table.span).to_owned(),
        line: table.file.line(&table.span),
    }
}

/// How many of these people must approve.
fn how_many(table: &Table<'_>, count: Option<&At<u64>>, by: &[Principal], none: &str) -> usize {
    let Some(count) = count else { return 1 };
    let people = by.iter().all(|principal| matches!(principal, Principal::User(_)));
    if count.value == 0 {
        table.file.report_with(&count.span, "at least one person must approve", none);
    } else if people && !by.is_empty() && count.value > by.len() as u64 {
        let message = format!("{} must approve, but `by` names {}", count.value, by.len());
        table.file.report_with(&count.span, message, "name more people, or ask for fewer");
    } else if count.value > MOST {
        let message = format!("more than {MOST} approvals cannot be asked for");
        table.file.report(&count.span, message);
    }
    usize::try_from(count.value).unwrap_or(usize::MAX)
}
