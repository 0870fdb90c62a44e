//! A broker: what it serves to clients and other brokers, and what it asks of leaders and controllers.
//!
//! A broker that boots opens its logs, registers, and replays the metadata log. Only when that has reached its own
//! registration does it act on metadata and listen: what was true in an earlier uptime never makes it lead. Source:
//! KIP-631, Kafka's `BrokerServer`.

mod alter_partition;
mod assignments;
mod checkpoints;
mod cleaner;
mod cleaner_checkpoint;
mod cleaner_work;
mod connections;
mod context;
mod controller_channel;
mod controller_requests;
mod coordinators;
mod delayed_deletion;
mod fetch_session;
mod fetcher;
mod give_up;
mod handle;
mod internal_topics;
mod lifecycle;
mod log_dir_failure;
mod log_directories;
mod maintenance;
mod maintenance_schedule;
mod metadata_fetcher;
mod pending_transactions;
mod producer_ids;
mod publish;
mod purgatory;
mod replication_quota;
mod share;
mod status;
#[cfg(test)]
mod tests;
mod transactions;
mod wake;

use std::collections::BTreeMap;

use crate::collections::PartitionMap;
use crate::config::{ClusterConfig, ms};
use crate::coordinator::group::{GroupCoordinator, GroupRules};
use crate::defect::LogDefect;
use crate::disk_image::{DirectoryFile, DiskImage, FileId};
use crate::log::{Log, LogConfig, LogOptions};
use crate::message::{PeerResponse, QuorumFetchResponse, QuorumResponse, Response, ResponseBody};
use crate::metadata::MetadataImage;
use crate::node::{Channel, Deadline, Effect, Effects, Event, Node};
use crate::node_status::NodeStatus;
use crate::note::BrokerNote;
use crate::partition::{Partition, PartitionContext};
use crate::types::{
    BrokerEpoch, ConnectionId, CorrelationId, FlushToken, LogDirectory, NodeId, Now, Time,
    TopicPartition,
};

use alter_partition::AlterPartitions;
use assignments::Assignments;
use checkpoints::Checkpoints;
use cleaner_work::Cleaner;
use connections::{Caller, Connections};
use context::Context;
use controller_channel::ControllerChannel;
use fetch_session::FetchSessions;
use fetcher::Fetchers;
use internal_topics::InternalTopics;
use lifecycle::Lifecycle;
use log_directories::LogDirectories;
use maintenance_schedule::Maintenance;
use metadata_fetcher::{Applied, MetadataFetcher};
use pending_transactions::Transactions;
use producer_ids::ProducerIds;
use purgatory::{ConsumerFetch, Purgatory, ReplicaFetch, Wait};
use share::Shares;

/// A broker.
#[derive(Debug)]
pub struct Broker {
    context: Context,
    lifecycle: Lifecycle,
    metadata: MetadataFetcher,
    /// What the disk held; taken by the first event.
    boot_image: Option<DiskImage>,
    log_directories: LogDirectories,
    /// Logs found on disk whose partitions the metadata has not brought yet.
    unhosted: BTreeMap<TopicPartition, Log>,
    partitions: PartitionMap<TopicPartition, Partition>,
    fetchers: Fetchers,
    fetch_sessions: FetchSessions,
    channel: ControllerChannel,
    alter_partitions: AlterPartitions,
    producer_ids: ProducerIds,
    assignments: Assignments,
    internal_topics: InternalTopics,
    groups: GroupCoordinator,
    transactions: Transactions,
    shares: Shares,
    connections: Connections,
    purgatory: Purgatory,
    checkpoints: Checkpoints,
    maintenance: Maintenance,
    cleaner: Cleaner,
    /// Partitions that may have changed since they were last looked at.
    touched: Vec<TopicPartition>,
    /// When follower lag is checked next.
    isr_check_at: Time,
    /// Whether metadata has reached this uptime's registration: from then on the broker acts on it and listens.
    published: bool,
    halted: bool,
}

