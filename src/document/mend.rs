//! What people often mean by text that is no TOML, and by files that are no documents.

use std::path::Path;

use crate::error::InputError;

/// A file whose name says that it is no document.
pub(super) fn of_another_kind(path: &Path) -> Option<InputError> {
    let name = path.display().to_string();
    path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("onnx")).then(|| {
        let help = format!("run `sim profile {name}` on it first, and give the profile that it writes");
        InputError::new(&name, "is an ONNX model, not a TOML file with its service times").help(help)
    })
}

/// How to write a line that TOML does not take, where it is plain what was meant.
pub(super) fn of_syntax(line: &str) -> Option<String> {
    if let Some(mend) = of_escapes(line) {
        return Some(mend);
    }
    let (key, value) = line.split_once('=')?;
    let (key, value) = (key.trim(), value.trim());
    let word = value.split('#').next().unwrap_or(value).trim();
    let bare = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | '/' | '\\' | ':' | ' ');
    let is_word = !word.is_empty() && word.chars().all(bare);
    match is_word && word.contains('\\') {
        true => Some(format!("write {key} = '{word}': a text is in quotes")),
        false => is_word.then(|| format!("write {key} = \"{word}\": a text is in quotes")),
    }
}

/// A path of Windows in double quotes, also within a table of one line.
fn of_escapes(line: &str) -> Option<String> {
    let parts: Vec<&str> = line.split('"').collect();
    let at = (1..parts.len()).step_by(2).find(|at| parts[*at].contains('\\'))?;
    let key = parts[at - 1].trim_end().strip_suffix('=')?.trim_end();
    let key = key.rsplit(['{', ',', ' ']).next()?;
    let text = parts[at];
    let slashes = text.replace("\\\\", "/").replace('\\', "/");
    Some(format!("`\\` begins an escape in double quotes: write {key} = \"{slashes}\" or {key} = '{text}'"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_how_a_line_would_be_right() {
        let mend = |line| of_syntax(line).unwrap_or_default();
        assert_eq!(mend("kind = trace  # of arrivals"), "write kind = \"trace\": a text is in quotes");
        assert_eq!(mend("timeout = 200ms"), "write timeout = \"200ms\": a text is in quotes");
        assert_eq!(mend(r"file = C:\data\x.csv"), r"write file = 'C:\data\x.csv': a text is in quotes");
        let path = mend(r#"file = "C:\data\x.csv""#);
        assert!(path.ends_with(r#"write file = "C:/data/x.csv" or file = 'C:\data\x.csv'"#), "{path}");
        let path = mend(r#"workload = { kind = "trace", file = "C:\Users\me\t.csv" }"#);
        assert!(
            path.ends_with(r#"write file = "C:/Users/me/t.csv" or file = 'C:\Users\me\t.csv'"#),
            "{path}"
        );
        assert_eq!(of_syntax("batch = [1, 2"), None);
        assert_eq!(of_syntax("[workload"), None);
    }
}
