//! Processes that come back from what was drawn of them.

use batchsim::arrivals::Arrivals;
use batchsim::arrivals::map::Map;
use batchsim::arrivals::map_arrivals::MapArrivals;
use batchsim::fitting::{
    Basis, Candidate, Counts, Family, Fit, FitError, MapStats, Method, Observed, fit, fit_window, piecewise,
    schedule_toml, state_probability,
};
use batchsim::numeric::matrix::Matrix;
use batchsim::numeric::streams::Streams;
use batchsim::units::{Span, Time};

fn draw(map: &Map, arrivals: usize, seed: u64) -> Vec<Time> {
    let mut source = MapArrivals::new(map, Time::ZERO, Time::NEVER, Streams::new(seed).stream("arrivals"));
    let mut all = Vec::with_capacity(arrivals + 4096);
    while all.len() < arrivals {
        source.fill(&mut all).unwrap();
    }
    all.truncate(arrivals);
    all
}

fn fitted(map: &Map, arrivals: usize) -> Fit {
    let observed = Observed::Arrivals(draw(map, arrivals, 7));
    let trace = observed.measure();
    fit(&observed, trace, Method::Auto).unwrap()
}

fn two(d0: [[f64; 2]; 2], d1: [[f64; 2]; 2]) -> Map {
    let matrix = |m: [[f64; 2]; 2]| Matrix::from_rows(&m.map(|row| row.to_vec())).unwrap();
    Map::new(matrix(d0), matrix(d1)).unwrap()
}

#[track_caller]
fn near(what: &str, value: f64, exact: f64, share: f64) {
    assert!((value / exact - 1.0).abs() <= share, "{what} is {value}, not {exact} within {share}");
}

/// Compares an MMPP(2) of 1e6 arrivals with its source: rates within `rates`, switching rates within
/// `switching`, the IDC within `idc` (three standard errors each).
#[track_caller]
fn comes_back(source: &Map, rates: f64, switching: f64, idc: f64) {
    let fit = fitted(source, 1_000_000);
    let best = fit.best();
    assert_eq!(best.family, Family::Mmpp(2), "{}", fit.reason);
    near("rate", best.map.rate(), fit.trace.rate, 0.005);
    let by_rate = |map: &Map| {
        let low = usize::from(map.d1()[(0, 0)] > map.d1()[(1, 1)]);
        [low, 1 - low].map(|i| (map.d1()[(i, i)], map.d0()[(i, 1 - i)]))
    };
    for ((rate, leave), (exact_rate, exact_leave)) in by_rate(&best.map).into_iter().zip(by_rate(source)) {
        near("arrival rate", rate, exact_rate, rates);
        near("switching rate", leave, exact_leave, switching);
    }
    let exact = MapStats::new(source);
    near("IDC at 1 s", best.stats.idc(1.0), exact.idc(1.0), idc);
    near("IDC at 60 s", best.stats.idc(60.0), exact.idc(60.0), 2.0 * idc);
}

#[test]
fn a_bursty_mmpp_comes_back() {
    comes_back(&Map::mmpp(&[10.0, 100.0], &[60.0, 5.0]).unwrap(), 0.006, 0.10, 0.06);
}

#[test]
fn the_first_synthetic_workload_comes_back() {
    comes_back(&Map::mmpp(&[10.0, 120.0], &[20.0, 20.0]).unwrap(), 0.01, 0.15, 0.06);
}

#[test]
fn the_second_synthetic_workload_comes_back() {
    // 47 cycles in 1e6 arrivals: a switching rate is known to 15 %.
    comes_back(&Map::mmpp(&[10.0, 200.0], &[100.0, 100.0]).unwrap(), 0.02, 0.45, 0.10);
}

#[test]
fn a_near_poisson_process_keeps_its_rate_scv_and_idc() {
    let nys = two([[-55.650135, 0.0], [0.0, -105.957535]], [[16.609367, 39.040768], [22.869309, 83.088226]]);
    let twitter = two([[-14.625001, 0.0], [0.0, -35.171226]], [[0.051020, 14.573981], [0.063796, 35.107429]]);
    for source in [nys, twitter] {
        let exact = MapStats::new(&source);
        let fit = fitted(&source, 1_000_000);
        let best = fit.best();
        near("rate", best.map.rate(), exact.rate(), 0.005);
        near("SCV", best.stats.scv(), exact.scv(), 0.02);
        near("IDC", best.stats.idc_limit(), exact.idc_limit(), 0.05);
    }
}

#[test]
fn poisson_is_chosen_for_poisson() {
    for seed in 1..4 {
        let observed = Observed::Arrivals(draw(&Map::poisson(50.0), 200_000, seed));
        let fit = fit(&observed, observed.measure(), Method::Auto).unwrap();
        assert_eq!(fit.best().family, Family::Poisson, "{}", fit.reason);
        assert_eq!(fit_window(&observed).unwrap().best().family, Family::Poisson);
    }
}

