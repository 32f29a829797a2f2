//! Replayed: against the small RAPI of `rapi.rs`, not a real cluster.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use innkeeper::{
    cookbook::Placement,
    identity::{LeaseId, MachineName},
    machine::{Bandwidth, ExtraDisk, Firmware, Keep, MachineOrder, Power},
    ports::{
        PortError, Verdict,
        finding::Grade,
        provider::{Provider, Wanted},
    },
    provider::ganeti::{Ganeti, Settings, Trust},
    quantity::Mebibytes,
};
use serde_json::json;
use uuid::Uuid;

use super::{
    contract::{Outside, contract, listed, order, power},
    rapi::{Fault, READER, Rapi, WRITER, World},
};

const RETRY: Verdict = Verdict::Retry { after: None };

impl Rapi {
    fn provider(&self, adjust: impl FnOnce(&mut Settings)) -> Ganeti {
        let mut settings =
            super::settings(self.url.clone(), WRITER, Some(READER), Trust::Pinned([0; 32]));
        adjust(&mut settings);
        Ganeti::new(settings).unwrap()
    }

    fn ordinary(&self) -> Ganeti {
        self.provider(|_| {})
    }

    /// One that soon has enough of waiting.
    fn hasty(&self) -> Ganeti {
        self.provider(|settings| settings.call_timeout = Duration::from_secs(2))
    }
}

impl Outside for Rapi {
    fn replica(&self) -> Arc<dyn Provider> {
        Arc::new(self.ordinary())
    }

    fn define(&self, name: &MachineName, uuid: Uuid, lease: Option<LeaseId>) {
        let tags = lease.into_iter().map(|lease| format!("innkeeper:lease:{lease}")).collect();
        self.world(|world| world.define(&format!("{name}.gnt.test"), uuid, tags));
    }

    fn remove(&self, name: &MachineName) {
        self.world(|world| world.instances.remove(&format!("{name}.gnt.test"))).unwrap();
    }
}

fn refused(error: &PortError, verdict: Verdict, words: &[&str]) {
    let chain = format!("{} ({:?})", error.chain(), error.advice);
    assert_eq!(error.verdict, verdict, "{chain}");
    for words in words {
        assert!(chain.contains(words), "`{words}` is not in: {chain}");
    }
    assert!(!chain.contains("secret"), "{chain}");
}

#[tokio::test]
async fn the_contract_of_all_providers_is_kept() {
    let rapi = Rapi::start().await;
    contract(rapi.replica(), &rapi).await;
}

#[tokio::test]
async fn an_order_is_passed_on_with_its_reason_and_tags_and_reads_use_the_other_user() {
    let rapi = Rapi::start().await;
    let mut order = order("whole", 0);
    order.storage = Some("drbd".to_owned());
    order.network = Some("net1".to_owned());
    order.more_disks = vec![ExtraDisk { size: Mebibytes::MIN, storage: Some("ssd".to_owned()) }];
    order.ssh_keys = vec!["ssh-ed25519 AAAA Jürgen".to_owned()];
    let provider = rapi.provider(|settings| {
        settings.defaults.ssh_keys_parameter = Some("ssh_key".to_owned());
    });
    let made = provider.create(&order).await.unwrap();
    assert!(made.addresses[0].starts_with("10.20.0."), "{made:?}");

    let sent = rapi.order(0);
    let lease = order.key.lease;
    assert_eq!(sent.query, [("reason".to_owned(), format!("innkeeper:{lease}:create"))]);
    assert_eq!(sent.body["tags"], json!([format!("innkeeper:lease:{lease}"), "innkeeper:build:0"]));
    assert_eq!(sent.body["disk_template"], "drbd");
    assert_eq!(sent.body["disks"], json!([{"size": 1024}, {"size": 1, "vg": "ssd"}]));
    assert_eq!(sent.body["nics"], json!([{"ip": "pool", "network": "net1"}]));
    assert_eq!(sent.body["osparams"], json!({"ssh_key": "ssh-ed25519 AAAA"}));
    rapi.world(|world| {
        for asked in &world.asked {
            let reads = asked.method == "GET" || asked.path.starts_with("/2/query/");
            assert_eq!(asked.user, if reads { READER } else { WRITER }, "{asked:?}");
        }
    });
}

