use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;
use proptest::prelude::*;

use super::{
    Concern, Facts, Groups, Holding, Need, Part, People, Room, Usage, Verdict,
    explain::{self, Outcome},
    judge,
};
use crate::{
    cookbook::{Cookbook, Cookbooks, FieldKind, Principal, load},
    identity::{CookbookName, Digest, Person, UserId},
    request::form,
    violation::ViolationCode,
};

const TODAY: NaiveDate = NaiveDate::from_ymd_opt(2027, 1, 4).unwrap();

const SANDBOX: &str = "\
### What is it for?

Try the new mail server.

### Fallback owner

@bob

### I understand

- [x] I understand
";

const VM: &str = "\
### What service will run on it?

The translation server.

### Host name

translate

### Fallback owner

@bob

### Documentation

https://example.org/translate

### What data will it hold?

Public

### I understand

- [x] I understand
";

fn person(id: u64, username: &str) -> Person {
    Person { id: UserId(id), username: username.to_owned() }
}

fn facts() -> Facts {
    let accounts = [person(2, "bob"), person(3, "carol")];
    let mut people: BTreeMap<String, Option<Person>> =
        accounts.into_iter().map(|person| (person.username.clone(), Some(person))).collect();
    people.insert("ghost".to_owned(), None);
    Facts {
        author: person(1, "alice"),
        author_eligible: Some(true),
        people: People::Known(people),
        groups: Groups::Of(BTreeSet::from(["tpo/web".to_owned()])),
        usage: Usage::default(),
        room: Room::default(),
        taken_names: BTreeSet::from(["web".to_owned()]),
        protected_names: BTreeSet::from(["ldap".to_owned()]),
        auto_approval: true,
        description_edited_by_others: false,
        today: TODAY,
    }
}

fn book(cookbooks: &Cookbooks, name: &str) -> Cookbook {
    cookbooks.get(&CookbookName::from(name)).unwrap().clone()
}

fn verdict_by(cookbook: &Cookbook, body: &str, facts: &Facts) -> Verdict {
    let reading = form::read(body, cookbook, facts.today);
    judge(cookbook, Digest::of("policy"), &reading, facts)
}

fn verdict(name: &str, body: &str, facts: &Facts) -> Verdict {
    verdict_by(&book(&load::embedded(), name), body, facts)
}

fn sandbox(more: &str, change: impl FnOnce(&mut Facts)) -> Verdict {
    let mut facts = facts();
    change(&mut facts);
    verdict("sandbox", &format!("{SANDBOX}\n{more}"), &facts)
}

/// `code field line`, as far as there are.
fn shown(verdict: &Verdict) -> Vec<String> {
    let one = |violation: &crate::violation::Violation| {
        let field = violation.field.as_ref().map_or("-", |field| field.as_str());
        let line = violation.line.map_or_else(|| "-".to_owned(), |line| line.to_string());
        format!("{:?} {field} {line}", violation.code)
    };
    verdict.violations.iter().map(one).collect()
}

type Change = fn(&mut Facts);

fn no_change(_: &mut Facts) {}

#[test]
fn a_small_sandbox_needs_nobody_where_automatic_approval_is_on() {
    let verdict = sandbox("", no_change);
    assert_eq!(shown(&verdict), [""; 0]);
    assert!(verdict.is_fine() && verdict.spec.is_some());
    assert_eq!(verdict.needs, Need::Nothing);
    assert_eq!(verdict.owner, person(1, "alice"));
    assert_eq!(verdict.fallback, [person(2, "bob")]);
    assert_eq!(verdict.acceptance_needed, None);
}

#[test]
fn automatic_approval_needs_every_one_of_its_conditions() {
    let cases: [(&str, &str, Change); 7] = [
        ("switched on", "", |facts| facts.auto_approval = false),
        ("an eligible author", "", |facts| facts.author_eligible = None),
        ("the author's own words", "", |facts| facts.description_edited_by_others = true),
        ("few machines", "", |facts| facts.usage.owner.leases = 2),
        ("a short life", "### How long?\n\n3 weeks\n", no_change),
        ("a short life by date", "### How long?\n\n2027-01-25\n", no_change),
        ("the author as owner", "### Owner\n\n@carol\n", no_change),
    ];
    let by = vec![Principal::Group("tpo/tpa".to_owned())];
    let part = Part { by, count: 1, own: false, reason: None };
    let approval = Need::Approval { parts: vec![part] };
    for (condition, more, change) in cases {
        let verdict = sandbox(more, change);
        assert_eq!(shown(&verdict), [""; 0], "{condition}");
        assert_eq!(verdict.needs, approval, "{condition}");
        assert!(verdict.spec.is_some(), "{condition}");
    }
    let short = sandbox("### How long?\n\n2027-01-18\n", no_change);
    assert_eq!(short.needs, Need::Nothing);
}

