//! Points in groups, with a Pareto front, error bars and the line of equality.

use std::collections::BTreeSet;

use super::axis::{Axis, Scale};
use super::canvas::{Anchor, Canvas, Lettering, Paint};
use super::frame::{self, Area, Entry, Margins, SMALL, Symbol};
use super::theme::{Colour, text_width};
use super::ticks::Ticks;
use super::{Chart, Medium, spoken};

/// More points than this are drawn smaller.
const MANY: usize = 500;
/// Pixels between two rings on the front: more of them hide what they ring.
const RINGS_APART: f64 = 12.0;

/// A scatter plot.
#[derive(Debug, Clone)]
pub struct Scatter {
    title: String,
    subtitle: String,
    x: Axis,
    y: Axis,
    groups: Vec<Group>,
    front: Vec<(f64, f64)>,
    front_label: String,
    equality: Option<String>,
    marks: Vec<(f64, String)>,
    naming: Naming,
    chosen: Option<(String, Point)>,
    notes: Vec<String>,
}

/// Where the groups' names stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Naming {
    Legend,
    BesidePoints,
}

/// Points of one colour.
#[derive(Debug, Clone)]
pub struct Group {
    label: String,
    points: Vec<Point>,
    colour: Option<Colour>,
}

/// One point.
#[derive(Debug, Clone)]
pub struct Point {
    x: f64,
    y: f64,
    title: String,
    interval_x: Option<(f64, f64)>,
    interval_y: Option<(f64, f64)>,
}

impl Point {
    /// A point; `title` is shown while the pointer rests on it.
    pub fn new(x: f64, y: f64, title: impl Into<String>) -> Point {
        Point { x, y, title: title.into(), interval_x: None, interval_y: None }
    }

    /// With a horizontal error bar.
    pub fn interval_x(self, low: f64, high: f64) -> Point {
        Point { interval_x: Some((low, high)), ..self }
    }

    /// With a vertical error bar.
    pub fn interval_y(self, low: f64, high: f64) -> Point {
        Point { interval_y: Some((low, high)), ..self }
    }
}

impl Group {
    /// Points that have a colour and a name in common.
    pub fn new(label: impl Into<String>, points: Vec<Point>) -> Group {
        Group { label: label.into(), points, colour: None }
    }

    /// Has it no points?
    pub fn is_empty(&self) -> bool {
        self.points.is_empty()
    }

    /// In a given colour instead of the next of the palette.
    pub fn colour(self, colour: Colour) -> Group {
        Group { colour: Some(colour), ..self }
    }
}

impl Scatter {
    /// Without groups.
    pub fn new(title: impl Into<String>, x: Axis, y: Axis) -> Scatter {
        Scatter {
            title: title.into(),
            subtitle: String::new(),
            x,
            y,
            groups: Vec::new(),
            front: Vec::new(),
            front_label: String::new(),
            equality: None,
            marks: Vec::new(),
            naming: Naming::Legend,
            chosen: None,
            notes: Vec::new(),
        }
    }

    /// The line under the title.
    pub fn subtitle(self, subtitle: impl Into<String>) -> Scatter {
        Scatter { subtitle: subtitle.into(), ..self }
    }

    /// Adds a group.
    pub fn group(mut self, group: Group) -> Scatter {
        self.groups.push(group);
        self
    }

    /// With the groups' names beside their points instead of in the legend, as suits groups of one point.
    pub fn named_beside(self) -> Scatter {
        Scatter { naming: Naming::BesidePoints, ..self }
    }

    /// One point that stands out, on top of all others.
    pub fn chosen(self, label: impl Into<String>, point: Point) -> Scatter {
        Scatter { chosen: Some((label.into(), point)), ..self }
    }

    /// The Pareto front of "less is better" on both axes: a step line through `points`, with rings on those that are
    /// drawn, as many as stand apart.
    pub fn front(mut self, label: impl Into<String>, mut points: Vec<(f64, f64)>) -> Scatter {
        points.sort_by(|a, b| a.0.total_cmp(&b.0).then(b.1.total_cmp(&a.1)));
        (self.front, self.front_label) = (points, label.into());
        self
    }

    /// A line where x equals y; both axes then have the same range.
    pub fn equality(self, label: impl Into<String>) -> Scatter {
        Scatter { equality: Some(label.into()), ..self }
    }

    /// A vertical line at `x`, named in the legend.
    pub fn mark_x(mut self, x: f64, label: impl Into<String>) -> Scatter {
        self.marks.push((x, label.into()));
        self
    }

    /// A line of small print below the chart.
    pub fn note(mut self, note: impl Into<String>) -> Scatter {
        self.notes.push(note.into());
        self
    }

    fn colour(&self, group: usize) -> Colour {
        self.groups[group].colour.unwrap_or(Colour::Category(group))
    }

    fn shows(&self, (x, y): (f64, f64)) -> bool {
        self.x.can_show(x) && self.y.can_show(y)
    }

    fn points(&self) -> impl Iterator<Item = &Point> {
        self.groups.iter().flat_map(|group| &group.points).chain(self.chosen.iter().map(|(_, point)| point))
    }

