//! Makes a trace of many functions like that of Azure in 2019: a row for each function, a column for each minute of a day.
//!
//! ```text
//! cargo run --release --example made_fleet -- 46000 > fleet.csv
//! ```
//!
//! The shares are those published in M. Shahrad et al., "Serverless in the Wild", USENIX ATC 2020, section 3: 45 % of the
//! applications are called at most once an hour, 81 % at most once a minute, and the other 19 % have 99.6 % of all calls.
//! Rates go from 1e-5 to 100 a second: evenly on a logarithmic scale up to one a minute, above with a bounded Pareto tail
//! of 1/2, by which 46,000 functions have some 1e9 calls a day. A third of the functions are timers, a third follow the
//! day, a third come in bursts.

use std::io::{BufWriter, Write as _};

use batchsim::numeric::streams::{Stream, Streams};
use rand::RngExt as _;
use rand_distr::{Distribution as _, Poisson};

const MINUTES: usize = 1440;
const LEAST: f64 = 1e-5;
const HOURLY: f64 = 1.0 / 3600.0;
const MINUTELY: f64 = 1.0 / 60.0;
const MOST: f64 = 100.0;

/// The rate \[1/s\] that the share `u` of the functions do not exceed.
fn rate(u: f64) -> f64 {
    let even = |low: f64, high: f64, share: f64| low * (high / low).powf(share);
    if u < 0.45 {
        even(LEAST, HOURLY, u / 0.45)
    } else if u < 0.81 {
        even(HOURLY, MINUTELY, (u - 0.45) / 0.36)
    } else {
        // P(rate > x) ~ x^(-1/2) from once a minute to the most.
        let (low, high) = (MINUTELY.powf(-0.5), MOST.powf(-0.5));
        (low - (u - 0.81) / 0.19 * (low - high)).powi(-2)
    }
}

fn counts(rate: f64, kind: usize, draw: &mut Stream) -> Vec<u64> {
    let poisson = |mean: f64, draw: &mut Stream| {
        if mean > 0.0 { Poisson::new(mean).map_or(0, |law| law.sample(draw) as u64) } else { 0 }
    };
    let a_minute = rate * 60.0;
    match kind {
        // A timer: each call when the sum of its beats passes a whole number.
        0 => {
            let phase: f64 = draw.random();
            let until = |minute: usize| (a_minute * minute as f64 + phase) as u64;
            (0..MINUTES).map(|minute| until(minute + 1) - until(minute)).collect()
        }
        // A day's wave.
        1 => {
            let phase: f64 = draw.random();
            let wave = |minute: usize| {
                1.0 + 0.8 * (std::f64::consts::TAU * (minute as f64 / MINUTES as f64 + phase)).sin()
            };
            (0..MINUTES).map(|minute| poisson(a_minute * wave(minute), draw)).collect()
        }
        // Bursts: a tenth of the time, ten minutes long in the mean.
        _ => {
            let mut on = draw.random_bool(0.1);
            let mut minute = || {
                on = if on { !draw.random_bool(0.1) } else { draw.random_bool(1.0 / 90.0) };
                let mean = a_minute * if on { 9.1 } else { 0.1 };
                poisson(mean.min(6000.0), draw)
            };
            (0..MINUTES).map(|_| minute()).collect()
        }
    }
}

fn main() -> std::io::Result<()> {
    let asked = std::env::args().nth(1).and_then(|text| text.parse().ok());
    let functions: usize = asked.unwrap_or(46_000);
    let mut draw = Streams::new(1).stream("made fleet");
    let mut out = BufWriter::with_capacity(1 << 20, std::io::stdout().lock());
    write!(out, "HashOwner,HashApp,HashFunction,Trigger")?;
    (1..=MINUTES).try_for_each(|minute| write!(out, ",{minute}"))?;
    writeln!(out)?;
    for function in 0..functions {
        // The golden ratio spreads the shares evenly over any number of functions, and over any part of them.
        let u = ((function as f64 + 0.5) * 0.618_033_988_749_895).fract();
        let kind = draw.random_range(0..3);
        write!(
            out,
            "owner{},app{},f{function:05},{}",
            function % 97,
            function % 997,
            ["timer", "http", "queue"][kind]
        )?;
        for count in counts(rate(u), kind, &mut draw) {
            write!(out, ",{count}")?;
        }
        writeln!(out)?;
    }
    out.flush()
}
