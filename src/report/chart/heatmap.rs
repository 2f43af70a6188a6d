//! A value for each pair of two ordered settings, as colours with a scale.

use super::axis::{Axis, Scale};
use super::canvas::{Anchor, Canvas, Lettering, Paint};
use super::frame::{self, Area, Entry, Margins, SMALL, Symbol};
use super::theme::{self, Colour, text_width};
use super::{Chart, Medium, spoken};

/// A heat map. Rows run from bottom to top, columns from left to right.
#[derive(Debug, Clone)]
pub struct HeatMap {
    title: String,
    subtitle: String,
    column_title: String,
    columns: Vec<String>,
    row_title: String,
    rows: Vec<String>,
    value: Axis,
    format: fn(f64) -> String,
    cells: Vec<Vec<Cell>>,
    told: Vec<Vec<String>>,
    best: Option<(usize, usize)>,
    best_label: String,
    infeasible_label: String,
    notes: Vec<String>,
}

/// One cell of a heat map.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Cell {
    /// Has a value.
    Value(f64),
    /// Has a value, but breaks a constraint: hatched, and without influence on the colours.
    Infeasible(f64),
    /// Has none.
    Missing,
}

impl HeatMap {
    /// `value` names the quantity and decides whether the colours follow it or its logarithm; `format` writes
    /// it in cells and hover texts.
    pub fn new(title: impl Into<String>, value: Axis, format: fn(f64) -> String) -> HeatMap {
        HeatMap {
            title: title.into(),
            subtitle: String::new(),
            column_title: String::new(),
            columns: Vec::new(),
            row_title: String::new(),
            rows: Vec::new(),
            value: value.tight(),
            format,
            cells: Vec::new(),
            told: Vec::new(),
            best: None,
            best_label: String::new(),
            infeasible_label: "infeasible".to_owned(),
            notes: Vec::new(),
        }
    }

    /// The line under the title.
    pub fn subtitle(self, subtitle: impl Into<String>) -> HeatMap {
        HeatMap { subtitle: subtitle.into(), ..self }
    }

    /// The setting along the horizontal axis with its values' names.
    pub fn columns(self, title: impl Into<String>, columns: Vec<String>) -> HeatMap {
        HeatMap { column_title: title.into(), columns, ..self }
    }

    /// The setting along the vertical axis with its values' names, and for each the cells by column; cells that
    /// are not given are missing.
    pub fn rows(self, title: impl Into<String>, rows: Vec<(String, Vec<Cell>)>) -> HeatMap {
        let (rows, cells) = rows.into_iter().unzip();
        HeatMap { row_title: title.into(), rows, cells, ..self }
    }

    /// What is told of each cell by row and column, instead of its row, column and value.
    pub fn told(self, told: Vec<Vec<String>>) -> HeatMap {
        HeatMap { told, ..self }
    }

    /// Rings a cell.
    pub fn best(self, row: usize, column: usize, label: impl Into<String>) -> HeatMap {
        HeatMap { best: Some((row, column)), best_label: label.into(), ..self }
    }

    /// What the legend calls infeasible cells, such as "p95 above 500 ms".
    pub fn infeasible(self, label: impl Into<String>) -> HeatMap {
        HeatMap { infeasible_label: label.into(), ..self }
    }

    /// A line of small print below the chart.
    pub fn note(mut self, note: impl Into<String>) -> HeatMap {
        self.notes.push(note.into());
        self
    }

    fn cell(&self, row: usize, column: usize) -> Cell {
        let cell = self.cells.get(row).and_then(|cells| cells.get(column)).copied().unwrap_or(Cell::Missing);
        match cell {
            Cell::Value(value) if !self.value.can_show(value) => Cell::Missing,
            Cell::Infeasible(value) if !value.is_finite() => Cell::Missing,
            cell => cell,
        }
    }

    fn all_cells(&self) -> impl Iterator<Item = (usize, usize, Cell)> {
        (0..self.rows.len()).flat_map(move |r| (0..self.columns.len()).map(move |c| (r, c, self.cell(r, c))))
    }

