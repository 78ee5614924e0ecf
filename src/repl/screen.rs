//! Draws the prompt on the screen, below the output.
//!
//! Before output is printed the prompt is erased ([`Screen::erase`]), afterwards it is drawn again
//! ([`Screen::draw`]). Each row ends with our line break, never by the terminal's wrapping, so that a wider window
//! does not join rows and exactly the drawn rows are erased. A text higher than half of the screen is shown in
//! part, around the cursor, to leave room for output.

use unicode_segmentation::UnicodeSegmentation as _;
use unicode_width::UnicodeWidthStr as _;

use crate::output::escape::{KeptControls, escape};
use crate::output::palette::Palette;
use crate::output::style::RESET;
use crate::units::grouped;

/// The prompt, and the indentation of further lines.
const PROMPT: &str = "> ";
const INDENT: &str = "  ";
/// The width of a tab, in columns.
const TAB: &str = "    ";
/// The most characters of a sent text that are echoed.
const ECHO: usize = 2000;

/// The size of the window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// Columns, at least 1.
    pub columns: usize,
    /// Rows, at least 1.
    pub rows: usize,
}

/// What to draw.
#[derive(Clone, Copy, Debug)]
pub struct Picture<'a> {
    /// The prompt.
    pub prompt: &'a str,
    /// The text being typed.
    pub text: &'a str,
    /// The cursor, in bytes.
    pub cursor: usize,
    /// The byte from which the text is marked as invalid.
    pub wrong_from: Option<usize>,
    /// The hint after the text; omitted if it does not fit into the row.
    pub hint: &'a str,
}

impl<'a> Picture<'a> {
    /// A text after the usual prompt.
    pub fn new(text: &'a str, cursor: usize) -> Self {
        Self {
            prompt: PROMPT,
            text,
            cursor,
            wrong_from: None,
            hint: "",
        }
    }
}

/// The drawn prompt.
#[derive(Debug)]
pub struct Screen {
    size: Size,
    colour: bool,
    palette: &'static Palette,
    drawn: Option<Drawn>,
}

/// What is on the screen.
#[derive(Debug)]
struct Drawn {
    widths: Vec<usize>,
    /// The cursor's.
    row: usize,
    column: usize,
}

#[derive(Debug, Default)]
struct ScreenRow {
    text: String,
    width: usize,
}

impl Screen {
    /// A screen without a prompt.
    pub fn new(size: Size, colour: bool, palette: &'static Palette) -> Self {
        Self {
            size,
            colour,
            palette,
            drawn: None,
        }
    }

    /// Sets the size of the window.
    pub fn resize(&mut self, size: Size) {
        self.size = size;
    }

    /// Forgets the drawn prompt, because another program has used the screen.
    pub fn forget(&mut self) {
        self.drawn = None;
    }

    /// Erases the prompt; output continues in its place.
    pub fn erase(&mut self, out: &mut Vec<u8>) {
        let Some(drawn) = self.drawn.take() else {
            return;
        };
        // A narrower window has wrapped rows.
        let columns = self.size.columns;
        let broken = |width: &usize| width.div_ceil(columns).max(1);
        let above: usize = drawn.widths[..drawn.row].iter().map(broken).sum();
        out.push(b'\r');
        move_up(out, above + drawn.column / columns);
        out.extend_from_slice(b"\x1b[J");
    }

    /// Draws the prompt in place of the one on the screen.
    pub fn draw(&mut self, out: &mut Vec<u8>, picture: &Picture<'_>) {
        self.erase(out);
        let mut page = ScreenPage::new(self.size.columns, self.colour, self.palette);
        page.layout(picture);
        let (rows, row) = self.window(page.rows, page.cursor.0, picture.text.len());
        for (index, line) in rows.iter().enumerate() {
            if index > 0 {
                out.extend_from_slice(b"\r\n");
            }
            out.extend_from_slice(line.text.as_bytes());
        }
        move_up(out, rows.len() - 1 - row);
        out.push(b'\r');
        if page.cursor.1 > 0 {
            out.extend_from_slice(format!("\x1b[{}C", page.cursor.1).as_bytes());
        }
        self.drawn = Some(Drawn {
            widths: rows.iter().map(|row| row.width).collect(),
            row,
            column: page.cursor.1,
        });
    }

