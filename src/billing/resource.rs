//! What a cost or a usage belongs to: project, region, resource type, currency, unit.
//!
//! The API's lists of types, currencies and units grow without notice, so each is an open vocabulary: any
//! word is taken, the known ones are merely listed.

use std::borrow::Cow;

use serde::{Deserialize, Deserializer, Serialize};
use smol_str::SmolStr;

/// What stands in a label where the API gave no value.
pub const UNKNOWN: &str = "unknown";

/// A word as a row has it, borrowed from there where it can be; an empty or missing one is unknown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Word<'a>(Cow<'a, str>);

impl<'a> Word<'a> {
    /// The word of a field, as the API spells it.
    #[must_use]
    pub fn new(word: Option<Cow<'a, str>>) -> Self {
        Self(word.filter(|word| !word.is_empty()).unwrap_or(Cow::Borrowed(UNKNOWN)))
    }

    /// The word, ready for a label.
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

/// The number of a project (`project_id`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ProjectId(pub u64);

/// The number of a region (`region_id`, or `region` where that is missing).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RegionId(pub u64);

/// A word or several, and what they take besides their own size.
pub trait Heap {
    /// The memory elsewhere, in bytes and about.
    fn heap(&self) -> usize;
}

impl Heap for SmolStr {
    fn heap(&self) -> usize {
        // Counters of its users, and what the allocator adds.
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
            /// The word as the API spells it; an empty one is unknown.
            #[must_use]
            pub fn new(word: &str) -> Self {
                Self($crate::billing::resource::intern(word))
            }

            /// The word, ready for a label.
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
    /// A kind of billed resource, such as `instance` or `egress_traffic`. See [`RESOURCE_TYPES`].
    ResourceType
}
word! {
    /// An ISO 4217 code as the API gives it. Amounts of two currencies are never added.
    Currency
}
word! {
    /// The API's own unit of a billing value, such as `minutes`, `gbminutes`, `bytes`; never converted.
    Unit
}
word! {
    /// What is metered and priced, such as `g1-standard-1-2_min`. A price list's word: no meaning is read into it.
    BillingMetric
}

/// A small string; empty is unknown, and a long word that the API documents costs no memory.
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

/// The same for a word that was kept.
pub(super) fn interned<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SmolStr, D::Error> {
    SmolStr::deserialize(deserializer).map(|word| intern(&word))
}

/// The resource types that the API documents (September 2026). Others are read all the same.
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
