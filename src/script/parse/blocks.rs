//! Parses what contains or repeats other steps: `any-order`, `repeat`, `finally`, `retry`, `include`.

use std::path::Path;
use std::rc::Rc;

use super::{Parser, utf8};
use crate::script::line_error::LineError;
use crate::script::words::{beginning, nothing, number, required, time};
use crate::script::{
    AnyOrderBlock, ConnectionName, FinallySteps, IncludedFile, RepeatBlock, RetryClause, Script,
    Step, StepAction,
};

/// How deep blocks may nest, and how many files may include each other.
const DEEPEST: usize = 10;
/// The largest number of repetitions.
const MOST_TIMES: u32 = 1_000_000;

/// A block whose `end` has not been read.
pub(super) struct OpenBlock {
    kind: BlockKind,
    line: usize,
    pub(super) steps: Vec<Step>,
}

enum BlockKind {
    /// The connections that were open at its start.
    Repeat {
        times: u32,
        open: Vec<usize>,
    },
    AnyOrder(ConnectionName),
    /// The file being read, which another one includes.
    File,
}

impl BlockKind {
    /// The word that opens it; a file has none.
    fn word(&self) -> Option<&'static str> {
        match self {
            Self::Repeat { .. } => Some("repeat"),
            Self::AnyOrder(_) => Some("any-order"),
            Self::File => None,
        }
    }
}

impl<'a> Parser<'a> {
    /// A line that opens or ends a block, or includes a file; `None` if it is no step of its own.
    pub(super) fn structure(
        &mut self,
        sign: &str,
        rest: &str,
    ) -> Result<Option<StepAction>, LineError> {
        match sign {
            "repeat" => self.open_repeat(rest)?,
            "end" => {
                nothing(rest, sign)?;
                self.end_block()?;
            }
            "finally" => {
                nothing(rest, sign)?;
                self.open_finally()?;
            }
            "retry" => {
                let (line, time) = (self.taken, time(rest)?);
                self.retry = Some(RetryClause { line, time });
            }
            _ => return self.include(rest).map(Some),
        }
        Ok(None)
    }

    /// Whether a step would come before the first test.
    pub(super) fn is_before_tests(&self) -> bool {
        self.only_settings && self.scope.connections.is_empty()
    }

    /// In `any-order` only what is expected may stand.
    pub(super) fn allowed_here(&self, line: &str, sign: &str) -> Result<(), LineError> {
        match self.blocks.last() {
            Some(OpenBlock {
                kind: BlockKind::AnyOrder(_),
                line: begun,
                ..
            }) if !matches!(sign, "<" | "<hex" | "<schema" | "sample" | "end") => Err(format!(
                "unexpected '{}' in the any-order of line {begun}: only <, <hex, <schema, within TIME \
                 before them, and sample may come before its end",
                beginning(line)
            )
            .into()),
            _ => Ok(()),
        }
    }

    /// The connection of a step; in `any-order` it is that of the block.
    pub(super) fn peer(&self, name: Option<&str>) -> Result<ConnectionName, LineError> {
        let Some(OpenBlock {
            kind: BlockKind::AnyOrder(on),
            line,
            ..
        }) = self.blocks.last()
        else {
            return self.scope.peer(name);
        };
        match name {
            Some(other) if self.scope.latest(other) != Some(on.index) => Err(format!(
                "the any-order of line {line} is about another connection than '{other}'"
            )
            .into()),
            _ => Ok(on.clone()),
        }
    }

    fn open_block(&mut self, kind: BlockKind) -> Result<(), LineError> {
        if self.blocks.len() >= DEEPEST {
            return Err(format!("blocks may nest up to {DEEPEST} deep").into());
        }
        // A repeat is never a setting, even if its steps would be.
        self.only_settings = false;
        self.blocks.push(OpenBlock {
            kind,
            line: self.taken,
            steps: Vec::new(),
        });
        Ok(())
    }

    pub(super) fn open_any_order(&mut self, on: ConnectionName) -> Result<(), LineError> {
        self.open_block(BlockKind::AnyOrder(on))
    }

    fn open_repeat(&mut self, rest: &str) -> Result<(), LineError> {
        let times = number(
            required(rest, "repeat N")?,
            1..=MOST_TIMES,
            "number of repetitions",
        )?;
        let open = self.scope.open_indices();
        self.open_block(BlockKind::Repeat { times, open })
    }

    fn end_block(&mut self) -> Result<(), LineError> {
        let end = self.taken;
        let block = match self.blocks.pop() {
            Some(block) if block.kind.word().is_some() => block,
            file => {
                self.blocks.extend(file);
                return Err("unexpected end: no repeat or any-order is open".into());
            }
        };
        let word = block.kind.word().unwrap_or_default();
        let OpenBlock { kind, line, steps } = block;
        if steps.is_empty() {
            return Err(LineError::at(
                line,
                format!("this {word} has no steps before its end"),
            ));
        }
        let action = match kind {
            BlockKind::Repeat { times, open } => {
                self.same_are_open(&open)?;
                StepAction::Repeat(RepeatBlock { times, steps, end })
            }
            BlockKind::AnyOrder(on) => StepAction::AnyOrder(AnyOrderBlock { on, steps, end }),
            BlockKind::File => return Ok(()),
        };
        self.push(Step { line, action });
        Ok(())
    }

