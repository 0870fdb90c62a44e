//! Tables of both sides, and both sides together against a full fetch.

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;

use super::cache::SessionCache;
use super::handler::{Built, SessionHandler};
use super::session::{PartitionName, Returned, SessionKey, SessionPartitions, Wanted};
use super::{FetchMetadata, SessionError};
use crate::types::{LeaderEpoch, NodeId, Offset, Time, TopicId, TopicPartition};

const QUIET: Returned = Returned {
    high_watermark: Offset(5),
    log_start_offset: Offset(0),
    has_records: false,
    is_error: false,
    is_diverging: false,
    is_taken: true,
};

fn id(partition: i32) -> TopicPartition {
    TopicPartition { topic: TopicId(1), partition }
}

fn key(partition: i32) -> SessionKey {
    SessionKey::of(id(partition))
}

/// A partition as a full fetch asks for it and is told of it.
fn row(
    partition: i32,
    wanted: Wanted,
    returned: Returned,
) -> (PartitionName<'static>, Option<TopicPartition>, Wanted, Returned) {
    (PartitionName::Id(id(partition)), Some(id(partition)), wanted, returned)
}

fn wanted(offset: i64) -> Wanted {
    Wanted {
        topic: None,
        current_leader_epoch: LeaderEpoch(1),
        fetch_offset: Offset(offset),
        last_fetched_epoch: LeaderEpoch(1),
        log_start_offset: Offset(0),
        bytes_max: 100,
    }
}

fn metadata(session_id: i32, epoch: i32) -> FetchMetadata {
    FetchMetadata { session_id, epoch }
}

fn at(seconds: u64) -> Time {
    Time::ZERO + Duration::from_secs(seconds)
}

// --- metadata

#[test]
fn epochs_count_up_and_pass_over_zero() {
    for (epoch, next) in [(0, 1), (1, 2), (41, 42), (i32::MAX, 1), (-1, -1)] {
        assert_eq!(FetchMetadata::next_epoch(epoch), next, "after {epoch}");
    }
    assert!(FetchMetadata::INITIAL.is_full() && FetchMetadata::LEGACY.is_full());
    assert!(!FetchMetadata::new_incremental(7).is_full());
    assert_eq!(metadata(7, 3).close_existing_attempt_new(), metadata(7, 0));
}

// --- the asker

type Handler = SessionHandler<i32, i64>;

/// A handler in session 7 with partitions 1 and 2, whose next request has epoch 1.
fn in_session() -> Handler {
    let mut handler = Handler::new();
    let built = handler.build([1, 2], |key| Some(i64::from(key)));
    assert_eq!(built.metadata, FetchMetadata::INITIAL);
    assert!(handler.on_response(Ok(7), [1, 2]));
    handler
}

fn build(handler: &mut Handler, wishes: &BTreeMap<i32, i64>) -> Built<i32, i64> {
    handler.build(wishes.keys().copied(), |key| wishes.get(&key).copied())
}

#[test]
fn an_incremental_request_names_what_changed() {
    type Case = (&'static [i32], &'static [(i32, i64)], &'static [(i32, i64)], &'static [i32]);
    // What is touched, what is wanted then, what is sent and what is forgotten.
    let cases: [Case; 5] = [
        (&[], &[(1, 1), (2, 2)], &[], &[]),
        (&[1, 2], &[(1, 1), (2, 2)], &[], &[]),
        (&[2], &[(1, 1), (2, 9)], &[(2, 9)], &[]),
        (&[1, 3], &[(2, 2), (3, 3)], &[(3, 3)], &[1]),
        (&[1, 2], &[], &[], &[1, 2]),
    ];
    for (touched, wishes, sent, forgotten) in cases {
        let mut handler = in_session();
        for key in touched {
            handler.touch(*key);
        }
        let built = build(&mut handler, &wishes.iter().copied().collect());
        assert_eq!(built.metadata, metadata(7, 1));
        assert_eq!((&built.to_send[..], &built.to_forget[..]), (sent, forgotten), "{touched:?}");
        assert_eq!(handler.is_empty(), wishes.is_empty());
    }
}

