//! Requirements on frames that take more than a list of close codes: each is a sentence and a function.
//!
//! The rule for all: ✗ needs a MUST that the bytes on the wire show to be broken.

use super::baseline::Baseline;
use super::judgement::Judgement;
use super::observation::{Ending, Observation};
use super::probe::{Requirement, Until};
use super::verdict::{is_forbidden, no_pings};
use crate::connection::close::CloseCode;
use crate::connection::frame::Opcode;
use crate::connection::message::Payload;
use crate::connection::wire::violation::ViolationKind;

/// A violation of the protocol: RFC 6455 §5 names no code, §7.4.1 defines 1002 for it.
pub const FAILS_1002: Requirement = Requirement::Fails(&[1002]);

/// Whatever the server sends follows the RFC.
pub const LEGAL_FRAMES: Requirement =
    Requirement::Weighed("legal frames in return", Until::Answered, legal_frames);

/// A legal message whose content the application may not like.
pub const TAKEN: Requirement = Requirement::Weighed(
    "the connection goes on, or the application ends it",
    Until::Answered,
    taken,
);

/// A frame that a receiver may accept or reject.
pub const WHOLE_OR_FAILED: Requirement = Requirement::Weighed(
    "the connection goes on, or close 1002, or the end of TCP",
    Until::Answered,
    whole_or_failed,
);

/// A control frame that is too long or fragmented, which a receiver may not send back either.
pub const CONTROL_RULES: Requirement =
    Requirement::Weighed("close 1002, or the end of TCP", Until::Ended, control_rules);

/// A pong within a message that has not ended.
pub const INNER_PONG: Requirement = Requirement::Weighed(
    "a pong before the message ends",
    Until::Pong(b"inside"),
    inner_pong,
);

/// A text that is not UTF-8.
pub const UTF8_CHECKED: Requirement =
    Requirement::Weighed("close 1007, or the end of TCP", Until::Ended, utf8_checked);

/// A character in two fragments.
pub const SPLIT_CHARACTER: Requirement = Requirement::Weighed(
    "the connection goes on: the ping behind it is answered",
    Until::Answered,
    split_character,
);

/// A legal close frame.
pub const ANSWERS_CLOSE: Requirement =
    Requirement::Weighed("a close frame in answer", Until::Ended, answers_close);

/// The end of TCP after the closing handshake.
pub const ENDS_TCP: Requirement = Requirement::Weighed(
    "the end of TCP after the closing handshake",
    Until::TcpEnded,
    ends_tcp,
);

/// No data behind a close frame.
pub const NOTHING_AFTER: Requirement = Requirement::Weighed(
    "no message after its own close frame",
    Until::NothingAfter,
    nothing_after,
);

/// A close frame with a code that endpoints send.
pub const CLOSE_CODE_VALID: Requirement = Requirement::Weighed(
    "a close frame in answer, not with 1002",
    Until::Ended,
    valid_code,
);

/// A close frame with a code that no endpoint sends, or without a whole code.
pub const CLOSE_CODE_INVALID: Requirement = Requirement::Weighed(
    "close 1002, another legal code, or the end of TCP",
    Until::Ended,
    invalid_code,
);

/// A close frame whose reason is not UTF-8.
pub const REASON_IS_UTF8: Requirement = Requirement::Weighed(
    "close 1007, another legal close frame, or the end of TCP",
    Until::Ended,
    reason_is_utf8,
);

/// The beginning of the texts of the probes, by which an answer to them is recognized.
const MARK: &[u8] = b"wsprobe ";

/// What the server put on the wire itself.
fn own_violation(observation: &Observation) -> Option<ViolationKind> {
    match &observation.ending {
        Ending::Violation(violation) if !violation.is_too_large() => Some(violation.kind()),
        _ => None,
    }
}

fn legal_frames(observation: &Observation, baseline: &Baseline) -> Judgement {
    let words = observation.ending_in_words();
    match observation.ending {
        Ending::Violation(_) if own_violation(observation).is_some() => Judgement::Unmet(words),
        Ending::TimedOut if !baseline.answers_pings => no_pings(),
        Ending::TimedOut => Judgement::Unmet(words),
        // Clients see that as a lost connection (1006).
        Ending::Ended | Ending::Failed(_) => Judgement::Doubtful(words),
        _ => Judgement::Met(words),
    }
}

