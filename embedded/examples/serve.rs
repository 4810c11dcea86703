//! Serves a temporary database until it is interrupted: `cargo run -p embedded --example serve -- 8000`.
#![allow(clippy::print_stdout, missing_docs)]

use embedded::{Embedded, Options};
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let port = std::env::args().nth(1).unwrap_or_else(|| "8000".to_owned());
    let embedded = Embedded::temporary(Options::default())?;
    let listener = TcpListener::bind(format!("127.0.0.1:{port}")).await?;
    println!("http://{}", listener.local_addr()?);
    embedded.serve(listener, async { drop(tokio::signal::ctrl_c().await) }).await?;
    Ok(())
}
