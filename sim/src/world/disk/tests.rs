//! Tests of the page cache over durable storage.

use super::*;
use harrow_broker_model::log::checkpoint::encode_offsets;
use harrow_broker_model::record::RecordBatchBuilder;
use harrow_broker_model::types::{
    LeaderEpoch, Offset, ProducerEpoch, ProducerId, Sequence, TopicId, WallTime,
};

const LOG: FileId = FileId::Segment {
    partition: TopicPartition { topic: TopicId(1), partition: 0 },
    base_offset: Offset(0),
};
const SMALL: FileId = FileId::QuorumState;

fn lose(disk: &mut Disk, at_ns: u64, seed: u64) {
    disk.lose_power(at_ns, 1_000, Draws::new(seed), (1, 1));
}

fn read(disk: &Disk, file: FileId) -> Option<Bytes> {
    disk.image().files.get(&file).cloned()
}

fn sync(disk: &mut Disk, file: FileId) {
    let mark = disk.begin_sync(file);
    disk.end_sync(mark);
}

#[test]
fn a_crash_keeps_the_cache() {
    let mut disk = Disk::default();
    disk.append(1, LOG, Bytes::from_static(b"abc"));
    disk.append(2, LOG, Bytes::from_static(b"defg"));
    disk.truncate(3, LOG, 5);
    disk.write(4, SMALL, Bytes::from_static(b"old"));
    disk.write(5, SMALL, Bytes::from_static(b"newer"));
    assert_eq!(read(&disk, LOG).as_deref(), Some(&b"abcde"[..]), "appended and cut");
    assert_eq!(read(&disk, SMALL).as_deref(), Some(&b"newer"[..]), "replaced");
    assert_eq!(disk.used_bytes(), 10, "five and five");
    disk.delete(6, LOG);
    assert_eq!((read(&disk, LOG), disk.used_bytes()), (None, 5), "deleted");
}

#[test]
fn power_loss_keeps_what_was_synced_and_a_prefix_of_the_rest() {
    let whole: Vec<u8> = (0..=255).collect();
    let mut lengths = Vec::new();
    for seed in 0..200 {
        let mut disk = Disk::default();
        disk.append(1, LOG, Bytes::copy_from_slice(&whole[..64]));
        sync(&mut disk, LOG);
        disk.append(2, LOG, Bytes::copy_from_slice(&whole[64..128]));
        disk.append(3, LOG, Bytes::copy_from_slice(&whole[128..]));
        lose(&mut disk, 4, seed);
        let left = read(&disk, LOG).expect("a synced file does not vanish");
        assert!(
            left.len() >= 64 && left[..64] == whole[..64],
            "synced bytes are lost, seed {seed}"
        );
        lengths.push(left.len());
    }
    assert!(lengths.contains(&64), "somebody loses all that was not synced");
    assert!(lengths.iter().any(|length| (65..256).contains(length)), "somebody keeps a part");
}

#[test]
fn torn_tails_are_zeroes_or_garbage() {
    let bytes = Bytes::from(vec![7_u8; 2_000]);
    let (mut zeroed, mut garbage, mut prefix) = (0, 0, 0);
    for seed in 0..200 {
        let mut disk = Disk::default();
        disk.append(1, LOG, Bytes::from_static(b"x"));
        sync(&mut disk, LOG);
        disk.append(2, LOG, bytes.clone());
        lose(&mut disk, 3, seed);
        let left = read(&disk, LOG).expect("a synced file does not vanish");
        let tail = &left[1..];
        match tail.last() {
            Some(0) if tail.len() < 2_000 => zeroed += 1,
            Some(7) | None => prefix += 1,
            Some(_) => garbage += 1,
        }
    }
    assert!(
        zeroed > 0 && garbage > 0 && prefix > 0,
        "zeroed {zeroed}, garbage {garbage}, prefix {prefix}"
    );
}

#[test]
fn write_back_makes_old_writes_durable() {
    for seed in 0..50 {
        let mut disk = Disk::default();
        disk.append(1, LOG, Bytes::from_static(b"old"));
        lose(&mut disk, 2_000, seed);
        assert_eq!(
            read(&disk, LOG).as_deref(),
            Some(&b"old"[..]),
            "older than the write-back time"
        );
    }
}

