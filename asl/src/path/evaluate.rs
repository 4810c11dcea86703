//! What a query finds. The messages are those of Jayway JsonPath, since AWS hands them on as causes.

use serde_json::Value;

use super::parse::{Query, Step};

/// A definite path that leads nowhere. The text says where it broke off, in Jayway's words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NotFound(pub(crate) String);

/// What the query finds below `root`: one value, or an array of values where the path is indefinite.
pub(crate) fn evaluate(query: &Query, root: &Value) -> Result<Value, NotFound> {
    find(query, root, root)
}

pub(super) fn find(query: &Query, from: &Value, root: &Value) -> Result<Value, NotFound> {
    if query.is_definite() {
        return find_one(query, from);
    }
    let (steps, measure) = match query.steps.split_last() {
        Some((Step::Length, steps)) => (steps, true),
        _ => (query.steps.as_slice(), false),
    };
    let mut found = vec![from];
    let mut steps = steps.iter();
    while let Some(step) = steps.next() {
        found = match step {
            Step::Descend => {
                let mut below = Vec::new();
                found.iter().for_each(|value| descend(value, &mut below));
                match steps.next() {
                    Some(step) => below.into_iter().flat_map(|value| matches(step, value, root)).collect(),
                    None => below,
                }
            }
            step => found.into_iter().flat_map(|value| matches(step, value, root)).collect(),
        };
    }
    Ok(if measure { Value::from(found.len()) } else { Value::Array(found.into_iter().cloned().collect()) })
}

fn find_one(query: &Query, from: &Value) -> Result<Value, NotFound> {
    let mut value = from;
    for (at, step) in query.steps.iter().enumerate() {
        let next = match step {
            Step::Names(names) => value.get(&names[0]),
            Step::Indices(indices) => index(value, indices[0]),
            Step::Length => return length(value).ok_or_else(|| not_found(query, at, value)),
            Step::Slice(..) | Step::Wildcard | Step::Filter(_) | Step::Descend => None,
        };
        value = next.ok_or_else(|| not_found(query, at, value))?;
    }
    Ok(value.clone())
}

fn matches<'v>(step: &Step, value: &'v Value, root: &Value) -> Vec<&'v Value> {
    match step {
        Step::Names(names) => names.iter().filter_map(|name| value.get(name)).collect(),
        Step::Indices(indices) => indices.iter().filter_map(|at| index(value, *at)).collect(),
        Step::Slice(start, end) => slice(value, *start, *end),
        Step::Wildcard => children(value).collect(),
        Step::Filter(filter) => match value {
            Value::Array(items) => items.iter().filter(|item| filter.holds(item, root)).collect(),
            value if filter.holds(value, root) => vec![value],
            _ => Vec::new(),
        },
        Step::Descend | Step::Length => vec![value],
    }
}

fn children(value: &Value) -> Box<dyn Iterator<Item = &Value> + '_> {
    match value {
        Value::Array(items) => Box::new(items.iter()),
        Value::Object(fields) => Box::new(fields.values()),
        _ => Box::new(std::iter::empty()),
    }
}

fn descend<'v>(value: &'v Value, found: &mut Vec<&'v Value>) {
    found.push(value);
    children(value).for_each(|child| descend(child, found));
}

fn index(value: &Value, at: i64) -> Option<&Value> {
    let items = value.as_array()?;
    let at = if at < 0 { at.checked_add(i64::try_from(items.len()).ok()?)? } else { at };
    items.get(usize::try_from(at).ok()?)
}

fn slice(value: &Value, start: Option<i64>, end: Option<i64>) -> Vec<&Value> {
    let Some(items) = value.as_array() else { return Vec::new() };
    let length = i64::try_from(items.len()).unwrap_or(i64::MAX);
    let bound = |at: i64| usize::try_from(if at < 0 { at + length } else { at }.clamp(0, length)).unwrap_or_default();
    let (start, end) = (bound(start.unwrap_or(0)), bound(end.unwrap_or(length)));
    items.get(start..end).unwrap_or_default().iter().collect()
}

fn length(value: &Value) -> Option<Value> {
    match value {
        Value::Array(items) => Some(items.len().into()),
        Value::Object(fields) => Some(fields.len().into()),
        Value::String(text) => Some(text.chars().count().into()),
        _ => None,
    }
}

