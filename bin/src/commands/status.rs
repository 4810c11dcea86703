//! `run status`: one look at a run, as text or as an object. Telling is what it is for: it ends well however the run is.

use indicatif::HumanCount;
use jiff::Timestamp;
use migration::control::{self, Control};
use migration::cost::Prices;
use migration::plan::{self, Plan};
use migration::prewarm::{self, Raised};
use migration::summary::{self, Segments, SoFar, Status, Summary};
use migration::{Counts, Ledger};
use serde_json::{Value, json};

use crate::args::{Output, SomeRunArgs};
use crate::commands::conclude::conclude;
use crate::commands::which::{self, Which};
use crate::commands::{copies, copy_status, deployed_report};
use crate::engine::step_functions::Deployed;
use crate::engine::{Left, LocalLedger, SeenCopy, rehearsal};
use crate::errors::{CliError, Ended};
use crate::progress::{Rates, Stand};
use crate::{report, show};

pub(crate) async fn status(args: SomeRunArgs) -> Result<Ended, CliError> {
    let output = args.output;
    match which::find(&args).await? {
        Which::UnderWay { ledger, plan } => under_way(&ledger, &plan, output).await?,
        Which::Local { ledger, plan } => of_local(&ledger, &plan, output).await?,
        Which::Deployed { deployed, plan, .. } => of_deployed(&deployed, &plan, output).await?,
    }
    Ok(Ended::Done)
}

/// A run of this folder, through the process that works on it.
async fn under_way(ledger: &Ledger, plan: &Plan, output: Output) -> Result<(), CliError> {
    let copy = match rehearsal::reach(&plan.run).await? {
        Some(clients) => copies::seen(plan, &clients, ledger).await,
        None => None,
    };
    if plan.is_back() {
        return way_back(plan, copy, "another process of this machine").show(plan, output);
    }
    let ended = summary::read(ledger, &plan.run).await?.filter(|summary| summary.attempt == plan.attempt);
    if let Some(summary) = ended {
        // Its process goes on carrying changes.
        let left = Left { copy, ..Left::in_ledger(ledger, &plan.run).await? };
        return conclude(&summary, plan, &left, &Prices::built_in()?, &[], output).map(drop);
    }
    let stand = Stand::read(ledger, plan).await?;
    let rates = rates(plan.started, stand.work());
    let at = stand.words();
    let seen = Seen {
        raised: prewarm::raised_by(ledger, &plan.run).await?,
        state: "running",
        title: format!("is under way in another process of this machine since {}: {at}", plan.started),
        more: vec![words(&rates), asked(ledger, plan).await?],
        object: json!({ "phase": stand.phase, "compared": compared(&stand), "rates": rates }),
        so_far: stand.so_far,
        copy,
    };
    seen.show(plan, output)
}

/// A run of this folder that no process holds has ended, or was killed.
async fn of_local(ledger: &LocalLedger, plan: &Plan, output: Output) -> Result<(), CliError> {
    if summary::read(&ledger.ledger, &plan.run).await?.is_some() {
        return which::report_of_local(ledger, plan, &Prices::built_in()?, output).await.map(drop);
    }
    let seen = Seen {
        so_far: summary::of_plan(&ledger.ledger, plan).await?,
        raised: prewarm::raised_by(&ledger.ledger, &plan.run).await?,
        state: "cut_off",
        title: format!("was cut off before its end; `run resume {}` goes on", plan.run),
        more: vec![format!("ledger      {}", ledger.file.display())],
        object: json!({}),
        copy: None,
    };
    seen.show(plan, output)
}

async fn of_deployed(deployed: &Deployed, plan: &Plan, output: Output) -> Result<(), CliError> {
    if plan.is_back() {
        let (ledger, forth) = (deployed.ledger(), plan.run.forth());
        let copy = plan::read(&ledger, &forth).await?;
        let clients = deployed.clients(copy.as_ref().unwrap_or(plan)).await;
        return way_back(plan, copies::seen(plan, &clients, &ledger).await, &deployed.stack.name).show(plan, output);
    }
    let look = deployed.look(plan, &mut Default::default()).await?;
    let copy = copies::seen(plan, &deployed.clients(plan).await, &deployed.ledger()).await;
    if !look.execution.is_running() {
        let table = plan.definition.source.table.as_str();
        let left = Left::read(&deployed.aws.dynamodb, &deployed.ledger(), &plan.run, table).await?;
        let left = Left { copy, ..left };
        return deployed_report::report(deployed, plan, &look, &left, &Prices::built_in()?, output).map(drop);
    }
    // Since the Map began, or, where Step Functions doesn't tell when that was, since the run did.
    let rates = rates(look.map_started.unwrap_or(look.execution.started), look.stand.work());
    let stack = &deployed.stack;
    let mut more = vec![words(&rates), asked(&deployed.ledger(), plan).await?];
    more.extend(look.children.map(|children| format!("children    {}", children.words())));
    more.push(format!("execution   {}", deployed.execution_arn(plan).console()));
    more.push(format!("dashboard   {}", stack.dashboard));
    let seen = Seen {
        raised: prewarm::raised_by(&deployed.ledger(), &plan.run).await?,
        state: "running",
        title: format!("is under way on stack {} since {}: {}", stack.name, plan.started, look.stand.words()),
        more,
        object: json!({
            "phase": look.stand.phase,
            "compared": compared(&look.stand),
            "rates": rates,
            "children": look.children,
            "execution": deployed.execution_arn(plan).to_string(),
            "stack": stack.name,
        }),
        so_far: look.stand.so_far,
        copy,
    };
    seen.show(plan, output)
}

