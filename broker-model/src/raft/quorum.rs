//! A replica of the quorum, voter or observer: its durable state, its role, its timers, and the transitions between
//! roles.

use std::time::Duration;

use crate::config::{ClusterConfig, ms};
use crate::defect::{Defects, QuorumDefect};
use crate::disk_image::{DiskImage, FileId};
use crate::jitter::jitter;
use crate::log::{Log, LogConfig, LogOptions};
use crate::message::{QuorumRequest, QuorumResponse, Response, ResponseBody};
use crate::metadata::FetchingSnapshot;
use crate::node::{Channel, Deadline, Effect, Effects};
use crate::note::QuorumNote;
use crate::raft::election_state::ElectionState;
use crate::raft::request_manager::Peer;
use crate::raft::role::{Election, Resigned, Role};
use crate::raft::snapshot_store::Snapshots;
use crate::raft::voter_history::{Voters, first_voters, format, replica_key};
use crate::types::{
    CorrelationId, DirectoryId, FlushToken, LeaderEpoch, NodeId, Now, Offset, Time, TopicPartition,
};

/// A retry waits at least this long, and less than twice as long. Source: `retry.backoff.ms` of Kafka's raft client.
const RETRY_BACKOFF: Duration = Duration::from_millis(50);

/// A voter that stops waits at most this long for another leader. Source: `KafkaRaftClientDriver.shutdown`.
const SHUTDOWN_PATIENCE: Duration = Duration::from_secs(5);

/// What a voter is opened with.
#[derive(Debug, Clone, Copy)]
pub(crate) struct QuorumOptions<'a> {
    /// Who it is.
    pub(crate) node: NodeId,
    /// The cluster's configuration.
    pub(crate) config: &'a ClusterConfig,
    /// Its disk.
    pub(crate) image: &'a DiskImage,
    /// Unique in a run for each uptime: spreads the jitter of uptimes.
    pub(crate) incarnation: u64,
}

/// A quorum voter.
#[derive(Debug)]
pub(crate) struct Quorum {
    pub(super) node: NodeId,
    /// On which disk.
    pub(super) directory: DirectoryId,
    /// Whether the voters can be changed.
    pub(super) reconfigurable: bool,
    pub(super) voters: Voters,
    pub(super) timeouts: Timeouts,
    pub(super) defects: Defects,
    pub(super) fetch_bytes_max: u32,
    pub(super) log: Log,
    pub(super) snapshots: Snapshots,
    /// The snapshot that is being fetched from the leader; forgotten with the role.
    pub(super) fetching: Option<FetchingSnapshot>,
    pub(super) state: ElectionState,
    pub(super) role: Role,
    pub(super) peers: Vec<Peer>,
    /// Once a stop is requested: when it ends the process even without another leader.
    stop_by: Option<Time>,
    /// The peer that is asked next where any will do.
    pub(super) next_bootstrap: usize,
    persisted: Option<ElectionState>,
    pub(super) correlation_id: CorrelationId,
    jitter: ElectionJitter,
    checked: (ElectionState, Offset),
}

/// Times of the quorum, from the configuration.
#[derive(Debug, Clone, Copy)]
pub(super) struct Timeouts {
    pub(super) election: Duration,
    pub(super) election_backoff_max: Duration,
    pub(super) fetch: Duration,
    pub(super) fetch_wait_max_ms: u64,
    pub(super) request: Duration,
    /// How long records gather before a leader appends them.
    pub(super) append_linger: Duration,
}

impl Timeouts {
    /// A leader that no majority fetched from for so long resigns. Source: KAFKA-15489.
    pub(super) fn check_quorum(&self) -> Duration {
        self.fetch * 3 / 2
    }

    /// A voter that did not fetch for so long is told again who leads.
    pub(super) fn begin_interval(&self) -> Duration {
        self.fetch / 2
    }
}

/// Jitter that differs with each use.
#[derive(Debug, Clone, Copy)]
struct ElectionJitter {
    salt: u64,
    node: NodeId,
    drawn: u64,
}

