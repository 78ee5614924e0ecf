//! `wsprobe ping`: round-trip times, statistics, verdict.

use std::time::Instant;

use crate::cli::Ping;
use crate::exit::Exit;
use crate::input::Input;
use crate::output::{PingPrinter, Printer};
use crate::stop::{Pings, StopRule};

use super::prepare::{flush, prepare};

/// Runs the verb.
pub async fn run(options: Ping) -> anyhow::Result<Exit> {
    let size = usize::from(options.size);
    let input = Input::pings(options.interval, options.count, size);
    let mut stop = StopRule::Pings(Pings::new(options.wait));
    let prepared = prepare(&options.url, options.shared).await?;
    let quiet = prepared.shared.output.quiet > 0;
    let printer = Printer::Pings(PingPrinter {
        quiet,
        size,
        url: prepared.what.clone(),
        remote: String::new(),
    });
    let mut sinks = prepared.sinks(printer)?;
    let exit = prepared.run(input, &mut stop, &mut sinks).await?;
    if let StopRule::Pings(pings) = &stop
        && let Some(statistics) = pings.statistics(Instant::now())
    {
        sinks.print_statistics(&statistics);
    }
    flush(&mut sinks).await;
    Ok(exit)
}
