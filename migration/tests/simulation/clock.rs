//! The time of day of a simulation: tokio's virtual time from a fixed day on, and whatever it has been stepped by.

use std::cell::Cell;

use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

/// When every simulation begins, in seconds since 1970.
const BEGINNING: i64 = 1_795_167_000;

thread_local! {
    // `Services::clock` is a plain function, and a seed has a thread to itself.
    static BEGAN: Cell<Option<Instant>> = const { Cell::new(None) };
    static STEPPED_MS: Cell<i64> = const { Cell::new(0) };
}

/// Sets the clock to the beginning.
pub(crate) fn begin() -> Timestamp {
    BEGAN.set(Some(Instant::now()));
    STEPPED_MS.set(0);
    now()
}

pub(crate) fn step(ms: i64) {
    STEPPED_MS.set(STEPPED_MS.get() + ms);
}

pub(crate) fn now() -> Timestamp {
    let passed = BEGAN.get().map(|began| began.elapsed()).unwrap_or_default();
    let passed = SignedDuration::try_from(passed).expect("a simulation is short");
    let beginning = Timestamp::from_second(BEGINNING).expect("it is a time");
    beginning + passed + SignedDuration::from_millis(STEPPED_MS.get())
}
