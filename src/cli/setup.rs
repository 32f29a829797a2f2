//! `innkeeper setup`: makes a project ready for the service. Shows what it would
//! do unless told to do it; what is there already is left as it is.

mod show;
mod wanted;

use std::{fs, path::PathBuf, process::ExitCode};

use anyhow::{Context as _, bail, ensure};
use clap::{Args, Subcommand};
use secrecy::SecretString;
use url::Url;

use self::wanted::Listed;
use super::{
    output::{self, Progress},
    runtime::runtime,
};
use crate::{
    app::{compose, policies},
    config::{self, Config, ForgeKind},
    cookbook::{Cookbooks, diagnostic::nearest},
    identity::ForgeName,
    ports::{PortError, Verdict, setup::Setup},
    setup::{self, Obstacle, Place, State, Step, Wanted},
};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    forge: Kind,
}

#[derive(Debug, Subcommand)]
enum Kind {
    /// Make a GitLab project ready: labels, webhook, issue templates
    #[command(
        after_help = "Examples:\n  innkeeper setup gitlab --config innkeeper.toml --project tpo/tpa/team --url https://innkeeper.example.org    only show what would be done\n  innkeeper setup gitlab --config innkeeper.toml --project tpo/tpa/team --url https://innkeeper.example.org --apply\n  innkeeper setup gitlab --config innkeeper.toml --project tpo/tpa/team --apply --token-file ~/maintainer.token\n\nMaking webhooks takes a Maintainer. The service itself needs no more than a Reporter: with `--token-file`, this is done with the token of somebody else.\nNothing is deleted, and no label or template of others is changed. Running it again completes what is missing.\n\nExit codes: 0 done, nothing to do, or shown; 1 something cannot be done; 2 unusable arguments or configuration"
    )]
    Gitlab(Options),
    /// Make a GitHub repository ready: labels, webhook, issue forms
    #[command(
        after_help = "Examples:\n  innkeeper setup github --config innkeeper.toml --project example/machines --url https://innkeeper.example.org    only show what would be done\n  innkeeper setup github --config innkeeper.toml --project example/machines --url https://innkeeper.example.org --apply --token-file ~/admin.token\n\nMaking webhooks takes an admin of the repository. The service itself needs less: with `--token-file`, this is done with the token of somebody else.\nNothing is deleted, and no label or form of others is changed. Running it again completes what is missing.\n\nExit codes: 0 done, nothing to do, or shown; 1 something cannot be done; 2 unusable arguments or configuration"
    )]
    Github(Options),
}

#[derive(Debug, Args)]
struct Options {
    /// The configuration file of the service
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// The project or repository, by path or id
    #[arg(long, value_name = "PATH")]
    project: String,
    /// The forge's name in the configuration, if there are several of that kind
    #[arg(long, value_name = "NAME")]
    forge: Option<String>,
    /// Where the forge reaches the service; without it, no webhook is made
    #[arg(long, value_name = "ADDRESS")]
    url: Option<String>,
    /// Do it, instead of only showing what would be done
    #[arg(long)]
    apply: bool,
    /// Set the webhook's secret again, which the forge does not show
    #[arg(long)]
    reset_secret: bool,
    /// A file with an access token to use for this, instead of the service's own
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// What became of everything.
struct Done {
    place: Place,
    steps: Vec<Step>,
}

/// Why there is nothing to show.
enum Stopped {
    /// The arguments or the configuration cannot be meant.
    Unusable(anyhow::Error),
    /// The forge did not let us look.
    Failed(PortError),
}

impl From<PortError> for Stopped {
    fn from(error: PortError) -> Self {
        Self::Failed(error)
    }
}

impl From<anyhow::Error> for Stopped {
    fn from(error: anyhow::Error) -> Self {
        Self::Unusable(error)
    }
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let (kind, options) = match &arguments.forge {
        Kind::Gitlab(options) => (ForgeKind::GitLab, options),
        Kind::Github(options) => (ForgeKind::GitHub, options),
    };
    let config = Config::load(&options.config, &config::environment())?;
    let name = forge(&config, kind, options.forge.as_deref())?;
    let url = options.url.as_deref().map(service_address).transpose()?;
    let token = options.token_file.as_ref().map(token).transpose()?;
    let progress = Progress::new();
    let runtime = runtime()?;
    let cookbooks = runtime.block_on(policies::load(&config))?;
    let done = runtime.block_on(async {
        let target = Target { config: &config, kind, cookbooks: &cookbooks, forge: &name, options };
        let setup = compose::one_setup(&config, &name, token)?;
        target.set_up(setup.as_ref(), url.as_ref(), &progress).await
    });
    progress.clear();
    match done {
        Ok(done) => {
            if options.json {
                output::line(show::json(&name, &done, options.apply)?);
            } else {
                show::people(&name, &done, options.apply);
            }
            let left = |step: &Step| match step.state {
                State::Cannot => true,
                State::ToDo => options.apply,
                State::Ok | State::Done => false,
            };
            let failed = done.steps.iter().any(left);
            Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
        }
        Err(Stopped::Unusable(error)) => Err(error),
        Err(Stopped::Failed(error)) => Ok(output::failed(error)),
    }
}

/// What is to be set up.
struct Target<'a> {
    config: &'a Config,
    kind: ForgeKind,
    cookbooks: &'a Cookbooks,
    forge: &'a ForgeName,
    options: &'a Options,
}

