//! The one theme: colours for light and dark, fonts, sizes.
//!
//! An element carries its light colour as an attribute; the style sheet replaces that very attribute on dark
//! screens. A viewer without style sheets therefore shows the light chart, and print stays light.

use std::fmt::Write as _;

/// Red, green and blue, 0 to 255.
pub type Rgb = (u8, u8, u8);

/// What a colour is for; each has a light and a dark form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Colour {
    /// Titles and values.
    Ink,
    /// Tick labels and secondary text.
    Muted,
    /// Major grid lines and the frame.
    Grid,
    /// Minor grid lines.
    Faint,
    /// The background.
    Surface,
    /// What the eye should find first: the SLO, the Pareto front, the best cell.
    Accent,
    /// Cells without a usable value.
    Unavailable,
    /// One of eight unordered categories, told apart with any of the common colour-blindnesses; wraps round.
    Category(usize),
    /// One of thirteen ordered steps (0 to 12) from little to much.
    Step(usize),
}

/// Number of distinct steps of the ordered palette.
pub const STEPS: usize = 13;

/// Number of distinct unordered colours.
pub const CATEGORIES: usize = 8;

/// Font stack of charts and pages.
pub const FONT: &str =
    "system-ui,-apple-system,'Segoe UI',Roboto,'Helvetica Neue','DejaVu Sans',Arial,sans-serif";

const CATEGORY_LIGHT: [Rgb; CATEGORIES] = [
    (0x00, 0x72, 0xB2),
    (0xE0, 0x6C, 0x12),
    (0x00, 0x94, 0x7C),
    (0xB8, 0x4C, 0x97),
    (0x4F, 0xA9, 0xDC),
    (0xA8, 0x86, 0x00),
    (0x5A, 0x4F, 0xA2),
    (0x79, 0x7F, 0x87),
];
const CATEGORY_DARK: [Rgb; CATEGORIES] = [
    (0x4B, 0xA6, 0xE8),
    (0xF7, 0x94, 0x4A),
    (0x2F, 0xC4, 0xA7),
    (0xDC, 0x84, 0xC3),
    (0x9A, 0xD3, 0xF5),
    (0xD9, 0xBC, 0x3C),
    (0x9F, 0x95, 0xE6),
    (0xA7, 0xAE, 0xB6),
];
const STEP_LIGHT: [Rgb; 5] =
    [(0x92, 0xD2, 0xCB), (0x4F, 0xB3, 0xC4), (0x2F, 0x7F, 0xB3), (0x33, 0x53, 0x9E), (0x3B, 0x26, 0x70)];
const STEP_DARK: [Rgb; 5] =
    [(0x4A, 0x62, 0xB4), (0x3F, 0x8F, 0xC4), (0x55, 0xB9, 0xBE), (0xA0, 0xDD, 0xB4), (0xF2, 0xF6, 0xC2)];
const HEAT: [Rgb; 6] = [
    (0xE6, 0xF5, 0xEE),
    (0x9B, 0xD8, 0xD0),
    (0x4F, 0xB3, 0xC4),
    (0x2F, 0x7F, 0xB3),
    (0x33, 0x53, 0x9E),
    (0x3B, 0x26, 0x70),
];

impl Colour {
    /// Configurations that meet what is asked.
    pub const MEETS: Colour = Colour::Category(0);
    /// Configurations that miss it.
    pub const MISSES: Colour = Colour::Category(7);
    /// The one configuration that is chosen.
    pub const BEST: Colour = Colour::Category(2);

    /// The colour on a light background.
    pub fn light(self) -> Rgb {
        match self {
            Colour::Ink => (0x1F, 0x29, 0x33),
            Colour::Muted => (0x5B, 0x67, 0x75),
            Colour::Grid => (0xDF, 0xE4, 0xE9),
            Colour::Faint => (0xF0, 0xF2, 0xF5),
            Colour::Surface => (0xFF, 0xFF, 0xFF),
            Colour::Accent => (0xC8, 0x37, 0x2D),
            Colour::Unavailable => (0xE4, 0xE6, 0xE8),
            Colour::Category(index) => CATEGORY_LIGHT[index % CATEGORIES],
            Colour::Step(index) => ramp(&STEP_LIGHT, index.min(STEPS - 1) as f64 / (STEPS - 1) as f64),
        }
    }

    /// The colour on a dark background.
    pub fn dark(self) -> Rgb {
        match self {
            Colour::Ink => (0xE8, 0xEC, 0xF0),
            Colour::Muted => (0x9F, 0xAA, 0xB6),
            Colour::Grid => (0x30, 0x38, 0x41),
            Colour::Faint => (0x21, 0x27, 0x2E),
            Colour::Surface => (0x16, 0x1B, 0x21),
            Colour::Accent => (0xFF, 0x6F, 0x61),
            Colour::Unavailable => (0x2E, 0x34, 0x3B),
            Colour::Category(index) => CATEGORY_DARK[index % CATEGORIES],
            Colour::Step(index) => ramp(&STEP_DARK, index.min(STEPS - 1) as f64 / (STEPS - 1) as f64),
        }
    }

