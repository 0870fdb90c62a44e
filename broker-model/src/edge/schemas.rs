//! The fields of each request that is served, in all versions: how each is written, not what it means. Source: the
//! message schemas of Kafka 4.1 (`clients/src/main/resources/common/message`).

use super::shape::Kind::{Blob, Fixed, List, OptionalStruct, Struct, Structs, Text};
use super::shape::{LAST, Schema, field, tagged};

#[rustfmt::skip]
pub(super) static PRODUCE: Schema = Schema { flexible_from: 9, rows: &[
    field(0, 3, LAST, Text),
    field(0, 0, LAST, Fixed(2)),
    field(0, 0, LAST, Fixed(4)),
    field(0, 0, LAST, Structs),
    field(1, 0, 12, Text),
    field(1, 13, LAST, Fixed(16)),
    field(1, 0, LAST, Structs),
    field(2, 0, LAST, Fixed(4)),
    field(2, 0, LAST, Blob),
]};

#[rustfmt::skip]
pub(super) static FETCH: Schema = Schema { flexible_from: 12, rows: &[
    tagged(0, 0, 12, LAST, Text),
    field(0, 0, 14, Fixed(4)),
    tagged(1, 0, 15, LAST, Struct),
    field(1, 15, LAST, Fixed(4)),
    field(1, 15, LAST, Fixed(8)),
    field(0, 0, LAST, Fixed(4)),
    field(0, 0, LAST, Fixed(4)),
    field(0, 3, LAST, Fixed(4)),
    field(0, 4, LAST, Fixed(1)),
    field(0, 7, LAST, Fixed(4)),
    field(0, 7, LAST, Fixed(4)),
    field(0, 0, LAST, Structs),
    field(1, 0, 12, Text),
    field(1, 13, LAST, Fixed(16)),
    field(1, 0, LAST, Structs),
    field(2, 0, LAST, Fixed(4)),
    field(2, 9, LAST, Fixed(4)),
    field(2, 0, LAST, Fixed(8)),
    field(2, 12, LAST, Fixed(4)),
    field(2, 5, LAST, Fixed(8)),
    field(2, 0, LAST, Fixed(4)),
    tagged(0, 2, 17, LAST, Fixed(16)),
    tagged(1, 2, 18, LAST, Fixed(8)),
    field(0, 7, LAST, Structs),
    field(1, 7, 12, Text),
    field(1, 13, LAST, Fixed(16)),
    field(1, 7, LAST, List),
    field(2, 0, LAST, Fixed(4)),
    field(0, 11, LAST, Text),
]};

#[rustfmt::skip]
pub(super) static LIST_OFFSETS: Schema = Schema { flexible_from: 6, rows: &[
    field(0, 0, LAST, Fixed(4)),
    field(0, 2, LAST, Fixed(1)),
    field(0, 0, LAST, Structs),
    field(1, 0, LAST, Text),
    field(1, 0, LAST, Structs),
    field(2, 0, LAST, Fixed(4)),
    field(2, 4, LAST, Fixed(4)),
    field(2, 0, LAST, Fixed(8)),
    field(2, 0, 0, Fixed(4)),
    field(0, 10, LAST, Fixed(4)),
]};

#[rustfmt::skip]
pub(super) static METADATA: Schema = Schema { flexible_from: 9, rows: &[
    field(0, 0, LAST, Structs),
    field(1, 10, LAST, Fixed(16)),
    field(1, 0, LAST, Text),
    field(0, 4, LAST, Fixed(1)),
    field(0, 8, 10, Fixed(1)),
    field(0, 8, LAST, Fixed(1)),
]};

#[rustfmt::skip]
pub(super) static OFFSET_COMMIT: Schema = Schema { flexible_from: 8, rows: &[
    field(0, 0, LAST, Text),
    field(0, 1, LAST, Fixed(4)),
    field(0, 1, LAST, Text),
    field(0, 7, LAST, Text),
    field(0, 2, 4, Fixed(8)),
    field(0, 0, LAST, Structs),
    field(1, 0, 9, Text),
    field(1, 10, LAST, Fixed(16)),
    field(1, 0, LAST, Structs),
    field(2, 0, LAST, Fixed(4)),
    field(2, 0, LAST, Fixed(8)),
    field(2, 6, LAST, Fixed(4)),
    field(2, 1, 1, Fixed(8)),
    field(2, 0, LAST, Text),
]};