#[tokio::test]
async fn a_lost_answer_makes_one_machine_and_one_job() {
    for fault in [Fault::LoseAnswer, Fault::LoseAnswerAndFinish] {
        let rapi = Rapi::start().await;
        let order = order("lost", 0);
        rapi.fault(fault.clone());
        let made = match rapi.ordinary().create(&order).await {
            Ok(made) => made,
            // The job was over before it could be looked for.
            Err(error) => {
                refused(&error, RETRY, &["no complete answer"]);
                rapi.ordinary().create(&order).await.unwrap()
            }
        };
        assert_eq!(made.power, Power::On);
        assert_eq!(rapi.changes(), ["POST /2/instances"], "{fault:?}");
    }
}

#[tokio::test]
async fn another_process_goes_on_with_a_job_that_is_under_way() {
    let rapi = Rapi::start().await;
    let order = order("handed-over", 0);
    rapi.world(|world| world.paused = true);
    for _ in 0..2 {
        let error = rapi.hasty().create(&order).await.unwrap_err();
        refused(
            &error,
            Verdict::Underway { after: Duration::from_secs(2) },
            &["create machine handed-over-0", "job 1 is queued ("],
        );
    }
    rapi.world(|world| world.paused = false);
    assert_eq!(rapi.ordinary().create(&order).await.unwrap().power, Power::On);
    assert_eq!(rapi.changes(), ["POST /2/instances"]);
}

#[tokio::test]
async fn a_creation_that_has_not_begun_is_cancelled_when_the_machine_is_destroyed() {
    let rapi = Rapi::start().await;
    let order = order("never", 0);
    rapi.world(|world| world.paused = true);
    rapi.hasty().create(&order).await.unwrap_err();
    let provider = rapi.ordinary();
    provider.destroy(&order.key, Keep::Nothing).await.unwrap();
    assert_eq!(rapi.world(|world| world.unfinished()), 0);
    rapi.world(|world| world.paused = false);
    assert_eq!(provider.find(&order.key).await.unwrap(), None);
}

#[tokio::test]
async fn no_room_is_full_and_leaves_nothing() {
    let rapi = Rapi::start().await;
    rapi.world(|world| world.memory = 256);
    let order = order("large", 0);
    let error = rapi.ordinary().create(&order).await.unwrap_err();
    refused(&error, Verdict::Full, &["job 1", "FailMem: 2"]);
    assert_eq!(listed(&rapi.ordinary(), order.key.lease).await, []);
    rapi.world(|world| world.memory = 1024);
    rapi.ordinary().create(&order).await.unwrap();
}

#[tokio::test]
async fn an_installer_that_fails_is_told_and_its_half_made_instance_removed() {
    let rapi = Rapi::start().await;
    let order = MachineOrder { image: Some("failing".to_owned()), ..order("broken", 0) };
    let error = rapi.ordinary().create(&order).await.unwrap_err();
    refused(&error, Verdict::GiveUp, &["job 1", "OS create script failed", "this OS always fails"]);
    assert!(!error.chain().contains(['\n', '\u{1b}']), "{}", error.chain());
    assert!(rapi.instance("broken-0").is_none());
    assert_eq!(rapi.changes()[1..], ["DELETE /2/instances/broken-0.gnt.test"]);

    let unknown = MachineOrder { image: Some("nope".to_owned()), ..order };
    let error = rapi.ordinary().create(&unknown).await.unwrap_err();
    refused(&error, Verdict::GiveUp, &["OS nope not found", "gnt-os list"]);
}

#[tokio::test]
async fn what_a_killed_job_left_is_removed_and_then_made_anew() {
    let rapi = Rapi::start().await;
    let order = order("killed", 0);
    rapi.fault(Fault::Kill);
    let error = rapi.ordinary().create(&order).await.unwrap_err();
    refused(&error, RETRY, &["detected death of job 1"]);
    assert!(rapi.instance("killed-0").is_none());
    assert_eq!(rapi.ordinary().create(&order).await.unwrap().power, Power::On);

    // The same, noticed by a process that knows nothing of it.
    let order = super::contract::order("killed", 1);
    rapi.world(|world| world.paused = true);
    rapi.fault(Fault::Kill);
    rapi.hasty().create(&order).await.unwrap_err();
    rapi.world(|world| world.paused = false);
    let error = rapi.ordinary().create(&order).await.unwrap_err();
    refused(&error, RETRY, &["detected death"]);
    assert!(rapi.instance("killed-1").is_none());
}

