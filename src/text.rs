//! Text from files made safe for where it is shown: one function for each language that is written.
//!
//! A name in a file may hold anything: escape sequences that a terminal obeys, marks that turn the direction of writing,
//! line breaks that begin a live line of code, a leading `=` that a spreadsheet runs. What cannot be shown is written as
//! `\u{1b}` where people read, so that two names that differ look different, and as U+FFFD where markup is written.

use std::borrow::Cow;
use std::fmt::Write as _;

/// Is it obeyed rather than shown? Control characters, line and paragraph separators, marks of direction, and what XML
/// does not know as characters.
pub fn is_live(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
        || matches!(c, '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{fffe}' | '\u{ffff}')
}

/// For a terminal: lines stay lines, everything else that a terminal would obey is written out.
pub fn terminal(text: &str) -> Cow<'_, str> {
    written_out(text, |c| is_live(c) && !matches!(c, '\n' | '\t'))
}

/// For one line of a terminal, of a table or of a comment in code: line breaks are written out, too.
pub fn line(text: &str) -> Cow<'_, str> {
    written_out(text, is_live)
}

/// For the content and the attributes of XML, SVG and HTML. Lines stay lines: the titles of points have several.
pub fn xml(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\n' => out.push(c),
            c => out.push(visible(c)),
        }
    }
    out
}

/// For one line of markup whose writer does the rest of the escaping.
pub fn markup(text: &str) -> Cow<'_, str> {
    match text.chars().any(|c| visible(c) != c) {
        true => text.chars().map(visible).collect::<String>().into(),
        false => text.into(),
    }
}

/// For a cell of a CSV file that holds a name: a spreadsheet takes it for a text, whatever it begins with. The quotes
/// round it are the CSV writer's.
pub fn csv(name: &str) -> Cow<'_, str> {
    let shown = line(name);
    match shown.starts_with(['=', '+', '-', '@', '|', '%', '＝', '＋', '－', '＠']) {
        true => format!("'{shown}").into(),
        false => shown,
    }
}

/// A string of HCL, its quotes included: nothing in it is a template.
pub fn hcl(text: &str) -> String {
    let mut out = String::from('"');
    for (at, c) in text.char_indices() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            // `$${` stands for `${`.
            '$' | '%' if text[at + 1..].starts_with('{') => out.extend([c, c]),
            c if is_live(c) => unicode(&mut out, c),
            c => out.push(c),
        }
    }
    out + "\""
}

/// A double-quoted string of YAML, its quotes included.
pub fn yaml(text: &str) -> String {
    let mut out = String::from('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if is_live(c) => unicode(&mut out, c),
            c => out.push(c),
        }
    }
    out + "\""
}

/// For JSON on a terminal: its writer escapes only what JSON demands, and the rest can stand in its strings alone.
pub fn json(text: &str) -> Cow<'_, str> {
    let is_raw = |c: char| is_live(c) && !matches!(c, '\n' | '\r' | '\t');
    match text.chars().any(is_raw) {
        true => {
            let mut out = String::with_capacity(text.len() + 16);
            text.chars().for_each(|c| if is_raw(c) { unicode(&mut out, c) } else { out.push(c) });
            out.into()
        }
        false => text.into(),
    }
}

/// A cell of a table in Markdown: one line, without the bar that ends a cell, without links and without HTML.
pub fn markdown(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in line(text).chars() {
        if matches!(c, '\\' | '|' | '`' | '<' | '>' | '[' | ']') {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

/// All live characters are in the basic plane, for which `\uXXXX` is JSON, YAML and HCL alike.
fn unicode(out: &mut String, c: char) {
    let _ = write!(out, "\\u{:04x}", u32::from(c));
}

fn written_out(text: &str, is_live: impl Fn(char) -> bool) -> Cow<'_, str> {
    if !text.contains(&is_live) {
        return text.into();
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '\n' if is_live(c) => out.push_str("\\n"),
            '\r' if is_live(c) => out.push_str("\\r"),
            '\t' if is_live(c) => out.push_str("\\t"),
            c if is_live(c) => out.extend(c.escape_unicode()),
            c => out.push(c),
        }
    }
    out.into()
}

/// Line ends and tabs are blanks to XML.
fn visible(c: char) -> char {
    match c {
        '\t' | '\n' | '\r' => ' ',
        c if is_live(c) => '\u{fffd}',
        c => c,
    }
}

/// The decimal text with commas between thousands: `-12,345.67`.
pub fn separated(decimal: &str) -> String {
    let (sign, digits) = decimal.strip_prefix('-').map_or(("", decimal), |rest| ("-", rest));
    let (whole, fraction) = digits.split_at(digits.find('.').unwrap_or(digits.len()));
    let mut out = String::from(sign);
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out + fraction
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_a_terminal_obeys_is_written_out_and_everything_else_stays() {
        let name = "a\u{1b}[31m\u{202e}b\r\nc\u{9b}";
        assert_eq!(terminal(name), "a\\u{1b}[31m\\u{202e}b\\r\nc\\u{9b}");
        assert_eq!(line(name), "a\\u{1b}[31m\\u{202e}b\\r\\nc\\u{9b}");
        assert!(matches!(line("Zürich, 2 µs – 日本"), Cow::Borrowed(_)));
    }

    #[test]
    fn a_cell_never_begins_a_formula() {
        for name in ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "＝1"] {
            let cell = csv(name);
            assert!(cell.starts_with(['\'', '\\']), "{cell}");
        }
        assert_eq!(csv("batch of 8"), "batch of 8");
    }

    proptest! {
        #[test]
        fn nothing_live_is_left(text: String) {
            for safe in [line(&text), csv(&text), markup(&text)] {
                prop_assert!(!safe.contains(is_live), "{safe:?}");
            }
            for safe in [xml(&text).replace('\n', ""), hcl(&text), yaml(&text), markdown(&text)] {
                prop_assert!(!safe.contains(is_live), "{safe:?}");
            }
            prop_assert!(!terminal(&text).contains(|c| is_live(c) && c != '\n' && c != '\t'));
        }

        #[test]
        fn json_stays_what_it_was(text: String) {
            let written = serde_json::to_string_pretty(&[&text]).unwrap();
            let safe = json(&written);
            prop_assert_eq!(serde_json::from_str::<Vec<String>>(&safe).unwrap(), vec![text]);
        }
    }
}
