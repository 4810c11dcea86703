//! `--data FILE`: items from a file, one at a time, so that memory doesn't grow with the file.
//!
//! Two forms are taken, either of them gzip'ed: a plain JSON array of objects, and DynamoDB JSON lines
//! (`{"Item": {…}}`) as an S3 export writes them. The content decides which, not the name. Every item is
//! held against what DynamoDB would refuse, so that the error can name file, item and attribute; it never
//! shows a value (R20).

mod check;
mod elements;
mod lines;

use std::fmt;
use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};

use flate2::bufread::MultiGzDecoder;
use migration::definition::KeySchema;
use migration::item::{Item, json, plain};

/// The first bytes of a gzip member (RFC 1952, section 2.3.1).
const GZIP: [u8; 2] = [0x1f, 0x8b];
/// UTF-8's byte order mark, which some editors write and no JSON parser takes.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";
/// What one item may take as text: 400 KB, each byte as a six-letter escape, and blanks between.
const MAX_TEXT_BYTES: usize = 16 << 20;

/// Opens `path` for reading its items one by one; `key`, where it is known, is checked on each of them.
pub(crate) fn read(path: &Path, key: Option<&KeySchema>) -> Result<Items, DataError> {
    let error = |why: Failure| DataError { file: path.to_owned(), place: None, why };
    let unreadable = |source: io::Error| error(source.into());
    let mut reader = open(path).map_err(unreadable)?;
    let (first, blank_lines) = first_byte(&mut *reader).map_err(unreadable)?;
    let form = match first {
        Some(b'[') => {
            reader.consume(1);
            Form::Array
        }
        Some(b'{') => Form::Lines,
        Some(_) => return Err(error(UNKNOWN_FORM.into())),
        None => return Err(error("expected items, found an empty file".into())),
    };
    let before = if form == Form::Lines { blank_lines } else { 0 };
    Ok(Items { file: path.to_owned(), form, reader, key: key.cloned(), before, text: Vec::new(), ended: false })
}

const UNKNOWN_FORM: &str = "expected a JSON array of objects, or the DynamoDB JSON lines of an S3 export, either may be gzip'ed; found neither";

fn open(path: &Path) -> io::Result<Box<dyn BufRead + Send>> {
    let mut file = BufReader::new(File::open(path)?);
    let is_gzip = file.fill_buf()?.starts_with(&GZIP);
    // An export writes one member a file; `cat` and parallel tools leave several.
    Ok(if is_gzip { Box::new(BufReader::new(MultiGzDecoder::new(file))) } else { Box::new(file) })
}

/// The first byte that is no blank, left unread, and how many lines end before it.
fn first_byte(reader: &mut dyn BufRead) -> io::Result<(Option<u8>, u64)> {
    if filled(reader)?.starts_with(BYTE_ORDER_MARK) {
        reader.consume(BYTE_ORDER_MARK.len());
    }
    let mut lines = 0;
    loop {
        match filled(reader)?.first() {
            Some(byte) if byte.is_ascii_whitespace() => {
                lines += u64::from(*byte == b'\n');
                reader.consume(1);
            }
            first => return Ok((first.copied(), lines)),
        }
    }
}

/// `fill_buf` that a signal doesn't end.
fn filled(reader: &mut dyn BufRead) -> io::Result<&[u8]> {
    while let Err(error) = reader.fill_buf() {
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
    reader.fill_buf()
}

/// The items of a file. An item that DynamoDB would refuse is an error and the next one follows; after an
/// error of the file's own syntax nothing does.
pub(crate) struct Items {
    file: PathBuf,
    form: Form,
    reader: Box<dyn BufRead + Send>,
    key: Option<KeySchema>,
    /// Elements or lines read so far.
    before: u64,
    text: Vec<u8>,
    ended: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    /// A plain JSON array of objects.
    Array,
    /// `{"Item": {…}}` a line.
    Lines,
}

impl Items {
    fn advance(&mut self) -> Result<bool, Failure> {
        let found = match self.form {
            Form::Array => elements::next(&mut *self.reader, self.before == 0, &mut self.text)?,
            Form::Lines => lines::next(&mut *self.reader, &mut self.before, &mut self.text)?,
        };
        if self.form == Form::Array && found {
            self.before += 1;
        }
        Ok(found)
    }

    fn item(&self) -> Result<Item, String> {
        let item = match self.form {
            Form::Array => plain::item_from_plain(&self.text)?,
            Form::Lines => json::item_from_json(lines::attributes(&self.text)?)?,
        };
        check::item(&item, self.key.as_ref())?;
        Ok(item)
    }

    fn error(&self, why: Failure) -> DataError {
        let place = match self.form {
            Form::Array => Place::Item(self.before),
            Form::Lines => Place::Line(self.before),
        };
        DataError { file: self.file.clone(), place: Some(place), why }
    }
}

impl Iterator for Items {
    type Item = Result<Item, DataError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        match self.advance() {
            Ok(true) => Some(self.item().map_err(|why| self.error(Failure::Content(why)))),
            Ok(false) => {
                self.ended = true;
                None
            }
            Err(why) => {
                self.ended = true;
                // What can't be read is the element or line after the last one.
                self.before += u64::from(self.form == Form::Array);
                Some(Err(self.error(why)))
            }
        }
    }
}

/// Why a file, or an item of it, can't be loaded; the message says it all, so there is no source behind it.
#[derive(Debug, thiserror::Error)]
pub(crate) struct DataError {
    file: PathBuf,
    place: Option<Place>,
    why: Failure,
}

impl fmt::Display for DataError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file.display())?;
        match self.place {
            Some(Place::Item(index)) => write!(f, ", item {index}")?,
            Some(Place::Line(line)) => write!(f, ", line {line}")?,
            None => {}
        }
        write!(f, ": {}", self.why)
    }
}

/// Where in the file, counted from 1.
#[derive(Debug, Clone, Copy)]
enum Place {
    Item(u64),
    Line(u64),
}

/// What is wrong.
#[derive(Debug, thiserror::Error)]
enum Failure {
    /// The file can't be read, or its gzip is broken.
    #[error("expected a readable file, found: {0}")]
    Io(#[from] io::Error),
    /// It was read, and is not what was expected.
    #[error("{0}")]
    Content(String),
}

impl From<&str> for Failure {
    fn from(why: &str) -> Self {
        Self::Content(why.to_owned())
    }
}

#[cfg(test)]
mod tests;
