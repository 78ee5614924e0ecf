//! Compares what was seen with what is required. When in doubt, it cannot be told: no finding may be wrong.

use super::baseline::Baseline;
use super::judgement::Judgement;
use super::observation::{Ending, HandshakeEnd, Observation};
use super::probe::{Probe, Requirement, Severity};
use crate::connection::close::CloseCode;
use crate::connection::frame::ClosePayload;
use crate::connection::probing::RawAnswer;
use crate::script::report::ProbeVerdict;

/// The probe whose row speaks for its group where a foreign origin is a matter of policy.
const FOREIGN_ORIGIN: &str = "origin-foreign";

/// Judges an observation.
pub fn judge(probe: &Probe, observation: &Observation, baseline: &Baseline) -> Judgement {
    if let HandshakeEnd::NotConnected(error) = &observation.handshake {
        return Judgement::Unknown(format!("no connection: {error}"));
    }
    match probe.requirement {
        Requirement::Opens => opens(observation, baseline),
        Requirement::Refused => refused(observation, baseline),
        Requirement::NotOpened => not_opened(observation, baseline),
        Requirement::Judged(_, judge) => judge(observation),
        Requirement::OpensOrRefused => opens_or_refused(observation, baseline),
        Requirement::OriginRefused => origin_refused(probe, observation, baseline),
        Requirement::Weighed(_, _, judge) if !probe.sends_frames() => judge(observation, baseline),
        _ if observation.opened().is_none() => not_open(observation, baseline),
        _ if probe.needs_compression() && observation.compression().is_none() => {
            Judgement::Unknown("the server does not accept permessage-deflate".to_owned())
        }
        Requirement::Weighed(_, _, judge) => judge(observation, baseline),
        Requirement::Survives => Judgement::Met(observation.ending_in_words()),
        Requirement::Lives => lives(probe, observation, baseline, &[]),
        Requirement::LivesOr(codes) => lives(probe, observation, baseline, codes),
        Requirement::Fails(codes) => fails(probe, observation, baseline, codes),
        Requirement::Pong(payload) => pong(probe, observation, baseline, payload),
        Requirement::Closes(codes) => closes(observation, codes),
    }
}

/// The verdict for a judgement of a probe of this severity.
pub fn verdict(judgement: &Judgement, severity: Severity) -> ProbeVerdict {
    match (judgement, severity) {
        (Judgement::Unknown(_), _) => ProbeVerdict::Skip,
        (Judgement::Fatal(_), _) | (Judgement::Unmet(_), Severity::Error) => ProbeVerdict::Fail,
        (Judgement::Met(_), _) | (_, Severity::Info) => ProbeVerdict::Pass,
        (Judgement::Doubtful(_), _) | (_, Severity::Warning) => ProbeVerdict::Warn,
    }
}

/// Statuses by which a server says that it has no room: they say nothing about the request.
pub fn is_overloaded(status: u16) -> bool {
    matches!(status, 408 | 429 | 502 | 503 | 504)
}

/// How the handshake ended, with the front end that has answered.
pub fn answer_in_words(observation: &Observation, baseline: &Baseline) -> String {
    let words = observation.handshake_in_words();
    match observation.answer() {
        Some((status, headers)) if status != 101 => {
            format!("{words}{}", baseline.front_end(headers))
        }
        _ => words,
    }
}

fn opens(observation: &Observation, baseline: &Baseline) -> Judgement {
    let words = answer_in_words(observation, baseline);
    match &observation.handshake {
        HandshakeEnd::Answered(RawAnswer::Opened(..)) => Judgement::Met(words),
        HandshakeEnd::Answered(RawAnswer::Refused(refusal)) if is_overloaded(refusal.status) => {
            Judgement::Unknown(words)
        }
        HandshakeEnd::Silent => Judgement::Unknown(words),
        _ => Judgement::Unmet(words),
    }
}

fn refused(observation: &Observation, baseline: &Baseline) -> Judgement {
    let words = answer_in_words(observation, baseline);
    match &observation.handshake {
        HandshakeEnd::Answered(RawAnswer::Refused(refusal)) => match refusal.status {
            status if is_overloaded(status) => Judgement::Unknown(words),
            400.. => Judgement::Met(words),
            _ => Judgement::Doubtful(words),
        },
        HandshakeEnd::Answered(RawAnswer::Opened(..)) => Judgement::Unmet(words),
        // A 101 that is no WebSocket connection, the end of TCP, silence: not accepted, but not said so.
        HandshakeEnd::Answered(RawAnswer::Invalid(..) | RawAnswer::NoHttp(_)) => {
            Judgement::Doubtful(words)
        }
        HandshakeEnd::Silent | HandshakeEnd::NotReady(_) | HandshakeEnd::NotConnected(_) => {
            Judgement::Unknown(words)
        }
    }
}

