//! What a type expects to read at a place in it, asked of the type itself: so nobody has to keep a list of what is in
//! it.

use std::fmt;

use serde::de::value::StrDeserializer;
use serde::de::{
    Deserialize, DeserializeSeed, Deserializer, EnumAccess, Error, IntoDeserializer, MapAccess,
    SeqAccess, VariantAccess, Visitor,
};
use serde::forward_to_deserialize_any;

/// What a type expects to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Expected {
    /// What is not told apart here, or there is no such place.
    Other,
    /// Nothing: a variant that is a name alone.
    Unit,
    /// True or false.
    Bool,
    /// A whole number.
    Number,
    /// The id of a node.
    Node,
    /// A text.
    Text,
    /// So many values of types of their own.
    Tuple(usize),
    /// One of these variants.
    Enum(&'static [&'static str]),
    /// Fields of these names.
    Object(&'static [&'static str]),
}

/// A step into a type. Lists, options and newtypes are gone through without one: to what is in them.
#[derive(Debug, Clone, Copy)]
pub(super) enum Step {
    /// To a variant.
    Variant(&'static str),
    /// To a field.
    Field(&'static str),
    /// To a value of a tuple.
    Item(usize),
}

/// The newtype by which the model knows nodes.
const NODE: &str = "NodeId";

/// What a type expects to read at the end of a path.
pub(super) fn expected<T: for<'de> Deserialize<'de>>(path: &[Step]) -> Expected {
    let mut expected = Expected::Other;
    // Nothing is read: the answer is what it expected to read.
    let _ = T::deserialize(Probe { path, expected: &mut expected });
    expected
}

/// Looks at what a type expects to read, and gives it nothing but the names on its path.
struct Probe<'a> {
    path: &'a [Step],
    expected: &'a mut Expected,
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

impl Probe<'_> {
    fn tell<T>(self, expected: Expected) -> Result<T, Nothing> {
        if self.path.is_empty() {
            *self.expected = expected;
        }
        Err(Nothing)
    }

    /// Whether what is looked for lies behind a step of this kind.
    fn steps_in(&self, is_way: impl FnOnce(&Step) -> bool) -> bool {
        self.path.first().is_some_and(is_way)
    }

    /// What is behind the first step, for whoever reads it from here.
    fn behind(&mut self) -> Probe<'_> {
        Probe { path: self.path.get(1..).unwrap_or_default(), expected: &mut *self.expected }
    }
}

macro_rules! expects {
    ($($method:ident: $expected:ident),* $(,)?) => {$(
        fn $method<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Nothing> {
            self.tell(Expected::$expected)
        }
    )*};
}

impl<'de> Deserializer<'de> for Probe<'_> {
    type Error = Nothing;

    expects! {
        deserialize_bool: Bool, deserialize_str: Text, deserialize_string: Text,
        deserialize_i8: Number, deserialize_i16: Number, deserialize_i32: Number, deserialize_i64: Number,
        deserialize_i128: Number, deserialize_u8: Number, deserialize_u16: Number, deserialize_u32: Number,
        deserialize_u64: Number, deserialize_u128: Number,
    }

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Nothing> {
        Err(Nothing)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Nothing> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Nothing> {
        if name == NODE { self.tell(Expected::Node) } else { visitor.visit_newtype_struct(self) }
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Nothing> {
        visitor.visit_seq(self)
    }

    fn deserialize_tuple<V: Visitor<'de>>(
        mut self,
        length: usize,
        visitor: V,
    ) -> Result<V::Value, Nothing> {
        match self.path.first() {
            Some(Step::Item(before)) => {
                let before = *before;
                visitor.visit_seq(Items { before, probe: self.behind() })
            }
            Some(Step::Variant(_) | Step::Field(_)) | None => self.tell(Expected::Tuple(length)),
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Nothing> {
        let within = self.steps_in(|step| matches!(step, Step::Field(_)));
        if within { visitor.visit_map(self) } else { self.tell(Expected::Object(fields)) }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Nothing> {
        let within = self.steps_in(|step| matches!(step, Step::Variant(_)));
        if within { visitor.visit_enum(self) } else { self.tell(Expected::Enum(variants)) }
    }

    forward_to_deserialize_any! {
        f32 f64 char bytes byte_buf unit unit_struct tuple_struct map identifier ignored_any
    }
}

impl<'de> SeqAccess<'de> for Probe<'_> {
    type Error = Nothing;

    fn next_element_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Nothing> {
        seed.deserialize(Probe { path: self.path, expected: &mut *self.expected }).map(Some)
    }
}

/// A tuple, of which one value is looked at and those before it are given.
struct Items<'a> {
    before: usize,
    probe: Probe<'a>,
}

impl<'de> SeqAccess<'de> for Items<'_> {
    type Error = Nothing;

    fn next_element_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Nothing> {
        if self.before > 0 {
            self.before -= 1;
            return seed.deserialize(Plain).map(Some);
        }
        let Probe { path, expected } = &mut self.probe;
        seed.deserialize(Probe { path, expected }).map(Some)
    }
}

