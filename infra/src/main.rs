//! The CDK app of Segue: `cargo run -p infra -- synth`, `deploy`, and what goes with them.

use std::io::{self, Write};
use std::process::ExitCode;

use clap::Parser;
use infra::commands::Args;
use infra::failure;

#[tokio::main]
async fn main() -> ExitCode {
    match Args::parse().run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _unwritable = writeln!(io::stderr(), "error: {error:#}");
            failure::exit_code(&error)
        }
    }
}
