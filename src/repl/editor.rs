//! The line editor: turns keys into entered lines. It uses neither the terminal nor the connection.
//!
//! The keys are those of a shell (Emacs mode). A line that cannot be sent stays in the editor; a command typed
//! after it sets it aside, and it is restored after the command.

use std::collections::BTreeSet;
use std::path::Path;

use rustyline::completion::Pair;

use super::commands::{QuitWord, opens_json, sends};
use super::completion::complete;
use super::highlight::{Highlight, highlight};
use super::history::{History, HistoryPlace};
use super::keys::Key;
use super::line::EditLine;
use crate::output::json::{NotJson, check};

/// The most candidates that are listed.
const LISTED: usize = 60;

/// The result of a key that did more than edit.
#[derive(Debug, PartialEq, Eq)]
pub enum Entered {
    /// A line.
    Line(String),
    /// A line that cannot be sent now and stays in the editor.
    Refused(String),
    /// A line that looks like an attempt to get help or to leave and stays in the editor; Enter again sends it.
    Doubtful(QuitWord),
    /// The same line was entered again without a connection: reconnect, then send it.
    Reconnect(String),
    /// A line that was cleared.
    Cleared(String),
    /// Ctrl-C on an empty line: the next one leaves.
    LeaveHint,
    /// Change the line in an editor.
    Edit,
    /// A text to print above the prompt.
    Note(String),
    /// An empty line.
    Nothing,
    /// Clear the screen.
    Clear,
    /// Stop, as Ctrl-Z asks.
    Suspend,
    /// Leave.
    Leave,
}

/// The context of the editor.
#[derive(Clone, Copy, Debug)]
pub struct EditorContext<'a> {
    /// Whether a message can be sent.
    pub can_send: bool,
    /// Whether there is no connection, and no attempt to open one.
    pub is_closed: bool,
    /// JSON keys of received messages.
    pub keys: &'a BTreeSet<String>,
    /// The endpoints file, if one was named.
    pub endpoints: Option<&'a Path>,
}

/// The line editor.
#[derive(Debug, Default)]
pub struct LineEditor {
    line: EditLine,
    history: History,
    search: Option<Search>,
    /// The text of the line that could not be sent.
    refused: Option<String>,
    /// The same, set aside while a command is typed.
    aside: Option<String>,
    /// The word that was asked about.
    doubtful: Option<QuitWord>,
    /// Whether the last key was Ctrl-C on an empty line.
    is_leaving: bool,
    /// Whether the last key was Ctrl-X.
    follows_ctrl_x: bool,
    /// The text before the cursor whose completions were listed.
    listed: Option<String>,
}

/// Ctrl-R.
#[derive(Debug, Default)]
struct Search {
    part: String,
    found: Option<(usize, String)>,
}

/// What the screen shows.
#[derive(Debug)]
pub struct EditorView {
    /// Replaces the usual prompt.
    pub prompt: Option<String>,
    /// The text.
    pub text: String,
    /// The cursor, in bytes.
    pub cursor: usize,
    /// The highlight on it.
    pub highlight: Highlight,
}

impl LineEditor {
    /// An editor with this history.
    pub fn new(history: History) -> Self {
        Self {
            history,
            ..Self::default()
        }
    }

    /// Replaces the history, for another host.
    pub fn use_history(&mut self, history: History) {
        self.history = history;
    }

    /// Adds a line to the history.
    ///
    /// # Errors
    /// As [`History::add`].
    pub fn remember(&mut self, line: &str, keep: HistoryPlace) -> Result<(), String> {
        self.history.add(line, keep)
    }

    /// What to show.
    pub fn view(&self) -> EditorView {
        match &self.search {
            Some(search) => {
                let text = search.found.as_ref().map_or("", |(_, entry)| entry);
                EditorView {
                    prompt: Some(format!("search '{}': ", search.part)),
                    text: text.to_owned(),
                    cursor: text.len(),
                    highlight: Highlight::default(),
                }
            }
            None => EditorView {
                prompt: None,
                text: self.line.text().to_owned(),
                cursor: self.line.cursor(),
                highlight: highlight(self.line.text()),
            },
        }
    }

    /// The text of the line.
    pub fn text(&self) -> &str {
        self.line.text()
    }

    /// Replaces the text of the line.
    pub fn set_text(&mut self, text: &str) {
        self.line.set(text);
    }

