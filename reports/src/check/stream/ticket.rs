//! Names of operations that are open.

/// Names an operation that has begun; chosen by the caller, who gives no number twice. Lower ones began earlier.
pub type Ticket = u64;
