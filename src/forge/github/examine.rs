//! A look at everything that has to be right before a request can be served.

use http::{HeaderMap, HeaderName};

use super::{
    GitHub, TransportError,
    credentials::{Signer, Whom},
    entities::Repository,
    errors::port_error,
    members::{self, At, Place, found},
    token_ends,
    transport::header,
};
use crate::{
    cookbook::Principal,
    identity::{Person, ProjectId},
    ports::{
        PortError, Verdict,
        finding::Finding,
        forge::{Forge as _, Wanted},
    },
};

/// What a classic token may do. Fine-grained ones do not tell.
const SCOPES: HeaderName = HeaderName::from_static("x-oauth-scopes");

/// Who renews a token needs about that long to find the time.
const ENDS_SOON: i64 = 14;

pub(super) async fn examine(github: &GitHub, wanted: &Wanted) -> Vec<Finding> {
    let own = match github.own_account().await {
        Ok(own) => own,
        Err(error) => return vec![bad(error)],
    };
    let look = Look { github, wanted, own };
    let mut findings = vec![Finding::good(format!(
        "{} answers, and knows us as @{}",
        github.name, look.own.username
    ))];
    if let Signer::Token(_) = github.client.signer() {
        look.at_token(&mut findings).await;
    }
    for project in &wanted.projects {
        look.at_repository(*project, &mut findings).await;
    }
    for group in &wanted.groups {
        look.at_group(group, &mut findings).await;
    }
    for decider in &wanted.deciders {
        findings.push(look.at_decider(decider).await.unwrap_or_else(bad));
    }
    if wanted.confidential {
        findings.push(Finding::doubtful(
            "a cookbook wants its issues confidential, which GitHub cannot do",
            "use a private repository, or leave `confidential` out of the cookbook",
        ));
    }
    findings
}

fn bad(error: PortError) -> Finding {
    let what = error.chain();
    let advice = match error.verdict {
        Verdict::Missing => "check its name, and what the token or App has access to",
        Verdict::GiveUp => "change what GitHub names as wrong",
        Verdict::Retry { .. } | Verdict::Underway { .. } | Verdict::Full => "try again later",
    };
    Finding::bad(what, error.advice.unwrap_or_else(|| advice.to_owned()))
}

/// What is looked at, and as whom.
struct Look<'a> {
    github: &'a GitHub,
    wanted: &'a Wanted,
    own: Person,
}

