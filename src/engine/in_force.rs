//! What the operator may exchange while the service runs: cookbooks, the words
//! of notices, and what `[policies]` says besides. Each pass takes what is in
//! force once and keeps it to its end, so no request is judged by two versions.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, PoisonError},
};

use super::{Engine, Settings, unkept_promises};
use crate::{
    cookbook::{Cookbook, Cookbooks},
    hook::Hook,
    identity::{CookbookName, Digest, ForgeName, ProviderName},
    lease::Lease,
    notice::render::Renderer,
    ports::{
        PortError,
        forge::Forge,
        provider::Provider,
        store::{Store, Versioned},
    },
};

/// All that is exchanged, at once.
pub struct InForce {
    /// The cookbooks.
    pub cookbooks: Arc<Cookbooks>,
    /// What notices say.
    pub renderer: Arc<Renderer>,
    /// Whether cookbooks may approve by themselves.
    pub automatic_approval: bool,
    /// Host names nobody gets, and machines never touched.
    pub protected_names: Vec<String>,
}

/// What cookbooks are held against before they come into force.
pub struct Surroundings<'a> {
    /// What the operator decided.
    pub settings: &'a Settings,
    /// The forges by name.
    pub forges: &'a BTreeMap<ForgeName, Arc<dyn Forge>>,
    /// The providers by name.
    pub providers: &'a BTreeMap<ProviderName, Arc<dyn Provider>>,
    /// The operator's hooks.
    pub hooks: &'a [Hook],
}

impl Surroundings<'_> {
    /// What keeps these cookbooks from being served here, as sentences; at start
    /// and at every exchange. Nothing is asked of a forge or provider.
    #[must_use]
    pub fn objections(&self, cookbooks: &Cookbooks) -> Vec<String> {
        let mut objections = self.places_that_are_not_there(cookbooks);
        objections.extend(self.hooks_for_nothing(cookbooks));
        objections.extend(self.embargoes_for_nothing(cookbooks));
        let abilities =
            self.forges.iter().map(|(name, forge)| (name.clone(), forge.abilities())).collect();
        objections.extend(unkept_promises(self.settings, &abilities, cookbooks));
        objections
    }

    /// What a provider cannot do for a cookbook would else be found out only
    /// when somebody's request was approved, or a machine destroyed.
    fn places_that_are_not_there(&self, cookbooks: &Cookbooks) -> Vec<String> {
        let mut objections = Vec::new();
        for cookbook in &cookbooks.cookbooks {
            for name in &cookbook.placement.providers {
                let Some(provider) = self.providers.get(name) else {
                    let known = self.providers.keys().map(ProviderName::as_str);
                    objections.push(format!(
                        "cookbook `{}` places machines on provider `{name}`, which is not configured; there is: {}",
                        cookbook.name,
                        known.collect::<Vec<_>>().join(", ")
                    ));
                    continue;
                };
                if cookbook.placement.keep_disks && !provider.keeps_disks() {
                    objections.push(format!(
                        "cookbook `{}` has `keep_disks = true`, but provider `{name}` removes disks with their machine: take it out",
                        cookbook.name
                    ));
                }
            }
        }
        objections
    }

    /// A hook for a cookbook that is not there would silently never be run.
    fn hooks_for_nothing(&self, cookbooks: &Cookbooks) -> Vec<String> {
        let known: Vec<&str> = cookbooks.cookbooks.iter().map(|book| book.name.as_str()).collect();
        let named = self.hooks.iter().flat_map(|hook| {
            hook.cookbooks.iter().map(move |cookbook| (hook.name.as_str(), cookbook))
        });
        named
            .filter(|(_, cookbook)| cookbooks.get(cookbook).is_none())
            .map(|(hook, cookbook)| {
                format!(
                    "[[hook]] `{hook}` is for cookbook `{cookbook}`, which is not there; there is: {}",
                    known.join(", ")
                )
            })
            .collect()
    }

    /// An embargo for a cookbook that is not there would silently hold back
    /// nothing.
    fn embargoes_for_nothing(&self, cookbooks: &Cookbooks) -> Vec<String> {
        let known: Vec<&str> = cookbooks.cookbooks.iter().map(|book| book.name.as_str()).collect();
        let embargoes = self.settings.embargoes.iter();
        embargoes
            .flat_map(|embargo| {
                embargo.cookbooks.iter().flatten().map(move |cookbook| (embargo, cookbook))
            })
            .filter(|(_, cookbook)| cookbooks.get(cookbook).is_none())
            .map(|(embargo, cookbook)| {
                format!(
                    "{}: this [[embargo]] is for cookbook `{cookbook}`, which is not there; there is: {}",
                    embargo.place,
                    known.join(", ")
                )
            })
            .collect()
    }
}

