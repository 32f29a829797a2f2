//! What a provider needs.

mod ganeti;

use std::collections::BTreeMap;

use super::Checker;
use crate::{
    config::{Limits, Provider, ProviderKind, keys::ProviderKeys},
    identity::ProviderName,
};

impl Checker<'_> {
    pub(super) fn providers(
        &mut self,
        providers: &BTreeMap<String, ProviderKeys>,
        limits: &Limits,
    ) -> BTreeMap<ProviderName, Provider> {
        let provider = |(name, keys): (&String, &ProviderKeys)| {
            self.name("provider", name);
            self.kind("provider", name, keys.kind.as_ref(), &["libvirt", "ganeti"]);
            let provider = match keys.kind.as_deref() {
                Some("ganeti") => self.ganeti(name, keys),
                _ => self.libvirt(name, keys, limits),
            };
            Some((ProviderName(name.clone()), provider?))
        };
        providers.iter().filter_map(provider).collect()
    }

    fn libvirt(&mut self, name: &str, keys: &ProviderKeys, limits: &Limits) -> Option<Provider> {
        if keys.ganeti.is_some() {
            let help = "leave it out, or set `kind = \"ganeti\"`";
            self.wrong(
                &["provider", name, "ganeti"],
                "this provider is not a Ganeti cluster",
                help,
            );
        }
        if keys.stop_timeout >= limits.claim {
            self.wrong(
                &["provider", name, "stop_timeout_seconds"],
                format!(
                    "a guest may take {} s to shut down, but the claim on that work ends after \
                     `claim_seconds` = {}",
                    keys.stop_timeout.as_secs(),
                    limits.claim.as_secs(),
                ),
                "lower it, or raise `claim_seconds` in [limits]",
            );
        }
        for (key, value) in [("network", &keys.network), ("pool", &keys.pool)] {
            if value.as_ref().is_some_and(|value| value.trim().is_empty()) {
                self.wrong(&["provider", name, key], "this name is empty", "leave the key out");
            }
        }
        let example = "e.g. `qemu:///system` or `qemu+ssh://innkeeper@kvm1/system`";
        let Some(uri) = keys.uri.clone() else {
            let message = format!("[provider.{name}] lacks `uri`");
            self.wrong(&["provider", name], message, format!("where the host is, {example}"));
            return None;
        };
        if !uri.contains("://") {
            let message = format!("`{uri}` is not a libvirt address");
            self.wrong(&["provider", name, "uri"], message, example);
        }
        Some(Provider {
            kind: ProviderKind::Libvirt {
                uri,
                network: keys.network.clone(),
                pool: keys.pool.clone(),
                stop_timeout: keys.stop_timeout,
            },
            holds_written_secret: false,
        })
    }
}
