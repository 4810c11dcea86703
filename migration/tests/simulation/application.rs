//! The application: actors that put, change, count on and delete items while the migration goes on, and tell the
//! model of it. Each actor has keys of its own, and every write returns what stood there before.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue, ReturnValuesOnConditionCheckFailure};
use migration::item::Item;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};

use crate::migrations::{count, number, text};
use crate::model::Model;
use crate::scenario::{Scenario, item};
use crate::world::TABLE;

/// One actor: the keys that it may write, and its own chance.
pub(crate) struct Actor<'a> {
    client: &'a Client,
    model: &'a Mutex<Model>,
    ids: Vec<String>,
    random: StdRng,
    edition: i64,
}

impl<'a> Actor<'a> {
    /// Actor `number` of so many as the scenario has. Items that can't be migrated belong to nobody, and neither do
    /// some others.
    pub(crate) fn new(number: u64, scenario: &Scenario, client: &'a Client, model: &'a Mutex<Model>) -> Self {
        let own = scenario.items.iter().map(crate::model::id).enumerate();
        let own =
            own.filter(|(at, id)| at % 3 != 0 && *at as u64 % scenario.actors == number && !scenario.bad.contains(id));
        let mut ids: Vec<_> = own.map(|(_, id)| id).collect();
        ids.extend((0..5).map(|fresh| format!("fresh-{number}-{fresh}")));
        let random = StdRng::seed_from_u64(scenario.seed ^ number);
        Self { client, model, ids, random, edition: (number as i64 + 1) * 1_000 }
    }

    /// Does so many operations, with pauses from none to long ones.
    pub(crate) async fn work(mut self, operations: u32) {
        for _ in 0..operations {
            let most_ms = *[0, 0, 5, 20, 100, 200, 1_000, 20_000].choose(&mut self.random).expect("there are some");
            tokio::time::sleep(Duration::from_millis(self.random.random_range(0..=most_ms))).await;
            self.operation().await;
        }
    }

    async fn operation(&mut self) {
        let id = self.ids.choose(&mut self.random).expect("an actor has keys").clone();
        self.edition += 1;
        let edition = self.edition;
        match self.random.random_range(0..12) {
            0 | 1 => self.put(&id).await,
            2 | 3 => self.delete(&id).await,
            4..6 => {
                let set = |item: &mut Item| {
                    item.insert("status".into(), text(&format!("live {edition}")));
                };
                let values = [(":status", text(&format!("live {edition}")))];
                self.update(&id, "SET #status = :status", &[("#status", "status")], values, set).await;
            }
            6..10 => {
                let by = self.random.random_range(1..50) * 100;
                let add = |item: &mut Item| {
                    let sum = count(item).unwrap_or_default() + by;
                    item.insert("n".into(), number(sum));
                };
                self.update(&id, "ADD n :by", &[], [(":by", number(by))], add).await;
            }
            10 => {
                let remove = |item: &mut Item| drop(item.remove("old"));
                self.update(&id, "REMOVE #old", &[("#old", "old")], [], remove).await;
            }
            _ => {
                let touch = |item: &mut Item| drop(item.insert("touched".into(), number(edition)));
                self.update(&id, "SET touched = :at", &[], [(":at", number(edition))], touch).await;
            }
        }
    }

    async fn put(&mut self, id: &str) {
        let put = item(id, self.edition, &mut self.random);
        let request = self.client.put_item().table_name(TABLE).set_item(Some(put.clone()));
        // A table that throttles has done nothing.
        let Ok(answer) = request.return_values(ReturnValue::AllOld).send().await else { return };
        let mut model = self.model.lock().unwrap();
        model.see(id, answer.attributes.as_ref());
        model.put(put);
    }

    async fn delete(&mut self, id: &str) {
        let request = self.client.delete_item().table_name(TABLE).key("id", text(id));
        let Ok(answer) = request.return_values(ReturnValue::AllOld).send().await else { return };
        let mut model = self.model.lock().unwrap();
        model.see(id, answer.attributes.as_ref());
        model.delete(id);
    }

    /// Changes the item where there is one.
    async fn update<const N: usize>(
        &mut self,
        id: &str,
        expression: &str,
        names: &[(&str, &str)],
        values: [(&str, AttributeValue); N],
        change: impl FnOnce(&mut Item),
    ) {
        let names = names.iter().map(|(short, name)| (short.to_string(), name.to_string()));
        let names = (names.len() > 0).then(|| names.collect::<HashMap<_, _>>());
        let values = values.map(|(name, value)| (name.to_owned(), value));
        let values = (N > 0).then(|| HashMap::from(values));
        let request = self.client.update_item().table_name(TABLE).key("id", text(id));
        let request = request.update_expression(expression).condition_expression("attribute_exists(id)");
        let request = request.set_expression_attribute_names(names).set_expression_attribute_values(values);
        let request = request
            .return_values(ReturnValue::AllOld)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        match request.send().await {
            Ok(answer) => {
                let mut model = self.model.lock().unwrap();
                model.see(id, answer.attributes.as_ref());
                model.change(id, change);
            }
            Err(error) => {
                if let Some(UpdateItemError::ConditionalCheckFailedException(_)) = error.as_service_error() {
                    self.model.lock().unwrap().see(id, None);
                }
            }
        }
    }
}
