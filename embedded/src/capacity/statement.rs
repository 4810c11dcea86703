//! What can be read from a PartiQL statement or a key condition before the engine parses it: which way it goes, its
//! table, and its key where the condition names each key attribute with `=`, as whoever writes for DynamoDB does.
//!
//! Where something else is written the key is unknown. Nothing is refused here; the engine will do that.

use std::collections::HashMap;

use dynoxide::types::AttributeValue;

use super::Direction;

/// A statement as far as it can be told.
#[derive(Debug, PartialEq)]
pub(crate) struct Statement {
    pub(crate) table: String,
    pub(crate) index: Option<String>,
    pub(crate) direction: Direction,
}

impl Statement {
    /// `None` for a text that is no statement.
    pub(crate) fn read(text: &str) -> Option<Self> {
        let mut words = text.split_whitespace();
        let verb = words.next()?.to_ascii_uppercase();
        let (direction, name) = match verb.as_str() {
            "SELECT" | "EXISTS(SELECT" => {
                words.find(|word| word.eq_ignore_ascii_case("FROM"))?;
                (Direction::Read, words.next()?)
            }
            "UPDATE" => (Direction::Write, words.next()?),
            "INSERT" | "DELETE" => {
                words.next()?;
                (Direction::Write, words.next()?)
            }
            _ => return None,
        };
        let mut names = name.split('.').map(|name| name.trim_matches(['"', '\'']));
        let table = names.next().filter(|name| !name.is_empty())?.to_owned();
        Some(Self { table, index: names.next().map(str::to_owned), direction })
    }
}

/// The values that the condition asks of these attributes, where it asks one of each.
pub(crate) fn key(
    text: &str,
    parameters: &[AttributeValue],
    names: &[&str],
) -> Option<HashMap<String, AttributeValue>> {
    let tokens = tokens(text);
    let condition =
        tokens.iter().position(|token| matches!(token, Token::Word(it) if it.eq_ignore_ascii_case("WHERE")))?;
    let marks = tokens[..condition].iter().filter(|token| **token == Token::Mark).count();
    let (mut values, mut found) = (parameters.iter().skip(marks), HashMap::new());
    for (number, token) in tokens.iter().enumerate().skip(condition) {
        let value = match token {
            Token::Mark => values.next()?.clone(),
            Token::Text(text) => AttributeValue::S(text.replace("''", "'")),
            _ => continue,
        };
        if let [.., Token::Word(name) | Token::Name(name), Token::Equals] = tokens[..number]
            && names.contains(&name)
        {
            found.insert(name.to_owned(), value);
        }
    }
    (found.len() == names.len()).then_some(found)
}