fn not_found(query: &Query, at: usize, value: &Value) -> NotFound {
    let place: String = query.steps[..=at].iter().map(describe).collect();
    let leaf = at + 1 == query.steps.len();
    NotFound(match (&query.steps[at], value) {
        (Step::Names(names), value) if !value.is_object() && !value.is_null() => {
            let parent: String = query.steps[..at].iter().map(describe).collect();
            format!("Expected to find an object with property ['{}'] in path ${parent}", names[0])
        }
        _ if leaf => format!("No results for path: ${place}"),
        _ => format!("Missing property in path ${place}"),
    })
}

fn describe(step: &Step) -> String {
    match step {
        Step::Names(names) => format!("['{}']", names.join("','")),
        Step::Indices(indices) => format!("{indices:?}"),
        Step::Slice(start, end) => {
            let part = |bound: &Option<i64>| bound.map(|at| at.to_string()).unwrap_or_default();
            format!("[{}:{}]", part(start), part(end))
        }
        Step::Wildcard => "[*]".into(),
        Step::Filter(_) => "[?]".into(),
        Step::Descend => "..".into(),
        Step::Length => ".length()".into(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{super::parse, *};

    fn look(path: &str, input: Value) -> Result<Value, String> {
        let query = parse(path).map_err(|error| error.to_string())?;
        evaluate(&query, &input).map_err(|NotFound(cause)| cause)
    }

    #[test]
    fn definite_paths_find_one_value_or_say_where_they_broke_off() {
        assert_eq!(look("$.a[-1].b", json!({"a": [1, {"b": null}]})), Ok(Value::Null));
        assert_eq!(look("$['a b'].c", json!({"a b": {"c": 1}})), Ok(json!(1)));
        assert_eq!(look("$.no", json!({})), Err("No results for path: $['no']".into()));
        assert_eq!(look("$.no.such.path", json!({})), Err("Missing property in path $['no']".into()));
        assert!(look("$.a[3]", json!({"a": [1]})).is_err());
        assert!(look("$.a.b", json!({"a": "text"})).is_err());
    }

    #[test]
    fn indefinite_paths_find_a_list_that_may_be_empty() {
        let input = json!({"a": [{"x": 1}, {"x": 2}, {"y": 3}]});
        assert_eq!(look("$.a[*].x", input.clone()), Ok(json!([1, 2])));
        assert_eq!(look("$.a[1:].y", input.clone()), Ok(json!([3])));
        assert_eq!(look("$.a[-2:]", input.clone()), Ok(json!([{"x": 2}, {"y": 3}])));
        assert_eq!(look("$.a[0,2]", input.clone()), Ok(json!([{"x": 1}, {"y": 3}])));
        assert_eq!(look("$..x", input.clone()), Ok(json!([1, 2])));
        assert_eq!(look("$.no.such[*]", input.clone()), Ok(json!([])));
        assert_eq!(look("$.a.length()", input), Ok(json!(3)));
    }

    #[test]
    fn filters_keep_what_holds() {
        let input = json!({"least": 2, "books": [
            {"title": "Emma", "price": 1, "tags": ["a", "b"]},
            {"title": "Ivanhoe", "price": 2.0},
            {"title": "emmet", "price": 3},
        ]});
        let titles = |filter: &str| look(&format!("$.books[?({filter})].title"), input.clone());
        assert_eq!(titles("@.price == 2"), Ok(json!(["Ivanhoe"])));
        assert_eq!(titles("@.price >= $.least && @.title != 'emmet'"), Ok(json!(["Ivanhoe"])));
        assert_eq!(titles("@.title =~ /emm.*/i"), Ok(json!(["Emma", "emmet"])));
        assert_eq!(titles("@.title =~ /emm/i"), Ok(json!([])));
        assert_eq!(titles("@.tags"), Ok(json!(["Emma"])));
        assert_eq!(titles("!(@.tags) || @.tags contains 'b'"), Ok(json!(["Emma", "Ivanhoe", "emmet"])));
        assert_eq!(titles("@.title in ['Emma', 'x']"), Ok(json!(["Emma"])));
        assert_eq!(titles("@.title < 'J'"), Ok(json!(["Emma", "Ivanhoe"])));
    }
}
