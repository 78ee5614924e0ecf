//! `wsprobe serve`: a server to test against.

use std::io::{self, Write};
use std::time::Instant;

use crate::cli::{Mode, Serve};
use crate::exit::Exit;
use crate::output::events::EventWriter;
use crate::secret::io_text;
use crate::server::Server;
use crate::session::Signal;

use super::Mistake;

/// Runs the verb.
pub async fn run(options: Serve) -> anyhow::Result<Exit> {
    let address = listen_address(&options.address)?;
    let max_size = usize::try_from(options.max_size).unwrap_or(usize::MAX);
    let Mode::Echo = options.mode;
    let server = Server::bind(&address, max_size).await.map_err(|error| {
        let mistake =
            Mistake::cannot_listen(format!("cannot listen on {address}: {}", io_text(&error)));
        if error.kind() == io::ErrorKind::AddrInUse {
            mistake.hint("another program has the port: port 0 picks a free one")
        } else {
            mistake
        }
    })?;
    let url = format!("ws://{}/", server.address());
    if let Err(error) = announce(&url, options.json) {
        if error.kind() == io::ErrorKind::BrokenPipe {
            // The reader of stdout has left before it could be told.
            return Ok(Exit::Success);
        }
        let why = io_text(&error);
        return Err(Mistake::output(format!("cannot write output: {why}")).into());
    }
    Ok(match server.run().await? {
        Signal::Interrupt => Exit::Interrupted,
        Signal::Terminate => Exit::Terminated,
        Signal::HangUp => Exit::HungUp,
    })
}

/// `8080` and `:8080` are ports of this machine alone.
fn listen_address(typed: &str) -> Result<String, Mistake> {
    if let Some((_, rest)) = typed.split_once("://") {
        let address = rest.split('/').next().unwrap_or(rest);
        return Err(
            Mistake::usage(format!("'{typed}' is a URL, and serve takes an address"))
                .hint(format!("wsprobe serve {address}")),
        );
    }
    let (host, port) = match typed.rsplit_once(':') {
        Some(("", port)) => ("127.0.0.1", port),
        Some((host, port)) => (host, port),
        None => ("127.0.0.1", typed),
    };
    if port.parse::<u16>().is_err() {
        return Err(
            Mistake::usage(format!("'{typed}' is no address to listen on")).hint(
                "write a port (8080, or 0 for any) or ADDRESS:PORT (0.0.0.0:8080, [::1]:8080)",
            ),
        );
    }
    Ok(format!("{host}:{port}"))
}

fn announce(url: &str, json: bool) -> io::Result<()> {
    if json {
        let mut line = Vec::new();
        EventWriter::new(Instant::now()).listening(&mut line, url);
        let mut stdout = io::stdout();
        return stdout.write_all(&line).and_then(|()| stdout.flush());
    }
    // Nothing can be done about a stderr that is gone.
    let _ = writeln!(io::stderr(), "listening on {url}");
    Ok(())
}
