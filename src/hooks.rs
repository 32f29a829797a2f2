//! The operator's hooks: programs that are run, and addresses that are told.
//! Which there are is the configuration's; nothing of a request chooses or
//! becomes part of what is run.

mod command;
mod heard;
mod http;
mod process_group;

use std::{path::PathBuf, time::Duration};

use async_trait::async_trait;
use secrecy::SecretString;
use thiserror::Error;
use url::Url;

pub(crate) use self::process_group::ProcessGroup;
use crate::{
    hook::Hook,
    ports::{
        PortError,
        hooks::{HookRunner, Input},
    },
};

/// A hook, and what is done when it is run.
#[derive(Clone, Debug)]
pub struct Settings {
    /// When it is run, and for what.
    pub hook: Hook,
    /// What is done.
    pub action: Action,
    /// How long it may take.
    pub timeout: Duration,
}

/// What is done when a hook is run.
#[derive(Clone, Debug)]
pub enum Action {
    /// A program is run, without a shell. The input is on its standard input.
    Command {
        /// Where it is: an absolute path.
        program: PathBuf,
        /// Its arguments, as they are.
        arguments: Vec<String>,
    },
    /// The input is posted to an address.
    Post {
        /// The address.
        url: Url,
        /// Sent as a bearer token.
        token: Option<SecretString>,
    },
}

/// Runs hooks.
pub struct Runner {
    hooks: Vec<Hook>,
    actions: Vec<(Action, Duration)>,
    client: reqwest::Client,
}

/// Why a hook was not done, as people read it.
#[derive(Debug, Error)]
enum Failure {
    #[error("it could not be started")]
    Start(#[source] std::io::Error),
    #[error("it could not be waited for")]
    Wait(#[source] std::io::Error),
    #[error("it took longer than {} s", .0.as_secs_f32())]
    Slow(Duration),
    #[error("{how}{}", said(.last))]
    Exit { how: String, last: String },
    #[error("it could not be reached")]
    Unreached(#[source] reqwest::Error),
    #[error("it answered {status}{}", said(.first))]
    Refused { status: reqwest::StatusCode, first: String },
}

fn said(line: &str) -> String {
    if line.is_empty() { String::new() } else { format!(": {line}") }
}

impl Runner {
    /// A runner of these hooks, in their order.
    ///
    /// # Errors
    ///
    /// When the HTTP client cannot be set up.
    pub fn new(settings: Vec<Settings>) -> Result<Self, reqwest::Error> {
        let client = http::client()?;
        let (hooks, actions) = settings
            .into_iter()
            .map(|settings| (settings.hook, (settings.action, settings.timeout)))
            .unzip();
        Ok(Self { hooks, actions, client })
    }

    async fn act(
        &self,
        hook: &Hook,
        (action, timeout): &(Action, Duration),
        input: &Input,
        json: Vec<u8>,
    ) -> Result<String, Failure> {
        match action {
            Action::Command { program, arguments } => {
                let run = command::Run { hook: &hook.name, program, arguments, input };
                run.within(*timeout, &json).await
            }
            Action::Post { url, token } => {
                let request = http::request(&self.client, url, token.as_ref(), input, json);
                http::send(request.timeout(*timeout), *timeout).await
            }
        }
    }
}

#[async_trait]
impl HookRunner for Runner {
    fn hooks(&self) -> &[Hook] {
        &self.hooks
    }

    async fn run(&self, hook: &Hook, input: &Input) -> Result<String, PortError> {
        let doing = || format!("run hook {}", hook.name);
        let known = self.hooks.iter().position(|known| known.name == hook.name);
        let Some(action) = known.and_then(|index| self.actions.get(index)) else {
            return Err(PortError::give_up(doing(), "there is no such hook"));
        };
        let json = serde_json::to_vec(input).map_err(|cause| PortError::give_up(doing(), cause))?;
        self.act(hook, action, input, json)
            .await
            .map_err(|failure| PortError::retry(doing(), failure))
    }
}
