//! What goes with a topic that is deleted, and what is carried from it to one that is created under its name.
//!
//! Positions and commits are numbers in a topic of some name. While a broker has not heard of the deletion, it tells
//! clients of the topic before, and they go back to it. A position is carried from one to the other between two reads;
//! what a group has committed stays until it commits again. Source: `Metadata.updateLatestMetadata`, which takes
//! whatever id it is told; `SubscriptionState` and `OffsetMetadataManager`, whose keys are names.
//!
//! Nothing is carried by who never had to do with another topic of the name. In a run of ours it is known besides when
//! clients were told of one topic in place of another: before, nothing was carried.

use std::collections::BTreeSet;

use harrow_sim::history::{History, Row, What};

use super::reason::Reason;
use super::terms::Terms;
use crate::check::{Anomaly, Occurrence, recreated};

impl Terms {
    /// Why a group may have no commit any more: its coordinator takes it out as soon as it hears that the topic is
    /// deleted, though another broker, which has not heard of it, may serve the topic on. Source:
    /// `OffsetMetadataManager.onPartitionsDeleted`, `ReplicaManager.applyDelta`.
    pub(super) fn gone_with_topic(&self, occurrence: &Occurrence) -> Option<Reason> {
        let deleted_ns = *self.deleted_ns.get(&occurrence.partition)?;
        let gone = deleted_ns <= occurrence.at_ns;
        gone.then(|| Reason::plain("the topic was deleted, and what groups had committed with it"))
    }

    /// Why a position or a commit may be one of another topic of the name.
    pub(super) fn another_topic(
        &self,
        history: &History,
        occurrence: &Occurrence,
    ) -> Option<Reason> {
        let taken_ns = self.recreated.get(&occurrence.partition)?;
        let carriers = Carriers::of(history, occurrence);
        let carried = match taken_ns {
            None => carriers.touched(0),
            Some(taken_ns) => {
                // What nobody has processed may have been passed over at any time before all was over.
                let is_loss = occurrence.anomaly == Anomaly::EosLoss;
                let until_ns = if is_loss { u64::MAX } else { occurrence.at_ns };
                let taken_since = |since_ns: u64| {
                    let between = since_ns..=until_ns;
                    taken_ns.iter().any(|taken| between.contains(taken))
                };
                // What a group has committed, or where it stands, stays until it commits again. Commits name no id:
                // whoever stands in another topic commits that to this one, and need not have heard of it.
                let stood = || taken_since(0) || carriers.touched(0);
                let of_group = [
                    Anomaly::ResumeSkip,
                    Anomaly::CommitBeyondPosition,
                    Anomaly::ZombieCommit,
                    Anomaly::EosLoss,
                ];
                if occurrence.anomaly == Anomaly::LostCommit {
                    stood() && carriers.may_lose_commit(taken_since)
                } else if of_group.contains(&occurrence.anomaly) {
                    stood()
                } else {
                    match last_read_before(history, occurrence) {
                        Some(read_ns) => taken_since(read_ns),
                        None => taken_since(0) && carriers.touched(0),
                    }
                }
            }
        };
        carried.then(|| {
            Reason::plain(
                "the topic was deleted and created again: a consumer goes on where it stood in the one before",
            )
        })
    }
}

/// Who may have carried something to where an occurrence is: its process, and the members of its group.
struct Carriers<'a> {
    history: &'a History,
    occurrence: &'a Occurrence,
    processes: BTreeSet<u32>,
    /// Partitions of other topics of the name.
    others: Vec<u32>,
}

impl<'a> Carriers<'a> {
    fn of(history: &'a History, occurrence: &'a Occurrence) -> Self {
        let subject = occurrence.subject.operation;
        let names = recreated(&history.partitions);
        let own = names.get(&occurrence.partition);
        let others = names.iter().filter(|(partition, first)| {
            Some(*first) == own && **partition != occurrence.partition
        });
        let group_of = |operation| history.member(operation).map(|(group, _)| group);
        let other = occurrence.other.map(|other| other.operation);
        // Who sent a record that a group has not processed may be of another one.
        let sent = occurrence.anomaly == Anomaly::EosLoss;
        let group = group_of(subject).filter(|_| !sent).or_else(|| other.and_then(group_of));
        let members = (0_u32..)
            .zip(history.rows())
            .filter(|(operation, _)| group.is_some() && group_of(*operation) == group)
            .map(|(_, row)| row.process);
        Self {
            history,
            occurrence,
            processes: members.chain([history.row(subject).process]).collect(),
            others: others.map(|(partition, _)| *partition).collect(),
        }
    }

    /// Whether any of them had to do with another topic of the name, at this time or later, and before it showed.
    fn touched(&self, since_ns: u64) -> bool {
        let rows = (0_u32..).zip(self.history.rows());
        let in_time =
            |row: &Row| row.completed_ns >= since_ns && row.invoked_ns <= self.occurrence.at_ns;
        let mut own = rows.filter(|(_, row)| in_time(row) && self.processes.contains(&row.process));
        own.any(|(operation, _)| self.touches(operation))
    }

