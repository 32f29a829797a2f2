//! Parameters from the query and from JSON or form bodies, checked by type.

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::header;
use chrono::{DateTime, NaiveDate, Utc};
use serde_json::{Map, Value};

use super::error::ApiError;
use crate::rehearsal::editing::DueDate;

/// What a request asks for. A key with `null` is there, and empty.
pub(in crate::rehearsal) struct Parameters(Map<String, Value>);

impl<S: Send + Sync> FromRequest<S> for Parameters {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        let mut found = form(request.uri().query().unwrap_or_default().as_bytes());
        let json = request
            .headers()
            .get(header::CONTENT_TYPE)
            .and_then(|kind| kind.to_str().ok())
            .is_some_and(|kind| kind.starts_with("application/json"));
        let bytes = Bytes::from_request(request, state)
            .await
            .map_err(|error| ApiError::Parameter(error.to_string()))?;
        if !json {
            found.extend(form(&bytes));
        } else if !bytes.is_empty() {
            let body: Map<String, Value> = serde_json::from_slice(&bytes).map_err(|_| {
                ApiError::Parameter(
                    "The provided content-type 'application/json' does not match the body"
                        .to_owned(),
                )
            })?;
            found.extend(body);
        }
        Ok(Self(found))
    }
}

fn form(bytes: &[u8]) -> Map<String, Value> {
    let mut found = Map::new();
    for (name, value) in url::form_urlencoded::parse(bytes) {
        let value = Value::String(value.into_owned());
        match name.strip_suffix("[]") {
            Some(list) => {
                let entry = found.entry(list).or_insert_with(|| Value::Array(Vec::new()));
                if let Value::Array(values) = entry {
                    values.push(value);
                }
            }
            None => {
                found.insert(name.into_owned(), value);
            }
        }
    }
    found
}

fn invalid(name: &str) -> ApiError {
    ApiError::Parameter(format!("{name} is invalid"))
}

impl Parameters {
    /// Whether any of these is there.
    pub(super) fn any(&self, names: &[&str]) -> bool {
        names.iter().any(|name| self.0.contains_key(*name))
    }

    pub(super) fn text(&self, name: &str) -> Result<Option<String>, ApiError> {
        match self.0.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(Value::Number(number)) => Ok(Some(number.to_string())),
            Some(_) => Err(invalid(name)),
        }
    }

    pub(super) fn required(&self, name: &str) -> Result<String, ApiError> {
        self.text(name)?.ok_or_else(|| ApiError::Parameter(format!("{name} is missing")))
    }

    pub(super) fn flag(&self, name: &str) -> Result<Option<bool>, ApiError> {
        match self.0.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::Bool(flag)) => Ok(Some(*flag)),
            Some(Value::String(text)) => match text.as_str() {
                "true" | "1" => Ok(Some(true)),
                "false" | "0" => Ok(Some(false)),
                "" => Ok(None),
                _ => Err(invalid(name)),
            },
            Some(_) => Err(invalid(name)),
        }
    }

    pub(super) fn number(&self, name: &str) -> Result<Option<u64>, ApiError> {
        match self.text(name)?.as_deref() {
            None | Some("") => Ok(None),
            Some(text) => text.parse().map(Some).map_err(|_| invalid(name)),
        }
    }

    /// An array, or a text with commas.
    pub(super) fn list(&self, name: &str) -> Result<Option<Vec<String>>, ApiError> {
        let split = |text: &str| {
            text.split(',').map(|one| one.trim().to_owned()).filter(|one| !one.is_empty()).collect()
        };
        match self.0.get(name) {
            None => Ok(None),
            Some(Value::Null) => Ok(Some(Vec::new())),
            Some(Value::String(text)) => Ok(Some(split(text))),
            Some(Value::Array(values)) => {
                let mut all = Vec::new();
                for value in values {
                    match value {
                        Value::String(text) => all.extend::<Vec<String>>(split(text)),
                        Value::Number(number) => all.push(number.to_string()),
                        _ => return Err(invalid(name)),
                    }
                }
                Ok(Some(all))
            }
            Some(_) => Err(invalid(name)),
        }
    }

    /// The parts of an array.
    pub(super) fn objects(&self, name: &str) -> &[Value] {
        self.0.get(name).and_then(Value::as_array).map_or(&[], Vec::as_slice)
    }

    pub(super) fn due_date(&self, name: &str) -> Result<Option<DueDate>, ApiError> {
        match self.0.get(name) {
            None => Ok(None),
            Some(Value::Null) => Ok(Some(DueDate::None)),
            Some(Value::String(text)) if text.is_empty() => Ok(Some(DueDate::None)),
            Some(Value::String(text)) => NaiveDate::parse_from_str(text, "%Y-%m-%d")
                .map(|date| Some(DueDate::On(date)))
                .map_err(|_| invalid(name)),
            Some(_) => Err(invalid(name)),
        }
    }

    pub(super) fn moment(&self, name: &str) -> Result<Option<DateTime<Utc>>, ApiError> {
        let Some(text) = self.text(name)?.filter(|text| !text.is_empty()) else { return Ok(None) };
        if let Ok(date) = NaiveDate::parse_from_str(&text, "%Y-%m-%d") {
            return Ok(date.and_hms_opt(0, 0, 0).map(|moment| moment.and_utc()));
        }
        DateTime::parse_from_rfc3339(&text)
            .map(|moment| Some(moment.with_timezone(&Utc)))
            .map_err(|_| invalid(name))
    }
}