#[test]
fn a_cookbook_without_unless_always_needs_approval() {
    let verdict = verdict("vm", VM, &facts());
    assert_eq!(shown(&verdict), [""; 0]);
    assert!(matches!(verdict.needs, Need::Approval { .. }));
}

#[test]
fn each_thing_that_is_wrong_is_said_with_its_place() {
    let cases: [(&str, Change, &[&str]); 9] = [
        ("", |facts| facts.author_eligible = Some(false), &["NotEligible - -"]),
        ("### Host name\n\nweb\n", no_change, &["NameTaken hostname 15"]),
        ("### Host name\n\nldap\n", no_change, &["NameReserved hostname 15"]),
        (
            "### Host name\n\nldap\n",
            |facts| {
                facts.taken_names.insert("ldap".to_owned());
            },
            &["NameReserved hostname 15"],
        ),
        ("### Owner\n\n@ghost\n", no_change, &["UnknownUser owner 15"]),
        ("### Owner\n\n@nobody-asked\n", no_change, &["UnknownUser owner 15"]),
        ("### Owner\n\n@Bob\n", no_change, &["RuleRefused fallback 7"]),
        ("", |facts| facts.usage.owner.pending = 3, &["RuleRefused - -"]),
        (
            "### Memory\n\n64 GiB\n\n### Owner\n\n@bob\n",
            |facts| facts.author_eligible = Some(false),
            &["NotEligible - -", "RuleRefused fallback 7", "AboveMaximum memory 15"],
        ),
    ];
    for (more, change, expected) in cases {
        let verdict = sandbox(more, change);
        assert_eq!(shown(&verdict), expected, "{more}");
        assert_eq!(verdict.spec, None, "{more}");
        assert_ne!(verdict.needs, Need::Nothing, "{more}");
        for violation in &verdict.violations {
            assert!(violation.hint.is_some(), "{violation:?}");
            assert!(violation.message.ends_with('.'), "{violation:?}");
        }
    }
}

#[test]
fn a_refusing_rule_names_its_place() {
    let verdict = sandbox("### Owner\n\n@bob\n", no_change);
    let place = verdict.violations[0].rule.clone().unwrap();
    assert_eq!((place.id.as_str(), place.file.as_str()), ("fallback-owner", "sandbox.toml"));
    assert_eq!(place.line, book(&load::embedded(), "sandbox").rules[0].line);
}

#[test]
fn a_rule_about_what_could_not_be_read_keeps_quiet() {
    // 16 processors with no readable memory would be `balanced` against nothing.
    let body = format!("{VM}\n### vCPUs\n\n16\n\n### Memory\n\nlots\n");
    let refused = verdict("vm", &body, &facts());
    assert_eq!(shown(&refused), ["UnreadableValue memory 31"]);
    // And what an unknown owner holds is nobody's business.
    let busy = |facts: &mut Facts| facts.usage.owner.leases = 9;
    assert_eq!(shown(&sandbox("### Owner\n\n@ghost\n", busy)), ["UnknownUser owner 15"]);
}

#[test]
fn a_rule_over_several_fields_sees_them_all() {
    let sensitive = VM.replace("Public", "Secret");
    let refused = verdict("vm", &sensitive, &facts());
    assert_eq!(shown(&refused), ["RuleRefused data_handling -"]);
    let handled = format!(
        "{sensitive}\n### How is that data protected?\n\nOnly admins read it; deleted yearly.\n"
    );
    assert_eq!(shown(&verdict("vm", &handled, &facts())), [""; 0]);
}

