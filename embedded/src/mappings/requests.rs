//! The requests that make, change and show mappings: Lambda's own rules for what a stream or a queue takes.

use rusqlite::params;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Mapping, Transition, all, find, save};
use crate::Embedded;
use crate::engine::Engine;
use crate::functions;
use crate::reply::{Answer, Fault};
use crate::request::Request;
use crate::{queues, streams, wire};

/// What a request may say of a mapping.
#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct Wanted {
    event_source_arn: Option<String>,
    function_name: Option<String>,
    enabled: Option<bool>,
    batch_size: Option<u32>,
    #[serde(rename = "MaximumBatchingWindowInSeconds")]
    window_seconds: Option<u32>,
    parallelization_factor: Option<u32>,
    starting_position: Option<String>,
    bisect_batch_on_function_error: Option<bool>,
    maximum_retry_attempts: Option<i64>,
    #[serde(rename = "MaximumRecordAgeInSeconds")]
    most_age_seconds: Option<i64>,
    function_response_types: Option<Vec<String>>,
    scaling_config: Option<Value>,
    destination_config: Option<Value>,
    filter_criteria: Option<Value>,
    tumbling_window_in_seconds: Option<u32>,
}

/// Runs a request: the status and the body of its answer.
pub(super) fn run(embedded: &Embedded, engine: &mut Engine, request: Request) -> Answer<(u16, Value)> {
    engine.recover()?;
    let now = engine.clock.epoch_seconds();
    match request.operation.as_str() {
        "CreateEventSourceMapping" => {
            let mapping = create(embedded, engine, wire::parse(&request.body)?)?;
            Ok((202, mapping.described(now)))
        }
        "GetEventSourceMapping" => Ok((200, named(engine, &request)?.described(now))),
        "UpdateEventSourceMapping" => {
            let mapping = named(engine, &request)?;
            let mapping = update(embedded, engine, mapping, wire::parse(&request.body)?)?;
            Ok((202, mapping.described(now)))
        }
        "DeleteEventSourceMapping" => {
            let mapping = settled(engine, named(engine, &request)?)?;
            let settles_at = now + engine.options.mapping_takes.as_secs_f64();
            let mapping =
                Mapping { is_enabled: false, transition: Transition::Deleting, settles_at, changed_at: now, ..mapping };
            save(engine, &mapping)?;
            Ok((202, mapping.described(now)))
        }
        "ListEventSourceMappings" => {
            let is_wanted = |name: &str, value: &str| request.query.get(name).is_none_or(|wanted| wanted == value);
            let function = request.query.get("FunctionName").map(|it| functions::name_of(it).to_owned());
            let of_function = |it: &Mapping| function.as_ref().is_none_or(|wanted| *wanted == it.function);
            let listed =
                all(engine)?.into_iter().filter(|it| is_wanted("EventSourceArn", &it.source_arn) && of_function(it));
            let listed: Vec<Value> = listed.map(|it| it.described(now)).collect();
            Ok((200, json!({ "EventSourceMappings": listed })))
        }
        _ => Err(Fault::service("ResourceNotFoundException", "there is no such operation")),
    }
}

