//! Cookies that servers set and that go along with later requests, as browsers handle them (RFC 6265).

use cookie_store::{CookieStore, RawCookie};
use url::Url;

use super::handshake::Headers;
use super::target::{Address, RequestHeader};

/// A jar of cookies.
#[derive(Debug, Default)]
pub struct CookieJar(CookieStore);

impl CookieJar {
    /// Keeps the cookies of a response from `address`. Returns the values of all, which are secrets.
    pub fn keep(&mut self, address: &Address, headers: &Headers) -> Vec<String> {
        let Some(url) = url_of(address) else {
            return Vec::new();
        };
        let lines = headers.all("Set-Cookie");
        let cookies: Vec<RawCookie<'static>> = lines
            .filter_map(|line| RawCookie::parse(line.to_owned()).ok())
            .collect();
        let values = cookies.iter().map(|cookie| cookie.value().to_owned());
        let values = values.collect();
        self.0.store_response_cookies(cookies.into_iter(), &url);
        values
    }

    /// Adds the cookies for `address` to the headers of a request. A cookie that these already have stays as it
    /// is, and so does a removed `Cookie` header.
    pub fn add_to(&self, address: &Address, headers: &mut Vec<RequestHeader>) {
        let Some(url) = url_of(address) else {
            return;
        };
        let is_cookie = |header: &RequestHeader| header.name.eq_ignore_ascii_case("cookie");
        let given = headers.iter().position(is_cookie);
        let sent = given.map_or(Some(""), |at| headers[at].value.as_deref());
        let Some(sent) = sent else {
            return;
        };
        let names: Vec<&str> = sent
            .split(';')
            .filter_map(|pair| pair.split_once('='))
            .map(|(name, _)| name.trim())
            .collect();
        let kept = self.0.get_request_values(&url);
        let kept = kept.filter(|(name, _)| !names.contains(name));
        let mut pairs: Vec<String> = kept
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        if pairs.is_empty() {
            return;
        }
        // The order of the store is not that of the server.
        pairs.sort();
        if !sent.is_empty() {
            pairs.insert(0, sent.to_owned());
        }
        let value = pairs.join("; ");
        match given {
            Some(at) => headers[at].value = Some(value),
            None => headers.push(RequestHeader::new("Cookie", value)),
        }
    }
}

/// The address as a URL of HTTP. Cookies do not distinguish ports.
fn url_of(address: &Address) -> Option<Url> {
    let scheme = if address.secure { "https" } else { "http" };
    let (host, target) = (&address.host_header, &address.request_target);
    Url::parse(&format!("{scheme}://{host}{target}")).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The `Cookie` header for `to` after a response of `from` with this `Set-Cookie`.
    fn sent(from: &str, set: &str, to: &str) -> Option<String> {
        let mut jar = CookieJar::default();
        let headers = Headers(vec![("set-cookie".to_owned(), set.to_owned())]);
        jar.keep(&Address::parse(from).expect(from), &headers);
        let mut headers = Vec::new();
        jar.add_to(&Address::parse(to).expect(to), &mut headers);
        headers.pop().and_then(|header| header.value)
    }

    #[test]
    fn a_cookie_goes_where_its_attributes_allow() {
        for (from, set, to, goes) in [
            ("http://a.test/", "x=1", "ws://a.test/chat", true),
            ("http://a.test:8080/", "x=1", "ws://a.test:9090/", true),
            ("http://a.test/", "x=1", "ws://b.test/", false),
            ("http://a.test/", "x=1", "ws://sub.a.test/", false),
            (
                "http://a.test/",
                "x=1; Domain=a.test",
                "ws://sub.a.test/",
                true,
            ),
            (
                "http://a.test/",
                "x=1; Domain=b.test",
                "ws://b.test/",
                false,
            ),
            (
                "http://sub.a.test/",
                "x=1; Domain=a.test",
                "ws://a.test/",
                true,
            ),
            (
                "http://a.test/",
                "x=1; Path=/api",
                "ws://a.test/api/v1",
                true,
            ),
            (
                "http://a.test/",
                "x=1; Path=/api",
                "ws://a.test/apiary",
                false,
            ),
            ("http://a.test/login/form", "x=1", "ws://a.test/chat", false),
            (
                "http://a.test/login/form",
                "x=1",
                "ws://a.test/login/x",
                true,
            ),
            ("https://a.test/", "x=1; Secure", "wss://a.test/", true),
            ("https://a.test/", "x=1; Secure", "ws://a.test/", false),
            (
                "http://a.test/",
                "x=1; HttpOnly; SameSite=Strict",
                "ws://a.test/",
                true,
            ),
            ("http://a.test/", "x=1; Max-Age=60", "ws://a.test/", true),
            ("http://a.test/", "x=1; Max-Age=0", "ws://a.test/", false),
            (
                "http://a.test/",
                "x=1; Expires=Sun, 06 Nov 1994 08:49:37 GMT",
                "ws://a.test/",
                false,
            ),
            (
                "http://a.test/",
                "x=1; Expires=Sun, 06 Nov 2094 08:49:37 GMT",
                "ws://a.test/",
                true,
            ),
            ("http://127.0.0.1:1/", "x=1", "ws://127.0.0.1:2/", true),
            ("http://[::1]:1/", "x=1", "ws://[::1]:2/", true),
        ] {
            let expected = goes.then(|| "x=1".to_owned());
            assert_eq!(sent(from, set, to), expected, "{set} from {from} to {to}");
        }
    }

    #[test]
    fn cookies_are_added_to_those_given_and_replaced_by_name() {
        let address = Address::parse("ws://a.test/").expect("a URL");
        let mut jar = CookieJar::default();
        let set = ["b=2", "a=1", "c=3; Path=/", "c=4", "a=; Max-Age=0"];
        for line in set {
            let headers = Headers(vec![("Set-Cookie".to_owned(), line.to_owned())]);
            jar.keep(&address, &headers);
        }
        let mut headers = vec![RequestHeader::new("cookie", "b=mine; d=5")];
        jar.add_to(&address, &mut headers);
        assert_eq!(headers[0].value.as_deref(), Some("b=mine; d=5; c=4"));
        let mut removed = vec![RequestHeader::left_out("Cookie")];
        jar.add_to(&address, &mut removed);
        assert_eq!(removed, [RequestHeader::left_out("Cookie")]);
    }

    #[test]
    fn an_expired_cookie_is_removed() {
        let address = Address::parse("http://a.test/").expect("a URL");
        let mut jar = CookieJar::default();
        for line in ["x=1", "x=; Max-Age=0"] {
            let headers = Headers(vec![("Set-Cookie".to_owned(), line.to_owned())]);
            jar.keep(&address, &headers);
        }
        let mut headers = Vec::new();
        jar.add_to(&address, &mut headers);
        assert!(headers.is_empty(), "{headers:?}");
    }
}
