//! Conversions between types: exact, or refused.

use aws_sdk_dynamodb::types::AttributeValue;
use bigdecimal::BigDecimal;
use jiff::Timestamp;

use crate::definition::Conversion;
use crate::item::{AttributeType, Number, same_value};

/// `value` as `to` wants it; `None` when it is so already, and what was expected when it can't be done.
pub(super) fn convert(value: &AttributeValue, to: Conversion) -> Result<Option<AttributeValue>, String> {
    use AttributeValue as V;
    let converted = match (to, value) {
        (Conversion::S, V::S(_))
        | (Conversion::N | Conversion::EpochSeconds, V::N(_))
        | (Conversion::Bool, V::Bool(_))
        | (Conversion::L, V::L(_))
        | (Conversion::Ss, V::Ss(_))
        | (Conversion::Ns, V::Ns(_))
        | (Conversion::Bs, V::Bs(_)) => return Ok(None),
        (Conversion::Iso8601, V::S(text)) => return instant(text).map(|_| None),
        (Conversion::S, V::N(digits)) => V::S(digits.clone()),
        (Conversion::S, V::Bool(truth)) => V::S(truth.to_string()),
        (Conversion::N, V::S(text)) => V::N(text.parse::<Number>()?.to_string()),
        (Conversion::Bool, V::S(text)) => {
            V::Bool(text.parse().map_err(|_| "expected the string true or false".to_owned())?)
        }
        (Conversion::EpochSeconds, V::S(text)) => V::N(epoch_seconds(instant(text)?)?.to_string()),
        (Conversion::Iso8601, V::N(digits)) => V::S(timestamp(digits)?.to_string()),
        (Conversion::L, V::Ss(members)) => V::L(members.iter().cloned().map(V::S).collect()),
        (Conversion::L, V::Ns(members)) => V::L(members.iter().cloned().map(V::N).collect()),
        (Conversion::L, V::Bs(members)) => V::L(members.iter().cloned().map(V::B).collect()),
        (Conversion::Ss | Conversion::Ns | Conversion::Bs, V::L(list)) => set(list, to)?,
        (to, value) => {
            let found = AttributeType::of(value).map_or("unknown", AttributeType::as_str);
            return Err(format!("expected {}, found type {found}", takes(to)));
        }
    };
    Ok(Some(converted))
}

/// What a conversion can start from.
fn takes(to: Conversion) -> &'static str {
    match to {
        Conversion::S => "a value of type N or BOOL",
        Conversion::N => "a string that is a number",
        Conversion::Bool => "the string true or false",
        Conversion::L => "a set",
        Conversion::Ss => "a list of strings",
        Conversion::Ns => "a list of numbers",
        Conversion::Bs => "a list of binaries",
        Conversion::EpochSeconds => "an ISO-8601 string",
        Conversion::Iso8601 => "seconds since 1970 as a number",
    }
}

fn instant(text: &str) -> Result<Timestamp, String> {
    text.parse().map_err(|_| "expected an ISO-8601 date and time with an offset, such as 2013-09-02T00:00:00Z".into())
}

/// Seconds since 1970, fractions kept.
pub(super) fn epoch_seconds(instant: Timestamp) -> Result<Number, String> {
    BigDecimal::new(instant.as_nanosecond().into(), 9).to_string().parse()
}

fn timestamp(digits: &str) -> Result<Timestamp, String> {
    let beyond = || "expected seconds since 1970 with at most nine decimals, in the years -9999 to 9999".to_owned();
    let seconds: Number = digits.parse()?;
    let nanoseconds = (seconds.decimal() * BigDecimal::from(1_000_000_000)).normalized();
    if nanoseconds.fractional_digit_count() > 0 {
        return Err(beyond());
    }
    let nanoseconds = nanoseconds.to_plain_string().parse().map_err(|_| beyond())?;
    Timestamp::from_nanosecond(nanoseconds).map_err(|_| beyond())
}

fn set(list: &[AttributeValue], to: Conversion) -> Result<AttributeValue, String> {
    use AttributeValue as V;
    if list.is_empty() {
        return Err("expected at least one element: DynamoDB has no empty sets".into());
    }
    if list.iter().enumerate().any(|(at, element)| list[..at].iter().any(|other| same_value(other, element))) {
        return Err("expected distinct elements, found one twice: a set would lose it".into());
    }
    let wrong = || format!("expected {}, found another element", takes(to));
    macro_rules! members {
        ($variant:ident) => {
            list.iter()
                .map(|element| if let V::$variant(member) = element { Some(member.clone()) } else { None })
                .collect::<Option<Vec<_>>>()
                .ok_or_else(wrong)
        };
    }
    match to {
        Conversion::Ns => members!(N).map(V::Ns),
        Conversion::Bs => members!(B).map(V::Bs),
        _ => members!(S).map(V::Ss),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Conversion::*;

    fn s(text: &str) -> AttributeValue {
        AttributeValue::S(text.into())
    }

    fn n(digits: &str) -> AttributeValue {
        AttributeValue::N(digits.into())
    }

    #[test]
    fn conversions_are_exact() {
        let list = |list: &[AttributeValue]| AttributeValue::L(list.to_vec());
        for (from, to, wanted) in [
            (n("12345678901234567890123456789012345678"), S, s("12345678901234567890123456789012345678")),
            (s("0.10"), N, n("0.1")),
            (AttributeValue::Bool(true), S, s("true")),
            (s("false"), Bool, AttributeValue::Bool(false)),
            (s("2013-09-02T00:00:00Z"), EpochSeconds, n("1378080000")),
            (s("2013-09-02T02:00:00.25+02:00"), EpochSeconds, n("1378080000.25")),
            (s("1969-12-31T23:59:59Z"), EpochSeconds, n("-1")),
            (n("1378080000"), Iso8601, s("2013-09-02T00:00:00Z")),
            (n("1378080000.25"), Iso8601, s("2013-09-02T00:00:00.25Z")),
            (list(&[s("a"), s("b")]), Ss, AttributeValue::Ss(vec!["a".into(), "b".into()])),
            (AttributeValue::Ns(vec!["2".into(), "1".into()]), L, list(&[n("2"), n("1")])),
        ] {
            assert_eq!(convert(&from, to), Ok(Some(wanted)), "{from:?} to {to:?}");
        }
    }

    #[test]
    fn what_is_as_wanted_is_left_alone() {
        for (value, to) in [(s("x"), S), (n("1.50"), N), (n("7"), EpochSeconds), (s("2013-09-02T00:00:00Z"), Iso8601)] {
            assert_eq!(convert(&value, to), Ok(None));
        }
    }

    /// Nothing is guessed, and no reason shows the value (R19, R20).
    #[test]
    fn what_cannot_be_converted_says_what_was_expected() {
        let list = |list: &[AttributeValue]| AttributeValue::L(list.to_vec());
        for (value, to) in [
            (s("secret"), N),
            (s("TRUE secret"), Bool),
            (s("2013-09-02"), EpochSeconds),
            (s("2013-09-02T00:00:00"), EpochSeconds),
            (s("secret"), Iso8601),
            (n("1e100"), Iso8601),
            (n("0.0000000001"), Iso8601),
            (AttributeValue::Null(true), S),
            (list(&[]), Ss),
            (list(&[s("secret"), s("secret")]), Ss),
            (list(&[s("secret"), n("1")]), Ss),
            (list(&[n("1"), n("1.0")]), Ns),
        ] {
            let why = convert(&value, to).unwrap_err();
            assert!(why.starts_with("expected ") && !why.contains("secret"), "{value:?} to {to:?}: {why}");
        }
    }
}