/// The shipped sandbox with one rule more.
fn with_rule(require: &str) -> Cookbook {
    let rule = format!("\n[[rule]]\nid = \"extra\"\nrequire = {require:?}\nmessage = \"No.\"\n");
    let text = include_str!("../../policies/sandbox.toml").to_owned() + &rule;
    let cookbooks = load::files(&[("sandbox.toml".to_owned(), text)]);
    book(&cookbooks.unwrap_or_else(|error| panic!("{error}")), "sandbox")
}

#[test]
fn a_rule_that_cannot_be_evaluated_counts_as_refused() {
    let cookbook = with_rule("10 / usage.owner.leases > 0");
    let verdict = verdict_by(&cookbook, SANDBOX, &facts());
    assert_eq!(verdict.violations[0].code, ViolationCode::RuleUnusable);
    let hint = verdict.violations[0].hint.clone().unwrap();
    assert!(hint.contains("sandbox.toml:"), "{hint}");
    assert_eq!(verdict.spec, None);
}

/// The shipped sandbox with one rule of this severity more.
fn with_severity(severity: &str, require: &str) -> Cookbook {
    let rule = format!(
        "\n[[rule]]\nid = \"extra\"\nrequire = {require:?}\nseverity = \"{severity}\"\n\
         message = \"Large.\"\nfield = \"memory\"\n"
    );
    let text = include_str!("../../policies/sandbox.toml").to_owned() + &rule;
    let cookbooks = load::files(&[("sandbox.toml".to_owned(), text)]);
    book(&cookbooks.unwrap_or_else(|error| panic!("{error}")), "sandbox")
}

#[test]
fn each_severity_has_its_consequence() {
    let large = format!("{SANDBOX}\n### Memory\n\n3 GiB\n");
    let by = |severity, require| verdict_by(&with_severity(severity, require), &large, &facts());
    let small = "request.memory <= 2048";
    let deny = by("deny", small);
    assert_eq!((shown(&deny), deny.advice.len()), (vec!["RuleRefused memory 15".to_owned()], 0));
    for (severity, concern, needs_nobody) in
        [("review", Concern::Review, false), ("warn", Concern::Warn, true)]
    {
        let verdict = by(severity, small);
        assert!(verdict.is_fine() && verdict.spec.is_some(), "{severity}");
        assert_eq!(verdict.needs == Need::Nothing, needs_nobody, "{severity}");
        let [advice] = verdict.advice.as_slice() else { panic!("{:?}", verdict.advice) };
        assert_eq!((advice.severity, advice.message.as_str()), (concern, "Large."));
        assert_eq!(
            (advice.line, advice.rule.as_ref().map(|r| r.id.as_str())),
            (Some(15), Some("extra"))
        );
        let holding = by(severity, "request.memory <= 4096");
        assert_eq!((holding.advice.len(), holding.needs), (0, Need::Nothing), "{severity}");
        // What cannot be evaluated counts as not holding.
        let unusable = by(severity, "10 / usage.owner.leases > 0");
        assert!(unusable.is_fine());
        assert_eq!(unusable.needs == Need::Nothing, needs_nobody, "{severity}");
        assert!(unusable.advice[0].message.contains("could not be applied"), "{severity}");
    }
}

/// The shipped sandbox, where this also has to be approved.
fn with_also(when: &str) -> Cookbook {
    let also = format!("[[approval.also]]\nby = [\"group:tpo/security\"]\n{when}\n\n[placement]");
    let text = include_str!("../../policies/sandbox.toml").replace("[placement]", &also);
    let cookbooks = load::files(&[("sandbox.toml".to_owned(), text)]);
    book(&cookbooks.unwrap_or_else(|error| panic!("{error}")), "sandbox")
}

#[test]
fn others_approve_as_well_when_their_condition_holds_or_cannot_be_told() {
    for (when, several) in [
        ("when = 'request.memory > 4096'", false),
        ("when = 'request.memory <= 4096'", true),
        ("when = '10 / usage.owner.leases > 0'", true),
    ] {
        let verdict = verdict_by(&with_also(when), SANDBOX, &facts());
        assert!(verdict.is_fine());
        let by: Vec<String> = verdict.needs.parts().iter().map(ToString::to_string).collect();
        // What needs two groups is never automatic, however small.
        let expected: &[&str] =
            if several { &["1 of group:tpo/tpa", "1 of group:tpo/security"] } else { &[] };
        assert_eq!(by, expected, "{when}");
    }
    let unread = format!("{SANDBOX}\n### Memory\n\nlots\n");
    let verdict = verdict_by(&with_also("when = 'request.memory > 4096'"), &unread, &facts());
    assert_eq!(verdict.needs.parts().len(), 2);
}

