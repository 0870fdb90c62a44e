//! How the coordinator shares partitions out. Source: Kafka's `UniformAssignor` with
//! `UniformHomogeneousAssignmentBuilder`, `RangeAssignor`.
//!
//! Uniform, the default, is sticky: who has no more than its share keeps all. Where members subscribe to different
//! topics Kafka's `UniformHeterogeneousAssignmentBuilder` balances: here each partition stays with who has it, unless
//! another one who may have it has two fewer, which comes to the same balance by other moves. Members that subscribe by
//! different regular expressions to the same topics are alike here, and different in Kafka.

use std::collections::BTreeMap;

use super::member::Partitions;
use crate::config::ServerAssignor;
use crate::types::{TopicId, TopicPartition};

/// One who is to be given partitions.
#[derive(Debug)]
pub(super) struct Taker<'a> {
    pub(super) id: &'a str,
    pub(super) instance: Option<&'a str>,
    /// What it subscribes to, as far as it exists, in order.
    pub(super) topics: Vec<TopicId>,
    /// Its target until now.
    pub(super) before: Partitions,
}

/// What each is to be given.
pub(super) type Shares = BTreeMap<String, Partitions>;

/// Shares the partitions of these topics out.
pub(super) fn assign(
    assignor: ServerAssignor,
    takers: &[Taker<'_>],
    partitions: impl Fn(TopicId) -> Vec<TopicPartition>,
) -> Shares {
    let mut topics: Vec<TopicId> = takers.iter().flat_map(|it| it.topics.clone()).collect();
    topics.sort_unstable();
    topics.dedup();
    let topics: Vec<_> = topics.into_iter().map(|topic| (topic, partitions(topic))).collect();
    let alike = takers.iter().all(|taker| taker.topics == takers[0].topics);
    match (assignor, alike) {
        (ServerAssignor::Range, _) => range(takers, &topics),
        (ServerAssignor::Uniform, true) => uniform(takers, &topics),
        (ServerAssignor::Uniform, false) => balanced(takers, &topics),
    }
}

/// Of each topic a range for each, in the order of their instance ids and ids.
fn range(takers: &[Taker<'_>], topics: &[(TopicId, Vec<TopicPartition>)]) -> Shares {
    let mut shares = nothing(takers);
    let mut order: Vec<&Taker<'_>> = takers.iter().collect();
    order.sort_by_key(|taker| (taker.instance.is_none(), taker.instance, taker.id));
    for (topic, partitions) in topics {
        let takers: Vec<_> = order.iter().filter(|it| it.topics.contains(topic)).collect();
        let mut rest = partitions.as_slice();
        for (index, taker) in takers.iter().enumerate() {
            let extra = usize::from(index < partitions.len() % takers.len());
            let (given, after) = rest.split_at(partitions.len() / takers.len() + extra);
            rest = after;
            shares.entry(taker.id.to_owned()).or_default().extend(given);
        }
    }
    shares
}

/// As many for each; who has more than that gives up what comes last.
fn uniform(takers: &[Taker<'_>], topics: &[(TopicId, Vec<TopicPartition>)]) -> Shares {
    let mut shares = Shares::new();
    let all: Vec<TopicPartition> = topics.iter().flat_map(|(_, all)| all.clone()).collect();
    let is_taken = |place: &&TopicPartition| takers.iter().any(|it| it.before.contains(*place));
    let mut free: Vec<TopicPartition> = all.iter().filter(|it| !is_taken(it)).copied().collect();
    let (least, mut larger) = (all.len() / takers.len().max(1), all.len() % takers.len().max(1));
    let mut hungry: Vec<(&str, usize)> = Vec::new();
    for (index, taker) in takers.iter().enumerate() {
        let mut has_extra = larger > 0;
        let quota = least + usize::from(has_extra);
        let valid = taker.before.iter().filter(|place| all.binary_search(place).is_ok());
        let (mut share, mut over): (Partitions, Vec<TopicPartition>) = Default::default();
        for place in valid {
            if share.len() < quota {
                share.insert(*place);
            } else {
                over.push(*place);
            }
        }
        free.extend(over);
        let mut room = quota - share.len();
        // The last ones must take the larger shares that are left.
        if room > 0 && has_extra && takers.len() - index > larger {
            (room, has_extra) = (room - 1, false);
        }
        if room > 0 {
            hungry.push((taker.id, room));
        }
        larger -= usize::from(has_extra);
        shares.insert(taker.id.to_owned(), share);
    }
    let mut free = free.into_iter();
    for (id, room) in hungry {
        shares.entry(id.to_owned()).or_default().extend(free.by_ref().take(room));
    }
    assert!(free.next().is_none(), "partitions were left unassigned");
    shares
}

fn balanced(takers: &[Taker<'_>], topics: &[(TopicId, Vec<TopicPartition>)]) -> Shares {
    let mut shares = nothing(takers);
    for (topic, partitions) in topics {
        for place in partitions {
            let mut wanting = takers.iter().filter(|it| it.topics.contains(topic));
            if let Some(owner) = wanting.find(|it| it.before.contains(place)) {
                shares.entry(owner.id.to_owned()).or_default().insert(*place);
            }
        }
    }
    for (topic, partitions) in topics {
        for place in partitions {
            let owner = takers.iter().find(|it| shares[it.id].contains(place)).map(|it| it.id);
            let wanting = takers.iter().filter(|it| it.topics.contains(topic));
            let Some(least) = wanting.map(|it| it.id).min_by_key(|id| shares[*id].len()) else {
                continue;
            };
            let moves = owner.is_none_or(|owner| shares[owner].len() > shares[least].len() + 1);
            if moves {
                if let Some(share) = owner.and_then(|owner| shares.get_mut(owner)) {
                    share.remove(place);
                }
                shares.entry(least.to_owned()).or_default().insert(*place);
            }
        }
    }
    shares
}

fn nothing(takers: &[Taker<'_>]) -> Shares {
    takers.iter().map(|taker| (taker.id.to_owned(), Partitions::new())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(topic: u32, partition: i32) -> TopicPartition {
        TopicPartition { topic: TopicId(topic), partition }
    }

    /// Topic 1 has five partitions, topic 2 has two.
    fn partitions(topic: TopicId) -> Vec<TopicPartition> {
        let count = if topic.0 == 1 { 5 } else { 2 };
        (0..count).map(|index| place(topic.0, index)).collect()
    }

    fn taker<'a>(id: &'a str, topics: &[u32], before: &[(u32, i32)]) -> Taker<'a> {
        let topics = topics.iter().map(|topic| TopicId(*topic)).collect();
        let before = before.iter().map(|(topic, index)| place(*topic, *index)).collect();
        Taker { id, instance: None, topics, before }
    }

    fn text(shares: &Shares) -> Vec<String> {
        let line = |(id, share): (&String, &Partitions)| {
            let places = share.iter().map(|it| format!("{}.{}", it.topic.0, it.partition));
            format!("{id}: {}", places.collect::<Vec<_>>().join(" "))
        };
        shares.iter().map(line).collect()
    }

    #[test]
    fn uniform_shares_keep_what_they_can() {
        let x = [(1, 0), (1, 1), (1, 2), (1, 3), (1, 4)];
        let table: &[(&[Taker<'_>], &[&str])] = &[
            (&[taker("x", &[1], &[])], &["x: 1.0 1.1 1.2 1.3 1.4"]),
            (&[taker("x", &[1], &x), taker("y", &[1], &[])], &["x: 1.0 1.1 1.2", "y: 1.3 1.4"]),
            // Who has the larger share keeps it, whoever comes first.
            (
                &[taker("w", &[1], &[(1, 3), (1, 4)]), taker("x", &[1], &x[..3])],
                &["w: 1.3 1.4", "x: 1.0 1.1 1.2"],
            ),
            // What is not subscribed to any more is nobody's.
            (&[taker("x", &[2], &x)], &["x: 2.0 2.1"]),
        ];
        for (takers, expected) in table {
            let shares = assign(ServerAssignor::Uniform, takers, partitions);
            assert_eq!(text(&shares), *expected, "{takers:?}");
        }
    }

    #[test]
    fn different_subscriptions_are_balanced_too() {
        let all = [(1, 0), (1, 1), (1, 2), (1, 3), (1, 4)];
        let takers = [taker("x", &[1, 2], &all), taker("y", &[1], &[])];
        let shares = assign(ServerAssignor::Uniform, &takers, partitions);
        assert_eq!(shares.values().map(Partitions::len).sum::<usize>(), 7);
        assert!(shares["x"].contains(&place(2, 0)) && shares["x"].contains(&place(2, 1)));
        assert!(shares["y"].len() >= 2, "{shares:?}");
    }

    #[test]
    fn ranges_go_by_instance_id_first() {
        let fixed = Taker { instance: Some("i"), ..taker("z", &[1, 2], &[]) };
        let takers = [taker("x", &[1, 2], &[]), taker("y", &[1], &[]), fixed];
        let shares = assign(ServerAssignor::Range, &takers, partitions);
        assert_eq!(text(&shares), ["x: 1.2 1.3 2.1", "y: 1.4", "z: 1.0 1.1 2.0"]);
    }
}
