//! What keeps the service from starting, and how it says so.

use std::{fs, net::TcpListener};

use crate::house::{EIGHT, Ended, House, SEVEN, TOKEN};

const FORGE: &str = "http://127.0.0.1:9";

/// Refused, for a reason that names each of these, without giving secrets away.
fn is_refused(ended: &Ended, named: &[&str]) {
    let Ended { code, stdout, stderr } = ended;
    assert_eq!(*code, Some(2), "{stderr}");
    assert!(stdout.is_empty(), "{stdout}");
    for text in named {
        assert!(stderr.contains(text), "`{text}` is not in:\n{stderr}");
    }
    for secret in [TOKEN, SEVEN, EIGHT, "panicked"] {
        assert!(!stderr.contains(secret), "`{secret}` is in:\n{stderr}");
    }
}

fn serve(house: &House) -> Ended {
    house.run(&["serve", "--config", "innkeeper.toml"])
}

#[test]
fn a_mistake_is_told_with_its_place_and_a_way_out() {
    let cases: &[(&str, &str, &str, &[&str])] = &[
        (
            "innkeeper.toml",
            "test+unix:///default?socket=/nonexistent/libvirt-sock",
            "test:///default",
            &["[provider.libvirt]", "test:///default", "innkeeper demo"],
        ),
        (
            "innkeeper.toml",
            "claim_seconds = 3",
            "claim_secondz = 3",
            &["innkeeper.toml:11:1", "claim_secondz", "claim_seconds"],
        ),
        (
            "innkeeper.toml",
            "sysadmins = [\"group:tpo/tpa\"]",
            "sysadmins = []",
            &["nobody is a sysadmin", "[people] sysadmins"],
        ),
        (
            "innkeeper.toml",
            "[provider.libvirt]",
            "[provider.kvm1]",
            &["cookbook `sandbox`", "`libvirt`", "kvm1"],
        ),
        (
            "innkeeper.toml",
            "filter = \"trace\"",
            "filter = \"inof,innkeeper=trace\"",
            &["innkeeper.toml:15:10", "`inof` is not a level", "info, debug"],
        ),
        (
            "innkeeper.toml",
            "[people]",
            "[policies]\nfolder = \"cookbooks\"\n[people]",
            &["cookbooks", "cannot be read", "create it, or name another"],
        ),
        (
            "innkeeper.toml",
            "[people]",
            "[store]\npath = \"no/such/folder/innkeeper.db\"\n[people]",
            &["no/such/folder", "Check that its folder exists"],
        ),
        (
            "innkeeper.toml",
            "[people]",
            "[templates]\nfolder = \"words\"\n[people]",
            &["[templates] folder", "words", "create it, or leave the key out"],
        ),
        (
            "policies/sandbox.toml",
            "max     = \"8 GiB\"",
            "max     = \"8 GuB\"",
            &["policies/sandbox.toml:", "GuB", "^"],
        ),
        (
            "policies/vm.toml",
            "request.vcpus * 512",
            "request.vpcus * 512",
            &["policies/vm.toml:", "vpcus", "vcpus"],
        ),
    ];
    for (name, from, to, named) in cases {
        let house = House::new(FORGE);
        house.adjust(name, from, to);
        // The check first: it ends also when it finds nothing.
        is_refused(&house.run(&["serve", "--config", "innkeeper.toml", "--check"]), named);
        is_refused(&serve(&house), named);
    }
}

#[test]
fn a_configuration_that_cannot_be_read_is_named() {
    let house = House::new(FORGE);
    is_refused(
        &house.run(&["serve", "--config", "nowhere.toml"]),
        &["nowhere.toml", "no such file", "config.default.toml"],
    );
    is_refused(&house.run(&["serve", "--config", "policies"]), &["policies", "folder"]);
    fs::write(house.path("innkeeper.toml"), b"[server]\nlisten = \"\xff\"\n").unwrap();
    is_refused(&serve(&house), &["innkeeper.toml", "line 2", "UTF-8"]);
    // A terminal obeys nothing that is in there.
    let ended = house.run(&["serve", "--config", "no\u{1b}[31mwhere.toml"]);
    is_refused(&ended, &["no [31mwhere.toml"]);
    assert!(!ended.stderr.contains('\u{1b}'), "{:?}", ended.stderr);
    is_refused(&house.run(&["serve"]), &["--config"]);
    is_refused(&house.run(&["surf"]), &["surf", "--help"]);
}

#[test]
fn a_port_in_use_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let house = House::new(FORGE);
    house.adjust("innkeeper.toml", "127.0.0.1:0", &address);
    house.adjust("innkeeper.toml", "\"trace\"", "\"error\"");
    is_refused(&serve(&house), &[&address, "[server] listen", "in use"]);
}

#[test]
fn a_store_that_is_something_else_is_named_and_left_alone() {
    let house = House::new(FORGE);
    house.write("innkeeper.db", &"this is no database, but somebody's letters\n".repeat(99));
    house.adjust("innkeeper.toml", "\"trace\"", "\"error\"");
    let ended = serve(&house);
    is_refused(&ended, &["innkeeper.db", "not a database", "  help: The file is damaged"]);
    assert_eq!(ended.stderr.matches("not a database").count(), 1, "{}", ended.stderr);
    let text = fs::read_to_string(house.path("innkeeper.db")).unwrap();
    assert!(text.starts_with("this is no database"));
}

#[test]
fn what_is_right_is_said_to_be_right_without_serving() {
    let house = House::new(FORGE);
    house.adjust("innkeeper.toml", "\"trace\"", "\"error\"");
    let ended = house.run(&["serve", "--config", "innkeeper.toml", "--check"]);
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
    assert!(ended.stdout.contains("are fine"), "{}", ended.stdout);
}