    /// Handles a key.
    pub fn press(&mut self, key: Key, around: &EditorContext<'_>) -> Option<Entered> {
        let was_leaving = std::mem::take(&mut self.is_leaving);
        if key != Key::Tab {
            self.listed = None;
        }
        let key = match self.search.take() {
            Some(search) => self.press_in_search(search, key)?,
            None => key,
        };
        let follows_prefix = std::mem::take(&mut self.follows_ctrl_x);
        let entered = match key {
            Key::Ctrl('x') => {
                self.follows_ctrl_x = true;
                None
            }
            Key::Ctrl('e') if follows_prefix => Some(Entered::Edit),
            Key::Ctrl('c') if was_leaving && self.line.is_empty() => Some(Entered::Leave),
            key => self.act(key, around),
        };
        if self.line.is_empty()
            && let Some(aside) = self.aside.take()
        {
            self.line.set(&aside);
            self.refused = Some(aside);
        }
        entered
    }

    fn act(&mut self, key: Key, around: &EditorContext<'_>) -> Option<Entered> {
        match key {
            Key::Char(c) => self.type_char(c),
            Key::Paste(text) => self.paste(&text),
            Key::Enter => return self.enter(around),
            Key::ModifiedEnter => self.line.insert("\n"),
            Key::Tab => return self.complete(around),
            Key::Ctrl('c') => return self.clear_or_leave(),
            Key::Ctrl('d') if self.line.is_empty() => return Some(Entered::Leave),
            Key::Ctrl('l') => return Some(Entered::Clear),
            Key::Ctrl('z') => return Some(Entered::Suspend),
            Key::Ctrl('r') => self.search = Some(Search::default()),
            Key::Up | Key::Ctrl('p') => self.up(),
            Key::Down | Key::Ctrl('n') => self.down(),
            Key::Right | Key::Ctrl('f') | Key::End | Key::Ctrl('e') if self.take_hint() => {}
            key => self.edit(&key),
        }
        None
    }

    fn edit(&mut self, key: &Key) {
        let line = &mut self.line;
        match key {
            Key::Left | Key::Ctrl('b') => line.left(),
            Key::Right | Key::Ctrl('f') => line.right(),
            Key::WordLeft | Key::Alt('b') => line.word_left(),
            Key::WordRight | Key::Alt('f') => line.word_right(),
            Key::Home | Key::Ctrl('a') => line.home(),
            Key::End | Key::Ctrl('e') => line.end(),
            Key::Backspace => line.backspace(),
            Key::Delete | Key::Ctrl('d') => line.delete(),
            Key::WordBackspace => line.cut_word_before(),
            Key::Ctrl('w') => line.cut_to_blank(),
            Key::Alt('d') => line.cut_word_after(),
            Key::Ctrl('k') => line.cut_to_end(),
            Key::Ctrl('u') => line.cut_to_start(),
            Key::Ctrl('y') => line.paste_cut(),
            Key::Ctrl('t') => line.transpose(),
            Key::Ctrl('_') => line.undo(),
            _ => {}
        }
    }

    fn type_char(&mut self, c: char) {
        let is_kept = self.refused.as_deref() == Some(self.line.text());
        if c == '/' && is_kept && self.line.is_at_end() {
            self.aside = self.refused.take();
            self.line.take();
        }
        self.line.type_char(c);
    }

    /// Inserts pasted text without the line break at its end.
    fn paste(&mut self, text: &str) {
        let text = match text.strip_suffix('\n') {
            Some(line) if self.line.is_at_end() => line,
            _ => text,
        };
        self.line.insert(text);
    }

    fn enter(&mut self, around: &EditorContext<'_>) -> Option<Entered> {
        let text = self.line.text();
        if text.is_empty() {
            return Some(Entered::Nothing);
        }
        let is_unfinished = opens_json(text) && check(text) == Err(NotJson::Incomplete);
        if is_unfinished && !text.ends_with('\n') {
            self.line.insert("\n");
            return None;
        }
        let word = QuitWord::of(text);
        if word.is_some() && word != self.doubtful {
            self.doubtful = word;
            return word.map(Entered::Doubtful);
        }
        if sends(text) && !around.can_send {
            let text = text.to_owned();
            let before = self.refused.replace(text.clone());
            return Some(match before.as_ref() == Some(&text) && around.is_closed {
                true => Entered::Reconnect(text),
                false => Entered::Refused(text),
            });
        }
        self.refused = None;
        self.doubtful = None;
        let mut line = self.line.take();
        if is_unfinished {
            // The empty line that requested sending incomplete JSON.
            line.pop();
        }
        Some(Entered::Line(line))
    }

    fn clear_or_leave(&mut self) -> Option<Entered> {
        self.refused = None;
        self.doubtful = None;
        if self.line.is_empty() {
            self.is_leaving = true;
            return Some(Entered::LeaveHint);
        }
        let text = self.line.text().to_owned();
        self.line.set("");
        let is_known = self.history.is_shown(&text);
        (!is_known).then_some(Entered::Cleared(text))
    }

