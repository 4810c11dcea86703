//! The items of a Map, and what is made of each for its flow.

use std::{iter::Enumerate, vec};

use serde_json::{Value, json};

use super::{
    Failure,
    context::{Context, size},
    map::whole_at,
};
use crate::{ItemBatcher, Map, MaxInputBytesPerBatch, MaxItemsPerBatch};

/// One item, as `$$.Map.Item` shows it.
#[derive(Debug)]
pub(super) struct Item {
    pub(super) index: usize,
    pub(super) value: Value,
}

/// The items in the input of the state.
pub(super) fn from_input(context: &Context<'_>, map: &Map, input: &Value) -> Result<Vec<Value>, Failure> {
    let path = map.items_path.as_ref().map_or("$", |path| path.as_str());
    match context.follow(path, input)? {
        Value::Array(items) => Ok(items),
        _ => Err(context.runtime(format!("Reference path \"{path}\" must point to array."))),
    }
}

/// What the flow of this item is given.
pub(super) fn input_of(context: &Context<'_>, map: &Map, input: &Value, item: &Item) -> Result<Value, Failure> {
    match map.item_template() {
        None => Ok(item.value.clone()),
        Some(template) => {
            let mut inner: Context<'_> = context.clone();
            inner.item = Some(item);
            inner.fill(template, input)
        }
    }
}

/// The children of a Distributed Map, made one at a time: each of one item, or of a batch.
pub(super) struct Children<'a> {
    context: &'a Context<'a>,
    map: &'a Map,
    input: &'a Value,
    items: Enumerate<vec::IntoIter<Value>>,
    batches: Option<Batches>,
    /// An item that did not fit the last batch.
    held: Option<Value>,
}

/// What the flow of one child is given, and how many items that are.
pub(super) struct Child {
    pub(super) input: Value,
    pub(super) items: usize,
}

struct Batches {
    shared: Option<Value>,
    most_items: usize,
    most_bytes: usize,
}

impl<'a> Children<'a> {
    pub(super) fn new(
        context: &'a Context<'a>,
        map: &'a Map,
        input: &'a Value,
        items: Vec<Value>,
    ) -> Result<Self, Failure> {
        let batches = map.item_batcher.as_ref().map(|batcher| Batches::new(context, batcher, input)).transpose()?;
        Ok(Self { context, map, input, items: items.into_iter().enumerate(), batches, held: None })
    }

    fn next_item(&mut self) -> Option<Result<Value, Failure>> {
        if let Some(held) = self.held.take() {
            return Some(Ok(held));
        }
        let (index, value) = self.items.next()?;
        Some(input_of(self.context, self.map, self.input, &Item { index, value }))
    }
}

impl Iterator for Children<'_> {
    type Item = Result<Child, Failure>;

    fn next(&mut self) -> Option<Self::Item> {
        let first = match self.next_item()? {
            Ok(first) => first,
            Err(failure) => return Some(Err(failure)),
        };
        let Some(Batches { shared, most_items, most_bytes }) = &self.batches else {
            return Some(Ok(Child { input: first, items: 1 }));
        };
        let (shared, most_items, most_bytes) = (shared.clone(), *most_items, *most_bytes);
        let mut bytes = size(&first);
        let mut batch = vec![first];
        while batch.len() < most_items {
            match self.next_item() {
                None => break,
                Some(Err(failure)) => return Some(Err(failure)),
                Some(Ok(item)) => {
                    bytes += size(&item) + 1;
                    if bytes > most_bytes {
                        self.held = Some(item);
                        break;
                    }
                    batch.push(item);
                }
            }
        }
        let items = batch.len();
        let input = match shared {
            Some(shared) => json!({ "BatchInput": shared, "Items": batch }),
            None => json!({ "Items": batch }),
        };
        Some(Ok(Child { input, items }))
    }
}

impl Batches {
    fn new(context: &Context<'_>, batcher: &ItemBatcher, input: &Value) -> Result<Self, Failure> {
        let shared = batcher.batch_input.as_ref().map(|template| context.fill(template, input)).transpose()?;
        let items = match &batcher.size.items {
            MaxItemsPerBatch::Unset => None,
            MaxItemsPerBatch::Fixed(items) => Some((*context.literal("MaxItemsPerBatch", items)?).into()),
            MaxItemsPerBatch::Path(path) => Some(whole_at(context, "MaxItemsPerBatch", path, input)?),
        };
        let bytes = match &batcher.size.bytes {
            MaxInputBytesPerBatch::Unset => None,
            MaxInputBytesPerBatch::Fixed(bytes) => Some((*context.literal("MaxInputBytesPerBatch", bytes)?).into()),
            MaxInputBytesPerBatch::Path(path) => Some(whole_at(context, "MaxInputBytesPerBatch", path, input)?),
        };
        let positive = |bound: Option<i64>, name: &str| match bound.map(usize::try_from) {
            None => Ok(usize::MAX),
            Some(Ok(bound)) if bound > 0 => Ok(bound),
            Some(_) => Err(context.runtime(format!("{name} must be positive."))),
        };
        Ok(Self {
            most_items: positive(items, "MaxItemsPerBatch")?,
            most_bytes: positive(bytes, "MaxInputBytesPerBatch")?.min(context.run.interpreter().limits.payload_bytes),
            shared,
        })
    }
}
