//! On which connections members are heard of. A member has one connection to its coordinator at a time: what comes on
//! an older one lay on the way, and says what was true before. Kafka goes by generations and epochs alone.

use super::coordinator::GroupCoordinator;
use crate::caller::Caller;

impl GroupCoordinator {
    /// Whether a commit lay on the way while its member was heard of on another connection.
    pub(super) fn is_late_commit(
        &self,
        caller: Caller,
        partition: i32,
        (group, id): (&str, &str),
    ) -> bool {
        let key = (partition, group.to_owned(), id.to_owned());
        self.heard_on.get(&key).is_some_and(|newest| caller.connection < *newest)
    }

    /// Whether a heartbeat lay on the way while another one was taken on another connection.
    pub(super) fn is_late_heartbeat(
        &self,
        caller: Caller,
        partition: i32,
        (group, id): (&str, &str),
    ) -> bool {
        let key = (partition, group.to_owned(), id.to_owned());
        self.heartbeats_on.get(&key).is_some_and(|newest| caller.connection < *newest)
    }

    /// A member was heard of on this connection.
    pub(super) fn hear_on(&mut self, caller: Caller, partition: i32, (group, id): (&str, &str)) {
        let key = (partition, group.to_owned(), id.to_owned());
        let newest = self.heard_on.entry(key).or_insert(caller.connection);
        *newest = caller.connection.max(*newest);
    }

    /// A heartbeat of a member was taken on this connection.
    pub(super) fn take_heartbeat_on(
        &mut self,
        caller: Caller,
        partition: i32,
        (group, id): (&str, &str),
    ) {
        self.hear_on(caller, partition, (group, id));
        let key = (partition, group.to_owned(), id.to_owned());
        let newest = self.heartbeats_on.entry(key).or_insert(caller.connection);
        *newest = caller.connection.max(*newest);
    }
}