impl Broker {
    /// A new uptime of the node on what its disk holds; `incarnation` is unique in a run for each uptime.
    pub fn recover(
        node: NodeId,
        config: ClusterConfig,
        image: &DiskImage,
        incarnation: u64,
        now: Now,
    ) -> Self {
        let log_directories = LogDirectories::new(image, &config, (node, incarnation));
        let mut context = Context::new(node, config, incarnation);
        context.log_dirs = log_directories.online_ids();
        let config = &context.config;
        Self {
            lifecycle: Lifecycle::new(image, config, now.time),
            metadata: MetadataFetcher::new(now.time),
            boot_image: Some(image.clone()),
            unhosted: BTreeMap::new(),
            partitions: PartitionMap::default(),
            fetchers: Fetchers::default(),
            fetch_sessions: FetchSessions::new(config, incarnation),
            channel: ControllerChannel::default(),
            alter_partitions: AlterPartitions::default(),
            producer_ids: ProducerIds::default(),
            assignments: Assignments::default(),
            internal_topics: InternalTopics::default(),
            groups: GroupCoordinator::new(
                GroupRules { config: config.coordinators, defects: config.defects, incarnation },
                now.time,
            ),
            transactions: Transactions::new(config, now.time),
            shares: Shares::default(),
            connections: Connections::default(),
            purgatory: Purgatory::default(),
            checkpoints: Checkpoints::new(image, log_directories.online(), config, now.time),
            maintenance: Maintenance::new(config, now.time),
            cleaner: Cleaner::new(image, log_directories.online()),
            log_directories,
            touched: Vec::new(),
            isr_check_at: now.time + ms(config.replica_lag_time_max_ms / 2),
            published: false,
            halted: false,
            context,
        }
    }

    #[cfg(test)]
    fn limit_fetch_sessions(&mut self, slots: u32) {
        self.context.config.fetch_session_slots = slots;
        self.fetch_sessions = FetchSessions::new(&self.context.config, self.context.incarnation);
    }

    /// A hosted partition.
    pub fn partition(&self, partition: TopicPartition) -> Option<&Partition> {
        self.partitions.get(&partition)
    }

    /// All hosted partitions, in order.
    pub fn partitions(&self) -> impl Iterator<Item = &Partition> {
        self.partitions.values()
    }

    /// The metadata as this broker has applied it.
    pub fn metadata(&self) -> &MetadataImage {
        self.metadata.image()
    }

    /// The epoch of this uptime, [`BrokerEpoch::NONE`] before its registration.
    pub fn broker_epoch(&self) -> BrokerEpoch {
        self.lifecycle.broker_epoch()
    }

    /// The parts that a call into a partition needs, borrowed apart from each other.
    fn partition_context(
        &mut self,
        now: Now,
    ) -> (PartitionContext<'_>, &mut PartitionMap<TopicPartition, Partition>) {
        let broker_epoch = self.lifecycle.broker_epoch();
        (
            PartitionContext { now, broker_epoch, metadata: self.metadata.image() },
            &mut self.partitions,
        )
    }

    /// Opens the logs of each directory that can be read; one with the metadata log must be among them. Source:
    /// `LogManager.loadLogs`, `KafkaRaftServer.initializeLogDirs`.
    fn on_booted(&mut self, now: Now, effects: &mut Effects) {
        let image = self.boot_image.take().expect("a node boots once");
        if let Some(reason) = self.lacks_directories() {
            return self.halt(reason, effects);
        }
        self.log_directories.format(self.context.node, effects);
        let online: Vec<LogDirectory> = self.log_directories.online().collect();
        for directory in online {
            self.open_logs(now, (directory, &image.directory(directory)), effects);
        }
    }

    /// Opens the logs of a directory. The clean-shutdown marker holds for this boot only, whatever comes of it (L01).
    /// That it is there says that the logs are whole; what it says, to the controller, is which uptime stopped.
    fn open_logs(
        &mut self,
        now: Now,
        (directory, image): (LogDirectory, &DiskImage),
        effects: &mut Effects,
    ) {
        let defects = self.context.config.defects;
        let marker = DirectoryFile::CleanShutdown.of(directory);
        let clean = image.read(marker).is_some();
        if clean {
            effects.push(Effect::Delete { file: marker });
            if !defects.has(LogDefect::MarkerDeletionNotSynced) {
                effects.push(Effect::Sync { file: marker });
            }
        }
        let config = LogConfig::of(&self.context.config);
        for partition in image.partitions() {
            let place = (directory, partition);
            let options = self.checkpoints.log_options(place, config, now.wall, clean);
            let holes = self.cleaner.checkpoint.of(partition).is_some();
            let options = LogOptions { holes, ..options };
            let log = Log::open(partition, options, image, effects).in_directory(directory);
            if !defects.has(LogDefect::LogStartCheckpointLags) {
                self.checkpoints.keep_start(partition, &log, effects);
            }
            // What recovery cut off counts as flushed for Kafka until the next checkpoint.
            if !defects.has(LogDefect::CutsNotSynced) {
                self.checkpoints.lower(place, log.recovery_point(), effects);
            }
            if self.unhosted.insert(partition, log).is_some() {
                return self.halt("a log is in two log directories", effects);
            }
        }
    }

