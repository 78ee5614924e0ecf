//! The rows of the table: the task, the unit, and the target for wsprobe.

use super::data::Messages;

/// A row.
pub struct Row {
    pub name: &'static str,
    pub unit: &'static str,
    pub work: Work,
    pub target: Target,
}

/// The task.
pub enum Work {
    /// Lines are sent as messages, compressed or not; CPU time per message.
    Send(Messages, Compression),
    /// Messages are printed as lines, with these flags of wsprobe; CPU time per message.
    Receive(Messages, Compression, &'static [&'static str], Shown),
    /// The same, in MB of messages per second of CPU time.
    Rate(Messages, &'static [&'static str], Shown),
    /// One message and its reply.
    Once { tls: bool },
    /// 256 MiB from stdin as a binary message: CPU seconds, or peak memory.
    Blob { memory: bool },
    /// A line and its reply through pipes, one at a time.
    Lockstep,
    /// Memory of an idle connection.
    Idle,
    /// Wall time of `--version`, minus that of `true`.
    Start,
    /// Pings per second.
    PingFlood,
    /// The size of the program.
    Size,
}

/// Whether the server agrees to permessage-deflate.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    Off,
    On,
}

/// The expected stdout.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Shown {
    /// Every message.
    All,
    /// Every message, over several lines and in colour.
    Pretty,
    /// Every second message.
    Half,
}

/// The target for wsprobe.
#[derive(Clone, Copy)]
pub enum Target {
    OfFloor(f64),
    OfWs(f64),
    /// A multiple of the row above.
    OfRowAbove(f64),
    AtMost(f64),
    AtLeast(f64),
    None,
}

const MICROS: &str = "µs";
const MILLIS: &str = "ms";

/// All of them.
pub fn rows() -> Vec<Row> {
    let mut rows = messages();
    rows.extend(whole_runs());
    rows.extend(json());
    rows
}

fn row(name: &'static str, unit: &'static str, work: Work, target: Target) -> Row {
    Row {
        name,
        unit,
        work,
        target,
    }
}

fn messages() -> Vec<Row> {
    use Compression::Off;
    use Target::OfFloor;
    let receive = |count, size| Work::Receive(Messages::letters(count, size), Off, &[], Shown::All);
    let send = |count, size| Work::Send(Messages::letters(count, size), Off);
    vec![
        row("send 64 B", MICROS, send(1_000_000, 64), OfFloor(1.25)),
        row("send 1 KiB", MICROS, send(200_000, 1024), OfFloor(1.2)),
        row(
            "receive 64 B",
            MICROS,
            receive(1_000_000, 64),
            OfFloor(1.25),
        ),
        row(
            "receive 1 KiB",
            MICROS,
            receive(200_000, 1024),
            OfFloor(1.2),
        ),
        row("receive 1 MiB", MICROS, receive(200, 1 << 20), OfFloor(1.3)),
    ]
}

fn whole_runs() -> Vec<Row> {
    use Target::{AtLeast, AtMost, OfFloor};
    let once = |tls| Work::Once { tls };
    let blob = |memory| Work::Blob { memory };
    vec![
        row(
            "one message and back, ws",
            MILLIS,
            once(false),
            OfFloor(1.5),
        ),
        row(
            "one message and back, wss",
            MILLIS,
            once(true),
            OfFloor(1.5),
        ),
        row(
            "256 MiB from stdin, in fragments",
            "s",
            blob(false),
            OfFloor(1.3),
        ),
        row(
            "256 MiB from stdin, in fragments, memory",
            "MiB",
            blob(true),
            AtMost(8.0),
        ),
        row(
            "lockstep through pipes, wall time p50",
            MICROS,
            Work::Lockstep,
            OfFloor(1.15),
        ),
        row("idle, memory", "MiB", Work::Idle, AtMost(5.0)),
        row(
            "--version, wall time above true",
            MILLIS,
            Work::Start,
            AtMost(1.0),
        ),
        row(
            "ping -f, a second of wall time",
            "pings",
            Work::PingFlood,
            AtLeast(20_000.0),
        ),
        row("program", "MB", Work::Size, AtMost(6.0)),
    ]
}

fn json() -> Vec<Row> {
    use Compression::{Off, On};
    use Target::{AtLeast, AtMost, OfRowAbove, OfWs};
    let small = |flags| Work::Receive(Messages::json(500_000, 64), Off, flags, Shown::All);
    let receive = |compression, flags, shown| {
        Work::Receive(Messages::json(200_000, 256), compression, flags, shown)
    };
    let pretty = ["--pretty=always", "--color=always"].as_slice();
    let filter = ["--filter", r#"{"type":"tick"}"#].as_slice();
    let large = Messages::json(1000, 64 * 1024);
    let deflated = Work::Send(Messages::json(200_000, 256), On);
    vec![
        row("receive 64 B of JSON", MICROS, small(&[]), Target::None),
        row(
            "receive 64 B of JSON as events (--json)",
            MICROS,
            small(&["--json"]),
            OfRowAbove(3.0),
        ),
        row(
            "receive 256 B of JSON, compressed",
            MICROS,
            receive(On, &[], Shown::All),
            OfWs(1.0),
        ),
        row(
            "send 256 B of JSON, compressed",
            MICROS,
            deflated,
            OfWs(1.0),
        ),
        row(
            "receive 256 B of JSON, those with {\"type\":\"tick\"} (--filter)",
            MICROS,
            receive(Off, filter, Shown::Half),
            AtMost(3.0),
        ),
        row(
            "JSON for a terminal (--pretty)",
            "MB/s",
            Work::Rate(large, pretty, Shown::Pretty),
            AtLeast(150.0),
        ),
    ]
}
