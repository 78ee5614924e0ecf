//! The commands of an interactive session that change or query the output.

use std::path::{Path, PathBuf};

use super::buffer::Buffer;
use super::repl_view::ReplView;
use super::{Log, Notice, Printer, Sinks};
use crate::connection::message::Payload;
use crate::event::Event;
use crate::pattern::Pattern;
use crate::secret::{Redactor, io_text};

/// A request of the user: something to show or to write to a file.
#[derive(Clone, Debug)]
pub enum ReplRequest {
    /// The headers of the handshake.
    Headers,
    /// Only messages that match; `None` shows all again.
    Filter(Option<Box<Pattern>>),
    /// Which messages are shown.
    ShowFilter,
    /// Stop showing messages, or show them again.
    Pause(bool),
    /// Where events are logged.
    ShowLog,
    /// A setting; `None` shows it.
    Setting(ReplSetting, Option<bool>),
    /// The last messages received, in full.
    Last(usize),
    /// Save the session as a check file.
    Save(PathBuf),
    /// Write the session in another form.
    Export(PathBuf),
    /// Log every event as a JSON line from now on; `None` stops the log.
    Log(Option<PathBuf>),
}

/// A setting that is on or off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReplSetting {
    /// Pretty-print JSON.
    Pretty,
    /// Print the time before each message.
    Time,
    /// Print every frame.
    Frames,
}

/// Records a session, to be saved on request.
pub trait Recorder {
    /// Something happened.
    fn on_event(&mut self, event: &Event);
    /// A step of a check file was set that no event shows.
    fn add_step(&mut self, step: &str);
    /// The next message that no rule answers is expected to match.
    fn expect(&mut self, pattern: &Pattern);
    /// Writes the session so far to a file and returns a summary of its content.
    ///
    /// # Errors
    /// A message that does not name the file.
    fn save(&mut self, path: &Path, redactor: &Redactor) -> Result<String, String>;
    /// Writes the session so far to a file whose form is that of its name (`.har`, `.txt`) and returns a summary.
    ///
    /// # Errors
    /// A message that does not name the file.
    fn export(&mut self, path: &Path, redactor: &Redactor) -> Result<String, String>;
    /// The run is over: writes the file of `--har`, if there is one.
    ///
    /// # Errors
    /// A message that names the file.
    fn finish(&mut self, redactor: &Redactor) -> Result<(), String>;
}

impl Sinks {
    /// Records the session so that it can be saved.
    pub fn recording(mut self, recorder: Box<dyn Recorder>) -> Self {
        self.recorder = Some(recorder);
        self
    }

