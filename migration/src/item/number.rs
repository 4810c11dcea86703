//! DynamoDB numbers: decimal, to 38 digits, never through a float (R5).

use std::fmt;
use std::str::FromStr;

use bigdecimal::BigDecimal;
use serde::{Deserialize, Serialize};

/// Significant digits that DynamoDB keeps (developer guide, "Number").
const MAX_DIGITS: u64 = 38;
/// The decimal exponent of the first digit lies within these (1E-130 to 9.99…E+125).
const EXPONENTS: std::ops::RangeInclusive<i64> = -130..=125;

/// A number that DynamoDB can store exactly.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Number(BigDecimal);

impl Number {
    /// The sum, where DynamoDB can hold it exactly.
    pub fn plus(&self, other: &Self) -> Result<Self, String> {
        Self::checked(&self.0 + &other.0)
    }

    fn checked(value: BigDecimal) -> Result<Self, String> {
        let value = value.normalized();
        let digits = value.digits();
        if digits > MAX_DIGITS {
            return Err(format!("expected a number of at most 38 digits, found {digits} digits"));
        }
        let (_, scale) = value.as_bigint_and_exponent();
        let exponent = digits as i64 - 1 - scale;
        if value != 0 && !EXPONENTS.contains(&exponent) {
            return Err(format!(
                "expected a number between 1E-130 and 9.9E+125 in size, found an exponent of {exponent}"
            ));
        }
        Ok(Self(value))
    }

    /// The decimal itself.
    pub fn decimal(&self) -> &BigDecimal {
        &self.0
    }
}

impl FromStr for Number {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        // DynamoDB takes digits, a sign, a point and an exponent; the crate also takes underscores.
        let plausible = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit() || b"+-.eE".contains(&b));
        // An absurd exponent would cost memory before it could be refused.
        let value = plausible.then(|| text.parse::<BigDecimal>().ok()).flatten();
        Self::checked(value.ok_or("expected a decimal number")?)
    }
}

impl From<i64> for Number {
    fn from(value: i64) -> Self {
        Self(BigDecimal::from(value).normalized())
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (_, scale) = self.0.as_bigint_and_exponent();
        if (-40..=40).contains(&scale) {
            f.write_str(&self.0.to_plain_string())
        } else {
            f.write_str(&self.0.to_scientific_notation())
        }
    }
}

impl TryFrom<String> for Number {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Number> for String {
    fn from(number: Number) -> String {
        number.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thirty_eight_digits_stay_and_thirty_nine_are_refused() {
        let most = "9".repeat(38);
        assert_eq!(most.parse::<Number>().unwrap().to_string(), most);
        let error = "9".repeat(39).parse::<Number>().unwrap_err();
        assert_eq!(error, "expected a number of at most 38 digits, found 39 digits");
        // Trailing zeros are no digits: DynamoDB trims them.
        assert!(format!("1{}", "0".repeat(60)).parse::<Number>().is_ok());
    }

    #[test]
    fn numbers_are_compared_by_value() {
        let number = |text: &str| text.parse::<Number>().unwrap();
        assert_eq!(number("1.0"), number("1"));
        assert_eq!(number("1e2"), number("100"));
        assert!(number("-2") < number("1E-130"));
        assert_eq!(number("0.1").plus(&number("0.2")).unwrap(), number("0.3"));
    }

    #[test]
    fn what_is_no_number_is_refused() {
        for text in ["", "abc", "1_000", "NaN", "inf", "0x10", "1e126", "1e-131", "1e999999999", "--1", "1e"] {
            assert!(text.parse::<Number>().is_err(), "{text}");
        }
    }
}
