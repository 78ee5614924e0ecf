//! `wsprobe audit`: is a server a correct and a safe WebSocket server?
//!
//! Each probe has a connection of its own: at most four at a time, and at most twenty new ones a second. The probes
//! with side effects run last and alone. A finding is looked for a second time before it is reported, so that a
//! server that is busy, or that another probe has ended, is not blamed.

mod baseline;
mod exchange;
mod judgement;
mod judges;
mod observation;
mod offers;
pub mod probe;
pub mod probes;
mod request;
pub mod settings;
mod special;
mod verdict;

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use tokio::sync::{OnceCell, RwLock};
use tokio::time::{Instant, sleep, sleep_until};

use self::baseline::{Baseline, UsualEnd};
use self::exchange::play;
use self::judgement::Judgement;
use self::observation::{Ending, Observation};
use self::probe::{Action, Exchange, Probe, Requirement};
use self::settings::AuditSettings;
use self::verdict::judge;
use crate::connection::error::Error;
use crate::script::report::{Finished, ProbeRow};
use crate::script::test_context::StopReason;
use crate::units;

/// The most connections at a time.
pub const CONNECTIONS: usize = 4;

/// The least time between two new connections.
const INTERVAL: Duration = Duration::from_millis(50);

/// The pauses before a server that does not answer is asked again whether it is back.
const PAUSES: [Duration; 6] = [
    Duration::from_millis(0),
    Duration::from_millis(250),
    Duration::from_millis(500),
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(4),
];

/// How long a server that does not answer is asked at most, less the last time.
const PATIENCE: Duration = Duration::from_secs(10);

/// The state that all probes of a run share.
pub struct Audit {
    settings: AuditSettings,
    baseline: OnceCell<Result<Baseline, Judgement>>,
    /// Held for reading by probes that may run beside others, for writing by one that must be alone.
    turns: RwLock<()>,
    /// When the next connection may be opened.
    next_connection: Cell<Instant>,
    /// The probes under way.
    under_way: RefCell<Vec<&'static str>>,
    /// Those that were under way when the server was first found gone for good.
    suspects: RefCell<Vec<&'static str>>,
    is_gone: Cell<bool>,
    /// Whether it was reported that no connection opens.
    has_told_failure: Cell<bool>,
    /// Why the run ends early.
    stopping: Rc<Cell<Option<StopReason>>>,
}

/// What was seen and what follows.
struct Judged {
    judgement: Judgement,
    /// Whether the connection ended without a word, as it does when a server dies.
    is_abrupt: bool,
}

/// Whether a server accepts connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Presence {
    Here,
    /// It did not answer at first.
    Back(Duration),
    Gone,
}

impl Audit {
    /// An audit that has not begun; it ends early once `stopping` says so.
    pub fn new(settings: AuditSettings, stopping: Rc<Cell<Option<StopReason>>>) -> Self {
        Self {
            settings,
            baseline: OnceCell::new(),
            turns: RwLock::new(()),
            next_connection: Cell::new(Instant::now()),
            under_way: RefCell::default(),
            suspects: RefCell::default(),
            is_gone: Cell::new(false),
            has_told_failure: Cell::new(false),
            stopping,
        }
    }

