//! What all checks look up: who wrote a value, where it was seen, what a partition's log must have held.
//!
//! Everything is a sorted vector of fixed-size entries; nothing is indexed by offset, so an offset near 2^63 costs
//! what offset 0 costs.

use harrow_sim::history::{Completion, Function, History, MicroOperation, NEVER, OperationRecord};

/// Stands for "no partition chosen" and "no writer".
pub(crate) const NONE: u32 = u32::MAX;

/// Where searches begin, by the upper half of the value, in which the simulated clients put their own number.
const HINTS: usize = 64;

/// One send of one operation.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Write {
    pub(crate) value: u64,
    /// As told; `None` if not told, or not to be known (acks=0).
    pub(crate) offset: Option<i64>,
    pub(crate) partition: u32,
    pub(crate) operation: u32,
    /// Position among the operation's actions.
    pub(crate) ordinal: u32,
    pub(crate) completion: Completion,
    /// Lowest and highest place where the value was acknowledged or read.
    pub(crate) places: Option<(i64, i64)>,
    /// An `ok` poll returned it.
    pub(crate) read_ok: bool,
    /// Any poll returned it.
    pub(crate) read: bool,
}

/// One record that a poll returned.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Read {
    pub(crate) value: u64,
    pub(crate) offset: i64,
    pub(crate) partition: u32,
    pub(crate) operation: u32,
    /// Position in [`Index::writes`], or [`NONE`].
    pub(crate) writer: u32,
}

/// One value at one offset of a partition's log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Placement {
    pub(crate) partition: u32,
    pub(crate) offset: i64,
    pub(crate) value: u64,
    /// The operation that says so.
    pub(crate) operation: u32,
    /// Position in [`Index::writes`], or [`NONE`].
    pub(crate) writer: u32,
}

/// The looked-up facts of one history.
#[derive(Debug)]
pub(crate) struct Index<'a> {
    pub(crate) history: &'a History,
    /// By value, then partition.
    pub(crate) writes: Vec<Write>,
    /// By operation, then order of delivery.
    pub(crate) reads: Vec<Read>,
    /// The reads of operation `n` are `reads[read_starts[n]..read_starts[n + 1]]`.
    read_starts: Vec<u32>,
    /// By partition, then offset, then value.
    pub(crate) placements: Vec<Placement>,
    /// Per partition: the last read of the highest offset that an `ok` poll returned.
    pub(crate) highest_reads: Vec<Option<Read>>,
    /// Per partition: where the log may legally start.
    pub(crate) log_start_offsets: Vec<i64>,
    ended_ns: u64,
}

impl<'a> Index<'a> {
    /// Reads the history once. Log starts not named are 0.
    pub(crate) fn new(history: &'a History, log_starts: &[(u32, i64)]) -> Self {
        let operations = history.operations.len();
        assert!(operations < NONE as usize, "{operations} operations do not fit an index");
        let mut log_start_offsets = vec![0; history.partitions.len()];
        for (partition, offset) in log_starts {
            log_start_offsets[*partition as usize] = *offset;
        }
        let mut index = Self {
            history,
            writes: collect_writes(history),
            reads: Vec::new(),
            read_starts: Vec::with_capacity(operations + 1),
            placements: Vec::new(),
            highest_reads: vec![None; history.partitions.len()],
            log_start_offsets,
            ended_ns: ended_ns(history),
        };
        index.collect_reads();
        index.place_writes();
        index.place_reads();
        index.placements.sort();
        index.placements.dedup_by_key(|place| (place.partition, place.offset, place.value));
        index
    }

    /// When the last answer came.
    pub(crate) fn ended_ns(&self) -> u64 {
        self.ended_ns
    }

