//! The table of hostile situations: `tests/hostile/*.txt`, read into values.
//!
//! ```text
//! # Description of the situations below.
//! [frame-reserved-opcode-3]
//! exit    8
//! seconds 5
//! said    sent a frame with reserved opcode 0x3 (RFC 6455 §5.2)
//! kept    "what stood before it\n"
//! serve   101
//! serve   text "what stood before it"
//! serve   hex 83 01 78
//! serve   hold
//! ```
//!
//! `run` is the command line (default `listen {url}`), `said` a part of the error line on
//! stderr (from the second `said` on: of the lines after it), `kept` a part of stdout (without `kept`
//! stdout must be empty; `*` allows anything), `memory` the peak memory in MiB, `serve` a step of the peer
//! ([`super::hostile`]). Lines above the first name apply to every situation of the file.

use std::time::Duration;

/// One situation and its expected result.
#[derive(Clone, Debug, Default)]
pub struct Situation {
    pub name: String,
    pub run: Vec<String>,
    pub exit: i32,
    pub limit: Duration,
    pub said: Vec<String>,
    pub kept: Vec<String>,
    /// In bytes.
    pub memory: Option<u64>,
    pub serve: Vec<String>,
}

impl Situation {
    /// The expected stdout in a pipe; `None` allows anything (`*`).
    pub fn stdout(&self) -> Option<Vec<u8>> {
        let lines = self.kept.iter().map(|line| unquoted(line));
        (self.kept != ["*"]).then(|| lines.flatten().collect())
    }
}

/// Reads a table; an invalid line causes a panic that names it.
#[track_caller]
pub fn read(table: &str) -> Vec<Situation> {
    let mut situations: Vec<Situation> = Vec::new();
    let mut usual = Situation {
        run: vec!["listen".to_owned(), "{url}".to_owned()],
        ..Situation::default()
    };
    for (number, line) in table.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if let Some(name) = line.strip_prefix('[').and_then(|l| l.strip_suffix(']')) {
            situations.push(Situation {
                name: name.to_owned(),
                ..usual.clone()
            });
            continue;
        }
        let (key, value) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
        let situation = situations.last_mut().unwrap_or(&mut usual);
        if !set(situation, key, value.trim()) {
            panic!("line {}: {line:?} means nothing", number + 1);
        }
    }
    for situation in &situations {
        assert!(
            situation.limit > Duration::ZERO,
            "{} has no limit",
            situation.name
        );
    }
    situations
}

fn set(situation: &mut Situation, key: &str, value: &str) -> bool {
    let number = || value.parse::<u32>();
    match key {
        "run" => situation.run = value.split_whitespace().map(str::to_owned).collect(),
        "exit" => situation.exit = number().unwrap().try_into().unwrap(),
        "seconds" => situation.limit = Duration::from_secs(number().unwrap().into()),
        "said" => situation.said.push(value.to_owned()),
        "kept" => situation.kept.push(value.to_owned()),
        "memory" => situation.memory = Some(u64::from(number().unwrap()) << 20),
        "serve" => situation.serve.push(value.to_owned()),
        _ => return false,
    }
    true
}

/// The bytes of `"…"` with `\r`, `\n`, `\t`, `\"`, `\\` and `\x1b` in it, or of `N of "…"`.
pub fn unquoted(text: &str) -> Vec<u8> {
    if let Some((times, text)) = text.split_once(" of ")
        && let Ok(times) = times.parse()
    {
        return unquoted(text).repeat(times);
    }
    let inner = text
        .strip_prefix('"')
        .and_then(|text| text.strip_suffix('"'))
        .unwrap_or_else(|| panic!("{text} stands in no quotes"));
    let mut bytes = Vec::new();
    let mut chars = inner.chars();
    while let Some(ch) = chars.next() {
        if ch != '\\' {
            bytes.extend(ch.encode_utf8(&mut [0; 4]).bytes());
            continue;
        }
        match chars.next() {
            Some('r') => bytes.push(b'\r'),
            Some('n') => bytes.push(b'\n'),
            Some('t') => bytes.push(b'\t'),
            Some('x') => {
                let digits: String = chars.by_ref().take(2).collect();
                bytes.push(u8::from_str_radix(&digits, 16).unwrap());
            }
            Some(quoted @ ('"' | '\\')) => bytes.push(quoted as u8),
            other => panic!("{text}: \\{other:?} means nothing"),
        }
    }
    bytes
}
