//! Points in groups, with a Pareto front, error bars and the line of equality.

use super::canvas::{Canvas, Paint};
use super::frame::{self, Area, Entry, Margins, Symbol};
use super::theme::Colour;
use super::ticks::{Axis, Scale, Ticks};
use super::{Chart, spoken};

/// A scatter plot.
#[derive(Debug, Clone)]
pub struct Scatter {
    title: String,
    subtitle: String,
    x: Axis,
    y: Axis,
    groups: Vec<Group>,
    palette: Palette,
    front: Vec<(f64, f64)>,
    front_label: String,
    equality: Option<String>,
    marks: Vec<(f64, String)>,
    notes: Vec<String>,
}

/// Points of one colour.
#[derive(Debug, Clone)]
pub struct Group {
    label: String,
    points: Vec<Point>,
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

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Palette {
    Categories,
    Steps,
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
    pub fn new(label: impl Into<String>, points: Vec<Point>) -> Group {
        Group { label: label.into(), points }
    }
}

impl Scatter {
    pub fn new(title: impl Into<String>, x: Axis, y: Axis) -> Scatter {
        Scatter {
            title: title.into(),
            subtitle: String::new(),
            x,
            y,
            groups: Vec::new(),
            palette: Palette::Categories,
            front: Vec::new(),
            front_label: String::new(),
            equality: None,
            marks: Vec::new(),
            notes: Vec::new(),
        }
    }

    pub fn subtitle(self, subtitle: impl Into<String>) -> Scatter {
        Scatter { subtitle: subtitle.into(), ..self }
    }

    pub fn group(mut self, group: Group) -> Scatter {
        self.groups.push(group);
        self
    }

    /// Colours the groups in their order from light to dark, as suits ordered groups such as memory sizes.
    pub fn ordered(self) -> Scatter {
        Scatter { palette: Palette::Steps, ..self }
    }

    /// The Pareto front of "less is better" on both axes: a step line through the ringed `points`.
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
        match self.palette {
            Palette::Categories => Colour::Category(group),
            Palette::Steps => Colour::step(group, self.groups.len()),
        }
    }

    fn shows(&self, (x, y): (f64, f64)) -> bool {
        self.x.can_show(x) && self.y.can_show(y)
    }

    fn points(&self) -> impl Iterator<Item = &Point> {
        self.groups.iter().flat_map(|group| &group.points)
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
        let named = self.groups.iter().enumerate().filter(|(_, group)| !group.label.is_empty());
        let groups =
            named.map(|(i, group)| Entry { symbol: Symbol::Disc(self.colour(i)), text: group.label.clone() });
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
        groups.chain(front).chain(equality).chain(marks).collect()
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
        for (index, group) in self.groups.iter().enumerate() {
            let colour = self.colour(index);
            for point in group.points.iter().filter(|p| self.shows((p.x, p.y))) {
                canvas.titled(&point.title, |canvas| self.draw_point(canvas, point, colour, &place));
            }
        }
        for at in front {
            canvas.ring(at, 6.0, Colour::Accent, 2.0);
        }
    }

    fn draw_point(
        &self,
        canvas: &mut Canvas,
        point: &Point,
        colour: Colour,
        place: &impl Fn((f64, f64)) -> (f64, f64),
    ) {
        let bar = Paint::from(colour).opacity(0.6);
        if let Some((low, high)) = point.interval_x.filter(|i| self.x.can_show(i.0) && self.x.can_show(i.1)) {
            canvas.line(place((low, point.y)), place((high, point.y)), bar, 1.4);
        }
        if let Some((low, high)) = point.interval_y.filter(|i| self.y.can_show(i.0) && self.y.can_show(i.1)) {
            canvas.line(place((point.x, low)), place((point.x, high)), bar, 1.4);
        }
        canvas.disc(place((point.x, point.y)), 3.6, Paint::from(colour).opacity(0.85));
    }
}

impl Chart for Scatter {
    fn title(&self) -> &str {
        &self.title
    }

    fn draw(&self, width: f64) -> String {
        let height = if width < 560.0 { 300.0 } else { 400.0 };
        let entries = self.entries();
        let scales = self.scales();
        let y = scales.map(|(_, y)| (y, frame::vertical_ticks(&self.y, &y, height)));
        let labels = y.as_ref().map_or(20.0, |(_, ticks)| frame::label_width(ticks));
        let margins = Margins::new(width, labels, &entries);
        let mut canvas = Canvas::default();
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
