//! Version 2 of the protocol of transactions (KIP-890), as `harrow serve` speaks it when it is told to.

use std::collections::BTreeMap;

use serde_json::json;

use crate::raw_client::{asked, batch, coordinator, leader};
use crate::server::Server;
use crate::wire::{Api, In, Out, Wire};

const API_VERSIONS: Api = (18, 0, false);
const INIT_PRODUCER_ID: Api = (22, 0, false);
const PRODUCE: Api = (0, 12, true);
const END_TXN: Api = (26, 5, true);
const END_TXN_BEFORE: Api = (26, 4, true);

/// First and last version of each API, as they are advertised.
fn advertised(server: &Server) -> BTreeMap<i16, (i16, i16)> {
    let mut any = Wire::to(server, server.ports[0], "versions");
    let mut answer = any.ask(API_VERSIONS, &Out::default());
    assert_eq!(answer.i16(), 0);
    let apis = (0..answer.i32()).map(|_| (answer.i16(), (answer.i16(), answer.i16())));
    apis.collect()
}

#[test]
fn each_transaction_has_an_epoch_of_its_own_where_version_2_is_asked_for() {
    let server = Server::start(&["--transaction-version", "2", "--topic", "payments:1"]);
    let versions = advertised(&server);
    let of = |key| versions[&key];
    assert_eq!((of(0), of(26), of(28), of(22)), ((0, 12), (5, 5), (0, 5), (0, 5)));
    let mut coordinator = coordinator(&server, 1, "pay", "pay");
    let begun = Out::default().text("pay").i32(60_000);
    let mut answer = asked(&mut coordinator, INIT_PRODUCER_ID, &begun, |answer| {
        let _throttled = answer.i32();
        answer.i16()
    });
    let (producer, mut epoch) = (answer.i64(), answer.i16());
    let mut payments = leader(&server, "payments", "pay");
    for value in ["first", "second"] {
        // Nobody adds the partition: the leader has it put into the transaction.
        let records = batch((producer, epoch), 0, true, &[value]);
        let body = Out::default().compact("pay").i16(-1).i32(10_000).i8(2).compact("payments");
        let body = body.i8(2).i32(0).compact_bytes(records.bytes()).i8(0).i8(0).i8(0);
        let _answer = asked(&mut payments, PRODUCE, &body, |answer: &mut In| {
            let (_tags, _topics, _name) = (answer.i8(), answer.i8(), answer.compact());
            let (_partitions, _index) = (answer.i8(), answer.i32());
            answer.i16()
        });
        let body = Out::default().compact("pay").i64(producer).i16(epoch).i8(1).i8(0);
        let mut answer = asked(&mut coordinator, END_TXN, &body, |answer| {
            let (_tags, _throttled) = (answer.i8(), answer.i32());
            answer.i16()
        });
        assert_eq!((answer.i64(), answer.i16()), (producer, epoch + 1), "the next epoch is told");
        epoch += 1;
    }
    let body = Out::default().compact("pay").i64(producer).i16(epoch).i8(1).i8(0);
    coordinator.send(END_TXN_BEFORE, &body);
    assert!(coordinator.receive().is_none(), "older versions are not served");
    let (_, verdict) = server.post("/judge", &json!({}));
    assert_eq!(verdict["outcome"], "held", "{verdict}");
    assert_eq!(verdict["stats"]["records_acked"], 2, "{verdict}");
}

#[test]
fn clients_of_all_versions_are_served_where_nothing_is_said() {
    let server = Server::start(&["--brokers", "1"]);
    let versions = advertised(&server);
    let of = |key| versions[&key];
    assert_eq!((of(0), of(26), of(28), of(22)), ((0, 11), (0, 4), (0, 4), (0, 5)));
}
