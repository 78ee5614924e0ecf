//! `wsprobe connect`: an interactive session on a terminal, otherwise a duplex pipe.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};

use clap::Parser;

use crate::cli::{BinaryOutput, Cli, ConnectArgs, Verb};
use crate::connection::Target;
use crate::connection::target::Endpoint;
use crate::exit::Exit;
use crate::input::action::NewTarget;
use crate::input::encoding::Encoding;
use crate::input::{Framing, Input, MessageFiller};
use crate::output::message_layout::{Layout, TimeForm};
use crate::output::palette::ColourScheme;
use crate::output::prompt_terminal::PromptTerminal;
use crate::output::repl_view::ReplView;
use crate::output::selection::Selection;
use crate::output::standard_streams::Stdout;
use crate::output::{Destination, Notice, Printer};
use crate::recording::recorder::RecordingLimit;
use crate::repl::{ConnectTarget, Connector, KeepHistory, Repl, Setup, TerminalEnds};
use crate::stop::{Conversation, Goal, StopRule};
use crate::template::Language;

use super::endpoints;
use super::prepare::{
    PreparedSession, another_target, filling, finish_recording, flush, policy, prepare,
};
use super::usage_error::message_of;

/// What a terminal without line editing is told.
const DUMB_TERMINAL: &str =
    "this terminal cannot edit lines (TERM): each line is sent as a message, there are no commands";

/// Shown when a session with the built-in server starts.
const FIRST_WORDS: &str =
    "built-in echo server: type a line and press Enter; /help lists the commands";

/// Runs the command.
///
/// # Errors
/// Bad usage, an unreadable input, or output that cannot be written.
pub async fn run(options: ConnectArgs) -> anyhow::Result<Exit> {
    let url = options.url.clone().unwrap_or_else(|| "echo:".to_owned());
    let is_interactive = std::io::stdin().is_terminal() && std::io::stdout().is_terminal();
    let filling = filling(&options.shared, Vec::new())?;
    filling.reject_in_patterns("--filter", &options.filter)?;
    let selection = Selection::new(options.filter, options.select);
    let prepared = prepare(&url, options.shared, filling).await?;
    let is_dumb = is_interactive && !prepared.shared.output.json;
    if is_dumb {
        let history = match options.no_history {
            true => KeepHistory::No,
            false => KeepHistory::OnDisk,
        };
        // A terminal without line editing (TERM=dumb) is treated as a pipe.
        if let Ok(started) = Repl::start(setup(&prepared, history)) {
            return run_session(prepared, started, selection, options.har.as_deref()).await;
        }
    }
    let delimiter = if options.null { 0 } else { b'\n' };
    let filling = &prepared.filling;
    let filler = filling
        .is_requested()
        .then(|| MessageFiller::new(filling.variables.clone(), Vec::new(), "standard input"));
    let input = Input::stdin(Framing::Delimited(delimiter), Encoding::Text).filling(filler);
    let mut stop = StopRule::Conversation(Box::new(Conversation::new(Goal::Idle(options.wait))));
    let printer = Printer::Messages(prepared.layout(options.null, options.binary_output));
    let recorder = prepared.recorder("connect", options.har.as_deref())?;
    let mut sinks = prepared
        .sinks(printer)?
        .showing(selection)
        .recording_with(recorder);
    if is_dumb && prepared.shared.output.quiet == 0 {
        sinks.notify(Notice::Text(DUMB_TERMINAL));
    }
    let exit = prepared.run(input, &mut stop, &mut sinks).await?;
    flush(&mut sinks).await;
    finish_recording(&mut sinks)?;
    Ok(exit)
}

fn setup(prepared: &PreparedSession, history: KeepHistory) -> Setup {
    let target = &prepared.policy.target;
    let endpoints = prepared.shared.network.endpoints.clone();
    Setup {
        colour: prepared.stdout.colour,
        palette: prepared.stdout.palette,
        asks_background: ColourScheme::of_environment() == ColourScheme::Auto,
        history,
        host: host_of(target),
        redactor: prepared.redactor().clone(),
        connector: connector(target.clone(), endpoints.clone()),
        endpoints,
    }
}

