//! Lenient reading of JSON pages, one row at a time.
//!
//! The published schemas contradict each other: a field may be null, missing, a number or a string. A struct would fail
//! a whole page for one odd field. So only the needed fields are picked as raw JSON text, and each one is interpreted
//! on its own. Numbers keep the text of the server.

use std::borrow::Cow;

use jiff::Timestamp;
use serde::de::IgnoredAny;
use smol_str::SmolStr;
use sonic_rs::LazyValue;

use crate::billing::record::RejectReason;

use crate::json::field::Field;
use crate::json::row_templates::{MAX_DEPTH, RowTemplates, skip_blanks, value_end};

/// The picked fields of one row in the order of their names, or the reason why it is no row.
pub(crate) type Row<'r, 'a, const N: usize> = Result<&'r [Field<'a>; N], RejectReason>;

/// A page without its rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PageHead {
    /// Rows on this page, including unreadable ones.
    pub(crate) rows: u64,
    /// Rows on all pages, by the server's count.
    pub(crate) count: u64,
    /// `price_status` of a cost report.
    pub(crate) price_status: Option<SmolStr>,
}

/// The reason why a text is no page.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PageError {
    #[error("{0}")]
    Row(#[from] sonic_rs::Error),
    #[error("{what} at byte {at}")]
    Page { what: String, at: usize },
    #[error("no text in UTF-8")]
    NoText(#[from] simdutf8::basic::Utf8Error),
}

/// The largest number of rows of a page: fifty times the largest page size of a request.
const MAX_ROWS: u64 = 50_000;
/// The largest number of bytes of a row. Parsed values within a row take many times the memory of their text.
const MAX_ROW: usize = 1 << 20;
/// The largest number of bytes of a tag's value as JSON. The API allows 256 characters, each up to four bytes.
const MAX_TAG: usize = 1024;

/// Reads one page, and passes each element of the array `rows_key` to `on_row`.
///
/// `shapes` are the row templates of earlier pages of the list. Fails when the text is no JSON object with exactly one
/// `count` and one such array. Fails when a value is nested too deeply, or is too large. A senseless row does not fail
/// the page.
pub(crate) fn read_page<'a, const N: usize>(
    body: &'a [u8],
    rows_key: &str,
    names: [&str; N],
    shapes: &mut RowTemplates,
    on_row: &mut dyn FnMut(Row<'_, 'a, N>),
) -> Result<PageHead, PageError> {
    // UTF-8 is checked once for the whole text, so no part needs a second check.
    let mut page = Page { text: simdutf8::basic::from_utf8(body)?, at: 0 };
    let (mut rows, mut count, mut price_status) = (None, None, None);
    let (mut is_first, mut seen) = (true, Vec::new());
    page.expect(b'{')?;
    while page.has_next(b'}', std::mem::take(&mut is_first))? {
        let key = page.value()?;
        page.expect(b':')?;
        let key = key.strip_prefix('"').and_then(|key| key.strip_suffix('"'));
        match key {
            // Two values of one key are ambiguous.
            Some(key) if seen.contains(&key) => return page.wrong(format!("a second `{key}`")),
            Some(key) if key == rows_key => rows = Some(page.rows(names, shapes, on_row)?),
            Some("count") => count = Field::new(page.value()?).id(),
            Some("price_status") => {
                price_status = Some(Field::new(page.value()?).small()).filter(|word| !word.is_empty())
            }
            Some(_) => drop(page.value()?),
            None => return page.wrong("a key that is no string".into()),
        }
        seen.extend(key.filter(|key| [rows_key, "count", "price_status"].contains(key)));
    }
    if page.skip_blanks().is_some() {
        return page.wrong("something after the end".into());
    }
    let Some(rows) = rows else { return page.wrong(format!("no `{rows_key}`")) };
    let Some(count) = count else { return page.wrong("no usable `count`".into()) };
    Ok(PageHead { rows, count, price_status })
}