    /// The rows to show, and the one with the cursor.
    fn window(
        &self,
        mut rows: Vec<ScreenRow>,
        cursor: usize,
        bytes: usize,
    ) -> (Vec<ScreenRow>, usize) {
        let most = (self.size.rows / 2).max(3);
        if rows.len() <= most {
            return (rows, cursor);
        }
        let total = rows.len();
        let shown = most - 1;
        let start = (cursor + 1).saturating_sub(shown);
        rows.truncate(start + shown);
        rows.drain(..start);
        let size = grouped(bytes as u64);
        let note = format!("… row {} of {total}, {size} bytes", cursor + 1);
        let note = cut(&note, self.size.columns - 1);
        rows.insert(
            0,
            ScreenRow {
                width: note.width(),
                text: painted(note, self.palette.dim, self.colour),
            },
        );
        (rows, cursor - start + 1)
    }
}

fn move_up(out: &mut Vec<u8>, rows: usize) {
    if rows > 0 {
        out.extend_from_slice(format!("\x1b[{rows}A").as_bytes());
    }
}

/// The part of a text that fits into this many columns.
fn cut(text: &str, columns: usize) -> &str {
    let mut width = 0;
    for (at, grapheme) in text.grapheme_indices(true) {
        width += grapheme.width();
        if width > columns {
            return &text[..at];
        }
    }
    text
}

fn painted(text: &str, colour: &str, wanted: bool) -> String {
    if wanted && !text.is_empty() {
        format!("{colour}{text}{RESET}")
    } else {
        text.to_owned()
    }
}

/// A text cut into rows.
struct ScreenPage {
    columns: usize,
    colour: bool,
    palette: &'static Palette,
    rows: Vec<ScreenRow>,
    /// Row and column.
    cursor: (usize, usize),
    /// Whether the row is being painted as invalid.
    in_red: bool,
}

impl ScreenPage {
    fn new(columns: usize, colour: bool, palette: &'static Palette) -> Self {
        Self {
            columns,
            colour,
            palette,
            rows: vec![ScreenRow::default()],
            cursor: (0, 0),
            in_red: false,
        }
    }

    fn layout(&mut self, picture: &Picture<'_>) {
        for grapheme in picture.prompt.graphemes(true) {
            self.put(grapheme, grapheme.width());
        }
        for (at, grapheme) in picture.text.grapheme_indices(true) {
            if at == picture.cursor {
                self.place_cursor();
            }
            if grapheme == "\n" || grapheme == "\r\n" {
                self.end_row();
                self.put(INDENT, INDENT.len());
                continue;
            }
            let is_wrong = picture.wrong_from.is_some_and(|from| at >= from);
            self.put_text(grapheme, is_wrong);
        }
        self.stop_red();
        if picture.cursor >= picture.text.len() {
            self.place_cursor();
        }
        // The last column stays free: some terminals erase the character in it.
        let room = self.columns.saturating_sub(self.last().width + 1);
        let hint = cut(picture.hint, room);
        // A few letters of a hint are useless.
        if hint == picture.hint || hint.width() > 8 {
            let text = painted(hint, self.palette.dim, self.colour);
            let width = hint.width();
            let row = self.last();
            row.text.push_str(&text);
            row.width += width;
        }
    }

    fn put_text(&mut self, grapheme: &str, is_wrong: bool) {
        let shown = match grapheme {
            "\t" => TAB.into(),
            _ => escape(grapheme, KeptControls::Nothing),
        };
        let width = shown.width();
        if self.last().width + width > self.columns {
            self.end_row();
        }
        if is_wrong && self.colour && !self.in_red {
            self.in_red = true;
            let red = self.palette.red;
            self.last().text.push_str(red);
        }
        self.put(&shown, width);
    }

    fn put(&mut self, text: &str, width: usize) {
        if self.last().width + width > self.columns {
            self.end_row();
        }
        let row = self.last();
        row.text.push_str(text);
        row.width += width;
    }

    fn end_row(&mut self) {
        self.stop_red();
        self.rows.push(ScreenRow::default());
    }

    fn stop_red(&mut self) {
        if std::mem::take(&mut self.in_red) {
            self.last().text.push_str(RESET);
        }
    }

