//! Reads refusals: whether they come from the API or from a proxy or firewall before it, and which field is refused.
//!
//! The API's services format errors differently, but each sends a JSON object with one of a few members. A firewall or
//! proxy sends HTML, plain text or nothing.

use std::collections::BTreeMap;

use serde::de::IgnoredAny;

/// Members of the API's error bodies. Each of its services sends one of them.
const MEMBERS: [&str; 5] = ["exception_class", "message", "detail", "error", "errors"];

/// Whether the body of a 403 or 404 is an error of the API, and so says something about the key.
pub(crate) fn is_of_the_api(body: &[u8]) -> bool {
    let members = sonic_rs::from_slice::<BTreeMap<String, IgnoredAny>>(body);
    members.is_ok_and(|members| MEMBERS.iter().any(|member| members.contains_key(*member)))
}

/// The part of a report's request that the API refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    PageSize,
    Period,
}

impl Refused {
    /// The part that the text of a 400 names. The API's services put names of fields into texts of different forms.
    pub(crate) fn named_by(text: &str) -> Option<Self> {
        [
            (Self::PageSize, "limit"),
            (Self::Period, "time_from"),
            (Self::Period, "time_to"),
            (Self::Period, "enable_last_day"),
        ]
        .into_iter()
        .find_map(|(part, field)| text.contains(field).then_some(part))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_of_the_api_are_told_from_those_of_the_path() {
        for (name, body, want) in [
            ("cloud", r#"{"exception_class":"ForbiddenError","message":"no","request_id":"1"}"#, true),
            ("some cloud services", r#"{"code":403,"message":"no"}"#, true),
            ("fields", r#"{"errors":{"project_id":["no"]}}"#, true),
            ("billing", r#"{"detail":"Not found."}"#, true),
            ("download", r#"{"error":"no"}"#, true),
            ("nothing", "", false),
            ("HTML", "<html><h1>403 Forbidden</h1></html>", false),
            ("plain text", "Access denied", false),
            ("an empty object", "{}", false),
            ("an object of something else", r#"{"support_id":"8412"}"#, false),
            ("a list", r#"["message"]"#, false),
            ("JSON that is cut", r#"{"message":"no"#, false),
        ] {
            assert_eq!(is_of_the_api(body.as_bytes()), want, "{name}");
        }
    }
}
