//! Requirements on what a server makes of an offer of permessage-deflate (RFC 7692 §5 and §7).

use super::baseline::Baseline;
use super::judgement::Judgement;
use super::observation::{Ending, HandshakeEnd, Observation};
use super::probe::{Requirement, Until};
use super::verdict::{answer_in_words, is_overloaded};
use crate::connection::probing::RawAnswer;
use crate::connection::wire::violation::ViolationKind;

/// An offer that a server must decline, which is a 101 without it.
pub const DECLINED: Requirement =
    Requirement::Weighed("101 without permessage-deflate", Until::Answered, declined);

/// An offer that a server may accept or decline.
pub const SOUND: Requirement = Requirement::Weighed(
    "101, with what was offered or without permessage-deflate",
    Until::Answered,
    sound,
);

/// A second offer behind one that must be declined.
pub const SECOND: Requirement = Requirement::Weighed(
    "101, with the second offer or without permessage-deflate",
    Until::Answered,
    second,
);

/// An offer of a window that a server accepts with one that is no larger, or declines.
pub const SERVER_BITS: Requirement = Requirement::Weighed(
    "101 with server_max_window_bits no larger, or without permessage-deflate",
    Until::Answered,
    sound,
);

/// An offer that a server accepts with the same parameter, or declines.
pub const SERVER_TAKEOVER: Requirement = Requirement::Weighed(
    "101 with server_no_context_takeover, or without permessage-deflate",
    Until::Answered,
    sound,
);

/// A server whose client may refer to earlier messages.
pub const CONTEXT_TAKEOVER: Requirement = Requirement::Weighed(
    "the connection goes on: the ping behind it is answered",
    Until::Answered,
    context_takeover,
);

/// A server that has agreed to compress each message on its own.
pub const SERVER_CONTEXT: Requirement = Requirement::Weighed(
    "answers that can be decompressed one by one",
    Until::Ended,
    server_context,
);

/// Whether the answer to a handshake accepts an extension.
fn has_agreed(observation: &Observation) -> bool {
    let headers = observation.answer().map(|(_, headers)| headers);
    headers.is_some_and(|headers| headers.get("Sec-WebSocket-Extensions").is_some())
}

/// What the answer accepts.
fn agreed(observation: &Observation) -> String {
    let headers = observation.answer().map(|(_, headers)| headers);
    let value = headers.and_then(|headers| headers.get("Sec-WebSocket-Extensions"));
    format!("101 with '{}'", value.unwrap_or_default())
}

/// The judgement of an answer that is no 101.
fn refused(observation: &Observation, baseline: &Baseline, is_legal: bool) -> Judgement {
    let words = answer_in_words(observation, baseline);
    match &observation.handshake {
        HandshakeEnd::Answered(RawAnswer::Refused(refusal)) if is_overloaded(refusal.status) => {
            Judgement::Unknown(words)
        }
        HandshakeEnd::Answered(RawAnswer::Refused(_) | RawAnswer::NoHttp(_)) if is_legal => {
            Judgement::Unmet(words)
        }
        HandshakeEnd::Answered(RawAnswer::Refused(_) | RawAnswer::NoHttp(_)) => {
            Judgement::Doubtful(words)
        }
        _ => Judgement::Unknown(words),
    }
}

fn declined(observation: &Observation, baseline: &Baseline) -> Judgement {
    match &observation.handshake {
        HandshakeEnd::Answered(RawAnswer::Opened(..) | RawAnswer::Invalid(..))
            if has_agreed(observation) =>
        {
            Judgement::Unmet(agreed(observation))
        }
        HandshakeEnd::Answered(RawAnswer::Opened(..)) => {
            Judgement::Met("101 without permessage-deflate".to_owned())
        }
        _ => refused(observation, baseline, false),
    }
}

fn sound(observation: &Observation, baseline: &Baseline) -> Judgement {
    match &observation.handshake {
        HandshakeEnd::Answered(RawAnswer::Opened(..)) if has_agreed(observation) => {
            Judgement::Met(agreed(observation))
        }
        HandshakeEnd::Answered(RawAnswer::Opened(..)) => {
            Judgement::Met("101 without permessage-deflate".to_owned())
        }
        HandshakeEnd::Answered(RawAnswer::Invalid(_, error)) if has_agreed(observation) => {
            Judgement::Unmet(format!("{}: {error}", agreed(observation)))
        }
        _ => refused(observation, baseline, true),
    }
}

fn second(observation: &Observation, baseline: &Baseline) -> Judgement {
    match &observation.handshake {
        HandshakeEnd::Answered(RawAnswer::Opened(..) | RawAnswer::Invalid(..)) => {
            sound(observation, baseline)
        }
        _ => refused(observation, baseline, false),
    }
}

fn context_takeover(observation: &Observation, baseline: &Baseline) -> Judgement {
    let agreed = observation.compression();
    if agreed.is_some_and(|agreed| agreed.client_no_context_takeover) {
        let why =
            "client_no_context_takeover was agreed: a client may not refer to earlier messages";
        return Judgement::Unknown(why.to_owned());
    }
    if observation.is_answered {
        return Judgement::Met(observation.ending_in_words());
    }
    // The first of the two equal texts was answered, the second one was not.
    if observation.messages().next().is_some() {
        return super::judges::same_as_message(observation, baseline);
    }
    super::judges::taken(observation, baseline)
}

fn server_context(observation: &Observation, _: &Baseline) -> Judgement {
    if let Ending::Violation(violation) = &observation.ending
        && violation.kind() == ViolationKind::NotDeflate
        && observation.messages().next().is_some()
    {
        let words = "an answer that cannot be decompressed without the one before it";
        return Judgement::Unmet(words.to_owned());
    }
    match observation.messages().count() {
        0 | 1 => {
            Judgement::Unknown("fewer than two answers, which a server need not send".to_owned())
        }
        n => Judgement::Met(format!("{n} messages")),
    }
}
