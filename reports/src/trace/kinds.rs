//! All kinds of events and their fields, asked of the types that are written: a list that nobody has to keep.

use harrow_broker_model::note::{
    BrokerNote, ConsumerNote, ControllerNote, ExchangeNote, GroupNote, LogNote, ProducerNote,
    QuorumNote, ReplicationNote, TransactionNote,
};
use harrow_sim::run::APIS;
use serde::de::Deserialize;

use super::fields::kebab;
use super::probe::{Expected, expected};
use super::shape::{FieldShape, Shape, shapes};

/// A kind of event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kind {
    /// Its family.
    pub family: &'static str,
    /// Its name.
    pub name: String,
    /// The fields that it has, or may have, with those that are in them, and what each may be.
    pub fields: Vec<FieldShape>,
    /// Whether its events are of a node.
    pub has_node: bool,
    /// Whether its events may be of a partition.
    pub has_partition: bool,
}

impl Kind {
    /// Names of its fields, without those that are in them.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.fields.iter().map(|field| field.path.as_str()).filter(|path| !path.contains('.'))
    }

    /// What a field may be; none if there is no such field.
    pub fn shape(&self, path: &str) -> Option<&Shape> {
        self.fields.iter().find(|field| field.path == path).map(|field| &field.shape)
    }
}

/// A field of an event that is no fact.
#[derive(Clone, Copy)]
struct Field(&'static str, fn() -> Shape);

const API: Field = Field("api", || Shape::words(&APIS));
const BYTES: Field = Field("bytes", || Shape::Number);
const CONNECTION: Field = Field("connection", || Shape::Number);
const CORRELATION_ID: Field = Field("correlation_id", || Shape::Number);
const FILE: Field = Field("file", || Shape::Name);
const FROM: Field = Field("from", || Shape::Node);
const NODES: Field = Field("nodes", || Shape::Node);
const OPERATION: Field = Field("operation", || Shape::Number);
const PARTITION: Field = Field("partition", || Shape::Name);
const RECORDS: Field = Field("records", || Shape::Number);
const REQUEST: Field = Field("request", || Shape::Number);
const TO: Field = Field("to", || Shape::Node);

/// Events that are no facts.
struct Others {
    family: &'static str,
    fields: &'static [Field],
    /// Whether they are of a node and, as their fields or texts tell, of a partition.
    node: bool,
    partition: bool,
    names: &'static [&'static str],
}

const OTHERS: [Others; 13] = [
    Others { family: "world", fields: &[NODES], node: true, partition: true, names: &["fault"] },
    Others { family: "world", fields: &[], node: false, partition: false, names: &["healed"] },
    Others {
        family: "world",
        fields: &[],
        node: true,
        partition: false,
        names: &["process-ended"],
    },
    Others {
        family: "process",
        fields: &[],
        node: true,
        partition: false,
        names: &[
            "booted",
            "closed",
            "connected",
            "connection-closed",
            "connection-lost",
            "deadline-passed",
            "disconnected",
            "halted",
            "publisher-paused",
            "publisher-resumed",
            "stop-requested",
        ],
    },
    message(&[API, TO, CORRELATION_ID], &["request-sent"]),
    message(&[API, FROM, CONNECTION, CORRELATION_ID], &["request-received"]),
    message(&[API, CONNECTION, CORRELATION_ID, REQUEST], &["response-sent"]),
    message(&[API, FROM, CORRELATION_ID], &["response-received"]),
    Others {
        family: "operation",
        fields: &[OPERATION],
        node: true,
        partition: true,
        names: &["operation-completed"],
    },
    Others {
        family: "operation",
        fields: &[OPERATION, RECORDS],
        node: true,
        partition: true,
        names: &["operation-invoked"],
    },
    Others {
        family: "disk",
        fields: &[FILE, PARTITION],
        node: true,
        partition: true,
        names: &["file-deleted", "file-flushed", "file-renamed", "file-synced", "log-moved-away"],
    },
    Others {
        family: "disk",
        fields: &[FILE, PARTITION, BYTES],
        node: true,
        partition: true,
        names: &["file-appended", "file-replaced", "file-truncated", "file-written"],
    },
    Others {
        family: "disk",
        fields: &[],
        node: true,
        partition: false,
        names: &["flush-completed"],
    },
];

