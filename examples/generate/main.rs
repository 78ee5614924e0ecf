//! Generates the man pages, the completion scripts and the text of the manual's chapters, which are checked in.
//! Run it with `cargo run --example generate`.

use std::fs;
use std::io;
use std::path::Path;

mod files;

fn main() -> io::Result<()> {
    let top = Path::new(env!("CARGO_MANIFEST_DIR"));
    for (name, content) in files::all()? {
        let path = top.join(name);
        fs::create_dir_all(path.parent().unwrap_or(top))?;
        fs::write(path, content)?;
    }
    Ok(())
}
