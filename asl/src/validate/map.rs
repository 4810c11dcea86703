//! Map: what its two modes demand.

use super::{ProblemKind, Report, out_of_bounds, paths};
use crate::{
    ItemBatcher, Literal, Map, MaxConcurrency, MaxInputBytesPerBatch, MaxItems, MaxItemsPerBatch, Mode,
    ToleratedFailureCount, ToleratedFailurePercentage,
};

/// The longest label: <https://docs.aws.amazon.com/step-functions/latest/dg/state-map-distributed.html>
const MAX_LABEL: usize = 40;

pub(super) fn check(map: &Map, report: Report<'_>) {
    match map.mode() {
        Mode::Distributed if map.execution_type().is_none() => report(ProblemKind::NoExecutionType),
        Mode::Distributed => {}
        Mode::Inline => inline(map, report),
    }
    if let Some(label) = &map.label
        && (label.is_empty() || label.chars().count() > MAX_LABEL || !label.chars().all(is_plain))
    {
        report(out_of_bounds("Label", "1 to 40 characters without spaces, wildcards, brackets and the like", label));
    }
    if let ToleratedFailurePercentage::Fixed(Literal::Value(percentage)) = &map.tolerated_failure_percentage
        && !percentage.as_f64().is_some_and(|percentage| (0.0..=100.0).contains(&percentage))
    {
        report(out_of_bounds("ToleratedFailurePercentage", "from 0 to 100", percentage));
    }
}

/// What AWS forbids in a label, since it becomes part of an ARN.
fn is_plain(c: char) -> bool {
    !c.is_whitespace() && !c.is_control() && !r#"?*<>{}[]:;,\|^~$#%&`"/'"#.contains(c)
}

/// AWS takes tolerated failures on an inline Map too, where they mean nothing.
fn inline(map: &Map, report: Report<'_>) {
    let distributed_only = [
        ("ItemReader", map.item_reader.is_some()),
        ("ItemBatcher", map.item_batcher.is_some()),
        ("ResultWriter", map.result_writer.is_some()),
        ("Label", map.label.is_some()),
        ("ExecutionType", map.execution_type().is_some()),
    ];
    for (field, _) in distributed_only.into_iter().filter(|(_, there)| *there) {
        report(ProblemKind::NeedsDistributed(field));
    }
}

pub(super) fn check_paths(map: &Map, report: Report<'_>) {
    let items = map.items_path.as_ref().map(|path| ("ItemsPath", path));
    let concurrency = match &map.max_concurrency {
        MaxConcurrency::Path(path) => Some(("MaxConcurrencyPath", path)),
        _ => None,
    };
    let percentage = match &map.tolerated_failure_percentage {
        ToleratedFailurePercentage::Path(path) => Some(("ToleratedFailurePercentagePath", path)),
        _ => None,
    };
    let count = match &map.tolerated_failure_count {
        ToleratedFailureCount::Path(path) => Some(("ToleratedFailureCountPath", path)),
        _ => None,
    };
    for (field, path) in [items, concurrency, percentage, count].into_iter().flatten() {
        paths::path(field, path, report);
    }
    paths::template("ItemSelector", map.item_template(), report);
    if let Some(reader) = &map.item_reader {
        paths::template("ItemReader.Parameters", reader.parameters.as_ref(), report);
        if let Some(MaxItems::Path(path)) = reader.reader_config.as_ref().map(|config| &config.max_items) {
            paths::path("MaxItemsPath", path, report);
        }
    }
    if let Some(writer) = &map.result_writer {
        paths::template("ResultWriter.Parameters", writer.parameters.as_ref(), report);
    }
    if let Some(batcher) = &map.item_batcher {
        check_batcher(batcher, report);
    }
}

fn check_batcher(batcher: &ItemBatcher, report: Report<'_>) {
    paths::template("ItemBatcher.BatchInput", batcher.batch_input.as_ref(), report);
    match (&batcher.size.items, &batcher.size.bytes) {
        (MaxItemsPerBatch::Unset, MaxInputBytesPerBatch::Unset) => {
            report(ProblemKind::Missing("MaxItemsPerBatch or MaxInputBytesPerBatch in ItemBatcher"));
        }
        (items, bytes) => {
            if let MaxItemsPerBatch::Path(path) = items {
                paths::path("MaxItemsPerBatchPath", path, report);
            }
            if let MaxInputBytesPerBatch::Path(path) = bytes {
                paths::path("MaxInputBytesPerBatchPath", path, report);
            }
        }
    }
}
