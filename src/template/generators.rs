//! Values that are made anew at each use: `{{uuid}}`, `{{now}}`, `{{n}}`, `{{random 8}}`.

use std::fmt;
use std::time::UNIX_EPOCH;

use crate::units::wall_clock;

/// The most digits of a `{{random N}}`.
const MAX_DIGITS: usize = 1024;

/// Makes a value at each use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Generator {
    /// `{{uuid}}`: a random UUID (version 4, RFC 9562 §5.4).
    Uuid,
    /// `{{now}}`: the time in UTC (RFC 3339), with milliseconds.
    Now,
    /// `{{now.ms}}`: milliseconds since 1970.
    NowMs,
    /// `{{now.s}}`: seconds since 1970.
    NowS,
    /// `{{n}}`: 1, 2, 3 …, how often this text was used.
    Count,
    /// `{{random N}}`: N hexadecimal digits.
    Random(usize),
}

impl Generator {
    /// The generator whose text is a name, which a variable may have, too.
    pub fn of_name(name: &str) -> Option<Self> {
        match name {
            "uuid" => Some(Self::Uuid),
            "now" => Some(Self::Now),
            "n" => Some(Self::Count),
            _ => None,
        }
    }

    /// A generator whose text is no name; `None` if the text is no generator.
    ///
    /// # Errors
    /// An invalid number of digits.
    pub(super) fn parse(text: &str) -> Result<Option<Self>, String> {
        match text {
            "now.ms" => return Ok(Some(Self::NowMs)),
            "now.s" => return Ok(Some(Self::NowS)),
            _ => {}
        }
        let Some(digits) = text.strip_prefix("random ") else {
            return Ok(None);
        };
        match digits.trim().parse() {
            Ok(digits @ 1..=MAX_DIGITS) => Ok(Some(Self::Random(digits))),
            _ => Err(format!(
                "invalid number of digits in {{{{{text}}}}} (1 to {MAX_DIGITS})"
            )),
        }
    }

    /// A new value; `uses` is the value of `{{n}}`.
    ///
    /// # Errors
    /// The system has no randomness.
    pub(super) fn value(self, uses: u64) -> Result<String, getrandom::Error> {
        let since_1970 = || {
            let now = wall_clock();
            now.duration_since(UNIX_EPOCH).unwrap_or_default()
        };
        Ok(match self {
            Self::Uuid => {
                let mut bytes = [0; 16];
                getrandom::fill(&mut bytes)?;
                uuid::Builder::from_random_bytes(bytes)
                    .into_uuid()
                    .to_string()
            }
            Self::Now => humantime::format_rfc3339_millis(UNIX_EPOCH + since_1970()).to_string(),
            Self::NowMs => since_1970().as_millis().to_string(),
            Self::NowS => since_1970().as_secs().to_string(),
            Self::Count => uses.to_string(),
            Self::Random(digits) => {
                let mut bytes = vec![0; digits.div_ceil(2)];
                getrandom::fill(&mut bytes)?;
                let mut text: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
                text.truncate(digits);
                text
            }
        })
    }
}

impl fmt::Display for Generator {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Self::Uuid => f.write_str("uuid"),
            Self::Now => f.write_str("now"),
            Self::NowMs => f.write_str("now.ms"),
            Self::NowS => f.write_str("now.s"),
            Self::Count => f.write_str("n"),
            Self::Random(digits) => write!(f, "random {digits}"),
        }
    }
}
