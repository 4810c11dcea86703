//! Writes images, each where it belongs, over nothing that is another item's (R2). Where an image of another item stands, the
//! source decides whose place it is: consistent reads of both items tell. Two that both belong there are a collision, which
//! is reported with both keys and changes nothing.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::delete_item::DeleteItemError;
use aws_sdk_dynamodb::operation::get_item::GetItemOutput;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::types::{ReturnConsumedCapacity, ReturnValue, ReturnValuesOnConditionCheckFailure};

use crate::copy::image::Images;
use crate::copy::origin::Ours;
use crate::copy::way::Way;
use crate::error::{Error, Kind};
use crate::item::json::item_to_json;
use crate::item::{Item, item_bytes, same_value, write_units};
use crate::pace::Direction;
use crate::transform::Failure;

/// How often a place is looked at again because it was written meanwhile; as for items in place.
pub(crate) const MAX_CONFLICTS: u32 = 25;

/// The two tables of a copy, and how requests to them are sent.
pub(crate) struct Tables<'t> {
    pub(crate) images: &'t Images,
    pub(crate) source: (&'t Client, &'t str),
    pub(crate) target: (&'t Client, &'t str),
    pub(crate) way: Way<'t>,
    /// Whether what stands there of the same item stays as it is: somebody else writes to the target.
    pub(crate) only_creates: bool,
}

/// What became of an image.
#[derive(Debug)]
pub(crate) enum Placed {
    /// It was written.
    Written,
    /// It stood there already, or what stands there of its item is to stay.
    Unchanged,
    /// Its item has changed, and belongs elsewhere: as it is now.
    Moved(Option<Item>),
    /// It can't be written.
    Refused(Failure),
}

/// What requests took.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Spent {
    pub(crate) conflicts: u32,
    pub(crate) read_units: f64,
    pub(crate) write_units: f64,
}

/// What has to stand where an image is put.
enum Expected<'k> {
    Nothing,
    NothingOrOurs(&'k Item),
    /// The image of this other item, which doesn't belong there any more.
    ImageOf(Item),
}

enum Tried {
    Done {
        was_there: bool,
    },
    Conflict(Option<Item>),
    Refused(Failure),
    /// It may pass, but what was expected may not hold then.
    SetBack(Error),
}

enum Judged {
    Belongs(Placed),
    Again(Option<Item>),
}

