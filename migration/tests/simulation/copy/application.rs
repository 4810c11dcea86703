//! The application of a copy's source: actors that put, change, delete, let expire and make again, each its own items, and
//! hand labels over from one item to another. What stands in the source in the end is the truth.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;
use migration::item::Item;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};

use super::Scenario;
use crate::clock;
use crate::lambda::Met;
use crate::migrations::{number, text};
use crate::scenario::item;
use crate::world::{TABLE, World};

/// One actor: the keys that it may write, the labels that it has to give, and its own chance.
pub(super) struct Actor<'a> {
    world: &'a Arc<World>,
    client: &'a Client,
    ids: Vec<String>,
    /// Which item holds which label; an item holds one as long as it stands.
    held: BTreeMap<String, String>,
    free: Vec<String>,
    random: StdRng,
    edition: i64,
    met: Met,
}

impl<'a> Actor<'a> {
    /// Actor `number` of so many as the scenario has. Every third item belongs to nobody.
    pub(super) fn new(number: u64, scenario: &Scenario, world: &'a Arc<World>, client: &'a Client) -> Self {
        let common = &scenario.common;
        let own = common.items.iter().enumerate();
        let own = own.filter(|(at, _)| at % 3 != 0 && *at as u64 % common.actors == number);
        let own = own.map(|(_, item)| (string(item, "id"), string(item, "label")));
        let held: BTreeMap<_, _> = own.collect();
        let mut ids: Vec<_> = held.keys().cloned().collect();
        ids.extend((0..5).map(|fresh| format!("fresh-{number}-{fresh}")));
        let free = (0..8).map(|spare| format!("spare {number} {spare}")).collect();
        let random = StdRng::seed_from_u64(common.seed ^ number);
        Self { world, client, ids, held, free, random, edition: (number as i64 + 1) * 1_000, met: Met::default() }
    }

    /// The same later on, when it has to look first at what its items have become.
    pub(super) async fn back_at_work(mut self, operations: u32) -> Met {
        let labels: Vec<_> = self.held.into_values().chain(self.free).collect();
        let items = self.world.items().await;
        let own = items.iter().map(|item| (string(item, "id"), string(item, "label")));
        self.held = own.filter(|(id, _)| self.ids.contains(id)).collect();
        self.free = labels.into_iter().filter(|label| !self.held.values().any(|held| held == label)).collect();
        self.edition += 500;
        self.work(operations).await
    }

    /// Does so many operations, with pauses from none to long ones.
    pub(super) async fn work(mut self, operations: u32) -> Met {
        for _ in 0..operations {
            let most_ms = *[0, 0, 5, 20, 100, 1_000, 20_000, 90_000].choose(&mut self.random).expect("there are some");
            tokio::time::sleep(Duration::from_millis(self.random.random_range(0..=most_ms))).await;
            self.operation().await;
        }
        self.met
    }

    async fn operation(&mut self) {
        let id = self.ids.choose(&mut self.random).expect("an actor has keys").clone();
        self.edition += 1;
        let edition = self.edition;
        match self.random.random_range(0..14) {
            0 | 1 => self.put(&id).await,
            2 | 3 => self.delete(&id).await,
            4 => {
                self.delete(&id).await;
                self.put(&id).await;
            }
            5 | 6 => drop(self.set(&id, "status", text(&format!("live {edition}"))).await),
            7 => drop(self.set(&id, "n", number(edition)).await),
            8 => {
                let kind = if self.random.random_bool(0.5) { "a" } else { "b" };
                self.set(&id, "kind", text(kind)).await;
            }
            9 | 10 => {
                // Two equal changes within a second, and two images that were there before.
                for value in ["on", "off", "on", "off"] {
                    self.set(&id, "status", text(value)).await;
                }
            }
            11 | 12 => self.hand_over(&id).await,
            _ => {
                let past = clock::now().as_second() - 10;
                if self.set(&id, "expires", number(past)).await {
                    let expired = self.world.database.expire_items().await.expect("the database is there");
                    self.met.expired_items += expired as u64;
                    self.release(&id);
                }
                if self.random.random_bool(0.1) {
                    self.met.splits += u64::from(self.world.database.split_shards(TABLE).await.is_ok());
                }
            }
        }
    }

    async fn put(&mut self, id: &str) {
        let label = match self.held.get(id) {
            Some(label) => label.clone(),
            None => self.take(),
        };
        let mut put = item(id, self.edition, &mut self.random);
        put.insert("label".into(), text(&label));
        let request = self.client.put_item().table_name(TABLE).set_item(Some(put));
        // A table that throttles has done nothing.
        match request.send().await {
            Ok(_) => drop(self.held.insert(id.to_owned(), label)),
            Err(_) if !self.held.contains_key(id) => self.free.push(label),
            Err(_) => {}
        }
    }

    async fn delete(&mut self, id: &str) {
        if self.client.delete_item().table_name(TABLE).key("id", text(id)).send().await.is_ok() {
            self.release(id);
        }
    }

    /// Gives this item's label to another one, at once and for good.
    async fn hand_over(&mut self, id: &str) {
        let Some(label) = self.held.get(id).cloned() else { return };
        let other = self.ids.choose(&mut self.random).expect("an actor has keys").clone();
        let fresh = self.take();
        if !self.set(id, "label", text(&fresh)).await {
            self.free.push(fresh);
            return;
        }
        self.held.insert(id.to_owned(), fresh);
        match self.held.get(&other).cloned().filter(|_| other != id) {
            Some(before) if self.set(&other, "label", text(&label)).await => {
                self.held.insert(other, label);
                self.free.push(before);
            }
            _ => self.free.push(label),
        }
    }

    /// Sets an attribute of an item that is there; tells whether it was.
    async fn set(&self, id: &str, name: &str, value: AttributeValue) -> bool {
        let update = self.client.update_item().table_name(TABLE).key("id", text(id));
        let update = update.update_expression("SET #name = :value").condition_expression("attribute_exists(id)");
        let names = HashMap::from([("#name".to_owned(), name.to_owned())]);
        let update = update.set_expression_attribute_names(Some(names)).expression_attribute_values(":value", value);
        update.send().await.is_ok()
    }

    /// A label that nobody holds, any of them.
    fn take(&mut self) -> String {
        let at = self.random.random_range(0..self.free.len());
        self.free.swap_remove(at)
    }

    fn release(&mut self, id: &str) {
        self.free.extend(self.held.remove(id));
    }
}

pub(super) fn string(item: &Item, name: &str) -> String {
    item[name].as_s().expect("it is a text").clone()
}