#[rustfmt::skip]
pub(super) static OFFSET_FETCH: Schema = Schema { flexible_from: 6, rows: &[
    field(0, 0, 7, Text),
    field(0, 0, 7, Structs),
    field(1, 0, 7, Text),
    field(1, 0, 7, List),
    field(2, 0, LAST, Fixed(4)),
    field(0, 8, LAST, Structs),
    field(1, 8, LAST, Text),
    field(1, 9, LAST, Text),
    field(1, 9, LAST, Fixed(4)),
    field(1, 8, LAST, Structs),
    field(2, 8, 9, Text),
    field(2, 10, LAST, Fixed(16)),
    field(2, 8, LAST, List),
    field(3, 0, LAST, Fixed(4)),
    field(0, 7, LAST, Fixed(1)),
]};

#[rustfmt::skip]
pub(super) static FIND_COORDINATOR: Schema = Schema { flexible_from: 3, rows: &[
    field(0, 0, 3, Text),
    field(0, 1, LAST, Fixed(1)),
    field(0, 4, LAST, List),
    field(1, 0, LAST, Text),
]};

#[rustfmt::skip]
pub(super) static JOIN_GROUP: Schema = Schema { flexible_from: 6, rows: &[
    field(0, 0, LAST, Text),
    field(0, 0, LAST, Fixed(4)),
    field(0, 1, LAST, Fixed(4)),
    field(0, 0, LAST, Text),
    field(0, 5, LAST, Text),
    field(0, 0, LAST, Text),
    field(0, 0, LAST, Structs),
    field(1, 0, LAST, Text),
    field(1, 0, LAST, Blob),
    field(0, 8, LAST, Text),
]};

#[rustfmt::skip]
pub(super) static HEARTBEAT: Schema = Schema { flexible_from: 4, rows: &[
    field(0, 0, LAST, Text),
    field(0, 0, LAST, Fixed(4)),
    field(0, 0, LAST, Text),
    field(0, 3, LAST, Text),
]};

#[rustfmt::skip]
pub(super) static LEAVE_GROUP: Schema = Schema { flexible_from: 4, rows: &[
    field(0, 0, LAST, Text),
    field(0, 0, 2, Text),
    field(0, 3, LAST, Structs),
    field(1, 3, LAST, Text),
    field(1, 3, LAST, Text),
    field(1, 5, LAST, Text),
]};

#[rustfmt::skip]
pub(super) static SYNC_GROUP: Schema = Schema { flexible_from: 4, rows: &[
    field(0, 0, LAST, Text),
    field(0, 0, LAST, Fixed(4)),
    field(0, 0, LAST, Text),
    field(0, 3, LAST, Text),
    field(0, 5, LAST, Text),
    field(0, 5, LAST, Text),
    field(0, 0, LAST, Structs),
    field(1, 0, LAST, Text),
    field(1, 0, LAST, Blob),
]};

#[rustfmt::skip]
pub(super) static API_VERSIONS: Schema = Schema { flexible_from: 3, rows: &[
    field(0, 3, LAST, Text),
    field(0, 3, LAST, Text),
]};

#[rustfmt::skip]
pub(super) static CREATE_TOPICS: Schema = Schema { flexible_from: 5, rows: &[
    field(0, 0, LAST, Structs),
    field(1, 0, LAST, Text),
    field(1, 0, LAST, Fixed(4)),
    field(1, 0, LAST, Fixed(2)),
    field(1, 0, LAST, Structs),
    field(2, 0, LAST, Fixed(4)),
    field(2, 0, LAST, List),
    field(3, 0, LAST, Fixed(4)),
    field(1, 0, LAST, Structs),
    field(2, 0, LAST, Text),
    field(2, 0, LAST, Text),
    field(0, 0, LAST, Fixed(4)),
    field(0, 1, LAST, Fixed(1)),
]};

