//! Jobs: Ganeti answers every change with a job's number, and says in the job
//! whether it worked.

use serde::Deserialize;
use serde_json::Value;
use thiserror::Error;

use super::text;

/// A job's number.
pub(super) type JobId = u64;

/// A job, as far as it was asked for.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Job {
    pub(super) id: JobId,
    /// `None` for a number that no job has.
    pub(super) status: Option<String>,
    pub(super) ops: Option<Vec<Value>>,
    pub(super) opstatus: Option<Vec<Value>>,
    pub(super) opresult: Option<Vec<Value>>,
    pub(super) start_ts: Option<Moment>,
    pub(super) end_ts: Option<Moment>,
}

/// Seconds and microseconds, by the cluster's clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
pub(super) struct Moment(pub(super) u64, pub(super) u64);

/// How far a job is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// There is no job of that number: a request that failed used it up.
    Unknown,
    /// Not finished; in Ganeti's word for it.
    Unfinished(String),
    /// It worked.
    Done,
    /// It did not.
    Failed(JobError),
}

impl Job {
    pub(super) fn stage(&self) -> Stage {
        match self.status.as_deref() {
            None => Stage::Unknown,
            Some("success") => Stage::Done,
            Some("canceled") => Stage::Failed(JobError::Canceled),
            Some("error") => Stage::Failed(self.error()),
            Some(unfinished) => Stage::Unfinished(text::clean(unfinished)),
        }
    }

    /// The result of the first step that failed. Those after it only say so.
    fn error(&self) -> JobError {
        let results = self.opresult.as_deref().unwrap_or_default();
        let statuses = self.opstatus.as_deref().unwrap_or_default();
        let failed = statuses.iter().position(|status| status == "error").unwrap_or(0);
        JobError::read(results.get(failed).unwrap_or(&Value::Null))
    }

    /// Whether it was submitted with that `reason`.
    pub(super) fn has_reason(&self, reason: &str) -> bool {
        self.operations().any(|operation| {
            let trail = operation.get("reason").and_then(Value::as_array);
            trail.is_some_and(|trail| {
                trail.iter().any(|entry| {
                    entry.get(0).is_some_and(|source| source == "gnt:user")
                        && entry.get(1).is_some_and(|text| text == reason)
                })
            })
        })
    }

    /// Whether it was at work at that moment.
    pub(super) fn ran_at(&self, moment: Moment) -> bool {
        self.start_ts.is_some_and(|start| start <= moment)
            && self.end_ts.is_none_or(|end| moment <= end)
    }

    fn operations(&self) -> impl Iterator<Item = &Value> {
        self.ops.iter().flatten()
    }
}

/// Why a job failed: everything that stands in a job's result instead of one.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub(super) enum JobError {
    /// It was checked and not begun: nothing has changed.
    #[error("{message}")]
    Refused { code: Code, message: String },
    /// It went wrong half-way.
    #[error("{message}")]
    Broke { message: String },
    /// Its process died, or the queue gave it up.
    #[error("{message}")]
    Died { message: String },
    /// Somebody cancelled it before it began.
    #[error("it was cancelled")]
    Canceled,
    /// It says nothing.
    #[error("it failed without a reason")]
    Silent,
}

/// The codes of refusals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Code {
    AlreadyExists,
    UnknownEntity,
    InsufficientResources,
    TemporarilyInsufficient,
    NotUnique,
    WrongInput,
    WrongState,
    Resolver,
    Environment,
    /// Another, or none.
    Other,
}

impl Code {
    fn read(code: Option<&Value>) -> Self {
        match code.and_then(Value::as_str).unwrap_or_default() {
            "already_exists" => Self::AlreadyExists,
            "unknown_entity" => Self::UnknownEntity,
            "insufficient_resources" => Self::InsufficientResources,
            "temp_insufficient_resources" => Self::TemporarilyInsufficient,
            "resource_not_unique" => Self::NotUnique,
            "wrong_input" => Self::WrongInput,
            "wrong_state" => Self::WrongState,
            "resolver_error" => Self::Resolver,
            "environment_error" => Self::Environment,
            _ => Self::Other,
        }
    }
}