#[test]
fn a_new_file_may_vanish_unless_synced() {
    let left = |synced: bool, seed: u64| {
        let mut disk = Disk::default();
        disk.write(1, SMALL, Bytes::from_static(b"vote"));
        if synced {
            sync(&mut disk, SMALL);
        }
        lose(&mut disk, 2, seed);
        read(&disk, SMALL)
    };
    assert!((0..50).all(|seed| left(true, seed).as_deref() == Some(&b"vote"[..])), "synced");
    let unsynced: Vec<_> = (0..50).map(|seed| left(false, seed)).collect();
    assert!(unsynced.contains(&None), "somebody loses the file");
    assert!(unsynced.contains(&Some(Bytes::from_static(b"vote"))), "somebody keeps it");
    assert!(unsynced.contains(&Some(Bytes::new())), "somebody finds it empty");
}

#[test]
fn a_replacement_is_old_or_new_and_the_later_one_counts() {
    for (synced, seed) in [(true, 1), (true, 2), (false, 3)] {
        let mut disk = Disk::default();
        let old = disk.begin_replace(SMALL, Bytes::from_static(b"old"));
        lose(&mut disk, 1, seed);
        assert_eq!(read(&disk, SMALL), None, "nothing is to be seen before it is done");
        disk.end_replace(2, old, synced);
        assert_eq!(read(&disk, SMALL).as_deref(), Some(&b"old"[..]));
        assert_eq!(disk.is_durable(SMALL), synced, "the sync lied");
        let new = disk.begin_replace(SMALL, Bytes::from_static(b"newer"));
        let newest = disk.begin_replace(SMALL, Bytes::from_static(b"newest"));
        assert_eq!(read(&disk, SMALL).as_deref(), Some(&b"old"[..]), "written aside");
        disk.end_replace(3, newest, true);
        disk.end_replace(4, new, true);
        lose(&mut disk, 5, seed);
        assert_eq!(read(&disk, SMALL).as_deref(), Some(&b"newest"[..]), "seed {seed}");
        assert_eq!(disk.used_bytes(), 6);
    }
}

#[test]
fn a_file_written_in_place_is_old_new_or_torn() {
    let mut seen = std::collections::BTreeSet::new();
    for seed in 0..200 {
        let mut disk = Disk::default();
        disk.write(1, SMALL, Bytes::from_static(b"old"));
        sync(&mut disk, SMALL);
        disk.write(2, SMALL, Bytes::from_static(b"new"));
        lose(&mut disk, 3, seed);
        seen.insert(read(&disk, SMALL).expect("the name is on the disk"));
    }
    for content in [&b"old"[..], b"new", b""] {
        assert!(seen.contains(content), "{content:?} is not among {seen:?}");
    }
}

#[test]
fn a_sync_covers_what_was_there_when_it_began() {
    for seed in 0..50 {
        let mut disk = Disk::default();
        disk.append(1, LOG, Bytes::from_static(b"before"));
        let mark = disk.begin_sync(LOG);
        disk.append(2, LOG, Bytes::from_static(b"after"));
        disk.end_sync(mark);
        lose(&mut disk, 3, seed);
        let left = read(&disk, LOG).expect("synced");
        assert!(left.starts_with(b"before"), "{left:?} does not start with what was synced");
    }
    let mut disk = Disk::default();
    disk.append(1, LOG, Bytes::from_static(b"x"));
    let mark = disk.begin_sync(LOG);
    let kept = (0..50).filter(|seed| {
        let mut other = Disk::default();
        other.append(1, LOG, Bytes::from_static(b"x"));
        let _unfinished = other.begin_sync(LOG);
        lose(&mut other, 2, *seed);
        read(&other, LOG).is_some()
    });
    assert!(kept.count() < 50, "an unfinished sync promises nothing");
    disk.end_sync(mark);
}

