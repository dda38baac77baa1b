//! Reads a paged list completely: from its first row to its last, each row once.
//!
//! The first page gives the number of rows and the page size. The other pages are then requested in parallel. A list
//! whose pages do not form one list is read again, page after page, and in the end refused. The server's `next` link is
//! never followed, because it may name another host.

use std::collections::BTreeMap;
use std::hash::{BuildHasher, Hasher};

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use smol_str::SmolStr;

use crate::billing::record::{Fold, RejectReason};

use crate::endpoints::page_cursor::{PageCursor, PageInfo, UNREADABLE};
use crate::http::client::Client;
use crate::http::endpoint::Endpoint;
use crate::http::error::{Error, Reason};
use crate::http::memory_limit::{Claim, MemoryShare};
use crate::http::payload::Payload;
use crate::http::poll_deadline::PollDeadline;
use crate::json::field::{Field, MAX_TEXT};
use crate::json::lenient_json::{self, PageHead, Row};
use crate::json::row_templates::RowTemplates;

/// The number of repeated readings of an inconsistent list.
const REREADS: usize = 2;
/// The largest number of records of a list that keeps each record. No known list comes near.
const MOST_KEPT: u64 = 100_000;
/// The largest memory of such a list.
const MOST_KEPT_BYTES: usize = 16 << 20;

/// A list of at least this many records fails when more than half of them are unreadable. A shorter list fails when all
/// are. One unreadable record of three says little; six of ten mean that the rows have another form.
const ENOUGH_TO_JUDGE: u64 = 10;

/// A list that was read completely.
#[derive(Clone, Debug, Default)]
pub struct Listing<F> {
    /// All readable rows, folded.
    pub data: F,
    /// The number of rows, including unreadable ones.
    pub rows: u64,
    /// Rejected records, by reason.
    pub rejected: BTreeMap<RejectReason, u64>,
    /// `price_status` of a cost report.
    pub price_status: Option<SmolStr>,
    /// The memory share of `data`. It lives as long as `data`.
    pub share: MemoryShare,
}

/// The first page of a list.
#[derive(Clone, Debug, Default)]
pub struct FirstPage<F> {
    /// Rows on all pages, by the server's count.
    pub count: u64,
    /// The rows of the first page.
    pub page: Listing<F>,
}

/// The place of a list's rows in its pages, and the conversion of a row to records, mostly one.
pub(crate) struct RowSchema<F, const N: usize> {
    pub(crate) endpoint: Endpoint,
    pub(crate) rows_key: &'static str,
    pub(crate) fields: [&'static str; N],
    /// The fields that identify a row.
    pub(crate) identity: &'static [usize],
    /// The bytes of records that are summed as they arrive. `None` when each record is kept, and takes memory of its
    /// own.
    pub(crate) weight: Option<fn(&F) -> usize>,
    pub(crate) records: fn(&[Field<'_>; N], &mut RecordSink<'_, F>),
}

/// The first `N` fields. It does not compile when there are fewer.
pub(crate) const fn first<const ALL: usize, const N: usize>(fields: [&'static str; ALL]) -> [&'static str; N] {
    let (mut first, mut at) = ([""; N], 0);
    while at < N {
        first[at] = fields[at];
        at += 1;
    }
    first
}

/// The receiver of records.
pub(crate) struct RecordSink<'l, F> {
    data: &'l mut F,
    rejected: &'l mut BTreeMap<RejectReason, u64>,
    kept: &'l mut Kept,
    /// Whether each record is kept, and takes memory of its own.
    is_kept: bool,
}

/// Counts of the records.
#[derive(Default)]
struct Kept {
    /// The number of records, including unreadable ones. A row may have several.
    records: u64,
    /// The memory of kept records.
    bytes: usize,
    /// The largest memory that the texts of one record of the current row can take.
    texts: usize,
}

impl Kept {
    /// Accounts for another record. False when it is one too many.
    fn weigh<R>(&mut self) -> bool {
        // Lists and maps double their capacity when they grow.
        self.bytes += 2 * size_of::<R>() + self.texts;
        self.records <= MOST_KEPT && self.bytes <= MOST_KEPT_BYTES
    }
}

impl<F> RecordSink<'_, F> {
    /// Adds a record, or counts its rejection.
    pub(crate) fn add<R>(&mut self, record: Result<R, RejectReason>)
    where
        F: Fold<R>,
    {
        self.kept.records += 1;
        if (!self.is_kept || self.kept.weigh::<R>())
            && let Err(reason) = record.and_then(|record| self.data.add(record))
        {
            self.reject(reason);
        }
    }

    /// Counts a row that is no record at all.
    fn add_unreadable(&mut self, reason: RejectReason) {
        self.kept.records += 1;
        self.reject(reason);
    }

    /// Counts a row or record with an unreadable part.
    pub(crate) fn reject(&mut self, reason: RejectReason) {
        *self.rejected.entry(reason).or_default() += 1;
    }
}

/// The requests for a list.
pub(crate) trait Query {
    /// The request for the page that starts at row `offset`.
    fn payload(&self, offset: u64) -> Payload;

