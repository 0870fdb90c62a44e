//! What is kept for an application between two calls of it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use harrow_broker_model::node::{Channel, Deadline};
use harrow_broker_model::types::{NodeId, Time};

/// A connection of an application to a broker: its number in the uptime of its process, from 1; never used again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Socket(pub u64);

/// A timer of an application: its number in the uptime of its process, from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timer(pub u64);

/// The port on which all simulated brokers listen.
pub const BROKER_PORT: u16 = 9092;

/// The host of a simulated broker, as metadata tells it to clients.
pub fn broker_host(node: NodeId) -> String {
    format!("broker-{node}")
}

/// Where a connection goes: to which broker, and on which channel.
type BrokerChannel = (NodeId, u8);

/// State of one process.
#[derive(Debug)]
pub(crate) struct Host {
    brokers: Vec<NodeId>,
    open: BTreeMap<Socket, BrokerChannel>,
    channels: BTreeMap<BrokerChannel, Socket>,
    /// Connections that cannot be had: to be told soon.
    refused: VecDeque<Socket>,
    timers: BTreeSet<(Time, Timer)>,
    last_socket: u64,
    last_timer: u64,
    last_operation: u64,
    last_message: i32,
    random: u64,
}

impl Host {
    /// A process in which nothing has happened yet; `random` keys its chance.
    pub(crate) fn new(brokers: &[NodeId], random: u64) -> Self {
        Self {
            brokers: brokers.to_vec(),
            open: BTreeMap::new(),
            channels: BTreeMap::new(),
            refused: VecDeque::new(),
            timers: BTreeSet::new(),
            last_socket: 0,
            last_timer: 0,
            last_operation: 0,
            last_message: 0,
            random,
        }
    }

    pub(crate) fn brokers(&self) -> &[NodeId] {
        &self.brokers
    }

    /// The next number by chance. Source: `SplitMix64`, Steele and others, 2014.
    pub(crate) fn random(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.random;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^ (word >> 31)
    }

    /// Opens a connection to an address; its channel, unless there is no such broker, or none is free.
    pub(crate) fn connect(&mut self, address: &str) -> (Socket, Option<BrokerChannel>) {
        self.last_socket += 1;
        let socket = Socket(self.last_socket);
        let node = self.brokers.iter().copied().find(|node| is_address(address, *node));
        let channel = node.and_then(|node| {
            let channels = (0..Channel::APPLICATION_MAX).map(|channel| (node, channel));
            channels.into_iter().find(|channel| !self.channels.contains_key(channel))
        });
        if let Some(channel) = channel {
            self.channels.insert(channel, socket);
            self.open.insert(socket, channel);
        } else {
            self.refused.push_back(socket);
        }
        (socket, channel)
    }

    pub(crate) fn channel(&self, socket: Socket) -> Option<BrokerChannel> {
        self.open.get(&socket).copied()
    }

    pub(crate) fn socket(&self, channel: BrokerChannel) -> Option<Socket> {
        self.channels.get(&channel).copied()
    }

    /// A connection is gone, from whichever side; where it went.
    pub(crate) fn forget(&mut self, socket: Socket) -> Option<BrokerChannel> {
        self.refused.retain(|refused| *refused != socket);
        let channel = self.open.remove(&socket)?;
        self.channels.remove(&channel);
        Some(channel)
    }

    pub(crate) fn take_refused(&mut self) -> Option<Socket> {
        self.refused.pop_front()
    }

    pub(crate) fn set_timer(&mut self, at: Time) -> Timer {
        self.last_timer += 1;
        let timer = Timer(self.last_timer);
        self.timers.insert((at, timer));
        timer
    }

    pub(crate) fn stop_timer(&mut self, timer: Timer) {
        self.timers.retain(|(_, known)| *known != timer);
    }

    /// The next timer that has run off.
    pub(crate) fn take_timer(&mut self, now: Time) -> Option<Timer> {
        let first = self.timers.first().copied().filter(|(at, _)| *at <= now)?;
        self.timers.remove(&first);
        Some(first.1)
    }

    pub(crate) fn next_deadline(&self) -> Option<Deadline> {
        if !self.refused.is_empty() {
            return Some(Deadline { at: Time::ZERO, why: "a connection cannot be had" });
        }
        self.timers.first().map(|(at, _)| Deadline { at: *at, why: "timer of an application" })
    }

    /// A number for an operation.
    pub(crate) fn operation(&mut self) -> u64 {
        self.last_operation += 1;
        self.last_operation
    }

    /// A number for a message.
    pub(crate) fn message(&mut self) -> i32 {
        self.last_message = self.last_message.wrapping_add(1);
        self.last_message
    }
}

fn is_address(address: &str, node: NodeId) -> bool {
    let parts = address.rsplit_once(':');
    parts.is_some_and(|(host, port)| host == broker_host(node) && port.parse() == Ok(BROKER_PORT))
}

#[cfg(test)]
mod tests {
    use super::*;

    const BROKERS: [NodeId; 2] = [NodeId(1), NodeId(2)];

    #[test]
    fn a_connection_has_a_channel_of_its_own_until_it_is_gone() {
        let mut host = Host::new(&BROKERS, 7);
        let (first, channel) = host.connect("broker-2:9092");
        let (second, other) = host.connect("broker-2:9092");
        assert_eq!((channel, other), (Some((NodeId(2), 0)), Some((NodeId(2), 1))));
        assert_eq!(host.forget(first), channel);
        assert_eq!(host.forget(first), None, "it is gone already");
        let (third, again) = host.connect("broker-2:9092");
        assert_eq!((again, host.socket((NodeId(2), 0))), (channel, Some(third)));
        assert_eq!(host.channel(second), other);
    }

    #[test]
    fn what_cannot_be_had_is_told_soon() {
        let mut host = Host::new(&BROKERS, 7);
        for address in ["broker-3:9092", "broker-1:9093", "broker-1", "elsewhere:9092"] {
            let (socket, channel) = host.connect(address);
            assert_eq!(channel, None, "{address}");
            assert!(host.next_deadline().is_some_and(|deadline| deadline.at == Time::ZERO));
            assert_eq!(host.take_refused(), Some(socket), "{address}");
        }
        let channels = usize::from(Channel::APPLICATION_MAX);
        let had = (0..=channels).filter(|_| host.connect("broker-1:9092").1.is_some());
        assert_eq!(had.count(), channels, "one more than there are channels");
    }

    #[test]
    fn timers_run_off_in_order_unless_they_are_stopped() {
        let mut host = Host::new(&BROKERS, 7);
        let [late, early, never] = [30, 10, 20].map(|at| host.set_timer(Time(at)));
        host.stop_timer(never);
        assert_eq!(host.next_deadline().map(|deadline| deadline.at), Some(Time(10)));
        assert_eq!(host.take_timer(Time(9)), None);
        assert_eq!(host.take_timer(Time(50)), Some(early));
        assert_eq!(host.take_timer(Time(50)), Some(late));
        assert_eq!(host.take_timer(Time(50)), None);
    }
}
