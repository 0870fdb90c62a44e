//! Micro-operations: lists that begin with their name.

use std::fmt;

use harrow_sim::history::{NO_KEY, NO_OFFSET, NO_PARTITION, ReadRecord, SendRecord, What};
use serde::de::{self, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Unexpected, Visitor};

use super::names::Names;
use super::parts::{Context, Parts};
use super::word::Word;

/// What a micro-operation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Micro {
    Send,
    Poll,
    Assigned,
    End,
    Fetched,
    Committed,
    Rebalanced,
    Lost,
    Seek,
    Consumed,
    Member,
}

pub(super) const MICROS: [(&str, Micro); 11] = [
    ("send", Micro::Send),
    ("poll", Micro::Poll),
    ("assigned", Micro::Assigned),
    ("end", Micro::End),
    ("fetched", Micro::Fetched),
    ("committed", Micro::Committed),
    ("rebalanced", Micro::Rebalanced),
    ("lost", Micro::Lost),
    ("seek", Micro::Seek),
    ("consumed", Micro::Consumed),
    ("member", Micro::Member),
];

/// The `value` of a line; tells whether there is one.
pub(super) struct MicroList<'c>(pub(super) &'c mut Context);

impl<'de> DeserializeSeed<'de> for MicroList<'_> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<bool, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for MicroList<'_> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("`value`, a list of micro-operations such as [\"send\",partition,value,offset]")
    }

    fn visit_unit<E: de::Error>(self) -> Result<bool, E> {
        Ok(false)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<bool, A::Error> {
        while list.next_element_seed(MicroSeed(self.0))?.is_some() {}
        Ok(true)
    }
}

struct MicroSeed<'c>(&'c mut Context);

impl<'de> DeserializeSeed<'de> for MicroSeed<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for MicroSeed<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a micro-operation such as [\"send\",partition,value,offset]")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        let Context { names, parts } = self.0;
        let name = required(&mut list, Word("micro-operation", &MICROS), "a name")?;
        parts.kinds |= 1 << name as u32;
        match name {
            Micro::Send => send(&mut list, names, parts)?,
            Micro::Poll => {
                let told = list.next_element_seed(Polled(names, parts))?;
                parts.polls = true;
                parts.bare_poll |= told != Some(true);
            }
            Micro::Assigned => {
                let partition = partition(&mut list, names)?;
                parts.details.push(What::Assigned { partition });
            }
            Micro::End => {
                let partition = partition(&mut list, names)?;
                let told = list.next_element_seed(MaybeOffset)?.unwrap_or(NO_OFFSET);
                let offset = Some(told).filter(|told| *told != NO_OFFSET);
                parts.states_outcome |= offset.is_some();
                parts.details.push(What::EndOffset { partition, offset });
            }
            Micro::Fetched => {
                let partition = partition(&mut list, names)?;
                let told = list.next_element_seed(MaybeOffset)?;
                let offset = told.filter(|told| *told != NO_OFFSET);
                parts.states_outcome |= told.is_some();
                parts.details.push(What::Fetched { partition, offset });
            }
            Micro::Committed => {
                let partition = partition(&mut list, names)?;
                let offset = required(&mut list, Offset, "the next offset to read")?;
                parts.details.push(What::Committed { partition, offset });
            }
            Micro::Rebalanced | Micro::Lost => {
                let partition = partition(&mut list, names)?;
                let lost = name == Micro::Lost;
                parts.details.push(What::Rebalanced { partition, lost });
            }
            Micro::Seek => {
                let partition = partition(&mut list, names)?;
                let to = list.next_element_seed(MaybeOffset)?.unwrap_or(NO_OFFSET);
                let offset = Some(to).filter(|to| *to != NO_OFFSET);
                parts.details.push(What::Seek { partition, offset });
            }
            Micro::Consumed => parts.details.push(consumed(&mut list, names)?),
            Micro::Member => {
                let group = required(&mut list, Text, "a group")?;
                let group = names.group(&group.0).map_err(de::Error::custom)?;
                let generation = required(&mut list, Generation, "a generation")?;
                let member = What::Member { group, generation };
                let known = |what: &&What| matches!(what, What::Member { .. });
                match parts.details.iter().find(known) {
                    None => parts.details.push(member),
                    Some(known) if *known == member => {}
                    Some(_) => {
                        let problem = "an operation is that of one member, in one generation";
                        return Err(de::Error::custom(problem));
                    }
                }
            }
        }
        if list.next_element::<de::IgnoredAny>()?.is_some() {
            let name = MICROS[name as usize].0;
            return Err(de::Error::custom(format!("`{name}` has too many elements")));
        }
        Ok(())
    }
}

