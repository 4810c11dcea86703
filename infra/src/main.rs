//! The CDK app of Segue: `cargo run -p infra -- synth`, `deploy`, and what goes with them.

use std::io::{self, Write};
use std::process::ExitCode;

use clap::Parser;
use infra::commands::Args;
use infra::failure::{self, Stopped};

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
    let error_sign = console::style("error: ").for_stderr().red().bold();
    // Who has pressed Ctrl-C knows that it is no error.
    let _unwritable = match error.downcast_ref::<Stopped>() {
        Some(_) => writeln!(io::stderr(), "{error:#}"),
        None => writeln!(io::stderr(), "{error_sign}{error:#}"),
    };
    failure::exit_code(error)
}
