use serde::Deserialize;

use super::*;

/// The lines that were written.
fn lines(metrics: &Metrics<Vec<u8>>) -> Vec<Value> {
    let state = metrics.state();
    let text = std::str::from_utf8(&state.lines).unwrap();
    assert!(text.is_empty() || text.ends_with('\n'));
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn metrics() -> Metrics<Vec<u8>> {
    Metrics::new("Segue-tidy".into(), Vec::new(), || Timestamp::from_millisecond(1_795_167_000_123).unwrap())
}

fn page(scanned: u64) -> Counts {
    Counts { scanned, read_units: 0.5, ..Counts::default() }
}

/// Each line's run, items and segments.
fn seen(lines: &[Value]) -> Vec<(Option<&str>, u64, u64)> {
    let number = |line: &Value, name: &str| line[name].as_u64().unwrap();
    lines
        .iter()
        .map(|line| (line["run"].as_str(), number(line, "ItemsScanned"), number(line, "SegmentsDone")))
        .collect()
}

/// `_aws`, as CloudWatch's user guide has it ("Specification: embedded metric format"), with the units that we use.
#[derive(Debug, PartialEq, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Metadata {
    timestamp: u64,
    cloud_watch_metrics: [Directive; 1],
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Directive {
    namespace: String,
    dimensions: Vec<Vec<String>>,
    metrics: Vec<Definition>,
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Definition {
    name: String,
    unit: Unit,
}

#[derive(Debug, PartialEq, Deserialize)]
enum Unit {
    Count,
}

/// Names and dimensions that have no value beside `_aws` are dropped by CloudWatch in silence.
#[test]
fn lines_are_in_cloudwatchs_format() {
    let metrics = metrics();
    metrics.begin(Some("tidy-1"));
    let counts = Counts {
        scanned: 21,
        written: 1,
        deleted: 2,
        unchanged: 3,
        filtered: 4,
        gone: 5,
        failed: 6,
        conflicts: 7,
        read_units: 8.5,
        write_units: 9.0,
        throttled_reads: 10,
        throttled_writes: 11,
        waits: migration::Waits::default(),
    };
    metrics.page(3, &counts, true);
    metrics.end();
    let lines = lines(&metrics);
    let [line] = &lines[..] else { panic!("expected one line, found {lines:?}") };
    let metadata: Metadata = serde_json::from_value(line["_aws"].clone()).unwrap();
    let [directive] = &metadata.cloud_watch_metrics;
    assert_eq!((directive.namespace.as_str(), &directive.dimensions), ("Segue", &vec![vec!["Stack".to_owned()]]));
    let names: Vec<_> = directive.metrics.iter().map(|definition| definition.name.as_str()).collect();
    assert_eq!(names, Metric::ALL.map(Metric::name));
    assert!(names.iter().all(|name| line[*name].is_number()));
    let mut rest = line.clone();
    rest.as_object_mut().unwrap().retain(|name, _| name != "_aws");
    let expected = json!({
        "Stack": "Segue-tidy", "run": "tidy-1", "ItemsScanned": 21, "ItemsWritten": 1, "ItemsDeleted": 2,
        "ItemsUnchanged": 3, "ItemsFailed": 6, "Conflicts": 7, "ReadUnits": 8.5, "WriteUnits": 9.0,
        "ThrottledReads": 10, "ThrottledWrites": 11, "SegmentsDone": 1,
    });
    assert_eq!((rest, metadata.timestamp), (expected, 1_795_167_000_123));
}

#[tokio::test(start_paused = true)]
async fn a_line_every_ten_seconds_and_one_at_the_end() {
    let metrics = metrics();
    metrics.begin(Some("a"));
    for _ in 0..25 {
        tokio::time::advance(Duration::from_secs(1)).await;
        metrics.page(0, &page(10), false);
    }
    assert_eq!(seen(&lines(&metrics)), [(Some("a"), 100, 0), (Some("a"), 100, 0)]);
    metrics.page(0, &page(1), true);
    let tally = metrics.end();
    assert_eq!(seen(&lines(&metrics)), [(Some("a"), 100, 0), (Some("a"), 100, 0), (Some("a"), 51, 1)]);
    assert_eq!((tally.pages, tally.counts.scanned, tally.segments_done), (26, 251, 1));
    assert_eq!(tally.counts.read_units, 13.0);
}

/// A sandbox sleeps, and wakes in another run; the invocation before was cut off.
#[tokio::test(start_paused = true)]
async fn a_run_never_counts_what_another_has_left() {
    let metrics = metrics();
    metrics.begin(Some("a"));
    metrics.page(0, &page(7), false);
    tokio::time::advance(Duration::from_secs(3_600)).await;
    metrics.begin(Some("b"));
    metrics.page(0, &page(1), true);
    assert_eq!(seen(&lines(&metrics)), [(Some("a"), 7, 0)]);
    assert_eq!(metrics.end().counts.scanned, 1);
    metrics.begin(None);
    assert_eq!(metrics.end(), Tally::default());
    assert_eq!(seen(&lines(&metrics)), [(Some("a"), 7, 0), (Some("b"), 1, 1)]);
}

#[test]
fn where_nothing_is_counted_nothing_is_written() {
    let metrics = metrics();
    metrics.begin(Some("a"));
    assert_eq!(metrics.end().counted(1), None);
    assert!(lines(&metrics).is_empty());
}
