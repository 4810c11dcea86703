//! What a request asks for before it runs.

use super::Direction;
use super::partitions::Span;

/// Units that a request wants of one table, or of one of its indexes.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Demand {
    pub(crate) table: String,
    pub(crate) index: Option<String>,
    pub(crate) direction: Direction,
    /// The units, as far as they can be known in advance; without them any positive balance will do.
    pub(crate) units: Option<f64>,
    /// Where in the table, as far as that can be known in advance: without it no partition is asked.
    pub(crate) span: Option<Span>,
}

impl Demand {
    pub(crate) fn read(table: &str, index: Option<&str>) -> Self {
        let (table, index) = (table.to_owned(), index.map(str::to_owned));
        Self { table, index, direction: Direction::Read, units: None, span: None }
    }

    pub(crate) fn write(table: &str, units: f64) -> Self {
        let table = table.to_owned();
        Self { table, index: None, direction: Direction::Write, units: Some(units), span: None }
    }

    /// The same, known to be there.
    pub(crate) fn at(self, span: Option<Span>) -> Self {
        Self { span, ..self }
    }

    /// The units, or the least that they can be.
    pub(crate) fn least_units(&self) -> f64 {
        self.units.unwrap_or(self.direction.least_units())
    }
}
