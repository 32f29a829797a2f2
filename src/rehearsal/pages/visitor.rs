//! Whom the person at the browser acts as.

use axum::http::{HeaderMap, header};

use crate::rehearsal::state::State;
use crate::rehearsal::world::{Account, User};

const COOKIE: &str = "rehearsal_user";

/// The user chosen on the page; the first person of the world at first.
pub(super) struct Visitor {
    pub(super) user: u64,
}

impl Visitor {
    pub(super) fn of(state: &State, headers: &HeaderMap) -> Self {
        let chosen = headers
            .get_all(header::COOKIE)
            .iter()
            .filter_map(|cookies| cookies.to_str().ok())
            .flat_map(|cookies| cookies.split(';'))
            .filter_map(|cookie| cookie.trim().strip_prefix(COOKIE)?.strip_prefix('='))
            .find_map(|id| id.parse().ok())
            .filter(|id| Self::choices(state).any(|user| user.id == *id));
        let first = Self::choices(state).next().map(|user| user.id);
        Self { user: chosen.or(first).unwrap_or(0) }
    }

    /// People who can sign in.
    pub(super) fn choices(state: &State) -> impl Iterator<Item = &User> {
        state.world.users.iter().filter(|user| user.account == Account::Active)
    }

    /// The cookie that remembers a choice.
    pub(super) fn cookie(user: u64) -> String {
        format!("{COOKIE}={user}; Path=/; HttpOnly; SameSite=Strict")
    }
}
