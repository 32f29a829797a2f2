//! `default` of a field: what an empty answer means.

use toml::{Spanned, de::DeValue};

use super::reader::{Table, scalar};
use crate::{
    cookbook::FieldKind,
    quantity::{Mebibytes, Vcpus},
    request::value::Value,
};

/// Reads `default`. The flag tells whether one was written, readable or not.
pub(super) fn read(table: &Table<'_>, kind: &FieldKind) -> (Option<Value>, bool) {
    let refused = match kind {
        FieldKind::Lifetime => Some("the default of a lifetime stands in `[lifetime]`"),
        FieldKind::Acknowledgement => Some("a box that is ticked already acknowledges nothing"),
        FieldKind::Hostname => Some("two machines cannot have the same name"),
        FieldKind::SshKeys => Some("without keys in the form, those of the account are used"),
        _ => None,
    };
    if let Some(why) = refused {
        table.meaningless("default", "this field cannot have a default", why);
        return (None, false);
    }
    let Some(value) = table.value("default") else { return (None, false) };
    let read = texts(value, kind).and_then(|texts| understood(kind, &texts));
    if let Err(error) = &read {
        table.file.report(&value.span(), format!("`default`: {error}"));
    }
    (read.ok(), true)
}

/// What is written, as the lines of an answer.
fn texts(value: &Spanned<DeValue<'_>>, kind: &FieldKind) -> Result<Vec<String>, String> {
    let several = matches!(kind, FieldKind::Choices { .. } | FieldKind::Users { .. });
    let unreadable = || "this is not a value of the field's type".to_owned();
    match value.get_ref() {
        DeValue::Array(elements) if several => elements
            .iter()
            .map(|element| element.get_ref().as_str().map(|text| text.trim().to_owned()))
            .collect::<Option<Vec<_>>>()
            .ok_or_else(unreadable),
        _ if several => Err("write a list of texts like `[\"a\", \"b\"]`".to_owned()),
        single => scalar(single).map(|text| vec![text]).ok_or_else(unreadable),
    }
}

fn understood(kind: &FieldKind, texts: &[String]) -> Result<Value, String> {
    let single = texts.first().map_or("", String::as_str);
    if texts.is_empty() || texts.iter().any(String::is_empty) {
        return Err("it is empty: leave `default` out instead".to_owned());
    }
    match kind {
        FieldKind::Text { max } if single.chars().count() > *max => {
            Err(format!("it is longer than {max} letters"))
        }
        FieldKind::Text { .. } => Ok(Value::Text(single.to_owned())),
        FieldKind::Choice { choices } => offered(choices, single).map(Value::Choice),
        FieldKind::Choices { choices } => {
            for text in texts {
                offered(choices, text)?;
            }
            Ok(Value::Choices(
                choices.iter().filter(|choice| texts.contains(choice)).cloned().collect(),
            ))
        }
        FieldKind::User => Ok(Value::Users(vec![account(single)?])),
        FieldKind::Users { min, max } => {
            let accounts = texts.iter().map(|text| account(text)).collect::<Result<Vec<_>, _>>()?;
            within(accounts.len(), *min, *max)?;
            Ok(Value::Users(accounts))
        }
        FieldKind::Memory { min, max } => {
            let amount = Mebibytes::parse(single).map_err(|error| error.to_string())?;
            within(amount, *min, *max).map(Value::Memory)
        }
        FieldKind::Disk { min, max } => {
            let amount = Mebibytes::parse(single).map_err(|error| error.to_string())?;
            within(amount, *min, *max).map(Value::Disk)
        }
        FieldKind::Vcpus { min, max } => {
            let amount = Vcpus::parse(single).map_err(|error| error.to_string())?;
            within(amount, *min, *max).map(Value::Vcpus)
        }
        FieldKind::Number { min, max } => {
            let number =
                single.parse::<u64>().map_err(|_| format!("`{single}` is no whole number"))?;
            within(number, *min, *max).map(Value::Number)
        }
        FieldKind::Date => single
            .parse()
            .map(Value::Date)
            .map_err(|_| format!("`{single}` is not a day like `2027-01-31`")),
        FieldKind::Url => match url::Url::parse(single) {
            Ok(address) if matches!(address.scheme(), "http" | "https") => {
                Ok(Value::Url(single.to_owned()))
            }
            _ => Err(format!("`{single}` is not an address like `https://example.org`")),
        },
        FieldKind::Boolean => match single {
            "yes" => Ok(Value::Boolean(true)),
            "no" => Ok(Value::Boolean(false)),
            _ => Err("write `true` or `false`, without quotes".to_owned()),
        },
        FieldKind::Hostname
        | FieldKind::Lifetime
        | FieldKind::SshKeys
        | FieldKind::Acknowledgement => Err("this field cannot have a default".to_owned()),
    }
}

fn offered(choices: &[String], text: &str) -> Result<String, String> {
    match choices.iter().find(|choice| *choice == text) {
        Some(choice) => Ok(choice.clone()),
        None => Err(format!("`{text}` is not one of `{}`", choices.join("`, `"))),
    }
}

fn account(text: &str) -> Result<String, String> {
    let name = text.trim_start_matches('@');
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
    if name.is_empty() || !name.bytes().all(plain) {
        return Err(format!("`{text}` is not a username"));
    }
    Ok(name.to_owned())
}

fn within<T: Ord + Copy + std::fmt::Display>(value: T, min: T, max: T) -> Result<T, String> {
    if value < min {
        Err(format!("{value} is less than `min`, {min}"))
    } else if value > max {
        Err(format!("{value} is more than `max`, {max}"))
    } else {
        Ok(value)
    }
}
