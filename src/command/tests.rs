use chrono::NaiveDate;
use proptest::prelude::*;

use super::{Command, CommandError, MAX_COMMANDS, Word, commands};
use crate::{
    cookbook::PowerCommand, identity::MachineName, quantity::Lifetime, request::value::Term,
};

fn one(line: &str) -> Result<Command, CommandError> {
    let mut read = commands(&format!("@bot {line}"), "bot");
    assert_eq!(read.len(), 1, "{line}");
    read.remove(0)
}

fn days(days: u32) -> Term {
    Term::For(Lifetime::new(days).unwrap())
}

fn name(name: &str) -> MachineName {
    MachineName::from(name)
}

#[test]
fn every_example_of_the_table_is_read_as_its_own_command() {
    for word in Word::ALL {
        let entry = word.entry();
        assert_eq!(one(entry.example).map(|command| command.word()), Ok(*word));
        assert!(entry.usage.starts_with(entry.word));
    }
}

#[test]
fn arguments_are_read() {
    let digest = |text: &str| Some(text.to_owned());
    for (line, command) in [
        ("STATUS please", Command::Status),
        ("approve", Command::Approve { digest: None }),
        ("approve `3F9C2a7e`", Command::Approve { digest: digest("3f9c2a7e") }),
        ("reject: too large", Command::Reject { reason: "too large".into() }),
        ("extend 2w", Command::Extend { by: days(14), machine: None, reason: None }),
        (
            "extend by two weeks, because the *review* took longer because of me",
            Command::Extend {
                by: days(14),
                machine: None,
                reason: Some("the review took longer because of me".into()),
            },
        ),
        (
            "extend web-01 10 days",
            Command::Extend { by: days(10), machine: Some(name("web-01")), reason: None },
        ),
        (
            "extend until 2027-01-15",
            Command::Extend {
                by: Term::Until(NaiveDate::from_ymd_opt(2027, 1, 15).unwrap()),
                machine: None,
                reason: None,
            },
        ),
        ("restore", Command::Restore { by: None, machine: None }),
        ("restore web-01", Command::Restore { by: None, machine: Some(name("web-01")) }),
        (
            "restore web-01 1w",
            Command::Restore { by: Some(days(7)), machine: Some(name("web-01")) },
        ),
        ("release", Command::Release { machine: None, confirmation: None }),
        ("release web-01", Command::Release { machine: Some(name("web-01")), confirmation: None }),
        (
            "release confirm 3f9c2a7e",
            Command::Release { machine: None, confirmation: digest("3f9c2a7e") },
        ),
        (
            "release Web-01 confirm 3f9c2a7e",
            Command::Release { machine: Some(name("web-01")), confirmation: digest("3f9c2a7e") },
        ),
        (
            "stop web-01",
            Command::Power { action: PowerCommand::Stop, machine: Some(name("web-01")) },
        ),
        ("rebuild", Command::Rebuild { machine: None, confirmation: None }),
        (
            "rebuild web-01 confirm 3f9c2a7e",
            Command::Rebuild { machine: Some(name("web-01")), confirmation: digest("3f9c2a7e") },
        ),
        ("transfer @bob", Command::Transfer { to: "bob".into() }),
        (
            "confirm @alice 1y",
            Command::Confirm {
                machine: None,
                owner: "alice".into(),
                fallback: vec![],
                until: days(365),
            },
        ),
        (
            "confirm Web_01.example @alice, fallback @bob, @carol until 2027-01-15",
            Command::Confirm {
                machine: Some(name("web_01.example")),
                owner: "alice".into(),
                fallback: vec!["bob".into(), "carol".into()],
                until: Term::Until(NaiveDate::from_ymd_opt(2027, 1, 15).unwrap()),
            },
        ),
        ("accept", Command::Accept { digest: None }),
        ("", Command::Help),
    ] {
        assert_eq!(one(line), Ok(command), "{line}");
    }
}

