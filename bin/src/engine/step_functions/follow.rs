//! Follows a run at AWS to its end. Nothing that happens here touches the run: throttling, an answer that doesn't come
//! and credentials that expire are waited out, and whoever leaves has only stopped looking.

use std::time::{Duration, Instant};

use migration::plan::Plan;
use migration::{Error, Kind};

use crate::engine::Left;
use crate::engine::step_functions::Deployed;
use crate::engine::step_functions::look::{Look, Sight};
use crate::errors::CliError;
use crate::progress::{Phase, RemoteProgress};
use crate::signals::Signals;

/// Between two looks. Each asks Step Functions four things, and of a copy whose changes are being applied its queues and mappings,
/// well below what an account may ask.
const POLL: Duration = Duration::from_secs(2);
/// Of a ledger that takes long to read: looking shall cost a tenth of the time, and of the read units, at most.
const PAUSE_FOR_READ: u32 = 10;
/// DescribeExecution is eventually consistent: what has just begun may not be shown yet.
const SHOWN_AFTER: Duration = Duration::from_secs(60);

/// How following came to its end.
pub(crate) enum Followed {
    Ended {
        look: Box<Look>,
        left: Box<Left>,
    },
    /// Somebody has pressed Ctrl-C.
    Left,
}

/// Looks at the run until it has ended, and gathers what is left of it then.
pub(crate) async fn follow(
    deployed: &mut Deployed,
    plan: &Plan,
    signals: &mut Signals,
    progress: &mut RemoteProgress,
) -> Result<Followed, CliError> {
    tokio::select! {
        // An end that is there already goes before the wish to leave.
        biased;
        ended = until_ended(deployed, plan, progress) => {
            let (look, left) = ended.map_err(|error| {
                CliError::failed(format!("run {} can't be followed any more: {error}", plan.run))
            })?;
            Ok(Followed::Ended { look: Box::new(look), left: Box::new(left) })
        }
        () = signals.next() => Ok(Followed::Left),
    }
}

async fn until_ended(
    deployed: &mut Deployed,
    plan: &Plan,
    progress: &mut RemoteProgress,
) -> Result<(Look, Left), Error> {
    let (began, mut sight, mut patience) = (Instant::now(), Sight::default(), Patience::default());
    let mut is_shown = false;
    loop {
        let pause = match deployed.look(plan, &mut sight).await {
            Ok(look) => {
                patience.is_over(progress);
                is_shown = true;
                if !look.execution.is_running() {
                    let left = gather(deployed, plan, progress, &mut patience).await?;
                    return Ok((look, left));
                }
                let is_asked = look.stand.phase == Phase::ApplyingChanges;
                let sync = if is_asked { deployed.sync(plan).await } else { None };
                progress.see(&look.stand, sync.as_ref(), look.children);
                POLL.max(look.ledger_took * PAUSE_FOR_READ)
            }
            Err(error) if error.kind() == Kind::NotFound && !is_shown && began.elapsed() < SHOWN_AFTER => POLL,
            Err(error) => {
                patience.meet(error, progress)?;
                deployed.reconnect().await;
                POLL
            }
        };
        tokio::time::sleep(pause).await;
    }
}

async fn gather(
    deployed: &mut Deployed,
    plan: &Plan,
    progress: &RemoteProgress,
    patience: &mut Patience,
) -> Result<Left, Error> {
    let table = plan.definition.source.table.as_str();
    loop {
        match Left::read(&deployed.aws.dynamodb, &deployed.ledger(), &plan.run, table).await {
            Err(error) => patience.meet(error, progress)?,
            left => return left,
        }
        deployed.reconnect().await;
        tokio::time::sleep(POLL).await;
    }
}

/// What doesn't work just now, so that it is said once and not with every look.
#[derive(Default)]
struct Patience(Option<Kind>);

impl Patience {
    /// Says what kind of trouble it is, or gives back the error that doesn't pass.
    fn meet(&mut self, error: Error, progress: &RemoteProgress) -> Result<(), Error> {
        let words = match error.kind() {
            Kind::Denied => format!(
                "the credentials have expired, or are refused ({error}); the run goes on at AWS; renew them, for example \
                 with `aws sso login`: following goes on as soon as they work"
            ),
            kind if kind.is_transient() => {
                format!("AWS can't be asked just now ({error}); the run goes on, and so does the asking")
            }
            _ => return Err(error),
        };
        if self.0.replace(error.kind()) != Some(error.kind()) {
            progress.say(&words);
        }
        Ok(())
    }

    fn is_over(&mut self, progress: &RemoteProgress) {
        if self.0.take().is_some() {
            progress.say("following again");
        }
    }
}