#[test]
fn an_answer_decides_over_the_next_request() {
    type Case = (bool, Result<i32, SessionError>, &'static [i32], bool, FetchMetadata);
    let refused = |error| Err(error);
    // Whether the request was full, the answer, whether it is believed, and the next request.
    let cases: [Case; 11] = [
        (true, Ok(7), &[1, 2], true, metadata(7, 1)),
        (true, Ok(0), &[1, 2], true, FetchMetadata::INITIAL),
        (true, Ok(7), &[1], false, FetchMetadata::INITIAL),
        (true, Ok(7), &[1, 2, 3], false, FetchMetadata::INITIAL),
        (true, refused(SessionError::InvalidEpoch), &[], false, FetchMetadata::INITIAL),
        (false, Ok(7), &[], true, metadata(7, 2)),
        (false, Ok(7), &[2], true, metadata(7, 2)),
        (false, Ok(0), &[], true, FetchMetadata::INITIAL),
        (false, Ok(7), &[3], false, metadata(7, 0)),
        (false, refused(SessionError::IdNotFound), &[], false, FetchMetadata::INITIAL),
        (false, refused(SessionError::InvalidEpoch), &[], false, metadata(7, 0)),
    ];
    let wishes = BTreeMap::from([(1, 1), (2, 2)]);
    for (full, answer, answered, believed, next) in cases {
        let mut handler = if full { Handler::new() } else { in_session() };
        build(&mut handler, &wishes);
        let returned = answered.iter().copied();
        assert_eq!(
            handler.on_response(answer, returned),
            believed,
            "{full} {answer:?} {answered:?}"
        );
        let built = build(&mut handler, &wishes);
        assert_eq!(built.metadata, next, "{full} {answer:?} {answered:?}");
        assert_eq!(built.to_send.len(), if next.is_full() { 2 } else { 0 });
    }
}

#[test]
fn after_a_lost_answer_everything_is_named_again() {
    let mut handler = in_session();
    build(&mut handler, &BTreeMap::from([(1, 1), (2, 2)]));
    handler.on_error();
    let built = build(&mut handler, &BTreeMap::from([(1, 1), (2, 2)]));
    assert_eq!((built.metadata, built.to_send.len()), (metadata(7, 0), 2));
}

// --- the answerer

#[test]
fn an_answer_leaves_out_what_was_told() {
    let records = Returned { has_records: true, ..QUIET };
    let error = Returned { is_error: true, is_taken: false, high_watermark: Offset::NONE, ..QUIET };
    let cases = [
        (QUIET, false),
        (records, true),
        (error, true),
        (Returned { is_diverging: true, is_taken: false, ..QUIET }, true),
        (Returned { high_watermark: Offset(6), ..QUIET }, true),
        (Returned { high_watermark: Offset(4), ..QUIET }, true),
        (Returned { log_start_offset: Offset(1), ..QUIET }, true),
    ];
    for (returned, must_respond) in cases {
        let mut session = SessionPartitions::new([row(1, wanted(5), QUIET)]);
        assert_eq!(session.returned(key(1), returned), must_respond, "{returned:?}");
        let again = returned.has_records || returned.is_error || returned.is_diverging;
        assert_eq!(session.returned(key(1), returned), again, "{returned:?}, once more");
    }
    for untaken in [error, Returned { is_diverging: true, is_taken: false, ..QUIET }] {
        let mut session = SessionPartitions::new([row(1, wanted(5), QUIET)]);
        session.returned(key(1), untaken);
        assert!(session.returned(key(1), QUIET), "what comes after {untaken:?} is news");
    }
    let mut session = SessionPartitions::new([row(1, wanted(5), QUIET)]);
    session.returned(key(1), Returned { is_diverging: true, ..QUIET });
    assert!(!session.returned(key(1), QUIET), "divergence-hides-watermark: told, and not taken");
}

#[test]
fn what_rests_is_not_read_until_something_changes() {
    let mut session = SessionPartitions::new([row(1, wanted(5), QUIET), row(2, wanted(5), QUIET)]);
    let due = |session: &SessionPartitions| session.due().map(|(key, _)| key).collect::<Vec<_>>();
    assert_eq!(due(&session), [key(1), key(2)], "a new session reads all once");
    session.rest(key(1));
    session.rest(key(2));
    assert!(due(&session).is_empty() && session.is_at_rest(key(1)));
    assert!(session.make_due(key(2)), "it was at rest");
    assert!(!session.make_due(key(2)), "it was not");
    assert!(!session.make_due(key(3)), "it is not in the session");
    session.want(key(1), Some(id(1)), wanted(6));
    assert_eq!(due(&session), [key(1), key(2)]);
    session.rest(key(1));
    assert_eq!(session.make_all_due(), [id(1)]);
    assert!(session.forget(key(1)).is_some() && session.forget(key(1)).is_none());
    assert_eq!((due(&session), session.len()), (vec![key(2)], 1));
    session.self_check();
}

#[test]
fn who_got_records_is_read_last() {
    let all = [1, 2, 3].map(|partition| row(partition, wanted(5), QUIET));
    let mut session = SessionPartitions::new(all);
    session.returned(key(1), Returned { has_records: true, ..QUIET });
    let due: Vec<SessionKey> = session.due().map(|(key, _)| key).collect();
    assert_eq!(due, [key(2), key(3), key(1)], "KIP-74");
}

// --- the cache

fn partitions(count: i32) -> SessionPartitions {
    SessionPartitions::new((0..count).map(|partition| row(partition, wanted(0), QUIET)))
}

#[test]
fn only_the_next_request_of_a_session_counts() {
    let mut cache = SessionCache::new(2, 1);
    let (id, _) = cache.create(at(0), None, partitions(1));
    let cases = [
        (metadata(id + 1, 1), Err(SessionError::IdNotFound)),
        (metadata(id, 2), Err(SessionError::InvalidEpoch)),
        (metadata(id, 1), Ok(())),
        (metadata(id, 1), Err(SessionError::InvalidEpoch)),
        (metadata(id, 2), Ok(())),
    ];
    for (request, expected) in cases {
        assert_eq!(cache.advance(request, at(1)), expected, "{request:?}");
    }
    cache.remove(id);
    assert_eq!(cache.advance(metadata(id, 3), at(1)), Err(SessionError::IdNotFound));
}

#[test]
fn ids_of_two_uptimes_differ() {
    let (first, _) = SessionCache::new(1, 1).create(at(0), None, partitions(1));
    let (second, _) = SessionCache::new(1, 2).create(at(0), None, partitions(1));
    assert_ne!(first, second);
}

#[test]
fn eviction_spares_followers_and_the_young() {
    let follower = Some(NodeId(2));
    // The old session (follower, partitions, last used), the new one (follower, partitions), when, and who stays.
    let cases = [
        ("two young clients", (None, 1, 1), (None, 9), 10, false),
        ("a follower for a young client", (None, 9, 1), (follower, 1), 10, true),
        ("a client for a young follower", (follower, 1, 1), (None, 9), 10, false),
        ("two young followers", (follower, 1, 1), (follower, 9), 10, false),
        ("a stale follower", (follower, 9, 1), (None, 1), 122, true),
        ("a larger client for an old one", (None, 3, 125), (None, 4), 130, true),
        ("a smaller client for an old one", (None, 3, 125), (None, 2), 130, false),
        ("a larger follower for an old one", (follower, 3, 125), (follower, 4), 130, true),
        ("a client for an old follower", (follower, 1, 125), (None, 9), 130, false),
    ];
    for (name, (who, count, used), (newcomer, size), now, evicts) in cases {
        let mut cache = SessionCache::new(1, 1);
        let (old, _) = cache.create(at(0), who, partitions(count));
        cache.advance(metadata(old, 1), at(used)).expect("it is the next request");
        let (id, evicted) = cache.create(at(now), newcomer, partitions(size));
        assert_eq!(evicted.map(|(id, _)| id), evicts.then_some(old), "{name}");
        assert_eq!(id != FetchMetadata::NO_SESSION, evicts, "{name}");
        assert_eq!(cache.get(old).is_some(), !evicts, "{name}");
    }
    assert_eq!(SessionCache::new(0, 1).create(at(0), follower, partitions(1)).0, 0, "no slots");
}

// --- both together

/// What happens to the world between two fetches, or to the fetch itself.
#[derive(Debug, Clone, Copy)]
enum Step {
    /// The asker wants a partition from an offset, or not at all.
    Want(i32, Option<i64>),
    /// The server's log of a partition ends there now.
    Append(i32, i64),
    /// The server evicts the session.
    Evict,
    /// The answer to the next fetch is lost.
    Lose,
    /// A fetch.
    Fetch,
}

#[expect(clippy::disallowed_types, reason = "proptest's macro shares its strategies by Arc")]
fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => (0..5, proptest::option::weighted(0.8, 0..4_i64)).prop_map(|(p, o)| Step::Want(p, o)),
        3 => (0..5, 0..4_i64).prop_map(|(partition, end)| Step::Append(partition, end)),
        1 => Just(Step::Evict),
        1 => Just(Step::Lose),
        6 => Just(Step::Fetch),
    ]
}

