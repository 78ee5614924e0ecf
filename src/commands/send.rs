//! `wsprobe send`: sends messages, prints the replies, exits.

use bytes::Bytes;

use crate::cli::SendArgs;
use crate::connection::message::Payload;
use crate::exit::Exit;
use crate::input::encoding::Encoding;
use crate::input::{Framing, Input, MessageFiller};
use crate::output::json::is_json;
use crate::output::selection::Selection;
use crate::output::{Notice, Printer};
use crate::stop::{Captures, Conversation, Expectations, Goal, StopRule, Turns};

use super::UsageError;
use super::filling::Filling;
use super::prepare::{filling, finish_recording, flush, prepare};

/// Runs the command.
///
/// # Errors
/// Bad usage, an unreadable input, or output that cannot be written.
pub async fn run(options: SendArgs) -> anyhow::Result<Exit> {
    let captured = options.capture.iter().map(|(name, _)| name.clone());
    let filling = filling(&options.shared, captured.collect())?;
    let input = input(&options, &filling)?;
    reject_reconnect_options(&options)?;
    reject_step_options(&options)?;
    filling.reject_in_patterns("--expect", &options.expect)?;
    filling.reject_in_patterns("--after", &options.after)?;
    filling.reject_in_patterns("--never", &options.never)?;
    filling.reject_in_patterns("--filter", &options.filter)?;
    let mut stop = stop_rule(&options, &filling);
    let prepared = prepare(&options.url, options.shared, filling).await?;
    let printer = Printer::Messages(prepared.layout(options.null, options.binary_output));
    let selection = Selection::new(options.filter, options.select);
    let recorder = prepared.recorder("send", options.har.as_deref())?;
    let mut sinks = prepared
        .sinks(printer)?
        .showing(selection)
        .recording_with(recorder);
    let almost_json = options.messages.iter().any(|text| is_almost_json(text));
    let exit = prepared.run(input, &mut stop, &mut sinks).await?;
    if almost_json && matches!(exit, Exit::Expectation | Exit::Closed | Exit::TimedOut) {
        sinks.notify(Notice::Hint(
            "the message looks like JSON but is not valid; JSON needs double quotes inside, so use single quotes for the shell: '{\"op\":\"time\"}'",
        ));
    }
    flush(&mut sinks).await;
    finish_recording(&mut sinks)?;
    Ok(exit)
}

fn is_from_stdin(options: &SendArgs) -> bool {
    let nothing_named = options.messages.is_empty() && options.file.is_empty();
    nothing_named || options.messages == ["-"]
}

/// Rejects options that conflict with counting replies: `--reconnect` with messages that could be lost with
/// their connection, and a heartbeat, whose answers would count as replies.
fn reject_reconnect_options(options: &SendArgs) -> Result<(), UsageError> {
    let persistence = &options.shared.persistence;
    if persistence.reconnect.is_some() && !is_from_stdin(options) {
        return Err(UsageError::usage(
            "--reconnect requires messages from stdin: messages given as arguments or files could be lost and are not sent again",
        )
        .hint("use --retry TIME to wait for a server that is not running yet"));
    }
    let is_precise = options.count.is_some() || options.no_wait || !options.expect.is_empty();
    if persistence.heartbeat.is_some() && !is_precise {
        return Err(UsageError::usage(
            "--heartbeat requires -c or --expect: its answers would count as replies",
        )
        .hint("add -c N, the number of messages to wait for, or --expect PATTERN"));
    }
    Ok(())
}

/// Rejects options that conflict with waiting for each reply.
fn reject_step_options(options: &SendArgs) -> Result<(), UsageError> {
    if options.step && options.shared.persistence.reconnect.is_some() {
        return Err(UsageError::usage(
            "--step cannot be used with --reconnect: a reply that was lost with its connection would be awaited for ever",
        ));
    }
    if !options.capture.is_empty() && !options.step && options.after.is_none() {
        return Err(UsageError::usage(
            "--capture requires --step or --after: without them no message waits for a reply",
        ));
    }
    Ok(())
}

/// Whether a message looks like JSON but is not valid, probably because of quoting in the shell. It is sent
/// unchanged, because the server may accept it; only a failure prints the hint.
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

fn input(options: &SendArgs, filling: &Filling) -> Result<Input, UsageError> {
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
            "--whole reads stdin and cannot be used with messages as arguments",
        ));
    } else if options.messages.iter().any(|message| message == "-") {
        return Err(UsageError::usage(
            "- reads stdin and cannot be used with messages as arguments",
        )
        .hint("to send the message '-', write it to stdin"));
    } else {
        Input::messages(arguments(&options.messages, encoding)?)
    };
    // Hexadecimal and base64 are bytes.
    let is_text = matches!(encoding, Encoding::Text | Encoding::Binary);
    let filler = (is_text && filling.is_requested()).then(|| filler(options, filling));
    Ok(input
        .filling(filler.transpose()?)
        .in_fragments(options.fragment)
        .with_gap(options.rate.or(options.delay)))
}

/// What fills in the messages. Those of the command line are checked here.
fn filler(options: &SendArgs, filling: &Filling) -> Result<MessageFiller, UsageError> {
    let captured = options.capture.iter().map(|(name, _)| name.clone());
    let (source, given): (_, &[String]) = match (options.file.is_empty(), is_from_stdin(options)) {
        (false, _) => ("--file", &[]),
        (_, true) => ("standard input", &[]),
        _ => ("the command line", &options.messages),
    };
    let message =
        |(index, text): (usize, &String)| filling.message(&format!("message {}", index + 1), text);
    let given: Result<Vec<_>, _> = given.iter().enumerate().map(message).collect();
    let filler = MessageFiller::new(filling.variables.clone(), captured.collect(), source);
    Ok(filler.given(given?))
}

fn arguments(messages: &[String], encoding: Encoding) -> Result<Vec<Payload>, UsageError> {
    let decode = |text: &String| {
        encoding
            .decode(Bytes::copy_from_slice(text.as_bytes()))
            .map_err(|bad| {
                UsageError::usage(format!(
                    "invalid message '{text}' at byte {}: {}",
                    bad.at + 1,
                    bad.why
                ))
            })
    };
    messages.iter().map(decode).collect()
}

fn stop_rule(options: &SendArgs, filling: &Filling) -> StopRule {
    let turns = Turns::default()
        .stepping(options.step)
        .after(options.after.clone());
    let captures = Captures::new(options.capture.clone(), filling.variables.clone());
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
    StopRule::Conversation(Box::new(
        Conversation::new(goal)
            .expecting(expectations)
            .in_turns(turns)
            .capturing(captures)
            .never(options.never.clone())
            .counting(options.filter.clone())
            .reply_timeout(Some(options.wait)),
    ))
}
