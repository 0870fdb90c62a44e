//! What must hold of every partition's registration, asserted as it is written.

use crate::note::PartitionRegistration;
use crate::replication::effective_min_isr;
use crate::types::TopicPartition;

/// Asserts the shape of a registration, and that it follows from the one before.
pub(super) fn check_registration(
    partition: TopicPartition,
    old: Option<&PartitionRegistration>,
    new: &PartitionRegistration,
    min_insync_replicas: u32,
) {
    let is_replica = |node| new.replicas.contains(node);
    assert!(new.isr.iter().all(is_replica), "{partition}: ISR outside the replicas: {new:?}");
    assert!(new.elr.iter().all(is_replica), "{partition}: ELR outside the replicas: {new:?}");
    let both = new.elr.iter().any(|member| new.isr.contains(member));
    assert!(!both, "{partition}: in ISR and ELR at once: {new:?}");
    let enough = new.isr.len() >= effective_min_isr(min_insync_replicas, new.replicas.len());
    assert!(!enough || new.elr.is_empty(), "{partition}: ELR beside a full ISR: {new:?}");
    let led = new.leader.is_none_or(|leader| new.isr.contains(&leader));
    assert!(led, "{partition}: leader outside the ISR: {new:?}");
    let assigned = |node| is_replica(node) && new.reassignment.is_under_way();
    let (adding, removing) = (&new.reassignment.adding, &new.reassignment.removing);
    assert!(adding.iter().chain(removing).all(assigned), "{partition}: moves strangers: {new:?}");
    let Some(old) = old else { return };
    let drops = old.replicas.iter().any(|replica| !is_replica(replica));
    let (moved, next) = (new.leader != old.leader, old.leader_epoch.next());
    let stays = !moved && new.leader_epoch == old.leader_epoch;
    let grows = (moved || drops) && new.leader_epoch == next;
    assert!(stays || grows, "{partition}: leader epoch of {new:?} after {old:?}");
    let version = old.partition_epoch.next();
    assert!(new.partition_epoch == version, "{partition}: version of {new:?} after {old:?}");
}
