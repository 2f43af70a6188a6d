//! What a page tells of a line where the pointer is.

use super::axis::Axis;
use crate::text::xml as escape;

/// Pixels between two points of a line that are told apart.
const APART: f64 = 4.0;

/// A place on the canvas, and the values that are shown there.
pub type Placed = ((f64, f64), (f64, f64));

/// A line's name (may be empty), its axes, whether a value holds until the next, and the points to be told.
#[derive(Debug)]
pub struct Readings<'a> {
    pub name: &'a str,
    pub axes: (&'a Axis, &'a Axis),
    pub holds: bool,
    pub points: Vec<Placed>,
}

impl Readings<'_> {
    /// As attributes of an element, the places in the `units` of the drawing. hover.js reads them.
    pub fn attributes(&self, units: impl Fn(&(f64, f64)) -> (i32, i32)) -> String {
        let (x_axis, y_axis) = self.axes;
        let text = |(at, (x, y)): &Placed| {
            let (left, top) = units(at);
            format!("{left};{top};{};{}", x_axis.reading(*x), y_axis.reading(*y))
        };
        let points = self.points.iter().map(text).collect::<Vec<_>>().join("|");
        let [name, x, y, points] =
            [self.name, &x_axis.reading_title(), &y_axis.reading_title(), &points].map(escape);
        let steps = if self.holds { " data-steps=\"\"" } else { "" };
        format!("data-name=\"{name}\" data-x=\"{x}\" data-y=\"{y}\"{steps} data-readings=\"{points}\"")
    }
}

/// The points but those within some pixels of the one before: all that a pointer can tell apart.
pub fn apart(points: impl Iterator<Item = Placed>) -> Vec<Placed> {
    let mut kept: Vec<Placed> = Vec::new();
    for (at, values) in points {
        let near = |((x, y), _): &Placed| (x - at.0).abs().max((y - at.1).abs()) < APART;
        if !kept.last().is_some_and(near) {
            kept.push((at, values));
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::chart::Unit;

    #[test]
    fn every_point_is_told_within_some_pixels() {
        let points =
            || (0..1_000).map(|i| ((i as f64 / 2.0, 99.0 * (i as f64 / 9.0).sin()), (i as f64, 0.0)));
        let kept = apart(points());
        assert!(kept.len() < 900, "{}", kept.len());
        for (at, _) in points() {
            let near = |((x, y), _): &Placed| (x - at.0).abs() <= APART && (y - at.1).abs() <= APART;
            assert!(kept.iter().any(near), "{at:?}");
        }
    }

    #[test]
    fn values_are_told_in_words() {
        let (x, y) = (Axis::new("time", Unit::Elapsed), Axis::new("requests", Unit::Number("1/s".into())));
        let points = vec![((10.0, 20.0), (5_400.0, 12.345))];
        let readings = Readings { name: "<load>", axes: (&x, &y), holds: false, points };
        let attributes = readings.attributes(|(x, y)| (*x as i32, *y as i32));
        let expected = "data-name=\"&lt;load&gt;\" data-x=\"time\" data-y=\"requests (1/s)\" data-readings=\"10;20;90 min;12.3\"";
        assert_eq!(attributes, expected);
    }
}
