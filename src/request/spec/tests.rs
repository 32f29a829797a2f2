use std::collections::BTreeMap;

use chrono::NaiveDate;
use proptest::prelude::*;

use super::{Spec, UnresolvedUser};
use crate::{
    cookbook::{Cookbook, FieldKind},
    identity::{FieldName, UserId},
    quantity::{Lifetime, Mebibytes, Vcpus},
    request::{
        form::read,
        samples::{choices, cookbook, disk, field, memory, optional, size, vcpus},
        value::Value,
    },
};

const TODAY: NaiveDate = NaiveDate::from_ymd_opt(2027, 1, 4).unwrap();
const AUTHOR: UserId = UserId(1);

fn recipe() -> Cookbook {
    cookbook(vec![
        field("Purpose", FieldKind::Text { max: 500 }),
        field("Memory", memory()),
        field("CPUs", vcpus()),
        optional("Disk", disk()),
        field("Name", FieldKind::Hostname),
        field("Until", FieldKind::Lifetime),
        optional("Count", FieldKind::Number { min: 1, max: 9 }),
        field("Owner", FieldKind::User),
        optional("Fallback", FieldKind::Users { min: 0, max: 3 }),
        optional("Team", FieldKind::Group),
        optional("Ports", FieldKind::Choices { choices: choices(&["ssh", "web"]) }),
    ])
}

const BODY: &str = "### Purpose\n\ntry it\n\n### Memory\n\n4 GiB\n\n### CPUs\n\n2\n\n### Name\n\nweb\n\n### Until\n\n2 weeks\n\n### Owner\n\n@alice\n\n### Fallback\n\n@bob, @carol\n\n### Ports\n\nssh, web\n";

fn accounts() -> BTreeMap<String, UserId> {
    [("alice", 1), ("bob", 2), ("carol", 3), ("bobby", 2), ("dave", 4)]
        .map(|(name, id)| (name.to_owned(), UserId(id)))
        .into()
}

fn spec(body: &str) -> Spec {
    let reading = read(body, &recipe(), TODAY);
    assert_eq!(reading.violations, [], "{body}");
    Spec::new(&recipe(), AUTHOR, &reading.values(), &accounts()).unwrap()
}

#[test]
fn cosmetic_edits_do_not_change_the_digest() {
    let digest = spec(BODY).digest();
    for (what, edited) in [
        ("units", BODY.replace("4 GiB", "4096 MB")),
        ("letter case", BODY.replace("web\n\n### Until", "WEB.\n\n### Until")),
        ("line ends", BODY.replace('\n', "\r\n")),
        ("lengths", BODY.replace("2 weeks", "14d")),
        ("spelling", BODY.replace("### CPUs\n\n2", "#### cpus:\n- two cores")),
        ("order of people", BODY.replace("@bob, @carol", "@Carol and bob, @carol")),
        ("a renamed person", BODY.replace("@bob", "@bobby")),
        ("order of choices", BODY.replace("ssh, web", "- web\n- ssh")),
        ("hints", BODY.replace("4 GiB", "<!-- hint -->\n4 GiB\n\n/label ~vm")),
        (
            "order of headings",
            format!("### Memory\n4 GiB\n{}", BODY.replace("### Memory\n\n4 GiB\n\n", "")),
        ),
    ] {
        assert_eq!(spec(&edited).digest(), digest, "{what}");
        assert_eq!(spec(BODY).changes(&spec(&edited)), [], "{what}");
    }
}

#[test]
fn every_material_edit_changes_the_digest_and_is_named() {
    for (edited, field, old, new) in [
        (BODY.replace("try it", "try that"), "purpose", Some("try it"), Some("try that")),
        (BODY.replace("4 GiB", "5 GiB"), "memory", Some("4 GiB"), Some("5 GiB")),
        (BODY.replace("2\n\n### Name", "1\n\n### Name"), "cpus", Some("2 vCPUs"), Some("1 vCPU")),
        (format!("{BODY}### Disk\n20"), "disk", None, Some("20 GiB")),
        (BODY.replace("2 weeks", "2027-01-18"), "until", Some("14 days"), Some("2027-01-18")),
        (BODY.replace("@alice", "@dave"), "owner", Some("alice"), Some("dave")),
        (BODY.replace("@bob, @carol", "@bob"), "fallback", Some("bob, carol"), Some("bob")),
        (BODY.replace("@bob, @carol", ""), "fallback", Some("bob, carol"), None),
        (format!("{BODY}### Team\ntpo/web"), "team", None, Some("tpo/web")),
        (BODY.replace("ssh, web", "web"), "ports", Some("ssh, web"), Some("web")),
    ] {
        let (before, after) = (spec(BODY), spec(&edited));
        assert_ne!(before.digest(), after.digest(), "{field}");
        let change = (FieldName::from(field), old.map(str::to_owned), new.map(str::to_owned));
        assert_eq!(before.changes(&after), [change]);
    }
}

