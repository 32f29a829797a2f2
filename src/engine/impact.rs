//! What other cookbooks would do to every open request and live lease. Nothing
//! is posted, stored or decided.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{Engine, draft::Draft, look::Desk};
use crate::{
    cookbook::{Cookbook, Cookbooks},
    identity::{CookbookName, LeaseId, Person, UserId},
    lease::Lease,
    policy::{
        self, Facts, Groups, People, Room,
        impact::{Effect, Found, of_commands, of_grant, of_request, of_terms},
    },
    ports::{
        PortError,
        forge::{Discussion, Issue},
        store::Versioned,
    },
    request::{Reading, Request, form, value::limits},
    usage::Asking,
    violation::Violation,
};

/// What a change would do.
#[derive(Clone, Debug, Serialize)]
pub struct Impact {
    /// Whom it would touch, worst first.
    pub touched: Vec<Touched>,
    /// How many open requests were looked at.
    pub requests: usize,
    /// How many live leases were.
    pub leases: usize,
}

/// A request or lease that would be touched.
#[derive(Clone, Debug, Serialize)]
pub struct Touched {
    /// What becomes of it.
    #[serde(flatten)]
    pub found: Found,
    /// Its cookbook.
    pub cookbook: CookbookName,
    /// Its issue's page.
    pub issue: String,
    /// Who filed the request, or answers for the machine.
    pub who: String,
    /// The machine, if it is a lease.
    pub machine: Option<String>,
}

/// The cookbooks that are compared.
struct Change<'a> {
    old: &'a Cookbooks,
    new: &'a Cookbooks,
    offline: bool,
}

impl Engine {
    /// What it would do to put `new` into force instead of `old`. `offline`: no
    /// forge is asked, and what was understood of issues when they were last
    /// looked at is judged. What the change makes of the forms is not seen then.
    ///
    /// # Errors
    ///
    /// The store's. What a forge does not say of one issue cannot be told of that.
    pub async fn impact(
        &self,
        old: &Cookbooks,
        new: &Cookbooks,
        offline: bool,
    ) -> Result<Impact, PortError> {
        let change = Change { old, new, offline };
        let requests = self.store().open_requests().await?;
        let leases = self.store().live_leases().await?;
        let mut impact =
            Impact { touched: Vec::new(), requests: requests.len(), leases: leases.len() };
        for request in requests {
            let (about, id) = (request.value.clone(), request.value.id);
            let found = match self.impact_on_request(&change, request).await {
                Ok(found) => found,
                Err(error) => Some(Found::new(Effect::Unknown, vec![error.chain()])),
            };
            tracing::debug!(%id, ?found, "compared");
            impact.touched.extend(found.map(|found| Touched {
                found,
                cookbook: about.cookbook,
                issue: about.web_url,
                who: about.author.username,
                machine: None,
            }));
        }
        for lease in leases.into_iter().map(|lease| lease.value) {
            let request = match lease.request {
                Some(id) => self.store().request(id).await?,
                None => None,
            };
            let issue = request
                .as_ref()
                .map_or_else(|| lease.issue.to_string(), |request| request.value.web_url.clone());
            let found = match self.impact_on_lease(&change, &lease, request).await {
                Ok(found) => found,
                Err(error) => vec![Found::new(Effect::Unknown, vec![error.chain()])],
            };
            impact.touched.extend(found.into_iter().map(|found| Touched {
                found,
                cookbook: lease.cookbook.clone(),
                issue: issue.clone(),
                who: lease.owner.username.clone(),
                machine: Some(lease.order.key.name.to_string()),
            }));
        }
        impact.touched.sort_by_key(|touched| touched.found.effect);
        Ok(impact)
    }

    async fn impact_on_request(
        &self,
        change: &Change<'_>,
        request: Versioned<Request>,
    ) -> Result<Option<Found>, PortError> {
        let name = &request.value.cookbook;
        let (before, after) = match (change.old.get(name), change.new.get(name)) {
            (Some(before), Some(after)) => (before, after),
            (Some(_), None) => return Ok(Some(Found::new(Effect::RequestOrphaned, Vec::new()))),
            (None, Some(_)) => {
                let because = vec!["its cookbook is back".to_owned()];
                return Ok(Some(Found::new(Effect::Acceptable, because)));
            }
            (None, None) => return Ok(None),
        };
        let desk = self.desk(change, &request.value).await?;
        let draft = Draft::of(self, request).await?;
        let request = &draft.request.value;
        let mut verdicts = Vec::new();
        for (cookbook, cookbooks) in [(before, change.old), (after, change.new)] {
            let today = self.calendar.today(self.now());
            let reading = if change.offline {
                request.reading.clone()
            } else {
                form::read(&desk.issue.description, cookbook, today)
            };
            let facts = self.facts_now(change, &desk, &draft, cookbook, &reading, None).await?;
            let mut verdict = policy::judge(cookbook, cookbooks.version, &reading, &facts);
            if change.offline {
                let beyond = beyond_limits(cookbook, &reading, &facts);
                if !beyond.is_empty() {
                    verdict.spec = None;
                    verdict.violations.extend(beyond);
                }
            }
            verdicts.push(verdict);
        }
        Ok(match verdicts.as_slice() {
            [before, after] => of_request(request, before, after),
            _ => None,
        })
    }

