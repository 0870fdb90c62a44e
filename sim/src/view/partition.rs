//! The true state of one partition: its registration, the mirrors of its replicas and the committed sequence.

use std::collections::BTreeSet;

use harrow_broker_model::note::{BatchSummary, PartitionRegistration};
use harrow_broker_model::types::{LeaderEpoch, NodeId, Offset, TopicPartition};

use super::compacted::{CompactedRecords, Holes};
use super::fact::{Fact, FactRing};
use super::log::LogMirror;
use super::registry::TopicView;
use crate::truth::{Election, Loss};

/// A partition as it truly is.
#[derive(Debug)]
pub struct PartitionView {
    /// Which.
    pub partition: TopicPartition,
    /// The newest committed registration; none for the metadata log.
    pub registration: Option<PartitionRegistration>,
    /// `min.insync.replicas` of its topic, bounded by the number of replicas.
    pub min_insync_replicas: u32,
    /// The least and the most that it ever was, bounded alike: brokers hear of a change later.
    pub minimums: (u32, u32),
    /// How many replicas are registered.
    pub replica_count: u32,
    /// How many replicas may lose what they did not flush without loss of anything committed: one less than the
    /// minimum in sync, or none if eligible leader replicas are not kept. Source: KIP-966.
    pub losses_survived: u32,
    /// `unclean.leader.election.enable` of its topic.
    pub unclean_leader_election: bool,
    /// Everything that was committed, in order; cut only by an election that loses some of it.
    pub committed: LogMirror,
    /// The newest epoch in which something was committed: who acts in it or later holds all that is committed.
    pub committed_in: LeaderEpoch,
    /// The newest epoch whose election lost committed records or was unclean: promises of leaders of earlier epochs
    /// are void.
    pub lost_in: Option<LeaderEpoch>,
    /// Each time that committed records were lost, oldest first.
    pub losses: Vec<Loss>,
    /// Each time that a leader was elected after the first one, oldest first.
    pub elections: Vec<Election>,
    /// When its topic was deleted, if it was: since then nothing is promised of it any more.
    pub deleted_ns: Option<u64>,
    /// What its records are, if it is compacted.
    pub compaction: CompactedRecords,
    replicas: Vec<ReplicaView>,
    pub(crate) facts: FactRing,
}

/// One replica as it truly is.
#[derive(Debug)]
pub struct ReplicaView {
    /// Whose.
    pub node: NodeId,
    /// Its log, as it was written.
    pub log: LogMirror,
    /// What the cleaner took of that.
    pub holes: Holes,
    /// First offset that may be read.
    pub log_start_offset: Offset,
    /// The furthest that was, unless its disk was emptied: a log start that is lost with a crash may be known still.
    pub furthest_start: Offset,
    /// Producers of records that end below need not be known: the log was begun there, behind what its leader had
    /// deleted, or started there when its process lost what was not synced, snapshots included.
    pub producers_from: Offset,
    /// Its own high watermark.
    pub high_watermark: Offset,
    /// What it does.
    pub role: ReplicaRole,
    /// In which epoch.
    pub leader_epoch: LeaderEpoch,
    /// Whether it may have lost records that it once had: a power loss or a wipe, and not since joined the ISR.
    pub lossy: bool,
    /// Whether a bit of its files flipped: each process that opens them may find less.
    pub rotten: bool,
    /// Whether its process ended since it last joined the ISR or stopped cleanly: the controller will take such a
    /// replica's eligibility away when it registers again, though its log may be whole.
    pub unclean: bool,
    /// Its log end when it became leader of its epoch.
    pub epoch_start_offset: Offset,
    /// Epochs that it has led in: it knows them without a record of theirs.
    pub led_in: BTreeSet<LeaderEpoch>,
    /// The ISR as it believes, if it leads.
    pub isr: BelievedIsr,
    /// Whether it led when its process ended last.
    pub led_at_end: bool,
    /// What is expected when its log is opened again; none while it is open.
    pub reopening: Option<Reopening>,
    /// `min.insync.replicas` as its broker has it, if it has told of a change.
    pub minimum: Option<u32>,
    /// Batches that were cut off: a power loss may undo the cut.
    cut: Vec<BatchSummary>,
}

