//! Reading pages of JSON leniently, one row at a time.
//!
//! The published schemas contradict each other on what may be null, missing, a number or a string. So a row is
//! not deserialised into a struct, which would fail a whole page for one odd field: the fields that matter are
//! picked as raw JSON text, and each is interpreted on its own. Numbers keep the text that the server sent.

use std::borrow::Cow;
use std::fmt;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use serde::Deserializer as _;
use serde::de::{DeserializeSeed, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use smol_str::SmolStr;
use sonic_rs::LazyValue;

use crate::billing::amount::{Amount, AmountError};
use crate::billing::record::RejectReason;

/// The raw JSON text of one field; missing and null are the same.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Field<'a>(Option<Cow<'a, str>>);

/// The picked fields of one row, in the order in which they were named, or why it is none.
pub(super) type Row<'a, const N: usize> = Result<[Field<'a>; N], RejectReason>;

/// A page without its rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PageHead {
    /// Rows on this page, unreadable ones included.
    pub(super) rows: u64,
    /// Rows on all pages, as the server says.
    pub(super) count: u64,
    /// `price_status` of a cost report.
    pub(super) price_status: Option<SmolStr>,
}

/// Reads one page, handing each element of the array `rows_key` to `on_row` as it passes by.
///
/// Fails where the text is no JSON object with a `count` and that array; a row that makes no sense does not.
pub(super) fn read_page<'a, const N: usize>(
    body: &'a [u8],
    rows_key: &str,
    names: [&str; N],
    on_row: &mut dyn FnMut(Row<'a, N>),
) -> Result<PageHead, sonic_rs::Error> {
    // Checked once as a whole: every piece below is then text without another look.
    let text = std::str::from_utf8(body).map_err(sonic_rs::Error::custom)?;
    let mut json = sonic_rs::Deserializer::from_str(text);
    let head = json.deserialize_map(PageVisitor { rows_key, shape: Shape::new(names), on_row })?;
    json.end()?;
    Ok(head)
}

impl<'a> Field<'a> {
    fn new(raw: Cow<'a, str>) -> Self {
        Self((raw != "null").then_some(raw))
    }

    /// The raw text; copied by the reader only where a string holds an escape.
    fn of(value: &LazyValue<'a>) -> Self {
        Self::new(value.as_raw_cow())
    }

    pub(super) fn is_some(&self) -> bool {
        self.0.is_some()
    }

    /// This field, or `other` where it is missing.
    pub(super) fn or<'s>(&'s self, other: &'s Self) -> &'s Self {
        if self.is_some() { self } else { other }
    }

    /// A string, or a number as its text; anything else is missing.
    pub(super) fn text(&self) -> Option<Cow<'_, str>> {
        let raw = self.0.as_deref()?;
        match raw.as_bytes().first()? {
            b'"' => match &raw[1..raw.len() - 1] {
                plain if !plain.contains('\\') => Some(Cow::Borrowed(plain)),
                _ => sonic_rs::from_str(raw).ok().map(Cow::Owned),
            },
            b'-' | b'0'..=b'9' => Some(Cow::Borrowed(raw)),
            _ => None,
        }
    }

    /// The text as a small string, empty where missing.
    pub(super) fn small(&self) -> SmolStr {
        self.text().map(SmolStr::from).unwrap_or_default()
    }

    /// A whole number, also one in quotes.
    pub(super) fn id(&self) -> Option<u64> {
        self.text()?.trim().parse().ok()
    }

    /// A decimal number, also one in quotes; missing is `Ok(None)`, which is not zero.
    pub(super) fn amount(&self) -> Result<Option<Amount>, RejectReason> {
        if !self.is_some() {
            return Ok(None);
        }
        let text = self.text().ok_or(RejectReason::BadNumber)?;
        match text.trim().parse() {
            Ok(amount) => Ok(Some(amount)),
            Err(AmountError::NotANumber) => Err(RejectReason::BadNumber),
            Err(AmountError::OutOfRange) => Err(RejectReason::OutOfRange),
        }
    }

    /// An instant; one without an offset is UTC, an unreadable one is missing.
    pub(super) fn timestamp(&self) -> Option<Timestamp> {
        let text = self.text()?;
        text.parse().ok().or_else(|| {
            let naive: DateTime = text.parse().ok()?;
            naive.to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp())
        })
    }

    /// The picked fields of a nested object; all missing where it is none.
    pub(super) fn object<const N: usize>(&self, names: [&str; N]) -> [Field<'_>; N] {
        let nothing = || std::array::from_fn(|_| Field::default());
        let Some(raw) = self.0.as_deref() else { return nothing() };
        let row = sonic_rs::Deserializer::from_str(raw).deserialize_any(RowVisitor { shape: &mut Shape::new(names) });
        row.ok().and_then(Result::ok).unwrap_or_else(nothing)
    }

    /// The elements of a nested array; none where it is no array.
    pub(super) fn elements(&self) -> Vec<Field<'_>> {
        let elements: Option<Vec<LazyValue<'_>>> = self.0.as_deref().and_then(|raw| sonic_rs::from_str(raw).ok());
        elements.unwrap_or_default().iter().map(Field::of).collect()
    }
}

