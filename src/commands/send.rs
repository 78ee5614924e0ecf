//! `wsprobe send`: send messages, print the replies, exit.

use bytes::Bytes;

use crate::cli::SendArgs;
use crate::connection::message::Payload;
use crate::exit::Exit;
use crate::input::encoding::Encoding;
use crate::input::{Framing, Input};
use crate::output::json::is_json;
use crate::output::{Notice, Printer};
use crate::stop::{Conversation, Expectations, Goal, StopRule};

use super::UsageError;
use super::prepare::{flush, prepare};

/// Runs the verb.
pub async fn run(options: SendArgs) -> anyhow::Result<Exit> {
    let input = input(&options)?;
    reject_reconnect_options(&options)?;
    let mut stop = stop_rule(&options);
    let prepared = prepare(&options.url, options.shared).await?;
    let printer = Printer::Messages(prepared.layout(options.null));
    let mut sinks = prepared.sinks(printer)?;
    let almost_json = options.messages.iter().any(|text| is_almost_json(text));
    let exit = prepared.run(input, &mut stop, &mut sinks).await?;
    if almost_json && matches!(exit, Exit::Expectation | Exit::Closed | Exit::TimedOut) {
        sinks.notify(Notice::Hint(
            "what was sent looks like JSON and is none: it takes double quotes, and the shell single ones around it: '{\"op\":\"time\"}'",
        ));
    }
    flush(&mut sinks).await;
    Ok(exit)
}

fn is_from_stdin(options: &SendArgs) -> bool {
    let nothing_named = options.messages.is_empty() && options.file.is_empty();
    nothing_named || options.messages == ["-"]
}

/// What does not go together with counting replies: messages that are given once and may be lost with
/// their connection, and a heartbeat whose answers would be taken for replies.
fn reject_reconnect_options(options: &SendArgs) -> Result<(), UsageError> {
    let persistence = &options.shared.persistence;
    if persistence.reconnect.is_some() && !is_from_stdin(options) {
        return Err(UsageError::usage(
            "--reconnect is for messages from stdin: those that are given could be lost and are not sent again",
        )
        .hint("--retry TIME waits for a server that is not there yet"));
    }
    if persistence.heartbeat.is_some() && options.count.is_none() && !options.no_wait {
        return Err(UsageError::usage(
            "with --heartbeat its answers would count as replies: say how many messages to wait for",
        )
        .hint("add -c N"));
    }
    Ok(())
}

/// Whether a message was meant as JSON, and the shell or other quotes made something else of it. It is
/// sent all the same: what is right for the server is the server's to say.
fn is_almost_json(text: &str) -> bool {
    let text = text.trim();
    let looks = [('{', '}'), ('[', ']')]
        .iter()
        .any(|(open, close)| text.starts_with(*open) && text.ends_with(*close));
    looks && !is_json(text)
}

fn encoding(options: &SendArgs) -> Encoding {
    match (options.binary, options.hex, options.base64) {
        (true, ..) => Encoding::Binary,
        (_, true, _) => Encoding::Hex,
        (.., true) => Encoding::Base64,
        _ => Encoding::Text,
    }
}

fn input(options: &SendArgs) -> Result<Input, UsageError> {
    let encoding = encoding(options);
    if options.expect_status.is_some_and(|status| status != 101) {
        return Ok(Input::none());
    }
    let input = if !options.file.is_empty() {
        Input::files(&options.file, encoding)?
    } else if is_from_stdin(options) {
        let framing = match (options.whole, options.null) {
            (true, _) => Framing::Whole,
            (_, true) => Framing::Delimited(0),
            _ => Framing::Delimited(b'\n'),
        };
        Input::stdin(framing, encoding)
    } else if options.whole {
        return Err(UsageError::usage(
            "--whole reads stdin, and messages were given as arguments",
        ));
    } else if options.messages.iter().any(|message| message == "-") {
        return Err(
            UsageError::usage("- reads stdin, and messages were given as arguments")
                .hint("send one or the other; a message that is a dash is sent from stdin"),
        );
    } else {
        Input::messages(arguments(&options.messages, encoding)?)
    };
    Ok(input
        .in_fragments(options.fragment)
        .with_gap(options.rate.or(options.delay)))
}

fn arguments(messages: &[String], encoding: Encoding) -> Result<Vec<Payload>, UsageError> {
    let decode = |text: &String| {
        encoding
            .decode(Bytes::copy_from_slice(text.as_bytes()))
            .map_err(|bad| {
                UsageError::usage(format!(
                    "the message '{text}' is wrong at byte {}: {}",
                    bad.at + 1,
                    bad.why
                ))
            })
    };
    messages.iter().map(decode).collect()
}

fn stop_rule(options: &SendArgs) -> StopRule {
    let expectations = Expectations::new(
        options.expect_status,
        options.expect_subprotocol.clone(),
        options.expect.clone(),
        options.expect_close.clone(),
    );
    let goal = match (options.no_wait, options.count) {
        _ if expectations.outlasts_handshake() => Goal::Expected,
        (true, _) => Goal::Delivery,
        (_, Some(count)) => Goal::Count(count),
        _ => Goal::Replies,
    };
    StopRule::Conversation(
        Conversation::new(goal)
            .expecting(expectations)
            .reply_timeout(Some(options.wait)),
    )
}
