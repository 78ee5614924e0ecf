//! Compares wsprobe with other clients, each as a whole process with a server in this process.
//!
//! `cargo bench --bench compare` prints a Markdown table within a few minutes; `-- send` only the rows whose
//! name has `send` in it. Each figure is the median of [`ROUNDS`], in which the tools alternate, so that a slow
//! phase of the machine affects all. Figures are CPU time unless stated otherwise, including the
//! start of the process and its connection. The result of each run is checked: a run with a missing,
//! additional or altered message gives no figure.
//!
//! The others are a baseline, a minimal loop around tokio-tungstenite; websocat and wscat, if they are
//! on PATH or named by `WEBSOCAT` and `WSCAT`; and Node's ws, if `NODE_PATH` contains it.

#[cfg(unix)]
mod data;
#[cfg(unix)]
mod floor;
#[cfg(unix)]
mod measure;
#[cfg(unix)]
mod rows;
#[cfg(unix)]
mod run;
#[cfg(unix)]
mod server;
#[cfg(unix)]
mod table;
#[cfg(unix)]
mod tools;

/// Runs of every tool in every row.
#[cfg(unix)]
const ROUNDS: usize = 5;

#[cfg(unix)]
fn main() -> std::process::ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    if std::env::var_os(tools::FLOOR).is_some() {
        floor::play(&args);
        return std::process::ExitCode::SUCCESS;
    }
    // cargo adds its own flags.
    let wanted = args.iter().find(|arg| !arg.starts_with('-'));
    let tools: Vec<_> = tools::ALL
        .into_iter()
        .filter(|tool| tool.is_here())
        .collect();
    let bench = measure::Bench::new();
    let mut table = table::Table::begin(&tools);
    for row in rows::rows() {
        if wanted.is_none_or(|word| row.name.contains(word.as_str())) {
            let cells = measure_all(&bench, &row, &tools);
            table.add(&row, &cells);
        }
    }
    table.verdict()
}

#[cfg(not(unix))]
fn main() {
    println!("processes are measured on Unix alone");
}

/// The result of each tool: a median, nothing if it cannot do this, or an error.
#[cfg(unix)]
fn measure_all(bench: &measure::Bench, row: &rows::Row, tools: &[tools::Tool]) -> Vec<table::Cell> {
    let mut figures = vec![Vec::new(); tools.len()];
    let mut is_wrong = vec![false; tools.len()];
    for _ in 0..ROUNDS {
        for (at, &tool) in tools.iter().enumerate() {
            match bench.measure(row, tool) {
                Ok(figure) => figures[at].extend(figure),
                Err(measure::Fault(words)) => {
                    eprintln!("  {}: {words}", tool.name());
                    is_wrong[at] = true;
                }
            }
        }
    }
    figures
        .into_iter()
        .zip(is_wrong)
        .map(|(figures, is_wrong)| table::Cell::of(figures, is_wrong))
        .collect()
}