#[rustfmt::skip]
pub(super) static DELETE_RECORDS: Schema = Schema { flexible_from: 2, rows: &[
    field(0, 0, LAST, Structs),
    field(1, 0, LAST, Text),
    field(1, 0, LAST, Structs),
    field(2, 0, LAST, Fixed(4)),
    field(2, 0, LAST, Fixed(8)),
    field(0, 0, LAST, Fixed(4)),
]};

#[rustfmt::skip]
pub(super) static INIT_PRODUCER_ID: Schema = Schema { flexible_from: 2, rows: &[
    field(0, 0, LAST, Text),
    field(0, 0, LAST, Fixed(4)),
    field(0, 3, LAST, Fixed(8)),
    field(0, 3, LAST, Fixed(2)),
    field(0, 6, LAST, Fixed(1)),
    field(0, 6, LAST, Fixed(1)),
]};

#[rustfmt::skip]
pub(super) static OFFSET_FOR_LEADER_EPOCH: Schema = Schema { flexible_from: 4, rows: &[
    field(0, 3, LAST, Fixed(4)),
    field(0, 0, LAST, Structs),
    field(1, 0, LAST, Text),
    field(1, 0, LAST, Structs),
    field(2, 0, LAST, Fixed(4)),
    field(2, 2, LAST, Fixed(4)),
    field(2, 0, LAST, Fixed(4)),
]};

#[rustfmt::skip]
pub(super) static ADD_PARTITIONS_TO_TXN: Schema = Schema { flexible_from: 3, rows: &[
    field(0, 4, LAST, Structs),
    field(1, 4, LAST, Text),
    field(1, 4, LAST, Fixed(8)),
    field(1, 4, LAST, Fixed(2)),
    field(1, 4, LAST, Fixed(1)),
    field(1, 4, LAST, Structs),
    field(2, 0, LAST, Text),
    field(2, 0, LAST, List),
    field(3, 0, LAST, Fixed(4)),
    field(0, 0, 3, Text),
    field(0, 0, 3, Fixed(8)),
    field(0, 0, 3, Fixed(2)),
    field(0, 0, 3, Structs),
    field(1, 0, LAST, Text),
    field(1, 0, LAST, List),
    field(2, 0, LAST, Fixed(4)),
]};

#[rustfmt::skip]
pub(super) static ADD_OFFSETS_TO_TXN: Schema = Schema { flexible_from: 3, rows: &[
    field(0, 0, LAST, Text),
    field(0, 0, LAST, Fixed(8)),
    field(0, 0, LAST, Fixed(2)),
    field(0, 0, LAST, Text),
]};

#[rustfmt::skip]
pub(super) static END_TXN: Schema = Schema { flexible_from: 3, rows: &[
    field(0, 0, LAST, Text),
    field(0, 0, LAST, Fixed(8)),
    field(0, 0, LAST, Fixed(2)),
    field(0, 0, LAST, Fixed(1)),
]};

#[rustfmt::skip]
pub(super) static TXN_OFFSET_COMMIT: Schema = Schema { flexible_from: 3, rows: &[
    field(0, 0, LAST, Text),
    field(0, 0, LAST, Text),
    field(0, 0, LAST, Fixed(8)),
    field(0, 0, LAST, Fixed(2)),
    field(0, 3, LAST, Fixed(4)),
    field(0, 3, LAST, Text),
    field(0, 3, LAST, Text),
    field(0, 0, LAST, Structs),
    field(1, 0, LAST, Text),
    field(1, 0, LAST, Structs),
    field(2, 0, LAST, Fixed(4)),
    field(2, 0, LAST, Fixed(8)),
    field(2, 2, LAST, Fixed(4)),
    field(2, 0, LAST, Text),
]};

#[rustfmt::skip]
pub(super) static DESCRIBE_CLUSTER: Schema = Schema { flexible_from: 0, rows: &[
    field(0, 0, LAST, Fixed(1)),
    field(0, 1, LAST, Fixed(1)),
    field(0, 2, LAST, Fixed(1)),
]};

