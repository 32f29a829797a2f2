//! Commands that are asked back: what they do cannot be undone.

use chrono::TimeDelta;

use super::Order;
use crate::{
    engine::draft::Draft,
    identity::{Digest, LeaseId, MachineName, Timestamp},
    lease::Lease,
    request::Question,
};

/// How long such a question stays open.
const ANSWER_WITHIN: TimeDelta = TimeDelta::hours(24);

/// What is asked about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Deed {
    Release,
    Rebuild,
}

impl Deed {
    fn question(self, lease: LeaseId, code: String, at: Timestamp) -> Question {
        match self {
            Self::Release => Question::Release { lease, code, at },
            Self::Rebuild => Question::Rebuild { lease, code, at },
        }
    }

    /// Lease, code and time of a question about this.
    fn of(self, question: &Question) -> Option<(LeaseId, &str, Timestamp)> {
        match (self, question) {
            (Self::Release, Question::Release { lease, code, at })
            | (Self::Rebuild, Question::Rebuild { lease, code, at }) => Some((*lease, code, *at)),
            _ => None,
        }
    }
}

impl Draft<'_> {
    /// Asks whether that is meant. Returns the code that has to be given.
    pub(super) fn ask(&mut self, order: &Order<'_>, deed: Deed, lease: &Lease) -> String {
        let code = Digest::of(format!("{}:{}", lease.id, order.note.id)).short();
        let question = deed.question(lease.id, code.clone(), self.now());
        self.request_mut().questions.push(question);
        code
    }

    /// The lease an open question with this code is about; a machine that is
    /// named as well has to be that one. Answers when there is none.
    pub(super) fn asked(
        &mut self,
        order: &Order<'_>,
        deed: Deed,
        machine: Option<&MachineName>,
        given: &str,
    ) -> Option<Lease> {
        let now = self.now();
        let open = |(lease, code, at): (LeaseId, &str, Timestamp)| {
            (code.eq_ignore_ascii_case(given) && now - at <= ANSWER_WITHIN).then_some(lease)
        };
        let questions = &self.request.value.questions;
        let asked = questions.iter().filter_map(|question| deed.of(question)).find_map(open);
        let lease = self
            .leases
            .iter()
            .map(|lease| &lease.value)
            .filter(|lease| machine.is_none_or(|name| *name == lease.order.key.name))
            .find(|lease| asked == Some(lease.id))
            .cloned();
        if lease.is_none() {
            let hint = format!("Say `{}` again to be asked again.", order.word);
            let why = match machine {
                Some(name) => format!("no open question about `{name}` has this code."),
                None => "no open question has this code.".to_owned(),
            };
            self.impossible(order, why, Some(&hint));
        }
        lease
    }

    /// The question is answered.
    pub(super) fn settle(&mut self, deed: Deed, about: LeaseId) {
        self.request_mut()
            .questions
            .retain(|question| deed.of(question).is_none_or(|(lease, ..)| lease != about));
    }
}
