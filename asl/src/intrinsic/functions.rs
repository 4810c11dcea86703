//! The functions by name. Each checks its own arguments.

use base64::{Engine, engine::general_purpose::STANDARD};
use md5::{Digest, Md5};
use rand::{Rng, RngExt, SeedableRng, rngs::StdRng};
use serde_json::{Map, Value};
use sha1::Sha1;
use sha2::{Sha256, Sha384, Sha512};

use super::{IntrinsicError, text};
use crate::number::same;

/// Every function, without `States.`.
pub(super) const FUNCTIONS: [&str; 18] = [
    "Array",
    "ArrayContains",
    "ArrayGetItem",
    "ArrayLength",
    "ArrayPartition",
    "ArrayRange",
    "ArrayUnique",
    "Base64Decode",
    "Base64Encode",
    "Format",
    "Hash",
    "JsonMerge",
    "JsonToString",
    "MathAdd",
    "MathRandom",
    "StringSplit",
    "StringToJson",
    "UUID",
];

/// The bounds that AWS states: characters of a text to encode or hash, and items of a range.
const MAX_TEXT: usize = 10_000;
const MAX_RANGE: usize = 1_000;

/// The arguments of one call, taken from the front.
pub(super) struct Arguments<'a> {
    function: &'a str,
    values: Vec<Value>,
}

impl<'a> Arguments<'a> {
    pub(super) fn new(function: &'a str, values: Vec<Value>) -> Self {
        Self { function, values }
    }

    fn error(&self, reason: impl Into<String>) -> IntrinsicError {
        error(self.function, reason)
    }

    fn exactly<const N: usize>(self) -> Result<[Value; N], IntrinsicError> {
        let function = self.function;
        self.values
            .try_into()
            .map_err(|values: Vec<Value>| error(function, format!("expected {N} arguments, found {}", values.len())))
    }
}

fn error(function: &str, reason: impl Into<String>) -> IntrinsicError {
    IntrinsicError::new(format!("States.{function}"), reason)
}

/// What a function makes of its arguments.
pub(super) fn apply(arguments: Arguments<'_>, random: &mut StdRng) -> Result<Value, IntrinsicError> {
    let function = arguments.function;
    let wrong = |reason: &str| error(function, reason);
    match function {
        "Array" => Ok(Value::Array(arguments.values)),
        "ArrayPartition" => arguments.exactly().and_then(|[list, size]| partition(list, &size).map_err(wrong)),
        "ArrayContains" => arguments.exactly().and_then(|[list, wanted]| {
            let items = array(list).map_err(wrong)?;
            Ok(items.iter().any(|item| same(item, &wanted)).into())
        }),
        "ArrayRange" => arguments.exactly().and_then(|bounds: [Value; 3]| range(&bounds).map_err(wrong)),
        "ArrayGetItem" => arguments.exactly().and_then(|[list, at]| get_item(list, &at).map_err(wrong)),
        "ArrayLength" => arguments.exactly().and_then(|[list]| Ok(array(list).map_err(wrong)?.len().into())),
        "ArrayUnique" => arguments.exactly().and_then(|[list]| unique(list).map_err(wrong)),
        "Base64Encode" => arguments.exactly().and_then(|[data]| {
            let data = short_text(&data).map_err(wrong)?;
            Ok(STANDARD.encode(data).into())
        }),
        "Base64Decode" => arguments.exactly().and_then(|[data]| decode(&data).map_err(wrong)),
        "Hash" => arguments.exactly().and_then(|[data, algorithm]| hash(&data, &algorithm).map_err(wrong)),
        "JsonMerge" => arguments.exactly().and_then(|[first, second, deep]| merge(first, second, &deep).map_err(wrong)),
        "StringToJson" => arguments.exactly().and_then(|[data]| text::to_json(&data).map_err(wrong)),
        "JsonToString" => arguments.exactly().map(|[value]| value.to_string().into()),
        "StringSplit" => arguments.exactly().and_then(|[data, splitter]| text::split(&data, &splitter).map_err(wrong)),
        "Format" => text::format(&arguments.values).map_err(wrong),
        "MathRandom" => draw_number(&arguments.values, random).map_err(wrong),
        "MathAdd" => arguments.exactly().and_then(|[left, right]| {
            let sum = rounded(&left).and_then(|left| left.checked_add(rounded(&right)?));
            Ok(sum.ok_or_else(|| wrong("expected two numbers whose sum fits 64 bits"))?.into())
        }),
        "UUID" => match arguments.values.len() {
            0 => Ok(uuid(random).into()),
            _ => Err(arguments.error("expected no arguments")),
        },
        _ => Err(arguments.error("unknown function")),
    }
}

