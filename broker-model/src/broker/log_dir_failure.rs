//! A log directory fails, and the broker goes on with the others.
//!
//! Obligation: what is in the directory is not served any more: a record that is in memory alone is in nobody's log.
//! The controller is told, so that others lead and the ISR is without the replicas that are gone; a broker that
//! cannot tell it stops. The last directory takes the broker with it, and so does that of the metadata log. A broker
//! that comes back without a directory makes no log anew that may be in there: it would pass for the replica that had
//! all records. Source: KIP-112, KIP-858, Kafka's `LogDirFailureHandler`, `ReplicaManager.handleLogDirFailure`,
//! `LogManager.handleLogDirFailure`, `Partition.createLogInAssignedDirectoryId`.
//!
//! The handler takes no time here, and who waits for a replica in the directory is answered at once; in Kafka when
//! somebody looks at the request next, or when its time is up.

use crate::broker::Broker;
use crate::defect::BrokerDefect;
use crate::disk_image::{DiskImage, FileId};
use crate::log::{Log, LogConfig, LogOptions};
use crate::node::{Effect, Effects, METADATA_DIRECTORY_FAILED};
use crate::note::{BrokerNote, PartitionRegistration};
use crate::partition::Changes;
use crate::proto::ErrorCode;
use crate::types::{DirectoryId, LogDirectory, Now, Offset, TopicPartition};

/// Why a broker halts that has no directory left. Source: `LogManager.handleLogDirFailure`.
const ALL_FAILED: &str = "all log directories failed";

impl Broker {
    /// An access of a directory failed. Source: `ReplicaManager.handleLogDirFailure`.
    pub(super) fn on_log_directory_failed(
        &mut self,
        now: Now,
        directory: LogDirectory,
        effects: &mut Effects,
    ) {
        // BrokerDefect::AppendsAfterIoError: the error is written to the server's log, and that is all.
        if self.context.config.defects.has(BrokerDefect::AppendsAfterIoError)
            && directory != LogDirectory::FIRST
        {
            return;
        }
        let Some(id) = self.log_directories.take_offline(directory) else { return };
        effects.note(BrokerNote::LogDirectoryOffline { directory, id });
        if let Some(reason) = self.lacks_directories() {
            return self.halt(reason, effects);
        }
        self.checkpoints.close(directory);
        self.cleaner.checkpoint.close(directory);
        let is_there = |log: &Log| log.directory() == directory;
        let hosted = self.partitions.iter().filter(|(_, it)| is_there(it.log()));
        for id in hosted.map(|(id, _)| id).collect::<Vec<TopicPartition>>() {
            self.take_replica_offline(now, id, effects);
        }
        let unhosted = self.unhosted.extract_if(.., |_, log| is_there(log));
        for id in unhosted.map(|(id, _)| id).collect::<Vec<TopicPartition>>() {
            self.mark_offline(id, effects);
        }
        self.context.log_dirs = self.log_directories.online_ids();
        self.lifecycle.directory_failed(now.time, id, &self.context);
    }

    /// A directory with a checkpoint that cannot be read is lost before any replica is opened. In Kafka that of high
    /// watermarks is read with the first replica that is opened in the directory. `LogManager.loadLogs` goes on without
    /// the others, but whoever reads them has given the directory up before. Source:
    /// `CheckpointFileWithFailureHandler.read`, `LazyOffsetCheckpoints.fetch`.
    pub(super) fn lose_malformed(&mut self, now: Now, effects: &mut Effects) {
        for directory in self.checkpoints.malformed() {
            if !self.halted {
                self.on_log_directory_failed(now, directory, effects);
            }
        }
    }

