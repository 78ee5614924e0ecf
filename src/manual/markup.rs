//! The few marks that the chapters of the manual are written with, a small part of Markdown: a title, `##`
//! headings, paragraphs, lists of `- term: text`, blocks indented by four, `code` and *placeholders*.

/// A chapter.
#[derive(Debug, PartialEq, Eq)]
pub struct Page {
    /// Its title.
    pub title: String,
    /// What it says.
    pub blocks: Vec<Block>,
}

/// A part of a chapter.
#[derive(Debug, PartialEq, Eq)]
pub enum Block {
    /// A heading.
    Heading(String),
    /// A paragraph.
    Paragraph(Vec<Span>),
    /// A term and what it means.
    Item {
        /// What is explained.
        term: Vec<Span>,
        /// What it means.
        text: Vec<Span>,
    },
    /// Lines to be shown as they are.
    Example(String),
}

/// A piece of a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Span {
    /// Plain words.
    Plain(String),
    /// What is typed or read as it is.
    Code(String),
    /// What stands for something else.
    Placeholder(String),
}

impl Span {
    /// Its words.
    pub fn text(&self) -> &str {
        match self {
            Self::Plain(text) | Self::Code(text) | Self::Placeholder(text) => text,
        }
    }
}

impl Page {
    /// Reads a chapter.
    pub fn parse(source: &str) -> Self {
        let mut title = String::new();
        let mut blocks = Vec::new();
        for chunk in chunks(source) {
            if let Some(text) = chunk.strip_prefix("# ") {
                title = text.to_owned();
            } else if let Some(text) = chunk.strip_prefix("## ") {
                blocks.push(Block::Heading(text.to_owned()));
            } else if chunk.starts_with("    ") {
                let lines = chunk
                    .lines()
                    .map(|line| line.strip_prefix("    ").unwrap_or(line));
                blocks.push(Block::Example(lines.collect::<Vec<_>>().join("\n")));
            } else if let Some(text) = chunk.strip_prefix("- ") {
                let (term, text) = split_term(&joined(text));
                blocks.push(Block::Item { term, text });
            } else {
                blocks.push(Block::Paragraph(spans(&joined(&chunk))));
            }
        }
        Self { title, blocks }
    }

    /// The words of each term that is explained.
    pub fn terms(&self) -> impl Iterator<Item = String> {
        self.blocks.iter().filter_map(|block| match block {
            Block::Item { term, .. } => Some(term.iter().map(Span::text).collect()),
            _ => None,
        })
    }
}

/// The source cut at blank lines and before each item; blank lines inside an example belong to it.
fn chunks(source: &str) -> Vec<String> {
    let mut chunks: Vec<String> = Vec::new();
    let mut open = false;
    for line in source.lines() {
        let is_example = line.starts_with("    ");
        let last = chunks.last_mut();
        match last {
            // A blank line, and then more of the same example.
            Some(last) if is_example && !open && last.starts_with("    ") => {
                last.push_str("\n\n");
                last.push_str(line);
            }
            Some(last) if open && !line.is_empty() && !line.starts_with("- ") => {
                last.push('\n');
                last.push_str(line);
            }
            _ if line.is_empty() => {}
            _ => chunks.push(line.to_owned()),
        }
        open = !line.is_empty();
    }
    chunks
}

fn joined(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// An item is cut at its first colon that stands in no code.
fn split_term(item: &str) -> (Vec<Span>, Vec<Span>) {
    let mut in_code = false;
    for (at, c) in item.char_indices() {
        in_code ^= c == '`';
        if !in_code && item[at..].starts_with(": ") {
            return (spans(&item[..at]), spans(&item[at + 2..]));
        }
    }
    (Vec::new(), spans(item))
}

fn spans(text: &str) -> Vec<Span> {
    let mut spans = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let mark = rest.find(['`', '*']);
        let Some((at, end)) = mark.and_then(|at| {
            let end = rest[at + 1..].find(&rest[at..=at])?;
            Some((at, at + 1 + end))
        }) else {
            spans.push(Span::Plain(rest.to_owned()));
            break;
        };
        if at > 0 {
            spans.push(Span::Plain(rest[..at].to_owned()));
        }
        let inner = rest[at + 1..end].to_owned();
        spans.push(match &rest[at..=at] {
            "`" => Span::Code(inner),
            _ => Span::Placeholder(inner),
        });
        rest = &rest[end + 1..];
    }
    spans
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mark_is_understood() {
        let page = Page::parse(
            "# Title\n\nOne\n`two` three.\n\n## More\n\n- `a: b` [*N*]: means\n  this\n- rest: x\n\n    code\n\n    more\n",
        );
        let plain = |text: &str| Span::Plain(text.to_owned());
        let code = |text: &str| Span::Code(text.to_owned());
        assert_eq!(page.title, "Title");
        assert_eq!(
            page.blocks,
            [
                Block::Paragraph(vec![plain("One "), code("two"), plain(" three.")]),
                Block::Heading("More".to_owned()),
                Block::Item {
                    term: vec![
                        code("a: b"),
                        plain(" ["),
                        Span::Placeholder("N".to_owned()),
                        plain("]"),
                    ],
                    text: vec![plain("means this")],
                },
                Block::Item {
                    term: vec![plain("rest")],
                    text: vec![plain("x")],
                },
                Block::Example("code\n\nmore".to_owned()),
            ]
        );
    }

    #[test]
    fn a_mark_that_does_not_end_is_itself() {
        assert_eq!(spans("a * b"), [Span::Plain("a * b".to_owned())]);
    }
}
