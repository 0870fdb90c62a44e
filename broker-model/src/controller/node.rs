//! The controller as a node: dispatches events to the quorum and, while active, to the rules.

use bytes::Bytes;

use crate::admin_message::{AdminRequest, AdminResponse};
use crate::config::ClusterConfig;
use crate::controller::active::Active;
use crate::controller::administration::administer;
use crate::controller::alter_partition::{Judged, alter_partitions};
use crate::controller::brokers::{fence_from_one_state, fence_records, heartbeat, register};
use crate::controller::directories::assign_replicas;
use crate::controller::election::ControllerRules;
use crate::controller::partitions::{balance_leaders, elect_uncleanly};
use crate::controller::periodic::PeriodicTask;
use crate::controller::refusal;
use crate::controller::snapshot_generator::SnapshotGenerator;
use crate::controller::topics::{allocate_producer_ids, create_topics};
use crate::controller::voters;
use crate::defect::ControllerDefect;
use crate::disk_image::{DiskImage, FileId};
use crate::log::Log;
use crate::message::{
    AllocateProducerIdsRequest, AllocateProducerIdsResponse, AlterPartitionItem,
    AlterPartitionRequest, AlterPartitionResponse, AlteredPartition, AssignReplicasToDirsRequest,
    AssignReplicasToDirsResponse, BrokerHeartbeatRequest, BrokerHeartbeatResponse,
    BrokerRegistrationRequest, BrokerRegistrationResponse, ClusterError, ControllerRequest,
    ControllerResponse, Message, Request, RequestBody, Response, ResponseBody,
};
use crate::metadata::{MetadataImage, MetadataRecord};
use crate::node::{Deadline, Effect, Effects, Event, METADATA_DIRECTORY_FAILED, Node};
use crate::node_status::NodeStatus;
use crate::note::{AcceptedProposal, Api, ControllerNote, ExchangeNote, QuorumNote};
use crate::proto::{CreateTopicsRequest, ErrorCode};
use crate::raft::{Quorum, QuorumOptions, formatted};
use crate::record::RecordBatch;
use crate::types::{BrokerEpoch, ConnectionId, LeaderEpoch, NodeId, Now, Time};
use crate::voter_set::{ReplicaKey, VoterSet};

/// Bytes of committed records that are read from the log at once.
const APPLY_BYTES_MAX: u32 = 1 << 20;

/// A controller: quorum voter, and active controller while it leads. Source: KIP-595, KIP-631.
#[derive(Debug)]
pub struct Controller {
    node: NodeId,
    config: ClusterConfig,
    quorum: Quorum,
    /// What opening the log left to do on the disk; performed with the first event.
    opening: Effects,
    committed: MetadataImage,
    snapshots: SnapshotGenerator,
    active: Option<Active>,
}

impl Controller {
    /// A new uptime of the node on what its disk holds; `incarnation` is unique in a run for each uptime.
    pub fn recover(
        node: NodeId,
        config: ClusterConfig,
        image: &DiskImage,
        incarnation: u64,
        now: Now,
    ) -> Self {
        let mut opening = Effects::new();
        let options = QuorumOptions { node, config: &config, image, incarnation };
        let quorum = Quorum::open(options, now, &mut opening);
        Self {
            node,
            quorum,
            opening,
            committed: MetadataImage::default(),
            snapshots: SnapshotGenerator::new(config.metadata_log, now.time),
            active: None,
            config,
        }
    }

    /// What the disk of one of the first voters holds before its first uptime, where voters can be changed.
    pub fn formatted(config: &ClusterConfig, node: NodeId) -> Option<(FileId, Bytes)> {
        formatted(config, node)
    }

    /// The metadata log.
    pub fn log(&self) -> &Log {
        self.quorum.log()
    }

    /// The latest quorum epoch that this voter knows.
    pub fn quorum_epoch(&self) -> LeaderEpoch {
        self.quorum.epoch()
    }

    /// Whether it is the active controller: it leads, and a record of its epoch is committed.
    pub fn is_active(&self) -> bool {
        self.active.is_some()
    }

    /// The voters by which it goes.
    pub fn voters(&self) -> &VoterSet {
        self.quorum.voters()
    }

    /// It, on its disk.
    pub fn replica_key(&self) -> ReplicaKey {
        self.quorum.key()
    }