impl ElectionJitter {
    fn draw(&mut self, bound: Duration) -> Duration {
        self.drawn = self.drawn.wrapping_add(1);
        jitter(self.salt, self.node, self.drawn, bound)
    }
}

impl Quorum {
    /// Opens the log and takes up the role that the boot rules give (rules 2.6).
    pub(crate) fn open(options: QuorumOptions<'_>, now: Now, effects: &mut Effects) -> Self {
        let QuorumOptions { node, config, image, incarnation } = options;
        assert!(
            config.controllers.contains(&node),
            "{node} is not one of {:?}",
            config.controllers
        );
        // The metadata log keeps no checkpoints: it is synced with each append, and the leader tells the high
        // watermark.
        let log_options = LogOptions {
            config: log_config(config),
            now: now.wall,
            clean: false,
            recovery_point: Offset::ZERO,
            high_watermark: Offset::ZERO,
            log_start_offset: Offset::ZERO,
            holes: false,
        };
        let log = Log::open(TopicPartition::METADATA, log_options, image, effects);
        let start = log.log_start_offset();
        let snapshots = Snapshots::open(config.metadata_log, image, start, now.time, effects);
        let (key, new) = replica_key(config, image, (node, incarnation));
        if new {
            format(key, effects);
        }
        let peers = config.controllers.iter().filter(|other| **other != node);
        // Multiplied by an odd constant, so that the uptimes' sequences of numbers lie far apart: an answer to an
        // earlier uptime that still arrives must not match.
        let drawn = incarnation.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let mut quorum = Self {
            node,
            directory: key.directory,
            reconfigurable: config.is_reconfigurable(),
            voters: first_voters(config, key),
            timeouts: timeouts(config),
            defects: config.defects,
            fetch_bytes_max: config.replica_fetch_max_bytes,
            stop_by: None,
            next_bootstrap: 0,
            peers: peers.map(|other| Peer::new(*other)).collect(),
            persisted: image.read(FileId::QuorumState).and_then(ElectionState::decode),
            state: ElectionState::at(LeaderEpoch(0)),
            role: Role::Unattached { election_at: now.time },
            correlation_id: CorrelationId((drawn >> 34) as i32),
            jitter: ElectionJitter { salt: config.jitter_salt, node, drawn },
            checked: (ElectionState::at(LeaderEpoch(0)), Offset::ZERO),
            log,
            snapshots,
            fetching: None,
        };
        quorum.start_on_snapshot(effects);
        quorum.load_voters();
        quorum.take_up_state(now.time);
        quorum
    }

    /// The boot rules: what is on the disk decides the role.
    fn take_up_state(&mut self, now: Time) {
        let log_epoch = self.log.latest_epoch().max(LeaderEpoch(0));
        self.state = match self.persisted {
            Some(state) if state.epoch >= log_epoch => state,
            Some(_) | None => ElectionState::at(log_epoch),
        };
        let election_at = now + self.election_timeout();
        let ElectionState { voted, leader, .. } = self.state;
        self.role = if leader == Some(self.node) {
            // A restarted leader may have lost what it appended, so it never resumes its epoch (KAFKA-10527).
            Role::Resigned(self.resignation(election_at))
        } else if voted == Some(self.node) && self.votes() {
            Role::Candidate(Election::begun_by(self.node, election_at))
        } else if leader.is_some() {
            Role::Follower { fetch_deadline: now + self.timeouts.fetch, has_fetched: false }
        } else {
            Role::Unattached { election_at }
        };
        if matches!(self.role, Role::Candidate(_)) {
            self.state.leader = None;
        }
        self.checked.0 = self.state;
    }

