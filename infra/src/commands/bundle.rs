//! `infra bundle`: what the CDK CLI calls for each file that it has to publish. Prints the zip file's path.

use clap::builder::PossibleValuesParser;
use clap::builder::TypedValueParser;
use migration::Task;

use super::output;
use crate::assets::{Architecture, AssetBucket, Assets, bundle};
use crate::failure::Usage;

#[derive(Debug, clap::Args)]
pub(super) struct BundleArgs {
    /// The function to build
    #[arg(value_name = "FUNCTION", value_parser = tasks())]
    task: Task,
    /// The processor that the function runs on
    #[arg(long, default_value_t)]
    architecture: Architecture,
    /// Refuse to build other sources than those of this digest
    #[arg(long, value_name = "SHA256")]
    sources: Option<String>,
}

fn tasks() -> impl TypedValueParser<Value = Task> {
    PossibleValuesParser::new(Task::ALL.map(Task::binary))
        .try_map(|name| Task::ALL.into_iter().find(|task| task.binary() == name).ok_or("no such function"))
}

pub(super) fn bundle(args: &BundleArgs) -> anyhow::Result<()> {
    // A migration in place needs no more than these built.
    let tasks: &[Task] = if Task::IN_PLACE.contains(&args.task) { &Task::IN_PLACE } else { &Task::ALL };
    let assets = Assets::of_workspace(args.architecture, AssetBucket::default(), tasks)?;
    if args.sources.as_ref().is_some_and(|sources| *sources != assets.sources) {
        let message = "the functions' sources are no longer those that the cloud assembly was made from";
        anyhow::bail!(Usage::new(format!("{message}; run synth again")));
    }
    let file = bundle::bundle(&assets, args.task)?;
    output(&format!("{}\n", file.display()))
}
