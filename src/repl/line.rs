//! The text being typed and its cursor.
//!
//! Text, cursor and editing are rustyline's `LineBuffer`; the cursor moves by grapheme clusters. Undo, the cut
//! text, and moving up and down are implemented here, because rustyline's own work only inside its loop.

use rustyline::line_buffer::{ChangeListener, DeleteListener, Direction, LineBuffer};
use rustyline::{At, Movement, Word};
use unicode_segmentation::UnicodeSegmentation as _;

/// The most changes that can be undone, and the most of a very long text.
const UNDO: usize = 200;
const UNDO_LONG: usize = 4;
/// The size of a very long text, in bytes.
const LONG: usize = 256 * 1024;

/// The text being typed.
#[derive(Debug)]
pub struct EditLine {
    buffer: LineBuffer,
    before: Vec<(String, usize)>,
    /// The text cut last.
    cut: String,
    /// A run of typed characters is undone as one.
    typing: bool,
}

/// Receives the text that is cut, but not text that is only deleted.
#[derive(Debug, Default)]
struct Cuts {
    is_cutting: bool,
    text: Option<String>,
}

impl DeleteListener for Cuts {
    fn start_killing(&mut self) {
        self.is_cutting = true;
    }

    fn delete(&mut self, _: usize, text: &str, _: Direction) {
        if self.is_cutting {
            self.text = Some(text.to_owned());
        }
    }

    fn stop_killing(&mut self) {
        self.is_cutting = false;
    }
}

impl ChangeListener for Cuts {
    fn insert_char(&mut self, _: usize, _: char) {}
    fn insert_str(&mut self, _: usize, _: &str) {}
    fn replace(&mut self, _: usize, _: &str, _: &str) {}
}

impl Default for EditLine {
    fn default() -> Self {
        Self {
            buffer: LineBuffer::with_capacity(0),
            before: Vec::new(),
            cut: String::new(),
            typing: false,
        }
    }
}

impl EditLine {
    /// The text.
    pub fn text(&self) -> &str {
        self.buffer.as_str()
    }

    /// The cursor, in bytes.
    pub fn cursor(&self) -> usize {
        self.buffer.pos()
    }

    /// The text before the cursor.
    pub fn head(&self) -> &str {
        &self.text()[..self.cursor()]
    }

    /// Whether there is no text.
    pub fn is_empty(&self) -> bool {
        self.buffer.is_empty()
    }

    /// Whether the cursor is at the end of the text.
    pub fn is_at_end(&self) -> bool {
        self.buffer.is_cursor_at_end()
    }

    /// Replaces the text and moves the cursor to its end.
    pub fn set(&mut self, text: &str) {
        self.remember(self.state());
        self.put(0, self.buffer.len(), text);
    }

    /// Takes the text and clears the undo history.
    pub fn take(&mut self) -> String {
        let cut = std::mem::take(&mut self.cut);
        let empty = Self {
            cut,
            ..Self::default()
        };
        std::mem::replace(self, empty).buffer.into_string()
    }

    /// Inserts a typed character.
    pub fn type_char(&mut self, c: char) {
        if !self.typing {
            self.remember(self.state());
            self.typing = true;
        }
        self.put(self.cursor(), self.cursor(), c.encode_utf8(&mut [0; 4]));
    }

    /// Inserts a text.
    pub fn insert(&mut self, text: &str) {
        self.replace_from(self.cursor(), text);
    }

    /// Replaces the text between `start` and the cursor.
    pub fn replace_from(&mut self, start: usize, text: &str) {
        self.remember(self.state());
        self.put(start, self.cursor(), text);
    }

    /// Undoes the last change.
    pub fn undo(&mut self) {
        if let Some((text, cursor)) = self.before.pop() {
            self.put(0, self.buffer.len(), &text);
            self.buffer.set_pos(cursor);
        }
        self.typing = false;
    }

    /// Uses only `LineBuffer::replace`: `insert`, `yank` and `update` drop text beyond the buffer's initial capacity,
    /// and pasted text can have any length.
    fn put(&mut self, start: usize, end: usize, text: &str) {
        self.buffer.replace(start..end, text, &mut Cuts::default());
    }

