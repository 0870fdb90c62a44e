//! Numbers of 64 bits as JSON has them: as a number where every reader keeps it exactly, and as a text where not.
//!
//! JSON says nothing about how large a number may be. JavaScript, jq 1.6 and many others read all of them into 64-bit
//! floats, which keep whole numbers up to 2^53 only: beyond that, a seed that went through such a tool would be another
//! one. Both forms are read.
//!
//! For a field: `#[serde(with = "harrow_broker_model::wide")]`.

use std::fmt;

use serde::de::{self, Deserializer, Visitor};
use serde::ser::Serializer;

/// From here on a float of 64 bits does not keep every whole number.
pub const INEXACT: u64 = 1 << 53;

/// A number below 2^53 as it is, a larger one as a text.
///
/// # Errors
/// The serializer's.
pub fn serialize<S: Serializer>(number: &u64, serializer: S) -> Result<S::Ok, S::Error> {
    if *number < INEXACT {
        serializer.serialize_u64(*number)
    } else {
        serializer.serialize_str(&number.to_string())
    }
}

/// A number, or its digits as a text.
///
/// # Errors
/// If it is neither, or beyond 64 bits.
pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    deserializer.deserialize_any(WideVisitor)
}

struct WideVisitor;

impl Visitor<'_> for WideVisitor {
    type Value = u64;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a whole number of 64 bits, or its digits as a text")
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<u64, E> {
        Ok(number)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<u64, E> {
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let number = text.parse().ok().filter(|_| digits);
        number.ok_or_else(|| E::invalid_value(de::Unexpected::Str(text), &self))
    }
}

#[cfg(test)]
mod tests {
    use serde::de::IntoDeserializer;
    use serde::de::value::{Error, StrDeserializer, U64Deserializer};

    use super::*;

    #[test]
    fn both_forms_are_read() {
        let number: U64Deserializer<Error> = 7_u64.into_deserializer();
        assert_eq!(deserialize(number), Ok(7));
        let table = [
            ("18446744073709551615", Some(u64::MAX)),
            ("7", Some(7)),
            ("18446744073709551616", None),
        ];
        for (text, wanted) in table.into_iter().chain([("", None), ("+7", None), ("x", None)]) {
            let text: StrDeserializer<'_, Error> = text.into_deserializer();
            assert_eq!(deserialize(text).ok(), wanted);
        }
    }
}
