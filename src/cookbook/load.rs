//! Policy files, `policies/NAME.toml`, into checked [`Cookbooks`].
//!
//! Nothing unknown is ignored and nothing impossible accepted: a limit that is
//! misspelt must not become no limit. Every mistake of every file is reported
//! at once, with the place and what was probably meant.
//!
//! | section | keys (with their defaults) |
//! | --- | --- |
//! | at the top | `title`, `summary`, `label` (none), `include` (none): parts, e.g. `["parts/common.toml"]` |
//! | `[issue]` | `confidential` (false): hidden before anything is said on it; `labels` (none): put on when it is first seen |
//! | `[lifetime]` | `default`, `max`, `total` (= `max`), `extensions` (no limit), `warn` (`["7d", "1d"]`), `min_notice` (`24h`), `grace` (`3d`), `backups` (`30d`) |
//! | `[[field]]` | `name`, `type`, `label` (the name in words), `aliases`, `required` (true, unless there is a default or it is a boolean or duration), `default`, `min`, `max`, `choices`, `help`, `placeholder` |
//! | `[[tier]]` | `name`, `memory`, `vcpus`, `disk`, `summary`; offered by the field of type `tier`, which has `custom` (false): amounts of one's own |
//! | `[[rule]]` | `id`, `require`, `severity` (`deny`; or `review`, `warn`), `message`, `hint`, `field` |
//! | `[eligible]` | `by`; without the section anyone who can file an issue may ask |
//! | `[approval]` | `by`, `count` (1), `own` (false), `unless` (never) |
//! | `[[approval.also]]` | `by`, `count` (1), `own` (false), `when` (always), `reason` (none): who must approve as well |
//! | `[placement]` | `provider` (one, or a list to choose from by free memory), `image`, `network`, `storage` or `disk_template`, `vcpus` (1), `memory` (`1 GiB`), `disk` (`10 GiB`), `more_disks` (none; `["100 GiB", "1 TiB in hdd"]`), `firmware` (`bios`), `login` (`root`), `keep_disks` (false) |
//! | `[placement.bandwidth]` | `inbound`, `outbound` (no limit; `"100 MiB"` a second) |
//! | `[placement.parameters]` | any, for the operating system's installer |
//! | `[commands]` | `allow` (none) |
//! | `[calendar]` | `time_zone`, `hours`, `days`, `holidays`, `holidays_file` (an iCalendar file beside the cookbooks); what is left out is the configuration's |
//! | `[checklist]` | `retire` (none): what people do when a machine is gone |
//!
//! A part is a file in a subfolder that holds any of these sections, for several
//! cookbooks. Sections are put together key by key, and the cookbook's own keys
//! win; fields, tiers and rules of parts come before the cookbook's own, of which
//! one with the same `name` or `id` stands in for it. A part includes no other.
//!
//! A cookbook that only guides has `[guide]`, with `steps`, `by` and `summary` (none),
//! instead of `[lifetime]`, `[placement]`, `[commands]` and `[checklist]`, and may do
//! without `[approval]`: then nobody needs to approve.
//!
//! `require`, `unless` and `when` are conditions over the names of
//! [`crate::policy::expression::Schema`].

mod approval;
mod calendar;
mod default;
mod field;
mod guide;
mod part;
mod placement;
mod reader;
mod sections;
mod terms;
#[cfg(test)]
mod tests;
mod tier;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    path::Path,
};

use toml::{Spanned, de::DeTable};

pub use self::part::included;
use self::{
    calendar::Beside,
    reader::{At, File, Place, Table, Text},
};
use super::{
    Approval, Cookbook, Cookbooks, Field, FieldKind, Rule,
    diagnostic::{Diagnostic, LoadError, nearest},
    tier::Amount,
};
use crate::{
    identity::{CookbookName, Digest},
    policy::expression::Schema,
    quantity::written::tidy,
    request::value::Value,
};

