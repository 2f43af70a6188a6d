//! What chance may do to a sum over slices of time.
//!
//! Batch means with the two corrections of Skart: for skewness, by the Cornish-Fisher expansion of Student's t
//! (Willink 2005), and for what neighbouring slices have in common, by a first-order autoregression (Tafazzoli and
//! Wilson, "Skart: A skewness- and autoregression-adjusted batch-means procedure for simulation analysis", IIE
//! Transactions 43 (2011) 110-128; "N-Skart", IEEE Transactions on Automatic Control 56 (2011) 254-264, for a run of
//! given length).
//!
//! Let z_i be the residuals of the slices of a stratum of m slices, s^2 their variance about their mean (in a trace about
//! the line through them: a trend is no noise), n its length in slices and tau its relaxation time. Then
//!
//! - the variance of the sum is V = sum over strata of n s^2 A, where A is the larger of (1 + phi) / (1 - phi), phi
//!   the correlation of neighbours, and u / (u - 1 + e^-u), u = width / tau: what an exponential correlation adds;
//! - Student's t has f degrees of freedom, V^2 / f = sum (n s^2 A)^2 / f_m (Satterthwaite 1946), with
//!   2 / f_m = 2 / (m - 1) + 3 / bursts: a burst of exponential length has excess kurtosis 3 or so, and it is
//!   the fourth moment that decides how well a variance is known (Box 1953);
//! - where bursts are unknown, the excess kurtosis of the residuals of all strata takes the place of 3 / bursts.

use statrs::distribution::{ContinuousCDF, StudentsT};

use super::strata::{Neighbours, Strata, Stratum};
use crate::arrivals::rhythm::Beat;

/// So many independent pieces a run must hold at least.
pub const LEAST_PIECES: f64 = 10.0;
/// The excess kurtosis of what a burst adds.
const BURST_KURTOSIS: f64 = 3.0;

/// The law of a sum's deviation from its mean: t-like, but skewed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Luck {
    /// The standard deviation of the sum.
    pub deviation: f64,
    /// Degrees of freedom of Student's t.
    pub freedom: f64,
    /// A sixth of the skewness of the sum.
    pub skew: f64,
    /// So many independent pieces the run holds; fewer than [`LEAST_PIECES`] are too few.
    pub pieces: f64,
}

impl Luck {
    /// Of the sum of the residuals `z`, one a slice.
    pub fn of(z: &[f64], strata: &Strata) -> Luck {
        let groups: Vec<Group> = strata.all.iter().map(|stratum| Group::of(z, stratum)).collect();
        let sum = |part: &dyn Fn(&Group) -> f64| groups.iter().map(part).sum::<f64>();
        let own = sum(&|g| g.length * g.variance);
        if own <= 0.0 {
            return Luck { deviation: 0.0, freedom: 1.0, skew: 0.0, pieces: f64::INFINITY };
        }
        let common = sum(&|g| g.neighbours) / sum(&|g| g.freedom * g.variance);
        let measured = match strata.neighbours {
            Neighbours::Related => ((1.0 + common) / (1.0 - common).max(1e-9)).max(1.0),
            Neighbours::Independent => 1.0,
        };
        let weighed: Vec<(f64, &Group)> = groups
            .iter()
            .map(|group| (group.length * group.variance * group.stretch(strata.width_s).max(measured), group))
            .collect();
        let variance: f64 = weighed.iter().map(|(v, _)| v).sum();
        let slices = sum(&|g| g.length);
        let over = |part: &dyn Fn(&Group) -> f64| {
            variance * variance / weighed.iter().map(|(v, group)| v * v * part(group)).sum::<f64>()
        };
        let (freedom, bursts) = if groups.iter().all(|group| group.beat.is_some()) {
            let rare = |group: &Group| group.bursts_inverse(strata.width_s);
            (over(&|group| 1.0 / group.freedom + BURST_KURTOSIS / 2.0 * rare(group)), over(&rare))
        } else {
            let excess = kurtosis(&groups) - 3.0;
            let bursts = slices * (BURST_KURTOSIS / excess.max(BURST_KURTOSIS));
            let freedom = 2.0 / (2.0 / sum(&|g| g.freedom) + excess.max(0.0) / slices);
            (freedom, bursts)
        };
        Luck {
            deviation: variance.sqrt(),
            freedom: freedom.max(1.0),
            // Of a few runs it cannot be known.
            skew: if slices < LEAST_PIECES {
                0.0
            } else {
                sum(&|g| g.length * g.third) / own.powf(1.5) / 6.0
            },
            pieces: match strata.neighbours {
                Neighbours::Related => bursts.min(slices / measured),
                Neighbours::Independent => bursts,
            },
        }
    }

    /// Itself, unless the run holds too few pieces.
    pub fn enough(self) -> Option<Luck> {
        // Exactly so many bursts are enough, however they were rounded.
        (self.pieces >= LEAST_PIECES * (1.0 - 1e-9)).then_some(self)
    }

