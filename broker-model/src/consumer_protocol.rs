//! What consumers tell each other through a group's coordinator, which hands it on unread: what a member subscribes to
//! and owns, and what the group's leader gives it. Source: Kafka's `ConsumerProtocol`, KIP-429, KIP-792.

use bytes::{Buf, BufMut, Bytes, BytesMut};
use kafka_protocol::messages::consumer_protocol_assignment::TopicPartition as AssignedTopic;
use kafka_protocol::messages::consumer_protocol_subscription::TopicPartition as OwnedTopic;
use kafka_protocol::messages::{ConsumerProtocolAssignment, ConsumerProtocolSubscription};
use kafka_protocol::protocol::{Decodable, Encodable, StrBytes};

use crate::config::topic_name;
use crate::proto::TopicName;

/// The version in which subscriptions are written: with owned partitions and their generation.
const SUBSCRIPTION_VERSION: i16 = 2;
/// The version in which assignments are written.
const ASSIGNMENT_VERSION: i16 = 1;

/// The type of protocol that consumers speak.
pub const PROTOCOL_TYPE: &str = "consumer";

/// A topic's name and a partition of it.
pub type Place = (StrBytes, i32);

/// What a member subscribes to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Subscription {
    /// Topics.
    pub topics: Vec<StrBytes>,
    /// Partitions that it owns from an earlier generation.
    pub owned: Vec<Place>,
    /// That generation, or -1. Source: KIP-792.
    pub generation: i32,
}

impl Subscription {
    /// As bytes of a `JoinGroup` request.
    pub fn encode(&self) -> Bytes {
        let owned = by_topic(&self.owned).into_iter().map(|(topic, partitions)| {
            OwnedTopic::default().with_topic(TopicName(topic)).with_partitions(partitions)
        });
        let message = ConsumerProtocolSubscription::default()
            .with_topics(self.topics.clone())
            .with_owned_partitions(owned.collect())
            .with_generation_id(self.generation);
        encode(&message, SUBSCRIPTION_VERSION)
    }

    /// Reads what a member has sent; nothing if it is not a consumer's.
    pub fn decode(bytes: &Bytes) -> Option<Self> {
        let mut bytes = bytes.clone();
        let version = bytes.try_get_i16().ok()?.min(SUBSCRIPTION_VERSION);
        skip_subscription(bytes.clone(), version)?;
        let message = ConsumerProtocolSubscription::decode(&mut bytes, version).ok()?;
        let owned = message.owned_partitions.iter().flat_map(|topic| {
            topic.partitions.iter().map(|partition| (topic.topic.0.clone(), *partition))
        });
        Some(Self {
            owned: owned.collect(),
            generation: message.generation_id,
            topics: message.topics,
        })
    }

    /// Reads what a member has sent for an assignor, as the coordinator of a group of the consumer protocol does. What
    /// an eager sticky member says that it had it has given up already: that is for its leader. In Kafka it stands
    /// elsewhere in the subscription.
    pub fn decode_for(assignor: Option<&str>, bytes: &Bytes) -> Option<Self> {
        let mut subscription = Self::decode(bytes)?;
        if assignor == Some("sticky") {
            subscription.owned.clear();
        }
        Some(subscription)
    }
}

/// An assignment as bytes of a `SyncGroup` request.
pub fn encode_assignment(places: &[Place]) -> Bytes {
    let topics = by_topic(places).into_iter().map(|(topic, partitions)| {
        AssignedTopic::default().with_topic(TopicName(topic)).with_partitions(partitions)
    });
    let message = ConsumerProtocolAssignment::default().with_assigned_partitions(topics.collect());
    encode(&message, ASSIGNMENT_VERSION)
}

/// Reads an assignment; nothing if it is not a consumer's.
pub fn decode_assignment(bytes: &Bytes) -> Option<Vec<Place>> {
    let mut bytes = bytes.clone();
    let version = bytes.try_get_i16().ok()?.min(ASSIGNMENT_VERSION);
    skip_places(&mut bytes.clone())?;
    let message = ConsumerProtocolAssignment::decode(&mut bytes, version).ok()?;
    let places = message.assigned_partitions.iter().flat_map(|topic| {
        topic.partitions.iter().map(|partition| (topic.topic.0.clone(), *partition))
    });
    Some(places.collect())
}

/// Reads over a subscription: nothing if it names more than it has. The decoder makes room for as many as are named.
fn skip_subscription(mut bytes: Bytes, version: i16) -> Option<()> {
    skip_array(&mut bytes, skip_string)?;
    let user_data = bytes.try_get_i32().ok()?;
    skip(&mut bytes, user_data)?;
    if version >= 1 { skip_places(&mut bytes) } else { Some(()) }
}

fn skip_places(bytes: &mut Bytes) -> Option<()> {
    skip_array(bytes, |bytes| {
        skip_string(bytes)?;
        skip_array(bytes, |bytes| skip(bytes, 4))
    })
}

fn skip_array(bytes: &mut Bytes, one: impl Fn(&mut Bytes) -> Option<()>) -> Option<()> {
    let count = bytes.try_get_i32().ok()?;
    (0..count).try_for_each(|_| one(bytes))
}

fn skip_string(bytes: &mut Bytes) -> Option<()> {
    let length = bytes.try_get_i16().ok()?;
    skip(bytes, length.into())
}

fn skip(bytes: &mut Bytes, length: i32) -> Option<()> {
    let length = usize::try_from(length).unwrap_or(0);
    (length <= bytes.len()).then(|| bytes.advance(length))
}

fn by_topic(places: &[Place]) -> Vec<(StrBytes, Vec<i32>)> {
    let mut topics: Vec<(StrBytes, Vec<i32>)> = Vec::new();
    for (topic, partition) in places {
        match topics.iter_mut().find(|(name, _)| name == topic) {
            Some((_, partitions)) => partitions.push(*partition),
            None => topics.push((topic_name(topic), vec![*partition])),
        }
    }
    topics
}

fn encode<M: Encodable + std::fmt::Debug>(message: &M, version: i16) -> Bytes {
    let mut bytes = BytesMut::new();
    bytes.put_i16(version);
    if let Err(error) = message.encode(&mut bytes, version) {
        panic!("{message:?} has no form in version {version}: {error}");
    }
    bytes.freeze()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let place = |topic: &str, partition| (topic_name(topic), partition);
        let subscription = Subscription {
            topics: vec![topic_name("a"), topic_name("b")],
            owned: vec![place("a", 0), place("a", 2), place("b", 1)],
            generation: 7,
        };
        assert_eq!(Subscription::decode(&subscription.encode()), Some(subscription.clone()));
        let places = subscription.owned;
        assert_eq!(decode_assignment(&encode_assignment(&places)), Some(places));
        assert_eq!(decode_assignment(&Bytes::new()), None);
        assert_eq!(Subscription::decode(&Bytes::from_static(&[0, 1, 0, 0, 0, 9])), None);
        let named_too_many = Bytes::from_static(b"orders");
        assert_eq!(Subscription::decode(&named_too_many), None);
        assert_eq!(decode_assignment(&named_too_many), None);
    }
}
