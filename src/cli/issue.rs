//! Which issue somebody means on the command line.

use anyhow::{Context as _, bail};
use url::Url;

use crate::{
    config::Config,
    engine::Engine,
    identity::{ForgeName, IssueNumber, IssueRef, ProjectId},
};

/// An issue as somebody wrote it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Meant<'a> {
    /// `gitlab:tpo/tpa/team#12`, or with the project's id: `gitlab:7#12`.
    Named { forge: &'a str, project: &'a str, number: u64 },
    /// The address of its page.
    Page(Url),
}

impl<'a> Meant<'a> {
    /// What was written, if it can be an issue at all.
    pub(super) fn read(text: &'a str) -> Option<Self> {
        if text.starts_with("https://") || text.starts_with("http://") {
            return Url::parse(text).ok().map(Self::Page);
        }
        let (forge, rest) = text.split_once(':')?;
        let (project, number) = rest.rsplit_once('#')?;
        let number = number.parse().ok()?;
        let named = !forge.is_empty() && !project.is_empty();
        named.then_some(Self::Named { forge, project, number })
    }

    /// The issue, in a project of the configuration or of one of its groups.
    pub(super) async fn find(&self, config: &Config, engine: &Engine) -> anyhow::Result<IssueRef> {
        let (forge, project, number) = match self {
            Self::Named { forge, project, number } => {
                ((*forge).into(), (*project).to_owned(), *number)
            }
            Self::Page(page) => on_page(config, page)?,
        };
        let Some(configured) = config.forges.get(&forge) else {
            let known: Vec<&str> = config.forges.keys().map(ForgeName::as_str).collect();
            bail!(
                "there is no forge `{forge}` in the configuration; there is: {}",
                known.join(", ")
            )
        };
        let number = IssueNumber(number);
        let known = configured.projects.iter().find(|known| {
            known.path.as_ref().is_some_and(|path| path.eq_ignore_ascii_case(&project))
        });
        let id = known.map(|known| known.id).or_else(|| project.parse().ok().map(ProjectId));
        if let Some(project) = id {
            return Ok(IssueRef { forge, project, number });
        }
        engine.issue_in(&forge, &project, number).await?.with_context(|| {
            format!(
                "issue {} of {forge}:{project} is not there, or its project is not looked at",
                number.0
            )
        })
    }
}

/// The forge, project and number that an address says.
fn on_page(config: &Config, page: &Url) -> anyhow::Result<(ForgeName, String, u64)> {
    let help = "an issue's address is like https://gitlab.example/tpo/tpa/team/-/issues/12";
    let forge = config.forges.iter().filter(|(_, forge)| {
        forge.url.origin() == page.origin()
            && page.path().starts_with(forge.url.path().trim_end_matches('/'))
    });
    let (name, forge) =
        forge.max_by_key(|(_, forge)| forge.url.path().len()).with_context(|| {
            format!("no forge of the configuration is at {}", page.origin().ascii_serialization())
        })?;
    let path = page.path().strip_prefix(forge.url.path().trim_end_matches('/'));
    let parts: Vec<&str> =
        path.unwrap_or_default().split('/').filter(|it| !it.is_empty()).collect();
    let [project @ .., "issues" | "work_items", number] = parts.as_slice() else {
        bail!("{page} is not the address of an issue; {help}")
    };
    let number = number.parse().with_context(|| format!("{page} ends in no number; {help}"))?;
    let project = project.strip_suffix(&["-"]).unwrap_or(project);
    Ok((name.clone(), project.join("/"), number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_issue_is_told_from_a_file() {
        let named = |forge, project| Some(Meant::Named { forge, project, number: 12 });
        for (text, meant) in [
            ("gitlab:tpo/tpa/team#12", named("gitlab", "tpo/tpa/team")),
            ("github:7#12", named("github", "7")),
            ("request.md", None),
            ("-", None),
            ("./a:b", None),
            ("gitlab:team#twelve", None),
            ("gitlab:#12", None),
        ] {
            assert_eq!(Meant::read(text), meant, "{text}");
        }
        let page = "https://gitlab.example/tpo/-/issues/12";
        assert_eq!(Meant::read(page), Some(Meant::Page(Url::parse(page).unwrap())));
    }
}
