//! The most likely mistakes of users of wscat, websocat, curl or ping, and typing errors:
//! the error line, and the hint.

use crate::harness::{BlackHole, Certificate, Nobody, Probe, Server, ms};

/// The arguments, the error line, and the hint.
struct Mistake(&'static str, &'static str, &'static str);

/// None of these sends a packet: exit status 2.
const TYPED: &[Mistake] = &[
    // No command.
    Mistake(
        "ws://h.example/chat",
        "missing command before 'ws://h.example/chat'; did you mean 'wsprobe connect ws://h.example/chat'?",
        "or wsprobe send ws://h.example/chat MESSAGE   or   wsprobe listen ws://h.example/chat",
    ),
    Mistake(
        "-c wss://h.example/?token=secretive",
        "missing command before 'wss://h.example/?token=***'; did you mean 'wsprobe connect wss://h.example/?token=***'?",
        "or wsprobe send wss://h.example/?token=*** MESSAGE   or",
    ),
    Mistake(
        "-x hi -c ws://h.example/",
        "missing command before 'ws://h.example/'",
        "wsprobe send ws://h.example/ MESSAGE",
    ),
    Mistake(
        "- ws://h.example/",
        "missing command before 'ws://h.example/'; did you mean 'wsprobe connect ws://h.example/'?",
        "wsprobe listen ws://h.example/",
    ),
    Mistake(
        "h.example/chat",
        "missing command before 'h.example/chat'; did you mean 'wsprobe connect h.example/chat'?",
        "wsprobe send h.example/chat MESSAGE",
    ),
    Mistake(
        "-l 8080",
        "expected a URL, found the port '8080'",
        "to run a server: wsprobe serve 8080; to print messages from one: wsprobe listen ws://localhost:8080/",
    ),
    Mistake(
        "listen 8080",
        "expected a URL, found the port '8080'",
        "wsprobe serve 8080",
    ),
    Mistake(
        "-s 1234",
        "expected a URL, found the port '1234'",
        "wsprobe serve 1234",
    ),
    Mistake(
        "ws-l:127.0.0.1:8080 mirror:",
        "expected a URL, found the port '127.0.0.1:8080'",
        "wsprobe serve 127.0.0.1:8080",
    ),
    Mistake(
        "lisen ws://h.example/",
        "unknown command 'lisen'; did you mean 'listen'?",
        "",
    ),
    Mistake("pign", "unknown command 'pign'; did you mean 'ping'?", ""),
    Mistake(
        "conect",
        "unknown command 'conect'; did you mean 'connect'?",
        "",
    ),
    Mistake(
        "gibberish",
        "unknown command 'gibberish'",
        "commands: connect, send, listen, ping, check, audit, import, serve",
    ),
    Mistake(
        "--verbose send ws://h.example/ hi",
        "--verbose must come after the command 'send'",
        "options go after the command: wsprobe send --verbose",
    ),
    Mistake(
        "-v listen ws://h.example/",
        "-v must come after the command 'listen'",
        "wsprobe listen -v",
    ),
    Mistake(
        "--bearer secretive send ws://h.example/ hi",
        "--bearer must come after the command 'send'",
        "wsprobe send --bearer",
    ),
    Mistake(
        "send -n wss://h.example/ hi",
        "unknown option -n for 'send'",
        "its meaning differs between tools",
    ),
    Mistake(
        "connect -n wss://h.example/",
        "unknown option -n for 'connect'",
        "-k to accept any certificate",
    ),
    Mistake(
        "listen -n wss://h.example/",
        "unknown option -n for 'listen'",
        "-k to accept any certificate",
    ),
    Mistake(
        "check -n wss://h.example/",
        "unknown option -n for 'check'",
        "-k to accept any certificate",
    ),
    Mistake(
        "ping -n 3 wss://h.example/",
        "unknown option -n for 'ping'",
        "-c N is the number of pings",
    ),
    Mistake(
        "--verbose",
        "unexpected option --verbose before the command",
        "put the command first: connect, send",
    ),
    Mistake(
        "send",
        "missing argument <URL> for 'send'",
        "wsprobe send -h",
    ),
    // Options of wscat.
    Mistake(
        "connect -c ws://h.example/",
        "unknown option -c for 'connect'",
        "wsprobe connect URL",
    ),
    Mistake(
        "connect -P ws://h.example/",
        "unknown option -P for 'connect'",
        "-v shows pings and pongs",
    ),
    Mistake(
        "connect --no-color ws://h.example/",
        "unknown option --no-color for 'connect'",
        "--color never",
    ),
    Mistake(
        "connect --slash ws://h.example/",
        "unknown option --slash for 'connect'",
        "/help",
    ),
    Mistake(
        "connect --listen 8080",
        "unknown option --listen for 'connect'",
        "wsprobe serve PORT",
    ),
    Mistake(
        "listen -w 5 ws://h.example/",
        "unknown option -w for 'listen'",
        "--for TIME",
    ),
    Mistake(
        "check - -",
        "- is given twice, but standard input can be read only once",
        "",
    ),
    Mistake(
        "check x.wst -j 0",
        "--jobs <N>: invalid value '0': it must be at least 1",
        "",
    ),
    // A reply that could be another's.
    Mistake(
        "ping ws://h.example/ --app hi -x login",
        "--app with -x requires --expect",
        "",
    ),
    Mistake(
        "check ws://h.example/ --send hi -x login",
        "--send with -x requires --expect",
        "",
    ),
    // Options of websocat.
    Mistake(
        "send -n1 ws://h.example/ hi",
        "unknown option -n for 'send'",
        "-k to accept any certificate",
    ),
    Mistake(
        "send -E ws://h.example/",
        "unknown option -E for 'send'",
        "no reply is lost when stdin ends",
    ),
    Mistake(
        "send -B 1000000 ws://h.example/",
        "unknown option -B for 'send'",
        "messages are never split or truncated",
    ),
    Mistake(
        "listen --max-messages 3 ws://h.example/",
        "unknown option --max-messages for 'listen'",
        "-c N",
    ),
    Mistake(
        "send unix:/run/a.sock hi",
        "unsupported scheme 'unix'",
        "try ws+unix:/run/a.sock:/",
    ),
    Mistake(
        "connect --print-ping-rtts ws://h.example/",
        "unknown option --print-ping-rtts for 'connect'",
        "wsprobe ping URL",
    ),
    Mistake(
        "listen --auto-reconnect ws://h.example/",
        "unknown option --auto-reconnect for 'listen'",
        "--reconnect",
    ),
    // Options of curl.
    Mistake(
        "send -d hi ws://h.example/",
        "unknown option -d for 'send'",
        "wsprobe send URL MESSAGE",
    ),
    Mistake(
        "send -X GET ws://h.example/ hi",
        "unknown option -X for 'send'",
        "always a GET",
    ),
    Mistake(
        "listen -i ws://h.example/",
        "unknown option -i for 'listen'",
        "-v shows the request and response headers",
    ),
    Mistake(
        "listen -N ws://h.example/",
        "unknown option -N for 'listen'",
        "output is never delayed",
    ),
    Mistake(
        "listen -sS ws://h.example/",
        "-s expects a subprotocol, but -sS looks like curl's silent mode",
        "-q prints less",
    ),
    Mistake(
        "listen -s ws://h.example/",
        "-s expects a subprotocol, but 'ws://h.example/' is a URL; to print less, use -q",
        "",
    ),
    Mistake(
        "listen -o out.txt ws://h.example/",
        "--origin <ORIGIN>: invalid origin 'out.txt' (expected https://example.com or null); to write the output to a file, use > out.txt",
        "",
    ),
    Mistake(
        "listen -x http://proxy:3128 ws://h.example/",
        "-x sends a message, but 'http://proxy:3128' looks like a proxy: use --proxy http://proxy:3128",
        "",
    ),
    Mistake(
        "send ws://h.example/ hi -w %{http_code}",
        "-w expects a time limit such as 5s; for connection details use --json and jq",
        "",
    ),
    Mistake(
        "send --timeout 5 ws://h.example/ hi",
        "unknown option --timeout for 'send'",
        "--connect-timeout TIME",
    ),
    Mistake(
        "listen --compressed ws://h.example/",
        "unknown option --compressed for 'listen'",
        "permessage-deflate is always offered",
    ),
    Mistake(
        "send ws://h.example/ hi -m 0",
        "--max-time <TIME>: invalid value '0': must be greater than zero; omit the option for no limit",
        "",
    ),
    Mistake(
        "send -H Authorization: Bearer secretive ws://h.example/ hi",
        "the value is missing; quote the whole header: -H 'Authorization: VALUE'",
        "",
    ),
    Mistake(
        "send -b ws://h.example/ hi",
        "for binary messages --binary",
        "",
    ),
    // Options of ping.
    Mistake(
        "ping -s 1000 ws://h.example/",
        "for the size of a ping, use --size 1000",
        "",
    ),
    Mistake(
        "ping -I eth0 h.example",
        "unknown option -I for 'ping'",
        "--interface ADDRESS",
    ),
    Mistake(
        "ping -M do h.example",
        "unknown option -M for 'ping'",
        "that option is for ICMP",
    ),
    // Schemes.
    Mistake(
        "send ws:h.example hi",
        "invalid URL 'ws:h.example': ws must be followed by ://",
        "try ws://h.example",
    ),
    Mistake(
        "send wss//h.example hi",
        "wss must be followed by ://",
        "try wss://h.example",
    ),
    Mistake(
        "send wsss://h.example hi",
        "unsupported scheme 'wsss' (expected ws, wss, http, https or ws+unix)",
        "try wss://h.example",
    ),
    Mistake(
        "serve ws://127.0.0.1:8080",
        "expected an address to listen on, found the URL 'ws://127.0.0.1:8080'",
        "wsprobe serve 127.0.0.1:8080",
    ),
    Mistake(
        "proxy ws://h.example/ 8080",
        "expected an address to listen on, found the URL 'ws://h.example/'",
        "wsprobe proxy 8080 ws://h.example/",
    ),
    Mistake(
        "proxy --port 8080 ws://h.example/",
        "unknown option --port for 'proxy'",
        "wsprobe proxy 8080 URL",
    ),
    Mistake(
        "proxy -x hi 8080 ws://h.example/",
        "unknown option -x for 'proxy'",
        "proxy sends nothing of its own",
    ),
    Mistake(
        "serve --port 8080",
        "unknown option --port for 'serve'",
        "wsprobe serve 8080",
    ),
    Mistake(
        "serve --host 0.0.0.0 8080",
        "unknown option --host for 'serve'",
        "wsprobe serve 0.0.0.0:8080",
    ),
    Mistake(
        "send 'ws://h.example/' hi",
        "it contains quotes that the shell did not remove",
        "try ws://h.example/",
    ),
    Mistake(
        "send ws:///h.example/ hi",
        "missing host",
        "try ws://h.example/",
    ),
    Mistake(
        "send ws://h.example:port/ hi",
        "invalid port (expected 1 to 65535)",
        "write ws://HOST:PORT/PATH",
    ),
    Mistake("version", "unknown command 'version'", "wsprobe --version"),
    Mistake(
        "help exitcodes",
        "unknown help topic 'exitcodes'",
        "exit-codes",
    ),
    // Suggestions: only close ones.
    Mistake(
        "listen ws://h.example/ --hex",
        "unknown option --hex for 'listen'",
        "wsprobe listen --help lists all options",
    ),
    Mistake(
        "send ws://h.example/ hi --idle-timeout 1s",
        "unknown option --idle-timeout for 'send'",
        "wsprobe send --help lists all options",
    ),
    // Values.
    Mistake(
        "listen ws://h.example/ -b x",
        "--cookie <NAME=VALUE>: invalid cookie 'x': expected NAME=VALUE",
        "",
    ),
    Mistake(
        "listen ws://h.example/ --until {",
        "--until <PATTERN>: '{' looks like JSON but is invalid at byte 1 (",
        "",
    ),
    Mistake(
        "check x.wst --secret a.b=secretive",
        "--secret <NAME=VALUE|@FILE|env:VAR>: invalid value 'a.b…'",
        "",
    ),
    Mistake(
        "listen ws://h.example/ -c 99999999999999999999999",
        "invalid value '99999999999999999999999': too large",
        "",
    ),
    Mistake(
        "send ws://h.example/ hi --wait 5x",
        "--wait <TIME>: invalid duration '5x' (examples: 500ms, 5s, 2m30s)",
        "",
    ),
    Mistake(
        "send ws://h.example/ hi --expect {'op':'pong'}",
        "--expect <PATTERN>: '{'op':'pong'}' looks like JSON but is invalid at byte 2 (key must be a string; JSON needs double quotes); prefix it with '=' to match it literally",
        "",
    ),
    Mistake(
        "send ws://h.example/ -5",
        "unknown option -5 for 'send'",
        "wsprobe send URL -- -5",
    ),
    Mistake(
        "send ws://h.example/ hi --pretty sometimes",
        "--pretty <WHEN>: invalid value 'sometimes' (expected auto, always or never)",
        "",
    ),
    Mistake(
        "send ws://h.example/ -c many",
        "--count <N>: invalid value 'many': expected a whole number",
        "",
    ),
    Mistake(
        "send ws://h.example/ hi --insecre",
        "unknown option --insecre for 'send'",
        "did you mean --insecure?",
    ),
    Mistake(
        "listen ws://h.example/ hello",
        "unexpected argument 'hello'",
        "wsprobe send URL MESSAGE",
    ),
    // More cases.
    Mistake(
        "connect - ws://h.example/?token=secretive",
        "unexpected second URL 'ws://h.example/?token=***'",
        "use wsprobe connect ws://h.example/?token=***: stdin and stdout are used automatically",
    ),
    Mistake(
        "connect literal:hi ws://h.example/",
        "unexpected second URL 'ws://h.example/'",
        "stdin and stdout are used automatically",
    ),
    Mistake(
        "mirror: ws://h.example/",
        "missing command before 'ws://h.example/'; did you mean 'wsprobe connect ws://h.example/'?",
        "wsprobe listen ws://h.example/",
    ),
    Mistake(
        "send - ws://h.example/",
        "- means stdin, and a URL must come before it",
        "ws://HOST[:PORT]/PATH",
    ),
    Mistake(
        "connect ws-c:tcp:127.0.0.1:8080",
        "ws-c: is a websocat address, which wsprobe does not support",
        "write ws://HOST[:PORT]/PATH",
    ),
    Mistake("send 8080 hi", "it is only a number", "write :8080"),
    Mistake(
        "send /chat hi",
        "invalid URL '/chat': it is a path without a host",
        "or :PORT/chat",
    ),
    Mistake(
        "send unix:///run/a.sock hi",
        "unsupported scheme 'unix'",
        "try ws+unix:/run/a.sock:/",
    ),
    Mistake(
        "send file:///run/a hi",
        "unsupported scheme 'file' (expected",
        "write ws://HOST[:PORT]/PATH",
    ),
    Mistake(
        "send ws://::1:8080/ hi",
        "invalid host",
        "in brackets: ws://[::1]:8080/",
    ),
    Mistake(
        "send ws://[::1:8080/ hi",
        "invalid host",
        "in brackets: ws://[::1]:8080/",
    ),
    Mistake(
        "listen -u ws://h.example/",
        "expected a user, found a URL: use -u USER",
        "",
    ),
    Mistake(
        "listen ws://h.example/ -n 1",
        "unknown option -n for 'listen'",
        "use -c N for a count",
    ),
    Mistake(
        "listen --binary ws://h.example/",
        "unknown option --binary for 'listen'",
        "binary messages are printed unchanged",
    ),
    Mistake(
        "listen ws://h.example/ --expect hi",
        "unknown option --expect for 'listen'",
        "--until PATTERN",
    ),
    Mistake(
        "connect ws://h.example/ --expect hi",
        "unknown option --expect for 'connect'",
        "send --expect PATTERN",
    ),
    Mistake(
        "connect ws://h.example/ --max-messages 1",
        "unknown option --max-messages for 'connect'",
        "listen -c N",
    ),
    Mistake(
        "connect -1 ws://h.example/",
        "unknown option -1 for 'connect'",
        "connect has no message limit",
    ),
    Mistake(
        "send --oneshot ws://h.example/ hi",
        "unknown option --oneshot for 'send'",
        "one reply per message",
    ),
    Mistake(
        "connect --ws-c-uri=ws://h.example/",
        "unknown option --ws-c-uri for 'connect'",
        "give the URL as an argument",
    ),
    Mistake(
        "connect --tls-domain h ws://h.example/",
        "unknown option --tls-domain for 'connect'",
        "--servername NAME",
    ),
    Mistake(
        "connect --protocol 13 ws://h.example/",
        "-s expects a subprotocol, but '13' is a number",
        "",
    ),
    Mistake(
        "send ws://h.example/ -f hi.json",
        "unknown option -f for 'send'",
        "--file FILE",
    ),
    Mistake(
        "send ws://h.example/ --data-binary @hi.bin",
        "unknown option --data-binary for 'send'",
        "--file FILE sends a file",
    ),
    Mistake(
        "send ws://h.example/ hi --tls-max 1.2",
        "unknown option --tls-max for 'send'",
        "--tls-min 1.2|1.3",
    ),
    Mistake(
        "send ws://h.example/ hi --capath /etc/ssl/certs",
        "unknown option --capath for 'send'",
        "SSL_CERT_DIR",
    ),
    Mistake(
        "send ws://h.example/ hi --connect-to a:1:b:2",
        "unknown option --connect-to for 'send'",
        "--resolve HOST:PORT:ADDRESS",
    ),
    Mistake(
        "send ws://h.example/ hi --http2-prior-knowledge",
        "unknown option --http2-prior-knowledge for 'send'",
        "--http2",
    ),
    Mistake(
        "send ws://h.example/ hi --digest",
        "unknown option --digest for 'send'",
        "-H 'Authorization: VALUE'",
    ),
    Mistake(
        "send ws://h.example/ hi --cookie-jar f",
        "unknown option --cookie-jar for 'send'",
        "-b NAME=VALUE",
    ),
    Mistake(
        "send ws://h.example/ hi -K f",
        "unknown option -K for 'send'",
        "-H @FILE reads headers",
    ),
    Mistake(
        "send ws://h.example/ -F a=b",
        "unknown option -F for 'send'",
        "WebSocket has no form data",
    ),
    Mistake(
        "send ws://h.example/ hi --write-out x",
        "unknown option --write-out for 'send'",
        "--json and jq",
    ),
    Mistake(
        "send ws://h.example/ hi --limit-rate 5",
        "unknown option --limit-rate for 'send'",
        "send --rate N/s",
    ),
    Mistake(
        "send ws://h.example/ hi -R",
        "unknown option -R for 'send'",
        "wsprobe send --help lists all options",
    ),
    Mistake(
        "send ws://h.example/ hi -s -v",
        "missing value for --subprotocol <NAME>",
        "-q prints less",
    ),
    Mistake(
        "send ws://h.example/ hi --header",
        "missing value for --header <NAME: VALUE>",
        "wsprobe send --help",
    ),
    Mistake(
        "send ws://h.example/ hi --verbose=2",
        "unexpected value for --verbose",
        "wsprobe send --help",
    ),
    Mistake(
        "ping ws://h.example/ -c 0",
        "--count <N>: invalid value '0': expected at least 1",
        "",
    ),
    Mistake(
        "ping ws://h.example/ --size 200",
        "--size <BYTES>: invalid value '200': expected a number from 0 to 125",
        "",
    ),
    Mistake(
        "send ws://h.example/ --base64 a!",
        "invalid message 'a!' at byte 2: invalid base64 character '!'",
        "",
    ),
    Mistake(
        "check /",
        "/ is a directory",
        "to run its check files: /*.wst",
    ),
    Mistake(
        "listen ws://h.example/ -H Authorization=Bearer",
        "--header <NAME: VALUE>: invalid header 'Authorization…': expected 'Name: value'",
        "",
    ),
];

#[test]
fn what_is_typed_wrongly_is_told_in_one_line_with_what_to_type() {
    for Mistake(typed, line, cure) in TYPED {
        let output = Probe::new(typed.split(' '))
            .stderr_has(line)
            .any_stderr()
            .status(2);
        let lines: Vec<&str> = output.stderr.lines().collect();
        assert!(
            lines[0].starts_with("wsprobe: ") && lines[0].contains(line),
            "{typed}: {lines:#?}"
        );
        match lines[1..] {
            [hint] => assert!(
                hint.starts_with("hint: ") && hint.contains(cure) && !cure.is_empty(),
                "{typed}: {lines:#?}"
            ),
            [] => assert!(cure.is_empty(), "{typed}: no hint"),
            _ => panic!("{typed}: {lines:#?}"),
        }
        assert!(!output.stderr.contains("secretive"), "{typed}");
    }
}

#[test]
fn with_json_a_mistake_is_an_event_and_its_cure_is_on_stderr() {
    let output = Probe::new(["send", "ws://h.example/", "--json", "-d", "hi"])
        .any_stdout()
        .stderr("hint: put messages after the URL: wsprobe send URL MESSAGE; --file FILE sends a file\n")
        .status(2);
    assert_eq!(
        output.events()[0]["message"],
        "unknown option -d for 'send'"
    );
}

#[test]
fn a_port_that_was_not_named_is_named() {
    let Err(error) = std::net::TcpStream::connect("127.0.0.1:80") else {
        eprintln!("skipped: something serves port 80 here");
        return;
    };
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionRefused);
    Probe::new(["send", "127.0.0.1/chat?token=secretive", "hi"])
        .stderr_has("hint: nothing listens on port 80, the default of ws://; try ws://127.0.0.1:PORT/chat?token=***")
        .status(7);
    let nobody = Nobody::listens();
    Probe::new(["send", &nobody.url(), "hi"])
        .stderr_has("hint: nothing listens on that port; check that the server is running")
        .status(7);
}

