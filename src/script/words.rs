//! The tokens of a line: words, names, numbers, durations, bytes.

use std::fmt;
use std::ops::RangeInclusive;
use std::time::Duration;

use super::line_error::LineError;
use crate::template::is_name;
use crate::units;

/// The longest duration in a check file, so that deadlines cannot overflow.
pub(super) const LONGEST: Duration = Duration::from_secs(366 * 24 * 60 * 60);

/// The beginning of a line, for error messages.
pub(super) fn beginning(line: &str) -> String {
    match line.char_indices().nth(40) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line.to_owned(),
    }
}

/// Removes spaces and tabs around a line; other white space is part of a text.
pub(super) fn trim(text: &str) -> &str {
    text.trim_matches([' ', '\t', '\r'])
}

/// Splits a text into its first word and the rest, without the white space between.
pub(super) fn split_word(text: &str) -> (&str, &str) {
    match text.split_once([' ', '\t']) {
        Some((word, rest)) => (word, trim(rest)),
        None => (text, ""),
    }
}

pub(super) fn required<'a>(text: &'a str, what: &str) -> Result<&'a str, LineError> {
    if text.is_empty() {
        Err(format!("missing argument: expected {what}").into())
    } else {
        Ok(text)
    }
}

pub(super) fn nothing(text: &str, after: &str) -> Result<(), LineError> {
    if text.is_empty() {
        Ok(())
    } else {
        Err(format!("unexpected argument '{}' after {after}", beginning(text)).into())
    }
}

pub(super) fn assignment<'a>(text: &'a str, form: &str) -> Result<(&'a str, &'a str), LineError> {
    let (name, value) = text
        .split_once('=')
        .ok_or_else(|| format!("missing '='; write {form}"))?;
    let name = trim(name);
    if !is_name(name) {
        return Err(
            format!("invalid name '{name}' (letters, digits, _ and -); write {form}").into(),
        );
    }
    Ok((name, trim(value)))
}

pub(super) fn number<T>(text: &str, range: RangeInclusive<T>, what: &str) -> Result<T, LineError>
where
    T: std::str::FromStr + PartialOrd + fmt::Display,
{
    match text.parse() {
        Ok(number) if range.contains(&number) => Ok(number),
        _ => Err(format!(
            "invalid {what} '{text}' ({} to {})",
            range.start(),
            range.end()
        )
        .into()),
    }
}

/// A duration such as `500ms` or `2m30s`; a bare number is seconds. More than 0, at most [`LONGEST`].
pub(super) fn time(text: &str) -> Result<Duration, LineError> {
    let wrong = || format!("invalid duration '{text}' (examples: 500ms, 5s, 2m30s)");
    let time = units::duration(text).map_err(|_| wrong())?;
    if time.is_zero() || time > LONGEST {
        return Err(format!(
            "invalid duration '{text}': it must be more than 0 and at most 366 days"
        )
        .into());
    }
    Ok(time)
}

pub(super) fn hex(text: &str) -> Result<Vec<u8>, LineError> {
    let wrong = |word: &str| {
        format!(
            "invalid hex bytes '{}'; use two digits per byte, as in >hex 00 ff",
            beginning(word)
        )
    };
    let mut bytes = Vec::new();
    for word in text.split_ascii_whitespace() {
        for pair in word.as_bytes().chunks(2) {
            let byte = match pair {
                [high, low] => digit(*high)
                    .zip(digit(*low))
                    .map(|(high, low)| high << 4 | low),
                _ => None,
            };
            bytes.push(byte.ok_or_else(|| wrong(word))?);
        }
    }
    Ok(bytes)
}

pub(super) fn digit(byte: u8) -> Option<u8> {
    char::from(byte)
        .to_digit(16)
        .and_then(|digit| u8::try_from(digit).ok())
}

/// `Name: value`. No step begins with a word that contains a colon; a URL is reported as an unknown step.
pub(super) fn header(line: &str) -> Option<(&str, &str)> {
    let (name, value) = line.split_once(':')?;
    (is_token(name) && !value.starts_with("//")).then_some((name, trim(value)))
}

/// A token (RFC 9110 §5.6.2).
pub(super) fn is_token(text: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
    !text.is_empty() && text.chars().all(allowed)
}