    fn on_response(&mut self, now: Now, from: NodeId, message: Response, effects: &mut Effects) {
        let from = (from, message.correlation_id);
        match message.body {
            ResponseBody::QuorumFetch(response) => {
                self.on_metadata_fetched(now, from, &response, effects);
            }
            ResponseBody::Controller(response) => {
                self.on_controller_response(now, from, response, effects);
            }
            ResponseBody::Peer(response) => self.on_peer_response(now, from, &response, effects),
            ResponseBody::Quorum(QuorumResponse::FetchSnapshot(part)) => {
                let context = &mut self.context;
                let part = self.metadata.on_part(now.time, from, &part, context, effects);
                self.on_metadata_taken(now, part, effects);
            }
            // A broker is no client and no voter: it has asked nothing that this would answer.
            ResponseBody::Client(_) | ResponseBody::Quorum(_) | ResponseBody::Wire(_) => {}
        }
    }

    fn on_metadata_fetched(
        &mut self,
        now: Now,
        (from, id): (NodeId, CorrelationId),
        response: &QuorumFetchResponse,
        effects: &mut Effects,
    ) {
        let context = &mut self.context;
        let taken = self.metadata.on_response(now.time, from, id, response, context, effects);
        self.on_metadata_taken(now, taken, effects);
    }

    fn on_metadata_taken(
        &mut self,
        now: Now,
        taken: Result<Option<Applied>, &'static str>,
        effects: &mut Effects,
    ) {
        match taken {
            Ok(Some(applied)) => self.publish(now, &applied, effects),
            Ok(None) => {}
            Err(reason) => self.halt(reason, effects),
        }
    }

    fn on_peer_response(
        &mut self,
        now: Now,
        from: (NodeId, CorrelationId),
        response: &PeerResponse,
        effects: &mut Effects,
    ) {
        let world = (&mut self.partitions, &mut self.touched);
        match response {
            PeerResponse::ReplicaFetch(response) => {
                let context = &mut self.context;
                self.fetchers.on_records(now.time, from, response, world, context, effects);
            }
            PeerResponse::ReplicaOffsets(response) => {
                let context = &self.context;
                self.fetchers.on_bounds(now.time, from, response, world, context, effects);
            }
            PeerResponse::WriteTxnMarkers(response) => {
                self.on_markers_written(now, from, response);
            }
            PeerResponse::AddPartitionsToTxn(response) => {
                self.on_partitions_verified(now, from, response, effects);
            }
            PeerResponse::ShareState(response) => {
                self.on_share_state(now, from, response, effects);
            }
        }
    }

    /// A connection stands: what waits for an answer on it has its whole time from now on. Source: Kafka waits for a
    /// connection first, for as long as for the answer then (`NetworkClientUtils.awaitReady`,
    /// `InterBrokerSendThread.failExpiredRequests`, `NetworkClient.doSend`).
    fn on_connected(&mut self, now: Time, to: NodeId, channel: Channel) {
        let config = &self.context.config;
        match channel {
            Channel::Heartbeat => self.lifecycle.on_connected(now, to, config),
            Channel::QuorumFetch => self.metadata.on_connected(now, to, config),
            Channel::ReplicaFetch => self.fetchers.on_connected(now, to, config),
            Channel::Controller => self.channel.on_connected(now, to, config),
            Channel::TransactionMarkers | Channel::TransactionVerification => {
                self.on_transaction_connected(now, to, channel);
            }
            Channel::ShareState => self.on_share_connected(now, to),
            Channel::Quorum
            | Channel::Client
            | Channel::ClientFetch
            | Channel::ClientCoordinator
            | Channel::ClientProducer
            | Channel::Application(_) => {}
        }
    }

