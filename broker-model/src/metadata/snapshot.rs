//! A snapshot of the metadata: what all records up to an offset give, as the records that give it anew.
//!
//! Obligation: who loads a snapshot and reads the log on from its end has the metadata of who read the whole log. Else
//! a controller or broker that was away for long would go by another cluster. Source: KIP-630, Kafka's
//! `ImageWriter`, `RecordsSnapshotWriter`, `RecordsSnapshotReader`.
//!
//! Kafka writes batches of records between a header and a footer; here the records stand in one sealed file, in the
//! order of their ids. Where a broker's registration is in the log is kept as it was; in Kafka a controller that loads
//! a snapshot takes the snapshot's end for it, so that a fenced broker is let in only when it is as far.

use std::hash::{Hash, Hasher};

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::Xxh3;

use crate::compaction::Compaction;
use crate::config::TopicConfig;
use crate::log::checkpoint::{seal, unseal};
use crate::metadata::directories::Directories;
use crate::metadata::image::{BrokerRegistration, MetadataImage};
use crate::metadata::record::MetadataRecord;
use crate::retention::Retention;
#[cfg(test)]
use crate::topic_settings::LEADER_THROTTLED_REPLICAS;
use crate::topic_settings::TopicSetting;
use crate::types::{NodeId, Offset, TopicId, WallTime};

/// The content of a snapshot's file.
#[derive(Debug, Serialize, Deserialize)]
struct Content {
    last_contained_log_timestamp: WallTime,
    image: ImageContent,
}

/// A metadata image as the records that give it.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct ImageContent {
    end_offset: Offset,
    last_topic: TopicId,
    next_producer_id: i64,
    brokers: Vec<(NodeId, BrokerRegistration)>,
    records: Vec<MetadataRecord>,
}

impl ImageContent {
    fn of(image: &MetadataImage) -> Self {
        let mut records = Vec::new();
        for (topic, config) in &image.topics {
            records.push(MetadataRecord::Topic { topic: *topic, config: config.clone() });
            push_retention(*topic, config.retention, &mut records);
            push_settings(*topic, config, &mut records);
        }
        for (partition, registration) in image.partitions.iter() {
            records.push(MetadataRecord::of_partition(partition, registration.clone(), false));
        }
        let Directories { log_dirs, replicas } = &image.directories;
        for (broker, log_dirs) in log_dirs {
            records.push(MetadataRecord::LogDirs { broker: *broker, log_dirs: log_dirs.clone() });
        }
        for (&(partition, broker), &directory) in replicas {
            records.push(MetadataRecord::ReplicaDirectory { partition, broker, directory });
        }
        if image.voters.count() > 0 {
            records.push(MetadataRecord::Voters { voters: image.voters.clone() });
        }
        Self {
            end_offset: image.end_offset,
            last_topic: image.last_topic,
            next_producer_id: image.next_producer_id,
            brokers: image.brokers.iter().map(|(node, known)| (*node, known.clone())).collect(),
            records,
        }
    }

    fn image(self) -> MetadataImage {
        let mut image = MetadataImage::default();
        for record in &self.records {
            image.apply(image.end_offset, record);
        }
        image.brokers = self.brokers.into_iter().collect();
        image.last_topic = self.last_topic;
        image.next_producer_id = self.next_producer_id;
        image.end_offset = self.end_offset;
        image
    }
}

fn push_retention(topic: TopicId, retention: Retention, records: &mut Vec<MetadataRecord>) {
    let Retention { retention_ms, retention_bytes, segment_ms, compaction } = retention;
    if (Retention { compaction: Compaction::NONE, ..retention }) != Retention::FOREVER {
        let record = MetadataRecord::Retention { topic, retention_ms, retention_bytes, segment_ms };
        records.push(record);
    }
    if compaction != Compaction::NONE {
        records.push(MetadataRecord::Compaction { topic, compaction });
    }
}

/// A record for each setting that is not its default and no part of another record, as when a topic is created.
pub(crate) fn push_settings(
    topic: TopicId,
    config: &TopicConfig,
    records: &mut Vec<MetadataRecord>,
) {
    for setting in TopicSetting::all().iter().filter(|setting| setting.has_own_record()) {
        let value = Some(setting.value(config)).filter(|value| *value != setting.default());
        if value.is_some() {
            let name = setting.name.to_owned();
            records.push(MetadataRecord::TopicSetting { topic, name, value });
        }
    }
}

impl MetadataImage {
    /// A hash of all that it holds, not of the records that a snapshot is made of: it shows what these forget.
    pub fn digest(&self) -> u64 {
        let Self { brokers, topics, last_topic, topic_ids, partitions, .. } = self;
        let mut hasher = Xxh3::new();
        (brokers, topics, last_topic, topic_ids).hash(&mut hasher);
        (self.next_producer_id, self.end_offset).hash(&mut hasher);
        for entry in partitions.iter() {
            entry.hash(&mut hasher);
        }
        if !self.directories.is_empty() {
            self.directories.hash(&mut hasher);
        }
        if self.voters.count() > 0 {
            self.voters.hash(&mut hasher);
        }
        hasher.finish()
    }
}

