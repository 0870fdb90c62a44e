//! What a broker says of itself when a host asks.

use crate::broker::Broker;
use crate::broker::purgatory::{PendingPartition, Wait};
use crate::node_status::{NodeStatus, OPEN_TRANSACTIONS};
use crate::partition::Partition;

impl Broker {
    /// Fetches that wait for news are not counted: an idle cluster has one from each follower.
    pub(super) fn node_status(&self) -> NodeStatus {
        let proposals = self.partitions.values().filter(|one| one.proposes()).count();
        let quorum_leader = self.context.controllers.known();
        let metadata_end = self.metadata.image().end_offset;
        NodeStatus { quorum_leader, metadata_end, ..NodeStatus::default() }
            .holds_overdue("produces that nobody ends", self.overdue_produces())
            .holds_overdue("fetches that nobody answers", self.overdue_fetches())
            .holds_overdue("share fetches that nobody answers", self.overdue_share_fetches())
            .holds("produces that wait", self.purgatory.produces().count())
            .holds("group requests that wait for records", self.groups.waiting())
            .holds("transactions under way", self.transactions.unfinished())
            .holds(OPEN_TRANSACTIONS, self.open_transactions())
            .holds("share states that are being stored", self.shares.storing())
            .holds("requests to the controller", self.channel.in_flight())
            .holds("isr proposals", proposals)
            .holds("requests behind another one", self.connections.queued())
    }

    fn open_transactions(&self) -> usize {
        let led = self.partitions.values().filter(|partition| partition.is_leader());
        led.map(|partition| partition.log().ongoing_transactions().count()).sum()
    }

    /// Fetches that wait although what they wait for is there.
    fn overdue_fetches(&self) -> usize {
        let overdue = |wait: &&Wait| match wait {
            Wait::Fetch(fetch) => {
                let answer = self.read_for_waiting(fetch);
                answer.is_due(&fetch.request) && !answer.is_let_wait()
            }
            Wait::ReplicaFetch(fetch) => self.partitions.iter().any(|(id, partition)| {
                let may_wait = fetch.held_up.contains(&id);
                partition.is_leader() && self.has_news(id, fetch) && !may_wait
            }),
            Wait::Produce(_) | Wait::DeleteRecords(_) => false,
        };
        self.purgatory.waits().filter(overdue).count()
    }

    /// Produces of which a partition is decided, or gone, although they wait for it still.
    fn overdue_produces(&self) -> usize {
        let decided = |one: &PendingPartition| {
            let partition = self.partitions.get(&one.partition);
            !partition.is_some_and(|partition: &Partition| partition.is_undecided(one.ticket))
        };
        self.purgatory.produces().filter(|produce| produce.undecided.iter().any(decided)).count()
    }
}
