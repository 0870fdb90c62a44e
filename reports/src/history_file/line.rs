//! One line as JSON has it, read straight into vectors that are used again for the next one.

use std::fmt;

use serde::de::{self, DeserializeSeed, Deserializer, MapAccess, Unexpected, Visitor};

use super::micro::MicroList;
use super::names::Names;
use super::parts::Context;
use super::word::Word;

/// What kind of line it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Invoke,
    Ok,
    Fail,
    Info,
}

/// The function of an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Name {
    Send,
    Poll,
    Txn,
    Assign,
    Subscribe,
    Join,
    Commit,
    List,
    Crash,
}

impl Name {
    pub(super) const ALL: [(&'static str, Self); 9] = [
        ("send", Self::Send),
        ("poll", Self::Poll),
        ("txn", Self::Txn),
        ("assign", Self::Assign),
        ("subscribe", Self::Subscribe),
        ("join", Self::Join),
        ("commit", Self::Commit),
        ("list", Self::List),
        ("crash", Self::Crash),
    ];

    pub(super) fn text(self) -> &'static str {
        Self::ALL[self as usize].0
    }
}

/// What stands in a line, but for the operation's parts. Absent keys are none.
#[derive(Debug, Default)]
pub(super) struct Fields {
    pub(super) harrow_history: Option<u64>,
    /// Whether partitions are listed.
    pub(super) partitions: Option<()>,
    pub(super) index: Option<u64>,
    pub(super) time: Option<u64>,
    pub(super) process: Option<u32>,
    pub(super) kind: Option<Kind>,
    pub(super) f: Option<Name>,
    /// Whether there is a list of micro-operations; `null` is none.
    pub(super) value: Option<bool>,
    pub(super) from_start: Option<bool>,
    pub(super) invoked: Option<u64>,
    pub(super) end: Option<End>,
}

/// The last line's content.
#[derive(Debug, Clone, Copy)]
pub(super) struct End {
    pub(super) lines: u64,
    pub(super) final_reads: bool,
}

/// Reads a line. The error is a column, from 1, and what is wrong.
pub(super) fn read_line(text: &str, context: &mut Context) -> Result<Fields, (usize, String)> {
    context.parts.clear();
    let mut json = serde_json::Deserializer::from_str(text);
    let read = LineSeed(context).deserialize(&mut json);
    let fields = read.and_then(|fields| json.end().map(|()| fields));
    fields.map_err(|error| (error.column().max(1), describe(text, &error)))
}

/// The parser's message without its place, and plainer where that is possible.
fn describe(text: &str, error: &serde_json::Error) -> String {
    if error.is_eof() {
        return "the line ends in the middle: it was cut off".to_owned();
    }
    if error.is_syntax() && text.contains('\0') {
        return "there is a NUL byte".to_owned();
    }
    let whole = error.to_string();
    // The parser counts lines within this one line.
    whole.rsplit_once(" at line ").map_or(whole.as_str(), |(problem, _)| problem).to_owned()
}

struct LineSeed<'c>(&'c mut Context);

impl<'de> DeserializeSeed<'de> for LineSeed<'_> {
    type Value = Fields;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Fields, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for LineSeed<'_> {
    type Value = Fields;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields, A::Error> {
        let mut fields = Fields::default();
        while let Some(key) = map.next_key_seed(Word("key", &KEYS))? {
            match key {
                Key::Index => once(&mut fields.index, &mut map, Whole("index", MOST), key)?,
                Key::Time => once(&mut fields.time, &mut map, Whole("time", MOST), key)?,
                Key::Process => once(&mut fields.process, &mut map, Process, key)?,
                Key::Type => once(&mut fields.kind, &mut map, Word("type", &KINDS), key)?,
                Key::F => once(&mut fields.f, &mut map, Word("f", &Name::ALL), key)?,
                Key::Value => once(&mut fields.value, &mut map, MicroList(self.0), key)?,
                Key::FromStart => {
                    once(&mut fields.from_start, &mut map, Flag("from_start"), key)?;
                }
                Key::Invoked => once(&mut fields.invoked, &mut map, Whole("invoked", MOST), key)?,
                Key::End => once(&mut fields.end, &mut map, EndSeed, key)?,
                Key::HarrowHistory => {
                    let number = Whole("harrow_history", MOST);
                    once(&mut fields.harrow_history, &mut map, number, key)?;
                }
                Key::Partitions => {
                    once(&mut fields.partitions, &mut map, PartitionList(&mut self.0.names), key)?;
                }
            }
        }
        Ok(fields)
    }
}

