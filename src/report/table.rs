//! Plain tables for terminals and pipes.

use comfy_table::{CellAlignment, ContentArrangement, Table, presets};

use super::html::is_numeric;
use crate::text::line;

/// A table with one line under its headers and no colours; columns of figures are aligned right.
///
/// Rows shorter than the headers are filled up with empty cells. The text ends with a newline.
pub fn text_table<H: AsRef<str>, C: AsRef<str>>(headers: &[H], rows: &[Vec<C>]) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(headers.iter().map(|header| line(header.as_ref()).into_owned()));
    let width = |column: usize| {
        let cells =
            rows.iter().filter_map(|row| row.get(column)).map(|cell| line(cell.as_ref()).chars().count());
        cells.chain([headers[column].as_ref().chars().count()]).max().unwrap_or(0)
    };
    table.add_row((0..headers.len()).map(|column| "─".repeat(width(column))));
    for row in rows {
        let cell =
            |column: usize| row.get(column).map_or(String::new(), |cell| line(cell.as_ref()).into_owned());
        table.add_row((0..headers.len()).map(cell));
    }
    for column in 0..headers.len() {
        let mut cells = rows.iter().filter_map(|row| row.get(column)).map(AsRef::as_ref);
        if let Some(column) = table.column_mut(column).filter(|_| !rows.is_empty() && cells.all(is_numeric)) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    let lines = table.lines().map(|line| line.trim_end().to_owned() + "\n");
    lines.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_stand_right_and_text_left() {
        let rows = vec![vec!["batch", "138 ms", "$0.246"], vec!["unbatched", "92 ms", "$1.10"]];
        let text = text_table(&["system", "p95", "cost"], &rows);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 4, "{text}");
        assert!(lines[2].starts_with(" batch"), "{text}");
        assert!(lines[2].ends_with("138 ms  $0.246"), "{text}");
        assert!(lines[3].ends_with(" 92 ms   $1.10"), "{text}");
        assert!(!text.contains('\u{1b}'));
    }

    #[test]
    fn ragged_and_empty_tables_are_drawn() {
        assert!(text_table(&["a", "b"], &[vec!["1"]]).contains('1'));
        assert!(text_table::<_, &str>(&["a", "b"], &[]).contains('b'));
    }
}
