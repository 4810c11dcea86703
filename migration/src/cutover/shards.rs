//! The shards of a stream, and how each is read from its beginning to where nothing more comes.

use aws_sdk_dynamodbstreams::Client;
use aws_sdk_dynamodbstreams::error::SdkError;
use aws_sdk_dynamodbstreams::operation::get_records::GetRecordsOutput;
use aws_sdk_dynamodbstreams::types::{Shard, ShardIteratorType};

use crate::error::{Error, Kind};
use crate::patience::{Meter, patiently};

/// "It might take multiple calls to get to a portion of the shard that contains stream records" (API reference, GetRecords): so
/// many empty answers in a row are the end. Then one is: the shard is asked again every second.
const EMPTY_ANSWERS: u32 = 10;

/// A place in a shard.
pub(super) struct Place {
    pub(super) iterator: String,
    /// The sequence number of the last record before it.
    pub(super) last: Option<String>,
    /// How many more empty answers mean that the end is reached.
    pub(super) empty_answers: u32,
    /// The shard that this one came out of, where what was changed lately may reach back into it.
    pub(super) parent: Option<String>,
}

/// Whoever reads a stream.
pub(super) struct Reader<'r> {
    pub(super) client: &'r Client,
    /// The stream's.
    pub(super) arn: String,
}

impl Reader<'_> {
    pub(super) async fn shards(&self) -> Result<Vec<Shard>, Error> {
        let (mut shards, mut start) = (Vec::new(), None);
        loop {
            let described = patiently(&Meter::default(), async || {
                let describe = self.client.describe_stream().stream_arn(&self.arn);
                let describe = describe.set_exclusive_start_shard_id(start.clone()).send().await;
                describe.map_err(|error| Error::from_sdk("DescribeStream", error))
            })
            .await?;
            let Some(description) = described.stream_description else { return Ok(shards) };
            shards.extend(description.shards.unwrap_or_default());
            start = description.last_evaluated_shard_id;
            if start.is_none() {
                return Ok(shards);
            }
        }
    }

    /// The beginning of a shard.
    pub(super) async fn enter(&self, shard: &str, parent: Option<&str>) -> Result<Place, Error> {
        let iterator = self.iterator(shard, None).await?;
        Ok(Place { iterator, last: None, empty_answers: EMPTY_ANSWERS, parent: parent.map(str::to_owned) })
    }

    /// An iterator behind a record of a shard, or from the shard's beginning.
    async fn iterator(&self, shard: &str, behind: Option<&str>) -> Result<String, Error> {
        let kind = match behind {
            Some(_) => ShardIteratorType::AfterSequenceNumber,
            None => ShardIteratorType::TrimHorizon,
        };
        let got = patiently(&Meter::default(), async || {
            let get = self.client.get_shard_iterator().stream_arn(&self.arn).shard_id(shard);
            let get = get.shard_iterator_type(kind.clone()).set_sequence_number(behind.map(str::to_owned));
            get.send().await.map_err(|error| Error::from_sdk("GetShardIterator", error))
        })
        .await?;
        got.shard_iterator.ok_or_else(|| Error::new(Kind::Unavailable, format!("shard {shard} has no iterator")))
    }

    /// Reads on from a place; where nobody has read for longer than its iterator lasts, with another one. Tells as well how many more
    /// empty answers mean the end.
    pub(super) async fn read(&self, shard: &str, place: &Place) -> Result<(GetRecordsOutput, u32), Error> {
        if let Some(answer) = self.records(&place.iterator).await? {
            return Ok((answer, place.empty_answers));
        }
        // Empty answers come again first. Whoever reads so many shards that their iterators expire meanwhile wouldn't get past them.
        let renewed = async || Ok::<_, Error>((self.iterator(shard, place.last.as_deref()).await?, EMPTY_ANSWERS));
        let (mut iterator, mut empty_answers) = renewed().await?;
        loop {
            match self.records(&iterator).await? {
                None => (iterator, empty_answers) = renewed().await?,
                Some(GetRecordsOutput { records, next_shard_iterator: Some(next), .. })
                    if records.as_ref().is_none_or(Vec::is_empty) && empty_answers > 1 =>
                {
                    (iterator, empty_answers) = (next, empty_answers - 1);
                }
                Some(answer) => return Ok((answer, empty_answers)),
            }
        }
    }

    /// What an iterator gives; nothing where it has expired.
    async fn records(&self, iterator: &str) -> Result<Option<GetRecordsOutput>, Error> {
        patiently(&Meter::default(), async || match self.client.get_records().shard_iterator(iterator).send().await {
            Err(SdkError::ServiceError(answer)) if answer.err().is_expired_iterator_exception() => Ok(None),
            got => got.map(Some).map_err(|error| Error::from_sdk("GetRecords", error)),
        })
        .await
    }
}
