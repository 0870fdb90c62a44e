//! Clients get the ids that a scenario gives: 1001, 1002, ... in their order. A client asks first the broker that its
//! id makes its first, and is known by the transactional id that goes with it: the brokers turn with it, or do not.

use harrow_sim::plan::Target;
use serde_json::{Value, json};

use super::topology::rename;
use crate::planner::defaults::CLIENTS_FROM;
use crate::shrink::edit::Edit;
use crate::shrink::failing_run::FailingRun;
use crate::shrink::tree::{at, each_mut, list};

pub(super) fn usual_ids(tree: &Value, _failing_run: &FailingRun) -> Vec<Edit> {
    let brokers = list(tree, "/cluster/brokers").len();
    (0..brokers).map(|turns| Edit::new(move |tree| number(tree, turns))).collect()
}

/// How far the clients' ids are from those that a scenario gives.
pub(in crate::shrink) fn away(tree: &Value) -> u64 {
    given(tree).into_iter().map(|(from, to)| from.abs_diff(to)).sum()
}

/// Each client's id, with the one that a scenario gives.
fn given(tree: &Value) -> Vec<(i64, i64)> {
    let ids = list(tree, "/clients").iter().map(|client| at(client, "/config/node").as_i64());
    ids.zip(i64::from(CLIENTS_FROM)..).filter_map(|(from, to)| Some((from?, to))).collect()
}

/// Numbers the clients, and has each broker take the place of the one so many places after it.
fn number(tree: &mut Value, turns: usize) -> bool {
    let clients = given(tree);
    if clients.iter().all(|(from, to)| from == to) {
        return false;
    }
    let brokers: Vec<i64> =
        list(tree, "/cluster/brokers").iter().filter_map(Value::as_i64).collect();
    let turned = brokers.iter().cycle().skip(turns);
    let turned: Vec<(i64, i64)> = brokers.iter().copied().zip(turned.copied()).collect();
    rename(tree, &[clients.clone(), turned].concat());
    let own = |id: i64| format!("t{}", id - i64::from(CLIENTS_FROM) + 1);
    let ids: Vec<(String, String)> =
        clients.iter().map(|(from, to)| (own(*from), own(*to))).collect();
    let other = |id: &str| ids.iter().find(|(from, _)| from == id).map(|(_, to)| to.clone());
    each_mut(tree, &mut |key, value| {
        if key == "bootstrap"
            && let Some(brokers) = value.as_array_mut()
        {
            brokers.sort_by_key(Value::as_i64);
        }
        let Some(text) = value.as_str() else { return };
        let other = match Target::parse(text) {
            _ if key == "transactional_id" => other(text),
            Ok(Target::TransactionCoordinatorOf(id)) => {
                other(&id).map(|id| Target::TransactionCoordinatorOf(id).to_string())
            }
            Ok(_) | Err(_) => None,
        };
        if let Some(other) = other {
            *value = json!(other);
        }
    });
    true
}
