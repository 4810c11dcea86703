//! The note that a deployment leaves in its folder, by which `run` finds the stack. It is there as a whole or not at all.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::Context;
use migration::deployment::Deployment;

fn path(folder: &Path, migration: &str) -> PathBuf {
    folder.join(Deployment::file(migration))
}

/// Writes the note.
pub fn write(folder: &Path, migration: &str, deployment: &Deployment) -> anyhow::Result<()> {
    let path = path(folder, migration);
    let unwritten = || format!("the deployment can't be noted in {}, where `run` looks for it", path.display());
    let parent = path.parent().unwrap_or(folder);
    fs::create_dir_all(parent).with_context(unwritten)?;
    let mut file = tempfile::NamedTempFile::new_in(parent).with_context(unwritten)?;
    writeln!(file, "{}", serde_json::to_string_pretty(deployment)?).with_context(unwritten)?;
    file.as_file().sync_all().with_context(unwritten)?;
    file.persist(&path).map(drop).with_context(unwritten)
}

/// Reads it, if there is one.
pub fn read(folder: &Path, migration: &str) -> anyhow::Result<Option<Deployment>> {
    let path = path(folder, migration);
    let text = match fs::read_to_string(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        read => read.with_context(|| path.display().to_string())?,
    };
    serde_json::from_str(&text)
        .map(Some)
        .with_context(|| format!("{} is not the note of a deployment; delete it, and deploy again", path.display()))
}

/// Removes it; there need not be one.
pub fn remove(folder: &Path, migration: &str) -> anyhow::Result<()> {
    let path = path(folder, migration);
    match fs::remove_file(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed.with_context(|| format!("{} can't be removed", path.display())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn deployment(region: &str) -> Deployment {
        Deployment { stack: "Segue-films".into(), account: "123456789012".into(), region: region.into() }
    }

    #[test]
    fn a_note_is_read_as_it_was_written_and_can_go() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(read(folder.path(), "films").unwrap(), None);
        write(folder.path(), "films", &deployment("eu-central-1")).unwrap();
        write(folder.path(), "films", &deployment("eu-west-1")).unwrap();
        assert_eq!(read(folder.path(), "films").unwrap(), Some(deployment("eu-west-1")));
        let files = fs::read_dir(folder.path().join(".segue/deployments")).unwrap().count();
        assert_eq!(files, 1, "nothing temporary stays");
        remove(folder.path(), "films").unwrap();
        remove(folder.path(), "films").unwrap();
        assert_eq!(read(folder.path(), "films").unwrap(), None);
    }

    #[test]
    fn a_file_that_is_no_note_is_named() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join(".segue/deployments")).unwrap();
        fs::write(folder.path().join(".segue/deployments/films.json"), "{}").unwrap();
        let error = read(folder.path(), "films").unwrap_err().to_string();
        assert!(error.contains("films.json is not the note of a deployment"), "{error}");
    }
}
