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
complete -c wsprobe -n "__fish_wsprobe_needs_command" -f -a "connect" -d 'Interactive session'
complete -c wsprobe -n "__fish_wsprobe_needs_command" -f -a "send" -d 'Send messages, print the replies, exit'
complete -c wsprobe -n "__fish_wsprobe_needs_command" -f -a "listen" -d 'Print incoming messages'
complete -c wsprobe -n "__fish_wsprobe_needs_command" -f -a "ping" -d 'Measure round-trip times'
complete -c wsprobe -n "__fish_wsprobe_needs_command" -f -a "check" -d 'Check an endpoint, or run check files: pass or fail'
complete -c wsprobe -n "__fish_wsprobe_needs_command" -f -a "audit" -d 'Audit a server: is it correct and safe?'
complete -c wsprobe -n "__fish_wsprobe_needs_command" -f -a "import" -d 'Turn a recorded conversation into a check file'
complete -c wsprobe -n "__fish_wsprobe_needs_command" -f -a "serve" -d 'Run a test server'
complete -c wsprobe -n "__fish_wsprobe_needs_command" -f -a "proxy" -d 'Stand between clients and a server: show, record and judge what passes'
complete -c wsprobe -n "__fish_wsprobe_needs_command" -f -a "completions" -d 'Print a completion script'
complete -c wsprobe -n "__fish_wsprobe_needs_command" -f -a "help" -d 'Show help for a command, or a topic of the manual'
complete -c wsprobe -n "__fish_wsprobe_using_subcommand connect" -s w -l wait -d 'In a pipe: close after TIME without a message, once stdin has ended' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand connect" -l filter -d 'Print only messages that match' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand connect" -l select -d 'Print the result of a jq expression for each JSON message, strings without quotes' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand connect" -l binary-output -d 'Print binary messages as raw bytes, or each as a line of hex or base64' -r -f -a "raw\t'The bytes unchanged'
hex\t'Hexadecimal digits'
base64\t'Base64'"
complete -c wsprobe -n "__fish_wsprobe_using_subcommand connect" -l har -d 'Also write the handshakes and messages to FILE as HAR, for Chrome\'s network panel and other tools' -r -F
complete -c wsprobe -n "__fish_wsprobe_using_subcommand connect" -s H -l header -d 'Add or replace a request header (repeatable); \'Name:\' removes it, \'Name;\' sends it empty; @FILE and env:NAME contain one header per line' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand connect" -s s -l subprotocol -d 'Offer a subprotocol (repeatable, or separated by commas); @FILE and env:NAME keep a token out of the command line' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand connect" -s o -l origin -d 'Send this Origin header, as a browser does' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand connect" -s u -l user -d 'Authenticate with user and password (Basic); a missing password is read from WSPROBE_PASSWORD or asked for on the terminal; env:NAME reads both from a variable' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand connect" -l bearer -d 'Authenticate with a bearer token; @FILE and env:NAME keep it out of the command line and are read for every connection' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand connect" -s b -l cookie -d 'Send a cookie (repeatable)' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand connect" -s A -l user-agent -d 'Set the User-Agent header; an empty value sends none' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand connect" -l max-redirects -d 'Maximum number of redirects' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand connect" -l compress -d 'Offer permessage-deflate with these parameters, such as \'client_max_window_bits=10; server_no_context_takeover\'' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand connect" -l cacert -d 'Also trust the CA certificates in FILE (PEM)' -r -F
complete -c wsprobe -n "__fish_wsprobe_using_subcommand connect" -l cert -d 'Client certificate chain (PEM)' -r -F
complete -c wsprobe -n "__fish_wsprobe_using_subcommand connect" -l key -d 'Private key of --cert (PEM), if not in the same file' -r -F
complete -c wsprobe -n "__fish_wsprobe_using_subcommand connect" -l passphrase -d 'wscat\'s option for an encrypted key; refused with a hint' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand connect" -l servername -d 'Server name for SNI and certificate verification, instead of the URL\'s host' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand connect" -l tls-min -d 'Minimum TLS version' -r -f -a "1.2\t'TLS 1.2'
1.3\t'TLS 1.3'"
complete -c wsprobe -n "__fish_wsprobe_using_subcommand connect" -l endpoints -d 'Read @NAME from FILE instead of the nearest endpoints file (wsprobe help endpoints)' -r -F
complete -c wsprobe -n "__fish_wsprobe_using_subcommand connect" -l proxy -d 'Use a proxy: http, https, socks5 (names resolved locally) or socks5h (by the proxy); \'\' disables the proxy variables of the environment' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand connect" -l resolve -d 'Use this address (or several, separated by commas) for HOST:PORT; * is any host (repeatable)' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand connect" -l unix-socket -d 'Connect to this Unix domain socket instead of the URL\'s host' -r -F
complete -c wsprobe -n "__fish_wsprobe_using_subcommand connect" -l interface -d 'Connect from this local address or network interface' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand connect" -l connect-timeout -d 'Time limit from the name lookup to the server\'s 101' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand connect" -s m -l max-time -d 'Time limit of the whole run (exit 28)' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand connect" -l close-timeout -d 'Time limit for the server\'s close frame after ours' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand connect" -l retry -d 'Retry until the first 101: at most N times, or for TIME (such as 30s); retries after network errors, timeouts and HTTP 408 425 429 500 502 503 504' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand connect" -l reconnect -d 'Reconnect after a lost connection: at most N times, for TIME (such as 5m), or without limit; only the messages of -x are sent again' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand connect" -l reconnect-on -d 'Close codes and HTTP statuses after which to reconnect, or (!) not: 1000,4000-4099,!1011' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand connect" -l backoff -d 'Delay before a retry: random between 0 and BASE; the upper limit doubles each time, up to MAX' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand connect" -l ping-interval -d 'Send a ping frame every TIME; the connection is lost if the server does not answer' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand connect" -l ping-timeout -d 'Time limit for any data (a pong or other) after a ping' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand connect" -l heartbeat -d 'Send this message at each --ping-interval instead of a ping frame; any data received counts as an answer' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand connect" -s x -l execute -d 'Send a message first on every new connection (repeatable); @FILE and env:NAME keep secrets out of the command line' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand connect" -l close -d 'Close code and reason to send' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand connect" -l decode -d 'Decode received binary messages: gzip, zlib, deflate or zstd (zlib-stream, zstd-stream: one stream over all messages), then msgpack, cbor or json' -r -f -a "zlib-stream\t''
zstd-stream\t''
gzip\t''
zlib\t''
deflate\t''
zstd\t''
msgpack\t''
cbor\t''
json\t''"
complete -c wsprobe -n "__fish_wsprobe_using_subcommand connect" -l max-size -d 'Maximum size of an incoming message, also when it is decoded' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand connect" -l var -d 'Set the variable {{NAME}} in messages, headers and the URL (repeatable)' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand connect" -l secret -d 'Set the variable {{NAME}} and redact its value in all output (repeatable)' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand connect" -l on -d 'Answer each message that matches PATTERN with MESSAGE (repeatable; the first match answers)' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand connect" -l pretty -d 'Pretty-print JSON messages' -r -f -a "auto\t'On a terminal'
always\t'Always'
never\t'Never'"
complete -c wsprobe -n "__fish_wsprobe_using_subcommand connect" -l color -d 'Colour the output' -r -f -a "auto\t'On a terminal'
always\t'Always'
never\t'Never'"
complete -c wsprobe -n "__fish_wsprobe_using_subcommand connect" -l log -d 'Also write every event as a line of JSON to FILE' -r -F
complete -c wsprobe -n "__fish_wsprobe_using_subcommand connect" -s 0 -l null -d 'End messages with NUL instead of newline, in input and output'
complete -c wsprobe -n "__fish_wsprobe_using_subcommand connect" -l no-history -d 'Do not keep a history of typed lines on disk'
complete -c wsprobe -n "__fish_wsprobe_using_subcommand connect" -s L -l location -d 'Follow redirects to ws, wss, http and https, but never from wss to ws; credentials are sent to the original origin only'
complete -c wsprobe -n "__fish_wsprobe_using_subcommand connect" -l http2 -d 'Use WebSocket over HTTP/2 (RFC 8441): negotiated by ALPN for wss, with prior knowledge for ws'
complete -c wsprobe -n "__fish_wsprobe_using_subcommand connect" -l no-compress -d 'Do not offer permessage-deflate (browsers always offer it)'
complete -c wsprobe -n "__fish_wsprobe_using_subcommand connect" -s k -l insecure -d 'Accept any server certificate, and warn about what is wrong with it'
complete -c wsprobe -n "__fish_wsprobe_using_subcommand connect" -s 4 -l ipv4 -d 'Use IPv4 only'
complete -c wsprobe -n "__fish_wsprobe_using_subcommand connect" -s 6 -l ipv6 -d 'Use IPv6 only'
complete -c wsprobe -n "__fish_wsprobe_using_subcommand connect" -l template -d 'Fill in {{uuid}}, {{now}}, {{ n }} and the others even without --var or --secret'
complete -c wsprobe -n "__fish_wsprobe_using_subcommand connect" -l json -d 'Print every event as a line of JSON'
complete -c wsprobe -n "__fish_wsprobe_using_subcommand connect" -s t -l timestamps -d 'Print the arrival time (UTC) before each message'
complete -c wsprobe -n "__fish_wsprobe_using_subcommand connect" -s q -l quiet -d 'Print less to stderr (repeatable)'
complete -c wsprobe -n "__fish_wsprobe_using_subcommand connect" -s v -l verbose -d 'Print more to stderr: handshake, TLS, timing, control frames; -vv every frame'
complete -c wsprobe -n "__fish_wsprobe_using_subcommand connect" -l show-secrets -d 'Show credentials and tokens in output'
complete -c wsprobe -n "__fish_wsprobe_using_subcommand connect" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c wsprobe -n "__fish_wsprobe_using_subcommand send" -s c -l count -d 'Stop after exactly N replies' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand send" -l expect -d 'Wait for a matching message, else exit 1 (repeatable: a sequence)' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand send" -l expect-close -d 'Wait for the server to close with CODE and a reason that matches PATTERN' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand send" -l expect-status -d 'Expect this HTTP status in the handshake; unless it is 101, no message is sent' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand send" -l expect-subprotocol -d 'Expect the server to choose this subprotocol (offer it with -s)' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand send" -l after -d 'Wait for a matching message, such as a greeting, before sending the first one' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand send" -l never -d 'Exit 1 at once if a message matches (repeatable)' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand send" -l capture -d 'With --step or --after: set {{NAME}} to the value of a jq expression on each reply that has it, for the messages after it (repeatable)' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand send" -s w -l wait -d 'Time limit since the last message sent or received (exit 28)' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand send" -l file -d 'Send FILE as one message (repeatable)' -r -F
complete -c wsprobe -n "__fish_wsprobe_using_subcommand send" -l fragment -d 'Split each message into fragments (frames) of at most SIZE' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand send" -l rate -d 'Send at most N messages per second' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand send" -l delay -d 'Wait TIME between messages' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand send" -l filter -d 'Print and count only messages that match' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand send" -l select -d 'Print the result of a jq expression for each JSON message, strings without quotes' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand send" -l binary-output -d 'Print binary messages as raw bytes, or each as a line of hex or base64' -r -f -a "raw\t'The bytes unchanged'
hex\t'Hexadecimal digits'
base64\t'Base64'"
complete -c wsprobe -n "__fish_wsprobe_using_subcommand send" -l har -d 'Also write the handshakes and messages to FILE as HAR, for Chrome\'s network panel and other tools' -r -F
complete -c wsprobe -n "__fish_wsprobe_using_subcommand send" -s H -l header -d 'Add or replace a request header (repeatable); \'Name:\' removes it, \'Name;\' sends it empty; @FILE and env:NAME contain one header per line' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand send" -s s -l subprotocol -d 'Offer a subprotocol (repeatable, or separated by commas); @FILE and env:NAME keep a token out of the command line' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand send" -s o -l origin -d 'Send this Origin header, as a browser does' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand send" -s u -l user -d 'Authenticate with user and password (Basic); a missing password is read from WSPROBE_PASSWORD or asked for on the terminal; env:NAME reads both from a variable' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand send" -l bearer -d 'Authenticate with a bearer token; @FILE and env:NAME keep it out of the command line and are read for every connection' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand send" -s b -l cookie -d 'Send a cookie (repeatable)' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand send" -s A -l user-agent -d 'Set the User-Agent header; an empty value sends none' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand send" -l max-redirects -d 'Maximum number of redirects' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand send" -l compress -d 'Offer permessage-deflate with these parameters, such as \'client_max_window_bits=10; server_no_context_takeover\'' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand send" -l cacert -d 'Also trust the CA certificates in FILE (PEM)' -r -F
complete -c wsprobe -n "__fish_wsprobe_using_subcommand send" -l cert -d 'Client certificate chain (PEM)' -r -F
complete -c wsprobe -n "__fish_wsprobe_using_subcommand send" -l key -d 'Private key of --cert (PEM), if not in the same file' -r -F
complete -c wsprobe -n "__fish_wsprobe_using_subcommand send" -l passphrase -d 'wscat\'s option for an encrypted key; refused with a hint' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand send" -l servername -d 'Server name for SNI and certificate verification, instead of the URL\'s host' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand send" -l tls-min -d 'Minimum TLS version' -r -f -a "1.2\t'TLS 1.2'
1.3\t'TLS 1.3'"
complete -c wsprobe -n "__fish_wsprobe_using_subcommand send" -l endpoints -d 'Read @NAME from FILE instead of the nearest endpoints file (wsprobe help endpoints)' -r -F
complete -c wsprobe -n "__fish_wsprobe_using_subcommand send" -l proxy -d 'Use a proxy: http, https, socks5 (names resolved locally) or socks5h (by the proxy); \'\' disables the proxy variables of the environment' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand send" -l resolve -d 'Use this address (or several, separated by commas) for HOST:PORT; * is any host (repeatable)' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand send" -l unix-socket -d 'Connect to this Unix domain socket instead of the URL\'s host' -r -F
complete -c wsprobe -n "__fish_wsprobe_using_subcommand send" -l interface -d 'Connect from this local address or network interface' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand send" -l connect-timeout -d 'Time limit from the name lookup to the server\'s 101' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand send" -s m -l max-time -d 'Time limit of the whole run (exit 28)' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand send" -l close-timeout -d 'Time limit for the server\'s close frame after ours' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand send" -l retry -d 'Retry until the first 101: at most N times, or for TIME (such as 30s); retries after network errors, timeouts and HTTP 408 425 429 500 502 503 504' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand send" -l reconnect -d 'Reconnect after a lost connection: at most N times, for TIME (such as 5m), or without limit; only the messages of -x are sent again' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand send" -l reconnect-on -d 'Close codes and HTTP statuses after which to reconnect, or (!) not: 1000,4000-4099,!1011' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand send" -l backoff -d 'Delay before a retry: random between 0 and BASE; the upper limit doubles each time, up to MAX' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand send" -l ping-interval -d 'Send a ping frame every TIME; the connection is lost if the server does not answer' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand send" -l ping-timeout -d 'Time limit for any data (a pong or other) after a ping' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand send" -l heartbeat -d 'Send this message at each --ping-interval instead of a ping frame; any data received counts as an answer' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand send" -s x -l execute -d 'Send a message first on every new connection (repeatable); @FILE and env:NAME keep secrets out of the command line' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand send" -l close -d 'Close code and reason to send' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand send" -l decode -d 'Decode received binary messages: gzip, zlib, deflate or zstd (zlib-stream, zstd-stream: one stream over all messages), then msgpack, cbor or json' -r -f -a "zlib-stream\t''
zstd-stream\t''
gzip\t''
zlib\t''
deflate\t''
zstd\t''
msgpack\t''
cbor\t''
json\t''"
complete -c wsprobe -n "__fish_wsprobe_using_subcommand send" -l max-size -d 'Maximum size of an incoming message, also when it is decoded' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand send" -l var -d 'Set the variable {{NAME}} in messages, headers and the URL (repeatable)' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand send" -l secret -d 'Set the variable {{NAME}} and redact its value in all output (repeatable)' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand send" -l on -d 'Answer each message that matches PATTERN with MESSAGE (repeatable; the first match answers)' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand send" -l pretty -d 'Pretty-print JSON messages' -r -f -a "auto\t'On a terminal'
always\t'Always'
never\t'Never'"
complete -c wsprobe -n "__fish_wsprobe_using_subcommand send" -l color -d 'Colour the output' -r -f -a "auto\t'On a terminal'
always\t'Always'
never\t'Never'"
complete -c wsprobe -n "__fish_wsprobe_using_subcommand send" -l log -d 'Also write every event as a line of JSON to FILE' -r -F
complete -c wsprobe -n "__fish_wsprobe_using_subcommand send" -l step -d 'Send each message only after the reply to the last one; with --expect, after the message that it expects'
complete -c wsprobe -n "__fish_wsprobe_using_subcommand send" -l no-wait -d 'Do not wait for replies, only until the server has read everything'
complete -c wsprobe -n "__fish_wsprobe_using_subcommand send" -l whole -d 'Send all of stdin as one message'
complete -c wsprobe -n "__fish_wsprobe_using_subcommand send" -s 0 -l null -d 'End messages with NUL instead of newline, in input and output'
complete -c wsprobe -n "__fish_wsprobe_using_subcommand send" -l binary -d 'Send binary messages instead of text'
complete -c wsprobe -n "__fish_wsprobe_using_subcommand send" -l hex -d 'Decode messages from hexadecimal and send them as binary'
complete -c wsprobe -n "__fish_wsprobe_using_subcommand send" -l base64 -d 'Decode messages from base64 and send them as binary'
complete -c wsprobe -n "__fish_wsprobe_using_subcommand send" -s L -l location -d 'Follow redirects to ws, wss, http and https, but never from wss to ws; credentials are sent to the original origin only'
complete -c wsprobe -n "__fish_wsprobe_using_subcommand send" -l http2 -d 'Use WebSocket over HTTP/2 (RFC 8441): negotiated by ALPN for wss, with prior knowledge for ws'
complete -c wsprobe -n "__fish_wsprobe_using_subcommand send" -l no-compress -d 'Do not offer permessage-deflate (browsers always offer it)'
complete -c wsprobe -n "__fish_wsprobe_using_subcommand send" -s k -l insecure -d 'Accept any server certificate, and warn about what is wrong with it'
complete -c wsprobe -n "__fish_wsprobe_using_subcommand send" -s 4 -l ipv4 -d 'Use IPv4 only'
complete -c wsprobe -n "__fish_wsprobe_using_subcommand send" -s 6 -l ipv6 -d 'Use IPv6 only'
complete -c wsprobe -n "__fish_wsprobe_using_subcommand send" -l template -d 'Fill in {{uuid}}, {{now}}, {{ n }} and the others even without --var or --secret'
complete -c wsprobe -n "__fish_wsprobe_using_subcommand send" -l json -d 'Print every event as a line of JSON'
complete -c wsprobe -n "__fish_wsprobe_using_subcommand send" -s t -l timestamps -d 'Print the arrival time (UTC) before each message'
complete -c wsprobe -n "__fish_wsprobe_using_subcommand send" -s q -l quiet -d 'Print less to stderr (repeatable)'
complete -c wsprobe -n "__fish_wsprobe_using_subcommand send" -s v -l verbose -d 'Print more to stderr: handshake, TLS, timing, control frames; -vv every frame'
complete -c wsprobe -n "__fish_wsprobe_using_subcommand send" -l show-secrets -d 'Show credentials and tokens in output'
complete -c wsprobe -n "__fish_wsprobe_using_subcommand send" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c wsprobe -n "__fish_wsprobe_using_subcommand listen" -s c -l count -d 'Stop after N messages' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand listen" -l for -d 'Stop after TIME, exit 0' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand listen" -l until -d 'Stop after the first message that matches, exit 0' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand listen" -l never -d 'Exit 1 at once if a message matches (repeatable)' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand listen" -l filter -d 'Print and count only messages that match' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand listen" -l select -d 'Print the result of a jq expression for each JSON message, strings without quotes' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand listen" -l idle-timeout -d 'Stop after TIME without a message, exit 28' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand listen" -s l -d 'wscat\'s option to start a server; refused with a hint' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand listen" -l binary-output -d 'Print binary messages as raw bytes, or each as a line of hex or base64' -r -f -a "raw\t'The bytes unchanged'
hex\t'Hexadecimal digits'
base64\t'Base64'"
complete -c wsprobe -n "__fish_wsprobe_using_subcommand listen" -l har -d 'Also write the handshakes and messages to FILE as HAR, for Chrome\'s network panel and other tools' -r -F
complete -c wsprobe -n "__fish_wsprobe_using_subcommand listen" -s H -l header -d 'Add or replace a request header (repeatable); \'Name:\' removes it, \'Name;\' sends it empty; @FILE and env:NAME contain one header per line' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand listen" -s s -l subprotocol -d 'Offer a subprotocol (repeatable, or separated by commas); @FILE and env:NAME keep a token out of the command line' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand listen" -s o -l origin -d 'Send this Origin header, as a browser does' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand listen" -s u -l user -d 'Authenticate with user and password (Basic); a missing password is read from WSPROBE_PASSWORD or asked for on the terminal; env:NAME reads both from a variable' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand listen" -l bearer -d 'Authenticate with a bearer token; @FILE and env:NAME keep it out of the command line and are read for every connection' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand listen" -s b -l cookie -d 'Send a cookie (repeatable)' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand listen" -s A -l user-agent -d 'Set the User-Agent header; an empty value sends none' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand listen" -l max-redirects -d 'Maximum number of redirects' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand listen" -l compress -d 'Offer permessage-deflate with these parameters, such as \'client_max_window_bits=10; server_no_context_takeover\'' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand listen" -l cacert -d 'Also trust the CA certificates in FILE (PEM)' -r -F
complete -c wsprobe -n "__fish_wsprobe_using_subcommand listen" -l cert -d 'Client certificate chain (PEM)' -r -F
complete -c wsprobe -n "__fish_wsprobe_using_subcommand listen" -l key -d 'Private key of --cert (PEM), if not in the same file' -r -F
complete -c wsprobe -n "__fish_wsprobe_using_subcommand listen" -l passphrase -d 'wscat\'s option for an encrypted key; refused with a hint' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand listen" -l servername -d 'Server name for SNI and certificate verification, instead of the URL\'s host' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand listen" -l tls-min -d 'Minimum TLS version' -r -f -a "1.2\t'TLS 1.2'
1.3\t'TLS 1.3'"
complete -c wsprobe -n "__fish_wsprobe_using_subcommand listen" -l endpoints -d 'Read @NAME from FILE instead of the nearest endpoints file (wsprobe help endpoints)' -r -F
complete -c wsprobe -n "__fish_wsprobe_using_subcommand listen" -l proxy -d 'Use a proxy: http, https, socks5 (names resolved locally) or socks5h (by the proxy); \'\' disables the proxy variables of the environment' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand listen" -l resolve -d 'Use this address (or several, separated by commas) for HOST:PORT; * is any host (repeatable)' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand listen" -l unix-socket -d 'Connect to this Unix domain socket instead of the URL\'s host' -r -F
complete -c wsprobe -n "__fish_wsprobe_using_subcommand listen" -l interface -d 'Connect from this local address or network interface' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand listen" -l connect-timeout -d 'Time limit from the name lookup to the server\'s 101' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand listen" -s m -l max-time -d 'Time limit of the whole run (exit 28)' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand listen" -l close-timeout -d 'Time limit for the server\'s close frame after ours' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand listen" -l retry -d 'Retry until the first 101: at most N times, or for TIME (such as 30s); retries after network errors, timeouts and HTTP 408 425 429 500 502 503 504' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand listen" -l reconnect -d 'Reconnect after a lost connection: at most N times, for TIME (such as 5m), or without limit; only the messages of -x are sent again' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand listen" -l reconnect-on -d 'Close codes and HTTP statuses after which to reconnect, or (!) not: 1000,4000-4099,!1011' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand listen" -l backoff -d 'Delay before a retry: random between 0 and BASE; the upper limit doubles each time, up to MAX' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand listen" -l ping-interval -d 'Send a ping frame every TIME; the connection is lost if the server does not answer' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand listen" -l ping-timeout -d 'Time limit for any data (a pong or other) after a ping' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand listen" -l heartbeat -d 'Send this message at each --ping-interval instead of a ping frame; any data received counts as an answer' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand listen" -s x -l execute -d 'Send a message first on every new connection (repeatable); @FILE and env:NAME keep secrets out of the command line' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand listen" -l close -d 'Close code and reason to send' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand listen" -l decode -d 'Decode received binary messages: gzip, zlib, deflate or zstd (zlib-stream, zstd-stream: one stream over all messages), then msgpack, cbor or json' -r -f -a "zlib-stream\t''
zstd-stream\t''
gzip\t''
zlib\t''
deflate\t''
zstd\t''
msgpack\t''
cbor\t''
json\t''"
complete -c wsprobe -n "__fish_wsprobe_using_subcommand listen" -l max-size -d 'Maximum size of an incoming message, also when it is decoded' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand listen" -l var -d 'Set the variable {{NAME}} in messages, headers and the URL (repeatable)' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand listen" -l secret -d 'Set the variable {{NAME}} and redact its value in all output (repeatable)' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand listen" -l on -d 'Answer each message that matches PATTERN with MESSAGE (repeatable; the first match answers)' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand listen" -l pretty -d 'Pretty-print JSON messages' -r -f -a "auto\t'On a terminal'
always\t'Always'
never\t'Never'"
complete -c wsprobe -n "__fish_wsprobe_using_subcommand listen" -l color -d 'Colour the output' -r -f -a "auto\t'On a terminal'
always\t'Always'
never\t'Never'"
complete -c wsprobe -n "__fish_wsprobe_using_subcommand listen" -l log -d 'Also write every event as a line of JSON to FILE' -r -F
complete -c wsprobe -n "__fish_wsprobe_using_subcommand listen" -s 1 -l one -d 'Stop after one message'
complete -c wsprobe -n "__fish_wsprobe_using_subcommand listen" -l echo -d 'Echo every message unchanged (for conformance test suites)'
complete -c wsprobe -n "__fish_wsprobe_using_subcommand listen" -s 0 -l null -d 'End messages with NUL instead of newline'
complete -c wsprobe -n "__fish_wsprobe_using_subcommand listen" -s L -l location -d 'Follow redirects to ws, wss, http and https, but never from wss to ws; credentials are sent to the original origin only'
complete -c wsprobe -n "__fish_wsprobe_using_subcommand listen" -l http2 -d 'Use WebSocket over HTTP/2 (RFC 8441): negotiated by ALPN for wss, with prior knowledge for ws'
complete -c wsprobe -n "__fish_wsprobe_using_subcommand listen" -l no-compress -d 'Do not offer permessage-deflate (browsers always offer it)'
complete -c wsprobe -n "__fish_wsprobe_using_subcommand listen" -s k -l insecure -d 'Accept any server certificate, and warn about what is wrong with it'
complete -c wsprobe -n "__fish_wsprobe_using_subcommand listen" -s 4 -l ipv4 -d 'Use IPv4 only'
complete -c wsprobe -n "__fish_wsprobe_using_subcommand listen" -s 6 -l ipv6 -d 'Use IPv6 only'
complete -c wsprobe -n "__fish_wsprobe_using_subcommand listen" -l template -d 'Fill in {{uuid}}, {{now}}, {{ n }} and the others even without --var or --secret'
complete -c wsprobe -n "__fish_wsprobe_using_subcommand listen" -l json -d 'Print every event as a line of JSON'
complete -c wsprobe -n "__fish_wsprobe_using_subcommand listen" -s t -l timestamps -d 'Print the arrival time (UTC) before each message'
complete -c wsprobe -n "__fish_wsprobe_using_subcommand listen" -s q -l quiet -d 'Print less to stderr (repeatable)'
complete -c wsprobe -n "__fish_wsprobe_using_subcommand listen" -s v -l verbose -d 'Print more to stderr: handshake, TLS, timing, control frames; -vv every frame'
complete -c wsprobe -n "__fish_wsprobe_using_subcommand listen" -l show-secrets -d 'Show credentials and tokens in output'
complete -c wsprobe -n "__fish_wsprobe_using_subcommand listen" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c wsprobe -n "__fish_wsprobe_using_subcommand ping" -s c -l count -d 'Stop after N pings; with -w, after N replies' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand ping" -s i -l interval -d 'Time between pings [default: 1s]; 0 sends the next ping when a reply arrives' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand ping" -s w -l deadline -d 'Stop after TIME, however many pings were sent or answered; with -c, fewer than N replies by then exit 1' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand ping" -s W -l wait -d 'Time limit for each reply [default: 5s]; a later reply counts as lost; 0 means no limit' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand ping" -l size -d 'Payload size of each ping, at most 125; below 4 bytes, pings are sent one at a time because their payloads are not unique' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand ping" -l app -d 'Measure the time from this message to its reply instead of ping frames, one at a time; other messages are counted and ignored' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand ping" -l expect -d 'Pattern of the reply to --app; by default the next message is the reply' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand ping" -l max-p95 -d 'Exit 1 if the 95th percentile exceeds TIME' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand ping" -l max-avg -d 'Exit 1 if the mean exceeds TIME' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand ping" -l max-loss -d 'Exit 1 if more than PERCENT of the pings are lost' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand ping" -s H -l header -d 'Add or replace a request header (repeatable); \'Name:\' removes it, \'Name;\' sends it empty; @FILE and env:NAME contain one header per line' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand ping" -s s -l subprotocol -d 'Offer a subprotocol (repeatable, or separated by commas); @FILE and env:NAME keep a token out of the command line' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand ping" -s o -l origin -d 'Send this Origin header, as a browser does' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand ping" -s u -l user -d 'Authenticate with user and password (Basic); a missing password is read from WSPROBE_PASSWORD or asked for on the terminal; env:NAME reads both from a variable' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand ping" -l bearer -d 'Authenticate with a bearer token; @FILE and env:NAME keep it out of the command line and are read for every connection' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand ping" -s b -l cookie -d 'Send a cookie (repeatable)' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand ping" -s A -l user-agent -d 'Set the User-Agent header; an empty value sends none' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand ping" -l max-redirects -d 'Maximum number of redirects' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand ping" -l compress -d 'Offer permessage-deflate with these parameters, such as \'client_max_window_bits=10; server_no_context_takeover\'' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand ping" -l cacert -d 'Also trust the CA certificates in FILE (PEM)' -r -F
complete -c wsprobe -n "__fish_wsprobe_using_subcommand ping" -l cert -d 'Client certificate chain (PEM)' -r -F
complete -c wsprobe -n "__fish_wsprobe_using_subcommand ping" -l key -d 'Private key of --cert (PEM), if not in the same file' -r -F
complete -c wsprobe -n "__fish_wsprobe_using_subcommand ping" -l passphrase -d 'wscat\'s option for an encrypted key; refused with a hint' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand ping" -l servername -d 'Server name for SNI and certificate verification, instead of the URL\'s host' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand ping" -l tls-min -d 'Minimum TLS version' -r -f -a "1.2\t'TLS 1.2'
1.3\t'TLS 1.3'"
complete -c wsprobe -n "__fish_wsprobe_using_subcommand ping" -l endpoints -d 'Read @NAME from FILE instead of the nearest endpoints file (wsprobe help endpoints)' -r -F
complete -c wsprobe -n "__fish_wsprobe_using_subcommand ping" -l proxy -d 'Use a proxy: http, https, socks5 (names resolved locally) or socks5h (by the proxy); \'\' disables the proxy variables of the environment' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand ping" -l resolve -d 'Use this address (or several, separated by commas) for HOST:PORT; * is any host (repeatable)' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand ping" -l unix-socket -d 'Connect to this Unix domain socket instead of the URL\'s host' -r -F
complete -c wsprobe -n "__fish_wsprobe_using_subcommand ping" -l interface -d 'Connect from this local address or network interface' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand ping" -l connect-timeout -d 'Time limit from the name lookup to the server\'s 101' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand ping" -s m -l max-time -d 'Time limit of the whole run (exit 28)' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand ping" -l close-timeout -d 'Time limit for the server\'s close frame after ours' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand ping" -l retry -d 'Retry until the first 101: at most N times, or for TIME (such as 30s); retries after network errors, timeouts and HTTP 408 425 429 500 502 503 504' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand ping" -l reconnect -d 'Reconnect after a lost connection: at most N times, for TIME (such as 5m), or without limit; only the messages of -x are sent again' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand ping" -l reconnect-on -d 'Close codes and HTTP statuses after which to reconnect, or (!) not: 1000,4000-4099,!1011' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand ping" -l backoff -d 'Delay before a retry: random between 0 and BASE; the upper limit doubles each time, up to MAX' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand ping" -l ping-interval -d 'Send a ping frame every TIME; the connection is lost if the server does not answer' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand ping" -l ping-timeout -d 'Time limit for any data (a pong or other) after a ping' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand ping" -l heartbeat -d 'Send this message at each --ping-interval instead of a ping frame; any data received counts as an answer' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand ping" -s x -l execute -d 'Send a message first on every new connection (repeatable); @FILE and env:NAME keep secrets out of the command line' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand ping" -l close -d 'Close code and reason to send' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand ping" -l decode -d 'Decode received binary messages: gzip, zlib, deflate or zstd (zlib-stream, zstd-stream: one stream over all messages), then msgpack, cbor or json' -r -f -a "zlib-stream\t''
zstd-stream\t''
gzip\t''
zlib\t''
deflate\t''
zstd\t''
msgpack\t''
cbor\t''
json\t''"
complete -c wsprobe -n "__fish_wsprobe_using_subcommand ping" -l max-size -d 'Maximum size of an incoming message, also when it is decoded' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand ping" -l var -d 'Set the variable {{NAME}} in messages, headers and the URL (repeatable)' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand ping" -l secret -d 'Set the variable {{NAME}} and redact its value in all output (repeatable)' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand ping" -l on -d 'Answer each message that matches PATTERN with MESSAGE (repeatable; the first match answers)' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand ping" -l pretty -d 'Pretty-print JSON messages' -r -f -a "auto\t'On a terminal'
always\t'Always'
never\t'Never'"
complete -c wsprobe -n "__fish_wsprobe_using_subcommand ping" -l color -d 'Colour the output' -r -f -a "auto\t'On a terminal'
always\t'Always'
never\t'Never'"
complete -c wsprobe -n "__fish_wsprobe_using_subcommand ping" -l log -d 'Also write every event as a line of JSON to FILE' -r -F
complete -c wsprobe -n "__fish_wsprobe_using_subcommand ping" -s f -l flood -d 'Flood: send the next ping as soon as the last one is answered, at least 100 per second; on a terminal each dot is an unanswered ping'
complete -c wsprobe -n "__fish_wsprobe_using_subcommand ping" -l adaptive -d 'Send the next ping as soon as the last one is answered or lost; at most one is outstanding'
complete -c wsprobe -n "__fish_wsprobe_using_subcommand ping" -s D -l unix-time -d 'Print the Unix time (seconds since 1970) before each line'
complete -c wsprobe -n "__fish_wsprobe_using_subcommand ping" -l new-connection -d 'Open a new connection each time and measure each stage, from the name lookup to the open connection; -W is the time limit of each attempt'
complete -c wsprobe -n "__fish_wsprobe_using_subcommand ping" -l histogram -d 'Print a histogram below the statistics'
complete -c wsprobe -n "__fish_wsprobe_using_subcommand ping" -s L -l location -d 'Follow redirects to ws, wss, http and https, but never from wss to ws; credentials are sent to the original origin only'
complete -c wsprobe -n "__fish_wsprobe_using_subcommand ping" -l http2 -d 'Use WebSocket over HTTP/2 (RFC 8441): negotiated by ALPN for wss, with prior knowledge for ws'
complete -c wsprobe -n "__fish_wsprobe_using_subcommand ping" -l no-compress -d 'Do not offer permessage-deflate (browsers always offer it)'
complete -c wsprobe -n "__fish_wsprobe_using_subcommand ping" -s k -l insecure -d 'Accept any server certificate, and warn about what is wrong with it'
complete -c wsprobe -n "__fish_wsprobe_using_subcommand ping" -s 4 -l ipv4 -d 'Use IPv4 only'
complete -c wsprobe -n "__fish_wsprobe_using_subcommand ping" -s 6 -l ipv6 -d 'Use IPv6 only'
complete -c wsprobe -n "__fish_wsprobe_using_subcommand ping" -l template -d 'Fill in {{uuid}}, {{now}}, {{ n }} and the others even without --var or --secret'
complete -c wsprobe -n "__fish_wsprobe_using_subcommand ping" -l json -d 'Print every event as a line of JSON'
complete -c wsprobe -n "__fish_wsprobe_using_subcommand ping" -s t -l timestamps -d 'Print the arrival time (UTC) before each message'
complete -c wsprobe -n "__fish_wsprobe_using_subcommand ping" -s q -l quiet -d 'Print less to stderr (repeatable)'
complete -c wsprobe -n "__fish_wsprobe_using_subcommand ping" -s v -l verbose -d 'Print more to stderr: handshake, TLS, timing, control frames; -vv every frame'
complete -c wsprobe -n "__fish_wsprobe_using_subcommand ping" -l show-secrets -d 'Show credentials and tokens in output'
complete -c wsprobe -n "__fish_wsprobe_using_subcommand ping" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c wsprobe -n "__fish_wsprobe_using_subcommand check" -l send -d 'Send MESSAGE (repeatable); without --expect, each one must be answered' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand check" -l expect -d 'Expect a matching message (repeatable: a sequence)' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand check" -l expect-status -d 'Expect this HTTP status in the handshake' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand check" -l expect-close -d 'Expect the server to close with CODE and a reason that matches PATTERN' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand check" -l expect-subprotocol -d 'Expect the server to choose this subprotocol (offer it with -s)' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand check" -l max-handshake -d 'Maximum time from the name lookup to the 101' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand check" -l min-cert-days -d 'Minimum number of days that the certificate is still valid' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand check" -l skip -d 'Checks to skip: handshake, accept-key, subprotocol, compression, certificate, ping, message, close' -r -f -a "handshake\t''
accept-key\t''
subprotocol\t''
compression\t''
certificate\t''
ping\t''
message\t''
close\t''"
complete -c wsprobe -n "__fish_wsprobe_using_subcommand check" -s w -l wait -d 'Time limit for each answer; a check file overrides it with timeout and within' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand check" -s j -l jobs -d 'Run N tests in parallel' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand check" -l junit -d 'Write the results as JUnit XML' -r -F
complete -c wsprobe -n "__fish_wsprobe_using_subcommand check" -l tap -d 'Write the results as TAP version 14' -r -F
complete -c wsprobe -n "__fish_wsprobe_using_subcommand check" -s H -l header -d 'Add or replace a request header (repeatable); \'Name:\' removes it, \'Name;\' sends it empty; @FILE and env:NAME contain one header per line' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand check" -s s -l subprotocol -d 'Offer a subprotocol (repeatable, or separated by commas); @FILE and env:NAME keep a token out of the command line' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand check" -s o -l origin -d 'Send this Origin header, as a browser does' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand check" -s u -l user -d 'Authenticate with user and password (Basic); a missing password is read from WSPROBE_PASSWORD or asked for on the terminal; env:NAME reads both from a variable' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand check" -l bearer -d 'Authenticate with a bearer token; @FILE and env:NAME keep it out of the command line and are read for every connection' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand check" -s b -l cookie -d 'Send a cookie (repeatable)' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand check" -s A -l user-agent -d 'Set the User-Agent header; an empty value sends none' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand check" -l max-redirects -d 'Maximum number of redirects' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand check" -l compress -d 'Offer permessage-deflate with these parameters, such as \'client_max_window_bits=10; server_no_context_takeover\'' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand check" -l cacert -d 'Also trust the CA certificates in FILE (PEM)' -r -F
complete -c wsprobe -n "__fish_wsprobe_using_subcommand check" -l cert -d 'Client certificate chain (PEM)' -r -F
complete -c wsprobe -n "__fish_wsprobe_using_subcommand check" -l key -d 'Private key of --cert (PEM), if not in the same file' -r -F
complete -c wsprobe -n "__fish_wsprobe_using_subcommand check" -l passphrase -d 'wscat\'s option for an encrypted key; refused with a hint' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand check" -l servername -d 'Server name for SNI and certificate verification, instead of the URL\'s host' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand check" -l tls-min -d 'Minimum TLS version' -r -f -a "1.2\t'TLS 1.2'
1.3\t'TLS 1.3'"
complete -c wsprobe -n "__fish_wsprobe_using_subcommand check" -l endpoints -d 'Read @NAME from FILE instead of the nearest endpoints file (wsprobe help endpoints)' -r -F
complete -c wsprobe -n "__fish_wsprobe_using_subcommand check" -l proxy -d 'Use a proxy: http, https, socks5 (names resolved locally) or socks5h (by the proxy); \'\' disables the proxy variables of the environment' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand check" -l resolve -d 'Use this address (or several, separated by commas) for HOST:PORT; * is any host (repeatable)' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand check" -l unix-socket -d 'Connect to this Unix domain socket instead of the URL\'s host' -r -F
complete -c wsprobe -n "__fish_wsprobe_using_subcommand check" -l interface -d 'Connect from this local address or network interface' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand check" -l connect-timeout -d 'Time limit from the name lookup to the server\'s 101' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand check" -s m -l max-time -d 'Time limit of the whole run (exit 28)' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand check" -l close-timeout -d 'Time limit for the server\'s close frame after ours' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand check" -l retry -d 'Retry until the first 101: at most N times, or for TIME (such as 30s); retries after network errors, timeouts and HTTP 408 425 429 500 502 503 504' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand check" -l reconnect -d 'Reconnect after a lost connection: at most N times, for TIME (such as 5m), or without limit; only the messages of -x are sent again' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand check" -l reconnect-on -d 'Close codes and HTTP statuses after which to reconnect, or (!) not: 1000,4000-4099,!1011' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand check" -l backoff -d 'Delay before a retry: random between 0 and BASE; the upper limit doubles each time, up to MAX' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand check" -l ping-interval -d 'Send a ping frame every TIME; the connection is lost if the server does not answer' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand check" -l ping-timeout -d 'Time limit for any data (a pong or other) after a ping' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand check" -l heartbeat -d 'Send this message at each --ping-interval instead of a ping frame; any data received counts as an answer' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand check" -s x -l execute -d 'Send a message first on every new connection (repeatable); @FILE and env:NAME keep secrets out of the command line' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand check" -l close -d 'Close code and reason to send' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand check" -l decode -d 'Decode received binary messages: gzip, zlib, deflate or zstd (zlib-stream, zstd-stream: one stream over all messages), then msgpack, cbor or json' -r -f -a "zlib-stream\t''
zstd-stream\t''
gzip\t''
zlib\t''
deflate\t''
zstd\t''
msgpack\t''
cbor\t''
json\t''"
complete -c wsprobe -n "__fish_wsprobe_using_subcommand check" -l max-size -d 'Maximum size of an incoming message, also when it is decoded' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand check" -l var -d 'Set the variable {{NAME}} in messages, headers and the URL (repeatable)' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand check" -l secret -d 'Set the variable {{NAME}} and redact its value in all output (repeatable)' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand check" -l on -d 'Answer each message that matches PATTERN with MESSAGE (repeatable; the first match answers)' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand check" -l pretty -d 'Pretty-print JSON messages' -r -f -a "auto\t'On a terminal'
always\t'Always'
never\t'Never'"
complete -c wsprobe -n "__fish_wsprobe_using_subcommand check" -l color -d 'Colour the output' -r -f -a "auto\t'On a terminal'
always\t'Always'
never\t'Never'"
complete -c wsprobe -n "__fish_wsprobe_using_subcommand check" -l log -d 'Also write every event as a line of JSON to FILE' -r -F
complete -c wsprobe -n "__fish_wsprobe_using_subcommand check" -l fail-fast -d 'Stop starting tests after the first failure'
complete -c wsprobe -n "__fish_wsprobe_using_subcommand check" -l pace -d 'Wait at pause steps, as long as they say (recordings contain them)'
complete -c wsprobe -n "__fish_wsprobe_using_subcommand check" -l list -d 'List the tests without running them'
complete -c wsprobe -n "__fish_wsprobe_using_subcommand check" -s L -l location -d 'Follow redirects to ws, wss, http and https, but never from wss to ws; credentials are sent to the original origin only'
complete -c wsprobe -n "__fish_wsprobe_using_subcommand check" -l http2 -d 'Use WebSocket over HTTP/2 (RFC 8441): negotiated by ALPN for wss, with prior knowledge for ws'
complete -c wsprobe -n "__fish_wsprobe_using_subcommand check" -l no-compress -d 'Do not offer permessage-deflate (browsers always offer it)'
complete -c wsprobe -n "__fish_wsprobe_using_subcommand check" -s k -l insecure -d 'Accept any server certificate, and warn about what is wrong with it'
complete -c wsprobe -n "__fish_wsprobe_using_subcommand check" -s 4 -l ipv4 -d 'Use IPv4 only'
complete -c wsprobe -n "__fish_wsprobe_using_subcommand check" -s 6 -l ipv6 -d 'Use IPv6 only'
complete -c wsprobe -n "__fish_wsprobe_using_subcommand check" -l template -d 'Fill in {{uuid}}, {{now}}, {{ n }} and the others even without --var or --secret'
complete -c wsprobe -n "__fish_wsprobe_using_subcommand check" -l json -d 'Print every event as a line of JSON'
complete -c wsprobe -n "__fish_wsprobe_using_subcommand check" -s t -l timestamps -d 'Print the arrival time (UTC) before each message'
complete -c wsprobe -n "__fish_wsprobe_using_subcommand check" -s q -l quiet -d 'Print less to stderr (repeatable)'
complete -c wsprobe -n "__fish_wsprobe_using_subcommand check" -s v -l verbose -d 'Print more to stderr: handshake, TLS, timing, control frames; -vv every frame'
complete -c wsprobe -n "__fish_wsprobe_using_subcommand check" -l show-secrets -d 'Show credentials and tokens in output'
complete -c wsprobe -n "__fish_wsprobe_using_subcommand check" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c wsprobe -n "__fish_wsprobe_using_subcommand audit" -l only -d 'Run only these groups or probes (repeatable, or separated by commas)' -r -f -a "handshake\t''
origin\t''
frames\t''
fragments\t''
utf8\t''
close\t''
control\t''
limits\t''
compression\t''
tls\t''
handshake-opens\t''
handshake-lower-case\t''
handshake-upper-case\t''
handshake-no-space\t''
handshake-more-space\t''
handshake-in-pieces\t''
handshake-absolute-target\t''
handshake-upgrade-case\t''
handshake-connection-case\t''
handshake-connection-list\t''
handshake-extension-unknown\t''
handshake-subprotocol-unknown\t''
handshake-method-post\t''
handshake-http-1-0\t''
handshake-host-missing\t''
handshake-host-twice\t''
handshake-space-before-colon\t''
handshake-upgrade-missing\t''
handshake-upgrade-other\t''
handshake-connection-missing\t''
handshake-connection-other\t''
handshake-key-missing\t''
handshake-key-short\t''
handshake-key-long\t''
handshake-key-garbage\t''
handshake-key-twice\t''
handshake-version-missing\t''
handshake-version-12\t''
handshake-version-garbage\t''
handshake-extension-garbage\t''
handshake-no-body\t''
handshake-426-upgrade\t''
origin-missing\t''
origin-own\t''
origin-foreign\t''
origin-foreign-anonymous\t''
origin-null\t''
origin-prefix\t''
origin-suffix\t''
origin-subdomain\t''
origin-other-scheme\t''
origin-other-port\t''
frames-received\t''
frames-unmasked\t''
frames-unmasked-ping\t''
frames-mask-zero\t''
frames-rsv1\t''
frames-rsv2\t''
frames-rsv3\t''
frames-rsv2-ping\t''
frames-opcode-3\t''
frames-opcode-7\t''
frames-opcode-11\t''
frames-opcode-15\t''
frames-empty\t''
frames-binary\t''
frames-length-126\t''
frames-length-65535\t''
frames-length-65536\t''
frames-length-not-minimal\t''
frames-in-pieces\t''
fragments-two\t''
fragments-many\t''
fragments-empty-last\t''
fragments-ping-between\t''
fragments-pong-between\t''
fragments-pong-before-end\t''
fragments-stray\t''
fragments-stray-open\t''
fragments-new-message\t''
utf8-invalid-byte\t''
utf8-lone-continuation\t''
utf8-overlong\t''
utf8-surrogate\t''
utf8-too-high\t''
utf8-truncated\t''
utf8-fragments\t''
utf8-split-character\t''
utf8-valid\t''
utf8-binary\t''
close-1000\t''
close-empty\t''
close-reason-123\t''
close-in-fragments\t''
close-ends-tcp\t''
close-nothing-after\t''
close-code-1001\t''
close-code-1011\t''
close-code-3000\t''
close-code-4999\t''
close-code-0\t''
close-code-999\t''
close-code-1004\t''
close-code-1005\t''
close-code-1006\t''
close-code-1015\t''
close-code-1016\t''
close-code-2999\t''
close-code-5000\t''
close-code-65535\t''
close-one-byte\t''
close-reason-utf8\t''
control-ping\t''
control-ping-empty\t''
control-ping-125\t''
control-pings-in-a-row\t''
control-pong\t''
control-ping-126\t''
control-ping-fragmented\t''
control-pong-fragmented\t''
control-close-fragmented\t''
control-close-126\t''
limits-target-8000\t''
limits-header-8k\t''
limits-header-60k\t''
limits-headers-200\t''
limits-text-64k\t''
limits-binary-64k\t''
limits-pings-100\t''
limits-survival\t''
limits-length-top-bit\t''
limits-length-all-bits\t''
limits-length-huge\t''
limits-length-4g\t''
limits-text-1m\t''
limits-binary-16m\t''
limits-fragments-10000\t''
limits-empty-fragments-10000\t''
limits-pings-10000\t''
limits-messages-10000\t''
limits-slow-head\t''
limits-half-open-50\t''
compression-unknown-parameter\t''
compression-parameter-twice\t''
compression-server-takeover-value\t''
compression-client-takeover-value\t''
compression-server-bits-missing\t''
compression-server-bits-7\t''
compression-server-bits-16\t''
compression-client-bits-7\t''
compression-client-bits-16\t''
compression-second-offer\t''
compression-server-bits\t''
compression-server-bits-8\t''
compression-server-bits-quoted\t''
compression-client-bits\t''
compression-server-takeover\t''
compression-client-takeover\t''
compression-received\t''
compression-text\t''
compression-stored-block\t''
compression-final-block\t''
compression-fragmented\t''
compression-uncompressed\t''
compression-context-takeover\t''
compression-server-context\t''
compression-rsv1-ping\t''
compression-rsv1-continuation\t''
compression-rsv2\t''
compression-invalid\t''
compression-utf8\t''
tls-encrypted\t''
tls-certificate\t''
tls-certificate-days\t''
tls-version-1-3\t''
tls-version-1-0\t''
tls-version-1-1\t''
tls-close-notify\t''"
complete -c wsprobe -n "__fish_wsprobe_using_subcommand audit" -l skip -d 'Do not run these groups or probes' -r -f -a "handshake\t''
origin\t''
frames\t''
fragments\t''
utf8\t''
close\t''
control\t''
limits\t''
compression\t''
tls\t''
handshake-opens\t''
handshake-lower-case\t''
handshake-upper-case\t''
handshake-no-space\t''
handshake-more-space\t''
handshake-in-pieces\t''
handshake-absolute-target\t''
handshake-upgrade-case\t''
handshake-connection-case\t''
handshake-connection-list\t''
handshake-extension-unknown\t''
handshake-subprotocol-unknown\t''
handshake-method-post\t''
handshake-http-1-0\t''
handshake-host-missing\t''
handshake-host-twice\t''
handshake-space-before-colon\t''
handshake-upgrade-missing\t''
handshake-upgrade-other\t''
handshake-connection-missing\t''
handshake-connection-other\t''
handshake-key-missing\t''
handshake-key-short\t''
handshake-key-long\t''
handshake-key-garbage\t''
handshake-key-twice\t''
handshake-version-missing\t''
handshake-version-12\t''
handshake-version-garbage\t''
handshake-extension-garbage\t''
handshake-no-body\t''
handshake-426-upgrade\t''
origin-missing\t''
origin-own\t''
origin-foreign\t''
origin-foreign-anonymous\t''
origin-null\t''
origin-prefix\t''
origin-suffix\t''
origin-subdomain\t''
origin-other-scheme\t''
origin-other-port\t''
frames-received\t''
frames-unmasked\t''
frames-unmasked-ping\t''
frames-mask-zero\t''
frames-rsv1\t''
frames-rsv2\t''
frames-rsv3\t''
frames-rsv2-ping\t''
frames-opcode-3\t''
frames-opcode-7\t''
frames-opcode-11\t''
frames-opcode-15\t''
frames-empty\t''
frames-binary\t''
frames-length-126\t''
frames-length-65535\t''
frames-length-65536\t''
frames-length-not-minimal\t''
frames-in-pieces\t''
fragments-two\t''
fragments-many\t''
fragments-empty-last\t''
fragments-ping-between\t''
fragments-pong-between\t''
fragments-pong-before-end\t''
fragments-stray\t''
fragments-stray-open\t''
fragments-new-message\t''
utf8-invalid-byte\t''
utf8-lone-continuation\t''
utf8-overlong\t''
utf8-surrogate\t''
utf8-too-high\t''
utf8-truncated\t''
utf8-fragments\t''
utf8-split-character\t''
utf8-valid\t''
utf8-binary\t''
close-1000\t''
close-empty\t''
close-reason-123\t''
close-in-fragments\t''
close-ends-tcp\t''
close-nothing-after\t''
close-code-1001\t''
close-code-1011\t''
close-code-3000\t''
close-code-4999\t''
close-code-0\t''
close-code-999\t''
close-code-1004\t''
close-code-1005\t''
close-code-1006\t''
close-code-1015\t''
close-code-1016\t''
close-code-2999\t''
close-code-5000\t''
close-code-65535\t''
close-one-byte\t''
close-reason-utf8\t''
control-ping\t''
control-ping-empty\t''
control-ping-125\t''
control-pings-in-a-row\t''
control-pong\t''
control-ping-126\t''
control-ping-fragmented\t''
control-pong-fragmented\t''
control-close-fragmented\t''
control-close-126\t''
limits-target-8000\t''
limits-header-8k\t''
limits-header-60k\t''
limits-headers-200\t''
limits-text-64k\t''
limits-binary-64k\t''
limits-pings-100\t''
limits-survival\t''
limits-length-top-bit\t''
limits-length-all-bits\t''
limits-length-huge\t''
limits-length-4g\t''
limits-text-1m\t''
limits-binary-16m\t''
limits-fragments-10000\t''
limits-empty-fragments-10000\t''
limits-pings-10000\t''
limits-messages-10000\t''
limits-slow-head\t''
limits-half-open-50\t''
compression-unknown-parameter\t''
compression-parameter-twice\t''
compression-server-takeover-value\t''
compression-client-takeover-value\t''
compression-server-bits-missing\t''
compression-server-bits-7\t''
compression-server-bits-16\t''
compression-client-bits-7\t''
compression-client-bits-16\t''
compression-second-offer\t''
compression-server-bits\t''
compression-server-bits-8\t''
compression-server-bits-quoted\t''
compression-client-bits\t''
compression-server-takeover\t''
compression-client-takeover\t''
compression-received\t''
compression-text\t''
compression-stored-block\t''
compression-final-block\t''
compression-fragmented\t''
compression-uncompressed\t''
compression-context-takeover\t''
compression-server-context\t''
compression-rsv1-ping\t''
compression-rsv1-continuation\t''
compression-rsv2\t''
compression-invalid\t''
compression-utf8\t''
tls-encrypted\t''
tls-certificate\t''
tls-certificate-days\t''
tls-version-1-3\t''
tls-version-1-0\t''
tls-version-1-1\t''
tls-close-notify\t''"
complete -c wsprobe -n "__fish_wsprobe_using_subcommand audit" -l allow -d 'Accept the findings of these groups or probes: they are reported as accepted and do not fail the audit' -r -f -a "handshake\t''
origin\t''
frames\t''
fragments\t''
utf8\t''
close\t''
control\t''
limits\t''
compression\t''
tls\t''
handshake-opens\t''
handshake-lower-case\t''
handshake-upper-case\t''
handshake-no-space\t''
handshake-more-space\t''
handshake-in-pieces\t''
handshake-absolute-target\t''
handshake-upgrade-case\t''
handshake-connection-case\t''
handshake-connection-list\t''
handshake-extension-unknown\t''
handshake-subprotocol-unknown\t''
handshake-method-post\t''
handshake-http-1-0\t''
handshake-host-missing\t''
handshake-host-twice\t''
handshake-space-before-colon\t''
handshake-upgrade-missing\t''
handshake-upgrade-other\t''
handshake-connection-missing\t''
handshake-connection-other\t''
handshake-key-missing\t''
handshake-key-short\t''
handshake-key-long\t''
handshake-key-garbage\t''
handshake-key-twice\t''
handshake-version-missing\t''
handshake-version-12\t''
handshake-version-garbage\t''
handshake-extension-garbage\t''
handshake-no-body\t''
handshake-426-upgrade\t''
origin-missing\t''
origin-own\t''
origin-foreign\t''
origin-foreign-anonymous\t''
origin-null\t''
origin-prefix\t''
origin-suffix\t''
origin-subdomain\t''
origin-other-scheme\t''
origin-other-port\t''
frames-received\t''
frames-unmasked\t''
frames-unmasked-ping\t''
frames-mask-zero\t''
frames-rsv1\t''
frames-rsv2\t''
frames-rsv3\t''
frames-rsv2-ping\t''
frames-opcode-3\t''
frames-opcode-7\t''
frames-opcode-11\t''
frames-opcode-15\t''
frames-empty\t''
frames-binary\t''
frames-length-126\t''
frames-length-65535\t''
frames-length-65536\t''
frames-length-not-minimal\t''
frames-in-pieces\t''
fragments-two\t''
fragments-many\t''
fragments-empty-last\t''
fragments-ping-between\t''
fragments-pong-between\t''
fragments-pong-before-end\t''
fragments-stray\t''
fragments-stray-open\t''
fragments-new-message\t''
utf8-invalid-byte\t''
utf8-lone-continuation\t''
utf8-overlong\t''
utf8-surrogate\t''
utf8-too-high\t''
utf8-truncated\t''
utf8-fragments\t''
utf8-split-character\t''
utf8-valid\t''
utf8-binary\t''
close-1000\t''
close-empty\t''
close-reason-123\t''
close-in-fragments\t''
close-ends-tcp\t''
close-nothing-after\t''
close-code-1001\t''
close-code-1011\t''
close-code-3000\t''
close-code-4999\t''
close-code-0\t''
close-code-999\t''
close-code-1004\t''
close-code-1005\t''
close-code-1006\t''
close-code-1015\t''
close-code-1016\t''
close-code-2999\t''
close-code-5000\t''
close-code-65535\t''
close-one-byte\t''
close-reason-utf8\t''
control-ping\t''
control-ping-empty\t''
control-ping-125\t''
control-pings-in-a-row\t''
control-pong\t''
control-ping-126\t''
control-ping-fragmented\t''
control-pong-fragmented\t''
control-close-fragmented\t''
control-close-126\t''
limits-target-8000\t''
limits-header-8k\t''
limits-header-60k\t''
limits-headers-200\t''
limits-text-64k\t''
limits-binary-64k\t''
limits-pings-100\t''
limits-survival\t''
limits-length-top-bit\t''
limits-length-all-bits\t''
limits-length-huge\t''
limits-length-4g\t''
limits-text-1m\t''
limits-binary-16m\t''
limits-fragments-10000\t''
limits-empty-fragments-10000\t''
limits-pings-10000\t''
limits-messages-10000\t''
limits-slow-head\t''
limits-half-open-50\t''
compression-unknown-parameter\t''
compression-parameter-twice\t''
compression-server-takeover-value\t''
compression-client-takeover-value\t''
compression-server-bits-missing\t''
compression-server-bits-7\t''
compression-server-bits-16\t''
compression-client-bits-7\t''
compression-client-bits-16\t''
compression-second-offer\t''
compression-server-bits\t''
compression-server-bits-8\t''
compression-server-bits-quoted\t''
compression-client-bits\t''
compression-server-takeover\t''
compression-client-takeover\t''
compression-received\t''
compression-text\t''
compression-stored-block\t''
compression-final-block\t''
compression-fragmented\t''
compression-uncompressed\t''
compression-context-takeover\t''
compression-server-context\t''
compression-rsv1-ping\t''
compression-rsv1-continuation\t''
compression-rsv2\t''
compression-invalid\t''
compression-utf8\t''
tls-encrypted\t''
tls-certificate\t''
tls-certificate-days\t''
tls-version-1-3\t''
tls-version-1-0\t''
tls-version-1-1\t''
tls-close-notify\t''"
complete -c wsprobe -n "__fish_wsprobe_using_subcommand audit" -l message -d 'A text message that the application accepts, for probes that need one' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand audit" -l after -d 'Wait for a matching message after those of -x, such as the answer to a login, before each probe' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand audit" -s w -l wait -d 'Time limit of each probe' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand audit" -l junit -d 'Write the results as JUnit XML' -r -F
complete -c wsprobe -n "__fish_wsprobe_using_subcommand audit" -l tap -d 'Write the results as TAP version 14' -r -F
complete -c wsprobe -n "__fish_wsprobe_using_subcommand audit" -l sarif -d 'Write the findings as SARIF 2.1.0, for code scanning' -r -F
complete -c wsprobe -n "__fish_wsprobe_using_subcommand audit" -s H -l header -d 'Add or replace a request header (repeatable); \'Name:\' removes it, \'Name;\' sends it empty; @FILE and env:NAME contain one header per line' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand audit" -s s -l subprotocol -d 'Offer a subprotocol (repeatable, or separated by commas); @FILE and env:NAME keep a token out of the command line' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand audit" -s o -l origin -d 'Send this Origin header, as a browser does' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand audit" -s u -l user -d 'Authenticate with user and password (Basic); a missing password is read from WSPROBE_PASSWORD or asked for on the terminal; env:NAME reads both from a variable' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand audit" -l bearer -d 'Authenticate with a bearer token; @FILE and env:NAME keep it out of the command line and are read for every connection' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand audit" -s b -l cookie -d 'Send a cookie (repeatable)' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand audit" -s A -l user-agent -d 'Set the User-Agent header; an empty value sends none' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand audit" -l max-redirects -d 'Maximum number of redirects' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand audit" -l compress -d 'Offer permessage-deflate with these parameters, such as \'client_max_window_bits=10; server_no_context_takeover\'' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand audit" -l cacert -d 'Also trust the CA certificates in FILE (PEM)' -r -F
complete -c wsprobe -n "__fish_wsprobe_using_subcommand audit" -l cert -d 'Client certificate chain (PEM)' -r -F
complete -c wsprobe -n "__fish_wsprobe_using_subcommand audit" -l key -d 'Private key of --cert (PEM), if not in the same file' -r -F
complete -c wsprobe -n "__fish_wsprobe_using_subcommand audit" -l passphrase -d 'wscat\'s option for an encrypted key; refused with a hint' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand audit" -l servername -d 'Server name for SNI and certificate verification, instead of the URL\'s host' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand audit" -l tls-min -d 'Minimum TLS version' -r -f -a "1.2\t'TLS 1.2'
1.3\t'TLS 1.3'"
complete -c wsprobe -n "__fish_wsprobe_using_subcommand audit" -l endpoints -d 'Read @NAME from FILE instead of the nearest endpoints file (wsprobe help endpoints)' -r -F
complete -c wsprobe -n "__fish_wsprobe_using_subcommand audit" -l proxy -d 'Use a proxy: http, https, socks5 (names resolved locally) or socks5h (by the proxy); \'\' disables the proxy variables of the environment' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand audit" -l resolve -d 'Use this address (or several, separated by commas) for HOST:PORT; * is any host (repeatable)' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand audit" -l unix-socket -d 'Connect to this Unix domain socket instead of the URL\'s host' -r -F
complete -c wsprobe -n "__fish_wsprobe_using_subcommand audit" -l interface -d 'Connect from this local address or network interface' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand audit" -l connect-timeout -d 'Time limit from the name lookup to the server\'s 101' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand audit" -s m -l max-time -d 'Time limit of the whole run (exit 28)' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand audit" -l close-timeout -d 'Time limit for the server\'s close frame after ours' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand audit" -l retry -d 'Retry until the first 101: at most N times, or for TIME (such as 30s); retries after network errors, timeouts and HTTP 408 425 429 500 502 503 504' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand audit" -l reconnect -d 'Reconnect after a lost connection: at most N times, for TIME (such as 5m), or without limit; only the messages of -x are sent again' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand audit" -l reconnect-on -d 'Close codes and HTTP statuses after which to reconnect, or (!) not: 1000,4000-4099,!1011' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand audit" -l backoff -d 'Delay before a retry: random between 0 and BASE; the upper limit doubles each time, up to MAX' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand audit" -l ping-interval -d 'Send a ping frame every TIME; the connection is lost if the server does not answer' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand audit" -l ping-timeout -d 'Time limit for any data (a pong or other) after a ping' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand audit" -l heartbeat -d 'Send this message at each --ping-interval instead of a ping frame; any data received counts as an answer' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand audit" -s x -l execute -d 'Send a message first on every new connection (repeatable); @FILE and env:NAME keep secrets out of the command line' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand audit" -l close -d 'Close code and reason to send' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand audit" -l decode -d 'Decode received binary messages: gzip, zlib, deflate or zstd (zlib-stream, zstd-stream: one stream over all messages), then msgpack, cbor or json' -r -f -a "zlib-stream\t''
zstd-stream\t''
gzip\t''
zlib\t''
deflate\t''
zstd\t''
msgpack\t''
cbor\t''
json\t''"
complete -c wsprobe -n "__fish_wsprobe_using_subcommand audit" -l max-size -d 'Maximum size of an incoming message, also when it is decoded' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand audit" -l var -d 'Set the variable {{NAME}} in messages, headers and the URL (repeatable)' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand audit" -l secret -d 'Set the variable {{NAME}} and redact its value in all output (repeatable)' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand audit" -l on -d 'Answer each message that matches PATTERN with MESSAGE (repeatable; the first match answers)' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand audit" -l pretty -d 'Pretty-print JSON messages' -r -f -a "auto\t'On a terminal'
always\t'Always'
never\t'Never'"
complete -c wsprobe -n "__fish_wsprobe_using_subcommand audit" -l color -d 'Colour the output' -r -f -a "auto\t'On a terminal'
always\t'Always'
never\t'Never'"
complete -c wsprobe -n "__fish_wsprobe_using_subcommand audit" -l log -d 'Also write every event as a line of JSON to FILE' -r -F
complete -c wsprobe -n "__fish_wsprobe_using_subcommand audit" -l list -d 'List the probes with their sections, without running them'
complete -c wsprobe -n "__fish_wsprobe_using_subcommand audit" -l intrusive -d 'Also run the probes that strain a server or are known to have ended some, last and one at a time'
complete -c wsprobe -n "__fish_wsprobe_using_subcommand audit" -l expect-origin-check -d 'A foreign origin that is let in fails the audit, also without credentials'
complete -c wsprobe -n "__fish_wsprobe_using_subcommand audit" -s L -l location -d 'Follow redirects to ws, wss, http and https, but never from wss to ws; credentials are sent to the original origin only'
complete -c wsprobe -n "__fish_wsprobe_using_subcommand audit" -l http2 -d 'Use WebSocket over HTTP/2 (RFC 8441): negotiated by ALPN for wss, with prior knowledge for ws'
complete -c wsprobe -n "__fish_wsprobe_using_subcommand audit" -l no-compress -d 'Do not offer permessage-deflate (browsers always offer it)'
complete -c wsprobe -n "__fish_wsprobe_using_subcommand audit" -s k -l insecure -d 'Accept any server certificate, and warn about what is wrong with it'
complete -c wsprobe -n "__fish_wsprobe_using_subcommand audit" -s 4 -l ipv4 -d 'Use IPv4 only'
complete -c wsprobe -n "__fish_wsprobe_using_subcommand audit" -s 6 -l ipv6 -d 'Use IPv6 only'
complete -c wsprobe -n "__fish_wsprobe_using_subcommand audit" -l template -d 'Fill in {{uuid}}, {{now}}, {{ n }} and the others even without --var or --secret'
complete -c wsprobe -n "__fish_wsprobe_using_subcommand audit" -l json -d 'Print every event as a line of JSON'
complete -c wsprobe -n "__fish_wsprobe_using_subcommand audit" -s t -l timestamps -d 'Print the arrival time (UTC) before each message'
complete -c wsprobe -n "__fish_wsprobe_using_subcommand audit" -s q -l quiet -d 'Print less to stderr (repeatable)'
complete -c wsprobe -n "__fish_wsprobe_using_subcommand audit" -s v -l verbose -d 'Print more to stderr: handshake, TLS, timing, control frames; -vv every frame'
complete -c wsprobe -n "__fish_wsprobe_using_subcommand audit" -l show-secrets -d 'Show credentials and tokens in output'
complete -c wsprobe -n "__fish_wsprobe_using_subcommand audit" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c wsprobe -n "__fish_wsprobe_using_subcommand import" -l entry -d 'Only this connection: its number, from 1, or a PATTERN of its URL' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand import" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c wsprobe -n "__fish_wsprobe_using_subcommand serve" -l unix -d 'Listen on a Unix domain socket instead' -r -F
complete -c wsprobe -n "__fish_wsprobe_using_subcommand serve" -l mode -d 'How to handle messages' -r -f -a "echo\t'Send every message back'
broadcast\t'Send every message to all clients, including its sender'
sink\t'Read and count messages; report each connection on stdout'
silent\t'Read and never answer'"
complete -c wsprobe -n "__fish_wsprobe_using_subcommand serve" -l greeting -d 'Send MESSAGE first to every client (or @FILE, env:NAME)' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand serve" -l reply -d 'Answer every message with MESSAGE instead of its echo' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand serve" -l play -d 'Play the server\'s side of a check file: await what it sends, send what it awaits' -r -F
complete -c wsprobe -n "__fish_wsprobe_using_subcommand serve" -s s -l subprotocol -d 'Supported subprotocol (repeatable, or separated by commas)' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand serve" -l status -d 'Refuse every handshake with this HTTP status' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand serve" -l close-after -d 'Close after N messages' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand serve" -l close-code -d 'Close code of --close-after; may be an invalid one' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand serve" -l close-reason -d 'Close reason of --close-after, at most 123 bytes' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand serve" -l delay -d 'Delay each message to the client by TIME, or by a random time in a range' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand serve" -l drop-after -d 'Close the TCP connection without a close frame after N messages' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand serve" -l stall-after -d 'Stop reading and writing after N messages' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand serve" -l bad -d 'Send a frame that violates the protocol' -r -f -a "utf8\t'A text message that is not valid UTF-8'
rsv\t'A reserved bit (RSV) that no extension defines'
opcode\t'A reserved opcode'
mask\t'A masked frame'
length\t'A length of 2^63 bytes (the most significant bit must be 0)'"
complete -c wsprobe -n "__fish_wsprobe_using_subcommand serve" -l bad-after -d 'Send the frame of --bad after N messages; 0 sends it right after the handshake' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand serve" -l cert -d 'Use TLS (wss) with this certificate chain (PEM)' -r -F
complete -c wsprobe -n "__fish_wsprobe_using_subcommand serve" -l key -d 'Private key of --cert (PEM), if not in the same file' -r -F
complete -c wsprobe -n "__fish_wsprobe_using_subcommand serve" -l allow-origin -d 'Accept web pages from ORIGIN (https://app.example, null for files, * for all; repeatable)' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand serve" -l auth -d 'Require this user and password, else 401 (or @FILE, env:NAME)' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand serve" -l bearer -d 'Require this bearer token, else 401 (or @FILE, env:NAME)' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand serve" -l max-size -d 'Maximum size of an incoming message' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand serve" -l max-clients -d 'Maximum number of clients at a time; further ones get 503' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand serve" -l color -d 'Colour the output' -r -f -a "auto\t'On a terminal'
always\t'Always'
never\t'Never'"
complete -c wsprobe -n "__fish_wsprobe_using_subcommand serve" -l log -d 'Also write every event as a line of JSON to FILE' -r -F
complete -c wsprobe -n "__fish_wsprobe_using_subcommand serve" -l once -d 'End after the last test of --play: exit 0, or 1 if a client deviated'
complete -c wsprobe -n "__fish_wsprobe_using_subcommand serve" -l no-compress -d 'Do not accept permessage-deflate'
complete -c wsprobe -n "__fish_wsprobe_using_subcommand serve" -l no-pong -d 'Do not answer pings'
complete -c wsprobe -n "__fish_wsprobe_using_subcommand serve" -l self-signed -d 'Use TLS (wss) with a generated certificate; prints its fingerprint'
complete -c wsprobe -n "__fish_wsprobe_using_subcommand serve" -l json -d 'Print the address and every event of every connection as a line of JSON'
complete -c wsprobe -n "__fish_wsprobe_using_subcommand serve" -s t -l timestamps -d 'Print the time (UTC) before each line'
complete -c wsprobe -n "__fish_wsprobe_using_subcommand serve" -s q -l quiet -d 'Print only the address; -qq nothing'
complete -c wsprobe -n "__fish_wsprobe_using_subcommand serve" -s v -l verbose -d 'Also print requests, control frames and outgoing messages; -vv every frame'
complete -c wsprobe -n "__fish_wsprobe_using_subcommand serve" -l show-secrets -d 'Show credentials and tokens in output'
complete -c wsprobe -n "__fish_wsprobe_using_subcommand serve" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c wsprobe -n "__fish_wsprobe_using_subcommand proxy" -s c -l count -d 'Stop after N connections have ended, exit 0' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand proxy" -l for -d 'Stop after TIME, exit 0' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand proxy" -l until -d 'Stop after the first message of either side that matches, exit 0; without one, --for and --count exit 1' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand proxy" -l never -d 'Exit 1 at once if a message of either side matches (repeatable)' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand proxy" -l save -d 'Write what passed as a check file: a test for each connection' -r -F
complete -c wsprobe -n "__fish_wsprobe_using_subcommand proxy" -l har -d 'Write what passed as HAR 1.2, with the messages as browsers export them; secrets are redacted' -r -F
complete -c wsprobe -n "__fish_wsprobe_using_subcommand proxy" -l binary-output -d 'Print binary messages as raw bytes, or each as a line of hex or base64' -r -f -a "raw\t'The bytes unchanged'
hex\t'Hexadecimal digits'
base64\t'Base64'"
complete -c wsprobe -n "__fish_wsprobe_using_subcommand proxy" -l close-after -d 'Close after N messages' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand proxy" -l close-code -d 'Close code of --close-after; may be an invalid one' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand proxy" -l close-reason -d 'Close reason of --close-after, at most 123 bytes' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand proxy" -l delay -d 'Delay each message to the client by TIME, or by a random time in a range' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand proxy" -l drop-after -d 'Close the TCP connection without a close frame after N messages' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand proxy" -l stall-after -d 'Stop reading and writing after N messages' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand proxy" -l bad -d 'Send a frame that violates the protocol' -r -f -a "utf8\t'A text message that is not valid UTF-8'
rsv\t'A reserved bit (RSV) that no extension defines'
opcode\t'A reserved opcode'
mask\t'A masked frame'
length\t'A length of 2^63 bytes (the most significant bit must be 0)'"
complete -c wsprobe -n "__fish_wsprobe_using_subcommand proxy" -l bad-after -d 'Send the frame of --bad after N messages; 0 sends it right after the handshake' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand proxy" -l listen-cert -d 'Accept clients with TLS (wss) and this certificate chain (PEM)' -r -F
complete -c wsprobe -n "__fish_wsprobe_using_subcommand proxy" -l listen-key -d 'Private key of --listen-cert (PEM), if not in the same file' -r -F
complete -c wsprobe -n "__fish_wsprobe_using_subcommand proxy" -l allow-origin -d 'Accept web pages from ORIGIN (https://app.example, null for files, * for all; repeatable)' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand proxy" -l max-size -d 'Maximum size of an incoming message' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand proxy" -l max-clients -d 'Maximum number of clients at a time; further ones get 503' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand proxy" -s H -l header -d 'Add or replace a request header (repeatable); \'Name:\' removes it, \'Name;\' sends it empty; @FILE and env:NAME contain one header per line' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand proxy" -s s -l subprotocol -d 'Offer a subprotocol (repeatable, or separated by commas); @FILE and env:NAME keep a token out of the command line' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand proxy" -s o -l origin -d 'Send this Origin header, as a browser does' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand proxy" -s u -l user -d 'Authenticate with user and password (Basic); a missing password is read from WSPROBE_PASSWORD or asked for on the terminal; env:NAME reads both from a variable' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand proxy" -l bearer -d 'Authenticate with a bearer token; @FILE and env:NAME keep it out of the command line and are read for every connection' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand proxy" -s b -l cookie -d 'Send a cookie (repeatable)' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand proxy" -s A -l user-agent -d 'Set the User-Agent header; an empty value sends none' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand proxy" -l max-redirects -d 'Maximum number of redirects' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand proxy" -l compress -d 'Offer permessage-deflate with these parameters, such as \'client_max_window_bits=10; server_no_context_takeover\'' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand proxy" -l cacert -d 'Also trust the CA certificates in FILE (PEM)' -r -F
complete -c wsprobe -n "__fish_wsprobe_using_subcommand proxy" -l cert -d 'Client certificate chain (PEM)' -r -F
complete -c wsprobe -n "__fish_wsprobe_using_subcommand proxy" -l key -d 'Private key of --cert (PEM), if not in the same file' -r -F
complete -c wsprobe -n "__fish_wsprobe_using_subcommand proxy" -l passphrase -d 'wscat\'s option for an encrypted key; refused with a hint' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand proxy" -l servername -d 'Server name for SNI and certificate verification, instead of the URL\'s host' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand proxy" -l tls-min -d 'Minimum TLS version' -r -f -a "1.2\t'TLS 1.2'
1.3\t'TLS 1.3'"
complete -c wsprobe -n "__fish_wsprobe_using_subcommand proxy" -l endpoints -d 'Read @NAME from FILE instead of the nearest endpoints file (wsprobe help endpoints)' -r -F
complete -c wsprobe -n "__fish_wsprobe_using_subcommand proxy" -l proxy -d 'Use a proxy: http, https, socks5 (names resolved locally) or socks5h (by the proxy); \'\' disables the proxy variables of the environment' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand proxy" -l resolve -d 'Use this address (or several, separated by commas) for HOST:PORT; * is any host (repeatable)' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand proxy" -l unix-socket -d 'Connect to this Unix domain socket instead of the URL\'s host' -r -F
complete -c wsprobe -n "__fish_wsprobe_using_subcommand proxy" -l interface -d 'Connect from this local address or network interface' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand proxy" -l connect-timeout -d 'Time limit from the name lookup to the server\'s 101; the client gets 504 then' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand proxy" -l close-timeout -d 'Time limit for a side to close after the other one has closed or is lost' -r
complete -c wsprobe -n "__fish_wsprobe_using_subcommand proxy" -l pretty -d 'Pretty-print JSON messages' -r -f -a "auto\t'On a terminal'
always\t'Always'
never\t'Never'"
complete -c wsprobe -n "__fish_wsprobe_using_subcommand proxy" -l color -d 'Colour the output' -r -f -a "auto\t'On a terminal'
always\t'Always'
never\t'Never'"
complete -c wsprobe -n "__fish_wsprobe_using_subcommand proxy" -l log -d 'Also write every event as a line of JSON to FILE' -r -F
complete -c wsprobe -n "__fish_wsprobe_using_subcommand proxy" -l self-signed -d 'Accept clients with TLS (wss) and a generated certificate; prints its fingerprint'
complete -c wsprobe -n "__fish_wsprobe_using_subcommand proxy" -s L -l location -d 'Follow redirects to ws, wss, http and https, but never from wss to ws; credentials are sent to the original origin only'
complete -c wsprobe -n "__fish_wsprobe_using_subcommand proxy" -l http2 -d 'Use WebSocket over HTTP/2 (RFC 8441): negotiated by ALPN for wss, with prior knowledge for ws'
complete -c wsprobe -n "__fish_wsprobe_using_subcommand proxy" -l no-compress -d 'Do not offer permessage-deflate (browsers always offer it)'
complete -c wsprobe -n "__fish_wsprobe_using_subcommand proxy" -s k -l insecure -d 'Accept any server certificate, and warn about what is wrong with it'
complete -c wsprobe -n "__fish_wsprobe_using_subcommand proxy" -s 4 -l ipv4 -d 'Use IPv4 only'
complete -c wsprobe -n "__fish_wsprobe_using_subcommand proxy" -s 6 -l ipv6 -d 'Use IPv6 only'
complete -c wsprobe -n "__fish_wsprobe_using_subcommand proxy" -l json -d 'Print every event as a line of JSON'
complete -c wsprobe -n "__fish_wsprobe_using_subcommand proxy" -s t -l timestamps -d 'Print the arrival time (UTC) before each message'
complete -c wsprobe -n "__fish_wsprobe_using_subcommand proxy" -s q -l quiet -d 'Print less to stderr (repeatable)'
complete -c wsprobe -n "__fish_wsprobe_using_subcommand proxy" -s v -l verbose -d 'Print more to stderr: handshake, TLS, timing, control frames; -vv every frame'
complete -c wsprobe -n "__fish_wsprobe_using_subcommand proxy" -l show-secrets -d 'Show credentials and tokens in output'
complete -c wsprobe -n "__fish_wsprobe_using_subcommand proxy" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c wsprobe -n "__fish_wsprobe_using_subcommand completions" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c wsprobe -n "__fish_wsprobe_using_subcommand help" -s h -l help -d 'Print help (see more with \'--help\')'

# The endpoints of the nearest wsprobe.toml.
complete -c wsprobe -n 'string match -q "@*" -- (commandline -ct)' -f -a '(wsprobe connect @ 2>&1 | string replace -rf "^  (@\S+)  (.*)" "\$1\t\$2")'
