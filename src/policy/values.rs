//! What the rules of a cookbook see of a request.

use super::{
    expression::{Datum, Expression, Schema, Values},
    facts::Facts,
    people::Cast,
};
use crate::{
    cookbook::{Cookbook, FieldKind, tier::Amount},
    identity::FieldName,
    request::{Reading, value::Value},
};

/// The value of every name of the cookbook's [`Schema`].
pub(super) fn of(cookbook: &Cookbook, reading: &Reading, cast: &Cast, facts: &Facts) -> Values {
    let mut values = Values::absent(&Schema::of(&cookbook.fields));
    let placement = &cookbook.placement;
    values.set("request.memory", Datum::Number(placement.shape.memory.get()));
    values.set("request.disk", Datum::Number(placement.shape.disk.get()));
    values.set("request.vcpus", Datum::Number(placement.shape.vcpus.get().into()));
    values.set("request.count", Datum::Number(1));
    let mut days = i64::from(cookbook.lifetime.default.days());
    for field in &cookbook.fields {
        let Some(answer) = reading.fields.get(&field.name) else { continue };
        match (&field.kind, &answer.value) {
            (FieldKind::Lifetime, Value::Lifetime(lifetime)) => days = lifetime.days().into(),
            (FieldKind::Lifetime, Value::Date(last)) => days = (*last - facts.today).num_days(),
            (kind, value) => {
                let name = format!("request.{}", field.name);
                values.set(&name, datum(kind, value, cast));
            }
        }
    }
    if cookbook.tier_field().is_some() {
        for amount in Amount::ALL {
            let field = amount.field(cookbook);
            let field = field.map_or_else(|| FieldName::from(amount.name()), |f| f.name.clone());
            if let Some(answer) = reading.fields.get(&field) {
                let name = format!("request.{}", amount.name());
                values.set(&name, datum(&FieldKind::Text { max: 0 }, &answer.value, cast));
            }
        }
    }
    values.set("request.lifetime_days", Datum::Number(u64::try_from(days).unwrap_or(0)));
    values.set("request.author", Datum::Text(facts.author.username.clone()));
    values.set("request.owner", Datum::Text(cast.owner.username.clone()));
    let usage = &facts.usage;
    for (holder, holding) in [
        ("owner", usage.owner),
        ("team", usage.team),
        ("cookbook", usage.cookbook),
        ("provider", usage.provider),
    ] {
        for (what, number) in [
            ("leases", holding.leases),
            ("pending", holding.pending),
            ("vcpus", holding.vcpus),
            ("memory", holding.memory),
            ("disk", holding.disk),
        ] {
            values.set(&format!("usage.{holder}.{what}"), Datum::Number(number));
        }
    }
    values.set("usage.owner.extensions", Datum::Number(usage.extensions));
    values.set("usage.owner.open_issues", Datum::Number(usage.open_issues));
    for (name, free) in facts.room.names() {
        // Nobody looks at one that is not known: see `Room::is_missing_for`.
        values.set(name, Datum::Number(free.unwrap_or(0)));
    }
    values
}

fn datum(kind: &FieldKind, value: &Value, cast: &Cast) -> Datum {
    match value {
        Value::Text(text)
        | Value::Choice(text)
        | Value::Group(text)
        | Value::Hostname(text)
        | Value::Url(text) => Datum::Text(text.clone()),
        Value::Choices(texts) | Value::SshKeys(texts) => Datum::Texts(texts.clone()),
        Value::Users(names) => {
            // As the forge spells them, so that rules can compare them.
            let spelt = |name: &String| cast.spelt.get(name).unwrap_or(name).clone();
            let mut names = names.iter().map(spelt);
            match kind {
                FieldKind::User => Datum::Text(names.next().unwrap_or_default()),
                _ => Datum::Texts(names.collect()),
            }
        }
        Value::Memory(amount) | Value::Disk(amount) => Datum::Number(amount.get()),
        Value::Vcpus(count) => Datum::Number(count.get().into()),
        Value::Number(number) => Datum::Number(*number),
        Value::Lifetime(lifetime) => Datum::Number(lifetime.days().into()),
        Value::Date(day) => Datum::Text(day.to_string()),
        Value::Boolean(truth) => Datum::Truth(*truth),
    }
}

/// Whether a condition looks at what this field says, under whatever name.
pub(super) fn mentions(cookbook: &Cookbook, condition: &Expression, field: &FieldName) -> bool {
    let lifetime = cookbook.field(field.as_str()).is_some_and(|f| f.kind == FieldKind::Lifetime);
    condition.mentions(&format!("request.{field}"))
        || (lifetime && condition.mentions("request.lifetime_days"))
        || (amounts(cookbook, field).any(|name| condition.mentions(&format!("request.{name}"))))
        // What somebody holds is not known while it is not known who it is.
        || (field.as_str() == "owner" && condition.mentions_any_of("usage.owner."))
        || (field.as_str() == "team" && condition.mentions_any_of("usage.team."))
}

/// The amounts of a form with tiers that this field says something of.
fn amounts(cookbook: &Cookbook, field: &FieldName) -> impl Iterator<Item = &'static str> + use<> {
    let kind = cookbook.field(field.as_str()).map(|field| &field.kind);
    let chooses = matches!(kind, Some(FieldKind::Tier { .. }));
    let own = kind.and_then(Amount::asked_by).filter(|_| cookbook.tier_field().is_some());
    let said = Amount::ALL.into_iter().filter(move |amount| chooses || own == Some(*amount));
    said.map(Amount::name)
}
