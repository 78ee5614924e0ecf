//! The chapters of the manual that belong to no single verb: one source in `manual/`, shown by
//! `wsprobe help TOPIC` and made into man pages.

pub mod markup;
pub mod roff;
pub mod text;

use markup::Page;

/// A chapter.
#[derive(Clone, Copy, Debug)]
pub struct Topic {
    /// What it is called on the command line.
    pub name: &'static str,
    /// What it is about, in a few words.
    pub about: &'static str,
    source: &'static str,
}

/// Every chapter.
pub const TOPICS: [Topic; 5] = [
    Topic {
        name: "exit-codes",
        about: "What each exit status means",
        source: include_str!("../../manual/exit-codes.md"),
    },
    Topic {
        name: "patterns",
        about: "How --expect, --until, --filter and check files match messages",
        source: include_str!("../../manual/patterns.md"),
    },
    Topic {
        name: "json",
        about: "The events of --json and --log, field by field",
        source: include_str!("../../manual/json.md"),
    },
    CHECK_FILE,
    Topic {
        name: "environment",
        about: "The environment variables that are read",
        source: include_str!("../../manual/environment.md"),
    },
];

/// The chapter that is a man page of its own.
pub const CHECK_FILE: Topic = Topic {
    name: "check-file",
    about: "The format of check files: scripted conversations",
    source: include_str!("../../manual/check-file.md"),
};

impl Topic {
    /// The chapter of that name.
    pub fn find(name: &str) -> Option<Self> {
        TOPICS.into_iter().find(|topic| topic.name == name)
    }

    /// The chapter, understood.
    pub fn page(&self) -> Page {
        Page::parse(self.source)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exit::Exit;

    #[test]
    fn every_exit_status_has_its_line_and_no_line_is_without_one() {
        let page = Topic::find("exit-codes").expect("a topic").page();
        let mut told: Vec<u8> = page
            .terms()
            .flat_map(|term| {
                let numbers = term
                    .split(", ")
                    .map(|number| number.parse().expect("a number"));
                numbers.collect::<Vec<u8>>()
            })
            .collect();
        let mut all: Vec<u8> = Exit::ALL.iter().map(|exit| exit.code()).collect();
        told.sort_unstable();
        all.sort_unstable();
        assert_eq!(told, all);
    }

    #[test]
    fn the_chapter_on_json_names_every_event_and_field_of_the_schema() {
        let schema = include_str!("../../schema/events.schema.json");
        let schema: serde_json::Value = serde_json::from_str(schema).expect("JSON");
        let text = text::render(&Topic::find("json").expect("a topic").page(), false);
        let words: Vec<&str> = text
            .split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))
            .collect();
        let mut names = Vec::new();
        collect_names(&schema["$defs"], &mut names);
        assert!(names.len() > 60, "{names:?}");
        for name in names {
            assert!(
                words.contains(&name.as_str()),
                "{name} is not in manual/json.md"
            );
        }
    }

    /// The events' names, and those of all fields.
    fn collect_names(schema: &serde_json::Value, names: &mut Vec<String>) {
        let Some(object) = schema.as_object() else {
            return;
        };
        if let Some(properties) = object.get("properties").and_then(|value| value.as_object()) {
            names.extend(properties.keys().cloned());
            let event = properties
                .get("event")
                .and_then(|event| event["const"].as_str());
            names.extend(event.map(str::to_owned));
        }
        for value in object.values() {
            collect_names(value, names);
        }
    }
}
