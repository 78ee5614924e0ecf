//! The capabilities of the output streams: whether one is a terminal, whether to use colour.

use std::io::IsTerminal;

use super::palette::{ColourScheme, Palette};

/// When to use colour or pretty-printing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum When {
    /// On a terminal.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// One of the two output streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutputStream {
    /// Whether it is a terminal.
    pub is_terminal: bool,
    /// Whether to colour it.
    pub colour: bool,
    /// Its colours.
    pub palette: &'static Palette,
}

impl OutputStream {
    /// Standard output.
    pub fn stdout(colour: When) -> Self {
        Self::new(std::io::stdout().is_terminal(), colour)
    }

    /// Standard error.
    pub fn stderr(colour: When) -> Self {
        Self::new(std::io::stderr().is_terminal(), colour)
    }

    fn new(is_terminal: bool, colour: When) -> Self {
        let variable = |name| std::env::var_os(name).filter(|value| !value.is_empty());
        let scheme = ColourScheme::of_environment();
        let colour = decide(
            colour,
            variable("NO_COLOR").is_some() || scheme == ColourScheme::Off,
            variable("CLICOLOR_FORCE").is_some_and(|value| value != "0"),
            is_terminal && variable("TERM").is_none_or(|term| term != "dumb"),
        );
        Self {
            is_terminal,
            colour,
            palette: scheme.palette(),
        }
    }
}

/// `--color` over NO_COLOR over CLICOLOR_FORCE over terminal and TERM.
fn decide(wanted: When, no_color: bool, force: bool, able_terminal: bool) -> bool {
    match wanted {
        When::Always => true,
        When::Never => false,
        When::Auto if no_color => false,
        When::Auto => force || able_terminal,
    }
}

/// Appends text in a colour if colour is on. The colours are the sixteen of the terminal.
pub fn paint(out: &mut Vec<u8>, colour: bool, code: &str, text: &[u8]) {
    if colour {
        out.extend_from_slice(code.as_bytes());
        out.extend_from_slice(text);
        out.extend_from_slice(RESET.as_bytes());
    } else {
        out.extend_from_slice(text);
    }
}

/// Ends a colour.
pub const RESET: &str = "\x1b[0m";
/// Less important text: marks, times, diagnostics.
pub const DIM: &str = "\x1b[2m";
/// Passed tests.
pub const GREEN: &str = "\x1b[32m";
/// Errors.
pub const RED: &str = "\x1b[31m";
/// Warnings and hints.
pub const YELLOW: &str = "\x1b[33m";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_flag_wins_over_the_environment_over_the_terminal() {
        use When::{Always, Auto, Never};
        let table = [
            (Always, true, false, false, true),
            (Never, false, true, true, false),
            (Auto, true, true, true, false),
            (Auto, false, true, false, true),
            (Auto, false, false, true, true),
            (Auto, false, false, false, false),
        ];
        for (wanted, no_color, force, terminal, expected) in table {
            assert_eq!(
                decide(wanted, no_color, force, terminal),
                expected,
                "{wanted:?} {no_color} {force} {terminal}"
            );
        }
    }
}
