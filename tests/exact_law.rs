//! The exact law against independently computed figures.

use batchsim::analytic::exact::{BatchLaw, LatencyLaw, Levels};
use batchsim::arrivals::map::Map;
use batchsim::numeric::matrix::Matrix;
use batchsim::units::Span;

fn matrix(rows: [[f64; 2]; 2]) -> Matrix {
    Matrix::from_rows(&rows.map(|row| row.to_vec())).unwrap()
}

fn twitter_hour_1() -> Map {
    let d0 = matrix([[-14.625001, 0.0], [0.0, -35.171226]]);
    Map::new(d0, matrix([[0.051020, 14.573981], [0.063796, 35.107429]])).unwrap()
}

/// 1,024 MB billed per started millisecond [$/batch].
fn cost(_: u32, service: f64) -> f64 {
    (service * 1000.0 - 1e-9).ceil() / 1000.0 * 1.66667e-5 + 2e-7
}

#[test]
fn every_figure_of_the_reference_table_is_met() {
    let poisson = Map::poisson(40.0);
    let slow = Map::mmpp(&[10.0, 100.0], &[60.0, 5.0]).unwrap();
    let fast = Map::mmpp(&[2.0, 200.0], &[0.5, 0.05]).unwrap();
    let twitter = twitter_hour_1();
    // E[N], mean, p50, p95, p99 [s], $ per million.
    let rows = [
        (&poisson, 4, 100, [3.652003, 0.077510, 0.070671, 0.138000, 0.138416, 0.246039]),
        (&poisson, 8, 200, [7.336269, 0.146758, 0.140796, 0.251804, 0.262000, 0.172698]),
        (&poisson, 16, 500, [15.749589, 0.299787, 0.289709, 0.526992, 0.594479, 0.133864]),
        (&slow, 4, 100, [2.566458, 0.084344, 0.073884, 0.138000, 0.138000, 0.307810]),
        (&slow, 8, 200, [4.192007, 0.142505, 0.124737, 0.244000, 0.255565, 0.227227]),
        (&slow, 16, 500, [8.403106, 0.280743, 0.231979, 0.556000, 0.574000, 0.163469]),
        (&fast, 4, 100, [3.163330, 0.065164, 0.051141, 0.132000, 0.138000, 0.268599]),
        (&fast, 8, 200, [5.472177, 0.126368, 0.090825, 0.250000, 0.260977, 0.197463]),
        (&fast, 16, 500, [10.683551, 0.293506, 0.196477, 0.580782, 0.602251, 0.149921]),
        (&twitter, 4, 100, [3.516039, 0.080613, 0.074531, 0.138000, 0.139003, 0.251686]),
        (&twitter, 8, 200, [6.964337, 0.152722, 0.148277, 0.256000, 0.262000, 0.176581]),
        (&twitter, 16, 500, [15.339754, 0.319189, 0.310495, 0.560821, 0.604000, 0.134768]),
    ];
    let service: Vec<f64> = (1..=16).map(|n| 0.020 + 0.006 * f64::from(n)).collect();
    for (map, batch, timeout_ms, figures) in rows {
        let levels = Levels::new(map, batch, Span::from_millis(timeout_ms));
        let batches = BatchLaw::new(&levels, batch);
        let law = LatencyLaw::new(&batches, &service, 0.0);
        let million = law.per_request(cost) * 1e6;
        let [p50, p95, p99] = [0.5, 0.95, 0.99].map(|q| law.quantile(q));
        let found = [law.mean_batch(), law.mean(), p50, p95, p99, million];
        for (found, figure) in found.iter().zip(figures) {
            // All printed digits; the hour's own six digits leave one more open.
            let digits = if *map == twitter { 1e-6 * figure } else { 0.0 };
            assert!(
                (found - figure).abs() < digits + 0.6e-6,
                "B {batch}, T {timeout_ms} ms: {found} {figure}"
            );
        }
    }
}
