//! Whether there is room for a machine.

use std::{collections::BTreeMap, fmt};

use super::MachineOrder;
use crate::quantity::Mebibytes;

/// What a provider has left, in MiB. Where it has several nodes, as much as is
/// left when one of them fails.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Capacity {
    /// The memory that more machines may have together.
    pub memory: u64,
    /// The memory that one more machine may have: what the emptiest node has.
    pub largest_memory: u64,
    /// Free disk space by storage class, as cookbooks name them. A class that
    /// is not listed is not limited as far as the provider knows.
    pub storage: BTreeMap<String, u64>,
    /// The class used when the order names none.
    pub default_storage: Option<String>,
}

/// What there is too little of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shortage {
    /// `memory`, or the storage class.
    pub of: String,
    /// How much was asked for, MiB.
    pub wanted: u64,
    /// How much there is, MiB; less than nothing counts as nothing.
    pub free: u64,
}

impl Capacity {
    /// What there is too little of for this machine, after everything in
    /// `ahead` has been made.
    #[must_use]
    pub fn shortage(&self, order: &MachineOrder, ahead: &[&MachineOrder]) -> Option<Shortage> {
        let promised: u64 = ahead.iter().map(|order| order.shape.memory.get()).sum();
        let free = self.memory.saturating_sub(promised).min(self.largest_memory);
        let wanted = order.shape.memory.get();
        if wanted > free {
            return Some(Shortage { of: "memory".to_owned(), wanted, free });
        }
        let mut promised: BTreeMap<&str, u64> = BTreeMap::new();
        for (class, size) in ahead.iter().flat_map(|order| self.disks(order)) {
            *promised.entry(class).or_default() += size;
        }
        let mut wanted: BTreeMap<&str, u64> = BTreeMap::new();
        for (class, size) in self.disks(order) {
            *wanted.entry(class).or_default() += size;
        }
        wanted.into_iter().find_map(|(class, wanted)| {
            let taken = promised.get(class).copied().unwrap_or(0);
            let free = self.storage.get(class)?.saturating_sub(taken);
            (wanted > free).then(|| Shortage { of: class.to_owned(), wanted, free })
        })
    }

    /// The memory that is left, and the disk space of a storage class where
    /// that is known, after everything in `ahead` has been made; in MiB.
    #[must_use]
    pub fn left(&self, storage: Option<&str>, ahead: &[&MachineOrder]) -> (u64, Option<u64>) {
        let promised: u64 = ahead.iter().map(|order| order.shape.memory.get()).sum();
        let class = storage.or(self.default_storage.as_deref());
        let disks = ahead.iter().flat_map(|order| self.disks(order));
        let taken = disks.filter(|(other, _)| Some(*other) == class).map(|(_, size)| size).sum();
        let free = class.and_then(|class| self.storage.get(class));
        (self.memory.saturating_sub(promised), free.map(|free| free.saturating_sub(taken)))
    }

    /// An order's disks as class and size; those of no known class are left out.
    fn disks<'a>(&'a self, order: &'a MachineOrder) -> impl Iterator<Item = (&'a str, u64)> {
        let usual = order.storage.as_deref().or(self.default_storage.as_deref());
        let root = usual.map(|class| (class, order.shape.disk.get()));
        let more = order
            .more_disks
            .iter()
            .filter_map(move |disk| Some((disk.storage.as_deref().or(usual)?, disk.size.get())));
        root.into_iter().chain(more)
    }
}

impl fmt::Display for Shortage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let amount = |mebibytes: u64| match Mebibytes::new(mebibytes) {
            Some(amount) => amount.to_string(),
            None => "nothing".to_owned(),
        };
        let what = if self.of == "memory" {
            "memory".to_owned()
        } else {
            format!("disk space in {}", self.of)
        };
        write!(f, "it needs {} of {what}, and {} is free", amount(self.wanted), amount(self.free))
    }
}