    fn up(&mut self) {
        if !self.line.up()
            && let Some(entry) = self.history.older(self.line.text())
        {
            self.line.set(&entry);
        }
    }

    fn down(&mut self) {
        if !self.line.down()
            && let Some(entry) = self.history.newer()
        {
            self.line.set(&entry);
        }
    }

    /// Inserts the completion of the hint; false if there is none.
    fn take_hint(&mut self) -> bool {
        let highlight = highlight(self.line.text());
        let takes = self.line.is_at_end() && highlight.completes > 0;
        if takes {
            self.line.insert(&highlight.hint[..highlight.completes]);
        }
        takes
    }

    fn complete(&mut self, around: &EditorContext<'_>) -> Option<Entered> {
        let completion = complete(self.line.head(), around.keys, around.endpoints);
        let typed = self.line.cursor() - completion.start;
        let common = completion.common();
        if common.len() > typed {
            self.line.replace_from(completion.start, common);
            return None;
        }
        let head = Some(self.line.head().to_owned());
        match completion.candidates.as_slice() {
            [] | [_] => None,
            // The list is still on the screen.
            _ if self.listed == head => None,
            candidates => {
                self.listed = head;
                Some(Entered::Note(list(candidates)))
            }
        }
    }
}

/// History search.
impl LineEditor {
    /// Returns the key that ends the search, to be handled as usual.
    fn press_in_search(&mut self, mut search: Search, key: Key) -> Option<Key> {
        match key {
            Key::Char(c) => search.part.push(c),
            Key::Paste(text) => search.part.push_str(&text),
            Key::Backspace => {
                search.part.pop();
            }
            Key::Ctrl('r') => {
                let end = search.found.as_ref().map_or(usize::MAX, |(at, _)| *at);
                self.find(&mut search, end);
                self.search = Some(search);
                return None;
            }
            Key::Escape | Key::Ctrl('g' | 'c') => return None,
            key => {
                if let Some((_, entry)) = search.found {
                    self.line.set(&entry);
                }
                return Some(key);
            }
        }
        search.found = None;
        if !search.part.is_empty() {
            self.find(&mut search, usize::MAX);
        }
        self.search = Some(search);
        None
    }

    fn find(&self, search: &mut Search, end: usize) {
        if let Some((at, entry)) = self.history.find(&search.part, end) {
            search.found = Some((at, entry.into_owned()));
        }
    }
}

