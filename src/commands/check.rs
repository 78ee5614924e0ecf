//! `wsprobe check`: checks an endpoint, or runs check files, and reports pass or fail.

use std::cell::{Cell, RefCell};
use std::io::Write as _;
use std::path::Path;
use std::rc::Rc;
use std::time::{Duration, Instant};

use crate::cli::CheckArgs;
use crate::connection::target::{RequestHeader, Subprotocol, subprotocols_in};
use crate::exit::Exit;
use crate::link::LinkPolicy;
use crate::named_file::{self, ReadLimits};
use crate::output::{Notice, Printer, Sinks};
use crate::script::endpoint::{EndpointOptions, probe};
use crate::script::report::{Destinations, Reports, TerminalStyle};
use crate::script::run::{CheckFile, run_test};
use crate::script::schedule::{self, Job, SchedulePolicy};
use crate::script::test_context::{PendingPolicy, RunContext};
use crate::secret::io_text;
use crate::template::Template;
use crate::template::variables::Values;

use super::UsageError;
use super::filling::Filling;
use super::prepare::{PreparedSession, filling, policy, prepare, warnings};
use super::reporting;

/// Runs the command.
///
/// # Errors
/// Bad usage or an unreadable file (exit 2), or a report that cannot be written (exit 23).
pub async fn run(options: CheckArgs) -> anyhow::Result<Exit> {
    // `check` exits only with 0, 1, 2, 130 or 143, so every error before the first packet is bad usage.
    checked(options)
        .await
        .map_err(|error| match error.downcast::<UsageError>() {
            Ok(usage_error) => usage_error.as_usage().into(),
            Err(error) => error,
        })
}

async fn checked(options: CheckArgs) -> anyhow::Result<Exit> {
    let files: Vec<bool> = options
        .targets
        .iter()
        .map(|target| is_file(target))
        .collect();
    if files.iter().all(|is_file| *is_file) {
        return check_files(options).await;
    }
    match options.targets.as_slice() {
        [folder] if folder.starts_with(['/', '.']) && Path::new(folder).is_dir() => {
            let files = folder.trim_end_matches('/');
            Err(UsageError::usage(format!("{folder} is a directory"))
                .hint(format!("to run its check files: {files}/*.wst"))
                .into())
        }
        [_] => check_url(options).await,
        _ => Err(UsageError::usage("expected one URL, or check files only")
            .hint("a target is a check file if a file of that name exists, or if it ends in .wst")
            .into()),
    }
}

/// The name of standard input as a check file.
const STDIN: &str = "-";

/// A target that exists as a file or ends in `.wst` is a file, anything else a URL.
fn is_file(target: &str) -> bool {
    let path = Path::new(target);
    target == STDIN || target.ends_with(".wst") || path.is_file()
}

async fn check_url(options: CheckArgs) -> anyhow::Result<Exit> {
    if options.list || options.pace {
        return Err(UsageError::usage("--list and --pace require a check file").into());
    }
    let url = options.targets.first().cloned().unwrap_or_default();
    let executes = !options.shared.messages.execute.is_empty();
    if executes && !options.send.is_empty() && options.expect.is_empty() {
        return Err(UsageError::usage(
            "--send with -x requires --expect: a reply to -x would count as the reply to --send",
        )
        .into());
    }
    let filling = filling(&options.shared, Vec::new())?;
    filling.reject_in_patterns("--expect", &options.expect)?;
    let values = filling.values().clone();
    let questions = EndpointOptions {
        status: options.expect_status,
        subprotocol: options.expect_subprotocol.clone(),
        max_handshake: options.max_handshake,
        min_cert_days: options.min_cert_days,
        send: messages(&options.send, &filling)?,
        expect: options.expect.clone(),
        close: options.expect_close.clone(),
        skip: options.skip.clone(),
        farewell: options.shared.messages.close.clone(),
        wait: options.wait,
    };
    let settings = CheckSettings::of(&options);
    let prepared = prepare(&url, options.shared, filling).await?;
    let mut sinks = prepared.sinks(Printer::Report)?;
    if prepared.shared.output.quiet == 0 {
        for risk in warnings(&prepared.policy.target.address) {
            sinks.notify(Notice::Warning(&risk));
        }
    }
    let (what, url) = (prepared.what.clone(), prepared.url.clone());
    let terminal_style = terminal_style(&prepared, "check");
    let shared = settings.share(Rc::new(prepared), sinks);
    let job: Job<'_> = Box::pin(probe(&shared, &url, &what, &questions, &values));
    settings
        .run(&shared, terminal_style, None, [job].into_iter())
        .await
}

