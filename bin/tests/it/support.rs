//! What the tests share: a folder with the binary run in it, a server with a client, and tables as they are exported.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Lines, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, Output, Stdio};

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::config::{BehaviorVersion, Credentials, Region};
use regex_lite::Regex;
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use serde_json::Value;
use tempfile::TempDir;

/// Items by their key, as `export` writes them: `{"year":{"N":"1"},…}` without the `Item` around it.
pub(crate) type Exported = BTreeMap<String, Value>;

/// A folder of its own, that a test works in.
pub(crate) struct Folder(TempDir);

impl Folder {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// A folder that holds the example `migration.yaml`.
    pub(crate) fn with_example() -> Self {
        let folder = Self::new();
        folder.write("migration.yaml", include_str!("../../../migration.yaml"));
        folder
    }

    /// A folder whose `migration.yaml` changes the table `things` (key `id`, a string) by these steps.
    pub(crate) fn with_steps(steps: &str) -> Self {
        let folder = Self::new();
        folder.write("migration.yaml", things(steps));
        folder
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        std::fs::write(self.path().join(name), content).unwrap();
    }

    /// Every file below the folder, sorted, without what a database file brings along while it is in use.
    pub(crate) fn files(&self) -> Vec<String> {
        let mut files = Vec::new();
        let mut folders = vec![self.path().to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                files.push(path.strip_prefix(self.path()).unwrap().to_string_lossy().into_owned());
                if path.is_dir() {
                    folders.push(path);
                }
            }
        }
        files.sort();
        files
    }

    /// The one run of this machine that the folder knows.
    pub(crate) fn only_run(&self) -> String {
        let runs = self.path().join(".segue/runs");
        let names = std::fs::read_dir(runs).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut runs: Vec<_> = names.filter_map(|name| Some(name.strip_suffix(".db")?.to_owned())).collect();
        assert_eq!(runs.len(), 1, "{runs:?}");
        runs.remove(0)
    }

    /// The binary, to be run in this folder: no colours, and nothing of the AWS configuration that stands around.
    pub(crate) fn command<'a>(&self, args: impl IntoIterator<Item = &'a str>) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_run"));
        command.current_dir(self.path()).args(args).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("AWS_")) {
            command.env_remove(name);
        }
        command
            .env("NO_COLOR", "1")
            .env("HOME", self.path())
            .env("AWS_CONFIG_FILE", self.path().join("no-config"))
            .env("AWS_SHARED_CREDENTIALS_FILE", self.path().join("no-credentials"))
            .env("AWS_EC2_METADATA_DISABLED", "true");
        command
    }

    /// Runs the binary to its end. Arguments are parted by spaces.
    pub(crate) fn run(&self, args: &str) -> Ended {
        Ended::of(self.command(args.split_whitespace()).output().unwrap())
    }

    /// Runs it on a terminal, where `answer` is typed at its first question; gives what the terminal shows.
    pub(crate) fn run_on_a_terminal(&self, args: &str, answer: &str) -> String {
        let terminal = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&terminal).unwrap();
        unlockpt(&terminal).unwrap();
        let name = ptsname(&terminal, Vec::new()).unwrap().into_string().unwrap();
        let end = || Stdio::from(File::options().read(true).write(true).open(&name).unwrap());
        let mut command = self.command(args.split_whitespace());
        let mut child = command.stdin(end()).stderr(end()).stdout(Stdio::null()).spawn().unwrap();
        // It holds the terminal's other side.
        drop(command);
        let mut terminal = File::from(terminal);
        let (mut shown, mut bytes, mut answer) = (Vec::new(), [0; 1024], Some(answer));
        // The end of a terminal whose other side is closed is an error.
        while let Ok(read @ 1..) = terminal.read(&mut bytes) {
            shown.extend_from_slice(&bytes[..read]);
            if shown.ends_with(b"[y/N] ")
                && let Some(answer) = answer.take()
            {
                terminal.write_all(answer.as_bytes()).unwrap();
            }
        }
        child.wait().unwrap();
        String::from_utf8(shown).unwrap()
    }

    /// Runs it with `--output json`, expects this exit code, and gives the object.
    pub(crate) fn run_json(&self, args: &str, code: i32) -> Value {
        let ended = self.run(&format!("{args} --output json"));
        assert_eq!(ended.code, Some(code), "{}", ended.stderr);
        ended.json()
    }

    /// The table as `export` writes it, line by line, sorted.
    pub(crate) fn export_lines(&self, database: &str, table: &str) -> Vec<String> {
        let ended = self.run(&format!("export --database {database} --table {table}"));
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
        let mut lines: Vec<_> = ended.stdout.lines().map(str::to_owned).collect();
        lines.sort();
        lines
    }

    /// The table's items by the values of these key attributes.
    pub(crate) fn export(&self, database: &str, table: &str, key: &[&str]) -> Exported {
        let items = self.export_lines(database, table).into_iter().map(|line| {
            let line: Value = serde_json::from_str(&line).unwrap();
            let item = line["Item"].clone();
            (key_of(&item, key), item)
        });
        items.collect()
    }
}

