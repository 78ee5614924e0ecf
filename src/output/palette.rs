//! The colours of text on a dark and on a light background.
//!
//! Those of the terminal's own sixteen colours are used where the background is not known; how well they can be read is
//! the terminal's choice. The others have a contrast of at least 4.5 (WCAG 2.2, 1.4.3) on black or on white.

/// The escape sequence of each kind of text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Palette {
    /// Less important text: marks, times, diagnostics.
    pub dim: &'static str,
    /// What is wrong.
    pub red: &'static str,
    /// An object's key.
    pub key: &'static str,
    /// A string that is not a key.
    pub string: &'static str,
    /// A number.
    pub number: &'static str,
    /// `true` and `false`.
    pub boolean: &'static str,
    /// `null`.
    pub null: &'static str,
}

/// The sixteen colours of the terminal.
pub const SIXTEEN: Palette = Palette {
    dim: "\x1b[2m",
    red: "\x1b[31m",
    key: "\x1b[1;34m",
    string: "\x1b[32m",
    number: "\x1b[36m",
    boolean: "\x1b[33m",
    null: "\x1b[35m",
};

/// For a dark background.
pub const DARK: Palette = Palette {
    dim: "\x1b[38;5;245m",
    red: "\x1b[38;5;203m",
    key: "\x1b[1;38;5;75m",
    string: "\x1b[38;5;114m",
    number: "\x1b[38;5;80m",
    boolean: "\x1b[38;5;221m",
    null: "\x1b[38;5;177m",
};

/// For a light background.
pub const LIGHT: Palette = Palette {
    dim: "\x1b[38;5;240m",
    red: "\x1b[38;5;124m",
    key: "\x1b[1;38;5;25m",
    string: "\x1b[38;5;22m",
    number: "\x1b[38;5;24m",
    boolean: "\x1b[38;5;94m",
    null: "\x1b[38;5;91m",
};

/// `WSPROBE_COLORS`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ColourScheme {
    /// By the background, if the terminal tells it.
    #[default]
    Auto,
    /// For a light background.
    Light,
    /// For a dark background.
    Dark,
    /// No colours.
    Off,
}

impl ColourScheme {
    /// The scheme of the environment; an unknown value counts as none.
    pub fn of_environment() -> Self {
        match std::env::var("WSPROBE_COLORS").as_deref() {
            Ok("light") => Self::Light,
            Ok("dark") => Self::Dark,
            Ok("none") => Self::Off,
            _ => Self::Auto,
        }
    }

    /// Its palette, as long as nothing is known about the background.
    pub fn palette(self) -> &'static Palette {
        match self {
            Self::Light => &LIGHT,
            Self::Dark => &DARK,
            Self::Auto | Self::Off => &SIXTEEN,
        }
    }
}

/// The palette for a background of this colour, from 0 to 1.
pub fn palette_on(background: [f64; 3]) -> &'static Palette {
    // Black text has the better contrast from here on.
    match luminance(background) > 0.179 {
        true => &LIGHT,
        false => &DARK,
    }
}

/// Relative luminance (WCAG 2.2).
fn luminance(rgb: [f64; 3]) -> f64 {
    let [red, green, blue] = rgb.map(|part| match part {
        part if part <= 0.04045 => part / 12.92,
        part => ((part + 0.055) / 1.055).powf(2.4),
    });
    0.2126 * red + 0.7152 * green + 0.0722 * blue
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The colour of an xterm index from 16 on.
    fn rgb(sequence: &str) -> [f64; 3] {
        let index = sequence.rsplit(';').next().unwrap().trim_end_matches('m');
        let index: u32 = index.parse().unwrap();
        assert!(index >= 16, "the first sixteen differ between terminals");
        let level = |n: u32| if n == 0 { 0 } else { 55 + 40 * n };
        let parts = match index {
            16..232 => [(index - 16) / 36, (index - 16) / 6 % 6, (index - 16) % 6].map(level),
            _ => [8 + 10 * (index - 232); 3],
        };
        parts.map(|part| f64::from(part) / 255.0)
    }

    #[test]
    fn every_colour_has_a_contrast_of_at_least_four_and_a_half() {
        for (palette, background) in [(DARK, [0.0; 3]), (LIGHT, [1.0; 3])] {
            let Palette {
                dim,
                red,
                key,
                string,
                number,
                boolean,
                null,
            } = palette;
            for sequence in [dim, red, key, string, number, boolean, null] {
                let (one, other) = (luminance(rgb(sequence)), luminance(background));
                let contrast = (one.max(other) + 0.05) / (one.min(other) + 0.05);
                assert!(contrast >= 4.5, "{}: {contrast}", sequence.escape_debug());
            }
        }
    }

    #[test]
    fn the_background_decides() {
        assert_eq!(palette_on([1.0, 1.0, 0.9]), &LIGHT);
        assert_eq!(palette_on([0.0, 0.17, 0.21]), &DARK);
    }
}