fn create(embedded: &Embedded, engine: &Engine, wanted: Wanted) -> Answer<Mapping> {
    let source_arn = wanted.event_source_arn.clone().ok_or_else(|| invalid("EventSourceArn is missing"))?;
    let function = functions::name_of(wanted.function_name.as_deref().unwrap_or_default()).to_owned();
    is_function(embedded, &function)?;
    let is_of_stream = !source_arn.starts_with("arn:aws:sqs:");
    let latest_after = match is_of_stream {
        true => {
            let stream = streams::stream(engine, &source_arn);
            let stream = stream.map_err(|_| invalid(format!("Stream not found: {source_arn}")))?;
            engine.storage.next_stream_sequence_number(&stream.table)? - 1
        }
        false => {
            queues::queue(engine, &source_arn).map_err(|_| invalid(format!("Queue not found: {source_arn}")))?;
            0
        }
    };
    if let Some(there) = all(engine)?.iter().find(|it| it.source_arn == source_arn && it.function == function) {
        let message = format!(
            "An event source mapping with event source arn (\" {source_arn} \") and function (\" {function} \") already \
             exists. Please update or delete the existing mapping with UUID {}",
            there.uuid()
        );
        return Err(Fault::service("ResourceConflictException", message));
    }
    let position = wanted.starting_position.as_deref();
    if is_of_stream != matches!(position, Some("TRIM_HORIZON" | "LATEST")) {
        return Err(invalid(
            "StartingPosition is TRIM_HORIZON or LATEST for a stream of DynamoDB, and absent for a queue",
        ));
    }
    let now = engine.clock.epoch_seconds();
    let mapping = Mapping {
        number: 0,
        source_arn,
        function,
        is_enabled: wanted.enabled.unwrap_or(true),
        transition: Transition::Creating,
        settles_at: now + engine.options.mapping_takes.as_secs_f64(),
        changed_at: now,
        batch_size: if is_of_stream { 100 } else { 10 },
        window_seconds: 0,
        lanes: 1,
        starting_position: wanted.starting_position.clone(),
        latest_after,
        bisects: false,
        most_retries: -1,
        most_age_seconds: -1,
        reports_failures: false,
        most_concurrent: None,
        on_failure: None,
        last_result: None,
    };
    let mapping = changed(engine, mapping, wanted)?;
    is_hidden_for_long_enough(embedded, engine, &mapping)?;
    let body = serde_json::to_string(&mapping).map_err(Fault::internal)?;
    engine.storage.conn().execute("INSERT INTO \"::mappings\" (body) VALUES (?1)", params![body])?;
    Ok(Mapping { number: engine.storage.conn().last_insert_rowid(), ..mapping })
}

fn update(embedded: &Embedded, engine: &Engine, mapping: Mapping, wanted: Wanted) -> Answer<Mapping> {
    let mapping = settled(engine, mapping)?;
    let function = match &wanted.function_name {
        Some(function) => functions::name_of(function).to_owned(),
        None => mapping.function.clone(),
    };
    is_function(embedded, &function)?;
    let now = engine.clock.epoch_seconds();
    let transition = match (mapping.is_enabled, wanted.enabled.unwrap_or(mapping.is_enabled)) {
        (false, true) => Transition::Enabling,
        (true, false) => Transition::Disabling,
        _ => Transition::Updating,
    };
    let settles_at = now + engine.options.mapping_takes.as_secs_f64();
    let is_enabled = transition == Transition::Enabling || mapping.is_enabled && transition == Transition::Updating;
    let mapping = Mapping { function, transition, settles_at, is_enabled, changed_at: now, ..mapping };
    let mapping = changed(engine, mapping, wanted)?;
    is_hidden_for_long_enough(embedded, engine, &mapping)?;
    save(engine, &mapping)?;
    Ok(mapping)
}

