//! What had been told by when: the highest offset or end, as it rose over time.

use std::collections::{BTreeMap, VecDeque};

use crate::check::occurrence::Observation;

/// Highest values by the time from which they were known, both ascending; the value is the observation's offset.
#[derive(Debug, Default)]
struct Floor {
    rises: VecDeque<(u64, Observation)>,
}

/// All floors.
#[derive(Debug, Default)]
pub(super) struct Floors {
    records: BTreeMap<u32, Floor>,
    covered: BTreeMap<u32, Floor>,
    ends: BTreeMap<u32, Floor>,
}

impl Floors {
    /// The highest record of a partition that was known before this time.
    pub(super) fn record(&self, partition: u32, before_ns: u64) -> Option<Observation> {
        self.records.get(&partition)?.before(before_ns)
    }

    pub(super) fn raise_record(&mut self, partition: u32, at_ns: u64, returned: Observation) {
        self.records.entry(partition).or_default().raise(at_ns, returned);
    }

    /// The highest record of a partition that was known before this time to lie below its end.
    pub(super) fn covered(&self, partition: u32, before_ns: u64) -> Option<Observation> {
        self.covered.get(&partition)?.before(before_ns)
    }

    pub(super) fn raise_covered(&mut self, partition: u32, at_ns: u64, returned: Observation) {
        self.covered.entry(partition).or_default().raise(at_ns, returned);
    }

    /// The highest end of a partition that was told before this time.
    pub(super) fn end(&self, partition: u32, before_ns: u64) -> Option<Observation> {
        self.ends.get(&partition)?.before(before_ns)
    }

    pub(super) fn raise_end(&mut self, partition: u32, at_ns: u64, returned: Observation) {
        self.ends.entry(partition).or_default().raise(at_ns, returned);
    }

    /// Nobody will ask for a time before this one any more.
    pub(super) fn forget_before(&mut self, at_ns: u64) {
        let floors = [&mut self.records, &mut self.covered, &mut self.ends];
        for floor in floors.into_iter().flat_map(BTreeMap::values_mut) {
            while floor.rises.get(1).is_some_and(|(rose_ns, _)| *rose_ns < at_ns) {
                floor.rises.pop_front();
            }
        }
    }
}

impl Floor {
    fn before(&self, at_ns: u64) -> Option<Observation> {
        let known = self.rises.partition_point(|(rose_ns, _)| *rose_ns < at_ns);
        Some(self.rises.get(known.checked_sub(1)?)?.1)
    }

    fn raise(&mut self, at_ns: u64, returned: Observation) {
        if self.rises.back().is_none_or(|(_, highest)| highest.offset < returned.offset) {
            self.rises.push_back((at_ns, returned));
        }
    }
}