fn not_opened(observation: &Observation, baseline: &Baseline) -> Judgement {
    let words = answer_in_words(observation, baseline);
    match &observation.handshake {
        HandshakeEnd::Answered(RawAnswer::Opened(..)) => Judgement::Unmet(words),
        HandshakeEnd::Answered(_) => Judgement::Met(words),
        _ => Judgement::Unknown(words),
    }
}

/// A server may refuse what is too large for it, in HTTP (RFC 9110 §5.4).
fn opens_or_refused(observation: &Observation, baseline: &Baseline) -> Judgement {
    let words = answer_in_words(observation, baseline);
    match &observation.handshake {
        HandshakeEnd::Answered(RawAnswer::Opened(..)) => Judgement::Met(words),
        HandshakeEnd::Answered(RawAnswer::Refused(refusal)) => match refusal.status {
            status if is_overloaded(status) => Judgement::Unknown(words),
            400..500 => Judgement::Met(words),
            _ => Judgement::Doubtful(words),
        },
        HandshakeEnd::Answered(RawAnswer::Invalid(..) | RawAnswer::NoHttp(_)) => {
            Judgement::Unmet(words)
        }
        _ => Judgement::Unknown(words),
    }
}

/// Whether a foreign origin is kept out. That is the policy of the application, and only matters where a browser
/// would add credentials by itself.
fn origin_refused(probe: &Probe, observation: &Observation, baseline: &Baseline) -> Judgement {
    let words = answer_in_words(observation, baseline);
    let is_open = observation.opened().is_some();
    match &observation.handshake {
        HandshakeEnd::Answered(RawAnswer::Refused(refusal)) if is_overloaded(refusal.status) => {
            Judgement::Unknown(words)
        }
        HandshakeEnd::Answered(_) if !is_open => Judgement::Met(words),
        HandshakeEnd::Answered(_) if baseline.origin_matters => {
            Judgement::Unmet(format!("let in: {words}"))
        }
        // It looks at origins, so that one that gets through is a gap.
        HandshakeEnd::Answered(_) if baseline.checks_origin => {
            Judgement::Doubtful(format!("let in, although a foreign origin is not: {words}"))
        }
        HandshakeEnd::Answered(_) if probe.id == FOREIGN_ORIGIN => Judgement::Doubtful(format!(
            "let in: {words}; that matters where browsers send credentials (give them, or --expect-origin-check)"
        )),
        HandshakeEnd::Answered(_) => {
            Judgement::Unknown(format!("let in, without credentials: see {FOREIGN_ORIGIN}"))
        }
        _ => Judgement::Unknown(words),
    }
}

/// A probe of frames that has found no open connection.
fn not_open(observation: &Observation, baseline: &Baseline) -> Judgement {
    let words = answer_in_words(observation, baseline);
    Judgement::Unknown(format!("the connection did not open: {words}"))
}

/// Why the end of a connection says nothing about the probe.
fn usual_end(observation: &Observation) -> Judgement {
    Judgement::Unknown(format!(
        "{}, as after any such message; --message TEXT sends one that the application accepts",
        observation.ending_in_words()
    ))
}

/// A server that violates the protocol itself says nothing about how it judges others.
fn own_violation(observation: &Observation) -> Option<Judgement> {
    match &observation.ending {
        Ending::Violation(violation) if violation.close().is_none() => {
            Some(Judgement::Unknown(observation.ending_in_words()))
        }
        _ => None,
    }
}

