//! A minimum that the controller goes by and the leader has not heard of.

use super::*;

/// Of two in sync one is to go; the controller's answer, by a minimum of its own.
fn shrunk(defects: &[Defect], min_insync_replicas: u32) -> Bench {
    let mut bench = Bench { min_insync_replicas: 1, ..Bench::new(defects) };
    bench.register(&registration(1, 1, 1, &[1, 2]));
    bench.produce(&batch(-1, 0));
    bench.now.time = Time(300 * SECOND);
    bench.check_lag();
    assert_eq!(bench.proposed(), Some(vec![1]));
    let answer = IsrRegistration { min_insync_replicas, ..Bench::committed(1, 2, &[1]) };
    bench.answer(&Ok(answer));
    bench
}

#[test]
fn a_leader_waits_for_a_minimum_that_it_has_not_heard_of() {
    let defect = ReplicationDefect::MinimumNotTold.into();
    let table = [(&[][..], 1, 1), (&[], 2, 0), (&[defect], 2, 1)];
    for (defects, minimum, high_watermark) in table {
        let bench = shrunk(defects, minimum);
        let told = format!("{minimum} with {defects:?}");
        assert_eq!(bench.high_watermark(), high_watermark, "{told}");
        assert_eq!(bench.partition.proposes(), high_watermark == 0, "{told}");
    }
    let mut bench = shrunk(&[], 2);
    bench.min_insync_replicas = 2;
    bench.register(&registration(1, 1, 2, &[1]));
    assert!(!bench.partition.proposes(), "it is as the metadata has it");
    assert_eq!(bench.high_watermark(), 0, "one is less than two");
}