#[test]
fn negative_correlation_is_held_by_a_map() {
    let source = two([[-10.0, 1.0], [0.0, -100.0]], [[0.0, 9.0], [80.0, 20.0]]);
    let exact = MapStats::new(&source);
    assert!(exact.autocorrelation(1) < -0.1);
    let fit = fitted(&source, 200_000);
    let best = fit.best();
    assert_eq!(best.family, Family::Map2, "{}", fit.reason);
    near("lag 1", best.stats.autocorrelation(1), exact.autocorrelation(1), 0.05);
    near("SCV", best.stats.scv(), exact.scv(), 0.02);
    near("IDC limit", best.stats.idc_limit(), exact.idc_limit(), 0.03);
}

/// `law exp(D0 t)` by uniformisation, its terms summed one by one.
fn over(map: &Map, law: &[f64], t: f64) -> Vec<f64> {
    let fastest = (0..map.order()).map(|i| -map.d0()[(i, i)]).fold(0.0, f64::max);
    let step = Matrix::from_fn(map.order(), |i, j| f64::from(i == j) + map.d0()[(i, j)] / fastest);
    let (mut term, mut sum) = (law.to_vec(), vec![0.0; law.len()]);
    let mut weight = (-fastest * t).exp();
    for k in 1..=(40.0 + 3.0 * fastest * t) as u32 {
        sum.iter_mut().zip(&term).for_each(|(s, x)| *s += weight * x);
        term = step.left(&term);
        weight *= fastest * t / f64::from(k);
    }
    sum
}

/// The log likelihood of the gaps of `times` under `map`, gap by gap.
fn log_likelihood(map: &Map, times: &[Time]) -> f64 {
    let phi = map.embedded().stationary().unwrap();
    let (mut law, mut log) = (phi, 0.0);
    for pair in times.windows(2) {
        let gap = (pair[1] - pair[0]).as_secs_f64();
        law = map.d1().left(&over(map, &law, gap));
        let size: f64 = law.iter().sum();
        log += size.ln();
        law.iter_mut().for_each(|x| *x /= size);
    }
    log
}

#[test]
fn regular_traffic_is_fitted_by_phases_as_well_as_by_the_truth() {
    let erlang2 = two([[-2.0, 2.0], [0.0, -2.0]], [[0.0, 0.0], [2.0, 0.0]]);
    let unlike = two([[-1.0, 1.0], [0.0, -4.0]], [[0.0, 0.0], [4.0, 0.0]]);
    for (source, parameters) in [(erlang2, 1.0), (unlike, 2.0)] {
        let times = draw(&source, 60_000, 9);
        let observed = Observed::Arrivals(times.clone());
        for fit in [fit(&observed, observed.measure(), Method::Auto).unwrap(), fit_window(&observed).unwrap()]
        {
            let truth = parameters * (59_999_f64).ln() - 2.0 * log_likelihood(&source, &times);
            let best = fit.best();
            assert!(best.bic <= truth + 10.0, "{}: {} against {truth}", fit.reason, best.bic);
            assert!(best.bic < fit.candidates[0].bic - 1000.0, "{}", fit.reason);
            near("SCV", best.stats.scv(), MapStats::new(&source).scv(), 0.02);
            near("rate", best.map.rate(), fit.trace.rate, 1e-9);
        }
    }
}

#[test]
fn gaps_that_alternate_are_fitted_by_a_map_even_at_the_edge() {
    // Always from one phase to the other: by hand, with means 1 and 1/24 the lag-1 correlation is
    // (1/24 - ((1 + 1/24)/2)^2) / (1 + 1/576 - ((1 + 1/24)/2)^2) = -.3142.
    let edge = two([[-1.0, 0.0], [0.0, -24.0]], [[0.0, 1.0], [24.0, 0.0]]);
    near("lag 1", MapStats::new(&edge).autocorrelation(1), -0.3142, 1e-3);
    let inner = two([[-1.0, 0.02], [0.0, -30.0]], [[0.0, 0.98], [28.5, 1.5]]);
    for source in [edge, inner] {
        let times = draw(&source, 60_000, 4);
        let fit = fit(
            &Observed::Arrivals(times.clone()),
            Observed::Arrivals(times.clone()).measure(),
            Method::Auto,
        )
        .unwrap();
        let truth = 4.0 * (59_999_f64).ln() - 2.0 * log_likelihood(&source, &times);
        assert_eq!(fit.best().family, Family::Map2, "{}", fit.reason);
        assert!(fit.best().bic <= truth + 10.0, "{} against {truth}", fit.best().bic);
        near("lag 1", fit.best().stats.autocorrelation(1), MapStats::new(&source).autocorrelation(1), 0.05);
    }
}

#[test]
fn only_scales_that_a_trace_can_tell_are_said_to_fit() {
    // 60 s at 20/s: 600 bins of .1 s, 60 of 1 s, too few of 10 s, none of 60 s.
    let observed = Observed::Arrivals(draw(&Map::poisson(20.0), 1200, 3));
    let text = fit(&observed, observed.measure(), Method::Auto).unwrap().checked();
    assert_eq!(
        text,
        "The chosen process is within 1.5x of the measured IDC at 100 ms, 1 s. Not measured at 10 s, 1 min."
    );
}

