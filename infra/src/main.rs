//! The CDK app of Segue: `cargo run -p infra -- synth`, which is also what the CDK CLI calls through cdk.json.

mod assembly;
mod stack;
mod template;

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::{Parser, Subcommand};
use migration::definition::Definition;

use crate::assembly::{Assembly, Environment};

/// Turn a migration into AWS CloudFormation
#[derive(Debug, Parser)]
#[command(name = "infra", version, max_term_width = 100)]
struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Write the cloud assembly, and the template as YAML to stdout
    Synth(SynthArgs),
    /// Draw the state machine, as Mermaid on stdout
    Graph,
}

#[derive(Debug, clap::Args)]
struct SynthArgs {
    /// The migration that the stack is for
    #[arg(long, value_name = "FILE", default_value = "migration.yaml")]
    migration: PathBuf,
    /// The folder for the cloud assembly [default: what the CDK CLI asks for, or cdk.out]
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,
}

fn main() -> ExitCode {
    let done = match Args::parse().command {
        Command::Synth(args) => synth(&args),
        Command::Graph => graph(),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _unwritable = writeln!(io::stderr(), "error: {error:#}");
            ExitCode::from(2)
        }
    }
}

fn synth(args: &SynthArgs) -> anyhow::Result<()> {
    let definition = definition(&args.migration)?;
    let cdk_out = std::env::var_os("CDK_OUTDIR").map(PathBuf::from);
    let out = args.out.as_deref().or(cdk_out.as_deref()).unwrap_or(Path::new("cdk.out"));
    let template = stack::template(&definition)?;
    let environment =
        Environment::new(std::env::var("CDK_DEFAULT_ACCOUNT").ok(), std::env::var("CDK_DEFAULT_REGION").ok());
    let assembly = Assembly { stack: stack::name(&definition), environment, template: &template };
    assembly.write(out).with_context(|| format!("the cloud assembly can't be written to {}", out.display()))?;
    // The CDK CLI prints the template itself.
    if cdk_out.is_none() {
        output(&serde_yaml::to_string(&template).context("the template can't be shown as YAML")?)?;
    }
    Ok(())
}

fn graph() -> anyhow::Result<()> {
    output(&asl::mermaid(&migration::workflow::in_place()?))
}

/// A reader that has gone away is no failure.
fn output(text: &str) -> anyhow::Result<()> {
    match io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}

fn definition(file: &Path) -> anyhow::Result<Definition> {
    let text = std::fs::read_to_string(file)
        .with_context(|| format!("expected a migration in {}; name another with --migration", file.display()))?;
    match Definition::from_yaml(&text) {
        Ok(definition) => Ok(definition),
        Err(mistakes) => bail!("{} is not a migration yet:\n{mistakes}", file.display()),
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

    #[test]
    fn the_picture_in_the_readme_is_the_one_that_graph_draws() {
        let picture = asl::mermaid(&migration::workflow::in_place().unwrap());
        assert!(include_str!("../../README.md").contains(&format!("```mermaid\n{picture}```")));
    }
}
