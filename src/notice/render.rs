//! From typed contexts and `templates/` to Markdown that is safe to post.
//!
//! `{{x}}` writes a value as inert text; the helpers below write it in another
//! safe way. There is no unescaped form: `{{{x}}}` and `{{&x}}` are refused when
//! templates are loaded, the operator's own included. Those are also tried on
//! hostile text (`trial.rs`), for what stands around a value may undo its escaping.

#[cfg(test)]
mod hostile;
mod trial;

use std::{fs, io, path::Path, sync::Arc};

use handlebars::{
    Context, Handlebars, Helper, HelperResult, Output, RenderContext, RenderError,
    RenderErrorReason,
};
use serde::Serialize;
use serde_json::Value;
use thiserror::Error;

use super::{
    Links, Reply,
    adoption::Adoption,
    markdown::Markdown,
    news::{self, LeaseNews},
    prose::prose,
    safe, samples,
    sticky::Sticky,
    team::TeamNote,
};
use crate::{
    cookbook::{Principal, page::Page},
    lease::lifecycle::Topic,
};

macro_rules! embedded {
    ($($name:literal)*) => {
        &[$(($name, include_str!(concat!("../../templates/", $name, ".hbs")))),*]
    };
}

/// The templates this binary was built with.
const EMBEDDED: &[(&str, &str)] = embedded!(
    "sticky" "adoption" "cookbook/page"
    "reply/help" "reply/status" "reply/ready-for-approval" "reply/approve-which"
    "reply/stale" "reply/not-approvable" "reply/approved" "reply/approvals-voided" "reply/guide"
    "reply/not-allowed" "reply/not-possible" "reply/misunderstood" "reply/edited-note"
    "reply/rejected" "reply/extend-beyond-budget" "reply/confirm-release" "reply/confirm-rebuild"
    "reply/transfer-asked" "reply/done" "reply/closed" "reply/due-date-edited"
    "reply/edited-after-approval" "reply/made-public" "reply/label-edited"
    "reply/emoji-seen" "reply/moved" "reply/moved-away" "reply/hook-left" "reply/trouble"
    "news/handed-over" "news/warning" "news/extended" "news/terms-renewed" "news/stopped" "news/stopped-again"
    "news/restored" "news/switched-on" "news/switched-off" "news/rebooted" "news/destroyed"
    "news/creation-failed" "news/undone" "news/vanished" "news/transferred" "news/resized"
    "news/resize-refused" "news/rebuilt" "news/rebuild-refused" "news/confirmed" "news/not-confirmed" "news/let-go" "news/rehomed"
    "team/failure" "team/hook-left"
);

/// Renders notices. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Renderer {
    registry: Arc<Handlebars<'static>>,
}

/// Why a template cannot be used. Each names the template.
#[derive(Debug, Error)]
pub enum TemplateError {
    /// An operator's file could not be read.
    #[error("could not read template {name}")]
    Unreadable {
        /// Which.
        name: String,
        /// Why.
        #[source]
        cause: io::Error,
    },
    /// It is not a template.
    #[error("template {name} has a syntax error")]
    Syntax {
        /// Which.
        name: String,
        /// Line, column and what is wrong.
        #[source]
        cause: Box<handlebars::TemplateError>,
    },
    /// It writes something unescaped.
    #[error(
        "template {name}, line {line}: `{{{{{{`, `{{{{&` and their like write text unescaped and are refused; use {{{{x}}}} or a helper"
    )]
    Unescaped {
        /// Which.
        name: String,
        /// Where.
        line: usize,
    },
    /// It would let text of others act.
    #[error("template {name} is refused: {danger}")]
    Dangerous {
        /// Which.
        name: String,
        /// What it does.
        danger: &'static str,
    },
    /// It fails on a sample, e.g. for a misspelt name.
    #[error("template {name} fails on a sample")]
    Sample {
        /// Which.
        name: String,
        /// What is wrong.
        #[source]
        cause: Box<RenderError>,
    },
}

