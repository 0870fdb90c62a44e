//! Groups as `harrow serve` takes them down: members join, commit and process in transactions; what is wrong with it is
//! named.

use std::time::{Duration, Instant};

use harrow_broker_model::consumer_protocol::{Subscription, encode_assignment};
use harrow_broker_model::proto::StrBytes;
use serde_json::{Value, json};

use crate::raw_client::{
    PASSING, PLAIN, Producer, asked, coordinator, leader, produce, serves_again,
};
use crate::server::Server;
use crate::wire::{Api, In, Out, Wire};

const JOIN_GROUP: Api = (11, 1, false);
const SYNC_GROUP: Api = (14, 0, false);
const OFFSET_COMMIT: Api = (8, 2, false);
const OFFSET_FETCH: Api = (9, 1, false);
const STABLE_OFFSET_FETCH: Api = (9, 7, true);
const INIT_PRODUCER_ID: Api = (22, 0, false);
const ADD_PARTITIONS_TO_TXN: Api = (24, 0, false);
const ADD_OFFSETS_TO_TXN: Api = (25, 0, false);
const TXN_OFFSET_COMMIT: Api = (28, 0, false);
const END_TXN: Api = (26, 0, false);

const UNSTABLE_OFFSET_COMMIT: i16 = 88;

/// A member that has asked to join, and waits.
struct Joining {
    wire: Wire,
    group: String,
}

/// A member of a generation.
struct Member {
    wire: Wire,
    group: String,
    id: String,
    generation: i32,
    /// All members, if it leads.
    members: Vec<String>,
}

impl Joining {
    fn begin(server: &Server, group: &str, client_id: &str, id: &str) -> Self {
        let mut wire = coordinator(server, 0, group, client_id);
        // It answers once it has loaded the group.
        let _ = stands(&mut wire, group);
        Self::again(wire, group, id)
    }

    fn again(mut wire: Wire, group: &str, id: &str) -> Self {
        let topics = vec![StrBytes::from_static_str("orders")];
        let subscription = Subscription { topics, owned: Vec::new(), generation: -1 };
        let body = Out::default().text(group).i32(30_000).i32(30_000).text(id);
        let body = body.text("consumer").i32(1).text("range").bytes(&subscription.encode());
        wire.send(JOIN_GROUP, &body);
        Self { wire, group: group.to_owned() }
    }

    fn end(mut self) -> Member {
        let mut answer = self.wire.receive().expect("it is answered");
        assert_eq!(answer.i16(), 0, "it joins");
        let (generation, _protocol, _leader, id) =
            (answer.i32(), answer.text(), answer.text(), answer.text());
        let members = (0..answer.i32()).map(|_| {
            let (member, _metadata) = (answer.text(), answer.bytes());
            member
        });
        let members = members.collect();
        Member { wire: self.wire, group: self.group, id, generation, members }
    }
}

impl Member {
    /// Asks for its partitions; who leads says what each member has.
    fn sync(&mut self, given: &[(&str, &[i32])]) {
        let body = Out::default().text(&self.group).i32(self.generation).text(&self.id);
        let body = given.iter().fold(body.i32(given.len() as i32), |body, (member, partitions)| {
            let place = |partition: &i32| (StrBytes::from_static_str("orders"), *partition);
            let places: Vec<(StrBytes, i32)> = partitions.iter().map(place).collect();
            body.text(member).bytes(&encode_assignment(&places))
        });
        self.wire.send(SYNC_GROUP, &body);
    }

    fn synced(&mut self) {
        let mut answer = self.wire.receive().expect("it is answered");
        assert_eq!(answer.i16(), 0, "it gets its partitions");
    }

    /// Commits partition 0; the error that it is told.
    fn commit(&mut self, next: i64) -> i16 {
        let body = Out::default().text(&self.group).i32(self.generation).text(&self.id);
        let body = body.i64(-1).i32(1).text("orders").i32(1).i32(0).i64(next).none();
        let mut answer = self.wire.ask(OFFSET_COMMIT, &body);
        let (_topics, _name, _partitions, _index) =
            (answer.i32(), answer.text(), answer.i32(), answer.i32());
        answer.i16()
    }
}

