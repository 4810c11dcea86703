//! What an untagged scalar means: the YAML 1.2 core schema, without its ambiguities.

/// A scalar of the file.
#[derive(Debug)]
pub(super) struct Scalar {
    /// Its text: as written where it is plain, without quotes and escapes where it is not.
    pub(super) text: String,
    /// Whether it stands there without quotes and may mean something else than its text.
    pub(super) plain: bool,
}

/// What a scalar without a tag is.
#[derive(Debug, PartialEq)]
pub(super) enum Meaning<'t> {
    /// Nothing was written at all.
    Nothing,
    Null,
    Bool(bool),
    /// A decimal number, as written.
    Number(&'t str),
    Text(&'t str),
    /// What one YAML reader takes for a number and another for a string: `007`, `0x1F`, `1_000`, `.inf`.
    Unclear(&'t str),
}

impl Scalar {
    pub(super) fn meaning(&self) -> Meaning<'_> {
        let text = self.text.as_str();
        if !self.plain {
            return Meaning::Text(text);
        }
        match text {
            "" => Meaning::Nothing,
            "~" | "null" | "Null" | "NULL" => Meaning::Null,
            "true" | "True" | "TRUE" => Meaning::Bool(true),
            "false" | "False" | "FALSE" => Meaning::Bool(false),
            _ if is_decimal(text) => Meaning::Number(text),
            _ if resembles_number(text) => Meaning::Unclear(text),
            _ => Meaning::Text(text),
        }
    }

    /// What stands here, for the `found` of a message.
    pub(super) fn found(&self) -> String {
        match self.meaning() {
            Meaning::Nothing => "nothing".into(),
            Meaning::Null => "null".into(),
            Meaning::Bool(truth) => truth.to_string(),
            Meaning::Number(text) | Meaning::Unclear(text) => format!("the number {text}"),
            Meaning::Text(text) => format!("the string {text:?}"),
        }
    }
}

/// `-12`, `0.50`, `1e9`: a number that every reader of YAML and JSON reads alike.
fn is_decimal(text: &str) -> bool {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent.strip_prefix(['-', '+']).unwrap_or(exponent))),
        None => (unsigned, None),
    };
    let (whole, fraction) = match mantissa.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (mantissa, None),
    };
    let canonical = whole == "0" || !whole.starts_with('0');
    canonical && [Some(whole), fraction, exponent].into_iter().flatten().all(is_digits)
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn resembles_number(text: &str) -> bool {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text).to_ascii_lowercase();
    if matches!(unsigned.as_str(), ".inf" | ".nan") {
        return true;
    }
    let digits = |text: &str, of: fn(&u8) -> bool| {
        text.bytes().any(|byte| of(&byte)) && text.bytes().all(|byte| of(&byte) || byte == b'_')
    };
    if let Some(hex) = unsigned.strip_prefix("0x") {
        return digits(hex, u8::is_ascii_hexdigit);
    }
    if let Some(other) = unsigned.strip_prefix("0o").or_else(|| unsigned.strip_prefix("0b")) {
        return digits(other, u8::is_ascii_digit);
    }
    // Digits with at most one point and one exponent, however padded: `007`, `.5`, `5.`, `1_000`.
    let (mantissa, exponent) = unsigned.split_once('e').unwrap_or((&unsigned, "0"));
    let exponent = exponent.strip_prefix(['-', '+']).unwrap_or(exponent);
    mantissa.matches('.').count() <= 1
        && digits(&mantissa.replacen('.', "", 1), u8::is_ascii_digit)
        && !mantissa.starts_with('_')
        && is_digits(exponent)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meaning(text: &str) -> String {
        format!("{:?}", Scalar { text: text.into(), plain: true }.meaning())
    }

    #[test]
    fn plain_scalars_mean_what_every_reader_agrees_on() {
        for text in ["0", "-1", "+1", "1.50", "0.5", "1e9", "1.5E-7", "12345678901234567890123456789012345678"] {
            assert_eq!(meaning(text), format!("Number({text:?})"));
        }
        for text in ["yes", "no", "on", "y", "2013-01-01", "1.2.3", "e5", "_1", "0x", "-", "1-2", ".", "12:30"] {
            assert_eq!(meaning(text), format!("Text({text:?})"));
        }
        assert_eq!(
            (meaning("~").as_str(), meaning("True").as_str(), meaning("").as_str()),
            ("Null", "Bool(true)", "Nothing")
        );
    }

    #[test]
    fn what_readers_disagree_on_is_unclear() {
        for text in ["007", "01234", "0x1F", "0o17", "0b1", "1_000", ".5", "5.", ".inf", "-.Inf", ".NaN", "00.1"] {
            assert_eq!(meaning(text), format!("Unclear({text:?})"));
        }
    }
}