/// The cookbooks that come with the program, for `innkeeper demo` and as an
/// example to start from.
const SHIPPED: [(&str, &str); 8] = [
    ("sandbox.toml", include_str!("../../policies/sandbox.toml")),
    ("vm.toml", include_str!("../../policies/vm.toml")),
    ("demo-machine.toml", include_str!("../../policies/demo-machine.toml")),
    ("runner.toml", include_str!("../../policies/runner.toml")),
    ("compute.toml", include_str!("../../policies/compute.toml")),
    ("retire.toml", include_str!("../../policies/retire.toml")),
    ("mailing-list.toml", include_str!("../../policies/mailing-list.toml")),
    ("parts/people.toml", include_str!("../../policies/parts/people.toml")),
];

/// The largest policy file read, in bytes.
const LARGEST: u64 = 1024 * 1024;

/// Reads all cookbooks of a folder: its `*.toml`, except tests (`*.test.toml`).
///
/// # Errors
///
/// Every mistake of every file; or that the folder or a file cannot be read.
pub fn folder(path: &Path) -> Result<Cookbooks, LoadError> {
    let shown = path.display().to_string();
    let one = |diagnostic: Diagnostic| LoadError::new(vec![diagnostic]);
    let unreadable = |error: &io::Error| {
        one(Diagnostic::about(&shown, format!("this policy folder cannot be read: {error}"))
            .help("create it, or name another one in the configuration".to_owned()))
    };
    let mut sources = Vec::new();
    let mut failures = Vec::new();
    for entry in fs::read_dir(path).map_err(|error| unreadable(&error))? {
        let entry = entry.map_err(|error| unreadable(&error))?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if !is_read(&name) {
            continue;
        }
        match text_of(&entry.path()) {
            Ok(text) => sources.push((name, text)),
            Err(error) => failures.push(
                Diagnostic::about(&name, format!("cannot be read: {error}"))
                    .help("cookbooks are UTF-8 text that the service may read".to_owned()),
            ),
        }
    }
    if !sources.iter().any(|(name, _)| is_cookbook(name)) && failures.is_empty() {
        let message = "this policy folder holds no cookbook (`NAME.toml`)";
        return Err(one(Diagnostic::about(&shown, message).help(
            "copy `policies/sandbox.toml` of the distribution there to start from".to_owned(),
        )));
    }
    let (parts, missing) = parts_of(path, &sources);
    failures.extend(missing);
    sources.extend(parts);
    let result = files(&sources);
    if let Err(error) = &result {
        failures.extend(error.diagnostics().iter().cloned());
    }
    if failures.is_empty() {
        return result;
    }
    Err(LoadError::new(failures).inside(&shown))
}

/// The parts that cookbooks of a folder include, and why some cannot be read.
/// What is not there at all is told where it is included.
fn parts_of(
    folder: &Path,
    cookbooks: &[(String, String)],
) -> (Vec<(String, String)>, Vec<Diagnostic>) {
    let wanted: BTreeSet<String> = cookbooks.iter().flat_map(|(_, text)| included(text)).collect();
    let mut parts = Vec::new();
    let mut failures = Vec::new();
    for name in wanted {
        let path = folder.join(&name);
        let read = || {
            // No link leads out of what the operator keeps there.
            if !path.canonicalize()?.starts_with(folder.canonicalize()?) {
                return Err(io::Error::other("it lies outside the policy folder"));
            }
            text_of(&path)
        };
        match read() {
            Ok(text) => parts.push((name, text)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => {
                // Told once, and not again wherever it is included.
                parts.push((name.clone(), String::new()));
                failures.push(
                    Diagnostic::about(&name, format!("cannot be read: {error}"))
                        .help("parts are UTF-8 text that the service may read".to_owned()),
                );
            }
        }
    }
    (parts, failures)
}

/// Whether a file with this path in the policy folder counts: a cookbook, a part
/// that cookbooks may include, or a file of holidays.
#[must_use]
pub fn is_read(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    part::is_policy(name) || (is_holidays(path) && !path.contains('/') && !path.starts_with('.'))
}

/// Whether it is a cookbook.
#[must_use]
pub fn is_cookbook(path: &str) -> bool {
    !path.contains('/') && part::is_policy(path)
}

fn is_holidays(path: &str) -> bool {
    Path::new(path).extension().is_some_and(|extension| extension == "ics")
}

fn text_of(path: &Path) -> io::Result<String> {
    let size = fs::metadata(path)?.len();
    if size > LARGEST {
        let message = format!("it has {size} bytes, more than {LARGEST}");
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, message));
    }
    fs::read_to_string(path)
}

