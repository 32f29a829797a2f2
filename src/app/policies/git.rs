//! Cookbooks from one pinned revision of a repository, by the program `git`.
//!
//! What is fetched is kept in a repository of ours without a work tree, and read
//! from there object by object. A commit is known by its hash. A tag is what its
//! signature says, and stays what it was when it was first seen.

mod program;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail, ensure};

use self::program::Git;
use crate::config::{GitPin, GitPolicies};

/// The most files a policy folder may hold, the largest of them, and all of
/// them together, in bytes: beyond it, something else was pinned.
const MOST_FILES: usize = 1_000;
const LARGEST: usize = 1024 * 1024;
const MOST_BYTES: usize = 16 * 1024 * 1024;

/// The files of the pinned folder.
pub(super) struct Checkout {
    /// The commit they were read from.
    pub(super) commit: String,
    /// Each file's path in the folder, and what it holds.
    pub(super) files: Vec<(String, Vec<u8>)>,
}

/// Reads the pinned revision. What is not here yet is fetched.
pub(super) async fn read(policies: &GitPolicies) -> anyhow::Result<Checkout> {
    let source = Source { repository: &policies.repository, cache: &policies.cache };
    let (git, commit) = match &policies.pin {
        GitPin::Commit(commit) => (source.commit(commit).await?, commit.clone()),
        GitPin::Tag { name, signers_file, object } => {
            source.tag(name, signers_file, object.as_deref()).await?
        }
    };
    let files = files(&git, &commit, &policies.path).await?;
    Ok(Checkout { commit, files })
}

/// Where revisions come from, and where they are kept.
struct Source<'a> {
    repository: &'a str,
    cache: &'a Path,
}

impl Source<'_> {
    /// Our repository for hashes of this length, made if it is not there.
    async fn kept(&self, hash: &str) -> anyhow::Result<Git> {
        let format = if hash.len() == 64 { "sha256" } else { "sha1" };
        let git = Git::new(self.place(format));
        git.make(format).await.with_context(|| {
            format!("what is fetched cannot be kept in {}", self.cache.display())
        })?;
        Ok(git)
    }

    fn place(&self, format: &str) -> PathBuf {
        self.cache.join(format!("{format}.git"))
    }

    async fn commit(&self, commit: &str) -> anyhow::Result<Git> {
        let git = self.kept(commit).await?;
        // Set when all of it had come, so what it names is complete.
        let kept = format!("refs/innkeeper/commits/{commit}");
        if git.named(&kept).await? != Some(commit.to_owned()) {
            git.fetch(self.repository, commit, &kept).await.with_context(|| {
                format!("commit {commit} cannot be fetched from {}", self.repository)
            })?;
        }
        let kind = git.kind(commit).await?;
        ensure!(kind == "commit", "{commit} is a {kind} and no commit: pin what it names");
        Ok(git)
    }

    /// The commit that a signed tag names.
    async fn tag(
        &self,
        name: &str,
        signers: &Path,
        pinned: Option<&str>,
    ) -> anyhow::Result<(Git, String)> {
        ensure!(
            signers.is_file(),
            "[policies.git] signers_file = \"{}\" is not there",
            signers.display()
        );
        let kept = format!("refs/innkeeper/tags/{name}");
        let known = self.known(&kept).await?;
        let object = self.object_of(name, known.as_deref(), pinned).await?;
        let git = self.kept(&object).await?;
        if git.named(&kept).await?.as_deref() != Some(object.as_str()) {
            let fetched = "refs/innkeeper/fetched";
            git.fetch(self.repository, &format!("refs/tags/{name}"), fetched).await.with_context(
                || format!("tag {name} cannot be fetched from {}", self.repository),
            )?;
            let came = git.named(fetched).await?.unwrap_or_default();
            ensure!(came == object, "tag {name} was moved while it was fetched: try again");
        }
        let commit = signed_commit(&git, name, &object, signers).await?;
        git.set(&kept, &object).await?;
        Ok((git, commit))
    }

    /// What the tag was when it was last found good.
    async fn known(&self, kept: &str) -> anyhow::Result<Option<String>> {
        for format in ["sha1", "sha256"] {
            let place = self.place(format);
            if place.join("HEAD").is_file()
                && let Some(known) = Git::new(place).named(kept).await?
            {
                return Ok(Some(known));
            }
        }
        Ok(None)
    }

    /// The hash of the tag itself. What it was before stays true when the
    /// repository cannot be asked.
    async fn object_of(
        &self,
        name: &str,
        known: Option<&str>,
        pinned: Option<&str>,
    ) -> anyhow::Result<String> {
        let expected = pinned.or(known);
        let there = match Git::remote_tag(self.repository, name).await {
            Ok(there) => there,
            Err(error) => {
                let Some(known) = known.filter(|known| expected == Some(known)) else {
                    let what = format!("tag {name} cannot be asked of {}", self.repository);
                    return Err(error.context(what));
                };
                let error = format!("{error:#}");
                tracing::warn!(
                    tag = name,
                    error,
                    "the repository of the policies cannot be asked: what was fetched before is used"
                );
                return Ok(known.to_owned());
            }
        };
        let Some(there) = there else {
            bail!("{} has no tag {name}", self.repository);
        };
        match expected {
            Some(expected) if expected != there => bail!(
                "tag {name} of {} was moved: it was {expected}, it is {there}. If that is meant, say so with `tag_object = \"{there}\"` in [policies.git]",
                self.repository
            ),
            _ => Ok(there),
        }
    }
}