/// Where a group stands in partition 0, as its coordinator says.
fn stands(wire: &mut Wire, group: &str) -> i64 {
    let body = Out::default().text(group).i32(1).text("orders").i32(1).i32(0);
    for _ in 0..2_000 {
        let mut answer = wire.ask(OFFSET_FETCH, &body);
        if answer.i32() == 0 {
            continue;
        }
        let (_name, _partitions, _index) = (answer.text(), answer.i32(), answer.i32());
        let (next, _metadata, error) = (answer.i64(), answer.text(), answer.i16());
        if !PASSING.contains(&error) {
            assert_eq!(error, 0, "where {group} stands is told");
            return next;
        }
    }
    panic!("nobody says where {group} stands");
}

/// The same, once no transaction is about to change it (KIP-447).
fn stands_settled(wire: &mut Wire, group: &str) -> i64 {
    let body = Out::default().compact(group).i8(2).compact("orders").i8(2).i32(0).i8(0).i8(1).i8(0);
    for _ in 0..2_000 {
        let mut answer = wire.ask(STABLE_OFFSET_FETCH, &body);
        let (_tags, _throttled, topics) = (answer.i8(), answer.i32(), answer.i8());
        if topics < 2 {
            continue;
        }
        let (_name, _partitions, _index) = (answer.compact(), answer.i8(), answer.i32());
        let (next, _epoch, _metadata) = (answer.i64(), answer.i32(), answer.compact());
        let error = answer.i16();
        if error != UNSTABLE_OFFSET_COMMIT && !PASSING.contains(&error) {
            assert_eq!(error, 0, "where {group} stands is told");
            return next;
        }
    }
    panic!("nobody says where {group} stands");
}

/// One that joins alone and has partition 0.
fn alone(server: &Server, group: &str) -> Member {
    let mut member = Joining::begin(server, group, "alone", "").end();
    let id = member.id.clone();
    member.sync(&[(&id, &[0])]);
    member.synced();
    member
}

/// A transactional producer.
struct Transactional {
    wire: Wire,
    id: String,
    producer: Producer,
    sequence: i32,
}

impl Transactional {
    fn begin(server: &Server, id: &str) -> Self {
        let mut wire = coordinator(server, 1, id, id);
        let body = Out::default().text(id).i32(60_000);
        let mut answer = asked(&mut wire, INIT_PRODUCER_ID, &body, |answer| {
            let _throttled = answer.i32();
            answer.i16()
        });
        let producer = (answer.i64(), answer.i16());
        Self { wire, id: id.to_owned(), producer, sequence: 0 }
    }

    fn named(&self) -> Out {
        Out::default().text(&self.id).i64(self.producer.0).i16(self.producer.1)
    }

    /// Sends a record, commits that the group stands at `next` of orders-0, and ends.
    fn transact(&mut self, server: &Server, group: &str, value: &str, next: i64) {
        let throttled = |answer: &mut In| {
            let _throttled = answer.i32();
            answer.i16()
        };
        let body = self.named().i32(1).text("payments").i32(1).i32(0);
        let _answer = asked(&mut self.wire, ADD_PARTITIONS_TO_TXN, &body, |answer| {
            let (_throttled, _topics, _name, _partitions, _index) =
                (answer.i32(), answer.i32(), answer.text(), answer.i32(), answer.i32());
            answer.i16()
        });
        let mut payments = leader(server, "payments", &self.id);
        let as_whom = (Some(self.id.as_str()), self.producer, self.sequence);
        produce(&mut payments, "payments", as_whom, &[value]);
        self.sequence += 1;
        let body = self.named().text(group);
        let _answer = asked(&mut self.wire, ADD_OFFSETS_TO_TXN, &body, throttled);
        let mut groups = coordinator(server, 0, group, &self.id);
        let body = Out::default().text(&self.id).text(group);
        let body = body.i64(self.producer.0).i16(self.producer.1);
        let body = body.i32(1).text("orders").i32(1).i32(0).i64(next).none();
        let _answer = asked(&mut groups, TXN_OFFSET_COMMIT, &body, |answer| {
            let (_throttled, _topics, _name, _partitions, _index) =
                (answer.i32(), answer.i32(), answer.text(), answer.i32(), answer.i32());
            answer.i16()
        });
        let body = self.named().i8(1);
        let _answer = asked(&mut self.wire, END_TXN, &body, throttled);
    }
}

