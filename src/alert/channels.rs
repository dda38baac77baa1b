//! Whether channels take what they are sent, as far as a rule asks. Whoever works them writes it down here; why a channel
//! fails, and what is done about it, is no affair of this module.

use std::collections::BTreeMap;

use jiff::Timestamp;
use tokio::sync::watch;

/// How every channel fares, by name. Cheap to clone; all clones are one.
#[derive(Clone, Debug, Default)]
pub struct Channels(watch::Sender<BTreeMap<String, Delivery>>);

/// How one channel fares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// Nothing was sent since it was set up.
    Untried,
    /// It took the last request.
    Good,
    /// It did not.
    Failing {
        /// When the first request was not taken, none having been taken since.
        since: Timestamp,
        /// Why the last one was not, in a word.
        reason: &'static str,
    },
}

impl Channels {
    /// Begins with a channel, or anew with one that is set otherwise now.
    pub fn begin(&self, channel: &str) {
        self.0.send_modify(|all| {
            all.insert(channel.to_owned(), Delivery::Untried);
        });
    }

    /// Notes that a request at `now` was taken, or for which reason it was not.
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

    /// Forgets all channels but those for which `stays` says so.
    pub fn retain(&self, stays: impl Fn(&str) -> bool) {
        self.0.send_modify(|all| all.retain(|channel, _| stays(channel)));
    }

    /// All channels as they are now.
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