/// The ISR as a leader believes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct BelievedIsr {
    /// Members by the controller's last word.
    pub members: Vec<NodeId>,
    /// Number of members and of those that are proposed besides: what an acknowledgement counts. Source: KIP-497.
    pub maximal_len: usize,
}

impl BelievedIsr {
    pub(crate) fn commit(&mut self, members: &[NodeId]) {
        self.members.clear();
        self.members.extend_from_slice(members);
        self.maximal_len = members.len();
    }

    pub(crate) fn propose(&mut self, members: &[NodeId]) {
        let added = members.iter().filter(|member| !self.members.contains(member)).count();
        self.maximal_len = self.members.len() + added;
    }
}

/// What a replica does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReplicaRole {
    /// Nothing yet in this uptime.
    Idle,
    /// Leads, as far as it knows.
    Leader,
    /// Follows.
    Follower,
}

/// How a log was left behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reopening {
    /// With all that was written.
    Intact,
    /// With what was flushed, at least.
    Lossy,
}

/// What it means that a replica which leads, as it thinks, raised its high watermark.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Commit {
    /// Only records that are committed already.
    Known,
    /// The records below it are not those that are committed.
    Conflicting { stale: bool },
    /// New records are committed; `lacking` is a member of ISR or ELR that does not hold them.
    New { stale: bool, lacking: Option<NodeId> },
}

impl Commit {
    /// Whether the committed sequence takes the records over.
    pub(crate) fn grows(self) -> bool {
        match self {
            Self::Known => false,
            Self::Conflicting { stale } => !stale,
            Self::New { stale, lacking } => !stale || lacking.is_none(),
        }
    }
}

impl ReplicaView {
    fn new(node: NodeId) -> Self {
        Self {
            node,
            log: LogMirror::default(),
            holes: Holes::default(),
            log_start_offset: Offset::ZERO,
            furthest_start: Offset::ZERO,
            producers_from: Offset::ZERO,
            high_watermark: Offset::ZERO,
            role: ReplicaRole::Idle,
            leader_epoch: LeaderEpoch::NONE,
            lossy: false,
            rotten: false,
            unclean: false,
            epoch_start_offset: Offset::ZERO,
            isr: BelievedIsr::default(),
            led_at_end: false,
            reopening: None,
            minimum: None,
            led_in: BTreeSet::new(),
            cut: Vec::new(),
        }
    }

    /// Whether the replica has this batch or, where a cut may have been undone, had it once.
    pub fn wrote(&self, batch: &BatchSummary, cuts_undone: bool) -> bool {
        let entry = self.log.entry_at(batch.base_offset);
        entry.is_some_and(|entry| entry.batch == *batch) || cuts_undone && self.cut.contains(batch)
    }

    /// Whether the cleaner has left a record of the batch that was written at an offset.
    pub fn has_records_at(&self, offset: Offset) -> bool {
        let Some(entry) = self.log.entry_at(offset).filter(|_| !self.holes.is_empty()) else {
            return true;
        };
        let base = entry.batch.base_offset;
        let emptied = self.holes.changed.get(&base).is_some_and(|it| it.records.is_empty());
        !emptied && !self.holes.gone.contains(&base)
    }

    /// Where the lowest cut of its log was that took records away.
    pub(crate) fn lowest_cut(&self) -> Option<Offset> {
        self.cut.iter().map(|batch| batch.base_offset).min()
    }

    fn keep_cut(&mut self, to: Offset) {
        let gone = self.log.between(to, self.log.end()).iter().map(|entry| entry.batch);
        self.cut.extend(gone);
    }

    /// Its log is made anew: nothing of the one before is in it.
    pub(crate) fn made_anew(&mut self) {
        self.reopening = Some(Reopening::Lossy);
    }

