//! The shard: the part of the series that one of several daemons on the same accounts serves.

use std::fmt;
use std::str::FromStr;

use gcore_api::billing::resource::ProjectId;

/// One of `count` daemons with the same configuration. Each project belongs to exactly one of them.
///
/// Default 1/1: one daemon, to which all projects belong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shard {
    /// From 1 to `count`.
    index: u64,
    /// From 1 to [`MOST`].
    count: u64,
}

/// The largest number of shards. Each of them reads whole reports, so more would only burden the API.
const MOST: u64 = 100;

/// A text that is no shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected I/N such as 2/3: the shard I, from 1 to N, of N shards, at most {}", MOST)]
pub struct InvalidShard;

impl Shard {
    /// The number of this shard, from 1.
    #[must_use]
    pub fn index(self) -> u64 {
        self.index
    }

    /// The number of all shards.
    #[must_use]
    pub fn count(self) -> u64 {
        self.count
    }

    /// Whether there is no other shard.
    #[must_use]
    pub fn is_only(self) -> bool {
        self.count == 1
    }

    /// Its text, such as `2/3`. `None`: there is no other shard.
    #[must_use]
    pub fn name(self) -> Option<String> {
        (!self.is_only()).then(|| self.to_string())
    }

    /// Whether this is the first shard. It serves the series without a project, and judges the alerts.
    #[must_use]
    pub fn is_first(self) -> bool {
        self.index == 1
    }

    /// Whether the series of a project, or of an account without a project, belong to this shard.
    #[must_use]
    pub fn holds(self, project: Option<ProjectId>) -> bool {
        self.is_only() || project.map_or(1, |project| self.index_of(project)) == self.index
    }

    /// The number of the shard that a project belongs to, from 1: `hash(id) % count + 1`.
    #[must_use]
    pub fn index_of(self, project: ProjectId) -> u64 {
        hash(project.0) % self.count + 1
    }
}

impl Default for Shard {
    fn default() -> Self {
        Self { index: 1, count: 1 }
    }
}

impl FromStr for Shard {
    type Err = InvalidShard;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (index, count) = text.split_once('/').ok_or(InvalidShard)?;
        let [index, count] = [index, count].map(|number| number.parse().map_err(|_| InvalidShard));
        let shard = Self { index: index?, count: count? };
        let is_valid = shard.count <= MOST && (1..=shard.count).contains(&shard.index);
        // A sign or a leading zero would be another text for the same shard.
        if is_valid && shard.to_string() == text { Ok(shard) } else { Err(InvalidShard) }
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.index, self.count)
    }
}

/// The first number of SplitMix64 with this seed (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators,
/// 2014). It must never change: another hash would move series between the daemons of two versions.
fn hash(seed: u64) -> u64 {
    let mixed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shard_is_read_and_written_in_one_form() {
        for text in ["1/1", "1/3", "3/3", "100/100"] {
            assert_eq!(text.parse().map(|shard: Shard| shard.to_string()), Ok(text.to_owned()));
        }
        for text in [
            "",
            "1",
            "/",
            "1/",
            "/3",
            "0/3",
            "4/3",
            "9/3",
            "1/0",
            "0/0",
            "1/101",
            "a/b",
            "-1/3",
            "+1/3",
            "01/3",
            "1/3/3",
            " 1/3",
            "1/3 ",
            "1 / 3",
            "1.0/3",
            "18446744073709551617/3",
        ] {
            assert_eq!(text.parse::<Shard>(), Err(InvalidShard), "{text:?}");
        }
        assert_eq!(Shard::default(), "1/1".parse().unwrap());
    }

    #[test]
    fn the_hash_is_that_of_the_published_generator() {
        // The first numbers of its reference implementation, https://prng.di.unimi.it/splitmix64.c.
        for (seed, number) in
            [(0, 0xe220_a839_7b1d_cdaf), (1, 0x910a_2dec_8902_5cc1), (1_234_567, 6_457_827_717_110_365_317)]
        {
            assert_eq!(hash(seed), number, "{seed}");
        }
    }

    #[test]
    fn a_project_stays_in_its_shard_over_versions() {
        let shard: Shard = "1/3".parse().unwrap();
        let homes = [0, 1, 16, 41001, 41002, 41003, 41004, u64::MAX].map(|id| shard.index_of(ProjectId(id)));
        assert_eq!(homes, [2, 3, 3, 2, 2, 3, 2, 3]);
    }

    #[test]
    fn each_project_belongs_to_one_shard_and_each_shard_gets_its_part() {
        for count in [1, 2, 3, 7, MOST] {
            let mut projects = vec![0_u64; usize::try_from(count).unwrap()];
            for id in 40_000..50_000 {
                let holders: Vec<u64> =
                    (1..=count).filter(|index| Shard { index: *index, count }.holds(Some(ProjectId(id)))).collect();
                let [holder] = holders[..] else { panic!("project {id} belongs to {holders:?} of {count}") };
                projects[usize::try_from(holder).unwrap() - 1] += 1;
            }
            let part = 10_000 / count;
            let is_fair = |number: &u64| (part / 2..=part * 2).contains(number);
            assert!(projects.iter().all(is_fair), "{count}: {projects:?}");
        }
    }

    #[test]
    fn the_first_shard_and_the_only_one_are_known() {
        for (text, is_first, is_only) in [("1/1", true, true), ("1/2", true, false), ("2/2", false, false)] {
            let shard: Shard = text.parse().unwrap();
            assert_eq!((shard.is_first(), shard.is_only()), (is_first, is_only), "{text}");
            assert_eq!(shard.holds(None), is_first, "{text}");
            assert_eq!(shard.name().as_deref(), (!is_only).then_some(text));
        }
    }
}
