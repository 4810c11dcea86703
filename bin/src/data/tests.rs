use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use migration::item::json::item_to_json;

use super::*;

fn movies_key() -> KeySchema {
    serde_json::from_str(
        r#"{ "partition": { "name": "year", "type": "N" }, "sort": { "name": "title", "type": "S" } }"#,
    )
    .unwrap()
}

/// The items of a file with this content: as DynamoDB JSON, or the error without the file's folder.
fn items(content: &[u8]) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data");
    std::fs::write(&path, content).unwrap();
    let shown = |error: DataError| error.to_string().replace(&folder.path().display().to_string(), "");
    match read(&path, Some(&movies_key())) {
        Ok(items) => items.map(|item| item.map_or_else(shown, |item| item_to_json(&item).to_string())).collect(),
        Err(error) => vec![shown(error)],
    }
}

fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

const PLAIN: &[u8] = br#"
 [ {"year": 2013, "title": "a ] } \" \\"} ,
{"year": 12345678901234567890123456789012345678, "title": "b", "l": [[{}], {"x": null}]}] "#;
const LINES: &[u8] = b"\n{\"Item\": {\"year\": {\"N\": \"1\"}, \"title\": {\"S\": \"a\"}}}\r\n\n\
    {\"Item\":{\"year\":{\"N\":\"2\"},\"title\":{\"S\":\"b\"},\"s\":{\"SS\":[\"x\"]}}}";

#[test]
fn both_forms_are_read_gzipped_or_not() {
    let plain = [
        r#"{"title":{"S":"a ] } \" \\"},"year":{"N":"2013"}}"#,
        r#"{"l":{"L":[{"L":[{"M":{}}]},{"M":{"x":{"NULL":true}}}]},"title":{"S":"b"},"year":{"N":"12345678901234567890123456789012345678"}}"#,
    ];
    assert_eq!(items(PLAIN), plain);
    assert_eq!(items(&gzip(PLAIN)), plain);
    assert_eq!(items(&[b"\xef\xbb\xbf", PLAIN].concat()), plain);
    let lines = [r#"{"title":{"S":"a"},"year":{"N":"1"}}"#, r#"{"s":{"SS":["x"]},"title":{"S":"b"},"year":{"N":"2"}}"#];
    assert_eq!(items(LINES), lines);
    // Cut anywhere, and each half its own gzip member.
    let (head, tail) = LINES.split_at(40);
    assert_eq!(items(&[gzip(head), gzip(tail)].concat()), lines);
    assert!(items(b"[]").is_empty());
}

#[test]
fn a_file_that_holds_no_items_says_so() {
    let missing = read(Path::new("/nowhere/data.json"), None).err().unwrap().to_string();
    assert!(missing.starts_with("/nowhere/data.json: expected a readable file, found: No such file"), "{missing}");
    assert_eq!(items(b" \n"), ["/data: expected items, found an empty file"]);
    assert_eq!(items(b"year,title"), [format!("/data: {UNKNOWN_FORM}")]);
    let cut = items(&gzip(PLAIN)[..40]);
    assert!(cut.last().unwrap().contains("expected a readable file"), "{cut:?}");
}

#[test]
fn what_dynamodb_would_refuse_is_named_with_its_place() {
    let nines = "9".repeat(39);
    let elements = [
        r#"{"title": "secret"}"#.to_owned(),
        r#"{"year": "secret", "title": "secret"}"#.into(),
        r#"{"year": 1, "title": ""}"#.into(),
        format!(r#"{{"year": 1, "title": "{}"}}"#, "x".repeat(1025)),
        format!(r#"{{"year": 1, "title": "secret", "info": {{"n": [{nines}]}}}}"#),
        format!(r#"{{"year": 1, "title": "secret", "big": "{}"}}"#, "x".repeat(400 * 1024)),
        r#"{"year": 1, "title": "secret", "a": secret}"#.into(),
        r#"{"year": 1, "title": "fine"}"#.into(),
        "\"secret\"".into(),
        r#"{"year": 1, "title": "never read"}"#.into(),
    ];
    insta::assert_snapshot!(items(format!("[{}]", elements.join(",")).as_bytes()).join("\n"));
    let typed = [
        r#"{"year":1}"#,
        r#"{"Item":{"year":{"N":"1"},"title":{"S":"secret"},"a":{"M":{"b":{"SS":[]}}}}}"#,
        r#"{"Item":{"year":{"N":"1"},"title":{"S":"secret"},"a":{"NS":["1","1.0"]}}}"#,
        r#"{"Item":{"year":{"N":"secret"}}}"#,
        r#"{"Item":{"year":{"S":"secret"}}}"#,
        r#"{"Item":{"year":"#,
        r#"{"Item":secret}"#,
        r#"{"Item":["secret"]}"#,
    ];
    insta::assert_snapshot!(items(typed.join("\n").as_bytes()).join("\n"));
    let broken = ["[{\"year\": 1", "[1]", "[{} {}]", "[{}", "[{}] x", "[{},]"];
    insta::assert_snapshot!(broken.map(|text| format!("{text}\n{}", items(text.as_bytes()).join("\n"))).join("\n\n"));
}
