//! The items that the end of a stream tells of. Records of one item reach capture in their order, and so do those of one lane of a
//! shard: once the last ones are through, those before them are. So the newest few items of each shard are enough to wait for,
//! however old they are.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::copy::change::was_before;
use crate::copy::dropped::LeftOut;
use crate::copy::put::same_key;
use crate::item::Item;
use crate::item::json::item_to_json;

/// Items of a shard that are waited for: a mapping reads it in ten lanes at most (Lambda developer guide, "Using Lambda with
/// Amazon DynamoDB"), and of so many each lane has some, however often one of them was changed.
const WITNESSES_OF_A_SHARD: usize = 100;

/// An item that was changed.
pub(super) struct Witness {
    pub(super) key: Item,
    /// Where its images were, by what the stream says.
    pub(super) old_places: Vec<Item>,
    /// When it was changed last.
    made: Option<Timestamp>,
    /// Its shard, and the how manieth record of that shard was its last.
    shard: String,
    nth: u64,
}

impl Witness {
    /// Whether its last change is from before a moment.
    pub(super) fn was_made_before(&self, moment: Option<Timestamp>) -> bool {
        self.made.zip(moment).is_some_and(|(made, moment)| was_before(made, moment))
    }
}

/// The items that were changed last.
#[derive(Default)]
pub(super) struct Witnesses {
    by_key: BTreeMap<String, Witness>,
    /// Records of each shard.
    counts: BTreeMap<String, u64>,
}

impl Witnesses {
    /// Notes the next record of a shard: which item was changed, where its image was before, and when.
    pub(super) fn note(&mut self, shard: &str, key: Item, old_place: Option<Item>, made: Option<Timestamp>) {
        let count = self.counts.entry(shard.to_owned()).or_default();
        *count += 1;
        let nth = *count;
        let name = item_to_json(&key).to_string();
        let mut old_places = self.by_key.remove(&name).map(|before| before.old_places).unwrap_or_default();
        if let Some(place) = old_place.filter(|place| !old_places.iter().any(|known| same_key(known, place))) {
            old_places.push(place);
        }
        self.by_key.insert(name, Witness { key, old_places, made, shard: shard.to_owned(), nth });
        if nth.is_multiple_of(WITNESSES_OF_A_SHARD as u64) {
            self.let_go_of_the_oldest(shard);
        }
    }

    /// Keeps the items of a shard that were changed last.
    fn let_go_of_the_oldest(&mut self, shard: &str) {
        let of_shard = self.by_key.values().filter(|witness| witness.shard == shard);
        let mut changes: Vec<_> = of_shard.map(|witness| witness.nth).collect();
        changes.sort_unstable_by(|one, other| other.cmp(one));
        if let Some(oldest) = changes.get(WITNESSES_OF_A_SHARD - 1) {
            self.by_key.retain(|_, witness| witness.shard != shard || witness.nth >= *oldest);
        }
    }

    /// Lets go of those of which somebody has dropped a change by name, and that nothing has changed since: nobody carries them.
    pub(super) fn let_go_of_the_dropped(&mut self, left_out: &LeftOut) {
        self.by_key.retain(|_, witness| !witness.was_made_before(left_out.dropped_last(&witness.key)));
    }

    /// Lets go of one, by the name that [`iter`](Self::iter) has given.
    pub(super) fn let_go_of(&mut self, name: &str) {
        self.by_key.remove(name);
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&String, &Witness)> {
        self.by_key.iter()
    }

    pub(super) fn len(&self) -> usize {
        self.by_key.len()
    }
}

#[cfg(test)]
mod tests {
    use aws_sdk_dynamodb::types::AttributeValue;

    use super::*;

    fn item(id: usize) -> Item {
        Item::from([("id".to_owned(), AttributeValue::S(id.to_string()))])
    }

    #[test]
    fn an_item_that_is_changed_often_pushes_no_other_out() {
        let mut witnesses = Witnesses::default();
        witnesses.note("shard", item(0), None, None);
        for _ in 0..10 * WITNESSES_OF_A_SHARD {
            witnesses.note("shard", item(1), None, None);
        }
        assert_eq!(witnesses.len(), 2);
    }

    /// Of one shard, however many there are of another.
    #[test]
    fn the_items_that_were_changed_last_are_kept() {
        let mut witnesses = Witnesses::default();
        witnesses.note("other", item(1_000), None, None);
        for id in 0..3 * WITNESSES_OF_A_SHARD {
            witnesses.note("shard", item(id), Some(item(id + 1)), None);
        }
        assert_eq!(witnesses.len(), WITNESSES_OF_A_SHARD + 1);
        let is_kept = |id: usize| witnesses.iter().any(|(_, witness)| witness.key == item(id));
        assert!(is_kept(1_000) && !is_kept(2 * WITNESSES_OF_A_SHARD - 1) && is_kept(2 * WITNESSES_OF_A_SHARD));
    }

    #[test]
    fn every_place_where_an_item_was_is_remembered_once() {
        let mut witnesses = Witnesses::default();
        for place in [7, 8, 7] {
            witnesses.note("shard", item(0), Some(item(place)), None);
        }
        let places: Vec<_> = witnesses.iter().flat_map(|(_, witness)| &witness.old_places).collect();
        assert_eq!(places, [&item(7), &item(8)]);
    }
}