    pub(crate) fn process_ended(&mut self, lossy: bool) {
        let lossy_before = self.reopening == Some(Reopening::Lossy);
        self.reopening =
            Some(if lossy || lossy_before { Reopening::Lossy } else { Reopening::Intact });
        self.lossy |= lossy && !self.log.is_empty();
        self.unclean = true;
        self.led_at_end = self.role == ReplicaRole::Leader;
        self.role = ReplicaRole::Idle;
        self.minimum = None;
    }
}

impl PartitionView {
    /// Takes over how its topic is configured.
    pub(super) fn configure(&mut self, topic: &TopicView, eligible_replicas: bool) {
        let replicas = self.replica_count;
        let bounded = |minimum: u32| minimum.min(replicas).max(1);
        let (first, last) = (topic.minimums.first(), topic.minimums.last());
        let present = topic.min_insync_replicas;
        let ends = (first.copied().unwrap_or(present), last.copied().unwrap_or(present));
        self.minimums = (bounded(ends.0), bounded(ends.1));
        self.min_insync_replicas = bounded(present);
        self.losses_survived = if eligible_replicas { self.min_insync_replicas - 1 } else { 0 };
        self.unclean_leader_election = topic.unclean_leader_election;
    }

    /// The least and the most that `min.insync.replicas` may be for a broker.
    pub fn minimums_of(&self, node: NodeId) -> (usize, usize) {
        let known = self.replica(node).and_then(|replica| replica.minimum);
        let (least, most) = known.map_or(self.minimums, |minimum| (minimum, minimum));
        (least as usize, most as usize)
    }

    pub(crate) fn new(partition: TopicPartition) -> Self {
        Self {
            partition,
            registration: None,
            min_insync_replicas: 1,
            minimums: (1, 1),
            replica_count: 1,
            losses_survived: 0,
            unclean_leader_election: false,
            committed: LogMirror::default(),
            committed_in: LeaderEpoch::NONE,
            lost_in: None,
            losses: Vec::new(),
            elections: Vec::new(),
            deleted_ns: None,
            compaction: CompactedRecords::default(),
            replicas: Vec::new(),
            facts: FactRing::default(),
        }
    }

    /// The replica of a node.
    pub fn replica(&self, node: NodeId) -> Option<&ReplicaView> {
        self.replicas.iter().find(|replica| replica.node == node)
    }

    /// All replicas that were ever heard of.
    pub fn replicas(&self) -> &[ReplicaView] {
        &self.replicas
    }

    pub(crate) fn replica_mut(&mut self, node: NodeId) -> &mut ReplicaView {
        let known = self.replicas.iter().position(|replica| replica.node == node);
        let index = known.unwrap_or_else(|| {
            self.replicas.push(ReplicaView::new(node));
            self.replicas.len() - 1
        });
        &mut self.replicas[index]
    }

    pub(crate) fn known_replica_mut(&mut self, node: NodeId) -> Option<&mut ReplicaView> {
        self.replicas.iter_mut().find(|replica| replica.node == node)
    }

    /// The epoch of the newest registered leader.
    pub fn leader_epoch(&self) -> LeaderEpoch {
        self.registration
            .as_ref()
            .map_or(LeaderEpoch::NONE, |registration| registration.leader_epoch)
    }

