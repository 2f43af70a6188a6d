//! Drawing line charts.

use super::{Course, Fill, LineChart, Panel, Series, Stroke};
use crate::report::chart::axis::Scale;
use crate::report::chart::canvas::{Anchor, Canvas, Lettering, Paint};
use crate::report::chart::frame::{self, Area, Entry, Margins, SMALL, Symbol};
use crate::report::chart::readings::{Readings, apart};
use crate::report::chart::theme::{Colour, text_width};
use crate::report::chart::ticks::Ticks;
use crate::report::chart::{Chart, Medium, spoken};

/// A panel with its range and ticks; `None` where it has nothing to show.
struct Prepared<'a> {
    panel: &'a Panel,
    range: Option<(Scale, Ticks)>,
    entries: Vec<Entry>,
    first_colour: usize,
}

impl Chart for LineChart {
    fn title(&self) -> &str {
        &self.title
    }

    fn draw(&self, medium: Medium) -> String {
        let width = medium.width();
        let height = self.heights(width);
        let panels = self.prepare(height);
        let all: Vec<Entry> = panels.iter().flat_map(|p| p.entries.clone()).collect();
        let labels = panels.iter().filter_map(|p| p.range.as_ref()).map(|(_, t)| frame::label_width(t));
        let margins = Margins::new(width, labels.fold(20.0, f64::max), &all);
        let mut canvas = Canvas::new(medium);
        let mut top = frame::header(&mut canvas, &self.title, &self.subtitle, &margins);
        let mut area = Area { left: margins.left, right: margins.right, top, bottom: top + height };
        let x = self.scale_x().map(|s| (s, frame::horizontal_ticks(&self.x, &s, area.width())));
        let (placed, rows) = x.as_ref().map_or((Vec::new(), 0), |(s, _)| self.mark_labels(&area, s));
        area.top += 16.0 * rows as f64;
        let head = area.top;
        for prepared in &panels {
            area.bottom = area.top + height;
            let drawn = match (&x, &prepared.range) {
                (Some(x), Some(_)) => self.draw_panel(&mut canvas, &area, x, prepared),
                _ => {
                    frame::no_data(&mut canvas, &area);
                    area.bottom
                }
            };
            if margins.legend_is_beside() {
                let end = frame::legend(&mut canvas, &prepared.entries, &margins, area.top);
                area.bottom = area.bottom.max(end).max(drawn);
            }
            (top, area.top) = (area.bottom, area.bottom + 22.0);
        }
        if let Some((scale, ticks)) = &x {
            let foot = Area { top: head, bottom: top, ..area };
            frame::labels_x(&mut canvas, &foot, scale, ticks, width);
            frame::title_x(&mut canvas, &foot, &self.x.titled(ticks));
            self.draw_marks(&mut canvas, &foot, scale, &placed);
        }
        let mut end = top + 50.0;
        if !margins.legend_is_beside() {
            // Panels may share names.
            let mut distinct: Vec<Entry> = Vec::new();
            all.into_iter().for_each(|entry| {
                if !distinct.contains(&entry) {
                    distinct.push(entry);
                }
            });
            end = frame::legend(&mut canvas, &distinct, &margins, end);
        }
        let notes: Vec<String> = self.notes.iter().cloned().chain(frame::left_out(self.hidden())).collect();
        end = frame::notes(&mut canvas, &notes, width, end);
        canvas.finish(width, end, &spoken(&self.title, &self.subtitle))
    }
}

