//! Deployments that come to their end, good or bad.

use migration::Task;

use crate::account::{Account, BOOTSTRAP, Fault, STACK, Stack, Verdict, of_stack};
use crate::server::Server;
use crate::support::Folder;

pub(crate) const YES: &str = "deploy --yes --code code";

pub(crate) fn two_new() -> Verdict {
    Verdict::Ready(vec![
        ["Add", "Workflow", "AWS::StepFunctions::StateMachine", "", "", ""],
        ["Add", "Ledger", "AWS::DynamoDB::Table", "", "", ""],
    ])
}

#[test]
fn a_first_deployment_uploads_shows_follows_and_leaves_a_note() {
    let (folder, server) = (
        Folder::new(),
        Server::of(Account::new().verdict(two_new()).script([
            vec![
                of_stack("CREATE_IN_PROGRESS"),
                ("Ledger", "AWS::DynamoDB::Table", "CREATE_IN_PROGRESS", "Resource creation Initiated"),
            ],
            vec![],
            vec![
                ("Ledger", "AWS::DynamoDB::Table", "CREATE_COMPLETE", ""),
                ("Workflow", "AWS::StepFunctions::StateMachine", "CREATE_COMPLETE", ""),
            ],
            vec![of_stack("CREATE_COMPLETE")],
        ])),
    );
    insta::assert_snapshot!(folder.run(&server, YES));
    insta::assert_snapshot!(folder.note().unwrap());
    server.with(|account| {
        let objects = &account.buckets[BOOTSTRAP].objects;
        assert_eq!(objects.len(), Task::IN_PLACE.len() + 1, "the functions and the template");
        assert!(objects.values().any(|content| content == b"Restore"));
        assert_eq!(account.count("ExecuteChangeSet"), 1);
        assert_eq!(account.count("DeleteChangeSet"), 0);
    });
}

#[test]
fn an_update_uploads_only_what_is_new_and_says_what_it_replaces() {
    let verdict = Verdict::Ready(vec![
        ["Modify", "PrepareFunction", "AWS::Lambda::Function", "False", "Code Environment", ""],
        ["Modify", "Ledger", "AWS::DynamoDB::Table", "True", "KeySchema", "ReplaceAndDelete"],
        ["Modify", "Results", "AWS::S3::Bucket", "Conditional", "BucketName", "ReplaceAndRetain"],
        ["Remove", "Old", "AWS::DynamoDB::Table", "", "", "Delete"],
        ["Remove", "Alarm", "AWS::CloudWatch::Alarm", "", "", "Delete"],
    ]);
    let account = Account::new().stack(Stack::ours("UPDATE_ROLLBACK_COMPLETE")).verdict(verdict);
    let mut account = account.script([
        vec![of_stack("UPDATE_IN_PROGRESS"), of_stack("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS")],
        vec![of_stack("UPDATE_COMPLETE")],
    ]);
    account.events = vec![of_stack("CREATE_IN_PROGRESS"), of_stack("CREATE_COMPLETE")];
    let (folder, server) = (Folder::new(), Server::of(account));
    insta::assert_snapshot!(folder.run(&server, YES));

    let objects =
        |server: &Server| server.with(|account| account.calls.iter().filter(|call| call.starts_with("PUT ")).count());
    let before = objects(&server);
    server.with(|account| {
        account.verdict = Some(Verdict::Failed("No updates are to be performed."));
        account.calls.clear();
    });
    insta::assert_snapshot!(folder.run(&server, YES));
    assert_eq!((before, objects(&server)), (Task::IN_PLACE.len() + 1, 0), "what is there is not uploaded again");
}

#[test]
fn without_changes_nothing_is_carried_out_and_the_note_is_there_all_the_same() {
    let reason =
        "The submitted information didn't contain changes. Submit different information to create a change set.";
    let account = Account::new().stack(Stack::ours("UPDATE_COMPLETE")).verdict(Verdict::Failed(reason));
    let (folder, server) = (Folder::new(), Server::of(account));
    insta::assert_snapshot!(folder.run(&server, YES));
    assert!(folder.note().is_some());
    server.with(|account| {
        assert_eq!(account.change_set, None);
        assert_eq!(account.count("ExecuteChangeSet"), 0);
        assert!(account.stack.is_some());
    });
}

