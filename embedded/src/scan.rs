//! Scans in linear time. The engine reads the whole rest of a segment for every page, so each page is measured
//! first, on an index that holds nothing but keys and sizes, and the engine is asked for just these rows.
//!
//! It also looks for the start of a segment among all items, unless it is told where to start: it gets the last
//! key before the segment. A scan without segments is the one segment of one, in the order of hashes, as on AWS.

use std::collections::HashMap;

use dynoxide::actions::query::QueryRequest;
use dynoxide::actions::scan::{ScanRequest, ScanResponse};
use dynoxide::storage::compute_hash_prefix;
use dynoxide::types::AttributeValue;
use rusqlite::{OptionalExtension, params};

use crate::capacity::admission::{run_demanding, run_metered};
use crate::capacity::demand::Demand;
use crate::capacity::partitions::Span;
use crate::engine::{Engine, quoted};
use crate::reply::{Answer, Fault};

type Item = HashMap<String, AttributeValue>;

/// A page ends before the item that would take it past this size.
const PAGE_BYTES: i64 = 1024 * 1024;
/// The engine assigns items to segments by so many buckets; more segments than that leave some empty.
const BUCKETS: u64 = 4096;
/// Pages of indexes and queries aren't measured; entries of 105 bytes fill 1 MB with so many.
const UNMEASURED_PAGE_ITEMS: usize = 10_000;

/// What the next page holds.
#[derive(Debug, PartialEq)]
struct Page {
    items: usize,
    is_last: bool,
    /// From where it starts to the last item that it holds, in the order of hashes.
    span: Span,
}

/// Where a segment begins and ends, in the order of hashes. `first` is a prefix of the first hash, `end` is
/// larger than any prefix that belongs to it.
#[derive(Debug, PartialEq)]
struct Bounds {
    first: String,
    end: String,
}

pub(crate) fn scan(engine: &mut Engine, mut request: ScanRequest) -> Answer<ScanResponse> {
    let Some(page) = measure(engine, &mut request)? else {
        request.limit.get_or_insert(UNMEASURED_PAGE_ITEMS);
        return run_metered(engine, request);
    };
    let demand = Demand::read(&request.table_name, None).at(Some(page.span));
    let mut response = run_demanding(engine, request, vec![demand])?;
    if page.is_last && response.scanned_count == page.items {
        response.last_evaluated_key = None;
    }
    Ok(response)
}

pub(crate) fn query(engine: &mut Engine, mut request: QueryRequest) -> Answer {
    request.limit.get_or_insert(UNMEASURED_PAGE_ITEMS);
    crate::wire::write(&run_metered(engine, request)?)
}

/// Measures the next page and narrows the request to it. `None` for what the engine should see as it is:
/// indexes, and requests that it will refuse.
fn measure(engine: &Engine, request: &mut ScanRequest) -> Answer<Option<Page>> {
    let (segment, total) = match (request.segment, request.total_segments) {
        (None, None) => (0, 1),
        (Some(segment), Some(total)) if segment < total => (segment, total),
        _ => return Ok(None),
    };
    let table = &request.table_name;
    let can_be_read = engine.tables.contains_key(table) && !engine.loading.contains_key(table);
    if request.index_name.is_some() || !can_be_read {
        return Ok(None);
    }
    let start = match &request.exclusive_start_key_raw {
        None => None,
        Some(key) => match position(engine, table, key) {
            Some(position) => Some(position),
            None => return Ok(None),
        },
    };
    let bounds = bounds(segment, total);
    let page = page(engine, table, &bounds, start.as_ref(), request.limit)?;
    if page.items == 0 {
        // Nothing follows: starting after the very last item of the table says so without a search.
        request.exclusive_start_key_raw = None;
        request.exclusive_start_key = last_key_before(engine, table, "g")?;
    } else if start.is_none() {
        request.exclusive_start_key = last_key_before(engine, table, &bounds.first)?;
    }
    request.limit = Some(page.items.max(1));
    request.segment = Some(segment);
    request.total_segments = Some(total);
    Ok(Some(page))
}

/// The segment's share of the buckets, as the engine deals them out.
fn bounds(segment: u32, total: u32) -> Bounds {
    let edge = |segment: u64| {
        let bucket = (BUCKETS * segment).div_ceil(u64::from(total));
        if bucket < BUCKETS { format!("{bucket:03x}") } else { "g".to_owned() }
    };
    Bounds { first: edge(u64::from(segment)), end: edge(u64::from(segment) + 1) }
}

