
use builtin;
use str;

set edit:completion:arg-completer[wsprobe] = {|@words|
    fn spaces {|n|
        builtin:repeat $n ' ' | str:join ''
    }
    fn cand {|text desc|
        edit:complex-candidate $text &display=$text' '(spaces (- 14 (wcswidth $text)))$desc
    }
    var command = 'wsprobe'
    for word $words[1..-1] {
        if (str:has-prefix $word '-') {
            break
        }
        set command = $command';'$word
    }
    var completions = [
        &'wsprobe'= {
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
            cand -V 'Print version'
            cand --version 'Print version'
            cand connect 'Talk by hand: an interactive session'
            cand send 'Send messages, print the replies, exit'
            cand listen 'Print what comes'
            cand ping 'Measure round-trip times'
            cand serve 'A server to test against'
            cand completions 'Print a completion script'
            cand help 'Print this message or the help of the given subcommand(s)'
        }
        &'wsprobe;connect'= {
            cand -w 'In a pipe: how long to listen on after the end of stdin and the last message'
            cand --wait 'In a pipe: how long to listen on after the end of stdin and the last message'
            cand -H 'Add a request header (repeat for several; it replaces one of ours, ''Name:'' leaves one out)'
            cand --header 'Add a request header (repeat for several; it replaces one of ours, ''Name:'' leaves one out)'
            cand -s 'Offer a subprotocol (repeat, or separate with commas)'
            cand --subprotocol 'Offer a subprotocol (repeat, or separate with commas)'
            cand -o 'Send an Origin header, as a browser does'
            cand --origin 'Send an Origin header, as a browser does'
            cand --compress 'Offer permessage-deflate with these parameters, such as ''client_max_window_bits=10; server_no_context_takeover'''
            cand --cacert 'Trust the CA certificates in FILE (PEM) as well'
            cand --connect-timeout 'From the name lookup to the server''s 101'
            cand -m 'For everything; reaching it is exit 28'
            cand --max-time 'For everything; reaching it is exit 28'
            cand --close-timeout 'From our close frame to the server''s'
            cand -x 'Send a message after every open, before anything else (repeat); @FILE and env:NAME keep secrets out of the command line'
            cand --execute 'Send a message after every open, before anything else (repeat); @FILE and env:NAME keep secrets out of the command line'
            cand --close 'How we close'
            cand --max-size 'The largest message accepted'
            cand --pretty 'Lay out JSON messages over several lines'
            cand --color 'Use colour'
            cand --log 'Write every event as a line of JSON to FILE as well'
            cand -0 'Messages end with NUL instead of newline, in and out'
            cand --null 'Messages end with NUL instead of newline, in and out'
            cand --no-history 'Keep no history on disk'
            cand --no-compress 'Do not offer permessage-deflate, which browsers always offer'
            cand -k 'Accept any server certificate, and say what is wrong with it'
            cand --insecure 'Accept any server certificate, and say what is wrong with it'
            cand --json 'Print every event as a line of JSON'
            cand -t 'Print the time of arrival (UTC) before each message'
            cand --timestamps 'Print the time of arrival (UTC) before each message'
            cand -q 'Say less on stderr'
            cand --quiet 'Say less on stderr'
            cand -v 'Say more on stderr: handshake, TLS, times, control frames; twice, every frame'
            cand --verbose 'Say more on stderr: handshake, TLS, times, control frames; twice, every frame'
            cand --show-secrets 'Show credentials and tokens in output'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'wsprobe;send'= {
            cand -c 'End after exactly N replies'
            cand --count 'End after exactly N replies'
            cand -w 'The longest silence, counted from the last message sent or received; reaching it is exit 28'
            cand --wait 'The longest silence, counted from the last message sent or received; reaching it is exit 28'
            cand --file 'Send a file as one message (repeat for several)'
            cand --fragment 'Send each message in fragments (frames) of at most SIZE'
            cand --rate 'Send at most N messages a second'
            cand --delay 'Wait between messages'
            cand -H 'Add a request header (repeat for several; it replaces one of ours, ''Name:'' leaves one out)'
            cand --header 'Add a request header (repeat for several; it replaces one of ours, ''Name:'' leaves one out)'
            cand -s 'Offer a subprotocol (repeat, or separate with commas)'
            cand --subprotocol 'Offer a subprotocol (repeat, or separate with commas)'
            cand -o 'Send an Origin header, as a browser does'
            cand --origin 'Send an Origin header, as a browser does'
            cand --compress 'Offer permessage-deflate with these parameters, such as ''client_max_window_bits=10; server_no_context_takeover'''
            cand --cacert 'Trust the CA certificates in FILE (PEM) as well'
            cand --connect-timeout 'From the name lookup to the server''s 101'
            cand -m 'For everything; reaching it is exit 28'
            cand --max-time 'For everything; reaching it is exit 28'
            cand --close-timeout 'From our close frame to the server''s'
            cand -x 'Send a message after every open, before anything else (repeat); @FILE and env:NAME keep secrets out of the command line'
            cand --execute 'Send a message after every open, before anything else (repeat); @FILE and env:NAME keep secrets out of the command line'
            cand --close 'How we close'
            cand --max-size 'The largest message accepted'
            cand --pretty 'Lay out JSON messages over several lines'
            cand --color 'Use colour'
            cand --log 'Write every event as a line of JSON to FILE as well'
            cand --no-wait 'Wait for no reply, only for the closing handshake, which says that the server has read it all'
            cand --whole 'Send all of stdin as one message'
            cand -0 'Messages end with NUL instead of newline, in and out'
            cand --null 'Messages end with NUL instead of newline, in and out'
            cand --binary 'Send binary messages instead of text'
            cand --hex 'Messages are written in hexadecimal; send them as binary'
            cand --base64 'Messages are written in base64; send them as binary'
            cand --no-compress 'Do not offer permessage-deflate, which browsers always offer'
            cand -k 'Accept any server certificate, and say what is wrong with it'
            cand --insecure 'Accept any server certificate, and say what is wrong with it'
            cand --json 'Print every event as a line of JSON'
            cand -t 'Print the time of arrival (UTC) before each message'
            cand --timestamps 'Print the time of arrival (UTC) before each message'
            cand -q 'Say less on stderr'
            cand --quiet 'Say less on stderr'
            cand -v 'Say more on stderr: handshake, TLS, times, control frames; twice, every frame'
            cand --verbose 'Say more on stderr: handshake, TLS, times, control frames; twice, every frame'
            cand --show-secrets 'Show credentials and tokens in output'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'wsprobe;listen'= {
            cand -c 'End after N messages'
            cand --count 'End after N messages'
            cand --for 'End well after so long'
            cand --idle-timeout 'Fail (exit 28) when no message has come for so long'
            cand -l 'wscat''s way to start a server: names the right one'
            cand -H 'Add a request header (repeat for several; it replaces one of ours, ''Name:'' leaves one out)'
            cand --header 'Add a request header (repeat for several; it replaces one of ours, ''Name:'' leaves one out)'
            cand -s 'Offer a subprotocol (repeat, or separate with commas)'
            cand --subprotocol 'Offer a subprotocol (repeat, or separate with commas)'
            cand -o 'Send an Origin header, as a browser does'
            cand --origin 'Send an Origin header, as a browser does'
            cand --compress 'Offer permessage-deflate with these parameters, such as ''client_max_window_bits=10; server_no_context_takeover'''
            cand --cacert 'Trust the CA certificates in FILE (PEM) as well'
            cand --connect-timeout 'From the name lookup to the server''s 101'
            cand -m 'For everything; reaching it is exit 28'
            cand --max-time 'For everything; reaching it is exit 28'
            cand --close-timeout 'From our close frame to the server''s'
            cand -x 'Send a message after every open, before anything else (repeat); @FILE and env:NAME keep secrets out of the command line'
            cand --execute 'Send a message after every open, before anything else (repeat); @FILE and env:NAME keep secrets out of the command line'
            cand --close 'How we close'
            cand --max-size 'The largest message accepted'
            cand --pretty 'Lay out JSON messages over several lines'
            cand --color 'Use colour'
            cand --log 'Write every event as a line of JSON to FILE as well'
            cand -1 'End after one message'
            cand --one 'End after one message'
            cand --echo 'Send every message back as it came (conformance suites, mirrors)'
            cand -0 'Messages end with NUL instead of newline'
            cand --null 'Messages end with NUL instead of newline'
            cand --no-compress 'Do not offer permessage-deflate, which browsers always offer'
            cand -k 'Accept any server certificate, and say what is wrong with it'
            cand --insecure 'Accept any server certificate, and say what is wrong with it'
            cand --json 'Print every event as a line of JSON'
            cand -t 'Print the time of arrival (UTC) before each message'
            cand --timestamps 'Print the time of arrival (UTC) before each message'
            cand -q 'Say less on stderr'
            cand --quiet 'Say less on stderr'
            cand -v 'Say more on stderr: handshake, TLS, times, control frames; twice, every frame'
            cand --verbose 'Say more on stderr: handshake, TLS, times, control frames; twice, every frame'
            cand --show-secrets 'Show credentials and tokens in output'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'wsprobe;ping'= {
            cand -c 'End after N pings'
            cand --count 'End after N pings'
            cand -i 'Time from one ping to the next'
            cand --interval 'Time from one ping to the next'
            cand -W 'How long to wait for missing pongs after the last ping'
            cand --wait 'How long to wait for missing pongs after the last ping'
            cand --size 'Bytes of payload in each ping, 8 to 125'
            cand -H 'Add a request header (repeat for several; it replaces one of ours, ''Name:'' leaves one out)'
            cand --header 'Add a request header (repeat for several; it replaces one of ours, ''Name:'' leaves one out)'
            cand -s 'Offer a subprotocol (repeat, or separate with commas)'
            cand --subprotocol 'Offer a subprotocol (repeat, or separate with commas)'
            cand -o 'Send an Origin header, as a browser does'
            cand --origin 'Send an Origin header, as a browser does'
            cand --compress 'Offer permessage-deflate with these parameters, such as ''client_max_window_bits=10; server_no_context_takeover'''
            cand --cacert 'Trust the CA certificates in FILE (PEM) as well'
            cand --connect-timeout 'From the name lookup to the server''s 101'
            cand -m 'For everything; reaching it is exit 28'
            cand --max-time 'For everything; reaching it is exit 28'
            cand --close-timeout 'From our close frame to the server''s'
            cand -x 'Send a message after every open, before anything else (repeat); @FILE and env:NAME keep secrets out of the command line'
            cand --execute 'Send a message after every open, before anything else (repeat); @FILE and env:NAME keep secrets out of the command line'
            cand --close 'How we close'
            cand --max-size 'The largest message accepted'
            cand --pretty 'Lay out JSON messages over several lines'
            cand --color 'Use colour'
            cand --log 'Write every event as a line of JSON to FILE as well'
            cand --no-compress 'Do not offer permessage-deflate, which browsers always offer'
            cand -k 'Accept any server certificate, and say what is wrong with it'
            cand --insecure 'Accept any server certificate, and say what is wrong with it'
            cand --json 'Print every event as a line of JSON'
            cand -t 'Print the time of arrival (UTC) before each message'
            cand --timestamps 'Print the time of arrival (UTC) before each message'
            cand -q 'Say less on stderr'
            cand --quiet 'Say less on stderr'
            cand -v 'Say more on stderr: handshake, TLS, times, control frames; twice, every frame'
            cand --verbose 'Say more on stderr: handshake, TLS, times, control frames; twice, every frame'
            cand --show-secrets 'Show credentials and tokens in output'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'wsprobe;serve'= {
            cand --mode 'What the server does with messages'
            cand --max-size 'The largest message accepted'
            cand --json 'Print the address as a JSON event on stdout'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'wsprobe;completions'= {
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'wsprobe;help'= {
            cand connect 'Talk by hand: an interactive session'
            cand send 'Send messages, print the replies, exit'
            cand listen 'Print what comes'
            cand ping 'Measure round-trip times'
            cand serve 'A server to test against'
            cand completions 'Print a completion script'
            cand help 'Print this message or the help of the given subcommand(s)'
        }
        &'wsprobe;help;connect'= {
        }
        &'wsprobe;help;send'= {
        }
        &'wsprobe;help;listen'= {
        }
        &'wsprobe;help;ping'= {
        }
        &'wsprobe;help;serve'= {
        }
        &'wsprobe;help;completions'= {
        }
        &'wsprobe;help;help'= {
        }
    ]
    $completions[$command]
}
