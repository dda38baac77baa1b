//! Makes duplicate ids of a list different.
//!
//! An id becomes a label. Two records with one id would hide each other, and queries that join by the id would fail for
//! all others.

use std::collections::{HashMap, HashSet};

use smol_str::{SmolStr, format_smolstr};

/// Sorts a list, and numbers all but the first record of each id: `77`, `77#2`, `77#3`. So the API's order does not
/// change the number of a record.
pub fn number<T: Ord>(list: &mut [T], id: impl Fn(&mut T) -> &mut SmolStr) {
    list.sort_unstable();
    let mut taken: HashSet<SmolStr> = list.iter_mut().map(|record| id(record).clone()).collect();
    let mut counts: HashMap<SmolStr, usize> = HashMap::new();
    for record in list {
        let id = id(record);
        let count = counts.entry(id.clone()).or_default();
        *count += 1;
        while *count > 1 {
            let numbered = format_smolstr!("{id}#{count}");
            if taken.insert(numbered.clone()) {
                *id = numbered;
                break;
            }
            *count += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_record_has_an_id_of_its_own() {
        for (name, ids, want) in [
            ("nothing", vec![], ""),
            ("no ties", vec!["b1", "a1"], "a1 b1"),
            ("ties", vec!["a2", "b1", "a1", "a3"], "a1 a#22 a#33 b1"),
            ("the same record twice", vec!["a1", "a1"], "a1 a#21"),
        ] {
            // An id of one letter, and a digit that makes records different.
            let mut list: Vec<(SmolStr, u32)> =
                ids.iter().map(|text| (text[..1].into(), text[1..].parse().unwrap())).collect();
            for _ in 0..2 {
                list.reverse();
                number(&mut list, |(id, _)| id);
                let told: Vec<String> = list.iter().map(|(id, digit)| format!("{id}{digit}")).collect();
                assert_eq!(told.join(" "), want, "{name}");
            }
        }
        let mut odd: Vec<SmolStr> = ["a", "a#2", "a", "a"].map(SmolStr::new_static).into();
        number(&mut odd, |id| id);
        assert_eq!(odd, ["a", "a#3", "a#4", "a#2"], "an id that looks like a number of another");
    }
}
