//! [`ObjectStore`]: a folder that stands for an S3 bucket.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::Embedded;
use crate::error::{Error, ErrorKind, Result};

/// Where objects wait until they are whole. No key can name it.
const INCOMING: &str = ".incoming";

/// Objects in a folder, under keys with slashes. A reader sees an object whole or not at all.
///
/// Unlike S3, a key can't also be the folder of other keys, and no part of a key is empty or begins with a dot.
#[derive(Debug, Clone)]
pub struct ObjectStore {
    root: Arc<PathBuf>,
    /// A temporary database's folder stays as long as its objects are in use.
    keeps: Option<Embedded>,
}

impl ObjectStore {
    /// The objects in a folder, which is made on the first write.
    pub fn at(root: impl Into<PathBuf>) -> Self {
        Self { root: Arc::new(root.into()), keeps: None }
    }

    /// The objects under a folder of this one, by the rest of their keys.
    pub(crate) fn folder(&self, name: &str) -> Self {
        Self { root: Arc::new(self.root.join(name)), keeps: self.keeps.clone() }
    }

    pub(crate) fn of(embedded: &Embedded, root: PathBuf) -> Self {
        Self { root: Arc::new(root), keeps: Some(embedded.clone()) }
    }

    /// Writes an object, in place of any under the same key.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] for a key that leads out of the folder, [`ErrorKind::Io`].
    pub async fn put(&self, key: &str, object: impl Into<Vec<u8>>) -> Result<()> {
        let (path, object) = (self.path(key)?, object.into());
        self.run(move |root| {
            let incoming = root.join(INCOMING);
            fs::create_dir_all(&incoming)?;
            fs::create_dir_all(path.parent().unwrap_or(root))?;
            let mut file = tempfile::NamedTempFile::new_in(incoming)?;
            file.write_all(&object)?;
            file.as_file().sync_data()?;
            file.persist(&path).map_err(|error| error.error)?;
            Ok(())
        })
        .await
    }

    /// Reads an object.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] when there is none, [`ErrorKind::Invalid`], [`ErrorKind::Io`].
    pub async fn get(&self, key: &str) -> Result<Vec<u8>> {
        let path = self.path(key)?;
        let read = self.run(move |_| fs::read(path)).await;
        read.map_err(|error| match error.kind() {
            ErrorKind::NotFound => Error::because(ErrorKind::NotFound, format!("there is no object {key}"), error),
            _ => error,
        })
    }

    /// The keys that begin with a prefix, in their order.
    ///
    /// # Errors
    /// [`ErrorKind::Io`].
    pub async fn list(&self, prefix: &str) -> Result<Vec<String>> {
        let prefix = prefix.to_owned();
        self.run(move |root| {
            let mut keys = Vec::new();
            collect(root, "", &mut keys)?;
            keys.retain(|key| key.starts_with(&prefix));
            keys.sort_unstable();
            Ok(keys)
        })
        .await
    }

    /// Removes an object. As on S3 it is no error if there is none.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`], [`ErrorKind::Io`].
    pub async fn delete(&self, key: &str) -> Result<()> {
        let path = self.path(key)?;
        let removed = self.run(move |_| fs::remove_file(path)).await;
        removed.or_else(|error| if error.kind() == ErrorKind::NotFound { Ok(()) } else { Err(error) })
    }

    fn path(&self, key: &str) -> Result<PathBuf> {
        let sound = |part: &str| !part.is_empty() && !part.starts_with('.') && !part.contains(['\\', ':', '\0']);
        if !key.split('/').all(sound) {
            return Err(Error::new(
                ErrorKind::Invalid,
                format!(
                    "{key:?} can't be an object's key; expected names with slashes between, none of them empty \
                         or beginning with a dot"
                ),
            ));
        }
        Ok(self.root.join(key))
    }

    async fn run<T: Send + 'static>(&self, run: impl FnOnce(&Path) -> io::Result<T> + Send + 'static) -> Result<T> {
        let root = self.root.clone();
        let done = match &self.keeps {
            // A simulation takes one course each time, whatever other threads do.
            Some(embedded) if embedded.is_on_own_thread() => run(&root),
            _ => {
                let done = tokio::task::spawn_blocking(move || run(&root)).await;
                done.unwrap_or_else(|error| Err(io::Error::other(error)))
            }
        };
        done.map_err(|error| {
            let kind = if error.kind() == io::ErrorKind::NotFound { ErrorKind::NotFound } else { ErrorKind::Io };
            Error::because(kind, "the object store's folder can't be used", error)
        })
    }
}

fn collect(folder: &Path, prefix: &str, keys: &mut Vec<String>) -> io::Result<()> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name();
        let Some(name) = name.to_str().filter(|name| !name.starts_with('.')) else { continue };
        if entry.file_type()?.is_dir() {
            collect(&entry.path(), &format!("{prefix}{name}/"), keys)?;
        } else {
            keys.push(format!("{prefix}{name}"));
        }
    }
    Ok(())
}
