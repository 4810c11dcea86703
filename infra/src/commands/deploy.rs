//! `infra deploy`: a change set that is shown and agreed to, carried out and followed to its end.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::{Context, bail};
use aws_sdk_cloudformation::types::{ChangeSetType, ResourceChange};
use console::style;
use jiff::Timestamp;
use migration::Task;

use super::following::{Operation, causes, follow};
use super::output;
use super::signals::Signals;
use super::site::{FunctionArgs, Site, Which};
use super::terminal::{Consent, line};
use crate::assets::Assets;
use crate::deploy::bucket::{self, Bucket, Choice, Wish};
use crate::deploy::change_set::{self, ChangeSet, Request, Verdict};
use crate::deploy::changes::{self, Deed};
use crate::deploy::events::Seen;
use crate::deploy::follow::{seen_before, seen_so_far};
use crate::deploy::losses::losses;
use crate::deploy::state::{self, Next};
use crate::deploy::{executions, stacks, upload};
use crate::failure::{Stopped, Usage};
use crate::stack;

#[derive(Debug, clap::Args)]
pub(super) struct DeployArgs {
    #[command(flatten)]
    which: Which,
    #[command(flatten)]
    functions: FunctionArgs,
    /// Make that bucket if there is none: private, encrypted, reached by TLS only
    #[arg(long)]
    create_bucket: bool,
    /// Take the functions' code from zip files that were built elsewhere: TASK.zip for each task
    #[arg(long, value_name = "FOLDER")]
    code: Option<PathBuf>,
    /// Deploy without asking
    #[arg(long)]
    yes: bool,
    /// Only follow a deployment that is under way
    #[arg(long, conflicts_with_all = ["architecture", "bucket", "create_bucket", "code", "yes"])]
    follow: bool,
}

/// What became of a change set before anything was changed.
enum Decision {
    Agreed,
    Declined,
    Nothing,
    Impossible(String),
    Interrupted,
}

pub(super) async fn deploy(args: DeployArgs) -> anyhow::Result<()> {
    let definition = args.which.definition()?;
    let mut signals = Signals::listen()?;
    if args.follow {
        let site = signals.unless("stopped", Site::find(&args.which, definition)).await?;
        return follow_only(&site, &mut signals).await;
    }
    let diff = format!("`cargo run -p infra -- diff{}` shows what would change", args.which.flags());
    let consent = Consent::of(args.yes, &diff)?;
    let preparing = async {
        let site = Site::find(&args.which, definition).await?;
        let kind = permitted(&site)?;
        leaves_copies_alone(&site).await?;
        let template = upload(&args, &site).await?;
        anyhow::Ok((site, kind, template))
    };
    let (site, kind, template) = signals.unless("stopped; the stack was not changed", preparing).await?;
    // Nobody else's, and not that of an earlier attempt.
    let name = Timestamp::now().strftime("segue-%Y%m%dT%H%M%S%3fZ").to_string();
    let request = Request {
        stack: &site.stack,
        migration: &site.definition.migration,
        kind,
        template: &template.url,
        name: &name,
    };
    match change(&site, &request, consent, &mut signals).await? {
        Some(set) => carry_out(&site, &set, template.width, &name, &mut signals).await,
        None => {
            line("no changes");
            succeed(&site).await
        }
    }
}

/// What may be done with the stack that is there. Says where this is, and what is there.
fn permitted(site: &Site) -> anyhow::Result<ChangeSetType> {
    let Site { stack, found, flags, .. } = site;
    site.check_owner()?;
    let status = found.as_ref().map(|found| &found.status);
    let state = status.map_or("it is new", |status| status.as_str());
    line(format_args!("stack {stack} in {}: {state}", site.aws.place()));
    match Next::of(status) {
        Next::ChangeSet(kind) => Ok(kind),
        Next::Refuse(obstacle) => {
            bail!(Usage::new(format!("stack {stack} is {state}: {}", obstacle.advice(stack, flags))))
        }
    }
}

