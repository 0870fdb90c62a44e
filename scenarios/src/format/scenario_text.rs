//! Writes a plan as a scenario that says the same: nothing is left to the seed but what a run draws.
//!
//! What a scenario cannot say of a single node, such as one broker's wrong clock, is said of its kind; so whoever needs
//! the same plan reads the text again and compares.

use std::fmt::Write;

use harrow_sim::plan::{Plan, Target};
use serde_json::Value;

use super::plan_fields::{
    CALLS_FIELDS, CLEANER_FIELDS, CLUSTER_FIELDS, CONSUMER_CONFIG, CONSUMER_FIELDS,
    CONSUMER_GROUPS_FIELDS, COORDINATOR_FIELDS, DISK_FIELDS, Field, GROUP_FIELDS, MEMBER_FIELDS,
    METADATA_LOG_FIELDS, NETWORK_FIELDS, OFFSETS_TOPIC_FIELDS, PIPELINE_CONFIG, PIPELINE_FIELDS,
    PRODUCER_CONFIG, PRODUCER_FIELDS, SHARE_GROUPS_FIELDS, SHARE_TOPIC_FIELDS,
    THROTTLED_RATES_FIELDS, TRANSACTION_CONFIG, TRANSACTION_FIELDS, TRANSACTION_TOPIC_FIELDS,
    TRANSACTIONS_FIELDS, WORKER_FIELDS, field_setting,
};
use crate::planner::defaults;

/// The scenario, or what in the plan no scenario can say. `comments` are lines at its top.
pub fn print_scenario(
    plan: &Plan,
    name: &str,
    proves: &str,
    comments: &[String],
) -> Result<String, String> {
    let tree = serde_json::to_value(plan).expect("a plan is plain data");
    let mut text = Text::default();
    for comment in comments {
        text.line(format!("# {comment}").trim_end());
    }
    text.assign("name", &Value::from(name));
    text.assign("proves", &Value::from(proves));
    text.cluster(plan, &tree["cluster"]);
    for topic in elements(&tree["topics"]) {
        text.topic(topic);
    }
    for client in elements(&tree["clients"]) {
        text.client(client, &tree["topics"])?;
    }
    text.absent(&tree);
    text.section("[network]", &tree["network"], &[NETWORK_FIELDS]);
    text.section("[disk]", &tree["disk"], &[DISK_FIELDS]);
    text.clocks(plan, &tree);
    for step in elements(&tree["steps"]) {
        text.step(step);
    }
    text.end(plan, &tree);
    Ok(text.0)
}

/// Whom an action is aimed at.
fn targets(action: &Value) -> Vec<Target> {
    let values = action.as_object().into_iter().flat_map(serde_json::Map::values);
    let texts = values.flat_map(|value| -> Vec<&str> {
        match value.as_object() {
            Some(cut) => cut.values().filter_map(Value::as_str).collect(),
            None => value.as_str().into_iter().collect(),
        }
    });
    texts.filter_map(|text| Target::parse(text).ok()).collect()
}

