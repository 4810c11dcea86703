//! ItemReader: items from an object (JSON, JSON Lines, CSV) or from a listing of objects.

use std::collections::HashSet;

use serde_json::{Map as Object, Value, json};

use super::{Failure, ObjectStore, TaskFailure, context::Context, map::whole_at};
use crate::{ErrorName, ItemReader, Literal, MaxItems, ReaderConfig};

/// The items that the reader finds, at most as many as it wants.
pub(super) async fn read(context: &Context<'_>, reader: &ItemReader, input: &Value) -> Result<Vec<Value>, Failure> {
    let store = context.run.interpreter().objects.as_ref();
    let store = store.ok_or_else(|| failed("no object store was handed in to read items from"))?;
    let parameters = match &reader.parameters {
        Some(template) => context.fill(template, input)?,
        None => Value::Null,
    };
    let config = reader.reader_config.clone().unwrap_or_default();
    let most = match &config.max_items {
        MaxItems::Unset => 0,
        MaxItems::Fixed(items) => (*context.literal("MaxItems", items)?).into(),
        MaxItems::Path(path) => match whole_at(context, "MaxItems", path, input)? {
            items if items > 0 => items,
            _ => return Err(failed("field MaxItems must be positive")),
        },
    };
    let most = usize::try_from(most).map_err(|_| failed("field MaxItems must be positive"))?;
    let mut items = match reader.resource.as_str().and_then(|text| text.rsplit(':').next()) {
        Some("listObjectsV2") => list(store.as_ref(), &parameters).await?,
        Some("getObject") => {
            let (bucket, key) = (text(&parameters, "Bucket")?, text(&parameters, "Key")?);
            let content = store.get(bucket, key).await.map_err(|TaskFailure { cause, .. }| failed(cause))?;
            parse(&config, &content)?
        }
        _ => return Err(failed(format!("expected s3:getObject or s3:listObjectsV2, found {}", reader.resource))),
    };
    if most > 0 {
        items.truncate(most);
    }
    Ok(items)
}

fn failed(cause: impl Into<String>) -> Failure {
    Failure::new(ErrorName::ITEM_READER_FAILED, cause)
}

fn text<'v>(parameters: &'v Value, name: &str) -> Result<&'v str, Failure> {
    parameters[name].as_str().ok_or_else(|| failed(format!("expected {name} to be a string")))
}

async fn list(store: &dyn ObjectStore, parameters: &Value) -> Result<Vec<Value>, Failure> {
    let bucket = text(parameters, "Bucket")?;
    let prefix = parameters["Prefix"].as_str().unwrap_or_default();
    let objects = store.list(bucket, prefix).await.map_err(|TaskFailure { cause, .. }| failed(cause))?;
    Ok(objects
        .into_iter()
        .map(|object| {
            json!({
                "Etag": object.etag,
                "Key": object.key,
                "LastModified": object.last_modified,
                "Size": object.size,
                "StorageClass": "STANDARD",
            })
        })
        .collect())
}

fn parse(config: &ReaderConfig, content: &[u8]) -> Result<Vec<Value>, Failure> {
    match config.input_type.as_deref() {
        Some("JSON") => match serde_json::from_slice(content) {
            Ok(Value::Array(items)) => Ok(items),
            Ok(_) => Err(failed("Attempting to map over non-iterable node.")),
            Err(_) => Err(failed("expected the object to be JSON")),
        },
        Some("JSONL") => content
            .split(|byte| *byte == b'\n')
            .filter(|line| !line.trim_ascii().is_empty())
            .map(|line| serde_json::from_slice(line).map_err(|_| failed("expected each line of the object to be JSON")))
            .collect(),
        Some("CSV") => parse_csv(config, content),
        other => Err(failed(format!("expected the InputType JSON, JSONL or CSV, found {}", other.unwrap_or("none")))),
    }
}

/// Each row as an object: cells that are missing are empty, cells beyond the header are left out.
fn parse_csv(config: &ReaderConfig, content: &[u8]) -> Result<Vec<Value>, Failure> {
    let delimiter = match config.csv_delimiter.as_deref() {
        None | Some("COMMA") => b',',
        Some("PIPE") => b'|',
        Some("SEMICOLON") => b';',
        Some("SPACE") => b' ',
        Some("TAB") => b'\t',
        Some(other) => return Err(failed(format!("unknown CSVDelimiter {other}"))),
    };
    let mut reader =
        csv::ReaderBuilder::new().has_headers(false).flexible(true).delimiter(delimiter).from_reader(content);
    let mut rows = reader.records().map(|row| row.map_err(|_| failed("expected the object to be CSV in UTF-8")));
    let headers: Vec<String> =
        match (config.csv_header_location.as_deref(), config.csv_headers.as_ref().and_then(Literal::value)) {
            (Some("GIVEN"), Some(headers)) => headers.clone(),
            (Some("FIRST_ROW"), _) => match rows.next().transpose()? {
                Some(row) => row.iter().map(str::to_owned).collect(),
                None => return Ok(Vec::new()),
            },
            _ => return Err(failed("expected CSVHeaderLocation FIRST_ROW, or GIVEN with CSVHeaders")),
        };
    let mut seen = HashSet::new();
    if !headers.iter().all(|header| seen.insert(header)) {
        return Err(failed("CSV headers cannot contain duplicates."));
    }
    rows.map(|row| {
        let row = row?;
        let cell = |at: usize| Value::from(row.get(at).unwrap_or_default());
        Ok(headers.iter().enumerate().map(|(at, header)| (header.clone(), cell(at))).collect::<Object<_, _>>().into())
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn csv(config: Value, content: &str) -> Result<Vec<Value>, Failure> {
        let mut config: ReaderConfig = serde_json::from_value(config).expect("a config");
        config.input_type = Some("CSV".into());
        parse(&config, content.as_bytes())
    }

    #[test]
    fn csv_has_quotes_delimiters_and_ragged_rows() {
        let first_row = json!({"CSVHeaderLocation": "FIRST_ROW", "CSVDelimiter": "SEMICOLON"});
        assert_eq!(
            csv(first_row, "a;b\n\"1;2\";\n3\n4;5;6\n"),
            Ok(vec![json!({"a": "1;2", "b": ""}), json!({"a": "3", "b": ""}), json!({"a": "4", "b": "5"})])
        );
        assert!(csv(json!({}), "a\n").is_err());
        assert!(csv(json!({"CSVHeaderLocation": "FIRST_ROW"}), "a,a\n").is_err());
    }

    #[test]
    fn json_lines_skip_empty_lines() {
        let config = ReaderConfig { input_type: Some("JSONL".into()), ..ReaderConfig::default() };
        assert_eq!(parse(&config, b"{\"a\":1}\n\n2\n"), Ok(vec![json!({"a": 1}), json!(2)]));
        assert!(parse(&config, b"{").is_err());
    }
}