impl Engine {
    /// What is in force now. Whoever does several things by it takes it once.
    pub(super) fn in_force(&self) -> Arc<InForce> {
        self.in_force.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The cookbooks in force.
    #[must_use]
    pub fn cookbooks(&self) -> Arc<Cookbooks> {
        Arc::clone(&self.in_force().cookbooks)
    }

    /// The commit that this version was read from, shortened, while it is in force.
    pub(super) fn commit_of(&self, version: Digest) -> Option<String> {
        let cookbooks = self.cookbooks();
        let commit = cookbooks.commit.as_ref().filter(|_| cookbooks.version == version)?;
        Some(commit.chars().take(12).collect())
    }

    /// What notices say now.
    pub(super) fn renderer(&self) -> Arc<Renderer> {
        Arc::clone(&self.in_force().renderer)
    }

    /// What keeps these cookbooks from coming into force here, as sentences.
    #[must_use]
    pub fn objections(&self, cookbooks: &Cookbooks) -> Vec<String> {
        let surroundings = Surroundings {
            settings: &self.settings,
            forges: &self.ports.forges,
            providers: &self.ports.providers,
            hooks: self.ports.hooks.hooks(),
        };
        surroundings.objections(cookbooks)
    }

    /// Puts something else into force. What is under way ends by what it began
    /// with. Requests are judged by it at their next look; leases keep what they
    /// were granted.
    pub fn exchange(&self, in_force: InForce) {
        let before = self.cookbooks();
        let added = |book: &Cookbook| before.get(&book.name).is_none();
        let adds = in_force.cookbooks.cookbooks.iter().any(added);
        *self.in_force.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(in_force);
        if adds {
            self.additions.add();
        }
    }

    /// Puts other cookbooks into force, and leaves the rest as it is.
    pub fn set_cookbooks(&self, cookbooks: Cookbooks) {
        let before = self.in_force();
        self.exchange(InForce {
            cookbooks: Arc::new(cookbooks),
            renderer: Arc::clone(&before.renderer),
            automatic_approval: before.automatic_approval,
            protected_names: before.protected_names.clone(),
        });
    }

    /// Asks for a look at every open request, e.g. because they are judged by
    /// something else from now on. Returns how many there are.
    ///
    /// # Errors
    ///
    /// The store's.
    pub async fn look_at_open_requests(&self) -> Result<usize, PortError> {
        let open = self.store().open_requests().await?;
        let issues: Vec<_> = open.into_iter().map(|request| request.value.issue).collect();
        self.want_looks(&issues).await?;
        Ok(issues.len())
    }
}

/// A cookbook that is gone, and what still stands under its name.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Orphaned {
    /// The cookbook's name.
    pub cookbook: CookbookName,
    /// Open requests: they stay as they are until it is back.
    pub requests: usize,
    /// Leases that live: they keep their terms.
    pub leases: usize,
}

/// What stands under the name of a cookbook that is none of `known`.
///
/// # Errors
///
/// The store's.
pub async fn orphaned(
    store: &dyn Store,
    known: &BTreeSet<CookbookName>,
) -> Result<Vec<Orphaned>, PortError> {
    let mut orphaned: BTreeMap<CookbookName, (usize, usize)> = BTreeMap::new();
    for request in store.open_requests().await? {
        if !known.contains(&request.value.cookbook) {
            orphaned.entry(request.value.cookbook).or_default().0 += 1;
        }
    }
    let mut show = |lease: Versioned<Lease>| {
        if !known.contains(&lease.value.cookbook) {
            orphaned.entry(lease.value.cookbook).or_default().1 += 1;
        }
    };
    store.each_live_lease(&mut show).await?;
    let orphan = |(cookbook, (requests, leases))| Orphaned { cookbook, requests, leases };
    Ok(orphaned.into_iter().map(orphan).collect())
}
