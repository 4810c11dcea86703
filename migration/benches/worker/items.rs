//! Items of the example table in three sizes, as the example migration finds them and as it leaves them.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use migration::item::{Item, item_bytes};

/// What is measured on each item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Case {
    /// One attribute is added: the least that an UpdateItem can be.
    Adds,
    /// The example migration in full: six places change, nine are in the condition.
    Changes,
    /// The example migration finds everything as wanted: no write.
    Stays,
}

impl Case {
    pub(crate) const ALL: [Self; 3] = [Self::Adds, Self::Changes, Self::Stays];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Adds => "one attribute is added",
            Self::Changes => "changes as in the example",
            Self::Stays => "does not change",
        }
    }

    /// `migration.yaml`; the two that run the example have all of its kinds of steps.
    pub(crate) fn definition(self) -> &'static str {
        match self {
            Self::Adds => {
                r##"
migration: bench
source: { table: movies }
transform:
  - set: { path: label, value: "${year}#${title}" }
segments: 1
"##
            }
            Self::Changes | Self::Stays => {
                r##"
migration: bench
source: { table: movies }
where: { all: [ { path: info, exists: true }, { not: { path: title, begins_with: "#" } } ] }
transform:
  - rename: { path: info.running_time_secs, to: info.runtime_seconds }
  - convert: { path: info.release_date, to: epoch_seconds }
  - default: { path: info.rating, value: 0 }
  - set: { path: label, value: "${year}#${title}" }
  - set: { path: tags, value: !SS [film, imported] }
  - remove: { path: info.image_url }
segments: 1
"##
            }
        }
    }

    /// An item of `bytes` bytes.
    pub(crate) fn item(self, number: usize, bytes: usize) -> Item {
        let year = 1950 + number % 75;
        let title = format!("The Quiet Harbour {number}");
        let mut item = Item::from([("year".into(), n(year)), ("title".into(), s(&title))]);
        let mut info = HashMap::from([("rank".into(), n(number))]);
        if bytes >= 1000 {
            info.extend([
                ("directors".into(), names(&["Chantal Ito"])),
                ("actors".into(), names(&["Orson Berg", "Lina Okafor", "Wim Castro"])),
                ("genres".into(), AttributeValue::Ss(vec!["Crime".into(), "Drama".into()])),
            ]);
        }
        if self == Self::Stays {
            info.extend([
                ("runtime_seconds".into(), n(5400)),
                ("release_date".into(), n(1_378_080_000)),
                ("rating".into(), n(7)),
            ]);
            item.insert("label".into(), s(&format!("{year}#{title}")));
            item.insert("tags".into(), AttributeValue::Ss(vec!["film".into(), "imported".into()]));
        } else {
            info.extend([
                ("running_time_secs".into(), n(5400)),
                ("release_date".into(), s("2013-09-02T00:00:00Z")),
                ("image_url".into(), s("https://images.example.com/3f.jpg")),
            ]);
        }
        info.insert("plot".into(), s(""));
        item.insert("info".into(), AttributeValue::M(info));
        let plot = "a stranger returns to the town ".chars().cycle().take(bytes.saturating_sub(item_bytes(&item)));
        let plot = plot.collect::<String>();
        if let Some(AttributeValue::M(info)) = item.get_mut("info") {
            info.insert("plot".into(), s(&plot));
        }
        item
    }
}

fn s(text: &str) -> AttributeValue {
    AttributeValue::S(text.into())
}

fn n(number: usize) -> AttributeValue {
    AttributeValue::N(number.to_string())
}

fn names(names: &[&str]) -> AttributeValue {
    AttributeValue::L(names.iter().map(|name| s(name)).collect())
}
