//! The picture in the README: a session in a real terminal, drawn as SVG, light and dark.
//!
//! `UPDATE_PICTURE=1 cargo test --test it picture` writes `docs/session-*.svg`. Times and ports differ from
//! run to run, so the picture has fixed ones in their place.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use avt::{Color, Pen, Terminal};
use regex::Regex;

use crate::harness::{FIRST, Probe, Server};

/// The colours of a theme: background, text, and the eight terminal colours in their order.
struct Theme {
    name: &'static str,
    ground: &'static str,
    text: &'static str,
    colours: [&'static str; 8],
}

#[rustfmt::skip]
const THEMES: [Theme; 2] = [
    Theme {
        name: "light",
        ground: "#ffffff",
        text: "#1f2328",
        colours: ["#1f2328", "#b3261e", "#116329", "#7d4e00", "#0550ae", "#6639ba", "#0b5c66", "#57606a"],
    },
    Theme {
        name: "dark",
        ground: "#0d1117",
        text: "#e6edf3",
        colours: ["#6e7681", "#ff7b72", "#7ee787", "#e3b341", "#79c0ff", "#d2a8ff", "#76e3ea", "#c9d1d9"],
    },
];

/// The width of a character and the height of a row, in pixels.
const CELL: (f64, f64) = (8.4, 20.0);

/// A piece of a row in one colour.
struct Run {
    text: String,
    pen: Pen,
}

/// The screen at the end of the session.
fn session() -> Vec<Vec<Run>> {
    let server = Server::new().accept();
    let mut session = Probe::new(["connect", &server.url(), "--color", "always"])
        .any_stdout()
        .spawn_on_a_terminal();
    session.sees("OPEN and a prompt", |screen| {
        screen.text().contains("* connected to") && screen.typed() == ">"
    });
    let server = server.send_text(r#"{"type":"welcome","session":"k3v9"}"#);
    session.sees("the greeting", |screen| screen.text().contains("k3v9"));
    session.write(r#"{"type":"subscribe","channel":"trades"}"#);
    session.write("\r");
    let server = server
        .expect_text(r#"{"type":"subscribe","channel":"trades"}"#)
        .send_text(r#"{"type":"trade","price":64250.10,"size":0.004}"#)
        .send_binary([
            0x08, 0x96, 0x01, 0x12, 0x07, 0x74, 0x65, 0x73, 0x74, 0x69, 0x6e, 0x67,
        ]);
    session.sees("the answers", |screen| {
        screen.text().contains("testing") && screen.typed() == ">"
    });
    session.write("/status\r");
    session.sees("the status", |screen| screen.text().contains("* OPEN for"));
    let server = server.close(1001, "restarting at noon").expect_close(1001);
    session.sees("the close", |screen| {
        screen.text().contains("restarting at noon")
    });
    session.write("\x04");
    let output = session.status(0);
    drop(server);
    let mut terminal = Terminal::new(FIRST.0.into(), 60).unwrap();
    terminal.feed(&*String::from_utf8_lossy(&output.stdout));
    let rows = terminal.screen().visible_lines().map(runs).collect();
    without_blank_end(rows)
}

fn runs(line: &avt::Line) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    for cell in line.cells().iter().filter(|cell| cell.width() > 0) {
        match runs.last_mut() {
            Some(run) if run.pen == *cell.pen() => run.text.push(cell.char()),
            _ => runs.push(Run {
                text: cell.char().into(),
                pen: *cell.pen(),
            }),
        }
    }
    runs
}

fn without_blank_end(mut rows: Vec<Vec<Run>>) -> Vec<Vec<Run>> {
    let is_blank = |row: &Vec<Run>| row.iter().all(|run| run.text.trim().is_empty());
    while rows.last().is_some_and(is_blank) {
        rows.pop();
    }
    rows
}

/// The text with the times and ports of the picture.
fn fixed(text: &str) -> String {
    let time = Regex::new(r"\b\d+(\.\d+)? (ms|s)\b").unwrap();
    let address = Regex::new(r"127\.0\.0\.1:\d+").unwrap();
    let text = time.replace_all(text, "0.9 ms");
    address.replace_all(&text, "127.0.0.1:8080").into_owned()
}

fn svg(rows: &[Vec<Run>], theme: &Theme) -> String {
    let (width, height) = (
        f64::from(FIRST.0) * CELL.0 + 32.0,
        (rows.len() + 1) as f64 * CELL.1 + 32.0,
    );
    let Theme { ground, text, .. } = theme;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width:.0}\" height=\"{height:.0}\" \
         viewBox=\"0 0 {width:.0} {height:.0}\" role=\"img\" aria-label=\"A session of wsprobe connect\">\n\
         <rect width=\"100%\" height=\"100%\" rx=\"8\" fill=\"{ground}\"/>\n\
         <g font-family=\"ui-monospace, SFMono-Regular, Menlo, Consolas, monospace\" font-size=\"14\" \
         fill=\"{text}\" xml:space=\"preserve\" style=\"white-space:pre\">\n\
         <text x=\"16\" y=\"30\">$ wsprobe connect ws://127.0.0.1:8080/</text>\n"
    );
    for (index, row) in rows.iter().enumerate() {
        let y = 30.0 + (index + 1) as f64 * CELL.1;
        write!(svg, "<text x=\"16\" y=\"{y:.0}\">").unwrap();
        let line: String = row.iter().map(|run| fixed(&run.text)).collect();
        let mut left = line.trim_end().chars().count();
        for run in row {
            let shown: String = fixed(&run.text).chars().take(left).collect();
            left -= shown.chars().count();
            svg.push_str(&span(&shown, &run.pen, theme));
        }
        svg.push_str("</text>\n");
    }
    svg + "</g>\n</svg>\n"
}

fn span(text: &str, pen: &Pen, theme: &Theme) -> String {
    let text = text.replace('&', "&amp;").replace('<', "&lt;");
    let mut style = String::new();
    if let Some(Color::Indexed(index)) = pen.foreground() {
        write!(style, " fill=\"{}\"", theme.colours[usize::from(index) % 8]).unwrap();
    }
    if pen.is_faint() {
        style.push_str(" opacity=\"0.7\"");
    }
    if pen.is_bold() {
        style.push_str(" font-weight=\"bold\"");
    }
    match &*style {
        "" => text,
        style => format!("<tspan{style}>{text}</tspan>"),
    }
}

#[test]
fn the_picture_in_the_readme_is_of_this_session() {
    let rows = session();
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs");
    for theme in THEMES {
        let path = docs.join(format!("session-{}.svg", theme.name));
        let drawn = svg(&rows, &theme);
        if std::env::var_os("UPDATE_PICTURE").is_some() {
            fs::write(&path, drawn).unwrap();
        } else {
            let kept = fs::read_to_string(&path).unwrap_or_default();
            assert!(
                kept == drawn,
                "{} is not of this session: UPDATE_PICTURE=1 cargo test --test it picture\n{drawn}",
                path.display()
            );
        }
    }
}
