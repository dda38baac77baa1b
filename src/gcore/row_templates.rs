//! Finding where JSON values end, and rows that look like rows before.
//!
//! A page holds a thousand rows, but only as many kinds of rows as there are resource types: rows of one kind have the
//! same keys in the same order and the same punctuation. So the first row of a kind is parsed as JSON, and what stands
//! between its values is remembered. Further rows are compared with that, which is several times cheaper than parsing
//! their keys again; a row unlike all before is parsed as the first was. Values that nobody reads are stepped over,
//! not checked.

use super::lenient_json::Field;
use super::simd::{Bits, Block, find};

/// How deep values may be nested: several times deeper than this API nests. Deeper ones, read by recursion as JSON is,
/// would exhaust the stack.
pub(super) const MAX_DEPTH: usize = 64;

/// Nodes that are remembered at most: far more than a report has kinds of rows.
const MOST_NODES: usize = 4096;
/// The longest text that is remembered: far longer than a key with its blanks.
const LONGEST: usize = 256;

/// What has stood between the values of rows so far, as a tree: rows share their beginnings.
pub(super) struct RowTemplates {
    /// The first node is the start of every row.
    nodes: Vec<Node>,
}

struct Node {
    /// From the end of the value before, or the start of the row, to the start of a value: its key, above all. At the
    /// end of a row, what stands after its last value.
    before: Box<str>,
    /// The beginning of `before`, and which of its bytes are of it.
    start: (Block, Bits),
    /// Which of the names the key is.
    field: Option<usize>,
    /// What followed the value; nothing where the row ends.
    next: Vec<usize>,
}

impl Node {
    fn new(before: &str, field: Option<usize>) -> Self {
        let bits = if before.len() < Block::SIZE { (1 << before.len()) - 1 } else { Bits::MAX };
        let start = (Block::padded(before.as_bytes()), bits);
        Self { before: before.into(), start, field, next: Vec::new() }
    }

    /// Whether the text at `at`, which begins with `block`, continues with what stands before the value.
    fn fits(&self, text: &[u8], at: usize, block: Block) -> bool {
        let (start, bits) = self.start;
        start.same(block) & bits == bits
            && (self.before.len() <= Block::SIZE || text[at..].starts_with(self.before.as_bytes()))
    }
}

impl RowTemplates {
    pub(super) fn new() -> Self {
        Self { nodes: vec![Node::new("", None)] }
    }

    /// Remembers the shape of a row, which must be a JSON object; one that is odd in any way is not worth it.
    pub(super) fn learn(&mut self, row: &str, names: &[&str]) {
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

    /// The node after `node` with this text, a new one if there is none yet and room for it.
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

    /// Picks the fields of the row that starts at `at`, and tells where it ends; `None` where its shape is a new one, or
    /// the text ends a few bytes after the row.
    pub(super) fn read<'a, const N: usize>(
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
            // Nothing follows what was learned in part either.
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

/// Where the blanks at `at` end.
pub(super) fn skip_blanks(bytes: &[u8], at: usize) -> usize {
    let is_blank = |byte: &&u8| matches!(byte, b' ' | b'\n' | b'\r' | b'\t');
    at + bytes.get(at..).map_or(0, |rest| rest.iter().take_while(is_blank).count())
}

/// Where the value at `at` ends; `None` where there is none, it does not end, or it is nested too deeply.
#[inline(always)]
pub(super) fn value_end(bytes: &[u8], at: usize) -> Option<usize> {
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

/// Where the number at `at` ends, which must be one by JSON's grammar: what a row may hold must not depend on whether
/// a row before had its shape.
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

/// Where the string ends whose first character is at `at`.
#[inline(always)]
pub(super) fn string_end(bytes: &[u8], mut at: usize) -> Option<usize> {
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
            // Whatever else follows on the page.
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
        // Each row takes two nodes beside the root, so the last one that found room found it for its key only.
        let last = MOST_NODES / 2 - 1;
        assert!(shapes.read(&row(last - 1), 0, &mut []).is_some(), "learned in whole");
        assert!(shapes.read(&row(last), 0, &mut []).is_none(), "learned in part");
    }
}