/// What is wanted of a mapping, within the bounds of "CreateEventSourceMapping".
fn changed(engine: &Engine, mapping: Mapping, wanted: Wanted) -> Answer<Mapping> {
    let is_of_stream = mapping.is_of_stream();
    if wanted.filter_criteria.is_some() || wanted.tumbling_window_in_seconds.is_some_and(|seconds| seconds > 0) {
        return Err(invalid("filters and tumbling windows aren't here"));
    }
    let of_stream = [
        wanted.parallelization_factor.is_some(),
        wanted.bisect_batch_on_function_error.is_some(),
        wanted.maximum_retry_attempts.is_some(),
        wanted.most_age_seconds.is_some(),
        wanted.destination_config.is_some(),
    ];
    if !is_of_stream && of_stream.contains(&true) {
        return Err(invalid("parallelization, bisecting, retries, record age and destination are of streams"));
    }
    let most = wanted.scaling_config.as_ref().and_then(|it| it["MaximumConcurrency"].as_u64());
    let destination =
        wanted.destination_config.as_ref().map(|it| it["OnFailure"]["Destination"].as_str().map(str::to_owned));
    if let Some(Some(target)) = &destination {
        queues::queue(engine, target).map_err(|_| invalid("the destination isn't a queue that is here"))?;
    }
    let types = wanted.function_response_types;
    let mapping = Mapping {
        batch_size: wanted.batch_size.unwrap_or(mapping.batch_size),
        window_seconds: wanted.window_seconds.unwrap_or(mapping.window_seconds),
        lanes: wanted.parallelization_factor.unwrap_or(mapping.lanes),
        bisects: wanted.bisect_batch_on_function_error.unwrap_or(mapping.bisects),
        most_retries: wanted.maximum_retry_attempts.unwrap_or(mapping.most_retries),
        most_age_seconds: wanted.most_age_seconds.unwrap_or(mapping.most_age_seconds),
        reports_failures: types
            .map_or(mapping.reports_failures, |it| it.iter().any(|it| it == "ReportBatchItemFailures")),
        most_concurrent: most.map(|it| it as u32).or(mapping.most_concurrent),
        on_failure: destination.unwrap_or(mapping.on_failure.clone()),
        ..mapping
    };
    let is_sound = match is_of_stream {
        true => {
            (1..=10_000).contains(&mapping.batch_size)
                && mapping.window_seconds <= 300
                && (1..=10).contains(&mapping.lanes)
                && (-1..=10_000).contains(&mapping.most_retries)
                && (mapping.most_age_seconds == -1 || (60..=604_800).contains(&mapping.most_age_seconds))
                && mapping.most_concurrent.is_none()
        }
        // Of a FIFO queue.
        false => {
            (1..=10).contains(&mapping.batch_size)
                && mapping.window_seconds == 0
                && mapping.most_concurrent.is_none_or(|most| (2..=1_000).contains(&most))
        }
    };
    if is_sound {
        Ok(mapping)
    } else {
        Err(invalid("a parameter is out of its bounds, or isn't for this event source"))
    }
}

fn named(engine: &Engine, request: &Request) -> Answer<Mapping> {
    let missing = || Fault::service("ResourceNotFoundException", "The resource you requested does not exist.");
    let uuid = request.names.first().ok_or_else(missing)?;
    let there = all(engine)?.into_iter().find(|it| it.uuid() == *uuid).ok_or_else(missing)?;
    find(engine, there.number)?.ok_or_else(missing)
}

/// Refuses what is still changing.
fn settled(engine: &Engine, mapping: Mapping) -> Answer<Mapping> {
    if engine.clock.epoch_seconds() >= mapping.settles_at {
        return Ok(mapping);
    }
    let state = mapping.state(engine.clock.epoch_seconds());
    let message = format!("Cannot update the event source mapping {} because it is in use: {state}", mapping.uuid());
    Err(Fault::service("ResourceInUseException", message))
}

fn is_function(embedded: &Embedded, function: &str) -> Answer<()> {
    match embedded.functions().is_registered(function) {
        true => Ok(()),
        false => {
            let message = format!("Function does not exist: {}", functions::arn(function));
            Err(Fault::service("InvalidParameterValueException", message))
        }
    }
}

/// Refuses a mapping whose messages would be somebody else's while its function is still at work on them.
fn is_hidden_for_long_enough(embedded: &Embedded, engine: &Engine, mapping: &Mapping) -> Answer<()> {
    if mapping.is_of_stream() {
        return Ok(());
    }
    let hidden = u64::from(queues::queue(engine, &mapping.source_arn)?.settings.visibility_seconds);
    match embedded.functions().time_of(&mapping.function).map(|time| time.as_secs()).filter(|time| *time > hidden) {
        None => Ok(()),
        Some(time) => Err(invalid(format!(
            "Queue visibility timeout: {hidden} seconds is less than Function timeout: {time} seconds"
        ))),
    }
}

fn invalid(message: impl Into<String>) -> Fault {
    Fault::service("InvalidParameterValueException", message)
}
