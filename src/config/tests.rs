use std::{fs, os::unix::fs::PermissionsExt as _, path::Path};

use secrecy::{ExposeSecret as _, SecretString};

use super::{
    Config, Credentials, EXAMPLE, Forge, ForgeKind, GitPin, HookAction, LogFormat, PolicySource,
    ProviderKind, RapiCertificate, Store, keys::Keys,
};
use crate::{
    brake::Deed,
    hook::Point,
    identity::{ForgeName, ProviderName},
};

const FORGE: &str = r#"
[forge.gitlab]
kind = "gitlab"
url = "https://gitlab.example.org"
token_file = "gitlab.token"
[[forge.gitlab.project]]
id = 7
signing_token = "whsec_c2VjcmV0"
[[forge.gitlab.project]]
id = 8
webhook_token = "very secret"
"#;

fn token_of(forge: &Forge) -> &SecretString {
    match &forge.credentials {
        Credentials::Token(token) => token,
        Credentials::App { .. } => panic!("an App has no token"),
    }
}

fn parse(text: &str, environment: &[(&str, &str)]) -> Result<Config, String> {
    let environment: Vec<_> =
        environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Config::parse("innkeeper.toml", text, Path::new("/etc/innkeeper"), &environment)
        .map_err(|error| error.to_string())
}

/// The example with its examples: `#key = ...` is one, `# words` are not.
fn example_in_full() -> String {
    let uncommented = |line: &str| match line.strip_prefix('#') {
        Some(key) if !key.is_empty() && !key.starts_with(' ') => key.to_owned(),
        _ => line.to_owned(),
    };
    // Where an example follows a default, the default has to go.
    let mut lines: Vec<String> = EXAMPLE.lines().map(uncommented).collect();
    lines.retain(|line| !["holidays = []", "sysadmins = []"].contains(&line.as_str()));
    lines.join("\n")
}

#[test]
fn the_example_says_what_the_defaults_are() {
    let documented: Keys = toml::from_str(EXAMPLE).unwrap();
    let built_in = Keys::default();
    assert_eq!(format!("{documented:#?}"), format!("{built_in:#?}"));
    assert_eq!(
        parse(EXAMPLE, &[]).unwrap().redacted(),
        parse("", &[]).unwrap().redacted(),
        "nor does checking tell them apart"
    );
}

#[test]
fn the_example_shows_every_key_and_its_examples_are_accepted() {
    let full = example_in_full();
    let keys: Keys = toml::from_str(&full).unwrap_or_else(|error| panic!("{error}"));
    // A wrong key makes the reader list the right ones.
    let mut asked = 0;
    for section in full.lines().filter(|line| line.starts_with('[')) {
        let mistake = format!("{section}\nno_such_key = 1");
        let error = toml::from_str::<Keys>(&mistake).unwrap_err();
        let known: Vec<&str> = error.message().split('`').skip(3).step_by(2).collect();
        assert!(!known.is_empty(), "{error}");
        for key in known {
            let is_shown = EXAMPLE.contains(&format!("{key} = "))
                || EXAMPLE.contains(&format!("`{key}`"))
                || EXAMPLE.contains(&format!(".{key}]"));
            assert!(is_shown, "config.default.toml says nothing about {section} {key}");
        }
        asked += 1;
    }
    assert!(asked >= 15, "sections are gone: {asked}");
    let defaults = super::keys::HookKeys::default();
    assert_eq!((keys.hook[0].timeout, keys.hook[0].tries), (defaults.timeout, defaults.tries));
    let forge = &keys.forge["gitlab"];
    assert_eq!(forge.approver_levels, super::keys::ForgeKeys::default().approver_levels);
    let provider = &keys.provider["kvm1"];
    assert_eq!(provider.stop_timeout, super::keys::ProviderKeys::default().stop_timeout);
    let shown = keys.provider["gnt1"].ganeti.as_ref().unwrap();
    let built_in = super::keys::GanetiKeys::default();
    assert_eq!(
        (shown.connections, &shown.disk_template, shown.conflicts_check, shown.wait_for_sync),
        (
            built_in.connections,
            &built_in.disk_template,
            built_in.conflicts_check,
            built_in.wait_for_sync
        )
    );
}