/// A legal message whose content the application may not like.
pub fn taken(observation: &Observation, baseline: &Baseline) -> Judgement {
    let words = observation.ending_in_words();
    if observation.is_answered {
        return Judgement::Met(words);
    }
    let Some(close) = observation.close() else {
        return match observation.ending {
            Ending::TimedOut if !baseline.answers_pings => no_pings(),
            Ending::TimedOut if !baseline.ends_after_messages() => Judgement::Unmet(words),
            Ending::Violation(_) => Judgement::Unknown(words),
            _ if baseline.ends_after_messages() => application(&words),
            _ => Judgement::Doubtful(words),
        };
    };
    match close.code {
        Some(1009) => Judgement::Unknown(format!("{words}: it is too large for this server")),
        Some(1003) => Judgement::Met(format!("{words}: the application takes no such message")),
        Some(1002 | 1007) if baseline.after_text.is_none() => Judgement::Doubtful(words),
        _ => application(&words),
    }
}

/// An end that may be the application's decision.
fn application(words: &str) -> Judgement {
    Judgement::Unknown(format!("{words}: perhaps because of the content"))
}

/// A legal form of the ordinary message, which the application accepts.
pub fn same_as_message(observation: &Observation, baseline: &Baseline) -> Judgement {
    let words = observation.ending_in_words();
    match (&observation.ending, observation.close()) {
        _ if observation.is_answered => Judgement::Met(words),
        (Ending::TimedOut, _) if !baseline.answers_pings => no_pings(),
        _ if baseline.ends_after_messages() => application(&words),
        (Ending::TimedOut, _) => Judgement::Unmet(words),
        (_, Some(close)) if matches!(close.code, Some(1002 | 1007)) => Judgement::Unmet(words),
        (Ending::Ended | Ending::Failed(_), _) => Judgement::Unmet(words),
        _ => application(&words),
    }
}

fn whole_or_failed(observation: &Observation, baseline: &Baseline) -> Judgement {
    let words = observation.ending_in_words();
    match observation.ending {
        Ending::TimedOut if !baseline.answers_pings => no_pings(),
        Ending::TimedOut => Judgement::Unmet(words),
        Ending::Violation(_) if observation.close().is_none() => Judgement::Unknown(words),
        _ => Judgement::Met(words),
    }
}

fn control_rules(observation: &Observation, baseline: &Baseline) -> Judgement {
    let words = observation.ending_in_words();
    let of_its_own = matches!(
        own_violation(observation),
        Some(ViolationKind::LongControl(_) | ViolationKind::FragmentedControl(_))
    );
    if of_its_own && !baseline.is_illegal {
        return Judgement::Unmet(words);
    }
    match (&observation.ending, observation.close()) {
        (_, Some(close)) if close.code == Some(1002) => Judgement::Met(words),
        (Ending::Violation(_), None) => Judgement::Unknown(words),
        (Ending::Ended | Ending::Failed(_), None) => Judgement::Met(words),
        // A receiver that does not enforce a rule of the sender, or ends with another code.
        _ => Judgement::Doubtful(words),
    }
}

fn inner_pong(observation: &Observation, baseline: &Baseline) -> Judgement {
    if observation.pongs().any(|pong| pong == b"inside".as_slice()) {
        return Judgement::Met("a pong".to_owned());
    }
    let words = observation.ending_in_words();
    match observation.ending {
        Ending::TimedOut if !baseline.answers_pings => no_pings(),
        Ending::Violation(_) if observation.close().is_none() => Judgement::Unknown(words),
        _ => Judgement::Unmet(words),
    }
}

/// The text that a server sent although it came from an invalid one.
fn reads_marked_text(observation: &Observation) -> bool {
    let marked = |payload: &Payload| payload.as_bytes().windows(MARK.len()).any(|it| it == MARK);
    observation.messages().any(marked)
}

fn utf8_checked(observation: &Observation, baseline: &Baseline) -> Judgement {
    let words = observation.ending_in_words();
    if baseline.is_illegal {
        return Judgement::Unknown("the server violates the protocol by itself".to_owned());
    }
    if own_violation(observation) == Some(ViolationKind::TextNotUtf8) {
        return Judgement::Unmet("it sent the invalid text back".to_owned());
    }
    if reads_marked_text(observation) {
        return Judgement::Unmet("it answered with the text in it".to_owned());
    }
    match (&observation.ending, observation.close()) {
        (_, Some(close)) if close.code == Some(1007) => Judgement::Met(words),
        (_, Some(_)) if baseline.ends_after_messages() => Judgement::Unknown(format!(
            "{words}, as after any message; --message TEXT sends one that the application accepts"
        )),
        (_, Some(_)) => Judgement::Doubtful(words),
        (Ending::Violation(_), None) => Judgement::Unknown(words),
        (Ending::Ended | Ending::Failed(_), _) if baseline.ends_after_messages() => {
            Judgement::Unknown(format!("{words}, as after any message"))
        }
        (Ending::Ended | Ending::Failed(_), _) => Judgement::Met(words),
        (Ending::TimedOut, _) if !baseline.answers_pings => no_pings(),
        _ => Judgement::Doubtful(format!(
            "{words}; it did not show whether it has read the text"
        )),
    }
}

