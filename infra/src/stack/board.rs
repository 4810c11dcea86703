//! The dashboard that a person watches a run on: what it does, what it meets, and what it costs.

use anyhow::Context;
use migration::Task;
use migration::cost::Prices;
use migration::definition::Definition;
use migration::deployment::Metric as Ours;

use super::alarms::{of_machine, of_run};
use super::console;
use super::copy::Copy;
use super::functions::Functions;
use super::workflow::Machines;
use crate::cfn::cloudwatch::{Dashboard, Metric};
use crate::cfn::dashboard::{Body, Graph, Line, Widget};
use crate::cfn::sns::Topic;
use crate::cfn::sqs::Queue;
use crate::cfn::{Expr, Handle, Template, Text, pseudo};

/// What the dashboard is about.
pub(super) struct Watched<'w> {
    pub(super) definition: &'w Definition,
    pub(super) functions: &'w Functions,
    pub(super) machines: &'w Machines,
    pub(super) topic: &'w Handle<Topic>,
    pub(super) copy: Option<&'w Copy<'w>>,
}

pub(super) fn add(template: &mut Template, watched: &Watched) -> anyhow::Result<Handle<Dashboard>> {
    let prices = Prices::built_in()?;
    let mut rows = vec![
        (7, vec![watched.words()]),
        (4, vec![watched.so_far(), watched.cost_so_far(&prices)]),
        (6, vec![items(), segments()]),
        (6, vec![watched.units(Side::Write), watched.units(Side::Read)]),
        (6, vec![watched.throttles(), watched.errors()]),
        (6, vec![watched.cost(&prices), watched.duration(), watched.concurrency()]),
    ];
    if let Some(copy) = watched.copy {
        rows.insert(2, (6, vec![backlog(copy), watched.lag(copy)]));
    }
    let body = Body::rows("-PT3H", rows).to_text().context("the dashboard can't be written as JSON")?;
    // Dashboards of one account share their names over all regions.
    let name = Expr::concat([pseudo::stack_name(), "-".into(), pseudo::region()]);
    Ok(template.add("Dashboard", Dashboard { dashboard_name: Some(name), ..Dashboard::new(body) })?)
}

/// The dashboard's page in the console.
pub(super) fn url(dashboard: &Handle<Dashboard>) -> Expr<Text> {
    let name = dashboard.name().into_text();
    let region = pseudo::region();
    console(Expr::concat(["cloudwatch/home?region=".into(), region, "#dashboards:name=".into(), name]))
}

#[derive(Clone, Copy)]
enum Side {
    Read,
    Write,
}

/// A table that the run works on.
struct Worked {
    /// What it is called where there may be two.
    called: &'static str,
    name: Expr<Text>,
}

impl Worked {
    fn metric(&self, name: &'static str) -> Metric {
        Metric::new("AWS/DynamoDB", name, "TableName", self.name.clone())
    }
}

