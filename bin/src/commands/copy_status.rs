//! How a copy stands beside its run: what carries its changes, how far behind its target is, what comparing the two tables
//! came to, and its cut-over.

use indicatif::HumanCount;
use jiff::SignedDuration;
use migration::copy::mapping::Mapping;
use migration::copy::sync::{Alarm, Sync};
use migration::cutover::{Look, Phase};
use serde_json::{Value, json};

use crate::engine::SeenCopy;
use crate::progress::copy;
use crate::report::verified;

/// The lines of it, or the one that says why it can't be told.
pub(crate) fn lines_of(seen: &SeenCopy) -> Vec<String> {
    match seen {
        Ok(seen) => lines(seen),
        Err(why) => vec![format!("copy        not known, what carries it can't be asked: {why}")],
    }
}

/// The same as an object; `null`, and why, where it can't be told.
pub(crate) fn add_to(object: &mut Value, seen: &SeenCopy) {
    object["copy"] = match seen {
        Ok(seen) => self::object(seen),
        Err(_) => Value::Null,
    };
    if let Err(why) = seen {
        object["copy_unknown"] = why.as_str().into();
    }
}

/// The lines of it.
pub(crate) fn lines(seen: &Look) -> Vec<String> {
    let run = &seen.plan.run;
    let mut lines = Vec::new();
    if let Some(sync) = &seen.sync {
        let since = match seen.course.in_step {
            Some(since) => format!("in step since {since}"),
            None => "not in step yet".into(),
        };
        lines.push(format!("copy        {since}: {}", copy::changes(sync)));
        let lag = sync.capture_lag_seconds.map(|seconds| format!(", {} behind the source", age(seconds)));
        let captured = HumanCount(sync.captured);
        lines.push(format!("capture     {}: {captured} captured{}", state(&sync.capture), lag.unwrap_or_default()));
        lines.push(format!("replay      {}: {} in flight", state(&sync.replay), HumanCount(sync.in_flight)));
        lines.extend(sync.alarms().iter().map(|alarm| format!("ALARM       {}", words(*alarm, sync, seen))));
    }
    lines.push(match &seen.verified {
        Some(verified) => format!(
            "verified    {}, {}",
            verified.at,
            verified::sum(&verified.found, &seen.plan).trim_start_matches("differ      ")
        ),
        None => format!("verified    not yet; `run verify {run}` compares the two tables"),
    });
    if let Some(cutover) = &seen.cutover {
        lines.push(format!("cut-over    {} (begun {})", phase(cutover.phase), cutover.began));
        lines.extend(
            cutover.back.as_ref().map(|back| format!("way back    {back}; `run status {back}` says how it stands")),
        );
    }
    lines.extend(seen.course.not_copied.iter().map(|what| format!("not copied  {what}")));
    lines
}

/// The same as an object.
fn object(seen: &Look) -> Value {
    json!({
        "in_step_since": seen.course.in_step,
        "bulk_over": seen.course.bulk_over,
        "sync": seen.sync,
        "backlog": seen.sync.as_ref().map(Sync::backlog),
        "alarms": seen.sync.as_ref().map(Sync::alarms),
        "verified": seen.verified,
        "cutover": seen.cutover,
        "not_copied": seen.course.not_copied,
    })
}

/// A phase of the cut-over in words.
pub(crate) fn phase(phase: Phase) -> &'static str {
    match phase {
        Phase::TakingBack => "taking the cut-over back",
        Phase::Draining => "waiting for what was written last",
        Phase::EndingCapture => "ending capture",
        Phase::EndingReplay => "ending replay",
        Phase::TurningRound => "opening the way back",
        Phase::Moving => "moving the application",
        Phase::Clearing => "taking away what carried changes",
        Phase::Over => "over",
        Phase::GivenUp => "the copy was given up",
    }
}

fn state(mapping: &Option<Mapping>) -> String {
    match mapping {
        None => "none".into(),
        Some(mapping) if mapping.has_failed() => {
            format!("{}, FAILING ({})", mapping.state, mapping.last_result.as_deref().unwrap_or_default())
        }
        Some(mapping) => mapping.state.clone(),
    }
}

fn words(alarm: Alarm, sync: &Sync, seen: &Look) -> String {
    let run = &seen.plan.run;
    match alarm {
        Alarm::StreamNearItsEnd => format!(
            "capture is {} behind: a stream keeps its records for 24 h, and what is older is lost",
            age(sync.capture_lag_seconds.unwrap_or_default())
        ),
        Alarm::QueueNearItsEnd => format!(
            "the oldest change is {} old: the queue keeps its messages for 14 days, and what is older is lost",
            age(sync.oldest_unapplied_seconds.unwrap_or_default())
        ),
        Alarm::CaptureFails => "capture fails: changes wait in the stream, which keeps them for 24 h".into(),
        Alarm::CaptureIsOff => format!(
            "capture is off, and the copy goes on: what the stream has kept for 24 h is lost; switch the mapping of \
             CaptureChanges on again, or give the copy up with `run cutover {run} --abort`"
        ),
        Alarm::ReplayIsOff => format!(
            "replay is off, and the copy goes on: what the queue has kept for 14 days is lost; switch the mapping of \
             ApplyChanges on again, or give the copy up with `run cutover {run} --abort`"
        ),
        Alarm::DeadLetters => format!(
            "{} changes can't be applied: `run changes {run}` lists them, and retries or drops them; the cut-over waits for it",
            HumanCount(sync.dead_letters)
        ),
    }
}

/// Seconds as people say them.
fn age(seconds: i64) -> String {
    let duration = SignedDuration::from_secs(seconds);
    match (duration.as_hours(), duration.as_mins()) {
        (48.., _) => format!("{} days", duration.as_hours() / 24),
        (hours @ 2.., _) => format!("{hours} h"),
        (_, minutes @ 2..) => format!("{minutes} min"),
        _ => format!("{seconds} s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_age_is_said_in_the_unit_that_fits() {
        let ages = [3, 119, 120, 7_199, 7_200, 172_800].map(age);
        assert_eq!(ages, ["3 s", "119 s", "2 min", "119 min", "2 h", "2 days"]);
    }
}
