//! From the text of a call to the call.

use serde_json::{Number, Value};

use super::functions::FUNCTIONS;
use crate::path::{self, Query};

/// A call of a function.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Call {
    /// The name without `States.`.
    pub(crate) name: String,
    pub(super) arguments: Vec<Argument>,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Argument {
    Literal(Value),
    Path(Query, String),
    Call(Call),
}

/// Why a call has no value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{function}: {reason}")]
pub(crate) struct IntrinsicError {
    pub(crate) function: String,
    pub(crate) reason: String,
}

impl IntrinsicError {
    pub(crate) fn new(function: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { function: function.into(), reason: reason.into() }
    }
}

/// AWS allows ten calls within each other:
/// <https://docs.aws.amazon.com/step-functions/latest/dg/intrinsic-functions.html>
const MAX_DEPTH: usize = 10;

/// Reads a whole call.
pub(crate) fn parse(text: &str) -> Result<Call, IntrinsicError> {
    let mut scanner = Scanner { text, at: 0 };
    let call = scanner.call(0)?;
    scanner.skip_space();
    match scanner.peek() {
        None => Ok(call),
        Some(_) => Err(scanner.error("expected nothing after the call")),
    }
}

struct Scanner<'a> {
    text: &'a str,
    at: usize,
}

impl Scanner<'_> {
    fn peek(&self) -> Option<char> {
        self.text[self.at..].chars().next()
    }

    fn skip_space(&mut self) {
        let rest = &self.text[self.at..];
        self.at += rest.len() - rest.trim_start().len();
    }

    fn eat(&mut self, token: &str) -> bool {
        self.skip_space();
        let found = self.text[self.at..].starts_with(token);
        if found {
            self.at += token.len();
        }
        found
    }

    fn error(&self, reason: &str) -> IntrinsicError {
        IntrinsicError::new(self.text, format!("{reason} at character {}", self.at))
    }

    fn call(&mut self, depth: usize) -> Result<Call, IntrinsicError> {
        if depth >= MAX_DEPTH {
            return Err(self.error("expected at most 10 calls within each other"));
        }
        if !self.eat("States.") {
            return Err(self.error("expected `States.`"));
        }
        let rest = &self.text[self.at..];
        let name = &rest[..rest.find(|c: char| !c.is_alphanumeric()).unwrap_or(rest.len())];
        if !FUNCTIONS.contains(&name) {
            return Err(self.error("expected the name of a function"));
        }
        self.at += name.len();
        if !self.eat("(") {
            return Err(self.error("expected `(`"));
        }
        let mut arguments = Vec::new();
        if self.eat(")") {
            return Ok(Call { name: name.to_owned(), arguments });
        }
        loop {
            arguments.push(self.argument(depth)?);
            if self.eat(")") {
                return Ok(Call { name: name.to_owned(), arguments });
            }
            if !self.eat(",") {
                return Err(self.error("expected `,` or `)`"));
            }
        }
    }

    fn argument(&mut self, depth: usize) -> Result<Argument, IntrinsicError> {
        self.skip_space();
        match self.peek() {
            Some('\'') => self.string().map(|text| Argument::Literal(Value::String(text))),
            Some('$') => {
                let text = self.path_text();
                let query = path::parse(text).map_err(|error| IntrinsicError::new(text, error.to_string()))?;
                Ok(Argument::Path(query, text.to_owned()))
            }
            Some('S') => self.call(depth + 1).map(Argument::Call),
            _ => self.literal().map(Argument::Literal),
        }
    }

    /// A text in single quotes. Escapes of `{` and `}` stay, since they mean something to `States.Format`.
    fn string(&mut self) -> Result<String, IntrinsicError> {
        let mut out = String::new();
        let mut chars = self.text[self.at..].char_indices().skip(1);
        while let Some((at, c)) = chars.next() {
            match c {
                '\\' => match chars.next() {
                    Some((_, brace @ ('{' | '}'))) => out.extend(['\\', brace]),
                    Some((_, escaped)) => out.push(escaped),
                    None => break,
                },
                '\'' => {
                    self.at += at + 1;
                    return Ok(out);
                }
                c => out.push(c),
            }
        }
        Err(self.error("expected a closing quote for the text that begins"))
    }

    /// A path ends at the comma or parenthesis that is outside of its brackets, parentheses and quotes.
    fn path_text(&mut self) -> &str {
        let start = self.at;
        let (mut depth, mut quote) = (0usize, None);
        for (at, c) in self.text[start..].char_indices() {
            match (quote, c) {
                (Some(open), c) if c == open => quote = None,
                (Some(_), _) => {}
                (None, '\'' | '"') => quote = Some(c),
                (None, '[' | '(') => depth += 1,
                (None, ',' | ')') if depth == 0 => {
                    self.at = start + at;
                    return self.text[start..self.at].trim_end();
                }
                (None, ']' | ')') => depth = depth.saturating_sub(1),
                _ => {}
            }
        }
        self.at = self.text.len();
        &self.text[start..]
    }

    fn literal(&mut self) -> Result<Value, IntrinsicError> {
        let rest = &self.text[self.at..];
        let word = &rest[..rest.find([',', ')', ' ']).unwrap_or(rest.len())];
        let value = match word {
            "true" => Value::Bool(true),
            "false" => Value::Bool(false),
            "null" => Value::Null,
            word => {
                let number = word.parse::<i64>().map(Number::from).ok();
                let number = number.or_else(|| word.parse().ok().and_then(Number::from_f64));
                Value::Number(number.ok_or_else(|| self.error("expected a text, a number, a path or a call"))?)
            }
        };
        self.at += word.len();
        Ok(value)
    }
}
