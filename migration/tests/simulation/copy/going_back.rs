//! After the cut-over a person changes their mind: has the two tables compared, and set right, and goes back to the source.

use std::time::Duration;

use async_trait::async_trait;
use migration::copy::sync::Sync;
use migration::cutover::{self, Mover, Options, Phase};
use migration::plan::{self, Job, OfCopy, Plan, RunId};
use migration::summary;
use migration::{Error, Services};

use super::Played;
use crate::model::{Broken, Promise};
use crate::seed::attempt;

const WITHIN: Duration = Duration::from_secs(3 * 3_600);

/// Goes back, when all is calm, and gives what is broken about that.
pub(super) async fn play(played: &Played<'_>) -> Vec<Broken> {
    let (back, services) = (played.world.plan.run.back(), played.person());
    played.traffic.begin(None, None);
    let mut broken = compared(played, &services, &back).await;
    let options = Options { reverse: false, within: WITHIN, verified_within: cutover::FRESH };
    if let Err(error) = cutover::cut_over(&services, &back, options, &Stopped).await {
        broken.push(Broken::new(Promise::Ends, format!("going back: {error}")));
    }
    broken
}

/// Nothing differs, so that nothing is set right.
async fn compared(played: &Played<'_>, services: &Services, back: &RunId) -> Vec<Broken> {
    let turned = plan::read(&services.ledger, back).await.unwrap().expect("a way back has a plan");
    let of = Some(OfCopy { run: back.clone(), changes: true });
    let plan = Plan { run: RunId::named("comparing"), job: Job::Verify { repair: true }, of, ..turned };
    let lambda = played.lambda();
    attempt(&plan, played.traffic, lambda.clone(), None, played.scenario.common.seed).await;
    lambda.settle().await;
    let report = summary::read(&services.ledger, &plan.run).await.unwrap();
    match report.as_ref().and_then(|report| report.verified.as_ref()) {
        Some(verified) if verified.clean => Vec::new(),
        _ => vec![Broken::new(Promise::Books, format!("the way back isn't found in step: {report:?}"))],
    }
}

/// An application that has been stopped already.
struct Stopped;

#[async_trait]
impl Mover for Stopped {
    async fn before(&self) -> Result<(), Error> {
        Ok(())
    }

    async fn after(&self) -> Result<(), Error> {
        Ok(())
    }

    fn enters(&self, _: Phase) {}

    fn reads(&self, _: u64, _: Option<jiff::Timestamp>) {}

    fn sees(&self, _: &Sync) {}
}
