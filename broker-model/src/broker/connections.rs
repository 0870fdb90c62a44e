//! Accepted connections. A connection handles one request at a time: what arrives meanwhile waits for the reply, as
//! Kafka mutes the channel in `SocketServer`.

use std::collections::VecDeque;

pub(super) use crate::caller::Caller;
use crate::collections::SortedMap;
use crate::message::{Message, Request, RequestBody, ResponseBody};
use crate::node::Effects;
use crate::types::{ConnectionId, CorrelationId, NodeId};

/// All connections on which something is under way.
#[derive(Debug, Default)]
pub(super) struct Connections {
    /// Only muted connections are here; an idle one needs no state.
    muted: SortedMap<ConnectionId, MutedConnection>,
    /// Requests whose turn has come, in order.
    ready: VecDeque<(Caller, RequestBody)>,
}

/// A connection with a request being handled.
#[derive(Debug)]
struct MutedConnection {
    handling: CorrelationId,
    queue: VecDeque<(NodeId, Request)>,
}

impl Connections {
    /// Takes a request in: it becomes ready, or waits until its connection is free.
    pub(super) fn accept(&mut self, connection: ConnectionId, from: NodeId, message: Request) {
        if let Some(muted) = self.muted.get_mut(&connection) {
            muted.queue.push_back((from, message));
            return;
        }
        let handling = message.correlation_id;
        self.muted.insert(connection, MutedConnection { handling, queue: VecDeque::new() });
        self.ready.push_back((Caller { connection, correlation_id: handling, from }, message.body));
        self.self_check();
    }

    /// The next request to handle.
    pub(super) fn next_ready(&mut self) -> Option<(Caller, RequestBody)> {
        self.ready.pop_front()
    }

    /// Answers a request and makes the connection's next one ready. Nothing happens if the connection is gone.
    pub(super) fn reply(&mut self, caller: Caller, body: ResponseBody, effects: &mut Effects) {
        if self.is_open(caller) {
            effects
                .reply(caller.connection, Message { correlation_id: caller.correlation_id, body });
            self.finish(caller);
        }
    }

    /// Ends a request that gets no answer (acks=0) and makes the connection's next one ready.
    pub(super) fn finish(&mut self, caller: Caller) {
        let Some(muted) = self.muted.get_mut(&caller.connection) else { return };
        assert!(
            muted.handling == caller.correlation_id,
            "finished request {} while request {} is handled",
            caller.correlation_id,
            muted.handling
        );
        let Some((from, message)) = muted.queue.pop_front() else {
            self.muted.remove(&caller.connection);
            return;
        };
        muted.handling = message.correlation_id;
        let correlation_id = message.correlation_id;
        self.ready.push_back((
            Caller { connection: caller.connection, correlation_id, from },
            message.body,
        ));
        self.self_check();
    }

    /// Closes a connection from this side: the caller sees it lost, and its queued requests are dropped.
    pub(super) fn close(&mut self, caller: Caller, effects: &mut Effects) {
        if self.is_open(caller) {
            effects.push(crate::node::Effect::Close { connection: caller.connection });
            self.closed(caller.connection);
        }
    }

    /// Forgets a connection that is gone, with all that waits on it.
    pub(super) fn closed(&mut self, connection: ConnectionId) {
        self.muted.remove(&connection);
        self.ready.retain(|(caller, _)| caller.connection != connection);
        self.self_check();
    }

    /// A connection has one request that is ready or being handled.
    fn self_check(&self) {
        let (ready, muted) = (self.ready.len(), self.muted.len());
        assert!(ready <= muted, "{ready} requests are ready on {muted} connections");
        let newest = self.ready.back();
        assert!(
            newest.is_none_or(|(caller, _)| self.is_open(*caller)),
            "{:?} is ready, its connection handles another request",
            newest.map(|(caller, _)| caller)
        );
    }

    /// Asserts that no request waits for its turn when there is nothing that it could wait for.
    pub(super) fn check_handled(&self) {
        assert!(self.ready.is_empty(), "{} requests are not handled", self.ready.len());
    }

    /// How many requests wait for another one on their connection.
    pub(super) fn queued(&self) -> usize {
        self.muted.values().map(|muted| muted.queue.len()).sum()
    }

    /// Whether this request is still waited for.
    pub(super) fn is_open(&self, caller: Caller) -> bool {
        self.muted
            .get(&caller.connection)
            .is_some_and(|muted| muted.handling == caller.correlation_id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::{PeerRequest, PeerResponse};
    use crate::message::{ReplicaOffsetsRequest, ReplicaOffsetsResponse};
    use crate::types::{LeaderEpoch, Offset, TopicPartition};

    fn request(id: i32) -> Request {
        let body = RequestBody::Peer(PeerRequest::ReplicaOffsets(ReplicaOffsetsRequest {
            partition: TopicPartition::METADATA,
            current_leader_epoch: LeaderEpoch(id),
        }));
        Request { correlation_id: CorrelationId(id), body }
    }

    fn answer() -> ResponseBody {
        ResponseBody::Peer(PeerResponse::ReplicaOffsets(ReplicaOffsetsResponse {
            partition: TopicPartition::METADATA,
            error: None,
            log_start_offset: Offset(0),
            log_end_offset: Offset(0),
        }))
    }

    fn next(connections: &mut Connections) -> Option<(u64, i32)> {
        connections.next_ready().map(|(caller, _)| (caller.connection.0, caller.correlation_id.0))
    }

    fn caller(connection: u64, id: i32) -> Caller {
        Caller {
            connection: ConnectionId(connection),
            correlation_id: CorrelationId(id),
            from: NodeId(1001),
        }
    }

    #[test]
    fn a_connection_handles_one_request_at_a_time_in_order() {
        let mut connections = Connections::default();
        for id in [1, 2, 3] {
            connections.accept(ConnectionId(7), NodeId(1001), request(id));
        }
        connections.accept(ConnectionId(8), NodeId(1002), request(9));
        assert_eq!(next(&mut connections), Some((7, 1)));
        assert_eq!(next(&mut connections), Some((8, 9)), "another connection does not wait");
        assert_eq!(next(&mut connections), None, "requests 2 and 3 wait for the reply to 1");
        let mut effects = Effects::new();
        connections.reply(caller(7, 1), answer(), &mut effects);
        assert_eq!(effects.as_slice().len(), 1);
        assert_eq!(next(&mut connections), Some((7, 2)));
        connections.finish(caller(7, 2));
        assert_eq!(effects.as_slice().len(), 1, "a finished request has no reply");
        assert_eq!(next(&mut connections), Some((7, 3)));
    }

    #[test]
    fn a_closed_connection_drops_what_waits_and_takes_no_reply() {
        let mut connections = Connections::default();
        connections.accept(ConnectionId(7), NodeId(1001), request(1));
        connections.accept(ConnectionId(7), NodeId(1001), request(2));
        assert_eq!(next(&mut connections), Some((7, 1)));
        connections.closed(ConnectionId(7));
        let mut effects = Effects::new();
        connections.reply(caller(7, 1), answer(), &mut effects);
        assert!(effects.is_empty());
        assert_eq!(next(&mut connections), None);
    }

    #[test]
    fn a_ready_request_of_a_closed_connection_is_not_handled() {
        let mut connections = Connections::default();
        connections.accept(ConnectionId(7), NodeId(1001), request(1));
        connections.closed(ConnectionId(7));
        assert_eq!(next(&mut connections), None);
    }
}