#[tokio::test]
async fn a_machine_that_was_stopped_is_not_taken_for_half_made_because_a_second_job_failed() {
    let rapi = Rapi::start().await;
    let order = order("twice", 0);
    let one = rapi.ordinary();
    rapi.fault(Fault::TakeLong(1));
    let two = rapi.ordinary();
    let (first, second) = tokio::join!(one.create(&order), two.create(&order));
    assert_eq!(first.unwrap().uuid, second.unwrap().uuid);
    one.stop(&order.key).await.unwrap();
    let before = rapi.instance("twice-0").unwrap();
    one.create(&order).await.unwrap();
    let after = rapi.instance("twice-0").unwrap();
    assert_eq!((before.uuid, before.installed), (after.uuid, after.installed));
}

#[tokio::test]
async fn a_number_without_a_job_is_tried_again() {
    let rapi = Rapi::start().await;
    let order = order("burnt", 0);
    rapi.fault(Fault::BurnNumber);
    let provider = rapi.ordinary();
    let error = provider.create(&order).await.unwrap_err();
    refused(&error, RETRY, &["there is no job 1"]);
    provider.create(&order).await.unwrap();
}

#[tokio::test]
async fn refusals_by_http_have_their_meaning_and_advice() {
    let rapi = Rapi::start().await;
    let order = order("refused", 0);
    let said = |code: u16, message: &str| {
        Fault::Refuse(code, json!({"code": code, "message": message, "explain": "x"}))
    };
    for (fault, verdict, words) in [
        (said(500, "Queue drained"), RETRY, "gnt-cluster queue undrain"),
        (said(504, "Gateway Timeout"), RETRY, "ganeti-luxid"),
        (said(502, "Bad Gateway"), RETRY, "502"),
        (said(403, "Forbidden"), Verdict::GiveUp, "the right `write`"),
        (
            said(400, "Invalid body parameters: doesn&#x27;t support &#x27;wibble&#x27;"),
            Verdict::GiveUp,
            "doesn't support 'wibble'",
        ),
    ] {
        rapi.fault(fault);
        refused(&rapi.ordinary().create(&order).await.unwrap_err(), verdict, &[words]);
    }
    let stranger = rapi.provider(|settings| {
        settings.reader = None;
        settings.writer.user = "nobody".to_owned();
    });
    refused(&stranger.list().await.unwrap_err(), Verdict::GiveUp, &["401", "/rapi/users"]);
    assert!(!format!("{stranger:?}").contains("secret"), "{stranger:?}");
}

#[tokio::test]
async fn a_slow_cluster_holds_nobody_longer_than_a_call_may_take() {
    let rapi = Rapi::start().await;
    let order = order("slow", 0);
    rapi.fault(Fault::Stall(Duration::from_mins(10)));
    let provider = rapi.hasty();
    let begun = std::time::Instant::now();
    let error = provider.create(&order).await.unwrap_err();
    assert!(matches!(error.verdict, Verdict::Retry { .. } | Verdict::Underway { .. }), "{error:?}");
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
    assert_eq!(rapi.ordinary().create(&order).await.unwrap().power, Power::On);
    assert_eq!(rapi.changes(), ["POST /2/instances"]);
}

#[tokio::test]
async fn nothing_answers_at_a_wrong_address() {
    let rapi = Rapi::start().await;
    let nowhere = rapi.provider(|settings| {
        settings.url = "http://127.0.0.1:1/".parse().unwrap();
    });
    refused(&nowhere.list().await.unwrap_err(), RETRY, &["no connection", "ganeti-rapi"]);
    assert_eq!(nowhere.examine(&[]).await.len(), 1);
}

#[tokio::test]
async fn an_instance_whose_name_merely_begins_like_ours_is_another() {
    let rapi = Rapi::start().await;
    let order = order("prod", 0);
    let uuid = Uuid::from_u128(0xbeef);
    rapi.world(|world| world.define("prod-0.gnt.test.example.org", uuid, Vec::new()));
    let provider = rapi.ordinary();
    assert_eq!(provider.find(&order.key).await.unwrap(), None);
    provider.destroy(&order.key, Keep::Nothing).await.unwrap();
    assert_eq!(provider.list().await.unwrap()[0].name, "prod-0.gnt.test.example.org".into());
    assert_eq!(rapi.changes(), [""; 0]);
}

