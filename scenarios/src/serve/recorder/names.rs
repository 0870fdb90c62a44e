//! What the recorder tells apart: partitions, processes, and records by what their bytes say.

use std::collections::BTreeMap;

use harrow_broker_model::record::RecordBatch;

/// A partition as a history names it: an index into the names.
pub(super) type PartitionIndex = usize;

/// The partitions of a history, in the order in which they were seen.
#[derive(Debug, Default)]
pub(super) struct Partitions {
    names: Vec<String>,
    index: BTreeMap<(String, i32), PartitionIndex>,
}

impl Partitions {
    /// The index of a partition; nothing for topics that coordinators keep for themselves.
    pub(super) fn index(&mut self, topic: &str, partition: i32) -> Option<PartitionIndex> {
        if topic.starts_with("__") {
            return None;
        }
        if let Some(index) = self.index.get(&(topic.to_owned(), partition)) {
            return Some(*index);
        }
        let index = self.names.len();
        self.names.push(format!("{topic}-{partition}"));
        self.index.insert((topic.to_owned(), partition), index);
        Some(index)
    }

    /// The name of one.
    pub(super) fn name(&self, index: PartitionIndex) -> &str {
        &self.names[index]
    }

    /// Topic and partition of each, in order of their names.
    pub(super) fn all(&self) -> impl Iterator<Item = (&str, i32)> {
        self.index.keys().map(|(topic, partition)| (topic.as_str(), *partition))
    }
}

/// Who does something: one client, as far as requests tell.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum ProcessKey {
    /// A producer with an id, in an epoch: its requests may come on several connections.
    Producer(i64, i16),
    /// Whoever speaks on a connection.
    Connection(u64),
    /// A member of a group, by its id or that of its instance: it reads on other connections.
    Member(String, String),
    /// Whoever asks for a group on a connection without being a member.
    Outside(u64),
}

/// The records of one batch: numbered one after another, from this number on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Numbered {
    /// Number of the first.
    pub(super) first: u64,
    /// How many.
    pub(super) count: u32,
    /// The operation that sends them.
    pub(super) operation: usize,
}

/// The batches of a partition that clients have sent.
#[derive(Debug, Default)]
pub(super) struct Sent {
    /// By sequence, each with its checksum: a producer that has aborted numbers other records the same.
    sequences: BTreeMap<(i64, i16, i32), Vec<(u32, Numbered)>>,
    checksums: BTreeMap<u32, Vec<Numbered>>,
    offsets: BTreeMap<i64, Numbered>,
}

impl Sent {
    /// The batch, if it was sent before by the same producer with the same sequence: then it is a retry.
    pub(super) fn earlier(&self, batch: &RecordBatch) -> Option<Numbered> {
        let numbered_so = self.sequences.get(&sequence_of(batch)?)?;
        let checksum = batch.header().checksum;
        numbered_so.iter().find(|(known, _)| *known == checksum).map(|(_, numbered)| *numbered)
    }

    /// A batch is sent for the first time.
    pub(super) fn add(&mut self, batch: &RecordBatch, numbered: Numbered) {
        match sequence_of(batch) {
            Some(sequence) => {
                let known = self.sequences.entry(sequence).or_default();
                known.push((batch.header().checksum, numbered));
            }
            None => self.checksums.entry(batch.header().checksum).or_default().push(numbered),
        }
    }

    /// A batch was acknowledged at an offset.
    pub(super) fn placed(&mut self, base_offset: i64, numbered: Numbered) {
        self.offsets.insert(base_offset, numbered);
    }

    /// Whether a batch lies before all those that were acknowledged.
    pub(super) fn is_before(&self, batch: &RecordBatch) -> bool {
        let first = self.offsets.keys().next();
        first.is_none_or(|first| batch.base_offset().0 < *first)
    }

    /// Which batch was read: one of several that look the same is the one that was told this offset, else one that was
    /// told none.
    pub(super) fn read(&mut self, batch: &RecordBatch) -> Option<Numbered> {
        if let Some(sequence) = sequence_of(batch) {
            // Where the broker sets the time, the checksum is another one.
            let last = self.sequences.get(&sequence).and_then(|known| known.last());
            return self.earlier(batch).or(last.map(|(_, numbered)| *numbered));
        }
        let alike = self.checksums.get(&batch.header().checksum)?;
        let base_offset = batch.base_offset().0;
        let told = self.offsets.get(&base_offset).filter(|told| alike.contains(told));
        if let Some(told) = told {
            return Some(*told);
        }
        let is_placed = |one: &&Numbered| self.offsets.values().any(|placed| placed == *one);
        let found = match alike.as_slice() {
            [only] => *only,
            several => *several.iter().find(|one| !is_placed(one)).or_else(|| several.first())?,
        };
        self.offsets.entry(base_offset).or_insert(found);
        Some(found)
    }
}

/// What tells an idempotent producer's batches apart.
fn sequence_of(batch: &RecordBatch) -> Option<(i64, i16, i32)> {
    let header = batch.header();
    let numbered = header.has_producer() && header.base_sequence.0 >= 0;
    numbered.then_some((header.producer_id.0, header.producer_epoch.0, header.base_sequence.0))
}
