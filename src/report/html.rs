//! The stand-alone page: headings, key figures, tables and inline charts in one file. Its one script, which tells values
//! at the pointer, adds to what is there: the page reads the same without it.

use std::fmt::Write as _;
use std::path::Path;

use super::chart::{Chart, Colour, FONT, Medium, hex};
use super::explorer::{self, Entry, Question};
use super::figures::Figures;
use super::files::write_atomically;
use super::{format, pages};
use crate::error::InputError;
use crate::text::xml as escape;

/// Tells the values of what the pointer is at.
const HOVER: &str = include_str!("hover.js");
/// Longer values take the room of two cards.
const LONG_VALUE: usize = 14;
/// Cells with more characters than this may be broken into lines.
const LONG_CELL: usize = 32;

/// A page under construction; sections appear in the order in which they are added.
#[derive(Debug, Clone)]
pub struct Page {
    title: String,
    subtitle: String,
    body: String,
    has_explorer: bool,
    pub(super) command: &'static str,
}

/// A key figure: what it is, its value, and what to know about it (may be empty).
#[derive(Debug, Clone)]
pub struct Card {
    label: String,
    value: String,
    note: String,
    tone: Tone,
}

/// A chart, the name of its file, and its caption.
pub struct Figure {
    name: &'static str,
    chart: Box<dyn Chart>,
    caption: &'static str,
}

impl Figure {
    /// A chart with the name of its file and what stands under it.
    pub fn new(name: &'static str, chart: impl Chart + 'static, caption: &'static str) -> Figure {
        Figure { name, chart: Box::new(chart), caption }
    }
}

/// Where a result's charts and its page go.
#[derive(Debug, Clone, Copy)]
pub struct Target<'a> {
    folder: &'a Path,
    figures: Option<&'a Figures>,
}

impl<'a> Target<'a> {
    /// A folder, for charts as pictures and, where they are wanted, as figures of a paper.
    pub fn new(folder: &'a Path, figures: Option<&'a Figures>) -> Target<'a> {
        Target { folder, figures }
    }

    /// Writes a chart under charts/.
    pub(super) fn chart(self, name: &str, chart: &dyn Chart) -> Result<(), InputError> {
        let file = |extension: &str| self.folder.join("charts").join(format!("{name}.{extension}"));
        write_atomically(&file("svg"), chart.svg())?;
        let drawn = self.figures.map_or_else(Vec::new, |figures| figures.drawn(chart));
        drawn.into_iter().try_for_each(|(format, bytes)| write_atomically(&file(format.extension()), bytes))
    }
}

impl<'a, P: AsRef<Path> + ?Sized> From<&'a P> for Target<'a> {
    fn from(folder: &'a P) -> Target<'a> {
        Target::new(folder.as_ref(), None)
    }
}

