//! The simulation: seeded, in virtual time, it interleaves a migration with an application that works on the same
//! items, with faults, kills and deaths, and holds what is left against what was promised.
//!
//! `cargo test --workspace --test simulation -- --seeds 10000` plays more seeds, `--seed 17` plays one.

#![allow(clippy::unwrap_used, reason = "everything here is a test, and unwraps as tests do")]
#![allow(clippy::print_stdout, reason = "a seed that is played alone tells what it met")]

mod application;
mod arguments;
mod clock;
mod copy;
mod judge;
mod lambda;
mod migrations;
mod model;
mod permissions;
mod person;
mod sabotage;
mod scenario;
mod seed;
mod wire;
mod world;

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::ops::Range;
use std::panic::catch_unwind;
use std::process::ExitCode;

use libtest_mimic::{Failed, Trial};

use crate::arguments::Asked;
use crate::copy::Guard;
use crate::lambda::Met;
use crate::model::Promise;
use crate::sabotage::Sabotage;
use crate::scenario::Scenario;
use crate::seed::Verdict;

/// As many as `cargo test` has time for; a seed of a copy takes four times as long.
const SEEDS: u64 = 1_000;
const SEEDS_OF_COPIES: u64 = 250;
/// Seeds that make one test: enough that starting one costs nothing, few enough that all processors end together.
const SEEDS_IN_A_TEST: u64 = 50;
/// Within so many seeds a missing guard has to be noticed.
const SEEDS_TO_NOTICE: u64 = 200;

fn main() -> Result<ExitCode, String> {
    let (asked, arguments) = arguments::read(std::env::args())?;
    Ok(libtest_mimic::run(&arguments, trials(asked)).exit_code())
}

fn trials(asked: Asked) -> Vec<Trial> {
    let (count, of_copies) = match asked {
        Asked::Seed(seed) => {
            let tell_of_copy = move || tell(COPY, seed, copy::Scenario::draw(seed).without_items());
            return vec![
                Trial::test(format!("seed_{seed}"), move || tell(IN_PLACE, seed, Scenario::draw(seed).without_items())),
                Trial::test(format!("copy::seed_{seed}"), tell_of_copy),
            ];
        }
        Asked::Seeds(count) => (count, count),
        Asked::AsUsual => (SEEDS, SEEDS_OF_COPIES),
    };
    let noticed = Sabotage::ALL.map(|guard| {
        let play = move |seed, is_missing: bool| seed::play(seed, is_missing.then_some(guard));
        Trial::test(format!("a_missing_guard_is_noticed::{guard:?}"), move || is_noticed(play, guard.breaks()))
    });
    let noticed_in_copies = Guard::ALL.map(|guard| {
        let play = move |seed, is_missing| copy::play_against(guard, seed, is_missing);
        Trial::test(format!("copy::a_missing_guard_is_noticed::{guard:?}"), move || is_noticed(play, guard.breaks()))
    });
    let own = [
        Trial::test("one_seed_takes_one_course", || one_seed_takes_one_course(IN_PLACE)),
        Trial::test("copy::one_seed_takes_one_course", || one_seed_takes_one_course(COPY)),
        Trial::test("every_hazard_is_met", every_hazard_is_met),
        Trial::test("copy::every_hazard_is_met", every_hazard_of_copies_is_met),
        Trial::test("own_arguments_stand_beside_those_of_libtest", own_arguments_stand_beside_those_of_libtest),
    ];
    let seeds = [(IN_PLACE, count), (COPY, of_copies)].into_iter().flat_map(|(kind, count)| seeds(kind, count));
    own.into_iter().chain(noticed).chain(noticed_in_copies).chain(seeds).collect()
}

/// What is simulated: a migration in place, or a copy.
#[derive(Clone, Copy)]
struct Simulated {
    prefix: &'static str,
    play: fn(u64) -> Verdict,
}

const IN_PLACE: Simulated = Simulated { prefix: "", play: |seed| seed::play(seed, None) };
const COPY: Simulated = Simulated { prefix: "copy::", play: copy::play };

fn seeds(kind: Simulated, count: u64) -> impl Iterator<Item = Trial> {
    let starts = (0..count).step_by(SEEDS_IN_A_TEST as usize);
    let ranges = starts.map(move |start| start..count.min(start + SEEDS_IN_A_TEST));
    ranges.map(move |seeds| {
        let name = format!("{}seeds_{:05}_to_{:05}", kind.prefix, seeds.start, seeds.end - 1);
        Trial::test(name, move || keep_their_promises(kind, seeds))
    })
}

/// Plays one seed, and prints what it met.
fn tell(kind: Simulated, seed: u64, scenario: impl Debug) -> Result<(), Failed> {
    println!("{scenario:#?}");
    println!("{:#?}", (kind.play)(seed));
    keep_their_promises(kind, seed..seed + 1)
}

fn keep_their_promises(kind: Simulated, seeds: Range<u64>) -> Result<(), Failed> {
    let broken: String = seeds.filter_map(|seed| played(kind, seed).err()).collect();
    if broken.is_empty() { Ok(()) } else { Err(broken.into()) }
}

