//! Renders chapters as roff, and cleans up the output of clap_mangen, so that `mandoc -Tlint` has no complaints.

use super::chapter::{Block, Chapter, Span};

const WIDTH: usize = 80;

/// The title line of a page.
pub fn title(name: &str, section: u8, date: &str, source: &str, volume: &str) -> String {
    let name = escape(&name.to_uppercase());
    format!(".TH {name} {section} \"{date}\" \"{source}\" \"{volume}\"\n")
}

/// A section heading.
pub fn section(heading: &str) -> String {
    format!(".SH {}\n", escape(&heading.to_uppercase()))
}

/// The blocks of a chapter; `heading` is the macro for its headings (`SH` or `SS`).
pub fn blocks(chapter: &Chapter, heading: &str) -> String {
    let mut out = String::new();
    let mut opened = true;
    for block in &chapter.blocks {
        match block {
            Block::Heading(text) => {
                let text = match heading {
                    "SH" => text.to_uppercase(),
                    _ => text.clone(),
                };
                out.push_str(&format!(".{heading} {}\n", escape(&text)));
            }
            Block::Paragraph(spans) => {
                if !opened {
                    out.push_str(".PP\n");
                }
                out.push_str(&fill(&line(spans)));
            }
            Block::Item { term, text } => {
                out.push_str(".TP\n");
                out.push_str(&format!("{}\n", line(term)));
                out.push_str(&fill(&line(text)));
            }
            Block::Example(lines) => {
                if !opened {
                    out.push_str(".PP\n");
                }
                out.push_str(&example(lines));
            }
        }
        opened = matches!(block, Block::Heading(_));
    }
    out
}

/// Preformatted lines.
pub fn example(lines: &str) -> String {
    let mut out = ".EX\n".to_owned();
    for line in lines.lines() {
        out.push_str(&guarded(&escape(line)));
        out.push('\n');
    }
    out.push_str(".EE\n");
    out
}

/// A line of text: code is bold, placeholders are italic.
pub fn line(spans: &[Span]) -> String {
    let mut out = String::new();
    for span in spans {
        match span {
            Span::Plain(text) => out.push_str(&escape(text)),
            Span::Code(text) => out.push_str(&format!("\\fB{}\\fR", escape(text))),
            Span::Placeholder(text) => out.push_str(&format!("\\fI{}\\fR", escape(text))),
        }
    }
    guarded(&out)
}

/// Wraps long source lines; roff joins them again.
pub fn fill(text: &str) -> String {
    let mut out = String::new();
    let mut column = 0;
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        let width = word.chars().count();
        // At the start of a line these characters would begin a macro.
        let may_begin = !word.starts_with(['.', '\'']);
        if column > 0 && column + 1 + width > WIDTH && may_begin {
            out.push('\n');
            column = 0;
        }
        if column > 0 {
            out.push(' ');
            column += 1;
        }
        out.push_str(word);
        column += width;
    }
    out.push('\n');
    out
}

/// The output of clap_mangen with lines wrapped, trailing spaces removed and redundant breaks merged.
pub fn tidy(page: &str) -> String {
    let mut out = String::new();
    let page = page.replace(".br\n\n.br\n", ".sp\n");
    for line in page.replace("\n\n.br\n", "\n.sp\n").lines() {
        let line = &ascii(line.trim_end());
        if line.starts_with('.') {
            out.push_str(line);
            out.push('\n');
        } else if line.is_empty() {
            out.push_str(".sp\n");
        } else {
            out.push_str(&fill(line));
        }
    }
    out
}

fn guarded(line: &str) -> String {
    if line.starts_with(['.', '\'']) {
        format!("\\&{line}")
    } else {
        line.to_owned()
    }
}

/// Escapes the characters that roff would interpret.
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\e"),
            '-' => out.push_str("\\-"),
            '\'' => out.push_str("\\(aq"),
            '"' => out.push_str("\\(dq"),
            '^' => out.push_str("\\(ha"),
            '~' => out.push_str("\\(ti"),
            c => out.push(c),
        }
    }
    ascii(&out)
}

/// Writes characters outside ASCII as escapes with their code point, which every roff supports.
fn ascii(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_ascii() {
            out.push(c);
        } else {
            out.push_str(&format!("\\[u{:04X}]", u32::from(c)));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn special_characters_are_escaped() {
        assert_eq!(escape(r#"\d-'"…"#), r"\ed\-\(aq\(dq\[u2026]");
        let chapter = Chapter::parse("# T\n\n.path is a term\n\n    .code\n    'x\n");
        assert_eq!(
            blocks(&chapter, "SS"),
            "\\&.path is a term\n.PP\n.EX\n\\&.code\n\\(aqx\n.EE\n"
        );
    }

    #[test]
    fn long_lines_are_broken_and_none_begins_with_a_macro() {
        let filled = fill(&format!("{}.x y", "word ".repeat(16)));
        let lines: Vec<&str> = filled.lines().collect();
        assert_eq!(lines.len(), 2);
        assert!(lines.iter().all(|line| !line.starts_with('.')), "{lines:?}");
    }
}