    fn on_connection_lost(
        &mut self,
        now: Now,
        to: NodeId,
        channel: Channel,
        effects: &mut Effects,
    ) {
        match channel {
            Channel::Heartbeat => {
                self.lifecycle.on_connection_lost(now.time, to, &mut self.context);
            }
            Channel::QuorumFetch => {
                self.metadata.on_connection_lost(now.time, to, &mut self.context);
            }
            Channel::ReplicaFetch => self.fetchers.on_connection_lost(now.time, to, &self.context),
            Channel::Controller => {
                let lost = self.channel.lost(to);
                self.on_controller_requests_lost(now, to, lost, effects);
            }
            Channel::TransactionMarkers | Channel::TransactionVerification => {
                self.on_transaction_connection_lost(now, to, channel, effects);
            }
            Channel::ShareState => self.on_share_connection_lost(to),
            Channel::Quorum
            | Channel::Client
            | Channel::ClientFetch
            | Channel::ClientCoordinator
            | Channel::ClientProducer
            | Channel::Application(_) => {
                panic!("a broker opens no {channel:?} connection, yet lost one to {to}")
            }
        }
    }

    fn on_connection_closed(&mut self, connection: ConnectionId, effects: &mut Effects) {
        self.connections.closed(connection);
        self.share_connection_closed(connection, effects);
        self.transactions.verifying.remove(&connection);
        let Some(delayed) = self.purgatory.remove(connection) else { return };
        match delayed.wait {
            Wait::Produce(produce) => self.abandon(&produce.undecided),
            Wait::DeleteRecords(_) => {}
            Wait::Fetch(ConsumerFetch { context, .. })
            | Wait::ReplicaFetch(ReplicaFetch { context, .. }) => {
                self.fetch_sessions.waits_no_more(context, connection);
            }
        }
    }

    /// A flush belongs to the log that asked for it.
    fn on_flush_completed(&mut self, now: Now, token: FlushToken, effects: &mut Effects) {
        let owner = Log::flush_owner(token);
        let hosted = self.partitions.get_mut(&owner).map(Partition::log_mut);
        if let Some(log) = hosted.or_else(|| self.unhosted.get_mut(&owner)) {
            log.flush_completed(token, now.wall);
        }
        self.on_cleaned_flushed(now, token, effects);
    }

    /// Handles the requests whose turn has come, and what they set off, until nothing is left.
    fn run_ready(&mut self, now: Now, effects: &mut Effects) {
        loop {
            self.settle(now, effects);
            let Some((caller, body)) = self.connections.next_ready() else { return };
            if self.published {
                self.on_request(now, caller, body, effects);
            } else {
                // A broker that boots does not listen yet.
                self.connections.close(caller, effects);
            }
        }
    }

    /// Does what time alone brings.
    fn tick(&mut self, now: Now, effects: &mut Effects) {
        let (time, metadata_end) = (now.time, self.metadata.image().end_offset);
        self.expire_delayed(now, effects);
        self.check_isr_lag(now, effects);
        self.clean_up_logs(now, effects);
        self.clean_logs(now, effects);
        if let Some((to, lost)) = self.channel.expired(time, effects) {
            self.on_controller_requests_lost(now, to, lost, effects);
        }
        self.tick_coordinators(now, effects);
        self.run_ready(now, effects);
        self.lifecycle.tick(time, metadata_end, &mut self.context, effects);
        if self.lifecycle.may_stop() {
            self.stop(effects);
            return;
        }
        self.metadata.tick(time, &mut self.context, effects);
        self.send_controller_requests(now, effects);
        let epoch = self.lifecycle.broker_epoch();
        self.fetchers.tick(time, epoch, &self.partitions, &mut self.context, effects);
        self.checkpoints.tick(time, &self.context.config, &self.partitions, effects);
        self.maintain_logs(now, effects);
    }

    fn check_isr_lag(&mut self, now: Now, effects: &mut Effects) {
        if now.time < self.isr_check_at {
            return;
        }
        self.isr_check_at = now.time + ms(self.context.config.replica_lag_time_max_ms / 2);
        let (context, partitions) = self.partition_context(now);
        for partition in partitions.values_mut() {
            partition.check_isr_lag(context, effects);
        }
        self.touched.extend(self.partitions.keys());
    }

