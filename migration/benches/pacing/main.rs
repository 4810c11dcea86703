//! Prints what a run makes of a table that it shares with an application, in virtual time: `cargo bench -p migration
//! --bench pacing`.

#![allow(clippy::unwrap_used, reason = "a benchmark unwraps as a test does")]
#![allow(clippy::print_stdout, reason = "it prints a table")]

mod scene;

use migration::definition::WriteRequests::{Batched, Single};

use self::scene::{Habit, Scene, play};

/// About a minute of what three quarters of the table give.
const SCENE: Scene = Scene {
    write_units: 1_000,
    application: 250,
    habit: Habit::Even,
    items: 45_000,
    workers: 8,
    writes: Single,
    meanwhile: None,
};
/// A table of several partitions, each of which gives 1,000 units.
const PARTITIONS: Scene = Scene { write_units: 4_000, habit: Habit::OneKey, items: 180_000, workers: 64, ..SCENE };

fn main() {
    let scenes = [
        ("8 workers", SCENE),
        ("1 worker", Scene { workers: 1, ..SCENE }),
        ("64 workers", Scene { workers: 64, ..SCENE }),
        ("8 workers, in batches", Scene { writes: Batched, ..SCENE }),
        ("64 workers, in batches", Scene { workers: 64, writes: Batched, ..SCENE }),
        ("the application in bursts", Scene { habit: Habit::Bursts, ..SCENE }),
        ("300 units in the middle", Scene { meanwhile: Some(300), ..SCENE }),
        ("one key takes 250 units", PARTITIONS),
        ("one key takes 700 units", Scene { application: 700, ..PARTITIONS }),
    ];
    println!("{:>28} {:>9} {:>9} {:>10} {:>16}", "", "seconds", "used", "throttled", "application's");
    for (name, scene) in scenes {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
        let played = runtime.block_on(play(scene));
        let (used, throttled) = (played.used * 100.0, played.throttled * 100.0);
        println!("{name:>28} {:>9.1} {used:>8.1}% {throttled:>9.2}% {:>16}", played.seconds, played.refused);
    }
}
