//! `getrandom` 0.2 asks the kernel itself, which nobody can answer in its place; 0.3 asks the C library, as everybody
//! else does. There madsim gives each run chance of its own, by its seed.

use std::fmt;
use std::num::NonZeroU32;

/// Why there is no chance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Error(NonZeroU32);

impl Error {
    /// Its number.
    pub const fn code(self) -> NonZeroU32 {
        self.0
    }

    /// The operating system's number, if it is one.
    pub fn raw_os_error(self) -> Option<i32> {
        i32::try_from(self.0.get()).ok()
    }
}

impl From<NonZeroU32> for Error {
    fn from(code: NonZeroU32) -> Self {
        Self(code)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error {}", self.0)
    }
}

impl std::error::Error for Error {}

/// Fills a buffer by chance.
pub fn getrandom(buffer: &mut [u8]) -> Result<(), Error> {
    newer::fill(buffer).map_err(|_| Error(NonZeroU32::MIN))
}
