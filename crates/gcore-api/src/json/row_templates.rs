//! Finds the ends of JSON values, and recognizes rows by their template.
//!
//! A page has a thousand rows, but only one kind of row for each resource type. Rows of one kind have the same keys in
//! the same order, and the same punctuation. So the first row of a kind is parsed as JSON, and the text between its
//! values is remembered. Further rows are compared with that text, which is several times cheaper than parsing their
//! keys. A row that matches no template is parsed as JSON. Unused values are skipped without a check.

use crate::json::field::Field;
use crate::json::simd::{Bits, Block, find};

/// The deepest nesting of values: several times deeper than this API's. Deeper values would exhaust the stack of a
/// recursive parser.
pub(crate) const MAX_DEPTH: usize = 64;

/// The largest number of remembered nodes: far more than a report has kinds of rows.
const MOST_NODES: usize = 4096;
/// The longest remembered text: far longer than a key with its blanks.
const LONGEST: usize = 256;

/// The known texts between the values of rows, as a tree. Rows share their beginnings.
pub(crate) struct RowTemplates {
    /// The first node is the start of every row.
    nodes: Vec<Node>,
}

struct Node {
    /// The text from the end of the previous value, or from the start of the row, to the start of a value. It holds the
    /// key. At the end of a row it is the text after the last value.
    before: Box<str>,
    /// The beginning of `before`, and a mask of the bytes that belong to it.
    start: (Block, Bits),
    /// The index of the key among the wanted names.
    field: Option<usize>,
    /// The nodes after the value. Empty at the end of a row.
    next: Vec<usize>,
}

impl Node {
    fn new(before: &str, field: Option<usize>) -> Self {
        let bits = if before.len() < Block::SIZE { (1 << before.len()) - 1 } else { Bits::MAX };
        let start = (Block::padded(before.as_bytes()), bits);
        Self { before: before.into(), start, field, next: Vec::new() }
    }

    /// Whether the text at `at`, which begins with `block`, matches `before`.
    fn fits(&self, text: &[u8], at: usize, block: Block) -> bool {
        let (start, bits) = self.start;
        start.same(block) & bits == bits
            && (self.before.len() <= Block::SIZE || text[at..].starts_with(self.before.as_bytes()))
    }
}

impl RowTemplates {
    pub(crate) fn new() -> Self {
        Self { nodes: vec![Node::new("", None)] }
    }

    /// Remembers the template of a row, which must be a JSON object. Odd rows are not remembered.
    pub(crate) fn learn(&mut self, row: &str, names: &[&str]) {
        let bytes = row.as_bytes();
        let (mut node, mut at) = (0, 0);
        let mut learn_value = |at: usize, node: &mut usize| {
            let key_start = at + row[at..].find('"')? + 1;
            let key_end = string_end(bytes, key_start)? - 1;
            if row[key_start..key_end].contains('\\') {
                return None;
            }
            let colon = key_end + row[key_end..].find(':')?;
            let start = skip_blanks(bytes, colon + 1);
            let field = names.iter().position(|name| *name == &row[key_start..key_end]);
            *node = self.child(*node, &row[at..start], field)?;
            let end = value_end(bytes, start)?;
            let is_last = bytes.get(skip_blanks(bytes, end)) == Some(&b'}');
            if is_last {
                self.child(*node, &row[end..], None)?;
            }
            Some((end, is_last))
        };
        while let Some((end, false)) = learn_value(at, &mut node) {
            at = end;
        }
    }

    /// The child of `node` with this text. Adds one if there is none and the tree has room.
    fn child(&mut self, node: usize, before: &str, field: Option<usize>) -> Option<usize> {
        if let Some(known) = self.nodes[node].next.iter().find(|next| *self.nodes[**next].before == *before) {
            return Some(*known);
        }
        let new = self.nodes.len();
        if new == MOST_NODES || before.len() > LONGEST {
            return None;
        }
        self.nodes.push(Node::new(before, field));
        self.nodes[node].next.push(new);
        Some(new)
    }

