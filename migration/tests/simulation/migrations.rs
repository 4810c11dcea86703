//! The migrations of the simulation, and what each makes of an item, said once more and by other means than the
//! transform says it.

use aws_sdk_dynamodb::types::AttributeValue;
use migration::item::Item;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;

/// One of a few migrations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Migration {
    /// Sets, renames and increments, all under one marker.
    Tidy,
    /// Increments what the application counts on, under the step's own marker.
    Count,
    /// Sets and removes where `kind` is `a`; idempotent, without a marker.
    Mark,
    /// Deletes where `kind` is `a`.
    Purge,
}

/// What a migration makes of an item.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Made {
    /// It is as wanted, or not chosen.
    Same,
    /// This.
    Other(Item),
    /// Nothing: it is deleted.
    Nothing,
    /// It can't be migrated.
    Fails,
}

impl Migration {
    pub(crate) fn draw(random: &mut StdRng) -> Self {
        let all = [Self::Tidy, Self::Tidy, Self::Count, Self::Mark, Self::Purge];
        *all.choose(random).expect("there are some")
    }

    /// The part of `migration.yaml` that says it.
    pub(crate) fn steps(self) -> &'static str {
        match self {
            Self::Tidy => {
                "marker: done\ntransform: [ { set: { path: status, value: tidied } }, { rename: { path: old, to: new } }, \
                 { increment: { path: n, by: 1 } } ]"
            }
            Self::Count => "transform: [ { increment: { path: n, by: 1, marker: done } } ]",
            Self::Mark => {
                "where: { path: kind, equals: a }\n\
                 transform: [ { set: { path: status, value: tidied } }, { remove: { path: old } } ]"
            }
            Self::Purge => "where: { path: kind, equals: a }\ntransform: [ delete ]",
        }
    }

    /// Whether it has items that it can't migrate.
    pub(crate) fn can_fail(self) -> bool {
        matches!(self, Self::Tidy | Self::Count)
    }

    pub(crate) fn of(self, item: &Item) -> Made {
        let is_chosen = item.get("kind") == Some(&text("a"));
        match self {
            Self::Tidy | Self::Count if item.contains_key("done") => Made::Same,
            Self::Mark | Self::Purge if !is_chosen => Made::Same,
            Self::Purge => Made::Nothing,
            Self::Mark => {
                let mut made = item.clone();
                made.remove("old");
                made.insert("status".into(), text("tidied"));
                if made == *item { Made::Same } else { Made::Other(made) }
            }
            Self::Count => incremented(item.clone()),
            Self::Tidy => {
                let mut made = item.clone();
                made.insert("status".into(), text("tidied"));
                if let Some(old) = made.remove("old")
                    && made.insert("new".into(), old).is_some()
                {
                    return Made::Fails;
                }
                incremented(made)
            }
        }
    }
}

fn incremented(mut item: Item) -> Made {
    let Some(count) = count(&item) else { return Made::Fails };
    item.insert("n".into(), number(count + 1));
    item.insert("done".into(), AttributeValue::Bool(true));
    Made::Other(item)
}

/// The number at `n`; nothing where no number stands there.
pub(crate) fn count(item: &Item) -> Option<i64> {
    item.get("n").and_then(|n| n.as_n().ok()).and_then(|digits| digits.parse().ok())
}

pub(crate) fn text(text: &str) -> AttributeValue {
    AttributeValue::S(text.to_owned())
}

pub(crate) fn number(number: i64) -> AttributeValue {
    AttributeValue::N(number.to_string())
}