impl Target<'_> {
    async fn set_up(
        &self,
        setup: &dyn Setup,
        url: Option<&Url>,
        progress: &Progress,
    ) -> Result<Done, Stopped> {
        progress.show("looking at the project");
        let service = compose::one_forge(self.config, self.forge)?.own_account().await?;
        let configured = self.config.forges.get(self.forge).context("there is no such forge")?;
        let (place, project) = self.project(configured, setup).await?;
        let (templates, without_template) = match self.kind {
            ForgeKind::GitLab => (wanted::gitlab_templates(self.cookbooks, project), Vec::new()),
            ForgeKind::GitHub => wanted::github_forms(self.cookbooks, project),
        };
        let reset_secret = self.options.reset_secret;
        let wanted = Wanted {
            labels: wanted::labels(&self.config.labels, self.cookbooks, project),
            events: wanted::events(self.forge, url, (configured, project), reset_secret),
            templates,
            without_template,
        };
        let present = setup.survey(&place, &wanted, &service).await;
        let mut steps = setup::plan(&wanted, &present);
        if self.options.apply {
            let none = SecretString::default();
            let secret = project.secret().unwrap_or(&none);
            apply(setup, &place, secret, &mut steps, progress).await;
        }
        Ok(Done { place, steps })
    }

    /// The project, there and in the configuration.
    async fn project<'a>(
        &self,
        configured: &'a config::Forge,
        setup: &dyn Setup,
    ) -> Result<(Place, Listed<'a>), Stopped> {
        let named = &self.options.project;
        let by_name = configured.projects.iter().find(|project| {
            project.path.as_ref().is_some_and(|path| path.eq_ignore_ascii_case(named))
                || project.id.to_string() == *named
        });
        let Some(project) = by_name else {
            let place = setup.place(named).await?;
            return match Listed::find(configured, &place) {
                Some(listed) => Ok((place, listed)),
                None => Err(Stopped::Unusable(self.not_configured(&place))),
            };
        };
        let place = setup.place(&project.id.to_string()).await?;
        match project.path.as_ref().filter(|path| !path.eq_ignore_ascii_case(&place.path)) {
            None => Ok((place, Listed::Project(project))),
            Some(path) => Err(Stopped::Unusable(anyhow::anyhow!(
                "project {} is `{}` on {}, but `{path}` in the configuration: correct its `id` or its `path`",
                project.id,
                output::printable(&place.path),
                self.forge
            ))),
        }
    }

    fn not_configured(&self, place: &Place) -> anyhow::Error {
        let lines = wanted::configuration(self.kind, self.forge, place);
        anyhow::anyhow!(
            "project `{}` is not in the configuration: add these lines to {}, and run this again\n\n{lines}",
            output::printable(&place.path),
            self.options.config.display()
        )
    }
}

/// Does what can be done, in order. When the forge went away, the rest is left
/// for another run.
async fn apply(
    setup: &dyn Setup,
    place: &Place,
    secret: &SecretString,
    steps: &mut [Step],
    progress: &Progress,
) {
    for step in steps {
        let Some(deed) = step.deed.take() else { continue };
        progress.show(&format!("{}: {}", step.about, step.what));
        match setup.carry_out(place, &deed, secret).await {
            Ok(outcome) => step.done(outcome),
            Err(error) => {
                let passes = matches!(error.verdict, Verdict::Retry { .. });
                let by_hand = match &error.advice {
                    Some(advice) => advice.clone(),
                    None if passes => "Run this again: it goes on where this ended.".to_owned(),
                    None => "Mend that, and run this again.".to_owned(),
                };
                step.cannot(Obstacle { why: error.chain(), by_hand });
                if passes {
                    return;
                }
            }
        }
    }
}

/// The forge of this kind that is meant.
fn forge(config: &Config, kind: ForgeKind, name: Option<&str>) -> anyhow::Result<ForgeName> {
    let of_kind = config.forges.iter().filter(|(_, forge)| forge.kind == kind);
    let known: Vec<&ForgeName> = of_kind.map(|(name, _)| name).collect();
    let names: Vec<&str> = known.iter().map(|name| name.as_str()).collect();
    let Some(name) = name else {
        return match known.as_slice() {
            [one] => Ok((*one).clone()),
            [] => bail!("there is no forge of that kind in the configuration: add [forge.NAME]"),
            _ => bail!(
                "there are several such forges: say which with `--forge`: {}",
                names.join(", ")
            ),
        };
    };
    match known.iter().find(|one| one.as_str() == name) {
        Some(one) => Ok((*one).clone()),
        None => match nearest(name, names.iter().copied()) {
            Some(meant) => bail!("there is no forge `{name}`; did you mean `{meant}`?"),
            None => {
                bail!("there is no forge `{name}` of that kind; there is: {}", names.join(", "))
            }
        },
    }
}

/// Where the service is reached, without what follows the path.
fn service_address(text: &str) -> anyhow::Result<Url> {
    let expected = "`https://HOST` or `https://HOST/PATH` is expected";
    // What is not an address may hold anything, and is not repeated.
    let url = Url::parse(text).with_context(|| format!("`--url` is no address: {expected}"))?;
    let usable = matches!(url.scheme(), "http" | "https")
        && url.has_host()
        && url.username().is_empty()
        && url.password().is_none()
        && url.query().is_none()
        && url.fragment().is_none();
    ensure!(usable, "`--url` is not the address of a service: {expected}");
    Ok(url)
}

fn token(file: &PathBuf) -> anyhow::Result<SecretString> {
    let text = fs::read_to_string(file)
        .map(SecretString::from)
        .with_context(|| format!("the token cannot be read from {}", file.display()))?;
    let token = secrecy::ExposeSecret::expose_secret(&text).trim();
    ensure!(!token.is_empty(), "there is no token in {}", file.display());
    Ok(SecretString::from(token))
}