/// The keys of the rows of a page. Rows of a page mostly have the same keys in the same order, so a key is first
/// compared with the one at the same place in the row before.
struct Shape<'n, const N: usize> {
    names: [&'n str; N],
    /// The keys of a row in order, and which of the names each is.
    last: Vec<(SmolStr, Option<usize>)>,
}

impl<'n, const N: usize> Shape<'n, N> {
    fn new(names: [&'n str; N]) -> Self {
        Self { names, last: Vec::new() }
    }

    /// Which of the names the key at `place` of a row is.
    fn index(&mut self, place: usize, key: &str) -> Option<usize> {
        if let Some((known, index)) = self.last.get(place)
            && known == key
        {
            return *index;
        }
        let index = self.names.iter().position(|name| *name == key);
        self.last.truncate(place);
        if place < LONGEST_SHAPE {
            self.last.push((SmolStr::new(key), index));
        }
        index
    }
}

/// Keys beyond this place are compared with every name.
const LONGEST_SHAPE: usize = 64;

struct PageVisitor<'n, 'f, 'a, const N: usize> {
    rows_key: &'n str,
    shape: Shape<'n, N>,
    on_row: &'f mut dyn FnMut(Row<'a, N>),
}

impl<'a, const N: usize> Visitor<'a> for PageVisitor<'_, '_, 'a, N> {
    type Value = PageHead;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a page: an object with `count` and `{}`", self.rows_key)
    }

    fn visit_map<A: MapAccess<'a>>(mut self, mut map: A) -> Result<PageHead, A::Error> {
        let mut page = Shape::new([self.rows_key, "count", "price_status"]);
        let (mut rows, mut count, mut price_status) = (None, None, None);
        while let Some(key) = map.next_key_seed(Key { shape: &mut page, place: LONGEST_SHAPE })? {
            match key {
                Some(0) if rows.is_some() => return Err(A::Error::custom(format!("`{}` occurs twice", self.rows_key))),
                Some(0) => rows = Some(map.next_value_seed(Rows { shape: &mut self.shape, on_row: self.on_row })?),
                Some(1) => count = Field::of(&map.next_value()?).id(),
                Some(_) => price_status = Field::of(&map.next_value()?).text().map(SmolStr::from),
                None => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(PageHead {
            rows: rows.ok_or_else(|| A::Error::custom(format!("no `{}`", self.rows_key)))?,
            count: count.ok_or_else(|| A::Error::custom("no usable `count`"))?,
            price_status,
        })
    }
}

struct Rows<'n, 's, 'f, 'a, const N: usize> {
    shape: &'s mut Shape<'n, N>,
    on_row: &'f mut dyn FnMut(Row<'a, N>),
}

impl<'a, const N: usize> DeserializeSeed<'a> for Rows<'_, '_, '_, 'a, N> {
    type Value = u64;

    fn deserialize<D: serde::Deserializer<'a>>(self, json: D) -> Result<u64, D::Error> {
        json.deserialize_seq(self)
    }
}

impl<'a, const N: usize> Visitor<'a> for Rows<'_, '_, '_, 'a, N> {
    type Value = u64;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of rows")
    }

    fn visit_seq<A: SeqAccess<'a>>(self, mut rows: A) -> Result<u64, A::Error> {
        let mut seen = 0;
        while let Some(row) = rows.next_element_seed(RowVisitor { shape: &mut *self.shape })? {
            (self.on_row)(row);
            seen += 1;
        }
        Ok(seen)
    }
}

/// A key, read as the index of a name.
struct Key<'n, 's, const N: usize> {
    shape: &'s mut Shape<'n, N>,
    place: usize,
}

impl<'a, const N: usize> DeserializeSeed<'a> for Key<'_, '_, N> {
    type Value = Option<usize>;

    fn deserialize<D: serde::Deserializer<'a>>(self, json: D) -> Result<Self::Value, D::Error> {
        json.deserialize_str(self)
    }
}

