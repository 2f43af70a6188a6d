//! The ticks of an axis: at 1, 2 and 5 times a power of ten or at round times, with labels in a fitting unit.

use super::axis::{Axis, Scale, Spread, Unit};
use crate::report::format::trimmed;
use crate::text::separated;

/// The ticks of an axis.
#[derive(Debug, Clone, PartialEq)]
pub struct Ticks {
    /// Values with their labels.
    pub major: Vec<(f64, String)>,
    /// Values of grid lines without a label.
    pub minor: Vec<f64>,
    /// The unit that all labels share and the axis title names; may be empty.
    pub unit: String,
}

impl Axis {
    /// At most about `most` labelled ticks within the scale.
    pub fn ticks(&self, scale: &Scale, most: usize) -> Ticks {
        let (factor, unit) = self.display_unit(scale);
        match scale.spread {
            Spread::Log if scale.high / scale.low > 4.0 => self.log_ticks(scale, most),
            _ => {
                let (low, high) = (scale.low * factor, scale.high * factor);
                let step = self.step(&unit, high - low, most);
                let values: Vec<f64> = multiples(low, high, step).collect();
                let label = |v: &f64| (v / factor, self.linear_label(*v, step, high.abs().max(low.abs())));
                Ticks { major: values.iter().map(label).collect(), minor: Vec::new(), unit }
            }
        }
    }

    /// The title with the unit that the tick labels leave out.
    pub fn titled(&self, ticks: &Ticks) -> String {
        let unit = match &self.unit {
            Unit::Number(name) => name,
            _ => &ticks.unit,
        };
        let notes: Vec<&str> = [unit.as_str(), if self.spread == Spread::Log { "log scale" } else { "" }]
            .into_iter()
            .filter(|note| !note.is_empty())
            .collect();
        match (self.title.is_empty(), notes.is_empty()) {
            (_, true) => self.title.clone(),
            (true, _) => notes.join(", "),
            _ => format!("{} ({})", self.title, notes.join(", ")),
        }
    }

    /// Factor from the data's unit to the one shown, and that unit's name.
    pub(super) fn display_unit(&self, scale: &Scale) -> (f64, String) {
        let reach = scale.high.abs().max(scale.low.abs());
        let (factor, unit) = match self.unit {
            Unit::Share => (100.0, ""),
            Unit::Seconds => seconds_unit(reach),
            Unit::Elapsed => match reach {
                r if r <= 180.0 => (1.0, "s"),
                r if r <= 10_800.0 => (1.0 / 60.0, "min"),
                r if r <= 259_200.0 => (1.0 / 3_600.0, "h"),
                _ => (1.0 / 86_400.0, "days"),
            },
            Unit::Number(_) | Unit::Count | Unit::Usd => (1.0, ""),
        };
        (factor, unit.to_owned())
    }

    /// The step in the unit shown: 1, 2 or 5 times a power of ten, or what suits a clock.
    pub(super) fn step(&self, unit: &str, span: f64, most: usize) -> f64 {
        let least = span / most.max(1) as f64;
        let clock: &[f64] = match (&self.unit, unit) {
            (Unit::Elapsed, "h") => &[1.0, 2.0, 3.0, 4.0, 6.0, 12.0, 24.0],
            (Unit::Elapsed, "s" | "min") => &[1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0],
            _ => &[],
        };
        let on_clock = clock.iter().copied().find(|step| *step >= least * (1.0 - 1e-9));
        match on_clock {
            Some(step) if least > 0.5 => step,
            _ if self.unit == Unit::Count => round_step(least.max(1.0)),
            _ => round_step(least),
        }
    }

