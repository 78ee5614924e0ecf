//! Spelling suggestions ("did you mean …?").
//!
//! A suggestion is made only for a small edit distance: no suggestion is better than a wrong one. The
//! caller excludes candidates that would do harm if run by mistake.

/// Words with at most this many letters are suggested at distance 1 only.
const SHORT: usize = 4;

/// The candidate closest to `word` by Damerau-Levenshtein distance, ignoring ASCII case. The first one wins
/// among equally close candidates.
///
/// `None` unless the distance is at most 2 (1 if either word has up to four letters) and at most half of the
/// longer word is changed.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    candidates
        .into_iter()
        .map(|candidate| (distance(word, candidate), candidate))
        .filter(|(edits, candidate)| {
            let (a, b) = (letters(word), letters(candidate));
            let limit = if a.min(b) <= SHORT { 1 } else { 2 };
            *edits <= limit.min(a.max(b) / 2)
        })
        .min_by_key(|(edits, _)| *edits)
        .map(|(_, candidate)| candidate)
}

/// The number of letters and digits: a leading `/`, `-` or `>` does not make a word longer.
fn letters(word: &str) -> usize {
    word.chars().filter(|c| c.is_alphanumeric()).count()
}

/// The Damerau-Levenshtein distance: insertions, deletions, substitutions and transpositions of two adjacent
/// characters count 1 each. No substring is edited twice (optimal string alignment).
fn distance(a: &str, b: &str) -> usize {
    let a: Vec<char> = a.chars().map(|c| c.to_ascii_lowercase()).collect();
    let b: Vec<char> = b.chars().map(|c| c.to_ascii_lowercase()).collect();
    let mut before: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=b.len()).collect();
    for i in 0..a.len() {
        let mut row = Vec::with_capacity(b.len() + 1);
        row.push(i + 1);
        for j in 0..b.len() {
            let substituted = above[j] + usize::from(a[i] != b[j]);
            let mut best = substituted.min(above[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && a[i] == b[j - 1] && a[i - 1] == b[j] {
                best = best.min(before[j - 1] + 1);
            }
            row.push(best);
        }
        before = std::mem::replace(&mut above, row);
    }
    above[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_every_kind_of_slip_once() {
        for (a, b, edits) in [
            ("", "", 0),
            ("", "abc", 3),
            ("staus", "status", 1),
            ("pign", "ping", 1),
            ("Close", "close", 0),
            ("clode", "close", 1),
            ("kitten", "sitting", 3),
        ] {
            assert_eq!(distance(a, b), edits, "{a} {b}");
            assert_eq!(distance(b, a), edits, "{b} {a}");
        }
    }

    #[test]
    fn suggests_the_closest_word_within_two_edits() {
        let words = ["connect", "close", "capture"];
        assert_eq!(nearest("conect", words), Some("connect"));
        assert_eq!(nearest("clsoe", words), Some("close"));
        assert_eq!(nearest("captrue!", words), Some("capture"));
        assert_eq!(nearest("xyzzy", words), None);
    }

    #[test]
    fn suggests_nothing_far_away() {
        for (word, candidate) in [
            ("disconnect", "connect"),
            ("clear", "close"),
            ("history", "filter"),
            ("/edit", "/quit"),
            ("/copy", "/log"),
            ("hex", "help"),
            ("filter", "file"),
            ("never", "header"),
            ("a", "b"),
            ("", "on"),
        ] {
            assert_eq!(nearest(word, [candidate]), None, "{word}");
        }
        for (word, candidate) in [("/tiem", "/time"), ("sed", "send"), ("ab", "aa")] {
            assert_eq!(nearest(word, [candidate]), Some(candidate), "{word}");
        }
    }
}