/// Keys of a line.
#[derive(Clone, Copy)]
enum Key {
    Index,
    Time,
    Process,
    Type,
    F,
    Value,
    FromStart,
    Invoked,
    End,
    HarrowHistory,
    Partitions,
}

const KEYS: [(&str, Key); 11] = [
    ("index", Key::Index),
    ("time", Key::Time),
    ("process", Key::Process),
    ("type", Key::Type),
    ("f", Key::F),
    ("value", Key::Value),
    ("from_start", Key::FromStart),
    ("invoked", Key::Invoked),
    ("end", Key::End),
    ("harrow_history", Key::HarrowHistory),
    ("partitions", Key::Partitions),
];

const KINDS: [(&str, Kind); 4] =
    [("invoke", Kind::Invoke), ("ok", Kind::Ok), ("fail", Kind::Fail), ("info", Kind::Info)];

/// The highest number: one more stands for what never was.
const MOST: u64 = u64::MAX - 1;

/// Takes a key's value; the same key twice is a mistake.
fn once<'de, A: MapAccess<'de>, S: DeserializeSeed<'de>>(
    slot: &mut Option<S::Value>,
    map: &mut A,
    seed: S,
    key: Key,
) -> Result<(), A::Error> {
    if slot.is_some() {
        let name = KEYS[key as usize].0;
        return Err(de::Error::custom(format!("the key `{name}` is there twice")));
    }
    *slot = Some(map.next_value_seed(seed)?);
    Ok(())
}

/// A whole number from 0 up to, and with, a highest one.
pub(super) struct Whole(pub(super) &'static str, pub(super) u64);

impl<'de> DeserializeSeed<'de> for Whole {
    type Value = u64;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<u64, D::Error> {
        deserializer.deserialize_u64(self)
    }
}

impl Visitor<'_> for Whole {
    type Value = u64;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`, a whole number from 0 to {}", self.0, self.1)
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<u64, E> {
        if number > self.1 {
            return Err(E::invalid_value(Unexpected::Unsigned(number), &self));
        }
        Ok(number)
    }
}

/// The number of a process.
struct Process;

impl<'de> DeserializeSeed<'de> for Process {
    type Value = u32;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<u32, D::Error> {
        let number = Whole("process", u64::from(u32::MAX)).deserialize(deserializer)?;
        Ok(number as u32)
    }
}

/// True or false.
struct Flag(&'static str);

impl<'de> DeserializeSeed<'de> for Flag {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<bool, D::Error> {
        deserializer.deserialize_bool(self)
    }
}

impl Visitor<'_> for Flag {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`, true or false", self.0)
    }

    fn visit_bool<E: de::Error>(self, flag: bool) -> Result<bool, E> {
        Ok(flag)
    }
}

/// The header's list of partitions.
struct PartitionList<'n>(&'n mut Names);

impl<'de> DeserializeSeed<'de> for PartitionList<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for PartitionList<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("`partitions`, a list of names")
    }

    fn visit_seq<A: de::SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        while let Some(name) = list.next_element::<String>()? {
            self.0.list_partition(&name).map_err(de::Error::custom)?;
        }
        Ok(())
    }
}

/// The last line's content.
struct EndSeed;

impl<'de> DeserializeSeed<'de> for EndSeed {
    type Value = End;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<End, D::Error> {
        deserializer.deserialize_map(self)
    }
}

#[derive(Clone, Copy)]
enum EndKey {
    Lines,
    FinalReads,
}

const END_KEYS: [(&str, EndKey); 2] =
    [("lines", EndKey::Lines), ("final_reads", EndKey::FinalReads)];

impl<'de> Visitor<'de> for EndSeed {
    type Value = End;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("`end`, an object such as {\"lines\":17,\"final_reads\":true}")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<End, A::Error> {
        let (mut lines, mut final_reads) = (None, None);
        while let Some(key) = map.next_key_seed(Word("key of `end`", &END_KEYS))? {
            let twice = match key {
                EndKey::Lines => {
                    lines.replace(map.next_value_seed(Whole("lines", MOST))?).is_some()
                }
                EndKey::FinalReads => {
                    final_reads.replace(map.next_value_seed(Flag("final_reads"))?).is_some()
                }
            };
            if twice {
                let name = END_KEYS[key as usize].0;
                return Err(de::Error::custom(format!("the key `{name}` is there twice")));
            }
        }
        let missing = |name: &str| de::Error::custom(format!("`end` has no `{name}`"));
        Ok(End {
            lines: lines.ok_or_else(|| missing("lines"))?,
            final_reads: final_reads.ok_or_else(|| missing("final_reads"))?,
        })
    }
}
