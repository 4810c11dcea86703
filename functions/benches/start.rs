//! How long each function takes from its exec to its first request for work, which is what Lambda calls its init; how
//! large its binary is, and how much memory it holds then. `cargo bench -p functions` prints the table.
#![allow(clippy::print_stdout)]

#[path = "../tests/it/binaries.rs"]
mod binaries;

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use migration::Task;
use migration::deployment::{LEDGER_TABLE_VARIABLE, MIGRATION_DIGEST_VARIABLE, STACK_VARIABLE};

const STARTS: usize = 20;

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

fn main() -> Outcome<()> {
    // What the SDK does once in each process, such as reading certificates, stands in the time too.
    println!("{:<16} {:>9} {:>12} {:>12} {:>12} {:>9}", "function", "MB", "init ms", "fastest", "slowest", "RSS MB");
    for task in Task::ALL {
        let binary = binaries::of(task);
        let mut starts = (0..STARTS).map(|_| start(binary)).collect::<Outcome<Vec<_>>>()?;
        starts.sort_unstable_by_key(|start| start.init);
        let ms = |start: &Start| start.init.as_secs_f64() * 1_000.0;
        let (median, fastest, slowest) = (&starts[STARTS / 2], &starts[0], &starts[STARTS - 1]);
        println!(
            "{:<16} {:>9.2} {:>12.1} {:>12.1} {:>12.1} {:>9.1}",
            task.binary(),
            std::fs::metadata(binary)?.len() as f64 / 1e6,
            ms(median),
            ms(fastest),
            ms(slowest),
            median.resident_kib as f64 / 1_024.0
        );
    }
    Ok(())
}

struct Start {
    init: Duration,
    resident_kib: u64,
}

/// Starts a function against a Runtime API that only listens.
fn start(binary: &Path) -> Outcome<Start> {
    let api = TcpListener::bind("127.0.0.1:0")?;
    let mut command = Command::new(binary);
    command.env_clear().stdout(Stdio::null()).envs([
        ("AWS_LAMBDA_RUNTIME_API", api.local_addr()?.to_string().as_str()),
        ("AWS_LAMBDA_FUNCTION_NAME", "bench"),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "512"),
        ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
        ("AWS_REGION", "us-east-1"),
        ("AWS_ACCESS_KEY_ID", "bench"),
        ("AWS_SECRET_ACCESS_KEY", "bench"),
        (LEDGER_TABLE_VARIABLE, "bench"),
        (STACK_VARIABLE, "bench"),
        (MIGRATION_DIGEST_VARIABLE, "bench"),
    ]);
    let started = Instant::now();
    let mut process = command.spawn()?;
    let (connection, _) = api.accept()?;
    let mut request = String::new();
    // Kept open: a function whose Runtime API is gone ends.
    let mut connection = BufReader::new(connection);
    connection.read_line(&mut request)?;
    let init = started.elapsed();
    let status = std::fs::read_to_string(format!("/proc/{}/status", process.id()))?;
    process.kill()?;
    process.wait()?;
    drop(connection);
    if !request.starts_with("GET /2018-06-01/runtime/invocation/next") {
        return Err(format!("expected a request for work, found {request}").into());
    }
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
    let resident_kib = resident.trim().trim_end_matches(" kB").parse()?;
    Ok(Start { init, resident_kib })
}
