//! `innkeeper policy`: for whoever writes cookbooks.

mod explain;
mod impact;
mod junit;
mod test;

use std::process::ExitCode;

use clap::{Args, Subcommand};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Try the cases beside each cookbook (`NAME.test.toml`)
    #[command(
        after_help = "Examples:\n  innkeeper policy test policies\n  innkeeper policy test policies --complete            every rule must be seen both ways\n  innkeeper policy test policies --junit report.xml    for GitLab CI\n\nExit codes: 0 every case is as it should be, 1 some are not, 2 unusable cookbooks or cases"
    )]
    Test(test::Arguments),
    /// Show what other cookbooks would do to every open request and live machine
    #[command(
        after_help = "Examples:\n  innkeeper policy impact /etc/innkeeper/policies new --config innkeeper.toml\n  innkeeper policy impact git:0123456789abcdef0123456789abcdef01234567 new --config innkeeper.toml --json\n\nNothing is posted, stored or changed. Each open request is read from its forge, as the service does.\n\nExit codes: 0 nothing gets worse, 1 somebody is hit, 2 it cannot be told"
    )]
    Impact(impact::Arguments),
    /// Show what every rule says about an issue or a text, what it saw, and what would pass
    #[command(
        after_help = "Examples:\n  innkeeper policy explain gitlab:tpo/tpa/team#12 --config innkeeper.toml\n  innkeeper policy explain https://gitlab.example/tpo/tpa/team/-/issues/12 --config innkeeper.toml\n  innkeeper policy explain request.md --cookbook sandbox\n  innkeeper policy explain - --cookbook vm --json < request.md\n\nExit codes: 0 accepted, 1 refused, 2 unusable input"
    )]
    Explain(explain::Arguments),
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    match &arguments.command {
        Command::Test(arguments) => test::run(arguments),
        Command::Impact(arguments) => impact::run(arguments),
        Command::Explain(arguments) => explain::run(arguments),
    }
}