#[test]
fn counts_alone_give_the_process_back() {
    let source = Map::mmpp(&[10.0, 100.0], &[60.0, 20.0]).unwrap();
    let times = draw(&source, 500_000, 3);
    let observed = Observed::Counts(Counts::of(&times, Span::from_secs(1)));
    let fit = fit(&observed, observed.measure(), Method::Auto).unwrap();
    assert!(matches!(fit.trace.basis, Basis::Counts { .. }));
    let two = fit.of(Family::Mmpp(2)).unwrap();
    let low = usize::from(two.map.d1()[(0, 0)] > two.map.d1()[(1, 1)]);
    near("low rate", two.map.d1()[(low, low)], 10.0, 0.05);
    near("high rate", two.map.d1()[(1 - low, 1 - low)], 100.0, 0.05);
    near("IDC at 10 s", two.stats.idc(10.0), fit.trace.idc(10.0).unwrap(), 0.1);
    near("rate", two.map.rate(), fit.trace.rate, 1e-9);
}

#[test]
fn three_states_are_found_where_two_do_not_do() {
    let source = Map::mmpp(&[5.0, 40.0, 400.0], &[300.0, 100.0, 1.0]).unwrap();
    let fit = fitted(&source, 400_000);
    assert!(matches!(fit.best().family, Family::Mmpp(3 | 4)), "{}", fit.reason);
    assert!(fit.best().worst() < fit.of(Family::Mmpp(2)).unwrap().worst());
}

#[test]
fn a_window_is_fitted_as_its_process() {
    let source = Map::mmpp(&[10.0, 100.0], &[60.0, 5.0]).unwrap();
    let fit = fit_window(&Observed::Arrivals(draw(&source, 200_000, 5))).unwrap();
    let exact = MapStats::new(&source);
    assert_eq!(fit.best().family, Family::Mmpp(2), "{}", fit.reason);
    near("IDC at 1 s", fit.best().stats.idc(1.0), exact.idc(1.0), 0.15);
}

#[test]
fn windows_make_a_schedule_with_their_rates_on_any_number_of_threads() {
    let mut counts = vec![10; 3600];
    counts.extend([0; 3600]);
    counts.extend((0..1800).map(|i| if i % 600 < 300 { 5 } else { 80 }));
    let observed = Observed::Counts(Counts { bin: Span::from_secs(1), counts });
    let text = schedule_toml(&piecewise(&observed, Span::from_secs(3600)));
    let single = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    assert_eq!(single.install(|| schedule_toml(&piecewise(&observed, Span::from_secs(3600)))), text);
    let parsed: toml::Table = text.parse().unwrap();
    let segments = parsed["segment"].as_array().unwrap();
    assert_eq!(segments.len(), 3);
    assert_eq!(segments[0]["duration"].as_str(), Some("1h"));
    near("rate", segments[0]["rate"].as_float().unwrap(), 10.0, 1e-9);
    assert_eq!(segments[2]["duration"].as_str(), Some("30min"));
    assert_eq!(segments[2]["kind"].as_str(), Some("map"));
}

#[test]
fn the_state_is_told_over_the_trace() {
    let counts: Vec<u32> = (0..1000).map(|i| if i < 500 { 10 } else { 100 }).collect();
    let observed = Observed::Counts(Counts { bin: Span::from_secs(1), counts });
    let map = Map::mmpp(&[10.0, 100.0], &[500.0, 500.0]).unwrap();
    let law = state_probability(&map, &observed, 100);
    assert_eq!(law.len(), 100);
    assert!(law[10].1[0] > 0.999 && law[90].1[1] > 0.999);
    assert_eq!(law[0].0, Time(5_000_000_000));
}

#[test]
fn the_json_has_the_promised_names() {
    let fit = fitted(&Map::mmpp(&[10.0, 100.0], &[6.0, 0.5]).unwrap(), 50_000);
    let json = fit.to_json();
    for process in ["poisson", "mmpp2", "map2"] {
        for name in ["d0", "d1", "rate", "scv", "lag1_acf", "idc"] {
            assert!(!json[process][name].is_null(), "{process} {name}");
        }
    }
    assert!(json["trace"]["idc"]["0.1"].is_f64() && json["trace"]["scv"].is_f64());
    assert_eq!(json["best"], "mmpp2");
}

#[test]
fn what_cannot_be_fitted_is_refused_with_the_reason() {
    let observed = Observed::Arrivals(vec![Time(1), Time(2)]);
    assert!(matches!(fit_window(&observed), Err(FitError::TooFew { arrivals: 2, .. })));
    let poisson = Observed::Counts(Counts { bin: Span::from_secs(1), counts: vec![3; 100] });
    let error = fit(&poisson, poisson.measure(), Method::EmInterarrivals).unwrap_err();
    assert!(error.to_string().contains("em-interarrivals does not apply"), "{error}");
    let asked = fit(&poisson, poisson.measure(), Method::Poisson).unwrap();
    assert_eq!(asked.candidates.iter().map(|c: &Candidate| c.family).collect::<Vec<_>>(), [Family::Poisson]);
}
