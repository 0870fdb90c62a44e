//! What a generation gives, and what it takes. Source: `ConsumerCoordinator.onJoinPrepare`, `onJoinComplete`,
//! `rejoinNeededOrPending`.

use crate::client::consumer::Consumer;
use crate::client::consumer::position::{Position, Stage};
use crate::client::metadata::PartitionKey;
use crate::consumer_protocol::Place;
use crate::node::{Effects, Outcome};
use crate::proto::ErrorCode;
use crate::types::Time;

use super::membership::{Membership, Revocation};

impl Consumer {
    /// The application subscribes: it joins with the next poll.
    pub(in crate::client::consumer) fn subscribe(&mut self, topics: Vec<crate::proto::StrBytes>) {
        for topic in &topics {
            self.metadata.place(topic);
        }
        let Some(member) = self.membership.as_mut() else { return };
        if let Some(reconciler) = &mut member.reconciler {
            reconciler.subscribed();
        }
        if member.topics != topics {
            member.topics = topics;
            member.rejoin_needed = true;
        }
    }

    /// Goes on with a rebalance as far as an open poll allows, and tells the application.
    pub(super) fn run_assignment(&mut self, now: Time, effects: &mut Effects) {
        if self.polls.is_empty() || self.membership.as_ref().is_none_or(|it| !it.subscribes()) {
            return;
        }
        if self.member().fenced {
            let (error, partition) = (ErrorCode::FencedInstanceId, -1);
            return self.end_poll(now, Outcome::Failed { error, partition }, effects);
        }
        if self.member().reconciler.is_some() {
            return self.run_reconciliation(now, effects);
        }
        self.rejoin_if_topics_changed();
        let member = self.member();
        if member.given.is_some() {
            self.take_assignment(now, effects);
        } else if member.rejoin_needed && !member.joining && !member.prepared {
            self.prepare_join(now, effects);
        }
    }

    /// A leader whose topics have got more partitions since it shared them out does so again.
    fn rejoin_if_topics_changed(&mut self) {
        let changed = self.member().assigned_of.as_ref().is_some_and(|assigned| {
            assigned.iter().any(|(topic, count)| {
                let place = self.metadata.find(topic);
                place.is_some_and(|place| self.metadata.partitions(place).len() != *count)
            })
        });
        if changed && let Some(member) = self.membership.as_mut() {
            member.rejoin_needed = true;
        }
    }

    /// Gives up what must be given up before a join: everything, in the eager protocol or if it is no member any more.
    fn prepare_join(&mut self, now: Time, effects: &mut Effects) {
        let member = self.membership.as_mut().expect("only members prepare");
        let lost = member.generation.id < 0 || member.generation.member.is_empty();
        let owned = member.assigned.clone();
        if owned.is_empty() || (!lost && member.is_cooperative()) {
            member.prepared = true;
            return;
        }
        if lost {
            self.drop_partitions(&owned);
            self.tell_owned(effects);
            self.membership.as_mut().expect("only members prepare").prepared = true;
            return self.end_poll(now, Outcome::Lost { partitions: owned }, effects);
        }
        if member.revocation == Revocation::Acknowledged {
            member.revocation = Revocation::None;
            member.prepared = true;
            self.drop_partitions(&owned);
            return self.tell_owned(effects);
        }
        member.revocation = Revocation::Announced(owned.clone());
        self.end_poll(now, Outcome::Revoking { partitions: owned }, effects);
    }

    /// Takes what the newest generation gives. In the cooperative protocol what is gone is revoked only now, and then
    /// the group is joined once more, so that others can have it.
    fn take_assignment(&mut self, now: Time, effects: &mut Effects) {
        let member = self.membership.as_mut().expect("only members are given partitions");
        let given = member.given.clone().unwrap_or_default();
        let gone: Vec<Place> =
            member.assigned.iter().filter(|place| !given.contains(place)).cloned().collect();
        if !gone.is_empty() && member.revocation != Revocation::Acknowledged {
            member.revocation = Revocation::Announced(gone.clone());
            return self.end_poll(now, Outcome::Revoking { partitions: gone }, effects);
        }
        member.revocation = Revocation::None;
        member.given = None;
        member.kept.clone_from(&given);
        member.prepared = false;
        member.assignments += 1;
        member.rejoin_needed |= !gone.is_empty();
        let new: Vec<Place> =
            given.iter().filter(|place| !member.assigned.contains(place)).cloned().collect();
        let generation = member.generation.id;
        member.joined = member.generation.clone();
        self.drop_partitions(&gone);
        self.add_partitions(now, &new);
        self.tell_owned(effects);
        let partitions = self.member().assigned.clone();
        self.end_poll(now, Outcome::Joined { generation, partitions }, effects);
    }

    pub(super) fn add_partitions(&mut self, now: Time, places: &[Place]) {
        for (topic, partition) in places {
            let key = PartitionKey { topic: self.metadata.place(topic), partition: *partition };
            let version = self.new_version();
            let mut position = Position::new(version, now);
            position.stage = Stage::Committed;
            position.leadership = self.metadata.leadership(key);
            self.positions.insert(key, position);
        }
        let member = self.membership.as_mut().expect("only members are given partitions");
        member.assigned.extend(places.iter().cloned());
        member.assigned.sort_unstable();
    }

    pub(super) fn drop_partitions(&mut self, places: &[Place]) {
        for (topic, partition) in places {
            let key = PartitionKey { topic: self.metadata.place(topic), partition: *partition };
            self.positions.remove(&key);
        }
        self.deliverable.retain(|key| self.positions.get(key).is_some());
        if let Some(member) = self.membership.as_mut() {
            member.assigned.retain(|place| !places.contains(place));
        }
    }

    /// Ends the oldest poll with something else than records.
    pub(super) fn end_poll(&mut self, now: Time, outcome: Outcome, effects: &mut Effects) {
        let poll = self.polls.pop_front().expect("a rebalance goes on inside a poll");
        effects.complete(poll.operation, outcome);
        if let Some(member) = self.membership.as_mut() {
            member.poll_ended(now);
        }
    }

    /// The membership of a consumer that has one.
    pub(super) fn member(&self) -> &Membership {
        self.membership.as_ref().expect("only called for members")
    }
}
