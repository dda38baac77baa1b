//! JSON of the API: fields that tolerate its variations, and templates that read equal rows fast.

pub(crate) mod field;
pub(crate) mod instant;
pub(crate) mod lenient_json;
pub(crate) mod row_templates;
pub(crate) mod simd;
