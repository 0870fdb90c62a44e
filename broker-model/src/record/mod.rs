//! Record batches in Kafka's v2 format.

mod batch;

pub use batch::{BatchError, BatchHeader, Record, RecordBatch, RecordBatchBuilder};