/// Writes the charts and the page.
///
/// # Errors
/// If a file cannot be written.
pub fn write(target: Target, figures: &[Figure], page: &Page) -> Result<(), InputError> {
    figures.iter().try_for_each(|Figure { name, chart, .. }| target.chart(name, chart.as_ref()))?;
    pages::write(target.folder, page)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tone {
    Plain,
    Good,
    Bad,
}

impl Card {
    /// A figure with its name.
    pub fn new(label: impl Into<String>, value: impl Into<String>) -> Card {
        Card { label: label.into(), value: value.into(), note: String::new(), tone: Tone::Plain }
    }

    /// What stands under it.
    pub fn note(self, note: impl Into<String>) -> Card {
        Card { note: note.into(), ..self }
    }

    /// Marks a figure that keeps what it should keep.
    pub fn good(self) -> Card {
        Card { tone: Tone::Good, ..self }
    }

    /// Marks a figure that breaks what it should keep.
    pub fn bad(self) -> Card {
        Card { tone: Tone::Bad, ..self }
    }
}

impl Page {
    /// A page without content.
    pub fn new(title: impl Into<String>) -> Page {
        Page {
            title: title.into(),
            subtitle: String::new(),
            body: String::new(),
            has_explorer: false,
            command: "",
        }
    }

    /// Says which command writes it: the pages of several in one folder then stand side by side.
    pub fn of(self, command: &'static str) -> Page {
        Page { command, ..self }
    }

    /// The line under the title.
    pub fn subtitle(self, subtitle: impl Into<String>) -> Page {
        Page { subtitle: subtitle.into(), ..self }
    }

    /// Adds a heading.
    pub fn heading(mut self, text: &str) -> Page {
        let _ = writeln!(self.body, "<h2>{}</h2>", escape(text));
        self
    }

    /// Adds a paragraph.
    pub fn paragraph(mut self, text: &str) -> Page {
        let _ = writeln!(self.body, "<p>{}</p>", escape(text));
        self
    }

    /// The answer in a sentence: what a page says first.
    pub fn answer(mut self, text: &str) -> Page {
        let _ = writeln!(self.body, "<p class=\"headline\">{}</p>", escape(text));
        self
    }

    /// A paragraph set apart: what the figures do not cover, how they were made.
    pub fn note(mut self, text: &str) -> Page {
        let _ = writeln!(self.body, "<p class=\"note\" role=\"note\">{}</p>", escape(text));
        self
    }

    /// A link to another file, relative to the page.
    pub fn link(mut self, href: &str, text: &str) -> Page {
        let _ = writeln!(self.body, "<p><a href=\"{}\">{}</a></p>", escape(href), escape(text));
        self
    }

    /// Key figures side by side.
    pub fn cards(mut self, cards: &[Card]) -> Page {
        self.body.push_str("<dl class=\"cards\">\n");
        for Card { label, value, note, tone } in cards {
            let tone = match tone {
                Tone::Plain => "plain",
                Tone::Good => "good",
                Tone::Bad => "bad",
            };
            let size = if value.chars().count() > LONG_VALUE { " long" } else { "" };
            let (label, value, note) = (escape(label), escape(value), escape(note));
            let _ = write!(self.body, "<div class=\"{tone}{size}\"><dt>{label}</dt><dd>{value}</dd>");
            if !note.is_empty() {
                let _ = write!(self.body, "<dd class=\"more\">{note}</dd>");
            }
            self.body.push_str("</div>\n");
        }
        self.body.push_str("</dl>\n");
        self
    }

    /// A table; cells that are figures stand right, and a wide table scrolls within its box.
    pub fn table<H: AsRef<str>, C: AsRef<str>>(
        mut self,
        caption: &str,
        headers: &[H],
        rows: &[Vec<C>],
    ) -> Page {
        let cells: Vec<&[C]> = rows.iter().map(Vec::as_slice).collect();
        self.body.push_str(&table(caption, headers, &cells, |row, column| escape(cell(&rows[row], column))));
        self
    }

    /// A table whose rows begin with a link: its address, relative to the page, and the cells.
    pub fn linked_table<H: AsRef<str>, C: AsRef<str>>(
        mut self,
        caption: &str,
        headers: &[H],
        rows: &[(String, Vec<C>)],
    ) -> Page {
        let cells: Vec<&[C]> = rows.iter().map(|(_, cells)| cells.as_slice()).collect();
        let content = |row: usize, column: usize| {
            let (address, cells) = &rows[row];
            let text = escape(cell(cells, column));
            if column == 0 { format!("<a href=\"{}\">{text}</a>", escape(address)) } else { text }
        };
        self.body.push_str(&table(caption, headers, &cells, content));
        self
    }

    /// A chart with a caption (may be empty), drawn for wide screens and once more for phones.
    pub fn chart(mut self, chart: &dyn Chart, caption: &str) -> Page {
        let (wide, narrow) = (chart.draw(Medium::Desktop), chart.draw(Medium::Phone));
        let _ = write!(
            self.body,
            "<figure>\n<div class=\"wide\">{wide}</div>\n<div class=\"narrow\">{narrow}</div>\n"
        );
        if !caption.is_empty() {
            let _ = writeln!(self.body, "<figcaption>{}</figcaption>", escape(caption));
        }
        self.body.push_str("</figure>\n");
        self
    }

    /// Limits to drag over `entries`, which the page then carries. Without scripts nothing is seen of it.
    pub(super) fn explorer(mut self, entries: &[Entry], question: &Question) -> Page {
        if entries.len() > explorer::MOST {
            let (all, most) = (format::count(entries.len() as u64), format::count(explorer::MOST as u64));
            return self.note(&format!(
                "A page carries {most} configurations at most for limits to be dragged over, and there are {all}."
            ));
        }
        self.body.push_str(&explorer::markup(entries, question));
        self.has_explorer = true;
        self
    }

    /// Notes, one below the other.
    pub fn notes(self, notes: Vec<String>) -> Page {
        notes.iter().fold(self, |page, note| page.note(note))
    }

    /// Charts with their captions.
    pub fn figures(self, figures: &[Figure]) -> Page {
        figures.iter().fold(self, |page, figure| page.chart(figure.chart.as_ref(), figure.caption))
    }

    /// The whole page.
    pub fn render(&self) -> String {
        let mark = pages::mark(self.command);
        let (title, subtitle) = (escape(&self.title), escape(&self.subtitle));
        let lead =
            if subtitle.is_empty() { String::new() } else { format!("<p class=\"lead\">{subtitle}</p>\n") };
        let has_chart = self.body.contains("<svg ");
        let mut script = if has_chart { format!("<script>\n{HOVER}</script>\n") } else { String::new() };
        let mut css = style();
        if self.has_explorer {
            css.push_str(explorer::STYLE);
            let _ = write!(script, "<script>\n{}</script>\n", explorer::SCRIPTS.concat());
        }
        format!(
            "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <meta name=\"color-scheme\" content=\"light dark\">\n{mark}<title>{title}</title>\n\
             <style>\n{css}</style>\n</head>\n<body>\n<main>\n<header>\n<h1>{title}</h1>\n{lead}</header>\n\
             {}</main>\n{script}</body>\n</html>\n",
            self.body
        )
    }
}

/// `content` gives the HTML of a cell by row and column; `rows` says which columns are figures. A column without any cell
/// is left out, and the first one names its row.
fn table<H: AsRef<str>, C: AsRef<str>>(
    caption: &str,
    headers: &[H],
    rows: &[&[C]],
    content: impl Fn(usize, usize) -> String,
) -> String {
    let filled = |column: &usize| rows.is_empty() || rows.iter().any(|row| !cell(row, *column).is_empty());
    let columns: Vec<(usize, &str)> =
        (0..headers.len()).filter(filled).map(|column| (column, class(rows, column))).collect();
    let label = escape(caption);
    let mut html = String::new();
    if !caption.is_empty() {
        let _ = writeln!(html, "<p class=\"caption\">{label}</p>");
    }
    let _ = write!(
        html,
        "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"{label}\"><table>\n<thead><tr>"
    );
    for (column, class) in &columns {
        let header = escape(headers[*column].as_ref());
        let tag = if header.is_empty() { "td" } else { "th scope=\"col\"" };
        let _ = write!(html, "<{tag}{class}>{header}</{}>", &tag[..2]);
    }
    html.push_str("</tr></thead>\n<tbody>\n");
    for row in 0..rows.len() {
        html.push_str("<tr>");
        for (column, class) in &columns {
            let tag = if *column == 0 { "th scope=\"row\"" } else { "td" };
            let _ = write!(html, "<{tag}{class}>{}</{}>", content(row, *column), &tag[..2]);
        }
        html.push_str("</tr>\n");
    }
    html.push_str("</tbody>\n</table></div>\n");
    html
}

/// The attribute that sets figures right and lets long text have several lines.
fn class<C: AsRef<str>>(rows: &[&[C]], column: usize) -> &'static str {
    let is_long = rows.iter().any(|row| cell(row, column).chars().count() > LONG_CELL);
    match is_figure_column(rows, column) {
        true => " class=\"n\"",
        false if is_long => " class=\"t\"",
        false => "",
    }
}

