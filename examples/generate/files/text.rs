//! Renders a chapter as text for a terminal, 80 columns wide, with headings and code in bold.

use wsprobe::manual::{BOLD, PLAIN};

use super::chapter::{Block, Chapter, Span};

const WIDTH: usize = 80;
const TERM: usize = 20;

/// Renders a chapter.
pub fn render(chapter: &Chapter) -> String {
    let mut out = strong(&chapter.title);
    out.push('\n');
    let mut after_item = false;
    for block in &chapter.blocks {
        let is_item = matches!(block, Block::Item { .. });
        if !(after_item && is_item) {
            out.push('\n');
        }
        after_item = is_item;
        match block {
            Block::Heading(text) => out.push_str(&format!("{}\n", strong(text))),
            Block::Paragraph(spans) => wrap(&mut out, &words(spans), 0, 0),
            Block::Item { term, text } => item(&mut out, term, text),
            Block::Example(lines) => {
                for line in lines.lines() {
                    out.push_str(format!("    {line}").trim_end());
                    out.push('\n');
                }
            }
        }
    }
    out
}

/// A term in the left column, with its explanation beside it, or on the next line if the term is long.
fn item(out: &mut String, term: &[Span], text: &[Span]) {
    let plain: String = term.iter().map(Span::text).collect();
    let shown: String = term.iter().map(shown).collect();
    out.push_str(&format!("  {shown}"));
    let mut column = 2 + plain.chars().count();
    if column + 2 > TERM {
        out.push('\n');
        column = 0;
    }
    out.push_str(&" ".repeat(TERM - column));
    wrap(out, &words(text), TERM, TERM);
}

/// Words with their visible width, without escape sequences. A word may consist of several spans.
fn words(spans: &[Span]) -> Vec<(String, usize)> {
    let mut words: Vec<(String, usize)> = Vec::new();
    let mut glued = false;
    for span in spans {
        let text = span.text();
        let whole = !matches!(span, Span::Plain(_)) && text.chars().count() < 40;
        let parts: Vec<&str> = match whole {
            // Code is not wrapped.
            true => vec![text],
            false => text.split_whitespace().collect(),
        };
        for (index, part) in parts.iter().enumerate() {
            let marked = match span {
                Span::Plain(_) => (*part).to_owned(),
                _ => shown(&Span::Code((*part).to_owned())),
            };
            let width = part.chars().count();
            let starts_at_blank = index > 0 || text.starts_with(' ') || !glued;
            match words.last_mut() {
                Some((word, before)) if !starts_at_blank => {
                    word.push_str(&marked);
                    *before += width;
                }
                _ => words.push((marked, width)),
            }
        }
        glued = !text.ends_with(' ');
    }
    words
}

fn wrap(out: &mut String, words: &[(String, usize)], start: usize, indent: usize) {
    let mut column = start;
    let mut first = true;
    for (word, width) in words {
        if !first && column + 1 + width > WIDTH {
            out.push('\n');
            out.push_str(&" ".repeat(indent));
            column = indent;
            first = true;
        }
        if !first {
            out.push(' ');
            column += 1;
        }
        out.push_str(word);
        column += width;
        first = false;
    }
    out.push('\n');
}

fn shown(span: &Span) -> String {
    match span {
        Span::Code(text) => strong(text),
        Span::Plain(text) | Span::Placeholder(text) => text.clone(),
    }
}

fn strong(text: &str) -> String {
    format!("{BOLD}{text}{PLAIN}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_wrapped_beside_its_term_and_marks_take_no_room() {
        let source = format!(
            "# T\n\n- `a`: {}\n- `a-term-that-is-too-long`: b `c`.\n\nThen\n\n    code {{}}\n",
            "word ".repeat(20)
        );
        let chapter = Chapter::parse(&source);
        let words = |n: usize| vec!["word"; n].join(" ");
        let expected = format!(
            "T\n\n  a                 {}\n{:20}{}\n  a-term-that-is-too-long\n{:20}b c.\n\nThen\n\n    code {{}}\n",
            words(12),
            "",
            words(8),
            ""
        );
        let rendered = render(&chapter);
        assert!(rendered.starts_with("\x1b[1mT\x1b[0m\n"), "{rendered:?}");
        assert_eq!(rendered.replace(BOLD, "").replace(PLAIN, ""), expected);
    }
}
