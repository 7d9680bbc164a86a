//! Sections that the word `off` turns off: `alarms: off`.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::value::MapAccessDeserializer;
use serde::de::{Error, MapAccess, Unexpected, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The word for none.
pub const OFF: &str = "off";

/// Writes a section; none as `off`.
pub(super) fn write<T: Serialize, S: Serializer>(section: &Option<T>, serializer: S) -> Result<S::Ok, S::Error> {
    match section {
        Some(section) => section.serialize(serializer),
        None => serializer.serialize_str(OFF),
    }
}

/// Reads a section where `off` stands for none, and `null` for what a file without it has.
pub(super) fn read<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
    without: fn() -> Option<T>,
) -> Result<Option<T>, D::Error> {
    struct SectionOrOff<T>(fn() -> Option<T>);

    impl<'de, T: Deserialize<'de>> Visitor<'de> for SectionOrOff<T> {
        type Value = Option<T>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(f, "the section, or `{OFF}`")
        }
        fn visit_str<E: Error>(self, word: &str) -> Result<Self::Value, E> {
            if word == OFF { Ok(None) } else { Err(E::invalid_value(Unexpected::Str(word), &self)) }
        }
        fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
            Ok((self.0)())
        }
        fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
            T::deserialize(MapAccessDeserializer::new(map)).map(Some)
        }
    }

    deserializer.deserialize_any(SectionOrOff(without))
}

/// The section, or `off`, as the schema has it.
pub(super) struct OrOff<T>(PhantomData<T>);

impl<T: JsonSchema> JsonSchema for OrOff<T> {
    fn schema_name() -> Cow<'static, str> {
        format!("{}OrOff", T::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let section = generator.subschema_for::<T>();
        json_schema!({
            "anyOf": [section, {"type": "string", "enum": [OFF]}],
        })
    }
}