fn lives(
    probe: &Probe,
    observation: &Observation,
    baseline: &Baseline,
    allowed: &[u16],
) -> Judgement {
    let words = observation.ending_in_words();
    if observation.is_answered {
        return Judgement::Met(words);
    }
    if let Some(unknown) = own_violation(observation) {
        return unknown;
    }
    if baseline.is_usual_end(probe.data(), observation) {
        return usual_end(observation);
    }
    let sends_data = probe.data() != (false, false);
    match (&observation.ending, observation.close()) {
        (_, Some(close)) if close.code.is_some_and(|code| allowed.contains(&code)) => {
            Judgement::Met(words)
        }
        (_, Some(close)) if sends_data && is_of_application(close.code) => Judgement::Unknown(
            format!("{words}: the application did not like what the message says"),
        ),
        (_, Some(close)) if close.code == Some(CloseCode::TOO_BIG.0) => Judgement::Doubtful(words),
        (Ending::TimedOut, _) if !baseline.answers_pings => no_pings(),
        _ => Judgement::Unmet(words),
    }
}

/// Codes by which an application, not the protocol, ends a connection.
fn is_of_application(code: Option<u16>) -> bool {
    matches!(code, None | Some(1000 | 1001 | 1003 | 1008 | 1011..=1014 | 3000..=4999))
}

/// Why a server cannot be asked.
pub fn no_pings() -> Judgement {
    Judgement::Unknown("this server answers no pings, so that it cannot be asked".to_owned())
}

fn fails(
    probe: &Probe,
    observation: &Observation,
    baseline: &Baseline,
    codes: &[u16],
) -> Judgement {
    let words = observation.ending_in_words();
    // An illegal frame in answer to one: it was accepted, and a rule of the sender is broken too.
    if observation.is_illegal() && observation.close().is_none() && !baseline.is_illegal {
        return Judgement::Unmet(words);
    }
    if let Some(unknown) = own_violation(observation) {
        return unknown;
    }
    if baseline.is_usual_end(probe.data(), observation) {
        return usual_end(observation);
    }
    match (&observation.ending, observation.close()) {
        (_, Some(close)) if close.code.is_some_and(|code| codes.contains(&code)) => {
            Judgement::Met(words)
        }
        (_, Some(_)) => Judgement::Doubtful(words),
        (Ending::Ended | Ending::Failed(_), _) => Judgement::Met(words),
        _ => Judgement::Unmet(words),
    }
}

fn pong(
    probe: &Probe,
    observation: &Observation,
    baseline: &Baseline,
    payload: &[u8],
) -> Judgement {
    if observation.pongs().any(|pong| pong == payload) {
        return Judgement::Met(format!("a pong with the same {} bytes", payload.len()));
    }
    if let Some(unknown) = own_violation(observation) {
        return unknown;
    }
    if baseline.is_usual_end(probe.data(), observation) {
        return usual_end(observation);
    }
    let words = observation.ending_in_words();
    let other = observation.pongs().next();
    Judgement::Unmet(match other {
        Some(other) => format!("a pong with {} other bytes", other.len()),
        None => words,
    })
}

fn closes(observation: &Observation, codes: &[u16]) -> Judgement {
    let words = observation.ending_in_words();
    if let Some(unknown) = own_violation(observation) {
        return unknown;
    }
    match observation.close() {
        Some(close) if codes.contains(&code_of(close)) => Judgement::Met(words),
        Some(close) if is_forbidden(close.code) => Judgement::Unmet(words),
        Some(_) => Judgement::Doubtful(words),
        None => Judgement::Unmet(words),
    }
}

/// The code of a close frame; 1005 if it has none.
fn code_of(close: &ClosePayload) -> u16 {
    close.code.unwrap_or(CloseCode::NO_STATUS.0)
}

