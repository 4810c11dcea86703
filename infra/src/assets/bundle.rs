//! From sources to zip files: builds the functions' binaries, and gives out none that the functions' processor or
//! Amazon Linux 2023 could not run. A zip file is the same to the byte for the same binary, appears whole or not at
//! all, and may be asked for by several processes at once.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Cursor, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail, ensure};
use migration::Task;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipWriter};

use super::workspace::Workspace;
use super::{Assets, binary, build, sources};

/// What Lambda starts in a function of the runtime `provided.al2023`.
const ENTRY: &str = "bootstrap";

/// Builds the functions at once, and gives the zip file of each.
pub fn bundle_all(assets: &Assets) -> anyhow::Result<BTreeMap<Task, PathBuf>> {
    bundle_tasks(assets, assets.tasks)
}

/// Builds one function, and gives its zip file.
pub fn bundle(assets: &Assets, task: Task) -> anyhow::Result<PathBuf> {
    let mut files = bundle_tasks(assets, &[task])?;
    files.remove(&task).with_context(|| format!("{task} was not built"))
}

fn bundle_tasks(assets: &Assets, tasks: &[Task]) -> anyhow::Result<BTreeMap<Task, PathBuf>> {
    let workspace = Workspace::ours()?;
    let folder = workspace.target.join("segue");
    fs::create_dir_all(&folder).with_context(|| format!("the folder {} can't be made", folder.display()))?;
    unchanged(&workspace, assets, "the functions' sources are no longer those of the template")?;
    // All of them, even for one: callers that wait for each other's build then find theirs done.
    let built = build::build(&workspace, assets, &folder)?;
    // An editor may have been at work meanwhile; the zip file would bear the name of other sources.
    unchanged(&workspace, assets, "the functions' sources have changed while they were built")?;
    let mut files = BTreeMap::new();
    for task in tasks {
        let content = fs::read(built.executable(*task)?).with_context(|| format!("the binary of {task}"))?;
        binary::check(&content, assets.architecture).with_context(|| format!("the binary of {task} can't be used"))?;
        let file = folder.join(assets.key(*task));
        write_whole(&file, &zipped(&content)?).with_context(|| format!("{} can't be written", file.display()))?;
        files.insert(*task, file);
    }
    Ok(files)
}

fn unchanged(workspace: &Workspace, assets: &Assets, otherwise: &str) -> anyhow::Result<()> {
    ensure!(sources::digest(workspace)? == assets.sources, "{otherwise}; begin again");
    Ok(())
}

fn zipped(binary: &[u8]) -> anyhow::Result<Vec<u8>> {
    // The earliest time that a zip file can hold: it must not depend on when it was made.
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .last_modified_time(DateTime::DEFAULT)
        .unix_permissions(0o755);
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    zip.start_file(ENTRY, options)?;
    zip.write_all(binary)?;
    Ok(zip.finish()?.into_inner())
}

/// Under a name of its own first: who reads the file while another process writes it reads a whole one.
fn write_whole(file: &Path, content: &[u8]) -> anyhow::Result<()> {
    let Some(folder) = file.parent() else { bail!("{} is no file", file.display()) };
    let mut whole = tempfile::NamedTempFile::new_in(folder)?;
    whole.write_all(content)?;
    whole.persist(file)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    #[test]
    fn a_zip_file_holds_an_executable_bootstrap_and_no_time() {
        let content = zipped(b"a binary").unwrap();
        assert_eq!(content, zipped(b"a binary").unwrap());
        let mut zip = zip::ZipArchive::new(Cursor::new(content)).unwrap();
        assert_eq!(zip.len(), 1);
        let mut entry = zip.by_name(ENTRY).unwrap();
        assert_eq!(entry.unix_mode().unwrap() & 0o777, 0o755);
        assert_eq!(entry.last_modified().unwrap().year(), 1980);
        let mut read = Vec::new();
        entry.read_to_end(&mut read).unwrap();
        assert_eq!(read, b"a binary");
    }

    #[test]
    fn who_writes_at_once_corrupts_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.zip");
        let contents = [vec![1; 1 << 20], vec![2; 1 << 20]];
        std::thread::scope(|scope| {
            for content in &contents {
                scope.spawn(|| (0..20).for_each(|_| write_whole(&file, content).unwrap()));
            }
            for _ in 0..200 {
                if let Ok(read) = fs::read(&file) {
                    assert!(contents.contains(&read), "{} bytes", read.len());
                }
            }
        });
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left beside it");
    }
}
