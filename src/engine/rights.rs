//! Who may do what, asked at the moment it matters: memberships are looked up
//! on the forge each time, never remembered.

use super::{Engine, draft::Draft};
use crate::{
    cookbook::{Cookbook, Principal},
    identity::{ForgeName, LeaseId, Person, UserId},
    ports::{PortError, forge::Standing},
    request::GivenAs,
};

/// What somebody is to a request, and by which authority.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Rights {
    /// Filed it, owns it, or stands in for the owner.
    pub(super) owner: bool,
    /// May approve, as one of these.
    pub(super) approver: Option<Principal>,
    /// May do everything, as one of these.
    pub(super) sysadmin: Option<Principal>,
}

impl Rights {
    /// May approve or stands above.
    pub(super) fn decides(&self) -> bool {
        self.approver.is_some() || self.sysadmin.is_some()
    }

    /// The authority to write into the audit log.
    pub(super) fn authority(&self) -> Option<String> {
        self.sysadmin
            .as_ref()
            .or(self.approver.as_ref())
            .map(ToString::to_string)
            .or_else(|| self.owner.then(|| "owner".to_owned()))
    }

    /// The authority of a decision about a request.
    pub(super) fn authority_as(&self, given_as: &GivenAs) -> Option<String> {
        let among = given_as.among.iter().map(ToString::to_string);
        let own = self.authority().filter(|_| self.decides());
        let all: Vec<String> = own.into_iter().chain(among).collect();
        (!all.is_empty()).then(|| all.join(", "))
    }
}

impl Engine {
    /// What this person is to the draft's request.
    pub(super) async fn rights(
        &self,
        draft: &Draft<'_>,
        cookbook: Option<&Cookbook>,
        who: &Person,
    ) -> Result<Rights, PortError> {
        let forge = &draft.request.value.issue.forge;
        let sysadmins = &self.settings.sysadmins;
        let approvers = cookbook.map_or(&[][..], |cookbook| &cookbook.approval.by);
        Ok(Rights {
            owner: owns(draft, who.id, None),
            approver: self.first_of(forge, who.id, approvers, Standing::Trusted).await?,
            sysadmin: self.first_of(forge, who.id, sysadmins, Standing::Trusted).await?,
        })
    }

    /// What this person's approval of the draft's request would count as, now.
    pub(super) async fn approves_as(
        &self,
        draft: &Draft<'_>,
        rights: &Rights,
        who: &Person,
    ) -> Result<GivenAs, PortError> {
        let request = &draft.request.value;
        let forge = self.forge(&request.issue.forge)?;
        let mut given_as = GivenAs { approver: rights.decides(), among: Vec::new() };
        for principal in request.verdict.needs.parts().iter().skip(1).flat_map(|part| &part.by) {
            let known = given_as.among.contains(principal);
            if !known && forge.is_among(who.id, principal, Standing::Trusted).await? {
                given_as.among.push(principal.clone());
            }
        }
        Ok(given_as)
    }

    /// The first of these that this account is among, now.
    pub(super) async fn first_of(
        &self,
        forge: &ForgeName,
        who: UserId,
        principals: &[Principal],
        standing: Standing,
    ) -> Result<Option<Principal>, PortError> {
        let forge = self.forge(forge)?;
        for principal in principals {
            if forge.is_among(who, principal, standing).await? {
                return Ok(Some(principal.clone()));
            }
        }
        Ok(None)
    }
}

/// Whether this account filed the request, owns it, or stands in for the
/// owner: of this lease, or of any.
///
/// Whoever filed it answers for a machine until somebody else has taken it over.
pub(super) fn owns(draft: &Draft<'_>, who: UserId, lease: Option<LeaseId>) -> bool {
    let request = &draft.request.value;
    let mut leases = draft
        .leases
        .iter()
        .map(|l| &l.value)
        .filter(|l| lease.is_none_or(|id| l.id == id))
        .peekable();
    if leases.peek().is_none() {
        return request.author.id == who
            || request.verdict.owner.id == who
            || request.verdict.fallback.iter().any(|person| person.id == who);
    }
    leases.any(|lease| {
        let transferred = request.verdict.owner.id != lease.owner.id;
        lease.owner.id == who
            || lease.fallback.iter().any(|person| person.id == who)
            || (request.author.id == who && !transferred)
    })
}
