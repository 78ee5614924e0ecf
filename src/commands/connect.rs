//! `wsprobe connect`: a session by hand, or a duplex pipe.

use std::io::IsTerminal;

use tokio::sync::mpsc::UnboundedReceiver;

use crate::cli::Connect;
use crate::exit::Exit;
use crate::input::encoding::Encoding;
use crate::input::{Action, Framing, Input};
use crate::output::editor::EditorPipe;
use crate::output::messages::Layout;
use crate::output::{Printer, Way};
use crate::repl::Repl;
use crate::stop::{Conversation, Goal, StopRule};

use super::prepare::{Prepared, flush, prepare};

/// Runs the verb.
pub async fn run(options: Connect) -> anyhow::Result<Exit> {
    let url = options.url.clone().unwrap_or_else(|| "echo:".to_owned());
    let by_hand = std::io::stdin().is_terminal() && std::io::stdout().is_terminal();
    let prepared = prepare(&url, options.shared).await?;
    if by_hand && !prepared.shared.output.json {
        // A terminal that cannot edit lines (TERM=dumb) is a pipe that a person types into.
        if let Ok(editor) = Repl::start(prepared.stdout.colour) {
            return talk(prepared, editor).await;
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

/// A session at a terminal.
async fn talk(
    prepared: Prepared,
    (repl, actions, pipe): (Repl, UnboundedReceiver<Action>, EditorPipe),
) -> anyhow::Result<Exit> {
    let backlog = pipe.backlog.clone();
    let layout = Layout {
        mark: "< ",
        ..prepared.layout(false)
    };
    let mut stop = StopRule::Conversation(Conversation::new(Goal::Talk));
    let mut sinks = prepared.sinks_by(Way::Editor(pipe), Printer::Messages(layout))?;
    if prepared.what == "echo:" {
        sinks
            .say("the built-in echo server sends back whatever you type; /help shows the commands");
    }
    let exit = prepared
        .run(Input::typed(actions), &mut stop, &mut sinks)
        .await?;
    flush(&mut sinks).await;
    backlog.settle().await;
    drop(repl);
    Ok(exit)
}
