//! The one stack: the state machine and its role. Functions and bucket are named by parameters.

use indexmap::IndexMap;
use migration::definition::Definition;
use migration::{Task, workflow};
use serde_json::{Value, json};

use crate::assets::Assets;
use crate::cfn::{Output, Parameter, Policy, Resource, Role, RolePolicy, StateMachine, Template};

const ROLE: &str = "WorkflowRole";
const WORKFLOW: &str = "Workflow";
const CHILDREN: &str = "WorkflowChildren";
const BUCKET: &str = "ResultsBucketName";

/// The stack's name: one for each migration.
pub fn name(definition: &Definition) -> String {
    migration::deployment::stack_name(&definition.migration)
}

/// The stack's template.
pub fn template(definition: &Definition, _assets: &Assets) -> anyhow::Result<Template> {
    let functions = Task::ALL.map(|task| {
        let parameter =
            Parameter { kind: "String", description: format!("The ARN of the function of the task {task}") };
        (parameter_of(task), parameter)
    });
    let bucket = Parameter { kind: "String", description: "The bucket for the results of the Map's children".into() };
    let parameters: IndexMap<_, _> = functions.into_iter().chain([(BUCKET.to_owned(), bucket)]).collect();
    let substitutions = parameters.keys().map(|name| (name.clone(), reference(name))).collect();
    let machine = StateMachine {
        role_arn: attribute(ROLE, "Arn"),
        definition: workflow::in_place()?,
        definition_substitutions: substitutions,
    };
    Ok(Template {
        version: "2010-09-09",
        description: format!("Segue: the migration {} of table {}", definition.migration, definition.source.table),
        parameters,
        resources: IndexMap::from([
            (ROLE, Resource::Role(role())),
            (WORKFLOW, Resource::StateMachine(Box::new(machine))),
            (CHILDREN, Resource::RolePolicy(children())),
        ]),
        outputs: IndexMap::from([(
            "StateMachineArn",
            Output { description: "The state machine that runs the migration", value: reference(WORKFLOW) },
        )]),
    })
}

/// The parameter's name is the name of the substitution in the state machine's document.
fn parameter_of(task: Task) -> String {
    task.function_arn().trim_start_matches("${").trim_end_matches('}').to_owned()
}

fn role() -> Role {
    let functions: Vec<_> = Task::ALL.iter().map(|task| reference(&parameter_of(*task))).collect();
    let objects = json!({ "Fn::Sub": format!("arn:${{AWS::Partition}}:s3:::${{{BUCKET}}}/*") });
    Role {
        assume_role_policy_document: json!({
            "Version": "2012-10-17",
            "Statement": [{
                "Effect": "Allow",
                "Principal": { "Service": "states.amazonaws.com" },
                "Action": "sts:AssumeRole",
            }],
        }),
        policies: vec![Policy {
            policy_name: "Workflow",
            policy_document: json!({
                "Version": "2012-10-17",
                "Statement": [
                    allow(&["lambda:InvokeFunction"], json!(functions)),
                    allow(&["s3:PutObject", "s3:GetObject", "s3:AbortMultipartUpload"], objects),
                ],
            }),
        }],
    }
}

/// A Distributed Map starts, watches and stops executions of its own machine. A policy of its own: the machine
/// needs its role first.
fn children() -> RolePolicy {
    let executions = "arn:${AWS::Partition}:states:${AWS::Region}:${AWS::AccountId}:execution:${Workflow.Name}:*";
    RolePolicy {
        policy_name: "Children",
        policy_document: json!({
            "Version": "2012-10-17",
            "Statement": [
                allow(&["states:StartExecution"], reference(WORKFLOW)),
                allow(&["states:DescribeExecution", "states:StopExecution"], json!({ "Fn::Sub": executions })),
            ],
        }),
        roles: vec![reference(ROLE)],
    }
}

fn allow(actions: &[&str], resource: Value) -> Value {
    json!({ "Effect": "Allow", "Action": actions, "Resource": resource })
}

fn reference(name: &str) -> Value {
    json!({ "Ref": name })
}

fn attribute(name: &str, attribute: &str) -> Value {
    json!({ "Fn::GetAtt": [name, attribute] })
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXAMPLE: &str = include_str!("../../migration.yaml");

    fn assets() -> Assets {
        Assets { architecture: Default::default(), bucket: Default::default(), sources: "0".repeat(64) }
    }

    fn example() -> Template {
        template(&Definition::from_yaml(EXAMPLE).unwrap(), &assets()).unwrap()
    }

    #[test]
    fn the_template_is_as_it_was_reviewed() {
        let mut template = serde_json::to_value(example()).unwrap();
        // The document has its own snapshot, in `migration`.
        template["Resources"][WORKFLOW]["Properties"]["Definition"] = json!("…");
        insta::assert_snapshot!(format!("{template:#}"));
    }

    #[test]
    fn two_synths_are_the_same_to_the_byte() {
        assert_eq!(serde_json::to_string(&example()).unwrap(), serde_json::to_string(&example()).unwrap());
    }

    /// A substitution without a value deploys, and fails at the first call.
    #[test]
    fn every_substitution_of_the_document_has_a_value() {
        let machine = workflow::in_place().unwrap().to_json();
        let template = example();
        let mut rest = machine.as_str();
        let mut found = 0;
        while let Some((_, after)) = rest.split_once("${") {
            let (name, after) = after.split_once('}').unwrap();
            assert!(template.parameters.contains_key(name), "{name}");
            found += 1;
            rest = after;
        }
        assert_eq!(found, Task::ALL.len() + 1);
    }
}
