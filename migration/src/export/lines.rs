//! The lines of a data file, out of its compressed bytes as they come. Pure. A line stays until it is taken, so that those
//! of a page that came to no outcome are at hand for the next one.

use std::io::{self, Write};

use flate2::write::MultiGzDecoder;
use serde::Deserialize;
use serde_json::Value;

use crate::item::Item;
use crate::item::json::item_from_json;

/// An item has 400 KB at most. In JSON each byte takes six at most (`\u0000`); with names of types around nested values
/// this is more than any item comes to.
const LONGEST_LINE_BYTES: usize = 16 * 1024 * 1024;
/// What is unpacked at a time: at the most that gzip packs, 1,032 to 1, this is 66 MB.
const PIECE_BYTES: usize = 64 * 1024;

/// A line: what DynamoDB JSON of an export looks like.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Line {
    item: Value,
}

/// The lines of a file between what was taken and what was fed.
pub(super) struct Lines {
    decoder: MultiGzDecoder<Vec<u8>>,
    /// Where lines end that are not taken yet, the first byte behind each.
    ends: Vec<usize>,
    /// How far `decoder`'s output was looked through.
    seen: usize,
    /// How many lines were taken.
    taken: u64,
}

impl Lines {
    pub(super) fn new() -> Self {
        Self { decoder: MultiGzDecoder::new(Vec::new()), ends: Vec::new(), seen: 0, taken: 0 }
    }

    /// How many lines were taken.
    pub(super) fn taken(&self) -> u64 {
        self.taken
    }

    /// How many whole lines wait to be taken.
    pub(super) fn waiting(&self) -> usize {
        self.ends.len()
    }

    /// The bytes of the lines that wait.
    pub(super) fn waiting_bytes(&self) -> usize {
        self.ends.last().copied().unwrap_or_default()
    }

    /// How many of them have at most so many bytes together.
    pub(super) fn waiting_within(&self, bytes: usize) -> usize {
        self.ends.partition_point(|end| *end <= bytes)
    }

    /// Unpacks as much of `packed` as goes at a time, and leaves the rest.
    pub(super) fn feed(&mut self, packed: &mut &[u8]) -> Result<(), String> {
        let (piece, rest) = packed.split_at(packed.len().min(PIECE_BYTES));
        *packed = rest;
        self.decoder.write_all(piece).and_then(|()| self.decoder.flush()).map_err(unpacked)?;
        self.look();
        if self.decoder.get_ref().len() - self.waiting_bytes() > LONGEST_LINE_BYTES {
            return Err(format!(
                "line {}: expected an item, found no end of it",
                self.taken + self.ends.len() as u64 + 1
            ));
        }
        Ok(())
    }

    /// Checks that the file ends here: everything unpacked is as it was packed, and no line is cut off.
    pub(super) fn finish(&mut self) -> Result<(), String> {
        self.decoder.try_finish().map_err(unpacked)?;
        self.look();
        match self.decoder.get_ref().len() == self.waiting_bytes() {
            true => Ok(()),
            false => Err("the last line has no end".into()),
        }
    }

    /// The items of the first lines that wait; they go on waiting.
    pub(super) fn items(&self, most: usize) -> Result<Vec<Item>, String> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        let lines = starts.zip(&self.ends).take(most).zip(self.taken + 1..);
        lines.map(|((start, end), number)| item(&self.decoder.get_ref()[start..*end], number)).collect()
    }

    /// Takes the first lines that wait.
    pub(super) fn take(&mut self, lines: usize) {
        let lines = lines.min(self.ends.len());
        let Some(bytes) = lines.checked_sub(1).map(|last| self.ends[last]) else { return };
        self.decoder.get_mut().drain(..bytes);
        self.ends.drain(..lines);
        self.ends.iter_mut().for_each(|end| *end -= bytes);
        self.seen -= bytes;
        self.taken += lines as u64;
    }

    fn look(&mut self) {
        let unpacked = self.decoder.get_ref();
        let new = unpacked[self.seen..].iter().enumerate().filter(|(_, byte)| **byte == b'\n');
        self.ends.extend(new.map(|(at, _)| self.seen + at + 1));
        self.seen = unpacked.len();
    }
}