    /// The page size. `None` for a list without pages.
    fn rows(&self) -> Option<u32>;

    /// Changes the request after a refusal of its first page. False when there is no other form.
    fn adapt(&mut self, _refusal: &Error) -> bool {
        false
    }

    /// Whether the list is one part of a reading, such as one project. The reading can be accepted without it.
    fn is_part(&self) -> bool {
        false
    }

    /// Called when the first page was accepted.
    fn accepted(&self, _client: &Client) {}
}

/// Reads a list completely.
pub(crate) async fn read<F: Default, const N: usize>(
    client: &Client,
    layout: &RowSchema<F, N>,
    query: impl Query,
    deadline: PollDeadline,
) -> Result<Listing<F>, Error> {
    read_into(client, layout, query, deadline, F::default).await
}

/// Reads a list completely into the value of `empty`. Each repeated reading begins with a new one.
pub(crate) async fn read_into<F, const N: usize>(
    client: &Client,
    layout: &RowSchema<F, N>,
    mut query: impl Query,
    deadline: PollDeadline,
    empty: impl Fn() -> F,
) -> Result<Listing<F>, Error> {
    let mut rereads = 0;
    loop {
        let in_flight = if rereads == 0 { client.settings.concurrency } else { 1 };
        let reading = Reading::new(client, layout, deadline, empty());
        match attempt(reading, &mut query, in_flight).await {
            Err(error) if error.reason == Reason::Inconsistent && rereads < REREADS => {
                tracing::debug!(account = client.account(), %error, "pages do not add up and are read again");
                rereads += 1;
            }
            outcome => return outcome,
        }
    }
}

/// Reads the first page of a list, and its row count.
pub(crate) async fn probe<F: Default, const N: usize>(
    client: &Client,
    layout: &RowSchema<F, N>,
    mut query: impl Query,
    deadline: PollDeadline,
) -> Result<FirstPage<F>, Error> {
    let mut reading = Reading::new(client, layout, deadline, F::default());
    let PageInfo { count, .. } = reading.first_page(&mut query).await?;
    Ok(FirstPage { count, page: reading.listing })
}

async fn attempt<F, const N: usize>(
    mut reading: Reading<'_, F, N>,
    query: &mut impl Query,
    in_flight: usize,
) -> Result<Listing<F>, Error> {
    let Reading { client, layout, deadline, .. } = reading;
    let endpoint = layout.endpoint;
    let mut cursor = PageCursor::begin(endpoint, reading.first_page(query).await?, in_flight > 1)?;
    let mut pending = FuturesUnordered::new();
    loop {
        while pending.len() < in_flight
            && let Some(offset) = cursor.next_offset(pending.is_empty())
        {
            let (payload, rows) = (query.payload(offset), query.rows());
            pending.push(async move { (offset, client.send(endpoint, &payload, rows, deadline).await) });
        }
        let Some((offset, page)) = pending.next().await else { break };
        let page = page?;
        let taken = if cursor.is_overlap_check(offset) { reading.look_at(&page)? } else { reading.add(&page)? };
        cursor.add_page(offset, taken)?;
    }
    reading.finish(query.is_part())
}

/// A list that is being read.
struct Reading<'a, F, const N: usize> {
    client: &'a Client,
    layout: &'a RowSchema<F, N>,
    deadline: PollDeadline,
    shapes: RowTemplates,
    listing: Listing<F>,
    kept: Kept,
    claim: Claim,
}

