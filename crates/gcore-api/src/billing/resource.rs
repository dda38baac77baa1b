//! The attributes of a cost or usage: project, region, resource type, currency, unit.
//!
//! The API's lists of types, currencies and units grow without notice. So each is an open vocabulary: any text is
//! accepted, and the known ones are listed.

use std::borrow::Cow;

use serde::{Deserialize, Deserializer, Serialize};
use smol_str::SmolStr;

/// The label value when the API gives none.
pub const UNKNOWN: &str = "unknown";

/// A text of a row, borrowed where possible. An empty or missing text is unknown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Word<'a>(Cow<'a, str>);

impl<'a> Word<'a> {
    /// The text of a field, as the API spells it.
    #[must_use]
    pub fn new(word: Option<Cow<'a, str>>) -> Self {
        Self(word.filter(|word| !word.is_empty()).unwrap_or(Cow::Borrowed(UNKNOWN)))
    }

    /// The text for a label.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<'a> From<&'a str> for Word<'a> {
    fn from(word: &'a str) -> Self {
        Self::new(Some(Cow::Borrowed(word)))
    }
}

/// The id of a project (`project_id`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ProjectId(pub u64);

/// The id of a region (`region_id`, or `region` when that is missing).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RegionId(pub u64);

/// A value of one or more texts, with the size of its heap memory.
pub trait Heap {
    /// The heap memory, approximately, in bytes.
    fn heap(&self) -> usize;
}

impl Heap for SmolStr {
    fn heap(&self) -> usize {
        // The 32 bytes are the reference counters and the overhead of the allocator.
        if self.is_heap_allocated() { self.len() + 32 } else { 0 }
    }
}

impl<A: Heap, B: Heap> Heap for (A, B) {
    fn heap(&self) -> usize {
        self.0.heap() + self.1.heap()
    }
}

macro_rules! word {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        pub struct $name(#[serde(deserialize_with = "crate::billing::resource::interned")] SmolStr);

        impl $name {
            /// The text as the API spells it. An empty text is unknown.
            #[must_use]
            pub fn new(word: &str) -> Self {
                Self($crate::billing::resource::intern(word))
            }

            /// The text for a label.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl $crate::billing::resource::Heap for $name {
            fn heap(&self) -> usize {
                self.0.heap()
            }
        }

        impl std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl From<&str> for $name {
            fn from(word: &str) -> Self {
                Self::new(word)
            }
        }
    };
}
pub(super) use word;

word! {
    /// The type of a billed resource, such as `instance` or `egress_traffic`. See [`RESOURCE_TYPES`].
    ResourceType
}
word! {
    /// An ISO 4217 code, as the API gives it. Amounts of two currencies are never added.
    Currency
}
word! {
    /// The API's own unit of a billing value, such as `minutes`, `gbminutes`, `bytes`. It is never converted.
    Unit
}
word! {
    /// The metered and priced metric, such as `g1-standard-1-2_min`. It is a term of the price list, and is not
    /// interpreted.
    BillingMetric
}

/// A small string. Empty is unknown. Long texts that the API documents take no memory.
pub(super) fn intern(word: &str) -> SmolStr {
    const INLINE: usize = 23;
    if word.is_empty() {
        return SmolStr::new_static(UNKNOWN);
    }
    if word.len() <= INLINE {
        return SmolStr::new_inline(word);
    }
    let known = RESOURCE_TYPES.iter().find(|known| **known == word);
    known.map_or_else(|| SmolStr::new(word), |known| SmolStr::new_static(known))
}

/// The same for a stored text.
pub(super) fn interned<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SmolStr, D::Error> {
    SmolStr::deserialize(deserializer).map(|word| intern(&word))
}

/// The resource types that the API documents (September 2026). Other types are accepted.
pub const RESOURCE_TYPES: [&str; 26] = [
    "ai_cluster",
    "ai_virtual_cluster",
    "backup",
    "baremetal",
    "basic_vm",
    "containers",
    "dbaas_postgresql_connection_pooler",
    "dbaas_postgresql_cpu",
    "dbaas_postgresql_memory",
    "dbaas_postgresql_public_network",
    "dbaas_postgresql_volume",
    "egress_traffic",
    "external_ip",
    "file_share",
    "floatingip",
    "functions",
    "functions_calls",
    "functions_traffic",
    "image",
    "inference",
    "inference_public_models",
    "instance",
    "load_balancer",
    "log_index",
    "snapshot",
    "volume",
];
