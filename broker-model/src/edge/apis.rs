//! Which APIs and versions are served, and which are advertised: Kafka 4.1's, as far as the model has them.
//!
//! Advertised are versions of `Produce` that are not served: librdkafka compresses only for brokers that name them
//! (KAFKA-18659). Protocol version 2 of transactions (KIP-890) is a matter of request versions, too: they are offered
//! only where the cluster has it, and then a transaction can be ended by no older one, since its end gives the next
//! epoch. Kafka serves both in one cluster. `ListTransactions` by a regular expression (version 2) is not served.

use std::ops::RangeInclusive;

use super::schemas;
use super::shape::Schema;

pub use kafka_protocol::messages::ApiKey;

/// An API as it is served.
#[derive(Debug, Clone, Copy)]
pub struct ServedApi {
    /// Which.
    pub key: ApiKey,
    /// First version that is advertised.
    pub advertised_from: i16,
    /// First version that is served.
    pub from: i16,
    /// Last version that is served and advertised.
    pub until: i16,
    pub(super) schema: &'static Schema,
}

/// `transaction.version`, the finalized feature of a cluster: which protocol of transactions it speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TransactionVersion(pub u16);

impl TransactionVersion {
    /// Whether each transaction has an epoch of its own. Source: KIP-890.
    pub fn bumps_epoch(self) -> bool {
        self.0 >= 2
    }
}

impl ServedApi {
    /// The versions that are served in a cluster. Source: `LAST_STABLE_VERSION_BEFORE_TRANSACTION_V2` of Kafka's
    /// requests.
    #[expect(clippy::wildcard_enum_match_arm, reason = "of the other APIs nothing depends on it")]
    pub fn versions(&self, transactions: TransactionVersion) -> RangeInclusive<i16> {
        let Self { from, until, .. } = *self;
        match self.key {
            ApiKey::EndTxn if transactions.bumps_epoch() => until..=until,
            ApiKey::Produce | ApiKey::EndTxn | ApiKey::TxnOffsetCommit
                if !transactions.bumps_epoch() =>
            {
                from..=until - 1
            }
            _ => from..=until,
        }
    }

    /// The versions that are advertised in a cluster.
    pub fn advertised(&self, transactions: TransactionVersion) -> RangeInclusive<i16> {
        let (from, until) = self.versions(transactions).into_inner();
        // Those that are advertised beyond the served ones lie right before them.
        from - (self.from - self.advertised_from)..=until
    }
}

const fn api(key: ApiKey, from: i16, until: i16, schema: &'static Schema) -> ServedApi {
    ServedApi { key, advertised_from: from, from, until, schema }
}