#[test]
fn every_bad_configuration_is_refused_with_exactly_its_expected_messages() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/config");
    let mut wrong = Vec::new();
    let mut seen = 0;
    for entry in fs::read_dir(&root).unwrap() {
        let path = entry.unwrap().path();
        let file = path.file_name().unwrap().to_string_lossy().into_owned();
        let Some(name) = file.strip_suffix(".bad.toml") else { continue };
        seen += 1;
        let text = fs::read_to_string(&path).unwrap();
        let expected = fs::read_to_string(root.join(format!("{name}.expected")));
        let shown = match parse(&text, &[]) {
            Ok(_) => "accepted\n".to_owned(),
            Err(error) => format!("{error}\n"),
        };
        assert!(!shown.contains("be-shown") && !shown.contains("424242"), "leaked:\n{shown}");
        if expected.as_ref().ok() != Some(&shown) {
            wrong.push(format!("=== {name}.expected\n{shown}"));
        }
    }
    assert!(seen > 20, "the corpus is gone: {seen} files");
    assert!(wrong.is_empty(), "not as expected; found:\n{}", wrong.join("\n"));
}

#[test]
fn the_environment_wins_over_the_file_and_the_file_over_the_defaults() {
    let text = "[limits]\ndestroys_per_day = 3\ncreations_per_day = 4\n[log]\nfilter = \"warn\"";
    let config = parse(
        text,
        &[
            ("INNKEEPER__LIMITS__DESTROYS_PER_DAY", "5"),
            ("INNKEEPER__SERVER__LISTEN", "[::1]:80"),
            ("INNKEEPER__PEOPLE__SYSADMINS", r#"["group:tpo/tpa", "user:alice"]"#),
            ("INNKEEPER__POLICIES__AUTOMATIC_APPROVAL", "true"),
            ("INNKEEPER__LOG__FORMAT", "json"),
            ("INNKEEPER__CALENDAR__HOLIDAYS", "[2026-12-25]"),
            ("INNKEEPER_CONFIG", "not ours"),
            ("PATH", "neither"),
        ],
    )
    .unwrap();
    assert_eq!(config.limits.destroys_per_day, 5);
    assert_eq!(config.limits.creations_per_day, 4);
    assert_eq!(config.limits.forge_timeout.as_secs(), 20);
    assert_eq!(config.server.listen.port(), 80);
    assert_eq!(config.people.sysadmins.len(), 2);
    assert_eq!((config.log.format, config.log.filter.as_str()), (LogFormat::Json, "warn"));
    assert!(config.policies.automatic_approval);
    let christmas = "2026-12-25T10:00:00Z".parse().unwrap();
    assert!(!config.calendar.may_act(christmas));
}

#[test]
fn variables_reach_named_tables_and_projects_and_stay_text_where_text_is_meant() {
    let text = FORGE.replace("gitlab]", "git-lab]").replace("gitlab.project", "git-lab.project");
    let config = parse(
        &text,
        &[
            ("INNKEEPER__FORGE__GIT_LAB__TOKEN", "424242"),
            ("INNKEEPER__FORGE__GIT_LAB__PROJECT__8__WEBHOOK_TOKEN", "true"),
            ("INNKEEPER__PROVIDER__KVM1__KIND", "libvirt"),
            ("INNKEEPER__PROVIDER__KVM1__URI", "qemu:///system"),
            ("INNKEEPER__PROVIDER__KVM1__STOP_TIMEOUT_SECONDS", "30"),
        ],
    )
    .unwrap();
    let forge = &config.forges[&ForgeName::from("git-lab")];
    assert_eq!(forge.kind, ForgeKind::GitLab);
    assert_eq!(token_of(forge).expose_secret(), "424242", "and the file's token_file is not read");
    assert_eq!(forge.projects[0].webhook_secret.expose_secret(), "whsec_c2VjcmV0");
    assert_eq!(forge.projects[1].webhook_secret.expose_secret(), "true");
    let ProviderKind::Libvirt(kvm1) = &config.providers[&ProviderName::from("kvm1")].kind else {
        panic!("{:?}", config.providers)
    };
    assert_eq!(kvm1.stop_timeout.as_secs(), 30);
}

#[test]
fn a_mistake_in_the_environment_names_its_variable() {
    for (name, value, message) in [
        ("INNKEEPER__LIMITS__DESTROYS_PER_DAY", "ten", "invalid type: string \"ten\""),
        ("INNKEEPER__LIMITS__DESTROYS_PER_DAY", "-1", "invalid value: integer `-1`"),
        ("INNKEEPER__LIMITS__DESTROY_PER_DAY", "1", "did you mean `destroys_per_day`?"),
        ("INNKEEPER__LIMIT__DESTROYS_PER_DAY", "1", "did you mean `limits`?"),
        ("INNKEEPER__SCHEDULE__SWEEP", "hourly", "is not a schedule"),
        ("INNKEEPER__PEOPLE__SYSADMINS", "[\"alice\"]", "is neither `group:PATH`"),
        ("INNKEEPER__LOG__FILTER__X", "1", "`filter` is a value, not a section"),
        ("INNKEEPER__LOG__FILTER", "info\u{fffd}", "its value is not UTF-8"),
        ("INNKEEPER__", "1", "it should read INNKEEPER__SECTION__KEY"),
        ("INNKEEPER__FORGE__GITLAB__PROJECT__9__PATH", "x", "no element with the id or name `9`"),
        ("INNKEEPER__FORGE__GITLAB__TOKEN", "", "this secret is empty"),
    ] {
        let error = parse(&format!("[log]\nfilter = \"info\"\n{FORGE}"), &[(name, value)]);
        let error = error.unwrap_err();
        assert!(error.contains(&format!("{name}: ")) && error.contains(message), "{error}");
    }
}

#[test]
fn secrets_show_nowhere() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("gitlab.token"), "glpat-hidden\r\n").unwrap();
    let file = folder.path().join("innkeeper.toml");
    fs::write(&file, FORGE).unwrap();
    let config = Config::load(&file, &[]).unwrap();
    let forge = &config.forges[&ForgeName::from("gitlab")];
    assert_eq!(token_of(forge).expose_secret(), "glpat-hidden", "without the line break");
    for shown in [format!("{config:?}"), format!("{config:#?}"), config.redacted().to_owned()] {
        assert!(shown.contains("gitlab.example.org"));
        for secret in ["glpat-hidden", "c2VjcmV0", "very secret"] {
            assert!(!shown.contains(secret), "{shown}");
        }
    }
    assert_eq!(config.redacted().matches("\"(hidden)\"").count(), 2, "{}", config.redacted());
}

