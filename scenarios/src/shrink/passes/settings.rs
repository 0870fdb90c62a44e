//! Settings back to their defaults: all of them, then ever fewer at a time.

use serde_json::Value;

use crate::shrink::edit::{Edit, parts};
use crate::shrink::failing_run::FailingRun;
use crate::shrink::mend::mend;
use crate::shrink::tree;
use crate::shrink::unusual::{Unusual, differences, unusual};

pub(super) fn usual(tree: &Value, _failing_run: &FailingRun) -> Vec<Edit> {
    let mut edits = parts(&differences(tree));
    edits.dedup_by_key(|part| part.iter().map(|one| one.place.clone()).collect::<Vec<_>>());
    edits.into_iter().map(reset).collect()
}

/// Puts all of them back, and with a part that goes whatever was usual for who has it and is odd for who has not.
fn reset(part: Vec<Unusual>) -> Edit {
    Edit::new(move |tree| {
        let before = unusual(tree);
        let mut changed = false;
        for one in &part {
            changed |= tree::put(tree, &one.place, one.default.clone());
        }
        mend(tree);
        for one in differences(tree).into_iter().filter(|one| !before.contains(&one.place)) {
            tree::put(tree, &one.place, one.default);
        }
        changed
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use harrow_sim::plan::Plan;

    use crate::format::parse;
    use crate::plain::plain_tree;
    use crate::planner::plan;
    use crate::shrink::size::Size;

    fn read(text: &str) -> Plan {
        let text =
            format!("name = \"odd\"\nproves = \"Nothing.\"\n[[topic]]\nname = \"orders\"\n{text}");
        let scenario = parse("a test", &text, &[]).unwrap_or_else(|e| panic!("{:?}", e.mistakes()));
        plan(&scenario, 0)
    }

    #[test]
    fn a_plan_that_sets_nothing_has_no_unusual_settings() {
        assert_eq!(unusual(&plain_tree()), Vec::<String>::new());
        for kind in ["producer", "consumer"] {
            let plan = read(&format!("[[load]]\nkind = \"{kind}\"\n"));
            assert_eq!(unusual(&tree::tree(&plan)), Vec::<String>::new(), "{kind}");
        }
    }

    #[test]
    fn parts_and_what_is_set_in_them_are_put_back_one_by_one() {
        let table: [(&str, &[&str]); 5] = [
            (
                "[[load]]\nkind = \"consumer\"\ngroup.id = \"g\"\nsession.timeout.ms = 1234\n",
                &[
                    "/clients/0/config/group",
                    "/clients/0/config/group/session_timeout_ms",
                    "/clients/0/member",
                ],
            ),
            (
                "[[load]]\nkind = \"transaction\"\nabort_one_in = 7\n",
                &["/clients/0/transactions", "/clients/0/transactions/abort_one_in"],
            ),
            (
                "[[topic]]\nname = \"results\"\n[[load]]\nkind = \"consumer\"\ngroup.id = \"g\"\n\
                 topics = [\"orders\"]\noutputs = [\"results\"]\nlinger.ms = 5\n",
                &[
                    "/clients/0/config/group",
                    "/clients/0/member",
                    "/clients/0/pipeline",
                    "/clients/0/pipeline/producer/linger_ms",
                ],
            ),
            (
                "retention.ms = 5000\nretention.bytes = 77\n",
                &["/topics/0/retention/retention_bytes", "/topics/0/retention/retention_ms"],
            ),
            (
                "cleanup.policy = \"compact\"\ndelete.retention.ms = 5\n",
                &[
                    "/topics/0/retention/compaction",
                    "/topics/0/retention/compaction/delete_retention_ms",
                ],
            ),
        ];
        for (text, wanted) in table {
            let read = read(text);
            let mut found = unusual(&tree::tree(&read));
            // Whether anybody writes in transactions decides how the last reader reads.
            found.retain(|place| !place.starts_with("/final_reader"));
            found.sort();
            assert_eq!(found, wanted, "{text}");
            for one in differences(&tree::tree(&read)) {
                let place = one.place.clone();
                let less = reset(vec![one]).apply(&read);
                let less = less.unwrap_or_else(|| panic!("{text}: no plan without {place}"));
                assert!(Size::of(&less) < Size::of(&read), "{text}: {place}");
            }
        }
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
