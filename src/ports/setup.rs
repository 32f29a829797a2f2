//! Making a project on a forge ready for the service.

use async_trait::async_trait;
use secrecy::SecretString;

use super::PortError;
use crate::{
    identity::Person,
    setup::{Deed, Outcome, Place, Present, Wanted},
};

/// A forge, for whoever sets up a project there. What is signed in with may be
/// the service's account, or that of somebody who may do more.
#[async_trait]
pub trait Setup: Send + Sync {
    /// The project with this id, or at this path.
    ///
    /// # Errors
    ///
    /// `Missing` when there is none, or it is hidden from us.
    async fn place(&self, named: &str) -> Result<Place, PortError>;

    /// What of what is wanted is there; `service` is the account that will
    /// serve the project. Never fails: what cannot be seen is told.
    async fn survey(&self, place: &Place, wanted: &Wanted, service: &Person) -> Present;

    /// Does one thing. `secret` is what the webhook has to prove to know. It may
    /// have been done although there was an error; a new survey tells.
    async fn carry_out(
        &self,
        place: &Place,
        deed: &Deed,
        secret: &SecretString,
    ) -> Result<Outcome, PortError>;
}