#[test]
fn files_that_everybody_may_read_are_warned_about_when_they_hold_secrets() {
    let folder = tempfile::tempdir().unwrap();
    let token = folder.path().join("gitlab.token");
    let file = folder.path().join("innkeeper.toml");
    fs::write(&token, "glpat-x").unwrap();
    fs::write(&file, FORGE).unwrap();
    let mode = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode));
    let warnings = || Config::load(&file, &[]).unwrap().warnings;

    mode(&token, 0o640).unwrap();
    mode(&file, 0o640).unwrap();
    assert_eq!(warnings(), [""; 0]);
    mode(&token, 0o644).unwrap();
    assert!(warnings()[0].contains("gitlab.token is a secret"));
    mode(&token, 0o600).unwrap();
    mode(&file, 0o644).unwrap();
    assert!(warnings()[0].contains("innkeeper.toml holds secrets"));
    fs::write(&file, "[log]\nfilter = \"warn\"").unwrap();
    assert_eq!(warnings(), [""; 0], "nothing secret stands in it");
}

#[test]
fn a_token_must_not_travel_unencrypted_unnoticed() {
    let warnings = |url: &str| {
        let text = FORGE
            .replace("https://gitlab.example.org", url)
            .replace("token_file = \"gitlab.token\"", "token = \"x\"");
        parse(&text, &[]).unwrap().warnings.len()
    };
    assert_eq!(warnings("http://gitlab.example.org"), 1);
    assert_eq!(warnings("http://192.0.2.1/gitlab"), 1);
    assert_eq!(warnings("http://127.0.0.1:8080"), 0);
    assert_eq!(warnings("http://localhost:8080"), 0);
    assert_eq!(warnings("https://gitlab.example.org"), 0);
}

