//! Passwords of the listener's users, checked against bcrypt hashes.
//!
//! A hash is slow by design: some 70 ms of one processor. So a password that was right or wrong once is remembered, one
//! check runs at a time, outside the serving threads, and an address may have only a few that wait. A scrape with a
//! known password waits for none of them.

use std::collections::{BTreeMap, HashSet};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hyper::HeaderMap;
use hyper::header::AUTHORIZATION;
use ring::hmac;
use ring::rand::SystemRandom;
use tokio::sync::Semaphore;

use super::web_config::users::Users;

/// Outcomes that are remembered. Right and wrong ones have a table each, so that wrong ones push out no right one.
const REMEMBERED: usize = 256;
/// Checks that may wait or run for one address, or for one network of IPv6.
const WAITING_OF_A_PEER: usize = 4;

/// The outcome for one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The password is right, or none is needed.
    Passed,
    /// The password is wrong or missing.
    Refused,
    /// The address already has as many checks as it may.
    TooMany,
}

/// Checks passwords.
#[derive(Clone)]
pub(super) struct BasicAuth(Arc<Inner>);

struct Inner {
    /// Random, so that the table of outcomes holds nothing that would help to guess a password.
    key: hmac::Key,
    outcomes: Mutex<Outcomes>,
    turn: Arc<Semaphore>,
    waiting: Mutex<BTreeMap<IpAddr, usize>>,
}

#[derive(Default)]
struct Outcomes {
    right: HashSet<[u8; 32]>,
    wrong: HashSet<[u8; 32]>,
}

/// The slot of a check that waits or runs.
struct Waiting<'a> {
    inner: &'a Inner,
    peer: IpAddr,
}

impl BasicAuth {
    /// Nothing is remembered yet.
    ///
    /// # Errors
    /// Fails when the system has no random numbers.
    pub(super) fn new() -> anyhow::Result<Self> {
        let key = hmac::Key::generate(hmac::HMAC_SHA256, &SystemRandom::new());
        Ok(Self(Arc::new(Inner {
            key: key.map_err(|_| anyhow::anyhow!("the system has no random numbers"))?,
            outcomes: Mutex::default(),
            turn: Arc::new(Semaphore::new(1)),
            waiting: Mutex::default(),
        })))
    }

    /// Whether a request may pass.
    pub(super) async fn check(&self, users: &Users, headers: &HeaderMap, peer: IpAddr) -> Verdict {
        if users.are_none() {
            return Verdict::Passed;
        }
        let Some((user, password)) = credentials(headers) else { return Verdict::Refused };
        let (hash, is_known_user) = users.hash(&user);
        let name = self.0.name(&user, hash, &password);
        if let Some(is_right) = self.0.remembered(&name) {
            return verdict(is_right);
        }
        let Some(_waiting) = self.0.wait(peer) else { return Verdict::TooMany };
        let Ok(turn) = Arc::clone(&self.0.turn).acquire_owned().await else { return Verdict::Refused };
        // Another request may have asked the same meanwhile.
        if let Some(is_right) = self.0.remembered(&name) {
            return verdict(is_right);
        }
        let (inner, hash) = (Arc::clone(&self.0), hash.to_owned());
        // The outcome is remembered even if the client leaves meanwhile.
        let check = tokio::task::spawn_blocking(move || {
            let is_right = bcrypt::verify(&password, &hash).unwrap_or(false) && is_known_user;
            inner.remember(name, is_right);
            drop(turn);
            is_right
        });
        verdict(check.await.unwrap_or(false))
    }
}

fn verdict(is_right: bool) -> Verdict {
    if is_right { Verdict::Passed } else { Verdict::Refused }
}

impl Inner {
    /// The name of a password under which its outcome is remembered. A new hash of the user makes another name.
    fn name(&self, user: &str, hash: &str, password: &[u8]) -> [u8; 32] {
        let mut name = hmac::Context::with_key(&self.key);
        for part in [user.as_bytes(), hash.as_bytes(), password] {
            name.update(&(part.len() as u64).to_le_bytes());
            name.update(part);
        }
        let mut bytes = [0; 32];
        bytes.copy_from_slice(name.sign().as_ref());
        bytes
    }

    fn remembered(&self, name: &[u8; 32]) -> Option<bool> {
        let outcomes = self.outcomes();
        if outcomes.right.contains(name) {
            return Some(true);
        }
        outcomes.wrong.contains(name).then_some(false)
    }

    fn remember(&self, name: [u8; 32], is_right: bool) {
        let mut outcomes = self.outcomes();
        let table = if is_right { &mut outcomes.right } else { &mut outcomes.wrong };
        if table.len() >= REMEMBERED {
            table.clear();
        }
        table.insert(name);
    }

    /// A slot for one more check of an address. `None` if it has as many as it may.
    fn wait(&self, peer: IpAddr) -> Option<Waiting<'_>> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let number = waiting.entry(peer).or_default();
        if *number >= WAITING_OF_A_PEER {
            return None;
        }
        *number += 1;
        drop(waiting);
        Some(Waiting { inner: self, peer })
    }

    fn outcomes(&self) -> MutexGuard<'_, Outcomes> {
        self.outcomes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let mut waiting = self.inner.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(number) = waiting.get_mut(&self.peer) {
            *number -= 1;
            if *number == 0 {
                waiting.remove(&self.peer);
            }
        }
    }
}

