//! The copies of the simulation, and what each makes of an item, said once more and by other means than the transform
//! says it.

use migration::item::Item;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;

use crate::migrations::text;

/// What the target looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// The same key, other attributes.
    Renamed,
    /// The key is an attribute that changes, with the source's behind it: images move.
    Turned,
    /// Only items of one kind, and an item may change its kind: images come and go.
    Chosen,
    /// The key is an attribute that one item hands over to another: an image stands where another's was.
    Labelled,
}

impl Shape {
    pub(crate) fn draw(random: &mut StdRng) -> Self {
        let all = [Self::Renamed, Self::Turned, Self::Chosen, Self::Labelled, Self::Labelled];
        *all.choose(random).expect("there are some")
    }

    /// The target's key: the partition key, and the sort key where there is one.
    pub(crate) fn key(self) -> (&'static str, Option<&'static str>) {
        match self {
            Self::Renamed | Self::Chosen => ("id", None),
            Self::Turned => ("status", Some("id")),
            Self::Labelled => ("label", None),
        }
    }

    /// The part of `migration.yaml` that says it.
    pub(crate) fn steps(self) -> &'static str {
        match self {
            Self::Renamed => "transform: [ { set: { path: seen, value: x } }, { rename: { path: old, to: new } } ]",
            Self::Turned | Self::Labelled => "transform: [ { set: { path: seen, value: x } } ]",
            Self::Chosen => "where: { path: kind, equals: a }\ntransform: [ delete ]",
        }
    }

    /// The steps that lead back, for after the cut-over.
    pub(crate) fn steps_back(self) -> &'static str {
        match self {
            Self::Renamed => "[ { remove: { path: seen } }, { rename: { path: new, to: old } } ]",
            Self::Turned | Self::Labelled | Self::Chosen => "[ { remove: { path: seen } } ]",
        }
    }

    /// What the target holds of an item.
    pub(crate) fn image(self, item: &Item) -> Option<Item> {
        let mut image = item.clone();
        if self == Self::Chosen {
            return (item["kind"] != text("a")).then_some(image);
        }
        image.insert("seen".into(), text("x"));
        if self == Self::Renamed
            && let Some(old) = image.remove("old")
        {
            image.insert("new".into(), old);
        }
        Some(image)
    }

    /// What the source holds, after a cut-over with a way back, of an item of the target.
    pub(crate) fn back(self, image: &Item) -> Item {
        let mut item = image.clone();
        item.remove("seen");
        if self == Self::Renamed
            && let Some(new) = item.remove("new")
        {
            item.insert("old".into(), new);
        }
        item
    }
}

/// An item in one line.
pub(crate) fn shown(item: &Item) -> String {
    let mut attributes: Vec<_> = item.iter().map(|(name, value)| format!("{name} {value:.40?}")).collect();
    attributes.sort_unstable();
    attributes.join(", ")
}
