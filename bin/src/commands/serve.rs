//! `run serve`: the embedded DynamoDB for any AWS client.

use std::net::Ipv4Addr;

use embedded::Options;
use tokio::net::TcpListener;

use crate::args::ServeArgs;
use crate::engine::embedded::open_file;
use crate::errors::{CliError, Ended};
use crate::show;
use crate::signals::Signals;

pub(crate) async fn serve(args: ServeArgs) -> Result<Ended, CliError> {
    // Before anybody is told that there is a server, so that whoever ends it at once ends it in order.
    let mut signals = Signals::listen()?;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, args.port)).await.map_err(|error| {
        CliError::usage(format!("can't listen on 127.0.0.1:{}: {error}; name another --port", args.port))
    })?;
    // After the port: where it is taken, no file is made.
    let database = open_file(&args.database, Options::default())?;
    let endpoint = format!("http://{}", listener.local_addr()?);
    show::line(format_args!("serving {} on {endpoint}; Ctrl-C ends it", args.database.display()));
    show::line(format_args!("for example: AWS_ENDPOINT_URL={endpoint} aws dynamodb list-tables"));
    database.serve(listener, async move { signals.next().await }).await?;
    Ok(Ended::Done)
}
