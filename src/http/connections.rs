//! The open connections, with a limit for all and for each peer. A waiting connection is closed for a new one.
//!
//! Idle connections cost little, but must not block a scrape. So a new connection is always admitted while another one
//! waits.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;
use tokio::time::Instant;

/// The limit of all connections.
const MAX_CONNECTIONS: usize = 256;
/// The limit for one address, or for one network of IPv6. A proxy in front of the daemon is one address.
const MAX_PER_PEER: usize = 64;

/// All connections.
#[derive(Clone, Debug, Default)]
pub(super) struct Connections(Arc<Mutex<Known>>);

#[derive(Debug, Default)]
struct Known {
    /// By number, the oldest first.
    open: BTreeMap<u64, Connection>,
    last: u64,
}

#[derive(Debug)]
struct Connection {
    peer: IpAddr,
    state: State,
    /// Dropped to end the connection.
    _keeps_open: oneshot::Sender<()>,
}

/// The state of a connection. Variants that are closed first come first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum State {
    /// No request yet.
    Silent,
    /// Idle since the last answer.
    Idle(Instant),
    /// An answer is being made. While it is sent, the connection counts as idle: otherwise clients that do not read could
    /// not be closed.
    Busy,
}

/// The slot of one connection, free again when dropped.
#[derive(Debug)]
pub(super) struct Slot {
    connections: Connections,
    number: u64,
}

impl Connections {
    /// A slot for a connection from `peer`, and a receiver that ends when the connection must close. At a limit, a
    /// waiting connection is closed for the new one: one of `peer` at the limit of a peer, otherwise one of the peer
    /// with the most waiting connections. `None` at a limit if each connection that could be closed is busy.
    pub(super) fn admit(&self, peer: IpAddr) -> Option<(Slot, oneshot::Receiver<()>)> {
        let mut known = self.known();
        let of_peer = known.open.values().filter(|other| other.peer == peer).count();
        if of_peer >= MAX_PER_PEER {
            known.make_room(|other| other.peer == peer)?;
        } else if known.open.len() >= MAX_CONNECTIONS {
            let crowded = known.most_crowded()?;
            known.make_room(|other| other.peer == crowded)?;
        }
        let (sender, must_close) = oneshot::channel();
        known.last += 1;
        let number = known.last;
        known.open.insert(number, Connection { peer, state: State::Silent, _keeps_open: sender });
        drop(known);
        Some((Slot { connections: self.clone(), number }, must_close))
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    /// The address with the most waiting connections. So a flood from some addresses does not close the one connection
    /// of another before it was heard. Of several such addresses, the one with the oldest connection.
    fn most_crowded(&self) -> Option<IpAddr> {
        let mut waiting: BTreeMap<IpAddr, (usize, Reverse<u64>)> = BTreeMap::new();
        for (number, other) in self.open.iter().filter(|(_, other)| other.state != State::Busy) {
            waiting.entry(other.peer).or_insert((0, Reverse(*number))).0 += 1;
        }
        waiting.into_iter().max_by_key(|(_, rank)| *rank).map(|(peer, _)| peer)
    }

    /// Ends the longest waiting of the matching connections. Those without a request go first.
    fn make_room(&mut self, is_meant: impl Fn(&Connection) -> bool) -> Option<()> {
        let waiting = self.open.iter().filter(|(_, other)| other.state != State::Busy && is_meant(other));
        let (number, _) = waiting.min_by_key(|(number, other)| (other.state, **number))?;
        let number = *number;
        self.open.remove(&number);
        Some(())
    }
}

impl Slot {
    /// Sets whether a request is being answered.
    pub(super) fn set_busy(&self, is_busy: bool) {
        if let Some(connection) = self.connections.known().open.get_mut(&self.number) {
            connection.state = if is_busy { State::Busy } else { State::Idle(Instant::now()) };
        }
    }

    /// Whether there was no request yet.
    pub(super) fn is_silent(&self) -> bool {
        self.connections.known().open.get(&self.number).is_some_and(|connection| connection.state == State::Silent)
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.connections.known().open.remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(last: u8) -> IpAddr {
        [192, 0, 2, last].into()
    }

    /// As many connections from one address as its limit allows.
    fn full(connections: &Connections, address: u8) -> Vec<(Slot, oneshot::Receiver<()>)> {
        (0..MAX_PER_PEER).map(|_| connections.admit(peer(address)).unwrap()).collect()
    }

    fn gone(admitted: &mut [(Slot, oneshot::Receiver<()>)]) -> Vec<usize> {
        let is_gone = |(_, must_close): &mut (Slot, oneshot::Receiver<()>)| {
            must_close.try_recv() == Err(oneshot::error::TryRecvError::Closed)
        };
        (0..admitted.len()).filter(|at| is_gone(&mut admitted[*at])).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn who_has_waited_longest_gives_way_and_who_is_answered_never() {
        let connections = Connections::default();
        let mut open = full(&connections, 1);
        for at in [0, 3, 2] {
            open[at].0.set_busy(true);
        }
        for at in [3, 2] {
            tokio::time::advance(std::time::Duration::from_secs(1)).await;
            open[at].0.set_busy(false);
        }
        let silent = MAX_PER_PEER - 3;
        let mut newcomers = Vec::new();
        let mut come = |many: usize| {
            for _ in 0..many {
                let (slot, must_close) = connections.admit(peer(1)).unwrap();
                slot.set_busy(true);
                newcomers.push((slot, must_close));
            }
        };
        come(1);
        assert_eq!(gone(&mut open), [1], "the first that has asked nothing");
        come(silent - 1);
        assert_eq!(gone(&mut open).len(), silent, "all that have asked nothing");
        come(1);
        assert!(gone(&mut open).contains(&3) && !gone(&mut open).contains(&2), "the first that had its answer");
        come(1);
        assert_eq!(gone(&mut open).len(), MAX_PER_PEER - 1, "all but the one that is being answered");
        assert!(connections.admit(peer(1)).is_none(), "all are being answered");
        assert!(connections.admit(peer(2)).is_some(), "another address has slots of its own");
        drop(open);
        assert!(connections.admit(peer(1)).is_some(), "one has ended");
    }

    #[test]
    fn a_flood_from_some_addresses_closes_no_connection_of_another() {
        let connections = Connections::default();
        let mut scrape = [connections.admit(peer(1)).unwrap()];
        let mut flood = Vec::new();
        for number in 0..2000_u32 {
            flood.push(connections.admit(peer(u8::try_from(10 + number % 10).unwrap())).unwrap());
        }
        assert!(gone(&mut scrape).is_empty(), "it was not heard yet, and is alone at its address");
        assert_eq!(flood.len() - gone(&mut flood).len() + scrape.len(), MAX_CONNECTIONS);
    }

    #[test]
    fn there_is_a_bound_for_all_addresses_together() {
        let connections = Connections::default();
        let peers = u8::try_from(MAX_CONNECTIONS / MAX_PER_PEER).unwrap();
        let mut open: Vec<_> = (0..peers).flat_map(|address| full(&connections, address)).collect();
        let newcomer = connections.admit(peer(peers)).unwrap();
        assert_eq!(gone(&mut open), [0]);
        assert!(newcomer.0.is_silent());
    }
}
