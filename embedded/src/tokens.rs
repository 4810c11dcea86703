//! Idempotent transactions: one that comes again with its token within ten minutes is answered, not run again.

use std::collections::HashMap;
use std::time::Duration;

use dynoxide::DynoxideError;
use serde_json::Value;
use tokio::time::Instant;

use crate::engine::{Engine, run_metered};
use crate::metered::Metered;
use crate::reply::Answer;
use crate::wire::{parse, write};

/// AWS: "A client request token is valid for 10 minutes".
const VALID: Duration = Duration::from_secs(10 * 60);

#[derive(Debug, Default)]
pub(crate) struct Tokens {
    seen: HashMap<(&'static str, String), Seen>,
}

#[derive(Debug)]
struct Seen {
    at: Instant,
    work: Value,
    response: Vec<u8>,
}

impl Tokens {
    /// The response to the same work under the same token. Different work under one token is refused.
    pub(crate) fn find(
        &mut self,
        operation: &'static str,
        token: &str,
        work: &Value,
        now: Instant,
    ) -> Answer<Option<Vec<u8>>> {
        self.seen.retain(|_, seen| now.saturating_duration_since(seen.at) < VALID);
        match self.seen.get(&(operation, token.to_owned())) {
            None => Ok(None),
            Some(seen) if seen.work == *work => Ok(Some(seen.response.clone())),
            Some(_) => {
                let message = "An error occurred (IdempotentParameterMismatchException)";
                Err(DynoxideError::IdempotentParameterMismatchException(message.to_owned()).into())
            }
        }
    }

    pub(crate) fn keep(
        &mut self,
        operation: &'static str,
        token: String,
        work: Value,
        response: Vec<u8>,
        now: Instant,
    ) {
        self.seen.insert((operation, token), Seen { at: now, work, response });
    }
}

/// Runs a transaction, once for each token.
pub(crate) fn once<R: Metered>(engine: &mut Engine, operation: &'static str, body: &[u8]) -> Answer {
    let request: R = parse(body)?;
    let mut work: Value = parse(body)?;
    let members = work.as_object_mut();
    let token = members.and_then(|members| {
        // The report that a caller asks for is no part of the work.
        members.remove("ReturnConsumedCapacity");
        members.remove("ClientRequestToken")
    });
    let Some(Value::String(token)) = token else {
        return write(&run_metered(engine, request)?);
    };
    let now = engine.clock.now();
    if let Some(response) = engine.tokens.find(operation, &token, &work, now)? {
        return Ok(response);
    }
    let response = write(&run_metered(engine, request)?)?;
    engine.tokens.keep(operation, token, work, response.clone(), now);
    Ok(response)
}
