//! Hints for users of wscat, websocat, curl and ping: which option of wsprobe replaces theirs.
//!
//! The tables are consulted only after clap has rejected the command line, so that they never shadow an option
//! of wsprobe. [`misread`] is the exception.

use super::UsageError;
use crate::connection::target::bare_port;
use crate::secret::redact_url;

/// Hints that apply to one command only, as (command, options, hint). They take precedence over [`OPTIONS`].
const OF_A_VERB: &[(&str, &[&str], &str)] = &[
    (
        "serve",
        &["-p", "--port", "-l", "--listen"],
        "give the port as an argument: wsprobe serve 8080",
    ),
    (
        "serve",
        &["--host", "--bind", "--address", "-a"],
        "write the address before the port: wsprobe serve 0.0.0.0:8080",
    ),
    (
        "serve",
        &["--tls", "--ssl"],
        "--self-signed generates a certificate, --cert FILE uses yours",
    ),
    (
        "proxy",
        &["-p", "--port", "-l", "--listen"],
        "give the port before the URL: wsprobe proxy 8080 URL",
    ),
    (
        "proxy",
        &["--host", "--bind", "--address", "-a"],
        "write the address before the port: wsprobe proxy 0.0.0.0:8080 URL",
    ),
    (
        "proxy",
        &["-x", "--execute"],
        "proxy sends nothing of its own: wsprobe connect URL -x MESSAGE does",
    ),
    (
        "listen",
        &["-w", "--wait"],
        "--for TIME stops after TIME, exit 0; --idle-timeout TIME stops after TIME without a message, exit 28",
    ),
    (
        "listen",
        &["--binary"],
        "omit it: binary messages are printed unchanged",
    ),
    (
        "listen",
        &["--expect"],
        "--until PATTERN stops after the first message that matches; send --expect and check report pass or fail",
    ),
    (
        "connect",
        &["--expect"],
        "send --expect PATTERN and check wait for a message and report pass or fail",
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
        "connect has no message limit: send waits for a reply to each message, listen -c N stops after N messages",
    ),
    (
        "send",
        &["-f"],
        "--file FILE sends a file as one message; a refused handshake always exits with 22",
    ),
    (
        "ping",
        &["-I"],
        "--interface ADDRESS connects from a local address",
    ),
    (
        "ping",
        &["-O", "-a", "-U"],
        "omit it: lost pings are always reported, and times end when the pong has been read",
    ),
    (
        "ping",
        &["-n"],
        "-c N is the number of pings; addresses are never resolved to names; -k accepts any certificate",
    ),
    (
        "ping",
        &["-M", "-R", "-Q", "-T", "-l", "-p", "-S"],
        "that option is for ICMP; wsprobe sends WebSocket ping frames (see --size BYTES, --interface ADDRESS)",
    ),
];