impl Renderer {
    /// The embedded templates; files of the same name under `overrides`
    /// (`reply/help.hbs`) take their place. Every template is tried on its
    /// samples before any is used.
    ///
    /// # Errors
    ///
    /// The first template that cannot be used.
    pub fn new(overrides: Option<&Path>) -> Result<Self, TemplateError> {
        let mut registry = Handlebars::new();
        registry.set_strict_mode(true);
        registry.register_escape_fn(safe::escape);
        registry.register_helper("prose", Box::new(helper(prose)));
        registry.register_helper("code", Box::new(helper(safe::inline)));
        registry.register_helper("block", Box::new(helper(safe::block)));
        registry.register_helper("mention", Box::new(helper(safe::mention)));
        registry.register_helper("summon", Box::new(helper(summon)));
        registry.register_helper("word", Box::new(helper(word)));
        registry.register_helper("link", Box::new(link));
        let renderer = Self { registry: Arc::new(registry) };
        renderer.with_templates(overrides)
    }

    fn with_templates(mut self, overrides: Option<&Path>) -> Result<Self, TemplateError> {
        let mut own = Vec::new();
        let registry = Arc::make_mut(&mut self.registry);
        for (name, embedded) in EMBEDDED {
            let text = match overrides.map(|folder| folder.join(format!("{name}.hbs"))) {
                Some(path) if path.exists() => {
                    own.push(*name);
                    fs::read_to_string(&path).map_err(|cause| TemplateError::Unreadable {
                        name: path.display().to_string(),
                        cause,
                    })?
                }
                _ => (*embedded).to_owned(),
            };
            if let Some(line) = text.lines().position(writes_unescaped) {
                return Err(TemplateError::Unescaped { name: (*name).to_owned(), line: line + 1 });
            }
            registry.register_template_string(name, text).map_err(|cause| {
                TemplateError::Syntax { name: (*name).to_owned(), cause: Box::new(cause) }
            })?;
        }
        self.try_samples()?;
        for name in own {
            self.try_hostile_text(name)?;
        }
        Ok(self)
    }

    /// For an operator's own template; those embedded are tried by the tests.
    fn try_hostile_text(&self, name: &str) -> Result<(), TemplateError> {
        let render =
            |context: &Value| self.render(name, context).map(|text| text.as_str().to_owned());
        match trial::danger_in(name, render) {
            Ok(None) => Ok(()),
            Ok(Some(danger)) => Err(TemplateError::Dangerous { name: name.to_owned(), danger }),
            Err(cause) => {
                Err(TemplateError::Sample { name: name.to_owned(), cause: Box::new(cause) })
            }
        }
    }

    fn try_samples(&self) -> Result<(), TemplateError> {
        let fails = |name: &str| {
            let name = name.to_owned();
            move |cause| TemplateError::Sample { name, cause: Box::new(cause) }
        };
        for sticky in samples::stickies() {
            self.sticky(&sticky).map_err(fails("sticky"))?;
        }
        for adoption in samples::adoptions() {
            self.adoption(&adoption).map_err(fails("adoption"))?;
        }
        for page in samples::pages() {
            self.page(&page).map_err(fails("cookbook/page"))?;
        }
        for reply in samples::replies() {
            for links in samples::links() {
                self.reply(&reply, "innkeeper", &links).map_err(fails(&reply_template(&reply)))?;
            }
        }
        for note in samples::team_notes() {
            self.team(&note, "innkeeper").map_err(fails(&team_template(&note)))?;
        }
        for (topic, context) in samples::news() {
            self.news(&topic, &context).map_err(fails(news::template(&topic)))?;
        }
        Ok(())
    }

    /// The sticky comment.
    ///
    /// # Errors
    ///
    /// When an operator's template fails in a way no sample showed.
    pub fn sticky(&self, sticky: &Sticky) -> Result<Markdown, RenderError> {
        self.render("sticky", sticky)
    }

