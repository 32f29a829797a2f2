//! What the web side has believed is stored, and its issue wants a look.

use async_trait::async_trait;

use super::Engine;
use crate::{
    identity::IssueRef,
    ports::{
        PortError,
        intake::{Accepted, Intake, NewDelivery},
        store::{Delivered, Delivery},
    },
};

#[async_trait]
impl Intake for Engine {
    async fn accept(&self, new: NewDelivery) -> Result<Accepted, PortError> {
        let NewDelivery { forge, project, issue, key, event, body, received_at } = new;
        let issue = issue.map(|number| IssueRef { forge: forge.clone(), project, number });
        let ignored = issue.is_none().then(|| "of no interest, or unreadable".to_owned());
        let delivery = Delivery { forge, project, issue, key, event, ignored, body, received_at };
        Ok(match self.store().deliver(&delivery).await? {
            Delivered::New => Accepted::New,
            Delivered::Duplicate => Accepted::Duplicate,
        })
    }
}