#[rustfmt::skip]
pub(super) static CONSUMER_GROUP_HEARTBEAT: Schema = Schema { flexible_from: 0, rows: &[
    field(0, 0, LAST, Text),
    field(0, 0, LAST, Text),
    field(0, 0, LAST, Fixed(4)),
    field(0, 0, LAST, Text),
    field(0, 0, LAST, Text),
    field(0, 0, LAST, Fixed(4)),
    field(0, 0, LAST, List),
    field(1, 0, LAST, Text),
    field(0, 1, LAST, Text),
    field(0, 0, LAST, Text),
    field(0, 0, LAST, Structs),
    field(1, 0, LAST, Fixed(16)),
    field(1, 0, LAST, List),
    field(2, 0, LAST, Fixed(4)),
]};

#[rustfmt::skip]
pub(super) static LIST_GROUPS: Schema = Schema { flexible_from: 3, rows: &[
    field(0, 4, LAST, List),
    field(1, 0, LAST, Text),
    field(0, 5, LAST, List),
    field(1, 0, LAST, Text),
]};

#[rustfmt::skip]
pub(super) static DESCRIBE_GROUPS: Schema = Schema { flexible_from: 5, rows: &[
    field(0, 0, LAST, List),
    field(1, 0, LAST, Text),
    field(0, 3, LAST, Fixed(1)),
]};

#[rustfmt::skip]
pub(super) static CONSUMER_GROUP_DESCRIBE: Schema = Schema { flexible_from: 0, rows: &[
    field(0, 0, LAST, List),
    field(1, 0, LAST, Text),
    field(0, 0, LAST, Fixed(1)),
]};

#[rustfmt::skip]
pub(super) static DELETE_GROUPS: Schema = Schema { flexible_from: 2, rows: &[
    field(0, 0, LAST, List),
    field(1, 0, LAST, Text),
]};

#[rustfmt::skip]
pub(super) static OFFSET_DELETE: Schema = Schema { flexible_from: LAST, rows: &[
    field(0, 0, LAST, Text),
    field(0, 0, LAST, Structs),
    field(1, 0, LAST, Text),
    field(1, 0, LAST, Structs),
    field(2, 0, LAST, Fixed(4)),
]};

#[rustfmt::skip]
pub(super) static LIST_TRANSACTIONS: Schema = Schema { flexible_from: 0, rows: &[
    field(0, 0, LAST, List),
    field(1, 0, LAST, Text),
    field(0, 0, LAST, List),
    field(1, 0, LAST, Fixed(8)),
    field(0, 1, LAST, Fixed(8)),
]};

#[rustfmt::skip]
pub(super) static DESCRIBE_TRANSACTIONS: Schema = Schema { flexible_from: 0, rows: &[
    field(0, 0, LAST, List),
    field(1, 0, LAST, Text),
]};

#[rustfmt::skip]
pub(super) static DESCRIBE_PRODUCERS: Schema = Schema { flexible_from: 0, rows: &[
    field(0, 0, LAST, Structs),
    field(1, 0, LAST, Text),
    field(1, 0, LAST, List),
    field(2, 0, LAST, Fixed(4)),
]};

#[rustfmt::skip]
pub(super) static WRITE_TXN_MARKERS: Schema = Schema { flexible_from: 1, rows: &[
    field(0, 0, LAST, Structs),
    field(1, 0, LAST, Fixed(8)),
    field(1, 0, LAST, Fixed(2)),
    field(1, 0, LAST, Fixed(1)),
    field(1, 0, LAST, Structs),
    field(2, 0, LAST, Text),
    field(2, 0, LAST, List),
    field(3, 0, LAST, Fixed(4)),
    field(1, 0, LAST, Fixed(4)),
]};

#[rustfmt::skip]
pub(super) static DELETE_TOPICS: Schema = Schema { flexible_from: 4, rows: &[
    field(0, 6, LAST, Structs),
    field(1, 6, LAST, Text),
    field(1, 6, LAST, Fixed(16)),
    field(0, 0, 5, List),
    field(1, 0, LAST, Text),
    field(0, 0, LAST, Fixed(4)),
]};