    fn entries(&self) -> Vec<Entry> {
        let mut entries = Vec::new();
        if self.best.is_some() {
            entries.push(Entry { symbol: Symbol::Ring(Colour::Accent), text: self.best_label.clone() });
        }
        if self.all_cells().any(|(_, _, cell)| matches!(cell, Cell::Infeasible(_))) {
            entries.push(Entry { symbol: Symbol::Hatched, text: self.infeasible_label.clone() });
        }
        if self.all_cells().any(|(_, _, cell)| cell == Cell::Missing) {
            entries.push(Entry { symbol: Symbol::Patch(Colour::Faint, 1.0), text: "no value".to_owned() });
        }
        entries
    }

    fn place(&self, area: &Area, row: usize, column: usize) -> Area {
        let (w, h) = (area.width() / self.columns.len() as f64, area.height() / self.rows.len() as f64);
        let (left, bottom) = (area.left + w * column as f64, area.bottom - h * row as f64);
        // A hairline of background between cells, unless they are tiny.
        let gap = if w.min(h) > 8.0 { 0.75 } else { 0.0 };
        Area { left: left + gap, right: left + w - gap, top: bottom - h + gap, bottom: bottom - gap }
    }

    fn hover(&self, row: usize, column: usize, cell: Cell) -> String {
        if let Some(told) = self.told.get(row).and_then(|row| row.get(column)) {
            return told.clone();
        }
        let value = match cell {
            Cell::Value(value) => (self.format)(value),
            Cell::Infeasible(value) => format!("{} ({})", (self.format)(value), self.infeasible_label),
            Cell::Missing => "no value".to_owned(),
        };
        let (row_title, column_title) = (&self.row_title, &self.column_title);
        let (row, column) = (&self.rows[row], &self.columns[column]);
        format!("{row_title} {row}, {column_title} {column}\n{value}")
    }

    fn draw_cells(&self, canvas: &mut Canvas, area: &Area, scale: Option<&Scale>) {
        let widest = self.all_cells().filter_map(|(_, _, cell)| match cell {
            Cell::Value(value) => Some(text_width(&(self.format)(value), SMALL - 1.0)),
            _ => None,
        });
        let slot = self.place(area, 0, 0);
        let has_text = widest.fold(0.0, f64::max) + 2.0 <= slot.width() && slot.height() >= SMALL + 3.0;
        let mut infeasible = Vec::new();
        for (row, column, cell) in self.all_cells() {
            let at = self.place(area, row, column);
            let (corner, opposite) = ((at.left, at.top), (at.right, at.bottom));
            canvas.titled(&self.hover(row, column, cell), |canvas| match (cell, scale) {
                (Cell::Value(value), Some(scale)) => canvas.fixed(|canvas| {
                    let rgb = theme::heat(scale.fraction(value));
                    canvas.rectangle(corner, opposite, Paint::fixed(rgb));
                    if has_text {
                        let paint = Paint::fixed(theme::readable_on(rgb));
                        let lettering = Lettering::new(SMALL - 1.0, Colour::Ink).painted(paint);
                        canvas.text(&(self.format)(value), at.middle(), Anchor::Middle, lettering);
                    }
                }),
                (Cell::Infeasible(_), _) => {
                    canvas.rectangle(corner, opposite, Colour::Unavailable);
                    infeasible.push(at);
                }
                _ => canvas.rectangle(corner, opposite, Colour::Faint),
            });
        }
        if !infeasible.is_empty() {
            frame::hatch(canvas, &infeasible);
        }
        if let Some((row, column)) = self.best.filter(|b| b.0 < self.rows.len() && b.1 < self.columns.len()) {
            let at = self.place(area, row, column);
            ring_cell(canvas, &at);
        }
    }

