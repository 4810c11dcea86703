//! One digest over everything that the functions are built from. It changes with every byte that can change a binary,
//! and with nothing else: not with tests, other crates, the place of the folder, the order in which it is listed, or the
//! line endings that Git has checked out.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;

use super::sha256;
use super::workspace::{FUNCTIONS, Workspace};

/// What the whole workspace is built with. Those that aren't there don't count.
const SHARED: [&str; 5] = ["Cargo.lock", "Cargo.toml", "rust-toolchain", "rust-toolchain.toml", ".cargo/config.toml"];
/// What a crate is built from; its tests, benches and examples are not in the functions.
const OWN: [&str; 3] = ["Cargo.toml", "build.rs", "src"];

/// SHA-256, in hexadecimal, of the functions' sources.
pub(super) fn digest(workspace: &Workspace) -> anyhow::Result<String> {
    let root = &workspace.root;
    let mut files = Vec::new();
    for name in SHARED {
        add(&root.join(name), &mut files)?;
    }
    for folder in workspace.folders_of(FUNCTIONS)? {
        for name in OWN {
            add(&folder.join(name), &mut files)?;
        }
    }
    Ok(together(files.iter().map(|file| line(root, file)).collect::<anyhow::Result<_>>()?))
}

/// Adds a file, or all files below a folder.
fn add(path: &Path, files: &mut Vec<PathBuf>) -> anyhow::Result<()> {
    let unread = || format!("the functions' sources can't be read: {}", path.display());
    if path.is_file() {
        files.push(path.to_owned());
    } else if path.is_dir() {
        for entry in fs::read_dir(path).with_context(unread)? {
            let entry = entry.with_context(unread)?;
            if !is_beside_the_point(&entry.file_name().to_string_lossy()) {
                add(&entry.path(), files)?;
            }
        }
    }
    Ok(())
}

/// Files of editors and of the system; snapshots, which only tests read.
fn is_beside_the_point(name: &str) -> bool {
    name.starts_with('.') || [".snap", ".snap.new", "~"].iter().any(|end| name.ends_with(end))
}

/// A file's name and digest, on a line of their own: so no two lists of files read the same.
fn line(root: &Path, file: &Path) -> anyhow::Result<String> {
    let content =
        fs::read(file).with_context(|| format!("the functions' sources can't be read: {}", file.display()))?;
    let name = file.strip_prefix(root).unwrap_or(file).to_string_lossy().replace('\\', "/");
    Ok(format!("{name} {}\n", sha256(&unix(&content))))
}

fn together(mut lines: Vec<String>) -> String {
    lines.sort_unstable();
    sha256(lines.concat().as_bytes())
}

/// The content with the line endings that Git has in its store.
fn unix(content: &[u8]) -> Vec<u8> {
    let mut text = Vec::with_capacity(content.len());
    for byte in content {
        if *byte == b'\n' && text.last() == Some(&b'\r') {
            text.pop();
        }
        text.push(*byte);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A workspace like ours, in small: `functions` stands on `migration`, whose tests stand on `embedded`.
    fn workspace() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, content: &str| {
            let file = folder.path().join(name);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, content).unwrap();
        };
        let member = |name: &str, dependencies: &str| {
            write(&format!("{name}/Cargo.toml"), &format!("[package]\nname = \"{name}\"\n{dependencies}"));
            write(&format!("{name}/src/lib.rs"), "//! A crate.\n");
            write(&format!("{name}/tests/it.rs"), "//! Tests.\n");
        };
        write(
            "Cargo.toml",
            "[workspace]\nresolver = \"3\"\nmembers = [\"functions\", \"migration\", \"embedded\", \"bin\"]\n",
        );
        write("Cargo.lock", "version = 4\n");
        member("functions", "[dependencies]\nmigration = { path = \"../migration\" }\n");
        member("migration", "[dev-dependencies]\nembedded = { path = \"../embedded\" }\n");
        member("embedded", "");
        member("bin", "[dependencies]\nfunctions = { path = \"../functions\" }\n");
        folder
    }

    fn digest_of(folder: &tempfile::TempDir) -> String {
        digest(&Workspace::at(&folder.path().join("bin")).unwrap()).unwrap()
    }

    /// What becomes of the digest when a file's content becomes another.
    fn after(folder: &tempfile::TempDir, file: &str, content: &str) -> String {
        let file = folder.path().join(file);
        let before = fs::read(&file).ok();
        fs::write(&file, content).unwrap();
        let digest = digest_of(folder);
        match before {
            Some(before) => fs::write(&file, before).unwrap(),
            None => fs::remove_file(&file).unwrap(),
        }
        digest
    }

    #[test]
    fn what_a_function_is_built_from_changes_the_digest() {
        let folder = workspace();
        let before = digest_of(&folder);
        for file in ["functions/src/lib.rs", "migration/src/lib.rs", "migration/src/new.rs", "functions/build.rs"] {
            assert_ne!(after(&folder, file, "//! Another.\n"), before, "{file}");
        }
        assert_ne!(after(&folder, "Cargo.lock", "version = 3\n"), before);
        assert_ne!(after(&folder, "rust-toolchain", "1.94.1\n"), before);
        assert_eq!(digest_of(&folder), before);
    }

    #[test]
    fn nothing_else_does() {
        let folder = workspace();
        let before = digest_of(&folder);
        for file in ["bin/src/lib.rs", "embedded/src/lib.rs", "migration/tests/it.rs", "README.md", "bin/src/new.rs"] {
            assert_eq!(after(&folder, file, "//! Another.\n"), before, "{file}");
        }
        assert_eq!(after(&folder, "migration/src/a.snap", "a snapshot"), before);
        assert_eq!(after(&folder, "migration/src/lib.rs", "//! A crate.\r\n"), before, "the line ending");
    }

    #[test]
    fn neither_the_place_nor_the_order_of_the_listing_matters() {
        assert_eq!(digest_of(&workspace()), digest_of(&workspace()));
        let lines = ["a 1\n", "b 2\n", "c 3\n"].map(str::to_owned);
        assert_eq!(together(lines.to_vec()), together(lines.iter().rev().cloned().collect()));
    }

    /// The list of crates comes from cargo; here it is held against what we know of ours.
    #[test]
    fn our_functions_are_built_from_three_crates() {
        let workspace = Workspace::ours().unwrap();
        let folders = workspace.folders_of(FUNCTIONS).unwrap();
        let names: Vec<_> = folders.iter().map(|folder| folder.file_name().unwrap().to_str().unwrap()).collect();
        assert_eq!(names, ["asl", "functions", "migration"]);
    }
}
