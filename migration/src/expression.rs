//! Update and condition expressions: a [`Verdict`](crate::transform::Verdict) in DynamoDB's words.
//!
//! The condition always holds the key's existence and everything the transform has seen (R2).

use std::collections::HashMap;
use std::fmt::Write as _;

use aws_sdk_dynamodb::types::AttributeValue;

use crate::item::{AttributeType, Item, Path, PathElement};
use crate::transform::{Edit, Edits, Failure, Seen, SeenAs};

/// DynamoDB's limit on an expression (developer guide, "Constraints": expression parameters).
const MAX_EXPRESSION_BYTES: usize = 4096;
/// Operators and functions in one expression (the same page).
const MAX_OPERATORS: usize = 300;

/// A conditional write of one item, apart from its key.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Expressions {
    /// `SET … REMOVE …`; empty for a delete.
    pub update: String,
    /// What has to be true still.
    pub condition: String,
    /// `#0` and so on.
    pub names: HashMap<String, String>,
    /// `:0` and so on.
    pub values: HashMap<String, AttributeValue>,
}

/// Writes `edits`, provided that the key exists and all of `seen` still stands.
///
/// Where single entries of maps would make the expression too long, whole attributes are written instead,
/// conditioned on their whole old values; where that is too long too, the item fails.
pub fn update(item: &Item, partition: &str, edits: &Edits, seen: &[Seen]) -> Result<Expressions, Failure> {
    let fine = Builder::build(partition, edits, seen);
    if fine.fits() {
        return Ok(fine.expressions);
    }
    let edits = edits.coarsened(item);
    let seen = coarsen_seen(item, seen);
    let coarse = Builder::build(partition, &edits, &seen);
    if coarse.fits() {
        return Ok(coarse.expressions);
    }
    Err(Failure::new(format!(
        "the change touches {} attributes: more than one update expression can carry (4 KB, 300 operators)",
        edits.iter().count()
    )))
}

/// Deletes, provided that the key exists and all of `seen` still stands.
pub fn delete(partition: &str, seen: &[Seen]) -> Result<Expressions, Failure> {
    let built = Builder::build(partition, &Edits::default(), seen);
    if built.fits() {
        Ok(built.expressions)
    } else {
        Err(Failure::new("the delete rests on more attributes than one condition can carry (4 KB, 300 operators)"))
    }
}

fn coarsen_seen(item: &Item, seen: &[Seen]) -> Vec<Seen> {
    let mut coarse: Vec<Seen> = Vec::new();
    for root in seen.iter().map(|seen| seen.path.root()) {
        if coarse.last().is_none_or(|last| last.path.root() != root) {
            let found = item.get(root).map_or(SeenAs::Absent, |value| SeenAs::Value(value.clone()));
            coarse.push(Seen { path: Path::attribute(root), found });
        }
    }
    coarse
}

#[derive(Default)]
struct Builder {
    expressions: Expressions,
    operators: usize,
    placeholders: HashMap<String, String>,
}

impl Builder {
    fn build(partition: &str, edits: &Edits, seen: &[Seen]) -> Self {
        let mut builder = Self::default();
        let key = builder.name(partition);
        let mut condition = format!("attribute_exists({key})");
        for seen in seen {
            let clause = builder.clause(seen);
            builder.operators += 2;
            let _infallible = write!(condition, " AND {clause}");
        }
        let mut sets = Vec::new();
        let mut removes = Vec::new();
        for (path, edit) in edits.iter() {
            let place = builder.path(path);
            builder.operators += 1;
            match edit {
                Edit::Set(value) => sets.push(format!("{place} = {}", builder.value(value.clone()))),
                Edit::Remove => removes.push(place),
            }
        }
        let clauses = [("SET", sets), ("REMOVE", removes)];
        let clauses = clauses.iter().filter(|(_, places)| !places.is_empty());
        let clauses: Vec<_> = clauses.map(|(verb, places)| format!("{verb} {}", places.join(", "))).collect();
        builder.expressions.update = clauses.join(" ");
        builder.expressions.condition = condition;
        builder
    }

    fn fits(&self) -> bool {
        let Expressions { update, condition, .. } = &self.expressions;
        update.len().max(condition.len()) <= MAX_EXPRESSION_BYTES && self.operators <= MAX_OPERATORS
    }

    fn clause(&mut self, seen: &Seen) -> String {
        let place = self.path(&seen.path);
        match &seen.found {
            SeenAs::Absent => format!("attribute_not_exists({place})"),
            SeenAs::Present => format!("attribute_exists({place})"),
            SeenAs::Type(kind) => format!("attribute_type({place}, {})", self.type_name(*kind)),
            SeenAs::Value(value) => format!("{place} = {}", self.value(value.clone())),
        }
    }

    fn path(&mut self, path: &Path) -> String {
        let mut place = self.name(path.root());
        for element in path.below() {
            let _infallible = match element {
                PathElement::Name(name) => {
                    let name = self.name(name);
                    write!(place, ".{name}")
                }
                PathElement::Index(index) => write!(place, "[{index}]"),
            };
        }
        place
    }

    fn name(&mut self, name: &str) -> String {
        if let Some(placeholder) = self.placeholders.get(name) {
            return placeholder.clone();
        }
        let placeholder = format!("#{}", self.placeholders.len());
        self.placeholders.insert(name.to_owned(), placeholder.clone());
        self.expressions.names.insert(placeholder.clone(), name.to_owned());
        placeholder
    }

    fn type_name(&mut self, kind: AttributeType) -> String {
        self.value(AttributeValue::S(kind.as_str().to_owned()))
    }

    fn value(&mut self, value: AttributeValue) -> String {
        let placeholder = format!(":{}", self.expressions.values.len());
        self.expressions.values.insert(placeholder.clone(), value);
        placeholder
    }
}
