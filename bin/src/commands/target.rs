//! The target of a copy, as people are told of it before anything begins.

use aws_sdk_applicationautoscaling::Client as Autoscaling;
use aws_sdk_dynamodb::Client;
use indicatif::HumanCount;
use migration::copy::table;
use migration::definition::Target;
use migration::plan::Plan;
use migration::table::Table;
use migration::{Error, Kind};
use serde_json::{Value, json};

/// What no description of a table says: whoever needs it gives it to the target.
const NOT_LOOKED_AT: [&str; 4] =
    ["a resource policy", "a Kinesis stream", "contributor insights", "how long recovery reaches back"];

/// Where it stands or will, in words.
pub(crate) fn place(target: &Target) -> String {
    let Target { table, region, role, .. } = target;
    let region = region.as_ref().map(|region| format!(" in {region}")).unwrap_or_default();
    let role = role.as_ref().map(|role| format!(", reached by {role}")).unwrap_or_default();
    format!("{table}{region}{role}")
}

/// As DescribeTable was answered for it.
pub(crate) enum Found {
    Standing(Box<Table>),
    /// It is yet to be made.
    Absent,
    /// Whoever may begin a run need not be one who may look at its target; the run itself looks again.
    Unseen(Error),
}

impl Found {
    /// Looks at it.
    pub(crate) async fn of(client: &Client, target: &Target) -> Result<Self, Error> {
        match Table::describe(client, target.table.as_str()).await {
            Ok(table) => Ok(Self::Standing(Box::new(table))),
            Err(error) if error.kind() == Kind::NotFound && target.create => Ok(Self::Absent),
            Err(error) if error.kind() == Kind::NotFound => Err(Error::new(
                Kind::NotFound,
                format!("{error}; `create: true` in the target has it created like the source"),
            )),
            Err(error) if error.kind() == Kind::Denied => Ok(Self::Unseen(error)),
            Err(error) => Err(error),
        }
    }

    /// The table, where it stands.
    pub(crate) fn table(&self) -> Option<&Table> {
        match self {
            Self::Standing(table) => Some(table),
            Self::Absent | Self::Unseen(_) => None,
        }
    }
}

/// What is said of it.
#[derive(Debug, Default)]
pub(crate) struct Told {
    words: Vec<String>,
    /// Whether it is yet to be made.
    is_made: bool,
    /// What of the source's definition it will not have; nothing where it stands, or that can't be told.
    not_copied: Option<Vec<String>>,
}

impl Told {
    /// Of the target of a plan; of a migration in place nothing is said.
    pub(crate) async fn of(
        source: &Client,
        scaled_by: Option<&Autoscaling>,
        plan: &Plan,
        found: Option<&Found>,
    ) -> Self {
        let (Some(target), Some(found)) = (&plan.definition.target, found) else { return Self::default() };
        let place = place(target);
        match found {
            Found::Standing(table) => {
                let items = HumanCount(table.items);
                Self::standing(format!("target      {place}: it stands, about {items} items"))
            }
            Found::Unseen(error) => Self::standing(format!("target      {place}: it can't be looked at: {error}")),
            Found::Absent => {
                let mut words = vec![format!("target      {place}: it is made like {}", plan.definition.source.table)];
                let not_copied = table::not_copied(source, scaled_by, plan).await;
                match &not_copied {
                    Ok(not_copied) => words.extend(not_copied.iter().map(|what| format!("not copied  {what}"))),
                    Err(error) => words.push(format!("not copied  what it can't have isn't known: {error}")),
                }
                words.push(format!("not copied  {}: nobody has looked for them", NOT_LOOKED_AT.join(", ")));
                Self { words, is_made: true, not_copied: not_copied.ok() }
            }
        }
    }

    /// Of one that isn't made, as far as that is known.
    fn standing(words: String) -> Self {
        Self { words: vec![words], ..Self::default() }
    }

    /// The lines of it.
    pub(crate) fn lines(&self) -> impl Iterator<Item = String> {
        self.words.iter().map(|words| format!("  {words}"))
    }

    /// What it will not have, as `--output json` has it.
    pub(crate) fn add_to(&self, object: &mut Value) {
        object["not_copied"] = json!(self.not_copied);
        object["not_looked_at"] = json!(self.is_made.then_some(NOT_LOOKED_AT));
    }
}
