//! What the hands of wscat's, websocat's, curl's and ping's users type: what to write here instead.
//!
//! Looked at only when something was not understood, but for [`misread`]: an option of ours is never
//! taken away by another tool's.

use super::UsageError;
use crate::connection::target::bare_port;
use crate::secret::redact_url;

/// What an option means to the users of one verb alone: looked at before [`OPTIONS`].
const OF_A_VERB: &[(&str, &[&str], &str)] = &[
    (
        "serve",
        &["-p", "--port", "-l", "--listen"],
        "the port stands by itself, without an option: wsprobe serve 8080",
    ),
    (
        "serve",
        &["--host", "--bind", "--address", "-a"],
        "the address stands before the port: wsprobe serve 0.0.0.0:8080",
    ),
    (
        "serve",
        &["--tls", "--ssl"],
        "--self-signed makes a certificate, --cert FILE takes yours",
    ),
    (
        "listen",
        &["-w", "--wait"],
        "--for TIME ends well after so long, --idle-timeout TIME fails after so long a silence",
    ),
    (
        "listen",
        &["--binary"],
        "binary messages are printed as they are: leave it out",
    ),
    (
        "listen",
        &["--expect"],
        "--until PATTERN ends with the first message that matches; send --expect and check have a verdict",
    ),
    (
        "connect",
        &["--expect"],
        "send --expect PATTERN and check wait for a message and have a verdict",
    ),
    (
        "connect",
        &[
            "-1",
            "--one-message",
            "--oneshot",
            "--max-messages",
            "--count",
        ],
        "a session has no count: send waits for a reply to each message, listen -c N ends after N messages",
    ),
    (
        "send",
        &["-f"],
        "--file FILE sends a file as one message; a refused handshake is exit status 22 anyway",
    ),
    (
        "ping",
        &["-I"],
        "--interface ADDRESS connects from an address of this machine",
    ),
    (
        "ping",
        &["-O", "-a", "-U"],
        "leave it out: lost pings are told of, and a time ends when the pong was read",
    ),
    (
        "ping",
        &["-n"],
        "-c N is the number of pings; addresses are never looked up by name, and -k accepts any certificate",
    ),
    (
        "ping",
        &["-M", "-R", "-Q", "-T", "-l", "-p", "-S"],
        "that belongs to ICMP: these are ping frames of a WebSocket (--size BYTES, --interface ADDRESS)",
    ),
];

