//! The reference table: figures that another program computed, of independently written code.

use batchsim::analytic::exact::{LatencyLaw, SharedLaw, SharedSizes};
use batchsim::arrivals::map::Map;
use batchsim::arrivals::marked::MarkedMap;

use super::{matrix, mmpp, poisson, service, spans};

/// 1,024 MB billed per started millisecond [$/batch].
fn cost(service: f64) -> f64 {
    (service * 1000.0 - 1e-9).ceil() / 1000.0 * 1.66667e-5 + 2e-7
}

/// A case of the reference table: arrivals, B, E[N], $ per million; by class T, share, mean, p50, p95, p99 and the
/// share over T + 0.05 s.
type Case = (MarkedMap, u32, [f64; 2], Vec<[f64; 7]>);

fn poisson_cases() -> Vec<Case> {
    vec![
        (
            poisson(&[8.0, 32.0]),
            4,
            [3.426810, 0.255636],
            vec![
                [0.05, 0.200000, 0.067289, 0.070386, 0.088000, 0.092347, 0.000000],
                [0.1, 0.800000, 0.076833, 0.070386, 0.135681, 0.138000, 0.000000],
            ],
        ),
        (
            poisson(&[20.0, 20.0]),
            8,
            [5.608387, 0.195096],
            vec![
                [0.1, 0.500000, 0.116755, 0.122850, 0.162000, 0.162624, 0.158585],
                [0.2, 0.500000, 0.128362, 0.122850, 0.223145, 0.256000, 0.014607],
            ],
        ),
        (
            poisson(&[2.0, 38.0]),
            16,
            [12.995259, 0.141041],
            vec![
                [0.1, 0.050000, 0.165604, 0.168000, 0.210000, 0.210254, 0.705677],
                [0.5, 0.950000, 0.275807, 0.258723, 0.507586, 0.586000, 0.023971],
            ],
        ),
        (
            poisson(&[30.0, 10.0]),
            2,
            [1.663003, 0.420706],
            vec![
                [0.02, 0.750000, 0.038657, 0.036613, 0.047755, 0.051091, 0.000000],
                [0.4, 0.250000, 0.047033, 0.036613, 0.094178, 0.134414, 0.000000],
            ],
        ),
        (
            poisson(&[0.3, 0.5]),
            4,
            [1.975847, 0.369927],
            vec![
                [0.5, 0.375000, 0.459919, 0.526000, 0.538000, 0.538000, 0.000000],
                [2.0, 0.625000, 1.212364, 1.250486, 2.038000, 2.038000, 0.000000],
            ],
        ),
        (
            poisson(&[5.0, 10.0, 20.0]),
            13,
            [9.937686, 0.153668],
            vec![
                [0.15, 0.142857, 0.182642, 0.200000, 0.242000, 0.242000, 0.484215],
                [0.45, 0.285714, 0.232975, 0.215523, 0.442324, 0.528263, 0.019915],
                [0.65, 0.571429, 0.233415, 0.215523, 0.442324, 0.535358, 0.000203],
            ],
        ),
    ]
}

