//! Update and condition expressions: a [`Verdict`](crate::transform::Verdict) in DynamoDB's words.
//!
//! The condition always holds the key's existence and everything the transform has seen (R2).

use std::collections::HashMap;
use std::fmt::Write as _;

use aws_sdk_dynamodb::types::AttributeValue;

use crate::item::{Item, Path, PathElement};
use crate::transform::{Edit, Edits, Failure, Seen, SeenAs};

/// DynamoDB's limit on an expression (developer guide, "Constraints": expression parameters).
const MAX_EXPRESSION_BYTES: usize = 4096;
/// Operators and functions in one expression (the same page).
pub(crate) const MAX_OPERATORS: usize = 300;

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
    let nothing = Edits::default();
    let built = Builder::build(partition, &nothing, seen);
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

/// Expressions while they are written, and the number of each name's placeholder.
#[derive(Default)]
struct Builder<'n> {
    expressions: Expressions,
    operators: usize,
    placeholders: HashMap<&'n str, usize>,
}

impl<'n> Builder<'n> {
    fn build(partition: &'n str, edits: &'n Edits, seen: &'n [Seen]) -> Self {
        let mut builder = Self::default();
        let mut condition = String::from("attribute_exists(");
        builder.name(&mut condition, partition);
        condition.push(')');
        for seen in seen {
            condition.push_str(" AND ");
            builder.clause(&mut condition, seen);
            builder.operators += 2;
        }
        let (mut sets, mut removes) = (String::new(), String::new());
        for (path, edit) in edits.iter() {
            builder.operators += 1;
            match edit {
                Edit::Set(value) => {
                    sets.push_str(if sets.is_empty() { "SET " } else { ", " });
                    builder.path(&mut sets, path);
                    sets.push_str(" = ");
                    builder.value(&mut sets, value.clone());
                }
                Edit::Remove => {
                    removes.push_str(if removes.is_empty() { "REMOVE " } else { ", " });
                    builder.path(&mut removes, path);
                }
            }
        }
        if !sets.is_empty() && !removes.is_empty() {
            sets.push(' ');
        }
        builder.expressions.update = sets + &removes;
        builder.expressions.condition = condition;
        builder
    }

    fn fits(&self) -> bool {
        let Expressions { update, condition, .. } = &self.expressions;
        update.len().max(condition.len()) <= MAX_EXPRESSION_BYTES && self.operators <= MAX_OPERATORS
    }

    fn clause(&mut self, text: &mut String, seen: &'n Seen) {
        let function = match &seen.found {
            SeenAs::Absent => "attribute_not_exists(",
            SeenAs::Present => "attribute_exists(",
            SeenAs::Type(_) => "attribute_type(",
            SeenAs::Value(_) => "",
        };
        text.push_str(function);
        self.path(text, &seen.path);
        match &seen.found {
            SeenAs::Absent | SeenAs::Present => text.push(')'),
            SeenAs::Type(kind) => {
                text.push_str(", ");
                self.value(text, AttributeValue::S(kind.as_str().to_owned()));
                text.push(')');
            }
            SeenAs::Value(value) => {
                text.push_str(" = ");
                self.value(text, value.clone());
            }
        }
    }

    fn path(&mut self, text: &mut String, path: &'n Path) {
        self.name(text, path.root());
        for element in path.below() {
            match element {
                PathElement::Name(name) => {
                    text.push('.');
                    self.name(text, name);
                }
                PathElement::Index(index) => {
                    let _infallible = write!(text, "[{index}]");
                }
            }
        }
    }

    /// A name has one placeholder, however often it occurs.
    fn name(&mut self, text: &mut String, name: &'n str) {
        let next = self.placeholders.len();
        let number = *self.placeholders.entry(name).or_insert(next);
        let start = text.len();
        let _infallible = write!(text, "#{number}");
        if number == next {
            self.expressions.names.insert(text[start..].to_owned(), name.to_owned());
        }
    }

    fn value(&mut self, text: &mut String, value: AttributeValue) {
        let start = text.len();
        let _infallible = write!(text, ":{}", self.expressions.values.len());
        self.expressions.values.insert(text[start..].to_owned(), value);
    }
}