    /// The description of an issue that is filed for a machine that was found.
    ///
    /// # Errors
    ///
    /// As [`Renderer::sticky`].
    pub fn adoption(&self, adoption: &Adoption) -> Result<Markdown, RenderError> {
        self.render("adoption", adoption)
    }

    /// The page of a cookbook, for a wiki.
    ///
    /// # Errors
    ///
    /// As [`Renderer::sticky`].
    pub fn page(&self, page: &Page) -> Result<Markdown, RenderError> {
        self.render("cookbook/page", page)
    }

    /// An answer.
    ///
    /// # Errors
    ///
    /// As [`Renderer::sticky`].
    pub fn reply(&self, reply: &Reply, bot: &str, links: &Links) -> Result<Markdown, RenderError> {
        #[derive(Serialize)]
        struct Addressed<'a> {
            bot: &'a str,
            #[serde(flatten)]
            links: &'a Links,
            #[serde(flatten)]
            reply: &'a Reply,
        }
        self.render(&reply_template(reply), &Addressed { bot, links, reply })
    }

    /// A note for the team alone.
    ///
    /// # Errors
    ///
    /// As [`Renderer::sticky`].
    pub fn team(&self, note: &TeamNote, bot: &str) -> Result<Markdown, RenderError> {
        #[derive(Serialize)]
        struct Addressed<'a> {
            bot: &'a str,
            #[serde(flatten)]
            note: &'a TeamNote,
        }
        self.render(&team_template(note), &Addressed { bot, note })
    }

    /// A comment about a lease.
    ///
    /// # Errors
    ///
    /// As [`Renderer::sticky`].
    pub fn news(&self, topic: &Topic, context: &LeaseNews) -> Result<Markdown, RenderError> {
        self.render(&format!("news/{}", news::template(topic)), context)
    }

    fn render(&self, name: &str, context: &impl Serialize) -> Result<Markdown, RenderError> {
        let text = self.registry.render(name, context)?;
        Ok(Markdown::rendered(fold_blank_lines(text.trim())))
    }
}

/// Whether a line holds `{{{x}}}`, `{{&x}}` or either with blanks or `~` in it.
fn writes_unescaped(line: &str) -> bool {
    line.match_indices("{{").any(|(at, braces)| {
        let inside = line.get(at + braces.len()..).unwrap_or_default();
        inside.trim_start_matches([' ', '\t', '~']).starts_with(['{', '&'])
    })
}

/// The template of a reply: its serde tag is the file's name.
fn reply_template(reply: &Reply) -> String {
    format!("reply/{}", tag(reply))
}

/// The template of a note for the team, likewise.
fn team_template(note: &TeamNote) -> String {
    format!("team/{}", tag(note))
}

fn tag(value: &impl Serialize) -> String {
    let value = serde_json::to_value(value).ok();
    value.and_then(|value| value.get("template")?.as_str().map(str::to_owned)).unwrap_or_default()
}

/// Mentions those meant by `group:PATH` or `user:NAME`; others are shown.
fn summon(principal: &str) -> String {
    match Principal::try_from(principal.to_owned()) {
        Ok(Principal::User(name)) => safe::mention(&name),
        Ok(Principal::Group(path)) => safe::mention_group(&path),
        _ => safe::inline(principal),
    }
}

/// A word of ours inside a code span or fence of the template: only letters,
/// digits and `-_.:` get through, so it cannot end the span.
fn word(text: &str) -> String {
    text.chars().filter(|c| c.is_ascii_alphanumeric() || "-_.:".contains(*c)).collect()
}

fn helper(
    write: impl Fn(&str) -> String + Send + Sync + 'static,
) -> impl Fn(&Helper, &Handlebars, &Context, &mut RenderContext, &mut dyn Output) -> HelperResult
+ Send
+ Sync
+ 'static {
    move |helper, _, _, _, out| {
        let value = helper
            .param(0)
            .filter(|param| !param.is_value_missing())
            .ok_or_else(|| RenderErrorReason::ParamNotFoundForIndex("helper", 0))?
            .value();
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        out.write(&write(&text))?;
        Ok(())
    }
}

