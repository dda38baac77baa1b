//! What somebody is told: one alert with its identity, its words and its times.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

/// Names with their texts: the labels that identify an alert, or the annotations that explain it.
pub type Labels = BTreeMap<SmolStr, SmolStr>;

/// One alert. Its labels alone say which one it is; a value is never a label. Whoever holds many shares them: what did
/// not change is the same one everywhere.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Alert {
    /// `alertname`, `severity`, `account` where it is of one, the rule's own labels, and those of the configuration.
    pub labels: Labels,
    /// `summary`, `description`, `runbook_url`, and where it is resolved the `reason`.
    pub annotations: Labels,
    /// Where it stands.
    pub status: Status,
    /// Since when what it tells of has been so, by the data, so that every replica says the same. Where no datum says when,
    /// the UTC day on which it was seen first. By the clock of this daemon where it tells of the daemon itself, and where it
    /// begins again within the period, day or task that it is of.
    pub starts_at: Timestamp,
    /// When it ended; `None` unless it is resolved.
    pub ends_at: Option<Timestamp>,
    /// What was measured last.
    pub value: Option<f64>,
    /// What the value is held against.
    pub threshold: Option<f64>,
    /// When it came to its status, by the clock of this daemon.
    pub since: Timestamp,
}

/// Where an alert stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// It is so, but not for long enough to tell anybody.
    Pending,
    /// It is so.
    Firing,
    /// It is no longer so. Listed until it is 15 minutes old.
    Resolved,
}

impl Status {
    /// Every status.
    pub const ALL: [Self; 3] = [Self::Pending, Self::Firing, Self::Resolved];

    /// The word for the `state` label and the API.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Firing => "firing",
            Self::Resolved => "resolved",
        }
    }
}

/// An alert as it waits for a channel.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Queued {
    /// What is to be told.
    #[serde(flatten)]
    pub alert: Alert,
    /// Whether the first look after a first start found it, so that people get it together with what else that found.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub first_look: bool,
}

/// Where a severity stands among others, the gravest first. Words of one's own may mean anything, and come right after
/// `critical`.
#[must_use]
pub fn gravity(severity: &str) -> u8 {
    match severity {
        "critical" => 0,
        "warning" => 2,
        "info" => 3,
        NOT_FOR_PEOPLE => 4,
        _ => 1,
    }
}

/// The severity of what only machines need to hear, such as the watchdog.
pub(super) const NOT_FOR_PEOPLE: &str = "none";

/// The values are finite, so that an alert is always equal to itself, and one that is shared need not be compared.
impl Eq for Alert {}

impl Alert {
    /// A number for the labels, the same on every machine and in every version (FNV-1a over the sorted labels).
    #[must_use]
    pub fn fingerprint(&self) -> u64 {
        fingerprint(&self.labels)
    }

    /// What identifies a transition to this status, whichever replica tells it and however often. The end is no part of
    /// it, since replicas see an end at different times; an alert that begins again has another start.
    #[must_use]
    pub fn message_id(&self) -> String {
        let (number, start) = (self.fingerprint(), self.starts_at.as_microsecond());
        format!("{number:016x}-{start}-{}", self.status.as_str())
    }

    /// The text of a label; empty where there is none.
    #[must_use]
    pub fn label(&self, name: &str) -> &str {
        self.labels.get(name).map_or("", SmolStr::as_str)
    }
}

/// As [`Alert::fingerprint`], of sorted labels alone.
#[must_use]
pub(super) fn fingerprint<'a>(labels: impl IntoIterator<Item = (&'a SmolStr, &'a SmolStr)>) -> u64 {
    const OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
    const PRIME: u64 = 0x0000_0100_0000_01b3;
    // 0xff is in no UTF-8 text, so no two lists of labels run together.
    let bytes = labels.into_iter().flat_map(|(name, text)| [name, text]).flat_map(|part| part.bytes().chain([0xff]));
    bytes.fold(OFFSET, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(PRIME))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(pairs: &[(&str, &str)]) -> Labels {
        pairs.iter().map(|(name, text)| (SmolStr::new(name), SmolStr::new(text))).collect()
    }

    #[test]
    fn a_fingerprint_is_of_the_labels_and_of_nothing_else() {
        let one = labels(&[("alertname", "A"), ("account", "main")]);
        // Worked out by another program: a change of this number would break alerts over an upgrade.
        assert_eq!(fingerprint(&one), 0x7cb7_1dfa_7584_ebfb);
        let others = [
            labels(&[("alertname", "A"), ("account", "mai"), ("n", "")]),
            labels(&[("alertname", "Aaccount"), ("", "main")]),
            labels(&[("alertname", "A")]),
        ];
        assert!(others.iter().all(|other| fingerprint(other) != fingerprint(&one)));
    }

    #[test]
    fn a_message_is_known_by_identity_start_and_status() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let firing = Alert {
            labels: labels(&[("alertname", "A")]),
            annotations: Labels::new(),
            status: Status::Firing,
            starts_at: at("2026-11-22T00:00:00Z"),
            ends_at: None,
            value: Some(1.5),
            threshold: None,
            since: at("2026-11-22T00:00:07Z"),
        };
        let elsewhere = Alert { since: at("2026-11-22T00:01:00Z"), value: Some(2.0), ..firing.clone() };
        assert_eq!(firing.message_id(), elsewhere.message_id(), "another replica");
        let resolved = Alert { status: Status::Resolved, ends_at: Some(firing.since), ..firing.clone() };
        assert_ne!(firing.message_id(), resolved.message_id());
        let again = Alert { starts_at: at("2026-11-23T00:00:00Z"), ..firing.clone() };
        assert_ne!(firing.message_id(), again.message_id());
        let body = serde_json::to_string(&firing).unwrap();
        assert_eq!(serde_json::from_str::<Alert>(&body).unwrap(), firing, "{body}");
    }
}
