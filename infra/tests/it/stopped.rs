//! Ctrl-C, a no, and credentials that run out on the way.

use std::fs::File;
use std::io::{Read, Write};
use std::process::{Child, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

use crate::account::{Account, Fault, Stack, Verdict, of_stack};
use crate::deployed::{YES, two_new};
use crate::server::Server;
use crate::support::{Folder, seen, the_same_everywhere};

fn interrupt(child: &Child) {
    kill_process(Pid::from_raw(child.id() as i32).unwrap(), Signal::INT).unwrap();
}

#[test]
fn while_following_the_deployment_goes_on_at_aws() {
    let account = Account::new().verdict(two_new()).script([vec![of_stack("CREATE_IN_PROGRESS")]]);
    let (folder, server) = (Folder::new(), Server::of(account));
    let child = folder.spawn(&server, YES);
    server.wait_for("DescribeStackEvents", 3);
    interrupt(&child);
    insta::assert_snapshot!(seen(&child.wait_with_output().unwrap()));
    assert_eq!(folder.note(), None);
    server.with(|account| assert_eq!((account.count("DeleteStack"), account.count("DeleteChangeSet")), (0, 0)));
}

#[test]
fn while_a_change_set_is_made_it_is_taken_back() {
    let server = Server::of(Account::new().verdict(Verdict::Pending));
    let folder = Folder::new();
    let child = folder.spawn(&server, YES);
    server.wait_for("DescribeChangeSet", 2);
    interrupt(&child);
    insta::assert_snapshot!(seen(&child.wait_with_output().unwrap()));
    server.with(|account| assert!(account.stack.is_none() && account.change_set.is_none(), "nothing is left"));
}

#[test]
fn credentials_that_run_out_while_following_are_said() {
    let account = Account::new().verdict(two_new()).script([vec![of_stack("CREATE_IN_PROGRESS")]]);
    let (folder, server) = (Folder::new(), Server::of(account));
    let child = folder.spawn(&server, YES);
    server.wait_for("DescribeStackEvents", 2);
    let message = "The security token included in the request is expired";
    server.with(|account| {
        account.faults.push_back(Fault { call: "DescribeStackEvents", status: 403, code: "ExpiredToken", message })
    });
    insta::assert_snapshot!(seen(&child.wait_with_output().unwrap()));
    assert_eq!(folder.note(), None);
}

/// A terminal with the command in it: what it shows, and the exit code. `answer` is typed at the question.
fn on_a_terminal(folder: &Folder, server: &Server, arguments: &str, answers: &[&str]) -> String {
    let terminal = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&terminal).unwrap();
    unlockpt(&terminal).unwrap();
    let name = ptsname(&terminal, Vec::new()).unwrap().into_string().unwrap();
    let end = || Stdio::from(File::options().read(true).write(true).open(&name).unwrap());
    let mut child = folder.command(server, arguments).stdin(end()).stderr(end()).env("NO_COLOR", "1").spawn().unwrap();
    let mut terminal = File::from(terminal);
    let (mut shown, mut answers) = (Vec::new(), answers.iter());
    let mut bytes = [0; 1024];
    // The end of a terminal whose other side is closed is an error.
    while let Ok(read @ 1..) = terminal.read(&mut bytes) {
        shown.extend_from_slice(&bytes[..read]);
        if shown.ends_with(b"[y/N] ") {
            match answers.next() {
                Some(answer) => terminal.write_all(answer.as_bytes()).unwrap(),
                None => interrupt(&child),
            }
        }
    }
    let code = child.wait().unwrap().code().unwrap();
    the_same_everywhere(&format!("{}--- exit code {code}", String::from_utf8(shown).unwrap().replace('\r', "")))
}

#[test]
fn a_no_takes_the_change_set_back() {
    let (folder, server) = (Folder::new(), Server::of(Account::new().verdict(two_new())));
    insta::assert_snapshot!(on_a_terminal(&folder, &server, "deploy --code code", &["n\n"]));
    server.with(|account| assert!(account.stack.is_none() && account.change_set.is_none(), "nothing is left"));

    let account = Account::new().verdict(two_new()).stack(Stack::ours("CREATE_COMPLETE"));
    let server = Server::of(account);
    on_a_terminal(&folder, &server, "deploy --code code", &["\n"]);
    server.with(|account| assert!(account.stack.is_some() && account.change_set.is_none(), "the stack stays"));
}

#[test]
fn an_interrupted_question_is_a_no() {
    let (folder, server) = (Folder::new(), Server::of(Account::new().verdict(two_new())));
    let shown = on_a_terminal(&folder, &server, "deploy --code code", &[]);
    assert!(shown.ends_with("stopped; nothing was changed\n--- exit code 130\n"), "{shown}");
    server.with(|account| assert!(account.stack.is_none() && account.change_set.is_none(), "nothing is left"));
}

#[test]
fn a_yes_on_the_terminal_deploys() {
    let account = Account::new().verdict(two_new()).script([vec![of_stack("CREATE_COMPLETE")]]);
    let (folder, server) = (Folder::new(), Server::of(account));
    let shown = on_a_terminal(&folder, &server, "deploy --code code", &["y\n"]);
    assert!(shown.ends_with("--- exit code 0\n"), "{shown}");
    assert!(folder.note().is_some());
}

#[test]
fn deleting_data_is_a_question_of_its_own() {
    let mut account = Account::new().stack(Stack::ours("CREATE_COMPLETE")).script([vec![of_stack("DELETE_COMPLETE")]]);
    account.tables = vec!["segue-ledger".into()];
    let (folder, server) = (Folder::new(), Server::of(account));
    insta::assert_snapshot!(on_a_terminal(&folder, &server, "destroy --delete-data", &["y\n", "n\n"]));
    server.with(|account| assert_eq!(account.tables, ["segue-ledger"]));
}
