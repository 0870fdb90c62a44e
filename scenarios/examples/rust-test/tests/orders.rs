//! What the configuration of our orders topic is worth, as tests.

/// The scenario, beside this file; `harrow run tests/orders.toml` runs the same.
const ORDERS: &str = include_str!("orders.toml");

/// acks=all on three replicas, two of which must be in sync: no acknowledged order is lost when leaders die.
#[test]
fn orders_survive_leaders_that_die() {
    harrow::sweep_text("tests/orders.toml", ORDERS).seeds(1..=20).assert_held();
}

/// A broker as it was before KIP-101 is found out by the same scenario.
#[test]
fn an_old_broker_is_found_out() {
    let defect = harrow::Defect::from_name("truncate-to-hw").expect("it is in the catalogue");
    harrow::sweep("quick-failover")
        .seeds(1..=20)
        .defect(defect)
        .assert_violated_by("committed-truncation");
}
