//! Requests that wait: produces for the high watermark, fetches for data, producers for an id.
//!
//! Each keeps its connection muted, so a connection names at most one of them. Source: Kafka's
//! `DelayedOperationPurgatory`, `DelayedProduce` and `DelayedFetch`.

use crate::broker::connections::Caller;
use crate::broker::delayed_deletion::DelayedDeletion;
use crate::collections::{PartitionMap, SortedMap, SortedSet};
use crate::fetch_session::cache::FetchContext;
use crate::message::ReplicaFetchRequest;
use crate::node::Deadline;
use crate::partition::ProduceTicket;
use crate::proto::{FetchRequest, PartitionProduceResponse, ProduceResponse};
use crate::types::{ConnectionId, Time, TopicPartition};

/// A request that waits.
#[derive(Debug)]
pub(super) struct Delayed {
    /// Who gets the answer.
    pub(super) caller: Caller,
    /// When the waiting ends at the latest.
    deadline: Time,
    /// For what it waits.
    pub(super) wait: Wait,
    /// Partitions whose changes may end a fetch's waiting.
    watched: Vec<TopicPartition>,
}

/// For what a request waits.
#[derive(Debug)]
pub(super) enum Wait {
    /// A produce with acks=all, until all its partitions are decided.
    Produce(DelayedProduce),
    /// A consumer's fetch.
    Fetch(ConsumerFetch),
    /// A follower's fetch.
    ReplicaFetch(ReplicaFetch),
    /// A deletion of records, until all live replicas have followed.
    DeleteRecords(DelayedDeletion),
}

/// A consumer's fetch that is being answered.
#[derive(Debug)]
pub(super) struct ConsumerFetch {
    /// As asked.
    pub(super) request: Box<FetchRequest>,
    /// By which partitions it is answered.
    pub(super) context: FetchContext,
}

/// A follower's fetch that is being answered.
#[derive(Debug)]
pub(super) struct ReplicaFetch {
    /// As asked.
    pub(super) request: Box<ReplicaFetchRequest>,
    /// By which partitions it is answered.
    pub(super) context: FetchContext,
    /// Partitions whose records a quota holds back: it may wait for them as long as it was asked to.
    pub(super) held_up: Vec<TopicPartition>,
}

/// A produce of which some partitions are not decided.
#[derive(Debug)]
pub(super) struct DelayedProduce {
    /// The answer, as far as it is known.
    pub(super) response: ProduceResponse,
    /// The undecided partitions.
    pub(super) undecided: Vec<PendingPartition>,
}

/// One partition of a produce that is not decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct PendingPartition {
    /// As the partition knows it.
    pub(super) ticket: ProduceTicket,
    /// Which partition.
    pub(super) partition: TopicPartition,
    /// Place of the topic in the response.
    pub(super) topic_index: usize,
    /// Place of the partition in the topic's response.
    pub(super) partition_index: usize,
}

impl DelayedProduce {
    /// The place of one partition's answer.
    pub(super) fn slot(&mut self, one: PendingPartition) -> &mut PartitionProduceResponse {
        &mut self.response.responses[one.topic_index].partition_responses[one.partition_index]
    }
}

/// All requests that wait.
#[derive(Debug, Default)]
pub(super) struct Purgatory {
    /// Where in `slots`.
    delayed: SortedMap<ConnectionId, usize>,
    slots: Vec<Option<Delayed>>,
    /// Slots that are not used.
    free: Vec<usize>,
    deadlines: SortedSet<(Time, ConnectionId)>,
    watchers: PartitionMap<TopicPartition, Vec<ConnectionId>>,
    tickets: SortedMap<ProduceTicket, ConnectionId>,
    last_ticket: u64,
}

impl Purgatory {
    /// A name for a produce that may have to wait.
    pub(super) fn new_ticket(&mut self) -> ProduceTicket {
        self.last_ticket += 1;
        ProduceTicket(self.last_ticket)
    }

    /// Lets a request wait; a fetch is looked at again when a watched partition changes.
    pub(super) fn park(
        &mut self,
        caller: Caller,
        deadline: Time,
        wait: Wait,
        watched: Vec<TopicPartition>,
    ) {
        let connection = caller.connection;
        for partition in &watched {
            self.watchers.get_or_insert_with(*partition, Vec::new).push(connection);
        }
        if let Wait::Produce(produce) = &wait {
            assert!(!produce.undecided.is_empty(), "a produce waits for nothing");
            for undecided in &produce.undecided {
                self.tickets.insert(undecided.ticket, connection);
            }
        }
        self.deadlines.insert((deadline, connection));
        let delayed = Delayed { caller, deadline, wait, watched };
        let slot = self.free.pop().unwrap_or(self.slots.len());
        match self.slots.get_mut(slot) {
            Some(free) => *free = Some(delayed),
            None => self.slots.push(Some(delayed)),
        }
        let before = self.delayed.insert(connection, slot);
        assert!(before.is_none(), "two requests wait on connection {connection}");
        self.self_check();
    }