#[test]
fn a_review_under_a_newer_policy_is_worse_only_if_nobody_had_to_approve() {
    let facts_without = Facts { auto_approval: false, ..facts() };
    let review = with_severity("review", "request.memory <= 1024");
    for (facts, worse) in [(facts(), true), (facts_without, false)] {
        let earlier = verdict("sandbox", SANDBOX, &facts);
        assert_eq!(verdict_by(&review, SANDBOX, &facts).is_worse_than(&earlier), worse);
    }
}

#[test]
fn a_verdict_stored_before_there_was_advice_is_read() {
    let verdict = sandbox("", no_change);
    let mut stored = serde_json::to_value(&verdict).unwrap();
    assert!(stored.as_object_mut().unwrap().remove("advice").is_some());
    assert_eq!(serde_json::from_value::<Verdict>(stored).unwrap(), verdict);
}

#[test]
fn a_group_is_one_the_author_belongs_to() {
    let text = format!(
        "{}\n[[field]]\nname = \"team\"\ntype = \"group\"\nrequired = false\n\n[[rule]]\nid = \"web\"\nrequire = \"request.team in ['', 'tpo/web', 'tpo/mail']\"\nmessage = \"No.\"\n",
        include_str!("../../policies/sandbox.toml")
    );
    let cookbooks = load::files(&[("sandbox.toml".to_owned(), text)]).unwrap();
    let cookbook = book(&cookbooks, "sandbox");
    let with = |team: &str| format!("{SANDBOX}\n### Team\n\n{team}\n");
    assert_eq!(shown(&verdict_by(&cookbook, SANDBOX, &facts())), [""; 0]);
    let fine = verdict_by(&cookbook, &with("@TPO/Web"), &facts());
    assert_eq!(fine.spec.as_ref().and_then(|spec| spec.team()), Some("tpo/web"));
    // Whether it is there, and whether the rules would allow it, is the same.
    for team in ["tpo/mail", "tpo/ghost"] {
        let refused = verdict_by(&cookbook, &with(team), &facts());
        assert_eq!(shown(&refused), ["NotAMember team 15"], "{team}");
        let message = format!("`{team}` is not a group you belong to.");
        assert_eq!(refused.violations[0].message, message);
        let unchecked = Facts { groups: Groups::Unchecked, ..facts() };
        let unchecked = verdict_by(&cookbook, &with(team), &unchecked);
        assert_eq!(unchecked.is_fine(), team == "tpo/mail", "{team}");
    }
}

/// The shipped sandbox with tiers, whose fields are asked for with `custom`.
fn with_tiers(rule: &str) -> Cookbook {
    let tier = |name: &str, amount: u32| {
        format!(
            "\n[[tier]]\nname = \"{name}\"\nmemory = \"{} GiB\"\nvcpus = {amount}\ndisk = \"{}0 GiB\"\n",
            amount * 2,
            amount
        )
    };
    let text = include_str!("../../policies/sandbox.toml").to_owned()
        + &tier("small", 1)
        + &tier("medium", 2)
        + "\n[[field]]\nname = \"size\"\ntype = \"tier\"\ncustom = true\ndefault = \"small\"\n"
        + &format!("\n[[rule]]\nid = \"extra\"\nrequire = {rule:?}\nmessage = \"No.\"\n");
    let cookbooks = load::files(&[("sandbox.toml".to_owned(), text)]);
    book(&cookbooks.unwrap_or_else(|error| panic!("{error}")), "sandbox")
}

