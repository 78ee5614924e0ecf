//! Reads a password from the environment or from the terminal, without echo.
//!
//! The terminal settings are restored on every exit path.

#[cfg(unix)]
use std::fs::File;
use std::io;
#[cfg(unix)]
use std::io::{Read, Write};

use crate::exit::Exit;
use crate::secret::bare;

use super::UsageError;

/// The environment variable that supplies the password.
pub const VARIABLE: &str = "WSPROBE_PASSWORD";

/// The password for a user: from the environment, else from the terminal.
///
/// # Errors
/// There is no terminal, the variable is not UTF-8, or the user pressed Ctrl-C (exit 130).
pub fn password_for(user: &str) -> Result<String, UsageError> {
    if let Some(password) = std::env::var_os(VARIABLE) {
        return password
            .into_string()
            .map(|password| bare(&password).to_owned())
            .map_err(|_| UsageError::usage(format!("{VARIABLE} is not valid UTF-8")));
    }
    ask(&format!("password for {}: ", user.escape_debug())).map_err(|error| {
        if error.kind() == io::ErrorKind::Interrupted {
            return UsageError::interrupted();
        }
        UsageError::usage(format!(
            "no password given for -u {}, and no terminal to ask for it",
            user.escape_debug()
        ))
        .hint(format!("set {VARIABLE}, or use -u USER:PASSWORD"))
    })
}

#[cfg(unix)]
fn ask(prompt: &str) -> io::Result<String> {
    use std::io::IsTerminal;
    // stdin may be a pipe with messages; the terminal is then /dev/tty.
    let terminal = if io::stdin().is_terminal() {
        File::from(rustix::io::dup(io::stdin())?)
    } else {
        File::options().read(true).write(true).open("/dev/tty")?
    };
    let silence = NoEcho::begin(&terminal)?;
    io::stderr().write_all(prompt.as_bytes())?;
    let answer = read_line(&mut &terminal);
    io::stderr().write_all(b"\n")?;
    drop(silence);
    answer
}

#[cfg(not(unix))]
fn ask(_: &str) -> io::Result<String> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Reads up to Enter. Signals are off, so Ctrl-C arrives as a byte and cannot leave the terminal without echo.
#[cfg(unix)]
fn read_line(terminal: &mut impl Read) -> io::Result<String> {
    const INTERRUPT: u8 = 3;
    const END: u8 = 4;
    const KILL_LINE: u8 = 0x15;
    let mut typed = Vec::new();
    loop {
        let mut byte = [0];
        if terminal.read(&mut byte)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        match byte[0] {
            b'\r' | b'\n' => break,
            INTERRUPT => return Err(io::ErrorKind::Interrupted.into()),
            END if typed.is_empty() => return Err(io::ErrorKind::Interrupted.into()),
            END => break,
            KILL_LINE => typed.clear(),
            8 | 0x7f => {
                // Remove a whole UTF-8 character: continuation bytes have the form 10xxxxxx.
                while typed.pop().is_some_and(|byte| byte & 0xc0 == 0x80) {}
            }
            byte => typed.push(byte),
        }
    }
    String::from_utf8(typed).map_err(|_| io::ErrorKind::InvalidData.into())
}

/// Turns off echo, line editing and signals of a terminal until it is dropped.
#[cfg(unix)]
struct NoEcho<'a> {
    terminal: &'a File,
    before: rustix::termios::Termios,
}

#[cfg(unix)]
impl<'a> NoEcho<'a> {
    fn begin(terminal: &'a File) -> io::Result<Self> {
        use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};
        let before = tcgetattr(terminal)?;
        let mut silent = before.clone();
        silent.local_modes -= LocalModes::ECHO | LocalModes::ICANON | LocalModes::ISIG;
        tcsetattr(terminal, OptionalActions::Now, &silent)?;
        Ok(Self { terminal, before })
    }
}

#[cfg(unix)]
impl Drop for NoEcho<'_> {
    fn drop(&mut self) {
        use rustix::termios::{OptionalActions, tcsetattr};
        // If the terminal is gone, there is nothing to restore.
        let _ = tcsetattr(self.terminal, OptionalActions::Now, &self.before);
    }
}

impl UsageError {
    /// The user pressed Ctrl-C (exit 130).
    fn interrupted() -> Self {
        Self::with_exit(Exit::Interrupted, "interrupted")
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn typed_characters_can_be_deleted() {
        let read = |typed: &str| read_line(&mut typed.as_bytes());
        assert_eq!(read("secret\r").expect("a line"), "secret");
        assert_eq!(read("sé\x7fecx\x08ret\n").expect("a line"), "secret");
        assert_eq!(read("wrong\x15right\r").expect("a line"), "right");
        let error = read("half\x03").expect_err("interrupted");
        assert_eq!(error.kind(), io::ErrorKind::Interrupted);
        assert!(read("no enter").is_err());
    }
}