    fn state(&self) -> (String, usize) {
        (self.text().to_owned(), self.cursor())
    }

    fn remember(&mut self, before: (String, usize)) {
        let most = if self.buffer.len() < LONG {
            UNDO
        } else {
            UNDO_LONG
        };
        if self.before.len() >= most {
            self.before.drain(..=self.before.len() - most);
        }
        self.before.push(before);
        self.typing = false;
    }

    /// Runs `act` and records the change for undo, and the text that it cuts.
    fn change(&mut self, act: impl FnOnce(&mut LineBuffer, &mut Cuts) -> bool) {
        let before = self.state();
        let mut cuts = Cuts::default();
        if act(&mut self.buffer, &mut cuts) {
            self.remember(before);
        }
        if let Some(text) = cuts.text {
            self.cut = text;
        }
    }

    fn cut(&mut self, movement: &Movement) {
        self.change(|buffer, cuts| buffer.kill(movement, cuts));
    }
}

/// Deleting.
impl EditLine {
    /// Removes the character before the cursor.
    pub fn backspace(&mut self) {
        self.change(|buffer, cuts| buffer.backspace(1, cuts));
    }

    /// Removes the character after the cursor.
    pub fn delete(&mut self) {
        self.change(|buffer, cuts| buffer.delete(1, cuts).is_some());
    }

    /// Cuts the word before the cursor.
    pub fn cut_word_before(&mut self) {
        self.cut(&Movement::BackwardWord(1, Word::Emacs));
    }

    /// Cuts back to the last white space, as Ctrl-W does in a shell.
    pub fn cut_to_blank(&mut self) {
        self.cut(&Movement::BackwardWord(1, Word::Big));
    }

    /// Cuts the word after the cursor.
    pub fn cut_word_after(&mut self) {
        self.cut(&Movement::ForwardWord(1, At::AfterEnd, Word::Emacs));
    }

    /// Cuts to the end of the line, or its line break if the cursor is there.
    pub fn cut_to_end(&mut self) {
        self.cut(&Movement::EndOfLine);
    }

    /// Cuts from the start of the line to the cursor.
    pub fn cut_to_start(&mut self) {
        if !self.head().ends_with('\n') {
            self.cut(&Movement::BeginningOfLine);
        }
    }

    /// Inserts the text cut last.
    pub fn paste_cut(&mut self) {
        let cut = self.cut.clone();
        self.insert(&cut);
    }

    /// Swaps the characters around the cursor.
    pub fn transpose(&mut self) {
        self.change(LineBuffer::transpose_chars);
    }
}

/// Moving.
impl EditLine {
    /// Moves the cursor, which ends a run of typing for undo.
    fn go(&mut self, act: impl FnOnce(&mut LineBuffer) -> bool) {
        act(&mut self.buffer);
        self.typing = false;
    }

    /// One character left.
    pub fn left(&mut self) {
        self.go(|buffer| buffer.move_backward(1));
    }

    /// One character right.
    pub fn right(&mut self) {
        self.go(|buffer| buffer.move_forward(1));
    }

    /// One word left.
    pub fn word_left(&mut self) {
        self.go(|buffer| buffer.move_to_prev_word(Word::Emacs, 1));
    }

    /// One word right.
    pub fn word_right(&mut self) {
        self.go(|buffer| buffer.move_to_next_word(At::AfterEnd, Word::Emacs, 1));
    }

    /// To the start of the line.
    pub fn home(&mut self) {
        self.go(LineBuffer::move_home);
    }

    /// To the end of the line.
    pub fn end(&mut self) {
        self.go(LineBuffer::move_end);
    }

    /// One line up; false on the first one.
    pub fn up(&mut self) -> bool {
        let Some(end) = self.head().rfind('\n') else {
            return false;
        };
        let column = self.head()[end + 1..].graphemes(true).count();
        let start = self.text()[..end].rfind('\n').map_or(0, |at| at + 1);
        self.go_to_column(column, start, end);
        true
    }

