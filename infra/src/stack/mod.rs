//! The one stack of a migration: its ledger, its functions, its state machines, and what watches over them.
//!
//! The stack may change the migration's table and nothing else: every permission names what it is for. A second stack of
//! another migration shares nothing with it.

mod alarms;
mod board;
mod copy;
mod functions;
mod permissions;
mod storage;
mod workflow;

#[cfg(test)]
mod tests;

use anyhow::Context;
use migration::definition::Definition;
use migration::deployment::{self, Output};

use crate::assets::Assets;
use crate::cfn::dynamodb::{self, Table};
use crate::cfn::{ArnOf, Expr, NameOf, Template, Text, pseudo};

/// The stack's name: one for each migration.
pub fn name(definition: &Definition) -> String {
    deployment::stack_name(&definition.migration)
}

/// The stack's template.
pub fn template(definition: &Definition, assets: &Assets) -> anyhow::Result<Template> {
    let source = Source::of(definition);
    let mut template =
        Template::new(format!("Segue: the migration {} of table {}", definition.migration, definition.source.table));
    template.metadata("SegueMigration", canonical(definition)?);
    let storage = storage::add(&mut template)?;
    let copy = copy::add(&mut template, definition, functions::replay_seconds())?;
    let copy = copy.as_ref();
    let setting = functions::Setting { definition, assets, source: &source, storage: &storage, copy };
    let functions = functions::add(&mut template, &setting)?;
    let machines = workflow::add(&mut template, definition, &functions, &storage)?;
    let watched = alarms::Watched { definition, source: &source, machines: &machines, functions: &functions, copy };
    let topic = alarms::add(&mut template, &watched)?;
    let watched = board::Watched { definition, functions: &functions, machines: &machines, topic: &topic, copy };
    let dashboard = board::add(&mut template, &watched)?;
    for output in Output::ALL {
        let (description, value) = match output {
            Output::StateMachineArn => {
                ("The state machine that runs the migration", machines.workflow.arn().into_text())
            }
            Output::LedgerTableName => {
                ("The table of all runs: plans, checkpoints, reports", storage.ledger.name().into_text())
            }
            Output::ResultsBucketName => {
                ("The bucket for the results of the Map's children", storage.results.name().into_text())
            }
            Output::SourceTableName => ("The table that the stack may change", source.name.clone().into_text()),
            Output::MigrationDigest => {
                ("What was deployed; a run of anything else is refused", definition.digest().into())
            }
            Output::DashboardUrl => ("Where a run can be watched", board::url(&dashboard)),
        };
        template.output(output.name(), description, value)?;
    }
    if let Some(copy) = copy {
        copy.outputs(&mut template, &functions)?;
    }
    Ok(template)
}

/// The table that the migration changes. It stands outside of the stack.
struct Source {
    name: Expr<NameOf<Table>>,
    arn: Expr<ArnOf<Table>>,
}

impl Source {
    fn of(definition: &Definition) -> Self {
        let name = Expr::named(definition.source.table.as_str());
        Self { arn: dynamodb::table_arn(name.clone()), name }
    }
}

/// The migration as JSON that is always the same, so that anyone can read what was deployed. As text: CloudFormation
/// would look for functions of its own inside of an object, and a migration may have an attribute named `Ref`.
fn canonical(definition: &Definition) -> anyhow::Result<String> {
    let mut json = serde_json::to_value(definition).context("the migration can't be written as JSON")?;
    json.sort_all_objects();
    Ok(format!("{json:#}"))
}

/// The console's page for something of this region.
fn console(page: Expr<Text>) -> Expr<Text> {
    let region = pseudo::region;
    Expr::concat(["https://".into(), region(), ".console.aws.amazon.com/".into(), page])
}
