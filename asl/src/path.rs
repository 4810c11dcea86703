//! Paths into JSON: as text in a definition, and as queries that are evaluated.
//!
//! AWS evaluates paths with Jayway JsonPath; what is here follows its semantics, errors included, for the operators
//! that a definition may hold: children, indices, slices, wildcards, unions, deep scan, filters and `length()`.
//! A path that names one place at most is definite: it yields that value or an error. Any other yields an array of
//! what it finds, which may be empty.

mod evaluate;
mod filter;
mod parse;
mod write;

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

pub(crate) use evaluate::{NotFound, evaluate};
pub use parse::PathError;
pub(crate) use parse::{Query, Root, parse};
pub(crate) use write::write;

/// A path as it stands in a definition: into the input (`$.orders[0]`) or the context object (`$$.Execution.Id`).
///
/// Any text fits; [`crate::validate`] tells whether it is a path.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct JsonPath(String);

impl JsonPath {
    /// The path as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is a path that AWS takes.
    pub fn check(&self) -> Result<(), PathError> {
        parse(&self.0).map(drop)
    }

    /// Whether it is a path that names exactly one place, as `ResultPath` and `ItemsPath` need.
    pub fn check_reference(&self) -> Result<(), PathError> {
        match parse(&self.0)? {
            query if query.is_reference() => Ok(()),
            _ => Err(PathError::NotAReference { path: self.0.clone() }),
        }
    }
}

impl<T: Into<String>> From<T> for JsonPath {
    fn from(path: T) -> Self {
        Self(path.into())
    }
}

impl fmt::Display for JsonPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What `InputPath` and `OutputPath` let through.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selection {
    /// What the path finds.
    Path(JsonPath),
    /// Nothing (`null`): the state sees `{}`.
    Nothing,
}

/// Where `ResultPath` puts a result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ResultPath {
    /// At this place of the state's input.
    At(JsonPath),
    /// Nowhere (`null`): the input passes on unchanged.
    Discard,
}

macro_rules! path_or_null {
    ($name:ident, $path:ident, $null:ident) => {
        impl<T: Into<String>> From<T> for $name {
            fn from(path: T) -> Self {
                Self::$path(path.into().into())
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                match self {
                    Self::$path(path) => path.serialize(serializer),
                    Self::$null => serializer.serialize_none(),
                }
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                Ok(Option::<JsonPath>::deserialize(deserializer)?.map_or(Self::$null, Self::$path))
            }
        }
    };
}

path_or_null!(Selection, Path, Nothing);
path_or_null!(ResultPath, At, Discard);

/// Reads a field whose `null` means something else than its absence.
pub(crate) fn present<'de, T: Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}
