//! `innkeeper demo --story`: the whole life of a machine, told in the terminal.
//!
//! Everybody acts through the forge's API with a token of their own, and every
//! step counts only if it is seen there or in libvirt's own listing: nothing
//! here asks Innkeeper how it is doing.

use std::time::Instant;

use anyhow::{Context as _, bail, ensure};
use chrono::TimeDelta;

use super::{
    person::{IssueView, Person},
    stage::Stage,
};
use crate::{
    app::practice::{ALICE, BOB, CAROL, MALLORY},
    cli::output::{self, Paint},
    cookbook::issue_template,
    identity::CookbookName,
};

/// The longest anything in the story is waited for, in story time.
const PATIENCE: TimeDelta = TimeDelta::days(60);

/// Plays the story.
pub(super) async fn tell(stage: &Stage) -> anyhow::Result<()> {
    let began = Instant::now();
    let mut story = Story::new(stage)?;
    story.file_with_two_mistakes().await?;
    story.mend().await?;
    story.approve().await?;
    story.is_up().await?;
    story.warning_and_extension().await?;
    story.stop().await?;
    story.restore().await?;
    story.destroy().await?;
    output::line("");
    output::line(format!(
        "{} {} steps, all seen through the forge's API and libvirt's listing, in {:.1} s.",
        story.paint.green("Done:"),
        story.step,
        began.elapsed().as_secs_f64()
    ));
    Ok(())
}

struct Story<'a> {
    stage: &'a Stage,
    paint: Paint,
    step: usize,
    alice: Person,
    bob: Person,
    carol: Person,
    mallory: Person,
    issue: u64,
    /// The description as Alice has it in her editor.
    description: String,
    machine: String,
    /// How many comments were told already.
    told: usize,
}

impl<'a> Story<'a> {
    fn new(stage: &'a Stage) -> anyhow::Result<Self> {
        let base = stage.forge_url();
        let person = |user| Person::new(base, user);
        Ok(Self {
            stage,
            paint: Paint::new(),
            step: 0,
            alice: person(ALICE)?,
            bob: person(BOB)?,
            carol: person(CAROL)?,
            mallory: person(MALLORY)?,
            issue: 0,
            description: String::new(),
            machine: String::new(),
            told: 0,
        })
    }

    // --- the chapters

    async fn file_with_two_mistakes(&mut self) -> anyhow::Result<()> {
        self.chapter("Alice files an issue from the sandbox template, with two mistakes");
        let cookbook = CookbookName::from("sandbox");
        let cookbooks = self.stage.cookbooks();
        let cookbook = cookbooks.get(&cookbook).context("there is no cookbook `sandbox`")?;
        self.description = issue_template::gitlab(cookbook);
        self.fill("What is it for?", "See whether the new mail server copes with our lists.")?;
        self.fill("Memory", "4 GX")?;
        self.fill("How long?", "2 weeks")?;
        self.description = self.description.replace("- [ ]", "- [x]");
        self.issue = self.alice.file("A sandbox for the mail server", &self.description).await?;
        self.settle().await?;
        let sticky = self.sticky().await?;
        self.tell_comments().await?;
        self.seen(
            "Innkeeper answers, naming both fields",
            sticky.contains("2 things to mend")
                && sticky.contains("Memory")
                && sticky.contains("Fallback owner"),
        )?;
        self.has_label("innkeeper::needs-information").await?;
        self.no_machine()
    }

    async fn mend(&mut self) -> anyhow::Result<()> {
        self.chapter("Alice mends both by editing the description");
        self.description = self.description.replace("4 GX", "4 GiB");
        self.fill("Fallback owner", "@bob")?;
        self.alice.describe(self.issue, &self.description).await?;
        self.settle().await?;
        let sticky = self.sticky().await?;
        self.tell_comments().await?;
        self.seen(
            "the same comment now asks for approval",
            sticky.contains("waiting for approval"),
        )?;
        self.has_label("innkeeper::needs-approval").await
    }