impl LineChart {
    fn prepare(&self, height: f64) -> Vec<Prepared<'_>> {
        let mut first_colour = 0;
        let prepare = |panel| {
            let panel: &Panel = panel;
            let mut values = panel.values_y().filter(|y| panel.y.can_show(*y)).peekable();
            // A little more than the mark, lest its line coincide with the frame.
            let marks = panel.marks.iter().flat_map(|mark| [mark.0, mark.0 * 1.04]);
            let scale = values.peek().is_some().then(|| panel.y.scale(values.chain(marks))).flatten();
            let range = scale.map(|s| (s, frame::vertical_ticks(&panel.y, &s, height)));
            let prepared = Prepared { panel, range, entries: panel.entries(first_colour), first_colour };
            first_colour += panel.series.len();
            prepared
        };
        self.panels.iter().map(prepare).collect()
    }

    fn draw_panel(&self, canvas: &mut Canvas, area: &Area, x: &(Scale, Ticks), prepared: &Prepared) -> f64 {
        let Some((y, ticks)) = &prepared.range else { return area.bottom };
        let panel = prepared.panel;
        frame::grid_x(canvas, area, &x.0, &x.1);
        frame::grid_y(canvas, area, y, ticks);
        frame::labels_y(canvas, area, y, ticks);
        frame::title_y(canvas, area, &panel.y.titled(ticks));
        frame::outline(canvas, area);
        for (value, label) in panel.marks.iter().filter(|mark| panel.y.can_show(mark.0)) {
            let at = area.y(y, *value);
            canvas.titled(label, |canvas| {
                canvas.dashed(|canvas| canvas.line((area.left, at), (area.right, at), Colour::Accent, 1.6));
            });
        }
        let place = |(at, value): (f64, f64)| {
            let shown = self.x.can_show(at) && panel.y.can_show(value);
            shown.then(|| (area.x(&x.0, at), area.y(y, value)))
        };
        for (index, series) in panel.series.iter().enumerate() {
            let colour = series.colour.unwrap_or(Colour::Category(prepared.first_colour + index));
            draw_band(canvas, series, colour, place);
            let placed = series.points.iter().filter_map(|point| Some((place(*point)?, *point)));
            let readings = Readings {
                name: &series.label,
                axes: (&self.x, &panel.y),
                holds: series.course == Course::Steps,
                points: apart(placed),
            };
            canvas.told(&readings, |canvas| draw_series(canvas, series, colour, area.bottom, place));
        }
        area.bottom
    }

    fn draw_marks(&self, canvas: &mut Canvas, area: &Area, scale: &Scale, placed: &[(f64, usize)]) {
        let shown = self.marks.iter().filter(|mark| self.x.can_show(mark.0));
        for ((value, label), (label_x, row)) in shown.zip(placed) {
            let (x, label_y) = (area.x(scale, *value), area.top - 9.0 - 16.0 * *row as f64);
            canvas.dashed(|canvas| canvas.line((x, area.top), (x, area.bottom), Colour::Accent, 1.6));
            let lettering = Lettering::new(SMALL, Colour::Accent);
            canvas.text(label, (*label_x, label_y), Anchor::Middle, lettering);
        }
    }

    fn scale_x(&self) -> Option<Scale> {
        let visible = |panel: &Panel, y: f64| panel.y.can_show(y);
        let points = self.panels.iter().flat_map(|panel| {
            let shown = panel.series.iter().flat_map(|s| &s.points).filter(move |p| visible(panel, p.1));
            shown.map(|p| p.0).chain(panel.series.iter().flat_map(|s| s.band.iter().map(|b| b.0)))
        });
        let marks = self.marks.iter().map(|mark| mark.0);
        let mut points = points.filter(|x| self.x.can_show(*x)).peekable();
        points.peek().is_some().then(|| self.x.scale(points.chain(marks))).flatten()
    }

    fn hidden(&self) -> usize {
        let hidden = |panel: &Panel| {
            let points = panel.series.iter().flat_map(|s| &s.points);
            points.filter(|p| !self.x.can_show(p.0) || !panel.y.can_show(p.1)).count()
        };
        self.panels.iter().map(hidden).sum()
    }

    /// Labels of the vertical marks above the plot, each in the first row where it touches no other.
    fn mark_labels(&self, area: &Area, scale: &Scale) -> (Vec<(f64, usize)>, usize) {
        let mut rows: Vec<Vec<(f64, f64)>> = Vec::new();
        let placed = self.marks.iter().filter(|mark| self.x.can_show(mark.0)).map(|(value, label)| {
            let half = text_width(label, SMALL) / 2.0;
            let x = area
                .x(scale, *value)
                .max(half + 4.0)
                .min(area.right.max(area.left + 2.0 * half) + 12.0 - half);
            let free =
                |row: &Vec<(f64, f64)>| row.iter().all(|(l, r)| x + half + 6.0 < *l || x - half > *r + 6.0);
            let row = rows.iter().position(free).unwrap_or(rows.len());
            if row == rows.len() {
                rows.push(Vec::new());
            }
            rows[row].push((x - half, x + half));
            (x, row)
        });
        let placed: Vec<(f64, usize)> = placed.collect();
        (placed, rows.len())
    }

    fn heights(&self, width: f64) -> f64 {
        let whole = if width < 560.0 { 240.0 } else { 340.0 };
        match self.panels.len() {
            0 | 1 => whole,
            2 => whole * 0.56,
            _ => whole * 0.44,
        }
    }
}

impl Panel {
    fn values_y(&self) -> impl Iterator<Item = f64> {
        let points = self.series.iter().flat_map(|s| s.points.iter().map(|p| p.1));
        let bands = self.series.iter().flat_map(|s| s.band.iter().flat_map(|b| [b.1, b.2]));
        points.chain(bands)
    }