/// The messages of `--send`.
fn messages(texts: &[String], filling: &Filling) -> Result<Vec<Template>, UsageError> {
    let message = |text: &String| match filling.is_requested() {
        true => filling.message("--send", text),
        false => Ok(Template::literal(text)),
    };
    texts.iter().map(message).collect()
}

async fn check_files(options: CheckArgs) -> anyhow::Result<Exit> {
    let for_urls = [
        !options.send.is_empty(),
        !options.expect.is_empty(),
        options.expect_status.is_some(),
        options.expect_close.is_some(),
        options.expect_subprotocol.is_some(),
        options.max_handshake.is_some(),
        options.min_cert_days.is_some(),
        !options.skip.is_empty(),
    ];
    if for_urls.contains(&true) {
        let wrong = "--send, --expect…, --max-handshake, --min-cert-days and --skip require a URL";
        return Err(UsageError::usage(wrong)
            .hint("in a check file, write steps instead")
            .into());
    }
    let filling = filling(&options.shared, Vec::new())?;
    let values = filling.values().clone();
    let files = read(&options.targets, &values)?;
    if options.list {
        return Ok(list(&files));
    }
    let mut secrets = Vec::new();
    for file in &files {
        let environment = file.environment();
        secrets.extend(environment.map_err(|error| UsageError::usage(error.to_string()))?);
    }
    let settings = CheckSettings::of(&options);
    // The URLs are in the files, but all other options are known: report their errors before any test runs.
    let prepared = prepare("ws://localhost/", options.shared, filling).await?;
    let mut sinks = prepared.sinks(Printer::Report)?;
    // Those of the options are known already.
    sinks.redactor().learn_all(&secrets);
    let terminal_style = terminal_style(&prepared, "test");
    let shared = settings.share(Rc::new(prepared), sinks);
    let tests: Vec<_> = files
        .iter()
        .flat_map(|file| file.script.tests.iter().map(move |test| (file, test)))
        .collect();
    let count = tests.len();
    let job = |(file, test)| -> Job<'_> {
        let run = run_test(&shared, file, test, &values);
        Box::pin(async move { vec![run.await] })
    };
    settings
        .run(
            &shared,
            terminal_style,
            Some(count),
            tests.into_iter().map(job),
        )
        .await
}

fn terminal_style(prepared: &PreparedSession, noun: &'static str) -> TerminalStyle {
    TerminalStyle {
        colour: prepared.stdout.colour,
        quiet: prepared.shared.output.quiet,
        noun,
    }
}

fn read(names: &[String], values: &Values) -> Result<Vec<CheckFile>, UsageError> {
    if names.iter().filter(|name| *name == STDIN).count() > 1 {
        return Err(UsageError::usage(
            "- is given twice, but standard input can be read only once",
        ));
    }
    let given: Vec<&String> = values.keys().collect();
    let file = |name: &String| {
        let limits = ReadLimits::default();
        let bytes = match name.as_str() {
            STDIN => named_file::read_stdin(limits),
            name => named_file::read(Path::new(name), limits),
        };
        let bytes = bytes.map_err(|error| {
            UsageError::usage(format!("cannot read {name}: {}", io_text(&error)))
        })?;
        CheckFile::read(name, &bytes, &given).map_err(|error| UsageError::usage(error.to_string()))
    };
    names.iter().map(file).collect()
}