#[test]
fn relative_paths_are_relative_to_the_file() {
    let config =
        parse("[store]\npath = \"/var/lib/x.db\"\n[templates]\nfolder = \"t\"", &[]).unwrap();
    assert!(matches!(config.store, Store::File(path) if path == Path::new("/var/lib/x.db")));
    let folder = PolicySource::Folder("/etc/innkeeper/policies".into());
    assert_eq!(config.policies.source, folder);
    assert_eq!(config.templates.folder.as_deref(), Some(Path::new("/etc/innkeeper/t")));
}

#[test]
fn a_store_on_a_server_is_reached_safely_and_its_password_shown_nowhere() {
    let text = |url: &str| format!("[store]\nurl = \"{url}\"\npassword = \"to-be-hidden\"");
    let config = parse(&text("postgres://innkeeper@db.example.org/innkeeper"), &[]).unwrap();
    let Store::Server { url, password } = &config.store else { panic!("a server") };
    assert_eq!(url.as_str(), "postgres://innkeeper@db.example.org/innkeeper?sslmode=verify-full");
    assert_eq!(password.as_ref().unwrap().expose_secret(), "to-be-hidden");
    assert_eq!(config.warnings, [""; 0]);
    assert!(!format!("{config:?}").contains("to-be-hidden"));
    assert!(!config.redacted().contains("to-be-hidden"));
    assert!(!config.redacted().contains("innkeeper.db"), "{}", config.redacted());

    let socket = "postgres:///innkeeper?host=/run/postgresql";
    let config = parse(&text(socket), &[]).unwrap();
    assert!(matches!(&config.store, Store::Server { url, .. } if url.as_str() == socket));
    let config = parse(&text("postgres://db/innkeeper?sslmode=require"), &[]).unwrap();
    assert!(config.warnings[0].contains("verify-full"), "{:?}", config.warnings);

    let git = "repository = \"/srv/p.git\"\ncommit = \"0123456789abcdef0123456789abcdef01234567\"";
    let text = format!("{}\n[policies.git]\n{git}\ncache = \"c\"", text(socket));
    let PolicySource::Git(git) = parse(&text, &[]).unwrap().policies.source else { panic!("git") };
    assert_eq!(git.cache, Path::new("/etc/innkeeper/c"));
}

#[test]
fn a_revision_is_pinned_by_its_hash_or_by_a_signed_tag() {
    let source = |keys: &str| {
        let text = format!("[policies.git]\n{keys}");
        match parse(&text, &[]).map(|config| config.policies.source) {
            Ok(PolicySource::Git(git)) => Ok(git),
            Ok(PolicySource::Folder(folder)) => panic!("{}", folder.display()),
            Err(error) => Err(error),
        }
    };
    let hash = "0123456789ABCDEF0123456789abcdef01234567";
    let git = source(&format!("repository = \"../policies.git\"\ncommit = \"{hash}\"")).unwrap();
    assert_eq!(git.repository, "/etc/innkeeper/../policies.git");
    assert_eq!(git.path, "policies");
    assert_eq!(git.pin, GitPin::Commit(hash.to_lowercase()));
    assert_eq!(git.cache, Path::new("/etc/innkeeper/innkeeper.policies"));
    let git = source(
        "repository = \"git@git.example.org:tpa/policies.git\"\npath = \".\"\ntag = \"v1.2\"\nsigners_file = \"signers\"",
    )
    .unwrap();
    assert_eq!(git.repository, "git@git.example.org:tpa/policies.git");
    assert_eq!(git.path, "");
    let GitPin::Tag { name, signers_file, object } = git.pin else { panic!("a tag") };
    assert_eq!((name.as_str(), object), ("v1.2", None));
    assert_eq!(signers_file, Path::new("/etc/innkeeper/signers"));
    for (repository, words) in [
        ("ext::sh -c touch% /tmp/x", "is no repository"),
        ("--upload-pack=touch", "is no repository"),
        ("ftp://git.example.org/x", "`ftp://` is not fetched from"),
        ("https://oauth2:glpat-x@git.example.org/x.git", "holds a password or token"),
        ("https://glpat-x@git.example.org/x.git", "holds a password or token"),
        ("", "lacks `repository`"),
    ] {
        let told =
            source(&format!("repository = \"{repository}\"\ncommit = \"{hash}\"")).unwrap_err();
        assert!(told.contains(words), "{told}");
    }
}