fn found(verdict: &Value) -> Vec<String> {
    let findings = verdict["findings"].as_array().expect("a list");
    let name = |finding: &Value| finding["anomaly"].as_str().expect("a name").to_owned();
    findings.iter().map(name).collect()
}

fn judged(server: &Server, request: &Value) -> Value {
    let (status, verdict) = server.post("/judge", request);
    assert_eq!(status, 200, "{verdict}");
    verdict
}

#[test]
fn members_that_join_commit_and_hand_over_are_held() {
    let server = Server::start(&["--topic", "orders:2", "--topic", "payments:1"]);
    let mut orders = leader(&server, "orders", "sender");
    produce(&mut orders, "orders", (None, PLAIN, -1), &["a", "b", "c", "d"]);
    let mut first = alone(&server, "billing");
    assert_eq!(stands(&mut first.wire, "billing"), -1);
    assert_eq!(first.commit(2), 0);
    let second = Joining::begin(&server, "billing", "second", "");
    let (group, id) = (first.group.clone(), first.id.clone());
    let first = Joining::again(first.wire, &group, &id);
    let (mut first, mut second) = (first.end(), second.end());
    let ids = (first.id.clone(), second.id.clone());
    assert_eq!(first.members.len().max(second.members.len()), 2, "both are members");
    let given: [(&str, &[i32]); 2] = [(&ids.0, &[1]), (&ids.1, &[0])];
    let (leads, follows) = if first.members.is_empty() {
        (&mut second, &mut first)
    } else {
        (&mut first, &mut second)
    };
    leads.sync(&given);
    follows.sync(&[]);
    leads.synced();
    follows.synced();
    assert_eq!(stands(&mut second.wire, "billing"), 2, "the commit is there");
    assert_eq!(second.commit(4), 0);
    first.generation -= 1;
    assert_eq!(first.commit(1), 22, "ILLEGAL_GENERATION");
    let verdict = judged(&server, &json!({}));
    assert_eq!((verdict["outcome"].as_str(), found(&verdict)), (Some("held"), vec![]), "{verdict}");
    let text = server.get("/history");
    for part in ["\"join\"", "\"commit\"", "[\"fetched\",\"orders-0\",2]"] {
        assert!(text.contains(part), "nothing of {part} is taken down:\n{text}");
    }
}

#[test]
fn two_members_that_are_given_the_same_partition_are_found() {
    let server = Server::start(&["--brokers", "1", "--topic", "orders:1"]);
    let first = alone(&server, "billing");
    let second = Joining::begin(&server, "billing", "second", "");
    let (group, id) = (first.group.clone(), first.id.clone());
    let (mut first, mut second) = (Joining::again(first.wire, &group, &id).end(), second.end());
    let ids = (first.id.clone(), second.id.clone());
    let (leads, follows) = if first.members.is_empty() {
        (&mut second, &mut first)
    } else {
        (&mut first, &mut second)
    };
    leads.sync(&[(&ids.0, &[0]), (&ids.1, &[0])]);
    follows.sync(&[]);
    leads.synced();
    follows.synced();
    let verdict = judged(&server, &json!({}));
    assert_eq!(found(&verdict), ["double-ownership"], "{verdict}");
}