impl Watched<'_> {
    /// The table that the run reads or writes; none where it stands elsewhere, and its metrics with it.
    fn table(&self, side: Side) -> Option<Worked> {
        let source = || self.definition.source.table.as_str().into();
        Some(match (self.copy, side) {
            (None, _) => Worked { called: "the table", name: source() },
            (Some(_), Side::Read) => Worked { called: "the source", name: source() },
            (Some(copy), Side::Write) => Worked { called: "the target", name: copy.near()?.as_str().into() },
        })
    }

    fn lambda(&self, task: Task, name: &'static str) -> Metric {
        Metric::new("AWS/Lambda", name, "FunctionName", self.functions.of(task).name().into_text())
    }

    /// What runs here, and how to follow, stop and restore.
    fn words(&self) -> Widget {
        let Definition { migration, source, target, .. } = self.definition;
        let (to, stop, failed) = match target {
            None => (String::new(), STOP_IN_PLACE, FAILED_IN_PLACE),
            Some(target) => (format!(" to {}", target.table), STOP_A_COPY, FAILED_IN_A_COPY),
        };
        let executions = console(Expr::concat([
            "states/home?region=".into(),
            pseudo::region(),
            "#/statemachines/view/".into(),
            self.machines.workflow.arn().into_text(),
        ]));
        let markdown = Expr::concat([
            format!("# Segue: the migration {migration} of table {}{to}\n", source.table).into(),
            "**Follow** a run: `cargo run --bin run -- watch`, or its [execution](".into(),
            executions,
            format!(
                ").\n\n{stop}\n\n**Restore** by hand, should an alarm ask for it: `cargo run --bin run -- restore RUN`.\n\n{failed}\
                 \n\n**Alarms** go to the topic `"
            )
            .into(),
            self.topic.arn().into_text(),
            "`: subscribe to it. Numbers are sums over the time that is shown above.".into(),
        ]);
        Widget::Text { markdown }
    }

    fn so_far(&self) -> Widget {
        let lines = vec![
            Line::metric("segments done", of_run(Ours::SegmentsDone)),
            Line::metric("items read", of_run(Ours::ItemsScanned)),
            Line::metric("changed", of_run(Ours::ItemsWritten)),
            Line::metric("deleted", of_run(Ours::ItemsDeleted)),
            Line::metric("failed", of_run(Ours::ItemsFailed)),
        ];
        Graph::numbers("So far", pseudo::region(), lines).into()
    }

    /// The units of the run, and what the table and its owner have to do with them.
    fn units(&self, side: Side) -> Widget {
        let (title, ours, consumed, provisioned) = match side {
            Side::Read => {
                ("Read units a second", Ours::ReadUnits, "ConsumedReadCapacityUnits", "ProvisionedReadCapacityUnits")
            }
            Side::Write => (
                "Write units a second",
                Ours::WriteUnits,
                "ConsumedWriteCapacityUnits",
                "ProvisionedWriteCapacityUnits",
            ),
        };
        let mut lines = Vec::from(rate("the run", "run", of_run(ours)));
        if let Some(table) = self.table(side) {
            lines.extend(rate(&format!("{}, by everyone", table.called), "table", table.metric(consumed)));
            // Nothing where the table is on demand.
            let label = format!("{}'s provisioned capacity", table.called);
            lines.push(Line::metric(label, table.metric(provisioned)).stat("Average"));
        }
        Graph::lines(title, pseudo::region(), "units/s", lines).into()
    }

    /// How late changes are, in seconds.
    fn lag(&self, copy: &Copy) -> Widget {
        let age = Metric::new("AWS/SQS", "ApproximateAgeOfOldestMessage", "QueueName", copy.changes.name().into_text());
        let iterator = Line::metric("in the stream, ms", self.lambda(Task::CaptureChanges, "IteratorAge"));
        let lines = vec![
            iterator.stat("Maximum").id("ms").hidden(),
            Line::expression("in the stream", "ms / 1000"),
            Line::metric("in the queue", age).stat("Maximum"),
        ];
        Graph::lines("The oldest change that isn't applied", pseudo::region(), "seconds", lines).into()
    }

    fn throttles(&self) -> Widget {
        let mut lines = vec![
            Line::metric("the run's reads", of_run(Ours::ThrottledReads)),
            Line::metric("the run's writes", of_run(Ours::ThrottledWrites)),
        ];
        let by_everyone = [(Side::Read, "reads", "ReadThrottleEvents"), (Side::Write, "writes", "WriteThrottleEvents")];
        lines.extend(by_everyone.into_iter().filter_map(|(side, what, name)| {
            let table = self.table(side)?;
            Some(Line::metric(format!("{}'s {what}, by everyone", table.called), table.metric(name)))
        }));
        Graph::lines("Throttled requests a minute", pseudo::region(), "requests", lines).into()
    }

    fn errors(&self) -> Widget {
        let Machines { workflow, restore_afterwards, .. } = self.machines;
        let mut lines = vec![
            Line::metric("items that failed", of_run(Ours::ItemsFailed)),
            Line::metric("conflicts with other writers", of_run(Ours::Conflicts)),
            Line::metric("runs that failed", of_machine(workflow, "ExecutionsFailed")),
            Line::metric("runs that timed out", of_machine(workflow, "ExecutionsTimedOut")),
            Line::metric("runs that were stopped", of_machine(workflow, "ExecutionsAborted")),
            Line::metric("restores that failed", of_machine(restore_afterwards, "ExecutionsFailed")),
        ];
        let tasks = Task::of(self.definition).iter();
        lines.extend(tasks.map(|task| Line::metric(format!("calls of {task}"), self.lambda(*task, "Errors"))));
        Graph::lines("Failures a minute", pseudo::region(), "failures", lines).into()
    }

    fn duration(&self) -> Widget {
        let duration = |label, stat| Line::metric(label, self.lambda(Task::MigrateSegment, "Duration")).stat(stat);
        let lines = vec![duration("mean", "Average"), duration("99 of 100", "p99"), duration("longest", "Maximum")];
        Graph::lines("A worker's call", pseudo::region(), "ms", lines).into()
    }

    fn concurrency(&self) -> Widget {
        let lines = vec![
            Line::metric("at work", self.lambda(Task::MigrateSegment, "ConcurrentExecutions")).stat("Maximum"),
            Line::metric("turned away by the account's limit", self.lambda(Task::MigrateSegment, "Throttles")),
        ];
        Graph::lines("Workers", pseudo::region(), "functions", lines).into()
    }

    fn cost_so_far(&self, prices: &Prices) -> Widget {
        let title = format!("DynamoDB so far, at the prices of {}", prices.region);
        let cost = Line::expression(ON_DEMAND, on_demand(prices));
        Graph::numbers(title, pseudo::region(), vec![reads(), writes(), cost]).into()
    }

    fn cost(&self, prices: &Prices) -> Widget {
        let Prices { provisioned_read_unit_hour: read, provisioned_write_unit_hour: write, .. } = prices;
        let provisioned = [
            (Side::Read, "provisioned read units", "ProvisionedReadCapacityUnits", "rp", read),
            (Side::Write, "provisioned write units", "ProvisionedWriteCapacityUnits", "wp", write),
        ];
        let (mut lines, mut terms) = (vec![reads(), writes()], Vec::new());
        for (side, label, name, id, price) in provisioned {
            let Some(table) = self.table(side) else { continue };
            lines.push(Line::metric(label, table.metric(name)).stat("Average").id(id).hidden());
            terms.push(format!("FILL({id}, 0) * {price}"));
        }
        let by_the_hour = format!("RUNNING_SUM(({}) * PERIOD(rp) / 3600)", terms.join(" + "));
        let label = match self.copy {
            None => "the table's capacity while it is provisioned, $",
            Some(_) => "the source's reads and the target's writes while they are provisioned, $",
        };
        lines.push(Line::expression(ON_DEMAND, format!("RUNNING_SUM({})", on_demand(prices))));
        lines.push(Line::expression(label, by_the_hour));
        let title = format!("Cost of DynamoDB, at the prices of {}", prices.region);
        let graph = Graph::lines(title, pseudo::region(), "$", lines);
        // DynamoDB tells what is provisioned every five minutes.
        Graph { period: 300, ..graph }.into()
    }
}

