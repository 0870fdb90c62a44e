//! What a run leaves under `--out`: each file whole or not at all, and those that belong together all or none.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::console::{Failure, Mistake, mistake};
use crate::whole_file::{Part, is_special, place_all, write_part, write_whole};

/// A directory that was seen to take files.
#[derive(Debug, Clone)]
pub(super) struct OutDirectory {
    path: PathBuf,
    /// The option that names it.
    option: &'static str,
    /// It and those above it that were not there before, itself first.
    made: Vec<PathBuf>,
}

impl OutDirectory {
    /// Makes the directory if it is not there, and sees whether files can be written: before a run, not after it.
    pub(super) fn open(path: &Path) -> Result<Self, Mistake> {
        Self::open_as("--out", path)
    }

    /// The same of a directory that another option names.
    pub(super) fn open_as(option: &'static str, path: &Path) -> Result<Self, Mistake> {
        let unusable = |error: io::Error| {
            let message = format!("failed to write to {}: {error}", path.display());
            mistake(message, format!("give `{option}` a directory that can be made and written"))
        };
        let above = path.ancestors().filter(|it| !it.as_os_str().is_empty());
        let made = above.take_while(|it| !it.exists()).map(Path::to_owned).collect();
        fs::create_dir_all(path).map_err(unusable)?;
        probe(path).map_err(unusable)?;
        Ok(Self { path: path.to_owned(), option, made })
    }

    /// Takes away what was made for files that there are none of. What has something in it stays.
    pub(super) fn unmake(self) {
        for directory in &self.made {
            if fs::remove_dir(directory).is_err() {
                break;
            }
        }
    }

    /// Sees whether files of these names can be written there: before a long search, not after it.
    pub(super) fn probe_files(&self, names: &[&str]) -> Result<(), Mistake> {
        let probe = |name: &&str| {
            let path = self.path(name);
            probe_file(&path).map_err(|error| self.unwritable(&path, &error))
        };
        names.iter().try_for_each(probe)
    }

    /// The path of a file in it.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Writes a file of it, whole or not at all.
    pub(super) fn write(
        &self,
        name: &str,
        content: impl FnOnce(&mut dyn Write) -> io::Result<()>,
    ) -> Result<(), Mistake> {
        let path = self.path(name);
        write_whole(&path, content).map_err(|error| self.unwritable(&path, &error))
    }

    /// Begins files of it that belong together.
    pub(super) fn together(&self) -> Together<'_> {
        Together { out: self, parts: Vec::new() }
    }

    fn unwritable(&self, path: &Path, error: &io::Error) -> Mistake {
        mistake(
            format!("failed to write {}: {error}", path.display()),
            format!("make room or give another `{}`", self.option),
        )
    }
}

/// Whether a directory takes files.
fn probe(directory: &Path) -> io::Result<()> {
    let probe = directory.join(".harrow-probe");
    fs::write(&probe, b"")?;
    fs::remove_file(&probe)
}

/// Whether a file could be written there: before a run, not after it.
pub(super) fn probe_file(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return Err(io::Error::from(io::ErrorKind::IsADirectory));
    }
    if is_special(path) {
        return Ok(());
    }
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    probe(directory.unwrap_or(Path::new(".")))
}

/// Whether two paths name one file, which may not be there yet.
pub(super) fn is_same_file(one: &Path, other: &Path) -> bool {
    let whole = |path: &Path| {
        fs::canonicalize(path).ok().or_else(|| {
            let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
            let parent = fs::canonicalize(parent.unwrap_or(Path::new("."))).ok()?;
            Some(parent.join(path.file_name()?))
        })
    };
    one == other || whole(one).is_some_and(|path| whole(other) == Some(path))
}

/// Why a file that was asked for is not there.
pub(super) fn unwritable(path: &Path, error: &io::Error) -> Failure {
    let message = format!("failed to write {}: {error}", path.display());
    mistake(message, "give a path in a directory that is there and can be written").into()
}

/// Files of a directory that belong together: none takes its place before all are whole.
pub(super) struct Together<'a> {
    out: &'a OutDirectory,
    /// Each, with the path by which it was asked for.
    parts: Vec<(PathBuf, Part)>,
}

impl Together<'_> {
    /// Writes one of them; who places them all later sees it.
    pub(super) fn write(
        &mut self,
        name: &str,
        content: impl FnOnce(&mut dyn Write) -> io::Result<()>,
    ) -> Result<(), Mistake> {
        let path = self.out.path(name);
        let part =
            write_part(&path, content).map_err(|error| self.out.unwritable(&path, &error))?;
        self.parts.extend(part.map(|part| (path, part)));
        Ok(())
    }

    /// Gives each its place, in the order in which they were written.
    pub(super) fn place(self) -> Result<(), Mistake> {
        place_all(&self.parts).map_err(|(path, error)| self.out.unwritable(path, &error))
    }
}
