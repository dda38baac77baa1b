//! Escapes text for terminals. A name from the API or the configuration cannot move the cursor, ring the bell, reverse
//! text or fake a line.

use std::borrow::Cow;

/// The text with every control character in JSON's form, such as `\u001b`. JSON text stays valid JSON.
#[must_use]
pub fn escaped(text: &str) -> Cow<'_, str> {
    if !text.contains(is_obeyed) {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        match character {
            '\n' => safe.push_str("\\n"),
            '\r' => safe.push_str("\\r"),
            '\t' => safe.push_str("\\t"),
            obeyed if is_obeyed(obeyed) => safe.push_str(&format!("\\u{:04x}", u32::from(obeyed))),
            shown => safe.push(shown),
        }
    }
    Cow::Owned(safe)
}

/// The same for each line. Line ends stay.
#[must_use]
pub fn escaped_lines(text: &str) -> String {
    let line = |line: &str| match line.strip_suffix('\n') {
        Some(line) => format!("{}\n", escaped(line)),
        None => escaped(line).into_owned(),
    };
    text.split_inclusive('\n').map(line).collect()
}

/// Control characters, including line ends; separators of lines and paragraphs; marks of text direction; and invisible
/// characters. The joiners are excepted, because scripts and emoji need them. All of them fit four hex digits.
fn is_obeyed(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{61c}'
                | '\u{200b}'
                | '\u{200e}'
                | '\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{feff}'
                | '\u{fff9}'..='\u{fffb}'
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_obeys_is_written_out_and_all_else_stays() {
        for (text, want) in [
            ("", ""),
            (r#"büro "a\b" 網 e\u{301}"#, r#"büro "a\b" 網 e\u{301}"#),
            ("e\u{301} 👩\u{200d}💻", "e\u{301} 👩\u{200d}💻"),
            ("\u{1b}[31m\u{7}\u{7f}", r"\u001b[31m\u0007\u007f"),
            ("a\r\n\tb\u{85}\u{2028}", r"a\r\n\tb\u0085\u2028"),
            ("\u{9b}2J", r"\u009b2J"),
            ("\u{61c}\u{200b}\u{200e}\u{202e}\u{2066}\u{feff}", r"\u061c\u200b\u200e\u202e\u2066\ufeff"),
        ] {
            assert_eq!(escaped(text), want, "{text:?}");
            let json = format!("\"{}\"", escaped(&text.replace(['"', '\\'], "")));
            let read: String = serde_json::from_str(&json).unwrap();
            assert_eq!(read, text.replace(['"', '\\'], ""), "JSON reads it back");
        }
        assert_eq!(escaped_lines("a\u{7}\nb\r\n\nc"), "a\\u0007\nb\\r\n\nc");
    }
}
