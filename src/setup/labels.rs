//! Labels: made when missing, never changed.

use super::{About, Deed, Label, Obstacle, Present, Step};

pub(super) fn steps(wanted: &[Label], present: &Present) -> Vec<Step> {
    let there = match &present.labels {
        Ok(there) => there,
        Err(obstacle) => return vec![Step::impossible(About::Label, obstacle.clone())],
    };
    let is_there = |name: &str| {
        there.iter().any(|one| {
            one == name || present.labels_ignore_case && one.to_lowercase() == name.to_lowercase()
        })
    };
    wanted
        .iter()
        .map(|label| step(label, is_there(&label.name), present.no_labels.as_ref()))
        .collect()
}

fn step(label: &Label, is_there: bool, obstacle: Option<&Obstacle>) -> Step {
    let name = &label.name;
    match obstacle {
        _ if is_there => Step::ok(About::Label, format!("`{name}` is there.")),
        None => Step::to_do(
            About::Label,
            format!("`{name}` in {}: {}", label.colour, label.description),
            Deed::CreateLabel(label.clone()),
        ),
        Some(Obstacle { why, by_hand }) => Step::impossible(
            About::Label,
            Obstacle { why: format!("`{name}` is missing. {why}"), by_hand: by_hand.clone() },
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::setup::{
        State,
        tests::{fresh, obstacle, wanted},
    };

    fn label_steps(change: impl FnOnce(&mut Present)) -> Vec<Step> {
        let mut present = fresh();
        change(&mut present);
        steps(&wanted().labels, &present)
    }

    #[test]
    fn only_a_missing_label_is_made() {
        let missing = label_steps(|_| {});
        assert_eq!(missing[0].deed, Some(Deed::CreateLabel(wanted().labels.remove(0))));
        let there = |name: &str| vec![name.to_owned()];
        let found = label_steps(|present| present.labels = Ok(there("innkeeper::active")));
        assert_eq!((found[0].state, found[0].deed.is_some()), (State::Ok, false));
        let other_case = there("Innkeeper::Active");
        let other = label_steps(|present| present.labels = Ok(other_case.clone()));
        assert_eq!(other[0].state, State::ToDo);
        let same = label_steps(|present| {
            present.labels = Ok(other_case);
            present.labels_ignore_case = true;
        });
        assert_eq!(same[0].state, State::Ok);
    }

    #[test]
    fn what_keeps_labels_from_being_made_is_no_matter_when_they_are_there() {
        let missing = label_steps(|present| present.no_labels = Some(obstacle()));
        assert_eq!(missing[0].state, State::Cannot);
        assert_eq!(missing[0].what, "`innkeeper::active` is missing. It is locked.");
        let found = label_steps(|present| {
            present.labels = Ok(vec!["innkeeper::active".to_owned()]);
            present.no_labels = Some(obstacle());
        });
        assert_eq!(found[0].state, State::Ok);
        let unseen = label_steps(|present| present.labels = Err(obstacle()));
        assert_eq!((unseen.len(), unseen[0].state), (1, State::Cannot));
    }
}