    fn linear_label(&self, value: f64, step: f64, reach: f64) -> String {
        let (scaled, step, suffix) = match reach {
            _ if !matches!(self.unit, Unit::Number(_) | Unit::Count | Unit::Usd) => (value, step, ""),
            r if r >= 1e9 => (value / 1e9, step / 1e9, "G"),
            r if r >= 1e6 => (value / 1e6, step / 1e6, "M"),
            r if r >= 1e4 => (value / 1e3, step / 1e3, "k"),
            _ => (value, step, ""),
        };
        let suffix = if value == 0.0 { "" } else { suffix };
        self.dressed(&with_decimals(scaled, decimals(step)), suffix)
    }

    fn log_ticks(&self, scale: &Scale, most: usize) -> Ticks {
        let factor = if self.unit == Unit::Share { 100.0 } else { 1.0 };
        let (low, high) = (scale.low * factor, scale.high * factor);
        let decades = (low.log10().floor() as i32)..=(high.log10().ceil() as i32);
        let inside = |v: &f64| *v >= low * (1.0 - 1e-9) && *v <= high * (1.0 + 1e-9);
        let at = |digits: &[u32], every: i32| -> Vec<f64> {
            let exponents = decades.clone().filter(|exponent| exponent.rem_euclid(every) == 0);
            exponents
                .flat_map(|e| digits.iter().map(move |d| format!("{d}e{e}").parse().unwrap_or(f64::NAN)))
                .filter(inside)
                .collect()
        };
        let is_clock = matches!(self.unit, Unit::Seconds | Unit::Elapsed) && high >= 2.0 * MINUTE;
        let mut choices = match is_clock {
            true => CLOCKS
                .iter()
                .map(|(digits, round)| {
                    let below = at(digits, 1).into_iter().filter(|value| *value < MINUTE);
                    below.chain(round.iter().copied().filter(inside)).collect()
                })
                .collect(),
            // Of 1, 2 and 5 too few lie within.
            false if high < 10.0 * low => vec![at(&[1, 2, 3, 4, 5, 6, 7, 8, 9], 1), at(&[1, 2, 3, 5, 7], 1)],
            false => Vec::new(),
        };
        if !is_clock {
            choices.extend([at(&[1, 2, 5], 1), at(&[1, 3], 1), at(&[1], 1)]);
        }
        choices.extend([at(&[1], 2), at(&[1], 3), at(&[1], 6)]);
        let fitting =
            choices.iter().position(|values| values.len() <= most.max(2)).unwrap_or(choices.len() - 1);
        let major = &choices[fitting];
        let grid =
            if decades.clone().count() <= 8 { at(&[1, 2, 3, 4, 5, 6, 7, 8, 9], 1) } else { at(&[1], 1) };
        let between = |v: &f64| !(major.contains(v) || is_clock && *v >= MINUTE);
        let minor = grid.into_iter().filter(between).map(|v| v / factor).collect();
        let major = major.iter().map(|v| (v / factor, self.log_label(*v))).collect();
        Ticks { major, minor, unit: String::new() }
    }

    /// On a log axis each label has its own unit, since the range may span many.
    fn log_label(&self, value: f64) -> String {
        let rounded = value * (1.0 + 1e-9);
        let (factor, suffix) = match self.unit {
            Unit::Seconds | Unit::Elapsed => clock_unit(rounded),
            Unit::Share => (1.0, ""),
            _ if rounded >= 1e9 => (1e-9, "G"),
            _ if rounded >= 1e6 => (1e-6, "M"),
            _ if rounded >= 1e4 => (1e-3, "k"),
            _ => (1.0, ""),
        };
        let shown = value * factor;
        let digits = (-(shown * (1.0 + 1e-9)).log10().floor()).max(0.0) as usize;
        let suffix = if matches!(self.unit, Unit::Seconds | Unit::Elapsed) {
            format!(" {suffix}")
        } else {
            suffix.to_owned()
        };
        self.dressed(&with_decimals(shown, digits), &suffix)
    }

