//! SVG in pixels with one decimal: shapes, texts, dashes, hover titles, and colours that follow the screen's light or dark.

use std::fmt::{Display, Write as _};

use super::Medium;
use super::readings::Readings;
use super::theme::{self, Colour, Rgb};
use crate::text::{svg, xml as escape};

/// Units of the drawing to a pixel: lengths are written in whole units.
const UNITS: f64 = 10.0;
/// A font size is multiplied and divided by this. Its last digit is thus as it always was, so charts that are kept beside
/// their scenarios stay the same bytes.
const FONT_SCALE: f64 = 1.24;

/// A colour with its opacity.
#[derive(Debug, Clone, Copy)]
pub struct Paint {
    rgb: Rgb,
    opacity: f64,
}

/// Where a text stands relative to its point.
#[derive(Debug, Clone, Copy)]
pub enum Anchor {
    Start,
    Middle,
    End,
}

/// Size, weight and colour of a text.
#[derive(Debug, Clone, Copy)]
pub struct Lettering {
    size: f64,
    paint: Paint,
    weight: Weight,
}

#[derive(Debug, Clone, Copy)]
enum Weight {
    Normal,
    Bold,
}

/// A chart being drawn; the origin is at the top left, lengths are pixels.
#[derive(Debug)]
pub struct Canvas {
    medium: Medium,
    body: String,
}

impl From<Colour> for Paint {
    fn from(colour: Colour) -> Self {
        Paint { rgb: colour.light(), opacity: 1.0 }
    }
}

impl Paint {
    /// A colour that stays the same on dark screens; only within [`Canvas::fixed`].
    pub fn fixed(rgb: Rgb) -> Paint {
        Paint { rgb, opacity: 1.0 }
    }

    pub fn opacity(self, opacity: f64) -> Paint {
        Paint { opacity, ..self }
    }

    fn hex(self) -> String {
        theme::hex(self.rgb)
    }
}

impl Lettering {
    pub fn painted(self, paint: Paint) -> Lettering {
        Lettering { paint, ..self }
    }

    pub fn new(size: f64, colour: Colour) -> Lettering {
        Lettering { size, paint: colour.into(), weight: Weight::Normal }
    }

    pub fn bold(self) -> Lettering {
        Lettering { weight: Weight::Bold, ..self }
    }
}

impl Anchor {
    fn name(self) -> &'static str {
        match self {
            Anchor::Start => "start",
            Anchor::Middle => "middle",
            Anchor::End => "end",
        }
    }
}

impl Canvas {
    pub fn new(medium: Medium) -> Canvas {
        Canvas { medium, body: String::new() }
    }

    pub fn polyline(&mut self, points: &[(f64, f64)], paint: impl Into<Paint>, width: f64) {
        let paint = paint.into();
        let (opacity, stroke, width, points) = (paint.opacity, paint.hex(), length(width), path(points));
        self.element(format_args!(
            "<polyline fill=\"none\" opacity=\"{opacity}\" stroke=\"{stroke}\" stroke-width=\"{width}\" points=\"{points}\"/>"
        ));
    }

    pub fn polygon(&mut self, points: &[(f64, f64)], paint: impl Into<Paint>) {
        let paint = paint.into();
        let (opacity, fill, points) = (paint.opacity, paint.hex(), path(points));
        self.element(format_args!("<polygon opacity=\"{opacity}\" fill=\"{fill}\" points=\"{points}\"/>"));
    }

    pub fn line(&mut self, from: (f64, f64), to: (f64, f64), paint: impl Into<Paint>, width: f64) {
        let paint = paint.into();
        let (opacity, stroke, width) = (paint.opacity, paint.hex(), length(width));
        let ((x1, y1), (x2, y2)) = (units(&from), units(&to));
        self.element(format_args!(
            "<line opacity=\"{opacity}\" stroke=\"{stroke}\" stroke-width=\"{width}\" \
             x1=\"{x1}\" y1=\"{y1}\" x2=\"{x2}\" y2=\"{y2}\"/>"
        ));
    }

    /// A filled rectangle between two opposite corners.
    pub fn rectangle(&mut self, corner: (f64, f64), opposite: (f64, f64), paint: impl Into<Paint>) {
        let paint = paint.into();
        let (x, y) = units(&(corner.0.min(opposite.0), corner.1.min(opposite.1)));
        let (right, bottom) = units(&(corner.0.max(opposite.0), corner.1.max(opposite.1)));
        let (width, height, opacity, fill) = (right - x, bottom - y, paint.opacity, paint.hex());
        self.element(format_args!(
            "<rect x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" \
             opacity=\"{opacity}\" fill=\"{fill}\" stroke=\"none\"/>"
        ));
    }

    pub fn disc(&mut self, centre: (f64, f64), radius: f64, paint: impl Into<Paint>) {
        let paint = paint.into();
        self.circle(centre, radius, paint.opacity, (&paint.hex(), "none"), 0);
    }

    pub fn ring(&mut self, centre: (f64, f64), radius: f64, paint: impl Into<Paint>, width: f64) {
        let paint = paint.into();
        self.circle(centre, radius, paint.opacity, ("none", &paint.hex()), length(width));
    }