fn send<'de, A: SeqAccess<'de>>(
    list: &mut A,
    names: &mut Names,
    parts: &mut Parts,
) -> Result<(), A::Error> {
    let partition = list.next_element_seed(MaybePartition(names))?;
    let partition = partition.ok_or_else(|| missing("a partition or null"))?;
    let value = required(list, Value(names), "a value")?;
    if value == ReadRecord::GARBAGE {
        return Err(de::Error::custom("a send must have a value"));
    }
    let offset = list.next_element_seed(MaybeOffset)?.unwrap_or(NO_OFFSET);
    let key = list.next_element_seed(MaybeKey(names))?.unwrap_or(NO_KEY);
    parts.states_outcome |= offset != NO_OFFSET;
    parts.sends.push(SendRecord { value, offset, partition, key });
    Ok(())
}

fn consumed<'de, A: SeqAccess<'de>>(list: &mut A, names: &mut Names) -> Result<What, A::Error> {
    let partition = partition(list, names)?;
    let first = required(list, Offset, "a first offset")?;
    let last = required(list, Offset, "a last offset")?;
    if last < first {
        let problem = format!("the last offset {last} is below the first one, {first}");
        return Err(de::Error::custom(problem));
    }
    Ok(What::Consumed { partition, first, last })
}

fn partition<'de, A: SeqAccess<'de>>(list: &mut A, names: &mut Names) -> Result<u32, A::Error> {
    let name = required(list, Text, "a partition")?;
    names.partition(&name.0).map_err(de::Error::custom)
}

fn required<'de, A: SeqAccess<'de>, S: DeserializeSeed<'de>>(
    list: &mut A,
    seed: S,
    what: &str,
) -> Result<S::Value, A::Error> {
    list.next_element_seed(seed)?.ok_or_else(|| missing(what))
}

fn missing<E: de::Error>(what: &str) -> E {
    E::custom(format!("{what} is missing"))
}

/// A text, borrowed if it has no escapes.
struct Text;

struct Borrowed<'a>(std::borrow::Cow<'a, str>);

impl<'de> DeserializeSeed<'de> for Text {
    type Value = Borrowed<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Borrowed<'de>, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Text {
    type Value = Borrowed<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_borrowed_str<E: de::Error>(self, text: &'de str) -> Result<Borrowed<'de>, E> {
        Ok(Borrowed(text.into()))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Borrowed<'de>, E> {
        Ok(Borrowed(text.to_owned().into()))
    }
}

/// A partition's name, or null.
struct MaybePartition<'n>(&'n mut Names);

impl<'de> DeserializeSeed<'de> for MaybePartition<'_> {
    type Value = u32;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<u32, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl Visitor<'_> for MaybePartition<'_> {
    type Value = u32;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a partition's name, or null")
    }

    fn visit_unit<E: de::Error>(self) -> Result<u32, E> {
        Ok(NO_PARTITION)
    }

    fn visit_str<E: de::Error>(self, name: &str) -> Result<u32, E> {
        self.0.partition(name).map_err(E::custom)
    }
}

/// A record's value: a number, a text, or null for unreadable bytes.
struct Value<'n>(&'n mut Names);

impl<'de> DeserializeSeed<'de> for Value<'_> {
    type Value = u64;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<u64, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl Visitor<'_> for Value<'_> {
    type Value = u64;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value: a whole number from 0, a text, or null for unreadable bytes")
    }

    fn visit_unit<E: de::Error>(self) -> Result<u64, E> {
        Ok(ReadRecord::GARBAGE)
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<u64, E> {
        self.0.value_number(value).map_err(E::custom)
    }

    fn visit_str<E: de::Error>(self, value: &str) -> Result<u64, E> {
        self.0.value_text(value).map_err(E::custom)
    }
}

/// A record's key: a number, a text, or null.
struct MaybeKey<'n>(&'n mut Names);

impl<'de> DeserializeSeed<'de> for MaybeKey<'_> {
    type Value = u32;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<u32, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl Visitor<'_> for MaybeKey<'_> {
    type Value = u32;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key: a whole number from 0, a text, or null")
    }

    fn visit_unit<E: de::Error>(self) -> Result<u32, E> {
        Ok(NO_KEY)
    }

    fn visit_u64<E: de::Error>(self, key: u64) -> Result<u32, E> {
        self.0.key_number(key).map_err(E::custom)
    }

    fn visit_str<E: de::Error>(self, key: &str) -> Result<u32, E> {
        self.0.key_text(key).map_err(E::custom)
    }
}

