//! What `destroy` deletes, what it keeps, and what it refuses.

use crate::account::{ACCOUNT, Account, QUEUE, Stack, Verdict, of_stack};
use crate::server::Server;
use crate::support::Folder;

/// A stack with its ledger and results, and the table that it migrates.
fn deployed(status: &str) -> Account {
    let mut account = Account::new().bucket("segue-results", "us-east-1", ACCOUNT).stack(Stack::ours(status));
    account.tables = vec!["segue-ledger".into(), "movies".into()];
    account.buckets.get_mut("segue-results").unwrap().objects.insert("run/report.json".into(), b"{}".to_vec());
    account.script([
        vec![of_stack("DELETE_IN_PROGRESS"), ("Ledger", "AWS::DynamoDB::Table", "DELETE_SKIPPED", "")],
        // No stack of ours has the source among its resources; if one had, it would stay all the same.
        vec![
            ("Results", "AWS::S3::Bucket", "DELETE_SKIPPED", ""),
            ("Source", "AWS::DynamoDB::Table", "DELETE_SKIPPED", ""),
        ],
        vec![of_stack("DELETE_COMPLETE")],
    ])
}

#[test]
fn the_stack_goes_and_what_holds_data_stays() {
    let (folder, server) = (Folder::new(), Server::of(deployed("CREATE_COMPLETE")));
    folder.leave_note();
    insta::assert_snapshot!(folder.run(&server, "destroy --yes"));
    assert_eq!(folder.note(), None);
    server.with(|account| {
        assert_eq!(account.tables, ["segue-ledger", "movies"]);
        assert!(account.buckets.contains_key("segue-results"));
    });
    // What was kept is found again, by the stack that was deleted.
    insta::assert_snapshot!(folder.run(&server, "destroy --yes"));
    insta::assert_snapshot!(folder.run(&server, "destroy --yes --delete-data"));
    server.with(|account| {
        assert_eq!(account.tables, ["movies"]);
        assert!(!account.buckets.contains_key("segue-results"));
    });
    insta::assert_snapshot!(folder.run(&server, "destroy --yes --delete-data"));
}

/// What is in it was applied nowhere. Another deployment makes another one: CloudFormation gives it a name.
#[test]
fn the_queues_of_a_copy_stay_too() {
    let mut account = deployed("CREATE_COMPLETE");
    account.queues = vec![QUEUE.into()];
    account.script[1].push(("Changes", "AWS::SQS::Queue", "DELETE_SKIPPED", ""));
    let (folder, server) = (Folder::new(), Server::of(account));
    insta::assert_snapshot!(folder.run(&server, "destroy --yes"));
    server.with(|account| assert_eq!(account.queues, [QUEUE]));
    insta::assert_snapshot!(folder.run(&server, "destroy --yes --delete-data"));
    server.with(|account| assert_eq!(account.queues, [""; 0]));
    let seen = folder.run(&server, "destroy --yes --delete-data");
    assert!(!seen.contains("queue"), "{seen}");
}

#[test]
fn data_goes_on_request_but_never_the_source() {
    let (folder, server) = (Folder::new(), Server::of(deployed("ROLLBACK_COMPLETE")));
    insta::assert_snapshot!(folder.run(&server, "destroy --yes --delete-data"));
    server.with(|account| assert_eq!(account.tables, ["movies"]));
}

#[test]
fn a_run_that_is_under_way_is_not_cut_off() {
    let mut account = deployed("CREATE_COMPLETE");
    account.running = Some("tidy-movies-20261120T120433325Z");
    let server = Server::of(account);
    insta::assert_snapshot!(Folder::new().run(&server, "destroy --yes"));
    server.with(|account| assert_eq!(account.count("DeleteStack"), 0));
}

/// With the stack goes the rule that would put the capacity back.
#[test]
fn a_table_that_is_still_raised_keeps_its_stack() {
    let mut account = deployed("CREATE_COMPLETE");
    // The run's second attempt.
    account.cut_off = Some(("tidy-movies-20261120T120433325Z-r2", "tidy-movies-20261120T120433325Z"));
    account.stack.as_mut().unwrap().outputs.insert("LedgerTableName".into(), "segue-ledger".into());
    let server = Server::of(account);
    insta::assert_snapshot!(Folder::new().run(&server, "destroy --yes"));
    server.with(|account| assert_eq!(account.count("DeleteStack"), 0));
}