#[test]
fn flushed_is_what_no_power_loss_takes() {
    let batch = |offset: i64| {
        let mut builder =
            RecordBatchBuilder::new(ProducerId::NONE, ProducerEpoch::NONE, Sequence::NONE);
        builder.push(WallTime(0), None, None);
        builder.build().with_assignment(Offset(offset), LeaderEpoch(0)).bytes().clone()
    };
    let ends = |disk: &Disk| -> Vec<i64> {
        let logs = disk.flushed_logs();
        logs.values()
            .map(|log| log.batches.last().map_or(0, |last| last.last_offset.0 + 1))
            .collect()
    };
    let mut disk = Disk::default();
    disk.append(1, LOG, batch(0));
    disk.append(1, LOG, batch(1));
    assert_eq!((ends(&disk), disk.is_durable(LOG)), (vec![0], false), "in the cache");
    sync(&mut disk, LOG);
    assert_eq!((ends(&disk), disk.is_durable(LOG)), (vec![2], true), "synced");
    disk.append(2, LOG, batch(2));
    assert_eq!(ends(&disk), [2], "the third is not");
    disk.truncate(3, LOG, batch(0).len() as u64);
    assert_eq!(ends(&disk), [1], "the cut may survive");
    disk.write_back(3_000, 1_000);
    assert_eq!(ends(&disk), [1], "the cut is on the disk");
    let FileId::Segment { partition, .. } = LOG else { panic!("{LOG:?} is a segment") };
    let next = FileId::Segment { partition, base_offset: Offset(2) };
    disk.append(3_500, LOG, batch(1));
    disk.append(3_500, next, batch(2));
    sync(&mut disk, next);
    assert_eq!(ends(&disk), [1], "a later segment alone does not count");
    disk.truncate(3_600, LOG, batch(0).len() as u64);
    disk.append(3_700, FileId::Segment { partition, base_offset: Offset(1) }, batch(1));
    sync(&mut disk, FileId::Segment { partition, base_offset: Offset(1) });
    assert_eq!(ends(&disk), [1], "nor one after what may be torn");
    disk.delete(3_800, FileId::Segment { partition, base_offset: Offset(1) });
    disk.delete(4_000, next);
    disk.delete(4_000, LOG);
    assert_eq!(ends(&disk), [0], "the deletion may survive");
}

#[test]
fn a_recovery_point_counts_once_it_is_on_the_disk() {
    let FileId::Segment { partition, .. } = LOG else { panic!("{LOG:?} is a segment") };
    let claimed = |disk: &Disk| disk.flushed_logs()[&partition].recovery_point.0;
    let file = FileId::RecoveryPointCheckpoint;
    let says = |offset: i64| encode_offsets(&BTreeMap::from([(partition, Offset(offset))]));
    let mut disk = Disk::default();
    disk.append(1, LOG, Bytes::from_static(b"x"));
    disk.write(1, file, says(7));
    assert_eq!(claimed(&disk), 0, "in the cache");
    sync(&mut disk, file);
    assert_eq!(claimed(&disk), 7, "synced");
    disk.write(2, file, says(3));
    assert_eq!(claimed(&disk), 0, "either may survive");
}

#[test]
fn behind_a_cut_that_the_power_may_take_back_nothing_is_flushed() {
    let mut builder =
        RecordBatchBuilder::new(ProducerId::NONE, ProducerEpoch::NONE, Sequence::NONE);
    builder.push(WallTime(0), None, None);
    let built = builder.build();
    let batch = |offset: i64| built.with_assignment(Offset(offset), LeaderEpoch(0)).bytes().clone();
    let FileId::Segment { partition, .. } = LOG else { panic!("{LOG:?} is a segment") };
    let next = FileId::Segment { partition, base_offset: Offset(1) };
    let log = |disk: &Disk| disk.flushed_logs().remove(&partition).expect("there is one");
    let count = |disk: &Disk| log(disk).batches.len();
    let durable =
        |disk: &Disk| log(disk).durable.iter().map(|(from, to)| (from.0, to.0)).collect::<Vec<_>>();
    let mut disk = Disk::default();
    disk.append(1, LOG, batch(0));
    disk.append(1, LOG, batch(1));
    sync(&mut disk, LOG);
    disk.truncate(2, LOG, batch(0).len() as u64);
    disk.append(3, next, batch(1));
    sync(&mut disk, next);
    assert_eq!(count(&disk), 1, "recovery may find the second batch, and nothing behind it");
    assert_eq!(durable(&disk), [(0, 2), (1, 2)], "the next segment begins at the cut");
    disk.append(4, next, batch(2));
    assert_eq!(durable(&disk), [(0, 2), (1, 2)], "in the cache");
    sync(&mut disk, LOG);
    assert_eq!(count(&disk), 2, "the cut is on the disk");
}