/// A page that is being read.
struct Page<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Page<'a> {
    /// Reads an array of rows.
    fn rows<const N: usize>(
        &mut self,
        names: [&str; N],
        shapes: &mut RowTemplates,
        on_row: &mut dyn FnMut(Row<'_, 'a, N>),
    ) -> Result<u64, PageError> {
        let (mut seen, mut fields) = (0, [Field::default(); N]);
        self.expect(b'[')?;
        while self.has_next(b']', seen == 0)? {
            self.skip_blanks();
            seen += 1;
            if seen > MAX_ROWS {
                return self.wrong(format!("more than {MAX_ROWS} rows"));
            }
            if let Some(end) = shapes.read(self.text, self.at, &mut fields) {
                self.check_row(end - self.at)?;
                self.at = end;
                on_row(Ok(&fields));
                continue;
            }
            let raw = self.value()?;
            self.check_row(raw.len())?;
            let row = parse_row(raw, names)?;
            if row.is_ok() {
                shapes.learn(raw, &names);
            }
            on_row(row.as_ref().map_err(|reason| *reason));
        }
        Ok(seen)
    }

    fn check_row(&self, bytes: usize) -> Result<(), PageError> {
        if bytes > MAX_ROW { self.wrong(format!("a row of more than {} MiB", MAX_ROW >> 20)) } else { Ok(()) }
    }

    /// Whether a list or object has another element. Steps over its end, or over the comma before the element.
    fn has_next(&mut self, closing: u8, is_first: bool) -> Result<bool, PageError> {
        if self.skip_blanks() == Some(closing) {
            self.at += 1;
            return Ok(false);
        }
        if !is_first {
            self.expect(b',')?;
        }
        Ok(true)
    }

    fn skip_blanks(&mut self) -> Option<u8> {
        self.at = skip_blanks(self.text.as_bytes(), self.at);
        self.text.as_bytes().get(self.at).copied()
    }

    fn expect(&mut self, byte: u8) -> Result<(), PageError> {
        if self.skip_blanks() != Some(byte) {
            return self.wrong(format!("no `{}`", char::from(byte)));
        }
        self.at += 1;
        Ok(())
    }

    /// The raw text of the next value.
    fn value(&mut self) -> Result<&'a str, PageError> {
        self.skip_blanks();
        let end = value_end(self.text.as_bytes(), self.at);
        match end.and_then(|end| self.text.get(self.at..end)) {
            Some(raw) => {
                self.at += raw.len();
                Ok(raw)
            }
            None => self.wrong(format!("no value, or one nested more than {MAX_DEPTH} deep")),
        }
    }

    fn wrong<T>(&self, what: String) -> Result<T, PageError> {
        Err(PageError::Page { what, at: self.at })
    }
}

/// Parses a row of any shape.
fn parse_row<'a, const N: usize>(
    raw: &'a str,
    names: [&str; N],
) -> Result<Result<[Field<'a>; N], RejectReason>, PageError> {
    // After the grammar of the row is checked, its members can be skipped.
    sonic_rs::from_str::<IgnoredAny>(raw)?;
    let mut row = Page { text: raw, at: 0 };
    if row.expect(b'{').is_err() {
        return Ok(Err(RejectReason::NotAnObject));
    }
    let (mut fields, mut is_first, mut is_twice) = ([None; N], true, false);
    while row.has_next(b'}', std::mem::take(&mut is_first))? {
        let key = Field::new(row.value()?).text().unwrap_or_default();
        row.expect(b':')?;
        let value = Field::new(row.value()?);
        if let Some(index) = names.iter().position(|name| *name == key) {
            is_twice |= fields[index].replace(value).is_some();
        }
    }
    Ok(if is_twice { Err(RejectReason::DuplicateKey) } else { Ok(fields.map(Option::unwrap_or_default)) })
}

/// Reads instants, and remembers one that could not be read.
#[derive(Debug, Default)]
pub(crate) struct Instants {
    pub(crate) unread: Option<RejectReason>,
}

impl Instants {
    pub(crate) fn read(&mut self, field: &Field<'_>) -> Option<Timestamp> {
        field.timestamp().unwrap_or_else(|reason| {
            self.unread = Some(reason);
            None
        })
    }

    /// The start and the end of a range, which is an object.
    pub(crate) fn read_range(&mut self, range: &Field<'_>, names: [&str; 2]) -> [Option<Timestamp>; 2] {
        if !range.is_some() {
            return [None; 2];
        }
        if let Ok(Ok(edges)) = parse_row(range.raw(), names) {
            return edges.map(|edge| self.read(&edge));
        }
        self.unread = Some(RejectReason::BadTime);
        [None; 2]
    }
}

