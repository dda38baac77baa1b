//! An alert: its labels, annotations, status and times.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

/// Label or annotation texts by name. Labels identify an alert, annotations explain it.
pub type Labels = BTreeMap<SmolStr, SmolStr>;

/// One alert. Only its labels identify it, so a value is never a label. Holders share it by `Arc`: an unchanged alert
/// is the same one everywhere.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Alert {
    /// `alertname`, `severity`, `account` where the alert belongs to one, the labels of the rule and of the
    /// configuration.
    pub labels: Labels,
    /// `summary`, `description`, `runbook_url`; a resolved alert also has the `reason`.
    pub annotations: Labels,
    /// The current status.
    pub status: Status,
    /// When the condition became true, by the data, so that all replicas agree.
    ///
    /// - Without a time in the data: the start of the UTC day on which the daemon first saw the condition.
    /// - For an alert about the daemon, or one that fires again in the same period, day or task: the time of this
    ///   daemon's clock.
    pub starts_at: Timestamp,
    /// When it ended. `None` unless it is resolved.
    pub ends_at: Option<Timestamp>,
    /// The last measured value.
    pub value: Option<f64>,
    /// The limit for the value.
    pub threshold: Option<f64>,
    /// When it reached its status, by the clock of this daemon.
    pub since: Timestamp,
}

/// The status of an alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// The condition is true, but not yet for the time in `for`.
    Pending,
    /// The condition is true.
    Firing,
    /// The condition is no longer true. The alert is listed for 15 minutes.
    Resolved,
}

impl Status {
    /// Every status.
    pub const ALL: [Self; 3] = [Self::Pending, Self::Firing, Self::Resolved];

    /// The value of the `state` label and in the API.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Firing => "firing",
            Self::Resolved => "resolved",
        }
    }
}

/// An alert in the outbox.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Queued {
    /// The alert to send.
    #[serde(flatten)]
    pub alert: Alert,
    /// Whether the first evaluation after a first start found it. Slack gets all such alerts in one message.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub first_look: bool,
}

/// The rank of a severity; 0 is the gravest. Custom severities rank right after `critical`.
#[must_use]
pub fn severity_rank(severity: &str) -> u8 {
    match severity {
        "critical" => 0,
        "warning" => 2,
        "info" => 3,
        NOT_FOR_PEOPLE => 4,
        _ => 1,
    }
}

/// The severity of alerts that only machines read, such as the watchdog.
pub(super) const NOT_FOR_PEOPLE: &str = "none";

/// Values are finite, so an alert always equals itself. Shared alerts are compared by pointer.
impl Eq for Alert {}

impl Alert {
    /// A hash of the labels, the same on every machine and in every version (FNV-1a over the sorted labels).
    #[must_use]
    pub fn fingerprint(&self) -> u64 {
        fingerprint(&self.labels)
    }

    /// The id of a transition, the same on each replica and at each try. It leaves out the end, because replicas see an
    /// end at different times. An alert that fires again has another start, so another id.
    #[must_use]
    pub fn message_id(&self) -> String {
        let (number, start) = (self.fingerprint(), self.starts_at.as_microsecond());
        format!("{number:016x}-{start}-{}", self.status.as_str())
    }

    /// Whether people read it. Only machines read the watchdog.
    #[must_use]
    pub fn is_for_people(&self) -> bool {
        self.label("severity") != NOT_FOR_PEOPLE
    }

    /// The text of a label; empty if there is none.
    #[must_use]
    pub fn label(&self, name: &str) -> &str {
        self.labels.get(name).map_or("", SmolStr::as_str)
    }
}

/// Like [`Alert::fingerprint`], for sorted labels alone.
#[must_use]
pub(super) fn fingerprint<'a>(labels: impl IntoIterator<Item = (&'a SmolStr, &'a SmolStr)>) -> u64 {
    const OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
    const PRIME: u64 = 0x0000_0100_0000_01b3;
    // UTF-8 text never contains 0xff, so two different lists of labels never give the same bytes.
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
        // Another program computed this number. If it changed, an upgrade would resolve all alerts and fire them again.
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
