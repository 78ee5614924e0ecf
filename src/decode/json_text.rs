//! Writes JSON text of limited size and depth.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::DecodeError;

/// The deepest nesting, in JSON: `serde_json` reads up to 127 levels.
pub(super) const MAX_DEPTH: usize = 120;

/// The most values of a message. Decoding them takes about a second, in which nothing else happens.
pub(super) const MAX_VALUES: u64 = 10_000_000;

/// Bytes of a text that are escaped at once.
const PIECE: usize = 4096;

/// The JSON text of a value.
pub(super) struct JsonText {
    text: String,
    limit: usize,
    /// How many values may still come.
    values_left: u64,
    /// How many keys this is inside of.
    keys: usize,
}

/// How often a key that is no string may have such a key inside: each level copies and escapes the text again.
const NESTED_KEYS: usize = 4;

impl JsonText {
    /// An empty text of at most `limit` bytes.
    pub(super) fn new(limit: usize) -> Self {
        Self {
            text: String::new(),
            limit,
            values_left: MAX_VALUES,
            keys: 0,
        }
    }

    pub(super) fn into_text(self) -> String {
        self.text
    }

    /// Appends JSON.
    pub(super) fn push(&mut self, json: &str) -> Result<(), DecodeError> {
        self.check_room(json.len())?;
        self.text.push_str(json);
        Ok(())
    }

    /// Whether `size` more bytes fit.
    pub(super) fn check_room(&self, size: usize) -> Result<(), DecodeError> {
        match self.text.len().saturating_add(size) > self.limit {
            true => Err(DecodeError::TooLarge),
            false => Ok(()),
        }
    }

    /// Counts values, or work that takes as long.
    pub(super) fn count(&mut self, values: usize) -> Result<(), DecodeError> {
        self.check_count(values)?;
        self.values_left -= values as u64;
        Ok(())
    }

    /// Whether so many more values are allowed.
    pub(super) fn check_count(&self, values: usize) -> Result<(), DecodeError> {
        match values as u64 > self.values_left {
            true => Err(DecodeError::TooManyValues),
            false => Ok(()),
        }
    }

    /// Appends a string.
    pub(super) fn string(&mut self, text: &str) -> Result<(), DecodeError> {
        self.check_room(text.len())?;
        self.push("\"")?;
        let mut rest = text;
        while !rest.is_empty() {
            // Escaped, a text may take six times its size: only a piece of it is in memory before its size is checked.
            let (piece, after) = rest.split_at(rest.floor_char_boundary(PIECE));
            let quoted = serde_json::Value::from(piece).to_string();
            self.push(&quoted[1..quoted.len() - 1])?;
            rest = after;
        }
        self.push("\"")
    }

    /// Appends bytes as a string of base64.
    pub(super) fn bytes(&mut self, bytes: &[u8]) -> Result<(), DecodeError> {
        self.check_room(bytes.len())?;
        self.push("\"")?;
        self.push(&STANDARD.encode(bytes))?;
        self.push("\"")
    }

    /// Appends an integer.
    pub(super) fn integer(&mut self, number: impl Into<i128>) -> Result<(), DecodeError> {
        let number = number.into();
        // The usual width is written faster.
        let text = i64::try_from(number).map_or_else(|_| number.to_string(), |n| n.to_string());
        self.push(&text)
    }

    /// Appends a number; NaN and the infinities, which JSON has not, are `null`.
    pub(super) fn float(&mut self, number: f64) -> Result<(), DecodeError> {
        match serde_json::Number::from_f64(number) {
            Some(number) => self.push(&number.to_string()),
            None => self.push("null"),
        }
    }

    #[cfg(feature = "msgpack")]
    /// Appends a number of single precision with the digits that identify it.
    pub(super) fn single(&mut self, number: f32) -> Result<(), DecodeError> {
        match number.is_finite() {
            true => self.push(&serde_json::to_string(&number).unwrap_or_default()),
            false => self.push("null"),
        }
    }

    /// Appends a key and the colon after it. `write` appends a value; one that is not a string becomes a string of its
    /// JSON text.
    pub(super) fn key(
        &mut self,
        write: impl FnOnce(&mut Self) -> Result<(), DecodeError>,
    ) -> Result<(), DecodeError> {
        let mut key = Self {
            text: String::new(),
            limit: self.limit - self.text.len(),
            values_left: self.values_left,
            keys: self.keys + 1,
        };
        if key.keys > NESTED_KEYS {
            let why = format!("maps as keys of maps nested deeper than {NESTED_KEYS} levels");
            return Err(DecodeError::Invalid(why));
        }
        write(&mut key)?;
        self.values_left = key.values_left;
        if key.text.starts_with('"') {
            self.push(&key.text)?;
        } else {
            self.string(&key.text)?;
        }
        self.push(":")
    }
}
