//! What a libvirt host needs.

use super::Checker;
use crate::{
    config::{LibvirtProvider, Limits, keys::ProviderKeys},
    quantity::Mebibytes,
};

const EXAMPLE: &str = "e.g. `qemu:///system` or `qemu+ssh://innkeeper@kvm1/system`";

impl Checker<'_> {
    pub(super) fn libvirt(
        &mut self,
        name: &str,
        keys: &ProviderKeys,
        limits: &Limits,
    ) -> Option<LibvirtProvider> {
        if keys.ganeti.is_some() {
            let help = "leave it out, or set `kind = \"ganeti\"`";
            let what = "this provider is not a Ganeti cluster";
            self.wrong(&["provider", name, "ganeti"], what, help);
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
        self.cpu(name, &keys.cpu);
        if keys.memory_overcommit_percent == 0 {
            let path = ["provider", name, "memory_overcommit_percent"];
            self.wrong(&path, "with 0, no machine fits", "100 is all of the host's memory");
        }
        let path = ["provider", name, "reserved_memory"];
        let reserved = self.keep(&path, Mebibytes::parse(&keys.reserved_memory));
        let uri = self.uri(name, keys)?;
        Some(LibvirtProvider {
            uri,
            network: keys.network.clone(),
            pool: keys.pool.clone(),
            stop_timeout: keys.stop_timeout,
            boot_timeout: keys.boot_timeout,
            ready: keys.ready,
            agent_addresses: keys.agent_addresses,
            cpu: keys.cpu.clone(),
            memory_percent: keys.memory_overcommit_percent,
            reserved_memory: reserved?.get(),
        })
    }

    fn uri(&mut self, name: &str, keys: &ProviderKeys) -> Option<String> {
        let Some(uri) = keys.uri.clone() else {
            let message = format!("[provider.{name}] lacks `uri`");
            self.wrong(&["provider", name], message, format!("where the host is, {EXAMPLE}"));
            return None;
        };
        if !uri.contains("://") {
            let message = format!("`{uri}` is not a libvirt address");
            self.wrong(&["provider", name, "uri"], message, EXAMPLE);
        }
        Some(uri)
    }

    fn cpu(&mut self, name: &str, cpu: &str) {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        if cpu.is_empty() || !cpu.bytes().all(allowed) {
            self.wrong(
                &["provider", name, "cpu"],
                format!("`{cpu}` is no processor"),
                "`host-model`, `host-passthrough`, or a name that `virsh cpu-models x86_64` shows",
            );
        }
    }
}
