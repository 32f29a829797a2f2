//! The command line: one file a subcommand.
//!
//! Exit codes: 0 done (or accepted), 1 refused or not well, 2 unusable input,
//! arguments or configuration.

mod adopt;
mod audit;
mod backup;
mod check;
mod cookbook;
mod demo;
mod doctor;
mod forget;
mod freeze;
mod generated;
mod issue;
mod output;
mod policy;
mod queue;
mod reconcile;
mod rehome;
mod runtime;
mod schema;
mod serve;
mod setup;
mod status;
mod template;

use std::{path::PathBuf, process::ExitCode};

use clap::{Args, Parser, Subcommand, ValueEnum};

/// Gives machines to people who ask for them in an issue, and takes them back on time.
#[derive(Debug, Parser)]
#[command(version, about, arg_required_else_help = true)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the service: receive webhooks, answer, make and retire machines
    #[command(
        after_help = "Examples:\n  innkeeper serve --config /etc/innkeeper/innkeeper.toml\n  innkeeper serve --config innkeeper.toml --check    only say whether it would start"
    )]
    Serve(serve::Arguments),
    /// Try everything on a rehearsal GitLab; needs no GitLab and no hypervisor
    #[command(
        after_help = "Examples:\n  innkeeper demo            then open the address it prints\n  innkeeper demo --story    the whole life of a machine, told in the terminal"
    )]
    Demo(demo::Arguments),
    /// Read and judge an issue body without a forge
    #[command(
        after_help = "Examples:\n  innkeeper check request.md --cookbook sandbox\n  innkeeper check - --cookbook vm --json < request.md\n\nExit codes: 0 accepted, 1 refused, 2 unusable input"
    )]
    Check(check::Arguments),
    /// Test cookbooks, and explain what their rules say
    Policy(policy::Arguments),
    /// Write the issue templates of all cookbooks
    #[command(
        after_help = "Examples:\n  innkeeper template --forge gitlab --out .gitlab/issue_templates\n  innkeeper template --forge github --out .github/ISSUE_TEMPLATE"
    )]
    Template(template::Arguments),
    /// Write down what cookbooks say, for people who ask
    Cookbook(cookbook::Arguments),
    /// Print the JSON Schema that editors check and complete a file with
    #[command(
        after_help = "Examples:\n  innkeeper schema cookbook > cookbook.schema.json\n\nThen, as the first line of a cookbook, for Taplo and Even Better TOML:\n  #:schema ./cookbook.schema.json"
    )]
    Schema(schema::Arguments),
    /// Say how the service is doing, from its store
    #[command(
        after_help = "Examples:\n  innkeeper status --config innkeeper.toml\n  innkeeper status --config innkeeper.toml --json | jq .leases\n\nExit codes: 0 well, 1 something needs a person or the service does not run, 2 no store"
    )]
    Status(status::Arguments),
    /// Show what is decided and not done yet, and what waits for a person
    Queue(queue::Arguments),
    /// Hold everything back for now: nothing is made, changed, stopped or destroyed
    #[command(
        after_help = "Examples:\n  innkeeper freeze --config innkeeper.toml --reason \"storage is being moved\"\n  innkeeper freeze --config innkeeper.toml --reason \"storage is being moved\" --until 2026-12-01T08:00\n  innkeeper freeze --config innkeeper.toml --reason \"audit\" --only destroy --until 4h\n\nRequests are judged, answered and approved, warnings go on, and leases can be extended. Whatever waits says so on its issue.\n\nExit codes: 0 done, 2 unusable arguments, configuration or store"
    )]
    Freeze(freeze::FreezeArguments),
    /// Let go on what was frozen
    #[command(
        after_help = "Examples:\n  innkeeper thaw --config innkeeper.toml\n  innkeeper thaw --config innkeeper.toml --only create\n\nExit codes: 0 done, or nothing was frozen; 2 unusable arguments, configuration or store"
    )]
    Thaw(freeze::ThawArguments),
    /// Look whether everything is as it has to be: configuration, cookbooks, store, forges, providers
    #[command(
        after_help = "Examples:\n  innkeeper doctor --config innkeeper.toml\n  innkeeper doctor --config innkeeper.toml --provider kvm1\n\nExit codes: 0 nothing is wrong, 1 something is wrong, 2 unusable configuration"
    )]
    Doctor(doctor::Arguments),
    /// Take machines into care that were there before
    #[command(
        after_help = "Examples:\n  innkeeper adopt --config innkeeper.toml --provider kvm1    only show what is there\n  innkeeper adopt --config innkeeper.toml --provider kvm1 --project gitlab/tpo/tpa/team --cookbook vm --apply web-01\n  innkeeper adopt --config innkeeper.toml --report           what somebody should look at\n\nNothing on a provider is touched: an issue is filed for each machine, and a sysadmin confirms it there.\n\nExit codes: 0 done, 1 something could not be done, 2 unusable arguments or configuration"
    )]
    Adopt(adopt::Arguments),
    /// Give machines whose issue was deleted another one
    #[command(
        after_help = "Examples:\n  innkeeper rehome --config innkeeper.toml    which machines have lost their issue\n  innkeeper rehome --config innkeeper.toml sandbox-7 --to gitlab:tpo/tpa/team#12\n\nOpen a new issue for them first; what is written in it asks for nothing. Warnings then come there, and commands are read there. Nothing is done on a provider, and a machine that is on hold stays so.\n\nExit codes: 0 done, or every machine has its issue; 1 some have none, or it could not be done; 2 unusable arguments or configuration"
    )]
    Rehome(rehome::Arguments),
    /// Write everything in the store into one file, while the service runs
    #[command(
        after_help = "Examples:\n  innkeeper backup --config innkeeper.toml /var/backups/innkeeper.jsonl\n  innkeeper backup --config innkeeper.toml - | age -r KEY > innkeeper.age\n  innkeeper backup --verify /var/backups/innkeeper.jsonl    is it whole, and what is in it?\n\nIt holds what people wrote: keep it like the store itself. It can be restored into another kind of database.\n\nExit codes: 0 done, or whole; 1 not whole; 2 unusable arguments, configuration or store"
    )]
    Backup(backup::BackupArguments),
    /// Put a backup into an empty store
    #[command(
        after_help = "Examples:\n  innkeeper restore --config innkeeper.toml /var/backups/innkeeper.jsonl\n  age -d -i KEY innkeeper.age | innkeeper restore --config innkeeper.toml -\n\nAfterwards the service only listens, until `innkeeper reconcile --go-on`.\n\nExit codes: 0 done; 2 refused, and nothing was changed"
    )]
    Restore(backup::RestoreArguments),
    /// After a restoration: show what differs in the world, and go on
    #[command(
        after_help = "Examples:\n  innkeeper reconcile --config innkeeper.toml           what differs\n  innkeeper reconcile --config innkeeper.toml --go-on   let the service go on\n\nA store that was restored is only looked at: webhooks are taken in, and nothing is said, made, stopped or destroyed before somebody says to go on. Then every issue is looked at first, and everybody gets the full notice anew.\n\nExit codes: 0 nothing differs, or done; 1 something differs; 2 unusable arguments, configuration or store"
    )]
    Reconcile(reconcile::Arguments),
    /// Erase what the store has of somebody
    #[command(
        after_help = "Examples:\n  innkeeper forget --config innkeeper.toml alice\n  innkeeper forget --config innkeeper.toml --forge gitlab 4711\n\nRefused as long as they have a machine or an open request. Doing it again changes nothing.\n\nExit codes: 0 done, or there is nothing; 1 refused; 2 unusable arguments, configuration or store"
    )]
    Forget(forget::Arguments),
    /// Check the audit log, or print it
    Audit(audit::Arguments),
    /// Make a project ready: labels, webhook, issue templates
    Setup(setup::Arguments),
}