#[test]
fn a_sound_log_ends_before_what_is_torn() {
    let mut builder =
        RecordBatchBuilder::new(ProducerId::NONE, ProducerEpoch::NONE, Sequence::NONE);
    builder.push(WallTime(0), None, None);
    let built = builder.build();
    let batch = |offset: i64| built.with_assignment(Offset(offset), LeaderEpoch(0)).bytes().clone();
    let FileId::Segment { partition, .. } = LOG else { panic!("{LOG:?} is a segment") };
    let found = |disk: &Disk| disk.sound_log(partition).map(|log| (log.end.0, log.whole));
    let mut disk = Disk::default();
    assert_eq!(found(&disk), None, "no file");
    disk.append(1, LOG, batch(0));
    assert_eq!((found(&disk), disk.are_logs_durable()), (Some((1, true)), false));
    sync(&mut disk, LOG);
    assert!(disk.are_logs_durable());
    disk.append(2, LOG, batch(1).slice(..20));
    assert_eq!(found(&disk), Some((1, false)), "the second is torn");
    disk.truncate(3, LOG, batch(0).len() as u64);
    let (sound, durable) = (found(&disk), disk.are_logs_durable());
    assert_eq!((sound, durable), (Some((1, true)), true), "a cut may be undone, nothing more");
    disk.append(4, LOG, batch(7));
    assert_eq!(found(&disk), Some((1, false)), "a gap");
}

#[test]
fn truncation_and_deletion_may_be_undone_but_not_in_part() {
    let mut seen = std::collections::BTreeSet::new();
    for seed in 0..100 {
        let mut disk = Disk::default();
        disk.append(1, LOG, Bytes::from_static(b"abcdef"));
        sync(&mut disk, LOG);
        disk.truncate(2, LOG, 2);
        disk.append(3, LOG, Bytes::from_static(b"X"));
        disk.delete(4, LOG);
        lose(&mut disk, 5, seed);
        seen.insert(read(&disk, LOG));
    }
    let whole = Some(Bytes::from_static(b"abcdef"));
    assert!(seen.contains(&whole) && seen.contains(&None), "undone and done: {seen:?}");
    let mixed = |left: &Option<Bytes>| {
        left.as_ref().is_some_and(|left| left.len() > 3 && Some(left) != whole.as_ref())
    };
    assert!(!seen.iter().any(mixed), "an append survives a truncation that does not: {seen:?}");
}

#[test]
fn rot_flips_one_bit_of_a_segment() {
    let mut disk = Disk::default();
    assert_eq!(disk.rot(Draws::new(1), 1), None, "nothing to rot");
    disk.append(1, LOG, Bytes::from_static(&[0; 40]));
    sync(&mut disk, LOG);
    disk.append(2, LOG, Bytes::from_static(&[0; 40]));
    assert_eq!(disk.rot(Draws::new(1), 1), Some(LOG), "the only segment");
    let ones: u32 = read(&disk, LOG).expect("there").iter().map(|byte| byte.count_ones()).sum();
    assert_eq!(ones, 1, "one bit");
}

#[test]
fn rot_of_the_newest_segment_is_found_by_who_checks_it() {
    let mut builder =
        RecordBatchBuilder::new(ProducerId::NONE, ProducerEpoch::NONE, Sequence::NONE);
    builder.push(WallTime(0), None, None);
    let built = builder.build();
    let batch = |offset: i64| built.with_assignment(Offset(offset), LeaderEpoch(0)).bytes().clone();
    let FileId::Segment { partition, .. } = LOG else { panic!("{LOG:?} is a segment") };
    let newest = FileId::Segment { partition, base_offset: Offset(1) };
    for seed in 0..200 {
        let mut disk = Disk::default();
        assert_eq!(disk.rot_newest(Draws::new(seed), 1), None, "nothing to rot");
        disk.append(1, LOG, batch(0));
        disk.append(2, newest, batch(1));
        assert_eq!(disk.rot_newest(Draws::new(seed), 1), Some(newest), "seed {seed}");
        let found = disk.sound_log(partition).expect("there are files");
        assert_eq!((found.end, found.whole), (Offset(1), false), "seed {seed}");
    }
}
