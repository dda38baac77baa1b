//! Walking a paged list from its first row to its last.

use super::endpoint::Endpoint;
use super::error::{Error, Reason};
use super::wire::PageHead;

/// Reads pages until all rows that the server counted have arrived, and returns the last page's head.
///
/// The next page starts after the rows that really came, so a server that caps the page size loses nothing; the
/// server's own `next` link is never followed, since it may name another host. Pages that do not add up (a count
/// that moves, an empty page too early, more rows than counted) fail the reading: half a list is no list.
pub(super) async fn walk(
    endpoint: Endpoint,
    mut read: impl AsyncFnMut(u64) -> Result<PageHead, Error>,
) -> Result<PageHead, Error> {
    let mut page = read(0).await?;
    let (count, mut received) = (page.count, page.rows);
    let inconsistent = |detail: String| Err(Error { endpoint, reason: Reason::Inconsistent, detail });
    while received < count {
        if page.rows == 0 {
            return inconsistent(format!("the pages ended at row {received} of {count}"));
        }
        page = read(received).await?;
        if page.count != count {
            return inconsistent(format!("the count of rows moved from {count} to {} while reading", page.count));
        }
        received += page.rows;
    }
    if received > count {
        return inconsistent(format!("{received} rows came where the server counted {count}"));
    }
    Ok(page)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Pages as (rows, count); the read fails the test where it goes past them.
    async fn walked(pages: &[(u64, u64)]) -> Result<Vec<u64>, String> {
        let mut offsets = Vec::new();
        let mut pages = pages.iter();
        walk(Endpoint::Reports, async |offset| {
            offsets.push(offset);
            let &(rows, count) = pages.next().expect("no page more than needed");
            Ok(PageHead { rows, count, price_status: None })
        })
        .await
        .map(|_| offsets)
        .map_err(|error| error.detail)
    }

    #[tokio::test]
    async fn goes_by_the_rows_received() {
        assert_eq!(walked(&[(0, 0)]).await, Ok(vec![0]), "empty list");
        assert_eq!(walked(&[(10, 10)]).await, Ok(vec![0]), "one full page");
        assert_eq!(walked(&[(4, 10), (4, 10), (2, 10)]).await, Ok(vec![0, 4, 8]), "a server that caps the page size");
    }

    #[tokio::test]
    async fn refuses_what_does_not_add_up() {
        for (name, pages, want) in [
            ("count moves", vec![(5, 10), (5, 11)], "the count of rows moved from 10 to 11 while reading"),
            ("ends early", vec![(5, 10), (0, 10)], "the pages ended at row 5 of 10"),
            ("empty first page", vec![(0, 10)], "the pages ended at row 0 of 10"),
            ("too many", vec![(5, 8), (5, 8)], "10 rows came where the server counted 8"),
        ] {
            assert_eq!(walked(&pages).await, Err(want.into()), "{name}");
        }
    }
}