impl Tables<'_> {
    /// Puts the image of the item with that key where it belongs.
    pub(crate) async fn put(&self, source_key: &Item, image: &Item, spent: &mut Spent) -> Result<Placed, Error> {
        let place = self.images.target_key_of(image);
        let ours = || if self.only_creates { Expected::Nothing } else { Expected::NothingOrOurs(source_key) };
        let (mut expected, mut patience, lost) = (ours(), self.way.patience(Direction::Write), AtomicBool::new(false));
        while spent.conflicts < MAX_CONFLICTS {
            let found = match self.try_put(image, &expected, &lost, spent).await? {
                Tried::Done { was_there: false } => return Ok(Placed::Written),
                Tried::Done { was_there: true } => return Ok(Placed::Unchanged),
                Tried::Refused(failure) => return Ok(Placed::Refused(failure)),
                Tried::Conflict(found) => {
                    spent.conflicts += 1;
                    found
                }
                Tried::SetBack(error) => {
                    self.way.wait(&mut patience, error).await?;
                    match expected {
                        Expected::Nothing | Expected::NothingOrOurs(_) => continue,
                        // That the other item has left the place was read of the source before. It may come back, and its image stand
                        // there again: that takes longer than a request, but not longer than patience.
                        Expected::ImageOf(_) => None,
                    }
                }
            };
            let found = match found {
                Some(found) => Some(found),
                // Nothing is there, or this implementation of DynamoDB doesn't tell.
                None => self.read_target(&place, spent).await?,
            };
            expected = match self.judge(source_key, &place, found, spent).await? {
                Judged::Belongs(placed) => return Ok(placed),
                Judged::Again(None) => ours(),
                Judged::Again(Some(other)) => Expected::ImageOf(other),
            };
        }
        let reason = format!("somebody else wrote to its place in the target {MAX_CONFLICTS} times meanwhile");
        Ok(Placed::Refused(Failure::new(reason)))
    }

    /// Deletes what stands at `place`, if that is the image of the item with that key.
    pub(crate) async fn delete(&self, source_key: &Item, place: &Item, spent: &mut Spent) -> Result<(), Error> {
        let Ours { expression, names, values } = self.images.origin().ours(source_key);
        let (client, table) = self.target;
        let attempt = async || {
            let delete = client.delete_item().table_name(table).set_key(Some(place.clone()));
            let delete = delete
                .set_condition_expression(expression.clone())
                .set_expression_attribute_names(some(&names))
                .set_expression_attribute_values(some(&values))
                .return_consumed_capacity(ReturnConsumedCapacity::Indexes);
            match delete.send().await {
                Ok(output) => Ok(output.consumed_capacity),
                Err(SdkError::ServiceError(refused))
                    if matches!(refused.err(), DeleteItemError::ConditionalCheckFailedException(_)) =>
                {
                    Ok(None)
                }
                Err(error) => Err(Error::from_sdk("DeleteItem", error)),
            }
        };
        let report = self.way.send(Direction::Write, 1.0, attempt, |_| None).await?;
        spent.write_units += self.way.wrote(1.0, report.as_slice());
        Ok(())
    }

    /// The item of the source with this key, as it is now.
    pub(crate) async fn read_source(&self, key: &Item, spent: &mut Spent) -> Result<Option<Item>, Error> {
        self.read(self.source, key, spent).await
    }

    /// What stands at that place of the target, now.
    pub(crate) async fn read_target(&self, place: &Item, spent: &mut Spent) -> Result<Option<Item>, Error> {
        self.read(self.target, place, spent).await
    }

    async fn read(
        &self,
        (client, table): (&Client, &str),
        key: &Item,
        spent: &mut Spent,
    ) -> Result<Option<Item>, Error> {
        let attempt = async || {
            let get = client.get_item().table_name(table).set_key(Some(key.clone())).consistent_read(true);
            let get = get.return_consumed_capacity(ReturnConsumedCapacity::Total);
            get.send().await.map_err(|error| Error::from_sdk("GetItem", error))
        };
        let took = |output: &GetItemOutput| output.consumed_capacity.as_ref().and_then(|report| report.capacity_units);
        let output = self.way.send(Direction::Read, 1.0, attempt, took).await?;
        spent.read_units += took(&output).unwrap_or_default();
        Ok(output.item)
    }

    /// Whose place it is, where something else was found there than expected.
    async fn judge(
        &self,
        source_key: &Item,
        place: &Item,
        found: Option<Item>,
        spent: &mut Spent,
    ) -> Result<Judged, Error> {
        let Some(found) = found else { return Ok(Judged::Again(None)) };
        let Some(other) = self.images.origin().of_item(&found) else {
            let reason = format!(
                "its place in the target, {}, is taken by an item that is no image: delete that one, or copy into a \
                 table of its own",
                item_to_json(place)
            );
            return Ok(Judged::Belongs(Placed::Refused(Failure::new(reason))));
        };
        if same_key(&other, source_key) {
            return Ok(match self.only_creates {
                true => Judged::Belongs(Placed::Unchanged),
                false => Judged::Again(None),
            });
        }
        let now = self.read_source(source_key, spent).await?;
        if !self.belongs(now.as_ref(), place) {
            return Ok(Judged::Belongs(Placed::Moved(now)));
        }
        let rival = self.read_source(&other, spent).await?;
        if !self.belongs(rival.as_ref(), place) {
            return Ok(Judged::Again(Some(other)));
        }
        Ok(Judged::Belongs(Placed::Refused(collision(place, source_key, &other))))
    }

    fn belongs(&self, item: Option<&Item>, place: &Item) -> bool {
        item.and_then(|item| self.images.place_of(item)).is_some_and(|its| same_key(&its, place))
    }

    /// Puts an image where what is expected stands; `lost` is set where an answer was lost.
    async fn try_put(
        &self,
        image: &Item,
        expected: &Expected<'_>,
        lost: &AtomicBool,
        spent: &mut Spent,
    ) -> Result<Tried, Error> {
        let Ours { expression, names, values } = self.condition(expected);
        let (client, table) = self.target;
        let units = write_units(item_bytes(image)) as f64;
        let attempt = async || {
            let put = client.put_item().table_name(table).set_item(Some(image.clone()));
            let put = put
                .set_condition_expression(expression.clone())
                .set_expression_attribute_names(some(&names))
                .set_expression_attribute_values(some(&values))
                .return_values(ReturnValue::AllOld)
                .return_consumed_capacity(ReturnConsumedCapacity::Indexes)
                .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
            match put.send().await {
                Ok(output) => Ok((output.consumed_capacity, Ok(output.attributes))),
                Err(SdkError::ServiceError(ref refused))
                    if let PutItemError::ConditionalCheckFailedException(failed) = refused.err() =>
                {
                    Ok((None, Err(failed.item.clone().filter(|item| !item.is_empty()))))
                }
                Err(error) => {
                    let error = Error::from_sdk("PutItem", error);
                    lost.fetch_or(error.kind() == Kind::Unavailable, Ordering::Relaxed);
                    Err(error)
                }
            }
        };
        let (report, answer) = match self.way.once(Direction::Write, units, attempt, |_| None).await {
            Err(error) if error.kind() == Kind::Refused => {
                return Ok(Tried::Refused(Failure::new(error.to_string())));
            }
            Err(error) if error.kind().is_transient() => return Ok(Tried::SetBack(error)),
            answer => answer?,
        };
        let consumed = self.way.wrote(units, report.as_slice());
        spent.write_units += if report.is_some() { consumed } else { units };
        Ok(match answer {
            // By ourselves, if an answer was lost.
            Ok(old) => {
                let was_there = old.is_some_and(|old| same_item(&old, image)) && !lost.load(Ordering::Relaxed);
                Tried::Done { was_there }
            }
            Err(found) => Tried::Conflict(found),
        })
    }

    fn condition(&self, expected: &Expected<'_>) -> Ours {
        let origin = self.images.origin();
        let absent = |mut ours: Ours| {
            let partition = self.images.target_key().partition.name.clone();
            ours.names.insert("#key".into(), partition);
            let or_ours = ours.expression.map(|ours| format!(" OR ({ours})")).unwrap_or_default();
            Ours { expression: Some(format!("attribute_not_exists(#key){or_ours}")), ..ours }
        };
        match expected {
            Expected::Nothing => absent(Ours::default()),
            Expected::NothingOrOurs(_) if origin.is_in_key() => Ours::default(),
            Expected::NothingOrOurs(key) => absent(origin.ours(key)),
            Expected::ImageOf(other) => origin.ours(other),
        }
    }
}

/// Two items whose images have one key.
pub(crate) fn collision(place: &Item, source_key: &Item, other: &Item) -> Failure {
    Failure::new(format!(
        "two items have the same place in the target, {}: {} and {}, which is there; change one of them, or the transform",
        item_to_json(place),
        item_to_json(source_key),
        item_to_json(other)
    ))
}

/// Whether two keys are one to DynamoDB.
pub(crate) fn same_key(one: &Item, other: &Item) -> bool {
    same_item(one, other)
}

pub(crate) fn same_item(one: &Item, other: &Item) -> bool {
    one.len() == other.len()
        && one.iter().all(|(name, value)| other.get(name).is_some_and(|other| same_value(value, other)))
}

/// DynamoDB refuses empty maps of names and values.
fn some<V: Clone>(map: &HashMap<String, V>) -> Option<HashMap<String, V>> {
    (!map.is_empty()).then(|| map.clone())
}
