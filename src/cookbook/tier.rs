//! Size tiers: sizes with a name, chosen instead of saying amounts.

use std::fmt;

use super::{Cookbook, Field, FieldKind};
use crate::{machine::Shape, request::value::Value};

/// What is chosen instead of a tier by whoever says the amounts.
pub const CUSTOM: &str = "custom";

/// A size with a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tier {
    /// What people choose, e.g. `small`.
    pub name: String,
    /// What they get.
    pub shape: Shape,
    /// What it is good for; may be empty.
    pub summary: String,
}

/// One of the amounts that make a size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Amount {
    /// Virtual processors.
    Vcpus,
    /// Memory.
    Memory,
    /// The root disk.
    Disk,
}

impl Amount {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Vcpus, Self::Memory, Self::Disk];

    /// The name of its field in forms and rules.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Vcpus => "vcpus",
            Self::Memory => "memory",
            Self::Disk => "disk",
        }
    }

    /// This much of a size, as a form's field has it.
    #[must_use]
    pub fn of(self, shape: Shape) -> Value {
        match self {
            Self::Vcpus => Value::Vcpus(shape.vcpus),
            Self::Memory => Value::Memory(shape.memory),
            Self::Disk => Value::Disk(shape.disk),
        }
    }

    /// The amount that fields of this kind ask for.
    #[must_use]
    pub fn asked_by(kind: &FieldKind) -> Option<Self> {
        match kind {
            FieldKind::Vcpus { .. } => Some(Self::Vcpus),
            FieldKind::Memory { .. } => Some(Self::Memory),
            FieldKind::Disk { .. } => Some(Self::Disk),
            _ => None,
        }
    }

    /// The form's field for it.
    #[must_use]
    pub fn field(self, cookbook: &Cookbook) -> Option<&Field> {
        cookbook.fields.iter().find(|field| Self::asked_by(&field.kind) == Some(self))
    }
}

impl Tier {
    /// Whether a value of a field asks for no more than this tier has; of what
    /// is no amount, it does.
    #[must_use]
    pub fn has(&self, value: &Value) -> bool {
        match value {
            Value::Vcpus(count) => *count <= self.shape.vcpus,
            Value::Memory(amount) => *amount <= self.shape.memory,
            Value::Disk(amount) => *amount <= self.shape.disk,
            _ => true,
        }
    }

    /// Whether it has no more of anything than another.
    #[must_use]
    pub fn is_within(&self, other: &Self) -> bool {
        Amount::ALL.into_iter().all(|amount| other.has(&amount.of(self.shape)))
    }
}

impl fmt::Display for Tier {
    /// `small (1 vCPU, 2 GiB memory, 10 GiB disk)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Shape { vcpus, memory, disk } = self.shape;
        write!(f, "{} ({vcpus}, {memory} memory, {disk} disk)", self.name)
    }
}

/// The field where a tier is chosen.
#[derive(Clone, Copy, Debug)]
pub struct TierField<'a> {
    /// The field.
    pub field: &'a Field,
    /// What it offers, smallest first.
    pub tiers: &'a [Tier],
    /// Whether it offers [`CUSTOM`] as well.
    pub custom: bool,
}

impl Cookbook {
    /// The field where a tier is chosen, if the form has one.
    #[must_use]
    pub fn tier_field(&self) -> Option<TierField<'_>> {
        self.fields.iter().find_map(|field| match &field.kind {
            FieldKind::Tier { tiers, custom } => Some(TierField { field, tiers, custom: *custom }),
            _ => None,
        })
    }
}

/// Everything a tier field offers, by name.
#[must_use]
pub fn names(tiers: &[Tier], custom: bool) -> Vec<String> {
    let names = tiers.iter().map(|tier| tier.name.clone());
    names.chain(custom.then(|| CUSTOM.to_owned())).collect()
}
