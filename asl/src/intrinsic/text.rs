//! The functions on texts.

use serde_json::{Number, Value};

/// `States.Format`: each `{}` is replaced by the next argument.
pub(super) fn format(arguments: &[Value]) -> Result<Value, &'static str> {
    let Some((Value::String(template), arguments)) = arguments.split_first() else {
        return Err("expected a text as the first argument");
    };
    let mut arguments = arguments.iter();
    let mut out = String::new();
    let mut rest = template.as_str();
    while let Some(at) = rest.find(['{', '\\']) {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        if let Some(after) = rest.strip_prefix("{}") {
            print(arguments.next().ok_or("expected as many arguments as `{}`, found fewer")?, &mut out);
            rest = after;
        } else if let Some(after) = rest.strip_prefix('\\') {
            let mut chars = after.chars();
            out.push(chars.next().unwrap_or('\\'));
            rest = chars.as_str();
        } else {
            out.push('{');
            rest = &rest[1..];
        }
    }
    out.push_str(rest);
    match arguments.next() {
        None => Ok(out.into()),
        Some(_) => Err("expected as many arguments as `{}`, found more"),
    }
}

/// A value as Java prints it, which is what AWS inserts.
fn print(value: &Value, out: &mut String) {
    match value {
        Value::String(text) => out.push_str(text),
        Value::Array(items) => print_list(('[', ']'), items.iter().map(|item| (None, item)), out),
        Value::Object(fields) => {
            print_list(('{', '}'), fields.iter().map(|(key, value)| (Some(key.as_str()), value)), out);
        }
        other => out.push_str(&other.to_string()),
    }
}

fn print_list<'v>(
    (open, close): (char, char),
    items: impl Iterator<Item = (Option<&'v str>, &'v Value)>,
    out: &mut String,
) {
    out.push(open);
    for (at, (key, value)) in items.enumerate() {
        if at > 0 {
            out.push_str(", ");
        }
        if let Some(key) = key {
            out.push_str(key);
            out.push('=');
        }
        print(value, out);
    }
    out.push(close);
}

/// `States.StringSplit`: at any of the characters of the splitter; empty parts are left out.
pub(super) fn split(data: &Value, splitter: &Value) -> Result<Value, &'static str> {
    let (Some(data), Some(splitter)) = (data.as_str(), splitter.as_str()) else {
        return Err("expected two texts");
    };
    Ok(data.split(|c| splitter.contains(c)).filter(|part| !part.is_empty()).map(Value::from).collect())
}

/// `States.StringToJson`: nothing but space is null.
pub(super) fn to_json(data: &Value) -> Result<Value, &'static str> {
    let text = data.as_str().ok_or("expected a text")?;
    if text.trim().is_empty() {
        return Ok(Value::Null);
    }
    let value: Value = serde_json::from_str(text).map_err(|_| "expected a text that is JSON")?;
    // Java has no integer -0; serde_json reads it as a float.
    Ok(if value.as_f64() == Some(0.0) && text.trim() == "-0" { Value::Number(Number::from(0)) } else { value })
}