    /// First event of an uptime.
    pub(crate) fn boot(&mut self, now: Now, effects: &mut Effects) {
        self.persist(effects);
        self.note_persisted(effects);
        self.sync_log(effects);
        self.note_replica(effects);
        self.note_state(effects);
        let led = self.state.leader == Some(self.node) && self.votes();
        if led && self.defects.has(QuorumDefect::RestartedLeaderResumes) {
            self.become_leader(now, effects);
        } else if self.is_only_voter() {
            match self.role {
                Role::Candidate(_) => self.become_leader(now, effects),
                Role::Unattached { .. }
                | Role::Follower { .. }
                | Role::Prospective(_)
                | Role::Leader(_)
                | Role::Resigned(_) => self.become_prospective(now, effects),
            }
        }
        self.pump(now.time, effects);
    }

    // --- what others may know

    /// The metadata log.
    pub(crate) fn log(&self) -> &Log {
        &self.log
    }

    /// The latest epoch that this voter knows.
    pub(crate) fn epoch(&self) -> LeaderEpoch {
        self.state.epoch
    }

    /// Leader of the epoch, if known and not known to have resigned.
    pub(crate) fn leader(&self) -> Option<NodeId> {
        match self.role {
            Role::Resigned(_) => None,
            Role::Unattached { .. }
            | Role::Follower { .. }
            | Role::Prospective(_)
            | Role::Candidate(_)
            | Role::Leader(_) => self.state.leader,
        }
    }

    /// Whether this voter leads the epoch.
    pub(crate) fn leads(&self, epoch: LeaderEpoch) -> bool {
        matches!(self.role, Role::Leader(_)) && self.state.epoch == epoch
    }

    /// The epoch that this voter leads, once a record of it is committed: everything before is then committed too.
    pub(crate) fn established_epoch(&self) -> Option<LeaderEpoch> {
        match &self.role {
            Role::Leader(leader) => leader.high_watermark.map(|_| self.state.epoch),
            Role::Unattached { .. }
            | Role::Follower { .. }
            | Role::Prospective(_)
            | Role::Candidate(_)
            | Role::Resigned(_) => None,
        }
    }

    // --- events

    /// Another voter asks.
    pub(crate) fn on_request(
        &mut self,
        now: Now,
        request: &QuorumRequest,
        effects: &mut Effects,
    ) -> QuorumResponse {
        match request {
            QuorumRequest::Vote(request) => {
                QuorumResponse::Vote(self.on_vote_request(now, *request, effects))
            }
            QuorumRequest::BeginQuorumEpoch(request) => {
                QuorumResponse::BeginQuorumEpoch(self.on_begin_request(now, *request, effects))
            }
            QuorumRequest::EndQuorumEpoch(request) => {
                QuorumResponse::EndQuorumEpoch(self.on_end_request(now, request, effects))
            }
            QuorumRequest::FetchSnapshot(request) => {
                let part = self.on_fetch_snapshot_request(now.time, request, effects);
                QuorumResponse::FetchSnapshot(Box::new(part))
            }
        }
    }

    /// An answer to one of this voter's requests.
    pub(crate) fn on_response(
        &mut self,
        now: Now,
        from: NodeId,
        channel: Channel,
        message: Response,
        effects: &mut Effects,
    ) {
        let connection = self.peers.iter_mut().find(|peer| peer.node == from);
        let sent =
            connection.and_then(|peer| peer.connection(channel)?.answered(message.correlation_id));
        let Some(sent) = sent else { return };
        match message.body {
            ResponseBody::Quorum(QuorumResponse::Vote(response)) => {
                self.on_vote_response(now, from, (sent.asked, sent.epoch), response, effects);
            }
            ResponseBody::Quorum(QuorumResponse::BeginQuorumEpoch(response)) => {
                self.observe(now.time, response.epoch, response.leader, effects);
            }
            ResponseBody::Quorum(QuorumResponse::EndQuorumEpoch(response)) => {
                self.observe(now.time, response.epoch, response.leader, effects);
                self.on_leader_resigned(from, sent.epoch);
            }
            ResponseBody::Quorum(QuorumResponse::FetchSnapshot(response)) => {
                self.on_fetch_snapshot_response(now.time, from, sent.epoch, &response, effects);
            }
            ResponseBody::QuorumFetch(response) => {
                self.on_fetch_response(now.time, from, sent.epoch, &response, effects);
            }
            // A voter is no client and no broker.
            ResponseBody::Client(_)
            | ResponseBody::Peer(_)
            | ResponseBody::Controller(_)
            | ResponseBody::Wire(_) => {}
        }
        self.pump(now.time, effects);
    }