#[test]
fn what_is_not_understood_is_answered() {
    for (line, message) in [
        ("aprove 3f9c2a7e", "I do not know the command `aprove`: did you mean `approve`?"),
        ("thanks!", "I do not know the command `thanks`"),
        (
            "resize",
            "Say what is to change: `memory`, `vcpus` or `disk`, and how much. For example: `resize memory 8 GiB vcpus 4`",
        ),
        (
            "approve 3f9c2a7e but only for a week",
            "Only the digest may follow, in hexadecimal digits. For example: `approve 3f9c2a7e`",
        ),
        ("approve 3f9c", "A digest has between 8 and 64 digits. For example: `approve 3f9c2a7e`"),
        (
            "reject",
            "Say why, so that the requester can do better. For example: `reject there is a shared machine for this`",
        ),
        (
            "extend",
            "Say by how long, or until when. For example: `extend 2w because the review took longer`",
        ),
        (
            "extend 3",
            "`3` has no unit: write for example `3 days` or `3 weeks`. For example: `extend 2w because the review took longer`",
        ),
        (
            "extend until 03/04/2027",
            "`03/04/2027` can be read as 3 April 2027 or as 4 March 2027: write it as year-month-day. For example: `extend 2w because the review took longer`",
        ),
        (
            "release confirm",
            "The code from my question is missing after `confirm`. For example: `release`",
        ),
        ("stop all of them", "Only the name of a machine may follow. For example: `stop`"),
        ("stop --force", "Only the name of a machine may follow. For example: `stop`"),
        (
            "transfer @all",
            "`@all` is everybody in the project, not a person. For example: `transfer @alice`",
        ),
        (
            "transfer bob@example.org",
            "`bob@example.org` looks like an e-mail address: the username is wanted. For example: `transfer @alice`",
        ),
        (
            "confirm alice 1y",
            "Name the owner, with `@`, and how long it is needed. For example: `confirm @alice 1y`",
        ),
        (
            "confirm @alice",
            "Say how long it is needed, or until when. For example: `confirm @alice 1y`",
        ),
        (
            "confirm @alice fallback 1y",
            "Name who answers when the owner does not, with `@`. For example: `confirm @alice 1y`",
        ),
        (
            "confirm @all 1y",
            "`@all` is everybody in the project, not a person. For example: `confirm @alice 1y`",
        ),
        ("retry the destroy", "It takes nothing behind it. For example: `retry`"),
    ] {
        assert_eq!(one(line).map_err(|error| error.to_string()), Err(message.to_owned()), "{line}");
    }
}

#[test]
fn a_command_is_a_line_of_a_paragraph() {
    for note in [
        "@bot retry",
        "Hello\n@Bot: retry\nthanks",
        "text\n\n  @bot, Retry\n",
        "@bot retry\r\nthanks",
        "a `code\nspan`\n@bot retry",
        "a *b\nc* [d\ne](f)\n@bot retry",
        "a <!-- x\ny --> b\n@bot retry",
        "<details>\n\nquoted\n\n</details>\n\n@bot retry",
        "> quoted\n\n@bot retry",
        "@bot retry\n-- \n@bot help",
        "@bot retry\n\nOn Mon, 4 Jan 2027, bot wrote:\n@bot help",
        "@bot retry\n---\n",
    ] {
        assert_eq!(commands(note, "bot"), [Ok(Command::Retry)], "{note}");
    }
}

#[test]
fn nothing_quoted_hidden_or_escaped_is_a_command() {
    for note in [
        "please ask @bot retry",
        "> @bot retry",
        "> quoted\n@bot retry",
        ">>>\n@bot retry\n>>>",
        "- @bot retry",
        "1. @bot retry",
        "- [ ] @bot retry",
        "# @bot retry",
        "    @bot retry",
        "```\n@bot retry\n```",
        "`@bot retry`",
        "``\n@bot retry\n``",
        "**@bot retry**",
        "*a\n@bot retry*",
        "[\n@bot retry](x)",
        "<!-- @bot retry -->",
        "<!--\n\n@bot retry\n\n-->",
        "<div>\n@bot retry\n</div>",
        "<details>\n\n@bot retry\n\n</details>",
        "<b>\n@bot retry</b>",
        "a <b>\n@bot retry</b>",
        "| @bot retry |\n|---|\n| @bot retry |",
        "[^1]\n\n[^1]: @bot retry",
        "\\@bot retry",
        "&#64;bot retry",
        "@botanist retry",
        "@bot-two retry",
        "@bot.two retry",
        "-- \n@bot retry",
        "On Mon, 4 Jan 2027 at 10:00, Innkeeper <bot@example.org> wrote:\n@bot retry",
        "-----Original Message-----\n@bot retry",
        "",
    ] {
        assert_eq!(commands(note, "bot"), [], "{note}");
    }
}

#[test]
fn the_rest_after_five_commands_is_not_read() {
    let read = commands(&"@bot status\n".repeat(9), "bot");
    assert_eq!(read.len(), MAX_COMMANDS + 1);
    assert_eq!(read.last(), Some(&Err(CommandError::TooMany)));
    assert_eq!(commands(&"@bot status\n".repeat(5), "bot").len(), 5);
}

#[test]
fn a_huge_comment_is_read_at_its_beginning() {
    let note = format!("@bot retry\n\n{}", "log line\n".repeat(200_000));
    assert_eq!(commands(&note, "bot"), [Ok(Command::Retry)]);
}

proptest! {
    #[test]
    fn no_comment_panics(note in "\\PC*|(@bot |@bot|approve |extend |[a-z0-9`*<>&\\[\\]()_\\\\|:#-]|\\n|\\r| ){0,40}") {
        let _ = commands(&note, "bot");
    }

    #[test]
    fn no_argument_panics(word in 0..Word::ALL.len(), argument in "\\PC{0,30}|[0-9a-z /-]{0,20}|because\\PC{0,9}") {
        let _ = one(&format!("{} x{argument}", Word::ALL[word].entry().word.to_uppercase()).replace(['\n', '\r'], " "));
    }
}
