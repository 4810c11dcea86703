//! Whose image an item of the target is. Every image tells its source's primary key, so that nothing of another item is
//! ever overwritten or deleted, and what is written twice is written once.
//!
//! The key is told by the attributes that the transform keeps, wherever it renames them to; it is followed through the
//! steps when the copy is planned, and checked on each image. Where the transform doesn't keep it, the attribute
//! `target.origin` holds it as a map.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;

use crate::definition::{Carry, Definition, KeyAttribute, KeySchema, Step};
use crate::item::{AttributeType, Item, Path, same_value};
use crate::transform::Failure;

/// Where the images of a copy tell their source's key.
#[derive(Debug, Clone, PartialEq)]
pub struct Origin {
    key: KeySchema,
    place: Place,
    /// The attributes that tell it beyond the target's own key: what a condition has to name.
    target_key: KeySchema,
    /// Whether what doesn't tell whose image it is counts as ours: somebody else has filled the target.
    adopts: bool,
}

#[derive(Debug, Clone, PartialEq)]
enum Place {
    /// In attributes of these names, in the order of the source's key attributes.
    Kept(Vec<String>),
    /// In a map of this name.
    Map(String),
}

/// A condition on what stands at a key of the target.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Ours {
    /// `None` where the target's key itself says whose image it is.
    pub(crate) expression: Option<String>,
    pub(crate) names: HashMap<String, String>,
    pub(crate) values: HashMap<String, AttributeValue>,
}

impl Origin {
    /// Where images of `definition` tell the source's key; an error where they don't, with what to do.
    pub fn of(definition: &Definition, source_key: &KeySchema, target_key: &KeySchema) -> Result<Self, String> {
        let target = definition.target.as_ref().ok_or("expected a migration with a target, found none")?;
        let name_of = |key: &KeyAttribute| {
            let names = kept(&definition.transform, &key.name);
            let in_key = names.iter().find(|name| target_key.contains(name));
            in_key.or(names.first()).map(|name| (*name).to_owned()).ok_or_else(|| key.name.clone())
        };
        let kept: Result<Vec<_>, _> = source_key.attributes().map(name_of).collect();
        let place = match (kept, &target.origin) {
            (Ok(names), _) => Place::Kept(names),
            (Err(_), Some(name)) if target_key.contains(name) => {
                return Err(format!(
                    "expected an attribute for target.origin that is no key attribute, found \"{name}\""
                ));
            }
            (Err(_), Some(name)) => Place::Map(name.clone()),
            (Err(lost), None) => {
                return Err(format!(
                    "the transform keeps the source's key attribute \"{lost}\" nowhere, so that nobody could tell which \
                     item an image is of: name an attribute that is to hold the source's key, with target.origin"
                ));
            }
        };
        let adopts = target.carry == Carry::Changes;
        Ok(Self { key: source_key.clone(), place, target_key: target_key.clone(), adopts })
    }

    /// Whether the target's key holds the whole key of the source: then no two items can land on one place.
    pub fn is_in_key(&self) -> bool {
        self.told().next().is_none()
    }

    /// The attribute that images get for it, where they get one.
    pub fn attribute(&self) -> Option<&str> {
        match &self.place {
            Place::Kept(_) => None,
            Place::Map(name) => Some(name),
        }
    }

    /// The key of the source's item whose image an item of the target is; `None` where it doesn't say.
    pub fn of_item(&self, item: &Item) -> Option<Item> {
        let value = |key: &KeyAttribute, name: &str, item: &Item| {
            let value = item.get(name).filter(|value| AttributeType::of(value) == Some(key.kind))?;
            Some((key.name.clone(), value.clone()))
        };
        match &self.place {
            Place::Kept(names) => self.key.attributes().zip(names).map(|(key, name)| value(key, name, item)).collect(),
            Place::Map(name) => {
                let map = item.get(name)?.as_m().ok()?;
                self.key.attributes().map(|key| value(key, &key.name, map)).collect()
            }
        }
    }

    /// Has an image tell the key of its item.
    pub(crate) fn mark(&self, item: &Item, image: &mut Item) -> Result<(), Failure> {
        match &self.place {
            Place::Kept(names) => self.key.attributes().zip(names).try_for_each(|(key, name)| {
                let is_kept = item.get(&key.name).zip(image.get(name)).is_some_and(|(was, is)| same_value(was, is));
                if is_kept { Ok(()) } else { Err(self.lost(&key.name, name)) }
            }),
            Place::Map(name) => {
                let origin = AttributeValue::M(self.key_of(item));
                match image.insert(name.clone(), origin) {
                    None => Ok(()),
                    Some(_) => Err(Failure::new(format!(
                        "expected {name} to be free for the source's key, found a value: name another attribute in \
                         target.origin"
                    ))),
                }
            }
        }
    }

