//! Where state is: in a file, or on a server.

use std::net::IpAddr;

use url::Url;

use super::Checker;
use crate::config::{Store, keys::StoreKeys};

/// Parameters of the address that are the driver's, and the one that has words.
const PARAMETERS: [&str; 8] =
    ["sslmode", "sslrootcert", "sslcert", "sslkey", "host", "port", "user", "dbname"];
const SSL_MODES: [&str; 6] = ["disable", "allow", "prefer", "require", "verify-ca", "verify-full"];

const EXAMPLE: &str = "e.g. `postgres://innkeeper@db.example.org/innkeeper?sslmode=verify-full` \
                       or `postgres:///innkeeper?host=/run/postgresql`";

impl Checker<'_> {
    pub(super) fn store(&mut self, keys: &mut StoreKeys) -> Option<Store> {
        let (written, file) = (keys.password.as_ref(), keys.password_file.as_ref());
        let password = self.secret(&["store"], "password", written, file);
        let Some(written) = keys.url.clone() else {
            for key in ["password", "password_file"] {
                if self.document.is_given(&["store", key]) {
                    self.wrong(
                        &["store", key],
                        format!("`{key}` is given without `url`"),
                        "an SQLite file has no password: remove it, or name a server with `url`",
                    );
                }
            }
            return keys.path.clone().map(Store::File);
        };
        keys.path = None;
        if self.document.is_given(&["store", "path"]) {
            let both = "`path` and `url` are both given";
            self.wrong(&["store", "path"], both, "keep one of them: a store is in one place");
        }
        let url = self.server(&written)?;
        keys.url = Some(url.to_string());
        Some(Store::Server { url, password })
    }

    /// The address, with nothing left open that matters for safety.
    fn server(&mut self, written: &str) -> Option<Url> {
        let place = ["store", "url"];
        let parsed = Url::parse(written).ok();
        let known = |url: &Url| {
            matches!(url.scheme(), "postgres" | "postgresql") && url.fragment().is_none()
        };
        let Some(mut url) = parsed.filter(known) else {
            self.wrong(&place, "this is no address of a PostgreSQL database", EXAMPLE);
            return None;
        };
        let parameters: Vec<(String, String)> = url.query_pairs().into_owned().collect();
        if url.password().is_some() || parameters.iter().any(|(key, _)| key == "password") {
            let help = "remove it, and name a file with it in `password_file`";
            self.wrong(&place, "this address holds a password", help);
            return None;
        }
        let before = self.found.len();
        let parameter = |name| parameters.iter().find(|(key, _)| key == name).map(|(_, it)| it);
        for (key, _) in &parameters {
            if !PARAMETERS.contains(&key.as_str()) {
                let known = PARAMETERS.join("`, `");
                let message = format!("`{}` is no parameter of this address", key.escape_debug());
                self.wrong(&place, message, format!("what there is: `{known}`"));
            }
        }
        if url.path().trim_start_matches('/').is_empty() && parameter("dbname").is_none() {
            self.wrong(&place, "this address names no database", EXAMPLE);
        }
        for key in ["sslrootcert", "sslcert", "sslkey"] {
            if parameter(key).is_some_and(|path| !path.starts_with('/')) {
                let message = format!("the path in `{key}` is not whole");
                self.wrong(&place, message, "write it from `/` on");
            }
        }
        let mode = parameter("sslmode").map(String::as_str);
        if let Some(mode) = mode.filter(|mode| !SSL_MODES.contains(mode)) {
            let message = format!("`{}` is no `sslmode`", mode.escape_debug());
            self.wrong(&place, message, format!("what there is: `{}`", SSL_MODES.join("`, `")));
        }
        let host = parameter("host").cloned().or_else(|| url.host_str().map(str::to_owned));
        if host.is_some_and(|host| is_elsewhere(&host)) {
            match mode {
                None => {
                    url.query_pairs_mut().append_pair("sslmode", "verify-full");
                }
                Some("verify-full" | "verify-ca") => {}
                Some(mode) => self.warnings.push(format!(
                    "[store] url has `sslmode={mode}`: others on the way to the database could \
                     read and change what is stored; `sslmode=verify-full` keeps them from it"
                )),
            }
        }
        (self.found.len() == before).then_some(url)
    }
}

/// Whether what is sent to this host leaves the machine.
fn is_elsewhere(host: &str) -> bool {
    let host = host.trim_matches(['[', ']']);
    match host.parse::<IpAddr>() {
        Ok(address) => !address.is_loopback(),
        // A path, which is a folder with a socket, may be escaped.
        Err(_) => !(host.is_empty() || host == "localhost" || host.starts_with(['/', '%'])),
    }
}

#[cfg(test)]
mod tests {
    use super::is_elsewhere;

    #[test]
    fn what_stays_on_the_machine_needs_no_encryption() {
        for host in ["", "localhost", "127.0.0.1", "[::1]", "::1", "/run/x", "%2Frun%2Fx"] {
            assert!(!is_elsewhere(host), "{host}");
        }
        for host in ["db", "localhost.example.org", "192.0.2.1", "[2001:db8::1]"] {
            assert!(is_elsewhere(host), "{host}");
        }
    }
}
