//! The progress of a paged list, and the check that its pages form one list.
//!
//! A row on two neighbouring pages has one of two causes:
//!
//! - The list moved between the two responses. One row is seen twice, and another is missed.
//! - Two rows are equal in all compared fields, and a page ends between them.
//!
//! One more page decides. It begins in the middle of the first page and ends in the second. An unmoved list shows
//! there, row by row, the end of the first page and the beginning of the second. Any other list is refused.

use std::collections::{BTreeMap, HashSet};

use foldhash::fast::RandomState;

use common::wording::counted;

use crate::http::endpoint::Endpoint;
use crate::http::error::{Error, Reason};

/// The fingerprint of an unreadable row. It equals no other row.
pub(crate) const UNREADABLE: u64 = 0;

/// A page that arrived: the row count of the list, and the fingerprints of this page's rows in their order.
pub(crate) struct PageInfo {
    pub(crate) count: u64,
    pub(crate) rows: Vec<u64>,
}

/// The progress of a list.
pub(crate) struct PageCursor {
    endpoint: Endpoint,
    /// Rows in the list, by the count of the first page.
    count: u64,
    /// The page size when pages are requested in parallel. `None` when the end of each page is the start of the next.
    parallel_page_size: Option<u64>,
    /// The first row of the next page to request.
    next_row: u64,
    /// All rows before this one have arrived.
    arrived_until: u64,
    /// Pages whose neighbour may still arrive, by their first row.
    recent: BTreeMap<u64, Vec<u64>>,
    /// The checks of borders between pages that share a row, by the first row of the page across the border.
    overlap_checks: BTreeMap<u64, OverlapCheck>,
}

/// The check of the border between two neighbouring pages, by one more page across it.
struct OverlapCheck {
    is_asked: bool,
    /// The number of rows before the border: those of the first page, from its middle on.
    rows_before: usize,
    /// These rows, and those of the second page.
    rows: Vec<u64>,
}

impl PageCursor {
    /// Begins with the first page.
    pub(crate) fn begin(endpoint: Endpoint, first: PageInfo, is_parallel: bool) -> Result<Self, Error> {
        let (count, next_row) = (first.count, first.rows.len() as u64);
        let parallel_page_size = is_parallel.then_some(next_row);
        let (recent, overlap_checks) = (BTreeMap::new(), BTreeMap::new());
        let mut cursor =
            Self { endpoint, count, parallel_page_size, next_row, arrived_until: 0, recent, overlap_checks };
        cursor.add_page(0, first)?;
        Ok(cursor)
    }

    /// The first row of another page, if one can be requested now. `is_idle` is true when no page is in flight.
    pub(crate) fn next_offset(&mut self, is_idle: bool) -> Option<u64> {
        if let Some((offset, check)) = self.overlap_checks.iter_mut().find(|(_, check)| !check.is_asked) {
            check.is_asked = true;
            return Some(*offset);
        }
        let offset = match self.parallel_page_size {
            Some(_) => self.next_row,
            None if is_idle => self.arrived_until,
            None => return None,
        };
        self.next_row = offset + self.parallel_page_size.unwrap_or_default();
        (offset < self.count).then_some(offset)
    }

    /// Whether the page at `offset` spans a border, so that its rows are on other pages as well.
    pub(crate) fn is_overlap_check(&self, offset: u64) -> bool {
        self.overlap_checks.contains_key(&offset)
    }

    /// Takes a page into account. When no page is left to request or in flight, all rows have arrived. Neighbouring
    /// pages then prove that each arrived once.
    pub(crate) fn add_page(&mut self, offset: u64, page: PageInfo) -> Result<(), Error> {
        let (count, rows) = (self.count, page.rows.len() as u64);
        let end = offset + rows;
        if page.count != count {
            return self.inconsistent(format!("the count of rows moved from {count} to {} while reading", page.count));
        }
        if let Some(check) = self.overlap_checks.remove(&offset) {
            let is_same =
                page.rows.len() > check.rows_before && page.rows.iter().zip(&check.rows).all(|(now, then)| now == then);
            let border = offset + check.rows_before as u64;
            return if is_same {
                Ok(())
            } else {
                self.inconsistent(format!("rows moved around row {border} while reading"))
            };
        }
        if end > count {
            return self.inconsistent(format!("{} came where the server counted {count}", counted(end, "row")));
        }
        if end < count && (rows == 0 || self.parallel_page_size.is_some_and(|size| rows != size)) {
            return self.inconsistent(format!("a page ended at row {end} of {count}"));
        }
        self.recent.insert(offset, page.rows);
        self.check_border(offset)?;
        self.check_border(end)?;
        while let Some(page) = self.recent.get(&self.arrived_until)
            && !page.is_empty()
        {
            self.arrived_until += page.len() as u64;
        }
        self.recent.retain(|start, page| start + page.len() as u64 >= self.arrived_until);
        Ok(())
    }

    /// Records a check at `row` when both pages beside it have arrived and share a row.
    fn check_border(&mut self, row: u64) -> Result<(), Error> {
        let before = self.recent.range(..row).next_back().filter(|(start, page)| *start + page.len() as u64 == row);
        let (Some((_, before)), Some(after)) = (before, self.recent.get(&row)) else { return Ok(()) };
        let known: HashSet<u64, RandomState> = before.iter().copied().filter(|row| *row != UNREADABLE).collect();
        if !after.iter().any(|row| known.contains(row)) {
            return Ok(());
        }
        let half = &before[before.len().div_ceil(2)..];
        if half.is_empty() {
            return self.inconsistent(format!("row {row} is the one before it again, and no page spans both"));
        }
        let check = OverlapCheck { is_asked: false, rows_before: half.len(), rows: [half, after].concat() };
        self.overlap_checks.insert(row - half.len() as u64, check);
        Ok(())
    }

