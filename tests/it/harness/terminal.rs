//! A pseudo-terminal.

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;

use rustix::fs::{Mode, OFlags, open as open_file};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

use super::screen::{FIRST, Size};

/// The side of the test, and the device for the program.
pub fn open() -> io::Result<(File, File)> {
    let controller = open_controller()?;
    grantpt(&controller)?;
    unlockpt(&controller)?;
    let name = ptsname(&controller, Vec::new())?;
    let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
    let device = open_file(&*name, flags, Mode::empty())?;
    let controller = controller.into();
    resize(&controller, FIRST)?;
    Ok((controller, device.into()))
}

/// Not inherited by other programs started meanwhile: the terminal would never hang up.
#[cfg(not(target_vendor = "apple"))]
fn open_controller() -> io::Result<OwnedFd> {
    Ok(openpt(
        OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC,
    )?)
}

/// macOS has no flag for this; a program started between the two calls inherits the terminal.
#[cfg(target_vendor = "apple")]
fn open_controller() -> io::Result<OwnedFd> {
    use rustix::io::{FdFlags, fcntl_setfd};
    let controller = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY)?;
    fcntl_setfd(&controller, FdFlags::CLOEXEC)?;
    Ok(controller)
}

/// Resizes the window.
pub fn resize(controller: &File, (columns, rows): Size) -> io::Result<()> {
    let size = Winsize {
        ws_row: rows,
        ws_col: columns,
        ws_xpixel: 0,
        ws_ypixel: 0,
    };
    Ok(tcsetwinsize(controller, size)?)
}