/// Refuses what would take from a copy that goes on something that it stands on.
async fn leaves_copies_alone(site: &Site) -> anyhow::Result<()> {
    let Site { aws, definition, found, .. } = site;
    let Some(found) = found else { return Ok(()) };
    let losses = losses(&found.outputs, definition, &aws.region);
    if losses.is_empty() { Ok(()) } else { executions::none_in_step(aws, found, &losses.join(" and ")).await }
}

/// The template where CloudFormation finds it.
struct Uploaded {
    url: String,
    /// The length of its longest logical id.
    width: usize,
}

/// Brings the functions' code and the template to the bucket.
async fn upload(args: &DeployArgs, site: &Site) -> anyhow::Result<Uploaded> {
    let Site { aws, definition, .. } = site;
    let built = args.code.as_deref().map(|folder| upload::built_elsewhere(folder, Task::of(definition))).transpose()?;
    let bucket = bucket(args, site).await?;
    let assets = Assets::of_workspace(args.functions.architecture, bucket.asset, Task::of(definition))?;
    let template = serde_json::to_value(stack::template(definition, &assets)?)?;
    let missing = upload::missing(aws, &bucket.name, &assets).await?;
    if !missing.is_empty() {
        let files = match built {
            Some(files) => files,
            None => build(assets.clone()).await?,
        };
        for task in missing {
            let file = files.get(&task).with_context(|| format!("the function of {task} was not built"))?;
            line(format_args!("uploading the code of {task} to {}", bucket.name));
            upload::code(aws, &bucket.name, &assets, task, file).await?;
        }
    }
    let ids = template["Resources"].as_object().into_iter().flat_map(|resources| resources.keys());
    let width = ids.map(String::len).max().unwrap_or_default();
    Ok(Uploaded { url: upload::template(aws, &bucket.name, &format!("{template:#}")).await?, width })
}

/// Builds the functions, without holding up the signals.
async fn build(assets: Assets) -> anyhow::Result<BTreeMap<Task, PathBuf>> {
    tokio::task::spawn_blocking(move || crate::assets::bundle::bundle_all(&assets))
        .await
        .context("the functions can't be built")?
}

async fn bucket(args: &DeployArgs, site: &Site) -> anyhow::Result<Bucket> {
    let aws = &site.aws;
    let named = args.functions.bucket.as_ref();
    match bucket::choose(aws, Wish { named, create: args.create_bucket }).await? {
        Choice::Use(bucket) => Ok(bucket),
        Choice::Create(bucket) => {
            line(format_args!("making the bucket {}", bucket.name));
            bucket::create(aws, &bucket.name).await?;
            Ok(bucket)
        }
        Choice::None => Err(bucket::absent(aws, named)),
    }
}

/// Makes the change set and has it agreed to. What isn't carried out is taken back; `None` is nothing to change.
async fn change(
    site: &Site,
    request: &Request<'_>,
    consent: Consent,
    signals: &mut Signals,
) -> anyhow::Result<Option<ChangeSet>> {
    let client = &site.aws.cloudformation;
    let withdraw = || change_set::withdraw(client, request.stack, request.name, site.found.is_none());
    // Not interrupted: a change set that is asked for may come to be after its answer was given up.
    let created = change_set::create(client, request).await;
    let decided = match &created {
        Ok(set) => tokio::select! {
            biased;
            decided = decide(site, set, consent) => decided,
            () = signals.next() => Ok(Decision::Interrupted),
        },
        Err(_) => Ok(Decision::Interrupted),
    };
    if matches!(decided, Ok(Decision::Agreed)) {
        return created.map(Some);
    }
    let withdrawn = withdraw().await;
    let set = created?;
    let decided = decided?;
    withdrawn?;
    match decided {
        Decision::Agreed => Ok(Some(set)),
        Decision::Nothing => Ok(None),
        Decision::Declined => bail!(Usage::new("not agreed to; nothing was changed")),
        Decision::Interrupted => bail!(Stopped::new("stopped; nothing was changed")),
        Decision::Impossible(reason) => bail!("nothing was changed, as CloudFormation can't do that: {reason}"),
    }
}