    fn all() -> impl Iterator<Item = Colour> {
        use Colour::*;
        [Ink, Muted, Grid, Faint, Surface, Accent, Unavailable]
            .into_iter()
            .chain((0..CATEGORIES).map(Category))
            .chain((0..STEPS).map(Step))
    }
}

/// The heat map's colour at `fraction` of the way from least to most; the same in light and dark.
pub fn heat(fraction: f64) -> Rgb {
    ramp(&HEAT, fraction)
}

/// Black or white, whichever reads better on `background`.
pub fn readable_on(background: Rgb) -> Rgb {
    let (r, g, b) = background;
    let luma = 0.299 * f64::from(r) + 0.587 * f64::from(g) + 0.114 * f64::from(b);
    if luma > 140.0 { (0x14, 0x1C, 0x24) } else { (0xFA, 0xFC, 0xFD) }
}

/// `#RRGGBB`
pub fn hex((r, g, b): Rgb) -> String {
    format!("#{r:02X}{g:02X}{b:02X}")
}

/// The style sheet of a chart: the font, and the dark form of each colour that `body` uses.
pub fn style_sheet(body: &str) -> String {
    let mut css =
        format!(".chart text{{font-family:{FONT}}}\n@media screen and (prefers-color-scheme:dark){{\n");
    for colour in Colour::all() {
        let (light, dark) = (hex(colour.light()), hex(colour.dark()));
        for attribute in ["fill", "stroke"] {
            if body.contains(&format!("{attribute}=\"{light}\"")) {
                let _ = writeln!(css, ".chart g:not(.fixed)>[{attribute}=\"{light}\"]{{{attribute}:{dark}}}");
            }
        }
    }
    css + "}\n"
}

/// Approximate width in pixels of `text` at `size` pixels, erring wide (the widest common fonts, such as Verdana).
pub fn text_width(text: &str, size: f64) -> f64 {
    let ems = text.chars().map(|c| match c {
        'i' | 'j' | 'l' | 't' | 'f' | 'r' | '.' | ',' | ':' | ';' | '\'' | '|' | '!' | '(' | ')' | ' '
        | '-' => 0.40,
        'm' | 'w' | 'M' | 'W' | '%' | '@' => 0.97,
        'A'..='Z' => 0.71,
        c if (c as u32) > 0x2E80 => 1.05,
        _ => 0.63,
    });
    ems.sum::<f64>() * size
}

/// `text` within `width` pixels: as it is, or cut with an ellipsis.
pub fn fitted(text: &str, size: f64, width: f64) -> String {
    if text_width(text, size) <= width {
        return text.to_owned();
    }
    let mut cut = String::new();
    for c in text.chars() {
        cut.push(c);
        if text_width(&cut, size) + size > width {
            cut.pop();
            break;
        }
    }
    cut.trim_end().to_owned() + "…"
}

/// `text` broken between words into lines of at most `width` pixels; a longer word has its own line.
pub fn wrapped(text: &str, size: f64, width: f64) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if text_width(&format!("{line} {word}"), size) <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

fn ramp(stops: &[Rgb], fraction: f64) -> Rgb {
    let at = fraction.clamp(0.0, 1.0) * (stops.len() - 1) as f64;
    let first = (at.floor() as usize).min(stops.len() - 2);
    let (from, to, part) = (stops[first], stops[first + 1], at - first as f64);
    let mix = |a: u8, b: u8| (f64::from(a) + (f64::from(b) - f64::from(a)) * part).round() as u8;
    (mix(from.0, to.0), mix(from.1, to.1), mix(from.2, to.2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_role_has_its_own_light_colour() {
        // The style sheet tells roles apart by their light colour.
        let mut seen: Vec<Rgb> = Colour::all().map(Colour::light).collect();
        let count = seen.len();
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len(), count);
    }

    #[test]
    fn data_colours_stand_out_from_both_backgrounds() {
        for colour in Colour::all().filter(|c| matches!(c, Colour::Category(_) | Colour::Accent)) {
            assert!(contrast(colour.light(), Colour::Surface.light()) > 2.4, "{colour:?} light");
            assert!(contrast(colour.dark(), Colour::Surface.dark()) > 4.0, "{colour:?} dark");
        }
        for colour in [Colour::Ink, Colour::Muted] {
            assert!(contrast(colour.light(), Colour::Surface.light()) > 4.5, "{colour:?} light");
            assert!(contrast(colour.dark(), Colour::Surface.dark()) > 4.5, "{colour:?} dark");
        }
    }

    /// WCAG 2.1 contrast ratio.
    fn contrast(a: Rgb, b: Rgb) -> f64 {
        let channel = |v: u8| {
            let v = f64::from(v) / 255.0;
            if v <= 0.04045 { v / 12.92 } else { ((v + 0.055) / 1.055).powf(2.4) }
        };
        let luminance = |(r, g, b): Rgb| 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
        let (a, b) = (luminance(a), luminance(b));
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }

    #[test]
    fn long_text_is_cut_or_wrapped_within_its_width() {
        let cut = fitted("a very long label that does not fit", 12.0, 90.0);
        assert!(cut.ends_with('…') && text_width(&cut, 12.0) <= 90.0, "{cut}");
        assert!(wrapped("one two three four five", 12.0, 80.0).iter().all(|l| text_width(l, 12.0) <= 80.0));
    }
}