    fn lost(&self, key: &str, name: &str) -> Failure {
        Failure::new(format!(
            "expected the source's key attribute {key} unchanged in {name} of its image, found something else: name an \
             attribute that is to hold the source's key, with target.origin"
        ))
    }

    /// The source's primary key of an item of the source.
    pub(crate) fn key_of(&self, item: &Item) -> Item {
        key_of(&self.key, item)
    }

    /// The condition that what stands in the target is the image of the item with this key. An absent item fails it,
    /// unless items that don't say whose they are count as ours.
    pub(crate) fn ours(&self, source_key: &Item) -> Ours {
        let mut ours = Ours::default();
        let mut clauses = Vec::new();
        for (at, (name, value)) in self.told().filter_map(|told| self.value(told, source_key)).enumerate() {
            clauses.push(match self.adopts {
                true => format!("attribute_not_exists(#o{at}) OR #o{at} = :o{at}"),
                false => format!("#o{at} = :o{at}"),
            });
            ours.names.insert(format!("#o{at}"), name.to_owned());
            ours.values.insert(format!(":o{at}"), value);
        }
        // DynamoDB refuses parentheses around what needs none, and whoever uses this puts some around it.
        ours.expression = match clauses.as_slice() {
            [] => None,
            [clause] => Some(clause.clone()),
            clauses if self.adopts => Some(format!("({})", clauses.join(") AND ("))),
            clauses => Some(clauses.join(" AND ")),
        };
        ours
    }

    /// The attributes of an image, beyond the target's key, that tell the source's: with the key attribute that each holds,
    /// or none for the map of all.
    fn told(&self) -> impl Iterator<Item = (&str, Option<&KeyAttribute>)> {
        let (kept, map) = match &self.place {
            Place::Kept(names) => (names.as_slice(), None),
            Place::Map(name) => (&[][..], Some((name.as_str(), None))),
        };
        let kept = kept.iter().zip(self.key.attributes()).map(|(name, key)| (name.as_str(), Some(key)));
        kept.chain(map).filter(|(name, _)| !self.target_key.contains(name))
    }

    fn value<'o>(
        &self,
        (name, key): (&'o str, Option<&KeyAttribute>),
        source_key: &Item,
    ) -> Option<(&'o str, AttributeValue)> {
        match key {
            Some(key) => Some((name, source_key.get(&key.name)?.clone())),
            None => Some((name, AttributeValue::M(source_key.clone()))),
        }
    }
}

/// The primary key of an item.
pub(crate) fn key_of(schema: &KeySchema, item: &Item) -> Item {
    schema.attributes().filter_map(|key| Some((key.name.clone(), item.get(&key.name)?.clone()))).collect()
}

/// The names of the attributes that hold the value of attribute `name` unchanged after `steps`. A function is trusted: each
/// image is checked.
fn kept<'d>(steps: &'d [Step], name: &'d str) -> Vec<&'d str> {
    let mut names = vec![name];
    for step in steps {
        let moved = match step {
            Step::Rename { path, to } | Step::Copy { path, to } => is_whole(path, &names).then_some(to),
            // Never writes over a key attribute: one is always there.
            Step::Default { .. } => continue,
            _ => None,
        };
        names.retain(|name| step.written_paths().iter().all(|path| path.root() != *name));
        names.extend(moved.filter(|to| to.below().is_empty()).map(Path::root));
    }
    names
}

