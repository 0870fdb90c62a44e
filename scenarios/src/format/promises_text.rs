//! A history's configuration as a file, with what each line means; [`parse_promises`](super::parse_promises) reads it
//! back as the same.

use std::collections::BTreeSet;
use std::fmt::Write;

use harrow_reports::check::LogPast;
use harrow_reports::config::{
    DamagedLog, DroppedRange, FaultTerms, GroupTerms, HistoryConfig, PartitionFacts, TopicTerms,
};
use harrow_reports::policy::{
    Damage, DamageKind, Isolation, MetadataDamage, MovedByHand, PartitionTerms, ProducerTerms,
    Reset,
};

use super::promises::{
    ACKS, CLEANUP, DAMAGE, ELECTIONS, GUARANTEE, ISOLATION, MS_PER_MINUTE, PROTOCOL, RESET,
};

/// A configuration as a file that reads back as the same.
pub fn print_promises(config: &HistoryConfig) -> String {
    let mut text = "# What the clients of a history were promised, and what was done to their cluster. An absent line \
                    means what it means\n# in Kafka's strongest configuration, which `harrow check --print-config` \
                    prints.\n"
        .to_owned();
    let infallible = "writing to memory does not fail";
    print_producers(config, &mut text).expect(infallible);
    print_consumers(config, &mut text).expect(infallible);
    print_topics(config, &mut text).expect(infallible);
    print_faults(&config.faults, &mut text).expect(infallible);
    text
}

fn print_producers(config: &HistoryConfig, text: &mut String) -> std::fmt::Result {
    writeln!(text, "\n# Producers without settings of their own.\n[producer]")?;
    print_producer(config.producer, text)?;
    print_processes(config, text)
}

/// Processes with settings of their own, those with the same in one table.
fn print_processes(config: &HistoryConfig, text: &mut String) -> std::fmt::Result {
    type Own = (Option<ProducerTerms>, Option<Isolation>, Option<Reset>);
    let HistoryConfig { producers, isolations, resets, .. } = config;
    let consumers = isolations.keys().chain(resets.keys());
    let named: BTreeSet<u32> = producers.keys().chain(consumers).copied().collect();
    let mut alike: Vec<(Own, Vec<u32>)> = Vec::new();
    for process in named {
        let consumer = (isolations.get(&process).copied(), resets.get(&process).copied());
        let own = (producers.get(&process).copied(), consumer.0, consumer.1);
        match alike.iter_mut().find(|(known, _)| *known == own) {
            Some((_, processes)) => processes.push(process),
            None => alike.push((own, vec![process])),
        }
    }
    for ((producer, isolation, reset), processes) in &alike {
        writeln!(text, "\n# Processes with settings of their own.\n[[process]]")?;
        writeln!(text, "numbers = {processes:?}")?;
        if let Some(terms) = producer {
            print_producer(*terms, text)?;
        }
        if let Some(isolation) = isolation {
            writeln!(text, "isolation.level = {}", name_of(&ISOLATION, isolation))?;
        }
        if let Some(reset) = reset {
            writeln!(text, "auto.offset.reset = {}", name_of(&RESET, reset))?;
        }
    }
    Ok(())
}

fn print_producer(terms: ProducerTerms, text: &mut String) -> std::fmt::Result {
    let ProducerTerms { acks, idempotence, in_flight_max } = terms;
    writeln!(text, "acks = {:<34} # \"all\", \"1\" or \"0\"", name_of(&ACKS, &acks))?;
    writeln!(
        text,
        "enable.idempotence = {idempotence:<20} # false: duplicates and disorder are legal"
    )?;
    writeln!(text, "max.in.flight.requests.per.connection = {in_flight_max}")
}

