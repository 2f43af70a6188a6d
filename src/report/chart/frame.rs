//! What all charts share: titles, axes with their grid, the legend beside or below the plot, notes.

use super::axis::{Axis, Scale};
use super::canvas::{Anchor, Canvas, Lettering};
use super::theme::{Colour, fitted, text_width, wrapped};
use super::ticks::Ticks;

/// Narrower charts have their legend below the plot.
const LEGEND_BESIDE_FROM: f64 = 560.0;
/// Size of tick labels, legend and notes.
pub const SMALL: f64 = 11.5;
const TITLE: f64 = 17.0;
const SUBTITLE: f64 = 12.5;
const LEGEND_LINE: f64 = 20.0;
const SYMBOL: f64 = 22.0;
const MARGIN: f64 = 14.0;
const LEGEND_GAP: f64 = 14.0;

/// The rectangle that data are drawn in.
#[derive(Debug, Clone, Copy)]
pub struct Area {
    pub left: f64,
    pub right: f64,
    pub top: f64,
    pub bottom: f64,
}

impl Area {
    pub fn x(&self, scale: &Scale, value: f64) -> f64 {
        self.left + (self.right - self.left) * scale.fraction(value)
    }

    pub fn y(&self, scale: &Scale, value: f64) -> f64 {
        self.bottom - (self.bottom - self.top) * scale.fraction(value)
    }

    pub fn width(&self) -> f64 {
        self.right - self.left
    }

    pub fn height(&self) -> f64 {
        self.bottom - self.top
    }

    pub fn middle(&self) -> (f64, f64) {
        ((self.left + self.right) / 2.0, (self.top + self.bottom) / 2.0)
    }
}

/// The sign beside a legend's text.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Symbol {
    Line(Colour),
    Dashed(Colour),
    /// A line of one of the canvas's patterns.
    Patterned(Colour, usize),
    Disc(Colour),
    /// A line with a ringed point: the Pareto front.
    RingedLine(Colour),
    Patch(Colour, f64),
    /// A patch with diagonal strokes.
    Hatched,
    Ring(Colour),
}

/// One line of a legend.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    pub symbol: Symbol,
    pub text: String,
}

/// The space round the plots, decided before anything is drawn.
#[derive(Debug, Clone, Copy)]
pub struct Margins {
    pub width: f64,
    pub left: f64,
    pub right: f64,
}

impl Margins {
    /// Room for y labels of `label` pixels with a rotated title on the left, for `entries` on the right.
    pub fn new(width: f64, label: f64, entries: &[Entry]) -> Margins {
        let left = MARGIN + 20.0 + label + 8.0;
        let longest = entries.iter().map(|entry| text_width(&entry.text, SMALL)).fold(0.0, f64::max);
        let legend = LEGEND_GAP + SYMBOL + 8.0 + longest + MARGIN + 4.0;
        let beside = width >= LEGEND_BESIDE_FROM && !entries.is_empty();
        let right = if beside { width - legend.min(width * 0.32) } else { width - MARGIN - 16.0 };
        Margins { width, left, right }
    }

    pub fn legend_is_beside(&self) -> bool {
        self.width >= LEGEND_BESIDE_FROM
    }
}

/// Draws title and subtitle; returns the height below them.
pub fn header(canvas: &mut Canvas, title: &str, subtitle: &str, margins: &Margins) -> f64 {
    let (left, room) = (MARGIN + 4.0, margins.width - 2.0 * MARGIN - 8.0);
    let mut y = 28.0;
    for line in wrapped(title, TITLE * 1.06, room) {
        let lettering = Lettering::new(TITLE, Colour::Ink).bold();
        canvas.text(&line, (left, y), Anchor::Start, lettering);
        y += TITLE * 1.35;
    }
    for line in wrapped(subtitle, SUBTITLE, room) {
        canvas.text(&line, (left, y), Anchor::Start, Lettering::new(SUBTITLE, Colour::Muted));
        y += SUBTITLE * 1.4;
    }
    y + 4.0
}