#[test]
fn author_and_cookbook_are_material() {
    let values = read(BODY, &recipe(), TODAY).values();
    let digest = |cookbook: &Cookbook, author| {
        Spec::new(cookbook, author, &values, &accounts()).unwrap().digest()
    };
    let mut other = recipe();
    other.name = "vm".into();
    assert_ne!(digest(&recipe(), AUTHOR), digest(&recipe(), UserId(2)));
    assert_ne!(digest(&recipe(), AUTHOR), digest(&other, AUTHOR));
}

#[test]
fn the_encoding_stays_what_approvals_were_given_for() {
    insta::assert_snapshot!(spec(BODY).digest().short(), @"2cd9aac8");
}

#[test]
fn what_the_engine_needs_is_found_whatever_the_fields_are_called() {
    let spec = spec(BODY);
    assert_eq!(spec.memory(), Some(size("4 GiB")));
    assert_eq!(spec.vcpus(), Vcpus::new(2));
    assert_eq!(spec.disk(), None);
    assert_eq!(spec.hostname(), Some("web"));
    assert_eq!(spec.count(), 1);
    assert_eq!(spec.lifetime(TODAY), Lifetime::new(14));
    assert_eq!(spec.people("owner"), [UserId(1)]);
    assert_eq!(spec.people("fallback"), [UserId(2), UserId(3)]);
    assert!(spec.people("nobody").is_empty());
    assert!(spec.ssh_keys().is_empty());
}

#[test]
fn a_last_day_counts_from_the_day_it_is_granted() {
    let spec = spec(&BODY.replace("2 weeks", "2027-01-18"));
    assert_eq!(spec.lifetime(TODAY), Lifetime::new(14));
    assert_eq!(spec.lifetime(NaiveDate::from_ymd_opt(2027, 1, 17).unwrap()), Lifetime::new(1));
    assert_eq!(spec.lifetime(NaiveDate::from_ymd_opt(2027, 1, 18).unwrap()), None);
}

#[test]
fn a_name_without_an_account_is_no_spec() {
    let values = read(&BODY.replace("@bob", "@mallory"), &recipe(), TODAY).values();
    let error = Spec::new(&recipe(), AUTHOR, &values, &accounts());
    let field = "fallback".into();
    assert_eq!(error, Err(UnresolvedUser { field, username: "mallory".into() }));
}

#[test]
fn a_spec_survives_being_stored() {
    let spec = spec(BODY);
    let stored = serde_json::to_string(&spec).unwrap();
    assert_eq!(serde_json::from_str::<Spec>(&stored).unwrap(), spec);
}

proptest! {
    #[test]
    fn two_specs_share_a_digest_only_if_they_are_equal(
        left in prop::collection::vec(("[a-c]", "[a-c\",:{}\\[\\]]{0,3}", 0..3), 0..3),
        right in prop::collection::vec(("[a-c]", "[a-c\",:{}\\[\\]]{0,3}", 0..3), 0..3),
    ) {
        let spec = |fields: Vec<(String, String, i32)>| {
            let values: BTreeMap<FieldName, Value> = fields
                .into_iter()
                .map(|(name, text, kind)| (FieldName(name), match kind {
                    0 => Value::Text(text),
                    1 => Value::Hostname(text),
                    _ => Value::Memory(Mebibytes::MIN),
                }))
                .collect();
            Spec::new(&recipe(), AUTHOR, &values, &BTreeMap::new()).unwrap()
        };
        let (left, right) = (spec(left), spec(right));
        prop_assert_eq!(left.digest() == right.digest(), left == right);
        prop_assert_eq!(left.changes(&right).is_empty(), left == right);
    }
}