/// Which cookbooks to use.
#[derive(Clone, Debug, Args)]
struct Policies {
    /// Folder with the cookbooks; without it, those built into the program
    #[arg(long, value_name = "FOLDER")]
    policies: Option<PathBuf>,
}

/// A kind of forge.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum ForgeKind {
    /// Markdown templates
    Gitlab,
    /// Issue forms in YAML
    Github,
}

/// Runs a command line to its end.
#[must_use]
pub fn run(cli: Cli) -> ExitCode {
    let outcome = match cli.command {
        Command::Serve(arguments) => serve::run(&arguments),
        Command::Demo(arguments) => demo::run(&arguments),
        Command::Check(arguments) => check::run(&arguments),
        Command::Policy(arguments) => policy::run(&arguments),
        Command::Template(arguments) => template::run(&arguments),
        Command::Cookbook(arguments) => cookbook::run(&arguments),
        Command::Schema(arguments) => schema::run(&arguments),
        Command::Status(arguments) => status::run(&arguments),
        Command::Queue(arguments) => queue::run(&arguments),
        Command::Freeze(arguments) => freeze::freeze(&arguments),
        Command::Thaw(arguments) => freeze::thaw(&arguments),
        Command::Doctor(arguments) => doctor::run(&arguments),
        Command::Adopt(arguments) => adopt::run(&arguments),
        Command::Rehome(arguments) => rehome::run(&arguments),
        Command::Backup(arguments) => backup::backup(&arguments),
        Command::Restore(arguments) => backup::restore(&arguments),
        Command::Reconcile(arguments) => reconcile::run(&arguments),
        Command::Forget(arguments) => forget::run(&arguments),
        Command::Audit(arguments) => audit::run(&arguments),
        Command::Setup(arguments) => setup::run(&arguments),
    };
    outcome.unwrap_or_else(|error| {
        output::error(&error);
        ExitCode::from(2)
    })
}

impl Policies {
    fn load(&self) -> anyhow::Result<crate::cookbook::Cookbooks> {
        match &self.policies {
            Some(folder) => Ok(crate::cookbook::load::folder(folder)?),
            None => Ok(crate::cookbook::load::embedded()),
        }
    }
}
