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

mod bars;
mod canvas;
mod frame;
mod heatmap;
mod line;
mod scatter;
mod theme;
mod ticks;

pub use bars::BarChart;
pub use heatmap::{Cell, HeatMap};
pub use line::{LineChart, Panel, Series};
pub use scatter::{Group, Point, Scatter};
pub use theme::{Colour, FONT, Rgb, hex};
pub use ticks::{Axis, Scale, Ticks, Unit};

/// Width in pixels of a chart in a file of its own and on a desktop page.
pub const WIDE: f64 = 800.0;

/// Width in pixels of a chart on a phone.
pub const NARROW: f64 = 400.0;

/// Something that can be drawn.
pub trait Chart {
    /// What the chart shows, in a few words.
    fn title(&self) -> &str;

    /// The chart as an SVG document `width` pixels wide; below 560 the legend stands under the plot.
    fn draw(&self, width: f64) -> String;

    /// The chart as an SVG document of the usual width.
    fn svg(&self) -> String {
        self.draw(WIDE)
    }
}

/// What screen readers say of a chart.
fn spoken(title: &str, subtitle: &str) -> String {
    if subtitle.is_empty() { format!("Chart: {title}") } else { format!("Chart: {title}. {subtitle}") }
}

#[cfg(test)]
mod tests;