#[test]
fn a_commit_that_a_power_loss_takes_is_legal_and_found_where_more_was_promised() {
    let server = Server::start(&["--brokers", "1", "--topic", "orders:1"]);
    let mut orders = leader(&server, "orders", "sender");
    produce(&mut orders, "orders", (None, PLAIN, -1), &["a", "b", "c"]);
    let mut member = alone(&server, "billing");
    assert_eq!(member.commit(3), 0);
    assert_eq!(stands(&mut member.wire, "billing"), 3);
    let (code, _, wrong) = server.ctl(&["kill", "coordinator-of billing", "--power-loss"]);
    assert_eq!(code, 0, "{wrong}");
    assert_eq!(server.ctl(&["restart", "node 1"]).0, 0);
    serves_again(&server);
    let mut again = coordinator(&server, 0, "billing", "again");
    assert_eq!(stands(&mut again, "billing"), -1, "the page cache is gone");
    let verdict = judged(&server, &json!({}));
    assert_eq!(found(&verdict), Vec::<String>::new(), "{verdict}");
    let excused = verdict["excused"].as_array().expect("a list");
    assert!(excused.iter().any(|it| it["anomaly"] == "lost-commit"), "{verdict}");
    let verdict = judged(&server, &json!({ "config": "" }));
    assert!(found(&verdict).contains(&"lost-commit".to_owned()), "{verdict}");
    assert!(verdict.to_string().contains("was told no committed offset"), "{verdict}");
}

#[test]
fn inputs_that_two_transactions_process_are_found_and_those_of_one_are_not() {
    for (twice, expected) in [(false, vec![]), (true, vec!["eos-duplicate"])] {
        let server = Server::start(&["--topic", "orders:1", "--topic", "payments:1"]);
        let mut orders = leader(&server, "orders", "sender");
        produce(&mut orders, "orders", (None, PLAIN, -1), &["a", "b", "c"]);
        let mut first = Transactional::begin(&server, "pay-1");
        let mut second = Transactional::begin(&server, "pay-2");
        let mut offsets = coordinator(&server, 0, "billing", "offsets");
        assert_eq!(stands_settled(&mut offsets, "billing"), -1);
        first.transact(&server, "billing", "x", 3);
        if !twice {
            assert_eq!(stands_settled(&mut offsets, "billing"), 3);
            produce(&mut orders, "orders", (None, PLAIN, -1), &["d"]);
        }
        // It has read the same, unless it has asked again.
        second.transact(&server, "billing", "y", if twice { 3 } else { 4 });
        let text = server.get("/history");
        let inputs = if twice { "0,2" } else { "3,3" };
        assert!(text.contains(&format!("[\"consumed\",\"orders-0\",{inputs}]")), "{text}");
        let verdict = judged(&server, &json!({}));
        assert_eq!(found(&verdict), expected, "{verdict}");
    }
}

const UNKNOWN_MEMBER_ID: i16 = 25;

#[test]
fn a_member_whose_session_is_ended_is_none_any_more() {
    let server = Server::start(&["--topic", "orders:1"]);
    let mut member = alone(&server, "billing");
    assert_eq!(member.commit(0), 0);
    let (code, _, wrong) = server.ctl(&["expire", "billing", "--member", "somebody"]);
    assert_eq!(code, 2, "{wrong}");
    assert!(wrong.contains(&member.id), "who is there is told: {wrong}");
    let (code, told, wrong) = server.ctl(&["expire", "billing"]);
    assert_eq!(code, 0, "{wrong}");
    assert!(told.contains(&member.id), "{told}");
    assert_eq!(member.commit(0), UNKNOWN_MEMBER_ID);
    let (code, _, wrong) = server.ctl(&["expire", "billing"]);
    assert_eq!(code, 2, "{wrong}");
    assert!(wrong.contains("billing has no members now"), "{wrong}");
}

#[test]
fn a_coordinator_moves_with_what_its_group_has_committed() {
    let server = Server::start(&["--topic", "orders:1"]);
    let mut member = alone(&server, "billing");
    assert_eq!(member.commit(3), 0);
    let (code, told, wrong) = server.ctl(&["move", "coordinator-of billing"]);
    assert_eq!(code, 0, "{wrong}");
    let told: Value = serde_json::from_str(&told).expect("it is JSON");
    assert_ne!(told["from"], told["to"], "{told}");
    let mut again = coordinator(&server, 0, "billing", "again");
    // What was committed last a new coordinator tells once its followers have it (`CoordinatorLoaderImpl.doLoad`).
    let until = Instant::now() + Duration::from_secs(20);
    while stands(&mut again, "billing") != 3 {
        assert!(Instant::now() < until, "the commit is there");
    }
}