/// The cookbooks that come with the program.
#[must_use]
pub fn embedded() -> Cookbooks {
    let sources = SHIPPED.map(|(name, text)| (name.to_owned(), text.to_owned()));
    // A test holds that they load.
    files(&sources).unwrap_or_else(|_| Cookbooks {
        cookbooks: Vec::new(),
        version: version(&[]),
        commit: None,
    })
}

/// Reads cookbooks from texts, each with its file name. Those with a folder in
/// their name, `parts/common.toml`, are parts that cookbooks may include:
/// [`included`] tells which. Files of holidays (`NAME.ics`) stand among
/// them and count for the version.
///
/// # Errors
///
/// Every mistake of every file.
pub fn files(sources: &[(String, String)]) -> Result<Cookbooks, LoadError> {
    let mut sources: Vec<(&str, &str)> =
        sources.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    sources.sort_unstable();
    let (parts, own): (Vec<_>, Vec<_>) =
        sources.into_iter().partition(|(name, _)| name.contains('/'));
    let parts: BTreeMap<&str, &str> = parts.into_iter().collect();
    let mut used = own.clone();
    let mut cookbooks = Vec::new();
    let mut found = Vec::new();
    // Whose title and label is whose: an issue must lead to one cookbook.
    let mut claimed: BTreeMap<(&str, String), &str> = BTreeMap::new();
    let beside = own.iter().filter(|(name, _)| is_holidays(name));
    let mut beside = Beside { texts: beside.copied().collect(), found: Vec::new() };
    for (name, text) in own.iter().filter(|(name, _)| !is_holidays(name)) {
        let included = included(text);
        let included: Vec<(&str, &str)> = included
            .iter()
            .filter_map(|path| parts.get_key_value(path.as_str()))
            .map(|(name, text)| (*name, *text))
            .collect();
        used.extend(
            included.iter().copied().filter(|part| !used.contains(part)).collect::<Vec<_>>(),
        );
        let text_of = |(name, text)| Text { name, text };
        let file = File::new(text_of((name, text)), included.into_iter().map(text_of));
        if let Some((cookbook, claims)) = cookbook(&file, &parts, &mut beside) {
            for (key, at) in claims {
                match claimed.get(&(key, at.value.to_lowercase())) {
                    Some(other) => file.report_with(
                        &at.span,
                        format!("the {key} `{}` is also that of {other}", at.value),
                        "an issue must lead to one cookbook: choose another",
                    ),
                    None => {
                        claimed.insert((key, at.value.to_lowercase()), name);
                    }
                }
            }
            cookbooks.push(cookbook);
        }
        found.extend(file.into_found());
    }
    found.extend(beside.found);
    if !found.is_empty() {
        return Err(LoadError::new(found));
    }
    used.sort_unstable();
    Ok(Cookbooks { cookbooks, version: version(&used), commit: None })
}

/// Over names and contents. Lengths go in too, so that no two sets of files
/// run into the same bytes.
fn version(sources: &[(&str, &str)]) -> Digest {
    let mut bytes = Vec::new();
    for part in sources.iter().flat_map(|(name, text)| [name, text]) {
        bytes.extend_from_slice(&(part.len() as u64).to_be_bytes());
        bytes.extend_from_slice(part.as_bytes());
    }
    Digest::of(bytes)
}

type Claims = Vec<(&'static str, At<String>)>;

/// The documents of a file's texts; `None` where one is not TOML, which has
/// been reported.
fn documents<'a>(file: &File<'a>) -> Option<Vec<Spanned<DeTable<'a>>>> {
    let mut documents = Vec::new();
    let mut readable = true;
    for (index, Text { text, .. }) in file.texts() {
        let (document, errors) = DeTable::parse_recoverable(text);
        readable &= errors.is_empty();
        for error in &errors {
            let end = text.len();
            let place = Place::new(index, error.span().unwrap_or(end..end));
            file.report(&place, format!("not TOML: {}", error.message()));
        }
        if index > 0
            && let Some((key, _)) = document.get_ref().get_key_value("include")
        {
            let place = Place::new(index, key.span());
            let help = "include both in the cookbook";
            file.report_with(&place, "a part includes no other", help);
        }
        documents.push(document);
    }
    readable.then_some(documents)
}

