//! The time that `wsprobe ping` adds to a round trip: sends the same pings to the same server, alternately
//! with a minimal loop around the frame library and with the binary.
//!
//! `cargo bench --bench ping` fails when the medians differ by more than 15 µs, or, with answers that the server
//! delays by 10 ms, by more than 0.2 ms and 1 %. The baseline runs in its own process, like wsprobe, so that both have the same
//! context switches.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use futures_util::{SinkExt, StreamExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::server::{Request, Response};
use tokio_tungstenite::{accept_hdr_async, client_async};

/// Pings per run, fewer if messages come with each, and runs of each kind.
const PINGS: usize = 20_000;
const PINGS_IN_A_FLOOD: usize = 1_000;
const PINGS_HELD: usize = 40;
const ROUNDS: usize = 5;

/// The maximum difference between the median and that of the baseline.
const ALLOWED: Duration = Duration::from_micros(15);

/// The delay of the answers on the path `/held`, and the maximum difference of the medians then:
/// 0.2 ms and 1 %.
const HELD: Duration = Duration::from_millis(10);
const ALLOWED_WHEN_HELD: Duration = Duration::from_micros(200 + 100);

/// Messages between two pongs on the path `/flood`.
const FLOOD: usize = 100;

fn main() {
    if let Ok(task) = std::env::var("WSPROBE_FLOOR") {
        let (count, url) = task.split_once(' ').expect("a count and a URL");
        let count = count.parse().expect("a count");
        println!("{}", runtime().block_on(floor(url, count)).as_nanos());
        return;
    }
    let address = serve();
    let mut worst = Duration::ZERO;
    let mut worst_held = Duration::ZERO;
    for (path, what, count) in [
        ("", "nothing else", PINGS),
        ("flood", "100 messages between two pongs", PINGS_IN_A_FLOOD),
        ("held", "each answer held for 10 ms", PINGS_HELD),
    ] {
        let url = format!("ws://{address}/{path}");
        let ways: [(&str, &[&str], bool); 4] = [
            ("-q", &["-q"], true),
            ("a line a pong", &[], true),
            ("--json", &["--json"], true),
            ("--json, a reader that is slow", &["--json"], false),
        ];
        let mut floors = Vec::new();
        let mut times = vec![Vec::new(); ways.len()];
        for _ in 0..ROUNDS {
            floors.push(run_floor(&url, count));
            for ((_, args, is_fast), times) in ways.iter().zip(&mut times) {
                times.push(run_wsprobe(&url, count, args, *is_fast));
            }
        }
        let floor = median(floors);
        println!("{what}: p50 of the floor {:.1} µs", micros(floor));
        for ((name, ..), times) in ways.iter().zip(times) {
            let time = median(times);
            let more = micros(time) - micros(floor);
            println!(
                "  wsprobe ping {name:<30} {:>8.1} µs  {more:+.1}",
                micros(time)
            );
            if path.is_empty() && *name == "-q" {
                worst = worst.max(time.saturating_sub(floor));
            }
            if path == "held" {
                worst_held = worst_held.max(time.saturating_sub(floor));
            }
        }
    }
    let begun = Instant::now();
    let url = format!("ws://{address}/");
    run_wsprobe(&url, PINGS, &["-f", "-q"], true);
    let rate = PINGS as f64 / begun.elapsed().as_secs_f64();
    println!("wsprobe ping -f: {rate:.0} a second");
    assert!(worst <= ALLOWED, "the median is {worst:?} above the floor");
    assert!(
        worst_held <= ALLOWED_WHEN_HELD,
        "with answers that are held, the median is {worst_held:?} above the floor"
    );
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime")
}

/// A server in a thread that ends with the process.
fn serve() -> std::net::SocketAddr {
    let (tell, address) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        runtime().block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
            tell.send(listener.local_addr().expect("an address"))
                .expect("told");
            while let Ok((stream, _)) = listener.accept().await {
                stream.set_nodelay(true).expect("no delay");
                answer(stream).await;
            }
        });
    });
    address.recv().expect("an address")
}