/// Shows what would change, and asks.
async fn decide(site: &Site, set: &ChangeSet, consent: Consent) -> anyhow::Result<Decision> {
    let (verdict, changes) = change_set::wait(&site.aws.cloudformation, set).await?;
    match verdict {
        Verdict::NoChanges => Ok(Decision::Nothing),
        Verdict::Failed(reason) => Ok(Decision::Impossible(reason)),
        Verdict::Pending | Verdict::Ready => {
            show(&changes);
            let Site { stack, .. } = site;
            let question = format!("deploy this to {stack} in {}?", site.aws.place());
            let agreed = consent.to(&question).await?;
            Ok(if agreed { Decision::Agreed } else { Decision::Declined })
        }
    }
}

fn show(changes: &[ResourceChange]) {
    let lines = changes::lines(changes);
    let width = |text: fn(&changes::Line) -> &str| lines.iter().map(|line| text(line).len()).max().unwrap_or_default();
    let (resource, kind) = (width(|line| &line.resource), width(|line| &line.kind));
    for change in &lines {
        let deed = style(format!("{} {:<11}", change.deed.sign(), change.deed.word())).for_stderr();
        let deed = match change.deed {
            Deed::Add | Deed::Import => deed.green(),
            Deed::Change => deed.yellow(),
            Deed::MayReplace | Deed::Replace | Deed::Remove => deed.red(),
        };
        let text = format!("{:<resource$}  {:<kind$}  {}", change.resource, change.kind, change.properties);
        line(format_args!("  {deed}  {}", text.trim_end()));
        if let Some(warning) = change.warning {
            line(format_args!("    {}", style(format!("! {}: {warning}", change.resource)).for_stderr().red().bold()));
        }
    }
    if lines.is_empty() {
        line("  only outputs, tags or descriptions change");
    }
}

fn operation<'o>(site: &Site, id: &'o str, seen: Seen, width: usize) -> Operation<'o> {
    let again = format!("cargo run -p infra -- deploy{} --follow", site.flags);
    Operation { id, seen, what: "the deployment", again, width }
}

async fn carry_out(
    site: &Site,
    set: &ChangeSet,
    width: usize,
    token: &str,
    signals: &mut Signals,
) -> anyhow::Result<()> {
    let client = &site.aws.cloudformation;
    let seen = seen_so_far(client, &set.stack).await?;
    change_set::execute(client, set, token).await?;
    let followed = follow(site, operation(site, &set.stack, seen, width), signals).await?;
    if state::is_success(&followed.status) {
        return succeed(site).await;
    }
    let (stack, status) = (&site.stack, followed.status.as_str());
    let advice = state::after_failure(&followed.status, stack, &site.flags);
    bail!("the deployment failed{}\nstack {stack} is {status} now: {advice}", causes(&followed))
}

/// Prints what the stack tells, leaves the note, and says what comes next.
async fn succeed(site: &Site) -> anyhow::Result<()> {
    let stack = stacks::find(&site.aws.cloudformation, &site.stack).await?;
    let Some(stack) = stack else { bail!("stack {} has been deleted by somebody else", site.stack) };
    site.note()?;
    line(format_args!("{} is deployed; `{}` in this folder runs on it, and asks first", site.stack, site.run));
    let outputs: String = stack.outputs.iter().map(|(name, value)| format!("{name}: {value}\n")).collect();
    output(&outputs)
}

async fn follow_only(site: &Site, signals: &mut Signals) -> anyhow::Result<()> {
    let Site { stack, found, .. } = site;
    site.check_owner()?;
    let Some(found) = found else {
        bail!(Usage::new(format!("expected the stack {stack} in {}, found none", site.aws.place())))
    };
    let status = if state::is_final(&found.status) {
        line(format_args!("stack {stack} in {}: {}, nothing is under way", site.aws.place(), found.status));
        found.status.clone()
    } else {
        let seen = seen_before(&site.aws.cloudformation, &found.id).await?;
        let followed = follow(site, operation(site, &found.id, seen, 0), signals).await?;
        if !state::is_success(&followed.status) {
            line(format_args!("the deployment failed{}", causes(&followed)));
        }
        followed.status
    };
    if state::is_success(&status) {
        return succeed(site).await;
    }
    bail!("stack {stack} is {status}: {}", state::after_failure(&status, stack, &site.flags))
}
