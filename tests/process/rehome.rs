//! `innkeeper rehome`: what it says and refuses. What it does is told in
//! `tests/scenarios/rehome.rs`.

use crate::{
    forge::{Scripted, listener},
    house::{Ended, House},
};

#[tokio::test(flavor = "multi_thread")]
async fn machines_that_lost_their_issue_are_listed_and_mistyped_ones_refused() {
    let (listener, forge) = listener().await;
    let _forge = Scripted::start(listener);
    let house = House::new(&forge);
    let rehome = |more: &[&str]| -> Ended {
        house.run(&[&["rehome", "--config", "innkeeper.toml"], more].concat())
    };
    let none = rehome(&[]);
    assert_eq!(none.code, Some(2));
    assert!(none.stderr.contains("first starts"), "{}", none.stderr);

    let mut service = house.serve().await;
    service.logged("polled").await;
    let nothing = rehome(&[]);
    assert_eq!(nothing.stdout, "Every machine has its issue.\n");
    assert_eq!((nothing.code, rehome(&["--json"]).stdout.as_str()), (Some(0), "[]\n"));
    for (arguments, says) in [
        (&["sandbox-1", "--to", "gitlab:7#12"][..], "`sandbox-1` is not among the machines"),
        (&["sandbox-1", "--to", "gitlab:7"], "is no issue: write FORGE:PROJECT#NUMBER"),
        (&["sandbox-1", "--to", "gitlab:7#twelve"], "is no issue: write FORGE:PROJECT#NUMBER"),
        (
            &["sandbox-1", "--to", "nowhere:7#12"],
            "no forge `nowhere` in the configuration; there is:",
        ),
        (&["sandbox-1"], "--to <ISSUE>"),
        (&["--to", "gitlab:7#12"], "<MACHINE>"),
    ] {
        let refused = rehome(arguments);
        assert_eq!(refused.code, Some(2), "{arguments:?}");
        assert!(refused.stderr.contains(says), "{arguments:?}: {}", refused.stderr);
    }
    assert!(service.stop().await.0.success());
}
