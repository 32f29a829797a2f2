//! What the engine needs from the outside, in the engine's words. Adapters
//! under `forge/`, `provider/` and `store/` implement these; only `app.rs`
//! names them together.

pub mod clock;
pub mod finding;
pub mod forge;
pub mod hooks;
pub mod intake;
pub mod provider;
pub mod queue;
pub mod restoration;
pub mod setup;
pub mod store;

use std::time::Duration;

use thiserror::Error;

/// A port's failure, with what the engine has to know about it.
///
/// `Display` says what was being done and stops there; the cause is the
/// `source`, which whoever logs the error walks.
#[derive(Debug, Error)]
#[error("could not {doing}")]
pub struct PortError {
    /// What was attempted, as a verb phrase with its object:
    /// `create machine sandbox-7`.
    pub doing: String,
    /// Whether the same call may succeed later.
    pub verdict: Verdict,
    /// What a sysadmin can do about it, when the adapter knows.
    pub advice: Option<String>,
    /// What went wrong underneath.
    #[source]
    pub cause: Box<dyn std::error::Error + Send + Sync>,
}

/// Whether trying the same call again can help.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Timeouts, 5xx, rate limits, a host that is away: try again with
    /// back-off, but not before `after` when the other side named a time.
    Retry {
        /// How long the other side asked us to wait.
        after: Option<Duration>,
    },
    /// No failure: it has begun, and the same call goes on with it. `doing`
    /// and cause say how far it got.
    Underway {
        /// When to ask again.
        after: Duration,
    },
    /// There is no room for it now. Nothing of it is left; the same call may
    /// succeed once something else is gone.
    Full,
    /// The thing acted on is not there: a deleted note, a moved issue.
    Missing,
    /// The same call will fail again: bad credentials, no such image, a name
    /// taken by somebody else's machine. A person has to act.
    GiveUp,
}

impl PortError {
    /// A failure that may pass.
    pub fn retry(
        doing: impl Into<String>,
        cause: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        Self {
            doing: doing.into(),
            verdict: Verdict::Retry { after: None },
            advice: None,
            cause: cause.into(),
        }
    }

    /// Not done yet: the same call goes on with it after that time. `progress`
    /// says how far it got, in a few words.
    pub fn underway(
        doing: impl Into<String>,
        progress: impl Into<Box<dyn std::error::Error + Send + Sync>>,
        after: Duration,
    ) -> Self {
        Self {
            doing: doing.into(),
            verdict: Verdict::Underway { after },
            advice: None,
            cause: progress.into(),
        }
    }

    /// There is no room for it now.
    pub fn full(
        doing: impl Into<String>,
        cause: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        Self { doing: doing.into(), verdict: Verdict::Full, advice: None, cause: cause.into() }
    }

    /// A failure that will not pass by itself.
    pub fn give_up(
        doing: impl Into<String>,
        cause: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        Self { doing: doing.into(), verdict: Verdict::GiveUp, advice: None, cause: cause.into() }
    }

    /// The thing acted on is not there.
    pub fn missing(
        doing: impl Into<String>,
        cause: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        Self { doing: doing.into(), verdict: Verdict::Missing, advice: None, cause: cause.into() }
    }

    /// Something the core refuses that the engine should not have asked for.
    pub fn bug<E>(doing: &'static str) -> impl Fn(E) -> Self
    where
        E: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        move |cause| Self::give_up(doing, cause)
    }

    /// Adds what a sysadmin can do about it.
    #[must_use]
    pub fn advice(mut self, advice: impl Into<String>) -> Self {
        self.advice = Some(advice.into());
        self
    }

    /// What is wrong and what can be done about it, for people: the causes
    /// without what was being done, then the advice.
    #[must_use]
    pub fn for_people(&self) -> String {
        let why = causes(self.cause.as_ref());
        match &self.advice {
            Some(advice) => format!("{why}; {advice}"),
            None => why,
        }
    }

    /// The error with its causes, outermost first, for the one place that logs it.
    #[must_use]
    pub fn chain(&self) -> String {
        format!("{self}: {}", causes(self.cause.as_ref()))
    }
}

/// An error with its causes, outermost first.
fn causes(error: &(dyn std::error::Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
