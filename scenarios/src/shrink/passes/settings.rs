//! Settings back to their defaults. Which they are is asked of the planner: the plan of a scenario that sets nothing
//! has them all, so that a setting that is new here is known here.

use serde_json::Value;

use crate::plain::plain_tree;
use crate::shrink::edit::{Edit, parts};
use crate::shrink::tree;
use crate::shrink::witness::Witness;

/// What is no setting: who and where a client is, how much there is of something, which has passes of its own, and by
/// which rules a run is made.
const NOT_SETTINGS: [&str; 15] = [
    "node",
    "bootstrap",
    "jitter_salt",
    "brokers",
    "controllers",
    "kafka",
    "defects",
    "name",
    "topics",
    "partitions",
    "replication_factor",
    "operations",
    "start_ms",
    "kind",
    "member",
];

/// A setting that is not at its default, and that default; `Null` is absent.
#[derive(Clone)]
struct Unusual {
    place: String,
    default: Value,
}

/// The places of a plan's settings that are not at their defaults.
pub(in crate::shrink) fn unusual(tree: &Value) -> Vec<String> {
    differences(tree).into_iter().map(|one| one.place).collect()
}

pub(super) fn usual(tree: &Value, _witness: &Witness) -> Vec<Edit> {
    let mut edits = parts(&differences(tree));
    edits.dedup_by_key(|part| part.iter().map(|one| one.place.clone()).collect::<Vec<_>>());
    edits.into_iter().map(reset).collect()
}

/// Puts all of them back.
fn reset(part: Vec<Unusual>) -> Edit {
    Edit::new(move |tree| {
        part.iter()
            .fold(false, |changed, one| tree::put(tree, &one.place, one.default.clone()) || changed)
    })
}

fn differences(tree: &Value) -> Vec<Unusual> {
    let plain = plain_tree(None);
    let mut found = Vec::new();
    for section in ["cluster", "network", "disk", "admin", "fresh_producer", "final_reader"] {
        compare(&format!("/{section}"), &tree[section], &plain[section], &mut found);
    }
    let converge = "/converge_within_ms";
    compare(converge, tree::at(tree, converge), tree::at(&plain, converge), &mut found);
    if !tree::list(tree, "/expect/reach").is_empty() {
        let default = Value::Array(Vec::new());
        found.push(Unusual { place: "/expect/reach".to_owned(), default });
    }
    for (position, topic) in tree::list(tree, "/topics").iter().enumerate() {
        let default = tree::at(&plain, "/topics/0");
        compare(&format!("/topics/{position}"), topic, default, &mut found);
    }
    for (position, client) in tree::list(tree, "/clients").iter().enumerate() {
        let plain = plain_tree(tree::at(client, "/kind").as_str());
        let default = tree::at(&plain, "/clients/0");
        compare(&format!("/clients/{position}"), client, default, &mut found);
    }
    found
}

/// Where the two differ. What only one of them has is left alone, unless the default is that it is absent.
fn compare(place: &str, value: &Value, default: &Value, found: &mut Vec<Unusual>) {
    let (Some(have), Some(usual)) = (value.as_object(), default.as_object()) else {
        if value != default && !default.is_null() && !value.is_null() {
            found.push(Unusual { place: place.to_owned(), default: default.clone() });
        }
        return;
    };
    for (key, value) in have.iter().filter(|(key, _)| !NOT_SETTINGS.contains(&key.as_str())) {
        let place = format!("{place}/{key}");
        match usual.get(key) {
            Some(default) => compare(&place, value, default, found),
            None => found.push(Unusual { place, default: Value::Null }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::parse;
    use crate::planner::plan;

    #[test]
    fn a_plan_that_sets_nothing_has_no_unusual_settings() {
        for kind in [None, Some("producer"), Some("consumer"), Some("no such kind")] {
            assert_eq!(unusual(&plain_tree(kind)), Vec::<String>::new(), "{kind:?}");
        }
        assert_eq!(tree::list(&plain_tree(Some("consumer")), "/clients").len(), 1);
    }

    #[test]
    fn what_a_scenario_sets_is_found_and_put_back() {
        let text = "name = \"odd\"\nproves = \"Nothing.\"\n[cluster]\nlog.segment.bytes = 1024\n\
            [[topic]]\nname = \"orders\"\nmin.insync.replicas = 2\n[[load]]\nkind = \"producer\"\n\
            acks = \"1\"\nlinger.ms = 7\n[network]\nslow_one_in = 3\n";
        let scenario = parse("a test", text, &[]).unwrap_or_else(|e| panic!("{:?}", e.mistakes()));
        let read = plan(&scenario, 0);
        assert_eq!(
            unusual(&tree::tree(&read)),
            [
                "/cluster/segment_bytes",
                "/network/slow_one_in",
                "/topics/0/min_insync_replicas",
                "/clients/0/config/acks",
                "/clients/0/config/idempotence",
                "/clients/0/config/linger_ms",
            ]
        );
        let all = reset(differences(&tree::tree(&read))).apply(&read).expect("a sound plan");
        assert_eq!(unusual(&tree::tree(&all)), Vec::<String>::new());
    }
}