#[test]
fn a_message_in_the_place_of_the_url_is_named() {
    Probe::new(["send", "hello", "ws://h.example/"])
        .stderr_has("could not resolve host hello")
        .stderr_has("hint: 'hello' was taken as the URL")
        .within(ms(15_000))
        .status(6);
}

#[test]
fn a_socket_that_is_not_there_and_the_built_in_server_without_its_colon_are_told() {
    Probe::new(["send", "ws+unix:/nowhere/a.sock", "hi"])
        .stderr_has("cannot connect to the socket /nowhere/a.sock")
        .stderr_has("hint: check that the server is running and that the path is right")
        .status(7);
    Probe::new(["send", "echo", "hi"])
        .stderr_has("hint: the built-in echo server is written with a colon: echo:")
        .within(ms(15_000))
        .status(6);
}

#[test]
fn a_port_behind_a_colon_is_this_machines() {
    let server = Server::new()
        .accept()
        .expect_text("hi")
        .send_text("ho")
        .close_when_asked();
    Probe::new(["send", &format!(":{}", server.port()), "hi"])
        .stdout("ho\n")
        .status(0);
}

#[test]
fn a_guessed_wss_that_meets_no_tls_says_that_it_was_guessed() {
    let server = Server::new().connected().expect_anything().drop_tcp();
    let address = format!("chat.example:{}/room", server.port());
    let resolve = format!("chat.example:{}:127.0.0.1", server.port());
    Probe::new(["send", &address, "hi", "--resolve", &resolve])
        .stderr_has(&format!(
            "hint: a remote host without a scheme means wss://; try ws://{address}"
        ))
        .status(35);
}