    /// The sum less its mean lies between these with 95 % probability.
    pub fn band(&self) -> [f64; 2] {
        let t = StudentsT::new(0.0, 1.0, self.freedom).map_or(f64::INFINITY, |law| law.inverse_cdf(0.975));
        [-t, t].map(|t| self.deviation * self.skewed(t))
    }

    /// The point of the skewed law that corresponds to the point `t` of Student's (Willink's G).
    fn skewed(&self, t: f64) -> f64 {
        let b = self.skew;
        if b.abs() < 1e-6 { t } else { ((1.0 + 6.0 * b * (t - b)).cbrt() - 1.0) / (2.0 * b) }
    }
}

/// Moments of a stratum's residuals.
#[derive(Debug)]
struct Group {
    length: f64,
    beat: Option<Beat>,
    count: f64,
    freedom: f64,
    variance: f64,
    third: f64,
    fourth: f64,
    /// The sum of the products of neighbours, without bias for residuals that have nothing in common.
    neighbours: f64,
}

impl Group {
    /// About their mean; where no law is known, about the line through them.
    fn of(z: &[f64], stratum: &Stratum) -> Group {
        let slices = &stratum.slices;
        let count = slices.len() as f64;
        let middle = slices.iter().sum::<usize>() as f64 / count;
        let place = |i: usize| i as f64 - middle;
        let squares: f64 = slices.iter().map(|i| place(*i).powi(2)).sum();
        let mean = slices.iter().map(|i| z[*i]).sum::<f64>() / count;
        // The weight of a product of places in the estimate of the line; 0 without one.
        let (line, freedom) = match stratum.beat {
            Some(_) => (0.0, count - 1.0),
            None => (1.0 / squares, count - 2.0),
        };
        let slope = line * slices.iter().map(|i| place(*i) * z[*i]).sum::<f64>();
        let rest = |i: usize| z[i] - mean - slope * place(i);
        let moment = |k: i32| slices.iter().map(|i| rest(*i).powi(k)).sum::<f64>();
        let variance = moment(2) / freedom;
        let pairs = slices.windows(2).filter(|pair| pair[1] == pair[0] + 1);
        let product = |pair: &[usize]| {
            let fitted = 1.0 / count + line * place(pair[0]) * place(pair[1]);
            rest(pair[0]) * rest(pair[1]) + fitted * variance
        };
        Group {
            length: stratum.length,
            beat: stratum.beat,
            count,
            freedom,
            variance,
            third: moment(3) / count,
            fourth: moment(4) / count,
            neighbours: pairs.map(product).sum(),
        }
    }

    /// The factor that the relaxation time asks for.
    fn stretch(&self, width_s: f64) -> f64 {
        let relaxation_s = self.beat.map_or(0.0, |beat| beat.relaxation_s);
        let u = width_s / relaxation_s;
        if u > 1e6 { 1.0 } else { u / (u - 1.0 + (-u).exp()) }
    }

    /// 1 / the number of bursts that it holds.
    fn bursts_inverse(&self, width_s: f64) -> f64 {
        self.beat.map_or(0.0, |beat| beat.burst_s) / (self.length * width_s)
    }
}

/// How far chance does the same to the sums of the residuals `x` and `y`: from -1 to 1, 0 where it does nothing to one.
pub fn correlation(x: &[f64], y: &[f64], strata: &Strata) -> f64 {
    let variance = |z: &[f64]| -> f64 {
        strata.all.iter().map(|stratum| Group::of(z, stratum)).map(|g| g.length * g.variance).sum()
    };
    let together = |sign: f64| x.iter().zip(y).map(|(x, y)| x + sign * y).collect::<Vec<_>>();
    let common = (variance(&together(1.0)) - variance(&together(-1.0))) / 4.0;
    let scale = (variance(x) * variance(y)).sqrt();
    if scale > 0.0 { (common / scale).clamp(-1.0, 1.0) } else { 0.0 }
}

/// Of the residuals of all groups together.
fn kurtosis(groups: &[Group]) -> f64 {
    let sum = |part: &dyn Fn(&Group) -> f64| groups.iter().map(part).sum::<f64>();
    let square = sum(&|g| g.variance * g.freedom);
    sum(&|g| g.fourth * g.count) * sum(&|g| g.count) / (square * square)
}

#[cfg(test)]
mod tests {
    use rand::RngExt;

    use super::*;
    use crate::arrivals::rhythm::Rhythm;
    use crate::numeric::streams::{Stream, Streams};
    use crate::units::Span;

    const RUNS: u64 = 400;

    /// Draws runs of `count` slices; the share whose band holds what chance did, and the mean deviation.
    fn covered(rhythm: &Rhythm, count: usize, draw: impl Fn(&mut Stream) -> (Vec<f64>, f64)) -> (f64, f64) {
        let strata = Strata::new(rhythm, Span::from_secs(1), 0..count);
        let (mut held, mut deviation) = (0, 0.0);
        for seed in 0..RUNS {
            let (z, mean) = draw(&mut Streams::new(seed).stream("z"));
            let excess = z.iter().sum::<f64>() - mean;
            let luck = Luck::of(&z, &strata).enough().expect("long enough");
            let [low, high] = luck.band();
            held += u64::from(low <= excess && excess <= high);
            deviation += luck.deviation / RUNS as f64;
        }
        (held as f64 / RUNS as f64, deviation)
    }

