//! `run count` on a database file.

use crate::support::Folder;

#[test]
fn a_table_and_what_where_chooses_are_counted_exactly() {
    let folder = Folder::with_example();
    folder.run_json("--items 500 --segments 3 --database table.db", 0);
    let before = folder.export_lines("table.db", "movies");
    let counted = folder.run_json("count --database table.db --segments 4", 0);
    assert_eq!((&counted["items"], &counted["status"]), (&500.into(), &"succeeded".into()));
    assert_eq!(folder.export_lines("table.db", "movies"), before);

    folder.write(
        "some.yaml",
        "migration: some\nsource: { table: movies }\nwhere: { path: year, at_least: 2000 }\ntransform: [ delete ]\n",
    );
    let expected = before.iter().filter(|line| {
        let item: serde_json::Value = serde_json::from_str(line).unwrap();
        item["Item"]["year"]["N"].as_str().unwrap().parse::<u32>().unwrap() >= 2000
    });
    let chosen = expected.count();
    let counted = folder.run_json("count --migration some.yaml --database table.db", 0);
    assert_eq!((&counted["items"], &counted["chosen"]), (&500.into(), &chosen.into()));
    insta::assert_snapshot!(
        "counted",
        folder.run("count --migration some.yaml --segments 2 --database table.db").shown()
    );
    insta::assert_snapshot!(
        "counted_table",
        folder.run("count --table movies --segments 1 --database table.db").shown()
    );
}

#[test]
fn where_there_is_no_table_nothing_is_counted() {
    let folder = Folder::with_example();
    insta::assert_snapshot!("count_without_a_database", folder.run("count --engine embedded").shown());
    insta::assert_snapshot!("count_of_no_file", folder.run("count --database absent.db").shown());
}
