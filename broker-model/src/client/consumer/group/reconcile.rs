//! How a member of the consumer protocol comes to what it shall have. Source:
//! `AbstractMembershipManager.maybeReconcile`, `revokeAndAssign`, `transitionToFenced`, `transitionToStale`,
//! `maybeRejoinStaleMember`.
//!
//! It goes on inside polls, as the application must be told: what is taken from it is told with `Outcome::Revoking`,
//! and no record of it is returned any more; the next poll lets go of it, takes what is new, and ends with
//! `Outcome::Joined`. The coordinator is told with the next heartbeat, which is sent at once.

use crate::client::consumer::Consumer;
use crate::consumer_protocol::Place;
use crate::defect::GroupDefect;
use crate::node::{Effects, Outcome};
use crate::note::GroupNote;
use crate::proto::StrBytes;
use crate::types::{Time, TopicId, TopicPartition};

use super::membership::{Generation, Revocation};
use super::reconciler::{LocalAssignment, Reconciler, State};

impl Consumer {
    /// Goes on as far as an open poll allows.
    pub(super) fn run_reconciliation(&mut self, now: Time, effects: &mut Effects) {
        match self.reconciler().state {
            State::Unsubscribed => self.begin_to_join(),
            State::Fenced | State::Stale => self.lose_all(now, effects),
            State::Reconciling => self.reconcile(now, effects),
            State::Fatal(error) => {
                let owned = self.member().assigned.clone();
                self.drop_partitions(&owned);
                self.tell_owned(effects);
                self.end_poll(now, Outcome::Failed { error, partition: -1 }, effects);
            }
            State::Joining | State::Acknowledging | State::Stable => {}
        }
    }

    pub(super) fn reconciler(&self) -> &Reconciler {
        self.member().reconciler.as_ref().expect("only called in the consumer protocol")
    }

    pub(super) fn reconciler_mut(&mut self) -> &mut Reconciler {
        let member = self.membership.as_mut().expect("only called for members");
        member.reconciler.as_mut().expect("only called in the consumer protocol")
    }

    /// With epoch 0 it joins.
    fn begin_to_join(&mut self) {
        let goes_on = self.defects.has(GroupDefect::FencedGoesOn);
        self.reconciler_mut().become_another(State::Joining, goes_on);
        let id = self.reconciler().member_id();
        let member = self.membership.as_mut().expect("only members join");
        member.generation = Generation { id: 0, member: id, protocol: None };
        member.revocation = Revocation::None;
    }

    fn lose_all(&mut self, now: Time, effects: &mut Effects) {
        let owned = self.member().assigned.clone();
        self.begin_to_join();
        if !owned.is_empty() {
            self.drop_partitions(&owned);
            self.tell_owned(effects);
            self.end_poll(now, Outcome::Lost { partitions: owned }, effects);
        }
    }

    fn reconcile(&mut self, now: Time, effects: &mut Effects) {
        self.keep_topic_names();
        let under_way = self.reconciler().under_way.clone();
        let wanted = under_way.unwrap_or_else(|| self.resolvable());
        let unresolved = wanted.partitions.len() < self.reconciler().target.partitions.len();
        if unresolved {
            self.metadata.request_update();
        }
        let current = &self.reconciler().current;
        if current.epoch >= 0 && current.partitions == wanted.partitions {
            return self.acknowledge(wanted);
        }
        let places: Vec<Place> = wanted.partitions.iter().map(|it| self.named(*it)).collect();
        let assigned = self.member().assigned.clone();
        let revoked: Vec<Place> =
            assigned.iter().filter(|place| !places.contains(place)).cloned().collect();
        if !revoked.is_empty() && self.member().revocation != Revocation::Acknowledged {
            self.reconciler_mut().under_way = Some(wanted);
            let member = self.membership.as_mut().expect("only members reconcile");
            member.revocation = Revocation::Announced(revoked.clone());
            return self.end_poll(now, Outcome::Revoking { partitions: revoked }, effects);
        }
        let added: Vec<Place> =
            places.iter().filter(|place| !assigned.contains(place)).cloned().collect();
        self.drop_partitions(&revoked);
        self.add_partitions(now, &added);
        self.tell_owned(effects);
        self.acknowledge(wanted);
        let member = self.membership.as_mut().expect("only members reconcile");
        member.revocation = Revocation::None;
        member.assignments += 1;
        let (generation, partitions) = (member.generation.id, member.assigned.clone());
        self.end_poll(now, Outcome::Joined { generation, partitions }, effects);
    }

    fn acknowledge(&mut self, current: LocalAssignment) {
        let reconciler = self.reconciler_mut();
        (reconciler.current, reconciler.under_way) = (current, None);
        reconciler.state = State::Acknowledging;
    }

    /// Remembers how the topics of its assignments are named, as long as it has them.
    fn keep_topic_names(&mut self) {
        let reconciler = self.reconciler();
        let assignments = reconciler.under_way.iter().chain([&reconciler.target]);
        let ids = assignments.flat_map(|it| &it.partitions).map(|place| place.topic);
        let name = |id: TopicId| {
            let present = self.metadata.place_of(id).map(|topic| self.metadata.name(topic));
            present.or_else(|| reconciler.topic_names.get(&id)).cloned()
        };
        let names = ids.filter_map(|id| Some((id, name(id)?))).collect();
        self.reconciler_mut().topic_names = names;
    }

    /// What it shall have, as far as it knows the topics. Source:
    /// `AbstractMembershipManager.findResolvableAssignmentAndTriggerMetadataUpdate`.
    fn resolvable(&self) -> LocalAssignment {
        let Reconciler { target, topic_names, .. } = self.reconciler();
        let known = target.partitions.iter();
        let known = known.filter(|place| topic_names.contains_key(&place.topic)).copied();
        LocalAssignment { epoch: target.epoch, partitions: known.collect() }
    }

    fn named(&self, place: TopicPartition) -> Place {
        let name = self.reconciler().topic_names.get(&place.topic);
        (name.expect("only known topics are taken").clone(), place.partition)
    }

    /// The id under which it was given a topic: that of the one which has the name now, unless that was not given yet.
    fn given_id(&self, name: &StrBytes) -> Option<TopicId> {
        let present = self.metadata.find(name).and_then(|topic| self.metadata.id(topic));
        let Some(reconciler) = &self.member().reconciler else { return present };
        let given = &reconciler.topic_names;
        let before = || given.iter().find(|(_, known)| *known == name).map(|(id, _)| *id);
        present.filter(|id| given.contains_key(id)).or_else(before).or(present)
    }

    /// States what it has: in the classic protocol under the id that it had when it got it.
    pub(super) fn tell_owned(&self, effects: &mut Effects) {
        let member = self.member();
        let told = if member.reconciler.is_some() { &member.generation } else { &member.joined };
        let ids = member.assigned.iter().filter_map(|(name, partition)| {
            let topic = self.given_id(name)?;
            Some(TopicPartition { topic, partition: *partition })
        });
        effects.note(GroupNote::MemberOwns {
            group: member.config.group.clone(),
            member: told.member.clone(),
            partitions: ids.collect(),
        });
    }
}
