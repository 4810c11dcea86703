//! Document paths such as `info.rating` and `tags[0]`: places inside an item.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;
use std::sync::{Arc, OnceLock};

use aws_sdk_dynamodb::types::AttributeValue;
use serde::{Deserialize, Serialize};

use super::Item;

/// DynamoDB nests no deeper (API reference, "Nested attribute depth").
const MAX_DEPTH: usize = 32;

/// A place inside an item: an attribute's name, then names and list indexes below it.
///
/// Shared, since it is noted with every look at every item: a clone copies no text.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Path(Arc<Steps>);

#[derive(Debug)]
struct Steps {
    root: String,
    below: Vec<PathElement>,
    /// The path to what the last step is taken in, once somebody has asked.
    parent: OnceLock<Path>,
}

impl Steps {
    fn as_parts(&self) -> (&str, &[PathElement]) {
        (&self.root, &self.below)
    }
}

impl PartialEq for Steps {
    fn eq(&self, other: &Self) -> bool {
        self.as_parts() == other.as_parts()
    }
}

impl Eq for Steps {}

impl Hash for Steps {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_parts().hash(state);
    }
}

impl PartialOrd for Steps {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Steps {
    fn cmp(&self, other: &Self) -> Ordering {
        self.as_parts().cmp(&other.as_parts())
    }
}

/// A step below an attribute.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum PathElement {
    /// An entry of a map.
    Name(String),
    /// An element of a list, from 0.
    Index(usize),
}

impl Path {
    fn new(root: String, below: Vec<PathElement>) -> Self {
        Self(Arc::new(Steps { root, below, parent: OnceLock::new() }))
    }

    /// The path to a whole attribute. The name is taken as it is: it may hold dots.
    pub fn attribute(name: impl Into<String>) -> Self {
        Self::new(name.into(), Vec::new())
    }

    /// The name of the attribute that the path starts at.
    pub fn root(&self) -> &str {
        &self.0.root
    }

    /// The steps below that attribute.
    pub fn below(&self) -> &[PathElement] {
        &self.0.below
    }

    /// This path, one step further.
    pub fn child(&self, element: PathElement) -> Self {
        let below = self.below().iter().cloned().chain(std::iter::once(element));
        Self::new(self.0.root.clone(), below.collect())
    }

    /// The path without its last step, and that step; `None` for a whole attribute.
    pub fn split_last(&self) -> Option<(&Self, &PathElement)> {
        let (last, below) = self.below().split_last()?;
        Some((self.0.parent.get_or_init(|| Self::new(self.0.root.clone(), below.to_vec())), last))
    }

    /// Whether the path names a list's element.
    pub fn ends_in_index(&self) -> bool {
        matches!(self.below().last(), Some(PathElement::Index(_)))
    }

    /// Whether one of the two lies at or below the other.
    pub fn overlaps(&self, other: &Self) -> bool {
        self.root() == other.root() && self.below().iter().zip(other.below()).all(|(a, b)| a == b)
    }

    /// Whether `other` lies at this path or below it.
    pub fn covers(&self, other: &Self) -> bool {
        self.below().len() <= other.below().len() && self.overlaps(other)
    }

    /// What stands at the path in `item`.
    pub fn get<'i>(&self, item: &'i Item) -> Option<&'i AttributeValue> {
        self.get_below(item.get(self.root())?)
    }

    /// What stands at the path when `attribute` is the value of its root.
    pub fn get_below<'v>(&self, attribute: &'v AttributeValue) -> Option<&'v AttributeValue> {
        self.below().iter().try_fold(attribute, |value, element| match (element, value) {
            (PathElement::Name(name), AttributeValue::M(map)) => map.get(name),
            (PathElement::Index(index), AttributeValue::L(list)) => list.get(*index),
            _ => None,
        })
    }

    /// As [`Path::get_below`], to be changed.
    pub fn get_below_mut<'v>(&self, attribute: &'v mut AttributeValue) -> Option<&'v mut AttributeValue> {
        self.below().iter().try_fold(attribute, |value, element| match (element, value) {
            (PathElement::Name(name), AttributeValue::M(map)) => map.get_mut(name),
            (PathElement::Index(index), AttributeValue::L(list)) => list.get_mut(*index),
            _ => None,
        })
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_name(f, self.root())?;
        for element in self.below() {
            match element {
                PathElement::Name(name) => {
                    f.write_str(".")?;
                    write_name(f, name)?;
                }
                PathElement::Index(index) => write!(f, "[{index}]")?,
            }
        }
        Ok(())
    }
}

