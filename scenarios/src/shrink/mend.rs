//! What must follow from a change: nobody names a topic, a partition or a node that is gone, and nothing asks for more
//! replicas than there are brokers. Whatever else a change may break makes it no candidate: plans are checked.

use harrow_sim::plan::Target;
use serde_json::{Value, json};

use super::tree::{at, each_mut, list, list_mut, put};

/// Mends a plan's tree.
pub(super) fn mend(tree: &mut Value) {
    replicas(tree);
    partitions(tree);
    for client in list_mut(tree, "/clients").into_iter().flatten() {
        parts(client);
    }
    clients(tree);
    let known = Known::of(tree);
    if let Some(steps) = list_mut(tree, "/steps") {
        steps.retain_mut(|step| known.keeps(step));
    }
    if let Some(clocks) = list_mut(tree, "/clocks") {
        clocks.retain(|clock| known.has_node(at(clock, "/node")));
    }
    core(tree, &known);
    bootstrap(tree);
}

/// Who and what there is.
struct Known {
    nodes: Vec<i64>,
    /// Topics by name, with the number of their partitions.
    topics: Vec<(String, u64)>,
    applications: Vec<String>,
}

impl Known {
    fn of(tree: &Value) -> Self {
        let ids = |place: &str| list(tree, place).iter().filter_map(Value::as_i64);
        let clients = list(tree, "/clients").iter().map(|client| at(client, "/config/node"));
        let nodes = ids("/cluster/brokers")
            .chain(ids("/cluster/controllers"))
            .chain(clients.filter_map(Value::as_i64))
            .chain(list(tree, "/applications").iter().filter_map(|it| at(it, "/node").as_i64()));
        let topics = list(tree, "/topics").iter().map(|topic| {
            let name = at(topic, "/name").as_str().unwrap_or_default().to_owned();
            (name, at(topic, "/partitions").as_u64().unwrap_or(1).max(1))
        });
        let applications = list(tree, "/applications").iter();
        let names = applications.filter_map(|it| at(it, "/name").as_str().map(str::to_owned));
        Self { nodes: nodes.collect(), topics: topics.collect(), applications: names.collect() }
    }

    fn has_node(&self, node: &Value) -> bool {
        node.as_i64().is_none_or(|node| self.nodes.contains(&node))
    }

    /// Whether a step still has somebody to hit; its targets are mended.
    fn keeps(&self, step: &mut Value) -> bool {
        let mut kept = true;
        each_mut(step, &mut |_, value| {
            let target = value.as_str().and_then(|text| Target::parse(text).ok());
            let Some(target) = target else { return };
            match self.mended(&target) {
                Some(mended) if mended != target => *value = Value::from(mended.to_string()),
                Some(_) => {}
                None => kept = false,
            }
        });
        kept
    }

    fn mended(&self, target: &Target) -> Option<Target> {
        let place = |topic: &str, index: u32| self.place(topic, index);
        Some(match target {
            Target::LeaderOf(topic, index) => {
                let (topic, index) = place(topic, *index)?;
                Target::LeaderOf(topic, index)
            }
            Target::FollowerOf(topic, index) => {
                let (topic, index) = place(topic, *index)?;
                Target::FollowerOf(topic, index)
            }
            Target::IsrFollowerOf(topic, index) => {
                let (topic, index) = place(topic, *index)?;
                Target::IsrFollowerOf(topic, index)
            }
            Target::Node(node) if !self.nodes.contains(&i64::from(node.0)) => return None,
            Target::Application(name) if !self.applications.contains(name) => return None,
            other @ (Target::Node(_)
            | Target::Application(_)
            | Target::ActiveController
            | Target::StandbyController
            | Target::AnyController
            | Target::AnyBroker
            | Target::AnyNode
            | Target::AnyClient
            | Target::CoordinatorOf(_)
            | Target::MemberOf(_)
            | Target::TransactionCoordinatorOf(_)) => other.clone(),
        })
    }

    /// The partition, or the one that stands in for it.
    fn place(&self, topic: &str, index: u32) -> Option<(String, u32)> {
        let found = self.topics.iter().find(|(name, _)| name == topic).or(self.topics.first())?;
        let (name, partitions) = found;
        Some((name.clone(), (u64::from(index) % partitions) as u32))
    }
}

/// At most as many replicas as brokers, and as many in sync as replicas.
fn replicas(tree: &mut Value) {
    let brokers = list(tree, "/cluster/brokers").len() as u64;
    for topic in list_mut(tree, "/topics").into_iter().flatten() {
        let number = |place: &str| at(topic, place).as_u64().unwrap_or(1);
        let factor = number("/replication_factor").min(brokers);
        let in_sync = number("/min_insync_replicas").min(factor);
        put(topic, "/replication_factor", json!(factor));
        put(topic, "/min_insync_replicas", json!(in_sync));
    }
}

/// A topic begins with fewer partitions than it is to have, or with all of them.
fn partitions(tree: &mut Value) {
    for topic in list_mut(tree, "/topics").into_iter().flatten() {
        let (first, all) = (at(topic, "/initial_partitions").as_u64(), at(topic, "/partitions"));
        if first.zip(all.as_u64()).is_some_and(|(first, all)| first >= all) {
            put(topic, "/initial_partitions", Value::Null);
        }
    }
}

/// What a client does as a member goes with its group, and its transactional id with its transactions.
fn parts(client: &mut Value) {
    let is_gone = |client: &Value, place: &str| at(client, place).is_null();
    if is_gone(client, "/config/group") || is_gone(client, "/member") {
        for place in ["/config/group", "/member", "/pattern", "/pipeline"] {
            put(client, place, Value::Null);
        }
    }
    if is_gone(client, "/transactions") || is_gone(client, "/config/transactional_id") {
        put(client, "/transactions", Value::Null);
        put(client, "/config/transactional_id", Value::Null);
    }
}

/// Clients work on topics that there are; those without any are gone.
fn clients(tree: &mut Value) {
    let names: Vec<Value> =
        list(tree, "/topics").iter().map(|topic| at(topic, "/name").clone()).collect();
    let Some(clients) = list_mut(tree, "/clients") else { return };
    for client in clients.iter_mut() {
        let Some(outputs) = list_mut(client, "/pipeline/outputs") else { continue };
        outputs.retain(|topic| names.contains(topic));
        if outputs.is_empty() {
            put(client, "/pipeline", Value::Null);
        }
    }
    clients.retain_mut(|client| match list_mut(client, "/topics") {
        Some(topics) => {
            topics.retain(|topic| names.contains(topic));
            !topics.is_empty()
        }
        None => true,
    });
}

/// Fewer than half of the brokers and of the controllers stay outside.
fn core(tree: &mut Value, known: &Known) {
    let kept = |node: &Value| known.has_node(node);
    let Some(outside) = list_mut(tree, "/core/outside") else { return };
    outside.retain(kept);
    if outside.is_empty() {
        put(tree, "/core", Value::Null);
    }
}

/// Clients ask brokers that there are.
fn bootstrap(tree: &mut Value) {
    let brokers = list(tree, "/cluster/brokers").to_vec();
    each_mut(tree, &mut |key, value| {
        if key == "bootstrap"
            && let Some(asked) = value.as_array_mut()
        {
            asked.retain(|node| brokers.contains(node));
            if asked.is_empty() {
                asked.extend(brokers.first().cloned());
            }
        }
    });
}
