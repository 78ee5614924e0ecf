//! The test page for browsers: one embedded file that loads nothing else.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use crate::connection::handshake::{Headers, Refusal};

/// The page, and the word in it that is replaced by the nonce of its style and script.
const PAGE: &str = include_str!("page.html");
const NONCE: &str = "NONCE";

/// The response with the page. Its policy allows only its own style and script, and connections to its own
/// origin.
///
/// # Errors
/// The operating system provides no random numbers: the nonce would be known.
pub fn answer() -> Result<Refusal, getrandom::Error> {
    let mut nonce = [0; 16];
    getrandom::fill(&mut nonce)?;
    let nonce = BASE64.encode(nonce);
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
    Ok(Refusal {
        status: 200,
        reason: "OK".to_owned(),
        headers: Headers(
            headers
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .to_vec(),
        ),
        body: PAGE.replace(NONCE, &nonce).into_bytes(),
        body_cut: false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_asks_for_nothing_and_each_has_a_nonce_of_its_own() {
        let [first, second] = [(); 2].map(|()| answer().expect("randomness"));
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
