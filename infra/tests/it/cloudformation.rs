//! The fake's CloudFormation and STS: the query protocol, with XML answers.

use std::collections::BTreeMap;

use crate::account::{ACCOUNT, Account, QUEUE, STACK, STACK_ARN, Stack, Verdict};

pub(crate) type Form = BTreeMap<String, String>;

/// An answer: a status and its XML.
pub(crate) type Answer = (u16, String);

pub(crate) fn answer(account: &mut Account, form: &Form) -> Answer {
    let action = form["Action"].as_str();
    match action {
        "GetCallerIdentity" => {
            ok(action, &format!("<Account>{ACCOUNT}</Account><Arn>arn:aws:iam::{ACCOUNT}:user/test</Arn>"))
        }
        "DescribeStacks" => describe_stacks(account, form),
        "CreateChangeSet" => create_change_set(account, form),
        "DescribeChangeSet" => describe_change_set(account),
        "DeleteChangeSet" => {
            account.change_set = None;
            ok(action, "")
        }
        "ExecuteChangeSet" => {
            assert_eq!(form["ChangeSetName"], change_set_arn(account.change_set.as_deref().unwrap()));
            assert!(form.contains_key("ClientRequestToken"));
            account.is_under_way = true;
            account.faults.append(&mut account.later_faults);
            ok(action, "")
        }
        "DeleteStack" => {
            let in_review = account.stack.as_ref().is_some_and(|stack| stack.status == "REVIEW_IN_PROGRESS");
            if in_review {
                account.stack = None;
            }
            account.is_under_way = !in_review;
            ok(action, "")
        }
        "DescribeStackEvents" => describe_stack_events(account),
        "DescribeEvents" => ok(
            action,
            "<OperationEvents><member><EventType>VALIDATION_ERROR</EventType><ValidationStatus>FAILED</ValidationStatus>\
             <LogicalResourceId>Ledger</LogicalResourceId><ValidationPath>/Resources/Ledger/Properties</ValidationPath>\
             <ValidationStatusReason>Required property [KeySchema] not found</ValidationStatusReason></member>\
             <member><EventType>STACK_EVENT</EventType></member></OperationEvents>",
        ),
        "GetTemplate" => {
            let template = escaped(&account.stack.as_ref().unwrap().template);
            ok(action, &format!("<TemplateBody>{template}</TemplateBody>"))
        }
        "ListStackResources" => list_stack_resources(account),
        "ListStacks" => {
            let deleted = account.deleted.as_ref().map_or_else(String::new, |_| {
                format!("<member><StackName>{STACK}</StackName><StackId>{STACK_ARN}</StackId></member>")
            });
            ok(action, &format!("<StackSummaries>{deleted}</StackSummaries>"))
        }
        other => panic!("{other} isn't faked"),
    }
}

fn ok(action: &str, result: &str) -> Answer {
    (200, format!("<{action}Response><{action}Result>{result}</{action}Result></{action}Response>"))
}