impl<const N: usize> Visitor<'_> for Key<'_, '_, N> {
    type Value = Option<usize>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E>(self, key: &str) -> Result<Self::Value, E> {
        Ok(self.shape.index(self.place, key))
    }
}

/// Picks fields from an object; any other value is a row that makes no sense, not an error.
struct RowVisitor<'n, 's, const N: usize> {
    shape: &'s mut Shape<'n, N>,
}

impl<'a, const N: usize> DeserializeSeed<'a> for RowVisitor<'_, '_, N> {
    type Value = Row<'a, N>;

    fn deserialize<D: serde::Deserializer<'a>>(self, json: D) -> Result<Self::Value, D::Error> {
        json.deserialize_any(self)
    }
}

macro_rules! not_an_object {
    ($($visit:ident: $kind:ty),*) => {
        $(fn $visit<E>(self, _: $kind) -> Result<Self::Value, E> {
            Ok(Err(RejectReason::NotAnObject))
        })*
    };
}

impl<'a, const N: usize> Visitor<'a> for RowVisitor<'_, '_, N> {
    type Value = Row<'a, N>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_map<A: MapAccess<'a>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut fields = [const { None }; N];
        let mut twice = false;
        let mut place = 0;
        while let Some(key) = map.next_key_seed(Key { shape: &mut *self.shape, place })? {
            place += 1;
            match key {
                Some(index) => twice |= fields[index].replace(Field::of(&map.next_value()?)).is_some(),
                None => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        if twice {
            return Ok(Err(RejectReason::DuplicateKey));
        }
        Ok(Ok(fields.map(Option::unwrap_or_default)))
    }

    fn visit_seq<A: SeqAccess<'a>>(self, mut elements: A) -> Result<Self::Value, A::Error> {
        while elements.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Err(RejectReason::NotAnObject))
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Err(RejectReason::NotAnObject))
    }

    not_an_object!(visit_bool: bool, visit_i64: i64, visit_u64: u64, visit_f64: f64, visit_str: &str);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odd_values_are_interpreted_one_by_one() {
        let field = |raw: &'static str| Field::new(raw.into());
        assert_eq!(field("12.50").amount(), Ok(Some("12.5".parse().unwrap())));
        assert_eq!(field("\" 12.5 \"").amount(), Ok(Some("12.5".parse().unwrap())));
        assert_eq!(field("null").amount(), Ok(None), "null is unknown, not zero");
        assert_eq!(field("\"abc\"").amount(), Err(RejectReason::BadNumber));
        assert_eq!(field("{}").amount(), Err(RejectReason::BadNumber));
        assert_eq!(field("1e999").amount(), Err(RejectReason::OutOfRange));
        assert_eq!(field("\"76\"").id(), Some(76));
        assert_eq!(field("76.5").id(), None);
        assert_eq!(field(r#""a \"b\" \u00e9""#).text().as_deref(), Some("a \"b\" é"));
        assert_eq!(field("true").text(), None);
        for text in
            ["2024-02-10T08:11:12", "2024-02-10 08:11:12", "2024-02-10T08:11:12.000Z", "2024-02-10T10:11:12+02:00"]
        {
            let instant = Field::new(format!("{text:?}").into()).timestamp();
            assert_eq!(instant, Some("2024-02-10T08:11:12Z".parse().unwrap()), "{text}");
        }
        assert_eq!(field("\"yesterday\"").timestamp(), None);
        assert_eq!(field("[1,null,{}]").elements().len(), 3);
        assert_eq!(field("7").elements(), []);
        assert_eq!(field(r#"{"b":2,"a":1}"#).object(["a"]), [field("1")]);
        assert_eq!(field("[1]").object(["a"]), [Field(None)]);
    }

    #[test]
    fn one_odd_row_does_not_spoil_a_page() {
        let body = br#"{"price_status":"show","extra":{"a":[1]},"results":[
            {"a":1,"z":{"deep":[{}]}}, 7, null, [1,[2]], "x", {"a":1,"a":2}, {}], "count":"7"}"#;
        let mut rows = Vec::new();
        let head = read_page(body, "results", ["a"], &mut |row| rows.push(row.map(|[a]| a.is_some()))).unwrap();
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
            ("a bare NaN", r#"{"count":1,"results":[{"a":NaN}]}"#),
        ] {
            assert!(read_page(body.as_bytes(), "results", ["a"], &mut |_| ()).is_err(), "{name}");
        }
        assert!(read_page(b"{\"count\":0,\"results\":[],\"x\":\"\xff\"}", "results", ["a"], &mut |_| ()).is_err());
    }
}
