//! What only those who tend the project read: what failed, with all that the
//! other side said. A type of its own, so that none of it can get into a
//! comment for everybody.

use serde::{Deserialize, Serialize};

/// A comment for the team: one template under `templates/team/` each, its
/// fields the template's context. All texts may be foreign.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "template", rename_all = "kebab-case")]
pub enum TeamNote {
    /// A step on a machine failed, and will fail again.
    Failure {
        /// The machine.
        machine: String,
        /// Where it is, or was to be.
        provider: String,
        /// The whole error.
        chain: String,
        /// What to do about it, where that is known.
        advice: Option<String>,
        /// How it is called in the store and the log.
        reference: String,
    },
    /// A hook failed too often and is left to people.
    HookLeft {
        /// The machine.
        machine: String,
        /// The hook's name in the configuration.
        hook: String,
        /// When in the machine's life, in words.
        when: String,
        /// How often it was tried.
        tries: u32,
        /// The whole error.
        chain: String,
        /// What to do about it, where that is known.
        advice: Option<String>,
        /// How the step it belongs to is called in the store and the log.
        reference: String,
    },
}