pub(crate) fn error(status: u16, code: &str, message: &str) -> Answer {
    let message = escaped(message);
    (status, format!("<ErrorResponse><Error><Code>{code}</Code><Message>{message}</Message></Error></ErrorResponse>"))
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

fn describe_stacks(account: &Account, form: &Form) -> Answer {
    let name = &form["StackName"];
    let by_arn = account.deleted.as_ref().filter(|_| name == STACK_ARN);
    match account.stack.as_ref().filter(|_| name == STACK || name == STACK_ARN).or(by_arn) {
        Some(stack) => ok("DescribeStacks", &format!("<Stacks><member>{}</member></Stacks>", described(stack))),
        None => error(400, "ValidationError", &format!("Stack with id {name} does not exist")),
    }
}

fn described(stack: &Stack) -> String {
    let tag = stack.tag.as_ref().map_or_else(String::new, |migration| {
        format!("<member><Key>segue:migration</Key><Value>{migration}</Value></member>")
    });
    let outputs: String = stack
        .outputs
        .iter()
        .map(|(name, value)| {
            format!("<member><OutputKey>{name}</OutputKey><OutputValue>{value}</OutputValue></member>")
        })
        .collect();
    format!(
        "<StackName>{STACK}</StackName><StackId>{STACK_ARN}</StackId><StackStatus>{}</StackStatus>\
         <Description>{}</Description><CreationTime>2026-11-20T12:00:00Z</CreationTime>\
         <Tags>{tag}</Tags><Outputs>{outputs}</Outputs>",
        stack.status, stack.description
    )
}

fn change_set_arn(name: &str) -> String {
    format!("arn:aws:cloudformation:us-east-1:{ACCOUNT}:changeSet/{name}/1")
}

fn create_change_set(account: &mut Account, form: &Form) -> Answer {
    let kind = if account.stack.is_some() { "UPDATE" } else { "CREATE" };
    assert_eq!(form["ChangeSetType"], kind);
    assert_eq!(form["Capabilities.member.1"], "CAPABILITY_IAM");
    assert_eq!(form["Tags.member.1.Key"], "segue:migration");
    assert!(form.contains_key("ClientToken") && form["TemplateURL"].contains("/cdk-hnb659fds-assets-"), "{form:?}");
    account.change_set = Some(form["ChangeSetName"].clone());
    account.stack.get_or_insert_with(|| Stack::ours("REVIEW_IN_PROGRESS"));
    let id = change_set_arn(&form["ChangeSetName"]);
    ok("CreateChangeSet", &format!("<Id>{id}</Id><StackId>{STACK_ARN}</StackId>"))
}

/// Two looks are needed, and two pages: the first half of the changes, and the second.
fn describe_change_set(account: &Account) -> Answer {
    let pending = "<Status>CREATE_IN_PROGRESS</Status>".to_owned();
    let result = match account.verdict.as_ref().expect("a verdict on the change set") {
        _ if account.count("DescribeChangeSet") == 1 => pending,
        Verdict::Pending => pending,
        Verdict::Failed(reason) => {
            format!(
                "<Status>FAILED</Status><ExecutionStatus>UNAVAILABLE</ExecutionStatus><StatusReason>{}</StatusReason>",
                escaped(reason)
            )
        }
        Verdict::Ready(changes) => {
            let (first, second) = changes.split_at(changes.len().div_ceil(2));
            let is_first = account.count("DescribeChangeSet") == 2;
            let token = if is_first && !second.is_empty() { "<NextToken>2</NextToken>" } else { "" };
            let changes: String = if is_first { first } else { second }.iter().map(change).collect();
            format!(
                "<Status>CREATE_COMPLETE</Status><ExecutionStatus>AVAILABLE</ExecutionStatus>{token}<Changes>{changes}</Changes>"
            )
        }
    };
    ok("DescribeChangeSet", &result)
}

fn change([action, resource, kind, replacement, properties, policy]: &[&'static str; 6]) -> String {
    let replacement =
        if replacement.is_empty() { String::new() } else { format!("<Replacement>{replacement}</Replacement>") };
    let policy = if policy.is_empty() { String::new() } else { format!("<PolicyAction>{policy}</PolicyAction>") };
    let details: String = properties
        .split_whitespace()
        .map(|name| format!("<member><Target><Attribute>Properties</Attribute><Name>{name}</Name></Target></member>"))
        .collect();
    format!(
        "<member><Type>Resource</Type><ResourceChange><Action>{action}</Action>\
         <LogicalResourceId>{resource}</LogicalResourceId><ResourceType>{kind}</ResourceType>\
         {replacement}{policy}<Details>{details}</Details></ResourceChange></member>"
    )
}

/// Newest first.
fn describe_stack_events(account: &mut Account) -> Answer {
    if account.stack.is_none() && account.deleted.is_none() {
        return error(400, "ValidationError", "Stack does not exist");
    }
    account.look();
    let events: String = account
        .events
        .iter()
        .enumerate()
        .rev()
        .map(|(number, (resource, kind, status, reason))| {
            let physical = match *resource {
                STACK => STACK_ARN,
                "Ledger" => "segue-ledger",
                "Results" => "segue-results",
                "Source" => "movies",
                "Changes" => QUEUE,
                other => other,
            };
            format!(
                "<member><EventId>{number}</EventId><StackId>{STACK_ARN}</StackId><StackName>{STACK}</StackName>\
                 <LogicalResourceId>{resource}</LogicalResourceId><PhysicalResourceId>{physical}</PhysicalResourceId>\
                 <ResourceType>{kind}</ResourceType><ResourceStatus>{status}</ResourceStatus>\
                 <ResourceStatusReason>{}</ResourceStatusReason>\
                 <Timestamp>2026-11-20T12:00:{number:02}Z</Timestamp></member>",
                escaped(reason)
            )
        })
        .collect();
    ok("DescribeStackEvents", &format!("<StackEvents>{events}</StackEvents>"))
}

/// A ledger, a bucket, a queue, a machine; and the source, which no stack of ours has among its resources.
fn list_stack_resources(account: &Account) -> Answer {
    let status = if account.stack.is_some() { "CREATE_COMPLETE" } else { "DELETE_SKIPPED" };
    let resources = [
        ("Ledger", "AWS::DynamoDB::Table", "segue-ledger"),
        ("Results", "AWS::S3::Bucket", "segue-results"),
        ("Changes", "AWS::SQS::Queue", QUEUE),
        ("Workflow", "AWS::StepFunctions::StateMachine", "arn:aws:states:us-east-1:123456789012:stateMachine:Workflow"),
        ("Source", "AWS::DynamoDB::Table", "movies"),
    ];
    let resources: String = resources
        .iter()
        .map(|(id, kind, physical)| {
            format!(
                "<member><LogicalResourceId>{id}</LogicalResourceId><ResourceType>{kind}</ResourceType>\
                 <PhysicalResourceId>{physical}</PhysicalResourceId><ResourceStatus>{status}</ResourceStatus>\
                 <LastUpdatedTimestamp>2026-11-20T12:00:00Z</LastUpdatedTimestamp></member>"
            )
        })
        .collect();
    ok("ListStackResources", &format!("<StackResourceSummaries>{resources}</StackResourceSummaries>"))
}
