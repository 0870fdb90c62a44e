//! What a run leaves under `--out`: each file whole or not at all.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::console::{Mistake, mistake};

/// A directory that was seen to take files.
#[derive(Debug, Clone)]
pub(super) struct OutDirectory(PathBuf);

impl OutDirectory {
    /// Makes the directory if it is not there, and sees whether files can be written: before a run, not after it.
    pub(super) fn open(path: &Path) -> Result<Self, Mistake> {
        let unusable = |error: io::Error| {
            let message = format!("failed to write to {}: {error}", path.display());
            mistake(message, "give `--out` a directory that can be made and written")
        };
        fs::create_dir_all(path).map_err(unusable)?;
        let probe = path.join(".harrow-probe");
        fs::write(&probe, b"").map_err(unusable)?;
        fs::remove_file(&probe).map_err(unusable)?;
        Ok(Self(path.to_owned()))
    }

    /// The path of a file in it.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Writes a file under another name and renames it, so that nobody sees half of it.
    pub(super) fn write(
        &self,
        name: &str,
        content: impl FnOnce(&mut dyn Write) -> io::Result<()>,
    ) -> Result<(), Mistake> {
        let (path, part) = (self.path(name), self.path(&format!(".{name}.part")));
        write_and_rename(&part, &path, content).map_err(|error| {
            // What is left of the part is of no use; that it cannot be removed changes nothing.
            let _ = fs::remove_file(&part);
            mistake(
                format!("failed to write {}: {error}", path.display()),
                "make room or give another `--out`",
            )
        })
    }
}

fn write_and_rename(
    part: &Path,
    path: &Path,
    content: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> io::Result<()> {
    let mut file = io::BufWriter::new(fs::File::create(part)?);
    content(&mut file)?;
    file.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
    fs::rename(part, path)
}
