//! All kinds of events and their fields, asked of the types that are written: a list that nobody has to keep.

use harrow_broker_model::note::{
    BrokerNote, ConsumerNote, ControllerNote, ExchangeNote, GroupNote, LogNote, ProducerNote,
    QuorumNote, ReplicationNote, TransactionNote,
};
use harrow_sim::run::APIS;
use serde::de::Deserialize;

use super::fields::kebab;
use super::probe::{Wanted, wanted};
use super::shape::{FieldShape, Shape, shapes};

/// A kind of event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kind {
    /// Its family.
    pub family: &'static str,
    /// Its name.
    pub name: String,
    /// Names of the fields that it has, or may have.
    pub fields: Vec<String>,
    /// What each of them may be, and what is in them.
    pub shapes: Vec<FieldShape>,
}

/// Events that are no facts: family, fields, names.
const OTHERS: [(&str, &[&str], &[&str]); 9] = [
    ("world", &[], &["fault", "healed", "process-ended"]),
    (
        "process",
        &[],
        &[
            "booted",
            "closed",
            "connection-closed",
            "connection-lost",
            "deadline-passed",
            "disconnected",
            "halted",
            "publisher-paused",
            "publisher-resumed",
            "stop-requested",
        ],
    ),
    ("message", &["api", "to", "correlation_id"], &["request-sent"]),
    ("message", &["api", "from", "connection", "correlation_id"], &["request-received"]),
    ("message", &["api", "connection", "correlation_id", "request"], &["response-sent"]),
    ("message", &["api", "from", "correlation_id"], &["response-received"]),
    ("operation", &["operation", "records"], &["operation-completed", "operation-invoked"]),
    ("disk", &[], &["flush-completed"]),
    (
        "disk",
        &["file", "partition", "bytes"],
        &[
            "file-appended",
            "file-deleted",
            "file-flushed",
            "file-renamed",
            "file-replaced",
            "file-synced",
            "file-truncated",
            "file-written",
            "log-moved-away",
        ],
    ),
];

/// All kinds, by family and name.
pub fn kinds() -> Vec<Kind> {
    let mut all = Vec::new();
    for (family, fields, names) in OTHERS {
        let of = |name: &&str| Kind {
            family,
            name: (*name).to_owned(),
            fields: fields.iter().map(ToString::to_string).collect(),
            shapes: fields.iter().map(|field| shape_of_other(field)).collect(),
        };
        all.extend(names.iter().map(of));
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

/// What a field of an event may be that is no fact.
fn shape_of_other(field: &str) -> FieldShape {
    let shape = match field {
        "api" => Shape::words(&APIS),
        "file" | "partition" => Shape::Name,
        _ => Shape::Number,
    };
    FieldShape { path: field.to_owned(), shape }
}

fn family<Facts: for<'de> Deserialize<'de>>(family: &'static str, all: &mut Vec<Kind>) {
    let Wanted::Variants(variants) = wanted::<Facts>(&[]) else { return };
    for variant in variants {
        let shapes = shapes::<Facts>(variant);
        let own = shapes.iter().map(|field| field.path.clone()).filter(|path| !path.contains('.'));
        all.push(Kind { family, name: kebab(variant), fields: own.collect(), shapes });
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
        assert_eq!(truncated.fields, ["partition", "from", "to", "reason"]);
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
            let mut shapes = kind.expect("there is such a kind").shapes.iter();
            shapes.find(|field| field.path == path).map(|field| field.shape.clone())
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
            ("log.appended", "batch", Some(Shape::Parts)),
            ("log.appended", "batch.leader_epoch", Some(Shape::Number)),
            (
                "log.recovered",
                "batches.kind",
                words(&["plain", "transactional", "commit-marker", "abort-marker", "control"]),
            ),
            ("log.records-deleted", "reason.kind", words(&["time", "size"])),
            ("log.records-deleted", "reason.limit_ms", Some(Shape::Number)),
            ("log.epochs-known", "epochs", Some(Shape::Number)),
            ("quorum.state-changed", "voted", Some(Shape::Number)),
            ("group.member-owns", "group", Some(Shape::Name)),
            ("group.member-owns", "partitions", Some(Shape::Name)),
            ("controller.metadata-applied", "change.partition", Some(Shape::Name)),
            ("controller.metadata-applied", "change.registration.isr", Some(Shape::Number)),
            ("message.request-sent", "to", Some(Shape::Number)),
            ("log.truncated", "reson", None),
        ];
        for (kind, path, wanted) in table {
            let (family, name) = kind.split_once('.').expect("a family and a kind");
            assert_eq!(shape(family, name, path), wanted, "{kind}: {path}");
        }
        let is_open = |kind: &&Kind| kind.shapes.iter().any(|field| field.shape == Shape::Open);
        let open: Vec<&Kind> = all.iter().filter(is_open).collect();
        assert!(open.is_empty(), "nobody can say what these may be: {open:?}");
    }
}
