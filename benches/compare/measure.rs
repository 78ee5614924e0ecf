//! Runs one tool for one row, measures it and checks the result.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read, Seek, Write};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::data::Messages;
use super::rows::{Compression, Row, Shown, Work};
use super::run::{LIMIT, Run, Used};
use super::server::{Part, Server, Tally};
use super::tools::{Task, Tool, wsprobe_program};

/// The delay after a connection is open, because other tools do not report when they are ready.
const SETTLE: Duration = Duration::from_millis(300);

/// Round trips of a lockstep run.
const ROUND_TRIPS: usize = 3000;

/// Starts per run, alternately with `true`.
const STARTS: usize = 20;

/// Pings in a run.
const PINGS: u32 = 50_000;

const MIB: usize = 1 << 20;

/// A figure, none if the tool cannot do this, or an error.
type Figure = Result<Option<f64>, Fault>;

/// The error text.
pub struct Fault(pub String);

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        Self(error.to_string())
    }
}

impl From<String> for Fault {
    fn from(words: String) -> Self {
        Self(words)
    }
}

impl From<&str> for Fault {
    fn from(words: &str) -> Self {
        Self(words.to_owned())
    }
}

/// The server and the measurements.
pub struct Bench {
    server: Server,
}

impl Bench {
    pub fn new() -> Self {
        Self {
            server: Server::start(),
        }
    }

    pub fn measure(&self, row: &Row, tool: Tool) -> Figure {
        match &row.work {
            Work::Send(messages, compression) => {
                let messages = share(messages, tool);
                let used = self.send(&messages, *compression, tool)?;
                Ok(used.map(|used| micros(used.cpu) / messages.count() as f64))
            }
            Work::Receive(messages, compression, flags, shown) => {
                let messages = share(messages, tool);
                let used = self.receive(&messages, *compression, flags, *shown, tool)?;
                Ok(used.map(|used| micros(used.cpu) / messages.count() as f64))
            }
            Work::Rate(messages, flags, shown) => {
                let used = self.receive(messages, Compression::Off, flags, *shown, tool)?;
                Ok(used.map(|used| messages.bytes() as f64 / micros(used.cpu)))
            }
            Work::Once { tls } => self.once(*tls, tool),
            Work::Blob { memory } => self.blob(*memory, tool),
            Work::Lockstep => self.lockstep(tool),
            Work::Idle => self.idle(tool),
            Work::Start => start(tool),
            Work::PingFlood => self.ping_flood(tool),
            Work::Size => Ok((tool == Tool::Wsprobe).then(size)),
        }
    }

    /// Lines on stdin, from a file, or from a pipe that stays open if the tool ends with its stdin.
    fn send(
        &self,
        messages: &Messages,
        compression: Compression,
        tool: Tool,
    ) -> Result<Option<Used>, Fault> {
        if compression == Compression::On && !tool.compresses() {
            return Ok(None);
        }
        let Some(mut command) = tool.command(Task::Send, &self.server.url) else {
            return Ok(None);
        };
        let (cycle, bytes) = match tool.sends_newlines() {
            true => (
                messages.cycle_of_lines(),
                messages.bytes() + messages.count(),
            ),
            false => (messages.payloads(), messages.bytes()),
        };
        let expected = Arc::new(cycle);
        let most = tool.ends_with_stdin().then(|| messages.count());
        let is_deflated = compression == Compression::On;
        self.server.play(Part::Sink(expected, most), is_deflated);
        let used = if tool.ends_with_stdin() {
            let mut run = begin(command.stdin(Stdio::piped()))?;
            let (done, until) = mpsc::channel::<()>();
            self.opened()?;
            let mut stdin = run.child.stdin.take().expect("a pipe");
            let lines = messages.lines();
            let feeder = thread::spawn(move || {
                // A tool that ends before it has read everything is detected by the messages at the server.
                let _ = stdin.write_all(&lines);
                let _ = until.recv();
            });
            let used = end(run)?;
            drop(done);
            feeder.join().expect("no panic");
            used
        } else {
            end(begin(command.stdin(file(&messages.lines())?))?)?
        };
        let tally = self.tally()?;
        if tally.differs || tally.messages != messages.count() || tally.bytes != bytes {
            return Err(format!("sent {tally:?}").into());
        }
        Ok(Some(used))
    }

