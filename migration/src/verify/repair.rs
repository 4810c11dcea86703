//! Sets right what differs. Where changes are being carried, or will be, nobody but replay writes to the target: a message asks it
//! to bring the item in step, in its group, so that it is never beside another change of the same item (R14). Otherwise the target's
//! item is written here, on the conditions of every image.

use serde_json::Value;

use super::beside::By;
use super::judge::{Judge, Side};
use super::{Difference, Found, Sort};
use crate::copy::Images;
use crate::copy::put::{Placed, Spent, Tables};
use crate::copy::refresh;
use crate::copy::way::Way;
use crate::error::Error;
use crate::item::Item;
use crate::item::json::item_from_json;
use crate::services::Services;

/// Sets one difference right; tells whether it is, or will be when its message is applied. What nobody's image is stays.
pub(super) async fn repair(
    services: &Services,
    by: &By,
    judge: &Judge<'_>,
    difference: &Difference,
    found: &mut Found,
) -> Result<bool, Error> {
    let (Some(images), Some(source_key)) = (judge.images(), &difference.source_key) else { return Ok(false) };
    if difference.kind == Sort::Unknown {
        return Ok(false);
    }
    if let By::Replay(copy) = by {
        refresh::send(services, copy, source_key, difference.target_key.as_ref()).await?;
        return Ok(true);
    }
    let mut spent = Spent::default();
    let is_right = bring_in_step(judge, images, source_key, difference.target_key.as_ref(), &mut spent).await?;
    found.read_units += spent.read_units;
    found.write_units += spent.write_units;
    Ok(is_right)
}

/// Has the target hold the image of the item with this key, and nothing of it at `place` if its image doesn't belong there.
async fn bring_in_step(
    judge: &Judge<'_>,
    images: &Images,
    source_key: &Value,
    place: Option<&Value>,
    spent: &mut Spent,
) -> Result<bool, Error> {
    let read = |key: &Value| {
        item_from_json(key.clone()).map_err(|why| Error::invalid(format!("a key of the ledger can't be read: {why}")))
    };
    let (source_key, place) = (read(source_key)?, place.map(read).transpose()?);
    let (source, target) = (judge.table(Side::Source, true), judge.table(Side::Target, true));
    let tables = Tables {
        images,
        source: (source.client, source.table),
        target: (target.client, target.table),
        way: Way::Paced(judge.pace),
        only_creates: false,
    };
    let image = match tables.read_source(&source_key, spent).await?.map(|item| images.of(&item)) {
        None => None,
        Some(Ok(image)) => image,
        Some(Err(_)) => return Ok(false),
    };
    let belongs = |place: &Item| image.as_ref().is_some_and(|image| images.target_key_of(image) == *place);
    if let Some(place) = place.filter(|place| !belongs(place)) {
        tables.delete(&source_key, &place, spent).await?;
    }
    match image {
        None => Ok(true),
        Some(image) => Ok(matches!(tables.put(&source_key, &image, spent).await?, Placed::Written | Placed::Unchanged)),
    }
}