    /// Members of the committed ISR and ELR: those that may be elected cleanly.
    pub fn electable(&self) -> impl Iterator<Item = NodeId> + '_ {
        self.registration
            .iter()
            .flat_map(|registration| registration.isr.iter().chain(&registration.elr).copied())
    }

    /// Whether the node is in the committed ISR or ELR.
    pub fn is_electable(&self, node: NodeId) -> bool {
        self.electable().any(|member| member == node)
    }

    /// The ISR by which a leader acts: what it believes in this epoch, else what is registered.
    pub fn isr_believed_by(&self, node: NodeId, epoch: LeaderEpoch) -> &[NodeId] {
        let leads = |replica: &&ReplicaView| {
            replica.role == ReplicaRole::Leader && replica.leader_epoch == epoch
        };
        match self.replica(node).filter(leads) {
            Some(leader) => &leader.isr.members,
            None => self.registration.as_ref().map_or(&[], |registration| &registration.isr),
        }
    }

    /// Whether the node is kept as the last known leader.
    pub fn is_last_known(&self, node: NodeId) -> bool {
        self.registration.as_ref().is_some_and(|now| now.last_known_leader == Some(node))
    }

    /// Whether the node is one of those of whom the next leader is made: a member of the committed ISR or ELR or, where
    /// there is none, the last known leader.
    pub fn is_to_be_elected(&self, node: NodeId) -> bool {
        self.is_electable(node) || self.is_last_known(node) && self.electable().next().is_none()
    }

    /// Whether the node's log has every committed record.
    pub fn holds_committed(&self, node: NodeId) -> bool {
        self.committed.is_empty()
            || self.replica(node).is_some_and(|replica| replica.log.holds(&self.committed))
    }

    /// How many replicas may have lost records that they once had.
    pub fn lossy_count(&self) -> usize {
        let counts = |it: &&ReplicaView| it.lossy && self.is_replica(it.node);
        self.replicas.iter().filter(counts).count()
    }

    /// Whether more replicas lost unflushed records than the configuration survives: then committed records may be
    /// gone, and no rule promises otherwise. Source: KIP-966.
    pub fn loss_is_permitted(&self) -> bool {
        self.lossy_count() > self.losses_survived as usize
    }

    /// Whether an election after `epoch` lost committed records or was unclean.
    pub fn lost_since(&self, epoch: LeaderEpoch) -> bool {
        self.lost_in.is_some_and(|lost_in| lost_in > epoch)
    }

    /// What it means that `node`, which leads in `epoch` as it thinks, raises its high watermark to `to`.
    pub(crate) fn judge_commit(&self, node: NodeId, epoch: LeaderEpoch, to: Offset) -> Commit {
        let leads = |registration: &PartitionRegistration| registration.leader == Some(node);
        let stale = epoch != self.leader_epoch() || !self.registration.as_ref().is_some_and(leads);
        let Some(replica) = self.replica(node) else {
            return Commit::Known;
        };
        let known = to.min(self.committed.end());
        if !self.committed.is_empty()
            && replica.log.chain_at(known) != self.committed.chain_at(known)
        {
            return Commit::Conflicting { stale };
        }
        if to <= self.committed.end() {
            return Commit::Known;
        }
        Commit::New { stale, lacking: self.lacking(&replica.log, to) }
    }

    /// The first member of ISR or ELR that does not hold `log` up to `to`. A member that lost its unflushed records is
    /// not counted: it held them when the leader heard of it.
    fn lacking(&self, log: &LogMirror, to: Offset) -> Option<NodeId> {
        let chain = log.chain_at(to);
        self.electable().find(|member| {
            let holds = |replica: &ReplicaView| {
                replica.lossy || (chain.is_some() && replica.log.chain_at(to) == chain)
            };
            !self.replica(*member).is_some_and(holds)
        })
    }

    /// Takes over what a leader committed.
    pub(crate) fn commit(&mut self, at_ns: u64, node: NodeId, epoch: LeaderEpoch, to: Offset) {
        let verdict = self.judge_commit(node, epoch, to);
        if !verdict.grows() {
            return;
        }
        let Some(index) = self.replicas.iter().position(|replica| replica.node == node) else {
            return;
        };
        if matches!(verdict, Commit::Conflicting { .. }) {
            self.cut_committed(at_ns, node, epoch);
        }
        self.committed.extend_from(&self.replicas[index].log, to);
        self.committed_in = self.committed_in.max(epoch);
    }

    /// Takes over what the quorum's leader committed.
    pub(crate) fn commit_metadata(&mut self, node: NodeId, epoch: LeaderEpoch, to: Offset) {
        let Some(index) = self.replicas.iter().position(|replica| replica.node == node) else {
            return;
        };
        if to > self.committed.end() && self.replicas[index].log.holds(&self.committed) {
            self.committed.extend_from(&self.replicas[index].log, to);
            self.committed_in = self.committed_in.max(epoch);
        }
    }

    /// A node acts as leader. After a loss, the new leader's high watermark may be above what is left of the committed
    /// sequence: its records count as committed from then on.
    pub(crate) fn lead(
        &mut self,
        at_ns: u64,
        node: NodeId,
        epoch: LeaderEpoch,
        end: Offset,
        high_watermark: Offset,
    ) {
        let fact = Fact::BecameLeader { leader_epoch: epoch, log_end_offset: end, high_watermark };
        self.facts.push(at_ns, node, fact);
        let replica = self.replica_mut(node);
        replica.role = ReplicaRole::Leader;
        replica.leader_epoch = epoch;
        replica.epoch_start_offset = end;
        replica.led_in.insert(epoch);
        if epoch == self.leader_epoch() {
            self.elect(at_ns, node, epoch, false, true);
        }
        if self.lost_in.is_some() && epoch == self.leader_epoch() {
            self.commit(at_ns, node, epoch, high_watermark);
        }
    }

    /// Its topic is gone: nobody is a replica of it any more.
    pub(crate) fn delete(&mut self, at_ns: u64) {
        self.deleted_ns.get_or_insert(at_ns);
        self.registration = None;
    }

    /// A node gave up its replica: if it is given it again, it begins with nothing.
    pub(crate) fn discard_replica(&mut self, node: NodeId) {
        *self.replica_mut(node) = ReplicaView::new(node);
    }

    /// Whether the node is a registered replica; anybody is while nothing is registered.
    pub fn is_replica(&self, node: NodeId) -> bool {
        self.registration.as_ref().is_none_or(|now| now.replicas.contains(&node))
    }

    /// A node's log begins again at an offset, empty, whatever it held: what a snapshot holds is committed.
    pub(crate) fn restart_replica(&mut self, node: NodeId, at: Offset) {
        self.cut_replica(node, at);
        let committed = &self.committed;
        let replica = self.replicas.iter_mut().find(|replica| replica.node == node);
        let replica = replica.expect("it was added if it was not there");
        replica.log.restart_from(at, committed);
        (replica.log_start_offset, replica.high_watermark) = (at, at);
    }

    /// A replica's log now ends at `to`, which is above its end only if it starts again there, empty.
    pub(crate) fn cut_replica(&mut self, node: NodeId, to: Offset) {
        let index = self.replicas.iter().position(|replica| replica.node == node);
        let index = index.unwrap_or_else(|| {
            self.replicas.push(ReplicaView::new(node));
            self.replicas.len() - 1
        });
        let replica = &mut self.replicas[index];
        replica.holes.cut(to);
        replica.keep_cut(to);
        if to > replica.log.end() {
            replica.log.restart_from(to, &self.committed);
            replica.log_start_offset = to;
            replica.producers_from = to;
            replica.high_watermark = to;
        } else if to < replica.log.start() {
            replica.log.restart_from(to, &self.committed);
        } else {
            replica.log.truncate_to(to);
        }
        replica.high_watermark = replica.high_watermark.min(to);
    }

    /// A leader takes a follower for one that has all below an offset, where its own log begins at that offset or
    /// later: what the follower has there is about to be deleted, whatever it is. Kafka cannot tell that it differs,
    /// since the epochs below a log start are forgotten. Source: `LeaderEpochFileCache.truncateFromStart`.
    pub(crate) fn forget_deleted(&mut self, (leader, follower): (NodeId, NodeId), offset: Offset) {
        let Some(leader) = self.replica(leader) else { return };
        let deleted = offset > Offset::ZERO && offset <= leader.log_start_offset;
        let Some(chain) = leader.log.chain_at(offset).filter(|_| deleted) else { return };
        if let Some(replica) = self.known_replica_mut(follower) {
            replica.log.end_as(offset, chain);
        }
    }

    /// A replica's log was opened again and holds these batches.
    pub(crate) fn reopen_replica(&mut self, node: NodeId, start: Offset, batches: &[BatchSummary]) {
        let replica = self.replica_mut(node);
        let held = |batch: &&BatchSummary| {
            replica.log.entry_at(batch.base_offset).is_some_and(|entry| entry.batch == **batch)
        };
        let same = batches.iter().take_while(held).count();
        let kept = batches[..same].last().map_or(start, |batch| batch.last_offset.next());
        self.cut_replica(node, kept);
        let Self { committed, replicas, .. } = self;
        let replica = replicas.iter_mut().find(|replica| replica.node == node);
        let replica = replica.expect("what is reopened is known");
        // A log without records begins at its start, though a batch that is gone went across that.
        if batches.is_empty() && replica.log.end() < start {
            replica.log.restart_from(start, committed);
        }
        for batch in &batches[same..] {
            replica.log.push(*batch);
        }
    }

    /// Cuts the committed sequence to what the log of the node, which leads in `epoch`, has of it.
    pub(crate) fn cut_committed(&mut self, at_ns: u64, node: NodeId, epoch: LeaderEpoch) {
        let from = self.committed.end();
        let to = self
            .replica(node)
            .map_or(Offset::ZERO, |replica| self.committed.common_end(&replica.log));
        self.committed.truncate_to(to);
        self.facts.push(at_ns, node, Fact::Lost { from, to });
        if to < from {
            let (first, end) = (to.0, from.0);
            self.losses.push(Loss { at_ns, first, end, leader: node, leader_epoch: epoch });
        }
    }

    /// A node is elected: committed records that it does not hold are lost, as soon as it acts.
    fn elect(&mut self, at_ns: u64, leader: NodeId, epoch: LeaderEpoch, unclean: bool, acts: bool) {
        let complete = self.holds_committed(leader);
        if unclean || (acts && !complete) {
            self.lost_in = self.lost_in.max(Some(epoch));
        }
        if acts && !complete {
            self.cut_committed(at_ns, leader, epoch);
        }
    }

    /// The node that this change newly elects, if it elects one.
    pub(crate) fn newly_elected(&self, next: &PartitionRegistration) -> Option<NodeId> {
        let again = |now: &PartitionRegistration| {
            now.leader_epoch == next.leader_epoch && now.leader == next.leader
        };
        next.leader.filter(|_| !self.registration.as_ref().is_some_and(again))
    }

    /// Members of the next ISR that were not in the ISR before.
    pub(crate) fn isr_joiners<'a>(
        &'a self,
        next: &'a PartitionRegistration,
    ) -> impl Iterator<Item = NodeId> + 'a {
        let before = self.registration.as_ref().map_or(&[][..], |registration| &registration.isr);
        next.isr.iter().copied().filter(move |member| !before.contains(member))
    }

    /// Takes over a registration. `registered` says whether a node has registered since its process started;
    /// `as_promised`, that who joins the ISR has what is committed, whatever the truth is.
    pub(crate) fn register(
        &mut self,
        at_ns: u64,
        next: &PartitionRegistration,
        unclean: bool,
        as_promised: bool,
        registered: impl Fn(NodeId) -> bool,
    ) {
        for node in &next.replicas {
            self.replica_mut(*node);
        }
        if let Some(leader) = self.newly_elected(next) {
            if self.registration.is_some() {
                self.elections.push(Election { at_ns, leader_epoch: next.leader_epoch });
            }
            // Who lost data and has not registered since does not act yet: nothing is lost by its election alone.
            let acts =
                !self.replica(leader).is_some_and(|replica| replica.lossy) || registered(leader);
            self.elect(at_ns, leader, next.leader_epoch, unclean, acts);
        }
        let joiners: Vec<NodeId> = self.isr_joiners(next).collect();
        for node in joiners {
            let sound = registered(node) && (as_promised || self.holds_committed(node));
            let replica = self.replica_mut(node);
            let joined = sound && replica.reopening.is_none();
            replica.lossy &= !joined;
            replica.unclean &= !joined;
        }
        self.facts.push(
            at_ns,
            next.leader.unwrap_or_default(),
            Fact::Registered { registration: next.clone(), unclean },
        );
        self.registration = Some(next.clone());
    }
}
