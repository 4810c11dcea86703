//! `synth`, `graph` and `bundle`: a cloud assembly without network or credentials, and input that can't be right.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;

use crate::support::seen;

/// A folder with the example in it, and nothing that leads to AWS.
struct Desk(TempDir);

impl Desk {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("migration.yaml"), include_str!("../../../migration.yaml")).unwrap();
        Self(folder)
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_infra"));
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("AWS_") || name.to_string_lossy().starts_with("CDK_") {
                command.env_remove(name);
            }
        }
        command.args(arguments).current_dir(self.path());
        command
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    fn files(&self, folder: &str) -> Vec<(String, Vec<u8>)> {
        let Ok(entries) = std::fs::read_dir(self.path().join(folder)) else { return Vec::new() };
        let read =
            |path: std::path::PathBuf| (path.file_name().unwrap().to_string_lossy().into_owned(), std::fs::read(&path));
        let mut files: Vec<_> = entries.map(|entry| read(entry.unwrap().path())).collect();
        files.sort_by(|one, other| one.0.cmp(&other.0));
        files.into_iter().map(|(name, content)| (name, content.unwrap_or_default())).collect()
    }

    fn assets(&self, folder: &str) -> Value {
        let file = self.path().join(folder).join("Segue-tidy-movies.assets.json");
        serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap()
    }
}

/// Exit code 2, nothing on stdout, and no file more than before.
#[track_caller]
fn refused(desk: &Desk, arguments: &[&str]) -> String {
    refused_command(desk, &mut desk.command(arguments))
}

#[track_caller]
fn refused_command(desk: &Desk, command: &mut Command) -> String {
    let before = desk.files(".");
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(2), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(output.stdout.is_empty());
    assert_eq!(desk.files("."), before);
    seen(&output)
}

#[test]
fn an_assembly_is_written_and_is_the_same_twice() {
    let desk = Desk::new();
    let first = desk.run(&["synth"]);
    assert!(first.status.success(), "{}", seen(&first));
    assert!(first.stderr.is_empty(), "{}", seen(&first));
    let second = desk.run(&["synth", "--out", "second"]);
    assert_eq!(first.stdout, second.stdout);
    let files = desk.files("cdk.out");
    assert_eq!(files, desk.files("second"));
    let names: Vec<_> = files.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["Segue-tidy-movies.assets.json", "Segue-tidy-movies.template.json", "cdk.out", "manifest.json"]);
    // Once more, over what is there.
    assert!(desk.run(&["synth"]).status.success());
    assert_eq!(desk.files("cdk.out"), files);
}

#[test]
fn options_come_as_flags_or_as_the_cdk_s_context_and_flags_win() {
    let desk = Desk::new();
    std::fs::rename(desk.path().join("migration.yaml"), desk.path().join("mine.yaml")).unwrap();
    let flags = ["synth", "--migration", "mine.yaml", "--architecture", "x86_64", "--bucket", "code-of-mine"];
    assert!(desk.run(&flags).status.success());
    let context = r#"{"segue:migration":"mine.yaml","segue:architecture":"x86_64","segue:bucket":"code-of-mine"}"#;
    let mut of_cdk = desk.command(&["synth"]);
    let output = of_cdk.env("CDK_CONTEXT_JSON", context).env("CDK_OUTDIR", "of-cdk").output().unwrap();
    assert!(output.status.success() && output.stdout.is_empty(), "{}", seen(&output));
    assert_eq!(desk.files("of-cdk"), desk.files("cdk.out"));

    let mut both = desk.command(&["synth", "--bucket", "another-one", "--out", "both"]);
    assert!(both.env("CDK_CONTEXT_JSON", context).output().unwrap().status.success());
    let assets = desk.assets("both");
    for file in assets["files"].as_object().unwrap().values() {
        assert_eq!(file["destinations"]["current"]["bucketName"], "another-one");
    }
}

/// The CDK CLI calls this command, and takes what it prints for the path of a file.
#[test]
fn the_command_that_builds_a_function_is_one_that_infra_takes() {
    let desk = Desk::new();
    assert!(desk.run(&["synth"]).status.success());
    for file in desk.assets("cdk.out")["files"].as_object().unwrap().values() {
        let Some(command) = file["source"]["executable"].as_array() else { continue };
        let words: Vec<_> = command.iter().map(|word| word.as_str().unwrap()).collect();
        let (cargo, own) = words.split_at(6);
        assert_eq!(cargo, ["cargo", "run", "--quiet", "--bin", "infra", "--"]);
        // Everything but the build: other sources are refused before it.
        let changed: Vec<_> = own.iter().map(|word| if word.len() == 64 { "0" } else { word }).collect();
        assert!(refused(&desk, &changed).contains("run synth again"));
    }
}

#[test]
fn migrations_that_can_t_be_right() {
    let desk = Desk::new();
    insta::assert_snapshot!("no_migration", refused(&desk, &["synth", "--migration", "nowhere.yaml"]));
    std::fs::write(desk.path().join("list.yaml"), "- this\n- is a list\n").unwrap();
    insta::assert_snapshot!("not_a_migration", refused(&desk, &["synth", "--migration", "list.yaml"]));
}

#[test]
fn flags_that_can_t_be_right() {
    let desk = Desk::new();
    insta::assert_snapshot!("architecture", refused(&desk, &["synth", "--architecture", "arm"]));
    insta::assert_snapshot!("bucket", refused(&desk, &["synth", "--bucket", "My_Bucket"]));
    insta::assert_snapshot!("function", refused(&desk, &["bundle", "migrate"]));
    insta::assert_snapshot!("format", refused(&desk, &["graph", "--format", "png"]));
}

#[test]
fn contexts_that_can_t_be_right() {
    let desk = Desk::new();
    let with = |context: &str| refused_command(&desk, desk.command(&["synth"]).env("CDK_CONTEXT_JSON", context));
    insta::assert_snapshot!("context_unknown", with(r#"{"segue:buckets":"code-of-mine"}"#));
    insta::assert_snapshot!("context_wrong", with(r#"{"segue:bucket":"My_Bucket"}"#));
    insta::assert_snapshot!("context_no_json", with("{"));
}

#[test]
fn folders_that_can_t_be_written() {
    let desk = Desk::new();
    std::fs::write(desk.path().join("a-file"), "").unwrap();
    insta::assert_snapshot!("out_is_a_file", refused(&desk, &["synth", "--out", "a-file"]));
    // The assembly's manifest.json would take the place of somebody else's.
    insta::assert_snapshot!("out_is_in_use", refused(&desk, &["synth", "--out", "."]));
}

#[test]
fn graph_draws_either_machine_either_way() {
    let desk = Desk::new();
    let drawn = |arguments: &[&str]| String::from_utf8(desk.run(arguments).stdout).unwrap();
    let mermaid = drawn(&["graph"]);
    assert!(mermaid.starts_with("flowchart TD\n") && mermaid.contains("MigrateSegment"));
    let svg = drawn(&["graph", "--format", "svg", "--machine", "restore-afterwards"]);
    assert!(svg.starts_with("<svg ") && svg.contains("ReadPlan") && !svg.contains("MigrateSegment"));
}