#[test]
fn a_failure_names_its_cause_and_not_what_fell_with_it() {
    let (folder, server) = (
        Folder::new(),
        Server::of(Account::new().verdict(two_new()).script([
            vec![of_stack("CREATE_IN_PROGRESS")],
            vec![
                ("Results", "AWS::S3::Bucket", "CREATE_FAILED", "segue-results already exists"),
                ("Ledger", "AWS::DynamoDB::Table", "CREATE_FAILED", "Resource creation cancelled"),
                (
                    STACK,
                    "AWS::CloudFormation::Stack",
                    "ROLLBACK_IN_PROGRESS",
                    "The following resource(s) failed to create: [Results, Ledger].",
                ),
            ],
            vec![of_stack("ROLLBACK_COMPLETE")],
        ])),
    );
    insta::assert_snapshot!(folder.run(&server, YES));
    assert_eq!(folder.note(), None);
}

#[test]
fn a_failed_update_leaves_the_stack_as_it_was() {
    let account = Account::new().stack(Stack::ours("CREATE_COMPLETE")).verdict(two_new()).script([
        vec![of_stack("UPDATE_IN_PROGRESS"), ("Ledger", "AWS::DynamoDB::Table", "UPDATE_FAILED", "quota")],
        vec![of_stack("UPDATE_ROLLBACK_IN_PROGRESS"), of_stack("UPDATE_ROLLBACK_COMPLETE")],
    ]);
    let (folder, server) = (Folder::new(), Server::of(account));
    insta::assert_snapshot!(folder.run(&server, YES));
}

#[test]
fn faults_and_throttling_do_not_end_the_following() {
    let account = Account::new().verdict(two_new()).script([
        vec![of_stack("CREATE_IN_PROGRESS")],
        vec![],
        vec![],
        vec![of_stack("CREATE_COMPLETE")],
    ]);
    let faults = [(400, "Throttling"), (503, "ServiceUnavailable"), (500, "InternalFailure")];
    let faults =
        faults.map(|(status, code)| Fault { call: "DescribeStackEvents", status, code, message: "Rate exceeded" });
    let server = Server::of(Account { later_faults: faults.into(), ..account });
    insta::assert_snapshot!(Folder::new().run(&server, YES));
}

#[test]
fn a_bucket_is_made_on_request_and_closed() {
    let server = Server::of(Account::default().verdict(two_new()).script([vec![of_stack("CREATE_COMPLETE")]]));
    let seen =
        Folder::new().run(&server, "deploy --yes --code code --create-bucket --bucket cdk-hnb659fds-assets-of-mine");
    assert!(
        seen.contains("making the bucket cdk-hnb659fds-assets-of-mine\n") && seen.ends_with("exit code 0\n"),
        "{seen}"
    );
    server.with(|account| {
        let calls: Vec<_> = account.calls.iter().filter(|call| call.starts_with("PUT") && call.contains('?')).collect();
        insta::assert_snapshot!(calls.iter().map(|call| format!("{call}\n")).collect::<String>());
    });
}

#[test]
fn a_deployment_that_is_under_way_can_be_followed() {
    let mut account = Account::new().stack(Stack::ours("UPDATE_IN_PROGRESS")).script([
        vec![],
        vec![("Ledger", "AWS::DynamoDB::Table", "UPDATE_COMPLETE", "")],
        vec![of_stack("UPDATE_COMPLETE")],
    ]);
    account.events = vec![
        of_stack("CREATE_COMPLETE"),
        of_stack("UPDATE_IN_PROGRESS"),
        ("Ledger", "AWS::DynamoDB::Table", "UPDATE_IN_PROGRESS", ""),
    ];
    account.is_under_way = true;
    let (folder, server) = (Folder::new(), Server::of(account));
    insta::assert_snapshot!(folder.run(&server, "deploy --follow"));
    assert!(folder.note().is_some());
    insta::assert_snapshot!(folder.run(&server, "deploy --follow"));
}
