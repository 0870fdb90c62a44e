//! Topics that were deleted and created again: what may stand in both, and what may be in none.

use harrow_sim::history::{
    Completion, Function, History, MicroOperation, NO_KEY, NO_OFFSET, NO_PARTITION,
    OperationRecord, ReadRecord, SendRecord, asked_name, incarnation_name,
};

use super::anomaly::Anomaly;
use super::options::{Options, recreated};
use super::{check, examine};

fn operation(
    process: u32,
    (function, completion): (Function, Completion),
    at_ns: u64,
    action: MicroOperation,
) -> OperationRecord {
    OperationRecord {
        process,
        invoked_ns: at_ns,
        completed_ns: at_ns + 1,
        completion,
        function,
        actions: vec![action],
    }
}

fn sends(value: u64, partition: u32, completion: Completion, at_ns: u64) -> OperationRecord {
    let offset = if completion == Completion::Ok { 0 } else { NO_OFFSET };
    let send = SendRecord { value, offset, partition, key: NO_KEY };
    operation(1, (Function::Send, completion), at_ns, MicroOperation::Send(send))
}

fn reads(value: u64, partition: u32, at_ns: u64) -> OperationRecord {
    let records = vec![ReadRecord { value, offset: 0, partition }];
    operation(2, (Function::Poll, Completion::Ok), at_ns, MicroOperation::Poll { records })
}

/// The first topic of the name has partition 0, another topic partition 1, the second of the name partition 2.
fn judged(operations: &[OperationRecord]) -> (History, Options) {
    let names = ["orders-0", "payments-0", "orders@2-0"].map(str::to_owned).to_vec();
    let recreated = recreated(&names);
    let history = History::of(names, true, operations);
    (history, Options { recreated, ..Options::default() })
}

#[test]
fn topics_that_were_created_again_are_known_by_their_names() {
    let names = [("orders-0", "orders-0"), ("orders@2-0", "orders-0"), ("a@3", "a")];
    for (name, asked) in names {
        assert_eq!(asked_name(name), asked);
    }
    assert_eq!([1, 2].map(|nth| incarnation_name("orders", nth)), ["orders", "orders@2"]);
    let (_, options) = judged(&[]);
    assert_eq!(options.recreated, [(0, 0), (2, 0)].into());
}

#[test]
fn a_send_that_was_tried_again_may_stand_in_both_topics() {
    use Completion::{Fail, Info, Ok};
    let table = [
        ("acknowledged by the second, read of the first", (2, Ok), 0, false),
        ("acknowledged by the first, read of the second", (0, Ok), 2, true),
        ("acknowledged by another topic", (1, Ok), 2, true),
        ("of unknown outcome, read of both", (NO_PARTITION, Info), 2, false),
        ("given up, read of both", (NO_PARTITION, Fail), 2, false),
    ];
    for (name, (partition, completion), read, garbage) in table {
        let mut operations = vec![sends(7, partition, completion, 1), reads(7, read, 3)];
        if partition == NO_PARTITION {
            operations.push(reads(7, 0, 5));
        }
        let (history, options) = judged(&operations);
        let found = check(&history, &options);
        let is_garbage = |it: &super::Occurrence| it.anomaly == Anomaly::GarbageRead;
        assert_eq!(found.iter().any(is_garbage), garbage, "{name}: {found:?}");
        assert!(!found.iter().any(|it| it.anomaly == Anomaly::Duplicate), "{name}: {found:?}");
    }
}

#[test]
fn what_was_acknowledged_goes_with_its_topic() {
    let (history, mut options) = judged(&[sends(7, 0, Completion::Ok, 1)]);
    let unseen = |options: &Options| {
        let found = check(&history, options);
        found.iter().filter(|it| it.anomaly == Anomaly::Unseen).count()
    };
    assert_eq!(unseen(&options), 1);
    options.delete(&history, &["orders-0".to_owned()]);
    assert_eq!(unseen(&options), 0);
    let removed = examine(&history, &options).removed;
    assert_eq!(removed, [((0, super::Removal::Deletion), 1)].into());
}
