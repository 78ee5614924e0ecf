//! Shows binary messages on a terminal, in the layout of `hexdump -C`.
//!
//! The output contains only printable ASCII, newlines and, if it is cut, one ellipsis.

use crate::units::count_grouped;

const HEX: &[u8; 16] = b"0123456789abcdef";
const PER_LINE: usize = 16;

/// Appends the first `limit` bytes of `bytes` to `out`, sixteen per line, each line ended by a newline; if there are
/// more, a last line gives the total size.
///
/// ```text
/// 00000000  68 65 6c 6c 6f 00                                 |hello.|
/// ```
pub fn hexdump(out: &mut Vec<u8>, bytes: &[u8], limit: usize) {
    let shown = &bytes[..limit.min(bytes.len())];
    for (i, line) in shown.chunks(PER_LINE).enumerate() {
        push_line(out, i * PER_LINE, line);
    }
    if shown.len() < bytes.len() {
        let total = count_grouped(bytes.len() as u64, "byte");
        out.extend_from_slice(format!("… {total} in total\n").as_bytes());
    }
}

/// Appends the two digits of a byte.
pub(super) fn push_hex(out: &mut Vec<u8>, byte: u8) {
    out.push(HEX[usize::from(byte >> 4)]);
    out.push(HEX[usize::from(byte & 15)]);
}

fn push_line(out: &mut Vec<u8>, offset: usize, line: &[u8]) {
    out.extend_from_slice(format!("{offset:08x} ").as_bytes());
    for i in 0..PER_LINE {
        if i % 8 == 0 {
            out.push(b' ');
        }
        match line.get(i) {
            Some(&byte) => {
                let digits = [HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 0xf)]];
                out.extend_from_slice(&[digits[0], digits[1], b' ']);
            }
            None => out.extend_from_slice(b"   "),
        }
    }
    out.extend_from_slice(b" |");
    let printable = |byte: u8| matches!(byte, b' '..=b'~');
    out.extend(
        line.iter()
            .map(|&byte| if printable(byte) { byte } else { b'.' }),
    );
    out.extend_from_slice(b"|\n");
}

#[cfg(test)]
mod tests {
    use super::hexdump;

    fn dump(bytes: &[u8], limit: usize) -> String {
        let mut out = Vec::new();
        hexdump(&mut out, bytes, limit);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn lines_have_sixteen_bytes_and_a_gap_in_the_middle() {
        let bytes: Vec<u8> = (0x3a..0x4c).collect();
        assert_eq!(
            dump(&bytes, 256),
            "00000000  3a 3b 3c 3d 3e 3f 40 41  42 43 44 45 46 47 48 49  |:;<=>?@ABCDEFGHI|\n\
             00000010  4a 4b                                             |JK|\n"
        );
    }

    #[test]
    fn what_is_not_printable_ascii_is_a_dot() {
        assert!(dump(b"\x00\x1b\x1f \x7e\x7f\x80\x9b\xff|", 256).ends_with("  |... ~....||\n"));
    }

    #[test]
    fn a_cut_dump_says_the_size_and_a_whole_one_does_not() {
        let bytes = vec![0; 12_345];
        let cut = dump(&bytes, 256);
        assert_eq!(cut.lines().count(), 17);
        assert!(cut.ends_with("|................|\n… 12,345 bytes in total\n"));
        assert_eq!(dump(&bytes[..256], 256).lines().count(), 16);
        assert_eq!(dump(&[1], 0), "… 1 byte in total\n");
        assert_eq!(dump(&[], 256), "");
    }

    #[test]
    fn a_limit_within_a_line_cuts_the_line() {
        assert_eq!(
            dump(b"abcdef", 3),
            format!(
                "00000000  61 62 63 {}|abc|\n… 6 bytes in total\n",
                " ".repeat(41)
            )
        );
    }
}
