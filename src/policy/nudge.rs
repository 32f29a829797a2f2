//! A nudge to the smaller: sizes of one's own that a tier has room for.

use super::Advice;
use crate::{
    cookbook::{
        Cookbook,
        tier::{Amount, CUSTOM},
    },
    request::{Reading, value::Value},
};

/// The smallest tier that has all that was asked for by amounts.
pub(super) fn to_a_tier(cookbook: &Cookbook, reading: &Reading) -> Option<Advice> {
    let chosen = cookbook.tier_field()?;
    let answer = reading.fields.get(&chosen.field.name)?;
    if answer.value != Value::Choice(CUSTOM.to_owned()) {
        return None;
    }
    let mut asked = Vec::new();
    for field in Amount::ALL.into_iter().filter_map(|amount| amount.field(cookbook)) {
        // What is missing or unreadable may be more than any tier has.
        asked.push(&reading.fields.get(&field.name)?.value);
    }
    let tier = chosen.tiers.iter().find(|tier| asked.iter().all(|value| tier.has(value)))?;
    let hint = format!("Choose `{}`, unless you need exactly this.", tier.name);
    let advice = Advice::warn(format!("All of this fits into {tier}."));
    Some(advice.of(&chosen.field.name).at(answer.line).hint(hint))
}
