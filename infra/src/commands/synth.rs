//! `infra synth`, which is also what the CDK CLI calls through cdk.json. It reads files and asks nobody: no network, no
//! credentials, no build.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use migration::Task;

use super::context::{self, Context};
use super::{definition, output};
use crate::assembly::{self, Assembly};
use crate::assets::{Architecture, AssetBucket, Assets};
use crate::failure::Usage;
use crate::stack;

/// Each option can also come as the CDK CLI's context: `npx aws-cdk synth -c segue:bucket=NAME`. Flags win.
#[derive(Debug, clap::Args)]
pub(super) struct SynthArgs {
    /// The migration that the stack is for [default: migration.yaml]
    #[arg(long, value_name = "FILE")]
    migration: Option<PathBuf>,
    /// The folder for the cloud assembly [default: what the CDK CLI asks for, or cdk.out]
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,
    /// The processor that the functions run on [default: arm64]
    #[arg(long)]
    architecture: Option<Architecture>,
    /// The bucket for the functions' code and the template [default: the one that `cdk bootstrap` makes]
    #[arg(long, value_name = "NAME")]
    bucket: Option<AssetBucket>,
}

pub(super) fn synth(args: SynthArgs) -> anyhow::Result<()> {
    let context = Context::of_cdk()?;
    let migration = args.migration.or(context.migration).unwrap_or_else(|| "migration.yaml".into());
    let definition = definition(&migration)?;
    let architecture = args.architecture.or(context.architecture).unwrap_or_default();
    let bucket = args.bucket.or(context.bucket).unwrap_or_default();

    let cdk_out = context::folder();
    let out = match (&args.out, &cdk_out) {
        (Some(out), _) => unspoilt(out)?,
        (None, Some(out)) => out,
        (None, None) => unspoilt(Path::new("cdk.out"))?,
    };
    let assets = Assets::of_workspace(architecture, bucket, Task::of(&definition))?;
    let template = stack::template(&definition, &assets)?;
    let assembly = Assembly {
        stack: stack::name(&definition),
        environment: context::environment(),
        template: &template,
        assets: &assets,
    };
    assembly.write(out).with_context(|| {
        let message =
            format!("expected a folder for the cloud assembly, found that {} can't be written", out.display());
        Usage::new(format!("{message}; name another with --out"))
    })?;
    // The CDK CLI prints the template itself.
    if cdk_out.is_none() {
        output(&serde_yaml::to_string(&template).context("the template can't be shown as YAML")?)?;
    }
    Ok(())
}

/// The assembly's files have names that are usual elsewhere, `manifest.json` above all: they must not take the place of
/// anything but an earlier assembly.
fn unspoilt(folder: &Path) -> anyhow::Result<&Path> {
    let is_used = std::fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_some());
    if is_used && !assembly::is_in(folder) {
        let message =
            format!("expected an empty folder or a cloud assembly, found other files in {}", folder.display());
        bail!(Usage::new(format!("{message}; name another with --out")));
    }
    Ok(folder)
}
