//! A member of a classic group. Source: Kafka's `ClassicGroupMember`.

use bytes::Bytes;

use crate::caller::Caller;
use crate::coordinator::group::records::StoredMember;
use crate::types::Time;

/// A member.
#[derive(Debug, Clone)]
pub(crate) struct Member {
    /// `group.instance.id`, if it is static. Source: KIP-345.
    pub(super) instance: Option<String>,
    pub(super) client: String,
    pub(super) rebalance_timeout_ms: i32,
    pub(super) session_timeout_ms: i32,
    /// The assignors that it knows, best first, with what it subscribes to.
    pub(super) protocols: Vec<(String, Bytes)>,
    pub(super) assignment: Bytes,
    /// Waits for the join phase to end.
    pub(super) awaiting_join: Option<Caller>,
    /// Waits for its assignment.
    pub(super) awaiting_sync: Option<Caller>,
    /// When it is thrown out if nothing is heard of it; never while it waits.
    pub(super) expires_at: Option<Time>,
    /// Whether it has not had its first answer: it does not know its id, and cannot send heartbeats.
    pub(super) is_new: bool,
}

impl Member {
    pub(super) fn is_awaiting(&self) -> bool {
        self.awaiting_join.is_some() || self.awaiting_sync.is_some()
    }

    /// What it subscribes to with an assignor.
    pub(super) fn metadata(&self, protocol: Option<&str>) -> Bytes {
        let known = self.protocols.iter().find(|(name, _)| Some(name.as_str()) == protocol);
        known.map_or_else(Bytes::new, |(_, metadata)| metadata.clone())
    }

    pub(super) fn stored(
        &self,
        id: &str,
        protocol: Option<&str>,
        assignment: Bytes,
    ) -> StoredMember {
        StoredMember {
            member: id.to_owned(),
            instance: self.instance.clone(),
            client: self.client.clone(),
            rebalance_timeout_ms: self.rebalance_timeout_ms,
            session_timeout_ms: self.session_timeout_ms,
            subscription: self.metadata(protocol),
            assignment,
        }
    }

    /// As a record tells it. Whoever is loaded has a whole session to be heard of.
    pub(super) fn loaded(stored: &StoredMember, protocol: Option<&str>, expires_at: Time) -> Self {
        let protocols = protocol.map(|name| (name.to_owned(), stored.subscription.clone()));
        Self {
            instance: stored.instance.clone(),
            client: stored.client.clone(),
            rebalance_timeout_ms: stored.rebalance_timeout_ms,
            session_timeout_ms: stored.session_timeout_ms,
            protocols: protocols.into_iter().collect(),
            assignment: stored.assignment.clone(),
            awaiting_join: None,
            awaiting_sync: None,
            expires_at: Some(expires_at),
            is_new: false,
        }
    }
}
