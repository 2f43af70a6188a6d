//! Fit quality on a trace, as the rows of the table in docs/fitting.md.
//!
//! `fit_quality BIN FILE`: BIN is the length of a bin ("1s", "1min"); FILE (plain or .gz) has one count a
//! line, the last field of the line. With BIN "stamps" the first field is an ISO date-time of an arrival.

use std::io::{BufRead, BufReader, Read};
use std::time::Instant;

use batchsim::fitting::{Counts, Fit, Method, Observed, fit, piecewise};
use batchsim::units::{Span, Time};

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, bin, file] = arguments.as_slice() else { panic!("usage: fit_quality BIN|stamps FILE") };
    let lines = lines(file);
    let observed = match Span::parse(bin) {
        Ok(bin) => {
            let count = |line: &String| line.rsplit(',').next()?.trim().parse().ok();
            Observed::Counts(Counts { bin, counts: lines.iter().filter_map(count).collect() })
        }
        Err(_) => {
            let time = |line: &String| line.split(',').next()?.parse::<jiff::civil::DateTime>().ok();
            let times: Vec<_> = lines.iter().filter_map(time).collect();
            let since = |t: &jiff::civil::DateTime| Time(t.duration_since(times[0]).as_nanos() as u64);
            Observed::Arrivals(times.iter().map(since).collect())
        }
    };
    let clock = Instant::now();
    let whole = fit(&observed, observed.measure(), Method::Auto).expect("long enough");
    println!("{} arrivals in {:.2?}; {}", whole.trace.arrivals, clock.elapsed(), whole.reason);
    table(&whole);
    let clock = Instant::now();
    let pieces = piecewise(&observed, Span::from_secs(3600));
    let elapsed = clock.elapsed();
    let fits: Vec<&Fit> = pieces.iter().filter_map(|piece| piece.fit.as_ref().ok()).collect();
    println!("{} of {} hours fitted in {elapsed:.2?}", fits.len(), pieces.len());
    for (i, scale) in batchsim::fitting::COMPARED_S.iter().enumerate() {
        let wanted = Span::from_secs_f64(*scale).expect("a scale");
        let ratios = fits.iter().flat_map(|fit| fit.best().scales.iter().filter(|s| s.scale == wanted));
        let mut ratios: Vec<f64> = ratios.map(|s| s.ratio).collect();
        ratios.sort_by(f64::total_cmp);
        if let (Some(median), n) = (ratios.get(ratios.len() / 2), ratios.len()) {
            let off = ratios.iter().filter(|r| !(1.0 / 1.5..=1.5).contains(*r)).count();
            println!("{i}: at {scale} s median ratio {median:.2}, {off} of {n} hours beyond 1.5x");
        }
    }
}

fn table(fit: &Fit) {
    for candidate in &fit.candidates {
        print!("| {} | {:.0} |", candidate.family.name(), candidate.bic);
        for scale in &candidate.scales {
            let mark = if scale.is_off() { " !" } else { "" };
            print!(
                " {}: {:.1} / {:.1} = {:.2}{mark} |",
                scale.scale, scale.fitted, scale.measured, scale.ratio
            );
        }
        println!();
    }
}

fn lines(file: &str) -> Vec<String> {
    let raw = std::fs::File::open(file).expect("a file");
    let plain: Box<dyn Read> =
        if file.ends_with(".gz") { Box::new(flate2::read::MultiGzDecoder::new(raw)) } else { Box::new(raw) };
    BufReader::new(plain).lines().map(|line| line.expect("text")).collect()
}