/// Draws the legend: in a column beside the plot from `top`, or in rows below it; returns its lower end.
pub fn legend(canvas: &mut Canvas, entries: &[Entry], margins: &Margins, top: f64) -> f64 {
    let beside = margins.legend_is_beside();
    let start = if beside { margins.right + LEGEND_GAP } else { MARGIN + 4.0 };
    let end = margins.width - MARGIN;
    let (mut x, mut y) = (start, top + 8.0);
    for entry in entries {
        let text = fitted(&entry.text, SMALL, end - start - SYMBOL - 8.0);
        let width = SYMBOL + 8.0 + text_width(&text, SMALL);
        if x > start && (beside || x + width > end) {
            (x, y) = (start, y + LEGEND_LINE);
        }
        let draw = |canvas: &mut Canvas| {
            symbol(canvas, entry.symbol, (x, y));
            canvas.text(&text, (x + SYMBOL + 6.0, y), Anchor::Start, Lettering::new(SMALL, Colour::Ink));
        };
        if text == entry.text {
            draw(canvas)
        } else {
            canvas.titled(&entry.text, draw)
        }
        x += width + 16.0;
    }
    if entries.is_empty() { top } else { y + LEGEND_LINE / 2.0 + 4.0 }
}

/// The widest label of the ticks in pixels.
pub fn label_width(ticks: &Ticks) -> f64 {
    ticks.major.iter().map(|(_, label)| text_width(label, SMALL)).fold(0.0, f64::max)
}

/// Ticks of a horizontal axis of `width` pixels whose labels do not touch.
pub fn horizontal_ticks(axis: &Axis, scale: &Scale, width: f64) -> Ticks {
    let tried = (2..=10).rev().map(|most| axis.ticks(scale, most));
    let fits = |ticks: &Ticks| {
        let place = |index: usize| scale.fraction(ticks.major[index].0) * width;
        let half = |index: usize| text_width(&ticks.major[index].1, SMALL) / 2.0;
        (1..ticks.major.len()).all(|i| place(i) - half(i) > place(i - 1) + half(i - 1) + 10.0)
    };
    let mut last = None;
    for ticks in tried {
        if fits(&ticks) {
            return ticks;
        }
        last = Some(ticks);
    }
    last.expect("at least one number of ticks was tried")
}

/// Ticks of a vertical axis of `height` pixels.
pub fn vertical_ticks(axis: &Axis, scale: &Scale, height: f64) -> Ticks {
    axis.ticks(scale, ((height / 40.0) as usize).clamp(2, 9))
}

/// Vertical grid lines.
pub fn grid_x(canvas: &mut Canvas, area: &Area, scale: &Scale, ticks: &Ticks) {
    let mut rule = |value: f64, colour: Colour| {
        let x = area.x(scale, value);
        canvas.line((x, area.top), (x, area.bottom), colour, 1.0);
    };
    ticks.minor.iter().for_each(|value| rule(*value, Colour::Faint));
    ticks.major.iter().for_each(|(value, _)| rule(*value, Colour::Grid));
}

/// Labels below the plot; those that would leave the picture are moved inwards.
pub fn labels_x(canvas: &mut Canvas, area: &Area, scale: &Scale, ticks: &Ticks, width: f64) {
    for (value, label) in &ticks.major {
        let half = text_width(label, SMALL) / 2.0;
        let x = area.x(scale, *value).min(width - half - 3.0).max(half + 3.0);
        let lettering = Lettering::new(SMALL, Colour::Muted);
        canvas.text(label, (x, area.bottom + 14.0), Anchor::Middle, lettering);
    }
}

/// The horizontal axis's title, centred below the labels.
pub fn title_x(canvas: &mut Canvas, area: &Area, title: &str) {
    let lettering = Lettering::new(SMALL + 0.5, Colour::Ink);
    canvas.text(title, (area.middle().0, area.bottom + 35.0), Anchor::Middle, lettering);
}

/// Horizontal grid lines.
pub fn grid_y(canvas: &mut Canvas, area: &Area, scale: &Scale, ticks: &Ticks) {
    let mut rule = |value: f64, colour: Colour| {
        let y = area.y(scale, value);
        canvas.line((area.left, y), (area.right, y), colour, 1.0);
    };
    ticks.minor.iter().for_each(|value| rule(*value, Colour::Faint));
    ticks.major.iter().for_each(|(value, _)| rule(*value, Colour::Grid));
}

/// Labels left of the plot.
pub fn labels_y(canvas: &mut Canvas, area: &Area, scale: &Scale, ticks: &Ticks) {
    for (value, label) in &ticks.major {
        let at = (area.left - 8.0, area.y(scale, *value));
        canvas.text(label, at, Anchor::End, Lettering::new(SMALL, Colour::Muted));
    }
}

