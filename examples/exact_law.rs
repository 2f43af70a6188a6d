//! The exact law of a buffer (B, T) before functions that are always warm: no simulation, no scenario.
//!
//! `cargo run --release --example exact_law`

use batchsim::analytic::exact::{BatchLaw, LatencyLaw, Levels};
use batchsim::arrivals::map::{Map, MapError};
use batchsim::units::Span;

fn main() -> Result<(), MapError> {
    // Bursts of 100 requests a second for 5 s in the mean, then 5 a second for a minute.
    let process = Map::mmpp(&[100.0, 5.0], &[5.0, 60.0])?;
    println!("{:.1} requests a second in the mean", process.rate());

    // A batch of n takes 80 ms + 20 ms n.
    let service: Vec<f64> = (1..=8).map(|n| 0.080 + 0.020 * f64::from(n)).collect();
    for timeout in [10, 50, 100, 200] {
        // What all batch sizes at one timeout have in common is computed once.
        let levels = Levels::new(&process, 8, Span::from_millis(timeout));
        let batches = BatchLaw::new(&levels, 8);
        let latency = LatencyLaw::new(&batches, &service, 0.0);
        println!(
            "T = {timeout:3} ms: {:.2} requests a batch, {:4.1} % of the batches full, p95 {:.0} ms",
            batches.mean_batch(),
            batches.full() * 100.0,
            latency.quantile(0.95) * 1e3
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #[test]
    fn runs() {
        super::main().unwrap();
    }
}