const fn message(fields: &'static [Field], names: &'static [&'static str]) -> Others {
    Others { family: "message", fields, node: true, partition: true, names }
}

/// All kinds, by family and name.
pub fn kinds() -> Vec<Kind> {
    let mut all = Vec::new();
    for others in &OTHERS {
        all.extend(others.names.iter().map(|name| other(others, name)));
    }
    family::<LogNote>("log", &mut all);
    family::<ReplicationNote>("replication", &mut all);
    family::<QuorumNote>("quorum", &mut all);
    family::<ControllerNote>("controller", &mut all);
    family::<BrokerNote>("broker", &mut all);
    family::<ProducerNote>("producer", &mut all);
    family::<ConsumerNote>("consumer", &mut all);
    family::<GroupNote>("group", &mut all);
    family::<TransactionNote>("transaction", &mut all);
    family::<ExchangeNote>("exchange", &mut all);
    all.sort_by(|a, b| (a.family, &a.name).cmp(&(b.family, &b.name)));
    all
}

fn other(of: &Others, name: &str) -> Kind {
    let field =
        |Field(path, shape): &Field| FieldShape { path: (*path).to_owned(), shape: shape() };
    Kind {
        family: of.family,
        name: name.to_owned(),
        fields: of.fields.iter().map(field).collect(),
        has_node: of.node,
        has_partition: of.partition,
    }
}

/// Nodes state facts. Their partitions are in a field that is called so, wherever it is.
fn family<Facts: for<'de> Deserialize<'de>>(family: &'static str, all: &mut Vec<Kind>) {
    let Expected::Enum(variants) = expected::<Facts>(&[]) else { return };
    for variant in variants {
        let fields = shapes::<Facts>(variant);
        let last = |field: &FieldShape| field.path.rsplit('.').next().map(str::to_owned);
        let has_partition =
            fields.iter().filter_map(last).any(|name| name.starts_with("partition"));
        all.push(Kind { family, name: kebab(variant), fields, has_node: true, has_partition });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_tell_their_kinds_and_fields() {
        let all = kinds();
        let of = |family: &str, name: &str| {
            all.iter().find(|kind| kind.family == family && kind.name == name)
        };
        let truncated = of("log", "truncated").expect("logs are cut");
        assert!(truncated.names().eq(["partition", "from", "to", "reason"]));
        assert!(of("replication", "became-leader").is_some());
        assert!(of("quorum", "became-leader").is_none());
        let facts = all.iter().filter(|kind| kind.family == "transaction").count();
        assert!(facts >= 4, "{facts}");
        assert!(all.len() > 80, "{}", all.len());
    }

    #[test]
    fn types_tell_what_their_fields_may_be() {
        let all = kinds();
        let shape = |family: &str, name: &str, path: &str| {
            let kind = all.iter().find(|kind| kind.family == family && kind.name == name);
            kind.expect("there is such a kind").shape(path).cloned()
        };
        let words = |words: &[&str]| Some(Shape::words(words));
        let table = [
            ("log.truncated", "from", Some(Shape::Number)),
            ("log.truncated", "partition", Some(Shape::Name)),
            (
                "log.truncated",
                "reason",
                words(&["diverged", "out-of-range", "high-watermark", "across-start", "snapshot"]),
            ),
            ("log.recovered", "clean", words(&["false", "true"])),
            ("log.appended", "batch", Some(Shape::Object)),
            ("log.appended", "batch.leader_epoch", Some(Shape::Number)),
            (
                "log.recovered",
                "batches.kind",
                words(&["plain", "transactional", "commit-marker", "abort-marker", "control"]),
            ),
            ("log.records-deleted", "reason.kind", words(&["time", "size"])),
            ("log.records-deleted", "reason.limit_ms", Some(Shape::Number)),
            ("log.epochs-known", "epochs", Some(Shape::Number)),
            ("quorum.state-changed", "voted", Some(Shape::Node)),
            ("replication.isr-proposed", "to", Some(Shape::Node)),
            ("replication.isr-proposed", "out_of_sync.log_end_offset", Some(Shape::Number)),
            ("controller.isr-proposal-accepted", "proposal.members", Some(Shape::Number)),
            ("group.coordinator-loaded", "groups", Some(Shape::Any)),
            ("exchange.request-refused", "named", Some(Shape::Number)),
            ("group.member-owns", "group", Some(Shape::Name)),
            ("group.member-owns", "partitions", Some(Shape::Name)),
            ("controller.metadata-applied", "change.partition", Some(Shape::Name)),
            ("controller.metadata-applied", "change.registration.isr", Some(Shape::Node)),
            ("message.request-sent", "to", Some(Shape::Node)),
            ("world.fault", "nodes", Some(Shape::Node)),
            ("operation.operation-completed", "records", None),
            ("disk.file-synced", "bytes", None),
            ("log.truncated", "reson", None),
        ];
        for (kind, path, wanted) in table {
            let (family, name) = kind.split_once('.').expect("a family and a kind");
            assert_eq!(shape(family, name, path), wanted, "{kind}: {path}");
        }
        let mixed = |kind: &Kind| -> Vec<String> {
            let any = kind.fields.iter().filter(|field| field.shape == Shape::Any);
            any.map(|field| format!("{}.{} {}", kind.family, kind.name, field.path)).collect()
        };
        let mixed: Vec<String> = all.iter().flat_map(mixed).collect();
        // A tuple of a name and a number.
        assert_eq!(mixed, ["group.coordinator-loaded groups"], "nobody can say what these may be");
    }
}