    async fn impact_on_lease(
        &self,
        change: &Change<'_>,
        lease: &Lease,
        request: Option<Versioned<Request>>,
    ) -> Result<Vec<Found>, PortError> {
        let name = &lease.cookbook;
        let (before, after) = match (change.old.get(name), change.new.get(name)) {
            (Some(before), Some(after)) => (before, after),
            (Some(_), None) => return Ok(vec![Found::new(Effect::LeaseOrphaned, Vec::new())]),
            (None, _) => return Ok(Vec::new()),
        };
        let mut found = of_commands(before, after);
        found.extend(of_terms(&lease.terms, &after.lifetime));
        // Nobody asked for what was there before.
        let Some(request) = request.filter(|request| !request.value.is_adopted()) else {
            return Ok(found);
        };
        let mut desk = as_stored(&request.value);
        if !change.offline {
            desk.own = self.own_account(&request.value.issue.forge).await?;
        }
        let draft = Draft::of(self, request).await?;
        let reading = &draft.request.value.reading;
        let mut against = Vec::new();
        for cookbook in [before, after] {
            let itself = Some(lease.id);
            let mut facts =
                self.facts_now(change, &desk, &draft, cookbook, reading, itself).await?;
            // Its days were checked against the day it was asked for.
            facts.today = self.calendar.today(draft.request.value.filed_at);
            for own in &draft.leases {
                facts.taken_names.remove(own.value.order.key.name.as_str());
            }
            let mut violations = beyond_limits(cookbook, reading, &facts);
            let verdict = policy::judge(cookbook, change.new.version, reading, &facts);
            violations.extend(verdict.violations);
            against.push(violations);
        }
        if let [before, after] = against.as_slice() {
            found.extend(of_grant(before, after));
        }
        Ok(found)
    }

    /// The issue as it is now, or as it was when it was last looked at.
    async fn desk(&self, change: &Change<'_>, request: &Request) -> Result<Desk, PortError> {
        if change.offline {
            return Ok(as_stored(request));
        }
        let forge = self.forge(&request.issue.forge)?;
        Ok(Desk {
            own: self.own_account(&request.issue.forge).await?,
            issue: forge.issue(&request.issue).await?,
            discussion: forge.discussion(&request.issue).await?,
        })
    }

    async fn facts_now(
        &self,
        change: &Change<'_>,
        desk: &Desk,
        draft: &Draft<'_>,
        cookbook: &Cookbook,
        reading: &Reading,
        lease: Option<LeaseId>,
    ) -> Result<Facts, PortError> {
        let author = &desk.issue.author;
        if !change.offline {
            return self.facts_about(desk, draft, cookbook, reading, (author, lease)).await;
        }
        let verdict = &draft.request.value.verdict;
        let mut known: BTreeMap<String, Option<Person>> = BTreeMap::new();
        for (_, name) in super::judge::usernames(reading) {
            // Nobody is looked up: who was named then is taken to be there still.
            let person = Person { id: UserId(0), username: name.to_owned() };
            known.insert(name.to_lowercase(), Some(person));
        }
        for person in verdict.fallback.iter().chain([&verdict.owner]) {
            known.insert(person.username.to_lowercase(), Some(person.clone()));
        }
        let asking = Asking {
            forge: &desk.issue.reference.forge,
            owner: verdict.owner.id,
            team: reading.team(),
            cookbook,
            request: draft.request.value.id,
            lease,
        };
        let (usage, taken_names) = self.usage(draft, &asking).await?;
        let in_force = self.in_force();
        Ok(Facts {
            author: author.clone(),
            author_eligible: None,
            people: People::Known(known),
            groups: Groups::Unchecked,
            usage,
            room: Room::default(),
            taken_names,
            protected_names: in_force.protected_names.iter().cloned().collect(),
            auto_approval: in_force.automatic_approval,
            description_edited_by_others: false,
            today: self.calendar.today(self.now()),
        })
    }
}

/// What was understood then, held against the limits of the form now.
fn beyond_limits(cookbook: &Cookbook, reading: &Reading, facts: &Facts) -> Vec<Violation> {
    let beyond = |field: &crate::cookbook::Field| {
        let answer = reading.fields.get(&field.name)?;
        let found = limits::check(&field.kind, &answer.value, &cookbook.lifetime, facts.today);
        found.map(|violation| violation.of(&field.name))
    };
    cookbook.fields.iter().filter_map(beyond).collect()
}

/// The issue as far as the store remembers it.
fn as_stored(request: &Request) -> Desk {
    Desk {
        issue: Issue {
            reference: request.issue.clone(),
            title: String::new(),
            description: String::new(),
            author: request.author.clone(),
            by_bot: false,
            open: true,
            labels: Vec::new(),
            due_date: None,
            confidential: false,
            thumbs_up: 0,
            web_url: request.web_url.clone(),
            updated_at: request.filed_at,
        },
        discussion: Discussion { notes: Vec::new(), description_editors: Vec::new() },
        own: Person { id: UserId(0), username: String::new() },
    }
}
