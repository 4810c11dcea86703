//! Stacks, credentials and flags that can't be right: a clear error, exit code 2, and nothing begun.

use migration::deployment::Deployment;

use crate::fake_aws::{ACCOUNT, FakeStack, MACHINE, REGION, World};
use crate::refused::refused;
use crate::support::Folder;

/// What is refused begins nothing.
async fn refused_on(world: &World, args: &str) -> String {
    let ended = world.run(args).await;
    assert_eq!(ended.code, Some(2), "{}", ended.stderr);
    assert!(ended.stdout.is_empty(), "{}", ended.stdout);
    assert_eq!(world.aws.executions().len(), 0, "{}", ended.stderr);
    ended.shown()
}

async fn with_stack(world: &World, change: impl FnOnce(&mut FakeStack), args: &str) -> String {
    let before = world.aws.stack.lock().unwrap().clone();
    change(&mut world.aws.stack.lock().unwrap());
    let shown = refused_on(world, args).await;
    *world.aws.stack.lock().unwrap() = before;
    shown
}

#[test]
fn nothing_is_deployed() {
    let folder = Folder::with_example();
    for (name, args) in [
        ("undeployed", "--engine step-functions"),
        ("undeployed_detach", "--detach"),
        ("undeployed_status", "status"),
        ("undeployed_status_of_a_run", "status tidy-movies-20261120T093000123Z"),
        ("embedded_with_stack", "--engine embedded --stack Segue-tidy-movies"),
        ("direct_with_stack", "--engine direct --stack Segue-tidy-movies"),
        ("stack_and_machine", "--stack Segue-tidy-movies --state-machine arn:x"),
        ("machine_that_is_none", "--state-machine arn:aws:lambda:eu-west-1:111122223333:function:x"),
        ("now_that_is_none", "--now yesterday"),
        ("stack_with_data", "--stack Segue-tidy-movies --data data.json"),
        ("stack_with_items", "--stack Segue-tidy-movies --items 5"),
        ("stack_with_database", "--stack Segue-tidy-movies --database table.db"),
        ("stack_without_region", "--stack Segue-tidy-movies"),
    ] {
        insta::assert_snapshot!(name, refused(&folder, args).shown());
    }
}

#[tokio::test]
async fn nobody_says_yes() {
    let world = World::with_example(20).await;
    insta::assert_snapshot!("no_yes", refused_on(&world, "--segments 2").await);
}

#[tokio::test]
async fn stacks_that_cannot_be_run_on() {
    let world = World::with_example(20).await;
    let renamed = with_stack(&world, |stack| stack.name = "Another".into(), "--yes").await;
    insta::assert_snapshot!("stack_absent", renamed);
    for status in ["UPDATE_IN_PROGRESS", "ROLLBACK_COMPLETE", "REVIEW_IN_PROGRESS"] {
        let shown = with_stack(&world, |stack| stack.status = status.into(), "--yes").await;
        insta::assert_snapshot!(format!("stack_{}", status.to_lowercase()), shown);
    }
    let creating = |stack: &mut FakeStack| (stack.status, stack.outputs) = ("CREATE_IN_PROGRESS".into(), vec![]);
    insta::assert_snapshot!("stack_create_in_progress", with_stack(&world, creating, "--yes").await);
    let foreign = |stack: &mut FakeStack| stack.outputs.retain(|(name, _)| *name == "StateMachineArn");
    insta::assert_snapshot!("stack_foreign", with_stack(&world, foreign, "--yes").await);
    let elsewhere = |stack: &mut FakeStack| stack.account = "999988887777".into();
    insta::assert_snapshot!("stack_of_another_account", with_stack(&world, elsewhere, "--yes").await);
    insta::assert_snapshot!("another_table", refused_on(&world, "--yes --table films").await);
    let yaml = std::fs::read_to_string(world.folder.path().join("migration.yaml")).unwrap();
    world.folder.write("migration.yaml", yaml.replace("value: 0", "value: 1"));
    insta::assert_snapshot!("another_migration", refused_on(&world, "--yes").await);
}

#[tokio::test]
async fn machines_that_are_not_ours() {
    let world = World::with_example(20).await;
    let foreign = MACHINE.replace("Workflow-1", "Workflow-2");
    insta::assert_snapshot!("machine_absent", refused_on(&world, &format!("--yes --state-machine {foreign}")).await);
    let named = format!("--yes --state-machine {MACHINE}");
    let express = with_stack(&world, |stack| stack.machine_kind = "EXPRESS", &named).await;
    insta::assert_snapshot!("machine_express", express);
    let untagged = with_stack(&world, |stack| stack.tags_machine = false, &named).await;
    insta::assert_snapshot!("machine_foreign", untagged);
    let another = |stack: &mut FakeStack| stack.outputs[0].1 = foreign.clone();
    insta::assert_snapshot!("machine_of_the_restore_rule", with_stack(&world, another, &named).await);
}

#[tokio::test]
async fn runs_that_the_stack_does_not_know() {
    let world = World::with_example(20).await;
    insta::assert_snapshot!("deployed_no_run_yet", refused_on(&world, "status").await);
    for command in ["status", "watch", "restore", "failures"] {
        let shown = refused_on(&world, &format!("{command} tidy-movies-20261120T093000123Z")).await;
        insta::assert_snapshot!("deployed_no_such_run", shown);
    }
}

#[tokio::test]
async fn credentials_that_are_none() {
    let world = World::with_example(20).await;
    world.folder.write("credentials", "");
    insta::assert_snapshot!("deployed_no_credentials", refused_on(&world, "--yes").await);
    world.credentials("AKIDGOOD");
    world.aws.expire_good_key();
    insta::assert_snapshot!("deployed_expired_credentials", refused_on(&world, "--yes").await);
}

#[tokio::test]
async fn a_note_that_is_none() {
    let world = World::with_example(20).await;
    world.note(&Deployment { stack: "Another".into(), account: ACCOUNT.into(), region: REGION.into() });
    insta::assert_snapshot!("note_of_a_stack_that_is_gone", refused_on(&world, "--yes").await);
    world.folder.write(&Deployment::file("tidy-movies"), "{}");
    insta::assert_snapshot!("note_that_is_none", refused_on(&world, "--yes").await);
}
