use super::*;

fn in_step() -> Sync {
    let mapping = Some(Mapping { id: "m".into(), state: "Enabled".into(), last_result: None });
    Sync {
        visible: 0,
        in_flight: 0,
        delayed: 0,
        dead_letters: 0,
        capture: mapping.clone(),
        replay: mapping,
        is_capturing: true,
        is_replaying: true,
        captured: 7,
        applied: 7,
        capture_lag_seconds: Some(1),
        oldest_unapplied_seconds: None,
    }
}

fn mapping(state: &str) -> Option<Mapping> {
    Some(Mapping { id: "m".into(), state: state.into(), last_result: None })
}

/// Long before the 24 hours of a stream and the 14 days of the queue are over.
#[test]
fn what_would_lose_changes_is_told_while_there_is_time() {
    let hours = |hours: i64| Some(hours * 3_600);
    let fails = |last: &str| Some(Mapping { id: "m".into(), state: "Enabled".into(), last_result: Some(last.into()) });
    let cases = [
        (in_step(), vec![]),
        (Sync { capture_lag_seconds: hours(11), oldest_unapplied_seconds: hours(11 * 24), ..in_step() }, vec![]),
        (Sync { capture_lag_seconds: hours(12), ..in_step() }, vec![Alarm::StreamNearItsEnd]),
        (Sync { oldest_unapplied_seconds: hours(12 * 24), ..in_step() }, vec![Alarm::QueueNearItsEnd]),
        (Sync { capture: fails("PROBLEM: Function call failed"), ..in_step() }, vec![Alarm::CaptureFails]),
        (Sync { dead_letters: 1, ..in_step() }, vec![Alarm::DeadLetters]),
        (Sync { capture: mapping("Disabled"), ..in_step() }, vec![Alarm::CaptureIsOff]),
        (Sync { capture: mapping("Enabling"), replay: mapping("Updating"), ..in_step() }, vec![]),
        (Sync { replay: None, ..in_step() }, vec![Alarm::ReplayIsOff]),
        // Before it begins, and after the cut-over.
        (Sync { capture: None, replay: None, is_capturing: false, is_replaying: false, ..in_step() }, vec![]),
    ];
    for (sync, alarms) in cases {
        assert_eq!(sync.alarms(), alarms, "{sync:?}");
    }
}

/// A look is eight events or so: 25,000 are enough for more than a week in which nothing is captured.
#[test]
fn the_longer_it_is_waited_the_fewer_looks_there_are() {
    let next_look = |backlog, waited_seconds| next_look(Engine::StepFunctions, backlog, waited_seconds);
    assert_eq!([next_look(0, 0), next_look(0, 300), next_look(100_000, 0)], [5, 5, 300]);
    let (mut waited_seconds, mut looks) = (0, 0);
    while waited_seconds < 7 * 24 * 3_600 {
        waited_seconds += i64::from(next_look(0, waited_seconds));
        looks += 1;
    }
    assert!(looks * 8 < 25_000, "{looks} looks");
}

/// Whoever presses Ctrl-C isn't kept for minutes by what waits.
#[test]
fn a_run_in_this_process_is_looked_at_all_the_time() {
    for engine in [Engine::Embedded, Engine::Direct] {
        assert_eq!(next_look(engine, 100_000, 7 * 24 * 3_600), LOOK_SECONDS);
    }
}

#[test]
fn what_waits_is_not_as_old_as_the_quiet_time_before_it() {
    let at = |seconds| Timestamp::from_second(1_795_167_000 + seconds).unwrap();
    let carried = |oldest, newest| Carried {
        changes: 1,
        newest: Some(at(newest)),
        oldest: Some(at(oldest)),
        noted: at(newest),
        lag_ms: 0,
    };
    let days = |days: i64| days * 24 * 3_600;
    let course = Course { bulk_from: Some(at(0)), ..Course::default() };
    let (before, after) = ([carried(10, 50)], carried(days(12), days(12) + 3));
    let now = at(days(12) + 5);
    // Everything from before is applied, and the first change for days waits.
    assert_eq!(oldest(&course, &[before[0].clone(), after.clone()], &before, now), Some(5));
    // A process that has gone on all the time may have captured it long ago.
    let all_along = carried(10, days(12) + 3);
    assert_eq!(oldest(&course, &[all_along, after], &before, now), Some(days(12) + 5 - 50));
    // Nothing was applied yet; and what nobody has captured may be as old as what was applied last.
    assert_eq!(oldest(&course, &before, &[], now), Some(days(12) + 5 - 10));
    assert_eq!(oldest(&course, &before, &before, now), Some(days(12) + 5 - 50));
}

#[test]
fn what_is_not_at_work_or_too_late_is_not_in_step() {
    assert!(in_step().is_in_step());
    assert!(Sync { dead_letters: 1, ..in_step() }.is_in_step(), "they hold up the cut-over, not the run");
    let failed = |it: Option<Mapping>| it.map(|it| Mapping { last_result: Some("PROBLEM: failed".into()), ..it });
    assert!(Sync { replay: failed(in_step().replay), ..in_step() }.is_in_step(), "what it fails waits in the queue");
    assert!(!Sync { capture: failed(in_step().capture), ..in_step() }.is_in_step());
    for behind in [
        Sync { oldest_unapplied_seconds: Some(IN_STEP_SECONDS + 1), ..in_step() },
        Sync { capture: None, ..in_step() },
        Sync { replay: None, ..in_step() },
    ] {
        assert!(!behind.is_in_step(), "{behind:?}");
    }
}