/// The value that a KeyConditionExpression asks of the partition key.
pub(crate) fn queried<'v>(
    condition: &str,
    names: Option<&HashMap<String, String>>,
    values: Option<&'v HashMap<String, AttributeValue>>,
    hash: &str,
) -> Option<&'v AttributeValue> {
    let tokens = tokens(condition);
    let means_hash =
        |word: &str| names.and_then(|names| names.get(word)).is_some_and(|name| name == hash) || word == hash;
    let value = tokens.windows(3).find_map(|three| match three {
        [Token::Word(name), Token::Equals, Token::Word(value)] if means_hash(name) => Some(*value),
        _ => None,
    })?;
    values?.get(value)
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Token<'t> {
    /// Letters, digits and what else stands in a bare name or in a placeholder.
    Word(&'t str),
    /// `"a name"`.
    Name(&'t str),
    /// `'a text'`, its doubled quotes as written.
    Text(&'t str),
    Equals,
    /// `?`, the next parameter.
    Mark,
    Other,
}

fn tokens(mut text: &str) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    while let Some(first) = text.trim_start().chars().next() {
        text = text.trim_start();
        let end_of_word = || text.find(|it: char| !is_of_word(it)).unwrap_or(text.len());
        let (token, bytes) = match first {
            '\'' | '"' => {
                let inside = &text[1..];
                let end = end_of_quote(inside, first);
                let content = &inside[..end];
                (if first == '"' { Token::Name(content) } else { Token::Text(content) }, (end + 2).min(text.len()))
            }
            // `<=`, `>=`, `<>` and `!=` are comparisons of another kind.
            '<' | '>' | '!' => (Token::Other, 1 + usize::from(text[1..].starts_with(['=', '>']))),
            '=' => (Token::Equals, 1),
            '?' => (Token::Mark, 1),
            it if is_of_word(it) => (Token::Word(&text[..end_of_word()]), end_of_word()),
            it => (Token::Other, it.len_utf8()),
        };
        tokens.push(token);
        text = &text[bytes..];
    }
    tokens
}

fn is_of_word(it: char) -> bool {
    it.is_alphanumeric() || matches!(it, '_' | '#' | ':')
}

/// Where a quoted text ends; a doubled quote is a part of it.
fn end_of_quote(text: &str, quote: char) -> usize {
    let mut places = text.char_indices().filter(|(_, it)| *it == quote).map(|(place, _)| place).peekable();
    while let Some(place) = places.next() {
        if places.next_if_eq(&(place + 1)).is_none() {
            return place;
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_names_its_table_and_its_direction() {
        let of = |text| Statement::read(text).map(|it| (it.table, it.index, it.direction));
        let table = || "Orders".to_owned();
        assert_eq!(of(r#"UPDATE "Orders" SET a = 1 WHERE pk = 'x'"#), Some((table(), None, Direction::Write)));
        assert_eq!(of("insert into Orders value {'pk': 'x'}"), Some((table(), None, Direction::Write)));
        assert_eq!(of("DELETE FROM Orders WHERE pk = ?"), Some((table(), None, Direction::Write)));
        let index = Some("by_day".to_owned());
        assert_eq!(of(r#"SELECT * FROM "Orders"."by_day""#), Some((table(), index, Direction::Read)));
        assert_eq!(of("DROP TABLE Orders"), None);
    }

    #[test]
    fn a_key_is_read_from_parameters_and_texts() {
        let s = |text: &str| AttributeValue::S(text.to_owned());
        let both = [("pk", s("it's")), ("sk", AttributeValue::N("7".to_owned()))];
        let both: HashMap<_, _> = both.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        let of = |text, parameters: &[AttributeValue]| key(text, parameters, &["pk", "sk"]);
        let (it, seven) = (s("it's"), AttributeValue::N("7".to_owned()));
        let text = r#"UPDATE "T" SET a = ?, b = 'pk = ?' WHERE "pk" = ? AND sk=? AND a IS MISSING"#;
        assert_eq!(of(text, &[s("new"), it.clone(), seven.clone()]), Some(both.clone()));
        assert_eq!(of("DELETE FROM T WHERE c <> ? AND pk = 'it''s' AND sk = ?", &[s("c"), seven.clone()]), Some(both));
        assert_eq!(of("DELETE FROM T WHERE pk >= ? AND sk = ?", &[it.clone(), seven.clone()]), None);
        assert_eq!(of("DELETE FROM T WHERE pk = ? AND sk = ?", &[it]), None, "a parameter is missing");
        assert_eq!(of("INSERT INTO T VALUE {'pk': 'x'}", &[]), None);
        assert_eq!(of("DELETE FROM T WHERE pk = 'open", &[]), None);
    }

    #[test]
    fn a_query_names_its_partition_key() {
        let names = HashMap::from([("#k".to_owned(), "pk".to_owned())]);
        let values = HashMap::from([(":v".to_owned(), AttributeValue::S("x".to_owned()))]);
        let of = |condition| queried(condition, Some(&names), Some(&values), "pk").is_some();
        assert!(of("pk = :v") && of("(#k=:v) AND begins_with(sk, :w)") && of("sk > :w and #k = :v"));
        assert!(!of("sk = :v") && !of("#k = :other") && !of("pk >= :v"));
    }
}
