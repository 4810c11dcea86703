//! The roles of the functions against what their tasks ask for, as the simulation has met it (`migration/tests/simulation`).

use super::table;

const IN_PLACE: &str = "
migration: films
source: { table: movies }
backup: true
transform: [ delete ]
";
const COPY: &str = "
migration: films
source: { table: movies }
target: { table: films, bulk: export, reverse: [ { remove: { path: seen } } ] }
transform: [ { set: { path: seen, value: true } } ]
";

/// What the template calls that which the simulation does.
fn resource(action: &str, on: &str) -> &'static str {
    match on {
        "source" => "table/movies",
        "source-backup" => "table/movies/backup/*",
        "source-export" => "table/movies/export/*",
        "target" => "table/films",
        "ledger" => "Ledger.Arn",
        "changes" => "Changes.Arn",
        "dead-letters" => "DeadLetters.Arn",
        "bucket" => "ResultsBucket.Arn",
        "objects" => "${ResultsBucket.Arn}/*",
        "mappings" if action.contains("Create") || action.contains("List") => "*",
        "mappings" => "arn:${AWS::Partition}:lambda:${AWS::Region}:${AWS::AccountId}:event-source-mapping:*",
        _ => panic!("the simulation knows {on}, and this doesn't"),
    }
}

/// Whether a statement of a table of permissions allows an action of a task.
fn allows(statement: &str, task: &str, action: &str, on: &str) -> bool {
    let rest = statement.strip_prefix(task).and_then(|rest| rest.strip_prefix("FunctionRole: Allow "));
    rest.and_then(|rest| rest.split_once(" on ")).is_some_and(|(actions, resources)| {
        actions.split(", ").any(|it| it == action) && resources.split(", ").any(|it| it == on)
    })
}

#[test]
fn every_role_allows_what_its_task_asks_for() {
    let requests = [
        (IN_PLACE, include_str!("../../../../migration/tests/simulation/requests/in_place.txt")),
        (COPY, include_str!("../../../../migration/tests/simulation/requests/copy.txt")),
    ];
    for (yaml, requests) in requests {
        let permissions = table(yaml);
        let denied = requests.lines().filter(|line| {
            let [task, action, on] = line.split(' ').collect::<Vec<_>>()[..] else { panic!("{line}") };
            let on = resource(action, on);
            !permissions.lines().any(|statement| allows(statement, task, action, on))
        });
        assert_eq!(denied.collect::<Vec<_>>(), [""; 0]);
        assert!(requests.lines().count() > 20);
    }
}
