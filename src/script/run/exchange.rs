//! The steps on an open connection: sending, waiting for messages, pings and closes.

use std::time::Duration;

use super::Runner;
use crate::connection::close::{CloseFrame, CloseInfo, Initiator};
use crate::connection::message::{Outgoing, Payload};
use crate::connection::wire::header::LengthForm;
use crate::connection::wire::mask_keys::MaskKeys;
use crate::connection::wire::raw::RawFrame;
use crate::expectation::{AwaitedMessage, ExpectedClose, answers, unexpected_message};
use crate::rules::{Answer, Rule};
use crate::script::step_failure::{NearMiss, StepFailure};
use crate::script::test_context::{ConnectionEnd, StepMessage, WaitResult};
use crate::script::{
    CloseStep, ConnectionName, Expected, FramePayload, FrameStep, MessageOrder, SendStep,
};
use crate::units;

impl Runner<'_> {
    pub(super) async fn forbid(
        &mut self,
        on: &ConnectionName,
        pattern: &Expected,
    ) -> Result<(), StepFailure> {
        let pattern = self.pattern(pattern)?;
        let index = self.connection(on)?;
        self.context.connections[index].forbid(pattern);
        // A message that was already received fails here, not at the next step that waits.
        self.context
            .until(Some(Duration::ZERO), |_| Some(()))
            .await
            .map(drop)
    }

    pub(super) async fn answer_by(
        &mut self,
        on: Option<&ConnectionName>,
        pattern: &Expected,
        answer: &Answer,
    ) -> Result<(), StepFailure> {
        let rule = Rule::new(self.pattern(pattern)?, answer.clone());
        match on {
            Some(on) => {
                let index = self.connection(on)?;
                self.context.connections[index].answer_by(rule);
            }
            None => self.context.answer_everywhere(rule),
        }
        Ok(())
    }

    pub(super) async fn send(
        &mut self,
        on: &ConnectionName,
        message: &SendStep,
    ) -> Result<(), StepFailure> {
        let index = self.connection(on)?;
        let sent = match message {
            SendStep::Text(template) | SendStep::Quoted(template) => {
                let filled = self.fill(template)?;
                StepMessage::whole(Payload::Text(filled.text.into()), filled.shown)
            }
            SendStep::Hex(bytes) => StepMessage::whole(Payload::Binary(bytes.clone().into()), None),
            SendStep::File(template) => {
                let path = self.fill(template)?.text;
                // A path is relative to the check file, not to the working directory.
                let file = self.folder().join(&path);
                let bytes = self.context.read(&file, self.timeout).await;
                let bytes = bytes.map_err(|failure| StepFailure {
                    why: format!("cannot read {path}: {}", failure.why),
                    ..failure
                })?;
                StepMessage::whole(Payload::Binary(bytes.into()), None)
            }
            SendStep::Fragments { size, text } => {
                let filled = self.fill(text)?;
                StepMessage::fragments(filled, *size)
            }
            SendStep::Frame(frame) => self.frame(frame)?,
        };
        self.context.send(index, sent, self.timeout).await
    }

    /// A frame with its header as the file says.
    fn frame(&self, step: &FrameStep) -> Result<StepMessage, StepFailure> {
        let (payload, is_secret) = match &step.payload {
            FramePayload::Hex(bytes) => (bytes.clone(), false),
            FramePayload::Text(text) => {
                let filled = self.fill(text)?;
                (filled.text.into_bytes(), filled.shown.is_some())
            }
        };
        let mut mask = None;
        if step.is_masked {
            let keys = MaskKeys::new().map_err(|error| {
                let why = format!("cannot get random numbers from the operating system: {error}");
                StepFailure::fault(why)
            });
            mask = Some(keys?.next_key());
        }
        let size = units::bytes(payload.len());
        // The text of the step shows the names of secrets, not their values.
        let shown = match is_secret {
            true => format!("frame {step} ({size})"),
            false => format!("frame {step}"),
        };
        let frame = RawFrame {
            first: step.first,
            mask,
            length: step.length,
            form: LengthForm::Shortest,
            payload,
        };
        Ok(StepMessage {
            parts: vec![Outgoing::Raw(frame.encode())],
            shown: Some(shown),
        })
    }

    /// Waits for a message.
    pub(in crate::script) async fn receive(
        &mut self,
        on: &ConnectionName,
        which: MessageOrder,
        mut awaited: AwaitedMessage,
        limit: Duration,
    ) -> Result<Payload, StepFailure> {
        let index = self.connection(on)?;
        let place = self.place.clone();
        let found = self.context.until(Some(limit), |context| {
            let connection = &mut context.connections[index];
            while let Some(payload) = connection.take() {
                if awaited.check(&payload) {
                    return Some(Some(payload));
                }
                if which == MessageOrder::Next {
                    return Some(None);
                }
                connection.passed.keep(&payload, place.as_ref());
            }
            connection.end.is_some().then_some(None)
        });
        let found = found.await?;
        let passed = &self.context.connections[index].passed;
        let unmet = match found {
            WaitResult::For(Some(payload)) => return Ok(payload),
            WaitResult::For(None) if which == MessageOrder::Next && awaited.has_seen_messages() => {
                awaited.next_differs()
            }
            WaitResult::For(None) => {
                let end = self.context.closed_early(index);
                let unmet = awaited.missed_by_end(&end.why, passed);
                return Err(StepFailure {
                    why: unmet.what,
                    closest: unmet.closest.map(NearMiss::from).into_iter().collect(),
                    ..end
                });
            }
            WaitResult::InVain => awaited.missed(&units::shown(limit), passed),
        };
        Err(unmet.into())
    }

    pub(super) async fn expect_silence(
        &mut self,
        on: &ConnectionName,
        time: Duration,
    ) -> Result<(), StepFailure> {
        let index = self.connection(on)?;
        let noise = self.context.until(Some(time), |context| {
            let connection = &mut context.connections[index];
            match connection.take() {
                Some(payload) => Some(Some(payload)),
                None => connection.end.is_some().then_some(None),
            }
        });
        match noise.await? {
            WaitResult::InVain => Ok(()),
            WaitResult::For(Some(payload)) => {
                let mut failure = StepFailure::from(unexpected_message(&payload));
                let text = payload.as_text();
                failure.details = text.iter().map(|text| format!("message: {text}")).collect();
                Err(failure)
            }
            WaitResult::For(None) => Err(self.context.closed_early(index)),
        }
    }

    pub(super) async fn ping(
        &mut self,
        on: &ConnectionName,
        limit: Duration,
    ) -> Result<Duration, StepFailure> {
        let index = self.connection(on)?;
        let seq = self.context.ping(index, limit).await?;
        self.context.connections[index].read_ahead(true);
        let pong = self.context.until(Some(limit), |context| {
            let connection = &context.connections[index];
            let pong = connection.pong(seq);
            (pong.is_some() || connection.end.is_some()).then_some(pong)
        });
        let pong = pong.await;
        self.context.connections[index].read_ahead(false);
        match pong? {
            WaitResult::For(Some(rtt)) => Ok(rtt.unwrap_or_default()),
            WaitResult::For(None) => Err(self.context.closed_early(index)),
            WaitResult::InVain => {
                let limit = units::shown(limit);
                Err(StepFailure::unmet(format!("no pong within {limit}")))
            }
        }
    }

    pub(super) async fn close(
        &mut self,
        on: &ConnectionName,
        frame: Option<&CloseStep>,
        limit: Duration,
    ) -> Result<Box<CloseInfo>, StepFailure> {
        let index = self.connection(on)?;
        if self.context.connections[index].end.is_some() {
            return Err(self.context.closed_early(index));
        }
        let close_frame = match frame {
            None => CloseFrame::default(),
            Some(frame) => {
                let reason = frame
                    .reason
                    .as_ref()
                    .map(|reason| self.fill(reason))
                    .transpose()?;
                let reason = reason.map(|filled| filled.text).unwrap_or_default();
                CloseFrame::new(&frame.code.to_string(), &reason).map_err(StepFailure::fault)?
            }
        };
        self.context.close(index, &close_frame);
        match self.ended(on, limit).await? {
            // A close that came before ours had left answers nothing, as in `send --no-wait`.
            Some(ConnectionEnd::Closed(close))
                if close.by == Initiator::Local && answers(&close, close_frame.code) =>
            {
                Ok(close)
            }
            Some(ConnectionEnd::Closed(close)) if close.error.is_none() => {
                let why = format!("the server closed with {close} instead of answering our close");
                Err(StepFailure::unmet(why))
            }
            Some(end) => Err((&end).into()),
            None => {
                let limit = units::shown(limit);
                let why = format!("no answer to our close within {limit}");
                Err(StepFailure::unmet(why))
            }
        }
    }

    pub(super) async fn expect_close(
        &mut self,
        on: &ConnectionName,
        expected: &ExpectedClose,
        limit: Duration,
    ) -> Result<Box<CloseInfo>, StepFailure> {
        match self.ended(on, limit).await? {
            Some(ConnectionEnd::Closed(close)) => match expected.check(&close) {
                Ok(()) => Ok(close),
                Err(unmet) => Err(StepFailure {
                    fault: close.error.is_some(),
                    ..unmet.into()
                }),
            },
            Some(end) => Err((&end).into()),
            None => Err(expected.missed(&units::shown(limit)).into()),
        }
    }

    /// Waits for the end of a connection; messages that still arrive are ignored.
    pub(super) async fn ended(
        &mut self,
        on: &ConnectionName,
        limit: Duration,
    ) -> Result<Option<ConnectionEnd>, StepFailure> {
        let index = self.connection(on)?;
        let end = self.context.until(Some(limit), |context| {
            let connection = &mut context.connections[index];
            while connection.take().is_some() {}
            connection.take_close()
        });
        Ok(match end.await? {
            WaitResult::For(end) => Some(end),
            WaitResult::InVain => None,
        })
    }
}
