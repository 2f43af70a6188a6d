//! Bars over categories: side by side (distributions) or stacked (cost by component), upright or lying.

use super::axis::{Axis, Scale};
use super::canvas::{Anchor, Canvas, Lettering};
use super::frame::{self, Area, Entry, Margins, SMALL, Symbol};
use super::theme::{Colour, fitted, text_width};
use super::ticks::Ticks;
use super::{Chart, Medium, spoken};

/// A bar chart: one value for each category and series.
#[derive(Debug, Clone)]
pub struct BarChart {
    title: String,
    subtitle: String,
    category_title: String,
    categories: Vec<String>,
    value: Axis,
    series: Vec<(String, Vec<f64>)>,
    arrangement: Arrangement,
    direction: Direction,
    format: fn(f64) -> String,
    notes: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Arrangement {
    SideBySide,
    Stacked,
    Waterfall,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Direction {
    Upright,
    Lying,
}

/// One bar or one part of a stack, in values.
struct Bar {
    category: usize,
    series: usize,
    from: f64,
    to: f64,
    /// Place within the category's slot: 0 to 1.
    begin: f64,
    end: f64,
}

impl BarChart {
    /// Upright bars, side by side within a category. `format` writes the values on bars and in hover texts.
    pub fn new(
        title: impl Into<String>,
        category_title: impl Into<String>,
        categories: Vec<String>,
        value: Axis,
        format: fn(f64) -> String,
    ) -> BarChart {
        BarChart {
            title: title.into(),
            subtitle: String::new(),
            category_title: category_title.into(),
            categories,
            value: value.from_zero(),
            series: Vec::new(),
            arrangement: Arrangement::SideBySide,
            direction: Direction::Upright,
            format,
            notes: Vec::new(),
        }
    }

    /// The line under the title.
    pub fn subtitle(self, subtitle: impl Into<String>) -> BarChart {
        BarChart { subtitle: subtitle.into(), ..self }
    }

    /// One value for each category; missing ones and values that are no number are left out.
    pub fn series(mut self, label: impl Into<String>, values: Vec<f64>) -> BarChart {
        self.series.push((label.into(), values));
        self
    }

    /// The series' values on top of one another, with the total at the end.
    pub fn stacked(self) -> BarChart {
        BarChart { arrangement: Arrangement::Stacked, ..self }
    }

    /// Each value from where the one before it ended; the last category is their sum, and stands by itself.
    pub fn waterfall(self) -> BarChart {
        BarChart { arrangement: Arrangement::Waterfall, ..self }
    }

    /// Bars to the right, one category below the other, as suits long names.
    pub fn lying(self) -> BarChart {
        BarChart { direction: Direction::Lying, ..self }
    }

    /// A line of small print below the chart.
    pub fn note(mut self, note: impl Into<String>) -> BarChart {
        self.notes.push(note.into());
        self
    }

    fn bars(&self) -> Vec<Bar> {
        let mut bars = Vec::new();
        let side = self.series.len().max(1) as f64;
        let mut reached = 0.0;
        for category in 0..self.categories.len() {
            let (mut above, mut below) = (0.0, 0.0);
            for (series, (_, values)) in self.series.iter().enumerate() {
                let Some(value) = values.get(category).copied().filter(|v| v.is_finite()) else { continue };
                bars.push(match self.arrangement {
                    Arrangement::SideBySide => {
                        let place = |index: usize| 0.12 + 0.76 * index as f64 / side;
                        let (begin, end) = (place(series), place(series + 1));
                        Bar { category, series, from: 0.0, to: value, begin, end }
                    }
                    Arrangement::Waterfall => {
                        let from = if category + 1 == self.categories.len() { 0.0 } else { reached };
                        reached = from + value;
                        Bar { category, series, from, to: reached, begin: 0.16, end: 0.84 }
                    }
                    Arrangement::Stacked => {
                        let base = if value < 0.0 { &mut below } else { &mut above };
                        let from = *base;
                        *base += value;
                        Bar { category, series, from, to: *base, begin: 0.16, end: 0.84 }
                    }
                });
            }
        }
        bars
    }

    /// What is written at the end of bars: (category, place in its slot, value).
    fn written(&self, bars: &[Bar]) -> Vec<(usize, f64, f64)> {
        let mut written: Vec<(usize, f64, f64)> = Vec::new();
        for bar in bars {
            match (self.arrangement, written.last_mut()) {
                (Arrangement::Stacked, Some(last)) if last.0 == bar.category => last.2 = last.2.max(bar.to),
                _ => written.push((bar.category, (bar.begin + bar.end) / 2.0, bar.to)),
            }
        }
        written
    }

    fn entries(&self) -> Vec<Entry> {
        let named = self.series.iter().enumerate().filter(|(_, (label, _))| !label.is_empty());
        named
            .map(|(i, (label, _))| Entry {
                symbol: Symbol::Patch(Colour::Category(i), 1.0),
                text: label.clone(),
            })
            .collect()
    }

    fn hover(&self, bar: &Bar) -> String {
        let (label, values) = &self.series[bar.series];
        let value = (self.format)(values[bar.category]);
        let category = &self.categories[bar.category];
        if label.is_empty() {
            format!("{category}\n{value}")
        } else {
            format!("{category}\n{label}: {value}")
        }
    }

    /// A point given its place along the categories and its value.
    fn place(&self, area: &Area, scale: &Scale, category: usize, within: f64, value: f64) -> (f64, f64) {
        let along = (category as f64 + within) / self.categories.len() as f64;
        match self.direction {
            Direction::Upright => (area.left + along * area.width(), area.y(scale, value)),
            Direction::Lying => (area.x(scale, value), area.top + along * area.height()),
        }
    }

    fn draw_data(&self, canvas: &mut Canvas, area: &Area, scale: &Scale, bars: &[Bar]) {
        // A stack has no parts of nothing.
        let stacked = self.arrangement != Arrangement::SideBySide;
        for bar in bars.iter().filter(|bar| !stacked || bar.from != bar.to) {
            let corner = self.place(area, scale, bar.category, bar.begin, bar.from);
            let opposite = self.place(area, scale, bar.category, bar.end, bar.to);
            canvas.titled(&self.hover(bar), |canvas| {
                canvas.rectangle(corner, opposite, Colour::Category(bar.series));
            });
        }
        let slot = area.width() / self.categories.len() as f64;
        let beside = if self.arrangement != Arrangement::SideBySide { 1 } else { self.series.len() };
        let written = self.written(bars);
        let widest = written.iter().map(|w| text_width(&(self.format)(w.2), SMALL - 1.0)).fold(0.0, f64::max);
        if self.direction == Direction::Upright && widest > slot * 0.76 / beside as f64 + 6.0 {
            return;
        }
        let falls = |category| self.arrangement == Arrangement::Waterfall && self.series[0].1[category] < 0.0;
        for (category, within, value) in written {
            let (x, y) = self.place(area, scale, category, within, value);
            let text = match self.arrangement {
                Arrangement::Waterfall => (self.format)(self.series[0].1[category]),
                Arrangement::SideBySide | Arrangement::Stacked => (self.format)(value),
            };
            let lettering = Lettering::new(SMALL - 1.0, Colour::Ink);
            // Beyond the bar's end, which a falling bar has below.
            let beyond = if falls(category) { 11.0 } else { -9.0 };
            match self.direction {
                Direction::Upright => canvas.text(&text, (x, y + beyond), Anchor::Middle, lettering),
                Direction::Lying => canvas.text(&text, (x + 6.0, y), Anchor::Start, lettering),
            }
        }
    }

    /// Names below upright bars: as many as fit, evenly thinned.
    fn categories_below(&self, canvas: &mut Canvas, area: &Area) {
        let slot = area.width() / self.categories.len() as f64;
        let widest = self.categories.iter().map(|name| text_width(name, SMALL)).fold(0.0, f64::max);
        let every = frame::thinning(widest.min(area.width() / 3.0) + 8.0, slot);
        for (index, name) in self.categories.iter().enumerate().step_by(every) {
            let at = (area.left + (index as f64 + 0.5) * slot, area.bottom + 14.0);
            let name = fitted(name, SMALL, slot * every as f64);
            canvas.text(&name, at, Anchor::Middle, Lettering::new(SMALL, Colour::Muted));
        }
        frame::title_x(canvas, area, &self.category_title);
    }

    fn draw_upright(&self, canvas: &mut Canvas, area: &Area, scale: &Scale, ticks: &Ticks) {
        frame::grid_y(canvas, area, scale, ticks);
        frame::labels_y(canvas, area, scale, ticks);
        frame::title_y(canvas, area, &self.value.titled(ticks));
        self.categories_below(canvas, area);
    }

    fn draw_lying(&self, canvas: &mut Canvas, area: &Area, scale: &Scale) {
        let ticks = frame::horizontal_ticks(&self.value, scale, area.width());
        frame::grid_x(canvas, area, scale, &ticks);
        frame::labels_x(canvas, area, scale, &ticks, area.right + 16.0);
        frame::title_x(canvas, area, &self.value.titled(&ticks));
        for (index, name) in self.categories.iter().enumerate() {
            let at = self.place(area, scale, index, 0.5, scale.low);
            let name = fitted(name, SMALL, area.left - 20.0);
            canvas.text(&name, (area.left - 8.0, at.1), Anchor::End, Lettering::new(SMALL, Colour::Ink));
        }
    }

    fn area(&self, margins: &Margins, top: f64) -> Area {
        let narrow = !margins.legend_is_beside();
        let height = match self.direction {
            Direction::Upright if narrow => 240.0,
            Direction::Upright => 320.0,
            Direction::Lying => {
                let beside =
                    if self.arrangement != Arrangement::SideBySide { 1 } else { self.series.len().max(1) };
                (self.categories.len() as f64 * (14.0 + 20.0 * beside as f64)).max(60.0)
            }
        };
        Area { left: margins.left, right: margins.right, top, bottom: top + height }
    }

    fn margins(&self, width: f64, ticks: Option<&Ticks>, entries: &[Entry]) -> Margins {
        match self.direction {
            Direction::Upright => Margins::new(width, ticks.map_or(20.0, frame::label_width), entries),
            Direction::Lying => {
                let names = self.categories.iter().map(|name| text_width(name, SMALL)).fold(0.0, f64::max);
                // No rotated title stands left of the names.
                Margins::new(width, names.min(width * 0.32) - 14.0, entries)
            }
        }
    }
}

impl Chart for BarChart {
    fn title(&self) -> &str {
        &self.title
    }

    fn draw(&self, medium: Medium) -> String {
        let width = medium.width();
        let (bars, entries) = (self.bars(), self.entries());
        let scale = self.value.scale(bars.iter().flat_map(|bar| [bar.from, bar.to]));
        let ticks = scale.map(|scale| frame::vertical_ticks(&self.value, &scale, 300.0));
        let margins = self.margins(width, ticks.as_ref(), &entries);
        let mut canvas = Canvas::new(medium);
        let top = frame::header(&mut canvas, &self.title, &self.subtitle, &margins);
        let area = self.area(&margins, top + 6.0);
        match (scale, &ticks) {
            (Some(scale), Some(ticks)) => {
                let written = self.written(&bars);
                let label = |w: &(usize, f64, f64)| text_width(&(self.format)(w.2), SMALL - 1.0);
                let room = written.iter().map(label).fold(0.0, f64::max) + 8.0;
                let inner = match self.direction {
                    Direction::Upright => area,
                    Direction::Lying => Area { right: area.right - room, ..area },
                };
                match self.direction {
                    Direction::Upright => self.draw_upright(&mut canvas, &inner, &scale, ticks),
                    Direction::Lying => self.draw_lying(&mut canvas, &inner, &scale),
                }
                self.draw_data(&mut canvas, &inner, &scale, &bars);
            }
            _ => frame::no_data(&mut canvas, &area),
        }
        let mut end = area.bottom + 50.0;
        if margins.legend_is_beside() {
            end = end.max(frame::legend(&mut canvas, &entries, &margins, area.top));
        } else {
            end = frame::legend(&mut canvas, &entries, &margins, end);
        }
        end = frame::notes(&mut canvas, &self.notes, width, end);
        canvas.finish(width, end, &spoken(&self.title, &self.subtitle))
    }
}