async fn answer(stream: TcpStream) {
    let (mut floods, mut holds) = (false, false);
    #[expect(clippy::result_large_err, reason = "the library's type")]
    let look = |request: &Request, response: Response| {
        floods = request.uri().path() == "/flood";
        holds = request.uri().path() == "/held";
        Ok(response)
    };
    let mut socket = accept_hdr_async(stream, look).await.expect("a handshake");
    let news = Message::text("x".repeat(64));
    // The library answers a ping when it is next read or flushed.
    while let Some(Ok(message)) = socket.next().await {
        if message.is_ping() && floods {
            for _ in 0..FLOOD {
                socket.feed(news.clone()).await.expect("taken");
            }
        }
        if message.is_ping() && holds {
            // The timer may fire up to a millisecond late, so the last part is a busy wait.
            let until = Instant::now() + HELD;
            tokio::time::sleep(HELD - Duration::from_millis(2)).await;
            while Instant::now() < until {
                std::hint::spin_loop();
            }
        }
        let _ = socket.flush().await;
    }
}

/// The median of a minimal loop around the frame library.
async fn floor(url: &str, count: u64) -> Duration {
    let host = url
        .trim_start_matches("ws://")
        .split('/')
        .next()
        .expect("a host");
    let stream = TcpStream::connect(host).await.expect("a connection");
    stream.set_nodelay(true).expect("no delay");
    let (mut socket, _) = client_async(url, stream).await.expect("a handshake");
    let mut times = Vec::new();
    for n in 0..count {
        let payload = n.to_le_bytes().to_vec();
        let begun = Instant::now();
        socket
            .send(Message::Ping(payload.into()))
            .await
            .expect("sent");
        while let Some(Ok(message)) = socket.next().await {
            if message.is_pong() {
                break;
            }
        }
        times.push(begun.elapsed());
    }
    median(times)
}

fn run_floor(url: &str, count: usize) -> Duration {
    let program = std::env::current_exe().expect("a program");
    let output = Command::new(program)
        .env("WSPROBE_FLOOR", format!("{count} {url}"))
        .output();
    let text = String::from_utf8(output.expect("a run").stdout).expect("text");
    Duration::from_nanos(text.trim().parse().expect("a number"))
}

fn run_wsprobe(url: &str, count: usize, args: &[&str], is_fast: bool) -> Duration {
    let count = count.to_string();
    let mut command = Command::new(env!("CARGO_BIN_EXE_wsprobe"));
    command.args(["ping", url, "-c", &count]).args(args);
    if !args.contains(&"-f") {
        command.arg("--adaptive");
    }
    let mut child = command.stdout(Stdio::piped()).spawn().expect("a run");
    let text = read(child.stdout.take().expect("a pipe"), is_fast);
    assert!(child.wait().expect("an end").success(), "{text}");
    let last = text.lines().last().expect("statistics");
    let figure = match last.split_once("\"p50\":") {
        Some((_, rest)) => rest.split(',').next(),
        None => last
            .split_once("p50/p95/p99 = ")
            .and_then(|(_, rest)| rest.split('/').next()),
    };
    let milliseconds: f64 = figure.expect("a median").parse().expect("a number");
    Duration::from_secs_f64(milliseconds / 1e3)
}

/// Reads all output; a slow reader reads a block of 64 KiB every 5 ms.
fn read(mut stdout: impl std::io::Read, is_fast: bool) -> String {
    let mut text = String::new();
    if is_fast {
        stdout.read_to_string(&mut text).expect("text");
        return text;
    }
    let mut bytes = Vec::new();
    let mut block = vec![0; 64 * 1024];
    while let Ok(length @ 1..) = stdout.read(&mut block) {
        bytes.extend_from_slice(&block[..length]);
        std::thread::sleep(Duration::from_millis(5));
    }
    String::from_utf8(bytes).expect("text")
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}