/// `include`: the parts have been put in already; what is wrong with the names
/// is told here.
fn check_include(top: &Table<'_>, parts: &BTreeMap<&str, &str>) {
    let Some(paths) = top.read_all("include", part::path_of) else { return };
    let mut seen: Vec<&str> = Vec::new();
    for path in &paths.value {
        if seen.contains(&path.value.as_str()) {
            top.file.report(&path.span, format!("`{}` is included twice", path.value));
        } else if !parts.contains_key(path.value.as_str()) {
            let help = match nearest(&path.value, parts.keys().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => "its path is that from the policy folder".to_owned(),
            };
            let message = format!("there is no part `{}`", path.value);
            top.file.report_with(&path.span, message, help);
        }
        seen.push(&path.value);
    }
}

/// Reads one cookbook. What is wrong has been reported to its file; a value is
/// returned as far as it makes sense to look further. `parts` are all there are.
fn cookbook(
    file: &File<'_>,
    parts: &BTreeMap<&str, &str>,
    beside: &mut Beside<'_>,
) -> Option<(Cookbook, Claims)> {
    let own = file.name(&Place::default());
    let name = own.strip_suffix(".toml").unwrap_or(own);
    if !sections::is_slug(name) {
        let message = format!("`{name}` cannot be a cookbook's name");
        let help = "rename the file: lower-case letters, digits and hyphens";
        file.report_with(&Place::default(), message, help);
    }
    let documents = documents(file)?;
    let top = file.top(&documents);
    check_include(&top, parts);
    let title = top.line_of_text("title");
    let summary = top.line_of_text("summary");
    let label = top.line_of_text("label");
    let guide = top.table("guide", "[guide]").map(|table| guide::read(&table));
    if guide.is_some() {
        guide::check_sections(&top);
    }
    let machine = guide.is_none();
    for (key, there, example) in [
        ("title", top.value("title").is_some(), "title = \"Sandbox\""),
        (
            "summary",
            top.value("summary").is_some(),
            "summary = \"A machine to try something out.\"",
        ),
        ("lifetime", !machine || top.value("lifetime").is_some(), "[lifetime]"),
        ("approval", !machine || top.value("approval").is_some(), "[approval]"),
        ("placement", !machine || top.value("placement").is_some(), "[placement]"),
    ] {
        if !there {
            top.missing(key, example);
        }
    }
    let issue = top.table("issue", "[issue]").map(|table| sections::issue(&table));
    let section = |key, title| top.table(key, title).filter(|_| machine);
    let lifetime = section("lifetime", "[lifetime]")
        .map(|table| terms::read(&table))
        .or_else(|| (!machine).then(guide::no_terms));
    let fields = fields(&top, machine);
    let mut form = fields.form;
    if let Some(terms) = &lifetime {
        for field in form.iter_mut().filter(|field| field.kind == FieldKind::Lifetime) {
            field.default = Some(Value::Lifetime(terms.default));
        }
    }
    let schema = fields.complete.then(|| Schema::of(&form));
    let rules = rules(&top, &form, schema.as_ref());
    let eligible = top.table("eligible", "[eligible]").map(|table| sections::eligible(&table));
    let approval =
        top.table("approval", "[approval]").map(|table| approval::read(&table, schema.as_ref()));
    let placement = section("placement", "[placement]")
        .map(|table| placement::read(&table))
        .or_else(|| (!machine).then(guide::no_placement));
    let commands = section("commands", "[commands]").map(|table| sections::commands(&table));
    let retire = section("checklist", "[checklist]").map(|table| sections::checklist(&table));
    let calendar = top.table("calendar", "[calendar]").map(|table| calendar::read(&table, beside));
    top.finish();

    let mut claims = Claims::new();
    claims.extend(title.clone().map(|title| ("title", title)));
    claims.extend(label.clone().map(|label| ("label", label)));
    let cookbook = Cookbook {
        name: CookbookName(name.to_owned()),
        title: title?.value,
        summary: summary?.value,
        label: label.map(|label| label.value),
        issue: issue.unwrap_or_default(),
        fields: form,
        rules,
        guide,
        lifetime: lifetime?,
        eligible: eligible.unwrap_or_default(),
        approval: approval.unwrap_or(Approval {
            by: Vec::new(),
            count: 1,
            own: false,
            unless: None,
            also: Vec::new(),
        }),
        placement: placement?,
        commands: commands.unwrap_or_default(),
        retire: retire.unwrap_or_default(),
        calendar: calendar.unwrap_or_default(),
    };
    Some((cookbook, claims))
}