    /// Metadata as committed, as far as this voter knows.
    pub fn committed_image(&self) -> &MetadataImage {
        &self.committed
    }

    // --- events

    fn on_booted(&mut self, now: Now, effects: &mut Effects) {
        for effect in self.opening.drain() {
            effects.push(effect);
        }
        self.quorum.boot(now, effects);
    }

    /// Dispatches a request. What no controller serves ends the connection, as in Kafka.
    fn on_request(
        &mut self,
        now: Now,
        connection: ConnectionId,
        Request { correlation_id, body }: Request,
        effects: &mut Effects,
    ) {
        match body {
            RequestBody::QuorumFetch(request) => {
                let quorum = &mut self.quorum;
                quorum.on_fetch_request(now, connection, correlation_id, &request, effects);
            }
            RequestBody::Quorum(request) => {
                let body = ResponseBody::Quorum(self.quorum.on_request(now, &request, effects));
                effects.reply(connection, Response { correlation_id, body });
            }
            RequestBody::Controller(request) => {
                let body = self.on_broker_request(now, &request, effects);
                let answer = Message { correlation_id, body };
                match &mut self.active {
                    // What the active controller answers waits until all that it wrote is committed.
                    Some(active) => active.answer(connection, answer),
                    None => effects.reply(connection, answer.map(ResponseBody::Controller)),
                }
            }
            RequestBody::Client(_) | RequestBody::Peer(_) | RequestBody::Wire(_) => {
                effects.push(Effect::Close { connection });
                self.on_connection_closed(connection);
            }
        }
    }

    fn on_broker_request(
        &mut self,
        now: Now,
        request: &ControllerRequest,
        effects: &mut Effects,
    ) -> ControllerResponse {
        match request {
            ControllerRequest::AlterPartition(request) => {
                self.on_alter_partition(now, request, effects)
            }
            ControllerRequest::BrokerRegistration(request) => {
                self.on_register(now, request, effects)
            }
            ControllerRequest::BrokerHeartbeat(request) => self.on_heartbeat(now, request, effects),
            ControllerRequest::AllocateProducerIds(request) => {
                self.on_producer_ids(now, request, effects)
            }
            ControllerRequest::CreateTopics(request) => {
                self.on_create_topics(now, request, effects)
            }
            ControllerRequest::Admin(request) => self.on_admin(now, request, effects),
            ControllerRequest::AssignReplicasToDirs(request) => {
                self.on_assign_replicas(now, request, effects)
            }
        }
    }

    fn on_assign_replicas(
        &mut self,
        now: Now,
        request: &AssignReplicasToDirsRequest,
        effects: &mut Effects,
    ) -> ControllerResponse {
        let Some(active) = &self.active else {
            return refusal::assignments();
        };
        let rules = ControllerRules::of(&self.config);
        let judged = assign_replicas(&active.image, request, rules);
        let result = judged.map(|(records, answers)| {
            let asker = (request.broker, request.broker_epoch);
            self.note_broker_served(Api::AssignReplicasToDirs, asker, effects);
            self.write(now, &records, effects);
            answers
        });
        let response = AssignReplicasToDirsResponse { result };
        ControllerResponse::AssignReplicasToDirs(Box::new(response))
    }

    fn on_alter_partition(
        &mut self,
        now: Now,
        request: &AlterPartitionRequest,
        effects: &mut Effects,
    ) -> ControllerResponse {
        let judged = match &self.active {
            Some(active) => {
                alter_partitions(&active.image, request, ControllerRules::of(&self.config))
            }
            None => Err(ClusterError::NotController),
        };
        let result = judged.map(|judged| {
            let asker = (request.broker, request.broker_epoch);
            self.note_broker_served(Api::AlterPartition, asker, effects);
            self.write_altered(now, request, judged, effects)
        });
        ControllerResponse::AlterPartition(Box::new(AlterPartitionResponse { result }))
    }

    /// Writes what was accepted, in one batch; the answer for each partition.
    fn write_altered(
        &mut self,
        now: Now,
        request: &AlterPartitionRequest,
        judged: Vec<Judged>,
        effects: &mut Effects,
    ) -> Vec<AlteredPartition> {
        let mut records = Vec::new();
        let mut altered = Vec::with_capacity(judged.len());
        for (item, judged) in request.partitions.iter().zip(judged) {
            if let Err(error) = judged {
                self.note_proposal_refused(request.broker, item, error, effects);
            }
            let result = judged.and_then(|(record, answer)| {
                self.note_proposal_served(request.broker, item, effects);
                if record.is_some() {
                    self.note_accepted(request, item, records.len() as i64, effects);
                }
                records.extend(record);
                answer
            });
            altered.push(AlteredPartition { partition: item.partition, result });
        }
        self.write(now, &records, effects);
        altered
    }

