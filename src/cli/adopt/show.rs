//! How machines and what becomes of them are shown. Names are the provider's
//! text, and may be anything.

use serde::Serialize;

use crate::{
    cli::output::{self, Paint, printable},
    engine::adopt::{
        Found, Prospect,
        report::{Entry, Report},
    },
    identity::ProviderName,
    machine::{Machine, Power},
    notice::adoption::{measured_disk, power_in_words, size_in_words},
    ports::PortError,
    quantity::Mebibytes,
};

/// A machine, and what became of it.
pub(super) struct Row {
    pub(super) machine: Machine,
    pub(super) outcome: Outcome,
}

/// What became of a machine.
pub(super) enum Outcome {
    /// Nothing: this is what it is.
    Is(Prospect),
    /// It was adopted.
    Done {
        /// Its issue's page.
        page: String,
    },
    /// It could not be.
    Failed {
        /// Why.
        why: String,
    },
    /// It was not reached before somebody ended the program.
    Left,
}

impl Outcome {
    pub(super) fn failed(error: &PortError) -> Self {
        let advice = error.advice.as_ref().map(|advice| format!(" ({advice})"));
        Self::Failed { why: format!("{}{}", error.chain(), advice.unwrap_or_default()) }
    }

    /// The word in `--json` output.
    fn word(&self) -> &'static str {
        match self {
            Self::Is(Prospect::Adoptable { .. }) => "adoptable",
            Self::Is(Prospect::Ours { .. }) => "ours",
            Self::Is(Prospect::Unconfirmed { .. }) => "unconfirmed",
            Self::Is(Prospect::Impossible { .. }) => "impossible",
            Self::Done { .. } => "adopted",
            Self::Failed { .. } => "failed",
            Self::Left => "left",
        }
    }

    fn page(&self) -> Option<&str> {
        match self {
            Self::Is(Prospect::Ours { page } | Prospect::Unconfirmed { page })
            | Self::Done { page } => Some(page),
            _ => None,
        }
    }

    fn why(&self) -> Option<&str> {
        match self {
            Self::Is(Prospect::Impossible { why }) | Self::Failed { why } => Some(why),
            _ => None,
        }
    }

    fn in_words(&self) -> String {
        match self {
            Self::Is(Prospect::Adoptable { protected_name: false }) => "would be adopted".into(),
            Self::Is(Prospect::Adoptable { protected_name: true }) => {
                "would be adopted; its name is protected, so it is never stopped or destroyed"
                    .into()
            }
            Self::Is(Prospect::Ours { page }) => format!("is ours already: {page}"),
            Self::Is(Prospect::Unconfirmed { page }) => {
                format!("is adopted already, not confirmed yet: {page}")
            }
            Self::Is(Prospect::Impossible { why }) => format!("cannot be adopted: {why}"),
            Self::Done { page } => format!("adopted: {page}"),
            Self::Failed { why } => format!("failed: {why}"),
            Self::Left => "left out: the program was to end; do it again to go on".into(),
        }
    }
}

impl Row {
    /// What would become of it.
    pub(super) fn planned(found: Found) -> Self {
        Self { machine: found.machine, outcome: Outcome::Is(found.prospect) }
    }
}

/// What `--json` prints.
#[derive(Serialize)]
struct Shown<'a> {
    provider: &'a ProviderName,
    /// Whether it was done, or only shown.
    applied: bool,
    machines: Vec<ShownMachine<'a>>,
}

#[derive(Serialize)]
struct ShownMachine<'a> {
    name: &'a str,
    uuid: String,
    power: Power,
    vcpus: Option<u16>,
    memory_mebibytes: Option<u64>,
    disk_mebibytes: Option<u64>,
    outcome: &'static str,
    /// Whether its name is on the operator's list.
    protected_name: bool,
    page: Option<&'a str>,
    why: Option<&'a str>,
}