impl Field<'_> {
    /// The picked fields of a nested object. All are missing when it is no object.
    pub(crate) fn object<const N: usize>(&self, names: [&str; N]) -> [Self; N] {
        if !self.is_some() {
            return [Self::default(); N];
        }
        let row = parse_row(self.raw(), names).ok().and_then(Result::ok);
        row.unwrap_or([Self::default(); N])
    }

    /// The elements of a nested array. Empty when it is no array.
    pub(crate) fn elements(&self) -> Vec<Self> {
        let mut list = Page { text: self.raw(), at: 0 };
        let mut elements = Vec::new();
        let mut read = || {
            sonic_rs::from_str::<IgnoredAny>(list.text)?;
            list.expect(b'[')?;
            while list.has_next(b']', elements.is_empty())? {
                elements.push(Field::new(list.value()?));
            }
            Ok::<_, PageError>(())
        };
        if read().is_ok() { elements } else { Vec::new() }
    }

    /// The members of a nested object that are strings, numbers or flags, in their order. Empty when it is no object.
    pub(crate) fn words(&self) -> Vec<(SmolStr, SmolStr)> {
        let members: Result<Vec<_>, _> = sonic_rs::to_object_iter(self.raw()).collect();
        let word = |(key, value): (Cow<'_, str>, LazyValue<'_>)| match Field::new(value.as_raw_str()) {
            flag if matches!(flag.raw(), "true" | "false") => Some((SmolStr::from(key), flag.raw().into())),
            word => Some((SmolStr::from(key), word.text().filter(|_| word.raw().len() <= MAX_TAG)?.into())),
        };
        members.unwrap_or_default().into_iter().filter_map(word).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nested_values_that_are_odd_count_as_empty() {
        let field = Field::new;
        assert_eq!(field("[1,null,{}]").elements().len(), 3);
        assert_eq!(field("7").elements(), []);
        assert_eq!(field(r#"{"b":2,"a":1}"#).object(["a"]), [field("1")]);
        assert_eq!(field("[1]").object(["a"]), [Field::default()]);
        let words: Vec<_> = field(r#"{"b":"2","a":1,"c":null,"\u0064":true,"e":{},"b":""}"#).words();
        let words: Vec<_> = words.iter().map(|(key, value)| format!("{key}={value}")).collect();
        assert_eq!(words, ["b=2", "a=1", "d=true", "b="], "in their order, repeated ones too");
        for raw in ["null", "[]", "7", "\"x\"", "{", r#"{"a":"1",}"#, r#"{"a":"1"]"#] {
            assert_eq!(field(raw).words(), [], "{raw}");
        }
    }

    #[test]
    fn one_odd_row_does_not_spoil_a_page() {
        let body = br#"{"price_status":"show","extra":{"a":[1]},"results":[
            {"a":1,"z":{"deep":[{}]}}, 7, null, [1,[2]], "x", {"a":1,"a":2}, {}], "count":"7"}"#;
        let mut rows = Vec::new();
        let head = read_page(body, "results", ["a"], &mut RowTemplates::new(), &mut |row| {
            rows.push(row.map(|[a]| a.is_some()))
        })
        .unwrap();
        assert_eq!(head, PageHead { rows: 7, count: 7, price_status: Some("show".into()) });
        use RejectReason::{DuplicateKey, NotAnObject};
        assert_eq!(
            rows,
            [
                Ok(true),
                Err(NotAnObject),
                Err(NotAnObject),
                Err(NotAnObject),
                Err(NotAnObject),
                Err(DuplicateKey),
                Ok(false)
            ]
        );
    }

    #[test]
    fn a_page_must_be_whole() {
        for (name, body) in [
            ("cut short", r#"{"count":1,"results":[{"a":1"#),
            ("html", "<html>502</html>"),
            ("no rows", r#"{"count":0}"#),
            ("no count", r#"{"results":[]}"#),
            ("rows that are none", r#"{"count":0,"results":{}}"#),
            ("rows twice", r#"{"count":0,"results":[],"results":[]}"#),
            ("more after the end", r#"{"count":0,"results":[]} {}"#),
            ("an array", "[]"),
            ("empty", ""),
            ("a comma too many", r#"{"count":0,"results":[{},]}"#),
            ("a comma too few", r#"{"count":0,"results":[{} {}]}"#),
            ("a comma at the start", r#"{"count":0,"results":[,{}]}"#),
            ("broken in the second row", r#"{"count":2,"results":[{"a":1},{"a":}]}"#),
            ("cut in the second row", r#"{"count":2,"results":[{"a":1},{"a":1"#),
            ("a bare NaN", r#"{"count":1,"results":[{"a":NaN}]}"#),
        ] {
            assert!(
                read_page(body.as_bytes(), "results", ["a"], &mut RowTemplates::new(), &mut |_| ()).is_err(),
                "{name}"
            );
        }
        assert!(
            read_page(
                b"{\"count\":0,\"results\":[],\"x\":\"\xff\"}",
                "results",
                ["a"],
                &mut RowTemplates::new(),
                &mut |_| ()
            )
            .is_err()
        );
    }
}
