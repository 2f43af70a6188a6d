//! The pages of a folder. One command's page is index.html. Where several commands write to one folder, as `sim run` and
//! `sim plan` of one scenario do, each has a page of its own name, and index.html leads to them.

use std::io::Read as _;
use std::path::Path;

use super::files::{cannot_write, write_atomically};
use super::html::Page;
use crate::error::InputError;

/// The commands that write pages, in the order in which index.html lists them, and what it says of them.
const COMMANDS: [(&str, &str); 8] = [
    ("plan", "The plan: what to set"),
    ("run", "The run: what happens as it is set"),
    ("sweep", "The sweep: every configuration of the grid"),
    ("compare", "The comparison of systems"),
    ("fit", "The fit of the trace"),
    ("observe", "What was measured of a server"),
    ("backtest", "What a log says of the predictions"),
    ("fleet", "Every function of the account"),
];
/// How index.html says who wrote it.
const MARK: &str = "<meta name=\"generator\" content=\"sim ";
/// The mark is within so many bytes of a page.
const HEAD: u64 = 1024;
/// The name of a page that leads to others.
const LIST: &str = "pages";

/// The mark of a page that `command` writes.
pub(super) fn mark(command: &str) -> String {
    if command.is_empty() { String::new() } else { format!("{MARK}{command}\">\n") }
}

/// Writes the page of a command, beside those of others in the folder.
///
/// # Errors
/// If a file cannot be written.
pub(super) fn write(folder: &Path, page: &Page) -> Result<(), InputError> {
    let index = folder.join("index.html");
    let (command, text) = (page.command, page.render());
    match writer(&index) {
        // Nobody's, or of a version before this: it is this command's.
        None => return write_atomically(&index, text),
        Some(other) if other == command => return write_atomically(&index, text),
        Some(other) if other == LIST => {}
        Some(other) => {
            let moved = folder.join(format!("{other}.html"));
            std::fs::rename(&index, &moved).map_err(|e| cannot_write(&moved, &e))?;
        }
    }
    write_atomically(&folder.join(format!("{command}.html")), text)?;
    write_atomically(&index, list(folder))
}

/// The file that `command` has its page in, if it has one in this folder.
pub(super) fn of(folder: &Path, command: &str) -> Option<String> {
    let own = format!("{command}.html");
    match folder.join(&own).is_file() {
        true => Some(own),
        false => folder.join("index.html").is_file().then(|| "index.html".to_owned()),
    }
}

/// Who wrote a page; `None` where there is none, or where it does not say.
fn writer(page: &Path) -> Option<&'static str> {
    let mut head = Vec::new();
    std::fs::File::open(page).ok()?.take(HEAD).read_to_end(&mut head).ok()?;
    let head = String::from_utf8_lossy(&head);
    let name = head.split(MARK).nth(1)?.split('"').next()?;
    COMMANDS.iter().map(|(command, _)| *command).chain([LIST]).find(|known| *known == name)
}

fn list(folder: &Path) -> String {
    let name = folder.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
    let there = COMMANDS.iter().filter(|(command, _)| folder.join(format!("{command}.html")).is_file());
    let page =
        there.fold(Page::new(name), |page, (command, what)| page.link(&format!("{command}.html"), what));
    page.of(LIST).render()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pages_of_two_commands_stand_side_by_side() {
        let folder = tempfile::tempdir().unwrap();
        let read = |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap_or_default();
        let page = |title: &str, command| Page::new(title).of(command);
        write(folder.path(), &page("first run", "run")).unwrap();
        write(folder.path(), &page("second run", "run")).unwrap();
        assert!(read("index.html").contains("second run") && read("run.html").is_empty());
        assert_eq!(of(folder.path(), "run").as_deref(), Some("index.html"));
        write(folder.path(), &page("a plan", "plan")).unwrap();
        assert!(read("run.html").contains("second run") && read("plan.html").contains("a plan"));
        let index = read("index.html");
        assert!(index.contains("href=\"run.html\"") && index.contains("href=\"plan.html\""), "{index}");
        write(folder.path(), &page("third run", "run")).unwrap();
        assert!(read("run.html").contains("third run") && read("plan.html").contains("a plan"));
        assert_eq!(read("index.html"), index);
        assert_eq!(of(folder.path(), "run").as_deref(), Some("run.html"));
    }

    #[test]
    fn a_page_that_says_nothing_of_its_writer_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("index.html"), "<!DOCTYPE html>").unwrap();
        write(folder.path(), &Page::new("a plan").of("plan")).unwrap();
        assert!(std::fs::read_to_string(folder.path().join("index.html")).unwrap().contains("a plan"));
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
