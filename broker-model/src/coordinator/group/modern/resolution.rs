//! Regular expressions of a group are matched against the topics that there are. Source: Kafka's
//! `GroupMetadataManager.refreshRegularExpressions`, `handleRegularExpressionsResult`.
//!
//! In Kafka another thread matches them, and what it has found is written by an event of its own. Here it is written
//! next after the heartbeat that asked for it: the member has its topics from the heartbeat after that one on, in Kafka
//! at the earliest.

use super::group::ConsumerGroup;
use super::records::{epoch_record, regex_record};
use super::regex::{ResolvedRegex, compile};
use super::topics::Topics;
use crate::coordinator::group::coordinator::{GroupCoordinator, Todo};
use crate::coordinator::group::waiter::Waiter;
use crate::coordinator::runtime::CoordinatorRecord;
use crate::metadata::MetadataImage;
use crate::types::Now;

impl GroupCoordinator {
    /// Looks for something more to do when there is nothing: what becomes of one late member, or of the regular
    /// expressions of one group, is written before the next is looked at.
    pub(crate) fn look_further(&mut self, now: Now, image: &MetadataImage) -> bool {
        self.expire_member(now, image) || self.resolve_regexes(now, image)
    }

    /// Matches the regular expressions of the first group that has some to be matched, if there is one.
    pub(crate) fn resolve_regexes(&mut self, now: Now, image: &MetadataImage) -> bool {
        let Some((partition, name)) = self.unresolved.pop_first() else { return false };
        let Ok(context) = self.runtime.active(partition) else { return true };
        let group = context.written().consumer_group(&name);
        let records = group.map(|group| resolution((&name, group), Topics(image), now));
        if let Some(records) = records.filter(|records| !records.is_empty()) {
            self.todo.push_back(Todo::Write(partition, records, Waiter::Nobody));
        }
        true
    }
}

/// What is to be written: the group goes to its next epoch if others are matched than before, or these have changed.
fn resolution(
    (name, group): (&str, &ConsumerGroup),
    topics: Topics<'_>,
    now: Now,
) -> Vec<CoordinatorRecord> {
    let mut next = group.clone();
    let (mut records, mut bumps) = (Vec::new(), false);
    for regex in group.subscribed_regexes(&[]) {
        let Ok(compiled) = compile(regex) else { continue };
        let names = topics.0.topic_ids.keys().filter(|name| compiled.matches(name));
        let (newest, at) = (topics.0.last_topic, now.wall);
        let resolved = ResolvedRegex { topics: names.cloned().collect(), newest, at };
        let before = group.regexes().get(regex).map(|before| &before.topics);
        bumps |= before.map_or(!resolved.topics.is_empty(), |before| *before != resolved.topics);
        records.push(regex_record(name, regex, &resolved));
        next.resolve(regex.to_owned(), Some(resolved));
    }
    let hash = next.hash_of_topics(topics, &[], &[]);
    if !records.is_empty() && (bumps || hash != group.metadata_hash) {
        records.push(epoch_record(name, group.epoch + 1, hash));
    }
    records
}
