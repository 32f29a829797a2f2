//! Forms in the shapes that teams use already: read by a cookbook whose labels
//! and aliases fit, filled in well, and filled in with the usual mistakes.

use std::{fs, path::Path};

use chrono::{Days, NaiveDate};
use innkeeper::{app::system::SystemClock, ports::clock::Clock as _};
use serde_json::Value;

use crate::house::run_in;

/// The forms were filled in on this day; what they say of days moves with today.
const FILLED_IN: NaiveDate = NaiveDate::from_ymd_opt(2027, 1, 4).unwrap();

/// The form with its two dates as far ahead as when it was filled in.
fn form(name: &str) -> String {
    let forms = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/forms/real");
    let mut text = fs::read_to_string(forms.join(name)).unwrap();
    for (year, month, day) in [(2027, 3, 4), (2027, 5, 6)] {
        let written = NaiveDate::from_ymd_opt(year, month, day).unwrap();
        let ahead = Days::new(written.signed_duration_since(FILLED_IN).num_days().unsigned_abs());
        let moved = SystemClock.now().date_naive() + ahead;
        let shown = |day: NaiveDate| day.format("%m/%d/%Y").to_string();
        text = text.replace(&shown(written), &shown(moved));
    }
    text
}

fn check(cookbook: &str, name: &str) -> (Option<i32>, Value) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let policies = "tests/fixtures/cookbooks/real";
    let arguments = ["check", "-", "--cookbook", cookbook, "--policies", policies, "--json"];
    let ended = run_in(folder, &arguments, form(name).as_bytes());
    let report = serde_json::from_str(&ended.stdout);
    (ended.code, report.unwrap_or_else(|_| panic!("{}", ended.stderr)))
}

/// What was understood, a field a line. Days are left out: they move.
fn understood(cookbook: &str) -> String {
    let (code, report) = check(cookbook, &format!("{cookbook}.md"));
    assert_eq!(code, Some(0), "{report:#}");
    let field = |(name, field): (&String, &Value)| {
        let value = field["value"].as_str().unwrap();
        let is_day = value.parse::<NaiveDate>().is_ok();
        let value = if is_day { "a day".to_owned() } else { value.replace('\n', " / ") };
        let line = field["line"].as_u64().map_or_else(|| "-".to_owned(), |line| line.to_string());
        format!("{line:>2} {name} = {value}")
    };
    let mut fields: Vec<String> =
        report["request"].as_object().unwrap().iter().map(field).collect();
    fields.sort();
    fields.join("\n")
}

/// What is wrong, a mistake a line, in the order of the form.
fn mistakes(cookbook: &str) -> String {
    let (code, report) = check(cookbook, &format!("{cookbook}.bad.md"));
    assert_eq!(code, Some(1), "{report:#}");
    let mistake = |found: &Value| {
        let text = |key: &str| found[key].as_str().unwrap_or_default().to_owned();
        format!("{} {}: {} ({})", found["line"], text("field"), text("message"), text("hint"))
    };
    report["violations"].as_array().unwrap().iter().map(mistake).collect::<Vec<_>>().join("\n")
}