/// A UUID of version 4 drawn from `random`.
pub(crate) fn uuid(random: &mut StdRng) -> String {
    let mut bytes = [0; 16];
    random.fill_bytes(&mut bytes);
    uuid::Builder::from_random_bytes(bytes).into_uuid().to_string()
}

fn array(value: Value) -> Result<Vec<Value>, &'static str> {
    match value {
        Value::Array(items) => Ok(items),
        _ => Err("expected an array as the first argument"),
    }
}

fn short_text(value: &Value) -> Result<&str, &'static str> {
    value.as_str().filter(|text| text.chars().count() <= MAX_TEXT).ok_or("expected a text of at most 10,000 characters")
}

/// Rounded as Java's `Math.round` does: halves go up.
fn rounded(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| {
        let float = (value.as_f64()? + 0.5).floor();
        (float.abs() < i64::MAX as f64).then_some(float as i64)
    })
}

fn partition(list: Value, size: &Value) -> Result<Value, &'static str> {
    let items = array(list)?;
    let size = rounded(size).and_then(|size| usize::try_from(size).ok()).filter(|size| *size > 0);
    let size = size.ok_or("expected a positive whole number as the second argument")?;
    Ok(items.chunks(size).map(|chunk| Value::from(chunk.to_vec())).collect())
}

fn range(bounds: &[Value; 3]) -> Result<Value, &'static str> {
    let [Some(first), Some(last), Some(step)] = bounds.each_ref().map(rounded) else {
        return Err("expected three numbers");
    };
    if step == 0 {
        return Err("expected a step other than zero");
    }
    let mut items = Vec::new();
    let mut next = Some(first);
    while let Some(item) = next.filter(|item| if step > 0 { *item <= last } else { *item >= last }) {
        if items.len() == MAX_RANGE {
            return Err("expected a range of at most 1,000 items");
        }
        items.push(Value::from(item));
        next = item.checked_add(step);
    }
    Ok(Value::Array(items))
}

fn get_item(list: Value, at: &Value) -> Result<Value, &'static str> {
    let mut items = array(list)?;
    let at = rounded(at).and_then(|at| usize::try_from(at).ok()).filter(|at| *at < items.len());
    at.map(|at| items.swap_remove(at)).ok_or("expected an index within the array")
}

fn unique(list: Value) -> Result<Value, &'static str> {
    let mut kept: Vec<Value> = Vec::new();
    for item in array(list)? {
        if !kept.iter().any(|other| same(other, &item)) {
            kept.push(item);
        }
    }
    Ok(Value::Array(kept))
}

fn decode(data: &Value) -> Result<Value, &'static str> {
    let bytes = STANDARD.decode(short_text(data)?).map_err(|_| "expected text in Base64")?;
    String::from_utf8(bytes).map(Value::from).map_err(|_| "expected Base64 of a text in UTF-8")
}

fn hash(data: &Value, algorithm: &Value) -> Result<Value, &'static str> {
    let data = match data {
        Value::String(_) => short_text(data)?.to_owned(),
        other => other.to_string(),
    };
    let digest = match algorithm.as_str() {
        Some("MD5") => hex(&Md5::digest(data)),
        Some("SHA-1") => hex(&Sha1::digest(data)),
        Some("SHA-256") => hex(&Sha256::digest(data)),
        Some("SHA-384") => hex(&Sha384::digest(data)),
        Some("SHA-512") => hex(&Sha512::digest(data)),
        _ => return Err("expected MD5, SHA-1, SHA-256, SHA-384 or SHA-512"),
    };
    Ok(digest.into())
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn merge(first: Value, second: Value, deep: &Value) -> Result<Value, &'static str> {
    let objects: (Map<String, Value>, Map<String, Value>) = match (first, second, deep) {
        (Value::Object(first), Value::Object(second), Value::Bool(false)) => (first, second),
        (Value::Object(_), Value::Object(_), _) => return Err("expected false: only shallow merges are supported"),
        _ => return Err("expected two objects"),
    };
    let (mut merged, second) = objects;
    merged.extend(second);
    Ok(Value::Object(merged))
}

fn draw_number(arguments: &[Value], random: &mut StdRng) -> Result<Value, &'static str> {
    let numbers: Option<Vec<i64>> = arguments.iter().map(rounded).collect();
    match numbers.as_deref() {
        Some([first, last, ..]) if first >= last => Err("expected the first number to be below the second"),
        Some([first, last]) => Ok(random.random_range(*first..*last).into()),
        Some([first, last, seed]) => Ok(StdRng::seed_from_u64(seed.cast_unsigned()).random_range(*first..*last).into()),
        _ => Err("expected two or three numbers"),
    }
}
