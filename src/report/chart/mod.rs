//! SVG charts from plain data, in one theme, readable in light and dark.
//!
//! Every chart's range comes from its data: nothing is clamped or cut. Values that an axis cannot show (zero on
//! a log axis, not a number) are left out and counted in a note. The same chart gives the same bytes.
//!
//! ```
//! use batchsim::report::chart::{Axis, Chart, LineChart, Panel, Series, Unit};
//!
//! let cdf = Series::new("simulated", vec![(0.1, 0.2), (0.2, 0.9), (0.5, 1.0)]).steps();
//! let svg = LineChart::new("Latency", Axis::new("latency", Unit::Seconds).log())
//!     .mark_x(0.4, "SLO 400 ms")
//!     .panel(Panel::new(Axis::new("share of requests", Unit::Share).from_zero()).series(cdf))
//!     .svg();
//! assert!(svg.contains("SLO 400 ms"));
//! ```

mod axis;
mod bars;
mod canvas;
mod frame;
mod heatmap;
mod line;
mod readings;
mod scatter;
mod theme;
mod ticks;

pub use axis::{Axis, Scale, Unit};
pub use bars::BarChart;
pub use frame::SMALL;
pub use heatmap::{Cell, HeatMap};
pub use line::{LineChart, Panel, Series};
pub use scatter::{Group, Point, Scatter};
pub use theme::{Colour, FONT, Rgb, hex};
pub use ticks::Ticks;

/// What a chart is drawn for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Medium {
    /// A file of its own: a plain picture.
    File,
    /// A page on a desktop.
    Desktop,
    /// A page on a phone: narrow, the legend under the plot.
    Phone,
    /// A figure of a paper, so many pixels wide.
    Paper(u32),
}

impl Medium {
    fn width(self) -> f64 {
        match self {
            Medium::File | Medium::Desktop => 800.0,
            Medium::Phone => 400.0,
            Medium::Paper(width) => f64::from(width),
        }
    }
}

/// Something that can be drawn.
pub trait Chart {
    /// What the chart shows, in a few words.
    fn title(&self) -> &str;

    /// The chart as an SVG document.
    fn draw(&self, medium: Medium) -> String;

    /// The chart as a file of its own.
    fn svg(&self) -> String {
        self.draw(Medium::File)
    }
}

/// What screen readers say of a chart.
fn spoken(title: &str, subtitle: &str) -> String {
    if subtitle.is_empty() { format!("Chart: {title}") } else { format!("Chart: {title}. {subtitle}") }
}

#[cfg(test)]
mod tests;
