//! What must hold of a group of the consumer protocol once a batch of its records is written.

use super::group::ConsumerGroup;
use super::member::{Holding, MemberState};

impl ConsumerGroup {
    /// Epochs are in order, targets and regular expressions are those of members, and a partition has the epoch of one
    /// who holds it.
    pub(in crate::coordinator::group) fn self_check(&self, name: &str) {
        let (epoch, target_epoch) = (self.epoch, self.target_epoch);
        assert!(
            target_epoch <= epoch,
            "group {name} has a target for epoch {target_epoch}, and is in epoch {epoch}"
        );
        for (id, member) in self.members() {
            member.holding.self_check((name, id), epoch);
        }
        let subscribed = self.subscribed_regexes(&[]);
        let stray = self.regexes().keys().find(|regex| !subscribed.contains(regex.as_str()));
        assert!(
            stray.is_none(),
            "group {name} has topics of {stray:?}, to which nobody subscribes"
        );
        let stranger = self.targets().keys().find(|id| self.member(id).is_none());
        assert!(stranger.is_none(), "group {name} has a target for {stranger:?}, who is no member");
        for (place, held_in) in self.partition_epochs() {
            let holds = |it: &Holding| it.epoch == *held_in && it.all().any(|held| held == place);
            assert!(
                self.members().values().any(|member| holds(&member.holding)),
                "{place} of group {name} is held in epoch {held_in}, and nobody holds it"
            );
        }
    }
}

impl Holding {
    fn self_check(&self, (group, member): (&str, &str), group_epoch: i32) {
        assert!(
            self.epoch <= group_epoch,
            "member {member} is in epoch {}, its group {group} in {group_epoch}",
            self.epoch
        );
        let twice = self.assigned.intersection(&self.revoking).next();
        assert!(twice.is_none(), "member {member} of {group} has {twice:?}, and gives it up");
        // A static member that is away for a while gives nothing up any more, and is what it was.
        assert!(
            self.state == MemberState::Unrevoked || self.revoking.is_empty(),
            "member {member} of {group} is {:?}, and gives up {:?}",
            self.state,
            self.revoking
        );
    }
}
