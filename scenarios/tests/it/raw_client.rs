//! What every client of Kafka does: finds who leads and who coordinates, and sends records.

use std::time::{Duration, Instant};

use harrow_broker_model::record::{RecordBatch, RecordBatchBuilder};
use harrow_broker_model::types::{ProducerEpoch, ProducerId, Sequence, WallTime};

use crate::server::Server;
use crate::wire::{Api, In, Out, Wire};

const FIND_COORDINATOR: Api = (10, 1, false);
const METADATA: Api = (3, 1, false);
const PRODUCE: Api = (0, 3, false);

/// Errors that pass: asked again soon, it goes well.
pub(crate) const PASSING: [i16; 5] = [14, 15, 16, 51, 5];

/// Asks until the answer's error is none that passes.
pub(crate) fn asked(wire: &mut Wire, api: Api, body: &Out, error: impl Fn(&mut In) -> i16) -> In {
    for _ in 0..2_000 {
        let mut answer = wire.ask(api, body);
        let error = error(&mut answer);
        if !PASSING.contains(&error) {
            assert_eq!(error, 0, "{api:?} is refused");
            return answer;
        }
    }
    panic!("{api:?} is never done");
}

/// Who coordinates a group (kind 0), or a transactional id (kind 1).
pub(crate) fn coordinator(server: &Server, kind: i8, key: &str, client_id: &str) -> Wire {
    let mut any = Wire::to(server, server.ports[0], client_id);
    let body = Out::default().text(key).i8(kind);
    let mut answer = asked(&mut any, FIND_COORDINATOR, &body, |answer| {
        let _throttled = answer.i32();
        answer.i16()
    });
    let (_message, _node, _host) = (answer.text(), answer.i32(), answer.text());
    Wire::to(server, answer.i32() as u16, client_id)
}

/// Waits until the first broker serves after a restart: a new process is registered once the session of the last one is
/// over.
pub(crate) fn serves_again(server: &Server) {
    let until = Instant::now() + Duration::from_secs(20);
    loop {
        let mut probe = Wire::to(server, server.ports[0], "probe");
        probe.send(METADATA, &Out::default().i32(0));
        if probe.receive().is_some() {
            return;
        }
        assert!(Instant::now() < until, "it never serves again");
    }
}

/// Who leads partition 0 of a topic.
pub(crate) fn leader(server: &Server, topic: &str, client_id: &str) -> Wire {
    let mut any = Wire::to(server, server.ports[0], client_id);
    let mut answer = any.ask(METADATA, &Out::default().i32(1).text(topic));
    let brokers = (0..answer.i32()).map(|_| {
        let (node, _host, port, _rack) = (answer.i32(), answer.text(), answer.i32(), answer.text());
        (node, port as u16)
    });
    let brokers: Vec<(i32, u16)> = brokers.collect();
    let (_controller, _topics, error, _name) =
        (answer.i32(), answer.i32(), answer.i16(), answer.text());
    assert_eq!(error, 0, "{topic}");
    let (_internal, _partitions) = (answer.i8(), answer.i32());
    let (_error, _index, leader) = (answer.i16(), answer.i32(), answer.i32());
    let port = brokers.iter().find(|(node, _)| *node == leader).expect("the leader is there").1;
    Wire::to(server, port, client_id)
}

/// A producer's id and epoch.
pub(crate) type Producer = (i64, i16);

pub(crate) const PLAIN: Producer = (-1, -1);

/// A batch of records with these values.
pub(crate) fn batch(
    (producer, epoch): Producer,
    sequence: i32,
    transactional: bool,
    values: &[&str],
) -> RecordBatch {
    let (producer, epoch) = (ProducerId(producer), ProducerEpoch(epoch));
    let mut batch = RecordBatchBuilder::new(producer, epoch, Sequence(sequence));
    if transactional {
        batch = batch.in_transaction();
    }
    for value in values {
        batch.push_copy(WallTime(0), None, Some(value.as_bytes()));
    }
    batch.build()
}

/// Sends records to partition 0, as a batch.
pub(crate) fn produce(
    wire: &mut Wire,
    topic: &str,
    (id, (producer, epoch), sequence): (Option<&str>, Producer, i32),
    values: &[&str],
) {
    let batch = batch((producer, epoch), sequence, id.is_some(), values);
    let out = Out::default();
    let out = id.map_or_else(|| Out::default().none(), |id| out.text(id)).i16(-1).i32(10_000);
    let out = out.i32(1).text(topic).i32(1).i32(0).bytes(batch.bytes());
    let _answer = asked(wire, PRODUCE, &out, |answer| {
        let (_topics, _name, _partitions, _index) =
            (answer.i32(), answer.text(), answer.i32(), answer.i32());
        answer.i16()
    });
}