    /// A connection that this voter opened stands. Source: `InterBrokerSendThread.failExpiredRequests`, `doSend`.
    pub(crate) fn on_connected(&mut self, now: Time, to: NodeId, channel: Channel) {
        let expires_at = now + self.timeouts.request;
        let peer = self.peers.iter_mut().find(|peer| peer.node == to);
        if let Some(connection) = peer.and_then(|peer| peer.connection(channel)) {
            connection.connected(expires_at);
        }
    }

    /// A connection that this voter opened is gone.
    pub(crate) fn on_connection_lost(
        &mut self,
        now: Now,
        to: NodeId,
        channel: Channel,
        effects: &mut Effects,
    ) {
        let not_before = self.after_backoff(now.time);
        let peer = self.peers.iter_mut().find(|peer| peer.node == to);
        if let Some(connection) = peer.and_then(|peer| peer.connection(channel)) {
            connection.failed(not_before);
        }
        self.pump(now.time, effects);
    }

    /// A background flush of the log is done.
    pub(crate) fn on_flush_completed(&mut self, now: Now, token: FlushToken) {
        self.log.flush_completed(token, now.wall);
    }

    /// A deadline passed: requests time out, elections begin, waiting fetches are answered.
    pub(crate) fn on_deadline(&mut self, now: Now, effects: &mut Effects) {
        self.expire_requests(now.time, effects);
        self.clean_if_due(now, effects);
        if self.stop_by.is_none() {
            self.on_role_deadline(now, effects);
        }
        self.pump(now.time, effects);
    }

    fn on_role_deadline(&mut self, now: Now, effects: &mut Effects) {
        match &self.role {
            Role::Unattached { .. } | Role::Follower { .. } if !self.votes() => {}
            Role::Candidate(_) if self.defects.has(QuorumDefect::CandidateWaitsForEver) => {}
            Role::Unattached { election_at: at }
            | Role::Follower { fetch_deadline: at, .. }
            | Role::Candidate(Election { ends_at: at, .. }) => {
                if *at <= now.time {
                    self.become_prospective(now, effects);
                }
            }
            Role::Prospective(election) => {
                if election.ends_at <= now.time {
                    self.give_up_pre_votes(now.time, effects);
                }
            }
            Role::Resigned(resigned) => {
                if resigned.election_at <= now.time {
                    self.leave_resigned_epoch(now.time, effects);
                }
            }
            Role::Leader(_) => self.on_leader_deadline(now.time, effects),
        }
    }

    /// The process is to stop. A leader resigns and stays until another voter has taken over, so that it can still
    /// grant pre-votes. Source: `KafkaRaftClient.maybeCompleteShutdown`.
    pub(crate) fn stop(&mut self, now: Time, effects: &mut Effects) {
        self.stop_by.get_or_insert(now + SHUTDOWN_PATIENCE);
        self.resign(now, effects);
    }

    /// Whether a stop was requested and nothing holds it up any more.
    pub(crate) fn may_stop(&self, now: Time) -> bool {
        let follows = self.state.leader.is_some_and(|leader| leader != self.node);
        let alone = self.is_only_voter();
        self.stop_by.is_some_and(|stop_by| alone || follows || stop_by <= now)
    }

    /// Whether a stop was requested.
    pub(super) fn is_stopping(&self) -> bool {
        self.stop_by.is_some()
    }

    /// The others had an election timeout's time to elect somebody. The epoch is left, because this voter leads it in
    /// name: it could follow nobody in it. Source: `KafkaRaftClient.pollResigned`.
    fn leave_resigned_epoch(&mut self, now: Time, effects: &mut Effects) {
        self.become_unattached(now, ElectionState::at(self.state.epoch.next()), effects);
    }