    fn exponential(stream: &mut Stream) -> f64 {
        -(-stream.random::<f64>()).ln_1p()
    }

    #[test]
    fn skewed_sums_are_held() {
        let steady = Rhythm::Steady(Beat::default());
        let draw = |stream: &mut Stream| ((0..80).map(|_| exponential(stream)).collect(), 80.0);
        let (held, deviation) = covered(&steady, 80, draw);
        assert!((0.93..0.985).contains(&held), "{held}");
        assert!((deviation / 80_f64.sqrt() - 1.0).abs() < 0.1, "{deviation}");
    }

    /// The band's ends g solve Hall's cubic t = g + 2 b g^2 + 4/3 b^2 g^3 + b (Hall 1992), so that the band reaches further
    /// down: a sum of skewed parts that came out low has seen too few of the large ones, and takes its spread for small.
    #[test]
    fn the_band_of_a_skewed_sum_is_lopsided() {
        let b = 0.05;
        let [low, high] =
            Luck { deviation: 3.0, freedom: 100.0, skew: b, pieces: 99.0 }.band().map(|g| g / 3.0);
        let t = |g: f64| g + 2.0 * b * g * g + 4.0 / 3.0 * b * b * g.powi(3) + b;
        // Student's t at 100 degrees of freedom.
        assert!((t(low) + 1.983_97).abs() < 1e-4 && (t(high) - 1.983_97).abs() < 1e-4, "{low} {high}");
        assert!(-low > 1.4 * high);
    }

    /// A first-order autoregression of coefficient 0.4: the variance of the sum is (1 + 0.4) / (1 - 0.4) times that of
    /// independent slices.
    fn related(stream: &mut Stream, count: usize) -> Vec<f64> {
        let mut noise = || exponential(stream) - exponential(stream);
        let mut z = noise() / (1.0 - 0.16_f64).sqrt();
        (0..count)
            .map(|_| {
                z = 0.4 * z + noise();
                z
            })
            .collect()
    }

    #[test]
    fn what_neighbours_have_in_common_is_counted() {
        let steady = Rhythm::Steady(Beat::default());
        let (held, deviation) = covered(&steady, 100, |stream| (related(stream, 100), 0.0));
        assert!(held >= 0.92, "{held}");
        // Differences of two exponentials have variance 2; the sum's is 2 n / (1 - 0.4)^2.
        let expected = (2.0 * 100.0_f64).sqrt() / 0.6;
        assert!((deviation / expected - 1.0).abs() < 0.1, "{deviation} {expected}");
    }

    /// The same in a trace whose trend is many times the noise.
    #[test]
    fn the_trend_of_a_trace_is_no_noise() {
        let day = |i: usize| 30.0 * (std::f64::consts::TAU * i as f64 / 100.0).sin();
        let draw = |stream: &mut Stream| {
            let mut z = related(stream, 100);
            z.iter_mut().enumerate().for_each(|(i, z)| *z += day(i));
            (z, 0.0)
        };
        let (held, deviation) = covered(&Rhythm::Unknown, 100, draw);
        assert!(held >= 0.9, "{held}");
        // As a steady process's it would be 30 / sqrt(2) x sqrt(100), and more: neighbours agree.
        assert!(deviation < 212.0 / 5.0, "{deviation}");
    }

    #[test]
    fn too_few_pieces_are_too_few() {
        let z: Vec<f64> = (0..64).map(|i| f64::from(i * 7919 % 13) - 6.0).collect();
        let beat = |burst_s| Rhythm::Steady(Beat { relaxation_s: 0.1, burst_s });
        let luck = |rhythm, z: &[f64]| Luck::of(z, &Strata::new(&rhythm, Span::from_secs(1), 0..64));
        assert!(luck(beat(6.4), &z).enough().is_some(), "ten bursts are enough");
        assert!((luck(beat(10.0), &z).pieces - 6.4).abs() < 1e-9);
        assert!(luck(beat(10.0), &z).enough().is_none());
        // One event makes up the spread of a trace.
        let mut event = vec![0.0; 64];
        event[20] = 1.0;
        assert!(luck(Rhythm::Unknown, &event).enough().is_none());
        assert!(luck(Rhythm::Unknown, &z).enough().is_some());
        // Nothing varies.
        assert_eq!(luck(beat(1e9), &[0.0; 64]).band(), [0.0, 0.0]);
    }

    #[test]
    fn correlation_is_that_of_the_sums() {
        let strata = Strata::new(&Rhythm::Steady(Beat::default()), Span(1), 0..4);
        let x = [1.0, -1.0, 1.0, -1.0];
        let y = [1.0, 1.0, -1.0, -1.0];
        assert_eq!(correlation(&x, &x, &strata), 1.0);
        assert_eq!(correlation(&x, &x.map(|x| -2.0 * x), &strata), -1.0);
        assert_eq!(correlation(&x, &y, &strata), 0.0);
        assert_eq!(correlation(&x, &[3.0; 4], &strata), 0.0);
    }
}