/// Every API that is served, in order of their keys. Source: the `validVersions` of Kafka 4.1's requests.
static SERVED: [ServedApi; 41] = [
    ServedApi { advertised_from: 0, ..api(ApiKey::Produce, 3, 12, &schemas::PRODUCE) },
    api(ApiKey::Fetch, 4, 18, &schemas::FETCH),
    api(ApiKey::ListOffsets, 1, 10, &schemas::LIST_OFFSETS),
    api(ApiKey::Metadata, 0, 13, &schemas::METADATA),
    api(ApiKey::OffsetCommit, 2, 9, &schemas::OFFSET_COMMIT),
    api(ApiKey::OffsetFetch, 1, 9, &schemas::OFFSET_FETCH),
    api(ApiKey::FindCoordinator, 0, 6, &schemas::FIND_COORDINATOR),
    api(ApiKey::JoinGroup, 0, 9, &schemas::JOIN_GROUP),
    api(ApiKey::Heartbeat, 0, 4, &schemas::HEARTBEAT),
    api(ApiKey::LeaveGroup, 0, 5, &schemas::LEAVE_GROUP),
    api(ApiKey::SyncGroup, 0, 5, &schemas::SYNC_GROUP),
    api(ApiKey::DescribeGroups, 0, 6, &schemas::DESCRIBE_GROUPS),
    api(ApiKey::ListGroups, 0, 5, &schemas::LIST_GROUPS),
    api(ApiKey::ApiVersions, 0, 4, &schemas::API_VERSIONS),
    api(ApiKey::CreateTopics, 2, 7, &schemas::CREATE_TOPICS),
    api(ApiKey::DeleteTopics, 1, 6, &schemas::DELETE_TOPICS),
    api(ApiKey::DeleteRecords, 0, 2, &schemas::DELETE_RECORDS),
    api(ApiKey::InitProducerId, 0, 5, &schemas::INIT_PRODUCER_ID),
    api(ApiKey::OffsetForLeaderEpoch, 2, 4, &schemas::OFFSET_FOR_LEADER_EPOCH),
    api(ApiKey::AddPartitionsToTxn, 0, 5, &schemas::ADD_PARTITIONS_TO_TXN),
    api(ApiKey::AddOffsetsToTxn, 0, 4, &schemas::ADD_OFFSETS_TO_TXN),
    api(ApiKey::EndTxn, 0, 5, &schemas::END_TXN),
    api(ApiKey::WriteTxnMarkers, 1, 1, &schemas::WRITE_TXN_MARKERS),
    api(ApiKey::TxnOffsetCommit, 0, 5, &schemas::TXN_OFFSET_COMMIT),
    api(ApiKey::DescribeConfigs, 1, 4, &schemas::DESCRIBE_CONFIGS),
    api(ApiKey::AlterConfigs, 0, 2, &schemas::ALTER_CONFIGS),
    api(ApiKey::CreatePartitions, 0, 3, &schemas::CREATE_PARTITIONS),
    api(ApiKey::DeleteGroups, 0, 2, &schemas::DELETE_GROUPS),
    api(ApiKey::ElectLeaders, 0, 2, &schemas::ELECT_LEADERS),
    api(ApiKey::IncrementalAlterConfigs, 0, 1, &schemas::INCREMENTAL_ALTER_CONFIGS),
    api(ApiKey::AlterPartitionReassignments, 0, 1, &schemas::ALTER_PARTITION_REASSIGNMENTS),
    api(ApiKey::ListPartitionReassignments, 0, 0, &schemas::LIST_PARTITION_REASSIGNMENTS),
    api(ApiKey::OffsetDelete, 0, 0, &schemas::OFFSET_DELETE),
    api(ApiKey::DescribeCluster, 0, 1, &schemas::DESCRIBE_CLUSTER),
    api(ApiKey::DescribeProducers, 0, 0, &schemas::DESCRIBE_PRODUCERS),
    api(ApiKey::UnregisterBroker, 0, 0, &schemas::UNREGISTER_BROKER),
    api(ApiKey::DescribeTransactions, 0, 0, &schemas::DESCRIBE_TRANSACTIONS),
    api(ApiKey::ListTransactions, 0, 1, &schemas::LIST_TRANSACTIONS),
    api(ApiKey::ConsumerGroupHeartbeat, 0, 1, &schemas::CONSUMER_GROUP_HEARTBEAT),
    api(ApiKey::ConsumerGroupDescribe, 0, 1, &schemas::CONSUMER_GROUP_DESCRIBE),
    api(ApiKey::DescribeTopicPartitions, 0, 0, &schemas::DESCRIBE_TOPIC_PARTITIONS),
];

/// Every API that is served, in order of their keys.
pub fn served() -> &'static [ServedApi] {
    &SERVED
}

/// The API of a key, if it is served.
pub(super) fn served_api(key: i16) -> Option<&'static ServedApi> {
    let at = SERVED.binary_search_by_key(&key, |api| api.key as i16).ok()?;
    SERVED.get(at)
}

/// An API's name, as Kafka has it.
pub fn api_name(key: ApiKey) -> String {
    format!("{key:?}")
}

/// The served API of a name.
pub fn api_named(name: &str) -> Option<ApiKey> {
    SERVED.iter().map(|api| api.key).find(|key| api_name(*key) == name)
}
