//! From the text of a path to a query. Every text is either taken whole or refused with the place of the mistake.

use super::filter::{self, Filter};

/// Why a text is not a path.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PathError {
    /// It does not begin as a path.
    #[error("`{path}` is not a path: expected it to begin with `$`")]
    NoRoot {
        /// The text.
        path: String,
    },
    /// It breaks off or goes on wrongly.
    #[error("`{path}` is not a path: expected {expected} at character {at}")]
    Syntax {
        /// The text.
        path: String,
        /// Characters before the mistake.
        at: usize,
        /// What would have been right.
        expected: &'static str,
    },
    /// It may name more than one place.
    #[error("`{path}` may name several places: expected a reference path, of names and indices only")]
    NotAReference {
        /// The text.
        path: String,
    },
}

/// What a path starts from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Root {
    /// `$`, the input.
    Input,
    /// `$$`, the context object.
    Context,
    /// `$name`, a variable that `Assign` made.
    Variable,
}

/// A path that was understood.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Query {
    pub(crate) root: Root,
    pub(crate) steps: Vec<Step>,
}

/// One step of a path.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Step {
    Names(Vec<String>),
    Indices(Vec<i64>),
    Slice(Option<i64>, Option<i64>),
    Wildcard,
    Filter(Filter),
    /// `..`: the following step applies to every value below.
    Descend,
    /// `.length()`.
    Length,
}

impl Query {
    /// Whether it names one place at most.
    pub(crate) fn is_definite(&self) -> bool {
        self.steps.iter().all(|step| match step {
            Step::Names(names) => names.len() == 1,
            Step::Indices(indices) => indices.len() == 1,
            Step::Length => true,
            Step::Slice(..) | Step::Wildcard | Step::Filter(_) | Step::Descend => false,
        })
    }

    /// Whether it may be written to.
    pub(crate) fn is_reference(&self) -> bool {
        self.is_definite() && self.root == Root::Input && !self.steps.contains(&Step::Length)
    }
}

/// Reads a whole path.
pub(crate) fn parse(text: &str) -> Result<Query, PathError> {
    let mut cursor = Cursor { text, at: 0 };
    let query = parse_query(&mut cursor, Context::Whole)?;
    match cursor.peek() {
        None => Ok(query),
        Some(_) => Err(cursor.error("`.`, `[` or the end")),
    }
}

/// Where a path stands: alone, or within a filter, where a name ends at an operator.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Context {
    Whole,
    Filter,
}

pub(super) struct Cursor<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Cursor<'a> {
    pub(super) fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    pub(super) fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    pub(super) fn eat(&mut self, token: &str) -> bool {
        let found = self.rest().starts_with(token);
        if found {
            self.at += token.len();
        }
        found
    }

    pub(super) fn skip_space(&mut self) {
        self.at += self.rest().len() - self.rest().trim_start().len();
    }

    pub(super) fn take_while(&mut self, keep: impl Fn(char) -> bool) -> &'a str {
        let rest = self.rest();
        let end = rest.find(|c| !keep(c)).unwrap_or(rest.len());
        self.at += end;
        &rest[..end]
    }

    pub(super) fn expect(&mut self, token: &'static str) -> Result<(), PathError> {
        self.skip_space();
        if self.eat(token) { Ok(()) } else { Err(self.error(token)) }
    }

    pub(super) fn error(&self, expected: &'static str) -> PathError {
        PathError::Syntax { path: self.text.to_owned(), at: self.at, expected }
    }

    /// A string in the quotes it begins with; a backslash takes the next character as it is.
    pub(super) fn quoted(&mut self) -> Result<String, PathError> {
        let quote = self.peek().ok_or_else(|| self.error("a quote"))?;
        let mut out = String::new();
        let mut chars = self.rest().char_indices().skip(1);
        while let Some((at, c)) = chars.next() {
            match c {
                '\\' => out.extend(chars.next().map(|(_, escaped)| escaped)),
                c if c == quote => {
                    self.at += at + c.len_utf8();
                    return Ok(out);
                }
                c => out.push(c),
            }
        }
        Err(self.error("a closing quote"))
    }
}

