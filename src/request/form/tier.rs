//! What a chosen size tier means: the amounts, as if the form had asked for
//! each. So an approval binds to them and not to a name alone.

use crate::{
    cookbook::{
        Cookbook,
        tier::{Amount, CUSTOM, Tier, TierField},
    },
    identity::FieldName,
    request::{Answer, Reading, value::Value},
    violation::{Violation, ViolationCode},
};

/// Puts the tier's amounts into the reading. Amounts that were given beside it
/// must be the same.
pub(super) fn settle(cookbook: &Cookbook, reading: &mut Reading) {
    let Some(chosen) = cookbook.tier_field() else { return };
    let Some(answer) = reading.fields.get(&chosen.field.name).cloned() else { return };
    let Value::Choice(name) = &answer.value else { return };
    if name == CUSTOM {
        for amount in Amount::ALL {
            missing(cookbook, reading, amount);
        }
        return;
    }
    let Some(tier) = chosen.tiers.iter().find(|tier| tier.name == *name) else { return };
    let asked = |amount: Amount| {
        let answer = reading.fields.get(&amount.field(cookbook)?.name)?;
        answer.written.is_some().then(|| answer.value.clone())
    };
    let asked: Vec<Value> = Amount::ALL.into_iter().filter_map(asked).collect();
    for amount in Amount::ALL {
        let value = amount.of(tier.shape);
        let own = amount.field(cookbook);
        let field = own.map_or_else(|| FieldName::from(amount.name()), |own| own.name.clone());
        match reading.fields.get(&field) {
            Some(given) if given.written.is_some() && given.value == value => {}
            Some(given) if given.written.is_some() => {
                let message =
                    format!("`{}` has {value}, and {} is asked for here.", tier.name, given.value);
                let violation = Violation::new(ViolationCode::Contradiction, message)
                    .of(&field)
                    .at(given.line)
                    .hint(ways_out(chosen, tier, &asked));
                reading.violations.push(violation);
            }
            _ => {
                let answer = Answer { value, ..answer.clone() };
                reading.fields.insert(field, answer);
            }
        }
    }
}

/// Whoever chooses sizes of their own says all that the form asks for.
fn missing(cookbook: &Cookbook, reading: &mut Reading, amount: Amount) {
    let Some(field) = amount.field(cookbook) else { return };
    let unread = |violation: &Violation| violation.field.as_ref() == Some(&field.name);
    if reading.fields.contains_key(&field.name) || reading.violations.iter().any(unread) {
        return;
    }
    let message = format!("`{}` is missing: with `{CUSTOM}` you say how much.", field.label);
    let violation = Violation::new(ViolationCode::MissingField, message);
    reading.violations.push(violation.of(&field.name));
}

/// What to choose when the tier is not as large as what was asked for beside it.
fn ways_out(chosen: TierField<'_>, tier: &Tier, asked: &[Value]) -> String {
    let fits = |tier: &&Tier| asked.iter().all(|value| tier.has(value));
    let larger = chosen.tiers.iter().find(fits).filter(|fits| fits.name != tier.name);
    let mut ways = vec!["Leave this empty".to_owned()];
    ways.extend(larger.map(|larger| format!("choose {larger} and leave this empty")));
    ways.extend(chosen.custom.then(|| format!("choose `{CUSTOM}`")));
    format!("{}.", ways.join(", or "))
}
