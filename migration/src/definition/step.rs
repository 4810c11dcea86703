//! The steps that a transform is made of.

use serde::{Deserialize, Serialize};

use super::Operand;
use crate::item::{Number, Path};

/// One step of a transform. Every step leaves alone what is already as it wants it, and fails the item
/// rather than guess (R19).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Step {
    /// Sets `path` to `value`, whatever stood there.
    Set {
        /// Where.
        path: Path,
        /// A constant, or a template over other attributes.
        value: Operand,
    },
    /// Sets `path` to `value` where nothing stands there.
    Default {
        /// Where.
        path: Path,
        /// A constant, or a template over other attributes.
        value: Operand,
    },
    /// Moves the value at `path` to `to`; an absent `path` is left alone, a taken `to` fails the item.
    Rename {
        /// The old place.
        path: Path,
        /// The new one.
        to: Path,
    },
    /// Puts the value at `path` at `to` as well; an absent `path` is left alone, another value at `to`
    /// fails the item.
    Copy {
        /// What is copied.
        path: Path,
        /// Its second place.
        to: Path,
    },
    /// Removes what stands at `path`.
    Remove {
        /// What goes.
        path: Path,
    },
    /// Changes the type of the value at `path`; an absent one is left alone, one that can't be converted
    /// without loss fails the item.
    Convert {
        /// What is converted.
        path: Path,
        /// Into what.
        to: Conversion,
    },
    /// Adds `by` to the number at `path` (0 where there is none). Not idempotent: it needs a marker, its
    /// own or the migration's.
    Increment {
        /// The number.
        path: Path,
        /// What is added; may be negative.
        by: Number,
        /// A top-level attribute that says that this step has been done; `None` leaves that to the
        /// migration's marker.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        marker: Option<String>,
    },
    /// Deletes the item.
    Delete {},
    /// Calls a function of `functions/src/transforms.rs` by the name it is registered under.
    Function(String),
}

/// What `convert` makes of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Conversion {
    /// A string, from `N` (its digits) or `BOOL` (`true`, `false`).
    S,
    /// A number, from an `S` that is one.
    N,
    /// A truth value, from the strings `true` and `false`.
    #[serde(rename = "BOOL")]
    Bool,
    /// A list, from a set, in the order that DynamoDB returned it.
    L,
    /// A set of strings, from a list of distinct strings.
    #[serde(rename = "SS")]
    Ss,
    /// A set of numbers, from a list of distinct numbers.
    #[serde(rename = "NS")]
    Ns,
    /// A set of binaries, from a list of distinct binaries.
    #[serde(rename = "BS")]
    Bs,
    /// Seconds since 1970 as a number, from an ISO-8601 date and time with an offset.
    #[serde(rename = "epoch_seconds")]
    EpochSeconds,
    /// An ISO-8601 date and time in UTC as a string, from seconds since 1970.
    #[serde(rename = "iso_8601")]
    Iso8601,
}

impl Conversion {
    /// All of them.
    pub const ALL: [Self; 9] =
        [Self::S, Self::N, Self::Bool, Self::L, Self::Ss, Self::Ns, Self::Bs, Self::EpochSeconds, Self::Iso8601];

    /// Its name as `migration.yaml` writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::S => "S",
            Self::N => "N",
            Self::Bool => "BOOL",
            Self::L => "L",
            Self::Ss => "SS",
            Self::Ns => "NS",
            Self::Bs => "BS",
            Self::EpochSeconds => "epoch_seconds",
            Self::Iso8601 => "iso_8601",
        }
    }
}

impl Step {
    /// The step's name as `migration.yaml` writes it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Set { .. } => "set",
            Self::Default { .. } => "default",
            Self::Rename { .. } => "rename",
            Self::Copy { .. } => "copy",
            Self::Remove { .. } => "remove",
            Self::Convert { .. } => "convert",
            Self::Increment { .. } => "increment",
            Self::Delete {} => "delete",
            Self::Function(_) => "function",
        }
    }

    /// The paths that the step may write; a function's are known only when it has run.
    pub fn written_paths(&self) -> Vec<&Path> {
        match self {
            Self::Rename { path, to } => vec![path, to],
            Self::Copy { to, .. } => vec![to],
            Self::Set { path, .. }
            | Self::Default { path, .. }
            | Self::Remove { path }
            | Self::Convert { path, .. }
            | Self::Increment { path, .. } => vec![path],
            Self::Delete {} | Self::Function(_) => Vec::new(),
        }
    }

    /// Whether doing the step twice may differ from doing it once, so that a marker has to stand in (R3).
    /// Taking an element out of a list moves the next one into its place.
    pub fn needs_marker(&self) -> bool {
        match self {
            Self::Increment { marker, .. } => marker.is_none(),
            Self::Remove { path } => path.ends_in_index(),
            Self::Rename { path, .. } => path.ends_in_index(),
            _ => false,
        }
    }
}
