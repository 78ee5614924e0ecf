//! `wsprobe connect`: a session by hand, or a duplex pipe.

use std::io::IsTerminal;

use crate::cli::Connect;
use crate::connection::Target;
use crate::exit::Exit;
use crate::input::encoding::Encoding;
use crate::input::{Framing, Input};
use crate::output::editor::Editor;
use crate::output::messages::Layout;
use crate::output::standard::Stdout;
use crate::output::view::View;
use crate::output::{Notice, Printer, Way};
use crate::repl::{Connector, Ends, KeepHistory, Place, Repl, Setup};
use crate::script::record::Recorder;
use crate::stop::{Conversation, Goal, StopRule};

use super::mistake::in_words;
use super::prepare::{Prepared, elsewhere, flush, prepare};

/// What a person who has read nothing needs to know.
const FIRST_WORDS: &str =
    "the built-in echo server: type a line and press Enter; /help shows the rest";

/// Runs the verb.
pub async fn run(options: Connect) -> anyhow::Result<Exit> {
    let url = options.url.clone().unwrap_or_else(|| "echo:".to_owned());
    let by_hand = std::io::stdin().is_terminal() && std::io::stdout().is_terminal();
    let prepared = prepare(&url, options.shared).await?;
    if by_hand && !prepared.shared.output.json {
        let history = match options.no_history {
            true => KeepHistory::No,
            false => KeepHistory::OnDisk,
        };
        // A terminal that cannot edit lines (TERM=dumb) is a pipe that a person types into.
        if let Ok(started) = Repl::start(setup(&prepared, history)) {
            return talk(prepared, started).await;
        }
    }
    let delimiter = if options.null { 0 } else { b'\n' };
    let input = Input::stdin(Framing::Delimited(delimiter), Encoding::Text);
    let mut stop = StopRule::Conversation(Conversation::new(Goal::Lull(options.wait)));
    let mut sinks = prepared.sinks(Printer::Messages(prepared.layout(options.null)))?;
    let exit = prepared.run(input, &mut stop, &mut sinks).await?;
    flush(&mut sinks).await;
    Ok(exit)
}

fn setup(prepared: &Prepared, history: KeepHistory) -> Setup {
    let target = &prepared.policy.target;
    Setup {
        colour: prepared.stdout.colour,
        history,
        host: host_of(target),
        redactor: prepared.redactor().clone(),
        connector: connector(target.clone()),
    }
}

/// What a history goes by.
fn host_of(target: &Target) -> String {
    match target.address.shown.as_str() {
        "echo:" => "echo".to_owned(),
        _ => target.address.endpoint.to_string(),
    }
}

/// Makes places to connect to like the first one.
fn connector(target: Target) -> Connector {
    Box::new(move |url| {
        let target = target.clone();
        Box::pin(async move {
            let (target, note) = elsewhere(&url, &target)
                .await
                .map_err(|error| in_words(&error))?;
            Ok(Place {
                host: host_of(&target),
                target,
                note,
            })
        })
    })
}

/// A session at a terminal.
async fn talk(
    mut prepared: Prepared,
    (repl, (person, line)): (Repl, Ends),
) -> anyhow::Result<Exit> {
    let layout = Layout {
        mark: "< ",
        ..prepared.layout(false)
    };
    prepared.person = Some(person);
    // Always: they are shown when they are asked for.
    prepared.policy.target.trace = true;
    let view = View::new(layout, prepared.shared.output.verbose > 1);
    let mut stop = StopRule::Conversation(Conversation::new(Goal::Talk));
    let way = Way::Editor(Editor::new(Stdout::new(std::io::stdout()), line));
    let recorder = Recorder::new(&prepared.policy.target, &prepared.policy.on_open);
    let mut sinks = prepared
        .sinks_by(way, Printer::Session(Box::new(view)))?
        .recording(Box::new(recorder));
    if prepared.what == "echo:" {
        sinks.say(Notice::Text(FIRST_WORDS));
    }
    let exit = prepared.run(Input::none(), &mut stop, &mut sinks).await?;
    repl.leave();
    flush(&mut sinks).await;
    drop(repl);
    Ok(exit)
}
