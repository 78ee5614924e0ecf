//! `wsprobe audit`: runs the probes against a server, and reports pass or fail.

use std::cell::{Cell, RefCell};
use std::io::Write as _;
use std::rc::Rc;
use std::time::Instant;

use crate::audit::probe::Probe;
use crate::audit::settings::{AuditSettings, ProbeSelection};
use crate::audit::{Audit, CONNECTIONS, probes};
use crate::cli::{AuditArgs, SharedArgs};
use crate::connection::target::{Credentials, UpgradeOptions};
use crate::exit::Exit;
use crate::link::LinkPolicy;
use crate::output::{Notice, Printer, Sinks};
use crate::script::report::{Destinations, PROBE, Reports, TerminalStyle};
use crate::script::schedule::{self, Job, SchedulePolicy, SharedState};
use crate::template::Template;

use super::UsageError;
use super::prepare::{PreparedSession, filling, prepare};
use super::reporting;

/// Runs the command.
///
/// # Errors
/// Bad usage or an unreadable file (exit 2), or a report that cannot be written (exit 23).
pub async fn run(options: AuditArgs) -> anyhow::Result<Exit> {
    // `audit` exits only with 0, 1, 2, 23, 130 or 143, so every error before the first packet is bad usage.
    audited(options)
        .await
        .map_err(|error| match error.downcast::<UsageError>() {
            Ok(usage_error) => usage_error.as_usage().into(),
            Err(error) => error,
        })
}

async fn audited(options: AuditArgs) -> anyhow::Result<Exit> {
    let selection = ProbeSelection {
        only: options.only.clone(),
        skip: options.skip.clone(),
        allow: options.allow.clone(),
    };
    if options.list {
        return Ok(list(&selection));
    }
    reject_unusable(&options.shared)?;
    let begun = Instant::now();
    let url = options.url.clone().unwrap_or_default();
    let filling = filling(&options.shared, Vec::new())?;
    let destinations = Destinations {
        junit: options.junit.clone(),
        tap: options.tap.clone(),
        sarif: options.sarif.clone(),
        ..reporting::destinations(options.shared.output.json)
    };
    let max_time = options.shared.timing.max_time;
    let prepared = prepare(&url, options.shared, filling).await?;
    let sinks = Rc::new(RefCell::new(prepared.sinks(Printer::Report)?));
    let style = TerminalStyle {
        colour: prepared.stdout.colour,
        quiet: prepared.shared.output.quiet,
        noun: PROBE,
    };
    let settings = AuditSettings {
        login: login(&prepared.policy)?,
        variables: prepared.policy.variables.clone(),
        after: options.after,
        message: options.message,
        connect: prepared.policy.target.limits.connect,
        wait: options.wait,
        max_message: prepared.policy.target.limits.max_size as u64,
        has_credentials: has_ambient_credentials(&prepared),
        expects_origin_check: options.expect_origin_check,
        is_intrusive: options.intrusive,
        selection,
        sinks: sinks.clone(),
        url: prepared.what.clone(),
        target: prepared.policy.target.clone(),
    };
    let stopping = Rc::new(Cell::new(None));
    let audit = Audit::new(settings, stopping.clone());
    let probes = audit.probes();
    if probes.is_empty() {
        return Err(UsageError::usage("--only and --skip leave no probe to run")
            .hint("wsprobe audit --list shows the probes; some run only with --intrusive")
            .into());
    }
    announce(&probes, &sinks);
    let mut reports = Reports::open(&destinations, style, None).map_err(UsageError::output)?;
    let policy = SchedulePolicy {
        jobs: CONNECTIONS,
        fail_fast: false,
        max_time,
    };
    let shared = SharedState {
        sinks: &sinks,
        stopping: &stopping,
    };
    let job = |probe| -> Job<'_> { Box::pin(audit.run(probe)) };
    let ran = schedule::run(probes.into_iter().map(job), policy, shared, &mut reports).await?;
    reporting::finish(ran, reports, begun, shared).await
}

/// Rejects shared options that have no meaning here.
fn reject_unusable(shared: &SharedArgs) -> Result<(), UsageError> {
    let given = [
        (
            shared.handshake.http2,
            "--http2",
            "the handshake of HTTP/1.1 is what is tested",
        ),
        (
            shared.handshake.location,
            "--location",
            "give the URL that it redirects to",
        ),
        (
            shared.persistence.retry.is_some(),
            "--retry",
            "wait for the server with wsprobe check --retry first",
        ),
        (
            shared.persistence.reconnect.is_some(),
            "--reconnect",
            "each probe has a connection of its own",
        ),
        (
            shared.persistence.ping_interval.is_some(),
            "--ping-interval",
            "each probe has a connection of its own",
        ),
        (
            !shared.variables.on.is_empty(),
            "--on",
            "-x sends the messages of a login, --after waits for its answer",
        ),
        (
            shared.messages.decode.is_some(),
            "--decode",
            "--after PATTERN may be hex:…",
        ),
    ];
    match given.into_iter().find(|(is_given, ..)| *is_given) {
        Some((_, option, hint)) => {
            Err(UsageError::usage(format!("audit does not support {option}")).hint(hint))
        }
        None => Ok(()),
    }
}

/// The messages of `-x`.
fn login(policy: &LinkPolicy) -> Result<Vec<Template>, UsageError> {
    let message = |source: &crate::secret::SecretSource| -> Result<Template, UsageError> {
        let text = source.read()?;
        match policy.fills_messages {
            true => Template::message(&text, Template::parse)
                .map_err(|why| UsageError::usage(format!("-x: {why}"))),
            false => Ok(Template::literal(text)),
        }
    };
    policy.on_open.iter().map(message).collect()
}

/// Whether the handshake carries credentials that a browser adds to a request of any page: cookies, a password, a
/// client certificate. A bearer token is none.
fn has_ambient_credentials(prepared: &PreparedSession) -> bool {
    let target = &prepared.policy.target;
    let UpgradeOptions {
        headers,
        credentials,
        ..
    } = &target.request;
    let is_ambient = |name: &str, value: &str| {
        let is_basic = value
            .trim_start()
            .to_ascii_lowercase()
            .starts_with("basic ");
        name.eq_ignore_ascii_case("Cookie")
            || (name.eq_ignore_ascii_case("Authorization") && is_basic)
    };
    let mut headers = headers.iter();
    headers.any(|header| is_ambient(&header.name, header.value.as_deref().unwrap_or_default()))
        || matches!(credentials, Some(Credentials::Basic(..)))
        || target.address.user_info.is_some()
        || prepared.shared.tls.cert.is_some()
}

/// Says what the probes with side effects will do.
fn announce(probes: &[&'static Probe], sinks: &RefCell<Sinks>) {
    let intrusive = probes.iter().filter(|probe| probe.is_intrusive).count();
    if intrusive > 0 {
        let text = format!(
            "--intrusive: {intrusive} probes strain the server or may end it; they run last, one at a time"
        );
        sinks.borrow_mut().notify(Notice::Warning(&text));
    }
}

fn list(selection: &ProbeSelection) -> Exit {
    let mut text = String::new();
    for probe in probes::all().filter(|probe| selection.runs(probe)) {
        let mark = if probe.is_intrusive {
            " (--intrusive)"
        } else {
            ""
        };
        let rfc = probe.rfc().join(", ");
        let Probe {
            id,
            sent,
            requirement,
            ..
        } = probe;
        text.push_str(&format!("{id:30} {sent} → {requirement} ({rfc}){mark}\n"));
    }
    match std::io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Exit::Output,
        _ => Exit::Success,
    }
}