/// An asker, a server with one session, and what each knows.
struct Pair {
    wishes: BTreeMap<i32, i64>,
    ends: BTreeMap<i32, i64>,
    handler: Handler,
    cache: SessionCache,
    /// High watermarks as the asker was told.
    known: BTreeMap<i32, i64>,
    /// The next answer is lost.
    loses: bool,
}

impl Pair {
    fn returned(&self, partition: i32, offset: i64) -> Returned {
        let end = self.ends.get(&partition).copied().unwrap_or(0);
        let is_error = offset > end;
        let high_watermark = if is_error { Offset::NONE } else { Offset(end) };
        Returned {
            high_watermark,
            is_error,
            has_records: offset < end,
            is_taken: !is_error,
            ..QUIET
        }
    }

    /// A full fetch would tell this.
    fn full(&self) -> BTreeMap<i32, i64> {
        let all = self.wishes.iter();
        all.map(|(partition, offset)| {
            (*partition, self.returned(*partition, *offset).high_watermark.0)
        })
        .collect()
    }

    /// The server answers: session or error, and what it tells.
    fn serve(
        &mut self,
        built: &Built<i32, i64>,
    ) -> (Result<i32, SessionError>, Vec<(i32, Returned)>) {
        if built.metadata.is_full() {
            self.cache.remove(built.metadata.session_id);
            let returned =
                |(partition, offset): &(i32, i64)| (*partition, self.returned(*partition, *offset));
            let returned: Vec<(i32, Returned)> = built.to_send.iter().map(returned).collect();
            let all = built.to_send.iter().zip(&returned);
            let all = all.map(|((partition, offset), (_, returned))| {
                row(*partition, wanted(*offset), *returned)
            });
            let (id, _) = self.cache.create(at(0), None, SessionPartitions::new(all));
            return (Ok(id), returned);
        }
        if let Err(error) = self.cache.advance(built.metadata, at(0)) {
            return (Err(error), Vec::new());
        }
        let session = self.cache.get_mut(built.metadata.session_id).expect("it was advanced");
        let session = &mut session.partitions;
        built
            .to_forget
            .iter()
            .for_each(|partition| assert!(session.forget(key(*partition)).is_some()));
        for (partition, offset) in &built.to_send {
            session.want(key(*partition), Some(id(*partition)), wanted(*offset));
        }
        let due: Vec<(SessionKey, Wanted)> =
            session.due().map(|(key, cached)| (key, cached.wanted)).collect();
        let mut answer = Vec::new();
        for (key, wanted) in due {
            let partition = key.partition();
            let returned = self.returned(partition, wanted.fetch_offset.0);
            let session = self.cache.get_mut(built.metadata.session_id).expect("it is there");
            if session.partitions.returned(key, returned) {
                answer.push((partition, returned));
            }
            if !returned.has_records && !returned.is_error {
                session.partitions.rest(key);
            }
        }
        (Ok(built.metadata.session_id), answer)
    }

