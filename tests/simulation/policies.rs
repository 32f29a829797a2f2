//! The cookbooks, with lives of a few days, and how people fill in their form.

use std::sync::LazyLock;

use innkeeper::cookbook::{self, Cookbooks, issue_template};

/// A policy that sysadmins may put into force.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Policy {
    Usual,
    Tighter,
    Looser,
    /// The cookbook is gone.
    Gone,
}

impl Policy {
    pub(crate) const ALL: [Self; 4] = [Self::Usual, Self::Tighter, Self::Looser, Self::Gone];
}

const SHORT: [(&str, &str); 6] = [
    ("default    = \"14d\"", "default    = \"2d\""),
    ("warn       = [\"7d\", \"1d\"]", "warn       = [\"1d\"]"),
    ("min_notice = \"24h\"", "min_notice = \"4h\""),
    ("grace      = \"3d\"", "grace      = \"1d\""),
    ("backups    = \"30d\"", "backups    = \"1d\""),
    ("provider = \"libvirt\"", "provider = [\"kvm1\", \"kvm2\"]\nkeep_disks = true"),
];

fn read(name: &str, changes: &[(&str, &str)]) -> Cookbooks {
    let mut text = include_str!("../../policies/sandbox.toml").to_owned();
    for (old, new) in SHORT.iter().chain(changes) {
        assert!(text.contains(old), "the cookbook does not say {old:?}");
        text = text.replace(old, new);
    }
    match cookbook::load::files(&[(format!("{name}.toml"), text)]) {
        Ok(cookbooks) => cookbooks,
        Err(error) => panic!("{error}"),
    }
}

static READ: LazyLock<[Cookbooks; 4]> = LazyLock::new(|| {
    [
        read("sandbox", &[]),
        read("sandbox", &[("max     = \"8 GiB\"", "max     = \"2 GiB\"")]),
        read("sandbox", &[("max     = \"8 GiB\"", "max     = \"16 GiB\"")]),
        read("other", &[("label   = \"sandbox\"", "label   = \"other\"")]),
    ]
});

pub(crate) fn cookbooks(policy: Policy) -> &'static Cookbooks {
    match policy {
        Policy::Usual => &READ[0],
        Policy::Tighter => &READ[1],
        Policy::Looser => &READ[2],
        Policy::Gone => &READ[3],
    }
}

static FORM: LazyLock<String> = LazyLock::new(|| {
    let sandbox = cookbooks(Policy::Usual).get(&"sandbox".into());
    sandbox.map(issue_template::gitlab).unwrap_or_default().replace("- [ ]", "- [x]")
});

/// A request as somebody fills it in.
pub(crate) fn form(answers: &[(&str, &str)]) -> String {
    let mut text = FORM.clone();
    for (heading, value) in answers {
        let heading = format!("### {heading}\n");
        let Some(start) = text.find(&heading) else { panic!("no {heading}") };
        let end = text[start..].find("-->").map_or(start + heading.len(), |end| start + end + 3);
        text.insert_str(end, &format!("\n\n{value}\n"));
    }
    text
}
