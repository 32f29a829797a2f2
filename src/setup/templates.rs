//! The issue templates: proposed on a branch of their own, for a person to
//! merge. Other files are not looked at, and nothing is deleted.

use std::collections::BTreeMap;

use super::{About, BRANCH, Change, Deed, File, Obstacle, Present, Proposal, Repository, Step};

pub(super) fn step(wanted: &[File], present: &Present) -> Step {
    let repository = match &present.templates {
        Ok(repository) => repository,
        Err(obstacle) => return Step::impossible(About::Templates, obstacle.clone()),
    };
    let differing = changes(wanted, &repository.merged);
    if differing.is_empty() {
        return Step::ok(About::Templates, "All are there and up to date.");
    }
    let Some(into) = &present.place.default_branch else {
        return Step::impossible(
            About::Templates,
            Obstacle {
                why: "There is no default branch to add them to.".to_owned(),
                by_hand: format!(
                    "Make a first commit, for example of a README, and run this again: {}",
                    present.place.page
                ),
            },
        );
    };
    let proposal = proposal(wanted, repository, into, differing);
    let names = |changes: &[Change]| {
        let names: Vec<&str> = changes.iter().map(|change| change.file.path.as_str()).collect();
        names.join(", ")
    };
    let called = repository.called;
    match (&proposal.open, &present.no_proposals) {
        (Some(page), _) if proposal.changes.is_empty() => {
            Step::ok(About::Templates, format!("They are proposed in a {called}."))
                .left(format!("Merge the {called}: {page}"))
        }
        (_, Some(Obstacle { why, by_hand })) => {
            let missing = names(&changes(wanted, &repository.merged));
            let why = format!("Missing or out of date: {missing}. {why}");
            Step::impossible(About::Templates, Obstacle { why, by_hand: by_hand.clone() })
        }
        (Some(page), None) => Step::to_do(
            About::Templates,
            format!("bring {} up to date in the {called} {page}", names(&proposal.changes)),
            Deed::Propose(proposal),
        ),
        (None, None) if proposal.changes.is_empty() => Step::to_do(
            About::Templates,
            format!("a {called} for what is in branch `{BRANCH}`"),
            Deed::Propose(proposal),
        ),
        (None, None) => Step::to_do(
            About::Templates,
            format!("{} in branch `{BRANCH}`, and a {called}", names(&proposal.changes)),
            Deed::Propose(proposal),
        ),
    }
}

/// A branch that is there is gone on with: somebody may have committed to it.
fn proposal(
    wanted: &[File],
    repository: &Repository,
    into: &str,
    differing: Vec<Change>,
) -> Proposal {
    let (new_branch, changes) = match &repository.proposed {
        None => (true, differing),
        Some(proposed) => (false, changes(wanted, proposed)),
    };
    Proposal { into: into.to_owned(), new_branch, changes, open: repository.proposal.clone() }
}

/// What is missing or differs. Line ends alone make no difference.
fn changes(wanted: &[File], there: &BTreeMap<String, String>) -> Vec<Change> {
    let same = |one: &str, other: &str| one.lines().eq(other.lines());
    let differs = |file: &&File| there.get(&file.path).is_none_or(|text| !same(text, &file.text));
    wanted
        .iter()
        .filter(differs)
        .map(|file| Change { file: file.clone(), exists: there.contains_key(&file.path) })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::setup::{
        State,
        tests::{fresh, obstacle, wanted},
    };

    fn texts(text: &str) -> BTreeMap<String, String> {
        BTreeMap::from([("templates/vm.md".to_owned(), text.to_owned())])
    }

    fn step_for(repository: Repository) -> Step {
        let present = Present { templates: Ok(repository), ..fresh() };
        step(&wanted().templates, &present)
    }

    fn proposed(step: &Step) -> &Proposal {
        let Some(Deed::Propose(proposal)) = &step.deed else { panic!("{step:?}") };
        proposal
    }

    const OPEN: &str = "https://git.example/mr/1";

    #[test]
    fn what_is_merged_needs_nothing_whatever_its_line_ends() {
        for text in ["vm\n", "vm\r\n", "vm"] {
            let merged = Repository { merged: texts(text), ..Repository::default() };
            assert_eq!(step_for(merged).state, State::Ok);
        }
    }

    #[test]
    fn a_proposal_is_made_completed_or_brought_up_to_date() {
        let fresh = step_for(Repository::default());
        let proposal = proposed(&fresh);
        assert!(proposal.new_branch && !proposal.changes[0].exists);

        let old = Repository { merged: texts("old"), ..Repository::default() };
        assert!(proposed(&step_for(old.clone())).changes[0].exists);

        // Committed, but nobody was asked to merge it yet.
        let unasked = Repository { proposed: Some(texts("vm\n")), ..old.clone() };
        let step = step_for(unasked.clone());
        let proposal = proposed(&step);
        assert!(!proposal.new_branch && proposal.changes.is_empty() && proposal.open.is_none());

        let asked = Repository { proposal: Some(OPEN.to_owned()), ..unasked };
        let step = step_for(asked.clone());
        assert_eq!((step.state, step.deed), (State::Ok, None));
        assert!(step.by_hand.unwrap().contains(OPEN));

        let behind = Repository { proposed: Some(texts("older")), ..asked };
        let step = step_for(behind);
        let proposal = proposed(&step);
        assert!(!proposal.new_branch && proposal.changes[0].exists);
        assert_eq!(proposal.open.as_deref(), Some(OPEN));
    }

    #[test]
    fn what_keeps_us_from_proposing_is_told_with_what_is_missing() {
        let mut present = fresh();
        present.no_proposals = Some(obstacle());
        let told = step(&wanted().templates, &present);
        assert_eq!(told.state, State::Cannot);
        assert_eq!(told.what, "Missing or out of date: templates/vm.md. It is locked.");
        present.no_proposals = None;
        present.place.default_branch = None;
        let empty = step(&wanted().templates, &present);
        assert_eq!((empty.state, empty.deed), (State::Cannot, None));
        assert_eq!(step(&[], &present).state, State::Ok);
    }
}
