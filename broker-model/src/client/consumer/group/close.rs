//! The end of a consumer. Source: `ConsumerCoordinator.close`, `AbstractCoordinator.close`, `AsyncKafkaConsumer.close`;
//! KIP-1092.
//!
//! It waits for what it has committed and was not answered for, and leaves its group: in the classic protocol
//! afterwards, in the consumer protocol before. What is not answered in time may be done or not. Who ends without
//! leaving has his partitions wait for the end of his session.

use crate::client::consumer::Consumer;
use crate::client::consumer::group::closing::Closing;
use crate::node::{Effects, Outcome};
use crate::types::Time;

use super::reconciler::State;

impl Consumer {
    pub(in crate::client::consumer) fn close(
        &mut self,
        now: Time,
        closing: Closing,
        effects: &mut Effects,
    ) {
        if self.membership.as_ref().is_some_and(|member| member.reconciler.is_some()) {
            self.end_membership(now, closing.leaves, effects);
        }
        self.closing = Some(closing);
    }

    /// It ends, if nothing is left to wait for.
    pub(in crate::client::consumer) fn close_when_done(
        &mut self,
        now: Time,
        effects: &mut Effects,
    ) {
        let waits = self.membership.as_ref().is_some_and(|member| !member.commits.is_empty());
        let is_due = |closing: &mut Closing| !waits || closing.until <= now;
        let Some(Closing { operation, leaves, .. }) = self.closing.take_if(is_due) else { return };
        if self.membership.as_ref().is_some_and(|member| member.reconciler.is_none()) {
            self.end_membership(now, leaves, effects);
        }
        if self.membership.is_some() {
            self.end_commits(effects);
        }
        effects.complete(operation, Outcome::Called);
    }

    /// It is no member any more: the group is told, or is not. The next consumer of the process is another one.
    fn end_membership(&mut self, now: Time, leaves: bool, effects: &mut Effects) {
        let owned = self.member().assigned.clone();
        self.drop_partitions(&owned);
        self.tell_owned(effects);
        if leaves {
            self.leave(now, effects);
        } else if self.member().reconciler.is_some() {
            self.stop_being_a_member(State::Unsubscribed, -1);
        }
        let member = self.membership.as_mut().expect("only members end");
        if member.reconciler.is_none() {
            member.reset(true);
        }
        if let Some(reconciler) = &mut member.reconciler {
            reconciler.another_consumer();
        }
        member.topics.clear();
        member.pattern = None;
        member.poll_by = Time::MAX;
    }
}
