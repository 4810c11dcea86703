//! Ends what carries changes, and begins it again. Everything here may be done twice.

use std::time::Duration;

use aws_sdk_dynamodb::types::StreamSpecification;
use tokio::time::{Instant, sleep};

use crate::copy::current::{self, Current};
use crate::copy::quiet::Waiting;
use crate::copy::{books, mapping, sync};
use crate::error::{Error, Kind};
use crate::plan::{Plan, RunId};
use crate::services::Services;
use crate::table::Table;

/// Between two looks at a mapping that is being switched.
const POLL: Duration = Duration::from_secs(1);
/// Mappings change within a minute; one that takes longer needs somebody to look at it.
const PATIENCE: Duration = Duration::from_secs(300);

/// Switches capture off, and waits until it is: its place in the stream is kept.
pub(super) async fn end_capture(services: &Services, run: &RunId) -> Result<(), Error> {
    let course = books::course(&services.ledger, run).await?;
    off(services, course.capture.as_deref(), "capture").await
}

/// Switches replay off.
pub(super) async fn end_replay(services: &Services, run: &RunId) -> Result<(), Error> {
    let course = books::course(&services.ledger, run).await?;
    off(services, course.replay.as_deref(), "replay").await
}

/// Takes away what a copy has made to carry changes: both mappings, and the stream that it has switched on; but for what the copy
/// that goes on now, its way back or another one, carries its own by.
pub(super) async fn clear(services: &Services, run: &RunId, plan: &Plan) -> Result<(), Error> {
    let course = books::course(&services.ledger, run).await?;
    let lambda = &services.carrier()?.lambda;
    let next = next(services, run).await?;
    let is_kept = |id: &&String| next.as_ref().is_some_and(|next| next.mappings.contains(id));
    for id in [&course.capture, &course.replay].into_iter().flatten().filter(|id| !is_kept(id)) {
        mapping::remove(lambda, id).await?;
    }
    let source = plan.definition.source.table.as_str();
    if course.stream_enabled_by_us && next.is_none_or(|next| next.source != source) {
        until_ready("the stream", async || stream_off(services, plan).await).await?;
    }
    books::amend(&services.ledger, run, |course| {
        (course.capture, course.replay) = (None, None);
        course.stream_enabled_by_us = false;
    })
    .await?;
    Ok(())
}

/// What another copy carries its changes by.
struct Next {
    source: String,
    mappings: Vec<String>,
}

/// The copy that goes on, where that isn't this one.
async fn next(services: &Services, run: &RunId) -> Result<Option<Next>, Error> {
    let current = current::read(&services.ledger).await?.filter(|current| current.run != *run);
    let Some(Current { run, .. }) = current else { return Ok(None) };
    let course = books::course(&services.ledger, &run).await?;
    let source = services.plan(&run).await?.definition.source.table.to_string();
    Ok(Some(Next { source, mappings: [course.capture, course.replay].into_iter().flatten().collect() }))
}

/// Takes away the mappings that a copy has made and not noted, because somebody died in between: nobody else makes any for these
/// functions while it is the one that goes on.
pub(super) async fn remove_unnoted(services: &Services, run: &RunId) -> Result<(), Error> {
    if current::read(&services.ledger).await?.is_none_or(|current| current.run != *run) {
        return Ok(());
    }
    let course = books::course(&services.ledger, run).await?;
    let noted = [course.capture, course.replay];
    let carrier = services.carrier()?;
    for function in [&carrier.wiring.capture_function, &carrier.wiring.replay_function] {
        for mapping in mapping::of_function(&carrier.lambda, function).await? {
            if !noted.iter().flatten().any(|id| *id == mapping.id) {
                mapping::remove(&carrier.lambda, &mapping.id).await?;
            }
        }
    }
    Ok(())
}

/// Switches capture on, and then replay.
pub(super) async fn begin(services: &Services, run: &RunId) -> Result<(), Error> {
    until_ready("capture", async || sync::capture_on(services, run).await).await?;
    until_ready("replay", async || sync::replay_on(services, run).await).await
}

async fn off(services: &Services, id: Option<&str>, what: &str) -> Result<(), Error> {
    let (Some(id), lambda) = (id, &services.carrier()?.lambda) else { return Ok(()) };
    until_ready(what, async || {
        let is_off = mapping::switch_off(lambda, id).await?.is_none_or(|mapping| mapping.is_disabled());
        Ok(if is_off { Waiting::OVER } else { Waiting::seconds(1) })
    })
    .await
}

async fn until_ready(what: &str, look: impl AsyncFn() -> Result<Waiting, Error>) -> Result<(), Error> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match look().await {
            Ok(waiting) if waiting.ready => return Ok(()),
            Ok(_) => {}
            // What is being changed just now, or is asked too much, can be switched in a moment.
            Err(error) if error.kind().is_transient() && Instant::now() < deadline => {}
            Err(error) => return Err(error),
        }
        if Instant::now() >= deadline {
            let seconds = PATIENCE.as_secs();
            return Err(Error::new(
                Kind::Busy,
                format!(
                    "expected {what} to be switched within {seconds} s, found that it isn't; the same command goes on"
                ),
            ));
        }
        sleep(POLL).await;
    }
}

/// A stream that is off already, or whose table is gone, is off.
async fn stream_off(services: &Services, plan: &Plan) -> Result<Waiting, Error> {
    let (client, name) = (services.source_of(plan), plan.definition.source.table.as_str());
    match Table::describe(client, name).await {
        Ok(table) if table.stream.is_none() => return Ok(Waiting::OVER),
        Ok(_) => {}
        Err(error) if error.kind() == Kind::NotFound => return Ok(Waiting::OVER),
        Err(error) => return Err(error),
    }
    let off = StreamSpecification::builder().stream_enabled(false).build();
    let off = off.map_err(|error| Error::invalid(error.to_string()))?;
    let update = client.update_table().table_name(name).stream_specification(off);
    update.send().await.map_err(|error| Error::from_control_plane("UpdateTable", error))?;
    Ok(Waiting::OVER)
}