fn list(candidates: &[Pair]) -> String {
    let mut text: String = candidates
        .iter()
        .take(LISTED)
        .map(|candidate| format!("  {}\n", candidate.display.trim_end()))
        .collect();
    if candidates.len() > LISTED {
        text.push_str(&format!("  … and {} more\n", candidates.len() - LISTED));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::repl::keys::KeyDecoder;

    struct Typist {
        editor: LineEditor,
        can_send: bool,
        keys: BTreeSet<String>,
    }

    impl Typist {
        fn new() -> Self {
            Self {
                editor: LineEditor::default(),
                can_send: true,
                keys: BTreeSet::new(),
            }
        }

        /// What was entered by these bytes.
        fn types(&mut self, bytes: &str) -> Vec<Entered> {
            let mut keys = KeyDecoder::default();
            keys.feed(bytes.as_bytes());
            keys.end_sequence();
            let mut entered = Vec::new();
            while let Some(key) = keys.next() {
                let around = EditorContext {
                    can_send: self.can_send,
                    is_closed: !self.can_send,
                    keys: &self.keys,
                    endpoints: None,
                };
                let what = self.editor.press(key, &around);
                if let Some(Entered::Line(line)) = &what {
                    self.editor.remember(line, HistoryPlace::InMemory).unwrap();
                }
                entered.extend(what);
            }
            entered
        }

        fn text(&self) -> &str {
            self.editor.line.text()
        }
    }

    fn refused(text: &str) -> Entered {
        Entered::Refused(text.to_owned())
    }

    fn cleared(text: &str) -> Entered {
        Entered::Cleared(text.to_owned())
    }

    #[test]
    fn a_word_that_asks_for_help_or_the_end_is_sent_at_the_second_enter() {
        let mut typist = Typist::new();
        for word in ["help", "?", "quit", "exit", "\\q", ":q"] {
            let doubtful = Entered::Doubtful(QuitWord::of(word).unwrap());
            assert_eq!(typist.types(&format!("{word}\r")), [doubtful]);
            assert_eq!(typist.types("\r"), [line(word)]);
        }
        assert_eq!(typist.types("quit now\r"), [line("quit now")]);
        let [_, _, again] = &typist.types("quit\r\x03quit\r")[..] else {
            panic!("it is asked about again")
        };
        assert!(matches!(again, Entered::Doubtful(_)));
    }

    fn line(text: &str) -> Entered {
        Entered::Line(text.to_owned())
    }

    #[test]
    fn json_goes_on_until_it_is_complete() {
        let mut typist = Typist::new();
        assert_eq!(typist.types("{\r\"a\": [1,\r2]\r"), []);
        assert_eq!(typist.types("}\r"), [line("{\n\"a\": [1,\n2]\n}")]);
        assert_eq!(typist.types("{\"a\": x\r"), [line("{\"a\": x")]);
        assert_eq!(typist.types("[INFO] it is up\r"), [line("[INFO] it is up")]);
        assert_eq!(typist.types("{\r\r"), [line("{")]);
        assert_eq!(typist.types("one\x1b\rtwo\r"), [line("one\ntwo")]);
    }

    #[test]
    fn a_pasted_text_is_one_message_without_the_line_break_at_its_end() {
        let mut typist = Typist::new();
        assert_eq!(typist.types("\x1b[200~one\r\ntwo\r\n\x1b[201~"), []);
        assert_eq!(typist.types("\r"), [line("one\ntwo")]);
    }

    #[test]
    fn a_line_that_cannot_be_sent_stays_and_lets_a_command_pass() {
        let mut typist = Typist::new();
        typist.can_send = false;
        assert_eq!(typist.types("hello\r"), [refused("hello")]);
        assert_eq!(typist.types("/status\r"), [line("/status")]);
        assert_eq!(typist.text(), "hello");
        assert_eq!(typist.types("/x\x7f\x7f"), []);
        assert_eq!(typist.text(), "hello");
        assert_eq!(typist.types("/recon\x03"), [cleared("/recon")]);
        assert_eq!(typist.text(), "hello");
        assert_eq!(typist.types("\r"), [Entered::Reconnect("hello".to_owned())]);
        typist.can_send = true;
        assert_eq!(typist.types("\r"), [line("hello")]);
        assert_eq!(typist.text(), "");
        typist.can_send = false;
        let entered = [refused("a"), cleared("ab/c")];
        assert_eq!(typist.types("a\rb/c\x03"), entered);
        assert_eq!(typist.text(), "");
    }

    #[test]
    fn control_c_clears_and_then_leaves() {
        let mut typist = Typist::new();
        assert_eq!(typist.types("abc\x03"), [cleared("abc")]);
        assert_eq!(typist.types("\x03"), [Entered::LeaveHint]);
        assert_eq!(typist.types("\x03"), [Entered::Leave]);
        let entered = [Entered::LeaveHint, cleared("a"), Entered::LeaveHint];
        assert_eq!(typist.types("\x03a\x03\x03"), entered);
        assert_eq!(typist.types("\x04"), [Entered::Leave]);
        assert_eq!(typist.types("ab\x01\x04\r"), [line("b")]);
    }

    #[test]
    fn the_history_is_browsed_and_searched() {
        let mut typist = Typist::new();
        typist.types("first\rsecond\rthird\r");
        assert_eq!(typist.types("\x1b[A\x1b[A\r"), [line("second")]);
        assert_eq!(typist.types("\x12ir\r"), [line("third")]);
        assert_eq!(typist.types("\x12ir\x12\r"), [line("first")]);
        assert_eq!(typist.types("mine\x12ir\x1b"), []);
        assert_eq!(typist.text(), "mine");
        assert_eq!(typist.types("\x1b[A\x1b[B!\r"), [line("mine!")]);
        assert_eq!(typist.types("f\x1b[A\r"), [line("first")]);
    }

    #[test]
    fn tab_completes_and_lists() {
        let mut typist = Typist::new();
        typist.keys.insert("subscribe".to_owned());
        assert_eq!(typist.types("/clo\t4000\r"), [line("/close 4000")]);
        let [Entered::Note(list)] = &typist.types("/close 101\t")[..] else {
            panic!("no list")
        };
        assert!(list.contains("  1011 Internal Error\n"), "{list}");
        assert_eq!(typist.types("\t"), [], "it is listed once");
        assert_eq!(typist.types("0\x7f\t").len(), 1);
        typist.types("\x03");
        assert_eq!(typist.types("{\"su\t1}\r"), [line("{\"subscribe\": 1}")]);
    }

    #[test]
    fn the_right_key_takes_a_hint_over() {
        let mut typist = Typist::new();
        assert_eq!(typist.types("/sta\x1b[C\r"), [line("/status")]);
    }
}
