//! The webhook: one that sends what is needed, and no other with its address.

use super::{About, Deed, FoundWebhook, Obstacle, Seen, Step, Webhook};

pub(super) fn steps(wanted: &Webhook, present: &Seen<Vec<FoundWebhook>>) -> Vec<Step> {
    let all = match present {
        Ok(all) => all,
        Err(obstacle) => return vec![Step::impossible(About::Webhook, obstacle.clone())],
    };
    let mut ours: Vec<&FoundWebhook> = all.iter().filter(|one| is_ours(wanted, &one.url)).collect();
    ours.sort_by_key(|one| one.id);
    match ours.split_first() {
        None => vec![missing(wanted)],
        Some((first, doubles)) => {
            let doubles = doubles.iter().map(|double| surplus(first, double));
            std::iter::once(found(wanted, first)).chain(doubles).collect()
        }
    }
}

fn is_ours(wanted: &Webhook, url: &str) -> bool {
    let url = url.trim_end_matches('/');
    match &wanted.url {
        Some(address) => url == address.trim_end_matches('/'),
        None => url.ends_with(&wanted.path),
    }
}

fn missing(wanted: &Webhook) -> Step {
    match &wanted.url {
        Some(url) => Step::to_do(
            About::Webhook,
            format!("to {url}, with the configured secret"),
            Deed::CreateWebhook { url: url.clone(), proof: wanted.proof },
        ),
        None => Step::impossible(
            About::Webhook,
            Obstacle {
                why: format!("There is none whose address ends in {}.", wanted.path),
                by_hand: "Run this again with `--url` and the address at which the forge reaches the service, e.g. `--url https://innkeeper.example.org`".to_owned(),
            },
        ),
    }
}

fn found(wanted: &Webhook, hook: &FoundWebhook) -> Step {
    let mut flaws = hook.flaws.clone();
    if hook.has_secret == Some(false) {
        flaws.push("it lacks the secret".to_owned());
    } else if wanted.reset_secret {
        flaws.push("its secret is set again".to_owned());
    }
    let sets_secret = wanted.reset_secret || hook.has_secret == Some(false);
    let url = &hook.url;
    let step = if flaws.is_empty() {
        Step::ok(About::Webhook, format!("It sends to {url} what is needed, {}.", secret(hook)))
    } else {
        Step::to_do(
            About::Webhook,
            format!("correct the one to {url}: {}", flaws.join(", ")),
            Deed::CorrectWebhook {
                id: hook.id,
                url: url.clone(),
                secret: sets_secret.then_some(wanted.proof),
            },
        )
    };
    match &hook.stopped {
        None => step,
        Some(stopped) => {
            let by_hand = format!(
                "See there why deliveries failed, mend it, and send a test event, which switches it on again: {}",
                hook.page
            );
            if step.deed.is_some() {
                return step.left(by_hand);
            }
            let why = format!("The one to {url} is {stopped}: too many deliveries failed.");
            Step::impossible(About::Webhook, Obstacle { why, by_hand })
        }
    }
}

fn secret(hook: &FoundWebhook) -> &'static str {
    match hook.has_secret {
        Some(true) => "with a secret; whether it is the configured one cannot be seen",
        _ => "and whether it has the configured secret cannot be seen; `--reset-secret` sets it",
    }
}

fn surplus(first: &FoundWebhook, double: &FoundWebhook) -> Step {
    let why =
        format!("{} is told of everything twice, by {} and {}.", double.url, first.id, double.id);
    let by_hand = format!("Delete the second one: {}", double.page);
    Step::impossible(About::Webhook, Obstacle { why, by_hand })
}

#[cfg(test)]
mod tests {
    use std::slice::from_ref;

    use super::*;
    use crate::setup::{
        Proof, State,
        tests::{obstacle, webhook},
    };

    fn hook(id: u64, host: &str) -> FoundWebhook {
        FoundWebhook {
            id,
            url: format!("https://{host}/webhooks/gitlab"),
            flaws: Vec::new(),
            has_secret: None,
            stopped: None,
            page: format!("https://git.example/hooks/{id}"),
        }
    }

    fn steps_for(hooks: &[FoundWebhook], change: impl FnOnce(&mut Webhook)) -> Vec<Step> {
        let mut wanted = webhook();
        change(&mut wanted);
        steps(&wanted, &Ok(hooks.to_vec()))
    }

    fn correction(secret: Option<Proof>) -> Deed {
        let url = "https://innkeeper.example/webhooks/gitlab".to_owned();
        Deed::CorrectWebhook { id: 5, url, secret }
    }

    #[test]
    fn one_with_another_address_is_somebody_elses() {
        let url = "https://innkeeper.example/webhooks/gitlab".to_owned();
        let made = steps_for(&[hook(5, "other.example")], |_| {});
        assert_eq!(made[0].deed, Some(Deed::CreateWebhook { url, proof: Proof::Token }));
        let mut slash = hook(5, "innkeeper.example");
        slash.url.push('/');
        assert_eq!(steps_for(&[slash], |_| {})[0].state, State::Ok);
    }

    #[test]
    fn without_an_address_one_is_known_by_its_path_and_none_is_made() {
        let found = steps_for(&[hook(5, "other.example")], |wanted| wanted.url = None);
        assert_eq!(found[0].state, State::Ok);
        let none = steps_for(&[], |wanted| wanted.url = None);
        assert_eq!(none[0].state, State::Cannot);
        assert!(none[0].by_hand.as_ref().unwrap().contains("--url"));
    }

    #[test]
    fn the_secret_is_set_when_it_is_missing_or_asked_for_and_else_left() {
        let ours = hook(5, "innkeeper.example");
        assert_eq!(steps_for(from_ref(&ours), |_| {})[0].deed, None);
        let flawed = FoundWebhook { flaws: vec!["push events are on".to_owned()], ..ours.clone() };
        assert_eq!(steps_for(&[flawed], |_| {})[0].deed, Some(correction(None)));
        let reset = steps_for(from_ref(&ours), |wanted| wanted.reset_secret = true);
        assert_eq!(reset[0].deed, Some(correction(Some(Proof::Token))));
        let bare = FoundWebhook { has_secret: Some(false), ..ours };
        let bare = steps_for(&[bare], |wanted| wanted.proof = Proof::Signature);
        assert_eq!(bare[0].deed, Some(correction(Some(Proof::Signature))));
        assert!(bare[0].what.ends_with("it lacks the secret"), "{}", bare[0].what);
    }

    #[test]
    fn doubles_and_stopped_ones_are_left_to_a_person() {
        let hooks = [hook(9, "innkeeper.example"), hook(5, "innkeeper.example")];
        let steps = steps_for(&hooks, |_| {});
        assert_eq!((steps[0].state, steps[1].state), (State::Ok, State::Cannot));
        assert_eq!(
            steps[1].by_hand.as_deref(),
            Some("Delete the second one: https://git.example/hooks/9")
        );
        let stopped = FoundWebhook {
            stopped: Some("switched off".to_owned()),
            ..hook(5, "innkeeper.example")
        };
        let told = steps_for(from_ref(&stopped), |_| {});
        assert_eq!((told[0].state, told[0].by_hand.is_some()), (State::Cannot, true));
        let flawed = FoundWebhook { flaws: vec!["x".to_owned()], ..stopped };
        let mended = steps_for(&[flawed], |_| {});
        assert_eq!((mended[0].state, mended[0].by_hand.is_some()), (State::ToDo, true));
        assert_eq!(super::steps(&webhook(), &Err(obstacle()))[0].state, State::Cannot);
    }
}
