//! The most likely mistakes of someone who comes from wscat, websocat, curl or ping, or types in a hurry:
//! what the one line says, and what it says to try.

use crate::harness::{BlackHole, Certificate, Nobody, Probe, Server, ms};

/// What was typed behind `wsprobe`, the line it gets, and the cure.
struct Mistake(&'static str, &'static str, &'static str);

/// Nothing of these leaves the machine: exit status 2.
const TYPED: &[Mistake] = &[
    // No verb.
    Mistake(
        "ws://h.example/chat",
        "a verb must stand before 'ws://h.example/chat'",
        "wsprobe connect ws://h.example/chat   or   wsprobe send ws://h.example/chat MESSAGE   or   wsprobe listen ws://h.example/chat",
    ),
    Mistake(
        "-c wss://h.example/?token=secretive",
        "a verb must stand before 'wss://h.example/?token=***'",
        "wsprobe connect wss://h.example/?token=***   or",
    ),
    Mistake(
        "-x hi -c ws://h.example/",
        "a verb must stand before 'ws://h.example/'",
        "wsprobe send ws://h.example/ MESSAGE",
    ),
    Mistake(
        "- ws://h.example/",
        "a verb must stand before 'ws://h.example/'",
        "wsprobe connect",
    ),
    Mistake(
        "h.example/chat",
        "a verb must stand before 'h.example/chat'",
        "wsprobe connect h.example/chat",
    ),
    Mistake(
        "-l 8080",
        "'8080' is a port: to listen on it is to serve",
        "wsprobe serve 8080   or   wsprobe listen ws://localhost:8080/",
    ),
    Mistake("listen 8080", "'8080' is a port", "wsprobe serve 8080"),
    Mistake("-s 1234", "'1234' is a port", "wsprobe serve 1234"),
    Mistake(
        "ws-l:127.0.0.1:8080 mirror:",
        "'127.0.0.1:8080' is a port",
        "wsprobe serve 127.0.0.1:8080",
    ),
    Mistake(
        "lisen ws://h.example/",
        "'lisen' is no verb",
        "did you mean wsprobe listen?",
    ),
    Mistake("pign", "'pign' is no verb", "did you mean wsprobe ping?"),
    Mistake(
        "gibberish",
        "'gibberish' is no verb",
        "the verbs are connect, send, listen, ping, check, serve",
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
        "send has no option -n",
        "it means another thing in each tool",
    ),
    Mistake(
        "connect -n wss://h.example/",
        "connect has no option -n",
        "-k accepts any certificate",
    ),
    Mistake(
        "listen -n wss://h.example/",
        "listen has no option -n",
        "-k accepts any certificate",
    ),
    Mistake(
        "check -n wss://h.example/",
        "check has no option -n",
        "-k accepts any certificate",
    ),
    Mistake(
        "ping -n 3 wss://h.example/",
        "ping has no option -n",
        "-c N is the number of pings",
    ),
    Mistake(
        "--verbose",
        "--verbose is no option of wsprobe itself",
        "a verb comes first: connect, send",
    ),
    Mistake("send", "send needs <URL>", "wsprobe send -h"),
    // wscat's options.
    Mistake(
        "connect -c ws://h.example/",
        "connect has no option -c",
        "wsprobe connect URL",
    ),
    Mistake(
        "connect -P ws://h.example/",
        "connect has no option -P",
        "-v shows pings and pongs",
    ),
    Mistake(
        "connect --no-color ws://h.example/",
        "connect has no option --no-color",
        "--color never",
    ),
    Mistake(
        "connect --slash ws://h.example/",
        "connect has no option --slash",
        "/help",
    ),
    Mistake(
        "connect --listen 8080",
        "connect has no option --listen",
        "wsprobe serve PORT",
    ),
    Mistake(
        "listen -w 5 ws://h.example/",
        "listen has no option -w",
        "--for TIME",
    ),
    // websocat's.
    Mistake(
        "send -n1 ws://h.example/ hi",
        "send has no option -n",
        "-k accepts any certificate",
    ),
    Mistake(
        "send -E ws://h.example/",
        "send has no option -E",
        "the end of stdin loses no reply",
    ),
    Mistake(
        "send -B 1000000 ws://h.example/",
        "send has no option -B",
        "messages are never cut",
    ),
    Mistake(
        "listen --max-messages 3 ws://h.example/",
        "listen has no option --max-messages",
        "-c N",
    ),
    Mistake(
        "send unix:/run/a.sock hi",
        "unix: is no scheme",
        "try ws+unix:/run/a.sock:/",
    ),
    Mistake(
        "connect --print-ping-rtts ws://h.example/",
        "connect has no option --print-ping-rtts",
        "wsprobe ping URL",
    ),
    Mistake(
        "listen --auto-reconnect ws://h.example/",
        "listen has no option --auto-reconnect",
        "--reconnect",
    ),
    // curl's.
    Mistake(
        "send -d hi ws://h.example/",
        "send has no option -d",
        "wsprobe send URL MESSAGE",
    ),
    Mistake(
        "send -X GET ws://h.example/ hi",
        "send has no option -X",
        "always a GET",
    ),
    Mistake(
        "listen -i ws://h.example/",
        "listen has no option -i",
        "-v shows the header fields",
    ),
    Mistake(
        "listen -N ws://h.example/",
        "listen has no option -N",
        "never held back",
    ),
    Mistake(
        "listen -sS ws://h.example/",
        "-s names a subprotocol, and -sS looks like curl's silence",
        "-q says less",
    ),
    Mistake(
        "listen -s ws://h.example/",
        "-s names a subprotocol, and 'ws://h.example/' is a URL; to say less, -q",
        "",
    ),
    Mistake(
        "listen -o out.txt ws://h.example/",
        "--origin <ORIGIN>: 'out.txt' is no origin",
        "",
    ),
    Mistake(
        "listen -x http://proxy:3128 ws://h.example/",
        "-x is a message to send, and this looks like a proxy: --proxy http://proxy:3128",
        "",
    ),
    Mistake(
        "send ws://h.example/ hi -w %{http_code}",
        "-w is how long to wait (5s); for fields of the connection use --json and jq",
        "",
    ),
    Mistake(
        "send --timeout 5 ws://h.example/ hi",
        "send has no option --timeout",
        "--connect-timeout TIME",
    ),
    Mistake(
        "listen --compressed ws://h.example/",
        "listen has no option --compressed",
        "permessage-deflate is offered anyway",
    ),
    Mistake(
        "send ws://h.example/ hi -m 0",
        "it must be longer than 0; without it there is no limit",
        "",
    ),
    Mistake(
        "send -H Authorization: Bearer secretive ws://h.example/ hi",
        "it has no value: quote all of it, -H 'Authorization: VALUE'",
        "",
    ),
    Mistake(
        "send -b ws://h.example/ hi",
        "for binary messages --binary",
        "",
    ),
    // ping's.
    Mistake("ping -s 1000 ws://h.example/", "is --size 1000", ""),
    Mistake(
        "ping -I eth0 h.example",
        "ping has no option -I",
        "--interface ADDRESS",
    ),
    Mistake(
        "ping -M do h.example",
        "ping has no option -M",
        "that belongs to ICMP",
    ),
    // Schemes.
    Mistake(
        "send ws:h.example hi",
        "'ws:h.example' is no WebSocket URL: ws must be followed by ://",
        "try ws://h.example",
    ),
    Mistake(
        "send wss//h.example hi",
        "wss must be followed by ://",
        "try wss://h.example",
    ),
    Mistake(
        "send wsss://h.example hi",
        "the scheme wsss: is none of ws, wss, http, https",
        "try wss://h.example",
    ),
    Mistake(
        "serve ws://127.0.0.1:8080",
        "'ws://127.0.0.1:8080' is a URL, and serve takes an address",
        "wsprobe serve 127.0.0.1:8080",
    ),
    Mistake(
        "serve --port 8080",
        "serve has no option --port",
        "wsprobe serve 8080",
    ),
    Mistake(
        "serve --host 0.0.0.0 8080",
        "serve has no option --host",
        "wsprobe serve 0.0.0.0:8080",
    ),
    Mistake(
        "send 'ws://h.example/' hi",
        "it stands in quotes that the shell has left",
        "try ws://h.example/",
    ),
    Mistake(
        "send ws:///h.example/ hi",
        "it has no host",
        "try ws://h.example/",
    ),
    Mistake(
        "send ws://h.example:port/ hi",
        "its port is no number up to 65535",
        "write ws://HOST:PORT/PATH",
    ),
    Mistake("version", "'version' is no verb", "wsprobe --version"),
    Mistake(
        "help exitcodes",
        "there is no help on 'exitcodes'",
        "exit-codes",
    ),
    // Values.
    Mistake(
        "send ws://h.example/ hi --expect {'op':'pong'}",
        "starts like JSON but is none (key must be a string at line 1 column 2; JSON takes double quotes)",
        "",
    ),
    Mistake(
        "send ws://h.example/ -5",
        "send has no option -5",
        "wsprobe send URL -- -5",
    ),
    Mistake(
        "send ws://h.example/ hi --pretty sometimes",
        "--pretty <WHEN>: 'sometimes' is none of auto, always, never",
        "",
    ),
    Mistake(
        "send ws://h.example/ -c many",
        "--count <N>: 'many' will not do: it is no whole number",
        "",
    ),
    Mistake(
        "send ws://h.example/ hi --insecre",
        "send has no option --insecre",
        "did you mean --insecure?",
    ),
    Mistake(
        "listen ws://h.example/ hello",
        "listen does not know what to do with 'hello'",
        "wsprobe send URL MESSAGE",
    ),
    // A second round.
    Mistake(
        "connect - ws://h.example/?token=secretive",
        "connect takes one URL, and 'ws://h.example/?token=***' is a second one",
        "wsprobe connect ws://h.example/?token=*** alone",
    ),
    Mistake(
        "connect literal:hi ws://h.example/",
        "'ws://h.example/' is a second one",
        "stdin and stdout need no name",
    ),
    Mistake(
        "mirror: ws://h.example/",
        "a verb must stand before 'ws://h.example/'",
        "wsprobe connect ws://h.example/",
    ),
    Mistake(
        "send - ws://h.example/",
        "- is stdin, which needs a URL before it",
        "ws://HOST[:PORT]/PATH",
    ),
    Mistake(
        "connect ws-c:tcp:127.0.0.1:8080",
        "ws-c: is an address of websocat's alone",
        "write ws://HOST[:PORT]/PATH",
    ),
    Mistake("send 8080 hi", "it is a number alone", "is :8080"),
    Mistake(
        "send /chat hi",
        "'/chat' is no WebSocket URL: it is a path, and has no host",
        "or :PORT/chat",
    ),
    Mistake(
        "send unix:///run/a.sock hi",
        "unix: is no scheme",
        "try ws+unix:/run/a.sock:/",
    ),
    Mistake(
        "send file:///run/a hi",
        "the scheme file: is none of",
        "write ws://HOST[:PORT]/PATH",
    ),
    Mistake(
        "send ws://::1:8080/ hi",
        "it has no host that could be read",
        "in brackets: ws://[::1]:8080/",
    ),
    Mistake(
        "send ws://[::1:8080/ hi",
        "it has no host that could be read",
        "in brackets: ws://[::1]:8080/",
    ),
    Mistake(
        "listen -u ws://h.example/",
        "a URL stands where the user is expected: write -u USER",
        "",
    ),
    Mistake(
        "listen ws://h.example/ -n 1",
        "listen has no option -n",
        "-c N is a count",
    ),
    Mistake(
        "listen --binary ws://h.example/",
        "listen has no option --binary",
        "printed as they are",
    ),
    Mistake(
        "listen ws://h.example/ --expect hi",
        "listen has no option --expect",
        "--until PATTERN",
    ),
    Mistake(
        "connect ws://h.example/ --expect hi",
        "connect has no option --expect",
        "send --expect PATTERN",
    ),
    Mistake(
        "connect ws://h.example/ --max-messages 1",
        "connect has no option --max-messages",
        "listen -c N",
    ),
    Mistake(
        "connect -1 ws://h.example/",
        "connect has no option -1",
        "a session has no count",
    ),
    Mistake(
        "send --oneshot ws://h.example/ hi",
        "send has no option --oneshot",
        "one reply a message",
    ),
    Mistake(
        "connect --ws-c-uri=ws://h.example/",
        "connect has no option --ws-c-uri",
        "the URL stands by itself",
    ),
    Mistake(
        "connect --tls-domain h ws://h.example/",
        "connect has no option --tls-domain",
        "--servername NAME",
    ),
    Mistake(
        "connect --protocol 13 ws://h.example/",
        "-s names a subprotocol, and '13' is a number",
        "",
    ),
    Mistake(
        "send ws://h.example/ -f hi.json",
        "send has no option -f",
        "--file FILE",
    ),
    Mistake(
        "send ws://h.example/ --data-binary @hi.bin",
        "send has no option --data-binary",
        "--file FILE sends a file",
    ),
    Mistake(
        "send ws://h.example/ hi --tls-max 1.2",
        "send has no option --tls-max",
        "--tls-min 1.2|1.3",
    ),
    Mistake(
        "send ws://h.example/ hi --capath /etc/ssl/certs",
        "send has no option --capath",
        "SSL_CERT_DIR",
    ),
    Mistake(
        "send ws://h.example/ hi --connect-to a:1:b:2",
        "send has no option --connect-to",
        "--resolve HOST:PORT:ADDRESS",
    ),
    Mistake(
        "send ws://h.example/ hi --http2-prior-knowledge",
        "send has no option --http2-prior-knowledge",
        "--http2",
    ),
    Mistake(
        "send ws://h.example/ hi --digest",
        "send has no option --digest",
        "-H 'Authorization: VALUE'",
    ),
    Mistake(
        "send ws://h.example/ hi --cookie-jar f",
        "send has no option --cookie-jar",
        "-b NAME=VALUE",
    ),
    Mistake(
        "send ws://h.example/ hi -K f",
        "send has no option -K",
        "-H @FILE reads headers",
    ),
    Mistake(
        "send ws://h.example/ -F a=b",
        "send has no option -F",
        "a WebSocket has no form",
    ),
    Mistake(
        "send ws://h.example/ hi --write-out x",
        "send has no option --write-out",
        "--json and jq",
    ),
    Mistake(
        "send ws://h.example/ hi --limit-rate 5",
        "send has no option --limit-rate",
        "send --rate N/s",
    ),
    Mistake(
        "send ws://h.example/ hi -R",
        "send has no option -R",
        "wsprobe send --help has them all",
    ),
    Mistake(
        "send ws://h.example/ hi -s -v",
        "--subprotocol <NAME> needs a value",
        "-q says less",
    ),
    Mistake(
        "send ws://h.example/ hi --header",
        "--header <NAME: VALUE> needs a value",
        "wsprobe send --help",
    ),
    Mistake(
        "send ws://h.example/ hi --verbose=2",
        "--verbose takes no value",
        "wsprobe send --help",
    ),
    Mistake(
        "ping ws://h.example/ -c 0",
        "--count <N>: '0' will not do: it must be at least 1",
        "",
    ),
    Mistake(
        "ping ws://h.example/ --size 200",
        "--size <BYTES>: '200' will not do: it must be a number from 0 to 125",
        "",
    ),
    Mistake(
        "send ws://h.example/ --base64 a!",
        "the message 'a!' is wrong at byte 2: '!' is no digit of base64",
        "",
    ),
    Mistake("check /", "/ is a directory", "its check files are /*.wst"),
    Mistake(
        "listen ws://h.example/ -H Authorization=Bearer",
        "--header <NAME: VALUE>: 'Authorization…' will not do: it is no header: write 'Name: value'",
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
        .stderr("hint: messages stand behind the URL: wsprobe send URL MESSAGE; --file FILE sends a file\n")
        .status(2);
    assert_eq!(output.events()[0]["message"], "send has no option -d");
}

#[test]
fn a_port_that_was_not_named_is_named() {
    let Err(error) = std::net::TcpStream::connect("127.0.0.1:80") else {
        eprintln!("skipped: something serves port 80 here");
        return;
    };
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionRefused);
    Probe::new(["send", "127.0.0.1/chat?token=secretive", "hi"])
        .stderr_has("hint: nothing listens on port 80, which ws:// means without another one: try ws://127.0.0.1:PORT/chat?token=***")
        .status(7);
    let nobody = Nobody::listens();
    Probe::new(["send", &nobody.url(), "hi"])
        .stderr_has("hint: nothing listens on that port: is the server running?")
        .status(7);
}

#[test]
fn a_message_in_the_place_of_the_url_is_named() {
    Probe::new(["send", "hello", "ws://h.example/"])
        .stderr_has("cannot find the host hello")
        .stderr_has("hint: hello stands where the URL is expected")
        .within(ms(15_000))
        .status(6);
}

#[test]
fn a_socket_that_is_not_there_and_the_built_in_server_without_its_colon_are_told() {
    Probe::new(["send", "ws+unix:/nowhere/a.sock", "hi"])
        .stderr_has("cannot connect to the socket /nowhere/a.sock")
        .stderr_has("hint: is the server running, and is that its path?")
        .status(7);
    Probe::new(["send", "echo", "hi"])
        .stderr_has("hint: the built-in server is written with a colon: echo:")
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
            "hint: a name without a scheme means wss://, unless it is this machine: try ws://{address}"
        ))
        .status(35);
}

#[test]
fn ws_where_the_server_wants_tls_says_so() {
    let said = "The plain HTTP request was sent to HTTPS port";
    let server = Server::new().refuse("400 Bad Request", "", said);
    Probe::new(["send", &server.url(), "hi"])
        .stderr_has("hint: this port wants TLS: try wss:// instead of ws://")
        .status(22);
}

#[test]
fn a_web_page_is_told_from_an_endpoint() {
    let server = Server::new().refuse("200 OK", "Content-Type: text/html\r\n", "<h1>Hello</h1>");
    let url = server.url().replace("ws://", "http://");
    Probe::new(["send", &url, "hi"])
        .stderr_has("the server answered 200 OK")
        .stderr_has("hint: this is a web page: is the path that of the WebSocket endpoint?")
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
        .stderr_has("hint: check host and port; where only a proxy leads out, --proxy URL")
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
        .stderr_has("hint: what was sent looks like JSON and is none: it takes double quotes")
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
        .stderr_has("a URL with & in it must be quoted")
        .status(22);
}