    /// The probes to run, in their order: those with side effects last, then whether the server has survived.
    pub fn probes(&self) -> Vec<&'static Probe> {
        let chosen = |probe: &&Probe| {
            self.settings.selection.runs(probe)
                && (self.settings.is_intrusive || !probe.is_intrusive)
        };
        let mut probes: Vec<_> = probes::all().filter(chosen).collect();
        probes.sort_by_key(|probe| {
            let is_last = matches!(probe.action, Action::Special(special) if special.is_last());
            (is_last, probe.is_intrusive)
        });
        probes
    }

    /// Runs a probe, and returns its row; the first one also returns that of the handshake if no connection opens.
    pub async fn run(&self, probe: &'static Probe) -> Vec<Finished> {
        let begun = Instant::now();
        let mut running = pin!(self.judged(probe));
        // The scheduler polls every probe when a signal or the time limit ends the run.
        let judgement = poll_fn(|cx| match self.stopping.get() {
            Some(StopReason::Signal(_)) => Poll::Ready(None),
            Some(_) => Poll::Ready(Some(Judgement::Unknown("--max-time was reached".into()))),
            None => running.as_mut().poll(cx).map(Some),
        })
        .await;
        self.under_way.borrow_mut().retain(|id| *id != probe.id);
        let Some(judgement) = judgement else {
            return vec![Finished::interrupted(&self.settings.url, probe.id)];
        };
        let mut results = Vec::new();
        // Without a connection the run fails, also if this probe was not asked for.
        if let Some(Err(failure)) = self.baseline.get()
            && !self.has_told_failure.replace(true)
            && let Some(opens) = probes::all().find(|it| it.id == probes::OPENS)
            && probe.id != opens.id
        {
            results.push(self.row(opens, failure, begun.elapsed()));
        }
        results.push(self.row(probe, &judgement, begun.elapsed()));
        results
    }

    fn row(&self, probe: &Probe, judgement: &Judgement, time: Duration) -> Finished {
        let row = ProbeRow {
            id: probe.id,
            group: probe.group(),
            verdict: verdict::verdict(judgement, probe.severity),
            rfc: probe.rfc(),
            sent: probe.sent.to_owned(),
            expected: probe.requirement.to_string(),
            got: judgement.got().to_owned(),
            is_accepted: self.settings.selection.allows(probe),
        };
        Finished::of_probe(&self.settings.url, row, time)
    }

    async fn judged(&self, probe: &'static Probe) -> Judgement {
        let baseline = self.baseline.get_or_init(|| self.learn()).await;
        let baseline = match baseline {
            Ok(baseline) => baseline,
            Err(judgement) if probe.id == probes::OPENS => return judgement.clone(),
            Err(_) => {
                return Judgement::Unknown(format!("no connection opens: see {}", probes::OPENS));
            }
        };
        let is_last = matches!(probe.action, Action::Special(special) if special.is_last());
        if self.is_gone.get() && !is_last {
            return Judgement::Unknown("the server accepts no connections any more".to_owned());
        }
        let result = match probe.is_intrusive || is_last {
            true => {
                let _alone = self.turns.write().await;
                self.looked_at(probe, baseline).await
            }
            false => {
                let shared = self.turns.read().await;
                self.under_way.borrow_mut().push(probe.id);
                let first = self.look(probe, baseline).await;
                match first {
                    Ok(first) if first.is_certain() => return first.judgement,
                    Ok(first) => {
                        drop(shared);
                        self.second_look(probe, baseline, first).await
                    }
                    Err(error) => Err(error),
                }
            }
        };
        result.unwrap_or_else(|error| Judgement::Unknown(error.message))
    }

    /// Looks again at a finding. If the connection ended without a word, nothing else runs meanwhile: then it is known
    /// who ended the server.
    async fn second_look(
        &self,
        probe: &'static Probe,
        baseline: &Baseline,
        first: Judged,
    ) -> Result<Judgement, Error> {
        if !first.is_abrupt {
            let _shared = self.turns.read().await;
            let mut before = first.judgement;
            let mut again = self.look(probe, baseline).await?.judgement;
            if matches!(before, Judgement::Unknown(_)) && again.is_finding() {
                before = again;
                again = self.look(probe, baseline).await?.judgement;
            }
            return Ok(agreed(&before, again));
        }
        let _alone = self.turns.write().await;
        if self.is_gone.get() || self.presence().await == Presence::Gone {
            return Ok(self.gone());
        }
        if first.judgement.is_met() {
            // It has ended TCP and lives.
            return Ok(first.judgement);
        }
        let mut before = first.judgement;
        let mut again = self.looked_at(probe, baseline).await?;
        if matches!(before, Judgement::Unknown(_)) && again.is_finding() {
            before = again;
            again = self.looked_at(probe, baseline).await?;
        }
        Ok(agreed(&before, again))
    }

    /// Plays a probe while nothing else runs, and asks whether the server has survived it.
    async fn looked_at(
        &self,
        probe: &'static Probe,
        baseline: &Baseline,
    ) -> Result<Judgement, Error> {
        let under_way = &self.under_way;
        if !under_way.borrow().contains(&probe.id) {
            under_way.borrow_mut().push(probe.id);
        }
        let judged = self.look(probe, baseline).await?;
        if !judged.is_abrupt && !probe.is_intrusive {
            return Ok(judged.judgement);
        }
        Ok(match self.presence().await {
            Presence::Here => judged.judgement,
            Presence::Back(after) => Judgement::Fatal(format!(
                "{}; then the server accepted no connections for {}",
                judged.judgement.got(),
                units::shown(after)
            )),
            Presence::Gone => {
                self.is_gone.set(true);
                *self.suspects.borrow_mut() = vec![probe.id];
                let got = judged.judgement.got();
                Judgement::Fatal(format!("{got}; then the server accepted no connections"))
            }
        })
    }

    /// The server has gone while several probes were under way.
    fn gone(&self) -> Judgement {
        if !self.is_gone.replace(true) {
            self.suspects.replace(self.under_way.borrow().clone());
        }
        Judgement::Unknown(format!(
            "the server accepts no connections any more; under way were {}",
            self.suspects.borrow().join(", ")
        ))
    }

    async fn look(&self, probe: &Probe, baseline: &Baseline) -> Result<Judged, Error> {
        match probe.action {
            Action::Exchange(exchange) => {
                let observation = self.play(&exchange, &probe.requirement).await?;
                Ok(Judged {
                    judgement: judge(probe, &observation, baseline),
                    is_abrupt: observation.is_abrupt(),
                })
            }
            Action::Special(special) => Ok(Judged {
                judgement: special::look(special, self).await?,
                is_abrupt: false,
            }),
        }
    }

    /// Plays an exchange when the next connection may be opened.
    async fn play(
        &self,
        exchange: &Exchange,
        requirement: &Requirement,
    ) -> Result<Observation, Error> {
        self.turn().await;
        play(&self.settings, exchange, requirement).await
    }

    /// Waits until the next connection may be opened.
    async fn turn(&self) {
        let at = self.next_connection.get().max(Instant::now());
        self.next_connection.set(at + INTERVAL);
        sleep_until(at).await;
    }

    /// Whether the server accepts connections, now or after a pause.
    async fn presence(&self) -> Presence {
        let begun = Instant::now();
        for (index, pause) in PAUSES.into_iter().enumerate() {
            if begun.elapsed() > PATIENCE {
                break;
            }
            sleep(pause).await;
            let usual = Exchange {
                changes: &[],
                frames: &[],
                asks: false,
            };
            let seen = self.play(&usual, &Requirement::Opens).await;
            if seen.is_ok_and(|seen| seen.answer().is_some()) {
                return match index {
                    0 => Presence::Here,
                    _ => Presence::Back(begun.elapsed()),
                };
            }
        }
        Presence::Gone
    }

    /// Learns how the server treats what is ordinary.
    async fn learn(&self) -> Result<Baseline, Judgement> {
        let failed = |error: Error| Judgement::Unmet(error.message);
        let asked = |frames| Exchange {
            changes: &[],
            frames,
            asks: true,
        };
        let first = self.play(&asked(&[]), &Requirement::Lives).await;
        let first = first.map_err(failed)?;
        let Some(opened) = first.opened() else {
            return Err(Judgement::Unmet(first.handshake_in_words()));
        };
        let server = opened.headers.get("Server").map(str::to_owned);
        let mut baseline = Baseline {
            server,
            answers_pings: first.is_answered,
            origin_matters: self.settings.has_credentials || self.settings.expects_origin_check,
            ..Baseline::default()
        };
        if let Ending::Close(_) | Ending::Ended | Ending::Failed(_) = first.ending {
            let words = first.ending_in_words();
            return Err(Judgement::Unmet(format!(
                "the connection opens and ends by itself: {words}; -x MESSAGE logs in"
            )));
        }
        let foreign = Exchange {
            changes: probes::FROM_FOREIGN_PAGE,
            frames: &[],
            asks: false,
        };
        let foreign = self.play(&foreign, &Requirement::OriginRefused).await;
        baseline.checks_origin = foreign.map_err(failed)?.refusal().is_some();
        // The requirement makes the watch last a little longer than the answer to the ping.
        let usual = Requirement::Fails(&[]);
        let text = asked(probes::ORDINARY_TEXT);
        let binary = asked(probes::ORDINARY_BINARY);
        let (text, binary) = tokio::join!(self.play(&text, &usual), self.play(&binary, &usual));
        let (text, binary) = (text.map_err(failed)?, binary.map_err(failed)?);
        // A server that never answers pings is silent without a message too.
        let known = |end: &UsualEnd| baseline.answers_pings || *end != UsualEnd::Silence;
        let after_text = UsualEnd::of(&text).filter(known);
        let after_binary = UsualEnd::of(&binary).filter(known);
        baseline.after_text = after_text;
        baseline.after_binary = after_binary;
        baseline.is_illegal = [&first, &text, &binary]
            .into_iter()
            .any(Observation::is_illegal);
        Ok(baseline)
    }
}

impl Judged {
    /// Whether a second look is not needed.
    fn is_certain(&self) -> bool {
        self.judgement.is_met() && !self.is_abrupt
    }
}

/// What two looks at the same probe say together: a finding only where both say it.
fn agreed(first: &Judgement, again: Judgement) -> Judgement {
    use Judgement::{Doubtful, Fatal, Met, Unknown, Unmet};
    match (first, &again) {
        (Met(_) | Unknown(_), Met(_))
        | (Unmet(_), Unmet(_))
        | (Doubtful(_), Doubtful(_))
        | (_, Fatal(_) | Unknown(_)) => again,
        _ => Unknown(format!(
            "not the same twice: {}; then {}",
            first.got(),
            again.got()
        )),
    }
}