fn print_consumers(config: &HistoryConfig, text: &mut String) -> std::fmt::Result {
    let isolation = name_of(&ISOLATION, &config.isolation);
    let reset = name_of(&RESET, &config.offset_reset);
    let protocol = name_of(&PROTOCOL, &config.member_epochs);
    let (subscribes, keeps) = (config.subscribes, config.assign_keeps_position);
    writeln!(text, "\n# All consumers.\n[consumer]")?;
    writeln!(text, "isolation.level = {isolation:<23} # or \"read_uncommitted\"")?;
    writeln!(text, "auto.offset.reset = {reset:<21} # or \"latest\", \"none\", \"by_duration\"")?;
    writeln!(
        text,
        "assign.keeps.position = {keeps:<17} # false: librdkafka; an assign forgets positions"
    )?;
    writeln!(text, "group.protocol = {protocol:<24} # or \"consumer\": each member has its epoch")?;
    writeln!(text, "subscribe = {subscribes:<29} # partitions come from a group, not by assign")?;
    for (name, GroupTerms { guarantees, classic, processed_within_ms }) in &config.groups {
        writeln!(
            text,
            "\n# A group with settings of its own.\n[[group]]\nname = {}",
            quoted(name)
        )?;
        let made: Vec<String> = guarantees.iter().map(|made| name_of(&GUARANTEE, made)).collect();
        match &made[..] {
            [] => writeln!(text, "guarantee = {}", quoted(GUARANTEE[0].0))?,
            [made] => writeln!(text, "guarantee = {made}")?,
            several => {
                let several = several.join(", ");
                writeln!(text, "guarantee = [{several}] # its members' differ")?;
            }
        }
        if *classic {
            writeln!(text, "group.protocol = {}", name_of(&PROTOCOL, &false))?;
        }
        if let Some(within_ms) = processed_within_ms {
            writeln!(text, "processed_within_ms = {within_ms} # after it was acknowledged")?;
        }
    }
    for MovedByHand { group, from_ns, until_ns } in &config.moved_by_hand {
        writeln!(text, "\n# An administrator deleted or moved its offsets, at some time between.")?;
        writeln!(text, "[[moved]]\ngroup = {}\nfrom_ns = {from_ns}", quoted(group))?;
        if *until_ns != u64::MAX {
            writeln!(text, "until_ns = {until_ns}")?;
        }
    }
    Ok(())
}

fn print_topics(config: &HistoryConfig, text: &mut String) -> std::fmt::Result {
    writeln!(text, "\n# Topics without settings of their own.\n[broker]")?;
    print_topic(&config.topic, "log.cleanup.policy", text)?;
    print_broker(config, text)?;
    for (name, terms) in &config.topics {
        writeln!(text, "\n[[topic]]\nname = {}", quoted(name))?;
        print_topic(terms, "cleanup.policy", text)?;
    }
    for (name, facts) in &config.partitions {
        print_partition(name, facts, text)?;
    }
    Ok(())
}

fn print_broker(config: &HistoryConfig, text: &mut String) -> std::fmt::Result {
    let HistoryConfig { offsets_retention_ms: ms, producers_expire, .. } = config;
    if ms % MS_PER_MINUTE == 0 {
        let minutes = ms / MS_PER_MINUTE;
        writeln!(text, "offsets.retention.minutes = {minutes:<13} # of a group without members")?;
    } else {
        writeln!(text, "offsets.retention.ms = {ms:<18} # of a group without members")?;
    }
    let kept = config.eligible_leader_replicas;
    writeln!(
        text,
        "producer.ids.expire = {producers_expire:<19} # true: while producers still repeat batches"
    )?;
    writeln!(
        text,
        "eligible_leader_replicas = {kept:<14} # false: no loss of a broker's data is survived"
    )
}

fn print_partition(name: &str, facts: &PartitionFacts, text: &mut String) -> std::fmt::Result {
    let PartitionFacts { log, taken_for_another_ns, leader_changes } = facts;
    let LogPast { log_start_offset, moves, deleted_ns } = log;
    writeln!(text, "\n[[partition]]\nname = {}", quoted(name))?;
    writeln!(
        text,
        "log_start_offset = {log_start_offset:<22} # retention or DeleteRecords has removed what was before"
    )?;
    if !moves.is_empty() {
        let (at, to): (Vec<u64>, Vec<i64>) = moves.iter().copied().unzip();
        writeln!(text, "log_start_moved_at_ns = {at:?}\nlog_start_moved_to = {to:?}")?;
    }
    if let Some(deleted_ns) = deleted_ns {
        writeln!(text, "deleted_at_ns = {deleted_ns:<25} # with its topic")?;
    }
    if let Some(times) = taken_for_another_ns {
        writeln!(text, "taken_for_another_at_ns = {times:?}")?;
    }
    if let Some(changes) = leader_changes {
        let times = changes.iter().map(|change| (change.elected_ns, change.deposed_until_ns));
        let (elected, deposed): (Vec<u64>, Vec<u64>) = times.unzip();
        writeln!(text, "leader_elected_at_ns = {elected:?}")?;
        if elected != deposed {
            writeln!(text, "leader_deposed_until_ns = {deposed:?}")?;
        }
    }
    Ok(())
}