    /// States in which epoch of the leader a proposal is taken.
    fn note_proposal_served(&self, by: NodeId, item: &AlterPartitionItem, effects: &mut Effects) {
        effects.note(ExchangeNote::RequestServed {
            api: Api::AlterPartition,
            partition: Some(item.partition),
            by,
            named: i64::from(item.leader_epoch.0),
            own: i64::from(self.registered_epoch(item).0),
        });
    }

    /// States why a proposal of another epoch is refused.
    fn note_proposal_refused(
        &self,
        by: NodeId,
        item: &AlterPartitionItem,
        error: ClusterError,
        effects: &mut Effects,
    ) {
        let (api, partition) = (Api::AlterPartition, item.partition);
        let (named, own) = (item.leader_epoch, self.registered_epoch(item));
        if named != own && own != LeaderEpoch::NONE {
            let refused = ExchangeNote::RequestRefused { api, partition, by, named, own, error };
            effects.note(refused);
        }
    }

    /// The leader epoch that is registered where a proposal is about.
    fn registered_epoch(&self, item: &AlterPartitionItem) -> LeaderEpoch {
        let image = self.active.as_ref().map(|active| &active.image);
        let registered = image.and_then(|image| image.partitions.get(&item.partition));
        registered.map_or(LeaderEpoch::NONE, |registered| registered.leader_epoch)
    }

    /// States in which uptime of a broker its request is taken.
    fn note_broker_served(
        &self,
        api: Api,
        (by, named): (NodeId, BrokerEpoch),
        effects: &mut Effects,
    ) {
        let image = self.active.as_ref().map(|active| &active.image);
        let registered = image.and_then(|image| image.brokers.get(&by));
        let own = registered.map_or(BrokerEpoch::NONE, |registered| registered.broker_epoch);
        let (named, own) = (named.0, own.0);
        effects.note(ExchangeNote::RequestServed { api, partition: None, by, named, own });
    }

    /// States what is about to be written, behind so many records of the same request.
    fn note_accepted(
        &self,
        request: &AlterPartitionRequest,
        item: &AlterPartitionItem,
        records_before: i64,
        effects: &mut Effects,
    ) {
        effects.note(ControllerNote::IsrProposalAccepted {
            partition: item.partition,
            offset: self.quorum.next_offset().plus(records_before),
            controller_epoch: self.quorum.epoch(),
            proposal: Box::new(AcceptedProposal {
                broker: request.broker,
                broker_epoch: request.broker_epoch,
                leader_epoch: item.leader_epoch,
                partition_epoch: item.partition_epoch,
                members: item.new_isr.clone(),
            }),
        });
    }

    fn on_register(
        &mut self,
        now: Now,
        request: &BrokerRegistrationRequest,
        effects: &mut Effects,
    ) -> ControllerResponse {
        let controller = self.quorum.leader();
        let Some(active) = &mut self.active else {
            return refusal::registration(controller);
        };
        let Active { image, sessions, .. } = active;
        let rules = ControllerRules::of(&self.config);
        let in_session = sessions.incarnation_in_session(image, request.broker, now.time);
        let judged = register(image, sessions, request, rules, now.time);
        let result = judged.map(|(records, broker_epoch)| {
            let (by, named) = (request.broker, request.incarnation);
            if let Some(own) = in_session.filter(|own| *own != named) {
                let (api, named, own) = (Api::BrokerRegistration, named as i64, own as i64);
                effects.note(ExchangeNote::served(api, by, named, own));
            }
            self.write(now, &records, effects);
            broker_epoch
        });
        ControllerResponse::BrokerRegistration(BrokerRegistrationResponse { result, controller })
    }

