//! All kinds of events and their fields, asked of the types that are written: a list that nobody has to keep.

use std::fmt;

use harrow_broker_model::note::{
    BrokerNote, ConsumerNote, ControllerNote, ExchangeNote, GroupNote, LogNote, ProducerNote,
    QuorumNote, ReplicationNote, TransactionNote,
};
use serde::de::value::StrDeserializer;
use serde::de::{
    Deserialize, DeserializeSeed, Deserializer, EnumAccess, Error, IntoDeserializer, VariantAccess,
    Visitor,
};
use serde::forward_to_deserialize_any;

use super::fields::kebab;

/// A kind of event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kind {
    /// Its family.
    pub family: &'static str,
    /// Its name.
    pub name: String,
    /// Names of the fields that it has, or may have.
    pub fields: Vec<String>,
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
        let fields: Vec<String> = fields.iter().map(ToString::to_string).collect();
        let of = |name: &&str| Kind { family, name: (*name).to_owned(), fields: fields.clone() };
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

fn family<Facts: for<'de> Deserialize<'de>>(family: &'static str, all: &mut Vec<Kind>) {
    for variant in asked::<Facts>(None) {
        let fields = asked::<Facts>(Some(variant)).iter().map(ToString::to_string).collect();
        all.push(Kind { family, name: kebab(variant), fields });
    }
}

/// The variants of an enum, or the fields of one of them.
fn asked<Facts: for<'de> Deserialize<'de>>(variant: Option<&str>) -> &'static [&'static str] {
    let mut names: &'static [&'static str] = &[];
    // Nothing is read: the answer is what it wanted to read.
    let _ = Facts::deserialize(Probe { variant, names: &mut names });
    names
}

/// Looks at what a type wants to read, and gives it nothing.
struct Probe<'a> {
    variant: Option<&'a str>,
    names: &'a mut &'static [&'static str],
}

/// There was nothing to read.
#[derive(Debug)]
struct Nothing;

impl fmt::Display for Nothing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("nothing is there to be read")
    }
}

impl std::error::Error for Nothing {}

impl Error for Nothing {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self
    }
}

impl<'de> Deserializer<'de> for Probe<'_> {
    type Error = Nothing;

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Nothing> {
        Err(Nothing)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Nothing> {
        if self.variant.is_none() {
            *self.names = variants;
            return Err(Nothing);
        }
        visitor.visit_enum(self)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map struct identifier ignored_any
    }
}

impl<'de> EnumAccess<'de> for Probe<'_> {
    type Error = Nothing;
    type Variant = Self;

    fn variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<(S::Value, Self), Nothing> {
        let name = self.variant.ok_or(Nothing)?;
        let name: StrDeserializer<'_, Nothing> = name.into_deserializer();
        Ok((seed.deserialize(name)?, self))
    }
}

impl<'de> VariantAccess<'de> for Probe<'_> {
    type Error = Nothing;

    fn unit_variant(self) -> Result<(), Nothing> {
        Err(Nothing)
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, _: S) -> Result<S::Value, Nothing> {
        *self.names = &["value"];
        Err(Nothing)
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, _: V) -> Result<V::Value, Nothing> {
        *self.names = &["value"];
        Err(Nothing)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, Nothing> {
        *self.names = fields;
        Err(Nothing)
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
}
