//! The users of a web configuration, with bcrypt hashes of their passwords.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::str::FromStr as _;

use bcrypt::HashParts;

use super::fault::Faults;

/// The costs of a hash. 4 is the least of bcrypt; 20 takes a minute.
const COSTS: RangeInclusive<u32> = 4..=20;
/// From this cost on, checking a password takes a second or more, and a warning says so.
const SLOW_COST: u32 = 15;
/// Salt and digest of no known password, for users that do not exist.
const NO_PASSWORD: &str = "WWOOrsUFNQyVzMuwEwSpkOxHyAgRrCN8Rf2h1xGDDmYMbiaR5hwMG";

/// The users and their hashes.
#[derive(Clone, Default)]
pub struct Users {
    hashes: BTreeMap<String, String>,
    /// The hash for a user that does not exist. It takes as long to check as the slowest of the others.
    unknown_user: String,
}

impl std::fmt::Debug for Users {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.hashes.keys()).finish()
    }
}

impl Users {
    /// The users of the table `table`.
    pub(in crate::http) fn new(
        table: &str,
        hashes: Vec<(String, String)>,
        faults: &mut Faults,
        warnings: &mut Vec<String>,
    ) -> Self {
        let mut most = 0;
        for (user, hash) in &hashes {
            let key = format!("{table}.{user}");
            if user.contains(':') {
                faults.add(&key, "a user name cannot contain a colon: it ends there in every request");
            }
            match HashParts::from_str(hash).ok().map(|parts| parts.get_cost()).filter(|cost| COSTS.contains(cost)) {
                Some(cost) => {
                    most = most.max(cost);
                    if cost >= SLOW_COST {
                        warnings.push(format!("{key}: the hash takes seconds to check at each start; cost 10 is usual"));
                    }
                }
                None => faults.add(
                    &key,
                    "is no bcrypt hash of a cost from 4 to 20. It has 60 characters and begins with $2y$: make one of the \
                     password by `htpasswd -nBC 10 USER`",
                ),
            }
        }
        let unknown_user = format!("$2b${most:02}${NO_PASSWORD}");
        Self { hashes: hashes.into_iter().collect(), unknown_user }
    }

    /// Whether there is none.
    #[must_use]
    pub fn are_none(&self) -> bool {
        self.hashes.is_empty()
    }

    /// The hash to compare a password with, and whether the user exists. No password matches the hash of a user
    /// that does not exist.
    #[must_use]
    pub fn hash(&self, user: &str) -> (&str, bool) {
        self.hashes.get(user).map_or((&self.unknown_user, false), |hash| (hash, true))
    }
}