    fn on_heartbeat(
        &mut self,
        now: Now,
        request: &BrokerHeartbeatRequest,
        effects: &mut Effects,
    ) -> ControllerResponse {
        let controller = self.quorum.leader();
        let Some(active) = &mut self.active else {
            return refusal::heartbeat(controller);
        };
        let Active { image, sessions, .. } = active;
        let judged =
            heartbeat(image, sessions, request, ControllerRules::of(&self.config), now.time);
        let result = judged.map(|(records, state)| {
            let asker = (request.broker, request.broker_epoch);
            self.note_broker_served(Api::BrokerHeartbeat, asker, effects);
            self.write(now, &records, effects);
            state
        });
        ControllerResponse::BrokerHeartbeat(BrokerHeartbeatResponse { result, controller })
    }

    fn on_producer_ids(
        &mut self,
        now: Now,
        request: &AllocateProducerIdsRequest,
        effects: &mut Effects,
    ) -> ControllerResponse {
        let Some(active) = &self.active else {
            return refusal::producer_ids();
        };
        let result = allocate_producer_ids(&active.image, request, self.config.defects).map(
            |(record, block)| {
                let asker = (request.broker, request.broker_epoch);
                self.note_broker_served(Api::AllocateProducerIds, asker, effects);
                self.write(now, &[record], effects);
                block
            },
        );
        ControllerResponse::AllocateProducerIds(AllocateProducerIdsResponse { result })
    }

    fn on_create_topics(
        &mut self,
        now: Now,
        request: &CreateTopicsRequest,
        effects: &mut Effects,
    ) -> ControllerResponse {
        let Some(active) = &self.active else {
            return refusal::topics(request);
        };
        let (records, response) = create_topics(&active.image, request);
        self.write(now, &records, effects);
        ControllerResponse::CreateTopics(Box::new(response))
    }

    fn on_admin(
        &mut self,
        now: Now,
        request: &AdminRequest,
        effects: &mut Effects,
    ) -> ControllerResponse {
        if let Some(response) = self.change_voters(now, request, effects) {
            return ControllerResponse::Admin(Box::new(response));
        }
        let Some(active) = &self.active else {
            return ControllerResponse::Admin(Box::new(request.refused(ErrorCode::NotController)));
        };
        let rules = ControllerRules::of(&self.config);
        let (records, response) = administer(&active.image, request, rules);
        self.write(now, &records, effects);
        ControllerResponse::Admin(Box::new(response))
    }

    fn on_connection_closed(&mut self, connection: ConnectionId) {
        self.quorum.on_connection_closed(connection);
        if let Some(active) = &mut self.active {
            active.forget(connection);
        }
    }

    fn on_deadline(&mut self, now: Now, effects: &mut Effects) {
        self.quorum.on_deadline(now, effects);
        self.settle(now, effects);
        self.fence_one(now, effects);
        self.run_periodic_task(now, effects);
    }

    /// Runs one periodic task that is due. Source: `PeriodicTaskControlManager`.
    fn run_periodic_task(&mut self, now: Now, effects: &mut Effects) {
        let rules = ControllerRules::of(&self.config);
        let Some(active) = &mut self.active else { return };
        let Some(task) = active.tasks.due(now.time) else { return };
        let records = match task {
            // ControllerDefect::NeverBalances: leaders stay where they are.
            PeriodicTask::ElectPreferred if rules.defects.has(ControllerDefect::NeverBalances) => {
                Vec::new()
            }
            PeriodicTask::ElectPreferred => balance_leaders(&active.image, rules),
            PeriodicTask::ElectUnclean => elect_uncleanly(&active.image, rules),
        };
        active.tasks.ran(task, now.time, records.len());
        self.write(now, &records, effects);
    }

    /// Fences one broker whose session is over. The next is fenced by an event of its own, from the image that this
    /// change gives, so that no change overwrites another (KAFKA-13173).
    fn fence_one(&mut self, now: Now, effects: &mut Effects) {
        let Some(active) = &self.active else { return };
        let Some((expires_at, broker)) = self.first_session_end() else { return };
        let rules = ControllerRules::of(&self.config);
        if rules.defects.has(ControllerDefect::FencesFromOneState) {
            let late = active.sessions.expired(&active.image, now.time);
            let records = fence_from_one_state(&active.image, &late, rules);
            return self.write(now, &records, effects);
        }
        if expires_at <= now.time {
            let records = fence_records(&active.image, broker, rules);
            self.write(now, &records, effects);
        }
    }

