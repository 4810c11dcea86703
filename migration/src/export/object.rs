//! Reads an object of S3 in parts. No connection stays open while items are written, however slowly that goes, and each
//! part can be asked for again; all of them are of one and the same object.

use aws_sdk_s3::error::ProvideErrorMetadata;
use aws_sdk_s3::operation::get_object::GetObjectOutput;

use crate::error::{Error, Kind};
use crate::patience::{Meter, patiently};
use crate::services::Carrier;

/// S3 advises ranges of 8 to 16 MB ("Performance guidelines"); a worker has 128 MB and more.
const PART_BYTES: u64 = 8 * 1024 * 1024;

/// An object, and how far it has been read.
pub(super) struct Object<'o> {
    carrier: &'o Carrier,
    key: &'o str,
    /// Where the next part begins, in bytes.
    at: u64,
    /// Its size in bytes and its version's tag, as the first part has told.
    known: Option<(u64, String)>,
}

impl<'o> Object<'o> {
    pub(super) fn new(carrier: &'o Carrier, key: &'o str) -> Self {
        Self { carrier, key, at: 0, known: None }
    }

    /// The whole object.
    pub(super) async fn whole(mut self) -> Result<Vec<u8>, Error> {
        let mut whole = Vec::new();
        while let Some(part) = self.part().await? {
            whole.extend(part);
        }
        Ok(whole)
    }

    /// The next part; nothing at the end.
    pub(super) async fn part(&mut self) -> Result<Option<Vec<u8>>, Error> {
        if self.known.as_ref().is_some_and(|(bytes, _)| self.at >= *bytes) {
            return Ok(None);
        }
        let (output, part) = patiently(&Meter::default(), async || self.get().await).await?;
        if part.is_empty() {
            return Err(Error::new(Kind::Refused, format!("{}: S3 answered with nothing", self.key)));
        }
        self.known.get_or_insert_with(|| (bytes_of(&output), output.e_tag.unwrap_or_default()));
        self.at += part.len() as u64;
        Ok(Some(part))
    }

    async fn get(&self) -> Result<(GetObjectOutput, Vec<u8>), Error> {
        let get = self.carrier.s3.get_object().bucket(&self.carrier.wiring.export_bucket).key(self.key);
        let get = get.range(format!("bytes={}-{}", self.at, self.at + PART_BYTES - 1));
        let get = get.set_if_match(self.known.as_ref().map(|(_, tag)| tag.clone()).filter(|tag| !tag.is_empty()));
        // S3 never sees an item's parts: its messages are about the object. One that may not be read, or isn't there for somebody who
        // may not list the bucket, is the object's own matter: credentials that are of no use are refused by other names.
        let sent = get.send().await.map_err(|error| match error.code() {
            Some("AccessDenied") => Error::new(Kind::Refused, "GetObject: S3 refuses it (AccessDenied)"),
            _ => Error::from_control_plane("GetObject", error),
        });
        let mut output = sent.map_err(|error| error.while_doing(self.key))?;
        let body = std::mem::take(&mut output.body).collect().await;
        let body = body.map_err(|_| Error::new(Kind::Unavailable, format!("{}: the answer broke off", self.key)))?;
        Ok((output, body.to_vec()))
    }
}

/// The object's size: behind the slash of `bytes 0-8388607/146515`, or of an answer that is the whole object.
fn bytes_of(output: &GetObjectOutput) -> u64 {
    let of_range = output.content_range().and_then(|range| range.rsplit_once('/')?.1.parse().ok());
    of_range.unwrap_or_else(|| output.content_length().unwrap_or_default().unsigned_abs())
}
