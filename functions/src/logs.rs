//! The log: JSON lines on stdout, one before and one after an invocation's work.
//!
//! No line holds an item's value (R20). Ours hold names, numbers, and messages that are free of them. Of the SDK and
//! what it is built on only warnings pass, whatever level is asked for: below that it shows requests and answers. Of a
//! panic only the place is shown, because what it says may be a value.

use std::fmt::Display;
use std::panic::PanicHookInfo;
use std::time::Instant;

use lambda_runtime::tracing::subscriber::filter::{LevelFilter, Targets};
use lambda_runtime::tracing::subscriber::layer::SubscriberExt;
use lambda_runtime::tracing::subscriber::util::SubscriberInitExt;
use lambda_runtime::tracing::subscriber::{fmt, registry};
use migration::{Error, Task};
use serde_json::Value;
use tracing::{error, info, warn};

use crate::metrics::Tally;

/// Names of targets begin so where requests or answers would be shown.
const TALKATIVE: [&str; 5] = ["aws", "hyper", "h2", "rustls", "lambda_runtime"];
/// Says of every error of ours what our own line says already.
const REPEATS_ERRORS: &str = "lambda_runtime::layers::panic";

/// Starts the log, as Lambda's logging controls want it: `AWS_LAMBDA_LOG_LEVEL` (or `RUST_LOG`, a level too) says how
/// much, and `AWS_LAMBDA_LOG_FORMAT` whether in JSON. Lambda filters by `level`, and sorts by `timestamp`.
pub(crate) fn init() {
    let level = std::env::var("AWS_LAMBDA_LOG_LEVEL").or_else(|_| std::env::var("RUST_LOG"));
    let is_text = std::env::var("AWS_LAMBDA_LOG_FORMAT").is_ok_and(|format| format.eq_ignore_ascii_case("text"));
    let filter = filter(level.as_deref().unwrap_or_default());
    let lines = fmt::layer().with_target(false).with_ansi(false);
    let started = if is_text {
        registry().with(filter).with(lines).try_init()
    } else {
        registry().with(filter).with(lines.json().flatten_event(true)).try_init()
    };
    // It was started before only where somebody embeds this library; that log is as good.
    drop(started);
    std::panic::set_hook(Box::new(panicked));
}

fn filter(level: &str) -> Targets {
    // Lambda calls its highest level FATAL.
    let level = if level.eq_ignore_ascii_case("fatal") { "error" } else { level };
    // An empty level would be read as ERROR.
    let level = if level.is_empty() { LevelFilter::INFO } else { level.parse().unwrap_or(LevelFilter::INFO) };
    let quiet = TALKATIVE.map(|target| (target, level.min(LevelFilter::WARN)));
    Targets::new().with_default(level).with_targets(quiet).with_target(REPEATS_ERRORS, LevelFilter::OFF)
}

fn panicked(panic: &PanicHookInfo<'_>) {
    let place = panic.location().map(tracing::field::display);
    error!(place, "panicked: a bug; what it says isn't shown, it may hold an item's values");
}

/// The lines of one invocation.
pub(crate) struct Invocation {
    task: Task,
    request: String,
    run: Option<String>,
    child: Option<u64>,
    loops: Option<u64>,
    began: Instant,
}

impl Invocation {
    /// Writes the first line.
    pub(crate) fn begin(task: Task, request: &str, event: Option<&Value>) -> Self {
        let field = |name| event.and_then(|event| event.get(name));
        let number = |name| field(name).and_then(Value::as_u64);
        let run = field("run").and_then(Value::as_str).map(str::to_owned);
        let (child, loops, request) = (number("child"), number("loops"), request.to_owned());
        info!(task = task.name(), requestId = request, run, child, loops, "begins");
        Self { task, request, run, child, loops, began: Instant::now() }
    }

    /// The run, where the event names one.
    pub(crate) fn run(&self) -> Option<&str> {
        self.run.as_deref()
    }

    /// Writes the last line: what came of it, with what the pages of this invocation added up to.
    pub(crate) fn end(self, answer: &Result<Value, Error>, tally: &Tally) {
        // The fields of a line are fixed; one whose value is absent is left out.
        macro_rules! line {
            ($level:ident, $message:literal, $($field:ident = $value:expr),*) => {
                $level!(
                    task = self.task.name(), requestId = self.request, run = self.run, child = self.child,
                    loops = self.loops, $($field = $value,)*
                    duration_ms = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX),
                    pages = tally.counted(tally.pages),
                    segments_done = tally.counted(tally.segments_done),
                    scanned = tally.counted(tally.counts.scanned),
                    written = tally.counted(tally.counts.written),
                    deleted = tally.counted(tally.counts.deleted),
                    unchanged = tally.counted(tally.counts.unchanged),
                    filtered = tally.counted(tally.counts.filtered),
                    gone = tally.counted(tally.counts.gone),
                    failed = tally.counted(tally.counts.failed),
                    conflicts = tally.counted(tally.counts.conflicts),
                    read_units = tally.counted(tally.counts.read_units),
                    write_units = tally.counted(tally.counts.write_units),
                    throttled_reads = tally.counted(tally.counts.throttled_reads),
                    throttled_writes = tally.counted(tally.counts.throttled_writes),
                    $message
                )
            };
        }
        match answer {
            Ok(answer) => line!(info, "ends", outcome = outcome(answer)),
            Err(error) if error.kind().is_transient() => {
                line!(warn, "fails for now", error = error.kind().name(), reason = shown(error));
            }
            Err(error) => line!(error, "fails", error = error.kind().name(), reason = shown(error)),
        }
    }
}

fn shown(reason: impl Display) -> String {
    reason.to_string()
}

/// What a task's answer comes to, in a word: a run's status, whether a thing waited for is ready, whether a child
/// has to call again.
fn outcome(answer: &Value) -> &str {
    let flag = |name: &str| answer.get(name).and_then(Value::as_bool);
    match (answer.get("status").and_then(Value::as_str), flag("ready"), flag("done")) {
        (Some(status), ..) => status,
        (_, Some(false), _) => "not ready yet",
        (.., Some(false)) => "time is up",
        _ => "done",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use tracing::Level;

    /// R20: below a warning the SDK logs what it sends and receives.
    #[test]
    fn the_sdk_stays_quiet_at_every_level() {
        for level in ["TRACE", "debug", "INFO", "nonsense", ""] {
            let filter = filter(level);
            for target in ["aws_smithy_runtime::client::orchestrator", "hyper_util::client", "rustls::client::hs"] {
                assert!(!filter.would_enable(target, &Level::INFO), "{level}: {target}");
                assert!(filter.would_enable(target, &Level::WARN), "{level}: {target}");
            }
            assert!(filter.would_enable("functions::logs", &Level::INFO), "{level}");
        }
        assert!(filter("trace").would_enable("functions::logs", &Level::TRACE));
        assert!(!filter("ERROR").would_enable("aws_config", &Level::WARN));
        assert!(filter("FATAL").would_enable("functions::logs", &Level::ERROR));
        assert!(!filter("FATAL").would_enable("functions::logs", &Level::WARN));
        assert!(!filter("INFO").would_enable(REPEATS_ERRORS, &Level::ERROR));
    }

    #[test]
    fn an_answer_in_a_word() {
        assert_eq!(outcome(&json!({ "status": "failed" })), "failed");
        assert_eq!(outcome(&json!({ "ready": false })), "not ready yet");
        assert_eq!(outcome(&json!({ "run": "r", "done": false })), "time is up");
        assert_eq!(outcome(&json!({ "run": "r", "done": true })), "done");
    }
}