    /// Picks the fields of the row at `at`, and returns its end. `None` when its template is unknown, or when the text
    /// ends a few bytes after the row.
    pub(crate) fn read<'a, const N: usize>(
        &self,
        text: &'a str,
        mut at: usize,
        fields: &mut [Field<'a>; N],
    ) -> Option<usize> {
        let bytes = text.as_bytes();
        fields.fill(Field::default());
        let mut node = &self.nodes[0];
        loop {
            let block = Block::at(bytes, at)?;
            node = node.next.iter().map(|next| &self.nodes[*next]).find(|node| node.fits(bytes, at, block))?;
            at += node.before.len();
            // A template that was learned in part has no next node either.
            if node.next.is_empty() && bytes[at - 1] == b'}' {
                return Some(at);
            }
            let start = at;
            at = value_end(bytes, start)?;
            if let Some(index) = node.field {
                fields[index] = Field::new(text.get(start..at)?);
            }
        }
    }
}

/// The end of the blanks at `at`.
pub(crate) fn skip_blanks(bytes: &[u8], at: usize) -> usize {
    let is_blank = |byte: &&u8| matches!(byte, b' ' | b'\n' | b'\r' | b'\t');
    at + bytes.get(at..).map_or(0, |rest| rest.iter().take_while(is_blank).count())
}

/// The end of the value at `at`. `None` when there is no value, when it has no end, or when it is nested too deeply.
#[inline(always)]
pub(crate) fn value_end(bytes: &[u8], at: usize) -> Option<usize> {
    match bytes.get(at)? {
        b'"' => string_end(bytes, at + 1),
        b'{' | b'[' => container_end(bytes, at),
        b't' => word_end(bytes, at, b"true"),
        b'f' => word_end(bytes, at, b"false"),
        b'n' => word_end(bytes, at, b"null"),
        _ => number_end(bytes, at),
    }
}

fn word_end(bytes: &[u8], at: usize, word: &[u8]) -> Option<usize> {
    bytes[at..].starts_with(word).then_some(at + word.len())
}

/// The end of the number at `at`. The number must follow JSON's grammar, so that a known template accepts the same rows
/// as the parser.
#[inline(always)]
fn number_end(bytes: &[u8], at: usize) -> Option<usize> {
    plain_number_end(bytes, at).or_else(|| any_number_end(bytes, at))
}

/// The same for the form of nearly all numbers: positive, without exponent, within a block.
#[inline(always)]
fn plain_number_end(bytes: &[u8], at: usize) -> Option<usize> {
    let others = Some(Block::at(bytes, at)?.no_digits()).filter(|others| *others != 0)?;
    let whole = others.trailing_zeros();
    let has_fraction = bytes[at + whole as usize] == b'.';
    let end = if has_fraction { (others & (others - 1)).trailing_zeros() } else { whole };
    let is_one = whole > 0 && (bytes[at] != b'0' || whole == 1) && (!has_fraction || end > whole + 1);
    (is_one && end < Bits::BITS && bytes[at + end as usize] | 0x20 != b'e').then_some(at + end as usize)
}

#[cold]
fn any_number_end(bytes: &[u8], at: usize) -> Option<usize> {
    let digits_end = |at: usize| {
        let end = find(bytes, at, Block::no_digits);
        (end > at).then_some(end)
    };
    let whole = at + usize::from(bytes[at] == b'-');
    let mut end = if bytes.get(whole) == Some(&b'0') { whole + 1 } else { digits_end(whole)? };
    if bytes.get(end) == Some(&b'.') {
        end = digits_end(end + 1)?;
    }
    if matches!(bytes.get(end), Some(b'e' | b'E')) {
        let is_signed = matches!(bytes.get(end + 1), Some(b'+' | b'-'));
        end = digits_end(end + 1 + usize::from(is_signed))?;
    }
    Some(end)
}

/// The end of the string whose first character is at `at`.
#[inline(always)]
pub(crate) fn string_end(bytes: &[u8], mut at: usize) -> Option<usize> {
    loop {
        let found = find(bytes, at, |block| block.equal(b'"') | block.equal(b'\\'));
        if *bytes.get(found)? == b'"' {
            return Some(found + 1);
        }
        at = found + 2;
    }
}