/// The commit that the tag names, if it is signed by somebody who may, and under
/// this name: a signed tag of another name would be an older revision.
async fn signed_commit(
    git: &Git,
    name: &str,
    object: &str,
    signers: &Path,
) -> anyhow::Result<String> {
    let kind = git.kind(object).await?;
    ensure!(kind == "tag", "tag {name} is not signed: it is only a name for a {kind}");
    git.verify(object, signers)
        .await
        .with_context(|| format!("tag {name} is not signed by anybody in {}", signers.display()))?;
    let text = git.tag_text(object).await?;
    let head = |key: &str| {
        let lines = text.lines().take_while(|line| !line.is_empty());
        lines.filter_map(|line| line.split_once(' ')).find(|(word, _)| *word == key)
    };
    let value = |key| head(key).map(|(_, value)| value).unwrap_or_default();
    ensure!(
        value("tag") == name,
        "what {name} names was signed as tag {}, so it is not that",
        value("tag").escape_debug()
    );
    ensure!(value("type") == "commit", "tag {name} names a {} and no commit", value("type"));
    Ok(value("object").to_owned())
}

/// A file in a tree.
struct Entry {
    mode: String,
    object: String,
    size: usize,
    path: String,
}

/// Everything in that folder of the commit. Only plain files: a link could lead
/// out of it, and another repository is not pinned.
async fn files(git: &Git, commit: &str, folder: &str) -> anyhow::Result<Vec<(String, Vec<u8>)>> {
    let listing = git
        .list(&format!("{commit}:{folder}"))
        .await
        .with_context(|| format!("there is no folder `{folder}` in commit {commit}"))?;
    let mut entries = Vec::new();
    for line in listing.split(|byte| *byte == 0).filter(|line| !line.is_empty()) {
        let entry = entry(line).context("what git lists cannot be read")?;
        ensure!(
            ["100644", "100755"].contains(&entry.mode.as_str()),
            "`{}` in commit {commit} is a link or another repository: only files can be used",
            entry.path.escape_debug()
        );
        ensure!(
            entry.size <= LARGEST,
            "`{}` in commit {commit} has {} bytes, more than {LARGEST}",
            entry.path,
            entry.size
        );
        entries.push(entry);
    }
    let bytes: usize = entries.iter().map(|entry| entry.size).sum();
    ensure!(
        entries.len() <= MOST_FILES && bytes <= MOST_BYTES,
        "the folder `{folder}` in commit {commit} holds {} files of {bytes} bytes, more than {MOST_FILES} of {MOST_BYTES}: name a folder with cookbooks alone",
        entries.len()
    );
    let objects: Vec<&str> = entries.iter().map(|entry| entry.object.as_str()).collect();
    let contents = git.contents(&objects, bytes).await?;
    Ok(entries.into_iter().map(|entry| entry.path).zip(contents).collect())
}

/// `MODE TYPE HASH SIZE<tab>PATH`.
fn entry(line: &[u8]) -> Option<Entry> {
    let line = std::str::from_utf8(line).ok()?;
    let (head, path) = line.split_once('\t')?;
    let mut words = head.split_whitespace();
    let (mode, _kind, object) = (words.next()?, words.next()?, words.next()?);
    // What is no file has no size.
    let size = words.next()?.parse().unwrap_or(0);
    Some(Entry { mode: mode.to_owned(), object: object.to_owned(), size, path: path.to_owned() })
}