#[test]
fn rules_see_what_a_tier_has() {
    let medium = format!("{SANDBOX}\n### Size\n\nMedium\n");
    for require in [
        "request.size == 'medium' && request.memory == 4096",
        "request.vcpus == 2 && request.disk == 20480",
    ] {
        let verdict = verdict_by(&with_tiers(require), &medium, &facts());
        assert_eq!(shown(&verdict), [""; 0], "{require}");
        let spec = verdict.spec.unwrap();
        assert_eq!(spec.memory(), crate::quantity::Mebibytes::new(4096));
        assert_eq!(spec.disk(), crate::quantity::Mebibytes::new(20480));
    }
    // What is approved is what the tier has, not its name.
    let text = |cookbook: &Cookbook| verdict_by(cookbook, &medium, &facts()).digest();
    let mut larger = with_tiers("true");
    for field in &mut larger.fields {
        if let FieldKind::Tier { tiers, .. } = &mut field.kind {
            tiers[1].shape.memory = crate::quantity::Mebibytes::new(8192).unwrap();
        }
    }
    assert_ne!(text(&larger), text(&with_tiers("true")));
    // A rule about sizes waits for the tier as for an amount.
    let unread = format!("{SANDBOX}\n### Size\n\nhuge\n");
    let verdict = verdict_by(&with_tiers("request.memory == 1"), &unread, &facts());
    assert_eq!(shown(&verdict), ["NotAChoice size 15"]);
}

#[test]
fn sizes_of_ones_own_that_fit_into_a_tier_are_told_so() {
    let advice = |sizes: &str| {
        let body = format!("{SANDBOX}\n### Size\n\n{sizes}\n");
        let verdict = verdict_by(&with_tiers("true"), &body, &facts());
        assert!(verdict.is_fine(), "{:?}", verdict.violations);
        verdict.advice.into_iter().map(|advice| advice.message).collect::<Vec<_>>()
    };
    let custom = |memory| format!("custom\n\n### Memory\n\n{memory}\n\n### vCPUs\n\n1\n");
    let none = [""; 0];
    assert_eq!(advice("medium"), none);
    let small = "All of this fits into small (1 vCPU, 2 GiB memory, 10 GiB disk).";
    assert_eq!(advice(&custom("2 GiB")), [small]);
    let medium = "All of this fits into medium (2 vCPUs, 4 GiB memory, 20 GiB disk).";
    assert_eq!(advice(&custom("3 GiB")), [medium]);
    assert_eq!(advice(&custom("5 GiB")), none);
}

#[test]
fn an_unusable_unless_approves_nothing() {
    let text = include_str!("../../policies/sandbox.toml");
    let text = text.replace("request.vcpus <= 2 &&", "10 / usage.owner.leases > 0 &&");
    let cookbooks = load::files(&[("sandbox.toml".to_owned(), text)]).unwrap();
    let verdict = verdict_by(&book(&cookbooks, "sandbox"), SANDBOX, &facts());
    assert!(verdict.is_fine());
    assert_ne!(verdict.needs, Need::Nothing);
}

#[test]
fn rules_see_names_as_the_forge_spells_them_and_what_is_left_out_as_it_will_be() {
    for require in [
        "request.owner == 'carol' && request.author == 'alice'",
        "request.fallback == ['bob']",
        "request.memory == 2048 && request.vcpus == 1 && request.disk == 10240",
        "request.lifetime_days == 14 && request.count == 1 && request.hostname == ''",
        "request.throw_away && request.purpose.contains('mail')",
        "usage.provider.leases == 7",
    ] {
        let mut facts = facts();
        facts.usage.provider.leases = 7;
        let body = format!("{}\n### Owner\n\n@Carol\n", SANDBOX.replace("@bob", "@BOB"));
        assert_eq!(shown(&verdict_by(&with_rule(require), &body, &facts)), [""; 0], "{require}");
    }
}