/// Where a key stands in the order of the scan index.
fn position(engine: &Engine, table: &str, key: &serde_json::Value) -> Option<(String, String, String)> {
    let key: Item = serde_json::from_value(key.clone()).ok()?;
    let table = engine.tables.get(table)?;
    let (hash, range) = table.key_strings(&key)?;
    Some((compute_hash_prefix(table.hash_value(&key)?), hash, range))
}

fn page(
    engine: &Engine,
    table: &str,
    bounds: &Bounds,
    start: Option<&(String, String, String)>,
    limit: Option<usize>,
) -> Answer<Page> {
    let sql = format!(
        "SELECT item_size, hash_prefix FROM {} INDEXED BY {} WHERE (hash_prefix, pk, sk) > (?1, ?2, ?3) AND hash_prefix < ?4 \
         ORDER BY hash_prefix, pk, sk",
        quoted(table),
        quoted(&format!("{table}::scan"))
    );
    let (hash, pk, sk) = start.map_or((bounds.first.as_str(), "", ""), |(hash, pk, sk)| (hash, pk, sk));
    let mut statement = engine.storage.conn().prepare_cached(&sql)?;
    let mut rows = statement.query(params![hash, pk, sk, bounds.end])?;
    let (mut items, mut bytes) = (0, 0);
    let mut last = hash.to_owned();
    let part = |items, last: &str| Page { items, is_last: false, span: Span::between(hash, last) };
    while let Some(row) = rows.next()? {
        if limit.is_some_and(|limit| items == limit) {
            return Ok(part(items, &last));
        }
        bytes += row.get::<_, i64>(0)?;
        if bytes > PAGE_BYTES && items > 0 {
            return Ok(part(items, &last));
        }
        last.replace_range(.., row.get_ref(1)?.as_str().unwrap_or_default());
        items += 1;
    }
    // DynamoDB doesn't look further than the limit: a page that reaches it may be followed by an empty one.
    Ok(Page { is_last: limit != Some(items), ..part(items, &last) })
}

/// The key of the last item whose hash is below a prefix.
fn last_key_before(engine: &Engine, table: &str, prefix: &str) -> Answer<Option<Item>> {
    let sql = format!(
        "SELECT item_json FROM {} WHERE hash_prefix < ?1 ORDER BY hash_prefix DESC, pk DESC, sk DESC LIMIT 1",
        quoted(table)
    );
    let mut statement = engine.storage.conn().prepare_cached(&sql)?;
    let json: Option<String> = statement.query_row([prefix], |row| row.get(0)).optional()?;
    let Some(json) = json else { return Ok(None) };
    let item: Item = serde_json::from_str(&json).map_err(Fault::internal)?;
    Ok(engine.tables.get(table).map(|table| table.key_of(&item)))
}

#[cfg(test)]
mod tests {
    use dynoxide::storage::ScanParams;
    use dynoxide::storage_backend::sql_builders::scan_items;

    use super::*;
    use crate::request::Request;
    use crate::{Embedded, Options};

    /// What keeps scans linear: the engine's own statement must walk the index from where it is told to start.
    #[tokio::test]
    async fn the_engine_walks_the_index_and_sorts_nothing() {
        let embedded = Embedded::temporary(Options::default()).unwrap();
        let create = r#"{"TableName": "Items", "BillingMode": "PAY_PER_REQUEST",
            "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}],
            "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}]}"#;
        let (_, reply) = embedded.respond(Request::to("DynamoDB_20120810.CreateTable", create)).await;
        assert_eq!(reply.status, 200);
        let params = ScanParams {
            limit: Some(10),
            exclusive_start_pk: Some("S:a"),
            exclusive_start_sk: Some(""),
            segment: Some(3),
            total_segments: Some(7),
            ..ScanParams::default()
        };
        let (sql, _) = scan_items("Items", &params);
        let plan = embedded.with_engine(move |engine| {
            let mut statement = engine.storage.conn().prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
            let (mut steps, mut plan) = (statement.raw_query(), String::new());
            while let Some(step) = steps.next().unwrap() {
                plan += &step.get::<_, String>(3).unwrap();
            }
            plan
        });
        let plan = plan.await.unwrap();
        assert!(plan.contains("SEARCH Items USING INDEX Items::scan"), "{plan}");
        assert!(!plan.contains("TEMP B-TREE"), "{plan}");
    }

    #[test]
    fn segments_share_the_buckets_without_gap_or_overlap() {
        for total in [1, 7, 100, 4096, 10_000] {
            let mut reached = "000".to_owned();
            for segment in 0..total {
                let bounds = bounds(segment, total);
                assert_eq!(bounds.first, reached, "segment {segment} of {total}");
                assert!(bounds.first <= bounds.end);
                reached = bounds.end;
            }
            assert_eq!(reached, "g");
        }
    }
}
