//! Lines over one horizontal axis, in one panel or several stacked ones: CDFs, time series.

mod draw;

use super::axis::Axis;
use super::theme::Colour;

/// Line charts that share the horizontal axis, one above the other.
#[derive(Debug, Clone)]
pub struct LineChart {
    title: String,
    subtitle: String,
    x: Axis,
    marks: Vec<(f64, String)>,
    panels: Vec<Panel>,
    notes: Vec<String>,
}

/// One plot with its own vertical axis.
#[derive(Debug, Clone)]
pub struct Panel {
    y: Axis,
    series: Vec<Series>,
    marks: Vec<(f64, String)>,
}

/// One line: points in the order of x.
#[derive(Debug, Clone)]
pub struct Series {
    label: String,
    points: Vec<(f64, f64)>,
    band: Vec<(f64, f64, f64)>,
    colour: Option<Colour>,
    stroke: Stroke,
    course: Course,
    fill: Fill,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stroke {
    Solid,
    Dashed,
    /// One of the canvas's patterns.
    Pattern(usize),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Course {
    Straight,
    Steps,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fill {
    None,
    ToFoot,
}

impl Series {
    /// Points joined by straight solid lines; `label` (may be empty) is for the legend.
    pub fn new(label: impl Into<String>, points: Vec<(f64, f64)>) -> Series {
        let (stroke, course, fill) = (Stroke::Solid, Course::Straight, Fill::None);
        Series { label: label.into(), points, band: Vec::new(), colour: None, stroke, course, fill }
    }

    /// Dashed, as predictions are.
    pub fn dashed(self) -> Series {
        Series { stroke: Stroke::Dashed, ..self }
    }

    /// With strokes of the pattern of this number, as the lines of several systems are told apart.
    pub fn pattern(self, number: usize) -> Series {
        Series { stroke: Stroke::Pattern(number), ..self }
    }

    /// Each value holds until the next point, as in an empirical CDF or a count.
    pub fn steps(self) -> Series {
        Series { course: Course::Steps, ..self }
    }

    /// With the area down to the axis tinted.
    pub fn filled(self) -> Series {
        Series { fill: Fill::ToFoot, ..self }
    }

    /// With a tinted band of (x, low, high) round it, such as a confidence interval.
    pub fn band(self, band: Vec<(f64, f64, f64)>) -> Series {
        Series { band, ..self }
    }

    /// In a given colour instead of the next of the palette.
    pub fn colour(self, colour: Colour) -> Series {
        Series { colour: Some(colour), ..self }
    }
}

impl Panel {
    /// Without series.
    pub fn new(y: Axis) -> Panel {
        Panel { y, series: Vec::new(), marks: Vec::new() }
    }

    /// Adds a series. A solid line beside others gets a pattern of its own, so that they are told apart without colours.
    pub fn series(mut self, series: Series) -> Panel {
        let lines = self.series.iter().filter(|other| other.stroke != Stroke::Dashed).count();
        let stroke = match series.stroke {
            Stroke::Solid if lines > 0 => Stroke::Pattern(lines),
            given => given,
        };
        self.series.push(Series { stroke, ..series });
        self
    }

    /// A horizontal line at `y`, named in the legend.
    pub fn mark_y(mut self, y: f64, label: impl Into<String>) -> Panel {
        self.marks.push((y, label.into()));
        self
    }
}

impl LineChart {
    /// Without panels.
    pub fn new(title: impl Into<String>, x: Axis) -> LineChart {
        let (title, subtitle) = (title.into(), String::new());
        LineChart { title, subtitle, x, marks: Vec::new(), panels: Vec::new(), notes: Vec::new() }
    }

    /// The line under the title.
    pub fn subtitle(self, subtitle: impl Into<String>) -> LineChart {
        LineChart { subtitle: subtitle.into(), ..self }
    }

    /// A further plot below those before.
    pub fn panel(mut self, panel: Panel) -> LineChart {
        self.panels.push(panel);
        self
    }

    /// A vertical line at `x` through all panels, labelled above the plot.
    pub fn mark_x(mut self, x: f64, label: impl Into<String>) -> LineChart {
        self.marks.push((x, label.into()));
        self
    }

    /// A line of small print below the chart.
    pub fn note(mut self, note: impl Into<String>) -> LineChart {
        self.notes.push(note.into());
        self
    }
}