    fn expire_requests(&mut self, now: Time, effects: &mut Effects) {
        let not_before = self.after_backoff(now);
        for peer in &mut self.peers {
            for channel in [Channel::QuorumFetch, Channel::Quorum] {
                let connection =
                    peer.connection(channel).expect("both are channels between voters");
                if connection.has_expired(now) {
                    connection.failed(not_before);
                    effects.push(Effect::Disconnect { to: peer.node, channel });
                }
            }
        }
    }

    /// When this voter wants to be woken.
    pub(crate) fn next_deadline(&self) -> Option<Deadline> {
        let mut next = Deadline::earlier(self.role_deadline(), self.snapshots.deadline());
        for (index, peer) in self.peers.iter().enumerate() {
            for connection in [&peer.fetch, &peer.quorum] {
                let expiry = connection.in_flight.map(|sent| sent.expires_at);
                let expiry = expiry.map(|at| Deadline { at, why: "quorum request timeout" });
                next = Deadline::earlier(next, expiry);
            }
            let send = self.next_send(index).map(|at| Deadline { at, why: "quorum retry" });
            next = Deadline::earlier(next, send);
        }
        next
    }

    pub(super) fn role_deadline(&self) -> Option<Deadline> {
        if let Some(at) = self.stop_by {
            return Some(Deadline { at, why: "quorum voter stops" });
        }
        match &self.role {
            // An observer stands for nothing, and asks whoever answers for as long as it takes.
            Role::Unattached { .. } | Role::Follower { .. } if !self.votes() => None,
            Role::Unattached { election_at } => {
                Some(Deadline { at: *election_at, why: "quorum election" })
            }
            Role::Follower { fetch_deadline, .. } => {
                Some(Deadline { at: *fetch_deadline, why: "quorum fetch timeout" })
            }
            Role::Candidate(_) if self.defects.has(QuorumDefect::CandidateWaitsForEver) => None,
            Role::Prospective(election) | Role::Candidate(election) => {
                Some(Deadline { at: election.ends_at, why: "quorum election timeout" })
            }
            Role::Leader(leader) => self.leader_deadline(leader),
            Role::Resigned(resigned) => {
                Some(Deadline { at: resigned.election_at, why: "quorum election" })
            }
        }
    }

    // --- transitions

    /// Takes note of an epoch and leader that another node told; true if this voter's state changed.
    pub(super) fn observe(
        &mut self,
        now: Time,
        epoch: LeaderEpoch,
        leader: Option<NodeId>,
        effects: &mut Effects,
    ) -> bool {
        let leader = leader.filter(|leader| self.is_peer(*leader));
        let attached = self.state.leader.is_some();
        match leader {
            Some(leader)
                if epoch > self.state.epoch || (epoch == self.state.epoch && !attached) =>
            {
                self.become_follower(now, epoch, leader, effects);
                true
            }
            None if epoch > self.state.epoch => {
                self.become_unattached(now, ElectionState::at(epoch), effects);
                true
            }
            Some(_) | None => false,
        }
    }

    /// Enters an epoch without a known leader, or falls back to knowing none. The election timer goes on where one ran,
    /// unless the vote is given: else a voter with an old log that stands again and again would keep all others from
    /// standing. Source: `QuorumState.transitionToUnattached`, `unattachedAddVotedState`.
    pub(super) fn become_unattached(
        &mut self,
        now: Time,
        state: ElectionState,
        effects: &mut Effects,
    ) {
        let (epoch, before) = (state.epoch, self.state.epoch);
        let falls_back = epoch == before && matches!(self.role, Role::Prospective(_));
        assert!(epoch > before || falls_back, "unattached in epoch {epoch} after {before}");
        assert!(state.leader.is_none(), "unattached in epoch {epoch}, led by {:?}", state.leader);
        let fresh = now + self.election_timeout();
        let election_at = match &self.role {
            _ if state.voted.is_some() && epoch > before => fresh,
            Role::Unattached { election_at } => *election_at,
            Role::Prospective(election) if election.is_rejected(self.voters().count()) => fresh,
            Role::Prospective(election) | Role::Candidate(election) => election.ends_at,
            Role::Resigned(resigned) => resigned.election_at,
            Role::Follower { .. } | Role::Leader(_) => fresh,
        };
        self.enter(state, Role::Unattached { election_at }, effects);
        self.reset_connections(now);
    }