/// `{{link "words" url}}`.
fn link(
    helper: &Helper,
    _: &Handlebars,
    _: &Context,
    _: &mut RenderContext,
    out: &mut dyn Output,
) -> HelperResult {
    let text = |index| helper.param(index).and_then(|param| param.value().as_str());
    let missing = |index| RenderErrorReason::ParamNotFoundForIndex("link", index);
    let words = text(0).ok_or_else(|| missing(0))?;
    let url = text(1).ok_or_else(|| missing(1))?;
    out.write(&safe::link(words, url))?;
    Ok(())
}

/// Block helpers on lines of their own leave gaps; one empty line is enough.
/// Fenced blocks keep theirs.
fn fold_blank_lines(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut blank = false;
    let mut fence: Option<String> = None;
    for line in text.lines() {
        let ticks: String = line.chars().take_while(|c| *c == '`').collect();
        match &fence {
            Some(open) if ticks.len() >= open.len() && line.trim_end() == ticks => fence = None,
            None if ticks.len() >= 3 => fence = Some(ticks),
            _ => {}
        }
        let is_blank = fence.is_none() && line.trim().is_empty();
        if !(is_blank && blank) {
            out.push_str(if is_blank { "" } else { line });
            out.push('\n');
        }
        blank = is_blank;
    }
    out.truncate(out.trim_end().len());
    out
}

#[cfg(test)]
mod tests {
    use super::{EMBEDDED, Renderer, TemplateError, fold_blank_lines};
    use crate::notice::{markdown::Markdown, samples};

    fn everything() -> Vec<Markdown> {
        let renderer = Renderer::new(None).unwrap();
        let stickies = samples::stickies().into_iter().map(|s| renderer.sticky(&s).unwrap());
        let [links, _] = samples::links();
        let replies = samples::replies();
        let replies = replies.iter().map(|r| renderer.reply(r, "innkeeper", &links).unwrap());
        let news = samples::news().into_iter().map(|(t, n)| renderer.news(&t, &n).unwrap());
        let adoptions = samples::adoptions().into_iter().map(|a| renderer.adoption(&a).unwrap());
        let team =
            samples::team_notes().into_iter().map(|n| renderer.team(&n, "innkeeper").unwrap());
        let pages = samples::pages().into_iter().map(|page| renderer.page(&page).unwrap());
        stickies.chain(replies).chain(news).chain(adoptions).chain(team).chain(pages).collect()
    }

    #[test]
    fn every_template_renders_with_every_sample_and_leaves_nothing_open() {
        for text in everything() {
            let text = text.as_str();
            assert!(!text.is_empty());
            assert!(!text.contains("{{") && !text.contains("}}"), "{text}");
            assert!(!text.contains("\n\n\n"), "{text}");
        }
    }

    #[test]
    fn every_embedded_template_has_a_sample() {
        let mut tags: Vec<String> = samples::replies().iter().map(super::reply_template).collect();
        tags.extend(samples::team_notes().iter().map(super::team_template));
        for (name, _) in EMBEDDED {
            let sampled = ["sticky", "adoption", "cookbook/page"].contains(name)
                || tags.iter().any(|tag| tag == name)
                || samples::news()
                    .iter()
                    .any(|(topic, _)| format!("news/{}", super::news::template(topic)) == *name);
            assert!(sampled, "{name} has no sample");
        }
    }

