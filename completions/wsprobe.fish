# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_wsprobe_global_optspecs
    string join \n h/help V/version
end

function __fish_wsprobe_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_wsprobe_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_wsprobe_using_subcommand
    set -l cmd (__fish_wsprobe_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c wsprobe -n "__fish_wsprobe_needs_command" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c wsprobe -n "__fish_wsprobe_needs_command" -s V -l version -d 'Print version'
complete -c wsprobe -n "__fish_wsprobe_needs_command" -f -a "connect" -d 'Talk by hand: an interactive session'
complete -c wsprobe -n "__fish_wsprobe_needs_command" -f -a "send" -d 'Send messages, print the replies, exit'
complete -c wsprobe -n "__fish_wsprobe_needs_command" -f -a "listen" -d 'Print what comes'
complete -c wsprobe -n "__fish_wsprobe_needs_command" -f -a "ping" -d 'Measure round-trip times'
complete -c wsprobe -n "__fish_wsprobe_needs_command" -f -a "check" -d 'Probe an endpoint, or run scripted conversations: pass or fail'
complete -c wsprobe -n "__fish_wsprobe_needs_command" -f -a "serve" -d 'A server to test against'
complete -c wsprobe -n "__fish_wsprobe_needs_command" -f -a "completions" -d 'Print a completion script'
complete -c wsprobe -n "__fish_wsprobe_needs_command" -f -a "help" -d 'Show the help of a verb, or a chapter of the manual'
complete -c wsprobe -n "__fish_wsprobe_using_subcommand connect" -s w -l wait -d 'In a pipe: how long to listen on after the end of stdin and the last message' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand connect" -s H -l header -d 'Add a request header (repeat for several; it replaces one of ours, \'Name:\' leaves one out, \'Name;\' sends it empty; @FILE and env:NAME read one a line)' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand connect" -s s -l subprotocol -d 'Offer a subprotocol (repeat, or separate with commas); @FILE and env:NAME keep a token out of the command line' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand connect" -s o -l origin -d 'Send an Origin header, as a browser does' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand connect" -s u -l user -d 'Log in with a user and password; without the password, WSPROBE_PASSWORD has it or the terminal asks; env:NAME reads both from a variable' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand connect" -l bearer -d 'Log in with a token; @FILE and env:NAME keep it out of the command line and are read for every connection' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand connect" -s b -l cookie -d 'Send a cookie (repeat for several)' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand connect" -s A -l user-agent -d 'Send another User-Agent; an empty one sends none' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand connect" -l max-redirects -d 'The most redirects that are followed' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand connect" -l compress -d 'Offer permessage-deflate with these parameters, such as \'client_max_window_bits=10; server_no_context_takeover\'' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand connect" -l cacert -d 'Trust the CA certificates in FILE (PEM) as well' -r -F
complete -c wsprobe -n "__fish_wsprobe_using_subcommand connect" -l cert -d 'Show the server this certificate (PEM), followed by those that lead to its CA' -r -F
complete -c wsprobe -n "__fish_wsprobe_using_subcommand connect" -l key -d 'The key of --cert (PEM), where it is not in the same file' -r -F
complete -c wsprobe -n "__fish_wsprobe_using_subcommand connect" -l passphrase -d 'wscat\'s word for an encrypted key, which is refused with the cure' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand connect" -l servername -d 'Ask for this name and check the certificate against it, in place of the URL\'s host' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand connect" -l tls-min -d 'The oldest version of TLS accepted' -r -f -a "1.2\t'TLS 1.2'
1.3\t'TLS 1.3'"
complete -c wsprobe -n "__fish_wsprobe_using_subcommand connect" -l proxy -d 'Go through a proxy: http, https, socks5 (names looked up here) or socks5h (by the proxy); \'\' goes through none, whatever the environment says' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand connect" -l resolve -d 'Use these addresses for a host, or * for all (repeat for several)' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand connect" -l unix-socket -d 'Connect to a Unix domain socket, whatever the URL\'s host' -r -F
complete -c wsprobe -n "__fish_wsprobe_using_subcommand connect" -l interface -d 'Connect from this address or network interface of this machine' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand connect" -l connect-timeout -d 'The limit from the name lookup to the server\'s 101' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand connect" -s m -l max-time -d 'The limit of the whole run; reaching it is exit 28' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand connect" -l close-timeout -d 'The limit from our close frame to the server\'s' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand connect" -l retry -d 'Try again until the first 101: N retries, or for so long (30s); a network error, a timeout or HTTP 408 425 429 500 502 503 504 is worth another try' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand connect" -l reconnect -d 'Come back after a loss: at most N retries, for so long (5m), or without end; the messages of -x are sent again, nothing else is' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand connect" -l reconnect-on -d 'Close codes and HTTP statuses to come back after, or (!) not: 1000,4000-4099,!1011' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand connect" -l backoff -d 'The wait before a retry: a random part of BASE, doubled each time up to MAX' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand connect" -l ping-interval -d 'Send a ping frame every TIME; a server that does not answer is a loss' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand connect" -l ping-timeout -d 'How long to wait for a sign of life after a ping: its pong, or any data' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand connect" -l heartbeat -d 'Send this message at each --ping-interval in place of a ping frame; any data that comes counts as life' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand connect" -s x -l execute -d 'Send a message after every open, before anything else (repeat); @FILE and env:NAME keep secrets out of the command line' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand connect" -l close -d 'The code, and the reason, that we close with' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand connect" -l max-size -d 'The largest message accepted' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand connect" -l pretty -d 'Lay out JSON messages over several lines' -r -f -a "auto\t'On a terminal'
always\t'Always'
never\t'Never'"
complete -c wsprobe -n "__fish_wsprobe_using_subcommand connect" -l color -d 'Use colour' -r -f -a "auto\t'On a terminal'
always\t'Always'
never\t'Never'"
complete -c wsprobe -n "__fish_wsprobe_using_subcommand connect" -l log -d 'Write every event as a line of JSON to FILE as well' -r -F
complete -c wsprobe -n "__fish_wsprobe_using_subcommand connect" -s 0 -l null -d 'Messages end with NUL instead of newline, in and out'
complete -c wsprobe -n "__fish_wsprobe_using_subcommand connect" -l no-history -d 'Keep no history of what is typed on disk'
complete -c wsprobe -n "__fish_wsprobe_using_subcommand connect" -s L -l location -d 'Follow redirects to ws, wss, http and https, but never from wss to ws; credentials stay with their origin'
complete -c wsprobe -n "__fish_wsprobe_using_subcommand connect" -l http2 -d 'WebSocket over HTTP/2 (RFC 8441): agreed in TLS for wss, from the first byte for ws'
complete -c wsprobe -n "__fish_wsprobe_using_subcommand connect" -l no-compress -d 'Do not offer permessage-deflate, which browsers always offer'
complete -c wsprobe -n "__fish_wsprobe_using_subcommand connect" -s k -l insecure -d 'Accept any server certificate, and say what is wrong with it'
complete -c wsprobe -n "__fish_wsprobe_using_subcommand connect" -s 4 -l ipv4 -d 'Use IPv4 alone'
complete -c wsprobe -n "__fish_wsprobe_using_subcommand connect" -s 6 -l ipv6 -d 'Use IPv6 alone'
complete -c wsprobe -n "__fish_wsprobe_using_subcommand connect" -l json -d 'Print every event as a line of JSON'
complete -c wsprobe -n "__fish_wsprobe_using_subcommand connect" -s t -l timestamps -d 'Print the time of arrival (UTC) before each message'
complete -c wsprobe -n "__fish_wsprobe_using_subcommand connect" -s q -l quiet -d 'Say less on stderr'
complete -c wsprobe -n "__fish_wsprobe_using_subcommand connect" -s v -l verbose -d 'Say more on stderr: handshake, TLS, times, control frames; twice, every frame'
complete -c wsprobe -n "__fish_wsprobe_using_subcommand connect" -l show-secrets -d 'Show credentials and tokens in output'
complete -c wsprobe -n "__fish_wsprobe_using_subcommand connect" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c wsprobe -n "__fish_wsprobe_using_subcommand send" -s c -l count -d 'End after exactly N replies' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand send" -l expect -d 'Wait for a message that matches (repeat for a sequence); exit 1 when it does not come' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand send" -l expect-close -d 'Wait for the server to close with CODE, and with a reason that matches PATTERN' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand send" -l expect-status -d 'The handshake must be answered with this HTTP status; with any but 101 nothing is sent' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand send" -l expect-subprotocol -d 'The server must choose this subprotocol (offer it with -s)' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand send" -s w -l wait -d 'The longest silence, counted from the last message sent or received; reaching it is exit 28' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand send" -l file -d 'Send a file as one message (repeat for several)' -r -F
complete -c wsprobe -n "__fish_wsprobe_using_subcommand send" -l fragment -d 'Send each message in fragments (frames) of at most SIZE' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand send" -l rate -d 'Send at most N messages a second' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand send" -l delay -d 'Wait between messages' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand send" -s H -l header -d 'Add a request header (repeat for several; it replaces one of ours, \'Name:\' leaves one out, \'Name;\' sends it empty; @FILE and env:NAME read one a line)' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand send" -s s -l subprotocol -d 'Offer a subprotocol (repeat, or separate with commas); @FILE and env:NAME keep a token out of the command line' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand send" -s o -l origin -d 'Send an Origin header, as a browser does' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand send" -s u -l user -d 'Log in with a user and password; without the password, WSPROBE_PASSWORD has it or the terminal asks; env:NAME reads both from a variable' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand send" -l bearer -d 'Log in with a token; @FILE and env:NAME keep it out of the command line and are read for every connection' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand send" -s b -l cookie -d 'Send a cookie (repeat for several)' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand send" -s A -l user-agent -d 'Send another User-Agent; an empty one sends none' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand send" -l max-redirects -d 'The most redirects that are followed' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand send" -l compress -d 'Offer permessage-deflate with these parameters, such as \'client_max_window_bits=10; server_no_context_takeover\'' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand send" -l cacert -d 'Trust the CA certificates in FILE (PEM) as well' -r -F
complete -c wsprobe -n "__fish_wsprobe_using_subcommand send" -l cert -d 'Show the server this certificate (PEM), followed by those that lead to its CA' -r -F
complete -c wsprobe -n "__fish_wsprobe_using_subcommand send" -l key -d 'The key of --cert (PEM), where it is not in the same file' -r -F
complete -c wsprobe -n "__fish_wsprobe_using_subcommand send" -l passphrase -d 'wscat\'s word for an encrypted key, which is refused with the cure' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand send" -l servername -d 'Ask for this name and check the certificate against it, in place of the URL\'s host' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand send" -l tls-min -d 'The oldest version of TLS accepted' -r -f -a "1.2\t'TLS 1.2'
1.3\t'TLS 1.3'"
complete -c wsprobe -n "__fish_wsprobe_using_subcommand send" -l proxy -d 'Go through a proxy: http, https, socks5 (names looked up here) or socks5h (by the proxy); \'\' goes through none, whatever the environment says' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand send" -l resolve -d 'Use these addresses for a host, or * for all (repeat for several)' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand send" -l unix-socket -d 'Connect to a Unix domain socket, whatever the URL\'s host' -r -F
complete -c wsprobe -n "__fish_wsprobe_using_subcommand send" -l interface -d 'Connect from this address or network interface of this machine' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand send" -l connect-timeout -d 'The limit from the name lookup to the server\'s 101' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand send" -s m -l max-time -d 'The limit of the whole run; reaching it is exit 28' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand send" -l close-timeout -d 'The limit from our close frame to the server\'s' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand send" -l retry -d 'Try again until the first 101: N retries, or for so long (30s); a network error, a timeout or HTTP 408 425 429 500 502 503 504 is worth another try' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand send" -l reconnect -d 'Come back after a loss: at most N retries, for so long (5m), or without end; the messages of -x are sent again, nothing else is' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand send" -l reconnect-on -d 'Close codes and HTTP statuses to come back after, or (!) not: 1000,4000-4099,!1011' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand send" -l backoff -d 'The wait before a retry: a random part of BASE, doubled each time up to MAX' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand send" -l ping-interval -d 'Send a ping frame every TIME; a server that does not answer is a loss' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand send" -l ping-timeout -d 'How long to wait for a sign of life after a ping: its pong, or any data' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand send" -l heartbeat -d 'Send this message at each --ping-interval in place of a ping frame; any data that comes counts as life' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand send" -s x -l execute -d 'Send a message after every open, before anything else (repeat); @FILE and env:NAME keep secrets out of the command line' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand send" -l close -d 'The code, and the reason, that we close with' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand send" -l max-size -d 'The largest message accepted' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand send" -l pretty -d 'Lay out JSON messages over several lines' -r -f -a "auto\t'On a terminal'
always\t'Always'
never\t'Never'"
complete -c wsprobe -n "__fish_wsprobe_using_subcommand send" -l color -d 'Use colour' -r -f -a "auto\t'On a terminal'
always\t'Always'
never\t'Never'"
complete -c wsprobe -n "__fish_wsprobe_using_subcommand send" -l log -d 'Write every event as a line of JSON to FILE as well' -r -F
complete -c wsprobe -n "__fish_wsprobe_using_subcommand send" -l no-wait -d 'Wait for no reply, only for the closing handshake, which says that the server has read it all'
complete -c wsprobe -n "__fish_wsprobe_using_subcommand send" -l whole -d 'Send all of stdin as one message'
complete -c wsprobe -n "__fish_wsprobe_using_subcommand send" -s 0 -l null -d 'Messages end with NUL instead of newline, in and out'
complete -c wsprobe -n "__fish_wsprobe_using_subcommand send" -l binary -d 'Send binary messages instead of text'
complete -c wsprobe -n "__fish_wsprobe_using_subcommand send" -l hex -d 'Messages are written in hexadecimal; send them as binary'
complete -c wsprobe -n "__fish_wsprobe_using_subcommand send" -l base64 -d 'Messages are written in base64; send them as binary'
complete -c wsprobe -n "__fish_wsprobe_using_subcommand send" -s L -l location -d 'Follow redirects to ws, wss, http and https, but never from wss to ws; credentials stay with their origin'
complete -c wsprobe -n "__fish_wsprobe_using_subcommand send" -l http2 -d 'WebSocket over HTTP/2 (RFC 8441): agreed in TLS for wss, from the first byte for ws'
complete -c wsprobe -n "__fish_wsprobe_using_subcommand send" -l no-compress -d 'Do not offer permessage-deflate, which browsers always offer'
complete -c wsprobe -n "__fish_wsprobe_using_subcommand send" -s k -l insecure -d 'Accept any server certificate, and say what is wrong with it'
complete -c wsprobe -n "__fish_wsprobe_using_subcommand send" -s 4 -l ipv4 -d 'Use IPv4 alone'
complete -c wsprobe -n "__fish_wsprobe_using_subcommand send" -s 6 -l ipv6 -d 'Use IPv6 alone'
complete -c wsprobe -n "__fish_wsprobe_using_subcommand send" -l json -d 'Print every event as a line of JSON'
complete -c wsprobe -n "__fish_wsprobe_using_subcommand send" -s t -l timestamps -d 'Print the time of arrival (UTC) before each message'
complete -c wsprobe -n "__fish_wsprobe_using_subcommand send" -s q -l quiet -d 'Say less on stderr'
complete -c wsprobe -n "__fish_wsprobe_using_subcommand send" -s v -l verbose -d 'Say more on stderr: handshake, TLS, times, control frames; twice, every frame'
complete -c wsprobe -n "__fish_wsprobe_using_subcommand send" -l show-secrets -d 'Show credentials and tokens in output'
complete -c wsprobe -n "__fish_wsprobe_using_subcommand send" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c wsprobe -n "__fish_wsprobe_using_subcommand listen" -s c -l count -d 'End after N messages' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand listen" -l for -d 'End after so long, with exit 0' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand listen" -l until -d 'End after the first message that matches, with exit 0' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand listen" -l filter -d 'Print (and count) only messages that match' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand listen" -l select -d 'Print this part of each JSON message, strings without quotes' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand listen" -l idle-timeout -d 'Fail (exit 28) when no message has come for so long' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand listen" -s l -d 'wscat\'s way to start a server: names the right one' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand listen" -s H -l header -d 'Add a request header (repeat for several; it replaces one of ours, \'Name:\' leaves one out, \'Name;\' sends it empty; @FILE and env:NAME read one a line)' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand listen" -s s -l subprotocol -d 'Offer a subprotocol (repeat, or separate with commas); @FILE and env:NAME keep a token out of the command line' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand listen" -s o -l origin -d 'Send an Origin header, as a browser does' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand listen" -s u -l user -d 'Log in with a user and password; without the password, WSPROBE_PASSWORD has it or the terminal asks; env:NAME reads both from a variable' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand listen" -l bearer -d 'Log in with a token; @FILE and env:NAME keep it out of the command line and are read for every connection' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand listen" -s b -l cookie -d 'Send a cookie (repeat for several)' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand listen" -s A -l user-agent -d 'Send another User-Agent; an empty one sends none' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand listen" -l max-redirects -d 'The most redirects that are followed' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand listen" -l compress -d 'Offer permessage-deflate with these parameters, such as \'client_max_window_bits=10; server_no_context_takeover\'' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand listen" -l cacert -d 'Trust the CA certificates in FILE (PEM) as well' -r -F
complete -c wsprobe -n "__fish_wsprobe_using_subcommand listen" -l cert -d 'Show the server this certificate (PEM), followed by those that lead to its CA' -r -F
complete -c wsprobe -n "__fish_wsprobe_using_subcommand listen" -l key -d 'The key of --cert (PEM), where it is not in the same file' -r -F
complete -c wsprobe -n "__fish_wsprobe_using_subcommand listen" -l passphrase -d 'wscat\'s word for an encrypted key, which is refused with the cure' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand listen" -l servername -d 'Ask for this name and check the certificate against it, in place of the URL\'s host' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand listen" -l tls-min -d 'The oldest version of TLS accepted' -r -f -a "1.2\t'TLS 1.2'
1.3\t'TLS 1.3'"
complete -c wsprobe -n "__fish_wsprobe_using_subcommand listen" -l proxy -d 'Go through a proxy: http, https, socks5 (names looked up here) or socks5h (by the proxy); \'\' goes through none, whatever the environment says' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand listen" -l resolve -d 'Use these addresses for a host, or * for all (repeat for several)' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand listen" -l unix-socket -d 'Connect to a Unix domain socket, whatever the URL\'s host' -r -F
complete -c wsprobe -n "__fish_wsprobe_using_subcommand listen" -l interface -d 'Connect from this address or network interface of this machine' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand listen" -l connect-timeout -d 'The limit from the name lookup to the server\'s 101' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand listen" -s m -l max-time -d 'The limit of the whole run; reaching it is exit 28' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand listen" -l close-timeout -d 'The limit from our close frame to the server\'s' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand listen" -l retry -d 'Try again until the first 101: N retries, or for so long (30s); a network error, a timeout or HTTP 408 425 429 500 502 503 504 is worth another try' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand listen" -l reconnect -d 'Come back after a loss: at most N retries, for so long (5m), or without end; the messages of -x are sent again, nothing else is' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand listen" -l reconnect-on -d 'Close codes and HTTP statuses to come back after, or (!) not: 1000,4000-4099,!1011' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand listen" -l backoff -d 'The wait before a retry: a random part of BASE, doubled each time up to MAX' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand listen" -l ping-interval -d 'Send a ping frame every TIME; a server that does not answer is a loss' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand listen" -l ping-timeout -d 'How long to wait for a sign of life after a ping: its pong, or any data' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand listen" -l heartbeat -d 'Send this message at each --ping-interval in place of a ping frame; any data that comes counts as life' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand listen" -s x -l execute -d 'Send a message after every open, before anything else (repeat); @FILE and env:NAME keep secrets out of the command line' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand listen" -l close -d 'The code, and the reason, that we close with' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand listen" -l max-size -d 'The largest message accepted' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand listen" -l pretty -d 'Lay out JSON messages over several lines' -r -f -a "auto\t'On a terminal'
always\t'Always'
never\t'Never'"
complete -c wsprobe -n "__fish_wsprobe_using_subcommand listen" -l color -d 'Use colour' -r -f -a "auto\t'On a terminal'
always\t'Always'
never\t'Never'"
complete -c wsprobe -n "__fish_wsprobe_using_subcommand listen" -l log -d 'Write every event as a line of JSON to FILE as well' -r -F
complete -c wsprobe -n "__fish_wsprobe_using_subcommand listen" -s 1 -l one -d 'End after one message'
complete -c wsprobe -n "__fish_wsprobe_using_subcommand listen" -l echo -d 'Send every message back as it came (conformance suites, mirrors)'
complete -c wsprobe -n "__fish_wsprobe_using_subcommand listen" -s 0 -l null -d 'Messages end with NUL instead of newline'
complete -c wsprobe -n "__fish_wsprobe_using_subcommand listen" -s L -l location -d 'Follow redirects to ws, wss, http and https, but never from wss to ws; credentials stay with their origin'
complete -c wsprobe -n "__fish_wsprobe_using_subcommand listen" -l http2 -d 'WebSocket over HTTP/2 (RFC 8441): agreed in TLS for wss, from the first byte for ws'
complete -c wsprobe -n "__fish_wsprobe_using_subcommand listen" -l no-compress -d 'Do not offer permessage-deflate, which browsers always offer'
complete -c wsprobe -n "__fish_wsprobe_using_subcommand listen" -s k -l insecure -d 'Accept any server certificate, and say what is wrong with it'
complete -c wsprobe -n "__fish_wsprobe_using_subcommand listen" -s 4 -l ipv4 -d 'Use IPv4 alone'
complete -c wsprobe -n "__fish_wsprobe_using_subcommand listen" -s 6 -l ipv6 -d 'Use IPv6 alone'
complete -c wsprobe -n "__fish_wsprobe_using_subcommand listen" -l json -d 'Print every event as a line of JSON'
complete -c wsprobe -n "__fish_wsprobe_using_subcommand listen" -s t -l timestamps -d 'Print the time of arrival (UTC) before each message'
complete -c wsprobe -n "__fish_wsprobe_using_subcommand listen" -s q -l quiet -d 'Say less on stderr'
complete -c wsprobe -n "__fish_wsprobe_using_subcommand listen" -s v -l verbose -d 'Say more on stderr: handshake, TLS, times, control frames; twice, every frame'
complete -c wsprobe -n "__fish_wsprobe_using_subcommand listen" -l show-secrets -d 'Show credentials and tokens in output'
complete -c wsprobe -n "__fish_wsprobe_using_subcommand listen" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c wsprobe -n "__fish_wsprobe_using_subcommand ping" -s c -l count -d 'End after N pings; with -w, after N replies' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand ping" -s i -l interval -d 'Time from one ping to the next [default: 1s]; 0 is as fast as replies come' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand ping" -s w -l deadline -d 'End after so long, however many pings were sent or answered; with -c, fewer than N replies by then are exit 1' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand ping" -s W -l wait -d 'How long to wait for each reply [default: 5s]; one that comes later is late, and lost; 0 waits for ever' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand ping" -l size -d 'Bytes of payload in each ping, at most 125; below 4 one at a time is under way, since payloads could not tell more apart' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand ping" -l app -d 'Time this message and its reply in place of ping frames, one at a time; other messages are ignored and counted' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand ping" -l expect -d 'What the reply to --app looks like; without it the next message is the reply' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand ping" -l max-p95 -d 'Exit 1 when the 95th percentile is more' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand ping" -l max-avg -d 'Exit 1 when the mean is more' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand ping" -l max-loss -d 'Exit 1 when more than PERCENT of the pings are lost' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand ping" -s H -l header -d 'Add a request header (repeat for several; it replaces one of ours, \'Name:\' leaves one out, \'Name;\' sends it empty; @FILE and env:NAME read one a line)' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand ping" -s s -l subprotocol -d 'Offer a subprotocol (repeat, or separate with commas); @FILE and env:NAME keep a token out of the command line' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand ping" -s o -l origin -d 'Send an Origin header, as a browser does' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand ping" -s u -l user -d 'Log in with a user and password; without the password, WSPROBE_PASSWORD has it or the terminal asks; env:NAME reads both from a variable' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand ping" -l bearer -d 'Log in with a token; @FILE and env:NAME keep it out of the command line and are read for every connection' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand ping" -s b -l cookie -d 'Send a cookie (repeat for several)' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand ping" -s A -l user-agent -d 'Send another User-Agent; an empty one sends none' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand ping" -l max-redirects -d 'The most redirects that are followed' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand ping" -l compress -d 'Offer permessage-deflate with these parameters, such as \'client_max_window_bits=10; server_no_context_takeover\'' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand ping" -l cacert -d 'Trust the CA certificates in FILE (PEM) as well' -r -F
complete -c wsprobe -n "__fish_wsprobe_using_subcommand ping" -l cert -d 'Show the server this certificate (PEM), followed by those that lead to its CA' -r -F
complete -c wsprobe -n "__fish_wsprobe_using_subcommand ping" -l key -d 'The key of --cert (PEM), where it is not in the same file' -r -F
complete -c wsprobe -n "__fish_wsprobe_using_subcommand ping" -l passphrase -d 'wscat\'s word for an encrypted key, which is refused with the cure' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand ping" -l servername -d 'Ask for this name and check the certificate against it, in place of the URL\'s host' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand ping" -l tls-min -d 'The oldest version of TLS accepted' -r -f -a "1.2\t'TLS 1.2'
1.3\t'TLS 1.3'"
complete -c wsprobe -n "__fish_wsprobe_using_subcommand ping" -l proxy -d 'Go through a proxy: http, https, socks5 (names looked up here) or socks5h (by the proxy); \'\' goes through none, whatever the environment says' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand ping" -l resolve -d 'Use these addresses for a host, or * for all (repeat for several)' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand ping" -l unix-socket -d 'Connect to a Unix domain socket, whatever the URL\'s host' -r -F
complete -c wsprobe -n "__fish_wsprobe_using_subcommand ping" -l interface -d 'Connect from this address or network interface of this machine' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand ping" -l connect-timeout -d 'The limit from the name lookup to the server\'s 101' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand ping" -s m -l max-time -d 'The limit of the whole run; reaching it is exit 28' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand ping" -l close-timeout -d 'The limit from our close frame to the server\'s' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand ping" -l retry -d 'Try again until the first 101: N retries, or for so long (30s); a network error, a timeout or HTTP 408 425 429 500 502 503 504 is worth another try' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand ping" -l reconnect -d 'Come back after a loss: at most N retries, for so long (5m), or without end; the messages of -x are sent again, nothing else is' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand ping" -l reconnect-on -d 'Close codes and HTTP statuses to come back after, or (!) not: 1000,4000-4099,!1011' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand ping" -l backoff -d 'The wait before a retry: a random part of BASE, doubled each time up to MAX' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand ping" -l ping-interval -d 'Send a ping frame every TIME; a server that does not answer is a loss' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand ping" -l ping-timeout -d 'How long to wait for a sign of life after a ping: its pong, or any data' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand ping" -l heartbeat -d 'Send this message at each --ping-interval in place of a ping frame; any data that comes counts as life' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand ping" -s x -l execute -d 'Send a message after every open, before anything else (repeat); @FILE and env:NAME keep secrets out of the command line' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand ping" -l close -d 'The code, and the reason, that we close with' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand ping" -l max-size -d 'The largest message accepted' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand ping" -l pretty -d 'Lay out JSON messages over several lines' -r -f -a "auto\t'On a terminal'
always\t'Always'
never\t'Never'"
complete -c wsprobe -n "__fish_wsprobe_using_subcommand ping" -l color -d 'Use colour' -r -f -a "auto\t'On a terminal'
always\t'Always'
never\t'Never'"
complete -c wsprobe -n "__fish_wsprobe_using_subcommand ping" -l log -d 'Write every event as a line of JSON to FILE as well' -r -F
complete -c wsprobe -n "__fish_wsprobe_using_subcommand ping" -s f -l flood -d 'Flood: the next ping leaves as soon as the last is answered, but at least 100 a second; on a terminal a dot is a ping without its pong'
complete -c wsprobe -n "__fish_wsprobe_using_subcommand ping" -l adaptive -d 'Send the next ping as soon as the last is answered or lost, so that no more than one is under way'
complete -c wsprobe -n "__fish_wsprobe_using_subcommand ping" -s D -l unix-time -d 'Print the time (seconds since 1970) before each line'
complete -c wsprobe -n "__fish_wsprobe_using_subcommand ping" -l new-connection -d 'Time a new connection each time, from the name lookup to the open connection, and each stage of it; -W is then the limit of each attempt'
complete -c wsprobe -n "__fish_wsprobe_using_subcommand ping" -l histogram -d 'Draw the distribution as bars under the statistics'
complete -c wsprobe -n "__fish_wsprobe_using_subcommand ping" -s L -l location -d 'Follow redirects to ws, wss, http and https, but never from wss to ws; credentials stay with their origin'
complete -c wsprobe -n "__fish_wsprobe_using_subcommand ping" -l http2 -d 'WebSocket over HTTP/2 (RFC 8441): agreed in TLS for wss, from the first byte for ws'
complete -c wsprobe -n "__fish_wsprobe_using_subcommand ping" -l no-compress -d 'Do not offer permessage-deflate, which browsers always offer'
complete -c wsprobe -n "__fish_wsprobe_using_subcommand ping" -s k -l insecure -d 'Accept any server certificate, and say what is wrong with it'
complete -c wsprobe -n "__fish_wsprobe_using_subcommand ping" -s 4 -l ipv4 -d 'Use IPv4 alone'
complete -c wsprobe -n "__fish_wsprobe_using_subcommand ping" -s 6 -l ipv6 -d 'Use IPv6 alone'
complete -c wsprobe -n "__fish_wsprobe_using_subcommand ping" -l json -d 'Print every event as a line of JSON'
complete -c wsprobe -n "__fish_wsprobe_using_subcommand ping" -s t -l timestamps -d 'Print the time of arrival (UTC) before each message'
complete -c wsprobe -n "__fish_wsprobe_using_subcommand ping" -s q -l quiet -d 'Say less on stderr'
complete -c wsprobe -n "__fish_wsprobe_using_subcommand ping" -s v -l verbose -d 'Say more on stderr: handshake, TLS, times, control frames; twice, every frame'
complete -c wsprobe -n "__fish_wsprobe_using_subcommand ping" -l show-secrets -d 'Show credentials and tokens in output'
complete -c wsprobe -n "__fish_wsprobe_using_subcommand ping" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c wsprobe -n "__fish_wsprobe_using_subcommand check" -l send -d 'Send a message (repeat for several); without --expect each must be answered' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand check" -l expect -d 'A message that matches must come (repeat for a sequence)' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand check" -l expect-status -d 'The handshake must be answered with this HTTP status' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand check" -l expect-close -d 'The server must close with CODE, and with a reason that matches PATTERN' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand check" -l expect-subprotocol -d 'The server must choose this subprotocol (offer it with -s)' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand check" -l max-handshake -d 'The longest time from the name lookup to the 101' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand check" -l min-cert-days -d 'The certificate must be good for so many days' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand check" -l skip -d 'Checks to leave out: handshake, accept-key, subprotocol, compression, certificate, ping, message, close' -r -f -a "handshake\t''
accept-key\t''
subprotocol\t''
compression\t''
certificate\t''
ping\t''
message\t''
close\t''"
complete -c wsprobe -n "__fish_wsprobe_using_subcommand check" -s w -l wait -d 'How long to wait for each answer; in a file, timeout and within say otherwise' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand check" -l var -d 'Define {{NAME}} (repeat)' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand check" -l secret -d 'Define {{NAME}} and keep its value out of all output (repeat)' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand check" -s j -l jobs -d 'Run N tests at a time' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand check" -l junit -d 'Write the results as JUnit XML' -r -F
complete -c wsprobe -n "__fish_wsprobe_using_subcommand check" -l tap -d 'Write the results as TAP version 14' -r -F
complete -c wsprobe -n "__fish_wsprobe_using_subcommand check" -s H -l header -d 'Add a request header (repeat for several; it replaces one of ours, \'Name:\' leaves one out, \'Name;\' sends it empty; @FILE and env:NAME read one a line)' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand check" -s s -l subprotocol -d 'Offer a subprotocol (repeat, or separate with commas); @FILE and env:NAME keep a token out of the command line' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand check" -s o -l origin -d 'Send an Origin header, as a browser does' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand check" -s u -l user -d 'Log in with a user and password; without the password, WSPROBE_PASSWORD has it or the terminal asks; env:NAME reads both from a variable' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand check" -l bearer -d 'Log in with a token; @FILE and env:NAME keep it out of the command line and are read for every connection' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand check" -s b -l cookie -d 'Send a cookie (repeat for several)' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand check" -s A -l user-agent -d 'Send another User-Agent; an empty one sends none' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand check" -l max-redirects -d 'The most redirects that are followed' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand check" -l compress -d 'Offer permessage-deflate with these parameters, such as \'client_max_window_bits=10; server_no_context_takeover\'' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand check" -l cacert -d 'Trust the CA certificates in FILE (PEM) as well' -r -F
complete -c wsprobe -n "__fish_wsprobe_using_subcommand check" -l cert -d 'Show the server this certificate (PEM), followed by those that lead to its CA' -r -F
complete -c wsprobe -n "__fish_wsprobe_using_subcommand check" -l key -d 'The key of --cert (PEM), where it is not in the same file' -r -F
complete -c wsprobe -n "__fish_wsprobe_using_subcommand check" -l passphrase -d 'wscat\'s word for an encrypted key, which is refused with the cure' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand check" -l servername -d 'Ask for this name and check the certificate against it, in place of the URL\'s host' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand check" -l tls-min -d 'The oldest version of TLS accepted' -r -f -a "1.2\t'TLS 1.2'
1.3\t'TLS 1.3'"
complete -c wsprobe -n "__fish_wsprobe_using_subcommand check" -l proxy -d 'Go through a proxy: http, https, socks5 (names looked up here) or socks5h (by the proxy); \'\' goes through none, whatever the environment says' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand check" -l resolve -d 'Use these addresses for a host, or * for all (repeat for several)' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand check" -l unix-socket -d 'Connect to a Unix domain socket, whatever the URL\'s host' -r -F
complete -c wsprobe -n "__fish_wsprobe_using_subcommand check" -l interface -d 'Connect from this address or network interface of this machine' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand check" -l connect-timeout -d 'The limit from the name lookup to the server\'s 101' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand check" -s m -l max-time -d 'The limit of the whole run; reaching it is exit 28' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand check" -l close-timeout -d 'The limit from our close frame to the server\'s' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand check" -l retry -d 'Try again until the first 101: N retries, or for so long (30s); a network error, a timeout or HTTP 408 425 429 500 502 503 504 is worth another try' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand check" -l reconnect -d 'Come back after a loss: at most N retries, for so long (5m), or without end; the messages of -x are sent again, nothing else is' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand check" -l reconnect-on -d 'Close codes and HTTP statuses to come back after, or (!) not: 1000,4000-4099,!1011' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand check" -l backoff -d 'The wait before a retry: a random part of BASE, doubled each time up to MAX' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand check" -l ping-interval -d 'Send a ping frame every TIME; a server that does not answer is a loss' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand check" -l ping-timeout -d 'How long to wait for a sign of life after a ping: its pong, or any data' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand check" -l heartbeat -d 'Send this message at each --ping-interval in place of a ping frame; any data that comes counts as life' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand check" -s x -l execute -d 'Send a message after every open, before anything else (repeat); @FILE and env:NAME keep secrets out of the command line' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand check" -l close -d 'The code, and the reason, that we close with' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand check" -l max-size -d 'The largest message accepted' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand check" -l pretty -d 'Lay out JSON messages over several lines' -r -f -a "auto\t'On a terminal'
always\t'Always'
never\t'Never'"
complete -c wsprobe -n "__fish_wsprobe_using_subcommand check" -l color -d 'Use colour' -r -f -a "auto\t'On a terminal'
always\t'Always'
never\t'Never'"
complete -c wsprobe -n "__fish_wsprobe_using_subcommand check" -l log -d 'Write every event as a line of JSON to FILE as well' -r -F
complete -c wsprobe -n "__fish_wsprobe_using_subcommand check" -l fail-fast -d 'Start no more tests after the first failure'
complete -c wsprobe -n "__fish_wsprobe_using_subcommand check" -l list -d 'Print the tests and run none'
complete -c wsprobe -n "__fish_wsprobe_using_subcommand check" -s L -l location -d 'Follow redirects to ws, wss, http and https, but never from wss to ws; credentials stay with their origin'
complete -c wsprobe -n "__fish_wsprobe_using_subcommand check" -l http2 -d 'WebSocket over HTTP/2 (RFC 8441): agreed in TLS for wss, from the first byte for ws'
complete -c wsprobe -n "__fish_wsprobe_using_subcommand check" -l no-compress -d 'Do not offer permessage-deflate, which browsers always offer'
complete -c wsprobe -n "__fish_wsprobe_using_subcommand check" -s k -l insecure -d 'Accept any server certificate, and say what is wrong with it'
complete -c wsprobe -n "__fish_wsprobe_using_subcommand check" -s 4 -l ipv4 -d 'Use IPv4 alone'
complete -c wsprobe -n "__fish_wsprobe_using_subcommand check" -s 6 -l ipv6 -d 'Use IPv6 alone'
complete -c wsprobe -n "__fish_wsprobe_using_subcommand check" -l json -d 'Print every event as a line of JSON'
complete -c wsprobe -n "__fish_wsprobe_using_subcommand check" -s t -l timestamps -d 'Print the time of arrival (UTC) before each message'
complete -c wsprobe -n "__fish_wsprobe_using_subcommand check" -s q -l quiet -d 'Say less on stderr'
complete -c wsprobe -n "__fish_wsprobe_using_subcommand check" -s v -l verbose -d 'Say more on stderr: handshake, TLS, times, control frames; twice, every frame'
complete -c wsprobe -n "__fish_wsprobe_using_subcommand check" -l show-secrets -d 'Show credentials and tokens in output'
complete -c wsprobe -n "__fish_wsprobe_using_subcommand check" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c wsprobe -n "__fish_wsprobe_using_subcommand serve" -l unix -d 'Listen on a Unix domain socket instead' -r -F
complete -c wsprobe -n "__fish_wsprobe_using_subcommand serve" -l mode -d 'What becomes of a message' -r -f -a "echo\t'Send every message back'
broadcast\t'Send every message to every client, its sender as well: a chat room'
sink\t'Read, count and report each connection on stdout'
silent\t'Read and say nothing'"
complete -c wsprobe -n "__fish_wsprobe_using_subcommand serve" -l greeting -d 'Send this to every client first; or @FILE, env:NAME' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand serve" -l reply -d 'Answer every message with this one in place of its echo' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand serve" -s s -l subprotocol -d 'Speak this subprotocol (repeat, or separate with commas)' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand serve" -l status -d 'Refuse every handshake with this HTTP status' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand serve" -l close-after -d 'Close after N messages were answered' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand serve" -l close-code -d 'The code of --close-after, which may be one that must not be sent' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand serve" -l close-reason -d 'The reason of --close-after, at most 123 bytes' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand serve" -l delay -d 'Hold each reply back for a time, or for a random time between two' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand serve" -l drop-after -d 'End TCP without a close frame after N messages' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand serve" -l stall-after -d 'Read and write no more after N messages' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand serve" -l bad -d 'Send a frame that breaks the protocol' -r -f -a "utf8\t'A text that is not UTF-8'
rsv\t'A reserved bit that no extension gave a meaning'
opcode\t'A reserved opcode'
mask\t'A masked frame'
length\t'A length of 2^63 bytes: the highest bit must be 0'"
complete -c wsprobe -n "__fish_wsprobe_using_subcommand serve" -l bad-after -d 'Send the frame of --bad after N messages; 0 is right after the handshake' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand serve" -l cert -d 'Speak TLS (wss) with this certificate (PEM, its chain behind it)' -r -F
complete -c wsprobe -n "__fish_wsprobe_using_subcommand serve" -l key -d 'The key of --cert (PEM), where it is not in the same file' -r -F
complete -c wsprobe -n "__fish_wsprobe_using_subcommand serve" -l allow-origin -d 'Let in web pages from ORIGIN (https://app.example, null for files, * for all; repeat)' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand serve" -l auth -d 'Ask for a user and a password (else 401); or @FILE, env:NAME' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand serve" -l bearer -d 'Ask for a token (else 401); or @FILE, env:NAME' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand serve" -l max-size -d 'The largest message accepted' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand serve" -l max-clients -d 'The most clients at a time; the next one gets 503' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand serve" -l color -d 'Use colour' -r -f -a "auto\t'On a terminal'
always\t'Always'
never\t'Never'"
complete -c wsprobe -n "__fish_wsprobe_using_subcommand serve" -l log -d 'Write every event as a line of JSON to FILE as well' -r -F
complete -c wsprobe -n "__fish_wsprobe_using_subcommand serve" -l no-compress -d 'Do not agree to permessage-deflate'
complete -c wsprobe -n "__fish_wsprobe_using_subcommand serve" -l no-pong -d 'Leave pings unanswered'
complete -c wsprobe -n "__fish_wsprobe_using_subcommand serve" -l self-signed -d 'Speak TLS (wss) with a certificate made now; its fingerprint is printed'
complete -c wsprobe -n "__fish_wsprobe_using_subcommand serve" -l json -d 'Print the address and every event of every connection as a line of JSON'
complete -c wsprobe -n "__fish_wsprobe_using_subcommand serve" -s t -l timestamps -d 'Print the time (UTC) before each line'
complete -c wsprobe -n "__fish_wsprobe_using_subcommand serve" -s q -l quiet -d 'Print the address alone; twice, not even that'
complete -c wsprobe -n "__fish_wsprobe_using_subcommand serve" -s v -l verbose -d 'Print requests, control frames and what is sent as well; twice, every frame'
complete -c wsprobe -n "__fish_wsprobe_using_subcommand serve" -l show-secrets -d 'Show credentials and tokens in output'
complete -c wsprobe -n "__fish_wsprobe_using_subcommand serve" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c wsprobe -n "__fish_wsprobe_using_subcommand completions" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c wsprobe -n "__fish_wsprobe_using_subcommand help" -s h -l help -d 'Print help (see more with \'--help\')'
