//! Files that are written whole or not at all, and leave nothing behind when the process is ended meanwhile.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Whether it is a device or a pipe, such as `/dev/stdout`: something to write into, and not to replace.
pub(crate) fn is_special(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|there| !there.is_file() && !there.is_dir())
}

/// Writes a file under another name and renames it, so that nobody sees half of it. Who names a link has the file
/// behind it replaced; a device or a pipe is written into.
pub(crate) fn write_whole(
    path: &Path,
    content: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> io::Result<()> {
    write_part(path, content)?.map_or(Ok(()), |part| part.place())
}

/// Files that are not whole or have no place yet. Who ends the process removes them; who holds it lets none begin and
/// none take its place.
static UNFINISHED: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

fn unfinished() -> MutexGuard<'static, Vec<PathBuf>> {
    UNFINISHED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Removes all files that are not whole or have no place yet; there are no others as long as the answer is held.
pub(crate) fn remove_unfinished() -> MutexGuard<'static, Vec<PathBuf>> {
    let mut left = unfinished();
    for file in left.drain(..) {
        // What cannot be removed is of no use, and changes nothing.
        let _ = fs::remove_file(file);
    }
    left
}

/// A file that is whole, but for its name.
pub(crate) struct Part {
    written: PathBuf,
    place: PathBuf,
}

impl Part {
    /// Begins a file that is to have that place.
    fn begin(place: PathBuf) -> io::Result<(Self, fs::File)> {
        let name = place.file_name().ok_or(io::ErrorKind::IsADirectory)?;
        let written = place.with_file_name(format!(".{}.part", name.to_string_lossy()));
        let mut left = unfinished();
        let file = fs::File::create(&written)?;
        left.push(written.clone());
        Ok((Self { written, place }, file))
    }

    fn place(&self) -> io::Result<()> {
        fs::rename(&self.written, &self.place)
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        let mut left = unfinished();
        left.retain(|file| *file != self.written);
        // Once it has its place there is nothing to remove; what cannot be removed is of no use, and changes nothing.
        let _ = fs::remove_file(&self.written);
    }
}

/// Writes a file under another name; none if it was a device or a pipe, which is written into.
pub(crate) fn write_part(
    path: &Path,
    content: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> io::Result<Option<Part>> {
    if is_special(path) {
        let mut file = io::BufWriter::new(fs::OpenOptions::new().write(true).open(path)?);
        content(&mut file)?;
        return file.flush().map(|()| None);
    }
    let place = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    if place.is_dir() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    let (part, file) = Part::begin(place)?;
    let mut file = io::BufWriter::new(file);
    content(&mut file)?;
    file.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
    Ok(Some(part))
}

/// Gives files their places, in the order in which they were written: nobody ends the process in between. Each has the
/// path by which it was asked for, which the error names.
pub(crate) fn place_all(parts: &[(PathBuf, Part)]) -> Result<(), (&Path, io::Error)> {
    let _all_or_none = unfinished();
    parts.iter().try_for_each(|(path, part)| part.place().map_err(|error| (path.as_path(), error)))
}