#[test]
fn a_file_that_cannot_be_read_is_answered_with_the_way_out() {
    let folder = tempfile::tempdir().unwrap();
    let load = |path: &Path| Config::load(path, &[]).unwrap_err().to_string();
    let missing = load(&folder.path().join("innkeeper.toml"));
    assert!(missing.contains("there is no such file"), "{missing}");
    assert!(missing.contains("--config"), "{missing}");
    assert!(missing.contains("config.default.toml"), "{missing}");
    let a_folder = load(folder.path());
    assert!(a_folder.contains("this is a folder"), "{a_folder}");
    let latin = folder.path().join("latin1.toml");
    fs::write(&latin, b"[log]\n# gr\xfc\xdfe\n").unwrap();
    let latin = load(&latin);
    assert!(latin.contains("line 2 holds bytes that are not UTF-8"), "{latin}");
}

#[test]
fn what_is_in_force_can_be_read_again() {
    let text = FORGE.replace("token_file = \"gitlab.token\"", "token = \"x\"");
    let config = parse(&text, &[("INNKEEPER__LIMITS__DESTROYS_PER_DAY", "5")]).unwrap();
    let keys: Keys = toml::from_str(config.redacted()).unwrap();
    assert_eq!(keys.limits.destroys_per_day, 5);
    assert_eq!(keys.policies.folder.as_deref(), Some(Path::new("/etc/innkeeper/policies")));
    assert_eq!(keys.forge["gitlab"].project.len(), 2);
}

#[test]
fn the_service_needs_people_a_project_and_a_provider() {
    let missing = parse("", &[]).unwrap().ready_to_serve().unwrap_err();
    assert_eq!(missing.diagnostics().len(), 3, "{missing}");
    let enough = format!(
        "people.sysadmins = [\"group:tpo/tpa\"]\n{}\n[provider.a]\nkind = \"libvirt\"\n\
         uri = \"qemu:///system\"",
        FORGE.replace("token_file = \"gitlab.token\"", "token = \"x\"")
    );
    assert_eq!(parse(&enough, &[]).unwrap().ready_to_serve(), Ok(()));
}

const HOOKS: &str = r#"
[[hook]]
name = "dns-records"
title = " DNS records "
on = ["post-provision", "post-destroy"]
command = ["/bin/sh", "-c", "true"]
[[hook]]
name = "inventory"
title = "Inventory"
on = ["drop-backups"]
cookbooks = ["vm"]
url = "https://inventory.example.org/innkeeper?kind=vm"
token = "to-nobody"
timeout_seconds = 5
tries = 1
"#;

#[test]
fn hooks_are_read_in_their_order() {
    let file = ("INNKEEPER__HOOK__INVENTORY__TIMEOUT_SECONDS", "7");
    let config = parse(HOOKS, &[file, ("INNKEEPER__HOOK__DNS_RECORDS__TRIES", "2")]).unwrap();
    let [dns, inventory] = &config.hooks[..] else { panic!("{:?}", config.hooks) };
    assert_eq!((dns.hook.name.as_str(), dns.hook.title.as_str()), ("dns-records", "DNS records"));
    assert_eq!(dns.hook.on, [Point::PostProvision, Point::PostDestroy]);
    assert_eq!((dns.hook.tries, dns.timeout.as_secs()), (2, 30));
    let HookAction::Command { program, arguments } = &dns.action else { panic!("{dns:?}") };
    assert_eq!((program.to_str(), arguments.len()), (Some("/bin/sh"), 2));
    assert!(dns.hook.cookbooks.is_empty());
    assert_eq!(inventory.hook.cookbooks, ["vm".into()]);
    assert_eq!((inventory.hook.tries, inventory.timeout.as_secs()), (1, 7));
    let HookAction::Post { token, .. } = &inventory.action else { panic!("{inventory:?}") };
    assert_eq!(token.as_ref().unwrap().expose_secret(), "to-nobody");
    for shown in [format!("{config:?}"), config.redacted().to_owned()] {
        assert!(shown.contains("inventory.example.org") && !shown.contains("to-nobody"), "{shown}");
    }
    assert!(config.warnings.is_empty());
    let unencrypted = parse(&HOOKS.replace("https://", "http://"), &[]).unwrap().warnings;
    assert_eq!(unencrypted, ["the token for hook `inventory` travels unencrypted"]);
}

