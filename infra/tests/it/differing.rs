//! `diff` says what would change, and changes nothing.

use serde_json::Value;

use crate::account::{Account, BOOTSTRAP, Stack, of_stack};
use crate::deployed::{YES, two_new};
use crate::server::Server;
use crate::support::Folder;

/// A deployment, and the template that it brought to the bucket.
fn deployed(folder: &Folder) -> (Server, Value) {
    let server = Server::of(Account::new().verdict(two_new()).script([vec![of_stack("CREATE_COMPLETE")]]));
    folder.run(&server, YES);
    let template = server.with(|account| {
        account.calls.clear();
        let template = account.buckets[BOOTSTRAP].objects.iter().find(|(key, _)| key.ends_with(".json"));
        serde_json::from_slice(template.expect("a template").1).unwrap()
    });
    (server, template)
}

#[test]
fn what_was_deployed_just_now_has_no_differences() {
    let folder = Folder::new();
    let (server, template) = deployed(&folder);
    server.with(|account| account.stack.as_mut().unwrap().template = template.to_string());
    insta::assert_snapshot!(folder.run(&server, "diff"));
    server.with(|account| {
        assert!(account.calls.iter().all(|call| !call.starts_with("PUT") && !call.contains("ChangeSet")))
    });
}

#[test]
fn a_state_that_has_changed_is_shown_by_its_lines() {
    let folder = Folder::new();
    let (server, mut template) = deployed(&folder);
    template["Description"] = "Segue: as it was".into();
    template["Resources"]["Workflow"]["Properties"]["Definition"]["States"]["WaitForTable"]["Seconds"] = 99.into();
    template["Resources"]["Forgotten"] = serde_json::json!({ "Type": "AWS::SNS::Topic" });
    template["Resources"].as_object_mut().unwrap().remove("WorkflowRole");
    server.with(|account| account.stack.as_mut().unwrap().template = template.to_string());
    insta::assert_snapshot!(folder.run(&server, "diff"));
}

#[test]
fn of_a_stack_that_is_not_there_everything_is_new() {
    let seen = Folder::new().run(&Server::of(Account::new()), "diff");
    assert!(seen.contains("it isn't there, so everything is new\n"), "{seen}");
    assert!(seen.contains("\n+ Resources.Workflow  AWS::StepFunctions::StateMachine\n"), "{seen}");
    assert!(seen.ends_with("exit code 0\n"), "{seen}");
}

#[test]
fn yaml_of_another_tool_is_read_too() {
    let (folder, mut stack) = (Folder::new(), Stack::ours("CREATE_COMPLETE"));
    stack.template = "Resources:\n  Old:\n    Type: AWS::SNS::Topic\n".into();
    let seen = folder.run(&Server::of(Account::new().stack(stack)), "diff");
    assert!(seen.contains("\n- Resources.Old  AWS::SNS::Topic\n"), "{seen}");
}
