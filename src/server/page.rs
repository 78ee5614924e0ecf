//! The page that a browser gets: one file, embedded, that asks for nothing else.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use crate::connection::handshake::{Headers, Refusal};

/// The page. Its style and its script carry a nonce, which takes the place of this word.
const PAGE: &str = include_str!("page.html");
const NONCE: &str = "NONCE";

/// The answer that carries the page. Nothing but its own style and script is allowed in it, and no
/// connection but to where it came from.
pub fn answer() -> Refusal {
    let nonce = BASE64.encode(random());
    let policy = format!(
        "default-src 'none'; style-src 'nonce-{nonce}'; script-src 'nonce-{nonce}'; \
         connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    );
    let headers = [
        ("Content-Type", "text/html; charset=utf-8"),
        ("Content-Security-Policy", &policy),
        ("X-Content-Type-Options", "nosniff"),
        ("Referrer-Policy", "no-referrer"),
        ("Cache-Control", "no-store"),
    ];
    Refusal {
        status: 200,
        reason: "OK".to_owned(),
        headers: Headers(
            headers
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .to_vec(),
        ),
        body: PAGE.replace(NONCE, &nonce).into_bytes(),
        body_cut: false,
    }
}

fn random() -> [u8; 16] {
    let mut bytes = [0; 16];
    // Without randomness the nonce is known, and still nothing of a stranger's gets into the page.
    let _ = getrandom::fill(&mut bytes);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_asks_for_nothing_and_each_has_a_nonce_of_its_own() {
        let (first, second) = (answer(), answer());
        assert_ne!(first.body, second.body);
        let text = first.body_text();
        assert!(!text.contains(NONCE));
        assert_eq!(text.matches("nonce=\"").count(), 2);
        for outside in ["http://", "https://", "//cdn", "@import", "url("] {
            let outside = PAGE.find(outside).map(|at| &PAGE[at..at + 40]);
            assert_eq!(outside, None);
        }
    }
}
