//! What a Ganeti cluster needs.

use std::{fs, path::PathBuf};

use url::Url;

use crate::config::{
    Ganeti, Provider, ProviderKind, RapiCertificate, RapiUser,
    check::{Checker, address},
    keys::{GanetiKeys, ProviderKeys},
    secret::Secret,
};

/// RAPI serves so many at once, and everybody has to share them.
const MOST_CONNECTIONS: usize = 20;

impl Checker<'_> {
    pub(super) fn ganeti(&mut self, name: &str, provider: &ProviderKeys) -> Option<Provider> {
        for (key, is_given) in [("uri", provider.uri.is_some()), ("pool", provider.pool.is_some())]
        {
            if is_given {
                self.wrong(
                    &["provider", name, key],
                    format!("`{key}` belongs to libvirt"),
                    format!("leave it out; [provider.{name}.ganeti] says all about a cluster"),
                );
            }
        }
        let Some(keys) = &provider.ganeti else {
            self.wrong(
                &["provider", name],
                format!("[provider.{name}.ganeti] is missing"),
                "it says where the cluster is; config.default.toml shows how",
            );
            return None;
        };
        let table = ["provider", name, "ganeti"];
        self.no_empty_names(&table, keys);
        self.checks_that_need_others(&table, keys);
        let url = self.rapi_url(name, keys.url.as_deref());
        let domain = self.domain(&table, keys.domain.as_deref());
        let writer = self.rapi_user(
            &table,
            ("user", keys.user.as_ref()),
            ("password", keys.password.as_ref(), keys.password_file.as_ref()),
        );
        let reads_as_another = keys.reader.is_some()
            || keys.reader_password.is_some()
            || keys.reader_password_file.is_some();
        let reader = reads_as_another.then(|| {
            let password = keys.reader_password.as_ref();
            let file = keys.reader_password_file.as_ref();
            let password = ("reader_password", password, file);
            self.rapi_user(&table, ("reader", keys.reader.as_ref()), password)
        });
        let certificate = self.rapi_certificate(&table, keys);
        let written = |key: &str| self.document.is_written(&["provider", name, "ganeti", key]);
        let holds_written_secret = keys.password.is_some() && written("password")
            || keys.reader_password.is_some() && written("reader_password");
        Some(Provider {
            kind: ProviderKind::Ganeti(Box::new(Ganeti {
                url: url?,
                domain: domain?,
                writer: writer?,
                reader: match reader {
                    Some(reader) => Some(reader?),
                    None => None,
                },
                certificate: certificate?,
                connections: keys.connections,
                stop_timeout: provider.stop_timeout,
                disk_template: keys.disk_template.clone(),
                os: keys.os.clone(),
                network: provider.network.clone(),
                link: keys.link.clone(),
                mode: keys.mode.clone(),
                iallocator: keys.iallocator.clone(),
                hypervisor: keys.hypervisor.clone(),
                opportunistic_locking: keys.opportunistic_locking,
                name_check: keys.name_check,
                ip_check: keys.ip_check,
                conflicts_check: keys.conflicts_check,
                wait_for_sync: keys.wait_for_sync,
                ssh_keys_parameter: keys.ssh_keys_parameter.clone(),
                hostname_parameter: keys.hostname_parameter.clone(),
                owner_parameter: keys.owner_parameter.clone(),
            })),
            holds_written_secret,
        })
    }

    fn no_empty_names(&mut self, table: &[&str], keys: &GanetiKeys) {
        for (key, value) in [
            ("disk_template", Some(&keys.disk_template)),
            ("os", keys.os.as_ref()),
            ("link", keys.link.as_ref()),
            ("mode", keys.mode.as_ref()),
            ("iallocator", keys.iallocator.as_ref()),
            ("hypervisor", keys.hypervisor.as_ref()),
            ("ssh_keys_parameter", keys.ssh_keys_parameter.as_ref()),
            ("hostname_parameter", keys.hostname_parameter.as_ref()),
            ("owner_parameter", keys.owner_parameter.as_ref()),
        ] {
            if value.is_some_and(|value| value.trim().is_empty() || !value.is_ascii()) {
                self.wrong(
                    &[table, &[key]].concat(),
                    "this name is empty, or holds characters that Ganeti does not take",
                    "use ASCII characters, or leave the key out",
                );
            }
        }
    }

    fn checks_that_need_others(&mut self, table: &[&str], keys: &GanetiKeys) {
        if keys.ip_check && !keys.name_check {
            self.wrong(
                &[table, &["ip_check"]].concat(),
                "`ip_check` needs `name_check`: the address is that of the name",
                "set both, or neither",
            );
        }
        if keys.opportunistic_locking && keys.iallocator.is_none() {
            self.wrong(
                &[table, &["opportunistic_locking"]].concat(),
                "`opportunistic_locking` needs an `iallocator`",
                "add `iallocator = \"hail\"`",
            );
        }
        if !(1..=MOST_CONNECTIONS).contains(&keys.connections) {
            self.wrong(
                &[table, &["connections"]].concat(),
                format!("RAPI serves {MOST_CONNECTIONS} connections at once, for everybody"),
                "a few are enough, e.g. 4",
            );
        }
    }

    fn rapi_url(&mut self, name: &str, url: Option<&str>) -> Option<Url> {
        let path = ["provider", name, "ganeti", "url"];
        let example = "e.g. `https://gnt.example.org:5080`, without credentials";
        let Some(written) = url else {
            self.wrong(&path, format!("[provider.{name}.ganeti] lacks `url`"), example);
            return None;
        };
        let Some(url) = address::parse_base(written) else {
            self.wrong(&path, "this is not the address of a cluster's RAPI", example);
            return None;
        };
        if address::is_unencrypted(&url) {
            self.warnings
                .push(format!("the password for provider `{name}` travels unencrypted to {url}"));
        }
        Some(url)
    }

    fn domain(&mut self, table: &[&str], domain: Option<&str>) -> Option<String> {
        let path = [table, &["domain"]].concat();
        let help = "what machines' names end in, e.g. `example.org`";
        let Some(domain) = domain else {
            self.wrong(&path, "the cluster lacks `domain`", help);
            return None;
        };
        let is_label = |label: &str| {
            let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
            (1..=63).contains(&label.len()) && label.bytes().all(fits) && !label.starts_with('-')
        };
        if domain.len() <= 180 && domain.split('.').all(is_label) {
            return Some(domain.to_ascii_lowercase());
        }
        self.wrong(&path, format!("`{domain}` is not a domain"), help);
        None
    }

    fn rapi_user(
        &mut self,
        table: &[&str],
        (user_key, user): (&str, Option<&String>),
        (key, written, file): (&str, Option<&Secret>, Option<&PathBuf>),
    ) -> Option<RapiUser> {
        let user = user.filter(|user| !user.is_empty() && !user.contains(':'));
        if user.is_none() {
            self.wrong(
                &[table, &[user_key]].concat(),
                format!("the cluster lacks `{user_key}`"),
                "a user of RAPI, as in /var/lib/ganeti/rapi/users; without a colon",
            );
        }
        if written.is_none() && file.is_none() {
            self.wrong(
                &[table, &[user_key]].concat(),
                format!("the cluster lacks `{key}_file`"),
                "the file with that user's password",
            );
        }
        let password = self.secret(table, key, written, file);
        Some(RapiUser { name: user?.clone(), password: password? })
    }

    fn rapi_certificate(&mut self, table: &[&str], keys: &GanetiKeys) -> Option<RapiCertificate> {
        let path = |key| [table, &[key]].concat();
        match (&keys.ca_file, &keys.fingerprint) {
            (None, None) => Some(RapiCertificate::OfSystem),
            (Some(_), Some(_)) => {
                self.wrong(
                    &path("fingerprint"),
                    "`ca_file` and `fingerprint` are both given",
                    "keep one of them: the fingerprint for the certificate Ganeti made itself",
                );
                None
            }
            (None, Some(written)) => {
                let Some(fingerprint) = fingerprint(written) else {
                    self.wrong(
                        &path("fingerprint"),
                        "this is not a SHA-256 fingerprint",
                        "64 hexadecimal digits, from: openssl x509 -in /var/lib/ganeti/rapi.pem \
                         -noout -sha256 -fingerprint",
                    );
                    return None;
                };
                Some(RapiCertificate::Pinned(fingerprint))
            }
            (Some(file), None) => {
                let pem = fs::read(file).map_err(|error| error.to_string()).and_then(|pem| {
                    let text = String::from_utf8_lossy(&pem);
                    if text.contains("-----BEGIN CERTIFICATE-----") {
                        Ok(RapiCertificate::OfAuthorities(pem))
                    } else {
                        Err("it holds no PEM certificate".to_owned())
                    }
                });
                let pem = pem.map_err(|why| format!("{} cannot be used: {why}", file.display()));
                self.keep(&path("ca_file"), pem)
            }
        }
    }
}

/// As `openssl` prints it, or the digits alone.
fn fingerprint(written: &str) -> Option<[u8; 32]> {
    let digits = written.rsplit('=').next().unwrap_or(written);
    let digits: Vec<u32> =
        digits.chars().filter(|c| *c != ':').map(|c| c.to_digit(16)).collect::<Option<_>>()?;
    let bytes = digits.chunks_exact(2).map(|pair| pair.iter().fold(0, |byte, it| byte * 16 + it));
    let bytes: Vec<u8> = bytes.map(u8::try_from).collect::<Result<_, _>>().ok()?;
    if digits.len() == 64 { bytes.try_into().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::fingerprint;

    #[test]
    fn a_fingerprint_is_taken_as_it_is_printed() {
        let digits = "0a".repeat(32);
        let colons = vec!["0A"; 32].join(":");
        for written in [digits.clone(), colons.clone(), format!("sha256 Fingerprint={colons}")] {
            assert_eq!(fingerprint(&written), Some([10; 32]), "{written}");
        }
        for wrong in ["", "0a", &digits[1..], &format!("{digits}0a"), &digits.replace('a', "g")] {
            assert_eq!(fingerprint(wrong), None, "{wrong}");
        }
    }
}
