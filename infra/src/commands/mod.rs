//! The command line: one file a verb.

mod bundle;
mod context;
mod deploy;
mod destroy;
mod diff;
mod following;
mod graph;
mod signals;
mod site;
mod synth;
mod terminal;

use std::io::{self, Write};
use std::path::Path;

use anyhow::{Context, bail};
use clap::{Parser, Subcommand};
use migration::definition::Definition;

use crate::failure::Usage;

/// Turn a migration into AWS CloudFormation
#[derive(Debug, Parser)]
#[command(name = "infra", version, max_term_width = 100)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Write the cloud assembly, and the template as YAML to stdout
    Synth(synth::SynthArgs),
    /// Deploy the stack, and note it for `run`
    Deploy(deploy::DeployArgs),
    /// Show what a deployment would change
    Diff(diff::DiffArgs),
    /// Delete the stack; what holds data stays unless told
    Destroy(destroy::DestroyArgs),
    /// Draw the state machine, as Mermaid or SVG on stdout
    Graph(graph::GraphArgs),
    /// Build one function and print the path of its zip file: what the CDK CLI calls
    #[command(hide = true)]
    Bundle(bundle::BundleArgs),
}

impl Args {
    /// Carries the command out.
    pub async fn run(self) -> anyhow::Result<()> {
        match self.command {
            Command::Synth(args) => synth::synth(args),
            Command::Deploy(args) => deploy::deploy(args).await,
            Command::Diff(args) => diff::diff(args).await,
            Command::Destroy(args) => destroy::destroy(args).await,
            Command::Graph(args) => graph::graph(&args),
            Command::Bundle(args) => bundle::bundle(&args),
        }
    }
}

/// Writes what the command is for to stdout. A reader that has gone away is no failure.
fn output(text: &str) -> anyhow::Result<()> {
    match io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}

fn definition(file: &Path) -> anyhow::Result<Definition> {
    let text = std::fs::read_to_string(file).with_context(|| {
        Usage::new(format!("expected a migration in {}; name another with --migration", file.display()))
    })?;
    match Definition::from_yaml(&text) {
        Ok(definition) => Ok(definition),
        Err(mistakes) => bail!(Usage::new(format!("{} is not a migration yet:\n{mistakes}", file.display()))),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn help_is_as_it_was_reviewed() {
        insta::assert_snapshot!("help", Args::command().term_width(100).render_long_help());
    }
}
