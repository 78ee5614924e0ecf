//! The text being typed and the place in it where typing goes on.
//!
//! The cursor stands between two characters as a person sees them (grapheme clusters), never inside
//! one. Text may have several lines. Every change can be undone.

use unicode_segmentation::{GraphemeCursor, UnicodeSegmentation as _};

/// The most changes that can be undone, and how many of a text that is very long.
const UNDO: usize = 200;
const UNDO_LONG: usize = 4;
/// What is very long, in bytes.
const LONG: usize = 256 * 1024;

/// See the module's head.
#[derive(Clone, Debug, Default)]
pub struct Line {
    text: String,
    /// In bytes.
    cursor: usize,
    before: Vec<(String, usize)>,
    /// What was cut last.
    cut: String,
    /// A run of typed characters is undone as one.
    typing: bool,
}

impl Line {
    /// The text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Where the cursor stands, in bytes.
    pub fn cursor(&self) -> usize {
        self.cursor
    }

    /// The text before the cursor.
    pub fn head(&self) -> &str {
        &self.text[..self.cursor]
    }

    /// Whether there is no text.
    pub fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// Whether the cursor stands behind the whole text.
    pub fn is_at_end(&self) -> bool {
        self.cursor == self.text.len()
    }

    /// Replaces the text; the cursor goes to its end.
    pub fn set(&mut self, text: impl Into<String>) {
        self.remember();
        self.text = text.into();
        self.cursor = self.text.len();
    }

    /// Takes the text out; nothing of it can be undone.
    pub fn take(&mut self) -> String {
        self.before.clear();
        self.cursor = 0;
        self.typing = false;
        std::mem::take(&mut self.text)
    }

    /// A character is typed.
    pub fn type_char(&mut self, c: char) {
        if !self.typing {
            self.remember();
            self.typing = true;
        }
        self.text.insert(self.cursor, c);
        self.cursor += c.len_utf8();
    }

    /// Puts a text in.
    pub fn insert(&mut self, text: &str) {
        self.remember();
        self.text.insert_str(self.cursor, text);
        self.cursor += text.len();
    }

    /// Puts `text` in place of what stands between `start` and the cursor.
    pub fn replace_from(&mut self, start: usize, text: &str) {
        self.remember();
        self.text.replace_range(start..self.cursor, text);
        self.cursor = start + text.len();
    }

    /// Takes the last change back.
    pub fn undo(&mut self) {
        if let Some((text, cursor)) = self.before.pop() {
            self.text = text;
            self.cursor = cursor;
        }
        self.typing = false;
    }

    fn remember(&mut self) {
        let most = if self.text.len() < LONG {
            UNDO
        } else {
            UNDO_LONG
        };
        if self.before.len() >= most {
            self.before.drain(..=self.before.len() - most);
        }
        self.before.push((self.text.clone(), self.cursor));
        self.typing = false;
    }

    fn remove(&mut self, start: usize, end: usize) {
        if start < end {
            self.remember();
            self.text.replace_range(start..end, "");
            self.cursor = start;
        }
    }

    fn cut(&mut self, start: usize, end: usize) {
        if start < end {
            self.cut = self.text[start..end].to_owned();
            self.remove(start, end);
        }
    }
}

/// Deleting.
impl Line {
    /// Removes the character before the cursor.
    pub fn backspace(&mut self) {
        self.remove(self.previous(), self.cursor);
    }

    /// Removes the character behind the cursor.
    pub fn delete(&mut self) {
        self.remove(self.cursor, self.next());
    }

    /// Cuts the word before the cursor.
    pub fn cut_word_before(&mut self) {
        self.cut(self.word_start(), self.cursor);
    }

    /// Cuts back to the last blank, as Ctrl-W does in a shell.
    pub fn cut_to_blank(&mut self) {
        let trimmed = self.head().trim_end();
        let start = trimmed
            .char_indices()
            .rev()
            .find(|(_, c)| c.is_whitespace())
            .map_or(0, |(at, c)| at + c.len_utf8());
        self.cut(start, self.cursor);
    }

    /// Cuts the word behind the cursor.
    pub fn cut_word_after(&mut self) {
        self.cut(self.cursor, self.word_end());
    }