/// Whether no endpoint may ever put this code on the wire (RFC 6455 §7.4). Others may be registered some day.
pub fn is_forbidden(code: Option<u16>) -> bool {
    matches!(code, Some(0..=999 | 1005 | 1006 | 1015))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::baseline::UsualEnd;
    use crate::audit::probe::{Frame, frames, message, ping};
    use crate::connection::handshake::{Headers, HttpVersion, Response};
    use crate::connection::probing::RawRequest;
    use crate::connection::wire::violation::{Violation, ViolationKind};

    const TEXT: &[Frame] = &[message()];
    const PING: &[Frame] = &[ping(b"a")];

    /// An open connection that ended so; `Open` has answered the ping behind.
    fn seen(ending: Ending) -> Observation {
        let response = Response {
            version: HttpVersion::OneOne,
            status: 101,
            reason: String::new(),
            headers: Headers::default(),
            malformed: Vec::new(),
        };
        let limit = std::time::Duration::from_secs(5);
        Observation {
            handshake: HandshakeEnd::Answered(RawAnswer::Opened(response, None)),
            is_answered: ending == Ending::Open,
            ending,
            ..Observation::new(RawRequest::default(), limit)
        }
    }

    fn closed(code: u16) -> Ending {
        Ending::Close(ClosePayload {
            code: Some(code),
            reason: String::new(),
        })
    }

    #[test]
    fn each_end_has_its_verdict() {
        use ProbeVerdict::{Fail, Pass, Skip, Warn};
        use Requirement::{Closes, Fails, Lives, LivesOr};
        let masked = Violation::new(ViolationKind::Masked, &[0x81]);
        let masked = Ending::Violation(Box::new(masked));
        let table = [
            (PING, Lives, Ending::Open, Pass),
            (PING, Lives, closed(1002), Fail),
            (PING, Lives, closed(1008), Fail),
            (PING, Lives, Ending::Ended, Fail),
            // The pong is what is required.
            (PING, Lives, Ending::TimedOut, Fail),
            // The application may dislike what a message says.
            (TEXT, Lives, closed(1008), Skip),
            (TEXT, Lives, closed(4001), Skip),
            (TEXT, Lives, closed(1002), Fail),
            (TEXT, Lives, closed(1009), Warn),
            (TEXT, LivesOr(&[1009]), closed(1009), Pass),
            // RFC 6455 §7.1.7: the end of TCP is enough; another code is only a warning.
            (TEXT, Fails(&[1002]), closed(1002), Pass),
            (TEXT, Fails(&[1002]), Ending::Ended, Pass),
            (
                TEXT,
                Fails(&[1002]),
                Ending::Failed("reset".to_owned()),
                Pass,
            ),
            (TEXT, Fails(&[1002]), closed(1007), Warn),
            (TEXT, Fails(&[1002]), Ending::Open, Fail),
            (TEXT, Fails(&[1002]), Ending::TimedOut, Fail),
            (PING, Closes(&[1000]), closed(1000), Pass),
            (PING, Closes(&[1000]), closed(1001), Warn),
            (PING, Closes(&[1000]), closed(1006), Fail),
            (PING, Closes(&[1000]), Ending::Ended, Fail),
            // A server that breaks the rules itself is found by another probe.
            (TEXT, Lives, masked.clone(), Skip),
            // An illegal answer to an illegal frame, where an ordinary one has a legal answer.
            (TEXT, Fails(&[1002]), masked, Fail),
        ];
        let baseline = Baseline {
            answers_pings: true,
            ..Baseline::default()
        };
        for (sent, requirement, ending, expected) in table {
            let probe = frames("frames-x", "x", sent).must(requirement, "RFC 6455 §5");
            let judgement = judge(&probe, &seen(ending.clone()), &baseline);
            let found = verdict(&judgement, probe.severity);
            assert_eq!(found, expected, "{requirement:?} {ending:?}");
        }
    }

    #[test]
    fn an_application_that_closes_on_any_message_is_not_blamed() {
        let baseline = Baseline {
            answers_pings: true,
            after_text: Some(UsualEnd::Close(Some(1008))),
            ..Baseline::default()
        };
        let verdict_of = |sent, requirement, ending| {
            let probe = frames("frames-x", "x", sent).must(requirement, "RFC 6455 §5");
            verdict(&judge(&probe, &seen(ending), &baseline), probe.severity)
        };
        let fails = Requirement::Fails(&[1002]);
        assert_eq!(verdict_of(TEXT, fails, closed(1008)), ProbeVerdict::Skip);
        assert_eq!(verdict_of(TEXT, fails, closed(1002)), ProbeVerdict::Pass);
        assert_eq!(
            verdict_of(TEXT, Requirement::Lives, closed(1008)),
            ProbeVerdict::Skip
        );
        // A ping is no message.
        assert_eq!(
            verdict_of(PING, Requirement::Lives, closed(1008)),
            ProbeVerdict::Fail
        );
    }

    #[test]
    fn a_server_that_answers_no_pings_cannot_be_asked() {
        let probe = frames("frames-x", "x", TEXT).must(Requirement::Lives, "RFC 6455 §5");
        let judgement = judge(&probe, &seen(Ending::TimedOut), &Baseline::default());
        assert_eq!(verdict(&judgement, probe.severity), ProbeVerdict::Skip);
    }
}