    fn dressed(&self, digits: &str, suffix: &str) -> String {
        match (&self.unit, digits.strip_prefix('-')) {
            (Unit::Usd, Some(size)) => format!("-${size}{suffix}"),
            (Unit::Usd, None) => format!("${digits}{suffix}"),
            (Unit::Share, _) => format!("{} %", trimmed(digits)),
            _ => format!("{digits}{suffix}"),
        }
    }
}

const MINUTE: f64 = 60.0;
const HOUR: f64 = 3_600.0;
/// Ticks of logarithmic axes that reach beyond two minutes, from many to few: the digits of powers of ten below a minute, and
/// what is round above.
const CLOCKS: [(&[u32], &[f64]); 3] = [
    (
        &[1, 2, 5],
        &[
            MINUTE,
            2.0 * MINUTE,
            5.0 * MINUTE,
            10.0 * MINUTE,
            30.0 * MINUTE,
            HOUR,
            2.0 * HOUR,
            5.0 * HOUR,
            12.0 * HOUR,
            24.0 * HOUR,
            48.0 * HOUR,
            120.0 * HOUR,
        ],
    ),
    (&[1], &[MINUTE, 10.0 * MINUTE, HOUR, 10.0 * HOUR, 100.0 * HOUR]),
    (&[1], &[10.0 * MINUTE, 10.0 * HOUR]),
];

/// The unit of a value by itself.
fn clock_unit(value: f64) -> (f64, &'static str) {
    match value {
        v if v >= HOUR => (1.0 / HOUR, "h"),
        v if v >= MINUTE && (v / MINUTE - (v / MINUTE).round()).abs() < 1e-6 => (1.0 / MINUTE, "min"),
        v => seconds_unit(v),
    }
}

fn seconds_unit(reach: f64) -> (f64, &'static str) {
    match reach {
        r if r < 1e-6 => (1e9, "ns"),
        r if r < 1e-3 => (1e6, "µs"),
        r if r < 1.0 => (1e3, "ms"),
        r if r < 600.0 => (1.0, "s"),
        r if r < 36_000.0 => (1.0 / 60.0, "min"),
        _ => (1.0 / 3_600.0, "h"),
    }
}

/// The smallest of 1, 2, 5 times a power of ten that is at least `least`.
fn round_step(least: f64) -> f64 {
    let power = least.max(f64::MIN_POSITIVE * 1e10).log10().floor() as i32;
    let candidates = [1, 2, 5, 10].map(|digit| format!("{digit}e{power}").parse().unwrap_or(f64::NAN));
    candidates.into_iter().find(|step| *step >= least * (1.0 - 1e-9)).unwrap_or(candidates[3])
}

fn multiples(low: f64, high: f64, step: f64) -> impl Iterator<Item = f64> {
    let first = (low / step - 1e-9).ceil();
    let count = ((high / step + 1e-9).floor() - first).clamp(-1.0, 1_000.0) as i64;
    // `+ 0.0` turns a negative zero into a plain one.
    (0..=count).map(move |index| (first + index as f64) * step + 0.0)
}

fn decimals(step: f64) -> usize {
    (0..=12)
        .find(|d| ((step * 10f64.powi(*d)).round() / 10f64.powi(*d) - step).abs() < step * 1e-6)
        .unwrap_or(12) as usize
}