/// Nothing of it is an execution; the queue may hold what isn't applied yet. The same when a deployment would take it away.
#[test]
fn a_copy_that_is_kept_in_step_keeps_its_stack() {
    let mut account = deployed("CREATE_COMPLETE");
    account.in_step = Some("tidy-movies-20261120T120433325Z");
    let stack = account.stack.as_mut().unwrap();
    for (name, value) in [("LedgerTableName", "segue-ledger"), ("QueueUrl", "queue"), ("TargetTableName", "films")] {
        stack.outputs.insert(name.into(), value.into());
    }
    let server = Server::of(account);
    insta::assert_snapshot!(Folder::new().run(&server, "destroy --yes"));
    insta::assert_snapshot!(Folder::new().run(&server, "deploy --yes --code code"));
    server.with(|account| assert_eq!(account.count("DeleteStack") + account.count("CreateChangeSet"), 0));
    server.with(|account| account.in_step = None);
    let seen = Folder::new().run(&server, "destroy --yes");
    assert!(seen.contains("is deleted"), "{seen}");
}

/// The tables are the same; the functions would look for the target in another region from one call to the next.
#[test]
fn a_copy_that_is_kept_in_step_keeps_its_target_s_region() {
    let mut account = deployed("CREATE_COMPLETE");
    account.in_step = Some("tidy-movies-20261120T120433325Z");
    let outputs = [
        ("LedgerTableName", "segue-ledger"),
        ("QueueUrl", QUEUE),
        ("TargetTableName", "films"),
        ("TargetRegion", "eu-west-1"),
    ];
    account.stack.as_mut().unwrap().outputs.extend(outputs.map(|(name, value)| (name.into(), value.into())));
    let (folder, server) = (Folder::new(), Server::of(account));
    let copy = |region: &str| {
        let target = format!("target: {{ table: films, region: {region} }}");
        let text = format!("migration: tidy-movies\nsource: {{ table: movies }}\n{target}\n");
        std::fs::write(folder.path().join("migration.yaml"), text).unwrap();
    };
    copy("eu-north-1");
    insta::assert_snapshot!(folder.run(&server, "deploy --yes --code code"));
    server.with(|account| assert_eq!(account.count("CreateChangeSet"), 0));
    copy("eu-west-1");
    server.with(|account| account.verdict = Some(Verdict::Failed("The submitted information didn't contain changes.")));
    let seen = folder.run(&server, "deploy --yes --code code");
    assert!(seen.contains("no changes"), "{seen}");
}

#[test]
fn a_stack_that_is_being_changed_is_left_alone() {
    let server = Server::of(deployed("UPDATE_IN_PROGRESS"));
    insta::assert_snapshot!(Folder::new().run(&server, "destroy --yes"));
    server.with(|account| assert_eq!(account.count("DeleteStack"), 0));
}

#[test]
fn a_deletion_that_is_under_way_is_followed() {
    let mut account = deployed("DELETE_IN_PROGRESS");
    account.is_under_way = true;
    let server = Server::of(account);
    insta::assert_snapshot!(Folder::new().run(&server, "destroy --yes"));
    server.with(|account| assert_eq!(account.count("DeleteStack"), 0));
}

#[test]
fn a_deletion_that_fails_says_why() {
    let account = deployed("CREATE_COMPLETE").script([
        vec![
            of_stack("DELETE_IN_PROGRESS"),
            ("Role", "AWS::IAM::Role", "DELETE_FAILED", "it has a policy of somebody else's"),
        ],
        vec![of_stack("DELETE_FAILED")],
    ]);
    let (folder, server) = (Folder::new(), Server::of(account));
    folder.leave_note();
    insta::assert_snapshot!(folder.run(&server, "destroy --yes"));
    assert!(folder.note().is_some());
}

#[test]
fn nothing_is_deleted_without_a_word() {
    let server = Server::of(deployed("CREATE_COMPLETE"));
    insta::assert_snapshot!(Folder::new().run(&server, "destroy --delete-data"));
    server.with(|account| assert_eq!(account.calls, [""; 0]));
}