#[test]
fn ws_where_the_server_wants_tls_says_so() {
    let said = "The plain HTTP request was sent to HTTPS port";
    let server = Server::new().refuse("400 Bad Request", "", said);
    Probe::new(["send", &server.url(), "hi"])
        .stderr_has("hint: this port expects TLS; try wss:// instead of ws://")
        .status(22);
}

#[test]
fn a_web_page_is_told_from_an_endpoint() {
    let server = Server::new().refuse("200 OK", "Content-Type: text/html\r\n", "<h1>Hello</h1>");
    let url = server.url().replace("ws://", "http://");
    Probe::new(["send", &url, "hi"])
        .stderr_has("the server answered 200 OK")
        .stderr_has("hint: the server sent a web page; check the path of the WebSocket endpoint")
        .status(22);
}

#[test]
fn a_self_signed_certificate_is_shown_with_both_ways_out() {
    let certificate = Certificate::self_signed();
    let server = Server::tls(certificate).expect_tls_failure();
    Probe::new(["send", &server.url(), "hi"])
        .stderr_has("is not accepted")
        .stderr_has("--cacert FILE")
        .stderr_has("--insecure")
        .status(60);
}

#[test]
fn a_proxy_that_is_needed_is_named_where_nothing_answers() {
    let Some(hole) = BlackHole::dig() else {
        eprintln!("skipped: this kernel takes connections beyond a backlog");
        return;
    };
    Probe::new(["send", &hole.url(), "hi", "--connect-timeout", "0.3"])
        .stderr_has("hint: check the host and port; use --proxy URL if this network needs a proxy")
        .status(28);
}

