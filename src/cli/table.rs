//! Tables of the commands, which fit the terminal.

use anstyle::Style;
use textwrap::core::display_width;

use crate::escaping::escaped;

use super::screen;
use super::screen::Screen;

/// The space between two columns.
const GAP: usize = 2;
/// With less room than this, the last column goes below the others.
const LEAST: usize = 24;
/// How far lines below a row are indented.
const BELOW: usize = 4;

/// A cell. Its text needs no escaping.
#[derive(Clone, Debug, Default)]
pub(super) struct Cell {
    text: String,
    style: Style,
    is_right: bool,
}

impl Cell {
    pub(super) fn new(text: &str) -> Self {
        Self { text: escaped(text).into_owned(), ..Self::default() }
    }

    pub(super) fn styled(text: &str, style: Style) -> Self {
        Self { style, ..Self::new(text) }
    }

    /// The same, at the right end of its column.
    pub(super) fn right(self) -> Self {
        Self { is_right: true, ..self }
    }
}

/// A table in progress.
pub(super) struct Table<const N: usize> {
    indent: usize,
    /// The cells of each row, and the lines below it.
    rows: Vec<([Cell; N], Vec<String>)>,
}

impl<const N: usize> Table<N> {
    /// An empty table with this head, indented by `indent` columns.
    pub(super) fn new(indent: usize, head: [&str; N]) -> Self {
        let head = head.map(|text| Cell::styled(text, screen::HEAD));
        Self { indent, rows: vec![(head, Vec::new())] }
    }

    /// Puts the head of a column at its right end.
    pub(super) fn right(mut self, column: usize) -> Self {
        self.rows[0].0[column].is_right = true;
        self
    }

    /// Adds a row and the lines below it.
    pub(super) fn row(&mut self, cells: [Cell; N], below: impl IntoIterator<Item = String>) {
        let below = below.into_iter().map(|line| escaped(&line).into_owned()).collect();
        self.rows.push((cells, below));
    }

    /// The text for a screen. Only the last column and the lines below a row are wrapped.
    pub(super) fn text(&self, screen: Screen) -> String {
        let mut widths = [0; N];
        for (cells, _) in &self.rows {
            for (width, cell) in widths.iter_mut().zip(cells) {
                *width = display_width(&cell.text).max(*width);
            }
        }
        let below_width = screen.width.map_or(usize::MAX, |width| width.saturating_sub(self.indent + BELOW));
        let mut text = String::new();
        for (cells, below) in &self.rows {
            self.line(&mut text, cells, &widths, screen);
            for below in below {
                for (number, part) in wrapped(below, below_width).iter().enumerate() {
                    let indent = self.indent + if number == 0 { GAP } else { BELOW };
                    push_line(&mut text, &(" ".repeat(indent) + part));
                }
            }
        }
        text
    }

    /// Writes the cells of a row.
    fn line(&self, text: &mut String, cells: &[Cell; N], widths: &[usize; N], screen: Screen) {
        let Some((last, others)) = cells.split_last() else { return };
        let mut line = " ".repeat(self.indent);
        for (cell, width) in others.iter().zip(widths) {
            let space = " ".repeat(width - display_width(&cell.text));
            let painted = screen.painted(&cell.text, cell.style);
            line += &if cell.is_right { space + &painted } else { painted + &space };
            line += &" ".repeat(GAP);
        }
        let beside = self.indent + widths.iter().take(N - 1).map(|width| width + GAP).sum::<usize>();
        let (hang, width) = match screen.width {
            Some(width) if width >= beside + LEAST => (beside, width - beside),
            Some(width) if width < beside + display_width(&last.text) => {
                push_line(text, &line);
                line = " ".repeat(self.indent + BELOW);
                (self.indent + BELOW, width.saturating_sub(self.indent + BELOW))
            }
            _ => (beside, usize::MAX),
        };
        for part in wrapped(&last.text, width) {
            push_line(text, &(line + &screen.painted(&part, last.style)));
            line = " ".repeat(hang);
        }
    }
}

fn push_line(text: &mut String, line: &str) {
    text.push_str(line.trim_end());
    text.push('\n');
}

/// A text in lines of at most `width` columns. A word that is longer stays whole, so that it can be copied.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let options = textwrap::Options::new(width.max(1)).break_words(false);
    let options = options.word_splitter(textwrap::WordSplitter::NoHyphenation);
    let lines = textwrap::wrap(text, options);
    if lines.is_empty() { vec![String::new()] } else { lines.into_iter().map(Into::into).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table<3> {
        let mut table = Table::new(2, ["name", "rows", "hint"]).right(1);
        let row = |name: &str, rows: &str, hint: &str| {
            [Cell::new(name), Cell::new(rows).right(), Cell::styled(hint, screen::BAD)]
        };
        table.row(row("cost", "12", "a hint that has several words and goes on"), []);
        table.row(
            row("網\u{1b}[2J", "1234567", ""),
            ["below it stands a text with https://example.com/a-long-word".to_owned()],
        );
        table
    }

    #[test]
    fn no_line_is_wider_than_the_terminal() {
        let plain = Screen { width: None, has_colour: false };
        assert_eq!(
            table().text(plain),
            "  name            rows  hint\n\
             \x20 cost              12  a hint that has several words and goes on\n\
             \x20 網\\u001b[2J  1234567\n\
             \x20   below it stands a text with https://example.com/a-long-word\n"
        );
        assert_eq!(
            table().text(Screen { width: Some(50), ..plain }),
            "  name            rows  hint\n\
             \x20 cost              12  a hint that has several\n\
             \x20                       words and goes on\n\
             \x20 網\\u001b[2J  1234567\n\
             \x20   below it stands a text with\n\
             \x20     https://example.com/a-long-word\n"
        );
        assert_eq!(
            table().text(Screen { width: Some(30), ..plain }),
            "  name            rows  hint\n\
             \x20 cost              12\n\
             \x20     a hint that has several\n\
             \x20     words and goes on\n\
             \x20 網\\u001b[2J  1234567\n\
             \x20   below it stands a text\n\
             \x20     with\n\
             \x20     https://example.com/a-long-word\n"
        );
        assert!(!table().text(Screen { width: Some(1), ..plain }).is_empty());
    }

    #[test]
    fn colours_change_nothing_but_colours() {
        let screen = Screen { width: Some(50), has_colour: true };
        let coloured = table().text(screen);
        assert!(coloured.contains("\u{1b}[1mname\u{1b}[0m") && coloured.contains("\u{1b}[31ma hint"), "{coloured:?}");
        let mut plain = String::new();
        for (nth, part) in coloured.split('\u{1b}').enumerate() {
            plain += if nth == 0 { part } else { part.split_once('m').unwrap().1 };
        }
        let trimmed = |text: &str| text.lines().map(|line| format!("{}\n", line.trim_end())).collect::<String>();
        assert_eq!(trimmed(&plain), table().text(Screen { has_colour: false, ..screen }));
    }
}