fn with_decimals(value: f64, decimals: usize) -> String {
    if value != 0.0 && (decimals > 6 || value.abs() >= 1e15) {
        return format!("{value:e}");
    }
    separated(&format!("{value:.decimals$}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(axis: &Axis, values: &[f64], most: usize) -> Vec<String> {
        let scale = axis.scale(values.iter().copied()).unwrap();
        axis.ticks(&scale, most).major.into_iter().map(|(_, label)| label).collect()
    }

    fn number(unit: &str) -> Axis {
        Axis::new("a", Unit::Number(unit.to_owned()))
    }

    #[test]
    fn linear_ticks_step_by_one_two_or_five() {
        assert_eq!(labels(&number(""), &[0.0, 10.0], 6), ["0", "2", "4", "6", "8", "10"]);
        assert_eq!(labels(&number(""), &[0.0, 0.9], 6), ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]);
        assert_eq!(labels(&number("").tight(), &[-12.0, 31.0], 6), ["-10", "0", "10", "20", "30"]);
        assert_eq!(labels(&number(""), &[0.0, 4.5e6], 5), ["0", "1M", "2M", "3M", "4M", "5M"]);
        assert_eq!(
            labels(&Axis::new("a", Unit::Share), &[0.0, 1.0], 6),
            ["0 %", "20 %", "40 %", "60 %", "80 %", "100 %"]
        );
        assert_eq!(
            labels(&Axis::new("a", Unit::Usd), &[0.0, 0.3], 6),
            ["$0.00", "$0.05", "$0.10", "$0.15", "$0.20", "$0.25", "$0.30"]
        );
    }

    #[test]
    fn log_ticks_beyond_minutes_stand_at_round_times() {
        let axis = Axis::new("a", Unit::Seconds).log();
        assert_eq!(labels(&axis, &[1.0, 3e4], 6), ["1 s", "10 s", "1 min", "10 min", "1 h", "10 h"]);
        let wide = labels(&axis, &[1.0, 3e4], 20);
        assert!(
            ["5 s", "2 min", "30 min", "5 h"].iter().all(|label| wide.contains(&label.to_string())),
            "{wide:?}"
        );
        assert_eq!(labels(&axis, &[1.0, 300.0], 4), ["1 s", "10 s", "1 min"]);
    }

    #[test]
    fn log_ticks_are_one_two_five_or_decades() {
        let axis = Axis::new("a", Unit::Seconds).log();
        assert_eq!(labels(&axis, &[0.04, 1.2], 8), ["50 ms", "100 ms", "200 ms", "500 ms", "1 s"]);
        assert_eq!(labels(&axis, &[1e-4, 10.0], 6), ["100 µs", "1 ms", "10 ms", "100 ms", "1 s", "10 s"]);
        assert_eq!(
            labels(&Axis::new("a", Unit::Share).log(), &[1e-4, 1.0], 6),
            ["0.01 %", "0.1 %", "1 %", "10 %", "100 %"]
        );
        assert_eq!(labels(&Axis::new("a", Unit::Usd).log(), &[0.5, 5.0], 6), ["$0.5", "$1", "$2", "$5"]);
        assert_eq!(labels(&axis, &[2.0, 8.0], 6), ["2 s", "3 s", "5 s", "7 s"]);
    }

    #[test]
    fn a_short_log_range_has_linear_ticks() {
        let ticks = labels(&Axis::new("a", Unit::Usd).log(), &[1.0, 1.4], 6);
        assert!(ticks.len() >= 3 && ticks.contains(&"$1.2".to_owned()), "{ticks:?}");
    }

    #[test]
    fn seconds_take_the_unit_that_fits_the_range() {
        let axis = Axis::new("latency", Unit::Seconds);
        let scale = axis.scale([0.0, 0.45].into_iter()).unwrap();
        let ticks = axis.ticks(&scale, 6);
        assert_eq!(axis.titled(&ticks), "latency (ms)");
        assert_eq!(ticks.major.last().unwrap().1, "500");
        let scale = axis.scale([0.0, 4.0].into_iter()).unwrap();
        assert_eq!(axis.titled(&axis.ticks(&scale, 6)), "latency (s)");
    }

    #[test]
    fn elapsed_time_has_ticks_at_round_hours() {
        let axis = Axis::new("time", Unit::Elapsed).tight();
        assert_eq!(labels(&axis, &[0.0, 86_400.0], 10), ["0", "3", "6", "9", "12", "15", "18", "21", "24"]);
        assert_eq!(labels(&axis, &[0.0, 3_600.0], 5), ["0", "15", "30", "45", "60"]);
    }
}