fn elements(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

#[derive(Default)]
struct Text(String);

impl Text {
    fn line(&mut self, line: &str) {
        self.0.push_str(line);
        self.0.push('\n');
    }

    fn table(&mut self, title: &str) {
        let _ = write!(self.0, "\n{title}\n");
    }

    /// `key = value`: pairs of numbers are ranges.
    fn assign(&mut self, key: &str, value: &Value) {
        let value = match value.as_array().map(Vec::as_slice) {
            Some([low, high]) if low == high => low.to_string(),
            Some([low, high]) if low.is_number() => format!("\"{low}..{high}\""),
            Some(_) | None => value.to_string(),
        };
        self.line(&format!("{key} = {value}"));
    }

    /// A section with those fields that are not at their defaults; none if all are.
    fn section(&mut self, title: &str, values: &Value, fields: &[&[Field]]) {
        let rows = unusual(values, fields);
        if !rows.is_empty() {
            self.table(title);
            for (key, value) in &rows {
                self.assign(key, value);
            }
        }
    }

    fn cluster(&mut self, plan: &Plan, cluster: &Value) {
        let counts = [
            ("brokers", plan.cluster.brokers.len()),
            ("controllers", plan.cluster.controllers.len()),
        ];
        let mut rows: Vec<(String, Value)> = counts
            .into_iter()
            .filter(|(_, count)| *count != 3)
            .map(|(key, count)| (key.to_owned(), Value::from(count)))
            .collect();
        for (key, field) in [
            ("eligible_leader_replicas", "eligible_leader_replicas"),
            ("auto.leader.rebalance.enable", "auto_leader_rebalance"),
        ] {
            if cluster[field] == Value::Bool(false) {
                rows.push((key.to_owned(), Value::Bool(false)));
            }
        }
        let migration = &cluster["coordinators"]["consumer_groups"]["migration"];
        if !migration.is_null() {
            rows.push(("group.consumer.migration.policy".to_owned(), migration.clone()));
        }
        rows.extend(unusual(cluster, &[CLUSTER_FIELDS]));
        rows.extend(unusual(&cluster["cleaner"], &[CLEANER_FIELDS]));
        rows.extend(unusual(&cluster["metadata_log"], &[METADATA_LOG_FIELDS]));
        rows.extend(unusual(&cluster["throttled_rates"], &[THROTTLED_RATES_FIELDS]));
        let coordinators = &cluster["coordinators"];
        rows.extend(unusual(coordinators, &[COORDINATOR_FIELDS]));
        rows.extend(unusual(&coordinators["consumer_groups"], &[CONSUMER_GROUPS_FIELDS]));
        let share = &coordinators["share_groups"];
        rows.extend(unusual(share, &[SHARE_GROUPS_FIELDS]));
        rows.extend(unusual(&share["state_topic"], &[SHARE_TOPIC_FIELDS]));
        rows.extend(unusual(&coordinators["offsets_topic"], &[OFFSETS_TOPIC_FIELDS]));
        rows.extend(unusual(&coordinators["transaction_topic"], &[TRANSACTION_TOPIC_FIELDS]));
        let check_ms = cluster["leader_imbalance_check_interval_ms"].as_u64().unwrap_or(300_000);
        if check_ms != 300_000 {
            let key = "leader.imbalance.check.interval.seconds".to_owned();
            rows.push((key, Value::from(check_ms / 1_000)));
        }
        // Where bandwidth is bounded, the planner bounds fetches by it: maybe to less than a scenario may ask for.
        let fetched = &cluster["replica_fetch_max_bytes"];
        if number(fetched).is_some_and(|bytes| bytes != 65_536 && bytes >= 256) {
            rows.push(("replica.fetch.max.bytes".to_owned(), fetched.clone()));
        }
        if !rows.is_empty() {
            self.table("[cluster]");
            for (key, value) in &rows {
                self.assign(key, value);
            }
        }
    }

    fn topic(&mut self, topic: &Value) {
        self.table("[[topic]]");
        self.assign("name", &topic["name"]);
        let plain = [
            ("partitions", "partitions", Value::from(1)),
            ("replication_factor", "replication_factor", Value::from(3)),
            ("min.insync.replicas", "min_insync_replicas", Value::from(1)),
            ("unclean.leader.election.enable", "unclean_leader_election", Value::Bool(false)),
            ("max.message.bytes", "max_message_bytes", Value::from(1_048_588)),
            ("flush.messages", "flush_messages", Value::from(i64::MAX)),
            ("flush.ms", "flush_ms", Value::from(i64::MAX)),
        ];
        for (key, field, default) in plain {
            let whole = number(&topic[field]);
            let same = topic[field] == default || whole.is_some() && whole == number(&default);
            if !same {
                self.assign(key, &topic[field]);
            }
        }
        if !topic["initial_partitions"].is_null() {
            self.assign("initial_partitions", &topic["initial_partitions"]);
        }
        let retention = [
            ("retention.ms", "retention_ms", -1),
            ("retention.bytes", "retention_bytes", -1),
            ("segment.ms", "segment_ms", i64::MAX),
        ];
        for (key, field, default) in retention {
            let kept = &topic["retention"][field];
            if !kept.is_null() && kept.as_i64() != Some(default) {
                self.assign(key, kept);
            }
        }
        self.compaction(&topic["retention"]["compaction"]);
    }

    fn compaction(&mut self, compaction: &Value) {
        if compaction.is_null() {
            return;
        }
        let fields = [
            ("cleanup.policy", "policy"),
            ("min.compaction.lag.ms", "min_compaction_lag_ms"),
            ("max.compaction.lag.ms", "max_compaction_lag_ms"),
            ("delete.retention.ms", "delete_retention_ms"),
            ("min.cleanable.dirty.percent", "min_cleanable_dirty_percent"),
        ];
        // A plan says nothing of a lag that no record ever has.
        for (key, field) in fields.into_iter().filter(|(_, field)| !compaction[field].is_null()) {
            self.assign(key, &compaction[field]);
        }
    }

    fn client(&mut self, client: &Value, topics: &Value) -> Result<(), String> {
        let (kind, config) = (client["kind"].as_str().unwrap_or_default(), &client["config"]);
        let transactional = !client["transactions"].is_null();
        let (said, config_fields, fields): (_, &[Field], &[Field]) = match kind {
            "producer" if transactional => ("transaction", TRANSACTION_CONFIG, TRANSACTION_FIELDS),
            "producer" => (kind, PRODUCER_CONFIG, PRODUCER_FIELDS),
            "consumer" if config["worker"].is_object() => ("share-consumer", CONSUMER_CONFIG, &[]),
            "consumer" => (kind, CONSUMER_CONFIG, CONSUMER_FIELDS),
            _ => return Err(format!("no words for a client of kind `{kind}`")),
        };
        self.table("[[load]]");
        self.assign("kind", &Value::from(said));
        let all: Vec<&Value> = elements(topics).iter().map(|topic| &topic["name"]).collect();
        if elements(&client["topics"]).iter().collect::<Vec<_>>() != all {
            self.assign("topics", &client["topics"]);
        }
        let works = config["worker"].is_object();
        if !works {
            self.assign("start_ms", &client["start_ms"]);
        }
        let mut rows = unusual(client, &[fields]);
        rows.retain(|(key, _)| key != "start_ms");
        rows.extend(unusual(config, &[config_fields]));
        rows.extend(unusual(&client["transactions"], &[TRANSACTIONS_FIELDS]));
        for (key, value) in &rows {
            self.assign(key, value);
        }
        if transactional {
            self.assign("transactional_id", &config["transactional_id"]);
        } else {
            self.choices(config);
        }
        if works {
            self.worker(&config["worker"]);
        }
        if !config["group"].is_null() {
            self.member(&config["group"], &client["member"]);
            if client["pattern"].is_string() {
                self.assign("topic_pattern", &client["pattern"]);
            }
        }
        if !client["pipeline"].is_null() {
            self.pipeline(&client["pipeline"]);
        }
        Ok(())
    }

    /// Groups and transactional ids that faults name and no client has: a load of nobody has each.
    fn absent(&mut self, tree: &Value) {
        let (mut groups, mut ids) = (Vec::new(), Vec::new());
        for (client, number) in elements(&tree["clients"]).iter().zip(1..) {
            groups.extend(client["config"]["group"]["group"].as_str().map(str::to_owned));
            groups.extend(client["config"]["worker"]["group"].as_str().map(str::to_owned));
            ids.extend(client["config"]["transactional_id"].as_str().map(str::to_owned));
            if client["pipeline"]["guarantee"] == "exactly-once" {
                ids.push(format!("t{number}"));
            }
        }
        for target in elements(&tree["steps"]).iter().flat_map(|step| targets(&step["action"])) {
            let (known, kind, key, name) =
                if let Target::CoordinatorOf(group) | Target::MemberOf(group) = target {
                    (&mut groups, "consumer", "group.id", group)
                } else if let Target::TransactionCoordinatorOf(id) = target {
                    (&mut ids, "transaction", "transactional_id", id)
                } else {
                    continue;
                };
            if known.contains(&name) {
                continue;
            }
            self.table("[[load]]");
            self.assign("kind", &Value::from(kind));
            self.assign("count", &Value::from(0));
            self.assign(key, &Value::from(name.as_str()));
            known.push(name);
        }
    }

    /// What makes a consumer a member of a group.
    fn member(&mut self, group: &Value, member: &Value) {
        self.assign("group.id", &group["group"]);
        if group["instance"].is_string() {
            self.assign("static", &Value::Bool(true));
        }
        if group["assignor"] != "range" {
            self.assign("partition.assignment.strategy", &group["assignor"]);
        }
        if group["protocol"].is_string() {
            self.assign("group.protocol", &group["protocol"]);
        }
        if group["remote_assignor"].is_string() {
            self.assign("group.remote.assignor", &group["remote_assignor"]);
        }
        let mut rows = unusual(group, &[GROUP_FIELDS]);
        rows.extend(unusual(member, &[MEMBER_FIELDS]));
        rows.extend(unusual(&member["calls"], &[CALLS_FIELDS]));
        for (key, value) in &rows {
            self.assign(key, value);
        }
        if member["auto_commit_interval_ms"] == 0 {
            self.assign("enable.auto.commit", &Value::Bool(false));
        } else {
            self.assign("auto.commit.interval.ms", &member["auto_commit_interval_ms"]);
        }
        if member["calls"]["close_stays"] == Value::Bool(true) {
            self.assign("close_stays", &Value::Bool(true));
        }
        if member["commit_on_revoke"] == Value::Bool(false) {
            self.assign("commit_on_revoke", &Value::Bool(false));
        }
    }

    /// What a worker of a share group does.
    fn worker(&mut self, worker: &Value) {
        self.assign("group.id", &worker["group"]);
        for (key, value) in &unusual(worker, &[WORKER_FIELDS]) {
            self.assign(key, value);
        }
    }

    /// What a consumer makes of what it reads.
    fn pipeline(&mut self, pipeline: &Value) {
        self.assign("outputs", &pipeline["outputs"]);
        self.assign("guarantee", &pipeline["guarantee"]);
        let shared = ["request.timeout.ms", "retry.backoff.ms", "metadata.max.age.ms"];
        let mut rows = unusual(&pipeline["producer"], &[PIPELINE_CONFIG]);
        rows.retain(|(key, _)| !shared.contains(&key.as_str()));
        rows.extend(unusual(pipeline, &[PIPELINE_FIELDS]));
        for (key, value) in &rows {
            self.assign(key, value);
        }
    }

    fn choices(&mut self, config: &Value) {
        let all = config["acks"] == "all";
        if config["acks"].is_string() && !all {
            self.assign("acks", &config["acks"]);
        }
        if config["idempotence"] == Value::Bool(!all) {
            self.assign("enable.idempotence", &config["idempotence"]);
        }
        if config["offset_reset"].is_string() && config["offset_reset"] != "earliest" {
            self.assign("auto.offset.reset", &config["offset_reset"]);
        }
        if config["isolation"] == "read-committed" {
            self.assign("isolation.level", &Value::from("read_committed"));
        }
        let fetched = &config["fetch_max_bytes"];
        let works = config["worker"].is_object();
        if !works && number(fetched).is_some_and(|bytes| bytes != 65_536 && bytes >= 256) {
            self.assign("fetch.max.bytes", fetched);
        }
    }

    /// One table a kind of node: by the first of its clocks.
    fn clocks(&mut self, plan: &Plan, tree: &Value) {
        let of = |nodes: &Value| -> Option<Value> {
            let is_of = |clock: &&Value| elements(nodes).contains(&clock["node"]);
            elements(&tree["clocks"]).iter().find(is_of).cloned()
        };
        let clients =
            elements(&tree["clients"]).iter().map(|client| client["config"]["node"].clone());
        let groups = [
            ("brokers", tree["cluster"]["brokers"].clone()),
            ("controllers", tree["cluster"]["controllers"].clone()),
            ("clients", clients.collect()),
        ];
        for (name, nodes) in groups.iter().filter(|_| !plan.clocks.is_empty()) {
            let Some(clock) = of(nodes) else { continue };
            self.table("[[clock]]");
            self.assign("nodes", &Value::from(*name));
            self.assign("offset_ms", &clock["offset_ms"]);
            self.assign("drift_ppm", &clock["drift_ppm"]);
        }
    }

    /// A fault's own fields are those of the plan.
    fn step(&mut self, step: &Value) {
        self.table("[[fault]]");
        self.assign("kind", &step["action"]["kind"]);
        self.assign("at_ms", &step["at_ms"]);
        for (key, value) in step["action"].as_object().into_iter().flatten() {
            match value.as_object() {
                Some(cut) => {
                    self.assign(key, &cut["shape"]);
                    let fields = cut.iter().filter(|(key, _)| *key != "shape");
                    for (key, value) in fields {
                        self.assign(key, value);
                    }
                }
                None if key == "kind" => {}
                None => self.assign(key, value),
            }
        }
    }

    fn end(&mut self, plan: &Plan, tree: &Value) {
        self.table("[heal]");
        self.assign("at_ms", &tree["heal_at_ms"]);
        let (converge, _) = defaults::CONVERGE_WITHIN_MS;
        if number(&tree["converge_within_ms"]) != Some(converge) {
            self.assign("converge_within_ms", &tree["converge_within_ms"]);
        }
        if plan.core.is_some() {
            self.assign("core", &Value::Bool(true));
            self.assign("outside", &tree["core"]["state"]);
        }
        let expect = &tree["expect"];
        if plan.expect.loss_allowed || !plan.expect.reach.is_empty() {
            self.table("[expect]");
        }
        if plan.expect.loss_allowed {
            self.assign("loss_allowed", &Value::Bool(true));
        }
        if !plan.expect.reach.is_empty() {
            self.assign("reach", &expect["reach"]);
        }
    }
}

/// A number, also one that is written as text since it has 64 bits.
fn number(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| value.as_str()?.parse().ok())
}

