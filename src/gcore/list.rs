//! How plain lists are asked: `GET` with `limit` and `offset`.

use tokio::time::Instant;

use super::client::{Client, Payload};
use super::endpoint::Endpoint;
use super::error::Error;
use super::page::Walk;
use super::report_query::bad_body;
use super::wire::{self, Row};

/// Reads all rows of a list, `page_size` at a time.
pub(super) async fn read<const N: usize>(
    client: &Client,
    endpoint: Endpoint,
    page_size: u32,
    query: &[(&'static str, String)],
    names: [&str; N],
    deadline: Instant,
    mut on_row: impl FnMut(Row<'_, N>),
) -> Result<(), Error> {
    let mut walk = Walk::new(endpoint);
    while let Some(offset) = walk.next_offset() {
        let mut query = query.to_vec();
        query.extend([("limit", page_size.to_string()), ("offset", offset.to_string())]);
        let page = client.send(endpoint, &Payload::Query(query), deadline).await?;
        let head = wire::read_page(&page, "results", names, &mut on_row)
            .map_err(|error| bad_body(client, endpoint, &error))?;
        walk.page(&head)?;
        client.page_done(endpoint);
    }
    Ok(())
}