fn cell<C: AsRef<str>>(row: &[C], column: usize) -> &str {
    row.get(column).map_or("", AsRef::as_ref)
}

/// Whether a table cell is a figure (with or without a unit) or says that there is none.
pub fn is_numeric(cell: &str) -> bool {
    let text = cell.trim().trim_start_matches(['+', '-', '−', '$', '±', '<', '>', '≤', '≥', '~', ' ']);
    let digits = text.chars().take_while(|c| c.is_ascii_digit() || matches!(c, '.' | ',')).count();
    let rest = text.get(digits..).unwrap_or("").trim();
    let unit = rest.chars().count() <= 6
        && rest.chars().all(|c| c.is_alphabetic() || matches!(c, '%' | '/' | '$' | '×'));
    let interval = !rest.is_empty() && rest.chars().all(|c| !c.is_alphabetic() || "msµhin".contains(c));
    matches!(cell.trim(), "" | "-" | "–" | "—" | "n/a" | "∞")
        || (digits > 0 && text.starts_with(|c: char| c.is_ascii_digit() || c == '.') && (unit || interval))
}

fn is_figure_column<C: AsRef<str>>(rows: &[&[C]], column: usize) -> bool {
    let mut cells = rows.iter().filter_map(|row| row.get(column)).map(AsRef::as_ref);
    !rows.is_empty() && cells.all(is_numeric)
}