fn split_character(observation: &Observation, baseline: &Baseline) -> Judgement {
    let words = observation.ending_in_words();
    let is_echoed = observation
        .messages()
        .any(|payload| payload.as_bytes() == "wsprobe ä".as_bytes());
    match taken(observation, baseline) {
        Judgement::Met(words) => Judgement::Met(words),
        // The same text in one frame was answered by its echo.
        _ if is_echoed
            && observation
                .close()
                .is_some_and(|close| matches!(close.code, Some(1002 | 1007))) =>
        {
            Judgement::Unmet(words)
        }
        other => other,
    }
}

fn answers_close(observation: &Observation, _: &Baseline) -> Judgement {
    let words = observation.ending_in_words();
    match (&observation.ending, observation.close()) {
        (_, Some(close)) if is_forbidden(close.code) => Judgement::Unmet(words),
        (Ending::Violation(_), None) => Judgement::Unknown(words),
        (Ending::Violation(_), Some(_)) => Judgement::Unmet(words),
        (_, Some(close)) if close.code == Some(1002) => Judgement::Doubtful(words),
        (_, Some(_)) => Judgement::Met(words),
        // Another side that has ended TCP cannot be asked any more.
        (Ending::Failed(_), None) => Judgement::Doubtful(words),
        (_, None) => Judgement::Unmet(words),
    }
}

fn ends_tcp(observation: &Observation, _: &Baseline) -> Judgement {
    let words = observation.ending_in_words();
    match observation.ending {
        Ending::Close(_) => {}
        Ending::Ended | Ending::Failed(_) => return Judgement::Met(words),
        _ => return Judgement::Unknown(format!("no closing handshake: {words}")),
    }
    if observation.tcp_end.is_some() {
        Judgement::Met("the end of TCP".to_owned())
    } else {
        Judgement::Unmet("TCP is still open after the closing handshake".to_owned())
    }
}

fn nothing_after(observation: &Observation, _: &Baseline) -> Judgement {
    let words = observation.ending_in_words();
    match own_violation(observation) {
        Some(ViolationKind::AfterClose(Opcode::Text | Opcode::Binary | Opcode::Continuation)) => {
            Judgement::Unmet(words)
        }
        Some(ViolationKind::AfterClose(_)) => Judgement::Doubtful(words),
        Some(_) if observation.close().is_none() => Judgement::Unknown(words),
        _ if observation.close().is_none() && observation.ending == Ending::TimedOut => {
            Judgement::Unknown(format!("no closing handshake: {words}"))
        }
        _ => Judgement::Met("nothing".to_owned()),
    }
}

fn valid_code(observation: &Observation, baseline: &Baseline) -> Judgement {
    match observation.close() {
        Some(close) if close.code == Some(1002) => {
            Judgement::Doubtful(observation.ending_in_words())
        }
        _ => answers_close(observation, baseline),
    }
}

fn invalid_code(observation: &Observation, _: &Baseline) -> Judgement {
    let words = observation.ending_in_words();
    if own_violation(observation) == Some(ViolationKind::CloseOneByte) {
        return Judgement::Unmet("a close frame with a payload of one byte".to_owned());
    }
    match (&observation.ending, observation.close()) {
        (_, Some(close)) if is_forbidden(close.code) => Judgement::Unmet(words),
        (_, Some(close))
            if close
                .code
                .is_some_and(|code| !CloseCode(code).is_sendable()) =>
        {
            Judgement::Doubtful(words)
        }
        (Ending::Violation(_), None) => Judgement::Unknown(words),
        (Ending::TimedOut | Ending::Open, None) => Judgement::Unmet(words),
        _ => Judgement::Met(words),
    }
}

fn reason_is_utf8(observation: &Observation, baseline: &Baseline) -> Judgement {
    match own_violation(observation) {
        Some(ViolationKind::CloseReasonNotUtf8(_)) => {
            Judgement::Unmet("it sent the invalid reason back".to_owned())
        }
        _ => invalid_code(observation, baseline),
    }
}
