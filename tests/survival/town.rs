//! The forge: a rehearsal GitLab in the test's own process, which nobody kills;
//! who lives there, and what they can ask for.

use std::sync::{Arc, LazyLock};

use innkeeper::{
    cookbook::{self, Cookbooks, issue_template},
    rehearsal::{Group, Hook, Level, Membership, Options, Project, Rehearsal, User, World},
};
use tokio::net::TcpListener;

use crate::clock::FastClock;

pub(crate) const PROJECT: &str = "tpo/tpa/team";
pub(crate) const TOKEN: &str = "glpat-Sv71-token-of-the-bot";
pub(crate) const SECRET: &str = "Sv71 secret of seven";
pub(crate) const BOT: &str = "innkeeper";
pub(crate) const REQUESTERS: [&str; 6] = ["ada", "ben", "cleo", "dora", "emil", "finn"];
/// Stands in for everybody.
const STAND_IN: &str = "greta";
pub(crate) const SYSADMINS: [&str; 2] = ["carol", "dan"];

/// Zones in which it is ten o'clock, the hour of deadlines, at different times.
const ZONES: [(&str, &str); 6] = [
    ("short-a", "UTC"),
    ("short-b", "Etc/GMT-4"),
    ("short-c", "Etc/GMT-8"),
    ("short-d", "Etc/GMT-12"),
    ("short-e", "Etc/GMT+8"),
    ("short-f", "Etc/GMT+4"),
];

/// What these cookbooks say otherwise than the sandbox that is shipped.
const CHANGES: [(&str, &str); 8] = [
    ("default    = \"14d\"", "default    = \"1d\""),
    ("max        = \"30d\"", "max        = \"2d\""),
    ("total      = \"90d\"", "total      = \"4d\""),
    ("warn       = [\"7d\", \"1d\"]", "warn       = [\"14h\", \"8h\"]"),
    ("min_notice = \"24h\"", "min_notice = \"6h\""),
    ("grace      = \"3d\"", "grace      = \"6h\""),
    ("backups    = \"30d\"", "backups    = \"1h\""),
    ("pending < 3\"", "pending < 10000\""),
];

/// The cookbooks as files: name and text.
pub(crate) static COOKBOOKS: LazyLock<Vec<(String, String)>> = LazyLock::new(|| {
    let shipped = include_str!("../../policies/sandbox.toml");
    let files = ZONES.iter().map(|(name, zone)| {
        let mut text = shipped
            .replace("title   = \"Sandbox\"", &format!("title   = \"{name}\""))
            .replace("label   = \"sandbox\"", &format!("label   = \"{name}\""));
        for (old, new) in CHANGES {
            assert!(text.contains(old), "the cookbook does not say {old:?}");
            text = text.replace(old, new);
        }
        let calendar = format!(
            "\n[calendar]\ntime_zone = \"{zone}\"\nhours = \"00:00-24:00\"\n\
             days = [\"Mon\", \"Tue\", \"Wed\", \"Thu\", \"Fri\", \"Sat\", \"Sun\"]\n"
        );
        (format!("{name}.toml"), text + &calendar)
    });
    files.collect()
});

static READ: LazyLock<Cookbooks> = LazyLock::new(|| match cookbook::load::files(&COOKBOOKS) {
    Ok(cookbooks) => cookbooks,
    Err(error) => panic!("{error}"),
});

/// A request from a template, as somebody fills it in.
pub(crate) fn form(cookbook: usize, purpose: &str, memory: &str) -> String {
    let (name, _) = ZONES[cookbook % ZONES.len()];
    let cookbook = READ.get(&name.into()).unwrap();
    let mut text = issue_template::gitlab(cookbook).replace("- [ ]", "- [x]");
    let stand_in = format!("@{STAND_IN}");
    let answers =
        [("What is it for?", purpose), ("Memory", memory), ("Fallback owner", stand_in.as_str())];
    for (heading, value) in answers {
        let heading = format!("### {heading}\n");
        let start = text.find(&heading).unwrap_or_else(|| panic!("no {heading} in\n{text}"));
        let end = text[start..].find("-->").map_or(start + heading.len(), |end| start + end + 3);
        text.insert_str(end, &format!("\n\n{value}\n"));
    }
    text
}

/// Opens it; its webhooks go to this port.
pub(crate) fn open(clock: &FastClock, listener: std::net::TcpListener, hooks_to: u16) -> Rehearsal {
    listener.set_nonblocking(true).unwrap();
    let listener = TcpListener::from_std(listener).unwrap();
    let hook = Hook::new(7, &format!("http://127.0.0.1:{hooks_to}/webhooks/gitlab"));
    let reports = |id| Membership::new(id, Level::Reporter);
    let mut world = World::new()
        .user(User::bot(100, BOT, "Innkeeper"))
        .token(TOKEN, 100)
        .hook(hook.secret_token(SECRET));
    let mut staff = Group::new(20, "tpo");
    let key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ7iCjYQKJ7rYFxtqSG0Q7yTmG6gT2rLD2GJkbRm1ohx";
    for (id, name) in (1..).zip(REQUESTERS.into_iter().chain([STAND_IN])) {
        world = world.user(User::person(id, name, name).ssh_key(key));
        staff = staff.member(reports(id));
    }
    let mut sysadmins = Group::new(21, "tpo/tpa");
    for (id, name) in (50..).zip(SYSADMINS) {
        world = world.user(User::person(id, name, name).ssh_key(key));
        sysadmins = sysadmins.member(Membership::new(id, Level::Maintainer));
    }
    let project = Project::new(7, PROJECT).member(Membership::new(100, Level::Developer));
    let world = world.group(staff).group(sysadmins).project(project);
    let options = Options {
        hook_time_out: std::time::Duration::from_secs(2),
        // It would not send most of them, since most of the time somebody is dead.
        disable_failing_hooks: false,
        ..Options::default()
    };
    Rehearsal::start(listener, world, Arc::new(clock.clone()), options).unwrap()
}