    /// A repetition must find the connections as the one before did.
    fn same_are_open(&self, before: &[usize]) -> Result<(), LineError> {
        let now = self.scope.open_indices();
        let connections = &self.scope.connections;
        if let Some(index) = now.iter().find(|index| !before.contains(index)) {
            let place = &connections[*index].place;
            return Err(format!(
                "the connection of {place} is still open at the end of this repeat; close it before"
            )
            .into());
        }
        if let Some(index) = before.iter().find(|index| !now.contains(index)) {
            let place = &connections[*index].place;
            return Err(format!(
                "this repeat closes the connection of {place}, which its next repetition needs; \
                 connect in the repeat, or close after it"
            )
            .into());
        }
        Ok(())
    }

    /// Fails if a block has not ended or a `retry` has nothing after it.
    pub(super) fn nothing_is_open(&self) -> Result<(), LineError> {
        if let Some(retry) = self.retry {
            return Err(LineError::at(
                retry.line,
                "retry must be followed by a connect or http line",
            ));
        }
        match self.blocks.last() {
            Some(OpenBlock { kind, line, .. }) => match kind.word() {
                Some(word) => Err(LineError::at(
                    *line,
                    format!("this {word} has no end; write end after its steps"),
                )),
                None => Ok(()),
            },
            None => Ok(()),
        }
    }

    fn open_finally(&mut self) -> Result<(), LineError> {
        if let Some(block) = self.blocks.last() {
            return Err(match block.kind.word() {
                Some(word) => format!(
                    "finally cannot stand in the {word} of line {}; write end before it",
                    block.line
                ),
                None => "finally cannot stand in an included file; write it in the test".to_owned(),
            }
            .into());
        }
        let line = self.taken;
        match self.script.tests.last_mut() {
            Some(test) if !test.steps.is_empty() => match &test.finally {
                None => {
                    let steps = Vec::new();
                    test.finally = Some(FinallySteps { line, steps });
                    Ok(())
                }
                Some(first) => Err(format!(
                    "duplicate finally: line {} begins the final steps of this test",
                    first.line
                )
                .into()),
            },
            _ => Err("finally needs steps before it".into()),
        }
    }

    /// `sample MESSAGE` after the step that it belongs to.
    pub(super) fn sample(
        &mut self,
        name: Option<&str>,
        rest: &'a str,
    ) -> Result<StepAction, LineError> {
        let on = match self.last_action() {
            Some(StepAction::Receive { on, .. } | StepAction::ExpectClose { on, .. }) => on.clone(),
            _ => return Err("sample must follow a < or an expect close".into()),
        };
        if name.is_some_and(|name| self.scope.latest(name) != Some(on.index)) {
            return Err("sample must name the connection of the step before it".into());
        }
        let message = self.message(required(rest, "sample MESSAGE")?)?;
        Ok(StepAction::Sample { on, message })
    }

    fn include(&mut self, path: &str) -> Result<StepAction, LineError> {
        let path = required(path, "include FILE")?;
        if path.contains("{{") {
            return Err("include takes a path without variables".into());
        }
        let beside = self.files.last().map(|file| Path::new(file).parent());
        let beside = beside.flatten().unwrap_or(Path::new(""));
        let file = beside.join(path).display().to_string();
        if self.files.contains(&file) {
            return Err(format!("{file} includes itself").into());
        }
        if self.files.len() > DEEPEST {
            return Err(format!("more than {DEEPEST} files include each other").into());
        }
        let bytes =
            (self.read)(Path::new(&file)).map_err(|why| format!("cannot read {file}: {why}"))?;
        let text = utf8(&bytes).map_err(|(line, what)| LineError {
            file: Some(file.clone()),
            ..LineError::at(line, what)
        })?;
        let steps = self.included_steps(&file, text)?;
        Ok(StepAction::Include(IncludedFile {
            path: path.to_owned(),
            file,
            steps,
        }))
    }

    /// The steps of an included file, which see and change the names and connections of this one.
    fn included_steps(&mut self, file: &str, text: &str) -> Result<Vec<Step>, LineError> {
        let outer = self.scope.file.replace(Rc::from(file));
        let mut inner = Parser {
            lines: text.lines().collect(),
            taken: 0,
            script: Script {
                settings: Vec::new(),
                tests: Vec::new(),
            },
            shared: std::mem::take(&mut self.shared),
            scope: std::mem::take(&mut self.scope),
            only_settings: self.only_settings,
            blocks: vec![OpenBlock {
                kind: BlockKind::File,
                line: 1,
                steps: Vec::new(),
            }],
            retry: None,
            files: self
                .files
                .iter()
                .cloned()
                .chain([file.to_owned()])
                .collect(),
            read: self.read,
        };
        let read = inner.read_lines().and_then(|()| inner.nothing_is_open());
        let Parser {
            shared,
            scope,
            only_settings,
            mut blocks,
            ..
        } = inner;
        (self.shared, self.scope, self.only_settings) = (shared, scope, only_settings);
        self.scope.file = outer;
        read.map_err(|error| LineError {
            file: error.file.or_else(|| Some(file.to_owned())),
            ..error
        })?;
        match blocks.pop() {
            Some(block) if !block.steps.is_empty() => Ok(block.steps),
            _ => Err(format!("{file} has no steps").into()),
        }
    }
}
