//! MMPP(2) and MAP(2) from moments in closed form.

use crate::arrivals::map::Map;
use crate::numeric::matrix::Matrix;

/// The MMPP(2) with these raw moments of the gaps and this decay `gamma` of their autocorrelation.
///
/// With the reduced moments `f_k = m_k / k!`: `a = (f3 - f1 f2) / (f2 - f1^2)`, `b = a f1 - f2`,
/// `B = 1/b`, `A = a/b`, `s = (1 - gamma) B m1`; the arrival rates are the roots of
/// `z^2 - (A - s) z + gamma B = 0`, `q01 = ((1 - gamma) B - l0 s) / (l1 - l0)`, `q10 = s - q01`.
/// `None` where there is no such process: it needs SCV > 1 and `0 < gamma < 1`.
/// Source: the moment equations of the MMPP(2) as in H. Heffes and D. Lucantoni, "A Markov modulated
/// characterization of packetized voice and data traffic", IEEE JSAC 4 (1986).
pub fn mmpp2(moments: [f64; 3], gamma: f64) -> Option<Map> {
    let [trace, determinant] = poles(moments)?;
    let (big_b, big_a) = (1.0 / determinant, trace / determinant);
    let s = (1.0 - gamma) * big_b * moments[0];
    let [l0, l1] = real_roots(big_a - s, gamma * big_b)?;
    let q01 = ((1.0 - gamma) * big_b - l0 * s) / (l1 - l0);
    let q10 = s - q01;
    let sound = l0 >= 0.0 && l1 > l0 && q01 > 0.0 && q10 > 0.0 && l1.is_finite();
    if !(gamma > 0.0 && gamma < 1.0 && sound) {
        return None;
    }
    Map::mmpp(&[l0, l1], &[1.0 / q01, 1.0 / q10]).ok()
}

/// The decay of the autocorrelation that belongs to a limit of IDC: `(IDCinf - SCV) / (IDCinf - 1)`.
pub fn decay_of_idc(idc_limit: f64, scv: f64) -> f64 {
    (idc_limit - scv) / (idc_limit - 1.0)
}

/// The decay that belongs to an autocorrelation at lag 1: `rho_1 = gamma (1 - 1/SCV) / 2` in order 2.
pub fn decay_of_lag1(lag1: f64, scv: f64) -> f64 {
    2.0 * lag1 / (1.0 - 1.0 / scv)
}

/// The canonical MAP(2) with these raw moments of the gaps and this decay of their autocorrelation,
/// which may be negative.
///
/// The marginal law has the poles `l1 <= l2` with `z = 1/l` the roots of `z^2 - a z + b = 0` (`a`, `b` as
/// in [`mmpp2`]). For `gamma < 0`: `D0 = [[-l1, (1-a) l1], [0, -l2]]`, `D1 = [[0, a l1], [b l2, (1-b) l2]]`
/// with `gamma = -a b`; else `D1 = [[a l1, 0], [(1-b) l2, b l2]]` with `gamma = a b`.
/// `None` where the moments are those of no MAP(2).
/// Source: L. Bodrog, A. Heindl, G. Horvath, M. Telek, "A Markovian canonical form of second-order
/// matrix-exponential processes", EJOR 190 (2008).
pub fn map2(moments: [f64; 3], gamma: f64) -> Option<Map> {
    let [trace, determinant] = poles(moments)?;
    let [fast, slow] = real_roots(trace, determinant)?;
    if fast <= 0.0 || gamma.abs() >= 1.0 {
        return None;
    }
    let (l1, l2) = (1.0 / slow, 1.0 / fast);
    let orders = [(l1, l2), (l2, l1)];
    let form = if gamma < 0.0 { alternating } else { persisting };
    orders.into_iter().find_map(|(first, second)| form(moments[0], gamma, first, second))
}

/// Canonical MAP(2)s of the rate whose gaps alternate, from weakly to always: where EM may start. Their phases are
/// those of the moments, if any, and some that are apart by factors of 2 to 50.
pub fn alternating_starts(rate: f64, moments: Option<[f64; 3]>) -> Vec<Map> {
    let poles = moments.and_then(poles).and_then(|[trace, determinant]| real_roots(trace, determinant));
    let of_moments = poles.filter(|[fast, slow]| *fast > 0.0 && fast < slow).map(|[fast, slow]| slow / fast);
    let ratios = of_moments.into_iter().chain([2.0, 8.0, 50.0]);
    let shares = [[0.5, 0.5], [0.9, 0.9], [1.0, 1.0], [0.9, 0.4], [0.4, 0.9]];
    let both = |ratio: f64| [[1.0, ratio], [ratio, 1.0]];
    let forms = ratios.flat_map(both).flat_map(|rates| shares.map(|shares| (rates, shares)));
    let map = |([l1, l2], [a, b]): ([f64; 2], [f64; 2])| {
        let map = canonical([l1, l2], [a, b], [[0.0, a * l1], [b * l2, (1.0 - b) * l2]])?;
        Some(map.scaled(rate / map.rate()))
    };
    forms.filter_map(map).collect()
}