    /// The ranges of both axes; `None` without a point that can be shown.
    fn scales(&self) -> Option<(Scale, Scale)> {
        let shown: Vec<&Point> = self.points().filter(|p| self.shows((p.x, p.y))).collect();
        let front: Vec<(f64, f64)> = self.front.iter().copied().filter(|p| self.shows(*p)).collect();
        if shown.is_empty() && front.is_empty() {
            return None;
        }
        let ends = |interval: Option<(f64, f64)>| interval.into_iter().flat_map(|(low, high)| [low, high]);
        let xs = shown.iter().flat_map(|p| ends(p.interval_x).chain([p.x]));
        let xs = xs.chain(front.iter().map(|p| p.0)).chain(self.marks.iter().map(|mark| mark.0));
        let ys = shown.iter().flat_map(|p| ends(p.interval_y).chain([p.y])).chain(front.iter().map(|p| p.1));
        let (xs, ys): (Vec<f64>, Vec<f64>) = (xs.collect(), ys.collect());
        if self.equality.is_some() {
            let both = || xs.iter().chain(&ys).copied();
            return self.x.scale(both()).zip(self.y.scale(both()));
        }
        self.x.scale(xs.into_iter()).zip(self.y.scale(ys.into_iter()))
    }

    fn entries(&self) -> Vec<Entry> {
        let in_legend = |group: &Group| self.naming == Naming::Legend && !group.label.is_empty();
        let named = self.groups.iter().enumerate().filter(|(_, group)| in_legend(group));
        let groups =
            named.map(|(i, group)| Entry { symbol: Symbol::Disc(self.colour(i)), text: group.label.clone() });
        let chosen = self
            .chosen
            .iter()
            .map(|(label, _)| Entry { symbol: Symbol::Disc(Colour::BEST), text: label.clone() });
        let front = (!self.front.is_empty())
            .then(|| Entry { symbol: Symbol::RingedLine(Colour::Accent), text: self.front_label.clone() });
        let equality = self
            .equality
            .iter()
            .map(|label| Entry { symbol: Symbol::Dashed(Colour::Muted), text: label.clone() });
        let marks = self
            .marks
            .iter()
            .map(|(_, label)| Entry { symbol: Symbol::Dashed(Colour::Accent), text: label.clone() });
        groups.chain(chosen).chain(front).chain(equality).chain(marks).collect()
    }

    fn draw_grid(&self, canvas: &mut Canvas, area: &Area, x: &(Scale, Ticks), y: &(Scale, Ticks)) {
        frame::grid_x(canvas, area, &x.0, &x.1);
        frame::grid_y(canvas, area, &y.0, &y.1);
        frame::outline(canvas, area);
        frame::labels_y(canvas, area, &y.0, &y.1);
        frame::title_y(canvas, area, &self.y.titled(&y.1));
        frame::labels_x(canvas, area, &x.0, &x.1, area.right + 16.0);
        frame::title_x(canvas, area, &self.x.titled(&x.1));
    }

    fn draw_data(&self, canvas: &mut Canvas, area: &Area, x: &Scale, y: &Scale) {
        if self.equality.is_some() {
            let low = x.low.max(y.low);
            let high = x.high.min(y.high);
            let ends = ((area.x(x, low), area.y(y, low)), (area.x(x, high), area.y(y, high)));
            canvas.dashed(|canvas| canvas.line(ends.0, ends.1, Colour::Muted, 1.5));
        }
        for (value, label) in self.marks.iter().filter(|mark| self.x.can_show(mark.0)) {
            let at = area.x(x, *value);
            canvas.titled(label, |canvas| {
                canvas.dashed(|canvas| canvas.line((at, area.top), (at, area.bottom), Colour::Accent, 1.6));
            });
        }
        let place = |(px, py): (f64, f64)| (area.x(x, px), area.y(y, py));
        let front: Vec<_> = self.front.iter().copied().filter(|p| self.shows(*p)).map(place).collect();
        draw_front_line(canvas, &front);
        let radius = if self.points().count() > MANY { 2.6 } else { 3.6 };
        for (index, group) in self.groups.iter().enumerate() {
            let colour = self.colour(index);
            for point in group.points.iter().filter(|p| self.shows((p.x, p.y))) {
                canvas.titled(&point.title, |canvas| self.draw_point(canvas, point, colour, radius, &place));
            }
        }
        for at in self.rings(place) {
            canvas.ring(at, 6.0, Colour::Accent, 2.0);
        }
        if let Some((_, point)) = self.chosen.as_ref().filter(|(_, point)| self.shows((point.x, point.y))) {
            canvas.disc(place((point.x, point.y)), 10.0, Colour::Surface);
            canvas.titled(&point.title, |canvas| self.draw_point(canvas, point, Colour::BEST, 7.5, &place));
        }
        if self.naming == Naming::BesidePoints {
            self.draw_names(canvas, area, place);
        }
    }

