//! Retriers and catchers.

use super::{MAX_SECONDS, ProblemKind, Report, SECONDS, out_of_bounds, paths};
use crate::{Catch, ErrorName, Retry, retry::MAX_DELAY_SECONDS};

pub(super) fn retriers(retriers: &[Retry], report: Report<'_>) {
    for (at, retry) in retriers.iter().enumerate() {
        let place = format!("Retry[{at}]");
        errors(&place, &retry.error_equals, at + 1 == retriers.len(), report);
        let mut number = |field: &str, value: Option<u32>, least: u32, most: u32, expected| {
            if let Some(value) = value.filter(|value| !(least..=most).contains(value)) {
                report(out_of_bounds(format!("{place}.{field}"), expected, value));
            }
        };
        number("IntervalSeconds", retry.interval_seconds, 1, MAX_SECONDS, SECONDS);
        number("MaxAttempts", retry.max_attempts, 0, MAX_SECONDS, "from 0 to 99999999");
        number("MaxDelaySeconds", retry.max_delay_seconds, 1, MAX_DELAY_SECONDS, "from 1 to 31622400");
        if let Some(rate) = retry.backoff_rate.as_ref().filter(|rate| !rate.as_f64().is_some_and(|rate| rate >= 1.0)) {
            report(out_of_bounds(format!("{place}.BackoffRate"), "1 or more", rate));
        }
    }
}

pub(super) fn catchers(catchers: &[Catch], report: Report<'_>) {
    for (at, catch) in catchers.iter().enumerate() {
        let place = format!("Catch[{at}]");
        errors(&place, &catch.error_equals, at + 1 == catchers.len(), report);
        paths::result(&format!("{place}.ResultPath"), catch.result_path.as_ref(), report);
    }
}

fn errors(place: &str, errors: &[ErrorName], last: bool, report: Report<'_>) {
    if errors.is_empty() {
        report(ProblemKind::NoErrors(place.to_owned()));
    }
    if errors.contains(&ErrorName::ALL) {
        if errors.len() > 1 {
            report(ProblemKind::AllNotAlone(place.to_owned()));
        }
        if !last {
            report(ProblemKind::AllNotLast(place.to_owned()));
        }
    }
    for error in errors {
        if error.as_str().starts_with("States.") && !ErrorName::RESERVED.contains(error) {
            report(ProblemKind::UnknownReserved { place: place.to_owned(), error: error.to_string() });
        }
    }
}
