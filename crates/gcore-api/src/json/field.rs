//! One field of a row, whose value may be of any JSON type.

use std::borrow::Cow;

use jiff::Timestamp;
use smol_str::SmolStr;

use crate::billing::amount::{Amount, AmountError};
use crate::billing::record::RejectReason;

use crate::json::instant;

/// The largest number of bytes of an identity. The API allows 255 characters for names and tags.
pub(crate) const MAX_TEXT: usize = 256;
/// The largest number of bytes of a name. Names are only shown, and thousands of series may repeat them.
pub(crate) const MAX_NAME: usize = 100;

/// The raw JSON text of one field. Missing and null are the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Field<'a>(Option<&'a str>);

impl<'a> Field<'a> {
    pub(crate) fn new(raw: &'a str) -> Self {
        Self((raw != "null").then_some(raw))
    }

    /// The raw JSON text. Empty when missing.
    pub(crate) fn raw(&self) -> &'a str {
        self.0.unwrap_or_default()
    }

    pub(crate) fn is_some(&self) -> bool {
        self.0.is_some()
    }

    /// This field, or `other` when it is missing.
    pub(crate) fn or<'s>(&'s self, other: &'s Self) -> &'s Self {
        if self.is_some() { self } else { other }
    }

    /// A string, or a number as its text. Other values count as missing.
    pub(crate) fn text(&self) -> Option<Cow<'a, str>> {
        let raw = self.0?;
        match raw.as_bytes().first()? {
            b'"' => match &raw[1..raw.len() - 1] {
                plain if !plain.as_bytes().contains(&b'\\') => Some(Cow::Borrowed(plain)),
                _ => sonic_rs::from_str(raw).ok().map(Cow::Owned),
            },
            b'-' | b'0'..=b'9' => Some(Cow::Borrowed(raw)),
            _ => None,
        }
    }

    /// The text as a small string for display, cut to [`MAX_NAME`]. Empty when missing.
    pub(crate) fn small(&self) -> SmolStr {
        self.cut(MAX_NAME)
    }

    /// The first `most` bytes of the text, or one to three fewer so that no character is cut. Empty when missing.
    pub(crate) fn cut(&self, most: usize) -> SmolStr {
        let text = self.text().unwrap_or_default();
        let mut end = text.len().min(most);
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        SmolStr::new(&text[..end])
    }

    /// A text that is an identity, so it must not be cut.
    pub(crate) fn word(&self) -> Result<Option<Cow<'a, str>>, RejectReason> {
        let text = self.text();
        if text.as_ref().is_some_and(|text| text.len() > MAX_TEXT) { Err(RejectReason::TooLong) } else { Ok(text) }
    }

    /// The same as a small string. `None` when empty.
    pub(crate) fn identity(&self) -> Result<Option<SmolStr>, RejectReason> {
        Ok(self.word()?.filter(|text| !text.is_empty()).map(SmolStr::from))
    }

    /// A whole number, with or without quotes.
    pub(crate) fn id(&self) -> Option<u64> {
        self.raw().parse().ok().or_else(|| self.text()?.trim().parse().ok())
    }

    /// A decimal number, with or without quotes. Missing is `Ok(None)`, which is not zero.
    pub(crate) fn amount(&self) -> Result<Option<Amount>, RejectReason> {
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

    /// An instant. Missing and empty are `Ok(None)`; an unreadable one is an error.
    pub(crate) fn timestamp(&self) -> Result<Option<Timestamp>, RejectReason> {
        if !self.is_some() {
            return Ok(None);
        }
        let text = self.text().ok_or(RejectReason::BadTime)?;
        if text.is_empty() { Ok(None) } else { instant::read(&text).map(Some).ok_or(RejectReason::BadTime) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odd_values_are_interpreted_one_by_one() {
        let field = Field::new;
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
        let leap_day = "2024-02-29T08:11:12Z".parse().unwrap();
        assert_eq!(field("\"2024-02-29T08:11:12Z\"").timestamp(), Ok(Some(leap_day)));
        assert_eq!(field("1709194272").timestamp(), Ok(Some(leap_day)));
        assert_eq!(["null", "\"\""].map(|raw| field(raw).timestamp()), [Ok(None); 2]);
        for raw in ["\"soon\"", "\"2024-02-30T08:11:12Z\"", "7", "true", "[]", "{}"] {
            assert_eq!(field(raw).timestamp(), Err(RejectReason::BadTime), "{raw}");
        }
    }
}