pub(super) fn parse_query(cursor: &mut Cursor<'_>, context: Context) -> Result<Query, PathError> {
    let root = if cursor.eat("$$") {
        Root::Context
    } else if cursor.eat("$") || (context == Context::Filter && cursor.eat("@")) {
        Root::Input
    } else {
        return Err(PathError::NoRoot { path: cursor.text.to_owned() });
    };
    let variable = root == Root::Input && cursor.peek().is_some_and(|c| c.is_alphabetic() || c == '_');
    let mut steps = Vec::new();
    if variable {
        steps.push(name_step(cursor, context)?);
    }
    loop {
        if cursor.eat("..") {
            steps.push(Step::Descend);
            if cursor.peek() != Some('[') {
                steps.push(name_step(cursor, context)?);
            }
        } else if cursor.eat(".") {
            steps.push(name_step(cursor, context)?);
        } else if cursor.eat("[") {
            steps.push(bracket_step(cursor)?);
        } else {
            let root = if variable { Root::Variable } else { root };
            return Ok(Query { root, steps });
        }
    }
}

fn name_step(cursor: &mut Cursor<'_>, context: Context) -> Result<Step, PathError> {
    if cursor.eat("*") {
        return Ok(Step::Wildcard);
    }
    let name = cursor.take_while(|c| match context {
        Context::Whole => !".[()]".contains(c),
        Context::Filter => !".[()]=<>!&|,~".contains(c) && !c.is_whitespace(),
    });
    match name {
        "" => Err(cursor.error("a name")),
        "length" if cursor.eat("()") => Ok(Step::Length),
        name => Ok(Step::Names(vec![name.to_owned()])),
    }
}

fn bracket_step(cursor: &mut Cursor<'_>) -> Result<Step, PathError> {
    cursor.skip_space();
    let step = match cursor.peek() {
        Some('*') => {
            cursor.eat("*");
            Step::Wildcard
        }
        Some('\'' | '"') => names_step(cursor)?,
        Some('?') => {
            cursor.eat("?");
            cursor.expect("(")?;
            let filter = filter::parse(cursor)?;
            cursor.expect(")")?;
            Step::Filter(filter)
        }
        _ => number_step(cursor)?,
    };
    cursor.expect("]")?;
    Ok(step)
}

fn number_step(cursor: &mut Cursor<'_>) -> Result<Step, PathError> {
    let first = number(cursor)?;
    cursor.skip_space();
    if cursor.eat(":") {
        return Ok(Step::Slice(first, number(cursor)?));
    }
    let first = first.ok_or_else(|| cursor.error("a name in quotes, an index, `*` or `?(`"))?;
    let mut indices = vec![first];
    while cursor.eat(",") {
        indices.push(number(cursor)?.ok_or_else(|| cursor.error("an index"))?);
        cursor.skip_space();
    }
    Ok(Step::Indices(indices))
}

fn number(cursor: &mut Cursor<'_>) -> Result<Option<i64>, PathError> {
    cursor.skip_space();
    match cursor.take_while(|c| c == '-' || c.is_ascii_digit()) {
        "" => Ok(None),
        digits => digits.parse().map(Some).map_err(|_| cursor.error("a whole number before")),
    }
}

fn names_step(cursor: &mut Cursor<'_>) -> Result<Step, PathError> {
    let mut names = vec![cursor.quoted()?];
    loop {
        cursor.skip_space();
        if !cursor.eat(",") {
            return Ok(Step::Names(names));
        }
        cursor.skip_space();
        names.push(cursor.quoted()?);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_what_is_no_path() {
        for text in ["", "a.b", "$.", "$[", "$['a", "$.a[x]", "$.a]", "$..", "$.a[?(@.b == )]", "$.a[1", "$.a b("] {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn tells_reference_paths_from_others() {
        for text in ["$", "$.a", "$.a[0].b", "$['a b']['c']", "$.sub-values", "$.a[-1]"] {
            assert!(parse(text).is_ok_and(|query| query.is_reference()), "{text}");
        }
        for text in ["$.a[*]", "$..a", "$.a[1:]", "$['a','b']", "$.a[?(@.b)]", "$$.Execution", "$.a.length()"] {
            assert!(parse(text).is_ok_and(|query| !query.is_reference()), "{text}");
        }
    }
}