fn style() -> String {
    let variables = |of: fn(Colour) -> super::chart::Rgb| {
        let roles = [
            ("ink", Colour::Ink),
            ("muted", Colour::Muted),
            ("grid", Colour::Grid),
            ("faint", Colour::Faint),
            ("surface", Colour::Surface),
            ("accent", Colour::Accent),
            ("good", Colour::Category(2)),
            ("link", Colour::Category(0)),
        ];
        roles.map(|(name, colour)| format!("--{name}:{}", hex(of(colour)))).join(";")
    };
    format!(
        ":root{{{}}}\n@media screen and (prefers-color-scheme:dark){{:root{{{}}}}}\nbody{{font-family:{FONT}}}\n{STYLE}",
        variables(Colour::light),
        variables(Colour::dark)
    )
}

const STYLE: &str = include_str!("page.css");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_escaped_everywhere() {
        let evil = "<b>&\"'";
        let page = Page::new(evil)
            .subtitle(evil)
            .heading(evil)
            .paragraph(evil)
            .note(evil)
            .link(evil, evil)
            .cards(&[Card::new(evil, evil).note(evil)])
            .table(evil, &[evil], &[vec![evil]])
            .render();
        assert!(!page.contains("<b>"));
        // title twice, subtitle, heading, paragraph, note, link twice, card thrice, caption twice, header, row
        assert_eq!(page.matches("&lt;b&gt;&amp;&quot;&#39;").count(), 15);
    }

    #[test]
    fn the_page_stands_alone() {
        let page = Page::new("run").cards(&[Card::new("p95", "138 ms").good()]).render();
        assert!(page.starts_with("<!DOCTYPE html>\n<html lang=\"en\">"));
        assert!(page.contains("name=\"viewport\""));
        for external in ["<script", "<link", "src=", "url(", "@import", "http://", "https://"] {
            assert!(!page.contains(external), "{external}");
        }
        // Either would end the element early.
        for script in [HOVER].into_iter().chain(explorer::SCRIPTS) {
            assert!(!script.contains("</script") && !script.contains("<!--"));
        }
        assert!(!STYLE.contains("</style") && !explorer::STYLE.contains("</style"));
    }

    #[test]
    fn figures_stand_right() {
        for figure in
            ["138 ms", "$0.246", "-5.1 %", "4,512,330", "n/a", "", "1,792 MB", "12.3/s", "0.98 – 1.03 s"]
        {
            assert!(is_numeric(figure), "{figure}");
        }
        for text in ["batch", "p95", "3 days of Twitter traffic", "ms", "µ"] {
            assert!(!is_numeric(text), "{text}");
        }
        let rows = vec![vec!["batch", "138 ms"], vec!["unbatched", "92 ms"]];
        let page = Page::new("t").table("", &["system", "p95"], &rows).render();
        assert!(page.contains("<th scope=\"col\">system</th><th scope=\"col\" class=\"n\">p95</th>"));
        assert!(page.contains("<th scope=\"row\">batch</th><td class=\"n\">138 ms</td>"));
        let rows = vec![vec!["a", "", "words that go on and on, and then some"], vec!["b", "", ""]];
        let page = Page::new("t").table("", &["", "nothing", "much"], &rows).render();
        assert!(
            page.contains("<td></td><th scope=\"col\" class=\"t\">much</th>") && !page.contains("nothing")
        );
    }

    #[test]
    fn characters_that_xml_forbids_are_replaced() {
        assert_eq!(escape("a\u{0}b\u{1b}"), "a\u{fffd}b\u{fffd}");
    }
}