    /// One line down; false on the last one.
    pub fn down(&mut self) -> bool {
        let tail = &self.text()[self.cursor()..];
        let Some(start) = tail.find('\n').map(|at| self.cursor() + at + 1) else {
            return false;
        };
        let line = self.head().rsplit('\n').next().unwrap_or_default();
        let column = line.graphemes(true).count();
        let below = &self.text()[start..];
        let end = start + below.find('\n').unwrap_or(below.len());
        self.go_to_column(column, start, end);
        true
    }

    /// To a column of the line from `start` to `end`, or to its end.
    fn go_to_column(&mut self, column: usize, start: usize, end: usize) {
        let position = self.text()[start..end]
            .grapheme_indices(true)
            .nth(column)
            .map_or(end, |(at, _)| start + at);
        self.buffer.set_pos(position);
        self.typing = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `|` is the cursor.
    fn line(text: &str) -> EditLine {
        let mut line = EditLine::default();
        line.insert(&text.replace('|', ""));
        line.buffer.set_pos(text.find('|').unwrap());
        line
    }

    fn shown(line: &EditLine) -> String {
        let mut text = line.text().to_owned();
        text.insert(line.cursor(), '|');
        text
    }

    type EditOperation = fn(&mut EditLine);

    #[test]
    fn each_key_does_what_a_shell_does() {
        let table: [(&str, EditOperation, &str); 27] = [
            ("ab|c", EditLine::left, "a|bc"),
            ("ab|c", EditLine::right, "abc|"),
            ("abc|", EditLine::right, "abc|"),
            ("|abc", EditLine::left, "|abc"),
            ("e\u{301}|x", EditLine::backspace, "|x"),
            ("👨‍👩‍👧|x", EditLine::left, "|👨‍👩‍👧x"),
            ("|👨‍👩‍👧x", EditLine::delete, "|x"),
            ("one two|", EditLine::word_left, "one |two"),
            ("one, |two", EditLine::word_left, "|one, two"),
            ("|one two", EditLine::word_right, "one| two"),
            ("one| two", EditLine::word_right, "one two|"),
            ("one two.x |y", EditLine::cut_to_blank, "one |y"),
            ("one two.x|", EditLine::cut_word_before, "one two.|"),
            ("|one two", EditLine::cut_word_after, "| two"),
            ("ab|cd\nef", EditLine::cut_to_end, "ab|\nef"),
            ("ab|\nef", EditLine::cut_to_end, "ab|ef"),
            ("ab\ncd|ef", EditLine::cut_to_start, "ab\n|ef"),
            ("ab\ncd|ef", EditLine::home, "ab\n|cdef"),
            ("ab\ncd|ef\ng", EditLine::end, "ab\ncdef|\ng"),
            ("ab|", EditLine::transpose, "ba|"),
            ("a|bc", EditLine::transpose, "ba|c"),
            ("|a", EditLine::transpose, "|a"),
            ("é|", EditLine::backspace, "|"),
            ("ab\n|cd", EditLine::cut_to_start, "ab\n|cd"),
            ("one|, ", EditLine::word_right, "one, |"),
            ("  one  |", EditLine::cut_to_blank, "  |"),
            ("e\u{301}👨‍👩‍👧|", EditLine::transpose, "👨‍👩‍👧e\u{301}|"),
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
        let mut line = EditLine::default();
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
            const ACTS: [EditOperation; 14] = [
                EditLine::left, EditLine::right, EditLine::word_left, EditLine::word_right, EditLine::home, EditLine::end,
                EditLine::backspace, EditLine::delete, EditLine::cut_to_blank, EditLine::cut_word_before,
                EditLine::cut_to_end, EditLine::transpose, EditLine::undo, EditLine::paste_cut,
            ];
            let mut line = EditLine::default();
            line.insert(&text);
            for at in moves {
                ACTS[at](&mut line);
                line.up();
                assert!(line.text().is_char_boundary(line.cursor()));
            }
        }
    }
}
