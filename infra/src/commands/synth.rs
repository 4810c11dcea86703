//! `infra synth`, which is also what the CDK CLI calls through cdk.json.

use std::path::{Path, PathBuf};

use anyhow::Context;

use super::{definition, output};
use crate::assembly::{Assembly, Environment};
use crate::assets::Assets;
use crate::stack;

#[derive(Debug, clap::Args)]
pub(super) struct SynthArgs {
    /// The migration that the stack is for
    #[arg(long, value_name = "FILE", default_value = "migration.yaml")]
    migration: PathBuf,
    /// The folder for the cloud assembly [default: what the CDK CLI asks for, or cdk.out]
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,
}

pub(super) fn synth(args: &SynthArgs) -> anyhow::Result<()> {
    let definition = definition(&args.migration)?;
    let cdk_out = std::env::var_os("CDK_OUTDIR").map(PathBuf::from);
    let out = args.out.as_deref().or(cdk_out.as_deref()).unwrap_or(Path::new("cdk.out"));
    let assets = Assets { architecture: Default::default(), bucket: Default::default(), sources: String::new() };
    let template = stack::template(&definition, &assets)?;
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
