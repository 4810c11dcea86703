//! The CDK app of Segue: `cargo run -p infra -- synth`, `deploy`, and what goes with them.

use std::io::{self, Write};
use std::process::ExitCode;

use clap::Parser;
use infra::commands::Args;
use infra::failure;

fn main() -> ExitCode {
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&error.into()),
    };
    let ended = runtime.block_on(Args::parse().run());
    // Who was interrupted must not wait for a compiler, or for an answer that nobody will type.
    runtime.shutdown_background();
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&error),
    }
}

fn fail(error: &anyhow::Error) -> ExitCode {
    let _unwritable = writeln!(io::stderr(), "{} {error:#}", console::style("error:").for_stderr().red().bold());
    failure::exit_code(error)
}
