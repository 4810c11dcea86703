//! What a function says of a batch: all done, some not, or nothing that can be understood.

use serde_json::Value;

use crate::functions::FunctionError;

/// How a batch ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Outcome {
    /// All of it is done.
    Done,
    /// These are not, by their positions in the batch, the rest is.
    Partly(Vec<usize>),
    /// None counts as done.
    Failed,
}

/// Reads an answer. AWS: what is empty or null is a success; an identifier that is null, empty or of no record
/// of the batch makes all of it a failure.
pub(super) fn outcome(answer: &Result<Value, FunctionError>, reports_failures: bool, ids: &[String]) -> Outcome {
    let answer = match answer {
        Err(_) => return Outcome::Failed,
        Ok(answer) if !reports_failures || answer.is_null() => return Outcome::Done,
        Ok(answer) => answer,
    };
    let failures = match answer.get("batchItemFailures") {
        Some(Value::Array(failures)) if !failures.is_empty() => failures,
        None | Some(Value::Null | Value::Array(_)) => return Outcome::Done,
        Some(_) => return Outcome::Failed,
    };
    let position = |failure: &Value| {
        let id = failure["itemIdentifier"].as_str()?;
        ids.iter().position(|it| it == id)
    };
    match failures.iter().map(position).collect::<Option<Vec<usize>>>() {
        Some(mut positions) => {
            positions.sort_unstable();
            positions.dedup();
            Outcome::Partly(positions)
        }
        None => Outcome::Failed,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn answers_are_read_as_the_service_reads_them() {
        let ids = ["1".to_owned(), "2".to_owned(), "3".to_owned()];
        let of = |answer: Value| outcome(&Ok(answer), true, &ids);
        for all_done in
            [json!(null), json!({}), json!({ "batchItemFailures": null }), json!({ "batchItemFailures": [] })]
        {
            assert_eq!(of(all_done), Outcome::Done);
        }
        let failing = |id: Value| json!({ "batchItemFailures": [{ "itemIdentifier": id }] });
        assert_eq!(of(failing(json!("2"))), Outcome::Partly(vec![1]));
        for nonsense in [json!(""), json!(null), json!("4"), json!(2)] {
            assert_eq!(of(failing(nonsense)), Outcome::Failed);
        }
        assert_eq!(of(json!({ "batchItemFailures": [{ "itemIdentifer": "1" }] })), Outcome::Failed);
        assert_eq!(outcome(&Ok(failing(json!("2"))), false, &ids), Outcome::Done);
        assert_eq!(outcome(&Err(FunctionError::new("A", "b")), true, &ids), Outcome::Failed);
    }
}