    /// The groups' names to the right of their first points, or to the left where there is no room; moved down where they
    /// would touch.
    fn draw_names(&self, canvas: &mut Canvas, area: &Area, place: impl Fn((f64, f64)) -> (f64, f64)) {
        let first = |group: &Group| group.points.first().map(|p| (p.x, p.y)).filter(|at| self.shows(*at));
        let mut names: Vec<_> =
            self.groups.iter().filter_map(|group| Some((place(first(group)?), &group.label))).collect();
        names.sort_by(|a, b| a.0.1.total_cmp(&b.0.1));
        let mut taken: Vec<(f64, f64, f64)> = Vec::new();
        for ((x, mut y), name) in names {
            let width = text_width(name, SMALL);
            let fits = x + 9.0 + width <= area.right;
            let (left, anchor) = if fits { (x + 9.0, Anchor::Start) } else { (x - 9.0 - width, Anchor::End) };
            for (from, to, line) in &taken {
                if left < *to && *from < left + width && y < line + SMALL + 2.0 {
                    y = line + SMALL + 2.0;
                }
            }
            taken.push((left, left + width, y));
            let at = if fits { left } else { left + width };
            canvas.text(name, (at, y), anchor, Lettering::new(SMALL, Colour::Ink));
        }
    }

    /// Where the points that are both drawn and on the front stand, those left out that touch the one before.
    fn rings(&self, place: impl Fn((f64, f64)) -> (f64, f64)) -> Vec<(f64, f64)> {
        let bits = |(x, y): (f64, f64)| (x.to_bits(), y.to_bits());
        let drawn: BTreeSet<_> = self.points().map(|p| bits((p.x, p.y))).collect();
        let mut rings: Vec<(f64, f64)> = Vec::new();
        for point in self.front.iter().copied().filter(|p| self.shows(*p) && drawn.contains(&bits(*p))) {
            let at = place(point);
            if rings.last().is_none_or(|last| (last.0 - at.0).hypot(last.1 - at.1) >= RINGS_APART) {
                rings.push(at);
            }
        }
        rings
    }

    fn draw_point(
        &self,
        canvas: &mut Canvas,
        point: &Point,
        colour: Colour,
        radius: f64,
        place: &impl Fn((f64, f64)) -> (f64, f64),
    ) {
        let bar = Paint::from(colour).opacity(0.6);
        if let Some((low, high)) = point.interval_x.filter(|i| self.x.can_show(i.0) && self.x.can_show(i.1)) {
            canvas.line(place((low, point.y)), place((high, point.y)), bar, 1.4);
        }
        if let Some((low, high)) = point.interval_y.filter(|i| self.y.can_show(i.0) && self.y.can_show(i.1)) {
            canvas.line(place((point.x, low)), place((point.x, high)), bar, 1.4);
        }
        canvas.disc(place((point.x, point.y)), radius, Paint::from(colour).opacity(0.85));
    }
}

impl Chart for Scatter {
    fn title(&self) -> &str {
        &self.title
    }

    fn draw(&self, medium: Medium) -> String {
        let width = medium.width();
        let height = if width < 560.0 { 300.0 } else { 400.0 };
        let entries = self.entries();
        let scales = self.scales();
        let y = scales.map(|(_, y)| (y, frame::vertical_ticks(&self.y, &y, height)));
        let labels = y.as_ref().map_or(20.0, |(_, ticks)| frame::label_width(ticks));
        let margins = Margins::new(width, labels, &entries);
        let mut canvas = Canvas::new(medium);
        let top = frame::header(&mut canvas, &self.title, &self.subtitle, &margins);
        let area = Area { left: margins.left, right: margins.right, top, bottom: top + height };
        match (scales, y) {
            (Some((x, _)), Some(y)) => {
                let x = (x, frame::horizontal_ticks(&self.x, &x, area.width()));
                self.draw_grid(&mut canvas, &area, &x, &y);
                self.draw_data(&mut canvas, &area, &x.0, &y.0);
            }
            _ => frame::no_data(&mut canvas, &area),
        }
        let mut end = area.bottom + 50.0;
        if margins.legend_is_beside() {
            end = end.max(frame::legend(&mut canvas, &entries, &margins, area.top));
        } else {
            end = frame::legend(&mut canvas, &entries, &margins, end);
        }
        let hidden = self.points().filter(|p| !self.shows((p.x, p.y))).count();
        let notes: Vec<String> = self.notes.iter().cloned().chain(frame::left_out(hidden)).collect();
        end = frame::notes(&mut canvas, &notes, width, end);
        canvas.finish(width, end, &spoken(&self.title, &self.subtitle))
    }
}

/// From each point to the right as far as the next, then down to it: what the front offers in between.
fn draw_front_line(canvas: &mut Canvas, front: &[(f64, f64)]) {
    let Some(first) = front.first() else { return };
    let mut path = vec![*first];
    for pair in front.windows(2) {
        path.extend([(pair[1].0, pair[0].1), pair[1]]);
    }
    if path.len() > 1 {
        canvas.polyline(&path, Colour::Accent, 2.0);
    }
}
