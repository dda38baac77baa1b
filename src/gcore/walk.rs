//! Which rows of a paged list have come, and whether they add up to one list.

use std::collections::{BTreeMap, HashSet};

use foldhash::fast::RandomState;

use crate::wording::counted;

use super::endpoint::Endpoint;
use super::error::{Error, Reason};

/// Tells rows from others; equal rows share one.
pub(super) type Fingerprints = HashSet<u64, RandomState>;

/// A page that came: how many rows, of how many, and their fingerprints.
pub(super) struct Taken {
    pub(super) rows: u64,
    pub(super) count: u64,
    pub(super) fingerprints: Fingerprints,
}

/// How far a list has been read.
pub(super) struct Walk {
    endpoint: Endpoint,
    /// Rows in the list, as the first page counts them.
    count: u64,
    /// Rows a page when pages are asked for side by side; `None` where one page's end decides the next one's start.
    stride: Option<u64>,
    /// Where the next page to be asked for starts.
    next: u64,
    /// All rows before this one have come.
    contiguous: u64,
    /// Pages that may still get a neighbour, by their first row: their end, and their rows' fingerprints.
    recent: BTreeMap<u64, (u64, Fingerprints)>,
}

impl Walk {
    /// Begins with the first page.
    pub(super) fn begin(endpoint: Endpoint, first: Taken, side_by_side: bool) -> Result<Self, Error> {
        let stride = side_by_side.then_some(first.rows);
        let mut walk =
            Self { endpoint, count: first.count, stride, next: first.rows, contiguous: 0, recent: BTreeMap::new() };
        walk.take(0, first)?;
        Ok(walk)
    }

    /// Where another page starts, if one can be asked for now; `is_idle` tells that no page is on its way.
    pub(super) fn next_offset(&mut self, is_idle: bool) -> Option<u64> {
        let offset = match self.stride {
            Some(_) => self.next,
            None if is_idle => self.contiguous,
            None => return None,
        };
        self.next = offset + self.stride.unwrap_or_default();
        (offset < self.count).then_some(offset)
    }

    /// Takes a page into account. By the time that no more page is asked for and none is on its way, all rows have
    /// come, each of them once as far as neighbouring pages tell.
    pub(super) fn take(&mut self, offset: u64, page: Taken) -> Result<(), Error> {
        let (count, end) = (self.count, offset + page.rows);
        if page.count != count {
            return self.inconsistent(format!("the count of rows moved from {count} to {} while reading", page.count));
        }
        if end > count {
            return self.inconsistent(format!("{} came where the server counted {count}", counted(end, "row")));
        }
        if end < count && (page.rows == 0 || self.stride.is_some_and(|stride| page.rows != stride)) {
            return self.inconsistent(format!("a page ended at row {end} of {count}"));
        }
        let before = self.recent.range(..offset).next_back().filter(|(_, (before_end, _))| *before_end == offset);
        let neighbours = before.map(|(_, page)| page).into_iter().chain(self.recent.get(&end));
        for (_, neighbour) in neighbours {
            if !neighbour.is_disjoint(&page.fingerprints) {
                return self
                    .inconsistent(format!("a row of the page at row {offset} came on the page beside it as well"));
            }
        }
        self.recent.insert(offset, (end, page.fingerprints));
        while let Some((end, _)) = self.recent.get(&self.contiguous)
            && *end > self.contiguous
        {
            self.contiguous = *end;
        }
        self.recent.retain(|_, (end, _)| *end >= self.contiguous);
        Ok(())
    }

    fn inconsistent(&self, detail: String) -> Result<(), Error> {
        Err(Error { endpoint: self.endpoint, reason: Reason::Inconsistent, detail })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(offset: u64, rows: u64, count: u64) -> Taken {
        Taken { rows, count, fingerprints: (offset..offset + rows).collect() }
    }

    /// The offsets asked for one after the other while pages of (rows, count) come.
    fn one_by_one(pages: &[(u64, u64)]) -> Result<Vec<u64>, String> {
        let (mut offsets, mut rest) = (vec![0], pages[1..].iter());
        let first = page(0, pages[0].0, pages[0].1);
        let mut walk = Walk::begin(Endpoint::Reports, first, false).map_err(|error| error.detail)?;
        while let Some(offset) = walk.next_offset(true) {
            offsets.push(offset);
            let &(rows, count) = rest.next().expect("no page more than needed");
            walk.take(offset, page(offset, rows, count)).map_err(|error| error.detail)?;
        }
        Ok(offsets)
    }

    #[test]
    fn goes_by_the_rows_received() {
        assert_eq!(one_by_one(&[(0, 0)]), Ok(vec![0]), "empty list");
        assert_eq!(one_by_one(&[(10, 10)]), Ok(vec![0]), "one full page");
        assert_eq!(one_by_one(&[(4, 10), (3, 10), (3, 10)]), Ok(vec![0, 4, 7]), "pages of any size");
    }

    #[test]
    fn refuses_what_does_not_add_up() {
        for (name, pages, want) in [
            ("count moves", vec![(5, 10), (5, 11)], "the count of rows moved from 10 to 11 while reading"),
            ("ends early", vec![(5, 10), (0, 10)], "a page ended at row 5 of 10"),
            ("empty first page", vec![(0, 10)], "a page ended at row 0 of 10"),
            ("too many", vec![(5, 8), (5, 8)], "10 rows came where the server counted 8"),
            ("rows where none are counted", vec![(5, 0)], "5 rows came where the server counted 0"),
        ] {
            assert_eq!(one_by_one(&pages), Err(want.into()), "{name}");
        }
    }

    #[test]
    fn pages_side_by_side_may_come_in_any_order() {
        let mut walk = Walk::begin(Endpoint::Reports, page(0, 4, 18), true).unwrap();
        let offsets: Vec<u64> = std::iter::from_fn(|| walk.next_offset(false)).collect();
        assert_eq!(offsets, [4, 8, 12, 16]);
        for offset in [12, 4, 16, 8] {
            walk.take(offset, page(offset, if offset == 16 { 2 } else { 4 }, 18)).unwrap();
        }
        assert_eq!(walk.contiguous, 18, "everything has come");
        assert!(walk.recent.len() <= 2, "pages between their neighbours are forgotten");
    }

    #[test]
    fn a_short_page_side_by_side_leaves_a_gap() {
        let mut walk = Walk::begin(Endpoint::Reports, page(0, 4, 12), true).unwrap();
        walk.next_offset(false);
        assert!(walk.take(4, page(4, 3, 12)).is_err());
    }

    #[test]
    fn a_row_on_two_neighbouring_pages_is_drift() {
        for order in [[4, 8], [8, 4]] {
            let mut walk = Walk::begin(Endpoint::Reports, page(0, 4, 12), true).unwrap();
            let outcome: Vec<bool> = order
                .iter()
                .map(|&offset| {
                    let mut page = page(offset, 4, 12);
                    page.fingerprints.insert(77);
                    walk.take(offset, page).is_ok()
                })
                .collect();
            assert_eq!(outcome, [true, false], "{order:?}");
        }
        let mut twice = page(0, 4, 4);
        twice.fingerprints.remove(&1);
        assert!(Walk::begin(Endpoint::Reports, twice, true).is_ok(), "two equal rows of one page are two resources");
    }
}
