//! Harrow inside a Rust test: the example that users copy, word for word, and what it says when it fails.

use std::panic::{AssertUnwindSafe, catch_unwind};

use harrow::library::SweepError;

#[path = "../../examples/rust-test/tests/orders.rs"]
mod example;

#[test]
fn what_is_asserted_can_fail() {
    let defect = harrow::Defect::from_name("truncate-to-hw").expect("it is in the catalogue");
    let sweep = harrow::sweep("quick-failover").seeds(9..=9).defect(defect);
    let panic = catch_unwind(AssertUnwindSafe(|| sweep.assert_held())).expect_err("it is violated");
    let said = panic.downcast_ref::<String>().expect("a text");
    let command = "harrow run quick-failover --seed 9 --defect truncate-to-hw";
    for part in
        ["1 runs, 1 of which did not hold", "committed-truncation breaks", command, "HARROW_SEED=9"]
    {
        assert!(said.contains(part), "`{part}` in {said}");
    }
    let sweep = harrow::sweep("calm").seeds(1..=1);
    let panic = catch_unwind(|| sweep.assert_violated_by("lost-write")).expect_err("it holds");
    let said = panic.downcast_ref::<String>().expect("a text");
    assert!(said.contains("0 of which did not hold"), "{said}");
}

#[test]
fn what_cannot_be_run_is_told() {
    let missing = harrow::sweep("no/such.toml").run();
    assert!(matches!(missing, Err(SweepError::Unreadable { .. })), "{missing:?}");
    let wrong = harrow::sweep("calm").set("heal.at_ms=soon").run();
    let Err(SweepError::Scenario(said)) = wrong else { panic!("{wrong:?}") };
    assert!(said.contains("--set:1: `soon` is neither") && said.contains("at_ms"), "{said}");
    let text = "name = \"x\"\nproves = 3\n";
    let wrong = harrow::sweep_text("my.toml", text).run();
    let Err(SweepError::Scenario(said)) = wrong else { panic!("{wrong:?}") };
    assert!(said.contains("my.toml:2: "), "{said}");
}

#[test]
fn what_no_run_has_come_across_is_told() {
    let change = "expect.reach=[\"log-truncated\"]";
    let swept = harrow::sweep("calm").seeds(1..=2).set(change).run().expect("it runs");
    assert_eq!((swept.runs, swept.failed.len()), (2, 0));
    assert_eq!(swept.unreached, ["log-truncated"]);
    assert!(swept.to_string().contains("`log-truncated` was reached in none of 2 runs"), "{swept}");
}
