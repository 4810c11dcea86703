//! The binaries that cargo has built for these tests.

use std::path::Path;

use migration::Task;

/// A task's binary. A task without one doesn't compile here.
pub(crate) fn of(task: Task) -> &'static Path {
    Path::new(match task {
        Task::Prepare => env!("CARGO_BIN_EXE_prepare"),
        Task::StartBackup => env!("CARGO_BIN_EXE_start-backup"),
        Task::CheckBackup => env!("CARGO_BIN_EXE_check-backup"),
        Task::Prewarm => env!("CARGO_BIN_EXE_prewarm"),
        Task::CheckPrewarm => env!("CARGO_BIN_EXE_check-prewarm"),
        Task::MigrateSegment => env!("CARGO_BIN_EXE_migrate-segment"),
        Task::Restore => env!("CARGO_BIN_EXE_restore"),
        Task::Summarise => env!("CARGO_BIN_EXE_summarise"),
        Task::CheckSync => env!("CARGO_BIN_EXE_check-sync"),
        Task::ApplyChanges => env!("CARGO_BIN_EXE_apply-changes"),
        Task::StartReplay => env!("CARGO_BIN_EXE_start-replay"),
        Task::EndBulk => env!("CARGO_BIN_EXE_end-bulk"),
        Task::Export => env!("CARGO_BIN_EXE_export"),
        Task::CaptureChanges => env!("CARGO_BIN_EXE_capture-changes"),
        Task::StartCapture => env!("CARGO_BIN_EXE_start-capture"),
        Task::MakeTarget => env!("CARGO_BIN_EXE_make-target"),
    })
}
