//! Numbers with bounds: once made, they need no second check.

use serde::{Deserialize, Serialize};

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