    pub(crate) fn operation(&self, operation: u32) -> &'a OperationRecord {
        &self.history.operations[operation as usize]
    }

    /// The records that an operation's polls returned, in the order of delivery.
    pub(crate) fn reads_of(&self, operation: u32) -> &[Read] {
        let first = self.read_starts[operation as usize] as usize;
        let last = self.read_starts[operation as usize + 1] as usize;
        &self.reads[first..last]
    }

    /// The write that a read or placement names.
    pub(crate) fn writer(&self, writer: u32) -> Option<&Write> {
        (writer != NONE).then(|| &self.writes[writer as usize])
    }

    /// Where a read's value stands in the log: its lowest place, so that a second copy counts as the same record.
    pub(crate) fn place_of(&self, read: &Read) -> i64 {
        let places = self.writer(read.writer).and_then(|write| write.places);
        places.map_or(read.offset, |(lowest, _)| lowest)
    }

    /// A record that must exist strictly between two reads of one partition, if there is one. Records of failed sends
    /// do not count, nor do those below the log start, nor other copies of the two reads' own values.
    pub(crate) fn passed_over(&self, from: &Read, to: &Read) -> Option<Placement> {
        let start = self.log_start_offsets[from.partition as usize];
        let first = from.offset.saturating_add(1).max(start);
        if first >= to.offset {
            return None;
        }
        let begin =
            self.placements.partition_point(|p| (p.partition, p.offset) < (from.partition, first));
        self.placements[begin..]
            .iter()
            .take_while(|place| place.partition == from.partition && place.offset < to.offset)
            .find(|place| {
                place.value != from.value
                    && place.value != to.value
                    && self.writer(place.writer).is_some_and(|w| w.completion != Completion::Fail)
            })
            .copied()
    }

    fn collect_reads(&mut self) {
        let history = self.history;
        let mut hints = [0; HINTS];
        for (operation, record) in (0_u32..).zip(&history.operations) {
            self.read_starts.push(self.reads.len() as u32);
            for action in &record.actions {
                let MicroOperation::Poll { records } = action else {
                    continue;
                };
                for read in records {
                    let writer = find_writer(&self.writes, &mut hints, read.value, read.partition);
                    let read = Read {
                        value: read.value,
                        offset: read.offset,
                        partition: read.partition,
                        operation,
                        writer,
                    };
                    self.note_read(read, record.completion == Completion::Ok);
                }
            }
        }
        assert!(self.reads.len() < NONE as usize, "{} reads do not fit an index", self.reads.len());
        self.read_starts.push(self.reads.len() as u32);
    }

    fn note_read(&mut self, read: Read, ok: bool) {
        self.reads.push(read);
        if read.writer != NONE {
            let write = &mut self.writes[read.writer as usize];
            write.read = true;
            if write.partition == NONE {
                // The producer never learned the partition; this read tells it.
                write.partition = read.partition;
            }
            write.read_ok |= ok;
        }
        let highest = &mut self.highest_reads[read.partition as usize];
        if ok && highest.is_none_or(|highest| read.offset >= highest.offset) {
            *highest = Some(read);
        }
    }

    /// Places what was acknowledged, and what an unknown outcome must have done because a read proves it.
    fn place_writes(&mut self) {
        let proved = self.proved_operations();
        for (position, write) in (0_u32..).zip(&mut self.writes) {
            let Some(offset) = write.offset else { continue };
            let happened = match write.completion {
                Completion::Ok => true,
                Completion::Fail => false,
                Completion::Info => write.read_ok || proved.binary_search(&write.operation).is_ok(),
            };
            if happened && write.partition != NONE {
                write.places = Some((offset, offset));
                let Write { partition, value, operation, .. } = *write;
                self.placements.push(Placement {
                    partition,
                    offset,
                    value,
                    operation,
                    writer: position,
                });
            }
        }
    }

    /// Transactions of unknown outcome that committed, because a read returned one of their values.
    pub(crate) fn proved_operations(&self) -> Vec<u32> {
        let proof = |write: &&Write| {
            let in_transaction = self.operation(write.operation).function == Function::Txn;
            write.completion == Completion::Info && write.read_ok && in_transaction
        };
        let mut proved: Vec<u32> = self.writes.iter().filter(proof).map(|w| w.operation).collect();
        proved.sort_unstable();
        proved.dedup();
        proved
    }

    fn place_reads(&mut self) {
        for read in &self.reads {
            let Read { value, offset, partition, operation, writer } = *read;
            if writer != NONE {
                let places = &mut self.writes[writer as usize].places;
                match places {
                    Some((lowest, highest)) if offset == *lowest || offset == *highest => continue,
                    Some((lowest, highest)) => {
                        *places = Some((offset.min(*lowest), offset.max(*highest)));
                    }
                    None => *places = Some((offset, offset)),
                }
            }
            self.placements.push(Placement { partition, offset, value, operation, writer });
        }
    }
}

fn ended_ns(history: &History) -> u64 {
    let answered = history.operations.iter().map(|o| o.completed_ns).filter(|at| *at != NEVER);
    answered.max().unwrap_or(0)
}

fn collect_writes(history: &History) -> Vec<Write> {
    let mut writes = Vec::new();
    for (operation, record) in (0_u32..).zip(&history.operations) {
        for (ordinal, action) in (0_u32..).zip(&record.actions) {
            let MicroOperation::Send { partition, value, offset } = action else {
                continue;
            };
            writes.push(Write {
                value: *value,
                offset: offset.filter(|offset| *offset >= 0),
                partition: partition.unwrap_or(NONE),
                operation,
                ordinal,
                completion: record.completion,
                places: None,
                read_ok: false,
                read: false,
            });
        }
    }
    writes.sort_by_key(|write| (write.value, write.partition));
    writes
}

/// Finds the write of a value to a partition, beginning at the last hit: neighbours in a log were sent at about the
/// same time, so their writes are close together.
fn find_writer(writes: &[Write], hints: &mut [usize; HINTS], value: u64, partition: u32) -> u32 {
    let hint = &mut hints[(value >> 32) as usize % HINTS];
    let first = gallop(writes, *hint, value);
    *hint = first;
    let group = writes[first..].iter().take_while(|write| write.value == value);
    let fits = |write: &Write| write.partition == partition || write.partition == NONE;
    group.zip(first as u32..).find(|(write, _)| fits(write)).map_or(NONE, |(_, position)| position)
}

/// The first position whose value is not below `value`, searched outwards from `hint` in growing strides.
fn gallop(writes: &[Write], hint: usize, value: u64) -> usize {
    let below = |position: usize| writes[position].value < value;
    let (mut low, mut high) = (0, writes.len());
    let mut stride = 1;
    if hint < writes.len() && below(hint) {
        low = hint + 1;
        while hint + stride < high {
            if !below(hint + stride) {
                high = hint + stride;
                break;
            }
            low = hint + stride + 1;
            stride *= 2;
        }
    } else {
        high = hint.min(writes.len());
        while stride <= high {
            let probe = hint.min(writes.len()).saturating_sub(stride);
            if below(probe) {
                low = probe + 1;
                break;
            }
            high = probe;
            stride *= 2;
        }
    }
    low + writes[low..high].partition_point(|write| write.value < value)
}