impl<'a, F, const N: usize> Reading<'a, F, N> {
    fn new(client: &'a Client, layout: &'a RowSchema<F, N>, deadline: PollDeadline, data: F) -> Self {
        let (rows, rejected, price_status, share, kept) = Default::default();
        let listing = Listing { data, rows, rejected, price_status, share };
        Self { client, layout, deadline, shapes: RowTemplates::new(), listing, kept, claim: client.claim() }
    }

    /// Reads the first page, in a form that the server accepts.
    async fn first_page(&mut self, query: &mut impl Query) -> Result<PageInfo, Error> {
        let page = loop {
            match self.client.send(self.layout.endpoint, &query.payload(0), query.rows(), self.deadline).await {
                Ok(page) => break page,
                Err(refusal) if query.adapt(&refusal) => {}
                Err(error) => return Err(error),
            }
        };
        query.accepted(self.client);
        self.add(&page)
    }

    /// Folds the rows of one page.
    fn add(&mut self, page: &[u8]) -> Result<PageInfo, Error> {
        let Self { client, layout, shapes, listing: Listing { data, rejected, .. }, kept, .. } = self;
        let mut intake = RecordSink { data, rejected, kept, is_kept: layout.weight.is_none() };
        let (head, rows) = read_rows(client, layout, shapes, page, |row| match row {
            Ok(fields) => {
                if intake.is_kept {
                    intake.kept.texts = fields.iter().map(|field| field.raw().len().min(MAX_TEXT)).sum();
                }
                (layout.records)(fields, &mut intake);
            }
            Err(reason) => intake.add_unreadable(reason),
        })?;
        self.check_room(head.count)?;
        self.listing.rows += head.rows;
        self.listing.price_status = worse(self.listing.price_status.take(), head.price_status);
        Ok(PageInfo { count: head.count, rows })
    }

    /// Reads a page whose rows are on other pages as well.
    fn look_at(&mut self, page: &[u8]) -> Result<PageInfo, Error> {
        let (head, rows) = read_rows(self.client, self.layout, &mut self.shapes, page, |_| ())?;
        Ok(PageInfo { count: head.count, rows })
    }

    /// The list, unless too few of its records are readable: such a list is neither short nor an empty account. The
    /// caller judges a part itself.
    fn finish(self, is_part: bool) -> Result<Listing<F>, Error> {
        let Self { listing, layout, kept, claim, .. } = self;
        let records = kept.records;
        // A record without one of its times still counts.
        let rejected = || listing.rejected.iter().filter(|(reason, _)| **reason != RejectReason::BadTime);
        let count = rejected().map(|(_, rows)| rows).sum();
        if is_part || is_believable(count, records) {
            return Ok(Listing { share: claim.into(), ..listing });
        }
        let reasons: Vec<_> = rejected().map(|(reason, rows)| format!("{rows} {}", reason.as_str())).collect();
        let detail = format!(
            "{count} of {records} rows cannot be read ({}), so the last good reading stays; the API may have changed its \
             rows, so look for a newer version of this program",
            reasons.join(", ")
        );
        Err(Error { endpoint: layout.endpoint, reason: Reason::BadBody, detail })
    }