#[test]
fn each_name_of_usage_sees_its_own_number() {
    let holding = |from: u64| Holding {
        leases: from,
        pending: from + 1,
        vcpus: from + 2,
        memory: from + 3,
        disk: from + 4,
    };
    let usage = Usage {
        owner: holding(10),
        team: holding(20),
        cookbook: holding(30),
        provider: holding(40),
        extensions: 50,
        open_issues: 51,
    };
    let mut wanted = Vec::new();
    for (holder, from) in [("owner", 10), ("team", 20), ("cookbook", 30), ("provider", 40)] {
        for (what, number) in ["leases", "pending", "vcpus", "memory", "disk"].iter().zip(from..) {
            wanted.push(format!("usage.{holder}.{what} == {number}"));
        }
    }
    wanted.push("usage.owner.extensions == 50 && usage.owner.open_issues == 51".to_owned());
    let mut facts = facts();
    facts.usage = usage;
    // Without the shipped rule about how many one may have.
    let text = include_str!("../../policies/sandbox.toml");
    let text = text.replace("usage.owner.leases + usage.owner.pending < 3", "true");
    for require in wanted {
        let rule = format!("\n[[rule]]\nid = \"e\"\nrequire = {require:?}\nmessage = \"No.\"\n");
        let cookbooks = load::files(&[("sandbox.toml".to_owned(), text.clone() + &rule)]);
        let cookbook = book(&cookbooks.unwrap_or_else(|error| panic!("{error}")), "sandbox");
        assert_eq!(shown(&verdict_by(&cookbook, SANDBOX, &facts)), [""; 0], "{require}");
    }
}

#[test]
fn a_rule_about_what_is_free_refuses_only_where_that_is_known() {
    let cookbook = with_rule("request.memory <= capacity.memory || request.vcpus > 90");
    let with = |memory: Option<u64>| {
        let mut facts = facts();
        facts.room = Room { memory, disk: None };
        let reading = form::read(SANDBOX, &cookbook, facts.today);
        let explained = explain::explain(&cookbook, &reading, &facts);
        let rule = explained.into_iter().find(|rule| rule.rule == "extra").unwrap();
        let saw = rule.saw.iter().find(|(name, _)| name == "capacity.memory");
        let (_, saw) = saw.unwrap().clone();
        (verdict_by(&cookbook, SANDBOX, &facts), rule.outcome, saw)
    };
    let (fine, outcome, saw) = with(Some(4096));
    assert_eq!((fine.needs, outcome, saw.as_str()), (Need::Nothing, Outcome::Holds, "4096"));
    let (refused, outcome, saw) = with(Some(1024));
    assert_eq!((shown(&refused), outcome), (vec!["RuleRefused - -".to_owned()], Outcome::Refuses));
    assert_eq!(saw, "1024");
    let (unknown, outcome, saw) = with(None);
    assert_eq!((outcome, saw.as_str()), (Outcome::RoomUnknown, "not known"));
    assert!(unknown.is_fine() && unknown.spec.is_some());
    assert!(matches!(unknown.needs, Need::Approval { .. }), "a person decides");
    // The same where it is the condition of automatic approval that asks.
    let text = include_str!("../../policies/sandbox.toml");
    let text = text.replace("request.vcpus <= 2 &&", "capacity.disk > 10 &&");
    let cookbooks = load::files(&[("sandbox.toml".to_owned(), text)]).unwrap();
    for (disk, automatic) in [(Some(11), true), (Some(9), false), (None, false)] {
        let mut facts = facts();
        facts.room = Room { memory: None, disk };
        let verdict = verdict_by(&book(&cookbooks, "sandbox"), SANDBOX, &facts);
        assert_eq!(verdict.needs == Need::Nothing, automatic, "{disk:?}");
    }
}

#[test]
fn a_named_owner_must_accept_unless_it_is_the_author() {
    let other = sandbox("### Owner\n\n@carol\n", no_change);
    assert_eq!(other.acceptance_needed, Some(person(3, "carol")));
    assert_eq!(other.owner, person(3, "carol"));
    let own = sandbox("### Owner\n\n@Alice\n", no_change);
    assert_eq!((own.acceptance_needed, own.needs), (None, Need::Nothing));
}

#[test]
fn without_looking_people_up_there_is_a_verdict_but_nothing_to_approve() {
    let verdict = sandbox("### Owner\n\n@whoever\n", |facts| {
        facts.people = People::Unchecked;
        facts.author_eligible = None;
    });
    assert!(verdict.is_fine());
    assert_eq!(verdict.spec, None);
    assert_eq!(verdict.acceptance_needed.map(|owner| owner.username).as_deref(), Some("whoever"));
    let same = sandbox("### Owner\n\n@bob\n", |facts| facts.people = People::Unchecked);
    assert_eq!(shown(&same), ["RuleRefused fallback 7"]);
}

