//! What a request asks for before it runs.

use super::Direction;

/// Units that a request wants of one table, or of one of its indexes.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Demand {
    pub(crate) table: String,
    pub(crate) index: Option<String>,
    pub(crate) direction: Direction,
    /// The units, as far as they can be known in advance; without them any positive balance will do.
    pub(crate) units: Option<f64>,
}

impl Demand {
    pub(crate) fn read(table: &str, index: Option<&str>) -> Self {
        Self { table: table.to_owned(), index: index.map(str::to_owned), direction: Direction::Read, units: None }
    }

    pub(crate) fn write(table: &str, units: f64) -> Self {
        Self { table: table.to_owned(), index: None, direction: Direction::Write, units: Some(units) }
    }

    /// A PartiQL statement. Its key is known only to the engine, so its units are not known in advance.
    /// `None` for a text that is no statement; the engine will refuse it.
    pub(crate) fn statement(text: &str) -> Option<Self> {
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
        let index = names.next().map(str::to_owned);
        Some(Self { table, index, direction, units: None })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_names_its_table_and_its_direction() {
        let of = |text| Demand::statement(text).map(|it| (it.table, it.index, it.direction));
        let table = || "Orders".to_owned();
        assert_eq!(of(r#"UPDATE "Orders" SET a = 1 WHERE pk = 'x'"#), Some((table(), None, Direction::Write)));
        assert_eq!(of("insert into Orders value {'pk': 'x'}"), Some((table(), None, Direction::Write)));
        assert_eq!(of("DELETE FROM Orders WHERE pk = ?"), Some((table(), None, Direction::Write)));
        let index = Some("by_day".to_owned());
        assert_eq!(of(r#"SELECT * FROM "Orders"."by_day""#), Some((table(), index, Direction::Read)));
        assert_eq!(of("DROP TABLE Orders"), None);
    }
}
