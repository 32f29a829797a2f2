//! What a request asks for, in its query and its JSON.

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use chrono::{DateTime, Utc};
use serde_json::Value;

use super::error::ApiError;

/// The query and the body. A key with `null` is there, and empty.
pub(in crate::rehearsal) struct Input {
    query: Vec<(String, String)>,
    body: Value,
}

impl<S: Send + Sync> FromRequest<S> for Input {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        let query = request.uri().query().unwrap_or_default();
        let query = url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        let bytes = Bytes::from_request(request, state).await.map_err(|_| ApiError::Unreadable)?;
        let body = if bytes.is_empty() {
            Value::Null
        } else {
            serde_json::from_slice(&bytes).map_err(|_| ApiError::Unreadable)?
        };
        Ok(Self { query, body })
    }
}

impl Input {
    /// What is asked for in the address.
    pub(super) fn query(&self, name: &str) -> Option<&str> {
        let found = self.query.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    }

    pub(super) fn number(&self, name: &str) -> Option<usize> {
        self.query(name)?.parse().ok()
    }

    pub(super) fn moment(&self, name: &str) -> Result<Option<DateTime<Utc>>, ApiError> {
        let Some(text) = self.query(name) else { return Ok(None) };
        match DateTime::parse_from_rfc3339(text) {
            Ok(moment) => Ok(Some(moment.with_timezone(&Utc))),
            Err(_) => Err(ApiError::Unfit(format!("{name} is not a date and time."))),
        }
    }

    /// One of these words, in the address or the body.
    pub(super) fn word(
        &self,
        name: &str,
        words: &[&'static str],
    ) -> Result<Option<&'static str>, ApiError> {
        let found = match self.query(name) {
            Some(found) => found.to_owned(),
            None => match self.text(name)? {
                Some(found) => found,
                None => return Ok(None),
            },
        };
        let known = words.iter().find(|word| **word == found).copied();
        known.map(Some).ok_or_else(|| {
            let list = words.join(", ");
            ApiError::Unfit(format!(
                "For 'properties/{name}', \"{found}\" is not a possible value. Must be one of the \
                 following: {list}."
            ))
        })
    }

    /// A text of the body.
    pub(super) fn text(&self, name: &str) -> Result<Option<String>, ApiError> {
        match self.body.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(Value::Number(number)) if name == "title" => Ok(Some(number.to_string())),
            Some(other) => {
                Err(ApiError::Unfit(format!("For 'properties/{name}', {other} is not a string.")))
            }
        }
    }

    /// A variable of a GraphQL query.
    pub(super) fn variable(&self, name: &str) -> Option<&Value> {
        self.body.get("variables")?.get(name)
    }

    /// A list of names; each may also be an object that has one.
    pub(super) fn names(&self, name: &str) -> Result<Option<Vec<String>>, ApiError> {
        match self.body.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(list) => names(name, list).map(Some),
        }
    }

    /// The same where the body may be the list itself.
    pub(super) fn names_or_body(&self, name: &str) -> Result<Vec<String>, ApiError> {
        match &self.body {
            Value::Array(_) => names(name, &self.body),
            _ => self.names(name)?.ok_or_else(|| ApiError::missing("Label", "name")),
        }
    }
}

fn names(name: &str, list: &Value) -> Result<Vec<String>, ApiError> {
    let unfit = || ApiError::Unfit(format!("For 'properties/{name}', {list} is not an array."));
    let text = |one: &Value| one.as_str().or_else(|| one.get("name")?.as_str()).map(str::to_owned);
    list.as_array().ok_or_else(unfit)?.iter().map(|one| text(one).ok_or_else(unfit)).collect()
}