/// Options of other tools, as (options, hint).
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
        "put messages after the URL: wsprobe send URL MESSAGE; --file FILE sends a file",
    ),
    (
        &["-T", "--upload-file"],
        "--file FILE sends a file as one message",
    ),
    (
        &["-X", "--request"],
        "omit it: a WebSocket handshake is always a GET request",
    ),
    (
        &["-i", "--include", "-I", "--head", "-D", "--dump-header"],
        "-v shows the request and response headers",
    ),
    (&["-N", "--no-buffer"], "omit it: output is never delayed"),
    (
        &["-f", "--fail"],
        "omit it: a refused handshake always exits with 22",
    ),
    (&["-S", "--show-error"], "omit it: errors are always shown"),
    (&["--silent"], "-q prints less"),
    (
        &["-O", "--output", "--remote-name"],
        "> FILE writes the output to a file",
    ),
    (
        &["--url", "--ws-c-uri", "-c", "--connect"],
        "give the URL as an argument: wsprobe connect URL",
    ),
    (
        &["--host", "--port"],
        "put host and port in the URL: ws://HOST:PORT/",
    ),
    (
        &["--http1.1"],
        "omit it: HTTP/1.1 is the default, --http2 selects HTTP/2",
    ),
    (
        &["-n"],
        "its meaning differs between tools: use -c N for a count, --no-wait to send without waiting for replies, -k to accept any certificate",
    ),
    (&["--no-tls", "--plain"], "start the URL with ws://"),
    (&["--tls", "--ssl"], "start the URL with wss://"),
    (
        &["--http2-prior-knowledge"],
        "use --http2: with prior knowledge for ws://, negotiated by ALPN for wss://",
    ),
    (
        &["--tlsv1.2", "--tlsv1.3", "--tls-max"],
        "--tls-min 1.2|1.3 sets the minimum version; there is no maximum",
    ),
    (
        &["--tls-domain", "--sni"],
        "--servername NAME sets the name for SNI and certificate verification",
    ),
    (
        &["--capath"],
        "use --cacert FILE, or SSL_CERT_DIR in the environment",
    ),
    (
        &["--connect-to"],
        "--resolve HOST:PORT:ADDRESS sets the address of a host",
    ),
    (
        &["--oauth2-bearer", "--token"],
        "use --bearer TOKEN or --bearer @FILE",
    ),
    (&["--basic-auth", "--basic"], "use -u USER:PASSWORD"),
    (
        &["--digest", "--ntlm", "--negotiate", "--anyauth"],
        "-u sends Basic credentials, --bearer a token; for other schemes use -H 'Authorization: VALUE'",
    ),
    (
        &["--cookie-jar"],
        "cookies are not stored; -b NAME=VALUE sends one",
    ),
    (
        &["-K", "--config"],
        "there is no configuration file; -H @FILE reads headers, env:NAME and @FILE read secrets",
    ),
    (
        &["-F", "--form", "-G", "--get"],
        "WebSocket has no form data: write out the message, or put a query in the URL",
    ),
    (&["-a"], "use -u USER:PASSWORD or --bearer TOKEN"),
    (&["-e", "--referer"], "use -H 'Referer: URL'"),
    (&["--ua"], "use -A NAME"),
    (
        &["-U", "--proxy-user"],
        "use --proxy http://USER:PASSWORD@HOST:PORT",
    ),
    (&["--socks5"], "use --proxy socks5://HOST:PORT"),
    (&["--socks5-hostname"], "use --proxy socks5h://HOST:PORT"),
    (&["--noproxy"], "--proxy '' connects without a proxy"),
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
        "use --retry N|TIME, and --backoff BASE..MAX for the delay between retries",
    ),
    (
        &[
            "--timeout",
            "--conn-timeout",
            "--handshake-timeout",
            "--read-timeout",
        ],
        "--connect-timeout TIME limits the connection up to the 101, -w TIME (send) or --idle-timeout TIME (listen) the time without a message, -m TIME the whole run",
    ),
    (&["--write-out"], "for connection details use --json and jq"),
    (
        &["--limit-rate"],
        "send --rate N/s limits the messages per second",
    ),
    (
        &["--trace", "--trace-ascii", "--debug"],
        "-v shows the handshake, -vv every frame",
    ),
    (&["-P", "--show-ping-pong"], "-v shows pings and pongs"),
    (
        &["--no-color", "--no-colour", "--nocolor"],
        "use --color never",
    ),
    (
        &["--slash"],
        "omit it: the session always has slash commands, /help lists them",
    ),
    (&["-p"], "-s NAME offers a subprotocol"),
    (
        &["-l", "--listen"],
        "to listen on a port, use wsprobe serve PORT",
    ),
    (
        &["--compressed"],
        "omit it: permessage-deflate is always offered",
    ),
    (
        &["--print-ping-rtts"],
        "wsprobe ping URL measures round-trip times",
    ),
    (
        &["--auto-reconnect"],
        "--reconnect reconnects after a lost connection, --retry retries until the first 101",
    ),
    (
        &["-1", "--one-message", "--oneshot"],
        "omit it for send, which waits for one reply per message; listen -1 stops after one message",
    ),
    (&["--max-messages"], "-c N stops after N messages"),
    (
        &["-E", "--exit-on-eof", "--no-close"],
        "omit it: no reply is lost when stdin ends; send stops after the last reply, connect after -w TIME without a message",
    ),
    (
        &["--unidirectional", "--unidirectional-reverse"],
        "use send --no-wait to send only, listen to receive only",
    ),
    (
        &["-B", "--buffer-size"],
        "omit it: messages are never split or truncated",
    ),
    (
        &["--text"],
        "omit it: messages are text unless --binary is given",
    ),
    (
        &["--strict", "--linemode-strip-newlines"],
        "omit it: each line of stdin is one message, without its newline",
    ),
    (
        &["--close-status-code", "--close-reason"],
        "use --close CODE:REASON",
    ),
    (
        &["--jsonrpc"],
        "write out the message: '{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"…\"}'",
    ),
    (&["-V", "--version"], "use wsprobe --version"),
];