    /// Why the broker cannot go on with the directories that are left, if it cannot.
    pub(super) fn lacks_directories(&self) -> Option<&'static str> {
        if self.log_directories.online().next().is_none() {
            return Some(ALL_FAILED);
        }
        let has_first = self.log_directories.online().any(|it| it == LogDirectory::FIRST);
        (!has_first).then_some(METADATA_DIRECTORY_FAILED)
    }

    /// What is answered to who asks for a replica that is not open here. Source: `ReplicaManager.getPartitionOrError`.
    pub(super) fn not_hosted(&self, id: TopicPartition) -> ErrorCode {
        if self.log_directories.is_offline(id) {
            ErrorCode::KafkaStorageError
        } else {
            ErrorCode::NotLeaderOrFollower
        }
    }

    fn mark_offline(&mut self, partition: TopicPartition, effects: &mut Effects) {
        if self.log_directories.mark_offline(partition) {
            effects.note(BrokerNote::ReplicaOffline { partition });
        }
    }

    /// Source: `ReplicaManager.markPartitionOffline`.
    fn take_replica_offline(&mut self, now: Now, id: TopicPartition, effects: &mut Effects) {
        self.fetchers.unfollow(id);
        self.resign(now, id, effects);
        let Some(mut partition) = self.partitions.remove(&id) else { return };
        self.mark_offline(id, effects);
        self.cleaner.abort(id, None, now.time, effects);
        let refused = partition.stop();
        self.wake_deletions(id, effects);
        let gone = Changes { leadership_changed: true, ..Changes::default() };
        self.wake_fetches(now, id, &gone, effects);
        self.share_partition_changed(now, id, &gone, effects);
        for ticket in refused {
            let error = ErrorCode::KafkaStorageError;
            if !self.append_decided(now, ticket, Err(error), effects) {
                self.decide_produce(ticket, Err(error), effects);
            }
        }
    }

    /// The log of a replica that no directory that is online has: none if it may be in one that is offline. What the
    /// metadata knows no directory of is new, if this uptime sees it come up; else it may be there already, and must
    /// not be made anew by who may be elected for what it had. Source: `Partition.createLogInAssignedDirectoryId`,
    /// `LogManager.getOrCreateLog`.
    pub(super) fn create_log(
        &mut self,
        now: Now,
        id: TopicPartition,
        is_first: bool,
        effects: &mut Effects,
    ) -> Option<Log> {
        let Some(directory) = self.directory_of_new(id, is_first) else {
            self.mark_offline(id, effects);
            return None;
        };
        if !self.log_directories.is_single() {
            effects.push(Effect::CreateLogDirectory { partition: id, directory });
            effects.note(BrokerNote::LogCreated { partition: id, directory });
        }
        let topic = self.metadata.image().topic_of(id);
        let topic = topic.expect("a partition's topic is created before it");
        let bytes = bytes::Bytes::copy_from_slice(topic.name.as_bytes());
        // Source: `PartitionMetadataFile`, which a scheduler thread flushes.
        effects.push(Effect::ReplaceInBackground { file: FileId::PartitionMetadata(id), bytes });
        let options = LogOptions {
            config: LogConfig::of(&self.context.config),
            now: now.wall,
            clean: true,
            recovery_point: Offset::ZERO,
            high_watermark: Offset::ZERO,
            log_start_offset: Offset::ZERO,
            holes: false,
        };
        let log = Log::open(id, options, &DiskImage::default(), effects);
        Some(log.in_directory(directory))
    }

    fn directory_of_new(&self, id: TopicPartition, is_first: bool) -> Option<LogDirectory> {
        let directories = &self.log_directories;
        if directories.is_single() {
            return Some(LogDirectory::FIRST);
        }
        let (image, node) = (self.metadata.image(), self.context.node);
        let assigned = image.directories.of(id, node);
        if let Some(online) = directories.online_of(assigned) {
            return Some(online);
        }
        if directories.has_offline() {
            let registered = image.partitions.get(&id);
            let may_hold = registered.is_some_and(|it| may_hold_records(it, self.context.node));
            let defects = self.context.config.defects;
            let is_safe = !may_hold || defects.has(BrokerDefect::UnassignedCreatedAnew);
            if assigned != DirectoryId::UNASSIGNED || (is_first && !is_safe) {
                return None;
            }
        }
        let hosted = self.partitions.values().map(|partition| partition.log().directory());
        let all = hosted.chain(self.unhosted.values().map(Log::directory));
        let all: Vec<LogDirectory> = all.collect();
        Some(directories.next(|place| all.iter().filter(|used| **used == place).count()))
    }

    /// Tells the controller where a replica is, if it does not know. Source:
    /// `ReplicaManager.maybeUpdateTopicAssignment`.
    pub(super) fn tell_directory(&mut self, id: TopicPartition) {
        if self.log_directories.is_single() {
            return;
        }
        let known = self.metadata.image().directories.of(id, self.context.node);
        if let Some(actual) = self.actual_directory(id, known)
            && actual != known
        {
            self.assignments.submit(id, actual);
        }
    }

    /// Where a replica is; lost, if it is in some directory that is offline and nobody knows in which.
    fn actual_directory(&self, id: TopicPartition, known: DirectoryId) -> Option<DirectoryId> {
        let directories = &self.log_directories;
        if let Some(partition) = self.partitions.get(&id) {
            return Some(directories.id_of(partition.log().directory()));
        }
        let lost = directories.is_offline(id) && known == DirectoryId::UNASSIGNED;
        lost.then_some(DirectoryId::LOST)
    }

    /// Whether the controller is still to be told where a replica is.
    pub(super) fn is_assignment_news(&self, id: TopicPartition, directory: DirectoryId) -> bool {
        let (image, node) = (self.metadata.image(), self.context.node);
        let here = image.partitions.get(&id).is_some_and(|it| it.replicas.contains(&node));
        here && image.directories.of(id, node) != directory
    }
}

/// Whether a replica may be elected for records that it is taken to have.
fn may_hold_records(registration: &PartitionRegistration, node: crate::types::NodeId) -> bool {
    registration.isr.contains(&node)
        || registration.elr.contains(&node)
        || registration.last_known_leader == Some(node)
}