    async fn approve(&mut self) -> anyhow::Result<()> {
        self.chapter("Mallory and Alice try to approve it, then Carol, a sysadmin, does");
        let sticky = self.sticky().await?;
        let digest = sticky
            .split("@innkeeper approve ")
            .nth(1)
            .and_then(|rest| rest.split(|c: char| !c.is_ascii_hexdigit()).next())
            .context("the comment names no digest")?
            .to_owned();
        let command = format!("@innkeeper approve {digest}");
        self.mallory.comment(self.issue, &command).await?;
        self.alice.comment(self.issue, &command).await?;
        self.settle().await?;
        self.tell_comments().await?;
        self.no_machine()?;
        self.carol.comment(self.issue, "@innkeeper approve").await?;
        self.settle().await?;
        self.tell_comments().await?;
        self.no_machine()?;
        self.carol.comment(self.issue, &format!("Looks good.\n\n{command}")).await?;
        self.settle().await?;
        self.tell_comments().await
    }

    async fn is_up(&mut self) -> anyhow::Result<()> {
        self.chapter("The machine comes up");
        let machines = self.stage.machines()?;
        ensure!(machines.len() == 1, "libvirt lists {machines:?} instead of one machine");
        let (name, running) = machines.into_iter().next().context("no machine")?;
        self.machine = name;
        self.seen(&format!("libvirt lists {} as running", self.machine), running)?;
        let up = format!("**`{}` is up.**", self.machine);
        self.comment_with(&up).await?;
        let due = self.view().await?.due_date;
        self.seen("the issue has a due date", due.is_some())?;
        self.has_label("innkeeper::active").await
    }

    async fn warning_and_extension(&mut self) -> anyhow::Result<()> {
        self.chapter("Time passes until the first warning; Bob, the fallback owner, extends it");
        self.wait_for_comment("will be stopped on").await?;
        let before = self.view().await?.due_date;
        self.bob.comment(self.issue, "@innkeeper extend 1w because the lists are large").await?;
        self.settle().await?;
        self.tell_comments().await?;
        let after = self.view().await?.due_date;
        self.seen(&format!("the due date moved from {before:?} to {after:?}"), after > before)
    }

    async fn stop(&mut self) -> anyhow::Result<()> {
        self.chapter("Nobody extends it again: warnings, then it is stopped");
        self.wait_for_comment("was stopped: its time is up").await?;
        let power = self.power()?;
        self.seen("libvirt lists it as stopped", power == Some(false))?;
        self.has_label("innkeeper::expired").await?;
        self.stage.start_from_outside(&self.machine)?;
        output::line("  (somebody starts it on the host, behind Innkeeper's back)");
        self.pass(TimeDelta::hours(1)).await?;
        self.tell_comments().await?;
        let power = self.power()?;
        self.seen("it is noticed and stopped again", power == Some(false))
    }

    async fn restore(&mut self) -> anyhow::Result<()> {
        self.chapter("Alice needs it after all and restores it");
        self.alice.comment(self.issue, "@innkeeper restore").await?;
        self.settle().await?;
        self.tell_comments().await?;
        let power = self.power()?;
        self.seen("libvirt lists it as running", power == Some(true))
    }

    async fn destroy(&mut self) -> anyhow::Result<()> {
        self.chapter("Its time runs out for good: warnings, stop, grace, destroyed");
        self.wait_for_comment("and its disks were destroyed").await?;
        self.no_machine()?;
        let warned =
            self.comments().await?.iter().filter(|c| c.contains("will be destroyed on")).count();
        self.seen(
            &format!("the disks' end was announced before ({warned} warnings)"),
            warned >= 1,
        )?;
        let view = self.view().await?;
        self.seen("the issue is closed", view.state == "closed")?;
        self.has_label("innkeeper::ended").await
    }

    // --- what a person does and sees

