//! What a provider needs.

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
            self.kind("provider", name, keys.kind.as_ref(), "libvirt");
            let kind = ProviderKind::Libvirt(self.libvirt(name, keys, limits)?);
            Some((ProviderName(name.clone()), Provider { kind }))
        };
        providers.iter().filter_map(provider).collect()
    }
}
