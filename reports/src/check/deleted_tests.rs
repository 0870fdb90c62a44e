//! Consumers that go back while records are deleted: where a log began, and nowhere else.

use harrow_sim::history::{
    Completion, Function, History, MicroOperation, OperationRecord, ReadRecord,
};

use super::anomaly::Anomaly;
use super::check;
use super::occurrence::OccurrenceContext;
use super::options::Options;

fn polls(offsets: std::ops::Range<i64>, at_ns: u64) -> OperationRecord {
    let read = |offset| ReadRecord { value: offset as u64, offset, partition: 0 };
    OperationRecord {
        process: 1,
        invoked_ns: at_ns,
        completed_ns: at_ns + 1,
        completion: Completion::Ok,
        function: Function::Poll,
        actions: vec![MicroOperation::Poll { records: offsets.map(read).collect() }],
    }
}

/// A consumer has read up to 11; a log began at 8 from 100 on, and one at 20 from 200 on.
#[test]
fn who_is_out_of_range_goes_back_to_where_a_log_began() {
    use OccurrenceContext::{OutOfRange, Plain};
    let table = [
        ("to a start", 8, 300, OutOfRange),
        ("behind a start", 9, 300, Plain),
        ("before a start", 6, 300, Plain),
        ("before its records were deleted", 8, 150, Plain),
    ];
    for (name, to, at_ns, wanted) in table {
        let operations = [polls(5..12, 10), polls(to..to + 1, at_ns)];
        let history = History::of(vec!["orders-0".to_owned()], false, &operations);
        let log_starts = [(0, vec![(100, 8), (200, 20)])].into();
        let found = check(&history, &Options { log_starts, ..Options::default() });
        let back = found.iter().find(|found| found.anomaly == Anomaly::NonmonotonicPoll);
        assert_eq!(back.map(|back| back.context), Some(wanted), "{name}");
    }
}
