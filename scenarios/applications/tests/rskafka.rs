//! rskafka, as it is published, inside the simulation.

use std::collections::BTreeMap;
use std::time::Duration;

use harrow::ApplicationTerms;
use harrow::application::Environment;
use harrow::application::runtime::{AsyncApplication, set_left, sleep, timeout, with_context};
use rskafka::client::ClientBuilder;
use rskafka::client::partition::{Compression, UnknownTopicHandling};
use rskafka::record::Record;

const SCENARIO: &str = r#"
name = "orders-by-rskafka"
proves = "That what rskafka was told is written is there for good."

[cluster]
brokers = 3
controllers = 3

[[topic]]
name = "orders"
partitions = 1
replication_factor = 3
min.insync.replicas = 2

[[load]]
kind = "consumer"
operations = 40

[[fault]]
kind = "crash"
target = "leader-of orders-0"
count = "1..2"
at_ms = "1500..5000"
down_ms = "500..2000"

[[fault]]
kind = "crash"
target = "application shop"
at_ms = "2000..4000"
down_ms = "300..600"

[[fault]]
kind = "pause"
target = "isr-follower-of orders-0"
count = "1..2"
at_ms = "1500..5000"
for_ms = "500..1500"

[heal]
at_ms = 8000

[expect]
reach = ["crash", "leader-elected", "records-acked"]
"#;

const ORDERS: u64 = 40;

/// What is wrong with the application.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mistake {
    None,
    /// It sends what was not acknowledged in time once more, as another order, and promises that there are no doubles.
    SendsAgain,
}

fn shop(environment: &Environment, mistake: Mistake) -> AsyncApplication {
    clients_inside::register();
    let (brokers, restarts) = (environment.brokers.clone(), environment.restarts);
    AsyncApplication::new(async move {
        set_left(ORDERS);
        let client = ClientBuilder::new(brokers).build().await.expect("it tries again and again");
        let partition = client.partition_client("orders", 0, UnknownTopicHandling::Retry);
        let partition = partition.await.expect("the topic is there");
        for order in 0..ORDERS {
            let value = format!("order {restarts}-{order}").into_bytes();
            let send = with_context(|it| it.sends("orders", None, &value));
            let timestamp = chrono::DateTime::from_timestamp_millis(0).expect("a time");
            let produce = || {
                let (key, headers) = (None, BTreeMap::new());
                let record = Record { key, value: Some(value.clone()), headers, timestamp };
                partition.produce(vec![record], Compression::NoCompression)
            };
            let patience =
                Duration::from_millis(if mistake == Mistake::None { 60_000 } else { 300 });
            let mut produced = timeout(patience, produce()).await;
            while mistake == Mistake::SendsAgain && produced.is_err() {
                produced = timeout(patience, produce()).await;
            }
            with_context(|it| match &produced {
                Ok(Ok(offsets)) => it.acknowledged(send, 0, offsets[0]),
                Ok(Err(_)) | Err(_) => it.given_up(send),
            });
            set_left(ORDERS - order);
            sleep(Duration::from_millis(100)).await;
        }
    })
}

fn sweep(mistake: Mistake) -> harrow::library::Sweep {
    let idempotence = mistake == Mistake::SendsAgain;
    let terms = ApplicationTerms { idempotence, ..ApplicationTerms::default() };
    harrow::sweep_text("orders-by-rskafka", SCENARIO).application(
        "shop",
        terms,
        move |environment| shop(environment, mistake),
    )
}

#[test]
fn what_it_was_told_is_there_for_good() {
    sweep(Mistake::None).seeds(1..=10).assert_held();
}

#[test]
fn the_same_seed_is_the_same_run() {
    sweep(Mistake::None).seeds(1..=5).assert_deterministic().expect("it runs");
}

#[test]
fn one_that_sends_again_is_found_and_shrunk() {
    let sweep = sweep(Mistake::SendsAgain).seeds(1..=10);
    let swept = sweep.run().expect("it runs");
    let failed = swept.failed.first().expect("some seed shows it");
    assert_eq!(failed.findings[0].anomaly, "duplicate", "{swept}");
    let seed = failed.coordinate.seed;
    let smallest = sweep.shrink(seed, Duration::from_secs(30)).expect("it fails");
    assert!(smallest.sizes.1 < smallest.sizes.0);
}