    /// When the first session of a broker that is let in ends, and whose. By `ControllerDefect::SessionsNeverEnd` none
    /// does.
    fn first_session_end(&self) -> Option<(Time, NodeId)> {
        let active = self.active.as_ref()?;
        let never = self.config.defects.has(ControllerDefect::SessionsNeverEnd);
        active.sessions.first_to_expire(&active.image).filter(|_| !never)
    }

    /// Resigns if it leads, so that the others need not wait for a timeout, and ends once another one leads.
    fn on_stop_requested(&mut self, now: Now, effects: &mut Effects) {
        self.quorum.stop(now.time, effects);
    }

    // --- the log and what follows from it

    /// Judges a change of the voters, which needs no active controller.
    fn change_voters(
        &mut self,
        now: Now,
        request: &AdminRequest,
        effects: &mut Effects,
    ) -> Option<AdminResponse> {
        let record = match voters::judge(&self.quorum, now.time, request)? {
            Ok(record) => record,
            Err(error) => return Some(request.refused(error)),
        };
        if self.active.is_some() {
            self.write(now, &[record], effects);
        } else {
            self.quorum.append(now, &[record], effects);
        }
        Some(voters::accepted(request))
    }

    /// Gives records to the log as a whole, and applies them to the speculative image.
    fn write(&mut self, now: Now, records: &[MetadataRecord], effects: &mut Effects) {
        if records.is_empty() {
            return;
        }
        let active = self.active.as_mut().expect("only an active controller writes");
        assert!(self.quorum.leads(active.epoch), "controller of {} no longer leads", active.epoch);
        let base = self.quorum.append(now, records, effects);
        active.apply(base, records);
    }

    /// Lets everything follow that the event brought about in the quorum: leadership lost, records committed, answers
    /// due, leadership established.
    fn settle(&mut self, now: Now, effects: &mut Effects) {
        self.lose_leadership(effects);
        self.load_snapshot(now, effects);
        self.apply_committed(now, effects);
        let high_watermark = self.quorum.log().high_watermark();
        if let Some(active) = &mut self.active {
            active.release(high_watermark, effects);
        } else if let Some(epoch) = self.quorum.established_epoch() {
            self.activate(epoch, now, effects);
        }
        // Whoever asked for the removal of this leader has been answered.
        self.quorum.resign_if_removed(now.time, effects);
        self.lose_leadership(effects);
    }

    /// Takes over, on all that is written: a change of the voters may be, and not be committed.
    fn activate(&mut self, epoch: LeaderEpoch, now: Now, effects: &mut Effects) {
        let mut active = Active::new(epoch, &self.committed, &self.config, now.time);
        let (from, end) = (self.committed.end_offset, self.log().log_end_offset());
        let rest = if from < end { self.log().read(from, end, u32::MAX) } else { Vec::new() };
        for batch in rest {
            active.apply(batch.base_offset(), &decoded(&batch));
        }
        self.active = Some(active);
        effects.note(ControllerNote::Activated { epoch, active: true });
    }

    fn lose_leadership(&mut self, effects: &mut Effects) {
        if let Some(active) = self.active.take_if(|active| !self.quorum.leads(active.epoch)) {
            effects.note(ControllerNote::Activated { epoch: active.epoch, active: false });
            active.refuse_all(self.quorum.leader(), effects);
        }
    }

    /// Takes the metadata from a snapshot that ends beyond what was applied: when it boots, and when the leader gave
    /// one. A leader never does. Source: `KafkaRaftClient.updateListenersProgress`,
    /// `MetadataLoader.handleLoadSnapshot`.
    fn load_snapshot(&mut self, now: Now, effects: &mut Effects) {
        let Some((snapshot, image)) = self.quorum.snapshot_beyond(self.committed.end_offset) else {
            return;
        };
        assert!(self.active.is_none(), "active controller {} loads snapshot {snapshot}", self.node);
        self.committed = image;
        self.snapshots.reset(now.time);
        let digest = self.committed.digest();
        effects.note(QuorumNote::SnapshotLoaded { snapshot, digest });
    }

    fn apply_committed(&mut self, now: Now, effects: &mut Effects) {
        let high_watermark = self.quorum.log().high_watermark();
        while self.committed.end_offset < high_watermark {
            let from = self.committed.end_offset;
            let batches = self.quorum.log().read(from, high_watermark, APPLY_BYTES_MAX);
            assert!(
                !batches.is_empty(),
                "no batch at {from}, below the high watermark {high_watermark}"
            );
            self.apply_batches(&batches, effects);
            if let Some((epoch, appended_at)) = self.snapshots.due(now.time, self.config.defects) {
                self.snapshots.reset(now.time);
                self.quorum.create_snapshot(&self.committed, epoch, appended_at, effects);
            }
        }
    }

