//! The one error type for everything a user hands in: it names the file, the line, the token and the mend.

use std::fmt;

use crate::text::{is_live, line};

/// Something in the user's input cannot be used.
///
/// Displayed as the message, the place with the offending token underlined, and how to mend it.
#[derive(Debug, Clone)]
pub struct InputError {
    /// File name, or the command-line option that held the text.
    pub file: String,
    /// What is wrong, in one sentence without a full stop.
    pub message: String,
    /// Where it stands, if it stands on one line.
    pub excerpt: Option<Excerpt>,
    /// What was expected, or how to mend it.
    pub help: Option<String>,
}

/// One line of input with the offending part marked.
#[derive(Debug, Clone)]
pub struct Excerpt {
    /// 1-based line number.
    pub line: usize,
    /// The line's text without its end.
    pub text: String,
    /// Byte range of the offending token within `text`.
    pub token: std::ops::Range<usize>,
}

/// The longest excerpt that is printed, in characters.
const WIDEST: usize = 100;

impl InputError {
    /// An error about a whole file.
    pub fn new(file: impl Into<String>, message: impl Into<String>) -> Self {
        let (file, message) = (file.into(), message.into());
        Self { file, message, excerpt: None, help: None }
    }

    /// An error about one line of a file; the whole line is underlined.
    pub fn at_line(file: impl Into<String>, line: usize, text: &str, message: impl Into<String>) -> Self {
        let text = text.trim_end_matches(['\r', '\n']).to_owned();
        let token = 0..text.len();
        Self { excerpt: Some(Excerpt { line, text, token }), ..Self::new(file, message) }
    }

    /// Adds the mend.
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Wraps an operating-system error on `file`.
    pub fn io(file: impl AsRef<std::path::Path>, error: &std::io::Error) -> Self {
        Self::new(file.as_ref().display().to_string(), error.to_string())
    }
}

impl std::error::Error for InputError {}

impl fmt::Display for InputError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", line(&self.file))?;
        if let Some(excerpt) = &self.excerpt {
            write!(f, ":{}", excerpt.line)?;
        }
        write!(f, ": {}", line(&self.message))?;
        if let Some(excerpt) = &self.excerpt {
            write!(f, "{excerpt}")?;
        }
        if let Some(help) = &self.help {
            write!(f, "\n  = {}", line(help))?;
        }
        Ok(())
    }
}

impl fmt::Display for Excerpt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let before = self.text.get(..self.token.start).unwrap_or("").chars().count();
        let marked = self.text.get(self.token.clone()).unwrap_or("").chars().count();
        let first = before.saturating_sub(WIDEST / 2);
        let shown: String =
            self.text.chars().skip(first).take(WIDEST).map(|c| if is_live(c) { ' ' } else { c }).collect();
        let pad = " ".repeat(before - first);
        let carets = "^".repeat(marked.clamp(1, WIDEST.saturating_sub(before - first).max(1)));
        let gutter = " ".repeat(self.line.to_string().len());
        write!(f, "\n {gutter} |\n {} | {shown}\n {gutter} | {pad}{carets}", self.line)
    }
}

/// The name in `known` nearest to `given`, if one is near enough to be meant.
pub fn nearest<'a>(given: &str, known: &[&'a str]) -> Option<&'a str> {
    let scored = known.iter().map(|name| (strsim::damerau_levenshtein(given, name), *name));
    scored.min().filter(|(distance, name)| *distance <= 1 + name.len() / 3).map(|(_, name)| name)
}

/// "expected one of: a, b, c; did you mean `b`?"
pub fn expected(given: &str, known: &[&str]) -> String {
    let list = known.join(", ");
    match nearest(given, known) {
        Some(name) => format!("did you mean `{name}`? expected one of: {list}"),
        None => format!("expected one of: {list}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_the_place_and_the_mend() {
        let mut error = InputError::at_line("s.toml", 12, "timout = \"200ms\"", "unknown field `timout`");
        error.excerpt.as_mut().unwrap().token = 0..6;
        let error = error.help(expected("timout", &["batch", "timeout"]));
        let text = error.to_string();
        assert!(text.starts_with("s.toml:12: unknown field `timout`"), "{text}");
        assert!(text.contains("\n    | ^^^^^^\n"), "{text}");
        assert!(text.ends_with("did you mean `timeout`? expected one of: batch, timeout"), "{text}");
    }

    #[test]
    fn a_far_name_is_not_suggested() {
        assert_eq!(nearest("zebra", &["batch", "timeout"]), None);
    }
}
