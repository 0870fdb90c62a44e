//! One transaction as an application makes it: begin, send, commit or abort. Source: the loop that the documentation of
//! `KafkaProducer` shows.
//!
//! How [`Operation::Transact`](crate::node::Operation::Transact) ends:
//! - `Transacted` once the end is answered with success: committed, or aborted as the application or a failure wanted;
//! - `Failed` if it was never begun, since another one goes on;
//! - `Unknown` otherwise.
//!
//! The application sends its records one after another without waiting for their acknowledgements, then the offsets,
//! and then asks for the end, which waits until all that was sent is answered. One that means to abort looks at all
//! answers first. Where a record fails, the transaction is aborted. A producer that is fenced, or cannot end its
//! transaction within its patience, is closed and made anew.

use std::collections::{BTreeSet, VecDeque};

use super::Producer;
use super::batch::PendingRecord;
use super::transaction::Transaction;
use super::transaction_offsets::OffsetsToCommit;
use super::transactional::{State, Transactional};
use crate::client::metadata::PartitionKey;
use crate::config::ms;
use crate::node::{Deadline, Effects, Outcome, TransactRecord};
use crate::proto::ErrorCode;
use crate::types::{Now, Offset, OperationId, Time};

/// Records of transactions are answered to the producer itself: their operations are numbered from here on.
const INTERNAL: u64 = 1 << 63;

impl Producer {
    /// The application asks for a transaction; one at a time.
    pub(super) fn on_transact(
        &mut self,
        now: Time,
        operation: OperationId,
        (records, gap_ms, commits): (Vec<TransactRecord>, u32, bool),
        offsets: Option<OffsetsToCommit>,
        effects: &mut Effects,
    ) {
        if self.transactional.is_none() || self.transaction.is_some() {
            let outcome = Outcome::Failed { error: ErrorCode::InvalidTxnState, partition: -1 };
            return effects.complete(operation, outcome);
        }
        self.transaction = Some(Transaction {
            operation,
            records: records.into(),
            gap_ms: u64::from(gap_ms),
            commits,
            offsets,
            begun: false,
            next_at: now,
            first: self.next_internal + 1,
            open: BTreeSet::new(),
            sent: Vec::new(),
            error: None,
            until: now + ms(self.config.delivery_timeout_ms) + ms(self.config.delivery_timeout_ms),
        });
    }

    /// Does what the application does next.
    pub(super) fn run_transaction(&mut self, now: Now, effects: &mut Effects) {
        self.take_record_outcomes(effects);
        let Some(transaction) = &self.transaction else { return };
        let Some(state) = self.transactional.as_ref().map(|it| it.state) else { return };
        if transaction.until <= now.time {
            return self.give_transaction_up(now.time, ErrorCode::RequestTimedOut, effects);
        }
        match state {
            State::Ready if transaction.begun => self.end_transaction(effects),
            State::Ready => self.begin_transaction(now),
            State::InTransaction => self.go_on(now),
            State::Abortable(error) => self.abort(error),
            State::Fatal(error) => self.give_transaction_up(now.time, error, effects),
            State::Initializing | State::Committing | State::Aborting => {
                // An abort that the coordinator took leads to the next epoch.
                if transaction.begun && state == State::Initializing {
                    self.end_transaction(effects);
                }
            }
        }
    }

    fn begin_transaction(&mut self, now: Now) {
        if let (Some(transactional), Some(transaction)) =
            (&mut self.transactional, &mut self.transaction)
        {
            transactional.begin();
            transaction.begun = true;
        }
        self.go_on(now);
    }

    /// Sends the records whose time has come; after the last, asks for the end.
    fn go_on(&mut self, now: Now) {
        let sends_offsets = self.transactional.as_ref().is_some_and(Transactional::sends_offsets);
        while let Some(transaction) = &mut self.transaction {
            let waits = sends_offsets || transaction.looks_at_answers();
            if transaction.next_at > now.time || waits {
                return;
            }
            let fails = transaction.error.is_some();
            match transaction.records.pop_front().filter(|_| !fails) {
                Some(record) => self.send_record(now, record),
                None => return self.ask_for_end(),
            }
        }
    }

    fn ask_for_end(&mut self) {
        let Some(transaction) = &mut self.transaction else { return };
        let commits = transaction.commits && transaction.error.is_none();
        let offsets = transaction.offsets.take().filter(|_| commits);
        match (&mut self.transactional, offsets) {
            (Some(transactional), Some(offsets)) => transactional.send_offsets(offsets),
            (Some(transactional), None) => transactional.end(commits),
            (None, _) => {}
        }
    }

