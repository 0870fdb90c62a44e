//! What bytes may lack to be a batch.

/// Why bytes are not a batch.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BatchError {
    /// Fewer bytes than the header or its length field say.
    #[error("read a batch of {wanted} bytes from {present}")]
    Truncated {
        /// Bytes needed.
        wanted: usize,
        /// Bytes there.
        present: usize,
    },
    /// The checksum is not that of the bytes.
    #[error("match checksum {stored:#010x} with computed {computed:#010x}")]
    Checksum {
        /// In the header.
        stored: u32,
        /// Of the bytes.
        computed: u32,
    },
    /// A field has a value that it cannot have.
    #[error("accept {field} {value}")]
    Field {
        /// Which.
        field: &'static str,
        /// Its value.
        value: i64,
    },
}