fn is_whole(path: &Path, names: &[&str]) -> bool {
    path.below().is_empty() && names.contains(&path.root())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::item::json::item_from_json;
    use serde_json::json;

    fn key(partition: (&str, AttributeType), sort: Option<(&str, AttributeType)>) -> KeySchema {
        let attribute = |(name, kind): (&str, AttributeType)| KeyAttribute { name: name.into(), kind };
        KeySchema { partition: attribute(partition), sort: sort.map(attribute) }
    }

    fn films() -> KeySchema {
        key(("year", AttributeType::N), Some(("title", AttributeType::S)))
    }

    fn origin(transform: &str, further: &str, target_key: &KeySchema) -> Result<Origin, String> {
        let yaml = format!(
            "migration: m\nsource: {{ table: films }}\ntarget: {{ table: other{further} }}\ntransform: {transform}\n"
        );
        let definition = Definition::from_yaml(&yaml).unwrap_or_else(|mistakes| panic!("{mistakes}"));
        Origin::of(&definition, &films(), target_key)
    }

    fn rush() -> Item {
        item_from_json(json!({ "year": { "N": "2013" }, "title": { "S": "Rush" } })).unwrap()
    }

    #[test]
    fn a_key_is_followed_through_renames_and_copies() {
        let by_id = key(("id", AttributeType::S), None);
        let names = |transform: &str| match origin(transform, "", &by_id).map(|origin| origin.place) {
            Ok(Place::Kept(names)) => names.join(","),
            other => format!("{other:?}"),
        };
        assert_eq!(names("[]"), "year,title");
        assert_eq!(names("[ { rename: { path: year, to: jahr } }, { rename: { path: jahr, to: an } } ]"), "an,title");
        assert_eq!(names("[ { copy: { path: title, to: id } } ]"), "year,id");
        assert_eq!(names("[ { copy: { path: title, to: name } }, { remove: { path: title } } ]"), "year,name");
        assert_eq!(names("[ { default: { path: title, value: x } } ]"), "year,title");
        for lost in [
            "[ { remove: { path: year } } ]",
            "[ { set: { path: year, value: 1 } } ]",
            "[ { convert: { path: year, to: S } } ]",
            "[ { rename: { path: year, to: info.year } } ]",
            "[ { rename: { path: year, to: y } }, { set: { path: y, value: 1 } } ]",
            "[ { copy: { path: year, to: y } }, { remove: { path: year } }, { copy: { path: title, to: y } } ]",
        ] {
            let why = origin(lost, "", &by_id).unwrap_err();
            assert!(why.contains("\"year\" nowhere") && why.contains("target.origin"), "{lost}: {why}");
        }
    }

    #[test]
    fn a_target_key_that_holds_the_whole_source_key_needs_no_condition() {
        let turned = key(("title", AttributeType::S), Some(("year", AttributeType::N)));
        let origin = origin("[]", "", &turned).unwrap();
        assert!(origin.is_in_key());
        assert_eq!(origin.ours(&rush()), Ours::default());
        assert_eq!(origin.of_item(&rush()), Some(rush()));
    }

    #[test]
    fn a_condition_names_what_the_key_does_not_say() {
        let by_title = key(("title", AttributeType::S), None);
        let ours = origin("[]", "", &by_title).unwrap().ours(&rush());
        assert_eq!(ours.expression.as_deref(), Some("#o0 = :o0"));
        assert_eq!((ours.names["#o0"].as_str(), &ours.values[":o0"]), ("year", &AttributeValue::N("2013".into())));
        // A target that somebody else has filled.
        let ours = origin("[]", ", carry: changes", &by_title).unwrap().ours(&rush());
        assert_eq!(ours.expression.as_deref(), Some("attribute_not_exists(#o0) OR #o0 = :o0"));
    }

    #[test]
    fn what_the_transform_loses_is_held_by_an_attribute_of_its_own() {
        let by_id = key(("id", AttributeType::S), None);
        let remove = "[ { set: { path: id, value: x } }, { remove: { path: year } } ]";
        let origin = origin(remove, ", origin: from", &by_id).unwrap();
        let mut image = Item::from([("id".into(), AttributeValue::S("x".into()))]);
        origin.mark(&rush(), &mut image).unwrap();
        assert_eq!(image["from"], AttributeValue::M(rush()));
        assert_eq!(origin.of_item(&image), Some(rush()));
        assert_eq!(origin.ours(&rush()).expression.as_deref(), Some("#o0 = :o0"));
        // Nothing that is there already is overwritten.
        assert!(origin.mark(&rush(), &mut image).unwrap_err().to_string().contains("name another attribute"));
        assert!(super::tests::origin(remove, ", origin: id", &by_id).unwrap_err().contains("no key attribute"));
    }

    /// `where` leaves some items as they are, and a function may do anything.
    #[test]
    fn an_image_that_does_not_tell_its_key_is_refused() {
        let by_id = key(("id", AttributeType::S), None);
        let origin = origin("[ { rename: { path: year, to: jahr } } ]", "", &by_id).unwrap();
        let why = origin.mark(&rush(), &mut rush()).unwrap_err().to_string();
        assert!(why.contains("attribute year unchanged in jahr") && !why.contains("2013"), "{why}");
    }
}