    /// The produce that a ticket belongs to, and which of its partitions it is; the partition counts as decided.
    pub(super) fn decide(
        &mut self,
        ticket: ProduceTicket,
    ) -> Option<(&mut DelayedProduce, PendingPartition)> {
        let connection = self.tickets.remove(&ticket)?;
        let slot = self.delayed.get(&connection).copied();
        let delayed = slot.and_then(|slot| self.slots[slot].as_mut());
        let delayed = delayed.expect("a ticket names a produce that waits");
        let Wait::Produce(produce) = &mut delayed.wait else {
            panic!("ticket {ticket:?} names a request that is no produce");
        };
        let at = produce.undecided.iter().position(|undecided| undecided.ticket == ticket);
        let undecided = produce.undecided.swap_remove(at.expect("a known ticket is undecided"));
        Some((produce, undecided))
    }

    /// A deletion waits for fewer partitions.
    pub(super) fn replace_deletion(&mut self, connection: ConnectionId, now: DelayedDeletion) {
        let slot = self.delayed.get(&connection).copied();
        let delayed = slot.and_then(|slot| self.slots[slot].as_mut());
        let delayed = delayed.expect("a deletion that was looked at waits");
        delayed.wait = Wait::DeleteRecords(now);
    }

    /// The connection of the produce with this ticket.
    pub(super) fn connection_of(&self, ticket: ProduceTicket) -> Option<ConnectionId> {
        self.tickets.get(&ticket).copied()
    }

    /// Connections whose fetch watches a partition, longest wait first.
    pub(super) fn watchers(&self, partition: TopicPartition) -> Vec<ConnectionId> {
        self.watchers.get(&partition).cloned().unwrap_or_default()
    }

    /// What waits on a connection.
    pub(super) fn get(&self, connection: ConnectionId) -> Option<&Delayed> {
        self.slots[*self.delayed.get(&connection)?].as_ref()
    }

    /// The fetch of a follower that waits on a connection.
    pub(super) fn replica_fetch_mut(
        &mut self,
        connection: ConnectionId,
    ) -> Option<&mut ReplicaFetch> {
        match &mut self.slots[*self.delayed.get(&connection)?].as_mut()?.wait {
            Wait::ReplicaFetch(fetch) => Some(fetch),
            Wait::Produce(_) | Wait::Fetch(_) | Wait::DeleteRecords(_) => None,
        }
    }

    /// All that waits.
    pub(super) fn waits(&self) -> impl Iterator<Item = &Wait> {
        let delayed = self.delayed.values().filter_map(|slot| self.slots[*slot].as_ref());
        delayed.map(|delayed| &delayed.wait)
    }

    /// Produces that wait.
    pub(super) fn produces(&self) -> impl Iterator<Item = &DelayedProduce> {
        let delayed = self.delayed.values().filter_map(|slot| self.slots[*slot].as_ref());
        delayed.filter_map(|delayed| match &delayed.wait {
            Wait::Produce(produce) => Some(produce),
            Wait::Fetch(_) | Wait::ReplicaFetch(_) | Wait::DeleteRecords(_) => None,
        })
    }

    /// Ends a request's waiting.
    pub(super) fn remove(&mut self, connection: ConnectionId) -> Option<Delayed> {
        let slot = self.delayed.remove(&connection)?;
        self.free.push(slot);
        let delayed = self.slots[slot].take().expect("who waits has a slot");
        self.deadlines.remove(&(delayed.deadline, connection));
        for partition in &delayed.watched {
            if let Some(watchers) = self.watchers.get_mut(partition) {
                watchers.retain(|other| *other != connection);
            }
        }
        if let Wait::Produce(produce) = &delayed.wait {
            for undecided in &produce.undecided {
                self.tickets.remove(&undecided.ticket);
            }
        }
        self.self_check();
        Some(delayed)
    }

    fn self_check(&self) {
        assert!(
            self.delayed.len() == self.deadlines.len()
                && self.delayed.len() + self.free.len() == self.slots.len(),
            "{} requests wait, with {} deadlines and in {} slots, of which {} are free",
            self.delayed.len(),
            self.deadlines.len(),
            self.slots.len(),
            self.free.len()
        );
        let Some((deadline, connection)) = self.deadlines.first().copied() else { return };
        let first = self.get(connection);
        assert!(
            first.is_some_and(|first| first.deadline == deadline),
            "a wait on {connection} ends at {deadline}, nothing waits there until then"
        );
    }

    /// Asserts that nobody waits for longer than was asked for.
    pub(super) fn check_expired(&self, now: Time) {
        let first = self.deadlines.first();
        assert!(
            first.is_none_or(|(deadline, _)| *deadline > now),
            "{first:?} is the first to wait, and it is {now}"
        );
    }

    /// Ends the waiting of the first request whose time is up.
    pub(super) fn expired(&mut self, now: Time) -> Option<Delayed> {
        let (_, connection) =
            self.deadlines.first().copied().filter(|(deadline, _)| *deadline <= now)?;
        self.remove(connection)
    }

    /// When the first request's time is up.
    pub(super) fn deadline(&self) -> Option<Deadline> {
        let (at, _) = self.deadlines.first()?;
        Some(Deadline { at: *at, why: "a waiting request times out" })
    }
}