struct Fields {
    form: Vec<Field>,
    /// Whether all of them could be read, at least by name and type.
    complete: bool,
}

fn fields(top: &Table<'_>, machine: bool) -> Fields {
    let sizes = top.tables("tier", "[[tier]]", "name");
    let tiers = tier::read_all(&sizes);
    let tables = top.tables("field", "[[field]]", "name");
    if tables.is_empty() {
        top.missing("field", "[[field]]");
    }
    let mut fields = Fields { form: Vec::new(), complete: true };
    let mut placed_fields = Vec::new();
    let mut names: Vec<String> = Vec::new();
    let mut headings: BTreeMap<String, String> = BTreeMap::new();
    let mut once: Vec<&'static str> = Vec::new();
    for table in &tables {
        let Some(placed) = field::read(table, &tiers) else {
            fields.complete = false;
            continue;
        };
        let name = placed.field.name.as_str();
        if names.iter().any(|taken| taken == name) {
            let message = format!("two fields are called `{name}`");
            top.file.report_with(&placed.name, message, "give one of them another name");
        }
        names.push(name.to_owned());
        for heading in &placed.headings {
            match headings.insert(folded(&heading.value), name.to_owned()) {
                Some(other) if other == name => {
                    let message = format!("the heading `{}` is listed twice", heading.value);
                    top.file.report_with(&heading.span, message, "letter case does not matter");
                }
                Some(other) => {
                    let message =
                        format!("the heading `{}` already means `{other}`", heading.value);
                    let help = "letter case does not matter: choose another `label` or alias";
                    top.file.report_with(&heading.span, message, help);
                }
                None => {}
            }
        }
        // The form reader also takes the name itself for a heading.
        if let Some(other) = headings.insert(folded(&name.replace('_', " ")), name.to_owned())
            && other != name
            && names.iter().filter(|taken| *taken == name).count() == 1
        {
            let message = format!("the name `{name}` as a heading already means `{other}`");
            let help = "choose another name, or take the alias from the other field";
            top.file.report_with(&placed.name, message, help);
        }
        if let Some(kind) = placed.once {
            if once.contains(&kind) {
                let message = format!("a form has one field of type `{kind}` at most");
                top.file.report_with(&placed.name, message, "use another type for this one");
            }
            once.push(kind);
        }
        placed_fields.push((placed, table));
    }
    if fields.complete {
        if machine {
            tier::check(&sizes, &placed_fields);
        } else {
            guide::check_fields(&placed_fields);
        }
    }
    fields.form = placed_fields.into_iter().map(|(placed, _)| placed.field).collect();
    if !tiers.is_empty() {
        // Asked for with `custom` only: the form reader sees to it.
        let amounts = |field: &&mut Field| Amount::asked_by(&field.kind).is_some();
        fields.form.iter_mut().filter(amounts).for_each(|field| field.required = false);
    }
    fields
}

/// A heading as the form reader compares it: letter case, spaces and marks
/// around it do not matter.
fn folded(heading: &str) -> String {
    let marks = [':', '*', '_', '#', '?', '.', '!', '`', ' '];
    tidy(heading).to_lowercase().trim_matches(marks).to_owned()
}

fn rules(top: &Table<'_>, form: &[Field], schema: Option<&Schema>) -> Vec<Rule> {
    let names: Vec<&str> = form.iter().map(|field| field.name.as_str()).collect();
    let mut ids: Vec<String> = Vec::new();
    let mut rules = Vec::new();
    for table in &top.tables("rule", "[[rule]]", "id") {
        let (id, rule) = sections::rule(table, &names, schema);
        if let Some(At { value, span }) = id {
            if ids.contains(&value) {
                let message = format!("two rules have the id `{value}`");
                top.file.report_with(&span, message, "give one of them another id");
            }
            ids.push(value);
        }
        rules.extend(rule);
    }
    rules
}