/// User and password of a request. `None` without a header of the right form.
fn credentials(headers: &HeaderMap) -> Option<(String, Vec<u8>)> {
    let (scheme, encoded) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let mut user = STANDARD.decode(encoded.trim()).ok()?;
    let colon = user.iter().position(|byte| *byte == b':')?;
    let password = user.split_off(colon + 1);
    user.truncate(colon);
    Some((String::from_utf8(user).ok()?, password))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::web_config::fault::Faults;

    const ALICE: &str = "wonder:land ü";

    fn users(hashes: &[(&str, &str)]) -> Users {
        let hashes = hashes.iter().map(|(user, password)| ((*user).to_owned(), bcrypt::hash(password, 4).unwrap()));
        let mut faults = Faults::none("web.yml".as_ref());
        Users::new("basic_auth_users", hashes.collect(), &mut faults, &mut Vec::new())
    }

    fn basic(text: &str) -> HeaderMap {
        header(&format!("Basic {}", STANDARD.encode(text)))
    }

    fn header(value: &str) -> HeaderMap {
        HeaderMap::from_iter([(AUTHORIZATION, value.parse().unwrap())])
    }

    fn peer(last: u8) -> IpAddr {
        [192, 0, 2, last].into()
    }

    #[tokio::test]
    async fn only_the_password_of_a_user_passes() {
        let auth = BasicAuth::new().unwrap();
        let users = users(&[("alice", ALICE), ("bob", "")]);
        for _ in 0..2 {
            for (headers, want) in [
                (basic(&format!("alice:{ALICE}")), Verdict::Passed),
                (header(&format!("bAsIc {}", STANDARD.encode(format!("alice:{ALICE}")))), Verdict::Passed),
                (basic("bob:"), Verdict::Passed),
                (basic("alice:"), Verdict::Refused),
                (basic(&format!("bob:{ALICE}")), Verdict::Refused),
                (basic(&format!("carol:{ALICE}")), Verdict::Refused),
                (basic("carol:"), Verdict::Refused),
                (basic("alice"), Verdict::Refused),
                (basic(""), Verdict::Refused),
                (header("Basic"), Verdict::Refused),
                (header("Basic !"), Verdict::Refused),
                (header("Bearer YWxpY2U6"), Verdict::Refused),
                (HeaderMap::new(), Verdict::Refused),
            ] {
                assert_eq!(auth.check(&users, &headers, peer(1)).await, want, "{headers:?}");
            }
        }
        assert_eq!(auth.check(&Users::default(), &HeaderMap::new(), peer(1)).await, Verdict::Passed, "no users");
    }

    #[tokio::test]
    async fn a_new_hash_is_checked_anew() {
        let auth = BasicAuth::new().unwrap();
        assert_eq!(auth.check(&users(&[("a", "old")]), &basic("a:old"), peer(1)).await, Verdict::Passed);
        let new = users(&[("a", "new")]);
        assert_eq!(auth.check(&new, &basic("a:old"), peer(1)).await, Verdict::Refused);
        assert_eq!(auth.check(&new, &basic("a:new"), peer(1)).await, Verdict::Passed);
    }

    #[tokio::test]
    async fn wrong_passwords_keep_out_no_known_one_and_no_other_address() {
        let auth = BasicAuth::new().unwrap();
        let users = users(&[("a", "right")]);
        let (right, peers) = (basic("a:right"), [peer(1), peer(2)]);
        assert_eq!(auth.check(&users, &right, peers[0]).await, Verdict::Passed);
        // As if a check never ended.
        let turn = Arc::clone(&auth.0.turn).acquire_owned().await.unwrap();
        let guesses: Vec<_> = (0..WAITING_OF_A_PEER)
            .map(|guess| {
                let (auth, users, headers) = (auth.clone(), users.clone(), basic(&format!("a:{guess}")));
                tokio::spawn(async move { auth.check(&users, &headers, peer(1)).await })
            })
            .collect();
        while auth.0.waiting.lock().unwrap().get(&peers[0]) != Some(&WAITING_OF_A_PEER) {
            tokio::task::yield_now().await;
        }
        assert_eq!(auth.check(&users, &basic("a:more"), peers[0]).await, Verdict::TooMany);
        assert_eq!(auth.check(&users, &basic("unknown:more"), peers[0]).await, Verdict::TooMany);
        for peer in peers {
            assert_eq!(auth.check(&users, &right, peer).await, Verdict::Passed, "a known password waits for no check");
        }
        let other = {
            let (auth, users) = (auth.clone(), users.clone());
            tokio::spawn(async move { auth.check(&users, &basic("a:other"), peer(2)).await })
        };
        while !auth.0.waiting.lock().unwrap().contains_key(&peers[1]) {
            tokio::task::yield_now().await;
        }
        drop(turn);
        for guess in guesses.into_iter().chain([other]) {
            assert_eq!(guess.await.unwrap(), Verdict::Refused);
        }
        assert!(auth.0.waiting.lock().unwrap().is_empty(), "every slot is free again");
    }

    #[test]
    fn memory_is_bounded_and_wrong_passwords_push_out_no_right_one() {
        let auth = BasicAuth::new().unwrap();
        let name = |number: u32| auth.0.name("a", "hash", &number.to_le_bytes());
        auth.0.remember(name(0), true);
        (1..2000).for_each(|number| auth.0.remember(name(number), false));
        assert_eq!(auth.0.remembered(&name(0)), Some(true));
        assert_eq!(auth.0.remembered(&name(1999)), Some(false));
        assert!(auth.0.outcomes().wrong.len() <= REMEMBERED);
        assert_ne!(auth.0.name("ab", "c", b""), auth.0.name("a", "bc", b""), "the parts have borders");
    }
}