    /// Whether the commit that an occurrence is about may be gone: it was of a position in another topic, as nobody had
    /// read up to there in this one, or it was set back by what was carried after it.
    fn may_lose_commit(&self, taken_since: impl Fn(u64) -> bool) -> bool {
        let Some(commit) = self.occurrence.other else { return false };
        let Row { invoked_ns, completed_ns, .. } = *self.history.row(commit.operation);
        let rows = (0_u32..).zip(self.history.rows());
        let before = rows.filter(|(_, row)| {
            row.invoked_ns <= completed_ns && self.processes.contains(&row.process)
        });
        let mut reads = before
            .flat_map(|(operation, _)| &self.history.reads()[self.history.reads_of(operation)]);
        let is_own = reads.any(|read| {
            read.partition == self.occurrence.partition && read.offset >= commit.offset - 1
        });
        !is_own || taken_since(invoked_ns) || self.touched(invoked_ns)
    }

    fn touches(&self, operation: u32) -> bool {
        let mut reads = self.history.reads()[self.history.reads_of(operation)].iter();
        let partition_of = |what: What| match what {
            What::Assigned { partition }
            | What::EndOffset { partition, .. }
            | What::Fetched { partition, .. }
            | What::Committed { partition, .. }
            | What::Rebalanced { partition, .. }
            | What::Consumed { partition, .. }
            | What::Seek { partition, .. } => Some(partition),
            What::Member { .. } => None,
        };
        let mut named = self.history.details_of(operation).filter_map(partition_of);
        reads.any(|read| self.others.contains(&read.partition))
            || named.any(|partition| self.others.contains(&partition))
    }
}

/// When the process that an occurrence is about had read of its partition last before, if it had.
fn last_read_before(history: &History, occurrence: &Occurrence) -> Option<u64> {
    let subject = occurrence.subject.operation;
    let Row { process, invoked_ns, .. } = *history.row(subject);
    let earlier = |row: &&Row| row.process == process && row.completed_ns <= invoked_ns;
    let reads = (0_u32..).zip(history.rows()).filter(|(_, row)| earlier(row));
    let of_it = reads.filter(|(operation, _)| {
        let mut reads = history.reads()[history.reads_of(*operation)].iter();
        *operation != subject && reads.any(|read| read.partition == occurrence.partition)
    });
    of_it.map(|(_, row)| row.completed_ns).max()
}

#[cfg(test)]
mod tests {
    use harrow_sim::history::{Completion, Function, MicroOperation, OperationRecord, ReadRecord};

    use super::*;
    use crate::check::{Observation, OccurrenceContext};

    /// The first topic of the name has partition 0, the second partition 1. Process 3 reads of one at a time.
    fn poll(process: u32, partition: u32, at_ns: u64) -> OperationRecord {
        let records = vec![ReadRecord { value: at_ns, offset: at_ns as i64, partition }];
        OperationRecord {
            process,
            invoked_ns: at_ns,
            completed_ns: at_ns + 1,
            completion: Completion::Ok,
            function: Function::Poll,
            actions: vec![MicroOperation::Poll { records }],
        }
    }

    fn occurrence(anomaly: Anomaly, operation: u32, at_ns: u64) -> Occurrence {
        Occurrence {
            anomaly,
            partition: 1,
            at_ns,
            since_ns: 0,
            subject: Observation::answer(operation, 0),
            other: None,
            context: OccurrenceContext::Plain,
            passed: None,
            cycle: Vec::new(),
        }
    }

    #[test]
    fn commits_are_gone_once_their_topic_is() {
        let terms = Terms { deleted_ns: [(1, 20)].into(), ..Terms::strict() };
        for (at_ns, gone) in [(19, false), (20, true), (31, true)] {
            let seen = occurrence(Anomaly::LostCommit, 0, at_ns);
            assert_eq!(terms.gone_with_topic(&seen).is_some(), gone, "at {at_ns}");
            let elsewhere = Occurrence { partition: 0, ..seen };
            assert!(terms.gone_with_topic(&elsewhere).is_none());
        }
    }

    type Case = (&'static str, Vec<OperationRecord>, Option<Vec<u64>>, bool);

    #[test]
    fn a_position_is_carried_by_who_had_one() {
        let (first, second) = (0, 1);
        let table: [Case; 7] = [
            ("read of both", vec![poll(3, first, 1), poll(3, second, 30)], None, true),
            (
                "another read of the first",
                vec![poll(4, first, 1), poll(3, second, 30)],
                None,
                false,
            ),
            ("read of the first later", vec![poll(3, second, 30), poll(3, first, 40)], None, false),
            ("told in between", vec![poll(3, first, 1), poll(3, second, 30)], Some(vec![20]), true),
            ("told later", vec![poll(3, first, 1), poll(3, second, 30)], Some(vec![40]), false),
            (
                "told before it read of the second at all",
                vec![poll(3, first, 1), poll(3, second, 10), poll(3, second, 30)],
                Some(vec![5]),
                false,
            ),
            ("never read of the first", vec![poll(3, second, 30)], Some(vec![20]), false),
        ];
        for (name, operations, taken_ns, carried) in table {
            let at = |operation: &OperationRecord| operation.invoked_ns == 30;
            let subject = operations.iter().position(at).expect("it is there") as u32;
            let names = ["orders-0", "orders@2-0"].map(str::to_owned).to_vec();
            let history = History::of(names, true, &operations);
            let recreated = [(1, taken_ns)].into();
            let terms = Terms { recreated, ..Terms::strict() };
            let seen = occurrence(Anomaly::PollSkip, subject, 31);
            assert_eq!(terms.another_topic(&history, &seen).is_some(), carried, "{name}");
        }
    }
}
