//! What is overheard of questions and answers, for those who judge and who count: nothing of it changes what happens.

use harrow_broker_model::message::{PeerRequest, QuorumRequest, Request, RequestBody};
use harrow_broker_model::node::{Effect, Event, Node};
use harrow_broker_model::types::{LeaderEpoch, NodeId};

use super::{Engine, NodeHost};
use crate::watch::CoordinatorDeed;
use crate::world::questions::Overheard;

impl<N: Node> Engine<N> {
    /// A node is about to handle an event.
    pub(super) fn overhear_event(
        &mut self,
        node: usize,
        event: &Event,
        host: &mut impl NodeHost<N>,
    ) {
        let id = self.ids[node];
        match event {
            Event::Request { connection, from, message } => {
                self.questions.asked((node, *connection), *from, message);
                host.asked(self.moment(node), *connection, message);
                if let Some((by, epoch)) = quorum_fetch(&message.body) {
                    host.quorum_fetched(self.moment(node), by, epoch);
                }
            }
            Event::Response { from, channel, message } => {
                if let Some(repetitions) = &mut self.repetitions {
                    repetitions.answered((id, *from, *channel), message);
                }
            }
            Event::ConnectionLost { to, channel } => {
                if let Some(repetitions) = &mut self.repetitions {
                    repetitions.given_up((id, *to, *channel));
                }
            }
            Event::ConnectionClosed { connection } => {
                self.questions.closed(node, *connection);
                host.connection_closed(self.moment(node), *connection);
            }
            Event::Booted
            | Event::Connected { .. }
            | Event::FlushCompleted { .. }
            | Event::Invoked { .. }
            | Event::DeadlinePassed
            | Event::MetadataPublishing { .. }
            | Event::LogDirectoryFailed { .. }
            | Event::StopRequested => {}
        }
    }

    /// An effect of a node is about to be performed.
    #[inline]
    pub(super) fn overhear_effect(
        &mut self,
        node: usize,
        effect: &Effect,
        host: &mut impl NodeHost<N>,
    ) {
        if let Effect::Reply { connection, message } = effect {
            host.answered(self.moment(node), *connection, message);
            let Overheard { deed, invalid, refused_end } =
                self.questions.answered(node, *connection, message);
            if let Some((api, by)) = invalid {
                host.asked_nonsense(self.moment(node), api, by);
            }
            if let Some(end) = refused_end {
                host.end_refused(self.moment(node), &end);
            }
            if let Some(deed) = deed {
                host.coordinator_acts(self.moment(node), &deed);
            }
        } else if let Effect::Close { connection } = effect {
            host.connection_closed(self.moment(node), *connection);
        } else if let Effect::Request { to, channel, message } = effect {
            self.overhear_markers(node, message, host);
            if let Some(repetitions) = &mut self.repetitions {
                repetitions.asked((self.ids[node], *to, *channel), message);
            }
        } else if let Effect::Disconnect { to, channel } = effect
            && let Some(repetitions) = &mut self.repetitions
        {
            repetitions.given_up((self.ids[node], *to, *channel));
        }
    }

    fn overhear_markers(&self, node: usize, message: &Request, host: &mut impl NodeHost<N>) {
        let RequestBody::Peer(PeerRequest::WriteTxnMarkers(request)) = &message.body else {
            return;
        };
        for marker in request.markers.iter().map(|sent| sent.marker) {
            let (producer_id, coordinator_epoch) = (marker.producer_id, marker.coordinator_epoch);
            let deed = CoordinatorDeed::Marks { producer_id, coordinator_epoch };
            host.coordinator_acts(self.moment(node), &deed);
        }
    }
}

/// Who asks for the metadata log, or for a part of a snapshot of it, and in which epoch of the quorum.
fn quorum_fetch(body: &RequestBody) -> Option<(NodeId, LeaderEpoch)> {
    if let RequestBody::QuorumFetch(fetch) = body {
        Some((fetch.replica, fetch.epoch))
    } else if let RequestBody::Quorum(QuorumRequest::FetchSnapshot(fetch)) = body {
        Some((fetch.replica, fetch.epoch))
    } else {
        None
    }
}
