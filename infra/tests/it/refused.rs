//! What can't be deployed: each says what is wrong and what to do, and changes nothing.

use crate::account::{ACCOUNT, Account, BOOTSTRAP, Stack, Verdict};
use crate::deployed::{YES, two_new};
use crate::server::Server;
use crate::support::{Folder, seen};

/// Nothing that changes anything was called.
fn unchanged(server: &Server) {
    let calls = server.with(|account| account.calls.clone());
    let changing = ["CreateChangeSet", "ExecuteChangeSet", "DeleteStack", "PUT", "POST", "DELETE", "DeleteTable"];
    for call in &calls {
        assert!(!changing.iter().any(|changing| call.starts_with(changing)), "{call} in {calls:?}");
    }
}

#[test]
fn without_a_region() {
    let (folder, server) = (Folder::new(), Server::of(Account::new()));
    let output = folder.command(&server, YES).env_remove("AWS_REGION").output().unwrap();
    insta::assert_snapshot!(seen(&output));
    server.with(|account| assert_eq!(account.calls, [""; 0]));
}

#[test]
fn without_credentials() {
    let (folder, server) = (Folder::new(), Server::of(Account::new()));
    let output = folder.command(&server, YES).env_remove("AWS_ACCESS_KEY_ID").output().unwrap();
    insta::assert_snapshot!(seen(&output));
    server.with(|account| assert_eq!(account.calls, [""; 0]));
}

#[test]
fn with_credentials_that_aws_does_not_take() {
    for (name, status, code) in [("unknown", 403, "InvalidClientTokenId"), ("expired", 403, "ExpiredToken")] {
        let account = Account::new().fault(
            "GetCallerIdentity",
            status,
            code,
            "The security token included in the request is invalid.",
        );
        insta::assert_snapshot!(name, Folder::new().run(&Server::of(account), YES));
    }
    let account = Account::new().fault(
        "DescribeStacks",
        403,
        "AccessDenied",
        "User test is not authorized to perform: cloudformation:DescribeStacks",
    );
    insta::assert_snapshot!("denied", Folder::new().run(&Server::of(account), YES));
}

#[test]
fn without_an_answer() {
    let (folder, server) = (Folder::new(), Server::of(Account::new()));
    // Nobody listens on port 1.
    let output = folder.command(&server, YES).env("AWS_ENDPOINT_URL", "http://127.0.0.1:1").output().unwrap();
    let seen = seen(&output);
    assert!(
        seen.starts_with("error: who these credentials belong to can't be asked: ") && seen.ends_with("exit code 1\n"),
        "{seen}"
    );
}

#[test]
fn without_a_bucket() {
    let server = Server::of(Account::default());
    insta::assert_snapshot!("no_bucket", Folder::new().run(&server, YES));
    insta::assert_snapshot!("no_such_bucket", Folder::new().run(&server, "deploy --yes --code code --bucket mine"));
    unchanged(&server);
}

#[test]
fn with_a_bucket_that_will_not_do() {
    let server = Server::of(Account::default().bucket("far", "eu-west-1", ACCOUNT).bucket(
        "foreign",
        "us-east-1",
        "999999999999",
    ));
    insta::assert_snapshot!("far_bucket", Folder::new().run(&server, "deploy --yes --code code --bucket far"));
    insta::assert_snapshot!("foreign_bucket", Folder::new().run(&server, "deploy --yes --code code --bucket foreign"));
    // Its name can be known by everybody, so somebody else may have made it first.
    let server = Server::of(Account::default().bucket(BOOTSTRAP, "us-east-1", "999999999999"));
    insta::assert_snapshot!("foreign_bootstrap", Folder::new().run(&server, YES));
    unchanged(&server);
}

#[test]
fn without_a_terminal_or_yes() {
    let server = Server::of(Account::new());
    insta::assert_snapshot!(Folder::new().run(&server, "deploy --code code"));
    server.with(|account| assert_eq!(account.calls, [""; 0]));
}

#[test]
fn with_a_folder_that_lacks_functions() {
    let (folder, server) = (Folder::new(), Server::of(Account::new()));
    std::fs::remove_file(folder.path().join("code/restore.zip")).unwrap();
    insta::assert_snapshot!(folder.run(&server, YES));
    unchanged(&server);
}

#[test]
fn a_stack_in_a_state_that_cannot_be_deployed_to() {
    for status in ["ROLLBACK_COMPLETE", "DELETE_FAILED", "UPDATE_ROLLBACK_FAILED", "UPDATE_IN_PROGRESS"] {
        let stack =
            Stack { tag: None, outputs: Default::default(), description: "Segue: films".into(), ..Stack::ours(status) };
        let server = Server::of(Account::new().stack(stack));
        insta::assert_snapshot!(status, Folder::new().run(&server, YES));
        unchanged(&server);
    }
}

#[test]
fn a_stack_that_is_not_ours() {
    let foreign = Stack { status: "CREATE_COMPLETE".into(), ..Stack::default() };
    let other = Stack { tag: Some("tidy_movies".into()), ..Stack::ours("CREATE_COMPLETE") };
    for (name, stack) in [("foreign_stack", foreign), ("other_migration", other)] {
        let server = Server::of(Account::new().stack(stack));
        insta::assert_snapshot!(name, Folder::new().run(&server, YES));
        for command in ["destroy --yes --delete-data", "diff", "deploy --follow"] {
            let seen = Folder::new().run(&server, command);
            assert!(seen.contains("so it isn't touched") && seen.ends_with("exit code 2\n"), "{command}: {seen}");
        }
        unchanged(&server);
    }
}

#[test]
fn a_name_that_no_stack_can_have() {
    let server = Server::of(Account::new());
    insta::assert_snapshot!(Folder::new().run(&server, "deploy --yes --stack my_stack"));
    server.with(|account| assert_eq!(account.calls, [""; 0]));
}

#[test]
fn a_template_that_cloudformation_does_not_take() {
    let message = "Template error: instance of Fn::GetAtt references undefined resource Ledgr";
    let server = Server::of(Account::new().fault("CreateChangeSet", 400, "ValidationError", message));
    insta::assert_snapshot!(Folder::new().run(&server, YES));
    server.with(|account| assert!(account.stack.is_none()));
}

#[test]
fn a_change_set_that_cannot_be_made() {
    let server = Server::of(Account::new().verdict(Verdict::Failed("Parameter validation failed: no such type.")));
    insta::assert_snapshot!(Folder::new().run(&server, YES));
    server.with(|account| assert!(account.stack.is_none() && account.change_set.is_none(), "nothing is left"));
}

#[test]
fn a_template_that_is_found_wanting_before_it_is_begun() {
    let reason = "The following hook(s)/validation failed: [AWS::EarlyValidation::PropertyValidation].";
    let server = Server::of(Account::new().verdict(Verdict::Failed(reason)));
    insta::assert_snapshot!(Folder::new().run(&server, YES));
}

/// The answer is lost after the stack in review has come to be.
#[test]
fn a_lost_answer_to_a_change_set_leaves_nothing() {
    let account = Account::new().verdict(two_new()).fault("CreateChangeSet", 503, "ServiceUnavailable", "try again");
    let server = Server::of(account.stack(Stack::ours("CREATE_COMPLETE")));
    let seen = Folder::new().run(&server, YES);
    assert!(seen.contains("asked several times, so try again later") && seen.ends_with("exit code 1\n"), "{seen}");
    server.with(|account| assert_eq!((account.count("DeleteChangeSet"), account.count("DeleteStack")), (1, 0)));
}
