//! Which of the words that exist was probably meant.
//!
//! Promises: pure, no allocation beyond two rows, never a guess so far off that it confuses.

/// The candidate closest to `word`, or `None` when every one differs in more than half of its letters.
///
/// Distance counts insertions, deletions, substitutions and swaps of neighbours, ignoring ASCII case; of
/// equally close candidates the first wins.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    candidates
        .into_iter()
        .map(|candidate| (distance(word, candidate), candidate))
        .filter(|(edits, candidate)| {
            *edits <= word.chars().count().max(candidate.chars().count()) / 2
        })
        .min_by_key(|(edits, _)| *edits)
        .map(|(_, candidate)| candidate)
}

/// Optimal string alignment distance.
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
    fn names_the_closest_and_stays_silent_on_a_wild_guess() {
        let words = ["connect", "close", "capture"];
        assert_eq!(nearest("conect", words), Some("connect"));
        assert_eq!(nearest("clsoe", words), Some("close"));
        assert_eq!(nearest("xyzzy", words), None);
    }
}
