//! A group of consumers: generations, partitions handed around, commits, crashes, and members that were left behind.

use std::collections::BTreeMap;

use harrow_sim::history::{Completion, Function, MicroOperation, What};

use super::choice::Choice;
use super::details::{assigned, member};
use super::state::{COMPACTED, GROUP, MEMBERS, Member, PLAIN, RETAINED, Toy};

const FIRST_PROCESS: u32 = 60;
/// What the group reads.
const SUBSCRIBED: [u32; 3] = [PLAIN[0], COMPACTED, RETAINED];

impl Toy {
    /// A new generation: some members get partitions, each exactly one owner.
    pub(super) fn rebalance(&mut self, choice: &mut Choice) {
        self.group.generation += 1;
        let cooperative = choice.one_in(2);
        let owners: BTreeMap<u32, usize> =
            SUBSCRIBED.map(|partition| (partition, choice.of(MEMBERS as u32) as usize)).into();
        let before = std::mem::replace(&mut self.group.owners, owners.clone());
        for member in 0..MEMBERS {
            let takes_part = owners.values().any(|owner| *owner == member);
            // Without a partition, some stay away and know nothing of it.
            if takes_part || choice.one_in(2) {
                let keeps = |partition: &u32| cooperative && before.get(partition) == Some(&member);
                let kept: Vec<u32> = owners.keys().copied().filter(keeps).collect();
                self.join(member, &owners, &kept, choice);
            }
        }
    }

    /// A member learns what it has. What it has kept it goes on with; everything else begins where the group is.
    fn join(
        &mut self,
        at: usize,
        owners: &BTreeMap<u32, usize>,
        kept: &[u32],
        choice: &mut Choice,
    ) {
        let process = FIRST_PROCESS + at as u32;
        if choice.one_in(4) {
            let actions = SUBSCRIBED.map(assigned).to_vec();
            self.record(process, Completion::Ok, Function::Subscribe, actions, choice);
            self.now += 10;
        }
        let owned =
            owners.iter().filter(|(_, owner)| **owner == at).map(|(partition, _)| *partition);
        let owned: Vec<u32> = owned.collect();
        let group = &mut self.group;
        let known = std::mem::take(&mut group.members[at].positions);
        let position = |partition: u32| {
            let kept = known.get(&partition).filter(|_| kept.contains(&partition));
            *kept.or(group.committed.get(&partition)).unwrap_or(&0)
        };
        let positions = owned.iter().map(|partition| (*partition, position(*partition))).collect();
        group.members[at] = Member { generation: group.generation, positions };
        let mut actions = vec![member(GROUP, group.generation)];
        actions.extend(owned.into_iter().map(assigned));
        self.record(process, Completion::Ok, Function::Join, actions, choice);
        self.now += 10;
    }

    pub(super) fn member_poll(&mut self, choice: &mut Choice) {
        let at = choice.of(MEMBERS as u32) as usize;
        let mut held = self.group.members[at].clone();
        if held.positions.is_empty() {
            return;
        }
        let mut actions = vec![member(GROUP, held.generation)];
        self.read_held(&mut held, choice, &mut actions);
        let current = held.generation == self.group.generation;
        if current && choice.one_in(8) {
            // The group may have moved on meanwhile, and the partition came back to where it has committed.
            let partition = *held.positions.keys().next().expect("it has one");
            let committed = self.group.committed.get(&partition).copied().unwrap_or(0);
            held.positions.insert(partition, committed);
            self.group.members[at].positions.insert(partition, committed);
            actions.push(MicroOperation::Detail(What::Rebalanced { partition, lost: false }));
            if choice.one_in(2) {
                self.read_held(&mut held, choice, &mut actions);
            }
        }
        let (completion, counts) = match choice.of(6) {
            0..=3 => (Completion::Ok, true),
            4 => (Completion::Fail, false),
            _ => (Completion::Info, choice.one_in(2)),
        };
        if counts {
            self.group.members[at] = held;
        }
        if completion == Completion::Info && choice.one_in(2) {
            actions.retain(|action| matches!(action, MicroOperation::Detail(_)));
        }
        let process = FIRST_PROCESS + at as u32;
        self.record(process, completion, Function::Poll, actions, choice);
    }

    fn read_held(&self, held: &mut Member, choice: &mut Choice, actions: &mut Vec<MicroOperation>) {
        for (partition, position) in &mut held.positions {
            let (records, next) = self.read(*partition, *position, 1 + choice.of(3) as usize);
            *position = next;
            actions.push(MicroOperation::Poll { records });
        }
    }

    /// Commits where it stands, or less. Who was left behind is refused, or hears nothing.
    pub(super) fn member_commit(&mut self, choice: &mut Choice) {
        let late = std::mem::take(&mut self.group.late);
        for (generation, partition, offset) in late {
            if generation == self.group.generation && choice.one_in(2) {
                self.group.committed.insert(partition, offset);
            }
        }
        let at = choice.of(MEMBERS as u32) as usize;
        let Member { generation, positions } = self.group.members[at].clone();
        let mut actions = vec![member(GROUP, generation)];
        let unknown = choice.one_in(4);
        let current = generation == self.group.generation;
        for (partition, position) in positions {
            let offset = position - i64::from(choice.one_in(3) && position > 0);
            actions.push(MicroOperation::Detail(What::Committed { partition, offset }));
            match (current, unknown) {
                (true, false) => {
                    self.group.committed.insert(partition, offset);
                }
                (true, true) => self.group.late.push((generation, partition, offset)),
                (false, _) => {}
            }
        }
        let completion = match (unknown, current) {
            (true, _) => Completion::Info,
            (false, true) => Completion::Ok,
            (false, false) => Completion::Fail,
        };
        let process = FIRST_PROCESS + at as u32;
        self.record(process, completion, Function::Commit, actions, choice);
    }

    /// A member forgets everything; the group goes on without it.
    pub(super) fn member_crash(&mut self, choice: &mut Choice) {
        let at = choice.of(MEMBERS as u32) as usize;
        self.group.members[at] = Member::default();
        self.group.owners.retain(|_, owner| *owner != at);
        let process = FIRST_PROCESS + at as u32;
        self.record(process, Completion::Info, Function::Crash, Vec::new(), choice);
    }
}