/// A value that says nothing: what a tuple has before the one that is looked at. Types that are neither numbers nor
/// texts get none, and what follows them is not told apart.
struct Plain;

macro_rules! plain {
    ($($method:ident: $visit:ident($value:expr)),* $(,)?) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Nothing> {
            visitor.$visit($value)
        }
    )*};
}

impl<'de> Deserializer<'de> for Plain {
    type Error = Nothing;

    plain! {
        deserialize_bool: visit_bool(false), deserialize_str: visit_str(""), deserialize_string: visit_str(""),
        deserialize_i8: visit_i8(0), deserialize_i16: visit_i16(0), deserialize_i32: visit_i32(0),
        deserialize_i64: visit_i64(0), deserialize_u8: visit_u8(0), deserialize_u16: visit_u16(0),
        deserialize_u32: visit_u32(0), deserialize_u64: visit_u64(0),
    }

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Nothing> {
        Err(Nothing)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Nothing> {
        visitor.visit_none()
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Nothing> {
        visitor.visit_newtype_struct(self)
    }

    forward_to_deserialize_any! {
        i128 u128 f32 f64 char bytes byte_buf unit unit_struct seq tuple tuple_struct map struct enum identifier
        ignored_any
    }
}

impl<'de> MapAccess<'de> for Probe<'_> {
    type Error = Nothing;

    fn next_key_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Nothing> {
        let Some(Step::Field(name)) = self.path.first() else { return Err(Nothing) };
        let name: StrDeserializer<'_, Nothing> = (*name).into_deserializer();
        seed.deserialize(name).map(Some)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Nothing> {
        seed.deserialize(self.behind())
    }
}

impl<'de> EnumAccess<'de> for Probe<'_> {
    type Error = Nothing;
    type Variant = Self;

    fn variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<(S::Value, Self), Nothing> {
        let Some((Step::Variant(name), path)) = self.path.split_first() else {
            return Err(Nothing);
        };
        let name: StrDeserializer<'_, Nothing> = (*name).into_deserializer();
        Ok((seed.deserialize(name)?, Probe { path, expected: self.expected }))
    }
}

impl<'de> VariantAccess<'de> for Probe<'_> {
    type Error = Nothing;

    fn unit_variant(self) -> Result<(), Nothing> {
        self.tell(Expected::Unit)
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, _: S) -> Result<S::Value, Nothing> {
        self.tell(Expected::Object(&["value"]))
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, _: V) -> Result<V::Value, Nothing> {
        self.tell(Expected::Object(&["value"]))
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Nothing> {
        let within = self.steps_in(|step| matches!(step, Step::Field(_)));
        if within { visitor.visit_map(self) } else { self.tell(Expected::Object(fields)) }
    }
}
