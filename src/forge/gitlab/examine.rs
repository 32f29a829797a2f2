//! Looking whether a GitLab is as it has to be. Nothing is changed there.
//!
//! Which role is needed for what: anybody who sees an issue may read and
//! comment; labels, due dates, confidential issues and internal notes take a
//! Planner or Reporter; webhooks are shown to Maintainers.

mod deciders;
mod hooks;
mod instance;
mod places;

use super::{GitLab, accounts};
use crate::{
    ports::{PortError, finding::Finding, forge::Wanted},
    request::value::sentence,
};

/// What ends within so many days should be renewed now.
const SOON: i64 = 30;

pub(super) async fn everything(gitlab: &GitLab, wanted: &Wanted) -> Vec<Finding> {
    let own = match accounts::own(gitlab).await {
        Ok(own) => own,
        Err(error) => {
            let advice = "Check its address, and that its token is valid and has the scope `api`.";
            return vec![failed(&error, advice)];
        }
    };
    let mut findings = vec![Finding::good(format!("It knows us as `{}`.", own.username))];
    findings.push(instance::version(gitlab).await);
    findings.extend(instance::token(gitlab).await);
    for project in &wanted.projects {
        findings.extend(places::project(gitlab, &own, *project).await);
    }
    for group in &wanted.groups {
        findings.extend(places::group(gitlab, &own, group).await);
    }
    for decider in &wanted.deciders {
        findings.push(deciders::decider(gitlab, decider).await);
    }
    findings
}

/// What could not be found out.
fn failed(error: &PortError, usual: &str) -> Finding {
    let advice = error.advice.as_deref().unwrap_or(usual);
    Finding::bad(sentence(error.chain()), sentence(advice))
}