/// The file of a snapshot of this metadata; the last record in it was appended at this time.
pub(crate) fn encode_snapshot(image: &MetadataImage, appended_at: WallTime) -> Bytes {
    let image = ImageContent::of(image);
    seal(&Content { last_contained_log_timestamp: appended_at, image })
}

/// Reads a snapshot's file: the metadata, and when the last record in it was appended; `None` if it is torn or damaged.
pub(crate) fn decode_snapshot(bytes: &Bytes) -> Option<(MetadataImage, WallTime)> {
    let content: Content = unseal(bytes)?;
    Some((content.image.image(), content.last_contained_log_timestamp))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compaction::CleanupPolicy;
    use crate::note::{PartitionRegistration, Reassignment};
    use crate::testing;
    use crate::types::{BrokerEpoch, DirectoryId, LeaderEpoch, PartitionEpoch, TopicPartition};
    use crate::voter_set::{ReplicaKey, VoterSet};

    const PARTITION: TopicPartition = TopicPartition { topic: TopicId(1), partition: 0 };

    fn registration() -> PartitionRegistration {
        PartitionRegistration {
            replicas: vec![NodeId(1), NodeId(2)],
            isr: vec![NodeId(1)],
            elr: vec![NodeId(2)],
            last_known_leader: None,
            leader: Some(NodeId(1)),
            leader_epoch: LeaderEpoch(5),
            partition_epoch: PartitionEpoch(10),
            recovering: false,
            reassignment: Reassignment { adding: vec![NodeId(2)], removing: Vec::new() },
        }
    }

    /// One of each kind of record that leaves something behind, and one topic that came and went.
    fn log() -> Vec<MetadataRecord> {
        let topic = |id: u32, name: &str| MetadataRecord::Topic {
            topic: TopicId(id),
            config: testing::topic(name, 2),
        };
        let compaction = Compaction { policy: CleanupPolicy::Compact, ..Compaction::NONE };
        vec![
            MetadataRecord::LeaderChange { leader: NodeId(101) },
            MetadataRecord::RegisterBroker {
                broker: NodeId(1),
                incarnation: 7,
                broker_epoch: BrokerEpoch(1),
                fenced: true,
                shutting_down: false,
                unclean: false,
            },
            MetadataRecord::BrokerChange { broker: NodeId(1), fenced: false, shutting_down: false },
            topic(1, "orders"),
            MetadataRecord::Retention {
                topic: TopicId(1),
                retention_ms: 1_000,
                retention_bytes: -1,
                segment_ms: 5,
            },
            MetadataRecord::Compaction { topic: TopicId(1), compaction },
            MetadataRecord::TopicSetting {
                topic: TopicId(1),
                name: LEADER_THROTTLED_REPLICAS.to_owned(),
                value: Some("0:1".to_owned()),
            },
            MetadataRecord::TopicSetting {
                topic: TopicId(1),
                name: "segment.bytes".to_owned(),
                value: Some("2000000".to_owned()),
            },
            MetadataRecord::of_partition(PARTITION, registration(), false),
            MetadataRecord::LogDirs { broker: NodeId(1), log_dirs: vec![DirectoryId(101)] },
            MetadataRecord::ReplicaDirectory {
                partition: PARTITION,
                broker: NodeId(1),
                directory: DirectoryId(101),
            },
            topic(2, "gone"),
            MetadataRecord::RemoveTopic { topic: TopicId(2) },
            MetadataRecord::ProducerIds { next_producer_id: 1_000 },
            MetadataRecord::Voters {
                voters: VoterSet::new([ReplicaKey {
                    id: NodeId(101),
                    directory: DirectoryId(900),
                }]),
            },
        ]
    }

    fn replay(image: &mut MetadataImage, records: &[MetadataRecord]) {
        for record in records {
            image.apply(image.end_offset, record);
        }
    }

    #[test]
    fn a_snapshot_and_the_rest_of_the_log_give_what_the_whole_log_gives() {
        let log = log();
        let mut whole = MetadataImage::default();
        replay(&mut whole, &log);
        for at in 0..=log.len() {
            let mut before = MetadataImage::default();
            replay(&mut before, &log[..at]);
            let bytes = encode_snapshot(&before, WallTime(9));
            let (mut image, appended_at) = decode_snapshot(&bytes).expect("it is whole");
            assert_eq!((&image, appended_at), (&before, WallTime(9)), "at {at}");
            replay(&mut image, &log[at..]);
            assert_eq!((&image, image.digest()), (&whole, whole.digest()), "from {at}");
        }
    }

    #[test]
    fn a_torn_snapshot_is_none() {
        let mut image = MetadataImage::default();
        replay(&mut image, &log());
        let bytes = encode_snapshot(&image, WallTime(9));
        for length in 0..bytes.len() {
            assert!(decode_snapshot(&bytes.slice(..length)).is_none(), "cut at {length}");
        }
    }
}