    fn receive(
        &self,
        messages: &Messages,
        compression: Compression,
        flags: &[&str],
        shown: Shown,
        tool: Tool,
    ) -> Result<Option<Used>, Fault> {
        let is_deflated = compression == Compression::On;
        if is_deflated && !tool.compresses() {
            return Ok(None);
        }
        let Some(mut command) = tool.command(Task::Listen(flags), &self.server.url) else {
            return Ok(None);
        };
        let (frames, times) = if is_deflated {
            (messages.deflated(), 1)
        } else {
            (messages.frames(), messages.times)
        };
        self.server
            .play(Part::Flood(Arc::new(frames), times), is_deflated);
        let mut stdout = tempfile::tempfile()?;
        if tool.ends_with_stdin() {
            command.stdin(Stdio::piped());
        }
        command.stdout(stdout.try_clone()?);
        let used = end(begin(&mut command)?)?;
        let mut output = Vec::new();
        stdout.rewind()?;
        stdout.read_to_end(&mut output)?;
        match is_right(messages, shown, &output) {
            true => Ok(Some(used)),
            false => Err(format!("{} bytes that are not what was sent", output.len()).into()),
        }
    }

    fn once(&self, tls: bool, tool: Tool) -> Figure {
        let (authority, url) = if tls {
            (Some(self.server.authority.as_path()), &self.server.tls_url)
        } else {
            (None, &self.server.url)
        };
        let Some(mut command) = tool.command(Task::Once(authority), url) else {
            return Ok(None);
        };
        self.server.play(Part::Echo, false);
        let mut stdout = tempfile::tempfile()?;
        command.stdout(stdout.try_clone()?);
        match tool {
            Tool::Websocat => command.stdin(file(b"hello\n")?),
            _ if tool.ends_with_stdin() => command.stdin(Stdio::piped()),
            _ => &mut command,
        };
        let used = end(begin(&mut command)?)?;
        let mut output = String::new();
        stdout.rewind()?;
        stdout.read_to_string(&mut output)?;
        match output.contains("hello") {
            true => Ok(Some(micros(used.cpu) / 1e3)),
            false => Err(format!("no reply, but {output:?}").into()),
        }
    }

