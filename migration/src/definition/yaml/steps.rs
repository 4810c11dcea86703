//! `transform`: the steps, each with the places that later checks point at.

use super::fields::{Fields, attribute, path, suggest, text, word};
use super::node::{Content, Node};
use super::scalar::Meaning;
use super::values::{number, operand};
use crate::definition::mistake::{Mistakes, Position};
use crate::definition::{Conversion, Step};
use crate::item::Number;

const STEPS: [&str; 9] = ["set", "default", "rename", "copy", "remove", "convert", "increment", "delete", "function"];

/// The steps that could be read, and where in the file they stand.
#[derive(Default)]
pub(super) struct Steps {
    pub(super) steps: Vec<Step>,
    /// One for each step.
    pub(super) places: Vec<Places>,
}

/// Where a step and what it names stand in the file.
pub(super) struct Places {
    pub(super) at: Position,
    /// The places of its written paths, in the order of [`Step::written_paths`].
    pub(super) written: Vec<Position>,
    /// The place of its own marker.
    pub(super) marker: Option<Position>,
}

/// Reads `transform`, which has a step at least.
pub(super) fn some_steps(node: &Node, mistakes: &mut Mistakes) -> Steps {
    if let Content::Sequence(nodes) = &node.content
        && node.tag.is_none()
        && nodes.is_empty()
    {
        mistakes.add(node.at, format!("expected at least one step, found none: {}", suggest("", &STEPS)));
    }
    steps(node, mistakes)
}

/// Reads a list of steps; one that can't be read is a mistake, and left out.
pub(super) fn steps(node: &Node, mistakes: &mut Mistakes) -> Steps {
    let mut read = Steps::default();
    let nodes = match &node.content {
        Content::Sequence(nodes) if node.tag.is_none() => nodes,
        _ => {
            mistakes.add(node.at, format!("expected a list of steps, found {}", node.found()));
            return read;
        }
    };
    for node in nodes {
        if let Some((step, written, marker)) = step(node, mistakes) {
            read.steps.push(step);
            read.places.push(Places { at: node.at, written, marker });
        }
    }
    read
}

/// A step, the places of its written paths, and the place of its marker.
type Read = (Step, Vec<Position>, Option<Position>);

fn step(node: &Node, mistakes: &mut Mistakes) -> Option<Read> {
    if let Some(Meaning::Text("delete")) = node.scalar().map(|scalar| scalar.meaning()) {
        return Some((Step::Delete {}, Vec::new(), None));
    }
    match &node.content {
        Content::Mapping(entries) if entries.len() > 1 => {
            mistakes.add(
                node.at,
                "expected one step, found several keys: begin each step with its own -, and indent what belongs to it",
            );
            None
        }
        Content::Mapping(entries) if entries.is_empty() => {
            mistakes.add(node.at, format!("expected a step, found an empty mapping: {}", suggest("", &STEPS)));
            None
        }
        _ => {
            let fields = Fields::read(node, "a step", &STEPS, mistakes)?;
            let (name, inner) = fields.entries().first()?;
            named(name, inner, mistakes)
        }
    }
}

fn named(name: &str, node: &Node, mistakes: &mut Mistakes) -> Option<Read> {
    match name {
        "set" | "default" => assignment(name, node, mistakes),
        "rename" | "copy" => movement(name, node, mistakes),
        "remove" => {
            let fields = Fields::read(node, "a remove step", &["path"], mistakes)?;
            let at = fields.required("path", mistakes)?;
            Some((Step::Remove { path: path(at, mistakes)? }, vec![at.at], None))
        }
        "convert" => conversion(node, mistakes),
        "increment" => increment(node, mistakes),
        "delete" => {
            let bare = node.scalar().is_some_and(|scalar| matches!(scalar.meaning(), Meaning::Nothing | Meaning::Null));
            if bare || matches!(&node.content, Content::Mapping(entries) if entries.is_empty()) {
                return Some((Step::Delete {}, Vec::new(), None));
            }
            mistakes.add(node.at, format!("expected delete: {{}}, found {}", node.found()));
            None
        }
        "function" => {
            let name = text(node, "the name of a registered function", mistakes)?;
            Some((Step::Function(name.to_owned()), Vec::new(), None))
        }
        // Said already, as an unknown key.
        _ => None,
    }
}

fn assignment(name: &str, node: &Node, mistakes: &mut Mistakes) -> Option<Read> {
    let what = if name == "set" { "a set step" } else { "a default step" };
    let fields = Fields::read(node, what, &["path", "value"], mistakes)?;
    let (at, value) = (fields.required("path", mistakes), fields.required("value", mistakes));
    let (at, value) = (at.and_then(|node| Some((node.at, path(node, mistakes)?))), {
        value.and_then(|node| operand(node, mistakes))
    });
    let ((at, path), value) = (at?, value?);
    let step = if name == "set" { Step::Set { path, value } } else { Step::Default { path, value } };
    Some((step, vec![at], None))
}

fn movement(name: &str, node: &Node, mistakes: &mut Mistakes) -> Option<Read> {
    let what = if name == "rename" { "a rename step" } else { "a copy step" };
    let fields = Fields::read(node, what, &["path", "to"], mistakes)?;
    let (from_node, to_node) = (fields.required("path", mistakes), fields.required("to", mistakes));
    let from = from_node.and_then(|node| path(node, mistakes));
    let to = to_node.and_then(|node| path(node, mistakes));
    let (path, to, from_at, to_at) = (from?, to?, from_node?.at, to_node?.at);
    if path.overlaps(&to) {
        mistakes.add(
            to_at,
            format!("expected two separate places, found that {path} and {to} overlap: choose another name"),
        );
        return None;
    }
    Some(match name {
        "rename" => (Step::Rename { path, to }, vec![from_at, to_at], None),
        _ => (Step::Copy { path, to }, vec![to_at], None),
    })
}

fn conversion(node: &Node, mistakes: &mut Mistakes) -> Option<Read> {
    let fields = Fields::read(node, "a convert step", &["path", "to"], mistakes)?;
    let (at, to) = (fields.required("path", mistakes), fields.required("to", mistakes));
    let from = at.and_then(|node| path(node, mistakes));
    let names = Conversion::ALL.map(Conversion::as_str);
    let to = to.and_then(|node| word(node, "a conversion", &names, mistakes));
    let to = Conversion::ALL.into_iter().find(|conversion| Some(conversion.as_str()) == to);
    Some((Step::Convert { path: from?, to: to? }, vec![at?.at], None))
}

fn increment(node: &Node, mistakes: &mut Mistakes) -> Option<Read> {
    let fields = Fields::read(node, "an increment step", &["path", "by", "marker"], mistakes)?;
    let at = fields.required("path", mistakes);
    let from = at.and_then(|node| path(node, mistakes));
    let by = match fields.optional("by") {
        Some(node) => by(node, mistakes),
        None => Some(Number::from(1)),
    };
    let marker = fields.optional("marker");
    let name = marker.and_then(|node| attribute(node, "the name of a marker attribute", mistakes));
    if marker.is_some() && name.is_none() {
        return None;
    }
    Some((Step::Increment { path: from?, by: by?, marker: name }, vec![at?.at], marker.map(|node| node.at)))
}

fn by(node: &Node, mistakes: &mut Mistakes) -> Option<Number> {
    let by = number(node, "a number to add", mistakes)?;
    if by == Number::from(0) {
        mistakes.add(node.at, "expected a number to add, found 0: it would change nothing");
        return None;
    }
    Some(by)
}
