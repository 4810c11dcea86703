//! The DynamoDB JSON lines of an S3 export: `{"Item": {"year": {"N": "2013"}}}`.

use std::io::{BufRead, Read};

use serde::Deserialize;
use serde_json::Value;

use super::{Failure, MAX_TEXT_BYTES};

/// Reads the next line that is not blank into `text`, counting lines in `number`; false at the end.
pub(super) fn next(reader: &mut dyn BufRead, number: &mut u64, text: &mut Vec<u8>) -> Result<bool, Failure> {
    loop {
        text.clear();
        *number += 1;
        let limit = MAX_TEXT_BYTES as u64;
        if reader.take(limit).read_until(b'\n', text)? == 0 {
            return Ok(false);
        }
        if text.len() >= MAX_TEXT_BYTES {
            return Err("expected an item of at most 400 KB, found no end of the line within 16 MB".into());
        }
        if !text.iter().all(u8::is_ascii_whitespace) {
            return Ok(true);
        }
    }
}

/// One line of a full export.
#[derive(Deserialize)]
struct Line {
    #[serde(rename = "Item")]
    item: Value,
}

/// The typed attributes of a line.
pub(super) fn attributes(text: &[u8]) -> Result<Value, String> {
    use serde_json::error::Category;
    // The parser's own messages may quote what it read.
    let line: Line = serde_json::from_slice(text).map_err(|error| match error.classify() {
        Category::Data => {
            "expected {\"Item\": …} as a full S3 export writes it, found another object; plain JSON has to be an array"
        }
        Category::Eof => {
            "expected one JSON object a line, found the line's end within it; plain JSON has to be an array"
        }
        Category::Syntax | Category::Io => "expected one JSON object a line, found no JSON",
    })?;
    Ok(line.item)
}
