//! The simulation: seeded, in virtual time, it interleaves a migration with an application that works on the same
//! items, with faults, kills and deaths, and holds what is left against what was promised.
//!
//! `cargo test --workspace --test simulation -- --seeds 10000` plays more seeds, `--seed 17` plays one.

#![allow(clippy::unwrap_used, reason = "everything here is a test, and unwraps as tests do")]
#![allow(clippy::print_stdout, reason = "a seed that is played alone tells what it met")]

mod application;
mod arguments;
mod clock;
mod judge;
mod lambda;
mod migrations;
mod model;
mod person;
mod sabotage;
mod scenario;
mod seed;
mod wire;
mod world;

use std::ops::Range;
use std::panic::catch_unwind;
use std::process::ExitCode;

use libtest_mimic::{Failed, Trial};

use crate::arguments::Asked;
use crate::lambda::Met;
use crate::sabotage::Sabotage;
use crate::seed::{Verdict, play};

/// Seeds that make one test: enough that starting one costs nothing, few enough that all processors end together.
const SEEDS_IN_A_TEST: u64 = 50;
/// Within so many seeds a missing guard has to be noticed.
const SEEDS_TO_NOTICE: u64 = 200;

fn main() -> Result<ExitCode, String> {
    let (asked, arguments) = arguments::read(std::env::args())?;
    Ok(libtest_mimic::run(&arguments, trials(asked)).exit_code())
}

fn trials(asked: Asked) -> Vec<Trial> {
    let count = match asked {
        Asked::Seed(seed) => return vec![Trial::test(format!("seed_{seed}"), move || tell(seed))],
        Asked::Seeds(count) => count,
    };
    let starts = (0..count).step_by(SEEDS_IN_A_TEST as usize);
    let ranges = starts.map(|start| start..count.min(start + SEEDS_IN_A_TEST));
    let seeds = ranges.map(|seeds| {
        Trial::test(format!("seeds_{:05}_to_{:05}", seeds.start, seeds.end - 1), move || keep_their_promises(seeds))
    });
    let noticed = Sabotage::ALL
        .map(|guard| Trial::test(format!("a_missing_guard_is_noticed::{guard:?}"), move || is_noticed(guard)));
    let own = [
        Trial::test("one_seed_takes_one_course", one_seed_takes_one_course),
        Trial::test("every_hazard_is_met", every_hazard_is_met),
        Trial::test("own_arguments_stand_beside_those_of_libtest", own_arguments_stand_beside_those_of_libtest),
    ];
    own.into_iter().chain(noticed).chain(seeds).collect()
}

/// Plays one seed, and prints what it met.
fn tell(seed: u64) -> Result<(), Failed> {
    println!("{:#?}", crate::scenario::Scenario::draw(seed).without_items());
    println!("{:#?}", play(seed, None));
    keep_their_promises(seed..seed + 1)
}

fn keep_their_promises(seeds: Range<u64>) -> Result<(), Failed> {
    let broken: String = seeds.filter_map(|seed| played(seed).err()).collect();
    if broken.is_empty() { Ok(()) } else { Err(broken.into()) }
}

/// Plays a seed; what is wrong with it, and how to see it again.
fn played(seed: u64) -> Result<Verdict, String> {
    let replay = format!("  replay: cargo test --workspace --test simulation -- --seed {seed}\n");
    let verdict = catch_unwind(|| play(seed, None)).map_err(|_| format!("seed {seed} panicked\n{replay}"))?;
    if verdict.broken.is_empty() {
        return Ok(verdict);
    }
    let broken: String = verdict.broken.iter().map(|broken| format!("  {broken}\n")).collect();
    Err(format!("seed {seed} broke what was promised\n{broken}{replay}"))
}

/// Without the guard each promise that stands on it is found broken.
fn is_noticed(guard: Sabotage) -> Result<(), Failed> {
    let mut unbroken = guard.breaks().to_vec();
    for seed in 0..SEEDS_TO_NOTICE {
        let verdict = play(seed, Some(guard));
        unbroken.retain(|promise| !verdict.broken.iter().any(|broken| broken.promise == *promise));
        if unbroken.is_empty() {
            return Ok(());
        }
    }
    Err(format!("without {guard:?}, {SEEDS_TO_NOTICE} seeds have not found broken: {unbroken:?}").into())
}

/// On whichever thread, however busy the machine is.
fn one_seed_takes_one_course() -> Result<(), Failed> {
    for seed in 0..15 {
        let again = std::thread::spawn(move || play(seed, None)).join().map_err(|_| format!("seed {seed} panicked"))?;
        let verdict = play(seed, None);
        if verdict != again {
            return Err(format!("seed {seed} took two courses:\n{verdict:#?}\n{again:#?}").into());
        }
    }
    Ok(())
}

/// What never happens proves nothing.
fn every_hazard_is_met() -> Result<(), Failed> {
    let (mut met, mut conflicts, mut changes) = (Met::default(), 0, 0);
    for seed in 0..100 {
        let verdict = play(seed, None);
        met += verdict.met;
        conflicts += verdict.conflicts;
        changes += verdict.changes;
    }
    let Met { faults, killed, timed_out: _, hurried, doubled, stepped, died, expired, asked } = met;
    let all = [faults, killed, hurried, doubled, stepped, died, expired, asked, conflicts, changes];
    if all.iter().all(|met| *met >= 10) {
        Ok(())
    } else {
        Err(format!("too little happens: {met:?}, {conflicts} conflicts, {changes} changes").into())
    }
}

fn own_arguments_stand_beside_those_of_libtest() -> Result<(), Failed> {
    let read = |line: &str| arguments::read(line.split(' ').map(str::to_owned));
    let (asked, rest) = read("simulation --seeds 7 --test-threads=2 filter")?;
    assert_eq!((asked, rest.test_threads, rest.filter.as_deref()), (Asked::Seeds(7), Some(2), Some("filter")));
    assert_eq!(read("simulation --exact --seed=5")?.0, Asked::Seed(5));
    assert_eq!(read("simulation --seed nine").err().as_deref(), Some("expected a number after --seed, found \"nine\""));
    Ok(())
}
