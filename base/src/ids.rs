//! Pure: identifiers as types, so that a swapped pair does not compile.
//!
//! Every id is 1 to 64 characters of `a-z 0-9 - _`, begins with a letter or a digit, and may therefore
//! stand in an MQTT topic, an object key, a file name and a URL as it is.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Why a text is not an id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{text}' is not an id: use 1 to 64 of a-z, 0-9, '-' and '_', beginning with a letter or a digit")]
pub struct IdError {
    text: String,
}

fn check(text: &str) -> Result<(), IdError> {
    let first_ok = text.bytes().next().is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    let all_ok = text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_');
    if first_ok && all_ok && text.len() <= 64 { Ok(()) } else { Err(IdError { text: text.to_owned() }) }
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(std::sync::Arc<str>);

        impl $name {
            /// Checks `text` and makes an id of it.
            pub fn new(text: impl AsRef<str>) -> Result<Self, IdError> {
                let text = text.as_ref();
                check(text)?;
                Ok(Self(text.into()))
            }

            /// The id as it is written.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:?}", &*self.0)
            }
        }

        impl std::str::FromStr for $name {
            type Err = IdError;
            fn from_str(text: &str) -> Result<Self, IdError> {
                Self::new(text)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
                Self::new(text.as_ref()).map_err(serde::de::Error::custom)
            }
        }
    };
}

id!(
    /// One zoo; the topic level under `paddock/`.
    SiteId
);
id!(
    /// One camera of a site.
    CameraId
);
id!(
    /// One zone of one camera's picture.
    ZoneId
);
id!(
    /// One enclosure of a site.
    EnclosureId
);
id!(
    /// One species of a site.
    SpeciesId
);
id!(
    /// One footage segment of one camera; given when the segment is cut and never again.
    SegmentId
);
id!(
    /// One incident: one animal out of place, from its opening to its resolution.
    IncidentId
);

impl SegmentId {
    /// A new id: the start in hexadecimal microseconds, so that ids sort by time, and eight random digits.
    pub fn generate(start: crate::time::Micros) -> Self {
        Self(stamped("", start).into())
    }
}

impl IncidentId {
    /// A new id: `i`, the opening time in hexadecimal microseconds and eight random digits.
    pub fn generate(opened_at: crate::time::Micros) -> Self {
        Self(stamped("i", opened_at).into())
    }

    /// The id that repeats for the same `seed`: replays must give the same lines twice.
    pub fn derived(opened_at: crate::time::Micros, seed: u32) -> Self {
        Self(format!("i{:014x}-{seed:08x}", opened_at.0.max(0)).into())
    }
}

fn stamped(prefix: &str, at: crate::time::Micros) -> String {
    format!("{prefix}{:014x}-{:08x}", at.0.max(0), rand::random::<u32>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Micros;

    #[test]
    fn an_id_that_could_escape_its_topic_or_folder_is_refused() {
        for bad in ["", "Gate", "a/b", "..", "-a", "a b", "a+", "#", &"a".repeat(65)] {
            assert!(CameraId::new(bad).is_err(), "{bad:?}");
        }
        assert!(CameraId::new("gate-3_b").is_ok());
    }

    #[test]
    fn generated_ids_are_ids_and_sort_by_time() {
        let early = SegmentId::generate(Micros(1_700_000_000_000_000));
        let late = SegmentId::generate(Micros(1_700_000_002_000_000));
        assert!(SegmentId::new(early.as_str()).is_ok());
        assert!(early < late);
    }

    #[test]
    fn a_bad_id_in_json_names_what_would_be_right() {
        let error = serde_json::from_str::<CameraId>("\"Gate 3\"").unwrap_err();
        assert!(error.to_string().contains("use 1 to 64 of"), "{error}");
    }
}