/// Plays a seed; what is wrong with it, and how to see it again.
fn played(kind: Simulated, seed: u64) -> Result<Verdict, String> {
    let of = format!("{}seed_{seed}", kind.prefix);
    let replay = format!("  replay: cargo test --workspace --test simulation -- --seed {seed} --exact {of}\n");
    let verdict = catch_unwind(|| (kind.play)(seed)).map_err(|_| format!("seed {seed} panicked\n{replay}"))?;
    if verdict.broken.is_empty() {
        return Ok(verdict);
    }
    let broken: String = verdict.broken.iter().map(|broken| format!("  {broken}\n")).collect();
    Err(format!("seed {seed} broke what was promised\n{broken}{replay}"))
}

/// Without the guard each promise that stands on it is found broken, and with it none.
fn is_noticed(play: impl Fn(u64, bool) -> Verdict, promises: &[Promise]) -> Result<(), Failed> {
    let mut unbroken = promises.to_vec();
    for seed in 0..SEEDS_TO_NOTICE {
        let without = play(seed, true);
        let is_found = |promise: &Promise| without.broken.iter().any(|broken| broken.promise == *promise);
        if unbroken.extract_if(.., |promise| is_found(promise)).count() > 0 {
            let with = play(seed, false);
            if !with.broken.is_empty() {
                return Err(format!("seed {seed} broke with the guard in its place: {:?}", with.broken).into());
            }
        }
        if unbroken.is_empty() {
            return Ok(());
        }
    }
    Err(format!("{SEEDS_TO_NOTICE} seeds have not found broken: {unbroken:?}").into())
}

/// On whichever thread, however busy the machine is.
fn one_seed_takes_one_course(kind: Simulated) -> Result<(), Failed> {
    for seed in 0..15 {
        let again = std::thread::spawn(move || (kind.play)(seed)).join();
        let again = again.map_err(|_| format!("seed {seed} panicked"))?;
        let verdict = (kind.play)(seed);
        if verdict != again {
            return Err(format!("seed {seed} took two courses:\n{verdict:#?}\n{again:#?}").into());
        }
    }
    Ok(())
}

/// What never happens proves nothing.
fn every_hazard_is_met() -> Result<(), Failed> {
    let (met, conflicts, changes) = met_by(IN_PLACE, include_str!("requests/in_place.txt"))?;
    let Met { faults, killed, hurried, doubled, stepped, died, expired, asked, .. } = met;
    let all = [faults, killed, hurried, doubled, stepped, died, expired, asked, conflicts, changes];
    if all.iter().all(|met| *met >= 10) {
        Ok(())
    } else {
        Err(format!("too little happens: {met:?}, {conflicts} conflicts, {changes} changes").into())
    }
}

/// A copy is never told a wrong time: the quiet period trusts the clocks of those who copy. And its bulk seldom meets a
/// conflict: no label has two holders.
fn every_hazard_of_copies_is_met() -> Result<(), Failed> {
    let (met, _, changes) = met_by(COPY, include_str!("requests/copy.txt"))?;
    let Met { faults, killed, hurried, doubled, died, expired, asked, slow, cut_over, .. } = met;
    let Met {
        dropped,
        retried,
        exported,
        raised,
        unread,
        twins,
        splits,
        expired_items,
        refused,
        late,
        lost,
        repeated,
        forked,
        rewound,
        ..
    } = met;
    let all =
        [faults, killed, hurried, doubled, died, expired, asked, slow, cut_over, changes, retried, exported, raised];
    let of_copies =
        [dropped, splits, expired_items, refused, late, lost, repeated, forked, rewound, unread * 5, twins * 2];
    if all.iter().chain(&of_copies).all(|met| *met >= 10) {
        Ok(())
    } else {
        Err(format!("too little happens: {met:?}, {changes} changes").into())
    }
}

/// What a hundred seeds meet, and the conflicts and the changes that they count. Their tasks ask for nothing of AWS but what is
/// listed: the stack's roles are held against the list.
fn met_by(kind: Simulated, listed: &str) -> Result<(Met, u64, u64), Failed> {
    let (mut met, mut conflicts, mut changes, mut asked) = (Met::default(), 0, 0, BTreeSet::new());
    for seed in 0..100 {
        let verdict = (kind.play)(seed);
        met += verdict.met;
        conflicts += verdict.conflicts;
        changes += verdict.changes;
        asked.extend(verdict.asked);
    }
    let unlisted: Vec<_> = asked.iter().filter(|asked| !listed.lines().any(|line| line == *asked)).collect();
    if unlisted.is_empty() { Ok((met, conflicts, changes)) } else { Err(format!("not listed: {unlisted:#?}").into()) }
}

fn own_arguments_stand_beside_those_of_libtest() -> Result<(), Failed> {
    let read = |line: &str| arguments::read(line.split(' ').map(str::to_owned));
    let (asked, rest) = read("simulation --seeds 7 --test-threads=2 filter")?;
    assert_eq!((asked, rest.test_threads, rest.filter.as_deref()), (Asked::Seeds(7), Some(2), Some("filter")));
    assert_eq!(read("simulation --exact --seed=5")?.0, Asked::Seed(5));
    assert_eq!(read("simulation --seed nine").err().as_deref(), Some("expected a number after --seed, found \"nine\""));
    Ok(())
}
