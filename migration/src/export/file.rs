//! One data file of an export, page by page: every line of it is an item, and all of them are there, or it can't be read.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use md5::{Digest, Md5};

use super::lines::Lines;
use super::manifest::DataFile;
use super::object::Object;
use crate::error::{Error, Kind};
use crate::item::Item;
use crate::services::Carrier;

/// As many bytes of lines in a page as Scan has bytes of items in one.
const PAGE_BYTES: usize = 1024 * 1024;

/// Why there are no more items.
#[derive(Debug)]
pub(crate) enum Broken {
    /// The file is not what the manifest promises: others may be.
    File(String),
    /// Everything else.
    Run(Error),
}

/// A page of a file.
pub(crate) struct Page {
    pub(crate) items: Vec<Item>,
    /// Whether these are the file's last, and the file is whole.
    pub(crate) is_last: bool,
}

/// A file, and how far it has been read.
pub(crate) struct Reader<'f> {
    carrier: &'f Carrier,
    file: &'f DataFile,
    object: Object<'f>,
    /// What was read and is not yet unpacked: from `at` on.
    part: Vec<u8>,
    at: usize,
    md5: Md5,
    lines: Lines,
    is_whole: bool,
}

impl<'f> Reader<'f> {
    /// A file, from its beginning.
    pub(crate) fn open(carrier: &'f Carrier, file: &'f DataFile) -> Self {
        let object = Object::new(carrier, &file.data_file_s3_key);
        let (part, at, md5, lines) = (Vec::new(), 0, Md5::new(), Lines::new());
        Self { carrier, file, object, part, at, md5, lines, is_whole: false }
    }

    /// The items from line `from` on (0 is the first), `most` of them or as many as a page has room for. `heed` is asked
    /// before each request. What is packed can be read from its beginning only: a worker that goes on in the middle of a
    /// file reads it up to there once more.
    pub(crate) async fn page(
        &mut self,
        from: u64,
        most: usize,
        heed: impl Fn() -> Result<(), Error>,
    ) -> Result<Page, Broken> {
        if from < self.lines.taken() {
            *self = Self::open(self.carrier, self.file);
        }
        loop {
            let ahead = usize::try_from(from - self.lines.taken()).unwrap_or(usize::MAX);
            self.lines.take(ahead);
            if self.is_whole || self.lines.taken() == from && self.is_enough(most) {
                break;
            }
            self.read_on(&heed).await?;
        }
        let items = self.lines.items(self.room(most)).map_err(|why| self.broken(&why))?;
        Ok(Page { is_last: self.is_whole && items.len() == self.lines.waiting(), items })
    }

    /// More lines than asked for, so that whether a page is the last is known with it.
    fn is_enough(&self, most: usize) -> bool {
        self.lines.waiting() > most || self.lines.waiting_bytes() > PAGE_BYTES
    }

    fn room(&self, most: usize) -> usize {
        most.min(self.lines.waiting_within(PAGE_BYTES)).max(1)
    }

    /// Unpacks a piece, and reads another part where there is none.
    async fn read_on(&mut self, heed: &impl Fn() -> Result<(), Error>) -> Result<(), Broken> {
        if self.at < self.part.len() {
            let mut rest = &self.part[self.at..];
            let fed = self.lines.feed(&mut rest);
            self.at = self.part.len() - rest.len();
            return fed.map_err(|why| self.broken(&why));
        }
        heed().map_err(Broken::Run)?;
        match self.object.part().await {
            Ok(Some(part)) => {
                self.md5.update(&part);
                (self.part, self.at) = (part, 0);
                Ok(())
            }
            Ok(None) => self.finish().map_err(|why| self.broken(&why)),
            // No such object, another than before, or one in an archive.
            Err(error) if matches!(error.kind(), Kind::Refused | Kind::NotFound) => {
                Err(Broken::File(error.to_string()))
            }
            Err(error) => Err(Broken::Run(error)),
        }
    }

    /// Holds the file, as it was read to its end, against the manifest.
    fn finish(&mut self) -> Result<(), String> {
        self.lines.finish()?;
        if STANDARD.encode(self.md5.clone().finalize()) != self.file.md5_checksum {
            return Err("expected the MD5 of the manifest, found another".into());
        }
        let (expected, found) = (self.file.item_count, self.lines.taken() + self.lines.waiting() as u64);
        if expected != found {
            return Err(format!("expected {expected} items as in the manifest, found {found}"));
        }
        self.is_whole = true;
        Ok(())
    }

    fn broken(&self, why: &str) -> Broken {
        Broken::File(format!("{}: {why}", self.file.data_file_s3_key))
    }
}