/// A name that holds a separator stands in backticks, in which a backtick is doubled.
fn write_name(f: &mut fmt::Formatter<'_>, name: &str) -> fmt::Result {
    if name.contains(['.', '[', ']', '`']) { write!(f, "`{}`", name.replace('`', "``")) } else { f.write_str(name) }
}

impl FromStr for Path {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = |why: &str| format!("expected a path such as info.rating or tags[0], found \"{text}\": {why}");
        let mut rest = text;
        let root = take_name(&mut rest).map_err(|why| wrong(&why))?;
        let mut below = Vec::new();
        while !rest.is_empty() {
            below.push(take_element(&mut rest).map_err(|why| wrong(&why))?);
        }
        if below.len() >= MAX_DEPTH {
            return Err(wrong("DynamoDB nests at most 32 levels"));
        }
        Ok(Self::new(root, below))
    }
}

fn take_element(rest: &mut &str) -> Result<PathElement, String> {
    if let Some(after) = rest.strip_prefix('.') {
        *rest = after;
        return take_name(rest).map(PathElement::Name);
    }
    let after = rest.strip_prefix('[').ok_or("expected `.` or `[` after a name")?;
    let (index, after) = after.split_once(']').ok_or("`[` is never closed")?;
    *rest = after;
    index.parse().map(PathElement::Index).map_err(|_| format!("`[{index}]` is no list index"))
}

fn take_name(rest: &mut &str) -> Result<String, String> {
    let name = if let Some(quoted) = rest.strip_prefix('`') { take_quoted(quoted, rest)? } else { take_bare(rest) };
    if name.is_empty() { Err("a name is empty".into()) } else { Ok(name) }
}

fn take_bare(rest: &mut &str) -> String {
    let end = rest.find(['.', '[', ']', '`']).unwrap_or(rest.len());
    let (name, after) = rest.split_at(end);
    *rest = after;
    name.to_owned()
}

fn take_quoted<'t>(quoted: &'t str, rest: &mut &'t str) -> Result<String, String> {
    let mut name = String::new();
    let mut chars = quoted.char_indices().peekable();
    while let Some((at, char)) = chars.next() {
        if char != '`' {
            name.push(char);
        } else if chars.next_if(|(_, next)| *next == '`').is_some() {
            name.push('`');
        } else {
            *rest = &quoted[at + 1..];
            return Ok(name);
        }
    }
    Err("a backtick is never closed".into())
}

impl TryFrom<String> for Path {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Path> for String {
    fn from(path: Path) -> String {
        path.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_read_back_as_they_were_written() {
        for text in ["info", "info.rating", "tags[0]", "a[1][2].b", "`a.b`.c", "`a``b`[3]", "über.straße"] {
            let path: Path = text.parse().unwrap();
            assert_eq!(path.to_string(), text);
        }
        assert_eq!("`a.b`".parse::<Path>().unwrap(), Path::attribute("a.b"));
    }

    #[test]
    fn a_path_that_is_none_says_why() {
        for text in ["", ".a", "a.", "a..b", "a[", "a[x]", "a[-1]", "a]", "`a", "a[0]b"] {
            let error = text.parse::<Path>().unwrap_err();
            assert!(error.contains("expected a path"), "{text}: {error}");
        }
        assert!(vec!["a"; 33].join(".").parse::<Path>().unwrap_err().contains("32 levels"));
    }
}