/// What a job's failure means for who asked for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    /// The name is taken.
    Taken,
    /// What it was about is not there.
    Absent,
    /// There is no room for it now.
    Full,
    /// It may work later; with what helps.
    Passing(Option<&'static str>),
    /// It will fail again; with what helps.
    Lasting(&'static str),
}

impl JobError {
    /// Reads one element of `opresult`. `[KIND, [MESSAGE, CODE]]` with the code
    /// missing at times, a bare text, or nothing.
    fn read(result: &Value) -> Self {
        let message = |value: Option<&Value>| match value {
            Some(Value::String(said)) => text::clean(said),
            Some(other) => text::clean(&other.to_string()),
            None => "it failed without a reason".to_owned(),
        };
        match result {
            Value::Null => Self::Silent,
            Value::String(said) if said.contains("canceled") => Self::Canceled,
            Value::String(said) => Self::Died { message: text::clean(said) },
            result => {
                let arguments = result.get(1);
                let first = arguments.and_then(|arguments| arguments.get(0)).or(arguments);
                let message = message(first);
                match result.get(0).and_then(Value::as_str) {
                    Some("OpPrereqError") => Self::Refused {
                        code: Code::read(arguments.and_then(|arguments| arguments.get(1))),
                        message,
                    },
                    // These are noticed while the request is looked at.
                    Some("TagError" | "OpCodeUnknown" | "ParameterError") => {
                        Self::Refused { code: Code::WrongInput, message }
                    }
                    _ => Self::Broke { message },
                }
            }
        }
    }

    pub(super) fn meaning(&self) -> Meaning {
        match self {
            Self::Refused { code, message } => code.meaning(message),
            Self::Broke { message } if message.starts_with("OS Parameters validation failed") => {
                Meaning::Lasting(
                    "compare the cookbook's image and parameters with `gnt-os list` and \
                     `gnt-os info` on the cluster",
                )
            }
            Self::Broke { message } if message.contains("OS create script failed") => {
                Meaning::Lasting(
                    "the installer of the operating system failed: its whole log is on that node, \
                     under /var/log/ganeti/os",
                )
            }
            Self::Broke { .. } | Self::Died { .. } | Self::Silent => Meaning::Passing(None),
            Self::Canceled => Meaning::Lasting(
                "somebody cancelled the job on the cluster; ask who, then let it be tried again",
            ),
        }
    }
}

impl Code {
    /// A few refusals have the code of something else.
    fn meaning(self, message: &str) -> Meaning {
        match self {
            Self::AlreadyExists => Meaning::Taken,
            Self::UnknownEntity => Meaning::Absent,
            Self::InsufficientResources => Meaning::Full,
            Self::WrongState
                if message.contains("not enough memory")
                    || message.contains("from the address pool") =>
            {
                Meaning::Full
            }
            // Another instance took the name in that very moment.
            Self::NotUnique if message.contains("expected UUID") => Meaning::Passing(None),
            Self::NotUnique => Meaning::Passing(Some(
                "an address is used twice: look whether somebody uses addresses of that network \
                 without reserving them there",
            )),
            Self::WrongState => Meaning::Passing(Some(
                "something on the cluster is not as it has to be, e.g. a node is offline or \
                 drained: see `gnt-cluster verify`",
            )),
            Self::Environment => Meaning::Passing(Some(
                "a node cannot do its part, e.g. because a bridge is missing there: see \
                 `gnt-cluster verify`",
            )),
            Self::Resolver => Meaning::Lasting(
                "put the name into the DNS, or set `name_check = false` for this provider",
            ),
            Self::WrongInput => Meaning::Lasting(
                "the cluster does not accept what is asked for; compare the cookbook's placement \
                 with `gnt-cluster info`",
            ),
            // Disk templates come without a code.
            Self::Other if message.contains("is not enabled") => Meaning::Lasting(
                "enable it on the cluster, or name another in the cookbook's placement",
            ),
            Self::TemporarilyInsufficient | Self::Other => Meaning::Passing(None),
        }
    }
}

#[cfg(test)]
mod tests;
