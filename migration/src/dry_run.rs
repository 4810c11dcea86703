//! The rehearsal of a rehearsal: reads a sample, writes nothing, and says what a run would do.

use std::collections::HashMap;

use aws_sdk_dynamodb::Client;
use jiff::{SignedDuration, Timestamp};

use crate::copy::{Images, collision, same_item};
use crate::error::Error;
use crate::expression;
use crate::item::json::item_to_json;
use crate::item::{Item, item_bytes, write_units};
use crate::patience::{Meter, patiently};
use crate::plan::Plan;
use crate::transform::{Edits, Functions, Run, Transform, Verdict};

/// Items that a sample has at most.
pub const SAMPLE_ITEMS: usize = 1_000;
/// Places of the table that it is taken from.
const SAMPLE_SEGMENTS: u32 = 10;
/// Changes that are kept to be shown.
const SHOWN: usize = 3;

/// What a run would make of a sample.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct DryRun {
    /// Items in the sample.
    pub sampled: u64,
    /// Items that would be changed.
    pub written: u64,
    /// Items that would be deleted.
    pub deleted: u64,
    /// Items that are as wanted.
    pub unchanged: u64,
    /// Items that `where` doesn't choose.
    pub filtered: u64,
    /// Items that can't be migrated.
    pub failed: u64,
    /// The different reasons why, with how many items each has.
    pub reasons: Vec<(String, u64)>,
    /// Items that a second run, a day later, would write again (R3).
    pub written_twice: u64,
    /// Bytes of the sample.
    pub bytes: u64,
    /// Write units that changing it would take, indexes aside.
    pub write_units: u64,
    /// Some changes: the item before, and after; `None` for a delete.
    pub examples: Vec<(Item, Option<Item>)>,
}

/// Takes a sample of the plan's table through its transform.
///
/// In a copy the figures are those of images: `written` are carried with changes, `unchanged` and `filtered` as they are,
/// `deleted` are left out; of two items of the sample that have one place in the target, one fails.
pub async fn dry_run(client: &Client, plan: &Plan, functions: &Functions) -> Result<DryRun, Error> {
    if plan.definition.target.is_some() {
        return dry_copy(client, plan, functions).await;
    }
    let transform = transform_at(plan, functions, plan.now)?;
    let tomorrow = plan.now.checked_add(SignedDuration::from_hours(24)).unwrap_or(Timestamp::MAX);
    let again = transform_at(plan, functions, tomorrow)?;
    let mut dry_run = DryRun::default();
    for item in sample(client, plan.definition.source.table.as_str()).await? {
        dry_run.take(item, &transform, &again);
    }
    Ok(dry_run.in_order())
}

async fn dry_copy(client: &Client, plan: &Plan, functions: &Functions) -> Result<DryRun, Error> {
    let images = Images::new(plan, functions)?;
    let transform = transform_at(plan, functions, plan.now)?;
    let (mut dry_run, mut places) = (DryRun::default(), HashMap::new());
    for item in sample(client, plan.definition.source.table.as_str()).await? {
        dry_run.carry(item, &images, &transform, &mut places);
    }
    Ok(dry_run.in_order())
}

fn transform_at(plan: &Plan, functions: &Functions, now: Timestamp) -> Result<Transform, Error> {
    Transform::new(plan.definition.clone(), plan.key.clone(), functions, Run { now })
}

impl DryRun {
    /// The most frequent reasons first.
    fn in_order(mut self) -> Self {
        self.reasons.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        self
    }

    /// `places` are those of the images so far, in words, with the keys of their items.
    fn carry(&mut self, item: Item, images: &Images, transform: &Transform, places: &mut HashMap<String, Item>) {
        self.sampled += 1;
        self.bytes += item_bytes(&item) as u64;
        let image = match images.of(&item) {
            Ok(Some(image)) => image,
            Ok(None) => {
                self.deleted += 1;
                return self.show(item, None);
            }
            Err(failure) => return self.fail(failure.to_string()),
        };
        let (place, source_key) = (images.target_key_of(&image), images.source_key_of(&item));
        if let Some(other) = places.get(&item_to_json(&place).to_string()) {
            return self.fail(collision(&place, &source_key, other).to_string());
        }
        places.insert(item_to_json(&place).to_string(), source_key);
        self.write_units += write_units(item_bytes(&image));
        if !transform.chooses(&item) {
            self.filtered += 1;
        } else if same_item(&item, &image) {
            self.unchanged += 1;
        } else {
            self.written += 1;
            self.show(item, Some(image));
        }
    }

    fn take(&mut self, item: Item, transform: &Transform, again: &Transform) {
        self.sampled += 1;
        self.bytes += item_bytes(&item) as u64;
        let partition = &transform.key().partition.name;
        match transform.apply(&item) {
            Ok(Verdict::Filtered) => self.filtered += 1,
            Ok(Verdict::Keep) => self.unchanged += 1,
            Ok(Verdict::Delete { seen }) => match expression::delete(partition, &seen) {
                Ok(_) => {
                    self.deleted += 1;
                    self.write_units += write_units(item_bytes(&item));
                    self.show(item, None);
                }
                Err(failure) => self.fail(failure.to_string()),
            },
            Ok(Verdict::Update { edits, seen }) => match expression::update(&item, partition, &edits, &seen) {
                Ok(_) => self.change(item, &edits, again),
                Err(failure) => self.fail(failure.to_string()),
            },
            Err(failure) => self.fail(failure.to_string()),
        }
    }

    fn change(&mut self, item: Item, edits: &Edits, again: &Transform) {
        self.written += 1;
        let after = edits.applied(&item);
        self.written_twice += u64::from(!matches!(again.apply(&after), Ok(Verdict::Keep | Verdict::Filtered)));
        // An update is charged with the larger of the two (API reference, UpdateItem).
        self.write_units += write_units(item_bytes(&item).max(item_bytes(&after)));
        self.show(item, Some(after));
    }

    fn fail(&mut self, reason: String) {
        self.failed += 1;
        match self.reasons.iter_mut().find(|(known, _)| *known == reason) {
            Some((_, count)) => *count += 1,
            None => self.reasons.push((reason, 1)),
        }
    }

    fn show(&mut self, before: Item, after: Option<Item>) {
        if self.examples.len() < SHOWN {
            self.examples.push((before, after));
        }
    }
}

/// Items from several places of the table: its partitions need not be alike.
async fn sample(client: &Client, table: &str) -> Result<Vec<Item>, Error> {
    let mut sample = Vec::new();
    let per_segment = SAMPLE_ITEMS.div_ceil(SAMPLE_SEGMENTS as usize);
    for segment in 0..SAMPLE_SEGMENTS {
        let mut start = None;
        let wanted = sample.len() + per_segment;
        while sample.len() < wanted {
            let output = patiently(&Meter::default(), async || {
                let scan = client.scan().table_name(table).set_exclusive_start_key(start.clone());
                scan.segment(segment as i32)
                    .total_segments(SAMPLE_SEGMENTS as i32)
                    .limit((wanted - sample.len()) as i32)
                    .send()
                    .await
                    .map_err(|error| Error::from_sdk("Scan", error))
            })
            .await?;
            sample.extend(output.items.unwrap_or_default());
            start = output.last_evaluated_key.filter(|key| !key.is_empty());
            if start.is_none() {
                break;
            }
        }
    }
    Ok(sample)
}