/// Options of other tools, and what to write.
const OPTIONS: &[(&[&str], &str)] = &[
    (
        &[
            "-d",
            "--data",
            "--data-raw",
            "--data-binary",
            "--data-ascii",
            "--message",
            "--msg",
        ],
        "messages stand behind the URL: wsprobe send URL MESSAGE; --file FILE sends a file",
    ),
    (
        &["-T", "--upload-file"],
        "--file FILE sends a file as one message",
    ),
    (
        &["-X", "--request"],
        "a WebSocket handshake is always a GET: leave it out",
    ),
    (
        &["-i", "--include", "-I", "--head", "-D", "--dump-header"],
        "-v shows the header fields of request and answer",
    ),
    (
        &["-N", "--no-buffer"],
        "output is never held back: leave it out",
    ),
    (
        &["-f", "--fail"],
        "a refused handshake is exit status 22 anyway: leave it out",
    ),
    (
        &["-S", "--show-error"],
        "errors are shown anyway: leave it out",
    ),
    (&["--silent"], "-q says less"),
    (
        &["-O", "--output", "--remote-name"],
        "> FILE writes the output to a file",
    ),
    (
        &["--url", "--ws-c-uri", "-c", "--connect"],
        "the URL stands by itself, without an option: wsprobe connect URL",
    ),
    (
        &["--host", "--port"],
        "host and port stand in the URL: ws://HOST:PORT/",
    ),
    (
        &["--http1.1"],
        "HTTP/1.1 is spoken unless --http2 says otherwise: leave it out",
    ),
    (
        &["-n"],
        "it means another thing in each tool: -c N is a count, --no-wait sends and waits for no reply, -k accepts any certificate",
    ),
    (&["--no-tls", "--plain"], "write ws:// in front of the URL"),
    (&["--tls", "--ssl"], "write wss:// in front of the URL"),
    (
        &["--http2-prior-knowledge"],
        "--http2: of ws:// from the first byte, of wss:// agreed in TLS",
    ),
    (
        &["--tlsv1.2", "--tlsv1.3", "--tls-max"],
        "--tls-min 1.2|1.3 is the oldest version accepted, and there is no newest",
    ),
    (
        &["--tls-domain", "--sni"],
        "--servername NAME asks for that certificate and checks it",
    ),
    (
        &["--capath"],
        "--cacert FILE, or SSL_CERT_DIR in the environment",
    ),
    (
        &["--connect-to"],
        "--resolve HOST:PORT:ADDRESS connects elsewhere for a name",
    ),
    (
        &["--oauth2-bearer", "--token"],
        "--bearer TOKEN, or --bearer @FILE",
    ),
    (&["--basic-auth", "--basic"], "-u USER:PASSWORD"),
    (
        &["--digest", "--ntlm", "--negotiate", "--anyauth"],
        "-u is Basic and --bearer a token; any other way to log in is a header: -H 'Authorization: VALUE'",
    ),
    (
        &["--cookie-jar"],
        "cookies are not kept from one run to the next: -b NAME=VALUE sends one",
    ),
    (
        &["-K", "--config"],
        "options stand on the command line; -H @FILE reads headers, env:NAME and @FILE secrets",
    ),
    (
        &["-F", "--form", "-G", "--get"],
        "a WebSocket has no form: write the message out, or put a query into the URL",
    ),
    (&["-a"], "-u USER:PASSWORD, or --bearer TOKEN"),
    (&["-e", "--referer"], "-H 'Referer: URL'"),
    (&["--ua"], "-A NAME"),
    (
        &["-U", "--proxy-user"],
        "--proxy http://USER:PASSWORD@HOST:PORT",
    ),
    (&["--socks5"], "--proxy socks5://HOST:PORT"),
    (&["--socks5-hostname"], "--proxy socks5h://HOST:PORT"),
    (&["--noproxy"], "--proxy '' goes without a proxy"),
    (
        &["--client-pkcs12-der", "--pkcs12", "--pfx"],
        "--cert and --key read PEM: openssl pkcs12 -in FILE -nodes -out me.pem",
    ),
    (
        &[
            "--retry-delay",
            "--retry-max-time",
            "--retry-connrefused",
            "--retry-all-errors",
        ],
        "--retry N|TIME, and --backoff BASE..MAX for the wait in between",
    ),
    (
        &[
            "--timeout",
            "--conn-timeout",
            "--handshake-timeout",
            "--read-timeout",
        ],
        "--connect-timeout TIME up to the 101; silence: -w TIME (send), --idle-timeout TIME (listen); -m TIME for everything",
    ),
    (
        &["--write-out"],
        "for fields of the connection use --json and jq",
    ),
    (
        &["--limit-rate"],
        "send --rate N/s limits messages a second",
    ),
    (
        &["--trace", "--trace-ascii", "--debug"],
        "-v shows the handshake, -vv every frame",
    ),
    (&["-P", "--show-ping-pong"], "-v shows pings and pongs"),
    (&["--no-color", "--no-colour", "--nocolor"], "--color never"),
    (
        &["--slash"],
        "a session has its commands without it: /help shows them",
    ),
    (&["-p"], "-s NAME offers a subprotocol"),
    (
        &["-l", "--listen"],
        "to listen on a port is to serve: wsprobe serve PORT",
    ),
    (
        &["--compressed"],
        "permessage-deflate is offered anyway: leave it out",
    ),
    (
        &["--print-ping-rtts"],
        "wsprobe ping URL measures round trips",
    ),
    (
        &["--auto-reconnect"],
        "--reconnect comes back after a loss, --retry tries until the first 101",
    ),
    (
        &["-1", "--one-message", "--oneshot"],
        "send waits for one reply a message by itself; listen -1 ends after one message",
    ),
    (&["--max-messages"], "-c N ends after N messages"),
    (
        &["-E", "--exit-on-eof", "--no-close"],
        "the end of stdin loses no reply: send ends when all have come, connect after -w TIME of silence",
    ),
    (
        &["--unidirectional", "--unidirectional-reverse"],
        "send --no-wait only sends, listen only receives",
    ),
    (
        &["-B", "--buffer-size"],
        "messages are never cut, however long: leave it out",
    ),
    (
        &["--text"],
        "messages are text unless --binary says otherwise: leave it out",
    ),
    (
        &["--strict", "--linemode-strip-newlines"],
        "a line of stdin is one message without its newline: leave it out",
    ),
    (
        &["--close-status-code", "--close-reason"],
        "--close CODE:REASON",
    ),
    (
        &["--jsonrpc"],
        "write the message out: '{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"…\"}'",
    ),
    (&["-V", "--version"], "wsprobe --version"),
];

