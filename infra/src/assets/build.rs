//! The two ways to the functions' binaries: `cargo lambda`, which builds for either processor on any machine, and plain
//! cargo, which builds for the machine it runs on. Whatever they say goes to stderr.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, bail};
use migration::Task;
use serde::Deserialize;
use tempfile::TempDir;

use super::workspace::{FUNCTIONS, Workspace, cargo};
use super::{Architecture, Assets};
use crate::failure::Usage;

/// Binaries that were built.
pub(super) struct Built {
    executables: BTreeMap<String, PathBuf>,
    /// Where `cargo lambda` has put them; goes with this value.
    _folder: Option<TempDir>,
}

impl Built {
    /// The binary of a task.
    pub(super) fn executable(&self, task: Task) -> anyhow::Result<&Path> {
        let built = self.executables.get(task.binary()).map(PathBuf::as_path);
        built.with_context(|| {
            format!("expected cargo to build the binary {}, found none in what it has built", task.binary())
        })
    }
}

/// Builds the binaries of the tasks. What is only for a while stands below `folder`.
pub(super) fn build(workspace: &Workspace, assets: &Assets, folder: &Path) -> anyhow::Result<Built> {
    match builder(has_cargo_lambda(workspace), assets.architecture, own_architecture())? {
        Builder::CargoLambda => with_cargo_lambda(workspace, assets, folder),
        Builder::Cargo => with_cargo(workspace, assets.tasks),
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Builder {
    CargoLambda,
    Cargo,
}

/// Chooses the way; `own` is what plain cargo builds for here.
fn builder(has_cargo_lambda: bool, wanted: Architecture, own: Option<Architecture>) -> anyhow::Result<Builder> {
    if has_cargo_lambda {
        return Ok(Builder::CargoLambda);
    }
    if own == Some(wanted) {
        return Ok(Builder::Cargo);
    }
    let (here, otherwise) = match own {
        Some(own) => (own.to_string(), format!(", or choose --architecture {own}")),
        None => (format!("{} {}", std::env::consts::OS, std::env::consts::ARCH), String::new()),
    };
    bail!(Usage::new(format!(
        "expected cargo lambda, to build for {wanted} on this {here} machine, found none; install it with `pip install \
         cargo-lambda`{otherwise}"
    )))
}

/// Plain cargo links against this machine's C library: for Linux on Linux alone.
fn own_architecture() -> Option<Architecture> {
    match (std::env::consts::OS, std::env::consts::ARCH) {
        ("linux", "x86_64") => Some(Architecture::X86_64),
        ("linux", "aarch64") => Some(Architecture::Arm64),
        _ => None,
    }
}

fn has_cargo_lambda(workspace: &Workspace) -> bool {
    let mut asked = Command::new(cargo());
    asked.args(["lambda", "--version"]).current_dir(&workspace.root);
    asked.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    asked.status().is_ok_and(|status| status.success())
}

fn with_cargo_lambda(workspace: &Workspace, assets: &Assets, folder: &Path) -> anyhow::Result<Built> {
    let architecture = assets.architecture;
    // Of this build alone: another one would put its binaries in the same place.
    let folder = TempDir::new_in(folder).context("no folder can be made for the binaries")?;
    let mut build = Command::new(cargo());
    build.args(["lambda", "build", "--release", "--locked"]);
    // Otherwise it would add `panic = "abort"` to the profile of the root Cargo.toml, which says why not.
    build.arg("--disable-optimizations");
    build.arg(match architecture {
        Architecture::Arm64 => "--arm64",
        Architecture::X86_64 => "--x86-64",
    });
    build.arg("--lambda-dir").arg(folder.path());
    binaries(&mut build, assets.tasks);
    build.current_dir(&workspace.root).stdin(Stdio::null()).stdout(std::io::stderr());
    let status = build.status().context("cargo lambda can't be started")?;
    if !status.success() {
        bail!("cargo lambda could not build the functions for {architecture}: what it said stands above");
    }
    let executables = assets.tasks.iter().map(|task| {
        let name = task.binary();
        (name.to_owned(), folder.path().join(name).join("bootstrap"))
    });
    Ok(Built { executables: executables.collect(), _folder: Some(folder) })
}

/// A line of what `cargo build --message-format=json` says.
#[derive(Debug, Deserialize)]
struct Message {
    reason: String,
    target: Option<Target>,
    executable: Option<PathBuf>,
}

#[derive(Debug, Deserialize)]
struct Target {
    name: String,
}

fn with_cargo(workspace: &Workspace, tasks: &[Task]) -> anyhow::Result<Built> {
    let mut build = Command::new(cargo());
    build.args(["build", "--release", "--locked", "--message-format=json-render-diagnostics"]);
    binaries(&mut build, tasks);
    build.current_dir(&workspace.root).stdin(Stdio::null()).stderr(Stdio::inherit());
    let said = build.output().context("cargo can't be started")?;
    if !said.status.success() {
        bail!("cargo could not build the functions: what it said stands above");
    }
    // Only here stands where the binaries are: target folders can be moved in more than one way.
    let said = String::from_utf8_lossy(&said.stdout);
    let messages = said.lines().filter_map(|line| serde_json::from_str::<Message>(line).ok());
    let built = messages.filter(|message| message.reason == "compiler-artifact");
    let executables = built.filter_map(|message| Some((message.target?.name, message.executable?))).collect();
    Ok(Built { executables, _folder: None })
}

fn binaries(build: &mut Command, tasks: &[Task]) {
    build.args(["--package", FUNCTIONS]);
    for task in tasks {
        build.args(["--bin", task.binary()]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cargo_lambda_comes_first_and_plain_cargo_builds_for_its_own_machine() {
        let own = Some(Architecture::X86_64);
        assert_eq!(builder(true, Architecture::Arm64, own).unwrap(), Builder::CargoLambda);
        assert_eq!(builder(true, Architecture::X86_64, own).unwrap(), Builder::CargoLambda);
        assert_eq!(builder(false, Architecture::X86_64, own).unwrap(), Builder::Cargo);
    }

    #[test]
    fn a_missing_tool_is_named_with_its_install_command() {
        let error = builder(false, Architecture::Arm64, Some(Architecture::X86_64)).unwrap_err();
        assert!(error.downcast_ref::<Usage>().is_some());
        insta::assert_snapshot!(error, @"expected cargo lambda, to build for arm64 on this x86_64 machine, found none; install it with `pip install cargo-lambda`, or choose --architecture x86_64");
        let error = builder(false, Architecture::Arm64, None).unwrap_err().to_string();
        assert!(error.ends_with("`pip install cargo-lambda`"), "{error}");
    }
}
