//! Writes the man pages and completion scripts that are checked in: `cargo run --example generate`.

use std::fs;
use std::io;
use std::path::Path;

fn main() -> io::Result<()> {
    let top = Path::new(env!("CARGO_MANIFEST_DIR"));
    for (name, content) in wsprobe::generate::files()? {
        let path = top.join(name);
        fs::create_dir_all(path.parent().unwrap_or(top))?;
        fs::write(path, content)?;
    }
    Ok(())
}