fn unpacked(error: io::Error) -> String {
    format!("expected gzip: {error}")
}

/// Neither of the messages holds a value (R20): serde's is of a file that isn't what it was, so only its place is told.
fn item(line: &[u8], number: u64) -> Result<Item, String> {
    let line: Line = serde_json::from_slice(line).map_err(|error| {
        format!("line {number}: expected {{\"Item\": …}}, found something else at column {}", error.column())
    })?;
    item_from_json(line.item).map_err(|why| format!("line {number}: {why}"))
}

#[cfg(test)]
mod tests {
    use flate2::Compression;
    use flate2::write::GzEncoder;
    use serde_json::json;

    use super::*;

    fn packed(text: &str) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(text.as_bytes()).unwrap();
        encoder.finish().unwrap()
    }

    fn line(n: usize) -> String {
        format!("{}\n", json!({ "Item": { "id": { "S": format!("thing-{n}") }, "n": { "N": n.to_string() } } }))
    }

    fn fed(mut packed: &[u8]) -> Result<Lines, String> {
        let mut lines = Lines::new();
        while !packed.is_empty() {
            lines.feed(&mut packed)?;
        }
        lines.finish()?;
        Ok(lines)
    }

    fn id(item: &Item) -> &str {
        item["id"].as_s().unwrap()
    }

    /// However the bytes come: one at a time, in several members of gzip, and with lines that are taken meanwhile.
    #[test]
    fn lines_come_out_as_they_went_in() {
        let first: String = (0..40).map(line).collect();
        let second: String = (40..100).map(line).collect();
        let file = [packed(&first), packed(&second)].concat();
        let mut lines = Lines::new();
        let mut ids = Vec::new();
        for byte in file {
            lines.feed(&mut [byte].as_slice()).unwrap();
            let items = lines.items(3).unwrap();
            ids.extend(items.iter().map(|item| id(item).to_owned()));
            lines.take(items.len());
        }
        lines.finish().unwrap();
        ids.extend(lines.items(100).unwrap().iter().map(|item| id(item).to_owned()));
        assert_eq!(ids, (0..100).map(|n| format!("thing-{n}")).collect::<Vec<_>>());
    }

    #[test]
    fn what_is_not_taken_stays() {
        let mut lines = fed(&packed(&(0..10).map(line).collect::<String>())).unwrap();
        assert_eq!(id(&lines.items(5).unwrap()[4]), "thing-4");
        lines.take(2);
        assert_eq!((lines.taken(), lines.waiting(), id(&lines.items(1).unwrap()[0])), (2, 8, "thing-2"));
    }

    /// A file that was cut off, at whichever byte, is never taken for a whole one.
    #[test]
    fn a_file_that_was_cut_off_is_noticed() {
        let whole = packed(&(0..20).map(line).collect::<String>());
        for bytes in 0..whole.len() {
            assert!(fed(&whole[..bytes]).is_err(), "{bytes} of {} bytes", whole.len());
        }
        assert!(fed(&whole).is_ok());
        assert_eq!(fed(&packed(line(1).trim_end())).err().unwrap(), "the last line has no end");
    }

    #[test]
    fn a_line_that_is_no_item_is_named_without_its_values() {
        for (broken, why) in [
            ("{\"Item\": \"secret\"}\n", "line 2: expected an object of attributes"),
            ("secret\n", "line 2: expected {\"Item\": …}, found something else at column 1"),
            ("{\"secret\": 1}\n", "line 2: expected {\"Item\": …}, found something else at column 13"),
            ("{\"Item\": {\"n\": {\"N\": \"secret\"}}}\n", "line 2: n: expected a decimal number"),
        ] {
            let lines = fed(&packed(&(line(1) + broken))).unwrap();
            assert_eq!(lines.items(2).err().unwrap(), why);
        }
        assert!(fed(b"secret").err().unwrap().starts_with("expected gzip: "));
    }
}