/// The hint for another tool's option after this command, if there is one.
pub fn option(verb: &str, flag: &str) -> Option<&'static str> {
    let name = flag.split('=').next().unwrap_or(flag);
    let own = OF_A_VERB
        .iter()
        .find(|(of, flags, _)| *of == verb && flags.contains(&name));
    if let Some((_, _, hint)) = own {
        return Some(hint);
    }
    OPTIONS
        .iter()
        .find(|(flags, _)| flags.contains(&name))
        .map(|(_, hint)| *hint)
}

/// The error for a command line without a command: `wsprobe URL`, `wsprobe -c URL`, `wsprobe -l PORT`.
pub fn without_command(words: &[&str]) -> Option<UsageError> {
    let (first, rest) = words.split_first()?;
    if let ("-l" | "--listen" | "-s" | "--server-mode" | "-p" | "--port", [port, ..]) =
        (*first, rest)
        && (bare_port(port).is_some() || port.contains(':'))
    {
        return Some(port_instead_of_url(port));
    }
    if let Some(address) = words.iter().find_map(|word| {
        word.strip_prefix("ws-l:")
            .or_else(|| word.strip_prefix("ws-listen:"))
    }) {
        return Some(port_instead_of_url(address));
    }
    // Prefer a word with a scheme: others may be another tool's notation for a file or a port.
    let url = words.iter().find(|word| has_scheme(word));
    let url = url.or_else(|| words.iter().find(|word| looks_like_url(word)));
    url.map(|url| missing_command(url))
}

/// The error for curl's `-sS` (silent, but show errors), which wsprobe would otherwise read as an offer of the
/// subprotocol S.
pub fn misread(words: &[&str]) -> Option<UsageError> {
    let options = words.iter().take_while(|word| **word != "--");
    let glued = options.filter_map(|word| word.strip_prefix("-sS"));
    glued.last().map(|_| {
        UsageError::usage("-s expects a subprotocol, but -sS looks like curl's silent mode")
            .hint("-q prints less, and errors are always shown; -s S offers a subprotocol S")
    })
}

/// Whether a word starts with a URL scheme.
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

fn missing_command(url: &str) -> UsageError {
    let url = redact_url(url);
    UsageError::usage(format!(
        "missing command before '{url}'; did you mean 'wsprobe connect {url}'?"
    ))
    .hint(format!(
        "or wsprobe send {url} MESSAGE   or   wsprobe listen {url}"
    ))
}

/// The error for `listen PORT` and wscat's `--listen PORT`: `listen` expects a URL, `serve` a port.
pub fn port_instead_of_url(port: &str) -> UsageError {
    let port = port.trim_start_matches(':');
    let url = if port.contains(':') {
        port.to_owned()
    } else {
        format!("localhost:{port}")
    };
    UsageError::usage(format!(
        "expected a URL, found the port '{port}'"
    ))
    .hint(format!(
        "to run a server: wsprobe serve {port}; to print messages from one: wsprobe listen ws://{url}/"
    ))
}

/// Whether the argument of `listen` is a bare port; `:8080` is a URL.
pub fn is_port(url: &str) -> bool {
    !url.starts_with(':') && bare_port(url).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_option_has_one_hint_and_no_hint_is_empty() {
        let mut seen = std::collections::HashSet::new();
        let of_all = OPTIONS.iter().map(|(flags, hint)| ("", *flags, *hint));
        for (verb, flags, hint) in of_all.chain(OF_A_VERB.iter().copied()) {
            assert!(!hint.is_empty());
            for flag in flags {
                assert!(seen.insert((verb, flag)), "{verb} {flag} is listed twice");
            }
        }
    }

    #[test]
    fn urls_are_distinguished_from_options_and_words() {
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
