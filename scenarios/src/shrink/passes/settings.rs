//! Settings back to their defaults: all of them, then ever fewer at a time.

use serde_json::Value;

use crate::shrink::edit::{Edit, parts};
use crate::shrink::failing_run::FailingRun;
use crate::shrink::tree;
use crate::shrink::unusual::{Unusual, differences};

pub(super) fn usual(tree: &Value, _failing_run: &FailingRun) -> Vec<Edit> {
    let mut edits = parts(&differences(tree));
    edits.dedup_by_key(|part| part.iter().map(|one| one.place.clone()).collect::<Vec<_>>());
    edits.into_iter().map(reset).collect()
}

/// Puts all of them back.
fn reset(part: Vec<Unusual>) -> Edit {
    Edit::new(move |tree| {
        let mut changed = false;
        for one in &part {
            changed |= tree::put(tree, &one.place, one.default.clone());
        }
        changed
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::parse;
    use crate::plain::plain_tree;
    use crate::planner::plan;
    use crate::shrink::unusual::unusual;

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