#[test]
fn a_verdict_is_worse_only_when_something_that_held_no_longer_does() {
    let fine = sandbox("", |facts| facts.auto_approval = false);
    let automatic = sandbox("", no_change);
    let refused = sandbox("### Host name\n\nweb\n", no_change);
    let changed = |change: fn(&mut Vec<Part>)| {
        let mut verdict = fine.clone();
        if let Need::Approval { parts } = &mut verdict.needs {
            change(parts);
        }
        verdict
    };
    let wider = changed(|parts| {
        parts[0].by.push(Principal::User("dave".to_owned()));
        parts[0].own = true;
    });
    let more = changed(|parts| parts[0].count = 2);
    let others = changed(|parts| parts[0].by = vec![Principal::Group("tpo/web".to_owned())]);
    let group = |name: &str, count| Part {
        by: vec![Principal::Group(name.to_owned())],
        count,
        own: false,
        reason: None,
    };
    let with = |also: &[Part]| {
        let mut verdict = fine.clone();
        if let Need::Approval { parts } = &mut verdict.needs {
            parts.extend(also.iter().cloned());
        }
        verdict
    };
    let security = with(&[group("tpo/security", 1)]);
    let both = with(&[group("tpo/web", 1), group("tpo/security", 1)]);
    let turned = with(&[group("tpo/security", 1), group("tpo/web", 1)]);
    let stricter = with(&[group("tpo/security", 2)]);
    let twice = with(&[group("tpo/security", 1), group("tpo/security", 1)]);
    let accepted = sandbox("### Owner\n\n@carol\n", |facts| facts.auto_approval = false);
    for (now, earlier, worse) in [
        (&fine, &fine, false),
        (&refused, &fine, true),
        (&fine, &refused, false),
        (&refused, &refused, false),
        (&fine, &automatic, true),
        (&automatic, &fine, false),
        (&wider, &fine, false),
        (&fine, &wider, true),
        (&more, &fine, true),
        (&fine, &more, false),
        (&others, &fine, true),
        (&accepted, &fine, true),
        (&security, &fine, true),
        (&fine, &security, false),
        (&both, &security, true),
        (&security, &both, false),
        (&both, &turned, false),
        (&stricter, &security, true),
        (&security, &stricter, false),
        (&twice, &security, true),
        (&security, &twice, false),
        (&fine, &accepted, false),
    ] {
        assert_eq!(now.is_worse_than(earlier), worse, "{:?} after {:?}", now.needs, earlier.needs);
    }
}

#[test]
fn a_verdict_survives_being_stored() {
    for verdict in
        [sandbox("", no_change), sandbox("### Owner\n\n@bob\n### Host name\n\nweb\n", no_change)]
    {
        let stored = serde_json::to_string(&verdict).unwrap();
        assert_eq!(serde_json::from_str::<Verdict>(&stored).unwrap(), verdict);
    }
}

proptest! {
    #[test]
    fn whatever_is_written_every_objection_has_a_hint_and_only_a_fine_request_a_spec(
        name in prop::sample::select(vec!["sandbox", "vm"]),
        lines in prop::collection::vec(
            prop::sample::select(vec![
                "### Memory", "### Owner", "### Host name", "### How long?", "### Fallback owner",
                "### I understand", "### What is it for?", "### vCPUs", "### Disk", "", "4 GiB",
                "900 TiB", "2", "0", "-1", "@bob", "@ghost", "@alice", "ldap", "web", "new-host",
                "2 weeks", "2027-01-10", "1999-01-01", "- [x] yes", "- [ ] yes", "\u{e4}", "Secret",
            ]),
            0..30,
        ),
        whole in any::<bool>(),
    ) {
        let base = if whole && name == "sandbox" { SANDBOX } else { VM };
        let verdict = verdict(name, &format!("{base}\n{}", lines.join("\n")), &facts());
        prop_assert_eq!(verdict.spec.is_some(), verdict.is_fine());
        let answered = verdict
            .violations
            .iter()
            .all(|violation| violation.hint.is_some() || !violation.would_pass.is_empty());
        prop_assert!(answered);
        prop_assert!(verdict.violations.is_sorted_by_key(|violation| violation.line));
        prop_assert!(verdict.is_fine() || verdict.needs != Need::Nothing);
        prop_assert!(!verdict.is_worse_than(&verdict));
    }
}
