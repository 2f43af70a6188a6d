//! Drawing on plotters' SVG backend in pixels with one decimal, with what that backend lacks: dashes, hover
//! titles, and colours that follow the screen's light or dark.

use std::fmt::Write as _;

use plotters::prelude::{
    DrawingBackend, FontDesc, FontStyle, FontTransform, RGBColor, SVGBackend, ShapeStyle,
};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{Color, FontFamily, TextStyle};

use super::Medium;
use super::readings::Readings;
use super::theme::{self, Colour, Rgb};
use crate::text::{markup, xml as escape};

/// Units of the drawing to a pixel: the backend knows whole units only.
const UNITS: f64 = 10.0;
/// plotters divides the font size by this before it writes it.
const PLOTTERS_FONT_SCALE: f64 = 1.24;

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
#[derive(Clone, Copy)]
pub struct Lettering {
    size: f64,
    paint: Paint,
    weight: FontStyle,
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

    fn filled(self) -> ShapeStyle {
        ShapeStyle { filled: true, ..self.stroked(0.0) }
    }

    fn stroked(self, width: f64) -> ShapeStyle {
        let (r, g, b) = self.rgb;
        let stroke_width = (width * UNITS).round() as u32;
        ShapeStyle { color: RGBColor(r, g, b).mix(self.opacity), filled: false, stroke_width }
    }
}

impl Lettering {
    pub fn painted(self, paint: Paint) -> Lettering {
        Lettering { paint, ..self }
    }

    pub fn new(size: f64, colour: Colour) -> Lettering {
        Lettering { size, paint: colour.into(), weight: FontStyle::Normal }
    }

    pub fn bold(self) -> Lettering {
        Lettering { weight: FontStyle::Bold, ..self }
    }

    fn style(&self, anchor: Anchor) -> TextStyle<'static> {
        let horizontal = match anchor {
            Anchor::Start => HPos::Left,
            Anchor::Middle => HPos::Center,
            Anchor::End => HPos::Right,
        };
        let size = self.size * UNITS * PLOTTERS_FONT_SCALE;
        let font = FontDesc::new(FontFamily::SansSerif, size, self.weight);
        let color = self.paint.stroked(0.0).color;
        TextStyle { color: color.to_backend_color(), ..TextStyle::from(font) }
            .pos(Pos::new(horizontal, VPos::Center))
    }
}

/// Dashes and gaps in tenths of a pixel; none is that of marks and predictions.
const PATTERNS: [&str; 7] = ["", "90 35", "20 35", "90 35 20 35", "40 20", "90 30 20 30 20 30", "20 80"];

impl Canvas {
    pub fn new(medium: Medium) -> Canvas {
        Canvas { medium, body: String::new() }
    }

    pub fn polyline(&mut self, points: &[(f64, f64)], paint: impl Into<Paint>, width: f64) {
        let style = paint.into().stroked(width);
        self.draw(|svg| svg.draw_path(points.iter().map(units), &style));
    }

    pub fn polygon(&mut self, points: &[(f64, f64)], paint: impl Into<Paint>) {
        let style = paint.into().filled();
        self.draw(|svg| svg.fill_polygon(points.iter().map(units), &style));
    }

    pub fn line(&mut self, from: (f64, f64), to: (f64, f64), paint: impl Into<Paint>, width: f64) {
        let style = paint.into().stroked(width);
        self.draw(|svg| svg.draw_line(units(&from), units(&to), &style));
    }

    /// A filled rectangle between two opposite corners.
    pub fn rectangle(&mut self, corner: (f64, f64), opposite: (f64, f64), paint: impl Into<Paint>) {
        let upper_left = (corner.0.min(opposite.0), corner.1.min(opposite.1));
        let lower_right = (corner.0.max(opposite.0), corner.1.max(opposite.1));
        let style = paint.into().filled();
        self.draw(|svg| svg.draw_rect(units(&upper_left), units(&lower_right), &style, true));
    }

    pub fn disc(&mut self, centre: (f64, f64), radius: f64, paint: impl Into<Paint>) {
        let style = paint.into().filled();
        self.draw(|svg| svg.draw_circle(units(&centre), (radius * UNITS).round() as u32, &style, true));
    }

    pub fn ring(&mut self, centre: (f64, f64), radius: f64, paint: impl Into<Paint>, width: f64) {
        let style = paint.into().stroked(width);
        self.draw(|svg| svg.draw_circle(units(&centre), (radius * UNITS).round() as u32, &style, false));
    }

    /// A line of text whose middle height is at the point.
    pub fn text(&mut self, text: &str, at: (f64, f64), anchor: Anchor, lettering: Lettering) {
        let style = lettering.style(anchor);
        self.draw(|svg| svg.draw_text(&markup(text), &style, units(&at)));
    }

    /// A line of text that reads upwards, centred on the point.
    pub fn text_upwards(&mut self, text: &str, at: (f64, f64), lettering: Lettering) {
        let style = lettering.style(Anchor::Middle).transform(FontTransform::Rotate270);
        self.draw(|svg| svg.draw_text(&markup(text), &style, units(&at)));
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
            Medium::File | Medium::Paper(_) => draw(self),
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

    /// What `draw` draws, with strokes of one of some patterns, by which lines are told apart without colours; the first is
    /// solid.
    pub fn patterned(&mut self, pattern: usize, draw: impl FnOnce(&mut Canvas)) {
        match PATTERNS[pattern % PATTERNS.len()] {
            "" => draw(self),
            dashes => self.group(&format!("stroke-dasharray=\"{dashes}\" stroke-linecap=\"butt\""), draw),
        }
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

    /// Appends what the backend writes for one shape, without the document that it writes round it.
    fn draw<E>(&mut self, shape: impl FnOnce(&mut SVGBackend) -> Result<(), E>) {
        let mut document = String::new();
        let mut backend = SVGBackend::with_string(&mut document, (0, 0));
        let drawn = shape(&mut backend).is_ok();
        drop(backend);
        assert!(drawn, "writing to a string cannot fail");
        let inner = document.split_once('\n').and_then(|(_, rest)| rest.strip_suffix("</svg>\n"));
        self.body.push_str(inner.expect("the backend writes its document round the shape"));
    }
}

fn units(&(x, y): &(f64, f64)) -> (i32, i32) {
    ((x * UNITS).round() as i32, (y * UNITS).round() as i32)
}