/// The place of a session and the key of its history: host and port in one spelling, or `echo`.
fn host_of(target: &Target) -> String {
    match (&target.address.endpoint, target.address.shown.as_str()) {
        (_, "echo:") => "echo".to_owned(),
        (Endpoint::Tcp { host, port }, _) => Endpoint::Tcp {
            // A name with a trailing dot is the same one, without the search list.
            host: host.trim_end_matches('.').to_ascii_lowercase(),
            port: *port,
        }
        .to_string(),
        (endpoint @ Endpoint::Unix(_), _) => endpoint.to_string(),
    }
}

/// Builds the targets of `/connect`: those of endpoints with their own options, others with those of the first one.
fn connector(target: Target, endpoints: Option<PathBuf>) -> Connector {
    Box::new(move |url| {
        let (target, endpoints) = (target.clone(), endpoints.clone());
        Box::pin(async move {
            let found = match url.starts_with('@') {
                true => endpoint_target(&url, endpoints).await,
                false => typed_target(&url, &target).await,
            };
            found.map_err(|error| message_of(&error))
        })
    })
}

async fn typed_target(url: &str, target: &Target) -> anyhow::Result<ConnectTarget> {
    let (target, note) = another_target(url, target).await?;
    Ok(ConnectTarget {
        host: host_of(&target),
        note,
        new: NewTarget {
            target,
            on_open: None,
            secrets: Vec::new(),
        },
    })
}

/// The target of an endpoint, as `wsprobe connect @NAME` has it.
async fn endpoint_target(name: &str, file: Option<PathBuf>) -> anyhow::Result<ConnectTarget> {
    let expanded = endpoints::expand_name("connect", name, file.as_deref())?;
    let Verb::Connect(options) = Cli::try_parse_from(&expanded.arguments)?.verb else {
        anyhow::bail!("{name} is no endpoint");
    };
    let url = options.url.unwrap_or_default();
    let filling = filling(&options.shared, Vec::new())?;
    let url = filling.fill("URL", &url, Language::Url)?.text;
    let (policy, secrets) = policy(&url, &options.shared, &filling).await?;
    let target = Target {
        trace: true,
        ..policy.target
    };
    Ok(ConnectTarget {
        host: host_of(&target),
        note: expanded.note_for_session(),
        new: NewTarget {
            target,
            on_open: Some(policy.on_open),
            secrets,
        },
    })
}

/// Runs an interactive session on a terminal.
async fn run_session(
    mut prepared: PreparedSession,
    (repl, (person, line)): (Repl, TerminalEnds),
    selection: Selection,
    har: Option<&Path>,
) -> anyhow::Result<Exit> {
    prepared.stdout.palette = repl.palette;
    let layout = Layout {
        mark: "< ",
        clock: TimeForm::Local,
        ..prepared.layout(false, BinaryOutput::Raw)
    };
    prepared.person = Some(person);
    // Frames are always traced, because /frames can be switched on at any time.
    prepared.policy.target.trace = true;
    let view = ReplView::new(layout, prepared.shared.output.verbose > 1, selection);
    let mut stop = StopRule::Conversation(Box::new(Conversation::new(Goal::Interactive)));
    let destination =
        Destination::Editor(PromptTerminal::new(Stdout::new(std::io::stdout()), line));
    let recorder = match prepared.recorder("connect", har)? {
        Some(recorder) => recorder,
        None => prepared.session_recorder("connect", RecordingLimit::SESSION),
    };
    let mut sinks = prepared
        .sinks_to(destination, Printer::Session(Box::new(view)))?
        .recording(Box::new(recorder));
    if prepared.what == "echo:" {
        sinks.notify(Notice::Text(FIRST_WORDS));
    }
    let exit = prepared.run(Input::none(), &mut stop, &mut sinks).await?;
    repl.restore_terminal();
    flush(&mut sinks).await;
    drop(repl);
    finish_recording(&mut sinks)?;
    Ok(exit)
}
