//! Record batches in Kafka's v2 format: the bytes, with the header parsed once.
//!
//! | file | what lives there |
//! |---|---|
//! | `batch` | a whole batch, and how bytes become one |
//! | `header` | the 61 bytes that brokers read, and the checks on them |
//! | `body` | the records, which only clients and the metadata log read |
//! | `builder` | putting records together into a batch |
//! | `cleaned` | what the cleaner leaves of a batch |
//! | `error` | what bytes may lack to be a batch |
//! | `marker` | what ends a transaction on a partition |
//! | `value` | values that can be traced to the write they came from |
//! | `varint` | zigzag variable-length integers |

mod batch;
mod body;
mod builder;
mod cleaned;
mod error;
mod header;
mod marker;
mod value;
mod varint;

pub use batch::RecordBatch;
pub use body::{Record, RecordView};
pub use builder::RecordBatchBuilder;
pub use error::BatchError;
pub use header::BatchHeader;
pub(crate) use header::LENGTH_PREFIX;
pub use marker::{TransactionMarker, TransactionResult};
