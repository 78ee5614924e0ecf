//! The smallest pieces of a line: words, names, numbers, times, bytes.

use std::fmt;
use std::ops::RangeInclusive;
use std::time::Duration;

use super::line_error::LineError;
use super::template::is_name;
use crate::units;

/// The longest time a file may name; nobody waits longer, and deadlines must not overflow.
pub(super) const LONGEST: Duration = Duration::from_secs(366 * 24 * 60 * 60);

/// Enough of a line to know it by.
pub(super) fn beginning(line: &str) -> String {
    match line.char_indices().nth(40) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line.to_owned(),
    }
}

/// Spaces and tabs around a line mean nothing; other white space is part of a text.
pub(super) fn trim(text: &str) -> &str {
    text.trim_matches([' ', '\t', '\r'])
}

/// The first word and, without the white space between, the rest.
pub(super) fn split_word(text: &str) -> (&str, &str) {
    match text.split_once([' ', '\t']) {
        Some((word, rest)) => (word, trim(rest)),
        None => (text, ""),
    }
}

pub(super) fn required<'a>(text: &'a str, what: &str) -> Result<&'a str, LineError> {
    if text.is_empty() {
        Err(format!("found nothing where {what} belongs").into())
    } else {
        Ok(text)
    }
}

pub(super) fn nothing(text: &str, after: &str) -> Result<(), LineError> {
    if text.is_empty() {
        Ok(())
    } else {
        Err(format!(
            "found {:?} after {after}, which takes nothing",
            beginning(text)
        )
        .into())
    }
}

pub(super) fn assignment<'a>(text: &'a str, form: &str) -> Result<(&'a str, &'a str), LineError> {
    let (name, value) = text
        .split_once('=')
        .ok_or_else(|| format!("found no = here; write {form}"))?;
    let name = trim(name);
    if !is_name(name) {
        return Err(
            format!("found {name:?} as a name (letters, digits, _ and -); write {form}").into(),
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
            "found {text:?} as {what} ({} to {})",
            range.start(),
            range.end()
        )
        .into()),
    }
}

/// A time such as `500ms` or `2m30s`; a bare number is seconds. More than nothing, at most [`LONGEST`].
pub(super) fn time(text: &str) -> Result<Duration, LineError> {
    let wrong =
        || format!("found {text:?} as a time; write 500ms, 5s or 2m30s (a bare number is seconds)");
    let time = units::duration(text).map_err(|_| wrong())?;
    if time.is_zero() || time > LONGEST {
        return Err(format!(
            "found {text:?} as a time; it must be more than 0 and at most 366 days"
        )
        .into());
    }
    Ok(time)
}

pub(super) fn hex(text: &str) -> Result<Vec<u8>, LineError> {
    let wrong = |word: &str| {
        format!(
            "found {:?} as bytes; write them in pairs of digits: >hex 00 ff",
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

/// `Name: value`. No step begins with a word that holds a colon; a URL is left to be found as no step.
pub(super) fn header(line: &str) -> Option<(&str, &str)> {
    let (name, value) = line.split_once(':')?;
    (is_token(name) && !value.starts_with("//")).then_some((name, trim(value)))
}

/// A token (RFC 9110 §5.6.2).
pub(super) fn is_token(text: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
    !text.is_empty() && text.chars().all(allowed)
}