    fn draw_names(&self, canvas: &mut Canvas, area: &Area) {
        let lettering = Lettering::new(SMALL, Colour::Muted);
        let widest = self.columns.iter().map(|name| text_width(name, SMALL)).fold(0.0, f64::max);
        let every = frame::thinning(widest + 8.0, area.width() / self.columns.len() as f64);
        for column in (0..self.columns.len()).step_by(every) {
            let at = (self.place(area, 0, column).middle().0, area.bottom + 13.0);
            canvas.text(&self.columns[column], at, Anchor::Middle, lettering);
        }
        let every = frame::thinning(SMALL + 3.0, area.height() / self.rows.len() as f64);
        for row in (0..self.rows.len()).step_by(every) {
            let at = (area.left - 8.0, self.place(area, row, 0).middle().1);
            canvas.text(&self.rows[row], at, Anchor::End, lettering);
        }
        frame::title_x(canvas, area, &self.column_title);
        frame::title_y(canvas, area, &self.row_title);
    }

    /// The colour scale, a bar lying at `top`; returns its lower end.
    fn draw_scale(&self, canvas: &mut Canvas, area: &Area, scale: &Scale, top: f64) -> f64 {
        let (slices, bar) = (48, Area { top: top + 16.0, bottom: top + 27.0, ..*area });
        let place = |index: usize| bar.left + bar.width() * index as f64 / slices as f64;
        let ticks = frame::horizontal_ticks(&self.value, scale, bar.width());
        let lettering = Lettering::new(SMALL + 0.5, Colour::Ink);
        canvas.text(&self.value.titled(&ticks), (bar.left, top + 5.0), Anchor::Start, lettering);
        canvas.fixed(|canvas| {
            for index in 0..slices {
                // Slices overlap a little, else hairlines show between them.
                let right = (place(index + 1) + 0.5).min(bar.right);
                let paint = Paint::fixed(theme::heat((index as f64 + 0.5) / slices as f64));
                canvas.rectangle((place(index), bar.top), (right, bar.bottom), paint);
            }
        });
        for (value, _) in &ticks.major {
            let x = bar.x(scale, *value);
            canvas.line((x, bar.bottom), (x, bar.bottom + 4.0), Colour::Muted, 1.0);
        }
        frame::labels_x(canvas, &bar, scale, &ticks, bar.right + 16.0);
        bar.bottom + 26.0
    }
}

impl Chart for HeatMap {
    fn title(&self) -> &str {
        &self.title
    }

    fn draw(&self, medium: Medium) -> String {
        let width = medium.width();
        let entries = self.entries();
        let names = self.rows.iter().map(|name| text_width(name, SMALL)).fold(0.0, f64::max);
        let margins = Margins::new(width, names.min(width * 0.3), &entries);
        let mut canvas = Canvas::new(medium);
        let top = frame::header(&mut canvas, &self.title, &self.subtitle, &margins);
        let rows = self.rows.len() as f64;
        let height = (rows * 34.0).clamp(120.0, if width < 560.0 { 300.0 } else { 400.0 });
        let area = Area { left: margins.left, right: margins.right, top, bottom: top + height };
        let values = self.all_cells().filter_map(|(_, _, cell)| match cell {
            Cell::Value(value) => Some(value),
            _ => None,
        });
        let scale = self.value.scale(values);
        let mut end = area.bottom + 50.0;
        if self.rows.is_empty() || self.columns.is_empty() {
            frame::no_data(&mut canvas, &area);
        } else {
            self.draw_cells(&mut canvas, &area, scale.as_ref());
            self.draw_names(&mut canvas, &area);
        }
        if let Some(scale) = &scale {
            end = self.draw_scale(&mut canvas, &area, scale, end);
        }
        if margins.legend_is_beside() {
            end = end.max(frame::legend(&mut canvas, &entries, &margins, area.top));
        } else {
            end = frame::legend(&mut canvas, &entries, &margins, end);
        }
        end = frame::notes(&mut canvas, &self.notes, width, end);
        canvas.finish(width, end, &spoken(&self.title, &self.subtitle))
    }
}

fn ring_cell(canvas: &mut Canvas, at: &Area) {
    let grown = |by: f64| {
        let (left, right, top, bottom) = (at.left - by, at.right + by, at.top - by, at.bottom + by);
        [(left, top), (right, top), (right, bottom), (left, bottom), (left, top)]
    };
    canvas.polyline(&grown(1.0), Colour::Surface, 4.5);
    canvas.polyline(&grown(1.0), Colour::Accent, 2.5);
}
