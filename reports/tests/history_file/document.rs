//! The examples in HISTORY.md are histories, with the verdicts that it tells.