    fn send_record(&mut self, now: Now, record: TransactRecord) {
        let Some(transaction) = &mut self.transaction else { return };
        let TransactRecord { topic, key, value } = record;
        self.next_internal += 1;
        transaction.open.insert(self.next_internal);
        transaction.sent.push((topic.clone(), -1, Offset::NONE));
        transaction.next_at = now.time + ms(transaction.gap_ms);
        let place = self.metadata.place(&topic);
        let record = PendingRecord {
            operation: OperationId(INTERNAL + self.next_internal),
            created: now.time,
            timestamp: now.wall,
            key,
            value,
        };
        self.next_expiry = self.next_expiry.min(now.time + ms(self.config.delivery_timeout_ms));
        if self.metadata.partitions(place).is_empty() {
            self.metadata.request_update();
            self.unplaced.get_or_insert_with(place, VecDeque::new).push_back(record);
        } else {
            self.accumulate(place, record);
        }
    }

    /// A record is put into a batch: its partition is part of the transaction.
    pub(super) fn use_partition(&mut self, key: PartitionKey) {
        if let Some(transactional) = &mut self.transactional {
            transactional.uses(key);
        }
    }

    /// Takes the outcomes of this producer's own records.
    pub(super) fn take_record_outcomes(&mut self, effects: &mut Effects) {
        if self.transactional.is_none() {
            return;
        }
        for (operation, outcome) in effects.take_completed(|id| id.0 >= INTERNAL) {
            let Some(transaction) = &mut self.transaction else { continue };
            let number = operation.0 - INTERNAL;
            if !transaction.open.remove(&number) {
                continue;
            }
            let (_, place, at) = &mut transaction.sent[(number - transaction.first) as usize];
            if let Outcome::Sent { partition, offset, .. } = outcome {
                (*place, *at) = (partition, offset);
            } else if let Outcome::Failed { error, partition }
            | Outcome::Unknown { error, partition } = outcome
            {
                *place = partition;
                transaction.error.get_or_insert(error);
                if let Some(transactional) = &mut self.transactional {
                    transactional.on_batch_failed(error);
                }
            }
        }
    }

    fn abort(&mut self, error: ErrorCode) {
        if let Some(transaction) = &mut self.transaction {
            transaction.error.get_or_insert(error);
        }
        if let Some(transactional) = &mut self.transactional {
            transactional.end(false);
        }
    }

    /// The transaction is over, one way or the other.
    fn end_transaction(&mut self, effects: &mut Effects) {
        let Some(transaction) = self.transaction.take() else { return };
        let Transaction { operation, commits, sent, error, .. } = transaction;
        let outcome = match error {
            None => Outcome::Transacted { committed: commits, records: sent },
            Some(_) => Outcome::Transacted { committed: false, records: sent },
        };
        effects.complete(operation, outcome);
    }

    /// The producer is closed and made anew. Whether a commit that it asked for was made, nobody knows.
    fn give_transaction_up(&mut self, now: Time, error: ErrorCode, effects: &mut Effects) {
        self.abandon_all(error, effects);
        self.take_record_outcomes(effects);
        self.identity.current = None;
        let commit_sent = self.transactional.as_ref().is_some_and(|it| it.commit_sent);
        if let Some(transactional) = &mut self.transactional {
            transactional.restart(now);
        }
        self.forget_sequences();
        let Some(Transaction { operation, sent, .. }) = self.transaction.take() else { return };
        let outcome = if commit_sent {
            Outcome::Unknown { error, partition: -1 }
        } else {
            Outcome::Transacted { committed: false, records: sent }
        };
        effects.complete(operation, outcome);
    }

    /// When the application does something by itself.
    pub(super) fn transaction_deadline(&self) -> Option<Deadline> {
        let transaction = self.transaction.as_ref()?;
        let patience = Deadline { at: transaction.until, why: "patience with a transaction" };
        let waits = self.transactional.as_ref().map(|it| it.state) == Some(State::InTransaction)
            && !transaction.looks_at_answers()
            && !self.transactional.as_ref().is_some_and(Transactional::sends_offsets);
        let next = waits.then_some(Deadline { at: transaction.next_at, why: "next record" });
        Deadline::earlier(Some(patience), next)
    }
}
