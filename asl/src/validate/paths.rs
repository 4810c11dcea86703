//! Paths, templates and calls of functions, wherever a state holds one.

use super::{ProblemKind, Report};
use crate::{JsonPath, PathError, PayloadTemplate, ResultPath, Selection, intrinsic};

fn report_bad(field: &str, result: Result<(), PathError>, report: Report<'_>) {
    if let Err(error) = result {
        report(ProblemKind::BadPath { field: field.to_owned(), reason: error.to_string() });
    }
}

pub(super) fn path(field: &str, path: &JsonPath, report: Report<'_>) {
    report_bad(field, path.check(), report);
}

pub(super) fn selection(field: &str, selection: Option<&Selection>, report: Report<'_>) {
    if let Some(Selection::Path(path)) = selection {
        report_bad(field, path.check(), report);
    }
}

pub(super) fn result(field: &str, result: Option<&ResultPath>, report: Report<'_>) {
    if let Some(ResultPath::At(path)) = result {
        report_bad(field, path.check_reference(), report);
    }
}

/// A path, or a call of a function.
pub(super) fn expression(field: &str, text: &str, report: Report<'_>) {
    if !intrinsic::is_call(text) {
        return path(field, &JsonPath::from(text), report);
    }
    if let Err(error) = intrinsic::parse(text) {
        report(ProblemKind::BadPath { field: field.to_owned(), reason: error.to_string() });
    }
}

pub(super) fn template(field: &str, template: Option<&PayloadTemplate>, report: Report<'_>) {
    for (key, text) in template.map(PayloadTemplate::expressions).unwrap_or_default() {
        let field = format!("{field}, {key}");
        match text {
            Some(text) => expression(&field, text, report),
            None => {
                let reason = "expected a path or a call of a function, found no text".to_owned();
                report(ProblemKind::BadPath { field, reason });
            }
        }
    }
}
