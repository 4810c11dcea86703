//! The command line of Segue: words, bars and exit codes around the functions of `migration`.

mod args;
mod ask;
mod commands;
mod data;
mod engine;
mod errors;
mod progress;
mod report;
mod sample;
mod show;
mod signals;
mod traffic;

use std::process::ExitCode;

use clap::Parser;

use crate::args::{Args, Command};
use crate::commands::{
    changes, control, count, cutover, differences, export, failures, migrate, raised, restore, resume, retry, serve,
    status, stop, verify, watch,
};
use crate::errors::{CliError, Ended};

#[tokio::main]
async fn main() -> ExitCode {
    match carry_out(Args::parse()).await {
        Ok(ended) => ended.into(),
        Err(error) => {
            show::error(&error);
            error.exit_code()
        }
    }
}

async fn carry_out(args: Args) -> Result<Ended, CliError> {
    let Some(command) = args.command else { return migrate::migrate(args.migrate).await };
    if let Some(run) = command.of_run() {
        raised::offer_here(run).await?;
    }
    match command {
        Command::Status(args) => status::status(args).await,
        Command::Watch(args) => watch::watch(args).await,
        Command::Stop(args) => stop::stop(args).await,
        Command::Throttle(args) => control::throttle(args).await,
        Command::Pause(args) => control::pause(args).await,
        Command::GoOn(args) => control::go_on(args).await,
        Command::Resume(args) => resume::resume(args).await,
        Command::Retry(args) => retry::retry(args).await,
        Command::Restore(args) => restore::restore(args).await,
        Command::Failures(args) => failures::failures(args).await,
        Command::Count(args) => count::count(args).await,
        Command::Verify(args) => verify::verify(args).await,
        Command::Differences(args) => differences::differences(args).await,
        Command::Cutover(args) => cutover::cutover(args).await,
        Command::Changes(args) => changes::changes(args).await,
        Command::Serve(args) => serve::serve(args).await,
        Command::Export(args) => export::export(args).await,
    }
}
