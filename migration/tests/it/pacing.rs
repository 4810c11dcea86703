//! R11 beside an application: a run takes nearly all that its budget gives, hardly anything is throttled, and the
//! application never is. A tenth of what `cargo bench --bench pacing` plays, with the same bounds.

use migration::definition::WriteRequests;

use crate::scene::{Habit, Scene, play};

/// A table of which the application takes a quarter; the run lasts about a minute.
const SCENE: Scene = Scene {
    write_units: 100,
    application: 25,
    habit: Habit::Even,
    items: 4_500,
    workers: 8,
    writes: WriteRequests::Single,
    meanwhile: None,
};

async fn is_within_bounds(scene: Scene) {
    let played = play(scene).await;
    assert!(played.seconds >= 55.0, "{scene:?}: {played:?}");
    assert!((0.95..=1.02).contains(&played.used), "{scene:?}: {played:?}");
    assert!(played.throttled < 0.01, "{scene:?}: {played:?}");
    assert_eq!(played.refused, 0, "{scene:?}: {played:?}");
}

#[tokio::test(start_paused = true)]
async fn one_worker_and_sixty_four_take_what_is_left() {
    for workers in [1, 64] {
        is_within_bounds(Scene { workers, ..SCENE }).await;
    }
}

#[tokio::test(start_paused = true)]
async fn so_they_do_in_batches() {
    is_within_bounds(Scene { writes: WriteRequests::Batched, ..SCENE }).await;
}

#[tokio::test(start_paused = true)]
async fn an_application_that_writes_in_bursts_finds_what_was_left_to_it() {
    is_within_bounds(Scene { habit: Habit::Bursts, ..SCENE }).await;
}

#[tokio::test(start_paused = true)]
async fn a_budget_is_kept_to_when_it_changes() {
    is_within_bounds(Scene { meanwhile: Some(30), ..SCENE }).await;
}
