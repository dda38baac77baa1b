//! Walking a paged list from its first row to its last.

use super::endpoint::Endpoint;
use super::error::{Error, Reason};
use super::wire::PageHead;

/// How far a paged list has been read.
///
/// The next page starts after the rows that really came, so a server that caps the page size loses nothing; the
/// server's own `next` link is never followed, since it may name another host. Pages that do not add up (a count
/// that moves, an empty page too early, more rows than counted) fail the reading: half a list is no list.
pub(super) struct Walk {
    endpoint: Endpoint,
    received: u64,
    count: Option<u64>,
}

impl Walk {
    pub(super) fn new(endpoint: Endpoint) -> Self {
        Self { endpoint, received: 0, count: None }
    }

    /// Where the next page starts; `None` once all counted rows have come.
    pub(super) fn next_offset(&self) -> Option<u64> {
        (self.count != Some(self.received)).then_some(self.received)
    }

    /// Takes the next page into account.
    pub(super) fn page(&mut self, head: &PageHead) -> Result<(), Error> {
        let count = *self.count.get_or_insert(head.count);
        let received = self.received + head.rows;
        let detail = if head.count != count {
            format!("the count of rows moved from {count} to {} while reading", head.count)
        } else if received > count {
            format!("{received} rows came where the server counted {count}")
        } else if head.rows == 0 && received < count {
            format!("the pages ended at row {received} of {count}")
        } else {
            self.received = received;
            return Ok(());
        };
        Err(Error { endpoint: self.endpoint, reason: Reason::Inconsistent, detail })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The offsets asked for while pages of (rows, count) come.
    fn walked(pages: &[(u64, u64)]) -> Result<Vec<u64>, String> {
        let (mut walk, mut offsets, mut pages) = (Walk::new(Endpoint::Reports), Vec::new(), pages.iter());
        while let Some(offset) = walk.next_offset() {
            offsets.push(offset);
            let &(rows, count) = pages.next().expect("no page more than needed");
            walk.page(&PageHead { rows, count, price_status: None }).map_err(|error| error.detail)?;
        }
        Ok(offsets)
    }

    #[test]
    fn goes_by_the_rows_received() {
        assert_eq!(walked(&[(0, 0)]), Ok(vec![0]), "empty list");
        assert_eq!(walked(&[(10, 10)]), Ok(vec![0]), "one full page");
        assert_eq!(walked(&[(4, 10), (4, 10), (2, 10)]), Ok(vec![0, 4, 8]), "a server that caps the page size");
    }

    #[test]
    fn refuses_what_does_not_add_up() {
        for (name, pages, want) in [
            ("count moves", vec![(5, 10), (5, 11)], "the count of rows moved from 10 to 11 while reading"),
            ("ends early", vec![(5, 10), (0, 10)], "the pages ended at row 5 of 10"),
            ("empty first page", vec![(0, 10)], "the pages ended at row 0 of 10"),
            ("too many", vec![(5, 8), (5, 8)], "10 rows came where the server counted 8"),
            ("rows where none are counted", vec![(5, 0)], "5 rows came where the server counted 0"),
        ] {
            assert_eq!(walked(&pages), Err(want.into()), "{name}");
        }
    }
}
