//! What `sim fit` shows: fit.json, the process as TOML, and with the feature `charts` the comparison table, the charts and
//! the page.

#[cfg(feature = "charts")]
mod charts;
#[cfg(feature = "charts")]
mod page;

use serde_json::{Value, json};

use super::json::pretty;
use crate::fitting::{Fit, Observed, Piece, schedule_toml};

/// A fitted trace.
#[derive(Debug, Clone, Copy)]
pub struct FitReport<'a> {
    /// The trace's name.
    pub name: &'a str,
    /// The trace's file as it was given.
    pub file: &'a str,
    /// Its fit as a whole.
    pub fit: &'a Fit,
    /// What was fitted.
    pub observed: &'a Observed,
    /// Its fit by windows, where asked for.
    pub pieces: Option<&'a [Piece]>,
}

impl FitReport<'_> {
    /// The text of fit.json.
    pub fn json(&self) -> String {
        let mut value = self.fit.to_json();
        if let (Value::Object(all), Some(pieces)) = (&mut value, self.pieces) {
            let mut start = 0.0;
            let windows = pieces.iter().map(|piece| {
                let row = window_json(piece, start);
                start += piece.duration.as_secs_f64();
                row
            });
            all.insert("windows".into(), windows.collect());
        }
        pretty(&value)
    }

    /// A schedule file for a scenario: the windows, or the whole trace as one segment.
    pub fn toml(&self) -> String {
        let mut text = format!("source = {}\n\n", toml::Value::String(format!("sim fit of {}", self.name)));
        match self.pieces {
            Some(pieces) => text + &schedule_toml(pieces),
            None => {
                for line in std::iter::once(&self.fit.reason).chain(&self.fit.best().warning()) {
                    text.push_str(&format!("# {line}\n"));
                }
                let duration = self.fit.trace.duration;
                text + &schedule_toml(&[Piece { duration, fit: Ok(self.fit.clone()) }])
            }
        }
    }
}

fn window_json(piece: &Piece, start: f64) -> Value {
    let duration = piece.duration.as_secs_f64();
    match &piece.fit {
        Ok(fit) => {
            let best = fit.best();
            json!({
                "start_s": start,
                "duration_s": duration,
                "arrivals": fit.trace.arrivals,
                "rate": fit.trace.rate,
                "process": best.family.name(),
                "d0": best.map.d0().rows(),
                "d1": best.map.d1().rows(),
                "warning": best.warning(),
            })
        }
        Err(error) => json!({ "start_s": start, "duration_s": duration, "warning": error.to_string() }),
    }
}
