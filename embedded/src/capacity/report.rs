//! ConsumedCapacity, the figure that every response can carry: always asked of the engine in full, charged, and
//! then cut down to what the caller asked for.

use dynoxide::types::{CapacityDetail, ConsumedCapacity};

/// The `ConsumedCapacity` of a response: one table's, or a list of them.
pub(crate) trait Report {
    fn reports(&mut self) -> &mut [ConsumedCapacity];
    fn clear(&mut self);
}

impl Report for Option<ConsumedCapacity> {
    fn reports(&mut self) -> &mut [ConsumedCapacity] {
        self.as_mut_slice()
    }

    fn clear(&mut self) {
        *self = None;
    }
}

impl Report for Option<Vec<ConsumedCapacity>> {
    fn reports(&mut self) -> &mut [ConsumedCapacity] {
        self.as_deref_mut().unwrap_or_default()
    }

    fn clear(&mut self) {
        *self = None;
    }
}

/// What one table's part of a response took: its own units, and those of each of its indexes.
pub(crate) struct Consumed<'a> {
    pub(crate) table: &'a str,
    pub(crate) table_units: f64,
    pub(crate) index_units: Vec<(&'a str, f64)>,
}

/// Splits a report in the units of the table, its local indexes among them, and those of global indexes.
pub(crate) fn consumed(report: &ConsumedCapacity) -> Consumed<'_> {
    let index_units: Vec<_> = report
        .global_secondary_indexes
        .iter()
        .flatten()
        .map(|(index, detail)| (index.as_str(), detail.capacity_units))
        .collect();
    let of_indexes: f64 = index_units.iter().map(|(_, units)| units).sum();
    Consumed { table: &report.table_name, table_units: report.capacity_units - of_indexes, index_units }
}

/// Cuts the full report down to the mode that the caller asked for.
pub(crate) fn cut(report: &mut impl Report, mode: Option<&str>) {
    match mode {
        Some("INDEXES") => {}
        Some("TOTAL") => report.reports().iter_mut().for_each(|it| {
            it.table = None::<CapacityDetail>;
            it.global_secondary_indexes = None;
            it.local_secondary_indexes = None;
            it.vector_indexes = None;
        }),
        _ => report.clear(),
    }
}