    /// Follows a leader.
    pub(super) fn become_follower(
        &mut self,
        now: Time,
        epoch: LeaderEpoch,
        leader: NodeId,
        effects: &mut Effects,
    ) {
        assert!(leader != self.node, "{leader} cannot follow itself");
        // The vote of this epoch is kept: it must stay known even while a leader is (KAFKA-18389).
        let voted = self.state.voted.filter(|_| epoch == self.state.epoch);
        let state = ElectionState { epoch, voted, leader: Some(leader) };
        let fetch_deadline = now + self.timeouts.fetch;
        self.enter(state, Role::Follower { fetch_deadline, has_fetched: false }, effects);
        self.reset_connections(now);
    }

    /// Forgets what was asked in another role. Source: `KafkaRaftClient.resetConnections`.
    pub(super) fn reset_connections(&mut self, now: Time) {
        for peer in &mut self.peers {
            peer.fetch.reset(now);
            peer.quorum.reset(now);
        }
    }

    /// Takes a state and role: on the disk first, then known to those who wait here.
    pub(super) fn enter(&mut self, state: ElectionState, role: Role, effects: &mut Effects) {
        let left = std::mem::replace(&mut self.role, role);
        self.fetching = None;
        self.state = state;
        self.persist(effects);
        self.note_state(effects);
        if let Role::Leader(leader) = left {
            self.turn_away(&leader.waiting, effects);
        }
    }

    /// Syncs the log, and says so.
    pub(super) fn sync_log(&mut self, effects: &mut Effects) {
        self.log.sync_records(effects);
        effects.note(QuorumNote::LogSynced { end: self.log.log_end_offset() });
    }

    fn persist(&mut self, effects: &mut Effects) {
        let state = self.to_persist();
        if self.persisted != Some(state) {
            let (file, bytes) = (FileId::QuorumState, state.encode());
            effects.push(Effect::Replace { file, bytes });
            self.persisted = Some(state);
            self.note_persisted(effects);
        }
    }

    fn note_persisted(&self, effects: &mut Effects) {
        if let Some(ElectionState { epoch, voted, .. }) = self.persisted {
            effects.note(QuorumNote::StatePersisted { epoch, voted });
        }
    }

    /// What of the state is to be on the disk: all of it.
    fn to_persist(&self) -> ElectionState {
        // QuorumDefect::VoteNotPersisted: the epoch reaches the disk, the vote that was given in it stays in memory.
        let forgets = self.defects.has(QuorumDefect::VoteNotPersisted);
        let voted = self.state.voted.filter(|_| !forgets);
        ElectionState { voted, ..self.state }
    }

    fn note_state(&self, effects: &mut Effects) {
        let ElectionState { epoch, voted, leader } = self.state;
        effects.note(QuorumNote::StateChanged { epoch, role: self.role.name(), leader, voted });
    }

    // --- small parts

    /// Whether it is another controller: who leads, or stands, need not be a voter as far as this one has read.
    /// Source: `KafkaRaftClient.validateVoterOnlyRequest`.
    pub(super) fn is_peer(&self, node: NodeId) -> bool {
        self.peers.iter().any(|peer| peer.node == node)
    }

    /// Between one and two election timeouts.
    pub(super) fn election_timeout(&mut self) -> Duration {
        self.timeouts.election + self.jitter.draw(self.timeouts.election)
    }

    /// When to try again after a failure.
    pub(super) fn after_backoff(&mut self, now: Time) -> Time {
        now + RETRY_BACKOFF + self.jitter.draw(RETRY_BACKOFF)
    }

    fn resignation(&self, election_at: Time) -> Resigned {
        let unaware = self.other_voters().map(|voter| voter.id).collect();
        Resigned { election_at, successors: Vec::new(), unaware }
    }