fn bursty_cases() -> Vec<Case> {
    let own = Map::new(matrix(&[&[-12.0, 2.0], &[0.5, -3.0]]), matrix(&[&[7.0, 3.0], &[1.5, 1.0]])).unwrap();
    vec![
        (
            mmpp(&[8.0, 2.0], &[10.0, 90.0], [60.0, 5.0]),
            8,
            [3.280233, 0.262590],
            vec![
                [0.1, 0.481818, 0.112143, 0.126000, 0.144000, 0.154325, 0.012023],
                [0.3, 0.518182, 0.117059, 0.102948, 0.242115, 0.332797, 0.000527],
            ],
        ),
        (
            mmpp(&[2.0, 0.0], &[0.0, 200.0], [0.5, 0.05]),
            16,
            [7.491853, 0.171189],
            vec![
                [0.05, 0.090909, 0.090859, 0.076000, 0.148000, 0.160000, 0.257857],
                [0.5, 0.909091, 0.260789, 0.181734, 0.569206, 0.596935, 0.090636],
            ],
        ),
        (
            mmpp(&[1.5, 0.5], &[20.0, 180.0], [0.5, 0.05]),
            8,
            [4.970065, 0.207309],
            vec![
                [0.1, 0.159091, 0.108444, 0.115163, 0.156000, 0.162000, 0.071472],
                [0.15, 0.840909, 0.108648, 0.089352, 0.194927, 0.207289, 0.028648],
            ],
        ),
        (
            MarkedMap::merged(&[Map::mmpp(&[5.0, 50.0], &[1.0, 0.2]).unwrap(), Map::poisson(10.0)]),
            16,
            [3.857552, 0.238257],
            vec![
                [0.05, 0.555556, 0.084824, 0.085511, 0.114296, 0.130000, 0.156447],
                [1.0, 0.444444, 0.211253, 0.153918, 0.559693, 0.820688, 0.001442],
            ],
        ),
        (
            mmpp(&[4.0, 3.0, 3.0], &[5.0, 15.0, 80.0], [10.0, 1.0]),
            16,
            [4.081506, 0.230671],
            vec![
                [0.05, 0.225000, 0.085412, 0.082000, 0.130411, 0.156169, 0.119538],
                [0.2, 0.225000, 0.169350, 0.173225, 0.255109, 0.292520, 0.056126],
                [0.6, 0.550000, 0.187709, 0.172452, 0.344137, 0.550001, 0.000917],
            ],
        ),
        (
            MarkedMap::merged(&[own, Map::poisson(2.0), Map::poisson(3.0), Map::poisson(4.0)]),
            12,
            [3.770111, 0.241464],
            vec![
                [0.9, 0.340314, 0.224837, 0.197985, 0.483287, 0.661422, 0.000375],
                [0.06, 0.146597, 0.094965, 0.098000, 0.122000, 0.134000, 0.108823],
                [0.3, 0.219895, 0.204219, 0.195170, 0.356000, 0.368000, 0.057389],
                [0.18, 0.293194, 0.170462, 0.195170, 0.240142, 0.254000, 0.096761],
            ],
        ),
    ]
}

#[test]
fn every_figure_of_the_reference_table_is_met() {
    for (number, (map, batch, [mean_batch, million], classes)) in
        poisson_cases().into_iter().chain(bursty_cases()).enumerate()
    {
        let waits: Vec<f64> = classes.iter().map(|class| class[0]).collect();
        let law = SharedLaw::new(&map, &spans(&waits), batch);
        let services = service(batch);
        let per_million = law.sizes().per_request(|n| cost(services[n as usize - 1])) * 1e6;
        let near = |found: f64, figure: f64, what: &str| {
            assert!((found - figure).abs() < 1e-6, "case {number}, {what}: {found} {figure}");
        };
        near(law.sizes().mean_batch(), mean_batch, "E[N]");
        near(per_million, million, "cost");
        let mut paid = 0.0;
        for (k, [wait, share, mean, p50, p95, p99, over]) in classes.into_iter().enumerate() {
            let latency = LatencyLaw::new(law.class(k), &services, 0.0);
            near(law.sizes().requests()[k] / mean_batch, share, "share");
            near(latency.mean(), mean, "mean");
            for (q, figure) in [(0.5, p50), (0.95, p95), (0.99, p99)] {
                near(latency.quantile(q), figure, "quantile");
            }
            near(latency.share_over(wait + 0.05), over, "over");
            paid += law.sizes().requests()[k] * latency.per_request(|_, service| cost(service));
        }
        near(paid / mean_batch * 1e6, million, "what the classes pay");
    }
}

#[test]
fn batch_sizes_and_what_each_class_pays_are_met() {
    let close = |found: &[f64], figures: &[f64]| {
        assert_eq!(found.len(), figures.len());
        let far = found.iter().zip(figures).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
        assert!(far < 0.6e-6, "{found:?}");
    };
    let map = mmpp(&[8.0, 2.0], &[10.0, 90.0], [60.0, 5.0]);
    let law = SharedLaw::new(&map, &spans(&[0.1, 0.3]), 8);
    let sizes = [0.246809, 0.291459, 0.174608, 0.071062, 0.022672, 0.007088, 0.003869, 0.182432];
    close(law.sizes().batch_size(), &sizes);
    let pays =
        |k| LatencyLaw::new(law.class(k), &service(8), 0.0).per_request(|_, service| cost(service)) * 1e6;
    close(&[pays(0), pays(1)], &[0.336825, 0.193565]);
    let sizes = SharedSizes::new(&poisson(&[5.0, 10.0, 20.0]), &spans(&[0.15, 0.45, 0.65]), 13);
    close(
        sizes.batch_size(),
        &[
            0.000750, 0.004579, 0.014260, 0.030320, 0.049779, 0.067751, 0.080248, 0.085851, 0.085497,
            0.081245, 0.075087, 0.068348, 0.356286,
        ],
    );
}
