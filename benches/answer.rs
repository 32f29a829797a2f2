//! What the two promises cost: how long it takes to know what is missing in a
//! request, and to store a decision durably.
//!
//! `cargo bench` prints each with its spread. The limit for the first is the
//! parser on a 100 KiB body; for the second it is the disk, one `fdatasync` a
//! commit.

#![expect(clippy::unwrap_used, reason = "a benchmark that cannot run should say so at once")]
#![expect(missing_docs, reason = "criterion's macros make public items")]

use std::{collections::BTreeSet, hint::black_box};

use criterion::{Criterion, criterion_group, criterion_main};
use innkeeper::{
    cookbook::{self, Cookbook, issue_template},
    identity::{Digest, ForgeName, IssueNumber, IssueRef, Person, ProjectId, Timestamp, UserId},
    notice::{render::Renderer, samples},
    policy::{self, Facts, Groups, People, Room, Usage},
    ports::store::{Delivery, Store as _},
    request::form,
    store::sql::SqlStore,
};

fn filled(cookbook: &Cookbook) -> String {
    let template = issue_template::gitlab(cookbook).replace("- [ ]", "- [x]");
    let fill = |text: String, heading: &str, value: &str| {
        let at = text.find(&format!("### {heading}\n")).unwrap();
        let end = at + text[at..].find("-->").unwrap() + 3;
        format!("{}\n\n{value}\n{}", &text[..end], &text[end..])
    };
    let text = fill(template, "What is it for?", "To see how it copes with our lists.");
    fill(text, "Fallback owner", "@bob")
}

fn facts(now: Timestamp) -> Facts {
    Facts {
        author: Person { id: UserId(1), username: "alice".into() },
        author_eligible: Some(true),
        people: People::Known(
            [("bob".to_owned(), Some(Person { id: UserId(2), username: "bob".into() }))].into(),
        ),
        groups: Groups::Unchecked,
        usage: Usage::default(),
        room: Room::default(),
        taken_names: BTreeSet::new(),
        protected_names: BTreeSet::new(),
        auto_approval: false,
        description_edited_by_others: false,
        today: now.date_naive(),
    }
}

fn deciding(criterion: &mut Criterion) {
    let cookbooks = cookbook::load::embedded();
    let sandbox = cookbooks.get(&"sandbox".into()).unwrap();
    let now: Timestamp = "2026-11-30T08:00:00Z".parse().unwrap();
    let body = filled(sandbox);
    let facts = facts(now);
    let verdict = |body: &str| {
        let reading = form::read(body, sandbox, now.date_naive());
        policy::judge(sandbox, cookbooks.version, &reading, &facts)
    };
    assert!(verdict(&body).is_fine());
    criterion.bench_function("read and judge a request", |b| b.iter(|| verdict(black_box(&body))));
    let long = format!("{body}\n{}", "- a line nobody asked for\n".repeat(3_500));
    criterion
        .bench_function("read and judge one of 90 KiB", |b| b.iter(|| verdict(black_box(&long))));
    let renderer = Renderer::new(None).unwrap();
    let sticky = samples::stickies().remove(0);
    criterion.bench_function("render the answer", |b| {
        b.iter(|| renderer.sticky(black_box(&sticky)).unwrap());
    });
    criterion.bench_function("load all cookbooks", |b| b.iter(cookbook::load::embedded));
}

fn storing(criterion: &mut Criterion) {
    let folder = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let store = runtime.block_on(SqlStore::open(&folder.path().join("bench.db"))).unwrap();
    let mut number = 0_u64;
    criterion.bench_function("store a delivery durably", |b| {
        b.iter(|| {
            number += 1;
            let forge = ForgeName::from("gitlab");
            let delivery = Delivery {
                forge: forge.clone(),
                project: ProjectId(7),
                issue: Some(IssueRef {
                    forge,
                    project: ProjectId(7),
                    number: IssueNumber(number % 50),
                }),
                key: Digest::of(number.to_string()).to_string(),
                event: "Note Hook".into(),
                ignored: None,
                body: vec![b'x'; 4_096],
                received_at: Timestamp::UNIX_EPOCH,
            };
            runtime.block_on(store.deliver(&delivery)).unwrap()
        });
    });
}

criterion_group!(benches, deciding, storing);
criterion_main!(benches);
