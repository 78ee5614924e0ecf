//! `wsprobe listen`: prints incoming messages.

use crate::cli::ListenArgs;
use crate::exit::Exit;
use crate::input::Input;
use crate::output::Printer;
use crate::output::selection::Selection;
use crate::stop::{Conversation, Goal, StopRule};

use super::foreign_flags::{is_port, port_instead_of_url};
use super::prepare::{filling, finish_recording, flush, prepare};

/// Runs the command.
///
/// # Errors
/// Bad usage, an unreadable input, or output that cannot be written.
pub async fn run(options: ListenArgs) -> anyhow::Result<Exit> {
    if let Some(port) = &options.listen_port {
        return Err(port_instead_of_url(port).into());
    }
    // clap requires the URL unless -l is given.
    let url = options.url.clone().unwrap_or_default();
    if is_port(&url) {
        return Err(port_instead_of_url(&url).into());
    }
    let mut stop = stop_rule(&options);
    let input = if options.echo {
        Input::echo()
    } else {
        Input::none()
    };
    let filling = filling(&options.shared, Vec::new())?;
    filling.reject_in_patterns("--until", &options.until)?;
    filling.reject_in_patterns("--never", &options.never)?;
    filling.reject_in_patterns("--filter", &options.filter)?;
    let prepared = prepare(&url, options.shared, filling).await?;
    let printer = Printer::Messages(prepared.layout(options.null, options.binary_output));
    let selection = Selection::new(options.filter, options.select);
    let recorder = prepared.recorder("listen", options.har.as_deref())?;
    let mut sinks = prepared
        .sinks(printer)?
        .showing(selection)
        .recording_with(recorder);
    let exit = prepared.run(input, &mut stop, &mut sinks).await?;
    flush(&mut sinks).await;
    finish_recording(&mut sinks)?;
    Ok(exit)
}

fn stop_rule(options: &ListenArgs) -> StopRule {
    let goal = match (options.one, options.count) {
        (true, _) => Goal::First(1),
        (_, Some(count)) => Goal::First(count),
        _ => Goal::Stream,
    };
    StopRule::Conversation(Box::new(
        Conversation::new(goal)
            .until(options.until.clone())
            .counting(options.filter.clone())
            .never(options.never.clone())
            .idle_limit(options.idle_timeout)
            .span(options.span),
    ))
}