#[test]
fn answers_behind_the_boxes_of_a_task_list() {
    insta::assert_snapshot!(understood("task-list"), @r"
     5 project = Digital collections, phase 2
     6 count = 2
     7 hostname = figgy-staging1
     8 vcpus = 4 vCPUs
     9 memory = 16 GiB
    10 disk = 100 GiB
    11 ports = 80, 443
    13 services = - nginx / - passenger (ruby 3.4)
    16 fallback = bob, carol
    22 ready_by = a day
    23 until = a day
    ");
    insta::assert_snapshot!(mistakes("task-list"), @r"
    4 count: `a few` is not a whole number: write it in digits without separators, for example `3`. (Accepted: 1 to 6.)
    5 hostname: `figgy_staging.library.example.org` is not a host name: use letters a-z, digits and hyphens, with no hyphen first or last. (For example `web-01`.)
    6 vcpus: `4-8` is not a number of processors: write a whole number, for example `2`. (Accepted: 1 vCPU to 8 vCPUs.)
    7 memory: 16 TiB is more than the maximum of 32 GiB. (Accepted: 1 MiB to 32 GiB.)
    8 disk: `Amount of storage/disk space per VM (in GB)` is not filled in. (Accepted: 1 MiB to 500 GiB.)
    14 ready_by: `ASAP` is not a date: write it as year-month-day, for example `2027-01-15`. (Accepted: a date (year-month-day), for example 2027-01-15.)
    15 until: `31/12/2027` does not fit the order of day and month that is asked for. (If you mean 31 December 2027, write `2027-12-31`.)
    ");
}

#[test]
fn headings_with_defaults_and_a_table_of_people() {
    insta::assert_snapshot!(understood("plans"), @r"
     - disk = 20 GiB
     7 why = The nightly documentation builds take too long on the shared builders: /  / - one job per branch, / - results are public.
    14 logins = no
    18 ports = 80/443
    24 vcpus = 2 vCPUs
    28 memory = 4 GiB
    34 hostname = docs-vm
    40 packages = httpd, PostgreSQL
    41 backup = yes
    45 fallback = alice, bob, carol
    53 acknowledged = yes
    ");
    insta::assert_snapshot!(mistakes("plans"), @r"
    3 why: `Why do you need a VM?` is not filled in. (Accepted: text of up to 2000 characters.)
    9 logins: `maybe later` is neither yes nor no. (Write `yes` or `no`.)
    15 vcpus: `two dozen` is not a number of processors: write a whole number, for example `2`. (Accepted: 1 vCPU to 8 vCPUs.)
    19 memory: 64 GiB is more than the maximum of 16 GiB. (Accepted: 1 MiB to 16 GiB.)
    23 hostname: `<project>-vm` is not a host name: use letters a-z, digits and hyphens, with no hyphen first or last. (For example `web-01`.)
    28 fallback: `bob@example.org` looks like an e-mail address: the username is wanted. (Write the username as it stands in the profile, for example `@alice`.)
    30 acknowledged: The box of `Acknowledgement` is not ticked. (Tick the box once you agree: `- [x]`.)
    ");
}

#[test]
fn plain_questions_about_person_and_project() {
    insta::assert_snapshot!(understood("questions"), @r"
     3 person = Alice Archer
     7 email = alice@example.org
    11 company = The Example Foundation
    19 project = Measure all the things
    23 summary = We measure how long builds take: see the paper (https://example.org/paper). /  / Why here /  / Shared builders are too noisy.
    31 repository = https://git.example.org/alice/measure
    35 machines = 3 × 8 cores, 32 GB; 1 more for the results
    39 system = Debian 13, one private network
    43 until = 60 days
    ");
    insta::assert_snapshot!(mistakes("questions"), @r"
    1 person: `First and Last Name` is not filled in. (Accepted: text of up to 100 characters.)
    7 project: `Project Title` is not filled in. (Accepted: text of up to 200 characters.)
    11 summary: `Briefly describe the project` is not filled in. (Accepted: text of up to 3000 characters.)
    17 repository: `Yes! git.example.org/alice/measure and some on my laptop` is not a web address. (Write the whole address, for example `https://example.org/docs`.)
    19 machines: `What kind of machines and how many do you expect to use?` is not filled in. (Accepted: text of up to 2000 characters.)
    23 until: `about two months` is neither a length of time nor a date: write for example `2 weeks` or `2027-01-15`. (Accepted: up to 180 days, or a date (year-month-day).)
    ");
}

#[test]
fn what_an_issue_form_makes_of_its_inputs() {
    insta::assert_snapshot!(understood("issue-form"), @r"
     3 cluster = Hall-2
     7 hostname = data-science
    11 projects = ds-notebooks / ds-pipelines
    16 purpose = Notebooks for the spring course, and the pipelines behind them.
    20 fallback = alice, bob, carol
    26 disk = 60 GiB
    26 memory = 16 GiB
    26 quota = Medium
    26 vcpus = 4 vCPUs
    34 features = Monitoring, Object storage
    40 contact = alice@example.org
    44 terms = yes
    ");
    insta::assert_snapshot!(mistakes("issue-form"), @r"
    1 cluster: `Target cluster` is not filled in. (Accepted: one of Hall-1, Hall-2, Not sure.)
    7 hostname: `Data Science` is not a host name: use letters a-z, digits and hyphens, with no hyphen first or last. (For example `web-01`.)
    13 purpose: `Project description` is not filled in. (Accepted: text of up to 2000 characters.)
    19 fallback: `Alice Archer` is not a username. (Write usernames with `@`, separated by commas: `@alice, @bob`.)
    23 quota: `Huge` is not one of the choices. (Choose one of: X-Small, Small, Medium, Large, custom.)
    27 memory: `potatoes` is not a unit I know: use MiB, GiB or TiB, for example `4 GiB`. (Accepted: 1 MiB to 64 GiB.)
    39 terms: The box of `Terms` is not ticked. (Tick the box once you agree: `- [x]`.)
    ");
}