    /// The clean stop: everything is on the disk before the marker says so, which is written in place and synced.
    /// Source: rules 2.10, KIP-966, `BrokerServer.shutdown`, `LogManager.shutdown`, `CleanShutdownFileHandler.write`.
    fn stop(&mut self, effects: &mut Effects) {
        self.checkpoints.replace_high_watermarks(&self.partitions, effects);
        for log in
            self.partitions.values_mut().map(Partition::log_mut).chain(self.unhosted.values_mut())
        {
            log.sync_all(effects);
        }
        self.checkpoints.replace_log_bounds(&self.partitions, effects);
        let markers = self.log_directories.online().map(|it| DirectoryFile::CleanShutdown.of(it));
        let markers: Vec<FileId> = markers.collect();
        for file in &markers {
            let bytes = self.lifecycle.clean_shutdown_file(self.context.config.defects);
            effects.push(Effect::Write { file: *file, bytes });
        }
        // A process that dies in the sync has left the marker behind.
        effects.note(BrokerNote::StoppedCleanly { broker_epoch: self.lifecycle.broker_epoch() });
        for file in markers {
            effects.push(Effect::Sync { file });
        }
        self.halt("stopped", effects);
    }

    fn halt(&mut self, reason: &'static str, effects: &mut Effects) {
        self.halted = true;
        effects.push(Effect::Halt { reason });
    }

    /// Asserts what must hold between two events. What a part must keep by itself it asserts where it changes; here is
    /// what holds because all that followed from the event is done.
    fn self_check(&self, now: Now) {
        assert!(self.touched.is_empty(), "changes of {:?} were not looked at", self.touched);
        assert!(
            self.published || self.partitions.is_empty(),
            "{} partitions are hosted before metadata is published",
            self.partitions.len()
        );
        assert!(
            !self.published || self.broker_epoch() != BrokerEpoch::NONE,
            "metadata is published to broker {} before it is registered",
            self.context.node
        );
        assert!(
            self.halted || self.isr_check_at > now.time,
            "the ISR check is late at {}",
            now.time
        );
        assert!(self.groups.is_idle(), "a group coordinator has something to do");
        assert!(self.transactions.is_idle(), "a transaction coordinator has something to do");
        assert!(self.shares.is_idle(), "an answer of a share coordinator was not looked at");
        self.transactions.self_check();
        self.metadata.self_check();
        if !self.halted {
            self.purgatory.check_expired(now.time);
            self.connections.check_handled();
        }
    }
}

impl Node for Broker {
    fn logs(&self) -> Vec<&Log> {
        self.partitions.values().map(Partition::log).collect()
    }

    fn status(&self) -> NodeStatus {
        self.node_status()
    }

    fn handle(&mut self, now: Now, event: Event, effects: &mut Effects) {
        if self.halted {
            return;
        }
        match event {
            Event::Booted => self.on_booted(now, effects),
            Event::Request { connection, from, message } => {
                self.connections.accept(connection, from, message);
            }
            Event::Response { from, message, .. } => self.on_response(now, from, message, effects),
            Event::Connected { to, channel } => return self.on_connected(now.time, to, channel),
            Event::ConnectionLost { to, channel } => {
                self.on_connection_lost(now, to, channel, effects);
            }
            Event::ConnectionClosed { connection } => {
                self.on_connection_closed(connection, effects);
            }
            Event::FlushCompleted { token } => self.on_flush_completed(now, token, effects),
            Event::Invoked { operation, .. } => {
                panic!("operation {operation} is invoked at a broker")
            }
            Event::DeadlinePassed => {}
            Event::LogDirectoryFailed { directory } => {
                self.on_log_directory_failed(now, directory, effects);
            }
            Event::StopRequested => self.lifecycle.stop(now.time, &self.context, effects),
            Event::MetadataPublishing { stalled } => {
                if let Some(applied) = self.metadata.stall(stalled, effects) {
                    self.publish(now, &applied, effects);
                }
            }
        }
        if self.halted {
            return;
        }
        self.run_ready(now, effects);
        self.tick(now, effects);
        self.self_check(now);
    }

    fn metadata(&self) -> Option<&MetadataImage> {
        Some(self.metadata.image())
    }

    fn next_deadline(&self) -> Option<Deadline> {
        if self.halted {
            return None;
        }
        let isr_check = Deadline { at: self.isr_check_at, why: "ISR check is due" };
        [
            Some(self.metadata.deadline()),
            Some(self.checkpoints.deadline()),
            Some(self.maintenance.deadline()),
            self.cleaner.deadline(),
            self.lifecycle.deadline(),
            self.fetchers.deadline(),
            self.channel.deadline(),
            self.alter_partitions.deadline(),
            self.producer_ids.deadline(),
            self.assignments.deadline(),
            self.purgatory.deadline(),
            self.groups.deadline(),
            self.transactions.deadline(),
            self.shares.deadline(),
        ]
        .into_iter()
        .fold(Some(isr_check), Deadline::earlier)
    }
}
