//! What cargo knows of a workspace: its crates, which of them stand on which, and where it builds. Read without network.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail};
use serde::Deserialize;

use crate::failure::Usage;

/// The crate that holds the functions' binaries.
pub(super) const FUNCTIONS: &str = "functions";

/// A workspace, as `cargo metadata` tells of it.
#[derive(Debug, Deserialize)]
pub(super) struct Workspace {
    #[serde(rename = "workspace_root")]
    pub(super) root: PathBuf,
    #[serde(rename = "target_directory")]
    pub(super) target: PathBuf,
    packages: Vec<Package>,
}

#[derive(Debug, Deserialize)]
struct Package {
    name: String,
    manifest_path: PathBuf,
    dependencies: Vec<Dependency>,
}

#[derive(Debug, Deserialize)]
struct Dependency {
    /// `dev`, `build`, or nothing.
    kind: Option<String>,
    /// Only of dependencies that are folders.
    path: Option<PathBuf>,
}

impl Workspace {
    /// The one that this program was built in.
    pub(super) fn ours() -> anyhow::Result<Self> {
        Self::at(Path::new(env!("CARGO_MANIFEST_DIR")))
    }

    /// The one that a folder belongs to.
    pub(super) fn at(folder: &Path) -> anyhow::Result<Self> {
        if !folder.is_dir() {
            let message = format!("expected the sources in {}, found no such folder", folder.display());
            bail!(Usage::new(format!(
                "{message}; build this program anew where the sources are, with `cargo run -p infra`"
            )));
        }
        let told = Command::new(cargo())
            .args(["metadata", "--format-version", "1", "--no-deps", "--offline"])
            .current_dir(folder)
            .output()
            .context(Usage::new(
                "expected cargo, which knows the crates of this workspace; install Rust from https://rustup.rs",
            ))?;
        if !told.status.success() {
            bail!(
                "cargo can't read the workspace in {}:\n{}",
                folder.display(),
                String::from_utf8_lossy(&told.stderr).trim()
            );
        }
        serde_json::from_slice(&told.stdout).context("what cargo metadata has said can't be read")
    }

    /// The folders of the crates that a crate is built from: its own, and those of its dependencies in the workspace
    /// and beside it. What only tests need isn't among them.
    pub(super) fn folders_of(&self, name: &str) -> anyhow::Result<BTreeSet<&Path>> {
        let folder = |package: &'_ Package| package.manifest_path.parent().map(Path::to_path_buf);
        let first = self.packages.iter().find(|package| package.name == name);
        let first = first.with_context(|| format!("expected a crate {name} in {}, found none", self.root.display()))?;
        let mut waiting = vec![first];
        let mut found = BTreeSet::new();
        while let Some(package) = waiting.pop() {
            let Some(here) = package.manifest_path.parent() else { continue };
            if !found.insert(here) {
                continue;
            }
            let needed = package.dependencies.iter().filter(|dependency| dependency.kind.as_deref() != Some("dev"));
            for path in needed.filter_map(|dependency| dependency.path.as_deref()) {
                let package = self.packages.iter().find(|package| folder(package).as_deref() == Some(path));
                // Cargo describes the members alone: of a folder elsewhere we don't know what it stands on.
                waiting.push(package.with_context(|| {
                    format!("expected {} to be a member of the workspace: a function is built from it", path.display())
                })?);
            }
        }
        Ok(found)
    }
}

/// The cargo that has started us, or the one in the PATH.
pub(super) fn cargo() -> OsString {
    std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}
