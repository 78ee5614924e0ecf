//! Prints the table in Markdown, and a description of the machine.

use std::fs;
use std::process::ExitCode;
use std::time::SystemTime;

use super::rows::{Row, Target};
use super::tools::Tool;

/// The result of a tool in a row.
pub enum Cell {
    /// The median of its figures.
    Figure(f64),
    /// It cannot do this.
    Nothing,
    /// The result was wrong.
    Wrong,
}

impl Cell {
    pub fn of(mut figures: Vec<f64>, is_wrong: bool) -> Self {
        if is_wrong {
            return Self::Wrong;
        }
        figures.sort_unstable_by(f64::total_cmp);
        figures
            .get(figures.len() / 2)
            .map_or(Self::Nothing, |figure| Self::Figure(*figure))
    }

    fn figure(&self) -> Option<f64> {
        match self {
            Self::Figure(figure) => Some(*figure),
            Self::Nothing | Self::Wrong => None,
        }
    }

    fn shown(&self) -> String {
        match self {
            Self::Figure(figure) => number(*figure),
            Self::Nothing => String::new(),
            Self::Wrong => "wrong".to_owned(),
        }
    }
}

/// See the module's head.
pub struct Table {
    tools: Vec<Tool>,
    above: Option<f64>,
    is_wrong: bool,
}

impl Table {
    /// Prints the head.
    pub fn begin(tools: &[Tool]) -> Self {
        let heads: Vec<String> = tools.iter().map(|tool| tool.title()).collect();
        println!("{}\n", machine());
        println!("| | {} | target |", heads.join(" | "));
        println!("|---|{}---|", "---|".repeat(tools.len()));
        Self {
            tools: tools.to_vec(),
            above: None,
            is_wrong: false,
        }
    }

    /// Prints a row.
    pub fn add(&mut self, row: &Row, cells: &[Cell]) {
        let of = |wanted: Tool| {
            let at = self.tools.iter().position(|&tool| tool == wanted)?;
            cells[at].figure()
        };
        let ours = of(Tool::Wsprobe);
        let verdict = self.target(row, ours, of(Tool::Floor), of(Tool::Ws));
        let shown: Vec<String> = cells.iter().map(Cell::shown).collect();
        let shown = shown.join(" | ");
        println!("| {}, {} | {shown} | {verdict} |", row.name, row.unit);
        self.above = ours;
        // A failure of another tool is a result, a failure of wsprobe an error.
        let is_ours = |&tool: &Tool| matches!(tool, Tool::Wsprobe | Tool::Floor);
        let mut pairs = self.tools.iter().zip(cells);
        self.is_wrong |= pairs.any(|(tool, cell)| is_ours(tool) && matches!(cell, Cell::Wrong));
    }

    /// The target, and whether it is met.
    fn target(&self, row: &Row, ours: Option<f64>, floor: Option<f64>, ws: Option<f64>) -> String {
        let (words, most) = match row.target {
            Target::None => return String::new(),
            Target::OfFloor(times) => (
                format!("≤ {times} × floor"),
                floor.map(|floor| times * floor),
            ),
            Target::OfWs(times) => (format!("≤ {times} × ws"), ws.map(|ws| times * ws)),
            Target::OfRowAbove(times) => (
                format!("≤ {times} × the row above"),
                self.above.map(|above| times * above),
            ),
            Target::AtMost(most) => (format!("≤ {most}"), Some(most)),
            Target::AtLeast(least) => {
                let is_kept = ours.map(|ours| ours >= least);
                return format!("≥ {least}{}", mark(is_kept));
            }
        };
        let is_kept = ours.zip(most).map(|(ours, most)| ours <= most);
        format!("{words}{}", mark(is_kept))
    }

    /// Fails if a run of wsprobe was wrong. A missed target is not a failure, since the machine may be busy.
    pub fn verdict(&self) -> ExitCode {
        ExitCode::from(u8::from(self.is_wrong))
    }
}

fn mark(is_kept: Option<bool>) -> &'static str {
    match is_kept {
        Some(true) => " ✓",
        Some(false) => " ✗",
        None => "",
    }
}

/// Rounded to three significant digits.
fn number(figure: f64) -> String {
    let digits = match figure.abs() {
        100.0.. => 0,
        10.0.. => 1,
        1.0.. => 2,
        _ => 3,
    };
    format!("{figure:.digits$}")
}

fn machine() -> String {
    let date = humantime::format_rfc3339_seconds(SystemTime::now()).to_string();
    let day = date.split('T').next().unwrap_or_default();
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info
        .lines()
        .find_map(|line| line.strip_prefix("model name"));
    let model = model.map_or("", |model| model.trim_start_matches([':', '\t', ' ']));
    format!(
        "{day}, {} {}, {processors} processors{}{model}; CPU time, medians of {} runs in turns",
        std::env::consts::OS,
        std::env::consts::ARCH,
        if model.is_empty() { "" } else { " " },
        super::ROUNDS
    )
}