    #[test]
    fn what_is_missing_is_said_field_by_field() {
        let renderer = Renderer::new(None).unwrap();
        let text = renderer.sticky(&samples::stickies()[0]).unwrap();
        insta::assert_snapshot!(text.as_str(), @r"
        ### Sandbox: 2 things to mend

        - **Memory** (line 12): `4 GX` is not an amount of memory. Write it like `4 GiB`.
        - Name a fallback owner other than yourself. Would pass: Memory: 4 GiB or less; or vCPUs: 2 vCPUs. _Rule `fallback-owner`, `sandbox.toml:34`._

        **Next:** [edit the description](https://gitlab.example/tpo/tpa/team/-/issues/7); this comment is brought up to date within seconds. Nothing else is needed from anyone until then.

        <details><summary>What was understood</summary>

        | Field | Value |
        | --- | --- |
        | Memory | 4 GiB (written `4g`) |
        | vCPUs | 2 (default) |

        Digest none until complete, policy `1f9c2a7e` of commit `0123456789ab`.

        </details>
        ");
    }

    #[test]
    fn a_running_machine_is_shown_in_a_table() {
        let renderer = Renderer::new(None).unwrap();
        let text = renderer.sticky(&samples::stickies()[3]).unwrap();
        let table = text.as_str().split("<details>").next().unwrap().trim_end();
        insta::assert_snapshot!(table, @r"
        ### Sandbox

        | Machine | State | Owner | Next |
        | --- | --- | --- | --- |
        | `sandbox-7` | running | alice | stopped Tue 2027-01-05 10:00 CET (in 13 days) |
        | `sandbox-7` | running, protected | alice | on hold: waiting for a decision |

        - `sandbox-7` answers at `192.0.2.7`
        - `sandbox-7` is not destroyed for now: storage is being moved. It goes on by itself on `Tue 2027-01-05 10:00 CET (in 13 days)`.
        - `sandbox-7`: the provider does not answer
        - Around `sandbox-7`:
          - DNS record (before hand-over): done
          - LDAP entry (before hand-over): failed, is tried again
          - Monitoring (before hand-over): **left to a sysadmin**

        Need it longer? `@innkeeper extend 2w because ...`. Done with it? `@innkeeper release`. More: `@innkeeper help`.
        ");
    }

    #[test]
    fn the_end_of_a_machine_comes_with_a_checklist_if_there_is_something_on_it() {
        let renderer = Renderer::new(None).unwrap();
        let of_destroyed: Vec<String> = samples::news()
            .into_iter()
            .filter(|(topic, _)| *topic == crate::lease::lifecycle::Topic::Destroyed)
            .map(|(topic, news)| renderer.news(&topic, &news).unwrap().as_str().to_owned())
            .collect();
        assert!(!of_destroyed[0].contains("Checklist"), "{}", of_destroyed[0]);
        insta::assert_snapshot!(of_destroyed[1], @r"
        `sandbox-7` and its disks were destroyed. Backups, if any, are kept until **Tue 2027-01-05 10:00 CET (in 13 days)**; ask the sysadmins if you need something from them. Need another machine? [File another request](https://gitlab.example/tpo/tpa/team/-/issues/new?issuable_template=sandbox).

        **Checklist** for `sandbox-7`, owned by alice, of cookbook `sandbox`, on provider `libvirt` as `8d3c5f0e-7d2b-4a7c-9a64-0f4f6f9b1c2d`, at `192.0.2.7`:

        - [x] Monitoring (before the stop): `2 hosts removed`
        - [ ] DNS record (after destruction)
        - [ ] Remove it from the inventory
        ");
        assert!(of_destroyed[2].contains("on provider `libvirt`:"), "{}", of_destroyed[2]);
    }

    #[test]
    fn an_operators_template_cannot_write_unescaped() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("sticky.hbs"), "fine\n{{{title}}}").unwrap();
        let error = Renderer::new(Some(folder.path())).unwrap_err();
        assert!(matches!(error, TemplateError::Unescaped { line: 2, .. }), "{error}");
    }

    #[test]
    fn an_operators_template_with_a_misspelt_name_is_refused_when_loaded() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("sticky.hbs"), "{{titel}}").unwrap();
        let error = Renderer::new(Some(folder.path())).unwrap_err();
        assert!(matches!(error, TemplateError::Sample { .. }), "{error}");
    }

    #[test]
    fn blank_lines_fold_outside_of_fences_only() {
        assert_eq!(
            fold_blank_lines("a\n\n\n\nb\n```\nx\n\n\ny\n```\n\n\n"),
            "a\n\nb\n```\nx\n\n\ny\n```"
        );
    }
}
