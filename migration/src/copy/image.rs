//! The image of an item: what the target holds of it. The transform makes it, as the same migration in place would leave
//! the item, keys aside; it has the target's key, tells its source's, and is one that DynamoDB takes.

use crate::copy::origin::{Origin, key_of};
use crate::definition::KeySchema;
use crate::error::Error;
use crate::item::{AttributeType, Item, MAX_ITEM_BYTES, attribute_bytes, item_bytes};
use crate::plan::Plan;
use crate::transform::{Failure, Functions, Run, Transform};

/// Makes the images of a copy.
pub struct Images {
    transform: Transform,
    origin: Origin,
    target_key: KeySchema,
}

impl Images {
    /// What makes the images of a plan that copies.
    pub fn new(plan: &Plan, functions: &Functions) -> Result<Self, Error> {
        let target_key = plan.target_key.clone();
        let target_key = target_key.ok_or_else(|| Error::invalid("expected a plan with a target, found none"))?;
        let origin = Origin::of(&plan.definition, &plan.key, &target_key).map_err(Error::invalid)?;
        let run = Run { now: plan.now };
        let transform = Transform::new(plan.definition.clone(), plan.key.clone(), functions, run)?;
        Ok(Self { transform, origin, target_key })
    }

    /// The image of an item of the source; `None` where the transform leaves it out.
    pub fn of(&self, item: &Item) -> Result<Option<Item>, Failure> {
        let Some(mut image) = self.transform.image(item)? else { return Ok(None) };
        self.origin.mark(item, &mut image)?;
        for key in self.target_key.attributes() {
            // DynamoDB takes no empty string or binary in a key (developer guide, "Constraints").
            let found = image.get(&key.name).map(|value| (AttributeType::of(value), attribute_bytes("", value)));
            match found {
                Some((Some(kind), bytes)) if kind == key.kind && bytes > 0 => {}
                found => return Err(no_key(&key.name, key.kind, found.and_then(|(kind, _)| kind))),
            }
        }
        match item_bytes(&image) {
            bytes if bytes > MAX_ITEM_BYTES => Err(Failure::new(format!(
                "the image would have {bytes} bytes, DynamoDB takes at most {MAX_ITEM_BYTES}"
            ))),
            _ => Ok(Some(image)),
        }
    }

    /// Where the image of an item stands, by the target's key; nowhere where it has none, or can't have one.
    pub fn place_of(&self, item: &Item) -> Option<Item> {
        self.of(item).ok().flatten().map(|image| self.target_key_of(&image))
    }

    /// Whose image an item of the target is.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// The source's primary key of an item of the source.
    pub fn source_key_of(&self, item: &Item) -> Item {
        self.origin.key_of(item)
    }

    /// The target's primary key of an image.
    pub fn target_key_of(&self, image: &Item) -> Item {
        key_of(&self.target_key, image)
    }

    /// The target's key schema.
    pub fn target_key(&self) -> &KeySchema {
        &self.target_key
    }
}

fn no_key(name: &str, kind: AttributeType, found: Option<AttributeType>) -> Failure {
    let found = match found {
        Some(found) if found == kind => "an empty one".to_owned(),
        Some(found) => format!("type {found}"),
        None => "none".into(),
    };
    Failure::new(format!(
        "expected the target's key attribute {name} of type {kind}, found {found}: have the transform set it"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::definition::{Definition, KeyAttribute};
    use crate::item::json::{item_from_json, item_to_json};
    use crate::transform::{Change, ItemView};
    use serde_json::{Value, json};

    fn images(rest: &str) -> Images {
        let yaml = format!(
            "migration: m\nsource: {{ table: films, key: {{ partition: {{ name: year, type: N }}, sort: {{ name: title, \
             type: S }} }} }}\n{rest}\n"
        );
        let definition = Definition::from_yaml(&yaml).unwrap_or_else(|mistakes| panic!("{mistakes}"));
        let (source_key, id) =
            (definition.source.key.clone().unwrap(), KeyAttribute { name: "id".into(), kind: AttributeType::S });
        let target_key = KeySchema { partition: id, sort: None };
        let origin = Origin::of(&definition, &source_key, &target_key).unwrap();
        let functions = Functions::new().with("rekey", |_: &ItemView<'_>, _| {
            Ok(Change::set("year", aws_sdk_dynamodb::types::AttributeValue::N("1".into())))
        });
        let run = Run { now: "2026-11-20T09:30:00Z".parse().unwrap() };
        let transform = Transform::new(definition, source_key, &functions, run).unwrap();
        Images { transform, origin, target_key }
    }

    fn image(rest: &str, attributes: Value) -> Value {
        let mut item = item_from_json(attributes).unwrap();
        item.extend(item_from_json(json!({ "year": { "N": "2013" }, "title": { "S": "Rush" } })).unwrap());
        match images(rest).of(&item) {
            Ok(Some(image)) => item_to_json(&image),
            Ok(None) => json!("left out"),
            Err(failure) => json!(failure.to_string()),
        }
    }

    const JOINED: &str = r##"{ set: { path: id, value: "${year}#${title}" } }"##;

    #[test]
    fn an_image_is_the_item_as_the_steps_leave_it_under_a_key_of_its_own() {
        let rest = format!("target: {{ table: abc }}\ntransform: [ {JOINED}, {{ rename: {{ path: old, to: new }} }} ]");
        assert_eq!(
            image(&rest, json!({ "old": { "NS": ["1.50"] } })),
            json!({ "id": { "S": "2013#Rush" }, "new": { "NS": ["1.50"] }, "title": { "S": "Rush" }, "year": { "N": "2013" } })
        );
    }

    #[test]
    fn what_where_does_not_choose_is_carried_as_it_is_and_what_is_deleted_is_left_out() {
        let rest = "target: { table: abc }\nwhere: { path: gone, exists: true }\ntransform: [ delete ]";
        assert_eq!(image(rest, json!({ "gone": { "BOOL": true }, "id": { "S": "a" } })), json!("left out"));
        let kept = json!({ "id": { "S": "a" }, "title": { "S": "Rush" }, "year": { "N": "2013" } });
        assert_eq!(image(rest, json!({ "id": { "S": "a" } })), kept);
    }

    #[test]
    fn an_image_without_the_targets_key_is_a_failure_that_shows_no_value() {
        let why = |attributes: Value| image("target: { table: abc }", attributes).as_str().unwrap().to_owned();
        assert_eq!(
            why(json!({})),
            "expected the target's key attribute id of type S, found none: have the transform set it"
        );
        assert!(why(json!({ "id": { "N": "7" } })).contains("id of type S, found type N"));
        assert!(why(json!({ "id": { "S": "" } })).contains("found an empty one"));
        let long = "x".repeat(MAX_ITEM_BYTES);
        assert!(why(json!({ "id": { "S": "a" }, "text": { "S": long } })).starts_with("the image would have 4096"));
    }

    #[test]
    fn a_function_that_changes_what_tells_the_source_is_found_out() {
        let rest = format!("target: {{ table: abc }}\ntransform: [ {JOINED}, {{ function: rekey }} ]");
        assert!(image(&rest, json!({})).as_str().unwrap().contains("attribute year unchanged in year"));
        let rest = rest
            .replace("abc", "abc, origin: from")
            .replace("}, { function", "}, { remove: { path: title } }, { function");
        let told = json!({ "M": { "title": { "S": "Rush" }, "year": { "N": "2013" } } });
        assert_eq!(image(&rest, json!({}))["from"], told);
    }
}