/// An offset: a whole number from 0 of 63 bits.
struct Offset;

impl<'de> DeserializeSeed<'de> for Offset {
    type Value = i64;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<i64, D::Error> {
        deserializer.deserialize_i64(self)
    }
}

impl Visitor<'_> for Offset {
    type Value = i64;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a whole number from 0 to {}", i64::MAX)
    }

    fn visit_u64<E: de::Error>(self, offset: u64) -> Result<i64, E> {
        i64::try_from(offset).map_err(|_| E::invalid_value(Unexpected::Unsigned(offset), &self))
    }
}

/// A generation or member epoch: a whole number from 0 of 63 bits, or -1 outside of any.
struct Generation;

impl<'de> DeserializeSeed<'de> for Generation {
    type Value = i64;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<i64, D::Error> {
        deserializer.deserialize_i64(self)
    }
}

impl Visitor<'_> for Generation {
    type Value = i64;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a generation from 0 to {}, or -1 if the client is no member", i64::MAX)
    }

    fn visit_i64<E: de::Error>(self, generation: i64) -> Result<i64, E> {
        let known = (generation >= -1).then_some(generation);
        known.ok_or_else(|| E::invalid_value(Unexpected::Signed(generation), &self))
    }

    fn visit_u64<E: de::Error>(self, generation: u64) -> Result<i64, E> {
        let known = i64::try_from(generation);
        known.map_err(|_| E::invalid_value(Unexpected::Unsigned(generation), &self))
    }
}

/// An offset, or null or -1 if it was not told.
struct MaybeOffset;

impl<'de> DeserializeSeed<'de> for MaybeOffset {
    type Value = i64;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<i64, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl Visitor<'_> for MaybeOffset {
    type Value = i64;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an offset from 0 to {}, or -1 or null if it is not known", i64::MAX)
    }

    fn visit_unit<E: de::Error>(self) -> Result<i64, E> {
        Ok(NO_OFFSET)
    }

    fn visit_i64<E: de::Error>(self, offset: i64) -> Result<i64, E> {
        if offset < NO_OFFSET {
            return Err(E::invalid_value(Unexpected::Signed(offset), &self));
        }
        Ok(offset)
    }

    fn visit_u64<E: de::Error>(self, offset: u64) -> Result<i64, E> {
        i64::try_from(offset).map_err(|_| E::invalid_value(Unexpected::Unsigned(offset), &self))
    }
}

/// A poll's records by partition, or null; tells whether it says what was returned.
struct Polled<'c>(&'c mut Names, &'c mut Parts);

impl<'de> DeserializeSeed<'de> for Polled<'_> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<bool, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Polled<'_> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("records by partition: {partition: [[offset, value], ...]}")
    }

    fn visit_unit<E: de::Error>(self) -> Result<bool, E> {
        Ok(false)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<bool, A::Error> {
        let Self(names, parts) = self;
        let mut polled: Vec<u32> = Vec::new();
        parts.states_outcome = true;
        while let Some(partition) = map.next_key_seed(MaybePartition(names))? {
            polled.push(partition);
            map.next_value_seed(Records { names, reads: &mut parts.reads, partition })?;
        }
        polled.sort_unstable();
        match polled.windows(2).find(|pair| pair[0] == pair[1]) {
            None => Ok(true),
            Some(_) => Err(de::Error::custom("a poll has the same partition twice")),
        }
    }
}

/// The records of one partition.
struct Records<'c> {
    names: &'c mut Names,
    reads: &'c mut Vec<ReadRecord>,
    partition: u32,
}

impl<'de> DeserializeSeed<'de> for Records<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Records<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of records: [[offset, value], ...]")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        let Self { names, reads, partition } = self;
        while let Some((offset, value)) = list.next_element_seed(Record(names))? {
            reads.push(ReadRecord { value, offset, partition });
        }
        Ok(())
    }
}

/// One record: its offset and its value.
struct Record<'n>(&'n mut Names);

impl<'de> DeserializeSeed<'de> for Record<'_> {
    type Value = (i64, u64);

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(i64, u64), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Record<'_> {
    type Value = (i64, u64);

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a record: [offset, value]")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(i64, u64), A::Error> {
        let offset = required(&mut list, Offset, "an offset")?;
        let value = required(&mut list, Value(self.0), "a value")?;
        match list.next_element::<de::IgnoredAny>()? {
            None => Ok((offset, value)),
            Some(_) => Err(de::Error::custom("a record has more than an offset and a value")),
        }
    }
}