    fn fetch(&mut self) {
        let wishes = self.wishes.clone();
        let built = build(&mut self.handler, &wishes);
        let (session, returned) = self.serve(&built);
        if std::mem::take(&mut self.loses) {
            self.handler.on_error();
            self.known.clear();
            return;
        }
        if !self.handler.on_response(session, returned.iter().map(|(partition, _)| *partition)) {
            self.known.clear();
            return;
        }
        if built.metadata.is_full() {
            self.known.clear();
        }
        for partition in built.to_forget {
            self.known.remove(&partition);
        }
        self.known.extend(
            returned.iter().map(|(partition, returned)| (*partition, returned.high_watermark.0)),
        );
        assert_eq!(self.known, self.full(), "what the session told is what a full fetch tells");
    }

    fn take(&mut self, step: Step) {
        match step {
            Step::Want(partition, wish) => {
                match wish {
                    Some(offset) => self.wishes.insert(partition, offset),
                    None => self.wishes.remove(&partition),
                };
                self.handler.touch(partition);
            }
            Step::Append(partition, end) => {
                self.ends.insert(partition, end);
                for (_, session) in self.cache.iter_mut() {
                    session.partitions.make_due(key(partition));
                }
            }
            Step::Evict => {
                let ids: Vec<i32> = self.cache.iter_mut().map(|(id, _)| id).collect();
                for id in ids {
                    self.cache.remove(id);
                }
            }
            Step::Lose => self.loses = true,
            Step::Fetch => self.fetch(),
        }
    }
}

proptest! {
    /// Whatever changes, is lost or is evicted: after an answer that is believed, the asker knows of each partition
    /// what a full fetch would tell it.
    #[test]
    fn a_session_tells_what_a_full_fetch_tells(steps in prop::collection::vec(step(), 1..60)) {
        let mut pair = Pair {
            wishes: BTreeMap::new(),
            ends: BTreeMap::new(),
            handler: Handler::new(),
            cache: SessionCache::new(4, 1),
            known: BTreeMap::new(),
            loses: false,
        };
        for step in steps {
            pair.take(step);
        }
    }
}
