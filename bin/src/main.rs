//! The command line of Segue: words, bars and exit codes around the functions of `migration`.

mod args;
mod commands;
mod data;
mod engine;
mod errors;
mod progress;
mod report;
mod sample;
mod show;
mod signals;

use std::process::ExitCode;

use clap::Parser;

use crate::args::{Args, Command};
use crate::commands::{control, export, failures, migrate, restore, resume, retry, serve, status, stop, watch};

#[tokio::main]
async fn main() -> ExitCode {
    let args = Args::parse();
    let ended = match args.command {
        None => migrate::migrate(args.migrate).await,
        Some(Command::Status(args)) => status::status(args).await,
        Some(Command::Watch(args)) => watch::watch(args).await,
        Some(Command::Stop(args)) => stop::stop(args).await,
        Some(Command::Throttle(args)) => control::throttle(args).await,
        Some(Command::Pause(args)) => control::pause(args).await,
        Some(Command::GoOn(args)) => control::go_on(args).await,
        Some(Command::Resume(args)) => resume::resume(args).await,
        Some(Command::Retry(args)) => retry::retry(args).await,
        Some(Command::Restore(args)) => restore::restore(args).await,
        Some(Command::Failures(args)) => failures::failures(args).await,
        Some(Command::Serve(args)) => serve::serve(args).await,
        Some(Command::Export(args)) => export::export(args).await,
    };
    match ended {
        Ok(ended) => ended.into(),
        Err(error) => {
            show::error(&error);
            error.exit_code()
        }
    }
}
