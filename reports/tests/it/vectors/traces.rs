//! The trace vectors (true state), played to the watch: each must give exactly the anomalies that it lists. Another
//! folder of vectors can be named by `HARROW_VECTORS`.

use std::collections::{BTreeMap, BTreeSet};

use harrow_broker_model::note::{
    AppendOrigin, BatchKind, BatchSummary, QuorumRole, TransactionState,
};
use harrow_broker_model::types::{
    NodeId, Offset, ProducerEpoch, ProducerId, Sequence, TopicId, TopicPartition,
};
use serde_json::Value;

use crate::stage::{A, B, C, Stage, record};

/// Cases that the given traces do not reach, in the same form.
const OWN: &str = include_str!("own_traces.jsonl");

#[test]
fn every_trace_gives_exactly_its_anomalies() {
    let path = crate::vectors::folder().join("traces.jsonl");
    if !path.exists() {
        eprintln!("{} is not there: no traces are played", path.display());
        return;
    }
    let given = std::fs::read_to_string(&path)
        .unwrap_or_else(|error| panic!("{} is not readable: {error}", path.display()));
    let lines = || given.lines().filter(|line| !line.trim().is_empty());
    assert!(lines().next().is_some(), "{} is empty", path.display());
    let lines: Vec<&str> = lines().chain(OWN.lines()).collect();
    let wrong: Vec<String> = lines.iter().filter_map(|line| mismatch(line)).collect();
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), lines.len(), wrong.join("\n"));
}

