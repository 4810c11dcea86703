//! The rules of a Choice state: comparisons of a variable, and their combinations.

mod json;

use serde_json::{Map, Number, Value};

use crate::{JsonPath, Literal};

/// A condition on the input of a Choice state.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    /// What has to hold.
    pub test: Test,
    /// Fields that the model does not know, a comment among them.
    pub extra: Map<String, Value>,
}

/// What a rule asks.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Test {
    /// All of them hold.
    And(Vec<Rule>),
    /// One of them holds.
    Or(Vec<Rule>),
    /// It does not hold.
    Not(Box<Rule>),
    /// The value there compares like that.
    Compare(JsonPath, Comparison),
    /// A JSONata expression, carried but not evaluated.
    Condition(Literal<bool>),
}

/// How a value is compared.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Comparison {
    /// It is (or is not) of that type.
    Is(Type, bool),
    /// It is that truth value.
    Boolean(Operand<bool>),
    /// It is a number in that order to another.
    Numeric(Order, Operand<Number>),
    /// It is a text in that order to another, by code points.
    String(Order, Operand<String>),
    /// It is a text of that shape: `*` stands for any characters, `\*` for a star.
    StringMatches(String),
    /// It is a time in that order to another.
    Timestamp(Order, Operand<String>),
}

/// What a value may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Type {
    /// There at all, even if null.
    Present,
    /// Null.
    Null,
    /// A truth value.
    Boolean,
    /// A number.
    Numeric,
    /// A text.
    String,
    /// A text that is a time.
    Timestamp,
}

/// The order that a comparison asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// The same.
    Equals,
    /// Before.
    LessThan,
    /// Before or the same.
    LessThanEquals,
    /// After.
    GreaterThan,
    /// After or the same.
    GreaterThanEquals,
}

/// What a value is compared with.
#[derive(Clone, Debug, PartialEq)]
pub enum Operand<T> {
    /// Known when the machine is written.
    Value(T),
    /// Found there.
    Path(JsonPath),
}

/// A variable that waits for its comparison: `Rule::variable("$.done").is_true()`.
#[derive(Clone, Debug)]
pub struct Variable(JsonPath);

impl Rule {
    /// A rule on the value that `path` finds.
    pub fn variable(path: impl Into<JsonPath>) -> Variable {
        Variable(path.into())
    }

    /// All of these hold.
    pub fn all(rules: impl IntoIterator<Item = Rule>) -> Self {
        Test::And(rules.into_iter().collect()).into()
    }

    /// One of these holds.
    pub fn any(rules: impl IntoIterator<Item = Rule>) -> Self {
        Test::Or(rules.into_iter().collect()).into()
    }

    /// This does not hold.
    pub fn negate(self) -> Self {
        Test::Not(Box::new(self)).into()
    }
}

impl From<Test> for Rule {
    fn from(test: Test) -> Self {
        Self { test, extra: Map::new() }
    }
}

impl Variable {
    /// Compares it in any way.
    pub fn compare(self, comparison: Comparison) -> Rule {
        Test::Compare(self.0, comparison).into()
    }

    /// It is there, even if null.
    pub fn is_present(self) -> Rule {
        self.compare(Comparison::Is(Type::Present, true))
    }

    /// It is not there.
    pub fn is_absent(self) -> Rule {
        self.compare(Comparison::Is(Type::Present, false))
    }

    /// It is null.
    pub fn is_null(self) -> Rule {
        self.compare(Comparison::Is(Type::Null, true))
    }

    /// It is true.
    pub fn is_true(self) -> Rule {
        self.compare(Comparison::Boolean(Operand::Value(true)))
    }

    /// It is false.
    pub fn is_false(self) -> Rule {
        self.compare(Comparison::Boolean(Operand::Value(false)))
    }

    /// It is this text.
    pub fn equals(self, text: impl Into<String>) -> Rule {
        self.compare(Comparison::String(Order::Equals, Operand::Value(text.into())))
    }

    /// It is a text of this shape.
    pub fn matches(self, pattern: impl Into<String>) -> Rule {
        self.compare(Comparison::StringMatches(pattern.into()))
    }

    /// It is a number in that order to `number`.
    pub fn number(self, order: Order, number: impl Into<Number>) -> Rule {
        self.compare(Comparison::Numeric(order, Operand::Value(number.into())))
    }

    /// It is a number in that order to the one that `path` finds.
    pub fn number_at(self, order: Order, path: impl Into<JsonPath>) -> Rule {
        self.compare(Comparison::Numeric(order, Operand::Path(path.into())))
    }
}

impl Order {
    /// Whether two values in this order are what is asked for.
    pub(crate) fn holds(self, ordering: std::cmp::Ordering) -> bool {
        match self {
            Self::Equals => ordering.is_eq(),
            Self::LessThan => ordering.is_lt(),
            Self::LessThanEquals => ordering.is_le(),
            Self::GreaterThan => ordering.is_gt(),
            Self::GreaterThanEquals => ordering.is_ge(),
        }
    }
}