fn print_topic(terms: &TopicTerms, cleanup: &str, text: &mut String) -> std::fmt::Result {
    let PartitionTerms { unclean_leader_election, min_insync_replicas } = terms.partition;
    writeln!(text, "min.insync.replicas = {min_insync_replicas}")?;
    writeln!(text, "unclean.leader.election.enable = {unclean_leader_election}")?;
    writeln!(text, "{cleanup} = {}", name_of(&CLEANUP, &terms.compacted))
}

fn print_faults(faults: &FaultTerms, text: &mut String) -> std::fmt::Result {
    let FaultTerms { disturbed, stale_end_offsets, .. } = faults;
    let listed = name_of(&ELECTIONS, &faults.dropped.is_some());
    writeln!(text, "\n# What was done to the cluster, as far as it is known.\n[faults]")?;
    writeln!(text, "disturbed = {disturbed:<29} # false: nothing at all, so no leader changed")?;
    if let Some(settled) = faults.settled_ns {
        writeln!(
            text,
            "settled_at_ns = {settled:<25} # after the last fault, all leaders elected"
        )?;
    }
    writeln!(
        text,
        "stale_end_offsets = {stale_end_offsets:<21} # deposed leaders may answer with old ends"
    )?;
    writeln!(
        text,
        "unclean_elections = {listed:<21} # \"listed\": [[dropped]] is all that they dropped"
    )?;
    if let Some(MetadataDamage { reason, at_ns }) = &faults.metadata_damage {
        writeln!(text, "metadata_lost = {}\nmetadata_lost_at_ns = {at_ns}", quoted(reason))?;
    }
    for range in faults.dropped.iter().flatten() {
        let DroppedRange { partition, first, last, at_ns } = range;
        writeln!(text, "\n[[dropped]]\npartition = {}", quoted(partition))?;
        writeln!(text, "first = {first}\nlast = {last}")?;
        if *at_ns != u64::MAX {
            writeln!(text, "at_ns = {at_ns}")?;
        }
    }
    print_damage(faults, text)
}

fn print_damage(faults: &FaultTerms, text: &mut String) -> std::fmt::Result {
    for Damage { broker, at_ns, lasting, kind } in &faults.damage {
        writeln!(text, "\n[[damage]]\nbroker = {broker}\nat_ns = {at_ns}\nlasting = {lasting}")?;
        if *kind != DamageKind::Unknown {
            writeln!(text, "kind = {}", name_of(&DAMAGE, kind))?;
        }
    }
    for DamagedLog { partition, node, at_ns } in &faults.corrupt_logs {
        writeln!(text, "\n[[corrupt]]\npartition = {}", quoted(partition))?;
        writeln!(text, "node = {node}\nat_ns = {at_ns}")?;
    }
    Ok(())
}