    /// Reserves memory for the records so far. Fails when none is left, or when the list is too long to keep. The
    /// length is the larger of the arrived records and the server's count.
    fn check_room(&mut self, count: u64) -> Result<(), Error> {
        let endpoint = self.layout.endpoint;
        let records = self.kept.records.max(count);
        let bytes = match self.layout.weight {
            Some(weight) => weight(&self.listing.data),
            None if records <= MOST_KEPT && self.kept.bytes <= MOST_KEPT_BYTES => self.kept.bytes,
            None => {
                let detail = format!(
                    "the list is too long to be kept: {records} entries or {} bytes so far, where {MOST_KEPT} entries and \
                     {} MiB are the most; for report tasks shorten `look_back`, else ask Gcore or switch the collector off",
                    self.kept.bytes,
                    MOST_KEPT_BYTES >> 20
                );
                return Err(Error { endpoint, reason: Reason::Inconsistent, detail });
            }
        };
        if self.claim.grow_to(bytes) { Ok(()) } else { Err(self.client.no_room(endpoint)) }
    }
}

/// Whether enough records are readable to accept the list.
fn is_believable(rejected: u64, records: u64) -> bool {
    let most = if records < ENOUGH_TO_JUDGE { records.saturating_sub(1) } else { records / 2 };
    rejected <= most
}

/// Reads the rows of one page, and returns their fingerprints.
fn read_rows<'p, F, const N: usize>(
    client: &Client,
    layout: &RowSchema<F, N>,
    shapes: &mut RowTemplates,
    page: &'p [u8],
    mut on_row: impl FnMut(Row<'_, 'p, N>),
) -> Result<(PageHead, Vec<u64>), Error> {
    let mut rows = Vec::with_capacity(client.page_size() as usize);
    let head = lenient_json::read_page(page, layout.rows_key, layout.fields, shapes, &mut |row| {
        rows.push(row.map_or(UNREADABLE, |fields| fingerprint(fields, layout.identity)));
        on_row(row);
    });
    let head = head.map_err(|error| {
        // The message quotes the text around the fault.
        let detail = client.without_secrets(&format!("the answer is no page: {error}"));
        Error { endpoint: layout.endpoint, reason: Reason::BadBody, detail }
    })?;
    client.page_done(layout.endpoint);
    Ok((head, rows))
}

/// A hash of a row's identity. Different identities share one with a chance of one in 10^19.
fn fingerprint(fields: &[Field<'_>], identity: &[usize]) -> u64 {
    let mut hasher = foldhash::fast::FixedState::default().build_hasher();
    for field in identity.iter().filter_map(|&index| fields.get(index)) {
        // The raw JSON separates texts, so no text can pass for the end of another.
        hasher.write(field.raw().as_bytes());
    }
    hasher.finish()
}

/// The `price_status` of two pages or reports together. A status other than `show` wins.
#[must_use]
pub fn worse(so_far: Option<SmolStr>, next: Option<SmolStr>) -> Option<SmolStr> {
    match (so_far, next) {
        (Some(so_far), Some(next)) if next == "show" => Some(so_far),
        (so_far, next) => next.or(so_far),
    }
}

/// A plain list: `GET` with `limit` and `offset`.
pub(crate) struct PlainQuery<'a> {
    pub(crate) parameters: &'a [(&'static str, String)],
    /// The page size. `None` for a list without pages.
    pub(crate) page_size: Option<u32>,
}

impl Query for PlainQuery<'_> {
    fn payload(&self, offset: u64) -> Payload {
        let mut parameters = self.parameters.to_vec();
        if let Some(limit) = self.page_size {
            parameters.extend([("limit", limit.to_string()), ("offset", offset.to_string())]);
        }
        Payload::Query(parameters)
    }

    fn rows(&self) -> Option<u32> {
        self.page_size
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_of_which_too_little_can_be_read_is_not_believed() {
        for (rejected, records, want) in [
            (0, 0, true),
            (0, 1, true),
            (1, 1, false),
            (1, 2, true),
            (2, 2, false),
            (8, 9, true),
            (9, 9, false),
            (5, 10, true),
            (6, 10, false),
            (500_000, 1_000_001, true),
            (500_001, 1_000_001, false),
        ] {
            assert_eq!(is_believable(rejected, records), want, "{rejected} of {records}");
        }
    }
}
