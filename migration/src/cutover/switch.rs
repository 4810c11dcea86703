//! Ends what carries changes, and begins it again. Everything here may be done twice.

use std::time::Duration;

use aws_sdk_dynamodb::types::StreamSpecification;
use tokio::time::{Instant, sleep};

use crate::copy::quiet::Waiting;
use crate::copy::{books, current, mapping, sync};
use crate::error::{Error, Kind};
use crate::plan::{Plan, RunId};
use crate::services::Services;

/// Between two looks at a mapping that is being switched.
const POLL: Duration = Duration::from_secs(1);
/// Mappings change within a minute; one that takes longer needs somebody to look at it.
const PATIENCE: Duration = Duration::from_secs(300);

/// Switches capture off, and waits until it is: its place in the stream is kept.
pub(super) async fn end_capture(services: &Services, run: &RunId) -> Result<(), Error> {
    let course = books::course(&services.ledger, run).await?;
    off(services, course.capture.as_deref(), "capture").await
}

/// Switches replay off and takes both mappings away. The stream that the copy has switched on goes off.
pub(super) async fn end_replay(services: &Services, run: &RunId, plan: &Plan) -> Result<(), Error> {
    let course = books::course(&services.ledger, run).await?;
    off(services, course.replay.as_deref(), "replay").await?;
    let lambda = &services.carrier()?.lambda;
    for id in [&course.capture, &course.replay].into_iter().flatten() {
        mapping::remove(lambda, id).await?;
    }
    if course.stream_enabled_by_us {
        stream_off(services, plan).await?;
    }
    books::amend(&services.ledger, run, |course| {
        (course.capture, course.replay) = (None, None);
        course.stream_enabled_by_us = false;
    })
    .await?;
    Ok(())
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
    until_ready("capture", async || sync::start_capture(services, run).await).await?;
    until_ready("replay", async || sync::start_replay(services, run).await).await
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
            // As long as the one before is being taken away, no other can be made.
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
async fn stream_off(services: &Services, plan: &Plan) -> Result<(), Error> {
    let off = StreamSpecification::builder().stream_enabled(false).build();
    let off = off.map_err(|error| Error::invalid(error.to_string()))?;
    let update = services.source_of(plan).update_table().table_name(plan.definition.source.table.as_str());
    match update.stream_specification(off).send().await.map_err(|error| Error::from_sdk("UpdateTable", error)) {
        Err(error) if matches!(error.kind(), Kind::NotFound | Kind::Refused) => Ok(()),
        switched => switched.map(drop),
    }
}
