//! The judge: what a run, or a history from anywhere, says about Kafka's guarantees, and how it is told.
//!
//! | where | what lives there |
//! |---|---|
//! | `check` | black-box checks of client histories, one file per family of anomalies |
//! | `policy` | what is legal under a configuration and the faults that were injected |
//! | `verdict` | both views together: findings with one root cause first, excuses, the outcome |

pub mod check;
pub mod policy;
pub mod verdict;
