//! Sizes, processors and plain numbers.

use super::{Value, problem::Problem, written::Written};
use crate::quantity::{Mebibytes, Unit, Vcpus};

/// Memory or disk space. A bare number is in the label's unit, else in GiB.
pub(super) fn size(written: &Written) -> Result<Mebibytes, Problem> {
    let unit = written.unit.as_deref().and_then(Unit::parse).unwrap_or(Unit::Gibibytes);
    Mebibytes::parse_with_default(&written.single()?, unit).map_err(Problem::unreadable)
}

/// Virtual processors.
pub(super) fn vcpus(written: &Written) -> Result<Value, Problem> {
    Vcpus::parse(&written.single()?).map(Value::Vcpus).map_err(Problem::unreadable)
}

/// A whole number.
pub(super) fn number(written: &Written) -> Result<Value, Problem> {
    let text = written.single()?;
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    match text.parse() {
        Ok(number) if digits => Ok(Value::Number(number)),
        _ => Err(Problem::unreadable(format!(
            "`{text}` is not a whole number: write it in digits without separators, for example `3`"
        ))),
    }
}