const STOP_IN_PLACE: &str = "**Stop** it: `aws stepfunctions stop-execution --execution-arn ARN`. Pages under way are finished, \
                             what is changed stays changed, and the capacity is put back.";
/// No execution captures changes, and none applies them.
const STOP_A_COPY: &str = "**Stop** it: `cargo run --bin run -- stop RUN`. What is being captured is captured all the same, and \
                           waits for up to 14 days; `cargo run --bin run -- resume RUN` goes on.\n\n**Give it up**, with what \
                           captures and applies changes: `cargo run --bin run -- cutover RUN --abort`.";
const FAILED_IN_PLACE: &str = "**Items that failed**: `cargo run --bin run -- failures RUN`.";
const FAILED_IN_A_COPY: &str = "**Items that failed**: `cargo run --bin run -- failures RUN`; changes that did: `cargo run --bin \
                                run -- changes RUN`.";

/// What a table that is provisioned meanwhile doesn't cost.
const ON_DEMAND: &str = "the run's units while the table is on demand, $";

fn items() -> Widget {
    let lines = [
        ("read", "read", Ours::ItemsScanned),
        ("changed", "changed", Ours::ItemsWritten),
        ("deleted", "deleted", Ours::ItemsDeleted),
        ("as wanted already", "unchanged", Ours::ItemsUnchanged),
        ("failed", "failed", Ours::ItemsFailed),
    ];
    let lines = lines.into_iter().flat_map(|(label, id, metric)| rate(label, id, of_run(metric)));
    Graph::lines("Items a second", pseudo::region(), "items/s", lines.collect()).into()
}

fn backlog(copy: &Copy) -> Widget {
    let queue = |queue: &Handle<Queue>, name| Metric::new("AWS/SQS", name, "QueueName", queue.name().into_text());
    let lines = vec![
        Line::metric("waiting", queue(&copy.changes, "ApproximateNumberOfMessagesVisible")).stat("Maximum"),
        Line::metric("being applied", queue(&copy.changes, "ApproximateNumberOfMessagesNotVisible")).stat("Maximum"),
        Line::metric("put aside", queue(&copy.dead_letters, "ApproximateNumberOfMessagesVisible")).stat("Maximum"),
    ];
    Graph::lines("Changes", pseudo::region(), "changes", lines).into()
}

fn segments() -> Widget {
    let done = Line::metric("a minute", of_run(Ours::SegmentsDone)).id("done").hidden();
    let so_far = Line::expression("done", "RUNNING_SUM(FILL(done, 0))");
    Graph::lines("Segments done", pseudo::region(), "segments", vec![done, so_far]).into()
}

/// A metric's sum, and what it is by the second.
fn rate(label: &str, id: &str, metric: Metric) -> [Line; 2] {
    [
        Line::metric(format!("{label}, sum"), metric).id(id).hidden(),
        Line::expression(label, format!("{id} / PERIOD({id})")),
    ]
}

fn reads() -> Line {
    Line::metric("read units", of_run(Ours::ReadUnits)).id("r").hidden()
}

fn writes() -> Line {
    Line::metric("write units", of_run(Ours::WriteUnits)).id("w").hidden()
}

/// What [`reads`] and [`writes`] cost on demand, period by period.
fn on_demand(prices: &Prices) -> String {
    let a_unit = |a_million: f64| a_million / 1e6;
    let read = a_unit(prices.on_demand_million_read_units);
    let write = a_unit(prices.on_demand_million_write_units);
    format!("FILL(r, 0) * {read} + FILL(w, 0) * {write}")
}
