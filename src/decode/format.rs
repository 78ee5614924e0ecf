//! The value of `--decode`: names of formats, separated by commas.

use std::fmt;

use super::compression::Compression;
use super::stream::StreamKind;
use crate::nearest::nearest;

/// The names, in the order in which they may be combined.
pub const FORMATS: [&str; 9] = [
    "zlib-stream",
    "zstd-stream",
    "gzip",
    "zlib",
    "deflate",
    "zstd",
    "msgpack",
    "cbor",
    "json",
];

/// How binary messages are decoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DecodeFormat {
    pub(super) stream: Option<StreamKind>,
    pub(super) compression: Vec<Compression>,
    pub(super) structure: Option<Structure>,
    /// The names as they were given.
    text: String,
}

/// The last step: what becomes JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Structure {
    #[cfg(feature = "msgpack")]
    Msgpack,
    #[cfg(feature = "cbor")]
    Cbor,
    Json,
}

/// A step by its name.
enum NamedStep {
    Stream(StreamKind),
    Compression(Compression),
    Structure(Structure),
}

impl DecodeFormat {
    /// Reads `FORMAT[,FORMAT]…`.
    ///
    /// # Errors
    /// A name is unknown or not in this build, or the order makes no sense.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut format = Self {
            stream: None,
            compression: Vec::new(),
            structure: None,
            text: text.to_owned(),
        };
        let mut before = None;
        for name in text.split(',').map(str::trim) {
            let step = step(name)?;
            if let Some(structure) = before.filter(|_| format.structure.is_some()) {
                return Err(format!(
                    "'{structure}' must be the last format, found '{name}' after it"
                ));
            }
            match step {
                NamedStep::Stream(_) if before.is_some() => {
                    return Err(format!("'{name}' must be the first format"));
                }
                NamedStep::Stream(kind) => format.stream = Some(kind),
                NamedStep::Compression(compression) => format.compression.push(compression),
                NamedStep::Structure(structure) => format.structure = Some(structure),
            }
            before = Some(name);
        }
        Ok(format)
    }
}

impl fmt::Display for DecodeFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

fn step(name: &str) -> Result<NamedStep, String> {
    Ok(match name {
        "gzip" => NamedStep::Compression(Compression::Gzip),
        "zlib" => NamedStep::Compression(Compression::Zlib),
        "deflate" => NamedStep::Compression(Compression::Deflate),
        "zlib-stream" => NamedStep::Stream(StreamKind::Zlib),
        "json" => NamedStep::Structure(Structure::Json),
        #[cfg(feature = "zstd")]
        "zstd" => NamedStep::Compression(Compression::Zstd),
        #[cfg(feature = "zstd")]
        "zstd-stream" => NamedStep::Stream(StreamKind::Zstd),
        #[cfg(feature = "msgpack")]
        "msgpack" => NamedStep::Structure(Structure::Msgpack),
        #[cfg(feature = "cbor")]
        "cbor" => NamedStep::Structure(Structure::Cbor),
        name if FORMATS.contains(&name) => {
            let feature = name.trim_end_matches("-stream");
            return Err(format!(
                "this build has no {feature} support (cargo feature \"{feature}\")"
            ));
        }
        name => {
            return Err(match nearest(name, FORMATS) {
                Some(meant) => format!("unknown format '{name}'; did you mean '{meant}'?"),
                None => format!("unknown format '{name}' (formats: {})", FORMATS.join(", ")),
            });
        }
    })
}