    /// Records the session, if it is to be recorded.
    pub fn recording_with<R: Recorder + 'static>(mut self, recorder: Option<R>) -> Self {
        if let Some(recorder) = recorder {
            self.recorder = Some(Box::new(recorder));
        }
        self
    }

    /// Carries out a request.
    pub fn show(&mut self, show: ReplRequest) {
        self.writer.take_echo();
        let text = match show {
            ReplRequest::Headers => self.show_headers(),
            ReplRequest::Filter(pattern) => {
                self.with_view(|view| view.filter(pattern.map(|pattern| *pattern)))
            }
            ReplRequest::ShowFilter => self.with_view(|view| view.filter_in_words()),
            ReplRequest::Pause(true) => self.with_view(ReplView::pause),
            ReplRequest::Pause(false) => self.resume(),
            ReplRequest::ShowLog => self.log.as_ref().map_or_else(
                || "not logging".to_owned(),
                |log| format!("logging to {}", log.name),
            ),
            ReplRequest::Setting(setting, wanted) => self.set(setting, wanted),
            ReplRequest::Last(count) => self.show_last(count),
            ReplRequest::Save(path) => self.save(&path),
            ReplRequest::Export(path) => self.export(&path),
            ReplRequest::Log(path) => self.log_to(path.as_deref()),
        };
        if !text.is_empty() {
            self.notify(Notice::Text(&text));
        }
    }

    /// Prints the settings that differ from their defaults.
    pub fn show_settings(&mut self) {
        let settings = match &self.printer {
            Printer::Session(view) => view.settings(),
            _ => None,
        };
        let log = self
            .log
            .as_ref()
            .map(|log| format!("logging to {}", log.name));
        for line in settings.into_iter().chain(log) {
            self.notify(Notice::Text(&line));
        }
    }

    /// Whether messages are not shown until `/resume`.
    pub fn is_paused(&self) -> bool {
        matches!(&self.printer, Printer::Session(view) if view.is_paused())
    }

    fn resume(&mut self) -> String {
        match &mut self.printer {
            Printer::Session(view) => view.resume(self.writer.data()),
            _ => String::new(),
        }
    }

    /// The last messages in full, as they would be printed; `None` if they have more than this many bytes.
    pub fn last_in_full(&mut self, messages: usize, most: usize) -> Option<Vec<u8>> {
        let Printer::Session(view) = &mut self.printer else {
            return None;
        };
        let mut sizes = (1..=messages).map_while(|number| Some(view.kept(number)?.len()));
        let is_small = sizes.try_fold(0, |sum: usize, size| {
            Some(sum + size).filter(|sum| *sum <= most)
        });
        is_small?;
        let mut out = Buffer::default();
        view.print_last(&mut out, messages);
        Some(out.take(usize::MAX))
    }

    /// Stops showing messages while the terminal is lent; false if they were not shown before.
    pub fn hold_messages(&mut self) -> bool {
        let holds = !self.is_paused();
        self.with_view(ReplView::pause);
        holds
    }

    /// Shows what was received since [`Sinks::hold_messages`].
    pub fn release_messages(&mut self) {
        let text = self.resume();
        self.notify(Notice::Text(&text));
    }

    /// Fits messages to a window with this many rows.
    pub fn fit_to(&mut self, rows: usize) {
        if let Printer::Session(view) = &mut self.printer {
            view.layout.fit(rows);
        }
    }

    /// Whether only matching messages are shown.
    pub fn is_filtering(&self) -> bool {
        matches!(&self.printer, Printer::Session(view) if view.is_filtering())
    }

    /// A received message, counted from the last one, which is 1; `None` if so many are not kept.
    pub fn kept_message(&self, from_the_end: usize) -> Option<&Payload> {
        match &self.printer {
            Printer::Session(view) => view.kept(from_the_end),
            _ => None,
        }
    }

    /// Judges the next message that no rule answers.
    pub fn expect(&mut self, pattern: Pattern) {
        if let Some(recorder) = &mut self.recorder {
            recorder.expect(&pattern);
        }
        if let Printer::Session(view) = &mut self.printer {
            view.expect(pattern);
        }
    }

    /// Records a step of a check file that no event shows.
    pub fn record_step(&mut self, step: &str) {
        if let Some(recorder) = &mut self.recorder {
            recorder.add_step(step);
        }
    }

    /// Whether an event is not shown: frames are always traced, and shown only on request.
    pub(super) fn is_unwanted(&self, event: &Event) -> bool {
        let wants_frames = !matches!(&self.printer, Printer::Session(view) if !view.frames);
        matches!(event, Event::Frame(_)) && !wants_frames
    }

    fn with_view(&mut self, act: impl FnOnce(&mut ReplView) -> String) -> String {
        match &mut self.printer {
            Printer::Session(view) => act(view),
            _ => String::new(),
        }
    }

    fn set(&mut self, setting: ReplSetting, wanted: Option<bool>) -> String {
        self.with_view(|view| {
            let (value, what) = match setting {
                ReplSetting::Pretty => (&mut view.layout.pretty, "pretty-printing"),
                ReplSetting::Time => (&mut view.layout.timestamps, "timestamps"),
                ReplSetting::Frames => (&mut view.frames, "frames"),
            };
            *value = wanted.unwrap_or(*value);
            format!("{what}: {}", if *value { "on" } else { "off" })
        })
    }

    fn show_headers(&mut self) -> String {
        let Printer::Session(view) = &self.printer else {
            return String::new();
        };
        let Some(opened) = &view.opened else {
            return "not connected: no headers".to_owned();
        };
        let out = self.writer.data().tail();
        self.diagnostics
            .request(out, &opened.request, &self.redactor);
        self.diagnostics
            .response(out, &opened.answer, &self.redactor);
        String::new()
    }

    fn show_last(&mut self, count: usize) -> String {
        let Printer::Session(view) = &mut self.printer else {
            return String::new();
        };
        match view.print_last(self.writer.data(), count) {
            0 => "no messages received yet".to_owned(),
            shown if shown < count => format!("only the last {shown} are kept"),
            _ => String::new(),
        }
    }

    fn save(&mut self, path: &Path) -> String {
        let Some(recorder) = &mut self.recorder else {
            return String::new();
        };
        match recorder.save(path, &self.redactor) {
            Ok(text) => format!("saved to {}: {text}", path.display()),
            Err(why) => format!("cannot save to {}: {why}", path.display()),
        }
    }

    fn export(&mut self, path: &Path) -> String {
        let Some(recorder) = &mut self.recorder else {
            return String::new();
        };
        match recorder.export(path, &self.redactor) {
            Ok(text) => format!("exported to {}: {text}", path.display()),
            Err(why) => format!("cannot export to {}: {why}", path.display()),
        }
    }

    /// The run is over: writes the file of `--har`.
    ///
    /// # Errors
    /// A message that names the file.
    pub fn finish_recording(&mut self) -> Result<(), String> {
        match &mut self.recorder {
            Some(recorder) => recorder.finish(&self.redactor),
            None => Ok(()),
        }
    }

    fn log_to(&mut self, path: Option<&Path>) -> String {
        let before = self.log.take().map(|mut log| {
            // A failure to write the rest is reported.
            match log.flush() {
                Ok(()) => "logging stopped".to_owned(),
                Err(error) => format!("cannot write {}: {}", log.name, io_text(&error)),
            }
        });
        let Some(path) = path else {
            return before.unwrap_or_else(|| "not logging".to_owned());
        };
        match Log::append(path, self.begun, self.connections) {
            Ok(log) => {
                let now = format!("logging to {}", log.name);
                self.log = Some(log);
                before.map_or(now.clone(), |before| format!("{before}; {now}"))
            }
            Err(why) => why,
        }
    }
}
