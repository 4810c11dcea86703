//! What the tests share: a folder with the example and zip files that stand for built functions, and the binary in it.

use std::fmt::Write;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use migration::Task;
use regex_lite::Regex;
use tempfile::TempDir;

use crate::account::{BOOTSTRAP, STACK};
use crate::server::Server;

/// Variables that would lead the binary to somebody's real account.
const FOREIGN: [&str; 8] = [
    "AWS_PROFILE",
    "AWS_DEFAULT_REGION",
    "AWS_SESSION_TOKEN",
    "AWS_ENDPOINT_URL_S3",
    "AWS_ENDPOINT_URL_STS",
    "AWS_ENDPOINT_URL_CLOUDFORMATION",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
];

/// A folder of its own, that a test works in.
pub(crate) struct Folder(TempDir);

impl Folder {
    pub(crate) fn new() -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        std::fs::write(folder.path().join("migration.yaml"), include_str!("../../../migration.yaml")).unwrap();
        std::fs::create_dir(folder.path().join("code")).unwrap();
        for task in Task::ALL {
            std::fs::write(folder.path().join(format!("code/{}.zip", task.binary())), task.name()).unwrap();
        }
        folder
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn note(&self) -> Option<String> {
        std::fs::read_to_string(self.path().join(".segue/deployments/tidy-movies.json")).ok()
    }

    pub(crate) fn leave_note(&self) {
        std::fs::create_dir_all(self.path().join(".segue/deployments")).unwrap();
        let note = format!(r#"{{"stack":"{STACK}","account":"123456789012","region":"us-east-1"}}"#);
        std::fs::write(self.path().join(".segue/deployments/tidy-movies.json"), note).unwrap();
    }

    /// The binary, on its way to the fake.
    pub(crate) fn command(&self, server: &Server, arguments: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_infra"));
        for name in FOREIGN {
            command.env_remove(name);
        }
        command
            .args(arguments.split_whitespace())
            .current_dir(self.path())
            .env("AWS_ENDPOINT_URL", format!("http://127.0.0.1:{}", server.port))
            .env("AWS_REGION", "us-east-1")
            .env("AWS_ACCESS_KEY_ID", "test")
            .env("AWS_SECRET_ACCESS_KEY", "test")
            .env("AWS_CONFIG_FILE", self.path().join("config"))
            .env("AWS_SHARED_CREDENTIALS_FILE", self.path().join("credentials"))
            .env("AWS_EC2_METADATA_DISABLED", "true")
            // The fake fails when it is told to, and not because it is asked too often.
            .env("AWS_MAX_ATTEMPTS", "1")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    pub(crate) fn run(&self, server: &Server, arguments: &str) -> String {
        seen(&self.command(server, arguments).output().unwrap())
    }

    pub(crate) fn spawn(&self, server: &Server, arguments: &str) -> Child {
        self.command(server, arguments).spawn().unwrap()
    }
}

/// What a person sees, and the exit code.
pub(crate) fn seen(output: &Output) -> String {
    let mut seen = String::from_utf8_lossy(&output.stderr).into_owned();
    let stdout = String::from_utf8_lossy(&output.stdout);
    if !stdout.is_empty() {
        write!(seen, "--- stdout\n{stdout}").unwrap();
    }
    write!(seen, "--- exit code {}", output.status.code().unwrap()).unwrap();
    the_same_everywhere(&seen)
}

/// Without what differs from run to run.
pub(crate) fn the_same_everywhere(text: &str) -> String {
    let text = Regex::new(r"127\.0\.0\.1:\d+").unwrap().replace_all(text, "127.0.0.1:PORT");
    // Events are aligned by the longest logical id of the whole template.
    let text = Regex::new(r"(?m)^(12:00:..Z  \S+ +\S+) +").unwrap().replace_all(&text, "$1  ");
    text.lines().filter(|line| !is_upload(line)).map(|line| format!("{line}\n")).collect()
}

/// One line for each function is enough to see once.
fn is_upload(line: &str) -> bool {
    line.starts_with("uploading the code of ") && !line.contains("of Restore ") && line.ends_with(BOOTSTRAP)
}