#[test]
fn a_file_with_the_token_of_a_hook_is_a_secret_as_well() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("innkeeper.toml");
    fs::write(&file, HOOKS).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
    let warnings = Config::load(&file, &[]).unwrap().warnings;
    assert!(warnings[0].contains("innkeeper.toml holds secrets"), "{warnings:?}");
    let token = folder.path().join("inventory.token");
    fs::write(&token, "from-a-file\n").unwrap();
    fs::set_permissions(&token, fs::Permissions::from_mode(0o600)).unwrap();
    let text = HOOKS.replace("token = \"to-nobody\"", "token_file = \"inventory.token\"");
    fs::write(&file, text).unwrap();
    let config = Config::load(&file, &[]).unwrap();
    assert_eq!(config.warnings, [""; 0]);
    let HookAction::Post { token, .. } = &config.hooks[1].action else { panic!() };
    assert_eq!(token.as_ref().unwrap().expose_secret(), "from-a-file");
}

#[test]
fn a_cluster_is_described_in_a_table_of_its_own_and_its_passwords_show_nowhere() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("rapi.password"), "from-a-file\n").unwrap();
    let file = folder.path().join("innkeeper.toml");
    let text = r#"
        [provider.gnt1]
        kind = "ganeti"
        network = "net1"
        stop_timeout_seconds = 600
        [provider.gnt1.ganeti]
        url = "https://gnt.example.org:5080"
        domain = "Example.org"
        user = "innkeeper"
        password_file = "rapi.password"
        reader = "looks"
        reader_password = "written-there"
        fingerprint = "FINGERPRINT"
        os = "noop"
    "#;
    fs::write(&file, text.replace("FINGERPRINT", &"0a".repeat(32))).unwrap();
    let config = Config::load(&file, &[]).unwrap();
    let ProviderKind::Ganeti(cluster) = &config.providers[&ProviderName::from("gnt1")].kind else {
        panic!("{:?}", config.providers)
    };
    assert_eq!(cluster.writer.password.expose_secret(), "from-a-file");
    assert_eq!(cluster.reader.as_ref().unwrap().password.expose_secret(), "written-there");
    assert_eq!(cluster.certificate, RapiCertificate::Pinned([10; 32]));
    assert_eq!((cluster.domain.as_str(), cluster.connections), ("example.org", 4));
    assert_eq!(cluster.network.as_deref(), Some("net1"));
    assert_eq!(
        cluster.stop_timeout.as_secs(),
        600,
        "longer than a claim: jobs go on by themselves"
    );
    for shown in [format!("{config:?}"), config.redacted().to_owned()] {
        assert!(!shown.contains("from-a-file") && !shown.contains("written-there"), "{shown}");
    }
    assert!(config.warnings[0].contains("rapi.password is a secret"), "{:?}", config.warnings);
    assert!(config.warnings.iter().any(|it| it.contains("holds secrets")), "{:?}", config.warnings);
}

const GITHUB: &str = r#"
[forge.hub]
kind = "github"
[forge.hub.app]
id = 12345
private_key = "-----BEGIN RSA PRIVATE KEY-----\nMIIhidden\n-----END RSA PRIVATE KEY-----"
webhook_token = "app-webhook"
[[forge.hub.project]]
id = 8
path = "octo/machines"
[[forge.hub.project]]
id = 9
path = "octo/lab"
webhook_token = "of the lab alone"
[[forge.hub.group]]
path = "octo"
cookbooks = ["sandbox"]
"#;

#[test]
fn a_github_app_speaks_for_every_repository_it_is_installed_in() {
    let config = parse(GITHUB, &[]).unwrap();
    let forge = &config.forges[&ForgeName::from("hub")];
    assert_eq!((forge.kind, forge.url.as_str()), (ForgeKind::GitHub, "https://github.com/"));
    assert!(matches!(forge.credentials, Credentials::App { id: 12345, .. }));
    let secrets: Vec<_> =
        forge.projects.iter().map(|project| project.webhook_secret.expose_secret()).collect();
    assert_eq!(secrets, ["app-webhook", "of the lab alone"]);
    assert_eq!(forge.groups[0].path, "octo");
    assert_eq!(forge.groups[0].webhook_secret.as_ref().unwrap().expose_secret(), "app-webhook");
    for shown in [format!("{config:?}"), config.redacted().to_owned()] {
        for secret in ["MIIhidden", "app-webhook", "of the lab"] {
            assert!(!shown.contains(secret), "{shown}");
        }
    }
}

