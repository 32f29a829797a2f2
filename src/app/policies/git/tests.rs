//! Real repositories, made by `git` and signed by `ssh-keygen`.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use tempfile::TempDir;

use super::{super::from_git, read};
use crate::config::{GitPin, GitPolicies};

/// Whether the programs are there; says so if not.
#[expect(clippy::print_stderr, reason = "a test that tries nothing has to say so")]
fn there() -> bool {
    let there =
        ["git", "ssh-keygen"].iter().all(|name| Command::new(name).arg("--help").output().is_ok());
    if !there {
        eprintln!("ignored: git and ssh-keygen have to be installed");
    }
    there
}

/// A repository somebody pushes to, the keys of people, and our cache.
struct Place(TempDir);

impl Place {
    fn new(format: &str) -> Self {
        let place = Self(tempfile::tempdir().unwrap());
        fs::create_dir(place.path("repository")).unwrap();
        place.git(&["init", "--quiet", "--object-format", format, "--initial-branch=main"]);
        place.write("policies/sandbox.toml", include_str!("../../../../policies/sandbox.toml"));
        place.write("policies/parts/notes.toml", "# of no meaning\n");
        place.write("README.md", "Policies.\n");
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.path("repository").join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn run(&self, program: &str, arguments: &[&str]) -> String {
        let output = Command::new(program)
            .args(arguments)
            .current_dir(self.path("repository"))
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .output()
            .unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", text(output.stderr));
        text(output.stdout).trim().to_owned()
    }

    fn git(&self, arguments: &[&str]) -> String {
        let who = ["-c", "user.name=Carol", "-c", "user.email=carol@example.org"];
        self.run("git", &[&who, arguments].concat())
    }

    fn commit(&self) -> String {
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--message", "Policies"]);
        self.git(&["rev-parse", "HEAD"])
    }

    fn key(&self, name: &str) -> String {
        let key = self.path(name).display().to_string();
        self.run("ssh-keygen", &["-q", "-t", "ed25519", "-N", "", "-C", name, "-f", &key]);
        key
    }

    /// Signs a tag with this key; the tag itself is returned.
    fn tag(&self, name: &str, key: &str, further: &[&str]) -> String {
        let key = format!("user.signingKey={key}");
        let signing = ["-c", "gpg.format=ssh", "-c", &key, "tag", "--sign", "--message", "As is"];
        self.git(&[&signing, further, &[name]].concat());
        self.git(&["rev-parse", &format!("refs/tags/{name}")])
    }

    /// Carol may sign, and nobody else.
    fn signers(&self, key: &str) -> PathBuf {
        let public = fs::read_to_string(format!("{key}.pub")).unwrap();
        let file = self.path("signers");
        fs::write(&file, format!("carol@example.org namespaces=\"git\" {public}")).unwrap();
        file
    }

    fn pinned(&self, pin: GitPin) -> GitPolicies {
        GitPolicies {
            repository: self.path("repository").display().to_string(),
            path: "policies".to_owned(),
            pin,
            cache: self.path("innkeeper.policies"),
        }
    }

    fn at_commit(&self, commit: &str) -> GitPolicies {
        self.pinned(GitPin::Commit(commit.to_owned()))
    }

    fn at_tag(&self, name: &str, signers: &Path) -> GitPolicies {
        let signers_file = signers.to_owned();
        self.pinned(GitPin::Tag { name: name.to_owned(), signers_file, object: None })
    }

    /// The repository cannot be reached any more.
    fn away(&self) {
        fs::rename(self.path("repository"), self.path("elsewhere")).unwrap();
    }
}

async fn refusal(policies: &GitPolicies) -> String {
    match from_git(policies).await {
        Ok(cookbooks) => panic!("{} was taken", cookbooks.version),
        Err(error) => format!("{error:#}"),
    }
}

#[tokio::test]
async fn a_commit_is_fetched_once_and_is_enough_without_the_network() {
    if !there() {
        return;
    }
    for format in ["sha1", "sha256"] {
        let place = Place::new(format);
        let first = place.commit();
        place.write("policies/sandbox.toml", "title = 7");
        let broken = place.commit();
        let policies = place.at_commit(&first);
        let cookbooks = from_git(&policies).await.unwrap();
        assert_eq!(cookbooks.commit, Some(first));
        assert_eq!(cookbooks.cookbooks.len(), 1);
        let files = read(&policies).await.unwrap().files;
        let names: Vec<&str> = files.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["parts/notes.toml", "sandbox.toml"], "and nothing from beside it");
        assert!(!policies.cache.join(format!("{format}.git/hooks")).exists());

        let told = refusal(&place.at_commit(&broken)).await;
        let file = format!("{}:policies/sandbox.toml:1:9", broken.get(..12).unwrap());
        assert!(told.contains(&file), "{told}");

        place.away();
        let again = from_git(&policies).await.unwrap();
        assert_eq!(again.version, cookbooks.version);
        let other = "0".repeat(broken.len() - 1) + "1";
        let told = refusal(&place.at_commit(&other)).await;
        assert!(told.contains("cannot be fetched from") && told.contains("git says"), "{told}");
    }
}

#[tokio::test]
async fn the_same_texts_have_the_same_version_wherever_they_come_from() {
    if !there() {
        return;
    }
    let place = Place::new("sha1");
    let commit = place.commit();
    let folder = crate::cookbook::load::folder(&place.path("repository/policies")).unwrap();
    let cookbooks = from_git(&place.at_commit(&commit)).await.unwrap();
    assert_eq!(cookbooks.version, folder.version);
}

