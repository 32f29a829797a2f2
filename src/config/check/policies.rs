//! Where cookbooks come from: a folder, or one pinned revision of a repository.

use std::path::{Path, PathBuf};

use super::Checker;
use crate::config::{
    GitPin, GitPolicies, Policies, PolicySource,
    keys::{GitKeys, Keys},
};

impl Checker<'_> {
    pub(super) fn policies(&mut self, keys: &mut Keys) -> Option<Policies> {
        let source = match keys.policies.git.clone() {
            None => keys.policies.folder.clone().map(PolicySource::Folder),
            Some(git) => {
                keys.policies.folder = None;
                if self.document.is_given(&["policies", "folder"]) {
                    self.wrong(
                        &["policies", "folder"],
                        "`folder` and `[policies.git]` are both given",
                        "keep one of them",
                    );
                }
                let git = self.git(git, keys.store.path.as_deref());
                if let (Some(git), Some(written)) = (&git, keys.policies.git.as_mut()) {
                    written.repository = Some(git.repository.clone());
                    written.cache = Some(git.cache.clone());
                    if let GitPin::Tag { signers_file, .. } = &git.pin {
                        written.signers_file = Some(signers_file.clone());
                    }
                }
                git.map(PolicySource::Git)
            }
        };
        Some(Policies {
            source: source?,
            automatic_approval: keys.policies.automatic_approval,
            protected_names: keys.policies.protected_names.clone(),
        })
    }

    fn git(&mut self, keys: GitKeys, store: Option<&Path>) -> Option<GitPolicies> {
        let repository = self.repository(keys.repository.as_deref());
        let path = self.path_in_repository(&keys.path);
        let cache = self.cache(keys.cache.as_deref(), store);
        let pin = self.pin(keys);
        Some(GitPolicies { repository: repository?, path: path?, pin: pin?, cache: cache? })
    }

    /// Beside the store, if that is a file.
    fn cache(&mut self, written: Option<&Path>, store: Option<&Path>) -> Option<PathBuf> {
        let mut cache = match (written, store) {
            (Some(written), _) => written.to_owned(),
            (None, Some(store)) => store.with_extension("policies"),
            (None, None) => {
                self.wrong(
                    &["policies", "git"],
                    "[policies.git] lacks `cache`, which a store on a server needs",
                    "e.g. `cache = \"/var/lib/innkeeper/policies\"`",
                );
                return None;
            }
        };
        self.resolve(&mut cache);
        Some(cache)
    }

    fn repository(&mut self, written: Option<&str>) -> Option<String> {
        let place = ["policies", "git", "repository"];
        let example = "e.g. `/srv/git/policies.git` or `https://git.example.org/policies.git`";
        let Some(written) = written.filter(|written| !written.is_empty()) else {
            self.wrong(&place, "[policies.git] lacks `repository`", example);
            return None;
        };
        if written.starts_with('-') || written.contains(|c: char| c.is_control()) {
            self.wrong(&place, format!("`{}` is no repository", written.escape_debug()), example);
            return None;
        }
        if let Some((scheme, rest)) = written.split_once("://") {
            if !["https", "http", "ssh", "git", "file"].contains(&scheme) {
                let message = format!("`{scheme}://` is not fetched from");
                self.wrong(&place, message, "what there is: https, http, ssh, git and file");
                return None;
            }
            let authority = rest.split('/').next().unwrap_or_default();
            let person = authority.rsplit_once('@').map_or("", |(person, _)| person);
            if person.contains(':') || (scheme != "ssh" && !person.is_empty()) {
                self.wrong(
                    &place,
                    "this address holds a password or token, which would be shown",
                    "fetch over ssh with the service's own key, or from a copy on this machine",
                );
                return None;
            }
            return Some(written.to_owned());
        }
        // `ext::...` and its like would run programs.
        if written.contains("::") {
            self.wrong(&place, format!("`{written}` is no repository"), example);
            return None;
        }
        // HOST:PATH, as ssh has it; a path with a colon has a slash before it.
        let host = written.split_once(':').map(|(host, _)| host);
        if host.is_some_and(|host| !host.is_empty() && !host.contains('/')) {
            return Some(written.to_owned());
        }
        let mut path = PathBuf::from(written);
        self.resolve(&mut path);
        Some(path.to_string_lossy().into_owned())
    }

    fn path_in_repository(&mut self, written: &str) -> Option<String> {
        let path = written.trim_matches('/');
        let path = if path == "." { "" } else { path };
        let is_plain = |part: &str| !part.is_empty() && part != "." && part != "..";
        if written.starts_with('/')
            || written.contains(|c: char| c.is_control())
            || !(path.is_empty() || path.split('/').all(is_plain))
        {
            self.wrong(
                &["policies", "git", "path"],
                format!("`{}` is no folder in a repository", written.escape_debug()),
                "write it from the repository's root, e.g. `policies`, or `.` for the root itself",
            );
            return None;
        }
        Some(path.to_owned())
    }

    fn pin(&mut self, keys: GitKeys) -> Option<GitPin> {
        let table = ["policies", "git"];
        let help = "add `commit = \"...\"` with the hash in full, or `tag` and `signers_file`; a branch would let whoever may push decide";
        match (keys.commit, keys.tag) {
            (Some(_), Some(_)) => {
                self.wrong(
                    &["policies", "git", "tag"],
                    "`commit` and `tag` are both given",
                    "keep one of them",
                );
                None
            }
            (None, None) => {
                self.wrong(&table, "[policies.git] says no revision", help);
                None
            }
            (Some(commit), None) => {
                for (key, is_given) in [
                    ("signers_file", keys.signers_file.is_some()),
                    ("tag_object", keys.tag_object.is_some()),
                ] {
                    if is_given {
                        let message = format!("`{key}` is for a `tag`");
                        self.wrong(&["policies", "git", key], message, "take it out");
                    }
                }
                self.hash("commit", &commit).map(GitPin::Commit)
            }
            (None, Some(tag)) => self.tag(tag, keys.signers_file, keys.tag_object),
        }
    }

    fn tag(
        &mut self,
        name: String,
        signers_file: Option<PathBuf>,
        object: Option<String>,
    ) -> Option<GitPin> {
        let fits = |c: char| c.is_ascii_alphanumeric() || ['.', '-', '_', '/', '+'].contains(&c);
        let is_name = name.starts_with(|c: char| c.is_ascii_alphanumeric())
            && name.chars().all(fits)
            && !name.contains("..")
            && !name.contains("//")
            && !name.ends_with(['/', '.'])
            && !name.split('/').any(|part| {
                part.starts_with('.') || part.rsplit_once('.').is_some_and(|(_, end)| end == "lock")
            });
        if !is_name {
            let message = format!("`{}` cannot be a tag", name.escape_debug());
            self.wrong(&["policies", "git", "tag"], message, "e.g. `v12`");
        }
        let object = match object {
            None => None,
            Some(object) => Some(self.hash("tag_object", &object)?),
        };
        let Some(mut signers_file) = signers_file else {
            self.wrong(
                &["policies", "git", "tag"],
                "a `tag` needs `signers_file`: whoever may push could set it otherwise",
                "a line `NAME KEY` for each who may sign, as in `man ssh-keygen`, ALLOWED SIGNERS",
            );
            return None;
        };
        self.resolve(&mut signers_file);
        is_name.then_some(GitPin::Tag { name, signers_file, object })
    }

    /// A hash in full, of either kind.
    fn hash(&mut self, key: &str, written: &str) -> Option<String> {
        let is_hash =
            [40, 64].contains(&written.len()) && written.chars().all(|c| c.is_ascii_hexdigit());
        if !is_hash {
            self.wrong(
                &["policies", "git", key],
                format!("`{}` is no hash in full", written.escape_debug()),
                "40 or 64 hexadecimal digits, as `git rev-parse` shows them",
            );
            return None;
        }
        Some(written.to_lowercase())
    }
}