    /// Cuts to the end of the line, or the line break that stands there.
    pub fn cut_to_end(&mut self) {
        let end = self.end_of_line();
        let end = if end == self.cursor { self.next() } else { end };
        self.cut(self.cursor, end);
    }

    /// Cuts from the start of the line.
    pub fn cut_to_start(&mut self) {
        self.cut(self.start_of_line(), self.cursor);
    }

    /// Puts in what was cut last.
    pub fn paste_cut(&mut self) {
        let cut = self.cut.clone();
        self.insert(&cut);
    }

    /// Swaps the characters around the cursor.
    pub fn transpose(&mut self) {
        let middle = if self.is_at_end() {
            self.previous()
        } else {
            self.cursor
        };
        let start = previous(&self.text, middle);
        let end = next(&self.text, middle);
        if start < middle && middle < end {
            let swapped = format!("{}{}", &self.text[middle..end], &self.text[start..middle]);
            self.remember();
            self.text.replace_range(start..end, &swapped);
            self.cursor = end;
        }
    }
}

/// Moving.
impl Line {
    fn go(&mut self, cursor: usize) {
        self.cursor = cursor;
        self.typing = false;
    }

    /// One character back.
    pub fn left(&mut self) {
        self.go(self.previous());
    }

    /// One character on.
    pub fn right(&mut self) {
        self.go(self.next());
    }

    /// One word back.
    pub fn word_left(&mut self) {
        self.go(self.word_start());
    }

    /// One word on.
    pub fn word_right(&mut self) {
        self.go(self.word_end());
    }

    /// To the start of the line.
    pub fn home(&mut self) {
        self.go(self.start_of_line());
    }

    /// To the end of the line.
    pub fn end(&mut self) {
        self.go(self.end_of_line());
    }

    /// One line up; false on the first one.
    pub fn up(&mut self) -> bool {
        let start = self.start_of_line();
        if start == 0 {
            return false;
        }
        let column = self.text[start..self.cursor].graphemes(true).count();
        let above = self.text[..start - 1].rfind('\n').map_or(0, |at| at + 1);
        self.go(column_of(&self.text, above, start - 1, column));
        true
    }

    /// One line down; false on the last one.
    pub fn down(&mut self) -> bool {
        let end = self.end_of_line();
        if end == self.text.len() {
            return false;
        }
        let column = self.text[self.start_of_line()..self.cursor]
            .graphemes(true)
            .count();
        let below = end + 1;
        let last = self.text[below..]
            .find('\n')
            .map_or(self.text.len(), |at| below + at);
        self.go(column_of(&self.text, below, last, column));
        true
    }

    fn previous(&self) -> usize {
        previous(&self.text, self.cursor)
    }

    fn next(&self) -> usize {
        next(&self.text, self.cursor)
    }

    fn start_of_line(&self) -> usize {
        self.head().rfind('\n').map_or(0, |at| at + 1)
    }

    fn end_of_line(&self) -> usize {
        self.text[self.cursor..]
            .find('\n')
            .map_or(self.text.len(), |at| self.cursor + at)
    }

    fn word_start(&self) -> usize {
        let head = self.head();
        let word_end = head
            .char_indices()
            .rev()
            .find(|(_, c)| c.is_alphanumeric())
            .map_or(0, |(at, c)| at + c.len_utf8());
        head[..word_end]
            .char_indices()
            .rev()
            .find(|(_, c)| !c.is_alphanumeric())
            .map_or(0, |(at, c)| at + c.len_utf8())
    }

    fn word_end(&self) -> usize {
        let tail = &self.text[self.cursor..];
        let start = tail.find(char::is_alphanumeric).unwrap_or(tail.len());
        let length = tail[start..]
            .find(|c: char| !c.is_alphanumeric())
            .unwrap_or(tail.len() - start);
        self.cursor + start + length
    }
}

/// The place of a column in the line from `start` to `end`, or its end.
fn column_of(text: &str, start: usize, end: usize, column: usize) -> usize {
    text[start..end]
        .grapheme_indices(true)
        .nth(column)
        .map_or(end, |(at, _)| start + at)
}

fn previous(text: &str, at: usize) -> usize {
    let mut cursor = GraphemeCursor::new(at, text.len(), true);
    // The whole text is at hand, so that there is always an answer.
    cursor.prev_boundary(text, 0).ok().flatten().unwrap_or(0)
}