    /// Places the cursor here; after a full row, in the next one.
    fn place_cursor(&mut self) {
        if self.last().width >= self.columns {
            self.end_row();
        }
        let column = self.last().width;
        self.cursor = (self.rows.len() - 1, column);
    }

    fn last(&mut self) -> &mut ScreenRow {
        if self.rows.is_empty() {
            self.rows.push(ScreenRow::default());
        }
        let last = self.rows.len() - 1;
        &mut self.rows[last]
    }
}

/// The echo of an entered text. The terminal may wrap it, so that it can be copied as one line.
pub fn echo(text: &str) -> String {
    let (shown, cut) = match text.char_indices().nth(ECHO) {
        Some((end, _)) => (&text[..end], true),
        None => (text, false),
    };
    let lines: Vec<String> = shown
        .split('\n')
        .map(|line| escape(&line.replace('\t', TAB), KeptControls::Nothing).into_owned())
        .collect();
    let mut echo = format!("{PROMPT}{}", lines.join(&format!("\n{INDENT}")));
    if cut {
        let size = grouped(text.len() as u64);
        echo.push_str(&format!("… {size} bytes in total"));
    }
    echo.push('\n');
    echo
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::palette::SIXTEEN;

    fn rows(text: &str, columns: usize) -> Vec<String> {
        let mut page = ScreenPage::new(columns, false, &SIXTEEN);
        page.layout(&Picture::new(text, text.len()));
        page.rows.into_iter().map(|row| row.text).collect()
    }

    #[test]
    fn a_text_is_cut_into_rows_by_what_its_characters_take() {
        assert_eq!(rows("abcd", 10), ["> abcd"]);
        assert_eq!(rows("abcdefgh", 10), ["> abcdefgh", ""]);
        assert_eq!(rows("abcdefghi", 10), ["> abcdefgh", "i"]);
        assert_eq!(rows("日本語", 5), ["> 日", "本語"]);
        assert_eq!(rows("a\nb", 10), ["> a", "  b"]);
        assert_eq!(rows("\x1b[A", 10), ["> \\x1b[A"]);
        assert_eq!(rows("e\u{301}x", 4), ["> e\u{301}x", ""]);
    }

    #[test]
    fn a_text_higher_than_half_of_the_screen_is_shown_around_the_cursor() {
        let size = Size {
            columns: 20,
            rows: 10,
        };
        let text: String = (0..40).map(|n| format!("line {n}\n")).collect();
        let mut screen = Screen::new(size, false, &SIXTEEN);
        let mut out = Vec::new();
        screen.draw(&mut out, &Picture::new(&text, 0));
        let shown = String::from_utf8(out).unwrap();
        assert!(
            shown.starts_with("… row 1 of 41\r\n> line 0\r\n")
                || shown.starts_with("… row 1 of 41"),
            "{shown}"
        );
        assert_eq!(shown.matches("\r\n").count(), 4);
        let mut out = Vec::new();
        screen.draw(&mut out, &Picture::new(&text, text.len()));
        assert!(String::from_utf8(out).unwrap().contains("line 39"));
    }

    #[test]
    fn an_entered_text_is_echoed_escaped_and_cut() {
        assert_eq!(echo("hi"), "> hi\n");
        assert_eq!(echo("{\n\t1}"), "> {\n      1}\n");
        assert_eq!(echo("\x1b[2J"), "> \\x1b[2J\n");
        assert!(echo(&"x".repeat(30_000)).ends_with("x… 30,000 bytes in total\n"));
    }

    proptest::proptest! {
        #[test]
        fn no_row_is_wider_than_the_screen(text: String, columns in 4..30usize, at in 0..1000usize) {
            let cursor = (0..=text.len().min(at)).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
            let mut page = ScreenPage::new(columns, false, &SIXTEEN);
            page.layout(&Picture { hint: "a hint that is long", ..Picture::new(&text, cursor) });
            for row in &page.rows {
                // One character may be shown as an escape wider than a narrow screen.
                assert!(row.width <= columns.max(10), "{row:?}");
            }
            assert!(page.cursor.0 < page.rows.len() && page.cursor.1 < columns.max(11));
        }
    }
}