#[test]
fn what_cannot_be_played_is_named() {
    let vector = |event: &str| format!(r#"{{"id":"T00","kind":"T","e":[{event}],"bad":[]}}"#);
    let told = [
        (vector(r#"["sneeze","x"]"#), r#"T00: event 0 ["sneeze","x"]: not a known event"#),
        (vector(r#"["append","A","x"]"#), r#"T00: event 0 ["append","A","x"]: no argument 3"#),
        (vector(r#"["coord",9,1,"XX"]"#), "is not a state of a transaction"),
        (vector(r#"["ctl","N1","four"]"#), "argument 2 is not a number"),
        ("{".to_owned(), "not JSON"),
    ];
    for (vector, expected) in told {
        let problem = mismatch(&vector).unwrap_or_default();
        assert!(problem.contains(expected), "{vector}: {problem}");
    }
}

/// What is wrong with a vector's outcome, or why it cannot be played.
fn mismatch(line: &str) -> Option<String> {
    let vector: Value = match serde_json::from_str(line) {
        Ok(vector) => vector,
        Err(error) => return Some(format!("{line}: not JSON: {error}")),
    };
    let id = vector["id"].as_str().unwrap_or("a vector without id");
    let name = vector["name"].as_str().unwrap_or_default();
    let expected = crate::vectors::set(&vector["bad"]);
    match Player::play(&vector) {
        Err(problem) => Some(format!("{id}: {problem}")),
        Ok(found) if found == expected => None,
        Ok(found) => Some(format!("{id} {name}: found {found:?}, wanted {expected:?}")),
    }
}

/// A partition as the vector has told of it.
#[derive(Debug, Clone)]
struct PartitionState {
    partition: TopicPartition,
    epoch: i32,
    leader: NodeId,
    isr: Vec<NodeId>,
    /// Epochs in which brokers claimed to lead.
    claimed: BTreeMap<NodeId, i32>,
}

struct Player {
    stage: Stage,
    min_isr: u32,
    unclean: bool,
    eligible_replicas: bool,
    read_committed: bool,
    brokers: Vec<(String, NodeId)>,
    controllers: Vec<String>,
    partitions: Vec<(String, PartitionState)>,
    /// What is on the disks of brokers that are down, and which are up and not registered.
    kept: BTreeMap<NodeId, BTreeMap<String, i64>>,
    unregistered: BTreeSet<NodeId>,
    owners: BTreeMap<(String, TopicPartition), String>,
}

/// An event with its arguments.
#[derive(Clone, Copy)]
struct Event<'a>(&'a [Value]);

impl<'a> Event<'a> {
    fn at(self, index: usize) -> Result<&'a Value, String> {
        self.0.get(index).ok_or_else(|| format!("no argument {index}"))
    }

    fn text(self, index: usize) -> Result<&'a str, String> {
        let value = self.at(index)?;
        value.as_str().ok_or_else(|| format!("argument {index} is not a text"))
    }

    fn number(self, index: usize) -> Result<i64, String> {
        let value = self.at(index)?;
        value.as_i64().ok_or_else(|| format!("argument {index} is not a number"))
    }

    fn epoch(self, index: usize) -> Result<i32, String> {
        i32::try_from(self.number(index)?).map_err(|error| format!("argument {index}: {error}"))
    }
}

impl Player {
    fn play(vector: &Value) -> Result<BTreeSet<String>, String> {
        let config = &vector["cfg"];
        let min_isr = config["min_isr"].as_u64().unwrap_or(2) as u32;
        let unclean = config["unclean"] == true;
        let eligible_replicas = config["elr"] == true;
        let mut stage = Stage::new(min_isr, unclean);
        if !eligible_replicas {
            stage = stage.before_eligible_replicas();
        }
        let mut player = Self {
            stage,
            min_isr,
            unclean,
            eligible_replicas,
            read_committed: config["iso"] != "ru",
            brokers: [("A", A), ("B", B), ("C", C)].map(|(name, id)| (name.to_owned(), id)).into(),
            controllers: Vec::new(),
            partitions: Vec::new(),
            kept: BTreeMap::new(),
            unregistered: BTreeSet::new(),
            owners: BTreeMap::new(),
        };
        let events = vector["e"].as_array().ok_or("it has no events")?;
        for (index, event) in events.iter().enumerate() {
            let arguments = event.as_array().map(Vec::as_slice).unwrap_or_default();
            let played = player.event(Event(arguments));
            played.map_err(|problem| format!("event {index} {event}: {problem}"))?;
        }
        player.commit_rest();
        Ok(player.stage.found().into_iter().collect())
    }

    fn event(&mut self, event: Event<'_>) -> Result<(), String> {
        match event.text(0)? {
            "leader" => self.on_leader(event),
            "isr" => self.on_isr(event),
            "claims" => self.on_claims(event),
            "append" => self.on_append(event),
            "truncate" => {
                let (node, mut told) = self.replica_at(event, 1)?;
                // Who cuts its log for another leader does not lead any more.
                if told.claimed.get(&node).is_some_and(|epoch| *epoch < told.epoch) {
                    told.claimed.remove(&node);
                    self.keep(event.text(2)?, &told);
                }
                self.stage.truncate(node, event.number(3)?);
                Ok(())
            }
            "hw" => {
                let (node, _) = self.replica_at(event, 1)?;
                self.stage.leader_high_watermark(node, event.epoch(3)?, event.number(4)?);
                Ok(())
            }
            "fhw" => {
                let (node, told) = self.replica_at(event, 1)?;
                self.stage.high_watermark(node, told.epoch, false, event.number(3)?);
                Ok(())
            }
            "lso" => {
                let (node, told) = self.replica_at(event, 1)?;
                let leads = node == told.leader;
                self.stage.last_stable_offset(node, told.epoch, leads, event.number(3)?);
                Ok(())
            }
            "ack" => self.on_ack(event),
            "fetch" => self.on_fetch(event),
            "crash" => self.on_crash(event),
            "restart" => self.on_restart(event),
            "caughtup" => self.broker(event.at(1)?).map(drop),
            "ctl" => self.on_controller(event),
            "coord" => self.on_coordinator(event),
            "own" => self.on_own(event),
            "disown" => self.on_disown(event),
            _ => Err("not a known event".to_owned()),
        }
    }

    fn on_leader(&mut self, event: Event<'_>) -> Result<(), String> {
        let name = event.text(1)?;
        let mut told = self.partition_named(name);
        told.epoch = event.epoch(2)?;
        let leader = Some(event.at(3)?).filter(|leader| !leader.is_null());
        let leader = leader.map(|leader| self.broker(leader)).transpose()?;
        told.leader = leader.unwrap_or(told.leader);
        told.isr = self.brokers_of(event.at(4)?)?;
        let unclean = event.0.get(5).is_some_and(|options| options["unclean"] == true);
        self.keep(name, &told);
        self.register_restarted(&told.isr);
        let next = self.stage.next(leader, told.epoch, &told.isr);
        self.stage.registered(told.partition, next, unclean);
        Ok(())
    }

    fn on_isr(&mut self, event: Event<'_>) -> Result<(), String> {
        let name = event.text(1)?;
        let mut told = self.partition_named(name);
        told.isr = self.brokers_of(event.at(2)?)?;
        self.keep(name, &told);
        self.register_restarted(&told.isr);
        let mut next = self.stage.next(Some(told.leader), told.epoch, &told.isr);
        let elr = event.0.get(3).filter(|elr| !elr.is_null());
        next.elr = elr.map_or(Ok(Vec::new()), |elr| self.brokers_of(elr))?;
        self.stage.registered(told.partition, next, false);
        if told.claimed.get(&told.leader) == Some(&told.epoch) {
            self.stage.isr_committed(told.leader, told.epoch, &told.isr);
        }
        Ok(())
    }

    fn on_claims(&mut self, event: Event<'_>) -> Result<(), String> {
        let (node, mut told) = self.replica_at(event, 1)?;
        let epoch = event.epoch(3)?;
        told.claimed.insert(node, epoch);
        self.stage.became_leader(node, epoch, &told.isr);
        self.keep(event.text(2)?, &told);
        Ok(())
    }

    /// A record that the leader has at the same place is a copy, and who copies does not lead; else its node decides,
    /// if it leads or thinks so.
    fn on_append(&mut self, event: Event<'_>) -> Result<(), String> {
        let (node, mut told) = self.replica_at(event, 1)?;
        let value = event.at(3)?;
        let end = self.end_of(node, &told);
        let copy = node != told.leader && self.has(told.leader, &told, end.0, value);
        if copy && told.claimed.remove(&node).is_some() {
            self.keep(event.text(2)?, &told);
        }
        let acting = told.claimed.get(&node).copied().unwrap_or(told.epoch);
        let batch = self.batch(&told, end.0, value, acting)?;
        let leads = !copy && (node == told.leader || told.claimed.contains_key(&node));
        let transaction = value["tx"].as_u64().filter(|_| leads);
        if let Some(transaction) = transaction {
            self.stage.attribute(node, batch.producer_id.0, transaction);
        }
        let origin = if leads { AppendOrigin::Leader } else { AppendOrigin::Follower };
        self.stage.append_as(origin, node, acting, batch);
        Ok(())
    }

    fn on_ack(&mut self, event: Event<'_>) -> Result<(), String> {
        let told = self.partition_at(event, 1)?;
        let acks = match event.0.get(4) {
            None => -1,
            Some(Value::String(acks)) if acks == "all" => -1,
            Some(Value::String(acks)) => acks.parse().map_err(|_| "acks is not a number")?,
            Some(acks) => acks.as_i64().ok_or("acks is not a number")? as i16,
        };
        let (offset, value) = (event.number(2)?, event.at(3)?);
        // A leader that is deposed and has not heard of it still acknowledges what it alone has.
        let deposed = || {
            let mut claims = told.claimed.iter().filter(|(node, _)| **node != told.leader);
            claims.find(|(node, _)| acks != -1 && self.has(**node, &told, offset, value))
        };
        let present = self.has(told.leader, &told, offset, value);
        let deposed = (!present).then(deposed).flatten();
        let (node, epoch) =
            deposed.map_or((told.leader, told.epoch), |(node, epoch)| (*node, *epoch));
        let batch = self.batch(&told, offset, value, epoch)?;
        self.stage.acknowledge(node, epoch, batch, acks);
        Ok(())
    }

    /// Whether a broker has this record at this offset.
    fn has(&self, node: NodeId, told: &PartitionState, offset: i64, value: &Value) -> bool {
        let replica = self.stage.observer.view().replica(node, told.partition);
        let entry = replica.and_then(|replica| replica.log.entry_at(Offset(offset)));
        entry.is_some_and(|entry| entry.batch.checksum == checksum(value))
    }

    fn on_fetch(&mut self, event: Event<'_>) -> Result<(), String> {
        let told = self.partition_at(event, 1)?;
        let offset = event.number(2)?;
        let batch = self.batch(&told, offset, event.at(3)?, told.epoch)?;
        let committed = match event.0.get(4).and_then(Value::as_str) {
            None => self.read_committed,
            Some("rc" | "read_committed") => true,
            Some("ru" | "read_uncommitted") => false,
            Some(other) => return Err(format!("isolation {other} is not known")),
        };
        let aborted = committed.then_some(&[][..]);
        self.stage.serve_isolated(told.leader, told.epoch, offset, &[batch], aborted);
        Ok(())
    }

    fn on_crash(&mut self, event: Event<'_>) -> Result<(), String> {
        let node = self.broker(event.at(1)?)?;
        for (_, told) in &mut self.partitions {
            told.claimed.remove(&node);
        }
        let none = serde_json::Map::new();
        let given = event.0.get(2).and_then(Value::as_object).unwrap_or(&none);
        let mut kept = BTreeMap::new();
        for (name, records) in given {
            let records = records.as_i64().ok_or("what is kept is not a number")?;
            kept.insert(name.clone(), records);
        }
        let loses = |(name, told): &(String, PartitionState)| {
            kept.get(name).is_some_and(|kept| *kept < self.end_of(node, told).0)
        };
        let lossy = self.partitions.iter().any(loses);
        self.kept.insert(node, kept);
        self.stage.crash(node, lossy);
        Ok(())
    }

    fn on_restart(&mut self, event: Event<'_>) -> Result<(), String> {
        let node = self.broker(event.at(1)?)?;
        let kept = self.kept.remove(&node).unwrap_or_default();
        self.stage.observer.process_started(0, node);
        for (name, told) in self.partitions.clone() {
            let end = self.end_of(node, &told).0;
            self.stage.reopen(node, told.partition, kept.get(&name).copied().unwrap_or(end));
        }
        self.unregistered.insert(node);
        Ok(())
    }

    fn on_controller(&mut self, event: Event<'_>) -> Result<(), String> {
        let name = event.text(1)?;
        let known = self.controllers.iter().position(|known| known == name);
        let index = known.unwrap_or_else(|| {
            self.controllers.push(name.to_owned());
            self.controllers.len() - 1
        });
        let node = NodeId(101 + index as i32);
        self.stage.quorum_state(node, event.epoch(2)?, QuorumRole::Unattached, None);
        Ok(())
    }

    fn on_coordinator(&mut self, event: Event<'_>) -> Result<(), String> {
        let transaction = event.number(2)?;
        let transaction = u64::try_from(transaction).map_err(|_| "a transaction below 0")?;
        let state = match event.text(3)? {
            "EM" => TransactionState::Empty,
            "ON" => TransactionState::Ongoing,
            "PC" => TransactionState::PrepareCommit,
            "PA" => TransactionState::PrepareAbort,
            "CC" => TransactionState::CompleteCommit,
            "CA" => TransactionState::CompleteAbort,
            "PE" | "PEF" => TransactionState::PrepareEpochFence,
            "DE" | "DEAD" => TransactionState::Dead,
            other => return Err(format!("{other} is not a state of a transaction")),
        };
        self.stage.coordinate(event.number(1)?, transaction, state);
        Ok(())
    }

    fn on_own(&mut self, event: Event<'_>) -> Result<(), String> {
        let group = event.text(1)?;
        let number = event.at(3)?.as_i64().map(|number| number.to_string());
        let member = number.as_deref().map_or_else(|| event.text(3), Ok)?;
        let told = self.partition_at(event, 2)?;
        self.owners.insert((group.to_owned(), told.partition), member.to_owned());
        self.stage.assign(group, member, event.epoch(4)?);
        Ok(())
    }

    fn on_disown(&mut self, event: Event<'_>) -> Result<(), String> {
        let group = event.text(1)?;
        let told = self.partition_at(event, 2)?;
        if let Some(member) = self.owners.remove(&(group.to_owned(), told.partition)) {
            self.stage.release(group, &member);
        }
        Ok(())
    }

    /// The record as a batch at an offset. A copy of what the leader has there has the leader's epoch.
    fn batch(
        &self,
        told: &PartitionState,
        offset: i64,
        value: &Value,
        epoch: i32,
    ) -> Result<BatchSummary, String> {
        let mut batch = record(offset, epoch, checksum(value));
        if value.is_object() {
            let field = |name: &str, none: i64| match value.get(name) {
                None => Ok(none),
                Some(field) => field.as_i64().ok_or(format!("{name} is not a number")),
            };
            batch.producer_id = ProducerId(field("pid", -1)?);
            batch.producer_epoch = ProducerEpoch(field("ep", 0)? as i16);
            batch.base_sequence = Sequence(field("seq", -1)? as i32);
            batch.kind = match value.get("m").map(Value::as_str) {
                Some(Some("C")) => BatchKind::CommitMarker,
                Some(Some("A")) => BatchKind::AbortMarker,
                Some(_) => return Err("a marker is neither C nor A".to_owned()),
                None if value.get("tx").is_some() => BatchKind::Transactional,
                None => BatchKind::Plain,
            };
        }
        let leader = self.stage.observer.view().replica(told.leader, told.partition);
        let original = leader.and_then(|leader| leader.log.entry_at(Offset(offset)));
        if let Some(original) = original.filter(|entry| entry.batch.checksum == batch.checksum) {
            batch.leader_epoch = original.batch.leader_epoch;
        }
        Ok(batch)
    }

    /// At the end, the leaders commit what all electable replicas hold: sequences are judged when they are committed.
    fn commit_rest(&mut self) {
        for (_, told) in self.partitions.clone() {
            self.stage.partition = told.partition;
            let view = self.stage.observer.view();
            let Some(partition) = view.partition(told.partition) else { continue };
            let Some(registered) = &partition.registration else { continue };
            let below = registered.isr.len() < partition.min_insync_replicas as usize;
            let leader = partition.replica(told.leader).map(|replica| replica.log.clone());
            let leader = leader.unwrap_or_default();
            let held = |member: NodeId| {
                let replica = partition.replica(member);
                replica.map_or(Offset::ZERO, |replica| leader.common_end(&replica.log))
            };
            let to = partition.electable().map(held).min().unwrap_or_default();
            if to > partition.committed.end() && !(below && self.eligible_replicas) {
                self.stage.leader_high_watermark(told.leader, told.epoch, to.0);
            }
        }
    }

    /// A controller acts on what it knows: a broker that it names again has registered since its process started.
    fn register_restarted(&mut self, members: &[NodeId]) {
        for member in members {
            if self.unregistered.remove(member) {
                self.stage.broker_registered(*member);
            }
        }
    }

    fn end_of(&self, node: NodeId, told: &PartitionState) -> Offset {
        let replica = self.stage.observer.view().replica(node, told.partition);
        replica.map_or(Offset::ZERO, |replica| replica.log.end())
    }

    /// The broker at `index` and the partition after it; the stage turns to it.
    fn replica_at(
        &mut self,
        event: Event<'_>,
        index: usize,
    ) -> Result<(NodeId, PartitionState), String> {
        let node = self.broker(event.at(index)?)?;
        Ok((node, self.partition_at(event, index + 1)?))
    }

    fn partition_at(&mut self, event: Event<'_>, index: usize) -> Result<PartitionState, String> {
        let told = self.partition_named(event.text(index)?);
        self.stage.partition = told.partition;
        Ok(told)
    }

    /// A partition by name; a new one is the only partition of a new topic.
    fn partition_named(&mut self, name: &str) -> PartitionState {
        if let Some((_, told)) = self.partitions.iter().find(|(known, _)| known == name) {
            return told.clone();
        }
        let id = self.partitions.len() as u32 + 1;
        if id > 1 {
            self.stage.topic(id, name, self.min_isr, self.unclean);
        }
        let told = PartitionState {
            partition: TopicPartition { topic: TopicId(id), partition: 0 },
            epoch: 0,
            leader: A,
            isr: Vec::new(),
            claimed: BTreeMap::new(),
        };
        self.partitions.push((name.to_owned(), told.clone()));
        told
    }

    fn keep(&mut self, name: &str, told: &PartitionState) {
        if let Some((_, kept)) = self.partitions.iter_mut().find(|(known, _)| known == name) {
            kept.clone_from(told);
        }
        self.stage.partition = told.partition;
    }

    /// A broker by name; a new one starts and registers, and may replicate everything.
    fn broker(&mut self, value: &Value) -> Result<NodeId, String> {
        let name = value.as_str().ok_or_else(|| format!("{value} is not a broker's name"))?;
        if let Some((_, node)) = self.brokers.iter().find(|(known, _)| known == name) {
            return Ok(*node);
        }
        let node = NodeId(self.brokers.len() as i32 + 1);
        self.brokers.push((name.to_owned(), node));
        self.stage.observer.process_started(0, node);
        self.stage.broker_registered(node);
        self.stage.replicas.push(node);
        Ok(node)
    }

    fn brokers_of(&mut self, value: &Value) -> Result<Vec<NodeId>, String> {
        let names = value.as_array().ok_or_else(|| format!("{value} is not a list of brokers"))?;
        names.iter().map(|name| self.broker(name)).collect()
    }
}

fn checksum(value: &Value) -> u32 {
    value
        .to_string()
        .bytes()
        .fold(7, |sum: u32, byte| sum.wrapping_mul(31).wrapping_add(u32::from(byte)))
}

/// What the names of a vector's partitions stand for does not depend on the order in which topics are created.
#[test]
fn partitions_are_told_apart() {
    let vector = r#"{"id":"T00","cfg":{"min_isr":1},"e":[["leader","y",1,"A",["A"]],["leader","x",1,"B",["B"]],
        ["append","A","y","r0"],["append","B","x","q0"],["hw","A","y",1,1],["fetch","y",0,"q0"]],
        "bad":["read-differs-from-committed"]}"#;
    assert_eq!(mismatch(vector), None);
}