#[test]
fn a_subprotocol_that_the_server_does_not_know_is_named() {
    let server = Server::new().accept().close_when_asked();
    Probe::new([
        "send",
        &server.url(),
        "hi",
        "-s",
        "chat",
        "--expect-subprotocol",
        "chat",
    ])
    .stderr_has("the server chose no subprotocol, expected chat")
    .stderr_has("offer a subprotocol that the server supports")
    .status(1);
}

#[test]
fn json_that_is_none_is_sent_as_it_is_and_named_when_it_fails() {
    let server = Server::new()
        .accept()
        .expect_text("{'op':'time'}")
        .close(1007, "no JSON")
        .expect_close(1007);
    Probe::new(["send", &server.url(), "{'op':'time'}"])
        .stderr_has("1007")
        .stderr_has("hint: the message looks like JSON but is not valid; JSON needs double quotes inside, so use single quotes for the shell")
        .status(10);
    let server = Server::new()
        .accept()
        .expect_text("{op:time}")
        .send_text("ok")
        .close_when_asked();
    Probe::new(["send", &server.url(), "{op:time}"])
        .stdout("ok\n")
        .status(0);
}

#[test]
fn a_url_that_the_shell_cut_at_an_ampersand_is_suspected() {
    let server = Server::new()
        .refuse("401 Unauthorized", "", "token missing")
        .expect_request_line("GET /feed?room=1 HTTP/1.1");
    Probe::new(["listen", &server.url_of("/feed?room=1")])
        .stderr_has("token missing")
        .stderr_has("quote a URL that contains &")
        .status(22);
}