impl<'a> ShownMachine<'a> {
    fn of(Row { machine, outcome }: &'a Row) -> Self {
        let shape = machine.shape;
        Self {
            name: machine.name.as_str(),
            uuid: machine.uuid.to_string(),
            power: machine.power,
            vcpus: shape.map(|shape| shape.vcpus.get()),
            memory_mebibytes: shape.map(|shape| shape.memory.get()),
            disk_mebibytes: shape.and_then(measured_disk).map(Mebibytes::get),
            outcome: outcome.word(),
            protected_name: matches!(
                outcome,
                Outcome::Is(Prospect::Adoptable { protected_name: true })
            ),
            page: outcome.page(),
            why: outcome.why(),
        }
    }
}

pub(super) fn json(
    provider: &ProviderName,
    applied: bool,
    rows: &[Row],
) -> serde_json::Result<String> {
    let machines = rows.iter().map(ShownMachine::of).collect();
    serde_json::to_string_pretty(&Shown { provider, applied, machines })
}

/// The table, and what to do next.
pub(super) fn table(rows: &[Row], applied: bool) {
    let paint = Paint::new();
    let cells: Vec<[String; 4]> = rows
        .iter()
        .map(|Row { machine, .. }| {
            [
                printable(machine.name.as_str()),
                power_in_words(machine.power).to_owned(),
                machine.shape.map_or_else(|| "-".to_owned(), size_in_words),
                machine.uuid.to_string(),
            ]
        })
        .collect();
    let head = ["NAME", "POWER", "SIZE", "UUID"];
    let width = |column: usize| {
        let of = |cells: &[String; 4]| cells.get(column).map_or(0, |cell| cell.chars().count());
        let head = head.get(column).map_or(0, |head| head.len());
        cells.iter().map(of).max().unwrap_or(0).max(head)
    };
    let widths = [width(0), width(1), width(2), width(3)];
    let line = |cells: [&str; 4]| {
        let [name, power, size, uuid] = cells;
        let [a, b, c, d] = widths;
        format!("{name:<a$}  {power:<b$}  {size:<c$}  {uuid:<d$}")
    };
    output::line(paint.bold(&format!("{}  WHAT", line(head))));
    for (row, cells) in rows.iter().zip(&cells) {
        let what = printable(&row.outcome.in_words());
        let what = match &row.outcome {
            Outcome::Done { .. } => paint.green(&what),
            Outcome::Failed { .. } | Outcome::Left => paint.red(&what),
            Outcome::Is(Prospect::Impossible { .. }) => paint.yellow(&what),
            Outcome::Is(Prospect::Adoptable { .. }) => what,
            Outcome::Is(_) => paint.dim(&what),
        };
        output::line(format_args!("{}  {what}", line(cells.each_ref().map(String::as_str))));
    }
    let count = |word: &str| rows.iter().filter(|row| row.outcome.word() == word).count();
    if applied {
        output::line(format_args!(
            "Adopted: {}. Nothing was touched on the provider; a sysadmin confirms each on its issue.",
            count("adopted")
        ));
    } else {
        output::line(format_args!(
            "{} would be adopted. Nothing was done: `--apply` does it, with `--project` and `--cookbook`, and `--all` or names.",
            count("adoptable")
        ));
    }
}

/// What somebody should look at.
pub(super) fn report(report: &Report) {
    let paint = Paint::new();
    let kinds: [(&str, &[Entry]); 4] = [
        ("on a provider, without a lease", &report.unknown),
        ("adopted, not confirmed", &report.unconfirmed),
        ("their time is up", &report.expired),
        ("without an owner", &report.ownerless),
    ];
    for (title, entries) in kinds {
        output::line(paint.bold(&format!("{title}: {}", entries.len())));
        for Entry { provider, machine, why, page, .. } in entries {
            let page = page.as_ref().map(|page| format!(" {page}")).unwrap_or_default();
            let line = format!("  {provider}/{machine}: {why}{page}");
            output::line(printable(&line));
        }
    }
    for (provider, why) in &report.unreachable {
        let line = format!("{provider} could not be asked: {why}");
        output::line(paint.red(&printable(&line)));
    }
}