#[tokio::test]
async fn only_plain_files_are_read_and_not_too_many() {
    if !there() {
        return;
    }
    let place = Place::new("sha1");
    let link = place.path("repository/policies/vm.toml");
    std::os::unix::fs::symlink("/etc/passwd", &link).unwrap();
    let told = refusal(&place.at_commit(&place.commit())).await;
    assert!(told.contains("`vm.toml`") && told.contains("is a link"), "{told}");
    fs::remove_file(link).unwrap();

    let other = place.git(&["rev-parse", "HEAD"]);
    let module = format!("160000,{other},policies/module");
    place.git(&["update-index", "--add", "--cacheinfo", &module]);
    place.git(&["commit", "--quiet", "--message", "Module"]);
    let told = refusal(&place.at_commit(&place.git(&["rev-parse", "HEAD"]))).await;
    assert!(told.contains("`module`"), "{told}");
    place.git(&["rm", "--quiet", "--cached", "policies/module"]);

    place.write("policies/large.toml", &"#".repeat(1024 * 1024 + 1));
    let told = refusal(&place.at_commit(&place.commit())).await;
    assert!(told.contains("`large.toml`") && told.contains("1048577 bytes"), "{told}");
    fs::remove_file(place.path("repository/policies/large.toml")).unwrap();

    let commit = place.commit();
    let nowhere = GitPolicies { path: "rules".to_owned(), ..place.at_commit(&commit) };
    assert!(refusal(&nowhere).await.contains("there is no folder `rules`"));
    let empty = GitPolicies { path: "policies/parts".to_owned(), ..place.at_commit(&commit) };
    assert!(from_git(&empty).await.is_err());
}

#[tokio::test]
async fn a_tag_counts_if_somebody_who_may_has_signed_it_under_its_name() {
    if !there() {
        return;
    }
    let place = Place::new("sha1");
    let (carol, mallory) = (place.key("carol"), place.key("mallory"));
    let signers = place.signers(&carol);
    let first = place.commit();
    place.tag("v1", &carol, &[]);
    place.write("README.md", "More.\n");
    let second = place.commit();
    place.tag("v2", &carol, &[]);
    assert_eq!(from_git(&place.at_tag("v1", &signers)).await.unwrap().commit, Some(first));
    assert_eq!(from_git(&place.at_tag("v2", &signers)).await.unwrap().commit, Some(second));

    place.tag("v3", &mallory, &[]);
    let told = refusal(&place.at_tag("v3", &signers)).await;
    assert!(told.contains("v3 is not signed by anybody in"), "{told}");
    place.git(&["tag", "v4"]);
    let told = refusal(&place.at_tag("v4", &signers)).await;
    assert!(told.contains("it is only a name for a commit"), "{told}");
    place.git(&["tag", "--annotate", "--message", "Unsigned", "v5"]);
    assert!(refusal(&place.at_tag("v5", &signers)).await.contains("not signed by anybody"));
    let older = place.git(&["rev-parse", "refs/tags/v1"]);
    place.git(&["update-ref", "refs/tags/v6", &older]);
    let told = refusal(&place.at_tag("v6", &signers)).await;
    assert!(told.contains("was signed as tag v1"), "{told}");
    assert!(refusal(&place.at_tag("v7", &signers)).await.contains("has no tag v7"));

    // Who signed it may do so no longer.
    let others = place.signers(&mallory);
    assert!(refusal(&place.at_tag("v1", &others)).await.contains("not signed by anybody"));
}

#[tokio::test]
async fn a_tag_that_was_moved_is_refused_until_the_operator_says_so() {
    if !there() {
        return;
    }
    let place = Place::new("sha1");
    let carol = place.key("carol");
    let signers = place.signers(&carol);
    let first = place.commit();
    let before = place.tag("v1", &carol, &[]);
    let policies = place.at_tag("v1", &signers);
    assert_eq!(from_git(&policies).await.unwrap().commit, Some(first.clone()));
    place.write("README.md", "More.\n");
    let second = place.commit();
    let after = place.tag("v1", &carol, &["--force"]);
    let told = refusal(&policies).await;
    for words in ["was moved", &before, &format!("tag_object = \"{after}\"")] {
        assert!(told.contains(words), "{words} is not in {told}");
    }
    let GitPin::Tag { name, signers_file, .. } = policies.pin.clone() else { panic!("a tag") };
    let meant = place.pinned(GitPin::Tag { name, signers_file, object: Some(after) });
    assert_eq!(from_git(&meant).await.unwrap().commit, Some(second.clone()));
    // From now on it is that, without being told and without the network.
    place.away();
    assert_eq!(from_git(&policies).await.unwrap().commit, Some(second));
}

#[tokio::test]
async fn nobodys_configuration_and_no_hook_has_a_say() {
    if !there() {
        return;
    }
    let place = Place::new("sha1");
    let commit = place.commit();
    let policies = place.at_commit(&commit);
    from_git(&policies).await.unwrap();
    // Another object in the place of the commit's, as `git replace` has it.
    place.write("policies/sandbox.toml", "title = 7");
    let other = place.commit();
    let cache = policies.cache.join("sha1.git").display().to_string();
    let from = policies.repository.clone();
    place.git(&["--git-dir", &cache, "fetch", "--quiet", &from, "main"]);
    place.git(&["--git-dir", &cache, "replace", &commit, &other]);
    assert_eq!(from_git(&policies).await.unwrap().commit, Some(commit));
}