/// The key values of an item in DynamoDB JSON, as one string.
pub(crate) fn key_of(item: &Value, key: &[&str]) -> String {
    key.iter().map(|name| item[name].to_string()).collect::<Vec<_>>().join(" ")
}

/// A migration of the table `things` by these steps, a line each.
pub(crate) fn things(steps: &str) -> String {
    let steps: String =
        steps.lines().filter(|line| !line.trim().is_empty()).map(|line| format!("  {line}\n")).collect();
    format!(
        "migration: test\nsource:\n  table: things\n  key: {{ partition: {{ name: id, type: S }} }}\n\
         transform:\n{steps}segments: 7\n"
    )
}

/// How the binary ended.
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ended {
    pub(crate) fn of(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Self { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
    }

    /// stdout, which has to be one JSON object on one line and nothing else.
    pub(crate) fn json(&self) -> Value {
        assert_eq!(self.stdout.lines().count(), 1, "stdout: {}", self.stdout);
        let value: Value = serde_json::from_str(&self.stdout).unwrap();
        assert!(value.is_object(), "{value}");
        value
    }

    /// Exit code and both streams, without what differs from run to run: to be held against a snapshot.
    pub(crate) fn shown(&self) -> String {
        let code = self.code.map_or("none".into(), |code| code.to_string());
        let mut shown = format!("exit code: {code}\n");
        for (name, stream) in [("stdout", &self.stdout), ("stderr", &self.stderr)] {
            if !stream.is_empty() {
                shown.push_str(&format!("--- {name}\n{}\n", steady(stream.trim_end())));
            }
        }
        shown
    }
}

fn steady(text: &str) -> String {
    let filters = [
        (r"(/[^ :/]+)*/\.tmp[A-Za-z0-9]+", "[folder]"),
        (r"\d{8}T\d{9}Z", "[time]"),
        (r"127\.0\.0\.1:\d+", "127.0.0.1:[port]"),
        (r"after \d+\.\d s", "after [seconds] s"),
        (r"\$\d+\.\d{4} for the raised", "[dollars] for the raised"),
        (r"\d+ at a time", "[workers] at a time"),
        (r"(?m)^.* items  .*items/s.*\n?", ""),
        // Whether a phase lasts long enough to be seen is chance.
        (r"(?m)^(preparing|waiting for the .*|putting the capacity back|adding up)(\n|$)", ""),
    ];
    filters.iter().fold(text.to_owned(), |text, (pattern, with)| {
        Regex::new(pattern).unwrap().replace_all(&text, *with).into_owned()
    })
}

/// A process that goes on while the test does something else; it is killed with its guard.
pub(crate) struct Running {
    child: Child,
    lines: Lines<BufReader<ChildStderr>>,
    read: Vec<String>,
}

impl Running {
    pub(crate) fn start(mut command: Command) -> Self {
        let mut child = command.spawn().unwrap();
        let lines = BufReader::new(child.stderr.take().unwrap()).lines();
        Self { child, lines, read: Vec::new() }
    }

    /// Reads stderr until a line has `text` in it, and gives that line.
    pub(crate) fn wait_for_line(&mut self, text: &str) -> String {
        for line in self.lines.by_ref() {
            let line = line.unwrap();
            self.read.push(line.clone());
            if line.contains(text) {
                return line;
            }
        }
        panic!("stderr ended without {text:?}: {:?}", self.read);
    }

    /// Sends a signal: `INT` or `TERM`.
    pub(crate) fn signal(&self, name: &str) {
        kill(name, &self.child.id().to_string());
    }

    /// Presses Ctrl-C, as a terminal does it: all of the process's group hear of it. It has to lead one.
    pub(crate) fn press_ctrl_c(&self) {
        kill("INT", &format!("-{}", self.child.id()));
    }

    /// Waits for the end.
    pub(crate) fn end(mut self) -> Ended {
        for line in self.lines.by_ref() {
            self.read.push(line.unwrap());
        }
        let mut stdout = String::new();
        if let Some(mut pipe) = self.child.stdout.take() {
            pipe.read_to_string(&mut stdout).unwrap();
        }
        let code = self.child.wait().unwrap().code();
        Ended { code, stdout, stderr: self.read.join("\n") }
    }
}

fn kill(signal: &str, whom: &str) {
    let sent = Command::new("kill").args([&format!("-{signal}"), "--", whom]).status().unwrap();
    assert!(sent.success());
}

impl Drop for Running {
    fn drop(&mut self) {
        // It has mostly ended by now; a test that panics leaves no process behind.
        let _already_ended = self.child.kill();
        let _already_waited_for = self.child.wait();
    }
}

/// `run serve` on a database of the folder.
pub(crate) struct Served {
    running: Running,
    pub(crate) endpoint: String,
    pub(crate) client: Client,
}

impl Served {
    pub(crate) fn start(folder: &Folder, database: &str) -> Self {
        let mut running = Running::start(folder.command(["serve", "--database", database, "--port", "0"]));
        let line = running.wait_for_line("http://");
        let endpoint = Regex::new(r"http://[0-9.:]+").unwrap().find(&line).unwrap().as_str().to_owned();
        let client = client(&endpoint);
        Self { running, endpoint, client }
    }

    /// The binary with `--engine direct` on this server.
    pub(crate) fn direct(&self, folder: &Folder, args: &str) -> Command {
        let mut command = folder.command(["--engine", "direct"].into_iter().chain(args.split_whitespace()));
        command.env("AWS_ENDPOINT_URL", &self.endpoint).env("AWS_REGION", "eu-west-1");
        command.env("AWS_ACCESS_KEY_ID", "test").env("AWS_SECRET_ACCESS_KEY", "test");
        command
    }

    /// Runs that to its end.
    pub(crate) fn run_direct(&self, folder: &Folder, args: &str) -> Ended {
        Ended::of(self.direct(folder, args).output().unwrap())
    }

    /// Asks it to end, and expects that it does so in order.
    pub(crate) fn end(self, signal: &str) -> Ended {
        self.running.signal(signal);
        let ended = self.running.end();
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
        ended
    }
}

fn client(endpoint: &str) -> Client {
    let config = aws_sdk_dynamodb::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .endpoint_url(endpoint)
        .region(Region::new("eu-west-1"))
        .credentials_provider(Credentials::new("test", "test", None, None, "test"))
        .retry_config(RetryConfig::disabled())
        .http_client(aws_smithy_http_client::Builder::new().build_http());
    Client::from_conf(config.build())
}

/// The folder beside the workspace where data too large for it stands.
pub(crate) fn shared(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared").join(name)
}

/// DynamoDB JSON lines, as `--data` takes them.
pub(crate) fn lines<'i>(items: impl IntoIterator<Item = &'i Value>) -> String {
    items.into_iter().map(|item| format!("{}\n", serde_json::json!({ "Item": item }))).collect()
}
