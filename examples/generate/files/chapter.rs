//! Parses a chapter of the manual from a subset of Markdown: a title, `##` headings, paragraphs, lists of
//! `- term: text`, indented blocks, `code` and *placeholders*.

use pulldown_cmark::{Event, HeadingLevel, Parser, Tag, TagEnd};

/// A chapter of the manual.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Chapter {
    /// The title.
    pub title: String,
    /// The content.
    pub blocks: Vec<Block>,
}

/// A block of a chapter.
#[derive(Debug, PartialEq, Eq)]
pub enum Block {
    /// A heading.
    Heading(String),
    /// A paragraph.
    Paragraph(Vec<Span>),
    /// A term with its explanation.
    Item {
        /// The term.
        term: Vec<Span>,
        /// The explanation.
        text: Vec<Span>,
    },
    /// Preformatted lines.
    Example(String),
}

/// A span of text with one style.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Span {
    /// Plain text.
    Plain(String),
    /// Literal code.
    Code(String),
    /// A placeholder.
    Placeholder(String),
}

impl Span {
    /// The text without its style.
    pub fn text(&self) -> &str {
        match self {
            Self::Plain(text) | Self::Code(text) | Self::Placeholder(text) => text,
        }
    }
}

impl Chapter {
    /// Parses a chapter.
    ///
    /// # Panics
    /// The source uses Markdown outside the supported subset.
    pub fn parse(source: &str) -> Self {
        let mut chapter = Self::default();
        let mut spans = Vec::new();
        let mut is_placeholder = false;
        for event in Parser::new(source) {
            match event {
                Event::Text(text) if is_placeholder => {
                    spans.push(Span::Placeholder(text.into_string()));
                }
                Event::Text(text) => push_plain(&mut spans, &text),
                Event::SoftBreak => push_plain(&mut spans, " "),
                Event::Code(text) => spans.push(Span::Code(text.into_string())),
                Event::Start(Tag::Emphasis) => is_placeholder = true,
                Event::End(TagEnd::Emphasis) => is_placeholder = false,
                Event::Start(
                    Tag::Paragraph
                    | Tag::Heading { .. }
                    | Tag::List(None)
                    | Tag::Item
                    | Tag::CodeBlock(_),
                )
                | Event::End(TagEnd::List(_)) => {}
                Event::End(TagEnd::Heading(HeadingLevel::H1)) => {
                    chapter.title = words(&std::mem::take(&mut spans));
                }
                Event::End(TagEnd::Heading(_)) => {
                    let heading = words(&std::mem::take(&mut spans));
                    chapter.blocks.push(Block::Heading(heading));
                }
                Event::End(TagEnd::Paragraph) => {
                    let paragraph = std::mem::take(&mut spans);
                    chapter.blocks.push(Block::Paragraph(paragraph));
                }
                Event::End(TagEnd::Item) => {
                    let (term, text) = split_term(std::mem::take(&mut spans));
                    chapter.blocks.push(Block::Item { term, text });
                }
                Event::End(TagEnd::CodeBlock) => {
                    let lines = words(&std::mem::take(&mut spans));
                    let lines = lines.trim_end().to_owned();
                    chapter.blocks.push(Block::Example(lines));
                }
                other => panic!("unsupported Markdown in a chapter: {other:?}"),
            }
        }
        chapter
    }
}

/// Appends to the last span if that is plain text: the parser may split a line into several events.
fn push_plain(spans: &mut Vec<Span>, text: &str) {
    match spans.last_mut() {
        Some(Span::Plain(last)) => last.push_str(text),
        _ => spans.push(Span::Plain(text.to_owned())),
    }
}

fn words(spans: &[Span]) -> String {
    spans.iter().map(Span::text).collect()
}

/// Splits an item into term and explanation at the first colon in plain text.
fn split_term(mut spans: Vec<Span>) -> (Vec<Span>, Vec<Span>) {
    let found = spans.iter().enumerate().find_map(|(at, span)| match span {
        Span::Plain(text) => Some((at, text.split_once(": ")?)),
        _ => None,
    });
    let Some((at, (before, behind))) = found else {
        return (Vec::new(), spans);
    };
    let (before, behind) = (before.to_owned(), behind.to_owned());
    let mut text = spans.split_off(at);
    text.remove(0);
    if !behind.is_empty() {
        text.insert(0, Span::Plain(behind));
    }
    if !before.is_empty() {
        spans.push(Span::Plain(before));
    }
    (spans, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mark_is_understood() {
        let chapter = Chapter::parse(
            "# Title\n\nOne\n`two` three.\n\n## More\n\n- `a: b` [*N*]: means\n  this\n- rest: x\n\nThen\n\n    code\n\n    more\n",
        );
        let plain = |text: &str| Span::Plain(text.to_owned());
        let code = |text: &str| Span::Code(text.to_owned());
        assert_eq!(chapter.title, "Title");
        assert_eq!(
            chapter.blocks,
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
                Block::Paragraph(vec![plain("Then")]),
                Block::Example("code\n\nmore".to_owned()),
            ]
        );
    }

    #[test]
    fn a_mark_that_does_not_end_is_itself() {
        let chapter = Chapter::parse("a * b");
        let plain = Span::Plain("a * b".to_owned());
        assert_eq!(chapter.blocks, [Block::Paragraph(vec![plain])]);
    }

    #[test]
    #[should_panic(expected = "unsupported Markdown in a chapter")]
    fn a_mark_that_no_renderer_knows_is_an_error() {
        Chapter::parse("a **strong** word");
    }
}