/// The fields that have a setting's name and are not at its default.
fn unusual(values: &Value, fields: &[&[Field]]) -> Vec<(String, Value)> {
    let mut rows = Vec::new();
    for field in fields.iter().copied().flatten() {
        let Some(setting) = field_setting(field) else { continue };
        let value = &values[field.name];
        let (low, high) = match elements(value) {
            [low, high] => (number(low), number(high)),
            _ => (number(value), number(value)),
        };
        let Some(range) = low.zip(high) else { continue };
        if range != setting.default {
            rows.push((setting.name.to_owned(), value.clone()));
        }
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::CATALOGUE;
    use crate::format::parse;
    use crate::planner;

    fn read(text: &str) -> super::super::Scenario {
        parse("a test", text, &[]).unwrap_or_else(|error| panic!("{text}\n{:?}", error.mistakes()))
    }

    /// What the seed decides beyond the scenario is the same in both: salts and numbers of steps.
    fn bare(mut plan: Plan) -> Plan {
        plan.cluster.jitter_salt = 0;
        plan.fresh_producer.jitter_salt = 0;
        plan.final_reader.jitter_salt = 0;
        let mut tree = serde_json::to_value(&plan).expect("plain data");
        for client in tree["clients"].as_array_mut().into_iter().flatten() {
            client["config"]["jitter_salt"] = Value::from(0);
            if client["config"]["worker"].is_object() {
                client["config"]["worker"]["record_salt"] = Value::from("0");
            }
            if client["pipeline"].is_object() {
                client["pipeline"]["producer"]["jitter_salt"] = Value::from(0);
            }
        }
        serde_json::from_value(tree).expect("still a plan")
    }

    #[test]
    fn every_plan_of_the_catalogue_is_said_again() {
        for entry in CATALOGUE {
            for seed in 1..=4 {
                let plan = planner::plan(&read(entry.text), seed);
                if plan.core.is_some() || !plan.clocks.is_empty() {
                    continue;
                }
                let text = print_scenario(&plan, entry.name, "The same.", &[]).expect("words");
                let again = planner::plan(&read(&text), seed);
                assert_eq!(bare(again), bare(plan), "{} {seed}\n{text}", entry.name);
            }
        }
    }

    #[test]
    fn what_becomes_of_those_outside_a_core_is_said() {
        let entry = crate::catalogue::find("minority-stays-dead").expect("a name of the catalogue");
        let plan = planner::plan(&read(entry.text), 1);
        let text = print_scenario(&plan, entry.name, "The same.", &[]).expect("words");
        let again = planner::plan(&read(&text), 1);
        let state = |plan: &Plan| plan.core.as_ref().map(|core| core.state);
        assert!(plan.core.is_some() && state(&again) == state(&plan), "{text}");
    }

    #[test]
    fn a_kind_that_no_scenario_knows_is_told() {
        let mut text = Text::default();
        let said = text.client(&serde_json::json!({"kind": "bridge"}), &Value::Null);
        assert_eq!(said, Err("no words for a client of kind `bridge`".to_owned()));
    }
}