/// What to write in place of another tool's option, behind this verb.
pub fn option(verb: &str, flag: &str) -> Option<&'static str> {
    let name = flag.split('=').next().unwrap_or(flag);
    let own = OF_A_VERB
        .iter()
        .find(|(of, flags, _)| *of == verb && flags.contains(&name));
    if let Some((_, _, cure)) = own {
        return Some(cure);
    }
    OPTIONS
        .iter()
        .find(|(flags, _)| flags.contains(&name))
        .map(|(_, cure)| *cure)
}

/// A command line that names no verb: `wsprobe URL`, `wsprobe -c URL`, `wsprobe -l PORT`.
pub fn without_verb(words: &[&str]) -> Option<UsageError> {
    let (first, rest) = words.split_first()?;
    if let ("-l" | "--listen" | "-s" | "--server-mode" | "-p" | "--port", [port, ..]) =
        (*first, rest)
        && (bare_port(port).is_some() || port.contains(':'))
    {
        return Some(serves(port));
    }
    if let Some(address) = words.iter().find_map(|word| {
        word.strip_prefix("ws-l:")
            .or_else(|| word.strip_prefix("ws-listen:"))
    }) {
        return Some(serves(address));
    }
    // What has a scheme before what may be another tool's word for a file or a port.
    let url = words.iter().find(|word| has_scheme(word));
    let url = url.or_else(|| words.iter().find(|word| looks_like_url(word)));
    url.map(|url| needs_verb(url))
}

/// What clap understands and another tool's user means otherwise: curl's `-sS`, which here would offer
/// the subprotocol S without a word.
pub fn misread(words: &[&str]) -> Option<UsageError> {
    let options = words.iter().take_while(|word| **word != "--");
    let glued = options.filter_map(|word| word.strip_prefix("-sS"));
    glued.last().map(|_| {
        UsageError::usage("-s names a subprotocol, and -sS looks like curl's silence")
            .hint("-q says less, and errors are always shown; -s S offers a subprotocol S")
    })
}

/// Whether it is a URL and nothing else.
pub fn has_scheme(word: &str) -> bool {
    ["ws://", "wss://", "http://", "https://"]
        .iter()
        .any(|scheme| word.starts_with(scheme))
}

fn looks_like_url(word: &str) -> bool {
    let is_option = word.starts_with('-');
    let has_host = word.split(['/', '?']).next().unwrap_or(word);
    !is_option
        && (word.contains("://")
            || word.starts_with("localhost")
            || word.starts_with("echo:")
            || has_host.contains(['.', ':']))
}

fn needs_verb(url: &str) -> UsageError {
    let url = redact_url(url);
    UsageError::usage(format!("a verb must stand before '{url}'")).hint(format!(
        "wsprobe connect {url}   or   wsprobe send {url} MESSAGE   or   wsprobe listen {url}"
    ))
}

/// `listen` streams from a URL; wscat's `--listen` is `serve` here.
pub fn serves(port: &str) -> UsageError {
    let port = port.trim_start_matches(':');
    let url = if port.contains(':') {
        port.to_owned()
    } else {
        format!("localhost:{port}")
    };
    UsageError::usage(format!(
        "'{port}' is a port: to listen on it is to serve, to listen to it needs a URL"
    ))
    .hint(format!(
        "wsprobe serve {port}   or   wsprobe listen ws://{url}/"
    ))
}

/// Whether `listen` was given what is a port, not a URL: `:8080` is one.
pub fn is_port(url: &str) -> bool {
    !url.starts_with(':') && bare_port(url).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_option_has_one_cure_and_no_cure_is_empty() {
        let mut seen = std::collections::HashSet::new();
        let of_all = OPTIONS.iter().map(|(flags, cure)| ("", *flags, *cure));
        for (verb, flags, cure) in of_all.chain(OF_A_VERB.iter().copied()) {
            assert!(!cure.is_empty());
            for flag in flags {
                assert!(seen.insert((verb, flag)), "{verb} {flag} stands twice");
            }
        }
    }

    #[test]
    fn a_url_is_told_from_an_option_and_a_word() {
        for url in [
            "ws://h",
            "localhost",
            "example.com/chat?x",
            "h:80",
            "echo:",
            "127.0.0.1",
        ] {
            assert!(looks_like_url(url), "{url}");
        }
        for word in ["-x", "--a=b.c", "lisen", "8080", "hello/world"] {
            assert!(!looks_like_url(word), "{word}");
        }
    }
}