#[test]
fn what_is_missing_or_of_the_other_forge_is_told() {
    let problems = |old: &str, new: &str| {
        assert!(GITHUB.contains(old), "{old}");
        parse(&GITHUB.replace(old, new), &[]).unwrap_err()
    };
    let both = problems("kind = \"github\"", "kind = \"github\"\ntoken = \"x\"");
    assert!(both.contains("has both an App and a token"), "{both}");
    let path = problems("path = \"octo/machines\"", "");
    assert!(path.contains("a repository on GitHub needs its `path`"), "{path}");
    let secret = problems("webhook_token = \"app-webhook\"", "");
    assert!(secret.contains("lacks a webhook secret"), "{secret}");
    let key = problems("-----BEGIN RSA PRIVATE KEY-----", "");
    assert!(key.contains("private key is not PEM"), "{key}");
    let levels = problems("kind = \"github\"", "kind = \"github\"\napprover_levels = [20]");
    assert!(levels.contains("use `approver_roles`"), "{levels}");
    let signing = problems("webhook_token = \"of the", "signing_token = \"of the");
    assert!(signing.contains("GitHub has no signing tokens"), "{signing}");
    let gitlab = problems("kind = \"github\"", "kind = \"gitlab\"\nurl = \"https://x.example\"");
    assert!(gitlab.contains("GitLab has no Apps"), "{gitlab}");
}

#[test]
fn groups_have_webhooks_of_their_own_or_are_only_polled() {
    let groups = r#"
[[forge.gitlab.group]]
path = "/tpo/tpa/"
webhook_token = "of the group"
[[forge.gitlab.group]]
path = "tpo/web"
cookbooks = ["sandbox"]
"#;
    let text = FORGE.replace("token_file = \"gitlab.token\"", "token = \"x\"");
    let config = parse(&format!("{text}{groups}"), &[]).unwrap();
    let groups_there = &config.forges[&ForgeName::from("gitlab")].groups;
    assert_eq!(groups_there[0].path, "tpo/tpa");
    assert_eq!(groups_there[0].webhook_secret.as_ref().unwrap().expose_secret(), "of the group");
    assert!(groups_there[1].webhook_secret.is_none());
    let same = format!("{text}{groups}").replace("of the group", "very secret");
    assert!(parse(&same, &[]).unwrap_err().contains("have the same webhook secret"));
    let twice = format!("{text}{groups}").replace("tpo/web", "tpo/TPA");
    assert!(parse(&twice, &[]).unwrap_err().contains("is there twice"));
}

fn embargo(lines: &str) -> Result<Config, String> {
    parse(&format!("[calendar]\ntime_zone = \"Europe/Berlin\"\n\n[[embargo]]\n{lines}"), &[])
}

#[test]
fn an_embargo_holds_from_its_first_day_to_its_last() {
    let lines = "reason = \" Nobody is here. \"\nfrom = 2026-12-20\nto = 2027-01-04";
    let config = embargo(lines).unwrap();
    let [embargo] = config.embargoes.as_slice() else { panic!("{:?}", config.embargoes) };
    assert_eq!(embargo.place, "innkeeper.toml:4");
    assert_eq!(embargo.reason, "Nobody is here");
    let held = |deed, at: &str| embargo.hold(deed, &"vm".into(), at.parse().unwrap());
    assert_eq!(held(Deed::Stop, "2026-12-19T22:59:00Z"), None);
    let waiting = held(Deed::Stop, "2026-12-19T23:00:00Z").unwrap();
    assert_eq!(waiting.until, Some("2027-01-04T23:00:00Z".parse().unwrap()));
    assert!(held(Deed::Destroy, "2027-01-04T22:59:00Z").is_some());
    assert_eq!(held(Deed::Create, "2027-01-01T00:00:00Z"), None, "not by default");
}