impl Look<'_> {
    fn failed(&self, doing: String) -> impl FnOnce(TransportError) -> PortError {
        move |error| port_error(&self.github.name, doing, error)
    }

    fn teams_decide(&self) -> bool {
        self.wanted.deciders.iter().any(|decider| matches!(decider, Principal::Group(_)))
    }

    async fn at_token(&self, findings: &mut Vec<Finding>) {
        let client = &self.github.client;
        let answer = async { client.get(Whom::Anyone, client.url(&["user"])?).await };
        match answer.await.map_err(self.failed("ask about our token".to_owned())) {
            Ok(answer) => {
                findings.extend(self.ending(&answer.headers));
                findings.extend(self.scopes(&answer.headers));
            }
            Err(error) => findings.push(bad(error)),
        }
    }

    fn ending(&self, headers: &HeaderMap) -> Option<Finding> {
        let ends = token_ends(headers)?;
        let left = (ends - self.github.client.now().date_naive()).num_days();
        if left > ENDS_SOON {
            return Some(Finding::good(format!("the token is valid until {ends}")));
        }
        Some(Finding::doubtful(
            format!("the token ends on {ends}"),
            "make a new one and put it into the configuration before that",
        ))
    }

    fn scopes(&self, headers: &HeaderMap) -> Option<Finding> {
        let scopes: Vec<&str> = header(headers, &SCOPES)?.split(',').map(str::trim).collect();
        let has = |any: &[&str]| any.iter().any(|scope| scopes.contains(scope));
        if !has(&["repo", "public_repo"]) {
            let advice =
                "make a token with the scope `repo` (`public_repo` is enough for public ones)";
            return Some(Finding::bad("the token's scopes do not let it change issues", advice));
        }
        if self.teams_decide() && !has(&["read:org", "write:org", "admin:org"]) {
            let advice = "make a token that has the scope `read:org` too";
            return Some(Finding::bad(
                "the token's scopes do not let it see who is in an organisation or team",
                advice,
            ));
        }
        Some(Finding::good(format!("the token has the scopes {}", scopes.join(", "))))
    }

    async fn at_repository(&self, project: ProjectId, findings: &mut Vec<Finding>) {
        let client = &self.github.client;
        let configured = client.names().known(project);
        client.names().doubt(project);
        let found: Result<Repository, _> = async {
            let url = client.url_in(project, &[]).await?;
            client.read(Whom::Repository(project), url).await
        }
        .await
        .map_err(self.failed(format!("read the repository {project}")));
        let repository = match found {
            Ok(repository) => repository,
            Err(error) => return findings.push(bad(error)),
        };
        let name = &repository.full_name;
        if let Some(old) = configured.filter(|old| !old.eq_ignore_ascii_case(name)) {
            findings.push(Finding::doubtful(
                format!("the repository `{old}` is called `{name}` now"),
                "put its new name into the configuration",
            ));
        }
        findings.push(if repository.is_frozen() {
            Finding::bad(format!("`{name}` is archived"), "unarchive it, or take it out")
        } else if !repository.has_issues() {
            let advice = "switch issues on in its settings, under General, Features";
            Finding::bad(format!("`{name}` has no issues"), advice)
        } else {
            self.permission(&repository).await.unwrap_or_else(bad)
        });
    }

    async fn permission(&self, repository: &Repository) -> Result<Finding, PortError> {
        let name = &repository.full_name;
        let good = Finding::good(format!("issues of `{name}` can be read and changed"));
        let Some(app) = self.github.client.signer().app() else {
            let advice = "give it the role Triage or Write there";
            return Ok(match repository.lets_us_tend_issues() {
                Some(false) => Finding::bad(
                    format!("@{} may not label or close issues of `{name}`", self.own.username),
                    advice,
                ),
                Some(true) => good,
                None => Finding::doubtful(
                    format!("what @{} may do in `{name}` is not told", self.own.username),
                    advice,
                ),
            });
        };
        let installation = app
            .installation(&self.github.client, name)
            .await
            .map_err(self.failed(format!("look up the App's installation for `{name}`")))?;
        Ok(if installation.suspended_at.is_some() {
            Finding::bad(
                format!("the App is suspended for `{name}`"),
                "an owner unsuspends it in the settings, under GitHub Apps",
            )
        } else if !installation.may_write("issues") {
            Finding::bad(
                format!("the App may not change issues of `{name}`"),
                "give the App the repository permission Issues: Read and write, and let an owner \
                 accept that",
            )
        } else if self.teams_decide() && !installation.permissions.contains_key("members") {
            Finding::bad(
                format!("the App may not see who is in the organisation of `{name}`"),
                "give the App the organisation permission Members: Read-only, and let an owner \
                 accept that",
            )
        } else {
            good
        })
    }

    async fn at_group(&self, group: &str, findings: &mut Vec<Finding>) {
        findings.push(match self.github.projects_of(group).await {
            Ok(list) if list.is_empty() => Finding::doubtful(
                format!("`{group}` has no repository with issues that we can see"),
                "check its name, and what the token or App has access to",
            ),
            Ok(list) => {
                Finding::good(format!("`{group}` has {} repositories with issues", list.len()))
            }
            Err(error) => bad(error),
        });
    }

    /// Whether they exist, and whether we would be told who is one of them.
    async fn at_decider(&self, decider: &Principal) -> Result<Finding, PortError> {
        let found = match decider {
            Principal::User(name) => self.github.person_named(name).await?.is_some(),
            Principal::Group(_) | Principal::Project(_) => {
                let visible = self.visible(decider).await;
                match visible.map_err(self.failed(format!("look up {decider}")))? {
                    Sight::Clear => true,
                    Sight::None => false,
                    Sight::PublicOnly => {
                        return Ok(Finding::bad(
                            format!("of {decider}, we see public members alone"),
                            format!("make @{} a member of it", self.own.username),
                        ));
                    }
                }
            }
        };
        Ok(if found {
            Finding::good(format!("{decider} can decide"))
        } else {
            Finding::bad(
                format!("{decider} cannot be found"),
                "on GitHub, `user:NAME` is an account, `group:ORG` an organisation, \
                 `group:ORG/TEAM` a team and `project:OWNER/NAME` a repository; private ones \
                 must be visible to the token or App",
            )
        })
    }

    async fn visible(&self, decider: &Principal) -> Result<Sight, TransportError> {
        let client = &self.github.client;
        let place = Place::of(client, decider);
        let (whom, url) = match place {
            Place::Nowhere => return Ok(Sight::None),
            Place::Organisation(org) => (Whom::Owner(org), client.url(&["orgs", org])?),
            Place::Team(org, team) => {
                (Whom::Owner(org), client.url(&["orgs", org, "teams", team])?)
            }
            Place::Repository(At::Ours(id)) => {
                (Whom::Repository(id), client.url_in(id, &[]).await?)
            }
            Place::Repository(At::Named(owner, name)) => {
                (Whom::Owner(owner), client.url(&["repos", owner, name])?)
            }
        };
        if found(client.get(whom, url.clone()).await)?.is_none() {
            return Ok(Sight::None);
        }
        match place {
            Place::Organisation(org) => {
                let url = client.url(&["orgs", org, "members", &self.own.username])?;
                let sent_on = found(client.is_sent_on(whom, url).await)?;
                Ok(if sent_on == Some(true) { Sight::PublicOnly } else { Sight::Clear })
            }
            Place::Repository(_) => {
                found(client.get(whom, members::permission_of(&url, &self.own)).await)?;
                Ok(Sight::Clear)
            }
            Place::Team(..) | Place::Nowhere => Ok(Sight::Clear),
        }
    }
}

/// How much we see of those who decide.
enum Sight {
    Clear,
    PublicOnly,
    None,
}
