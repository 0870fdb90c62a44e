//! Histories without any sense: the checks have something to say or not, and never fail.

use std::collections::{BTreeMap, BTreeSet};

use harrow_reports::check::{Anomaly, LogFacts, Occurrence, Options, Rules, check};
use harrow_sim::history::{
    Completion, Function, History, MicroOperation, NEVER, NO_KEY, NO_OFFSET, NO_PARTITION,
    OperationRecord, ReadRecord, SendRecord, What,
};
use proptest::prelude::*;

const PARTITIONS: u32 = 3;
const GROUPS: u32 = 2;

fn partition() -> impl Strategy<Value = u32> {
    0..PARTITIONS
}

/// Small ones, which meet each other, and the ends of what there is.
fn offset() -> impl Strategy<Value = i64> {
    let odd = [i64::MIN, i64::MIN + 1, -2, NO_OFFSET, i64::MAX - 1, i64::MAX];
    prop_oneof![4 => 0..6_i64, 1 => prop::sample::select(odd.to_vec())]
}

fn value() -> impl Strategy<Value = u64> {
    let odd = vec![ReadRecord::GARBAGE, u64::MAX - 1, 1 << 32, 1 << 63];
    prop_oneof![6 => 0..12_u64, 1 => prop::sample::select(odd)]
}

fn time() -> impl Strategy<Value = u64> {
    prop_oneof![8 => 0..40_u64, 1 => Just(NEVER), 1 => Just(NEVER - 1)]
}

fn send() -> impl Strategy<Value = MicroOperation> {
    let to = prop_oneof![4 => partition(), 1 => Just(NO_PARTITION)];
    let key = prop_oneof![0..3_u32, Just(NO_KEY)];
    (value(), offset(), to, key).prop_map(|(value, offset, partition, key)| {
        MicroOperation::Send(SendRecord { value, offset, partition, key })
    })
}

fn poll() -> impl Strategy<Value = MicroOperation> {
    let read = (value(), offset(), partition());
    let read = read.prop_map(|(value, offset, partition)| ReadRecord { value, offset, partition });
    prop::collection::vec(read, 0..5).prop_map(|records| MicroOperation::Poll { records })
}

fn detail() -> impl Strategy<Value = MicroOperation> {
    let what = prop_oneof![
        partition().prop_map(|partition| What::Assigned { partition }),
        (partition(), prop::option::of(offset()))
            .prop_map(|(partition, offset)| What::EndOffset { partition, offset }),
        (partition(), prop::option::of(offset()))
            .prop_map(|(partition, offset)| What::Fetched { partition, offset }),
        (partition(), offset())
            .prop_map(|(partition, offset)| What::Committed { partition, offset }),
        (partition(), any::<bool>())
            .prop_map(|(partition, lost)| What::Rebalanced { partition, lost }),
        partition().prop_map(|partition| What::Seek { partition, offset: Some(3) }),
        (partition(), offset(), offset()).prop_map(|(partition, first, last)| What::Consumed {
            partition,
            first,
            last
        }),
        (0..GROUPS, offset()).prop_map(|(group, generation)| What::Member { group, generation }),
    ];
    what.prop_map(MicroOperation::Detail)
}

fn function() -> impl Strategy<Value = Function> {
    prop::sample::select(vec![
        Function::Send,
        Function::Poll,
        Function::Txn,
        Function::Txn,
        Function::Assign { from_start: true },
        Function::Assign { from_start: false },
        Function::Subscribe,
        Function::Join,
        Function::Commit,
        Function::List,
        Function::Crash,
    ])
}

fn operation() -> impl Strategy<Value = OperationRecord> {
    let completion = prop::sample::select(vec![
        Completion::Ok,
        Completion::Ok,
        Completion::Fail,
        Completion::Info,
    ]);
    let actions = prop::collection::vec(prop_oneof![send(), poll(), detail()], 0..6);
    let process = prop_oneof![5 => 0..4_u32, 1 => Just(u32::MAX)];
    let parts = (process, time(), time(), completion, function(), actions);
    parts.prop_map(|(process, invoked_ns, completed_ns, completion, function, actions)| {
        OperationRecord { process, invoked_ns, completed_ns, completion, function, actions }
    })
}

/// A history without sense.
fn history() -> impl Strategy<Value = History> {
    let operations = prop::collection::vec(operation(), 0..30);
    (operations, any::<bool>()).prop_map(|(operations, final_reads)| {
        let names = (0..PARTITIONS).map(|index| format!("orders-{index}"));
        let mut history = History::of(names.collect(), final_reads, &operations);
        history.groups = (0..GROUPS).map(|index| format!("group-{index}")).collect();
        history
    })
}

fn options() -> impl Strategy<Value = Options> {
    let facts = (offset(), any::<bool>())
        .prop_map(|(log_start_offset, compacted)| LogFacts { log_start_offset, compacted });
    let logs = prop::collection::btree_map(partition(), facts, 0..3);
    let steps = prop::sample::select(vec![0, 1, 7, 1_000_000]);
    let flags = (any::<bool>(), any::<bool>());
    (logs, flags, steps).prop_map(|(logs, flags, cycle_steps_max)| Options {
        log_starts: BTreeMap::new(),
        assign_keeps_position: true,
        rules: Rules::ALL,
        logs,
        deleted: BTreeSet::new(),
        recreated: BTreeMap::new(),
        member_epochs: flags.0,
        classic_groups: BTreeSet::new(),
        processed_within_ns: [("group-0".to_owned(), 5)].into(),
        processing_over: flags.1,
        cycle_steps_max,
    })
}

proptest! {
    #![proptest_config(crate::properties::cases(4_000))]

    #[test]
    fn nonsense_is_judged_and_told(history in history(), options in options()) {
        for occurrence in check(&history, &options) {
            prop_assert_ne!(occurrence.summary(&history), "");
            prop_assert!(!occurrence.evidence(&history).is_empty());
            prop_assert!(crate::properties::is_decided(&occurrence, &history));
        }
    }
}

proptest! {
    #![proptest_config(crate::properties::cases(300))]

    #[test]
    fn a_rule_that_is_off_tells_nothing(history in history(), options in options()) {
        let all = check(&history, &options);
        for anomaly in Anomaly::ALL {
            let rules = Rules::ALL.without(anomaly);
            let rest = check(&history, &Options { rules, ..options.clone() });
            prop_assert!(rest.iter().all(|occurrence| occurrence.anomaly != anomaly));
            // A circle that is not told may become part of a larger one.
            let alone = |of: &[Occurrence]| -> Vec<Occurrence> {
                let kept = of.iter().filter(|o| o.anomaly != anomaly && o.cycle.is_empty());
                kept.cloned().collect()
            };
            prop_assert_eq!(alone(&rest), alone(&all), "without {}, other rules change", anomaly);
        }
    }
}
