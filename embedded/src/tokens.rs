//! Idempotent transactions: one that comes again with its token within ten minutes is answered, not run again.

use std::collections::{HashMap, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

use dynoxide::DynoxideError;
use serde_json::Value;
use tokio::time::Instant;

use crate::capacity::admission::run_metered;
use crate::engine::Engine;
use crate::metered::Metered;
use crate::reply::Answer;
use crate::wire::{parse, write};

/// AWS: "A client request token is valid for 10 minutes".
const VALID: Duration = Duration::from_secs(10 * 60);

#[derive(Debug, Default)]
pub(crate) struct Tokens {
    seen: HashMap<Token, Seen>,
    /// In the order of their coming, so that the old ones are found without a search.
    ages: VecDeque<(Instant, Token)>,
}

/// Tokens count for each operation by itself.
type Token = (&'static str, String);

#[derive(Debug)]
struct Seen {
    /// A hash of the work: the client makes a token for every transaction, and keeping all of it would be much.
    work: u64,
    response: Vec<u8>,
}

impl Tokens {
    /// The response to the same work under the same token. Different work under one token is refused.
    fn find(&mut self, token: &Token, work: u64, now: Instant) -> Answer<Option<Vec<u8>>> {
        while let Some((_, old)) = self.ages.pop_front_if(|(at, _)| now.saturating_duration_since(*at) >= VALID) {
            self.seen.remove(&old);
        }
        match self.seen.get(token) {
            None => Ok(None),
            Some(seen) if seen.work == work => Ok(Some(seen.response.clone())),
            Some(_) => {
                let message = "An error occurred (IdempotentParameterMismatchException)";
                Err(DynoxideError::IdempotentParameterMismatchException(message.to_owned()).into())
            }
        }
    }

    fn keep(&mut self, token: Token, work: u64, response: Vec<u8>, now: Instant) {
        self.ages.push_back((now, token.clone()));
        self.seen.insert(token, Seen { work, response });
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
    let (token, now) = ((operation, token), engine.clock.now());
    let mut hasher = DefaultHasher::new();
    work.hash(&mut hasher);
    let work = hasher.finish();
    if let Some(response) = engine.tokens.find(&token, work, now)? {
        return Ok(response);
    }
    let response = write(&run_metered(engine, request)?)?;
    engine.tokens.keep(token, work, response.clone(), now);
    Ok(response)
}