#[tokio::test]
async fn a_machine_with_a_larger_disk_is_off_for_it_and_runs_again() {
    let rapi = Rapi::start().await;
    let mut order = order("grown", 0);
    let provider = rapi.ordinary();
    provider.create(&order).await.unwrap();
    order.shape.disk = Mebibytes::new(4096).unwrap();
    provider.resize(&order).await.unwrap();
    let name = "/2/instances/grown-0.gnt.test";
    assert_eq!(
        rapi.changes()[1..],
        [
            format!("PUT {name}/shutdown"),
            format!("POST {name}/disk/0/grow"),
            format!("PUT {name}/startup")
        ]
    );
    let grown = rapi.instance("grown-0").unwrap();
    assert_eq!((grown.disks, grown.runs), (vec![4096], true));

    // Every answer on the way may be lost.
    order.shape.disk = Mebibytes::new(8192).unwrap();
    for _ in 0..3 {
        rapi.fault(Fault::LoseAnswerAndFinish);
        refused(&rapi.ordinary().resize(&order).await.unwrap_err(), RETRY, &[]);
    }
    rapi.ordinary().resize(&order).await.unwrap();
    let grown = rapi.instance("grown-0").unwrap();
    assert_eq!((grown.disks, grown.runs, grown.started), (vec![8192], true, 3));

    // It runs on when there is no room.
    order.shape.disk = Mebibytes::new(200_000).unwrap();
    let error = provider.resize(&order).await.unwrap_err();
    refused(&error, Verdict::Full, &["Not enough disk space"]);
    order.shape.memory = Mebibytes::MAX;
    refused(&provider.resize(&order).await.unwrap_err(), Verdict::Full, &["memory missing"]);
    let grown = rapi.instance("grown-0").unwrap();
    assert_eq!((grown.disks, grown.runs, grown.sizes), (vec![8192], true, (1, 512)));

    order.shape = super::contract::order("grown", 0).shape;
    let error = provider.resize(&order).await.unwrap_err();
    refused(&error, Verdict::GiveUp, &["8192 MiB and cannot shrink to 1024 MiB"]);
}

#[tokio::test]
async fn a_machine_gets_new_processors_and_memory_by_being_restarted() {
    let rapi = Rapi::start().await;
    let mut order = order("larger", 0);
    let provider = rapi.ordinary();
    provider.create(&order).await.unwrap();
    order.shape.memory = Mebibytes::new(1024).unwrap();
    rapi.fault(Fault::LoseAnswerAndFinish);
    refused(&provider.resize(&order).await.unwrap_err(), RETRY, &[]);
    for _ in 0..2 {
        rapi.ordinary().resize(&order).await.unwrap();
    }
    let larger = rapi.instance("larger-0").unwrap();
    assert_eq!((larger.sizes, larger.started, larger.runs), ((1, 1024), 2, true));
}

#[tokio::test]
async fn a_system_is_installed_once_for_each_count_whatever_answers_are_lost() {
    let rapi = Rapi::start().await;
    let mut order = order("anew", 0);
    rapi.ordinary().create(&order).await.unwrap();
    order.rebuild = 1;
    // The tag that says it was begun, the installation, the tag that says it is done.
    for _ in 0..3 {
        rapi.fault(Fault::LoseAnswerAndFinish);
        refused(&rapi.ordinary().rebuild(&order).await.unwrap_err(), RETRY, &[]);
    }
    let rebuilt = rapi.ordinary().rebuild(&order).await.unwrap();
    assert_eq!(rebuilt.power, Power::On);
    let instance = rapi.instance("anew-0").unwrap();
    assert_eq!(instance.installed, 2);
    let lease = format!("innkeeper:lease:{}", order.key.lease);
    assert_eq!(instance.tags, [lease, "innkeeper:build:1".to_owned()], "old tags are gone");
    rapi.world(World::archive);
    rapi.ordinary().rebuild(&order).await.unwrap();
    assert_eq!(rapi.instance("anew-0").unwrap().installed, 2);
}