    fn blob(&self, memory: bool, tool: Tool) -> Figure {
        let Some(mut command) = tool.command(Task::Blob, &self.server.url) else {
            return Ok(None);
        };
        let block: Vec<u8> = (0..MIB as u64)
            .map(|n| (n.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as u8)
            .collect();
        let stdin = file(&block.repeat(256))?;
        self.server.play(Part::Sink(Arc::new(block), None), false);
        let used = end(begin(command.stdin(stdin))?)?;
        let tally = self.tally()?;
        if tally.differs || tally.bytes != 256 * MIB {
            return Err(format!("sent {tally:?}").into());
        }
        Ok(if memory {
            used.peak
        } else {
            Some(used.cpu.as_secs_f64())
        })
    }

    fn lockstep(&self, tool: Tool) -> Figure {
        let Some(mut command) = tool.command(Task::Talk, &self.server.url) else {
            return Ok(None);
        };
        self.server.play(Part::Echo, false);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut run = begin(&mut command)?;
        self.opened()?;
        thread::sleep(SETTLE);
        let watch = Watch::over(&run.child);
        let times = round_trips(&mut run.child);
        drop(watch);
        // The rest is not awaited, because some tools never end.
        let _ = run.child.kill();
        let _ = run.finish_unseen();
        let mut times = times?;
        times.sort_unstable();
        Ok(Some(micros(times[times.len() / 2])))
    }

    fn idle(&self, tool: Tool) -> Figure {
        let Some(mut command) = tool.command(Task::Listen(&[]), &self.server.url) else {
            return Ok(None);
        };
        self.server.play(Part::Echo, false);
        let mut run = begin(command.stdin(Stdio::piped()))?;
        self.opened()?;
        thread::sleep(3 * SETTLE);
        let memory = run.memory("VmRSS");
        let _ = run.child.kill();
        let _ = run.finish_unseen();
        Ok(memory)
    }

    fn ping_flood(&self, tool: Tool) -> Figure {
        if tool != Tool::Wsprobe {
            return Ok(None);
        }
        self.server.play(Part::Echo, false);
        let mut command = Command::new(wsprobe_program());
        command.args(["ping", "-f", "-q", "-c", &PINGS.to_string()]);
        command.arg(&self.server.url).stdout(Stdio::null());
        let used = end(begin(&mut command)?)?;
        match used.status.success() {
            true => Ok(Some(f64::from(PINGS) / used.wall.as_secs_f64())),
            false => Err(used.status.to_string().into()),
        }
    }

    fn opened(&self) -> Result<(), Fault> {
        let opened = self.server.has_opened();
        opened.then_some(()).ok_or("no connection".into())
    }

    fn tally(&self) -> Result<Tally, Fault> {
        self.server.tally().ok_or("the connection stays".into())
    }
}

/// The share of the work for a tool.
fn share(messages: &Messages, tool: Tool) -> Messages {
    Messages {
        times: (messages.times / tool.share()).max(1),
        ..messages.clone()
    }
}

fn begin(command: &mut Command) -> Result<Run, Fault> {
    Ok(Run::start(command)?)
}

fn end(run: Run) -> Result<Used, Fault> {
    let used = run.finish()?;
    if used.wall > LIMIT {
        return Err("took too long".into());
    }
    Ok(used)
}

/// A file of these bytes, to be read from its start.
fn file(bytes: &[u8]) -> io::Result<File> {
    let mut file = tempfile::tempfile()?;
    file.write_all(bytes)?;
    file.rewind()?;
    Ok(file)
}

fn is_right(messages: &Messages, shown: Shown, output: &[u8]) -> bool {
    match shown {
        Shown::All => messages.are_in(output),
        Shown::Half => {
            let half = Messages {
                each: messages.each.iter().step_by(2).cloned().collect(),
                times: messages.times,
            };
            // Exactly the messages, each with a newline.
            half.are_in(output) && output.len() == half.bytes() + half.count()
        }
        Shown::Pretty => messages.payloads().repeat(messages.times) == laid_flat(output),
    }
}

/// Removes pretty-printing and colour: no message here contains these characters in a string.
fn laid_flat(output: &[u8]) -> Vec<u8> {
    let mut flat = Vec::with_capacity(output.len());
    let mut rest = output;
    while let Some((&byte, behind)) = rest.split_first() {
        rest = behind;
        match byte {
            b'\x1b' => {
                let end = behind.iter().position(|&byte| byte == b'm');
                rest = &behind[end.map_or(behind.len(), |end| end + 1)..];
            }
            b'\n' => rest = behind.trim_ascii_start(),
            b':' => {
                flat.push(b':');
                rest = behind.trim_ascii_start();
            }
            _ => flat.push(byte),
        }
    }
    flat
}

/// Writes lines and waits for each reply.
fn round_trips(child: &mut Child) -> io::Result<Vec<Duration>> {
    let mut stdin = child.stdin.take().expect("a pipe");
    let mut stdout = BufReader::new(child.stdout.take().expect("a pipe"));
    let mut times = Vec::with_capacity(ROUND_TRIPS);
    let mut reply = String::new();
    for n in 0..ROUND_TRIPS {
        let line = format!("{n:010} {}\n", "x".repeat(53));
        let begun = Instant::now();
        stdin.write_all(line.as_bytes())?;
        reply.clear();
        while !reply.ends_with(&line) {
            if stdout.read_line(&mut reply)? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        times.push(begun.elapsed());
    }
    Ok(times)
}

/// Kills a process that takes too long.
struct Watch(Option<(mpsc::Sender<()>, thread::JoinHandle<()>)>);

impl Watch {
    fn over(child: &Child) -> Self {
        let pid = Pid::from_child(child);
        let (done, is_done) = mpsc::channel();
        let thread = thread::spawn(move || {
            if is_done.recv_timeout(LIMIT) == Err(mpsc::RecvTimeoutError::Timeout) {
                let _ = kill_process(pid, Signal::KILL);
            }
        });
        Self(Some((done, thread)))
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        if let Some((done, thread)) = self.0.take() {
            drop(done);
            let _ = thread.join();
        }
    }
}

/// The wall time of `--version` minus that of a program that does nothing, measured alternately.
fn start(tool: Tool) -> Figure {
    let Some(mut version) = tool.version() else {
        return Ok(None);
    };
    let wall = |command: &mut Command| {
        let used = Run::start(command)?.finish_unseen()?;
        Ok::<_, io::Error>(micros(used.wall) / 1e3)
    };
    let mut more = Vec::new();
    for _ in 0..STARTS {
        let nothing = wall(&mut Command::new("true"))?;
        let something = wall(version.stdout(Stdio::null()))?;
        more.push(something - nothing);
    }
    more.sort_unstable_by(f64::total_cmp);
    Ok(Some(more[more.len() / 2]))
}

/// In MB.
fn size() -> f64 {
    let program = fs::metadata(wsprobe_program()).expect("the program");
    program.len() as f64 / 1e6
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}
