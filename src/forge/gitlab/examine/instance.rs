//! The GitLab itself, and our token.

use gitlab::api::AsyncQuery as _;
use serde::Deserialize;

use super::{SOON, failed};
use crate::{
    forge::gitlab::{GitLab, endpoints::Read, found, token},
    identity::Timestamp,
    ports::{PortError, finding::Finding},
};

/// The versions this adapter is made for begin here.
const OLDEST: u32 = 16;

/// What our token must be good for.
const SCOPE: &str = "api";

#[derive(Deserialize)]
struct Metadata {
    version: String,
}

pub(super) async fn version(gitlab: &GitLab) -> Finding {
    match ask_version(gitlab).await {
        Ok(metadata) => judge_version(&metadata.version),
        Err(error) => failed(&error, "Try again."),
    }
}

/// GitLab 15.2 and later tell it in one place, all of them in another.
async fn ask_version(gitlab: &GitLab) -> Result<Metadata, PortError> {
    let doing = format!("ask {} for its version", gitlab.name);
    let ask = async |path: &str| {
        Read::at(path).query_async(&gitlab.transport).await.map_err(gitlab.failed(&doing))
    };
    match found(ask("metadata").await)? {
        Some(metadata) => Ok(metadata),
        None => ask("version").await,
    }
}

fn judge_version(version: &str) -> Finding {
    let major = version.split('.').next().and_then(|major| major.parse::<u32>().ok());
    match major {
        Some(major) if major >= OLDEST => Finding::good(format!("It is GitLab {version}.")),
        Some(_) => Finding::doubtful(
            format!("It is GitLab {version}, older than {OLDEST}, which this is made for."),
            "Upgrade it: it may lack what is asked of it, and no longer gets security fixes.",
        ),
        None => Finding::doubtful(
            format!("It calls its version `{version}`, which is not GitLab's way."),
            "See whether the configured address is a GitLab's.",
        ),
    }
}

pub(super) async fn token(gitlab: &GitLab) -> Vec<Finding> {
    match token::own(gitlab).await {
        Ok(Some(token)) => judge_token(&token, gitlab.clock.now()),
        Ok(None) => vec![Finding::doubtful(
            "It does not tell what our token may do, and how long it is valid.",
            "Use a project, group or personal access token, and watch yourself when it ends.",
        )],
        Err(error) => vec![failed(&error, "Try again.")],
    }
}

fn judge_token(token: &token::Token, now: Timestamp) -> Vec<Finding> {
    let mut findings = Vec::new();
    if !token.scopes.iter().any(|scope| scope == SCOPE) {
        findings.push(Finding::bad(
            format!("Our token has not got the scope `{SCOPE}`, but: {}.", token.scopes.join(", ")),
            format!("Make one with the scope `{SCOPE}`, and put it into the configuration."),
        ));
    }
    let renew = "Rotate it in GitLab, put the new one into the configuration, and restart.";
    findings.push(match token.ends() {
        None => Finding::good("Our token does not end."),
        Some(day) => {
            let left = (day - now.date_naive()).num_days();
            match left {
                ..=0 => Finding::bad(format!("Our token ended on {day}."), renew),
                1..=SOON => {
                    Finding::doubtful(format!("Our token ends on {day}, in {left} days."), renew)
                }
                _ => Finding::good(format!("Our token is valid until {day}.")),
            }
        }
    });
    findings
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{judge_token, judge_version};
    use crate::ports::finding::Grade::{self, Bad, Doubtful, Good};

    #[test]
    fn versions_from_16_on_are_fine() {
        for (version, grade) in [
            ("16.0.0", Good),
            ("17.11.1-ee", Good),
            ("18.9.0-pre", Good),
            ("19.2.1-ee", Good),
            ("21.0", Good),
            ("15.11.13", Doubtful),
            ("9.5.10-ce", Doubtful),
            ("unknown", Doubtful),
            ("", Doubtful),
        ] {
            assert_eq!(judge_version(version).grade, grade, "{version}");
        }
    }

    #[test]
    fn a_token_is_judged_by_its_scopes_and_its_end() {
        let now = "2026-11-21T12:00:00Z".parse().unwrap();
        let grades = |token: serde_json::Value| -> Vec<Grade> {
            let token = serde_json::from_value(token).unwrap();
            judge_token(&token, now).into_iter().map(|found| found.grade).collect()
        };
        for (ends, grade) in [
            (json!(null), Good),
            (json!("2027-11-21"), Good),
            (json!("2026-12-22"), Good),
            (json!("2026-12-21"), Doubtful),
            (json!("2026-11-22"), Doubtful),
            (json!("2026-11-22T00:00:00.000Z"), Doubtful),
            (json!("2026-11-21"), Bad),
            (json!("2026-01-01"), Bad),
        ] {
            let token = json!({"scopes": ["read_user", "api"], "expires_at": ends});
            assert_eq!(grades(token), [grade], "{ends}");
        }
        for scopes in [json!(["read_api"]), json!(["granular"]), json!([])] {
            assert_eq!(grades(json!({ "scopes": scopes })), [Bad, Good], "{scopes}");
        }
    }
}