#[test]
fn what_cannot_be_an_embargo_is_told_with_its_line() {
    let days = "from = 2026-12-20\nto = 2027-01-04";
    for (lines, says) in [
        (days.to_owned(), "innkeeper.toml:4:"),
        ("reason = \"x\"\nto = 2027-01-04".to_owned(), "lacks `from`"),
        (
            "reason = \"x\"\nfrom = 2026-12-20\nto = 2026-12-19".to_owned(),
            "toml:7:6: this embargo ends before",
        ),
        (
            "reason = \"x\"\nfrom = 2026-12-20T10:00:00Z\nto = 2026-12-21".to_owned(),
            "toml:6:8: `2026-12-20T10:00:00Z` is neither",
        ),
        (
            "reason = \"x\"\nfrom = 10:00:00\nto = 2026-12-21".to_owned(),
            "toml:6:8: `10:00:00` is neither",
        ),
        (format!("reason = \"x\\ny\"\n{days}"), "toml:5:10: a reason is one line"),
        (format!("reason = \"x\"\n{days}\nwhat = [\"destory\"]"), "did you mean `destroy`?"),
        (format!("reason = \"x\"\n{days}\nwhat = []"), "holds nothing back"),
        (format!("reason = \"x\"\n{days}\ncookbooks = []"), "for no cookbook"),
        (format!("reason = \"x\"\n{days}\nevery = \"month\""), "`month` is not how often"),
        (
            "reason = \"x\"\nfrom = 2026-01-02\nto = 2026-12-24\nevery = \"year\"".to_owned(),
            "lasts 300 days at most",
        ),
        (format!("reason = \"x\"\n{days}\nuntil = 2027-01-05"), "`until` is not known here"),
    ] {
        let error = embargo(&lines).unwrap_err();
        assert!(error.contains(says), "{lines}: {error}");
    }
}

#[test]
fn embargoes_that_overlap_are_allowed_and_told() {
    let two = |from: &str| {
        let lines = format!(
            "reason = \"x\"\nfrom = 2026-12-20\nto = 2027-01-04\n\n\
             [[embargo]]\nreason = \"y\"\nfrom = {from}\nto = 2027-02-01"
        );
        embargo(&lines).unwrap().warnings
    };
    assert_eq!(two("2027-01-05"), [""; 0]);
    let warnings = two("2027-01-04");
    assert!(
        warnings[0]
            .starts_with("innkeeper.toml:9: this [[embargo]] overlaps the one at innkeeper.toml:4"),
        "{warnings:?}"
    );
}

#[test]
fn a_calendar_has_hours_days_and_a_file_of_holidays() {
    let calendar = |lines: &str| parse(&format!("[calendar]\n{lines}"), &[]);
    let at = |text: &str| text.parse().unwrap();
    let config = calendar("hours = \"06:00-22:00\"\ndays = [\"Sat\", \"sunday\"]").unwrap();
    assert!(config.calendar.may_act(at("2026-11-28T21:00:00Z")));
    assert!(!config.calendar.may_act(at("2026-11-27T12:00:00Z")), "a Friday");
    for (lines, says) in [
        ("hours = \"9-17\"", "no span of hours"),
        ("days = [\"Mo\"]", "no day of the week"),
        ("days = []", "nobody ever works"),
        ("holidays_file = \"nowhere.ics\"", "/etc/innkeeper/nowhere.ics cannot be read"),
    ] {
        let error = calendar(lines).unwrap_err();
        assert!(error.contains(says), "{lines}: {error}");
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("innkeeper.toml");
    let event =
        |line: &str| format!("BEGIN:VCALENDAR\nBEGIN:VEVENT\n{line}\nEND:VEVENT\nEND:VCALENDAR\n");
    fs::write(&file, "[calendar]\nholidays_file = \"days.ics\"").unwrap();
    fs::write(folder.path().join("days.ics"), event("DTSTART:20261127")).unwrap();
    assert!(!Config::load(&file, &[]).unwrap().calendar.may_act(at("2026-11-27T12:00:00Z")));
    fs::write(folder.path().join("days.ics"), event("RDATE:20261127")).unwrap();
    let error = Config::load(&file, &[]).unwrap_err().to_string();
    assert!(error.contains("days.ics:3:1: RDATE is not understood"), "{error}");
}
