//! Steps, for people and for programs.

use serde::Serialize;

use super::Done;
use crate::{
    cli::output::{self, Paint, printable},
    identity::ForgeName,
    setup::{Place, State, Step},
};

/// What `--json` prints.
#[derive(Serialize)]
struct Report<'a> {
    forge: &'a str,
    project: &'a Place,
    /// Whether anything was to be done, and not only shown.
    applied: bool,
    /// Whether everything is as it should be.
    complete: bool,
    steps: &'a [Step],
}

fn count(steps: &[Step], state: State) -> usize {
    steps.iter().filter(|step| step.state == state).count()
}

fn is_complete(steps: &[Step]) -> bool {
    count(steps, State::ToDo) + count(steps, State::Cannot) == 0
}

pub(super) fn json(
    forge: &ForgeName,
    done: &Done,
    applied: bool,
) -> Result<String, serde_json::Error> {
    let Done { place, steps } = done;
    let complete = is_complete(steps);
    let forge = forge.as_str();
    serde_json::to_string_pretty(&Report { forge, project: place, applied, complete, steps })
}

pub(super) fn people(forge: &ForgeName, done: &Done, applied: bool) {
    let paint = Paint::new();
    let Done { place, steps } = done;
    let title = format!("{} on {forge}, project {}", printable(&place.path), place.id);
    output::line(paint.bold(&title));
    for step in steps {
        let word = match step.state {
            State::Ok => paint.green("ok    "),
            State::Done => paint.green("done  "),
            State::ToDo => paint.yellow("to do "),
            State::Cannot => paint.red("cannot"),
        };
        let about = step.about.to_string();
        output::line(format_args!("  {word}  {about:<9}  {}", printable(&step.what)));
    }
    let left: Vec<&str> = steps.iter().filter_map(|step| step.by_hand.as_deref()).collect();
    if !left.is_empty() {
        output::line(paint.bold("Left for a person:"));
        for what in left {
            output::line(format_args!("  - {}", printable(what)));
        }
    }
    output::line(summary(steps, applied, paint));
}

fn summary(steps: &[Step], applied: bool, paint: Paint) -> String {
    let (to_do, cannot) = (count(steps, State::ToDo), count(steps, State::Cannot));
    let done = count(steps, State::Done);
    match (applied, to_do, cannot) {
        (_, 0, 0) if done == 0 => paint.green("Everything is as it should be."),
        (_, 0, 0) => paint.green(&format!("Done: {done}.")),
        (false, 0, _) => paint.red(&format!("Nothing was changed. Cannot be done: {cannot}.")),
        (false, _, 0) => {
            paint.yellow(&format!("Nothing was changed. To do: {to_do}; `--apply` does it."))
        }
        (false, ..) => paint.yellow(&format!(
            "Nothing was changed. To do: {to_do}; `--apply` does it. Cannot be done: {cannot}."
        )),
        (true, ..) => {
            let cannot = format!("could not be done: {cannot}");
            paint.red(&format!("Done: {done}; {cannot}; left for another run: {to_do}."))
        }
    }
}