fn next(text: &str, at: usize) -> usize {
    let mut cursor = GraphemeCursor::new(at, text.len(), true);
    cursor
        .next_boundary(text, 0)
        .ok()
        .flatten()
        .unwrap_or(text.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `|` is the cursor.
    fn line(text: &str) -> Line {
        let cursor = text.find('|').unwrap();
        Line {
            text: text.replace('|', ""),
            cursor,
            ..Line::default()
        }
    }

    fn shown(line: &Line) -> String {
        let mut text = line.text.clone();
        text.insert(line.cursor, '|');
        text
    }

    type Act = fn(&mut Line);

    #[test]
    fn each_key_does_what_a_shell_does() {
        let table: [(&str, Act, &str); 23] = [
            ("ab|c", Line::left, "a|bc"),
            ("ab|c", Line::right, "abc|"),
            ("abc|", Line::right, "abc|"),
            ("|abc", Line::left, "|abc"),
            ("e\u{301}|x", Line::backspace, "|x"),
            ("👨‍👩‍👧|x", Line::left, "|👨‍👩‍👧x"),
            ("|👨‍👩‍👧x", Line::delete, "|x"),
            ("one two|", Line::word_left, "one |two"),
            ("one, |two", Line::word_left, "|one, two"),
            ("|one two", Line::word_right, "one| two"),
            ("one| two", Line::word_right, "one two|"),
            ("one two.x |y", Line::cut_to_blank, "one |y"),
            ("one two.x|", Line::cut_word_before, "one two.|"),
            ("|one two", Line::cut_word_after, "| two"),
            ("ab|cd\nef", Line::cut_to_end, "ab|\nef"),
            ("ab|\nef", Line::cut_to_end, "ab|ef"),
            ("ab\ncd|ef", Line::cut_to_start, "ab\n|ef"),
            ("ab\ncd|ef", Line::home, "ab\n|cdef"),
            ("ab\ncd|ef\ng", Line::end, "ab\ncdef|\ng"),
            ("ab|", Line::transpose, "ba|"),
            ("a|bc", Line::transpose, "ba|c"),
            ("|a", Line::transpose, "|a"),
            ("é|", Line::backspace, "|"),
        ];
        for (before, act, after) in table {
            let mut line = line(before);
            act(&mut line);
            assert_eq!(shown(&line), after, "from {before}");
        }
    }

    #[test]
    fn up_and_down_keep_the_column_and_stop_at_the_edges() {
        let mut it = line("abcd\ne\nfgh|i");
        assert!(it.up());
        assert_eq!(shown(&it), "abcd\ne|\nfghi");
        assert!(it.up());
        assert_eq!(shown(&it), "a|bcd\ne\nfghi");
        assert!(!it.up());
        assert!(it.down() && it.down());
        assert_eq!(shown(&it), "abcd\ne\nf|ghi");
        assert!(!it.down());
    }

    #[test]
    fn a_run_of_typing_is_undone_as_one_and_a_cut_comes_back() {
        let mut line = Line::default();
        for c in "one two".chars() {
            line.type_char(c);
        }
        line.cut_word_before();
        assert_eq!(shown(&line), "one |");
        line.paste_cut();
        line.paste_cut();
        assert_eq!(shown(&line), "one twotwo|");
        line.undo();
        line.undo();
        line.undo();
        assert_eq!(shown(&line), "one two|");
        line.undo();
        assert_eq!(shown(&line), "|");
    }

    proptest::proptest! {
        #[test]
        fn the_cursor_never_stands_inside_a_character(text: String, moves in proptest::collection::vec(0..14usize, 0..40)) {
            const ACTS: [Act; 14] = [
                Line::left, Line::right, Line::word_left, Line::word_right, Line::home, Line::end,
                Line::backspace, Line::delete, Line::cut_to_blank, Line::cut_word_before,
                Line::cut_to_end, Line::transpose, Line::undo, Line::paste_cut,
            ];
            let mut line = Line::default();
            line.insert(&text);
            for at in moves {
                ACTS[at](&mut line);
                line.up();
                assert!(line.text.is_char_boundary(line.cursor));
            }
        }
    }
}
