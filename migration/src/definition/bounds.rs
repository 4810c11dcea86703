//! Names and numbers with bounds: once made, they need no second check.

use serde::{Deserialize, Serialize};

/// A table's name by DynamoDB's rule (API reference, `TableName`), without the ARNs that it also takes.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TableName(String);

impl TableName {
    /// The name itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::str::FromStr for TableName {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        if name.starts_with("arn:") {
            return Err("expected a table's name, found an ARN: give the name alone; the AWS configuration chooses \
                        account and region"
                .into());
        }
        let allowed = |char: char| char.is_ascii_alphanumeric() || "_.-".contains(char);
        if (3..=255).contains(&name.len()) && name.chars().all(allowed) {
            return Ok(Self(name.to_owned()));
        }
        Err(format!("expected a table's name of 3 to 255 characters of a-z A-Z 0-9 _ . -, found {}", shortened(name)))
    }
}

/// A name that is refused for its length need not be shown in full.
pub(super) fn shortened(name: &str) -> String {
    let length = name.chars().count();
    if length <= 80 {
        return format!("{name:?}");
    }
    let start: String = name.chars().take(40).collect();
    format!("{start:?}… of {length} characters")
}

impl TryFrom<String> for TableName {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        name.parse()
    }
}

impl From<TableName> for String {
    fn from(name: TableName) -> String {
        name.0
    }
}

impl std::fmt::Display for TableName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// The number of scan segments, 1 to 1,000,000: DynamoDB's own limit on `TotalSegments`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub struct TotalSegments(u32);

impl TotalSegments {
    /// DynamoDB's limit on `TotalSegments` (API reference, Scan).
    pub const MAX: u32 = 1_000_000;
    /// What a migration that names no number gets.
    pub const DEFAULT: Self = Self(100);

    /// The number itself.
    pub fn get(self) -> u32 {
        self.0
    }
}

impl TryFrom<u32> for TotalSegments {
    type Error = String;

    fn try_from(segments: u32) -> Result<Self, String> {
        if (1..=Self::MAX).contains(&segments) {
            Ok(Self(segments))
        } else {
            Err(format!("expected 1 to 1000000 segments (DynamoDB's limit), found {segments}"))
        }
    }
}

impl std::str::FromStr for TotalSegments {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let segments = text
            .parse::<u32>()
            .map_err(|_| format!("expected 1 to 1000000 segments (DynamoDB's limit), found {text}"))?;
        Self::try_from(segments)
    }
}

impl From<TotalSegments> for u32 {
    fn from(segments: TotalSegments) -> u32 {
        segments.0
    }
}

/// A share in percent, 0 to 100.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct Percentage(f64);

impl Percentage {
    /// Nothing at all.
    pub const ZERO: Self = Self(0.0);
    /// Three quarters.
    pub const THREE_QUARTERS: Self = Self(75.0);

    /// The share as a number between 0 and 100.
    pub fn get(self) -> f64 {
        self.0
    }
}

impl TryFrom<f64> for Percentage {
    type Error = String;

    fn try_from(percentage: f64) -> Result<Self, String> {
        if (0.0..=100.0).contains(&percentage) {
            Ok(Self(percentage))
        } else {
            Err(format!("expected a percentage from 0 to 100, found {percentage}"))
        }
    }
}

impl From<Percentage> for f64 {
    fn from(percentage: Percentage) -> f64 {
        percentage.0
    }
}
