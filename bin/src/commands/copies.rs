//! A copy as the commands that look after it reach it: its tables, its ledger, and what carries its changes, on a stack, in
//! another process of this machine, or in a rehearsal's database that nobody holds.

use std::sync::Arc;

use migration::cutover::Look;
use migration::plan::{self, Engine, Job, Plan};
use migration::{Ledger, Services, cutover};

use crate::args::RunArgs;
use crate::commands::which::{self, Which};
use crate::engine::{Clients, LocalLedger, SeenCopy, rehearsal};
use crate::errors::CliError;

/// A copy that is reached.
pub(crate) struct Copy {
    pub(crate) plan: Box<Plan>,
    pub(crate) services: Arc<Services>,
    /// Where it is, in words.
    pub(crate) place: String,
    /// The ledger's file, held for as long as this is.
    _held: Option<LocalLedger>,
}

/// The copy of the run that is named.
pub(crate) async fn find(args: &RunArgs) -> Result<Copy, CliError> {
    match which::find_named(args).await? {
        Which::UnderWay { ledger, plan } => {
            let clients = match rehearsal::reach(&plan.run).await? {
                Some(clients) => clients,
                None => which::connect(&plan, "looks at").await?,
            };
            let services = clients.services(ledger, clients.carrier.clone());
            Ok(Copy {
                plan,
                services: Arc::new(services),
                place: "in another process of this machine".into(),
                _held: None,
            })
        }
        Which::Local { ledger, plan } => {
            let clients = which::connect(&plan, "looks at").await?;
            let carrier = match &clients.database {
                Some(database) if plan.engine == Engine::Embedded => Some(rehearsal::carrier(database).await?),
                _ => None,
            };
            let services = Arc::new(clients.services(ledger.ledger.clone(), carrier));
            if let Some(database) = &clients.database {
                rehearsal::register(database, &services);
            }
            Ok(Copy { plan, services, place: "on this machine".into(), _held: Some(ledger) })
        }
        Which::Deployed { deployed, plan, .. } => {
            // Of a way back the copy knows where the two tables are.
            let copy = plan::read(&deployed.ledger(), &plan.run.forth()).await?;
            let clients = deployed.clients(copy.as_ref().unwrap_or(&plan)).await;
            let services = clients.services(deployed.ledger(), clients.carrier.clone());
            let place = format!(
                "in {}, account {}, on stack {}",
                deployed.aws.place(),
                deployed.stack.account,
                deployed.stack.name
            );
            Ok(Copy { plan, services: Arc::new(services), place, _held: None })
        }
    }
}

/// How the copy of a run stands; nothing in place, and for a run that only reads.
pub(crate) async fn seen(plan: &Plan, clients: &Clients, ledger: &Ledger) -> Option<SeenCopy> {
    if plan.definition.target.is_none() || plan.job != Job::Migrate {
        return None;
    }
    Some(look(plan, clients, ledger).await.map(Box::new).map_err(|error| error.to_string()))
}

async fn look(plan: &Plan, clients: &Clients, ledger: &Ledger) -> Result<Look, CliError> {
    let carrier = match &clients.database {
        Some(database) => Some(rehearsal::carrier(database).await?),
        None => clients.carrier.clone(),
    };
    Ok(cutover::look(&clients.services(ledger.clone(), carrier), &plan.run).await?)
}