#[rustfmt::skip]
pub(super) static DESCRIBE_CONFIGS: Schema = Schema { flexible_from: 4, rows: &[
    field(0, 0, LAST, Structs),
    field(1, 0, LAST, Fixed(1)),
    field(1, 0, LAST, Text),
    field(1, 0, LAST, List),
    field(2, 0, LAST, Text),
    field(0, 1, LAST, Fixed(1)),
    field(0, 3, LAST, Fixed(1)),
]};

#[rustfmt::skip]
pub(super) static CREATE_PARTITIONS: Schema = Schema { flexible_from: 2, rows: &[
    field(0, 0, LAST, Structs),
    field(1, 0, LAST, Text),
    field(1, 0, LAST, Fixed(4)),
    field(1, 0, LAST, Structs),
    field(2, 0, LAST, List),
    field(3, 0, LAST, Fixed(4)),
    field(0, 0, LAST, Fixed(4)),
    field(0, 0, LAST, Fixed(1)),
]};

#[rustfmt::skip]
pub(super) static ALTER_PARTITION_REASSIGNMENTS: Schema = Schema { flexible_from: 0, rows: &[
    field(0, 0, LAST, Fixed(4)),
    field(0, 1, LAST, Fixed(1)),
    field(0, 0, LAST, Structs),
    field(1, 0, LAST, Text),
    field(1, 0, LAST, Structs),
    field(2, 0, LAST, Fixed(4)),
    field(2, 0, LAST, List),
    field(3, 0, LAST, Fixed(4)),
]};

#[rustfmt::skip]
pub(super) static LIST_PARTITION_REASSIGNMENTS: Schema = Schema { flexible_from: 0, rows: &[
    field(0, 0, LAST, Fixed(4)),
    field(0, 0, LAST, Structs),
    field(1, 0, LAST, Text),
    field(1, 0, LAST, List),
    field(2, 0, LAST, Fixed(4)),
]};

#[rustfmt::skip]
pub(super) static UNREGISTER_BROKER: Schema = Schema { flexible_from: 0, rows: &[
    field(0, 0, LAST, Fixed(4)),
]};

#[rustfmt::skip]
pub(super) static ALTER_CONFIGS: Schema = Schema { flexible_from: 2, rows: &[
    field(0, 0, LAST, Structs),
    field(1, 0, LAST, Fixed(1)),
    field(1, 0, LAST, Text),
    field(1, 0, LAST, Structs),
    field(2, 0, LAST, Text),
    field(2, 0, LAST, Text),
    field(0, 0, LAST, Fixed(1)),
]};

#[rustfmt::skip]
pub(super) static INCREMENTAL_ALTER_CONFIGS: Schema = Schema { flexible_from: 1, rows: &[
    field(0, 0, LAST, Structs),
    field(1, 0, LAST, Fixed(1)),
    field(1, 0, LAST, Text),
    field(1, 0, LAST, Structs),
    field(2, 0, LAST, Text),
    field(2, 0, LAST, Fixed(1)),
    field(2, 0, LAST, Text),
    field(0, 0, LAST, Fixed(1)),
]};

#[rustfmt::skip]
pub(super) static ELECT_LEADERS: Schema = Schema { flexible_from: 2, rows: &[
    field(0, 1, LAST, Fixed(1)),
    field(0, 0, LAST, Structs),
    field(1, 0, LAST, Text),
    field(1, 0, LAST, List),
    field(2, 0, LAST, Fixed(4)),
    field(0, 0, LAST, Fixed(4)),
]};

#[rustfmt::skip]
pub(super) static DESCRIBE_TOPIC_PARTITIONS: Schema = Schema { flexible_from: 0, rows: &[
    field(0, 0, LAST, Structs),
    field(1, 0, LAST, Text),
    field(0, 0, LAST, Fixed(4)),
    field(0, 0, LAST, OptionalStruct),
    field(1, 0, LAST, Text),
    field(1, 0, LAST, Fixed(4)),
]};
