//! The commands that move the application, and where a cut-over may be left.

use std::process::{Command, ExitStatus, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use indicatif::HumanCount;
use jiff::Timestamp;
use migration::copy::sync::Sync;
use migration::cutover::{Mover, Phase};
use migration::plan::Plan;
use migration::{Error, Kind};
use tokio::sync::{oneshot, watch};

use crate::args::CutoverArgs;
use crate::commands::copy_status;
use crate::progress::copy;
use crate::show;
use crate::signals::Signals;

/// Between two lines of what is waited for.
const LINE_EVERY: Duration = Duration::from_secs(5);

/// Where a cut-over is, for whoever wants to leave it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// It may be left: what was done is in the ledger, and what was begun may be done once more.
    Resumable,
    /// This command of the user's is running.
    Hook(&'static str),
    /// One has ended, and the ledger doesn't know of it yet.
    Unnoted,
}

/// Moves the application by the commands that were given.
pub(super) struct Shell<'s> {
    plan: &'s Plan,
    args: &'s CutoverArgs,
    /// When it was said last what is waited for.
    shown: Mutex<Option<Instant>>,
    /// Whether the application was stopped, or had been.
    has_begun: AtomicBool,
    stage: watch::Sender<Stage>,
}

#[async_trait]
impl Mover for Shell<'_> {
    async fn before(&self) -> Result<(), Error> {
        if let Some(command) = &self.args.before {
            self.run(command, "--before").await?;
        }
        self.has_begun.store(true, Ordering::Relaxed);
        Ok(())
    }

    async fn after(&self) -> Result<(), Error> {
        let Some(command) = &self.args.after else { return Ok(()) };
        self.run(command, "--after").await.map_err(|error| {
            error.while_doing("everything else is done; mend the command, and run the same cut-over again")
        })
    }

    fn enters(&self, phase: Phase) {
        self.has_begun.store(true, Ordering::Relaxed);
        // What is left of one that is over takes no time.
        if phase < Phase::Over {
            self.stage.send_replace(Stage::Resumable);
        }
        show::line(copy_status::phase(phase));
    }

    fn reads(&self, records: u64, made: Option<Timestamp>) {
        if let (Some(made), true) = (made, self.is_time()) {
            let records = HumanCount(records);
            show::line(format_args!(
                "  reading what the stream has of the last hours: {records} records, up to {made}"
            ));
        }
    }

    fn sees(&self, sync: &Sync) {
        if self.is_time() {
            show::line(format_args!("  {}", copy::changes(sync)));
        }
    }
}

impl<'s> Shell<'s> {
    pub(super) fn new(plan: &'s Plan, args: &'s CutoverArgs) -> Self {
        let stage = watch::Sender::new(Stage::Resumable);
        Self { plan, args, shown: Mutex::default(), has_begun: AtomicBool::default(), stage }
    }

    pub(super) fn has_begun(&self) -> bool {
        self.has_begun.load(Ordering::Relaxed)
    }

    /// Waits until somebody has pressed Ctrl-C and the cut-over may be left, or until it was pressed once more; tells where that
    /// leaves it.
    pub(super) async fn until_broken_off(&self, signals: &mut Signals) -> Stage {
        signals.next().await;
        let mut stage = self.stage.subscribe();
        if let Stage::Hook(flag) = *self.stage.borrow() {
            show::line(format_args!("stopping: {flag} is let finish; Ctrl-C again leaves it running"));
        }
        tokio::select! {
            // It is never closed: its sender stands in `self`.
            _ = stage.wait_for(|stage| *stage == Stage::Resumable) => {}
            () = signals.next() => {}
        }
        *self.stage.borrow()
    }

    /// Whether a line is due again of what is waited for.
    fn is_time(&self) -> bool {
        let Ok(mut shown) = self.shown.lock() else { return false };
        let is_time = shown.is_none_or(|shown| shown.elapsed() >= LINE_EVERY);
        if is_time {
            *shown = Some(Instant::now());
        }
        is_time
    }

    /// Runs a command of the user's by the shell; what it writes is shown, and stdout stays ours.
    async fn run(&self, command: &str, flag: &'static str) -> Result<(), Error> {
        show::line(format_args!("{flag}: {command}"));
        self.stage.send_replace(Stage::Hook(flag));
        let refused = |why: String| Error::new(Kind::Refused, format!("{flag} {why}"));
        let ended = match ended(self.shell(command)).await {
            Ok(status) if status.success() => Ok(()),
            Ok(status) => Err(refused(format!("failed: {status}"))),
            Err(error) => Err(refused(format!("can't be run: {error}"))),
        };
        self.stage.send_replace(if ended.is_ok() { Stage::Unnoted } else { Stage::Resumable });
        ended
    }

    fn shell(&self, command: &str) -> Command {
        let definition = &self.plan.definition;
        let mut shell = Command::new("sh");
        shell.args(["-c", command]).stdin(Stdio::null()).stdout(std::io::stderr());
        shell.env("SEGUE_RUN", self.plan.run.to_string()).env("SEGUE_SOURCE", definition.source.table.as_str());
        if let Some(target) = &definition.target {
            shell.env("SEGUE_TARGET", target.table.as_str());
        }
        // A terminal sends Ctrl-C to all of a group: an application that is half stopped would be the end of it.
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut shell, 0);
        shell
    }
}

/// Runs a command to its end. Where nobody waits for that any more, it goes on by itself: a thread of the runtime's would hold
/// up our own end.
async fn ended(mut command: Command) -> std::io::Result<ExitStatus> {
    let mut child = command.spawn()?;
    let (tell, told) = oneshot::channel();
    std::thread::spawn(move || tell.send(child.wait()));
    told.await.map_err(std::io::Error::other)?
}
