//! Rule tables.
