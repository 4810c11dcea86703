//! The elements of a JSON array, one after the other, without holding the array.
//!
//! Only brackets and strings are looked at, to find where an element ends; whether it is JSON is for its
//! parser to say.

use std::io::BufRead;

use super::{Failure, MAX_TEXT_BYTES, filled, first_byte};

/// Reads the next element into `text`; false at the end of the array. The array's `[` has been read.
pub(super) fn next(reader: &mut dyn BufRead, is_first: bool, text: &mut Vec<u8>) -> Result<bool, Failure> {
    text.clear();
    let mut byte = first_byte(reader)?.0;
    if byte == Some(b']') {
        reader.consume(1);
        return match first_byte(reader)?.0 {
            None => Ok(false),
            Some(_) => Err("expected nothing after the array, found more".into()),
        };
    }
    if !is_first {
        if byte != Some(b',') {
            return Err(expected("a comma or the end of the array", byte));
        }
        reader.consume(1);
        byte = first_byte(reader)?.0;
    }
    if byte != Some(b'{') {
        return Err(expected("an object", byte));
    }
    object(reader, text).map(|()| true)
}

fn expected(what: &str, found: Option<u8>) -> Failure {
    let found = match found {
        None => "the end of the file",
        Some(b'"') => "a string",
        Some(b'[') => "an array",
        Some(b'{') => "an object",
        Some(b't' | b'f') => "a truth value",
        Some(b'n') => "null",
        Some(b'-' | b'0'..=b'9') => "a number",
        Some(_) => "something else",
    };
    Failure::Content(format!("expected {what}, found {found}"))
}

/// Moves an object from the reader to `text`.
fn object(reader: &mut dyn BufRead, text: &mut Vec<u8>) -> Result<(), Failure> {
    let mut scan = Scan::default();
    loop {
        let available = filled(reader)?;
        if available.is_empty() {
            return Err("expected the end of an object, found the end of the file".into());
        }
        let end = available.iter().position(|byte| scan.ends_at(*byte));
        let taken = end.map_or(available.len(), |last| last + 1);
        text.extend_from_slice(&available[..taken]);
        reader.consume(taken);
        if end.is_some() {
            return Ok(());
        }
        if text.len() > MAX_TEXT_BYTES {
            return Err("expected an item of at most 400 KB, found no end of it within 16 MB of text".into());
        }
    }
}

/// How far into an object the bytes so far have led.
#[derive(Default)]
struct Scan {
    depth: usize,
    in_string: bool,
    escaped: bool,
}

impl Scan {
    /// Takes the next byte; whether it closes the object.
    fn ends_at(&mut self, byte: u8) -> bool {
        if self.in_string {
            let was_escaped = std::mem::take(&mut self.escaped);
            self.escaped = byte == b'\\' && !was_escaped;
            self.in_string = byte != b'"' || was_escaped;
            return false;
        }
        match byte {
            b'"' => self.in_string = true,
            b'{' | b'[' => self.depth += 1,
            b'}' | b']' => {
                self.depth = self.depth.saturating_sub(1);
                return self.depth == 0;
            }
            _ => {}
        }
        false
    }
}