fn alternating(mean: f64, gamma: f64, l1: f64, l2: f64) -> Option<Map> {
    let b = l1 * ((1.0 - gamma) * mean - 1.0 / l2);
    let a = -gamma / b;
    canonical([l1, l2], [a, b], [[0.0, a * l1], [b * l2, (1.0 - b) * l2]])
}

fn persisting(mean: f64, gamma: f64, l1: f64, l2: f64) -> Option<Map> {
    // b^2/l1 + b ((1 - gamma) m1 - 1/l1 - 1/l2) + gamma/l2 = 0
    let roots = real_roots(l1 * (1.0 / l1 + 1.0 / l2 - (1.0 - gamma) * mean), gamma * l1 / l2)?;
    roots.into_iter().find_map(|b| {
        let a = if b > 0.0 { gamma / b } else { 0.0 };
        canonical([l1, l2], [a, b], [[a * l1, 0.0], [(1.0 - b) * l2, b * l2]])
    })
}

/// The MAP of a canonical form, if its two shares are shares.
fn canonical([l1, l2]: [f64; 2], [a, b]: [f64; 2], d1: [[f64; 2]; 2]) -> Option<Map> {
    let share = 0.0..=1.0;
    if !(share.contains(&a) && share.contains(&b)) {
        return None;
    }
    let d0 = Matrix::from_rows(&[vec![-l1, (1.0 - a) * l1], vec![0.0, -l2]])?;
    Map::new(d0, Matrix::from_rows(&d1.map(|row| row.to_vec()))?).ok()
}

/// Sum and product of the mean times of the two phases, from the reduced moments:
/// `f_(k+2) = a f_(k+1) - b f_k`.
fn poles([m1, m2, m3]: [f64; 3]) -> Option<[f64; 2]> {
    let (f1, f2, f3) = (m1, m2 / 2.0, m3 / 6.0);
    let a = (f3 - f1 * f2) / (f2 - f1 * f1);
    let b = a * f1 - f2;
    (a.is_finite() && a > 0.0 && b > 0.0).then_some([a, b])
}

/// The roots of `z^2 - sum z + product = 0`, ascending.
fn real_roots(sum: f64, product: f64) -> Option<[f64; 2]> {
    let discriminant = sum * sum / 4.0 - product;
    if discriminant < 0.0 || sum.is_nan() {
        return None;
    }
    let far = sum / 2.0 + discriminant.sqrt().copysign(sum);
    let near = product / far;
    Some([near.min(far), near.max(far)])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fitting::MapStats;

    fn assert_same(left: &Map, right: &Map) {
        for (a, b) in [(left.d0(), right.d0()), (left.d1(), right.d1())] {
            for (x, y) in a.cells().iter().zip(b.cells()) {
                assert!((x - y).abs() <= 1e-6 * y.abs().max(1e-3), "{left:?} {right:?}");
            }
        }
    }

    #[test]
    fn an_mmpp_comes_back_from_its_own_moments_and_idc() {
        let cases = [([10.0, 100.0], [60.0, 5.0]), ([10.0, 120.0], [20.0, 20.0]), ([1.0, 3.0], [0.5, 7.0])];
        for (rates, sojourns) in cases {
            let map = Map::mmpp(&rates, &sojourns).unwrap();
            let stats = MapStats::new(&map);
            let by_idc = decay_of_idc(stats.idc_limit(), stats.scv());
            let by_lag = decay_of_lag1(stats.autocorrelation(1), stats.scv());
            assert!((by_idc - by_lag).abs() < 1e-9);
            assert_same(&mmpp2(stats.moments(), by_idc).unwrap(), &map);
        }
    }

    #[test]
    fn a_canonical_map_has_the_moments_and_the_decay_it_was_made_of() {
        let source = Map::mmpp(&[10.0, 100.0], &[1.0, 0.2]).unwrap();
        let [m1, m2, m3] = MapStats::new(&source).moments();
        for gamma in [-0.15, -0.02, 0.02, 0.4, 0.7] {
            let stats = MapStats::new(&map2([m1, m2, m3], gamma).unwrap());
            for (a, b) in stats.moments().iter().zip([m1, m2, m3]) {
                assert!((a / b - 1.0).abs() < 1e-9, "{gamma}");
            }
            assert!((decay_of_lag1(stats.autocorrelation(1), stats.scv()) - gamma).abs() < 1e-9);
        }
    }

    #[test]
    fn what_no_process_has_is_refused() {
        let poisson = [1.0, 2.0, 6.0];
        assert_eq!(mmpp2(poisson, 0.5), None);
        let bursty = MapStats::new(&Map::mmpp(&[10.0, 100.0], &[60.0, 5.0]).unwrap()).moments();
        assert_eq!(mmpp2(bursty, -0.1), None);
        assert_eq!(mmpp2(bursty, 1.0), None);
        assert_eq!(map2(bursty, -0.9), None);
    }
}
