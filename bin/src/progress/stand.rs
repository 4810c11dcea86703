//! How a run stands by its ledger, wherever it runs.

use migration::copy::books;
use migration::plan::{Job, Plan};
use migration::summary::{self, SoFar};
use migration::{Error, Ledger};

use crate::progress::{Phase, copy};

/// How far a run is.
#[derive(Debug, Clone)]
pub(crate) struct Stand {
    pub(crate) phase: Phase,
    /// Its main matter: of a copy the items that are carried.
    pub(crate) so_far: SoFar,
    /// What a copy has compared after that, once it is as far.
    compared: Option<SoFar>,
}

impl Stand {
    /// Reads it; the phase is what the ledger alone tells.
    pub(crate) async fn read(ledger: &Ledger, plan: &Plan) -> Result<Self, Error> {
        let so_far = summary::of_plan(ledger, plan).await?;
        let is_copy = plan.definition.target.is_some() && plan.job == Job::Migrate;
        let course = if is_copy { books::course(ledger, &plan.run).await? } else { Default::default() };
        let phase = Phase::by_the_ledger(plan, &so_far, &course);
        let has_compared = is_copy && phase == Phase::Comparing;
        let compared = if has_compared { Some(summary::compared(ledger, plan).await?) } else { None };
        Ok(Self { phase, so_far, compared })
    }

    /// What a copy has compared. An attempt that goes on has yet to come there, whatever the one before has left.
    pub(crate) fn compared(&self) -> Option<&SoFar> {
        self.compared.as_ref().filter(|_| self.phase >= Phase::Comparing)
    }

    /// What it is at, in words; of a copy that compares, how far.
    pub(crate) fn words(&self) -> String {
        match self.compared().filter(|_| self.phase == Phase::Comparing) {
            Some(compared) => copy::comparing(compared.counts.scanned),
            None => self.phase.words().to_owned(),
        }
    }

    /// What the run works on, or has worked on last.
    pub(crate) fn work(&self) -> &SoFar {
        self.compared().unwrap_or(&self.so_far)
    }
}
