//! `run serve`: the embedded DynamoDB for any AWS client.

use std::net::Ipv4Addr;

use embedded::{Embedded, Options};
use tokio::net::TcpListener;

use crate::args::ServeArgs;
use crate::errors::{CliError, Ended};
use crate::show;

pub(crate) async fn serve(args: ServeArgs) -> Result<Ended, CliError> {
    let database = Embedded::open(&args.database, Options::default())?;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, args.port)).await.map_err(|error| {
        CliError::usage(format!("can't listen on 127.0.0.1:{}: {error}; name another --port", args.port))
    })?;
    let endpoint = format!("http://{}", listener.local_addr()?);
    show::line(format_args!("serving {} on {endpoint}; Ctrl-C ends it", args.database.display()));
    show::line(format_args!("for example: AWS_ENDPOINT_URL={endpoint} aws dynamodb list-tables"));
    database.serve(listener, interrupted()).await?;
    Ok(Ended::Done)
}

/// Ctrl-C, or the end that a supervisor asks for.
async fn interrupted() {
    #[cfg(unix)]
    if let Ok(mut terminate) = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
        tokio::select! {
            _ = tokio::signal::ctrl_c() => {}
            _ = terminate.recv() => {}
        }
        return;
    }
    let _ctrl_c = tokio::signal::ctrl_c().await;
}