    /// Asserts what must hold between two events.
    pub(crate) fn check(&mut self) {
        self.check_state();
        self.check_role();
        self.check_snapshots();
        self.check_voters();
        let (_, before) = self.checked;
        let (hw, end) = (self.log.high_watermark(), self.log.log_end_offset());
        assert!(hw >= before, "high watermark fell from {before} to {hw}");
        assert!(hw <= end, "high watermark {hw} is above the log end {end}");
        let (latest, epoch) = (self.log.latest_epoch(), self.state.epoch);
        assert!(latest <= epoch, "the log has epoch {latest}, this voter is in epoch {epoch}");
        self.checked = (self.state, hw);
    }

    /// An epoch never falls; within it a vote is given once, a leader is one, and both are on the disk.
    fn check_state(&self) {
        let (before, now) = (self.checked.0, self.state);
        assert!(now.epoch >= before.epoch, "epoch fell from {} to {}", before.epoch, now.epoch);
        if now.epoch == before.epoch {
            let kept = before.voted.is_none()
                || now.voted == before.voted
                || self.defects.has(QuorumDefect::VotesTwice);
            assert!(kept, "the vote of {before:?} became that of {now:?}");
            let one = before.leader.is_none() || now.leader == before.leader;
            assert!(one, "the leader of {before:?} became that of {now:?}");
        }
        let durable = self.to_persist();
        let (on_disk, node) = (self.persisted, self.node);
        assert!(on_disk == Some(durable), "{node}: {on_disk:?} is on the disk, not {durable:?}");
    }

    /// What a role says of the election state and of the log.
    fn check_role(&self) {
        let (node, state) = (self.node, self.state);
        let fits = match &self.role {
            Role::Unattached { .. } => state.leader.is_none(),
            Role::Follower { .. } => state.leader.is_some_and(|leader| leader != node),
            Role::Prospective(_) => state.leader != Some(node),
            Role::Candidate(_) => state.leader.is_none() && state.voted == Some(node),
            Role::Leader(_) | Role::Resigned(_) => state.leader == Some(node),
        };
        assert!(fits, "{node} is {:?} in {state:?}", self.role.name());
        if let Role::Leader(leader) = &self.role {
            let (start, end) = (leader.epoch_start, self.log.log_end_offset());
            let committed = leader.high_watermark;
            assert!(start < end, "epoch {} begins at {start}, the log ends at {end}", state.epoch);
            let any_epoch = self.defects.has(QuorumDefect::CommitsAtEpochStart);
            let own = any_epoch || committed.is_none_or(|committed| committed > start);
            assert!(own, "{committed:?} is committed, the epoch begins at {start}");
            let told = committed.is_none_or(|committed| committed == self.log.high_watermark());
            assert!(told, "{committed:?} is committed, of which the log does not know");
            leader.self_check(self.other_voters());
        }
        if let Role::Prospective(election) | Role::Candidate(election) = &self.role {
            election.self_check(self.node, self.voters());
        }
    }
}

/// No record of the metadata log is deleted for its age, or because there are too many: only a snapshot lets them go.
/// Source: `KafkaMetadataLog.apply`.
fn log_config(config: &ClusterConfig) -> LogConfig {
    let mut log = LogConfig::of(config);
    if config.defects.has(QuorumDefect::RetentionPastSnapshot) {
        // QuorumDefect::RetentionPastSnapshot: what a snapshot does not hold goes by its age, too.
        log.retention.retention_ms = config.metadata_log.retention_ms;
    }
    log
}

fn timeouts(config: &ClusterConfig) -> Timeouts {
    Timeouts {
        election: ms(config.quorum_election_timeout_ms),
        election_backoff_max: ms(config.quorum_election_backoff_max_ms),
        fetch: ms(config.quorum_fetch_timeout_ms),
        fetch_wait_max_ms: config.quorum_fetch_wait_max_ms,
        request: ms(config.request_timeout_ms),
        append_linger: ms(config.quorum_append_linger_ms),
    }
}
