//! When the log cleaner cleans which log. Source: Kafka's `LogCleaner.CleanerThread`, `LogCleanerManager`.
//!
//! One log at a time, the dirtiest first, if more of it is dirty than `min.cleanable.dirty.ratio`, or what is dirty is
//! older than `max.compaction.lag.ms`; when there is none it rests for `log.cleaner.backoff.ms`. A cleaned segment is
//! flushed before it takes the place of others, and meanwhile the broker goes on: a log that is cut, or given up, ends
//! the round. After each round, and when there is none, compacted logs are looked at for what retention or a log start
//! lets go, too: nobody deletes segments of which one is being made. Not covered: several threads.

use crate::broker::Broker;
use crate::broker::cleaner_work::Work;
use crate::config::ms;
use crate::log::cleaner::{CleanableLog, CleaningRound};
use crate::node::Effects;
use crate::partition::Partition;
use crate::types::{FlushToken, Now, TopicPartition};

impl Broker {
    /// A replica is hosted, or its topic was configured: a compacted log is looked after from now on.
    pub(super) fn look_after(&mut self, now: Now, id: TopicPartition, effects: &mut Effects) {
        let Some(log) = self.partitions.get(&id).map(Partition::log).filter(|it| it.has_holes())
        else {
            return;
        };
        match self.cleaner.checkpoint.of(id) {
            None => {
                let place = (log.directory(), id);
                self.cleaner.checkpoint.set(place, log.log_start_offset(), effects);
            }
            Some(_) => self.cut_cleaner_checkpoint(id, effects),
        }
        if self.cleaner.work.is_none() {
            let rests = ms(self.context.config.cleaner.backoff_ms);
            self.cleaner.wakes_at.get_or_insert(now.time + rests);
        }
    }

    /// A log was cut: a round of it ends, and what takes the place of what was cut is dirty. Source:
    /// `LogManager.truncateTo`.
    pub(super) fn cleaned_log_was_cut(
        &mut self,
        now: Now,
        id: TopicPartition,
        effects: &mut Effects,
    ) {
        let log = self.partitions.get(&id).map(Partition::log);
        self.cleaner.abort(id, log, now.time, effects);
        self.cut_cleaner_checkpoint(id, effects);
    }

    fn cut_cleaner_checkpoint(&mut self, id: TopicPartition, effects: &mut Effects) {
        let Some(partition) = self.partitions.get(&id) else { return };
        self.cleaner.checkpoint.cut(id, partition.log().active_base(), effects);
    }

    /// A log is gone, with all its files.
    pub(super) fn forget_cleaned(&mut self, now: Now, id: TopicPartition, effects: &mut Effects) {
        self.cleaner.abort(id, None, now.time, effects);
        self.cleaner.checkpoint.forget(id, effects);
    }

    /// Cleans the dirtiest log, if one is dirty enough, and deletes what retention lets go of those that are compacted.
    /// Source: `CleanerThread.cleanFilthiestLog`.
    pub(super) fn clean_logs(&mut self, now: Now, effects: &mut Effects) {
        if self.cleaner.wakes_at.is_none_or(|at| at > now.time) {
            return;
        }
        self.cleaner.wakes_at = None;
        let filthiest = self.grab_filthiest(now, effects);
        let found =
            filthiest.and_then(|(id, cleanable)| Some((id, cleanable, self.partitions.get(&id)?)));
        let Some((id, cleanable, partition)) = found else { return self.end_round(now, effects) };
        let (log, held_by_all) = (partition.log(), partition.held_by_all());
        let config = self.context.config.cleaner;
        let round = log.begin_cleaning(cleanable, config, (now.wall, held_by_all));
        self.clean_next(now, id, round, effects);
    }

    /// A round is over, or there was nothing to clean: what retention lets go of compacted logs is deleted, and the
    /// cleaner rests unless it goes on at once.
    fn end_round(&mut self, now: Now, effects: &mut Effects) {
        self.delete_of_compacted(now, effects);
        let rests = ms(self.context.config.cleaner.backoff_ms);
        self.cleaner.wakes_at.get_or_insert(now.time + rests);
    }

    /// The log that is dirtiest, if any is dirty enough. Source: `LogCleanerManager.grabFilthiestCompactedLog`.
    fn grab_filthiest(
        &mut self,
        now: Now,
        effects: &mut Effects,
    ) -> Option<(TopicPartition, CleanableLog)> {
        let mut filthiest: Option<(TopicPartition, CleanableLog)> = None;
        for (id, partition) in self.partitions.iter().filter(|(_, it)| it.log().has_holes()) {
            let log = partition.log();
            let cleanable = log.cleanable(self.cleaner.checkpoint.of(id), now.wall);
            if cleanable.resets {
                self.cleaner.checkpoint.set((log.directory(), id), cleanable.first_dirty, effects);
            }
            let is_filthier = filthiest
                .as_ref()
                .is_none_or(|(_, known)| cleanable.dirtiness() > known.dirtiness());
            if is_filthier && cleanable.is_to_be_cleaned(log.min_cleanable_dirty_percent()) {
                filthiest = Some((id, cleanable));
            }
        }
        filthiest
    }

    /// Source: `LogCleanerManager.deletableLogs`.
    fn delete_of_compacted(&mut self, now: Now, effects: &mut Effects) {
        for partition in self.partitions.values_mut().filter(|it| it.log().has_holes()) {
            if partition.log().may_delete() {
                partition.delete_old_segments(now, effects);
                self.touched.push(partition.id());
            }
        }
    }

    /// Writes the next cleaned segment of a round, or ends it.
    fn clean_next(
        &mut self,
        now: Now,
        id: TopicPartition,
        mut round: CleaningRound,
        effects: &mut Effects,
    ) {
        let Some(partition) = self.partitions.get_mut(&id) else {
            return self.end_round(now, effects);
        };
        let log = partition.log_mut();
        let Some(written) = log.clean_next(&mut round) else {
            // A map that has no room for the keys of one batch gets nowhere, and rests.
            if round.has_advanced() {
                self.cleaner.checkpoint.set((log.directory(), id), round.end(), effects);
                self.cleaner.wakes_at = Some(now.time);
            }
            return self.end_round(now, effects);
        };
        let token = log.write_cleaned(&written, effects);
        self.cleaner.work = Some(Work { partition: id, round, written, token });
    }

    /// A flush is done: if it was that of a cleaned segment, this takes the place of those that it was made of.
    pub(super) fn on_cleaned_flushed(
        &mut self,
        now: Now,
        token: FlushToken,
        effects: &mut Effects,
    ) {
        let Some(work) = self.cleaner.work.take_if(|work| work.token == token) else { return };
        let Work { partition: id, round, written, .. } = work;
        if let Some(partition) = self.partitions.get_mut(&id) {
            partition.log_mut().replace_segments(&round, written, effects);
        }
        self.clean_next(now, id, round, effects);
    }
}