/// The vertical axis's title, reading upwards at the left edge.
pub fn title_y(canvas: &mut Canvas, area: &Area, title: &str) {
    let text = fitted(title, SMALL + 0.5, area.height() + 40.0);
    canvas.text_upwards(&text, (MARGIN + 6.0, area.middle().1), Lettering::new(SMALL + 0.5, Colour::Ink));
}

/// The outline of the plot.
pub fn outline(canvas: &mut Canvas, area: &Area) {
    let corners = [
        (area.left, area.top),
        (area.right, area.top),
        (area.right, area.bottom),
        (area.left, area.bottom),
        (area.left, area.top),
    ];
    canvas.polyline(&corners, Colour::Grid, 1.0);
}

/// Says in the middle of the plot that there is nothing to show.
pub fn no_data(canvas: &mut Canvas, area: &Area) {
    outline(canvas, area);
    canvas.text("no data", area.middle(), Anchor::Middle, Lettering::new(14.0, Colour::Muted));
}

/// Small print below the chart; returns its lower end.
pub fn notes(canvas: &mut Canvas, notes: &[String], width: f64, top: f64) -> f64 {
    let lines = notes.iter().flat_map(|note| wrapped(note, SMALL, width - 2.0 * MARGIN - 8.0));
    let mut y = top + 6.0;
    for line in lines {
        canvas.text(&line, (MARGIN + 4.0, y), Anchor::Start, Lettering::new(SMALL, Colour::Muted));
        y += SMALL * 1.4;
    }
    y + 4.0
}

/// "3 values are not shown: ..." if `count` is above zero.
pub fn left_out(count: usize) -> Option<String> {
    let (noun, verb) = if count == 1 { ("value", "is") } else { ("values", "are") };
    (count > 0)
        .then(|| format!("{count} {noun} of zero (on a log scale) or without a number {verb} not shown."))
}

/// Every how many names of `needed` pixels one has room if they are `slot` pixels apart.
pub fn thinning(needed: f64, slot: f64) -> usize {
    ((needed / slot).ceil() as usize).max(1)
}

/// Diagonal strokes over rectangles.
pub fn hatch(canvas: &mut Canvas, areas: &[Area]) {
    let gap = 7.0;
    let mut strokes = Vec::new();
    for area in areas {
        let mut offset = gap / 2.0;
        while offset < area.width() + area.height() {
            let from = (area.left + (offset - area.height()).max(0.0), area.top + offset.min(area.height()));
            let to = (area.left + offset.min(area.width()), area.top + (offset - area.width()).max(0.0));
            strokes.push([from, to]);
            offset += gap;
        }
    }
    canvas.strokes(&strokes, Colour::Muted, 0.8);
}

fn symbol(canvas: &mut Canvas, symbol: Symbol, (x, y): (f64, f64)) {
    let (end, middle) = (x + SYMBOL, x + SYMBOL / 2.0);
    let patch = Area { left: x + 3.0, right: end - 3.0, top: y - 6.0, bottom: y + 6.0 };
    match symbol {
        Symbol::Line(colour) => canvas.line((x, y), (end, y), colour, 2.0),
        Symbol::Dashed(colour) => canvas.dashed(|c| c.line((x, y), (end, y), colour, 2.0)),
        Symbol::Patterned(colour, number) => {
            canvas.patterned(number, |canvas| canvas.line((x, y), (end, y), colour, 2.0));
        }
        Symbol::Disc(colour) => canvas.disc((middle, y), 4.0, colour),
        Symbol::Ring(colour) => canvas.ring((middle, y), 5.0, colour, 2.0),
        Symbol::RingedLine(colour) => {
            canvas.line((x, y), (end, y), colour, 2.0);
            canvas.disc((middle, y), 5.0, Colour::Surface);
            canvas.ring((middle, y), 5.0, colour, 2.0);
        }
        Symbol::Patch(colour, opacity) => {
            let paint = super::canvas::Paint::from(colour).opacity(opacity);
            canvas.rectangle((patch.left, patch.top), (patch.right, patch.bottom), paint);
        }
        Symbol::Hatched => {
            canvas.rectangle((patch.left, patch.top), (patch.right, patch.bottom), Colour::Unavailable);
            hatch(canvas, &[patch]);
        }
    }
}
