//! What a provider needs.

mod ganeti;

use std::collections::BTreeMap;

use super::Checker;
use crate::{
    config::{Limits, Provider, ProviderKind, keys::ProviderKeys},
    identity::ProviderName,
};

mod libvirt;

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
                Some("ganeti") => self.ganeti(name, keys)?,
                _ => Provider {
                    kind: ProviderKind::Libvirt(self.libvirt(name, keys, limits)?),
                    holds_written_secret: false,
                },
            };
            Some((ProviderName(name.clone()), provider))
        };
        providers.iter().filter_map(provider).collect()
    }
}