    fn entries(&self, first: usize) -> Vec<Entry> {
        let named = self.series.iter().enumerate().filter(|(_, series)| !series.label.is_empty());
        let lines = named.map(|(index, series)| {
            let colour = series.colour.unwrap_or(Colour::Category(first + index));
            let symbol = match series.stroke {
                Stroke::Solid => Symbol::Line(colour),
                Stroke::Dashed => Symbol::Dashed(colour),
                Stroke::Pattern(number) => Symbol::Patterned(colour, number),
            };
            Entry { symbol, text: series.label.clone() }
        });
        let marks = self.marks.iter().map(|(_, label)| mark_entry(label));
        lines.chain(marks).collect()
    }
}

fn mark_entry(label: &str) -> Entry {
    Entry { symbol: Symbol::Dashed(Colour::Accent), text: label.to_owned() }
}

fn draw_band(
    canvas: &mut Canvas,
    series: &Series,
    colour: Colour,
    place: impl Fn((f64, f64)) -> Option<(f64, f64)>,
) {
    let edge = |(x, low, high): &(f64, f64, f64)| place((*x, *low)).zip(place((*x, *high)));
    let edges: Vec<((f64, f64), (f64, f64))> = series.band.iter().filter_map(edge).collect();
    if edges.len() > 1 {
        let lower: Vec<(f64, f64)> = edges.iter().map(|edge| edge.0).collect();
        let upper = edges.iter().rev().map(|edge| edge.1);
        let outline: Vec<(f64, f64)> = lower.into_iter().chain(upper).collect();
        canvas.polygon(&outline, Paint::from(colour).opacity(0.18));
    }
}

/// Draws each unbroken stretch of the series; a stretch of one point becomes a dot.
fn draw_series(
    canvas: &mut Canvas,
    series: &Series,
    colour: Colour,
    foot: f64,
    place: impl Fn((f64, f64)) -> Option<(f64, f64)>,
) {
    let placed: Vec<Option<(f64, f64)>> = series.points.iter().map(|point| place(*point)).collect();
    for run in placed.split(Option::is_none) {
        let run: Vec<(f64, f64)> = run.iter().copied().flatten().collect();
        let (Some(first), Some(last)) = (run.first().copied(), run.last().copied()) else { continue };
        if run.len() == 1 {
            canvas.disc(first, 3.5, colour);
            continue;
        }
        let path = match series.course {
            Course::Straight => thinned(&run),
            Course::Steps => stepped(&thinned(&run)),
        };
        if series.fill == Fill::ToFoot {
            let outline: Vec<_> = path.iter().copied().chain([(last.0, foot), (first.0, foot)]).collect();
            canvas.polygon(&outline, Paint::from(colour).opacity(0.15));
        }
        match series.stroke {
            Stroke::Solid => canvas.polyline(&path, colour, 2.0),
            Stroke::Dashed => canvas.dashed(|canvas| canvas.polyline(&path, colour, 2.0)),
            Stroke::Pattern(number) => canvas.patterned(number, |canvas| canvas.polyline(&path, colour, 2.0)),
        }
    }
}

fn stepped(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let mut path = points[..1].to_vec();
    for pair in points.windows(2) {
        path.extend([(pair[1].0, pair[0].1), pair[1]]);
    }
    path
}

/// At most four points to a pixel column (first, highest, lowest, last), which draw the same picture.
fn thinned(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let mut kept = Vec::new();
    for column in points.chunk_by(|a, b| a.0.floor() == b.0.floor()) {
        if column.len() <= 4 {
            kept.extend_from_slice(column);
            continue;
        }
        let by_height = |a: &&(f64, f64), b: &&(f64, f64)| a.1.total_cmp(&b.1);
        let extremes = [column.iter().min_by(by_height), column.iter().max_by(by_height)];
        let mut chosen = vec![column[0], column[column.len() - 1]];
        chosen.extend(extremes.into_iter().flatten());
        chosen.sort_by(|a, b| a.0.total_cmp(&b.0));
        kept.extend(chosen);
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thinning_keeps_ends_and_extremes() {
        let points: Vec<(f64, f64)> =
            (0..100_000).map(|i| (i as f64 / 1e3, (i as f64 / 7.0).sin())).collect();
        let kept = thinned(&points);
        assert!(kept.len() <= 404, "{}", kept.len());
        assert_eq!((kept[0], kept[kept.len() - 1]), (points[0], points[99_999]));
        let highest = |points: &[(f64, f64)]| points.iter().map(|p| p.1).fold(f64::MIN, f64::max);
        assert_eq!(highest(&kept), highest(&points));
    }

    #[test]
    fn a_step_holds_its_value_until_the_next_point() {
        assert_eq!(stepped(&[(0.0, 1.0), (2.0, 3.0)]), [(0.0, 1.0), (2.0, 1.0), (2.0, 3.0)]);
    }
}