    /// Writes a value under a heading, as in an editor.
    fn fill(&mut self, heading: &str, value: &str) -> anyhow::Result<()> {
        let mark = format!("### {heading}\n");
        let at = self.description.find(&mark).with_context(|| format!("no heading {heading}"))?;
        let end =
            self.description.get(at..).and_then(|rest| rest.find("-->")).map(|end| at + end + 3);
        let end = end.with_context(|| format!("no hint under {heading}"))?;
        self.description.insert_str(end, &format!("\n\n{value}\n"));
        Ok(())
    }

    async fn view(&self) -> anyhow::Result<IssueView> {
        self.alice.issue(self.issue).await
    }

    async fn comments(&self) -> anyhow::Result<Vec<String>> {
        let notes = self.alice.notes(self.issue).await?;
        Ok(notes.into_iter().filter(|n| n.author == "innkeeper").map(|n| n.body).collect())
    }

    async fn sticky(&self) -> anyhow::Result<String> {
        self.comments().await?.into_iter().next().context("Innkeeper has not answered")
    }

    async fn comment_with(&mut self, words: &str) -> anyhow::Result<()> {
        let found = self.comments().await?.iter().any(|comment| comment.contains(words));
        self.seen(&format!("a comment says: {words}"), found)
    }

    /// Lets time pass until Innkeeper says something new that holds these words.
    async fn wait_for_comment(&mut self, words: &str) -> anyhow::Result<()> {
        let before = self.comments().await?.len();
        let mut passed = TimeDelta::zero();
        loop {
            let comments = self.comments().await?;
            if comments.iter().skip(before).any(|comment| comment.contains(words)) {
                self.tell_comments().await?;
                return self.seen(&format!("a comment says: {words}"), true);
            }
            if passed > PATIENCE {
                bail!("nobody said \"{words}\" within {} days", PATIENCE.num_days());
            }
            self.pass(TimeDelta::hours(6)).await?;
            passed += TimeDelta::hours(6);
        }
    }

    /// Prints the comments nobody has read yet.
    async fn tell_comments(&mut self) -> anyhow::Result<()> {
        let notes = self.alice.notes(self.issue).await?;
        for note in notes.iter().skip(self.told) {
            let body = note.body.lines().filter(|line| !line.starts_with("<!--"));
            let mut lines = body.filter(|line| !line.trim().is_empty());
            let name = self.paint.bold(&format!("{:>10}:", note.author));
            output::line(format!("  {name} {}", lines.next().unwrap_or_default()));
            for line in lines.take(4) {
                output::line(self.paint.dim(&format!("              {line}")));
            }
        }
        self.told = notes.len();
        Ok(())
    }

    fn power(&self) -> anyhow::Result<Option<bool>> {
        let machines = self.stage.machines()?;
        Ok(machines.into_iter().find(|(name, _)| *name == self.machine).map(|(_, running)| running))
    }

    fn no_machine(&mut self) -> anyhow::Result<()> {
        let machines = self.stage.machines()?;
        self.seen("libvirt lists no machine", machines.is_empty())
    }

    async fn has_label(&mut self, label: &str) -> anyhow::Result<()> {
        let labels = self.view().await?.labels;
        self.seen(&format!("the issue is labelled {label}"), labels.iter().any(|l| l == label))
    }

    // --- time and telling

    async fn settle(&self) -> anyhow::Result<()> {
        self.stage.settle().await
    }

    async fn pass(&self, time: TimeDelta) -> anyhow::Result<()> {
        self.stage.pass(time).await
    }

    fn chapter(&mut self, title: &str) {
        let now = self.stage.now().format("%a %Y-%m-%d %H:%M UTC");
        output::line("");
        output::line(format!("{} {}", self.paint.bold(title), self.paint.dim(&format!("[{now}]"))));
    }

    fn seen(&mut self, what: &str, is_so: bool) -> anyhow::Result<()> {
        ensure!(is_so, "this was expected and not seen: {what}");
        self.step += 1;
        output::line(format!("  {} {what}", self.paint.green("seen")));
        Ok(())
    }
}
