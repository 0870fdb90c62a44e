//! What a type wants to read at a place in it, asked of the type itself: so nobody has to keep a list of what is in it.

use std::fmt;

use serde::de::value::StrDeserializer;
use serde::de::{
    Deserialize, DeserializeSeed, Deserializer, EnumAccess, Error, IntoDeserializer, MapAccess,
    SeqAccess, VariantAccess, Visitor,
};
use serde::forward_to_deserialize_any;

/// What a type wants to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wanted {
    /// What is not told apart here, or there is no such place.
    Other,
    /// Nothing: a variant that is a name alone.
    Unit,
    /// True or false.
    Truth,
    /// A whole number.
    Number,
    /// A text.
    Text,
    /// One of these variants.
    Variants(&'static [&'static str]),
    /// Fields of these names.
    Parts(&'static [&'static str]),
}

/// A step into a type. Lists, options and newtypes are gone through without one: to what is in them.
#[derive(Debug, Clone, Copy)]
pub(super) enum Step {
    /// To a variant.
    Variant(&'static str),
    /// To a field.
    Part(&'static str),
}

/// What a type wants to read at the end of a path.
pub(super) fn wanted<T: for<'de> Deserialize<'de>>(path: &[Step]) -> Wanted {
    let mut wanted = Wanted::Other;
    // Nothing is read: the answer is what it wanted to read.
    let _ = T::deserialize(Probe { path, wanted: &mut wanted });
    wanted
}

/// Looks at what a type wants to read, and gives it nothing but the names on its path.
struct Probe<'a> {
    path: &'a [Step],
    wanted: &'a mut Wanted,
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
    fn tell<T>(self, wanted: Wanted) -> Result<T, Nothing> {
        if self.path.is_empty() {
            *self.wanted = wanted;
        }
        Err(Nothing)
    }

    /// What is behind the first step, for whoever reads it from here.
    fn behind(&mut self) -> Probe<'_> {
        Probe { path: self.path.get(1..).unwrap_or_default(), wanted: &mut *self.wanted }
    }
}

macro_rules! told {
    ($($method:ident: $wanted:ident),* $(,)?) => {$(
        fn $method<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Nothing> {
            self.tell(Wanted::$wanted)
        }
    )*};
}

impl<'de> Deserializer<'de> for Probe<'_> {
    type Error = Nothing;

    told! {
        deserialize_bool: Truth, deserialize_str: Text, deserialize_string: Text,
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
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Nothing> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Nothing> {
        visitor.visit_seq(self)
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Nothing> {
        visitor.visit_seq(self)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Nothing> {
        match self.path.first() {
            Some(Step::Part(_)) => visitor.visit_map(self),
            Some(Step::Variant(_)) | None => self.tell(Wanted::Parts(fields)),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Nothing> {
        match self.path.first() {
            Some(Step::Variant(_)) => visitor.visit_enum(self),
            Some(Step::Part(_)) | None => self.tell(Wanted::Variants(variants)),
        }
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
        seed.deserialize(Probe { path: self.path, wanted: &mut *self.wanted }).map(Some)
    }
}

impl<'de> MapAccess<'de> for Probe<'_> {
    type Error = Nothing;

    fn next_key_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Nothing> {
        let Some(Step::Part(name)) = self.path.first() else { return Err(Nothing) };
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
        Ok((seed.deserialize(name)?, Probe { path, wanted: self.wanted }))
    }
}

impl<'de> VariantAccess<'de> for Probe<'_> {
    type Error = Nothing;

    fn unit_variant(self) -> Result<(), Nothing> {
        self.tell(Wanted::Unit)
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, _: S) -> Result<S::Value, Nothing> {
        self.tell(Wanted::Parts(&["value"]))
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, _: V) -> Result<V::Value, Nothing> {
        self.tell(Wanted::Parts(&["value"]))
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Nothing> {
        match self.path.first() {
            Some(Step::Part(_)) => visitor.visit_map(self),
            Some(Step::Variant(_)) | None => self.tell(Wanted::Parts(fields)),
        }
    }
}
