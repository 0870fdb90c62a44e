//! Producer snapshots as they lie on the disk.

use std::collections::BTreeMap;

use bytes::Bytes;

use crate::types::Offset;

/// The snapshot files that are on disk, with their content, by the offset below which they hold
/// everything.
pub(crate) type Snapshots = BTreeMap<Offset, Bytes>;
