//! Renders the bytes sent to a terminal as its screen. It breaks and joins rows when its
//! width changes, as most terminals do.

use std::sync::LazyLock;

use avt::Terminal;
use regex::Regex;

/// The window's size.
pub type Size = (u16, u16);

/// The initial size of a window.
pub const FIRST: Size = (80, 24);

/// The place and the state in a prompt, before its mark.
const PLACE: &str = r"^(?:echo|connecting|closing|closed|…?\S*:\d+)(?: filter)?(?: paused)?> ?";

/// A row without the place of its prompt: `> ` and the line.
pub fn without_place(row: &str) -> String {
    static PROMPT: LazyLock<Regex> = LazyLock::new(|| Regex::new(PLACE).unwrap());
    match PROMPT.find(row) {
        Some(prompt) if prompt.end() < row.len() => format!("> {}", &row[prompt.end()..]),
        Some(_) => ">".to_owned(),
        None => row.to_owned(),
    }
}

/// A row without the time of a reply at its end, and that time.
fn without_time(row: &str) -> (String, Option<String>) {
    static TIME: LazyLock<Regex> =
        LazyLock::new(|| Regex::new(r"  \+([\d.]+ m?s|\d+m \d+s)$").unwrap());
    match TIME.captures(row) {
        Some(found) => (
            row[..found.get(0).unwrap().start()].to_owned(),
            Some(found[1].to_owned()),
        ),
        None => (row.to_owned(), None),
    }
}

/// A terminal at one moment.
pub struct Screen {
    /// The rows of the window and those scrolled out of it, without trailing spaces and the times of replies.
    pub rows: Vec<String>,
    /// The rows of the window alone.
    pub window: Vec<String>,
    /// The width of the window.
    columns: usize,
    /// Column and row of the cursor, in the window.
    pub cursor: (usize, usize),
    /// The time at the end of each row of a reply.
    pub reply_times: Vec<String>,
    /// Whether anything was drawn since the last resize.
    pub is_redrawn: bool,
}

impl Screen {
    /// The screen after these bytes; `sizes` contains the offset of each resize.
    pub fn of(bytes: &[u8], sizes: &[(usize, Size)]) -> Self {
        let mut terminal = Terminal::with_scrollback(FIRST.0.into(), FIRST.1.into(), None).unwrap();
        let mut at = 0;
        for &(offset, (columns, rows)) in sizes {
            terminal.feed(&*String::from_utf8_lossy(&bytes[at..offset]));
            terminal.resize(columns.into(), rows.into());
            at = offset;
        }
        terminal.feed(&*String::from_utf8_lossy(&bytes[at..]));
        let text = |line: &avt::Line| line.text().trim_end().to_owned();
        let screen = terminal.screen();
        let mut reply_times = Vec::new();
        let rows = screen.all_lines().map(text).map(|row| {
            let (row, time) = without_time(&row);
            reply_times.extend(time);
            row
        });
        Self {
            rows: rows.collect(),
            reply_times,
            window: screen.visible_lines().map(text).collect(),
            columns: terminal.size().0,
            cursor: terminal.cursor().position().unwrap_or_default(),
            is_redrawn: at < bytes.len(),
        }
    }

    /// Whether a row is exactly this.
    pub fn has_row(&self, wanted: &str) -> bool {
        self.rows.iter().any(|row| row == wanted)
    }

    /// Everything, a line for each row.
    pub fn text(&self) -> String {
        self.rows.join("\n")
    }

    /// The prompt with its place and state, without the line.
    pub fn prompt(&self) -> &str {
        let row = &self.window[self.prompt_row().unwrap_or(0)];
        row.split_once('>').map_or("", |(place, _)| place)
    }

    fn prompt_row(&self) -> Option<usize> {
        let rows = &self.window[..=self.cursor.1.min(self.window.len() - 1)];
        rows.iter()
            .rposition(|row| without_place(row).starts_with('>'))
    }

    /// The rows from the last prompt to the cursor, joined: `> ` and the line being typed.
    pub fn typed(&self) -> String {
        without_place(&self.rows_of_line())
    }

    fn rows_of_line(&self) -> String {
        let rows = &self.window[..=self.cursor.1.min(self.window.len() - 1)];
        let start = self.prompt_row();
        let (last, full) = rows[start.unwrap_or(0)..].split_last().unwrap();
        // A space in the last column of a wrapped row is not trailing.
        let full = full.iter().map(|row| {
            let lacks = self.columns - row.chars().count();
            row.clone() + if lacks == 1 { " " } else { "" }
        });
        full.collect::<String>() + last
    }
}
