//! The join phase: when it begins and when it ends. Source: `GroupMetadataManager.prepareRebalance`,
//! `completeClassicGroupJoin`, `tryCompleteInitialRebalanceElseSchedule`.

use super::answers::joined;
use super::group::{ClassicGroup, JoinTimer, State};
use crate::config::ms;
use crate::coordinator::group::coordinator::{GroupCoordinator, Todo};
use crate::coordinator::group::records::group_record;
use crate::coordinator::group::waiter::Waiter;
use crate::defect::GroupDefect;
use crate::note::{GroupNote, Lateness};
use crate::proto::ErrorCode;
use crate::types::Now;

impl GroupCoordinator {
    /// Begins a join phase, or ends the one that there is if all have joined.
    pub(super) fn rebalance_or_complete(&mut self, now: Now, at: (i32, &mut ClassicGroup)) {
        match at.1.state() {
            State::Empty | State::CompletingRebalance | State::Stable => {
                self.prepare_rebalance(now, at);
            }
            State::PreparingRebalance => self.complete_if_all_joined(now, at),
        }
    }

    /// Begins a join phase.
    pub(in crate::coordinator::group) fn prepare_rebalance(
        &mut self,
        now: Now,
        (partition, group): (i32, &mut ClassicGroup),
    ) {
        if group.state() == State::CompletingRebalance {
            self.propagate(now, group, Err(ErrorCode::RebalanceInProgress));
        }
        group.pending_syncs.clear();
        group.sync_timer = None;
        let is_initial = group.state() == State::Empty;
        group.enter(State::PreparingRebalance, now.wall);
        let timeout_ms = group.rebalance_timeout_ms();
        if is_initial {
            let delay_ms = self.config.group_initial_rebalance_delay_ms;
            let remaining_ms = timeout_ms.saturating_sub(delay_ms);
            let at = now.time + ms(delay_ms);
            group.join_timer = Some(JoinTimer::Initial { at, delay_ms, remaining_ms });
            self.state_classic(group, timeout_ms.max(delay_ms));
        } else if group.have_all_joined() {
            self.complete_join(now, (partition, group));
        } else {
            group.join_timer = Some(JoinTimer::Rebalance { at: now.time + ms(timeout_ms) });
            self.state_classic(group, timeout_ms);
        }
    }

    /// Ends the join phase if all have joined; the first one of a group always takes its whole delay.
    pub(super) fn complete_if_all_joined(&mut self, now: Now, at: (i32, &mut ClassicGroup)) {
        let (_, group) = &at;
        if group.state() == State::PreparingRebalance
            && group.previous != State::Empty
            && group.have_all_joined()
        {
            self.complete_join(now, at);
        }
    }

    /// The time of a join phase is over.
    pub(super) fn on_join_timer(&mut self, now: Now, (partition, group): (i32, &mut ClassicGroup)) {
        match group.join_timer.take() {
            Some(JoinTimer::Initial { delay_ms, remaining_ms, .. })
                if group.member_added && remaining_ms > 0 =>
            {
                // GroupDefect::InitialDelayInFull: whoever has joined prolongs each of the times that follow.
                let in_full = self.defects.has(GroupDefect::InitialDelayInFull);
                group.member_added = in_full && delay_ms > 0;
                let next = self.config.group_initial_rebalance_delay_ms.min(remaining_ms);
                group.join_timer = Some(JoinTimer::Initial {
                    at: now.time + ms(next),
                    delay_ms: next,
                    remaining_ms: remaining_ms.saturating_sub(delay_ms),
                });
            }
            // GroupDefect::JoinWaitsForAll: the time is over, and the group waits on.
            Some(_) if self.waits_on(group) => {
                let at = now.time + ms(group.rebalance_timeout_ms());
                group.join_timer = Some(JoinTimer::Rebalance { at });
            }
            Some(_) => self.complete_join(now, (partition, group)),
            None => {}
        }
    }

    fn waits_on(&self, group: &ClassicGroup) -> bool {
        let waits = self.defects.has(GroupDefect::JoinWaitsForAll) && !group.have_all_joined();
        waits && group.rebalance_timeout_ms() > 0
    }

    /// Whoever has joined makes the next generation; dynamic members that have not are thrown out.
    pub(super) fn complete_join(&mut self, now: Now, (partition, group): (i32, &mut ClassicGroup)) {
        if group.state() != State::PreparingRebalance {
            return;
        }
        group.join_timer = None;
        let absent = |(id, member): (&String, &super::member::Member)| {
            let is_absent = member.awaiting_join.is_none() && member.instance.is_none();
            is_absent.then(|| id.clone())
        };
        for id in group.members.iter().filter_map(absent).collect::<Vec<_>>() {
            self.state_thrown_out(group, &id, Lateness::Join);
            group.remove(&id);
        }
        if !group.elect_joined_leader() && !group.members.is_empty() {
            // Static members that are away keep the group waiting, until their sessions end.
            let at = now.time + ms(group.rebalance_timeout_ms());
            group.join_timer = Some(JoinTimer::Rebalance { at });
            return self.state_classic(group, group.rebalance_timeout_ms());
        }
        self.release_all(group);
        group.next_generation(now.wall);
        let members = group.members.len() as u32;
        let (name, generation) = (group.name.clone(), group.generation);
        let note = GroupNote::GenerationBegan { group: name, generation, members };
        self.todo.push_back(Todo::Note(note));
        self.state_classic(group, group.rebalance_timeout_ms());
        if group.state() == State::Empty {
            let record =
                group_record(&group.name, &group.stored(&std::collections::BTreeMap::new()));
            return self.todo.push_back(Todo::Write(partition, vec![record], Waiter::Nobody));
        }
        self.answer_joins(now, group);
        group.sync_timer = Some(now.time + ms(group.rebalance_timeout_ms()));
    }

    /// States in which state a group is, and for how long it waits in it.
    pub(super) fn state_classic(&mut self, group: &ClassicGroup, timeout_ms: u64) {
        let (group, state) = (group.name.clone(), group.state().named());
        self.todo.push_back(Todo::Note(GroupNote::ClassicStateChanged {
            group,
            state,
            timeout_ms,
        }));
    }

    fn answer_joins(&mut self, now: Now, group: &mut ClassicGroup) {
        for id in group.members.keys().cloned().collect::<Vec<_>>() {
            let body = joined(group, &id, false);
            let member = group.members.get_mut(&id).expect("its id was just listed");
            if let Some(caller) = member.awaiting_join.take() {
                self.todo.push_back(Todo::Reply(caller, body));
            }
            member.expires_at = Some(now.time + ms(member.session_timeout_ms.max(0) as u64));
            member.is_new = false;
            group.pending_syncs.insert(id);
        }
    }
}
