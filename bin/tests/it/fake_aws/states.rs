//! Step Functions' own protocol, in front of the executions.

use axum::body::Bytes;
use axum::response::Response;
use serde_json::{Value, json};

use super::{Aws, MACHINE, error, json_answer, parsed};

pub(super) fn answer(aws: &Aws, operation: &str, body: &Bytes) -> Response {
    let request = parsed(body);
    aws.bodies.lock().unwrap().push((operation.to_owned(), request.clone()));
    let field = |name: &str| request[name].as_str().unwrap_or_default().to_owned();
    let stack = aws.stack.lock().unwrap().clone();
    match operation {
        "DescribeStateMachine" if field("stateMachineArn") != MACHINE => {
            error(false, "StateMachineDoesNotExist", "State Machine Does Not Exist")
        }
        "DescribeStateMachine" => json_answer(&json!({
            "stateMachineArn": MACHINE, "name": "Workflow-1", "status": "ACTIVE", "definition": "{}",
            "roleArn": "arn:aws:iam::111122223333:role/states", "type": stack.machine_kind, "creationDate": 0,
        })),
        "ListTagsForResource" => {
            let tag = json!({ "key": "aws:cloudformation:stack-name", "value": stack.name });
            json_answer(&json!({ "tags": if stack.tags_machine { vec![tag] } else { vec![] } }))
        }
        "StartExecution" => match aws.executions.start(&field("name"), &field("input")) {
            Ok(arn) => json_answer(&json!({ "executionArn": arn, "startDate": 0 })),
            Err(name) => error(false, name, "Execution Already Exists"),
        },
        "ListExecutions" => {
            let wanted = request["statusFilter"].as_str();
            let all = match request["mapRunArn"].as_str() {
                Some(map_run) => aws.executions.children_left(map_run),
                None => aws.executions.newest_first(),
            };
            let all = all.into_iter();
            let of_status: Vec<_> = all.filter(|one| wanted.is_none_or(|wanted| one["status"] == wanted)).collect();
            json_answer(&json!({ "executions": of_status }))
        }
        "DescribeExecution" | "GetExecutionHistory" | "ListMapRuns" => {
            let Some(execution) = aws.executions.described(&field("executionArn")) else {
                return error(false, "ExecutionDoesNotExist", "Execution Does Not Exist");
            };
            json_answer(&match operation {
                "DescribeExecution" => execution.description,
                "GetExecutionHistory" => history(&execution.states),
                _ => json!({ "mapRuns": execution.map_runs }),
            })
        }
        "RedriveExecution" => match aws.executions.redrive(&field("executionArn")) {
            true => json_answer(&json!({ "redriveDate": 0 })),
            false => error(false, "ExecutionNotRedrivable", "Execution can't be redriven"),
        },
        "StopExecution" => match aws.executions.stop(&field("executionArn"), &field("error"), &field("cause")) {
            true => json_answer(&json!({ "stopDate": 0 })),
            false => error(false, "ExecutionDoesNotExist", "Execution Does Not Exist"),
        },
        "DescribeMapRun" => json_answer(&aws.executions.map_run(&field("mapRunArn"))),
        other => error(false, "UnknownOperationException", &format!("the test knows no {other}")),
    }
}

/// Newest first.
fn history(states: &[String]) -> Value {
    let event = |(at, state): (usize, &String)| {
        json!({
            "timestamp": 0, "id": at + 1, "previousEventId": at, "type": "TaskStateEntered",
            "stateEnteredEventDetails": { "name": state },
        })
    };
    json!({ "events": states.iter().enumerate().rev().map(event).collect::<Vec<_>>() })
}