#[tokio::test]
async fn a_machine_that_was_lost_is_not_replaced_by_another() {
    let rapi = Rapi::start().await;
    let mut order = order("replaced", 0);
    order.key.uuid = Some(Uuid::from_u128(7));
    let error = rapi.ordinary().create(&order).await.unwrap_err();
    refused(&error, Verdict::GiveUp, &["is gone", "end this lease"]);
    assert_eq!(rapi.changes(), [""; 0]);
}

#[tokio::test]
async fn disks_cannot_be_kept_and_nothing_is_lost_by_asking() {
    let rapi = Rapi::start().await;
    let order = order("kept", 0);
    let provider = rapi.ordinary();
    provider.destroy(&order.key, Keep::Disks).await.unwrap();
    provider.create(&order).await.unwrap();
    let error = provider.destroy(&order.key, Keep::Disks).await.unwrap_err();
    refused(&error, Verdict::GiveUp, &["keep its disks", "keep_disks"]);
    assert_eq!(power(&provider, &order.key).await, Some(Power::On));
}

#[tokio::test]
async fn the_room_is_what_is_left_when_a_node_fails() {
    let rapi = Rapi::start().await;
    let provider = rapi.provider(|settings| settings.defaults.disk_template = "drbd".to_owned());
    provider.create(&order("room", 0)).await.unwrap();
    let room = provider.capacity().await.unwrap();
    assert_eq!((room.memory, room.largest_memory), (65_024 - 512, 65_024 - 512));
    assert_eq!(room.storage["plain"], 48_206);
    assert_eq!(room.storage["drbd"], 24_103);
    assert_eq!(room.default_storage.as_deref(), Some("drbd"));
}

#[tokio::test]
async fn an_examination_finds_what_is_wrong_and_says_what_to_do() {
    let rapi = Rapi::start().await;
    let network =
        |free: u64, groups: &[&str]| json!({"name": "n", "free_count": free, "group_list": groups});
    rapi.world(|world| {
        for (name, network) in [
            ("good", network(3, &["default"])),
            ("full", network(0, &["default"])),
            ("loose", network(3, &[])),
        ] {
            world.networks.insert(name.to_owned(), network);
        }
    });
    let cookbook = |name: &str, image: &str, network: &str, storage: &str| Wanted {
        cookbook: name.into(),
        placement: Placement {
            providers: vec!["gnt1".into()],
            image: Some(image.to_owned()),
            network: Some(network.to_owned()),
            storage: Some(storage.to_owned()),
            shape: order("examined", 0).shape,
            more_disks: Vec::new(),
            firmware: Firmware::default(),
            bandwidth: Bandwidth::default(),
            parameters: BTreeMap::default(),
            login: "root".to_owned(),
            keep_disks: false,
        },
    };
    let provider = rapi.ordinary();
    let found = provider.examine(&[cookbook("a", "debian+bookworm", "good", "plain")]).await;
    let bad: Vec<_> = found.iter().filter(|finding| finding.grade != Grade::Good).collect();
    assert_eq!(bad.len(), 1, "only that the password is not encrypted: {bad:?}");

    let wanted = [
        cookbook("b", "windows", "full", "plain"),
        cookbook("c", "noop", "loose", "rbd"),
        cookbook("d", "noop", "none", "file"),
    ];
    rapi.world(|world| world.info["default_iallocator"] = json!(""));
    let reader = rapi.provider(|settings| settings.writer = settings.reader.clone().unwrap());
    let found = reader.examine(&wanted).await;
    for (grade, words) in [
        (Grade::Bad, "`windows` of cookbook `b` cannot be installed"),
        (Grade::Doubtful, "has no free address"),
        (Grade::Bad, "is connected to no node group"),
        (Grade::Bad, "There is no network `none`"),
        (Grade::Bad, "`rbd` of cookbook `c` is not enabled"),
        (Grade::Bad, "Nothing chooses nodes"),
        (Grade::Bad, "Could not make instances"),
        (Grade::Good, "Ganeti 3.0.2"),
    ] {
        let is_it = found.iter().any(|it| it.grade == grade && it.what.contains(words));
        assert!(is_it, "{grade:?} {words}: {found:#?}");
    }
    assert!(found.iter().all(|it| (it.grade == Grade::Good) == it.advice.is_none()), "{found:#?}");
}