    fn apply_batches(&mut self, batches: &[RecordBatch], effects: &mut Effects) {
        for batch in batches {
            self.snapshots.applied(batch);
            let controller_epoch = batch.header().leader_epoch;
            for (delta, record) in decoded(batch).iter().enumerate() {
                let offset = batch.base_offset().plus(delta as i64);
                let change = Box::new(self.committed.apply(offset, record));
                effects.note(ControllerNote::MetadataApplied { offset, controller_epoch, change });
            }
        }
    }

    fn check(&mut self) {
        self.quorum.check();
        let (end, high_watermark) = (self.committed.end_offset, self.log().high_watermark());
        assert!(end == high_watermark, "applied to {end}, committed to {high_watermark}");
        if let Some(active) = &self.active {
            let (end, next) = (active.image.end_offset, self.quorum.next_offset());
            assert!(end == next, "speculative image at {end}, the next record goes to {next}");
            let (epoch, quorum_epoch) = (active.epoch, self.quorum.epoch());
            assert!(
                epoch == quorum_epoch,
                "active in epoch {epoch}, the quorum is in {quorum_epoch}"
            );
            active.self_check(high_watermark);
        }
    }
}

/// The records of a batch of the metadata log.
fn decoded(batch: &RecordBatch) -> Vec<MetadataRecord> {
    let records = batch.records().expect("a controller wrote this batch").into_iter();
    let values = records.map(|record| record.value.expect("a metadata record has a value"));
    values.map(|value| MetadataRecord::decode(&value).expect("a controller wrote this")).collect()
}

impl Node for Controller {
    fn logs(&self) -> Vec<&Log> {
        vec![self.log()]
    }

    fn metadata(&self) -> Option<&MetadataImage> {
        Some(&self.committed)
    }

    fn status(&self) -> NodeStatus {
        let held = self.active.as_ref().map_or(0, Active::held);
        NodeStatus {
            quorum_leader: self.quorum.leader(),
            metadata_end: self.committed.end_offset,
            ..NodeStatus::default()
        }
        .holds("answers that wait for a commit", held)
    }

    fn handle(&mut self, now: Now, event: Event, effects: &mut Effects) {
        if self.quorum.lacks_snapshot() {
            effects.push(Effect::Halt { reason: "no snapshot begins the metadata log" });
            return;
        }
        match event {
            Event::Booted => self.on_booted(now, effects),
            Event::Request { connection, message, .. } => {
                self.on_request(now, connection, message, effects);
            }
            Event::Response { from, channel, message } => {
                self.quorum.on_response(now, from, channel, message, effects);
            }
            Event::Connected { to, channel } => {
                return self.quorum.on_connected(now.time, to, channel);
            }
            Event::ConnectionLost { to, channel } => {
                self.quorum.on_connection_lost(now, to, channel, effects);
            }
            Event::ConnectionClosed { connection } => self.on_connection_closed(connection),
            Event::FlushCompleted { token } => self.quorum.on_flush_completed(now, token),
            Event::Invoked { operation, .. } => {
                panic!("operation {operation} was invoked at controller {}", self.node)
            }
            Event::DeadlinePassed => self.on_deadline(now, effects),
            Event::LogDirectoryFailed { .. } => {
                return effects.push(Effect::Halt { reason: METADATA_DIRECTORY_FAILED });
            }
            Event::StopRequested => self.on_stop_requested(now, effects),
            Event::MetadataPublishing { .. } => {
                panic!("controller {} has no metadata publisher of a broker", self.node)
            }
        }
        self.settle(now, effects);
        self.check();
        if self.quorum.may_stop(now.time) {
            effects.push(Effect::Halt { reason: "stopped" });
        }
    }

    fn next_deadline(&self) -> Option<Deadline> {
        let session = self.first_session_end();
        let session = session.map(|(at, _)| Deadline { at, why: "broker session timeout" });
        let task = self.active.as_ref().and_then(|active| active.tasks.deadline());
        let own = Deadline::earlier(session, task);
        Deadline::earlier(self.quorum.next_deadline(), own)
    }
}
