
using namespace System.Management.Automation
using namespace System.Management.Automation.Language

Register-ArgumentCompleter -Native -CommandName 'wsprobe' -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)

    $commandElements = $commandAst.CommandElements
    $command = @(
        'wsprobe'
        for ($i = 1; $i -lt $commandElements.Count; $i++) {
            $element = $commandElements[$i]
            if ($element -isnot [StringConstantExpressionAst] -or
                $element.StringConstantType -ne [StringConstantType]::BareWord -or
                $element.Value.StartsWith('-') -or
                $element.Value -eq $wordToComplete) {
                break
        }
        $element.Value
    }) -join ';'

    $completions = @(switch ($command) {
        'wsprobe' {
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('connect', 'connect', [CompletionResultType]::ParameterValue, 'Talk by hand: an interactive session')
            [CompletionResult]::new('send', 'send', [CompletionResultType]::ParameterValue, 'Send messages, print the replies, exit')
            [CompletionResult]::new('listen', 'listen', [CompletionResultType]::ParameterValue, 'Print what comes')
            [CompletionResult]::new('ping', 'ping', [CompletionResultType]::ParameterValue, 'Measure round-trip times')
            [CompletionResult]::new('check', 'check', [CompletionResultType]::ParameterValue, 'Probe an endpoint, or run scripted conversations: pass or fail')
            [CompletionResult]::new('serve', 'serve', [CompletionResultType]::ParameterValue, 'A server to test against')
            [CompletionResult]::new('completions', 'completions', [CompletionResultType]::ParameterValue, 'Print a completion script')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'wsprobe;connect' {
            [CompletionResult]::new('-w', '-w', [CompletionResultType]::ParameterName, 'In a pipe: how long to listen on after the end of stdin and the last message')
            [CompletionResult]::new('--wait', '--wait', [CompletionResultType]::ParameterName, 'In a pipe: how long to listen on after the end of stdin and the last message')
            [CompletionResult]::new('-H', '-H ', [CompletionResultType]::ParameterName, 'Add a request header (repeat for several; it replaces one of ours, ''Name:'' leaves one out)')
            [CompletionResult]::new('--header', '--header', [CompletionResultType]::ParameterName, 'Add a request header (repeat for several; it replaces one of ours, ''Name:'' leaves one out)')
            [CompletionResult]::new('-s', '-s', [CompletionResultType]::ParameterName, 'Offer a subprotocol (repeat, or separate with commas)')
            [CompletionResult]::new('--subprotocol', '--subprotocol', [CompletionResultType]::ParameterName, 'Offer a subprotocol (repeat, or separate with commas)')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'Send an Origin header, as a browser does')
            [CompletionResult]::new('--origin', '--origin', [CompletionResultType]::ParameterName, 'Send an Origin header, as a browser does')
            [CompletionResult]::new('--compress', '--compress', [CompletionResultType]::ParameterName, 'Offer permessage-deflate with these parameters, such as ''client_max_window_bits=10; server_no_context_takeover''')
            [CompletionResult]::new('--cacert', '--cacert', [CompletionResultType]::ParameterName, 'Trust the CA certificates in FILE (PEM) as well')
            [CompletionResult]::new('--connect-timeout', '--connect-timeout', [CompletionResultType]::ParameterName, 'From the name lookup to the server''s 101')
            [CompletionResult]::new('-m', '-m', [CompletionResultType]::ParameterName, 'For everything; reaching it is exit 28')
            [CompletionResult]::new('--max-time', '--max-time', [CompletionResultType]::ParameterName, 'For everything; reaching it is exit 28')
            [CompletionResult]::new('--close-timeout', '--close-timeout', [CompletionResultType]::ParameterName, 'From our close frame to the server''s')
            [CompletionResult]::new('--retry', '--retry', [CompletionResultType]::ParameterName, 'Try again until the first 101: N retries, or for so long (30s); a network error, a timeout or HTTP 408 425 429 500 502 503 504 is worth another try')
            [CompletionResult]::new('--reconnect', '--reconnect', [CompletionResultType]::ParameterName, 'Come back after a loss: at most N retries, for so long (5m), or without end; the messages of -x are sent again, nothing else is')
            [CompletionResult]::new('--reconnect-on', '--reconnect-on', [CompletionResultType]::ParameterName, 'Close codes and HTTP statuses to come back after, or (!) not: 1000,4000-4099,!1011')
            [CompletionResult]::new('--backoff', '--backoff', [CompletionResultType]::ParameterName, 'The wait before a retry: a random part of BASE, doubled each time up to MAX')
            [CompletionResult]::new('--ping-interval', '--ping-interval', [CompletionResultType]::ParameterName, 'Send a ping frame so often; a server that does not answer is a loss')
            [CompletionResult]::new('--ping-timeout', '--ping-timeout', [CompletionResultType]::ParameterName, 'How long to wait for a sign of life after a ping: its pong, or any data')
            [CompletionResult]::new('--heartbeat', '--heartbeat', [CompletionResultType]::ParameterName, 'Send this message at each --ping-interval in place of a ping frame; any data that comes counts as life')
            [CompletionResult]::new('-x', '-x', [CompletionResultType]::ParameterName, 'Send a message after every open, before anything else (repeat); @FILE and env:NAME keep secrets out of the command line')
            [CompletionResult]::new('--execute', '--execute', [CompletionResultType]::ParameterName, 'Send a message after every open, before anything else (repeat); @FILE and env:NAME keep secrets out of the command line')
            [CompletionResult]::new('--close', '--close', [CompletionResultType]::ParameterName, 'How we close')
            [CompletionResult]::new('--max-size', '--max-size', [CompletionResultType]::ParameterName, 'The largest message accepted')
            [CompletionResult]::new('--pretty', '--pretty', [CompletionResultType]::ParameterName, 'Lay out JSON messages over several lines')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Use colour')
            [CompletionResult]::new('--log', '--log', [CompletionResultType]::ParameterName, 'Write every event as a line of JSON to FILE as well')
            [CompletionResult]::new('-0', '-0', [CompletionResultType]::ParameterName, 'Messages end with NUL instead of newline, in and out')
            [CompletionResult]::new('--null', '--null', [CompletionResultType]::ParameterName, 'Messages end with NUL instead of newline, in and out')
            [CompletionResult]::new('--no-history', '--no-history', [CompletionResultType]::ParameterName, 'Keep no history on disk')
            [CompletionResult]::new('--no-compress', '--no-compress', [CompletionResultType]::ParameterName, 'Do not offer permessage-deflate, which browsers always offer')
            [CompletionResult]::new('-k', '-k', [CompletionResultType]::ParameterName, 'Accept any server certificate, and say what is wrong with it')
            [CompletionResult]::new('--insecure', '--insecure', [CompletionResultType]::ParameterName, 'Accept any server certificate, and say what is wrong with it')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print every event as a line of JSON')
            [CompletionResult]::new('-t', '-t', [CompletionResultType]::ParameterName, 'Print the time of arrival (UTC) before each message')
            [CompletionResult]::new('--timestamps', '--timestamps', [CompletionResultType]::ParameterName, 'Print the time of arrival (UTC) before each message')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Say less on stderr')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Say less on stderr')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say more on stderr: handshake, TLS, times, control frames; twice, every frame')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say more on stderr: handshake, TLS, times, control frames; twice, every frame')
            [CompletionResult]::new('--show-secrets', '--show-secrets', [CompletionResultType]::ParameterName, 'Show credentials and tokens in output')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'wsprobe;send' {
            [CompletionResult]::new('-c', '-c', [CompletionResultType]::ParameterName, 'End after exactly N replies')
            [CompletionResult]::new('--count', '--count', [CompletionResultType]::ParameterName, 'End after exactly N replies')
            [CompletionResult]::new('--expect', '--expect', [CompletionResultType]::ParameterName, 'Wait for a message that matches (repeat for a sequence); exit 1 when it does not come')
            [CompletionResult]::new('--expect-close', '--expect-close', [CompletionResultType]::ParameterName, 'Wait for the server to close with CODE, and with a reason that matches PATTERN')
            [CompletionResult]::new('--expect-status', '--expect-status', [CompletionResultType]::ParameterName, 'The handshake must be answered with this HTTP status; with any but 101 nothing is sent')
            [CompletionResult]::new('--expect-subprotocol', '--expect-subprotocol', [CompletionResultType]::ParameterName, 'The server must choose this subprotocol (offer it with -s)')
            [CompletionResult]::new('-w', '-w', [CompletionResultType]::ParameterName, 'The longest silence, counted from the last message sent or received; reaching it is exit 28')
            [CompletionResult]::new('--wait', '--wait', [CompletionResultType]::ParameterName, 'The longest silence, counted from the last message sent or received; reaching it is exit 28')
            [CompletionResult]::new('--file', '--file', [CompletionResultType]::ParameterName, 'Send a file as one message (repeat for several)')
            [CompletionResult]::new('--fragment', '--fragment', [CompletionResultType]::ParameterName, 'Send each message in fragments (frames) of at most SIZE')
            [CompletionResult]::new('--rate', '--rate', [CompletionResultType]::ParameterName, 'Send at most N messages a second')
            [CompletionResult]::new('--delay', '--delay', [CompletionResultType]::ParameterName, 'Wait between messages')
            [CompletionResult]::new('-H', '-H ', [CompletionResultType]::ParameterName, 'Add a request header (repeat for several; it replaces one of ours, ''Name:'' leaves one out)')
            [CompletionResult]::new('--header', '--header', [CompletionResultType]::ParameterName, 'Add a request header (repeat for several; it replaces one of ours, ''Name:'' leaves one out)')
            [CompletionResult]::new('-s', '-s', [CompletionResultType]::ParameterName, 'Offer a subprotocol (repeat, or separate with commas)')
            [CompletionResult]::new('--subprotocol', '--subprotocol', [CompletionResultType]::ParameterName, 'Offer a subprotocol (repeat, or separate with commas)')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'Send an Origin header, as a browser does')
            [CompletionResult]::new('--origin', '--origin', [CompletionResultType]::ParameterName, 'Send an Origin header, as a browser does')
            [CompletionResult]::new('--compress', '--compress', [CompletionResultType]::ParameterName, 'Offer permessage-deflate with these parameters, such as ''client_max_window_bits=10; server_no_context_takeover''')
            [CompletionResult]::new('--cacert', '--cacert', [CompletionResultType]::ParameterName, 'Trust the CA certificates in FILE (PEM) as well')
            [CompletionResult]::new('--connect-timeout', '--connect-timeout', [CompletionResultType]::ParameterName, 'From the name lookup to the server''s 101')
            [CompletionResult]::new('-m', '-m', [CompletionResultType]::ParameterName, 'For everything; reaching it is exit 28')
            [CompletionResult]::new('--max-time', '--max-time', [CompletionResultType]::ParameterName, 'For everything; reaching it is exit 28')
            [CompletionResult]::new('--close-timeout', '--close-timeout', [CompletionResultType]::ParameterName, 'From our close frame to the server''s')
            [CompletionResult]::new('--retry', '--retry', [CompletionResultType]::ParameterName, 'Try again until the first 101: N retries, or for so long (30s); a network error, a timeout or HTTP 408 425 429 500 502 503 504 is worth another try')
            [CompletionResult]::new('--reconnect', '--reconnect', [CompletionResultType]::ParameterName, 'Come back after a loss: at most N retries, for so long (5m), or without end; the messages of -x are sent again, nothing else is')
            [CompletionResult]::new('--reconnect-on', '--reconnect-on', [CompletionResultType]::ParameterName, 'Close codes and HTTP statuses to come back after, or (!) not: 1000,4000-4099,!1011')
            [CompletionResult]::new('--backoff', '--backoff', [CompletionResultType]::ParameterName, 'The wait before a retry: a random part of BASE, doubled each time up to MAX')
            [CompletionResult]::new('--ping-interval', '--ping-interval', [CompletionResultType]::ParameterName, 'Send a ping frame so often; a server that does not answer is a loss')
            [CompletionResult]::new('--ping-timeout', '--ping-timeout', [CompletionResultType]::ParameterName, 'How long to wait for a sign of life after a ping: its pong, or any data')
            [CompletionResult]::new('--heartbeat', '--heartbeat', [CompletionResultType]::ParameterName, 'Send this message at each --ping-interval in place of a ping frame; any data that comes counts as life')
            [CompletionResult]::new('-x', '-x', [CompletionResultType]::ParameterName, 'Send a message after every open, before anything else (repeat); @FILE and env:NAME keep secrets out of the command line')
            [CompletionResult]::new('--execute', '--execute', [CompletionResultType]::ParameterName, 'Send a message after every open, before anything else (repeat); @FILE and env:NAME keep secrets out of the command line')
            [CompletionResult]::new('--close', '--close', [CompletionResultType]::ParameterName, 'How we close')
            [CompletionResult]::new('--max-size', '--max-size', [CompletionResultType]::ParameterName, 'The largest message accepted')
            [CompletionResult]::new('--pretty', '--pretty', [CompletionResultType]::ParameterName, 'Lay out JSON messages over several lines')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Use colour')
            [CompletionResult]::new('--log', '--log', [CompletionResultType]::ParameterName, 'Write every event as a line of JSON to FILE as well')
            [CompletionResult]::new('--no-wait', '--no-wait', [CompletionResultType]::ParameterName, 'Wait for no reply, only for the closing handshake, which says that the server has read it all')
            [CompletionResult]::new('--whole', '--whole', [CompletionResultType]::ParameterName, 'Send all of stdin as one message')
            [CompletionResult]::new('-0', '-0', [CompletionResultType]::ParameterName, 'Messages end with NUL instead of newline, in and out')
            [CompletionResult]::new('--null', '--null', [CompletionResultType]::ParameterName, 'Messages end with NUL instead of newline, in and out')
            [CompletionResult]::new('--binary', '--binary', [CompletionResultType]::ParameterName, 'Send binary messages instead of text')
            [CompletionResult]::new('--hex', '--hex', [CompletionResultType]::ParameterName, 'Messages are written in hexadecimal; send them as binary')
            [CompletionResult]::new('--base64', '--base64', [CompletionResultType]::ParameterName, 'Messages are written in base64; send them as binary')
            [CompletionResult]::new('--no-compress', '--no-compress', [CompletionResultType]::ParameterName, 'Do not offer permessage-deflate, which browsers always offer')
            [CompletionResult]::new('-k', '-k', [CompletionResultType]::ParameterName, 'Accept any server certificate, and say what is wrong with it')
            [CompletionResult]::new('--insecure', '--insecure', [CompletionResultType]::ParameterName, 'Accept any server certificate, and say what is wrong with it')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print every event as a line of JSON')
            [CompletionResult]::new('-t', '-t', [CompletionResultType]::ParameterName, 'Print the time of arrival (UTC) before each message')
            [CompletionResult]::new('--timestamps', '--timestamps', [CompletionResultType]::ParameterName, 'Print the time of arrival (UTC) before each message')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Say less on stderr')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Say less on stderr')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say more on stderr: handshake, TLS, times, control frames; twice, every frame')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say more on stderr: handshake, TLS, times, control frames; twice, every frame')
            [CompletionResult]::new('--show-secrets', '--show-secrets', [CompletionResultType]::ParameterName, 'Show credentials and tokens in output')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'wsprobe;listen' {
            [CompletionResult]::new('-c', '-c', [CompletionResultType]::ParameterName, 'End after N messages')
            [CompletionResult]::new('--count', '--count', [CompletionResultType]::ParameterName, 'End after N messages')
            [CompletionResult]::new('--for', '--for', [CompletionResultType]::ParameterName, 'End well after so long')
            [CompletionResult]::new('--until', '--until', [CompletionResultType]::ParameterName, 'End well after the first message that matches')
            [CompletionResult]::new('--filter', '--filter', [CompletionResultType]::ParameterName, 'Print (and count) only messages that match')
            [CompletionResult]::new('--select', '--select', [CompletionResultType]::ParameterName, 'Print this part of each JSON message, strings without quotes')
            [CompletionResult]::new('--idle-timeout', '--idle-timeout', [CompletionResultType]::ParameterName, 'Fail (exit 28) when no message has come for so long')
            [CompletionResult]::new('-l', '-l', [CompletionResultType]::ParameterName, 'wscat''s way to start a server: names the right one')
            [CompletionResult]::new('-H', '-H ', [CompletionResultType]::ParameterName, 'Add a request header (repeat for several; it replaces one of ours, ''Name:'' leaves one out)')
            [CompletionResult]::new('--header', '--header', [CompletionResultType]::ParameterName, 'Add a request header (repeat for several; it replaces one of ours, ''Name:'' leaves one out)')
            [CompletionResult]::new('-s', '-s', [CompletionResultType]::ParameterName, 'Offer a subprotocol (repeat, or separate with commas)')
            [CompletionResult]::new('--subprotocol', '--subprotocol', [CompletionResultType]::ParameterName, 'Offer a subprotocol (repeat, or separate with commas)')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'Send an Origin header, as a browser does')
            [CompletionResult]::new('--origin', '--origin', [CompletionResultType]::ParameterName, 'Send an Origin header, as a browser does')
            [CompletionResult]::new('--compress', '--compress', [CompletionResultType]::ParameterName, 'Offer permessage-deflate with these parameters, such as ''client_max_window_bits=10; server_no_context_takeover''')
            [CompletionResult]::new('--cacert', '--cacert', [CompletionResultType]::ParameterName, 'Trust the CA certificates in FILE (PEM) as well')
            [CompletionResult]::new('--connect-timeout', '--connect-timeout', [CompletionResultType]::ParameterName, 'From the name lookup to the server''s 101')
            [CompletionResult]::new('-m', '-m', [CompletionResultType]::ParameterName, 'For everything; reaching it is exit 28')
            [CompletionResult]::new('--max-time', '--max-time', [CompletionResultType]::ParameterName, 'For everything; reaching it is exit 28')
            [CompletionResult]::new('--close-timeout', '--close-timeout', [CompletionResultType]::ParameterName, 'From our close frame to the server''s')
            [CompletionResult]::new('--retry', '--retry', [CompletionResultType]::ParameterName, 'Try again until the first 101: N retries, or for so long (30s); a network error, a timeout or HTTP 408 425 429 500 502 503 504 is worth another try')
            [CompletionResult]::new('--reconnect', '--reconnect', [CompletionResultType]::ParameterName, 'Come back after a loss: at most N retries, for so long (5m), or without end; the messages of -x are sent again, nothing else is')
            [CompletionResult]::new('--reconnect-on', '--reconnect-on', [CompletionResultType]::ParameterName, 'Close codes and HTTP statuses to come back after, or (!) not: 1000,4000-4099,!1011')
            [CompletionResult]::new('--backoff', '--backoff', [CompletionResultType]::ParameterName, 'The wait before a retry: a random part of BASE, doubled each time up to MAX')
            [CompletionResult]::new('--ping-interval', '--ping-interval', [CompletionResultType]::ParameterName, 'Send a ping frame so often; a server that does not answer is a loss')
            [CompletionResult]::new('--ping-timeout', '--ping-timeout', [CompletionResultType]::ParameterName, 'How long to wait for a sign of life after a ping: its pong, or any data')
            [CompletionResult]::new('--heartbeat', '--heartbeat', [CompletionResultType]::ParameterName, 'Send this message at each --ping-interval in place of a ping frame; any data that comes counts as life')
            [CompletionResult]::new('-x', '-x', [CompletionResultType]::ParameterName, 'Send a message after every open, before anything else (repeat); @FILE and env:NAME keep secrets out of the command line')
            [CompletionResult]::new('--execute', '--execute', [CompletionResultType]::ParameterName, 'Send a message after every open, before anything else (repeat); @FILE and env:NAME keep secrets out of the command line')
            [CompletionResult]::new('--close', '--close', [CompletionResultType]::ParameterName, 'How we close')
            [CompletionResult]::new('--max-size', '--max-size', [CompletionResultType]::ParameterName, 'The largest message accepted')
            [CompletionResult]::new('--pretty', '--pretty', [CompletionResultType]::ParameterName, 'Lay out JSON messages over several lines')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Use colour')
            [CompletionResult]::new('--log', '--log', [CompletionResultType]::ParameterName, 'Write every event as a line of JSON to FILE as well')
            [CompletionResult]::new('-1', '-1', [CompletionResultType]::ParameterName, 'End after one message')
            [CompletionResult]::new('--one', '--one', [CompletionResultType]::ParameterName, 'End after one message')
            [CompletionResult]::new('--echo', '--echo', [CompletionResultType]::ParameterName, 'Send every message back as it came (conformance suites, mirrors)')
            [CompletionResult]::new('-0', '-0', [CompletionResultType]::ParameterName, 'Messages end with NUL instead of newline')
            [CompletionResult]::new('--null', '--null', [CompletionResultType]::ParameterName, 'Messages end with NUL instead of newline')
            [CompletionResult]::new('--no-compress', '--no-compress', [CompletionResultType]::ParameterName, 'Do not offer permessage-deflate, which browsers always offer')
            [CompletionResult]::new('-k', '-k', [CompletionResultType]::ParameterName, 'Accept any server certificate, and say what is wrong with it')
            [CompletionResult]::new('--insecure', '--insecure', [CompletionResultType]::ParameterName, 'Accept any server certificate, and say what is wrong with it')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print every event as a line of JSON')
            [CompletionResult]::new('-t', '-t', [CompletionResultType]::ParameterName, 'Print the time of arrival (UTC) before each message')
            [CompletionResult]::new('--timestamps', '--timestamps', [CompletionResultType]::ParameterName, 'Print the time of arrival (UTC) before each message')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Say less on stderr')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Say less on stderr')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say more on stderr: handshake, TLS, times, control frames; twice, every frame')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say more on stderr: handshake, TLS, times, control frames; twice, every frame')
            [CompletionResult]::new('--show-secrets', '--show-secrets', [CompletionResultType]::ParameterName, 'Show credentials and tokens in output')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'wsprobe;ping' {
            [CompletionResult]::new('-c', '-c', [CompletionResultType]::ParameterName, 'End after N pings')
            [CompletionResult]::new('--count', '--count', [CompletionResultType]::ParameterName, 'End after N pings')
            [CompletionResult]::new('-i', '-i', [CompletionResultType]::ParameterName, 'Time from one ping to the next')
            [CompletionResult]::new('--interval', '--interval', [CompletionResultType]::ParameterName, 'Time from one ping to the next')
            [CompletionResult]::new('-W', '-W ', [CompletionResultType]::ParameterName, 'How long to wait for missing pongs after the last ping')
            [CompletionResult]::new('--wait', '--wait', [CompletionResultType]::ParameterName, 'How long to wait for missing pongs after the last ping')
            [CompletionResult]::new('--size', '--size', [CompletionResultType]::ParameterName, 'Bytes of payload in each ping, 8 to 125')
            [CompletionResult]::new('-H', '-H ', [CompletionResultType]::ParameterName, 'Add a request header (repeat for several; it replaces one of ours, ''Name:'' leaves one out)')
            [CompletionResult]::new('--header', '--header', [CompletionResultType]::ParameterName, 'Add a request header (repeat for several; it replaces one of ours, ''Name:'' leaves one out)')
            [CompletionResult]::new('-s', '-s', [CompletionResultType]::ParameterName, 'Offer a subprotocol (repeat, or separate with commas)')
            [CompletionResult]::new('--subprotocol', '--subprotocol', [CompletionResultType]::ParameterName, 'Offer a subprotocol (repeat, or separate with commas)')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'Send an Origin header, as a browser does')
            [CompletionResult]::new('--origin', '--origin', [CompletionResultType]::ParameterName, 'Send an Origin header, as a browser does')
            [CompletionResult]::new('--compress', '--compress', [CompletionResultType]::ParameterName, 'Offer permessage-deflate with these parameters, such as ''client_max_window_bits=10; server_no_context_takeover''')
            [CompletionResult]::new('--cacert', '--cacert', [CompletionResultType]::ParameterName, 'Trust the CA certificates in FILE (PEM) as well')
            [CompletionResult]::new('--connect-timeout', '--connect-timeout', [CompletionResultType]::ParameterName, 'From the name lookup to the server''s 101')
            [CompletionResult]::new('-m', '-m', [CompletionResultType]::ParameterName, 'For everything; reaching it is exit 28')
            [CompletionResult]::new('--max-time', '--max-time', [CompletionResultType]::ParameterName, 'For everything; reaching it is exit 28')
            [CompletionResult]::new('--close-timeout', '--close-timeout', [CompletionResultType]::ParameterName, 'From our close frame to the server''s')
            [CompletionResult]::new('--retry', '--retry', [CompletionResultType]::ParameterName, 'Try again until the first 101: N retries, or for so long (30s); a network error, a timeout or HTTP 408 425 429 500 502 503 504 is worth another try')
            [CompletionResult]::new('--reconnect', '--reconnect', [CompletionResultType]::ParameterName, 'Come back after a loss: at most N retries, for so long (5m), or without end; the messages of -x are sent again, nothing else is')
            [CompletionResult]::new('--reconnect-on', '--reconnect-on', [CompletionResultType]::ParameterName, 'Close codes and HTTP statuses to come back after, or (!) not: 1000,4000-4099,!1011')
            [CompletionResult]::new('--backoff', '--backoff', [CompletionResultType]::ParameterName, 'The wait before a retry: a random part of BASE, doubled each time up to MAX')
            [CompletionResult]::new('--ping-interval', '--ping-interval', [CompletionResultType]::ParameterName, 'Send a ping frame so often; a server that does not answer is a loss')
            [CompletionResult]::new('--ping-timeout', '--ping-timeout', [CompletionResultType]::ParameterName, 'How long to wait for a sign of life after a ping: its pong, or any data')
            [CompletionResult]::new('--heartbeat', '--heartbeat', [CompletionResultType]::ParameterName, 'Send this message at each --ping-interval in place of a ping frame; any data that comes counts as life')
            [CompletionResult]::new('-x', '-x', [CompletionResultType]::ParameterName, 'Send a message after every open, before anything else (repeat); @FILE and env:NAME keep secrets out of the command line')
            [CompletionResult]::new('--execute', '--execute', [CompletionResultType]::ParameterName, 'Send a message after every open, before anything else (repeat); @FILE and env:NAME keep secrets out of the command line')
            [CompletionResult]::new('--close', '--close', [CompletionResultType]::ParameterName, 'How we close')
            [CompletionResult]::new('--max-size', '--max-size', [CompletionResultType]::ParameterName, 'The largest message accepted')
            [CompletionResult]::new('--pretty', '--pretty', [CompletionResultType]::ParameterName, 'Lay out JSON messages over several lines')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Use colour')
            [CompletionResult]::new('--log', '--log', [CompletionResultType]::ParameterName, 'Write every event as a line of JSON to FILE as well')
            [CompletionResult]::new('--no-compress', '--no-compress', [CompletionResultType]::ParameterName, 'Do not offer permessage-deflate, which browsers always offer')
            [CompletionResult]::new('-k', '-k', [CompletionResultType]::ParameterName, 'Accept any server certificate, and say what is wrong with it')
            [CompletionResult]::new('--insecure', '--insecure', [CompletionResultType]::ParameterName, 'Accept any server certificate, and say what is wrong with it')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print every event as a line of JSON')
            [CompletionResult]::new('-t', '-t', [CompletionResultType]::ParameterName, 'Print the time of arrival (UTC) before each message')
            [CompletionResult]::new('--timestamps', '--timestamps', [CompletionResultType]::ParameterName, 'Print the time of arrival (UTC) before each message')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Say less on stderr')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Say less on stderr')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say more on stderr: handshake, TLS, times, control frames; twice, every frame')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say more on stderr: handshake, TLS, times, control frames; twice, every frame')
            [CompletionResult]::new('--show-secrets', '--show-secrets', [CompletionResultType]::ParameterName, 'Show credentials and tokens in output')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'wsprobe;check' {
            [CompletionResult]::new('--send', '--send', [CompletionResultType]::ParameterName, 'Send a message (repeat for several); without --expect each must be answered')
            [CompletionResult]::new('--expect', '--expect', [CompletionResultType]::ParameterName, 'A message that matches must come (repeat for a sequence)')
            [CompletionResult]::new('--expect-status', '--expect-status', [CompletionResultType]::ParameterName, 'The handshake must be answered with this HTTP status')
            [CompletionResult]::new('--expect-close', '--expect-close', [CompletionResultType]::ParameterName, 'The server must close with CODE, and with a reason that matches PATTERN')
            [CompletionResult]::new('--expect-subprotocol', '--expect-subprotocol', [CompletionResultType]::ParameterName, 'The server must choose this subprotocol (offer it with -s)')
            [CompletionResult]::new('--max-handshake', '--max-handshake', [CompletionResultType]::ParameterName, 'The longest time from the name lookup to the 101')
            [CompletionResult]::new('--min-cert-days', '--min-cert-days', [CompletionResultType]::ParameterName, 'The certificate must be good for so many days')
            [CompletionResult]::new('-w', '-w', [CompletionResultType]::ParameterName, 'How long to wait for each answer; in a file, timeout and within say otherwise')
            [CompletionResult]::new('--wait', '--wait', [CompletionResultType]::ParameterName, 'How long to wait for each answer; in a file, timeout and within say otherwise')
            [CompletionResult]::new('--var', '--var', [CompletionResultType]::ParameterName, 'Define {{NAME}} (repeat)')
            [CompletionResult]::new('--secret', '--secret', [CompletionResultType]::ParameterName, 'Define {{NAME}} and keep its value out of all output (repeat)')
            [CompletionResult]::new('-j', '-j', [CompletionResultType]::ParameterName, 'Run N tests at a time')
            [CompletionResult]::new('--jobs', '--jobs', [CompletionResultType]::ParameterName, 'Run N tests at a time')
            [CompletionResult]::new('--junit', '--junit', [CompletionResultType]::ParameterName, 'Write the results as JUnit XML')
            [CompletionResult]::new('--tap', '--tap', [CompletionResultType]::ParameterName, 'Write the results as TAP version 14')
            [CompletionResult]::new('-H', '-H ', [CompletionResultType]::ParameterName, 'Add a request header (repeat for several; it replaces one of ours, ''Name:'' leaves one out)')
            [CompletionResult]::new('--header', '--header', [CompletionResultType]::ParameterName, 'Add a request header (repeat for several; it replaces one of ours, ''Name:'' leaves one out)')
            [CompletionResult]::new('-s', '-s', [CompletionResultType]::ParameterName, 'Offer a subprotocol (repeat, or separate with commas)')
            [CompletionResult]::new('--subprotocol', '--subprotocol', [CompletionResultType]::ParameterName, 'Offer a subprotocol (repeat, or separate with commas)')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'Send an Origin header, as a browser does')
            [CompletionResult]::new('--origin', '--origin', [CompletionResultType]::ParameterName, 'Send an Origin header, as a browser does')
            [CompletionResult]::new('--compress', '--compress', [CompletionResultType]::ParameterName, 'Offer permessage-deflate with these parameters, such as ''client_max_window_bits=10; server_no_context_takeover''')
            [CompletionResult]::new('--cacert', '--cacert', [CompletionResultType]::ParameterName, 'Trust the CA certificates in FILE (PEM) as well')
            [CompletionResult]::new('--connect-timeout', '--connect-timeout', [CompletionResultType]::ParameterName, 'From the name lookup to the server''s 101')
            [CompletionResult]::new('-m', '-m', [CompletionResultType]::ParameterName, 'For everything; reaching it is exit 28')
            [CompletionResult]::new('--max-time', '--max-time', [CompletionResultType]::ParameterName, 'For everything; reaching it is exit 28')
            [CompletionResult]::new('--close-timeout', '--close-timeout', [CompletionResultType]::ParameterName, 'From our close frame to the server''s')
            [CompletionResult]::new('--retry', '--retry', [CompletionResultType]::ParameterName, 'Try again until the first 101: N retries, or for so long (30s); a network error, a timeout or HTTP 408 425 429 500 502 503 504 is worth another try')
            [CompletionResult]::new('--reconnect', '--reconnect', [CompletionResultType]::ParameterName, 'Come back after a loss: at most N retries, for so long (5m), or without end; the messages of -x are sent again, nothing else is')
            [CompletionResult]::new('--reconnect-on', '--reconnect-on', [CompletionResultType]::ParameterName, 'Close codes and HTTP statuses to come back after, or (!) not: 1000,4000-4099,!1011')
            [CompletionResult]::new('--backoff', '--backoff', [CompletionResultType]::ParameterName, 'The wait before a retry: a random part of BASE, doubled each time up to MAX')
            [CompletionResult]::new('--ping-interval', '--ping-interval', [CompletionResultType]::ParameterName, 'Send a ping frame so often; a server that does not answer is a loss')
            [CompletionResult]::new('--ping-timeout', '--ping-timeout', [CompletionResultType]::ParameterName, 'How long to wait for a sign of life after a ping: its pong, or any data')
            [CompletionResult]::new('--heartbeat', '--heartbeat', [CompletionResultType]::ParameterName, 'Send this message at each --ping-interval in place of a ping frame; any data that comes counts as life')
            [CompletionResult]::new('-x', '-x', [CompletionResultType]::ParameterName, 'Send a message after every open, before anything else (repeat); @FILE and env:NAME keep secrets out of the command line')
            [CompletionResult]::new('--execute', '--execute', [CompletionResultType]::ParameterName, 'Send a message after every open, before anything else (repeat); @FILE and env:NAME keep secrets out of the command line')
            [CompletionResult]::new('--close', '--close', [CompletionResultType]::ParameterName, 'How we close')
            [CompletionResult]::new('--max-size', '--max-size', [CompletionResultType]::ParameterName, 'The largest message accepted')
            [CompletionResult]::new('--pretty', '--pretty', [CompletionResultType]::ParameterName, 'Lay out JSON messages over several lines')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Use colour')
            [CompletionResult]::new('--log', '--log', [CompletionResultType]::ParameterName, 'Write every event as a line of JSON to FILE as well')
            [CompletionResult]::new('--fail-fast', '--fail-fast', [CompletionResultType]::ParameterName, 'Start no more tests after the first failure')
            [CompletionResult]::new('--list', '--list', [CompletionResultType]::ParameterName, 'Print the tests and run none')
            [CompletionResult]::new('--no-compress', '--no-compress', [CompletionResultType]::ParameterName, 'Do not offer permessage-deflate, which browsers always offer')
            [CompletionResult]::new('-k', '-k', [CompletionResultType]::ParameterName, 'Accept any server certificate, and say what is wrong with it')
            [CompletionResult]::new('--insecure', '--insecure', [CompletionResultType]::ParameterName, 'Accept any server certificate, and say what is wrong with it')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print every event as a line of JSON')
            [CompletionResult]::new('-t', '-t', [CompletionResultType]::ParameterName, 'Print the time of arrival (UTC) before each message')
            [CompletionResult]::new('--timestamps', '--timestamps', [CompletionResultType]::ParameterName, 'Print the time of arrival (UTC) before each message')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Say less on stderr')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Say less on stderr')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say more on stderr: handshake, TLS, times, control frames; twice, every frame')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say more on stderr: handshake, TLS, times, control frames; twice, every frame')
            [CompletionResult]::new('--show-secrets', '--show-secrets', [CompletionResultType]::ParameterName, 'Show credentials and tokens in output')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'wsprobe;serve' {
            [CompletionResult]::new('--mode', '--mode', [CompletionResultType]::ParameterName, 'What the server does with messages')
            [CompletionResult]::new('--max-size', '--max-size', [CompletionResultType]::ParameterName, 'The largest message accepted')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print the address as a JSON event on stdout')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'wsprobe;completions' {
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'wsprobe;help' {
            [CompletionResult]::new('connect', 'connect', [CompletionResultType]::ParameterValue, 'Talk by hand: an interactive session')
            [CompletionResult]::new('send', 'send', [CompletionResultType]::ParameterValue, 'Send messages, print the replies, exit')
            [CompletionResult]::new('listen', 'listen', [CompletionResultType]::ParameterValue, 'Print what comes')
            [CompletionResult]::new('ping', 'ping', [CompletionResultType]::ParameterValue, 'Measure round-trip times')
            [CompletionResult]::new('check', 'check', [CompletionResultType]::ParameterValue, 'Probe an endpoint, or run scripted conversations: pass or fail')
            [CompletionResult]::new('serve', 'serve', [CompletionResultType]::ParameterValue, 'A server to test against')
            [CompletionResult]::new('completions', 'completions', [CompletionResultType]::ParameterValue, 'Print a completion script')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'wsprobe;help;connect' {
            break
        }
        'wsprobe;help;send' {
            break
        }
        'wsprobe;help;listen' {
            break
        }
        'wsprobe;help;ping' {
            break
        }
        'wsprobe;help;check' {
            break
        }
        'wsprobe;help;serve' {
            break
        }
        'wsprobe;help;completions' {
            break
        }
        'wsprobe;help;help' {
            break
        }
    })

    $completions.Where{ $_.CompletionText -like "$wordToComplete*" } |
        Sort-Object -Property ListItemText
}