/// A word of a table, in quotes.
fn name_of<T: PartialEq>(words: &[(&'static str, T)], meaning: &T) -> String {
    let found = words.iter().find(|(_, known)| known == meaning);
    format!("\"{}\"", found.map_or("", |(word, _)| word))
}

/// A text as TOML has it.
fn quoted(text: &str) -> String {
    toml::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use harrow_broker_model::config::Acks;
    use harrow_reports::policy::LeaderChange;
    use harrow_sim::plan::ProcessingGuarantee;

    use super::super::promises::parse_promises;
    use super::*;

    fn every_partition() -> BTreeMap<String, PartitionFacts> {
        let change = |elected_ns, deposed_until_ns| LeaderChange { elected_ns, deposed_until_ns };
        let log = LogPast { log_start_offset: 4, ..LogPast::default() };
        let moved = LogPast { moves: vec![(3, 2), (7, 4)], deleted_ns: Some(9), ..log.clone() };
        let known = PartitionFacts {
            log: moved,
            taken_for_another_ns: Some(vec![1, 2]),
            leader_changes: Some(vec![change(5, 6), change(8, 8)]),
        };
        let never = PartitionFacts {
            taken_for_another_ns: Some(Vec::new()),
            leader_changes: Some(Vec::new()),
            ..PartitionFacts::default()
        };
        let start = PartitionFacts { log, ..PartitionFacts::default() };
        let all = [("a.b-0", start), ("a.b-1", known), ("a.b-2", never)];
        all.map(|(name, facts)| (name.to_owned(), facts)).into()
    }

    fn every_line() -> HistoryConfig {
        let weak = ProducerTerms { acks: Acks::Leader, idempotence: false, in_flight_max: 7 };
        let partition = PartitionTerms { unclean_leader_election: true, min_insync_replicas: 1 };
        let terms = TopicTerms { partition, compacted: true };
        let once = GroupTerms {
            guarantees: vec![ProcessingGuarantee::AtLeastOnce],
            classic: false,
            processed_within_ms: Some(2_500),
        };
        let both = vec![ProcessingGuarantee::AtLeastOnce, ProcessingGuarantee::AtMostOnce];
        let old = GroupTerms { guarantees: both, classic: true, ..GroupTerms::default() };
        let range =
            DroppedRange { partition: "a \"b\"-0".to_owned(), first: 1, last: 9, at_ns: 77 };
        HistoryConfig {
            producers: [(3, weak), (4, weak), (9, HistoryConfig::default().producer)].into(),
            isolation: Isolation::ReadUncommitted,
            subscribes: true,
            offset_reset: Reset::Latest,
            assign_keeps_position: false,
            offsets_retention_ms: 7 * MS_PER_MINUTE,
            producers_expire: true,
            eligible_leader_replicas: false,
            member_epochs: true,
            groups: [("billing".to_owned(), once), ("old".to_owned(), old)].into(),
            isolations: [(4, Isolation::ReadCommitted), (5, Isolation::ReadUncommitted)].into(),
            resets: [(5, Reset::None), (6, Reset::Latest)].into(),
            moved_by_hand: [7, u64::MAX]
                .map(|until_ns| MovedByHand { group: "billing".to_owned(), from_ns: 5, until_ns })
                .into(),
            topics: [("a.b".to_owned(), terms)].into(),
            partitions: every_partition(),
            faults: FaultTerms {
                disturbed: false,
                settled_ns: Some(5),
                stale_end_offsets: true,
                dropped: Some(vec![range.clone(), DroppedRange { at_ns: u64::MAX, ..range }]),
                damage: vec![
                    Damage { broker: 1, at_ns: 2, lasting: true, kind: DamageKind::Unknown },
                    Damage { broker: 2, at_ns: 3, lasting: false, kind: DamageKind::Wipe },
                ],
                corrupt_logs: vec![DamagedLog { partition: "a.b-0".to_owned(), node: 2, at_ns: 5 }],
                metadata_damage: Some(MetadataDamage { reason: "both disks".to_owned(), at_ns: 8 }),
            },
            ..HistoryConfig::default()
        }
    }

    #[test]
    fn what_is_printed_reads_back_as_the_same() {
        let none_dropped = HistoryConfig {
            faults: FaultTerms { dropped: Some(Vec::new()), ..HistoryConfig::default().faults },
            ..HistoryConfig::default()
        };
        let soon = HistoryConfig { offsets_retention_ms: 1_234, ..HistoryConfig::default() };
        for config in [HistoryConfig::default(), every_line(), none_dropped, soon] {
            let text = print_promises(&config);
            let back = parse_promises("config.toml", &text);
            assert_eq!(back.expect("it was printed by us"), config, "{text}");
        }
    }

    #[test]
    fn a_process_may_read_what_others_may_not() {
        let text = "[[process]]\nnumbers = [3, 4]\nisolation.level = \"read_uncommitted\"\n\
                    [[process]]\nnumbers = [5]\nacks = \"1\"\nisolation.level = \"read_committed\"\n";
        let read = parse_promises("config.toml", text).expect("it is right");
        assert_eq!(read.producers.keys().copied().collect::<Vec<_>>(), [5]);
        assert_eq!(read.isolations.len(), 3);
        let again = parse_promises("config.toml", &print_promises(&read));
        assert_eq!(again.expect("what is printed is read"), read);
    }
}
