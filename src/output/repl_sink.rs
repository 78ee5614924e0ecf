//! What a person in a session asks of the sinks.

use std::path::{Path, PathBuf};

use super::{Log, Notice, Printer, Sinks};
use crate::event::Event;
use crate::pattern::Pattern;
use crate::secret::{Redactor, io_text};

/// What a person wants to see, or to have in a file.
#[derive(Clone, Debug)]
pub enum ReplRequest {
    /// The headers of the handshake.
    Headers,
    /// Only messages that match; `None` shows all again.
    Filter(Option<Box<Pattern>>),
    /// A setting; `None` turns it to what it is not.
    Setting(ReplSetting, Option<bool>),
    /// The last so many messages received, whole.
    Last(usize),
    /// What was sent and received, as a check file.
    Save(PathBuf),
    /// From now on every event as a line of JSON; `None` ends that.
    Log(Option<PathBuf>),
}

/// What can be on or off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReplSetting {
    /// JSON is laid out.
    Pretty,
    /// The time stands before each message.
    Time,
    /// Every frame is told.
    Frames,
}

/// Writes a session down as it goes, to be saved when that is asked for.
pub trait Recorder {
    /// Something happened.
    fn on_event(&mut self, event: &Event);
    /// Writes what happened so far into a file; says what is in it.
    ///
    /// # Errors
    /// In words that do not name the file.
    fn save(&mut self, path: &Path, redactor: &Redactor) -> Result<String, String>;
}

impl Sinks {
    /// Keeps what is needed to save the session.
    pub fn recording(mut self, recorder: Box<dyn Recorder>) -> Self {
        self.recorder = Some(recorder);
        self
    }

    /// Shows something, or shows it otherwise from now on.
    pub fn show(&mut self, show: ReplRequest) {
        self.writer.take_echo();
        let said = match show {
            ReplRequest::Headers => self.show_headers(),
            ReplRequest::Filter(pattern) => {
                self.with_view(|view| view.filter(pattern.map(|pattern| *pattern)))
            }
            ReplRequest::Setting(setting, wanted) => self.set(setting, wanted),
            ReplRequest::Last(count) => self.show_last(count),
            ReplRequest::Save(path) => self.save(&path),
            ReplRequest::Log(path) => self.log_to(path.as_deref()),
        };
        if !said.is_empty() {
            self.notify(Notice::Text(&said));
        }
    }

    /// Says which settings are not as they are at first.
    pub fn show_settings(&mut self) {
        let settings = match &self.printer {
            Printer::Session(view) => view.settings(),
            _ => None,
        };
        let log = self
            .log
            .as_ref()
            .map(|log| format!("every event goes to {}", log.name));
        for line in settings.into_iter().chain(log) {
            self.notify(Notice::Text(&line));
        }
    }

    /// Whether an event is one that nobody has asked to see: frames are traced all the time.
    pub(super) fn is_unwanted(&self, event: &Event) -> bool {
        let wants_frames = !matches!(&self.printer, Printer::Session(view) if !view.frames);
        matches!(event, Event::Frame(_)) && !wants_frames
    }

    fn with_view(&mut self, act: impl FnOnce(&mut super::repl_view::ReplView) -> String) -> String {
        match &mut self.printer {
            Printer::Session(view) => act(view),
            _ => String::new(),
        }
    }

    fn set(&mut self, setting: ReplSetting, wanted: Option<bool>) -> String {
        self.with_view(|view| {
            let (value, what) = match setting {
                ReplSetting::Pretty => (&mut view.layout.pretty, "JSON is laid out"),
                ReplSetting::Time => (&mut view.layout.timestamps, "the time is shown"),
                ReplSetting::Frames => (&mut view.frames, "frames are shown"),
            };
            *value = wanted.unwrap_or(!*value);
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
            0 => "no message has come yet".to_owned(),
            shown if shown < count => format!("no more than {shown} are kept"),
            _ => String::new(),
        }
    }

    fn save(&mut self, path: &Path) -> String {
        let Some(recorder) = &mut self.recorder else {
            return String::new();
        };
        match recorder.save(path, &self.redactor) {
            Ok(said) => format!("saved to {}: {said}", path.display()),
            Err(why) => format!("not saved to {}: {why}", path.display()),
        }
    }

    fn log_to(&mut self, path: Option<&Path>) -> String {
        let before = self.log.take().map(|mut log| {
            // Its name is said, and a failure with it.
            match log.flush() {
                Ok(()) => format!("no event goes to {} any more", log.name),
                Err(error) => format!("cannot write {}: {}", log.name, io_text(&error)),
            }
        });
        let Some(path) = path else {
            return before.unwrap_or_else(|| "there was no log".to_owned());
        };
        match Log::append(path, self.begun, self.connections) {
            Ok(log) => {
                let now = format!("every event from now on goes to {}", log.name);
                self.log = Some(log);
                before.map_or(now.clone(), |before| format!("{before}; {now}"))
            }
            Err(why) => why,
        }
    }
}
