//! The delivery state of each channel, for the rule on failing notifications. `notify` writes it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use tokio::sync::watch;

/// The delivery state of every channel, by name. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Channels(watch::Sender<BTreeMap<String, Delivery>>);

/// The delivery state of one channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// Nothing was sent since the channel was configured.
    Untried,
    /// The channel accepted the last request.
    Good,
    /// The channel did not accept the last request.
    Failing {
        /// When the first of the failed requests in a row failed.
        since: Timestamp,
        /// Why the last request failed, in one word.
        reason: &'static str,
    },
}

impl Channels {
    /// Adds a channel as untried, or resets one whose configuration changed.
    pub fn begin(&self, channel: &str) {
        self.0.send_modify(|all| {
            all.insert(channel.to_owned(), Delivery::Untried);
        });
    }

    /// Notes the outcome of a request at `now`: accepted, or the reason of the failure.
    pub fn note(&self, channel: &str, failure: Option<&'static str>, now: Timestamp) {
        self.0.send_modify(|all| {
            let before = all.get(channel).copied();
            let delivery = match (failure, before) {
                (None, _) => Delivery::Good,
                (Some(reason), Some(Delivery::Failing { since, .. })) => Delivery::Failing { since, reason },
                (Some(reason), _) => Delivery::Failing { since: now, reason },
            };
            all.insert(channel.to_owned(), delivery);
        });
    }

    /// Removes the channels for which `stays` is false.
    pub fn retain(&self, stays: impl Fn(&str) -> bool) {
        self.0.send_modify(|all| all.retain(|channel, _| stays(channel)));
    }

    /// The current state of all channels.
    #[must_use]
    pub fn all(&self) -> BTreeMap<String, Delivery> {
        self.0.borrow().clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_channel_fails_since_the_first_request_that_it_did_not_take() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let (channels, said) = (Channels::default(), |channels: &Channels| channels.all().get("a").copied());
        channels.begin("a");
        assert_eq!(said(&channels), Some(Delivery::Untried));
        channels.note("a", Some("connect"), at(1));
        channels.note("a", Some("timeout"), at(2));
        assert_eq!(said(&channels), Some(Delivery::Failing { since: at(1), reason: "timeout" }));
        channels.note("a", None, at(3));
        assert_eq!(said(&channels), Some(Delivery::Good));
        channels.note("a", Some("gone"), at(4));
        assert_eq!(said(&channels), Some(Delivery::Failing { since: at(4), reason: "gone" }));
        channels.begin("b");
        channels.retain(|channel| channel == "b");
        assert_eq!(channels.all(), [("b".to_owned(), Delivery::Untried)].into());
    }
}