/// The way back of a copy has no run of its own: it only carries changes.
fn way_back(plan: &Plan, copy: Option<SeenCopy>, place: &str) -> Seen {
    Seen {
        so_far: SoFar::default(),
        raised: None,
        state: "carrying",
        title: format!(
            "is the way back of {}, since {}: changes are carried in {place}",
            plan.run.forth(),
            plan.started
        ),
        more: Vec::new(),
        object: json!({ "phase": "carrying" }),
        copy,
    }
}

/// A run that has no report, at one moment.
struct Seen {
    so_far: SoFar,
    raised: Option<Raised>,
    /// What the object calls it.
    state: &'static str,
    title: String,
    /// Further lines, and further fields of the object.
    more: Vec<String>,
    object: Value,
    copy: Option<SeenCopy>,
}

impl Seen {
    fn show(&self, plan: &Plan, output: Output) -> Result<(), CliError> {
        match output {
            Output::Text => show::output(self.lines(plan).join("\n")),
            Output::Json => show::output(self.json(plan)),
        }
    }

    fn lines(&self, plan: &Plan) -> Vec<String> {
        if plan.is_back() {
            let target = plan.definition.target.as_ref().map(|target| target.table.to_string()).unwrap_or_default();
            let copy = self.copy.iter().flat_map(copy_status::lines_of).map(|line| format!("  {line}"));
            let tables = format!("  tables      {} to {target}", plan.definition.source.table);
            return [format!("{} {}", plan.run, self.title), tables].into_iter().chain(copy).collect();
        }
        let Counts { scanned, written, deleted, unchanged, filtered, gone, failed, .. } = self.so_far.counts;
        let items = [
            (scanned, "scanned"),
            (written, "written"),
            (deleted, "deleted"),
            (unchanged, "unchanged"),
            (filtered, "filtered"),
            (gone, "gone"),
            (failed, "failed"),
        ];
        let items = items.map(|(items, outcome)| format!("{} {outcome}", HumanCount(items))).join(", ");
        let capacity = match &self.raised {
            None => "as it was".to_owned(),
            Some(Raised { before, to, scaling, restored: false, .. }) => {
                let suspended = if scaling.is_empty() { "" } else { ", autoscaling suspended" };
                format!("raised from {} to {}{suspended}", report::words(before), report::words(to))
            }
            Some(Raised { before, .. }) => format!("put back to {}", report::words(before)),
        };
        let mut lines = vec![
            format!("{} {}", plan.run, self.title),
            format!("  table       {}", plan.definition.source.table),
            format!("  segments    {} of {} done", self.so_far.segments_done, plan.definition.segments.get()),
            format!("  items       {items}"),
            format!("  capacity    {capacity}; {}", report::throttled(&self.so_far.counts, &self.so_far.limits)),
        ];
        lines.extend(report::waited(&self.so_far.counts.waits).map(|waited| format!("  {waited}")));
        let copy = self.copy.iter().flat_map(copy_status::lines_of);
        lines.extend(copy.chain(self.more.iter().cloned()).map(|line| format!("  {line}")));
        lines
    }

    /// The object of a report, with what is known meanwhile.
    fn json(&self, plan: &Plan) -> Value {
        let (total, succeeded) = (plan.definition.segments.get(), self.so_far.segments_done);
        let summary = Summary {
            run: plan.run.clone(),
            attempt: plan.attempt,
            engine: plan.engine,
            status: Status::Stopped,
            failure: None,
            segments: Segments { total, succeeded, failed: 0 },
            counts: self.so_far.counts,
            verified: None,
            limits: self.so_far.limits.clone(),
            seconds: Timestamp::now().duration_since(plan.started).as_secs_f64(),
        };
        let mut object = report::json(&summary);
        object["status"] = self.state.into();
        object["capacity"]["raised"] = self.raised.as_ref().is_some_and(|raised| !raised.restored).into();
        if let Some(copy) = &self.copy {
            copy_status::add_to(&mut object, copy);
        }
        if let (Value::Object(object), Value::Object(more)) = (&mut object, &self.object) {
            object.extend(more.clone());
        }
        object
    }
}

/// How many items of both tables a copy has compared.
fn compared(stand: &Stand) -> Option<u64> {
    stand.compared().map(|compared| compared.counts.scanned)
}

fn rates(since: Timestamp, so_far: &SoFar) -> Rates {
    let elapsed = Timestamp::now().duration_since(since).unsigned_abs();
    Rates::between(&Counts::default(), &so_far.counts, elapsed)
}

/// What the run may take just now, and whether it may take anything.
async fn asked(ledger: &Ledger, plan: &Plan) -> Result<String, CliError> {
    let asked = control::read(ledger, &plan.run).await?;
    let budget = crate::commands::control::words(&asked, &plan.definition.budget);
    Ok(match asked {
        Control { stop: true, .. } => "asked       to stop".into(),
        Control { paused: true, .. } => format!("asked       to hold still, until `run go-on {}`", plan.run),
        _ => format!("budget      {budget}"),
    })
}

fn words(rates: &Rates) -> String {
    format!(
        "rates       {} items/s, {} read + {} write units/s since the work began",
        whole(rates.items),
        whole(rates.read_units),
        whole(rates.write_units)
    )
}

fn whole(rate: f64) -> HumanCount {
    HumanCount(rate as u64)
}