fn container_end(bytes: &[u8], mut at: usize) -> Option<usize> {
    let mut depth = 0_usize;
    loop {
        match bytes.get(at)? {
            b'"' => {
                at = string_end(bytes, at + 1)?;
                continue;
            }
            b'{' | b'[' if depth == MAX_DEPTH => return None,
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth -= 1,
            _ => {}
        }
        at += 1;
        if depth == 0 {
            return Some(at);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_end_where_they_end() {
        for (text, want) in [
            ("12.5,", Some(4)),
            ("-1e-7}", Some(5)),
            ("null]", Some(4)),
            (r#""a\"b\\","#, Some(8)),
            (r#"{"a":[1,"]"]},"#, Some(13)),
            ("[]", Some(2)),
            (r#""open"#, None),
            (r#""open\"#, None),
            ("[1,{", None),
            ("0]", Some(1)),
            ("0.50E+3,", Some(7)),
            ("01", Some(1)),
            ("1_000", Some(1)),
            ("1.", None),
            ("1e", None),
            ("-", None),
            ("+5", None),
            ("00", Some(1)),
            ("1.2.3", Some(3)),
            ("1.5e", None),
            ("5E-2 ", Some(4)),
            (".5", None),
            ("true,", Some(4)),
            ("nul", None),
            ("NaN", None),
            (",", None),
            ("", None),
        ] {
            assert_eq!(value_end(text.as_bytes(), 0), want, "{text}");
            // The rest of the page.
            let page = format!("{text}}}{}", " ".repeat(Block::SIZE));
            if !text.starts_with(['"', '[']) {
                assert_eq!(value_end(page.as_bytes(), 0), want, "{page}");
            }
        }
        for (depth, is_taken) in [(MAX_DEPTH, true), (MAX_DEPTH + 1, false), (1_000_000, false)] {
            let text = "[".repeat(depth) + &"]".repeat(depth);
            assert_eq!(value_end(text.as_bytes(), 0).is_some(), is_taken, "{depth}");
        }
    }

    #[test]
    fn a_string_ends_at_its_first_bare_quote_wherever_that_is() {
        for length in 0..70 {
            for (filling, step) in [("x", 1), ("\\\"", 2), ("\u{e9}", 2)] {
                let text = format!("{}\", \"and more\"", filling.repeat(length));
                assert_eq!(string_end(text.as_bytes(), 0), Some(length * step + 1), "{length} of {filling:?}");
            }
            assert_eq!(string_end("x".repeat(length).as_bytes(), 0), None, "{length} and no end");
        }
    }

    #[test]
    fn rows_of_known_shapes_are_read_and_no_others() {
        let names = ["a", "c"];
        let mut shapes = RowTemplates::new();
        shapes.learn(r#"{"a": 1, "b" :"x","c":null }"#, &names);
        shapes.learn(r#"{"a": 1, "d":[]}"#, &names);
        let read = |row: &str| {
            let text = format!("{row}{}", " ".repeat(Block::SIZE));
            let mut fields = [Field::default(); 2];
            let end = shapes.read(&text, 0, &mut fields)?;
            let [a, c] = fields;
            Some((a.small(), c.is_some(), end == row.len()))
        };
        assert_eq!(read(r#"{"a": "two", "b" :[1,{}],"c":3 }"#), Some(("two".into(), true, true)));
        assert_eq!(read(r#"{"a": 1, "b" :"x","c":null }"#), Some(("1".into(), false, true)));
        assert_eq!(read(r#"{"a": 5, "d":"other kind"}"#), Some(("5".into(), false, true)));
        for (name, other) in [
            ("other blanks", r#"{"a":1, "b" :"x","c":null }"#),
            ("other order", r#"{"b" :"x","a": 1, "c":null }"#),
            ("one key more", r#"{"a": 1, "b" :"x","c":null ,"d":1}"#),
            ("one key less", r#"{"a": 1, "b" :"x"}"#),
            ("cut short", r#"{"a": 1, "b" :"x","c":"#),
            ("no value", r#"{"a": , "b" :"x","c":null }"#),
        ] {
            assert_eq!(read(other), None, "{name}");
        }
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let mut shapes = RowTemplates::new();
        for number in 0..2 * MOST_NODES {
            shapes.learn(&format!("{{\"key{number}\":1}}"), &[]);
        }
        assert_eq!(shapes.nodes.len(), MOST_NODES);
        assert!(shapes.read("{}", 0, &mut []).is_none(), "an empty row has no shape");
        let row = |number| format!("{{\"key{number}\":1}}{}", " ".repeat(Block::SIZE));
        // Each row takes two nodes beside the root, so the last row with room has a node for its key only.
        let last = MOST_NODES / 2 - 1;
        assert!(shapes.read(&row(last - 1), 0, &mut []).is_some(), "learned in whole");
        assert!(shapes.read(&row(last), 0, &mut []).is_none(), "learned in part");
    }
}
