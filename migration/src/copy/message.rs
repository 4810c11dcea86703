//! A change as the body of a message, and back: exact, and of characters that SQS takes. One that is too large is
//! compressed, where that is enough.

use std::io::{Read, Write};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;

use crate::copy::change::Change;

/// Of one message, and of all in one request (SQS developer guide, "Amazon SQS message quotas": 1 MiB).
pub(super) const MAX_BYTES: usize = 1 << 20;

/// No JSON begins so.
const COMPRESSED: &str = "gzip:";

/// Two images of 400 KB in typed JSON have a few MB; what claims to unfold to more is no message of ours.
const MAX_UNFOLDED_BYTES: u64 = 64 << 20;

/// The body of a change's message; nothing where it is too large.
pub(super) fn write(change: &Change) -> Option<String> {
    let json = serde_json::to_string(change).ok()?;
    // SQS takes the characters of XML 1.0, which leaves out these two beside those that JSON escapes (API reference,
    // SendMessage). They stand in strings only, where JSON may escape any.
    let json = json.replace('\u{fffe}', "\\ufffe").replace('\u{ffff}', "\\uffff");
    if json.len() <= MAX_BYTES {
        return Some(json);
    }
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(json.as_bytes()).ok()?;
    let body = format!("{COMPRESSED}{}", STANDARD.encode(encoder.finish().ok()?));
    (body.len() <= MAX_BYTES).then_some(body)
}

/// The change that a body carries; the error shows nothing of it.
pub(crate) fn read(body: &str) -> Result<Change, String> {
    let Some(compressed) = body.strip_prefix(COMPRESSED) else { return parse(body) };
    let bytes = STANDARD.decode(compressed).map_err(|_| "expected base64 in a message, found something else")?;
    let mut json = String::new();
    let mut unfolded = GzDecoder::new(bytes.as_slice()).take(MAX_UNFOLDED_BYTES);
    unfolded.read_to_string(&mut json).map_err(|_| "expected a compressed message, found something else")?;
    parse(&json)
}

fn parse(json: &str) -> Result<Change, String> {
    serde_json::from_str(json).map_err(|_| "expected a change in a message, found something else".into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::copy::change::What;
    use crate::plan::RunId;
    use serde_json::{Value, json};

    fn change(new: Value) -> Change {
        Change {
            run: RunId::named("run"),
            event: "e1".into(),
            at: "2026-11-20T09:30:00Z".parse().unwrap(),
            key: json!({ "id": { "S": "a" } }),
            what: What::Images { old: None, new: Some(new) },
        }
    }

    /// R5, and what the AWS playbook got wrong: N stays N with all its digits, sets stay sets.
    #[test]
    fn every_type_survives_the_way_through_the_queue() {
        let images = json!({
            "n": { "N": "12345678901234567890123456789012345678" }, "ns": { "NS": ["1", "2.5"] }, "ss": { "SS": ["a"] },
            "bs": { "BS": ["AA=="] }, "m": { "M": { "l": { "L": [{ "NULL": true }, { "BOOL": false }] } } },
            "s": { "S": "\u{ffff} \u{fffe} \u{1} \" ü" },
        });
        let body = write(&change(images.clone())).unwrap();
        assert_eq!(read(&body).unwrap(), change(images));
        assert!(!body.contains(['\u{fffe}', '\u{ffff}', '\u{1}']), "SQS refuses these");
    }

    #[test]
    fn a_large_change_is_compressed_and_one_that_is_still_too_large_has_no_body() {
        let repeated = change(json!({ "s": { "S": "x".repeat(2 * MAX_BYTES) } }));
        let body = write(&repeated).unwrap();
        assert!(body.len() < 10_000 && body.starts_with(COMPRESSED));
        assert_eq!(read(&body).unwrap(), repeated);
        let mut random = fastrand::Rng::with_seed(1);
        let noise: String = std::iter::repeat_with(|| random.alphanumeric()).take(2 * MAX_BYTES).collect();
        assert_eq!(write(&change(json!({ "s": { "S": noise } }))), None);
    }

    #[test]
    fn a_body_that_is_none_of_ours_shows_nothing_of_itself() {
        for body in ["secret", "gzip:secret", "gzip:c2VjcmV0", "{\"secret\": 1}"] {
            assert!(!read(body).unwrap_err().contains("secret"), "{body}");
        }
    }
}