    fn inconsistent(&self, detail: String) -> Result<(), Error> {
        Err(Error { endpoint: self.endpoint, reason: Reason::Inconsistent, detail })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(offset: u64, rows: u64, count: u64) -> PageInfo {
        PageInfo { count, rows: (offset + 1..=offset + rows).collect() }
    }

    /// The offsets of successive requests, for pages of (rows, count).
    fn one_by_one(pages: &[(u64, u64)]) -> Result<Vec<u64>, String> {
        let (mut offsets, mut rest) = (vec![0], pages[1..].iter());
        let first = page(0, pages[0].0, pages[0].1);
        let mut cursor = PageCursor::begin(Endpoint::Reports, first, false).map_err(|error| error.detail)?;
        while let Some(offset) = cursor.next_offset(true) {
            offsets.push(offset);
            let &(rows, count) = rest.next().expect("no page more than needed");
            cursor.add_page(offset, page(offset, rows, count)).map_err(|error| error.detail)?;
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
        let mut cursor = PageCursor::begin(Endpoint::Reports, page(0, 4, 18), true).unwrap();
        let offsets: Vec<u64> = std::iter::from_fn(|| cursor.next_offset(false)).collect();
        assert_eq!(offsets, [4, 8, 12, 16]);
        for offset in [12, 4, 16, 8] {
            cursor.add_page(offset, page(offset, if offset == 16 { 2 } else { 4 }, 18)).unwrap();
        }
        assert_eq!(cursor.arrived_until, 18, "everything has come");
        assert!(cursor.recent.len() <= 2, "pages between their neighbours are forgotten");
    }

    #[test]
    fn a_short_page_side_by_side_leaves_a_gap() {
        let mut cursor = PageCursor::begin(Endpoint::Reports, page(0, 4, 12), true).unwrap();
        cursor.next_offset(false);
        assert!(cursor.add_page(4, page(4, 3, 12)).is_err());
    }

    /// Reads a list of twelve rows in pages of four, some of them equal. `check` is the page across the border.
    fn with_twins(rows: [u64; 12], order: [u64; 2], check: (u64, &[u64])) -> Result<(), String> {
        let page = |offset: u64| PageInfo { count: 12, rows: rows[offset as usize..][..4].to_vec() };
        let mut cursor = PageCursor::begin(Endpoint::Reports, page(0), true).unwrap();
        let offsets = [cursor.next_offset(false), cursor.next_offset(false), cursor.next_offset(false)];
        assert_eq!(offsets, [Some(4), Some(8), None]);
        order.iter().try_for_each(|offset| cursor.add_page(*offset, page(*offset))).map_err(|error| error.detail)?;
        assert_eq!(cursor.next_offset(true), Some(check.0), "the page across the border");
        assert_eq!(cursor.next_offset(true), None, "is asked for once");
        assert!(cursor.is_overlap_check(check.0));
        cursor.add_page(check.0, PageInfo { count: 12, rows: check.1.to_vec() }).map_err(|error| error.detail)
    }

    #[test]
    fn a_row_on_two_neighbouring_pages_is_looked_at_again() {
        let at_the_end = [1, 2, 3, 4, 5, 6, 7, 9, 9, 10, 11, 12];
        let far_apart = [1, 2, 3, 4, 9, 6, 7, 8, 10, 11, 12, 9];
        for order in [[4, 8], [8, 4]] {
            assert_eq!(with_twins(at_the_end, order, (6, &[7, 9, 9, 10])), Ok(()), "both are there");
            assert_eq!(with_twins(far_apart, order, (6, &[7, 8, 10, 11])), Ok(()), "nothing has moved");
            let moved = Err("rows moved around row 8 while reading".to_owned());
            for (name, rows) in [
                ("one row on two pages", [7, 9, 10, 11].as_slice()),
                ("as much as the first page", &[7, 9]),
                ("nothing", &[]),
                ("other rows", &[1, 2, 3, 4]),
            ] {
                assert_eq!(with_twins(at_the_end, order, (6, rows)), moved, "{name}");
            }
        }
        let rows = |rows: [u64; 2]| PageInfo { count: 4, rows: rows.to_vec() };
        let mut cursor = PageCursor::begin(Endpoint::Reports, rows([7, 7]), true).unwrap();
        assert_eq!(cursor.overlap_checks.len(), 0, "two equal rows of one page are two resources");
        cursor.add_page(2, rows([UNREADABLE, 8])).unwrap();
        let mut cursor = PageCursor::begin(Endpoint::Reports, rows([1, UNREADABLE]), true).unwrap();
        cursor.add_page(2, rows([UNREADABLE, 2])).unwrap();
        assert_eq!(cursor.overlap_checks.len(), 0, "rows that cannot be read are compared with none");
    }

    #[test]
    fn pages_of_one_row_cannot_tell_equal_rows_apart() {
        let page = || PageInfo { count: 2, rows: vec![7] };
        let mut cursor = PageCursor::begin(Endpoint::Reports, page(), true).unwrap();
        let refusal = cursor.add_page(1, page()).unwrap_err().detail;
        assert_eq!(refusal, "row 1 is the one before it again, and no page spans both");
    }
}
