//! Choice: which rule holds. A value of the wrong type makes a comparison false; a missing one is an error,
//! except for the `Is...` comparisons.

use serde_json::Value;

use super::{Failure, context::Context, wait::parse_timestamp};
use crate::{Choice, Comparison, JsonPath, Operand, Order, Rule, StateName, Test, Type, number::compare};

/// The state that follows.
pub(super) fn next<'a>(context: &Context<'_>, choice: &'a Choice, input: &Value) -> Result<&'a StateName, Failure> {
    for branch in &choice.choices {
        if holds(context, &branch.rule, input)? {
            return Ok(&branch.next);
        }
    }
    choice.default.as_ref().ok_or_else(|| {
        // AWS documents States.NoChoiceMatched, but reports this.
        context.runtime("Failed to transition out of the state. The state does not point to a next state.")
    })
}

fn holds(context: &Context<'_>, rule: &Rule, input: &Value) -> Result<bool, Failure> {
    match &rule.test {
        Test::And(rules) => {
            for rule in rules {
                if !holds(context, rule, input)? {
                    return Ok(false);
                }
            }
            Ok(true)
        }
        Test::Or(rules) => {
            for rule in rules {
                if holds(context, rule, input)? {
                    return Ok(true);
                }
            }
            Ok(false)
        }
        Test::Not(rule) => Ok(!holds(context, rule, input)?),
        Test::Compare(variable, comparison) => compares(context, variable, comparison, input),
        Test::Condition(_) => Err(context.runtime("JSONata is not supported")),
    }
}

fn compares(
    context: &Context<'_>,
    variable: &JsonPath,
    comparison: &Comparison,
    input: &Value,
) -> Result<bool, Failure> {
    let found = context.find(variable.as_str(), input)?;
    if let Comparison::Is(Type::Present, expected) = comparison {
        return Ok(found.is_some() == *expected);
    }
    let value = found.ok_or_else(|| missing(context, variable))?;
    Ok(match comparison {
        Comparison::Is(kind, expected) => is(*kind, &value) == *expected,
        Comparison::Boolean(operand) => {
            let other = resolve(context, operand, input, |value| Value::Bool(*value))?;
            value.is_boolean() && value == other
        }
        Comparison::Numeric(order, operand) => {
            let other = resolve(context, operand, input, |number| Value::Number(number.clone()))?;
            let numbers = value.as_number().zip(other.as_number());
            numbers.and_then(|(left, right)| compare(left, right)).is_some_and(|ordering| order.holds(ordering))
        }
        Comparison::String(order, operand) => {
            let other = resolve(context, operand, input, |text| Value::String(text.clone()))?;
            ordered(*order, value.as_str(), other.as_str())
        }
        Comparison::StringMatches(pattern) => value.as_str().is_some_and(|text| matches(pattern, text)),
        Comparison::Timestamp(order, operand) => {
            let other = resolve(context, operand, input, |text| Value::String(text.clone()))?;
            let time = |value: &Value| value.as_str().and_then(parse_timestamp);
            ordered(*order, time(&value), time(&other))
        }
    })
}

fn missing(context: &Context<'_>, path: &JsonPath) -> Failure {
    context.runtime(format!("Invalid path '{path}': The choice state's condition path references an invalid value."))
}

fn resolve<T>(
    context: &Context<'_>,
    operand: &Operand<T>,
    input: &Value,
    literal: impl Fn(&T) -> Value,
) -> Result<Value, Failure> {
    match operand {
        Operand::Value(value) => Ok(literal(value)),
        Operand::Path(path) => context.find(path.as_str(), input)?.ok_or_else(|| missing(context, path)),
    }
}

fn ordered<T: Ord>(order: Order, left: Option<T>, right: Option<T>) -> bool {
    left.zip(right).is_some_and(|(left, right)| order.holds(left.cmp(&right)))
}

fn is(kind: Type, value: &Value) -> bool {
    match kind {
        Type::Present => true,
        Type::Null => value.is_null(),
        Type::Boolean => value.is_boolean(),
        Type::Numeric => value.is_number(),
        Type::String => value.is_string(),
        Type::Timestamp => value.as_str().and_then(parse_timestamp).is_some(),
    }
}

/// Whether a text has the shape of a pattern, in which `*` stands for any characters and `\*` for a star.
fn matches(pattern: &str, text: &str) -> bool {
    let mut parts = vec![String::new()];
    let mut chars = pattern.chars();
    while let Some(c) = chars.next() {
        match c {
            '*' => parts.push(String::new()),
            '\\' => parts.iter_mut().last().into_iter().for_each(|part| part.extend(chars.next())),
            c => parts.iter_mut().last().into_iter().for_each(|part| part.push(c)),
        }
    }
    let [first, middle @ .., last] = parts.as_slice() else {
        return parts.first().is_some_and(|whole| whole == text);
    };
    let Some(mut rest) = text.strip_prefix(first.as_str()).and_then(|rest| rest.strip_suffix(last.as_str())) else {
        return false;
    };
    middle.iter().all(|part| match rest.find(part.as_str()) {
        Some(at) => {
            rest = &rest[at + part.len()..];
            true
        }
        None => false,
    })
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn stars_stand_for_any_characters() {
        assert!(matches("log-*.txt", "log-1.2.txt"));
        assert!(matches("*", ""));
        assert!(matches("a*b*c", "a-b-b-c"));
        assert!(matches(r"a\*b", "a*b"));
        assert!(!matches(r"a\*b", "axb"));
        assert!(!matches("ab*ba", "aba"));
        assert!(!matches("a", "ab"));
    }
}