fn list(files: &[CheckFile]) -> Exit {
    let mut text = String::new();
    for file in files {
        for test in &file.script.tests {
            let name = test.name.as_deref().unwrap_or(&file.name);
            text.push_str(&format!("{}:{}: {name}\n", file.name, test.line));
        }
    }
    match std::io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Exit::Output,
        _ => Exit::Success,
    }
}

/// The options that apply to the whole run: reports, scheduling, time limits.
struct CheckSettings {
    destinations: Destinations,
    pace: SchedulePolicy,
    wait: Duration,
    /// `--pace`
    keeps_pace: bool,
    begun: Instant,
}

impl CheckSettings {
    fn of(options: &CheckArgs) -> Self {
        Self {
            destinations: Destinations {
                junit: options.junit.clone(),
                tap: options.tap.clone(),
                ..reporting::destinations(options.shared.output.json)
            },
            pace: SchedulePolicy {
                jobs: options.jobs.into(),
                fail_fast: options.fail_fast,
                max_time: options.shared.timing.max_time,
            },
            wait: options.wait,
            keeps_pace: options.pace,
            begun: Instant::now(),
        }
    }

    /// The context that all tests share.
    fn share(&self, prepared: Rc<PreparedSession>, sinks: Sinks) -> RunContext {
        let farewell = prepared.shared.messages.close.clone();
        let backoff = prepared.policy.persistence.backoff;
        let sinks = Rc::new(RefCell::new(sinks));
        let for_reach = sinks.clone();
        let reach = move |url: String, headers: Vec<RequestHeader>| -> PendingPolicy {
            Box::pin(policy_for(
                prepared.clone(),
                for_reach.clone(),
                url,
                headers,
            ))
        };
        RunContext {
            sinks,
            reach: Box::new(reach),
            stopping: Cell::new(None),
            farewell,
            timeout: self.wait,
            backoff,
            keeps_pace: self.keeps_pace,
        }
    }

    /// Runs the tests and writes the reports.
    ///
    /// # Errors
    /// A report file cannot be opened.
    async fn run<'a>(
        self,
        shared: &'a RunContext,
        terminal_style: TerminalStyle,
        tests: Option<usize>,
        work: impl ExactSizeIterator<Item = Job<'a>>,
    ) -> anyhow::Result<Exit> {
        let mut reports =
            Reports::open(&self.destinations, terminal_style, tests).map_err(UsageError::output)?;
        let ran = schedule::run(work, self.pace, shared.into(), &mut reports).await?;
        reporting::finish(ran, reports, self.begun, shared.into()).await
    }
}

/// The policy for a connection of a check file: the options of the command line, with the header lines of the
/// file replacing those of the same name.
async fn policy_for(
    prepared: Rc<PreparedSession>,
    sinks: Rc<RefCell<Sinks>>,
    url: String,
    headers: Vec<RequestHeader>,
) -> Result<LinkPolicy, String> {
    let policy = policy(&url, &prepared.shared, &prepared.filling).await;
    let (mut policy, secrets) = policy.map_err(|error| error.to_string())?;
    sinks.borrow_mut().redactor().learn_all(&secrets);
    let request = &mut policy.target.request;
    let (protocols, headers): (Vec<_>, Vec<_>) = headers
        .into_iter()
        .partition(|header| header.name.eq_ignore_ascii_case("sec-websocket-protocol"));
    // The handshake checks the server's choice against the offer, so the offer must be known as such.
    let offered = protocols
        .iter()
        .filter_map(|header| header.value.as_deref());
    let offered: Vec<_> = subprotocols_in(offered).map(Subprotocol::new).collect();
    if !offered.is_empty() {
        request.subprotocols = offered;
        request
            .headers
            .retain(|option| !option.name.eq_ignore_ascii_case("sec-websocket-protocol"));
    }
    request.headers.retain(|option| {
        let same = |header: &RequestHeader| header.name.eq_ignore_ascii_case(&option.name);
        !headers.iter().any(same)
    });
    request.headers.extend(headers);
    Ok(policy)
}