    fn circle(
        &mut self,
        centre: (f64, f64),
        radius: f64,
        opacity: f64,
        (fill, stroke): (&str, &str),
        width: i32,
    ) {
        let ((x, y), radius) = (units(&centre), length(radius));
        self.element(format_args!(
            "<circle cx=\"{x}\" cy=\"{y}\" r=\"{radius}\" opacity=\"{opacity}\" fill=\"{fill}\" \
             stroke=\"{stroke}\" stroke-width=\"{width}\"/>"
        ));
    }

    /// A line of text whose middle height is at the point.
    pub fn text(&mut self, text: &str, at: (f64, f64), anchor: Anchor, lettering: Lettering) {
        self.lettered(text, at, anchor, lettering, "");
    }

    /// A line of text that reads upwards, centred on the point.
    pub fn text_upwards(&mut self, text: &str, at: (f64, f64), lettering: Lettering) {
        let (x, y) = units(&at);
        let turned = format!(" transform=\"rotate(270, {x}, {y})\"");
        self.lettered(text, at, Anchor::Middle, lettering, &turned);
    }

    fn lettered(&mut self, text: &str, at: (f64, f64), anchor: Anchor, lettering: Lettering, turned: &str) {
        let Lettering { size, paint, weight } = lettering;
        let ((x, y), anchor, size) = (units(&at), anchor.name(), size * UNITS * FONT_SCALE / FONT_SCALE);
        let (opacity, fill) = (paint.opacity, paint.hex());
        let bold = match weight {
            Weight::Normal => "",
            Weight::Bold => " font-weight=\"bold\"",
        };
        let text = svg(text);
        self.element(format_args!(
            "<text x=\"{x}\" y=\"{y}\" dy=\"0.5ex\" text-anchor=\"{anchor}\" font-family=\"sans-serif\" \
             font-size=\"{size}\" opacity=\"{opacity}\" fill=\"{fill}\"{bold}{turned}>\n{text}\n</text>"
        ));
    }

    /// What `draw` draws, with a text that appears while the pointer rests on it.
    pub fn titled(&mut self, title: &str, draw: impl FnOnce(&mut Canvas)) {
        let _ = writeln!(self.body, "<g><title>{}</title>", escape(title));
        draw(self);
        self.body.push_str("</g>\n");
    }

    /// What `draw` draws, with what hover.js tells of it; a file has no use for that.
    pub fn told(&mut self, readings: &Readings, draw: impl FnOnce(&mut Canvas)) {
        match self.medium {
            Medium::File => draw(self),
            Medium::Desktop | Medium::Phone => self.group(&readings.attributes(units), draw),
        }
    }

    /// Many lines of one colour.
    pub fn strokes(&mut self, lines: &[[(f64, f64); 2]], colour: Colour, width: f64) {
        let path = |line: &[(f64, f64); 2]| {
            let [(x1, y1), (x2, y2)] = line.each_ref().map(units);
            format!("M{x1} {y1}L{x2} {y2}")
        };
        let path: String = lines.iter().map(path).collect();
        let (stroke, width) = (theme::hex(colour.light()), (width * UNITS).round());
        let _ = writeln!(self.body, "<path d=\"{path}\" stroke=\"{stroke}\" stroke-width=\"{width}\"/>");
    }

    /// What `draw` draws, with dashed strokes.
    pub fn dashed(&mut self, draw: impl FnOnce(&mut Canvas)) {
        self.group("stroke-dasharray=\"55 40\" stroke-linecap=\"butt\"", draw);
    }

    /// What `draw` draws, with the same colours on dark screens.
    pub fn fixed(&mut self, draw: impl FnOnce(&mut Canvas)) {
        self.group("class=\"fixed\"", draw);
    }

    /// The whole chart as an SVG document of `width` x `height` pixels, described by `label` to screen readers.
    pub fn finish(self, width: f64, height: f64, label: &str) -> String {
        let (w, h) = units(&(width, height));
        let label = escape(label);
        let (surface, sheet) = (theme::hex(Colour::Surface.light()), theme::style_sheet(&self.body));
        let surface_rule = format!(
            "@media screen and (prefers-color-scheme:dark){{.chart>[fill=\"{surface}\"]{{fill:{}}}}}\n",
            theme::hex(Colour::Surface.dark())
        );
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"chart\" width=\"{width}\" height=\"{height}\" \
             viewBox=\"0 0 {w} {h}\" role=\"img\" aria-label=\"{label}\">\n<style>\n{sheet}{surface_rule}</style>\n\
             <rect width=\"{w}\" height=\"{h}\" fill=\"{surface}\"/>\n\
             <g stroke-linejoin=\"round\" stroke-linecap=\"round\">\n{}</g>\n</svg>\n",
            self.body
        )
    }

    fn group(&mut self, attributes: &str, draw: impl FnOnce(&mut Canvas)) {
        let _ = writeln!(self.body, "<g {attributes}>");
        draw(self);
        self.body.push_str("</g>\n");
    }

    fn element(&mut self, element: impl Display) {
        let _ = writeln!(self.body, "{element}");
    }
}

fn units(&(x, y): &(f64, f64)) -> (i32, i32) {
    (length(x), length(y))
}

fn length(pixels: f64) -> i32 {
    (pixels * UNITS).round() as i32
}

fn path(points: &[(f64, f64)]) -> String {
    points.iter().map(units).fold(String::new(), |mut path, (x, y)| {
        let _ = write!(path, "{x},{y} ");
        path
    })
}
