//! What a hook needs.

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path};

use url::Url;

use super::{Checker, address};
use crate::{
    config::{Hook, HookAction, Limits, keys::HookKeys},
    cookbook::diagnostic::nearest,
    hook::{self, Point},
    identity::CookbookName,
};

/// The longest title, in characters: it is an item of a list.
const LONGEST_TITLE: usize = 80;

/// With a minute more each time, the last of so many tries comes hours later.
const MOST_TRIES: u32 = 20;

impl Checker<'_> {
    pub(super) fn hooks(&mut self, hooks: &[HookKeys], limits: &Limits) -> Vec<Hook> {
        let mut known: Vec<Hook> = Vec::new();
        for (index, keys) in hooks.iter().enumerate() {
            let index = index.to_string();
            let Some(hook) = self.hook(&["hook", &index], keys, limits) else { continue };
            if known.iter().any(|other| other.hook.name == hook.hook.name) {
                self.wrong(
                    &["hook", &index, "name"],
                    format!("two hooks are called `{}`", hook.hook.name),
                    "give one of them another name",
                );
            }
            known.push(hook);
        }
        known
    }

    fn hook(&mut self, table: &[&str; 2], keys: &HookKeys, limits: &Limits) -> Option<Hook> {
        let [_, index] = *table;
        let name = self.hook_name(index, keys);
        let title = self.hook_title(index, keys);
        let on = self.points(index, &keys.on);
        let cookbooks = self.hook_cookbooks(index, keys);
        self.hook_timeout(index, keys, limits);
        if keys.tries == 0 || keys.tries > MOST_TRIES {
            self.wrong(
                &["hook", index, "tries"],
                format!("a hook cannot be tried {} times", keys.tries),
                format!("1 to {MOST_TRIES}"),
            );
        }
        let action = self.action(index, keys);
        let holds_written_secret =
            keys.token.is_some() && self.document.is_written(&["hook", index, "token"]);
        Some(Hook {
            hook: hook::Hook { name: name?, title: title?, on, cookbooks, tries: keys.tries },
            action: action?,
            timeout: keys.timeout,
            holds_written_secret,
        })
    }

    fn hook_name(&mut self, index: &str, keys: &HookKeys) -> Option<String> {
        let path = ["hook", index, "name"];
        let Some(name) = &keys.name else {
            self.wrong(&path, "this [[hook]] lacks `name`", "e.g. `name = \"dns\"`");
            return None;
        };
        let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_';
        if name.is_empty() || !name.chars().all(fits) {
            let message = format!("`{name}` cannot be the name of a hook");
            self.wrong(&path, message, "use lower-case letters, digits, `-` and `_`");
        }
        Some(name.clone())
    }

    fn hook_title(&mut self, index: &str, keys: &HookKeys) -> Option<String> {
        let path = ["hook", index, "title"];
        let example = "what it does, for people, e.g. `title = \"DNS record\"`";
        let Some(title) = &keys.title else {
            self.wrong(&path, "this [[hook]] lacks `title`", example);
            return None;
        };
        let length = title.chars().count();
        if title.trim().is_empty() || title.contains(char::is_control) || length > LONGEST_TITLE {
            let message = format!("a title is one line of {LONGEST_TITLE} characters at most");
            self.wrong(&path, message, example);
        }
        Some(title.trim().to_owned())
    }

    fn points(&mut self, index: &str, words: &[String]) -> Vec<Point> {
        let known = Point::ALL.map(Point::word);
        if words.is_empty() {
            let message = "this [[hook]] lacks `on`: it would never be run";
            let help = format!("one or more of `{}`", known.join("`, `"));
            self.wrong(&["hook", index, "on"], message, help);
        }
        let mut points = Vec::new();
        for (place, word) in words.iter().enumerate() {
            let path = ["hook", index, "on", &place.to_string()];
            match Point::ALL.into_iter().find(|point| point.word() == word) {
                Some(point) if points.contains(&point) => {
                    self.wrong(&path, format!("`{word}` is listed twice"), "keep one of them");
                }
                Some(point) => points.push(point),
                None => {
                    let help = match nearest(word, known) {
                        Some(near) => format!("did you mean `{near}`?"),
                        None => format!("there is `{}`", known.join("`, `")),
                    };
                    self.wrong(&path, format!("no hook is ever run on `{word}`"), help);
                }
            }
        }
        points
    }

    fn hook_cookbooks(&mut self, index: &str, keys: &HookKeys) -> Vec<CookbookName> {
        let names = keys.cookbooks.as_deref();
        if names.is_some_and(<[String]>::is_empty) {
            let message = "for no cookbook at all, this hook would never be run";
            let help = "name some, or leave the key out for all";
            self.wrong(&["hook", index, "cookbooks"], message, help);
        }
        let names = names.unwrap_or_default().iter();
        names.map(|name| CookbookName::from(name.as_str())).collect()
    }

    fn hook_timeout(&mut self, index: &str, keys: &HookKeys, limits: &Limits) {
        let path = ["hook", index, "timeout_seconds"];
        if keys.timeout.is_zero() {
            self.wrong(&path, "no hook is done in no time", "e.g. 30");
        } else if keys.timeout.saturating_add(limits.provider_timeout) >= limits.claim {
            self.wrong(
                &path,
                format!(
                    "this hook may take {} s after a provider that may take {} s, but the claim \
                     on that work ends after `claim_seconds` = {}: another replica would run it \
                     a second time",
                    keys.timeout.as_secs(),
                    limits.provider_timeout.as_secs(),
                    limits.claim.as_secs(),
                ),
                "lower it, or raise `claim_seconds` in [limits]",
            );
        }
    }

    fn action(&mut self, index: &str, keys: &HookKeys) -> Option<HookAction> {
        let path = ["hook", index];
        let token = self.secret(&path, "token", keys.token.as_ref(), keys.token_file.as_ref());
        match (&keys.command, &keys.url) {
            (Some(_), Some(_)) => {
                self.wrong(
                    &["hook", index, "url"],
                    "`command` and `url` are both given",
                    "keep one of them, or make two hooks of it",
                );
                None
            }
            (None, None) => {
                self.wrong(
                    &path,
                    "this [[hook]] does nothing: it lacks `command` or `url`",
                    "add for example `command = [\"/usr/local/lib/innkeeper/dns\"]`",
                );
                None
            }
            (Some(command), None) => {
                for key in ["token", "token_file"] {
                    let is_given = match key {
                        "token" => keys.token.is_some(),
                        _ => keys.token_file.is_some(),
                    };
                    if is_given {
                        let message = format!("`{key}` means nothing to a `command`");
                        let help = "let the program read its secrets from a file of its own";
                        self.wrong(&["hook", index, key], message, help);
                    }
                }
                self.command(index, command)
            }
            (None, Some(url)) => {
                let url = self.hook_url(index, keys.name.as_deref(), url, token.is_some())?;
                Some(HookAction::Post { url, token })
            }
        }
    }

    fn command(&mut self, index: &str, command: &[String]) -> Option<HookAction> {
        let path = ["hook", index, "command"];
        let Some((program, arguments)) = command.split_first() else {
            let help = "the program's absolute path, then its arguments, each a text";
            self.wrong(&path, "this command is empty", help);
            return None;
        };
        if let Some((message, help)) = cannot_run(Path::new(program)) {
            self.wrong(&["hook", index, "command", "0"], message, help);
        }
        if let Some(nul) = command.iter().position(|part| part.contains('\0')) {
            let message = "a program cannot be given a NUL character";
            self.wrong(&["hook", index, "command", &nul.to_string()], message, "remove it");
        }
        Some(HookAction::Command { program: program.into(), arguments: arguments.to_vec() })
    }

    fn hook_url(
        &mut self,
        index: &str,
        name: Option<&str>,
        written: &str,
        has_token: bool,
    ) -> Option<Url> {
        let Some(url) = address::parse(written) else {
            // The address itself may hold a password.
            self.wrong(
                &["hook", index, "url"],
                "this is not an address that can be posted to",
                "`https://HOST/PATH`, without credentials; those go into `token_file`",
            );
            return None;
        };
        if has_token && address::is_unencrypted(&url) {
            let name = name.unwrap_or_default();
            self.warnings.push(format!("the token for hook `{name}` travels unencrypted"));
        }
        Some(url)
    }
}

/// Why a program cannot be run by a hook, and what to do about it.
fn cannot_run(program: &Path) -> Option<(String, String)> {
    let shown = program.display();
    if !program.is_absolute() {
        return Some((
            format!("`{shown}` is not an absolute path"),
            "name the program from `/` on: nothing is looked up, and no shell is used".to_owned(),
        ));
    }
    let metadata = match fs::metadata(program) {
        Ok(metadata) => metadata,
        Err(error) => {
            return Some((
                format!("{shown} cannot be run: {error}"),
                "install it there, or correct the path".to_owned(),
            ));
        }
    };
    if !metadata.is_file() {
        return Some((
            format!("{shown} is not a program"),
            "name the file to run, and put arguments into texts of their own".to_owned(),
        ));
    }
    if metadata.permissions().mode() & 0o111 == 0 {
        return Some((
            format!("{shown} may not be executed by anybody"),
            format!("`chmod +x {shown}`"),
        ));
    }
    None
}
