//! Which keep-alive the sights of idle environments speak for.
//!
//! Each sight says whether an environment that had been idle for some time was still there. A fixed keep-alive k
//! splits them: there up to k, gone beyond. Where sights contradict any k, it lies between the shortest idle time that
//! ended one and the longest that did not, and the value is where as many of one kind are beyond it as of the other
//! before it: then it gives as many cold starts as there were. The forms are compared by their likelihood, where each
//! sight is believed to 98 %, less half the logarithm of the sights for each figure that is fitted (Schwarz, Annals of
//! Statistics 6(2), 1978).

use super::idle::Sight;
use super::stats::Estimate;

/// A keep-alive, in seconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Form {
    /// Always this long.
    Fixed(Estimate),
    /// A half of the idle ones goes at the end of every such period.
    Halving(Estimate),
    /// Lognormal: mean, and coefficient of variation.
    Random(Estimate, f64),
    /// The only environment, and one beside others.
    LastAndSpare(Estimate, Estimate),
}

/// What was learnt of how long environments stay.
#[derive(Debug, Clone, PartialEq)]
pub struct Stays {
    /// The form that the sights speak for; `None` where none was seen to go.
    pub form: Option<Form>,
    /// No idle time was outlived by more than this \[s\].
    pub longest_outlived: f64,
    /// The age at which environments go, where that is seen.
    pub max_age: Option<Estimate>,
    /// The oldest that was seen to serve \[s\].
    pub oldest: f64,
    /// Environments that were seen idle and there, and that were seen to be gone.
    pub there: usize,
    /// See `there`.
    pub gone: usize,
}

/// Fewer environments that were seen to go say too little.
pub const FEW: usize = 5;
/// A sight is believed so far.
const BELIEF: f64 = 0.98;

impl Stays {
    /// Learns from sights.
    pub fn of(sights: &[Sight]) -> Stays {
        let count = |is_there: bool| sights.iter().filter(|sight| sight.is_there == is_there).count();
        let most = |of: fn(&Sight) -> f64| sights.iter().filter(|s| s.is_there).map(of).fold(0.0, f64::max);
        let (longest_outlived, oldest) = (most(|s| s.idle), most(|s| s.age));
        let max_age = age_limit(sights, longest_outlived, oldest);
        let young = |sight: &&Sight| max_age.is_none_or(|age| sight.age < 0.97 * age.from);
        let usable: Vec<Sight> = sights.iter().filter(young).copied().collect();
        let gone = usable.iter().filter(|sight| !sight.is_there).count();
        let form = (gone > 0).then(|| best(&usable));
        Stays { form, longest_outlived, max_age, oldest, there: count(true), gone: count(false) }
    }

    /// Were too few seen to go for a form to be told from others?
    pub fn are_few(&self) -> bool {
        self.gone < FEW
    }
}

/// The age limit: environments that go although they were idle for much less than others outlived, all of them old.
fn age_limit(sights: &[Sight], longest: f64, oldest: f64) -> Option<Estimate> {
    let early: Vec<&Sight> = sights.iter().filter(|s| !s.is_there && s.idle < 0.5 * longest).collect();
    let old = early.iter().filter(|s| s.age >= 0.85 * oldest).count();
    if old < 3 || 10 * old < 9 * early.len() {
        return None;
    }
    let gone = early.iter().filter(|s| s.age >= 0.85 * oldest).map(|s| s.age);
    let there = sights.iter().filter(|s| s.is_there).map(|s| s.age);
    Some(threshold(there.collect(), gone.collect()))
}

/// The threshold between what was there and what was gone: each at most, and at least, so large.
fn threshold(there: Vec<f64>, gone: Vec<f64>) -> Estimate {
    let (there, gone) = (super::stats::sorted(there), super::stats::sorted(gone));
    let observations = there.len() + gone.len();
    let longest = there.last().copied().unwrap_or(0.0);
    let Some(shortest) = gone.first().copied() else {
        return Estimate { value: longest, from: longest, to: None, observations };
    };
    if longest <= shortest {
        return Estimate { value: (longest + shortest) / 2.0, from: longest, to: Some(shortest), observations };
    }
    // As many were there beyond it as were gone before it.
    let excess = |k: f64| {
        let beyond = there.len() - there.partition_point(|x| *x <= k);
        beyond as f64 - gone.partition_point(|x| *x <= k) as f64
    };
    let (mut low, mut high) = (shortest, longest);
    for _ in 0..60 {
        let middle = (low + high) / 2.0;
        if excess(middle) > 0.0 { low = middle } else { high = middle }
    }
    Estimate { value: (low + high) / 2.0, from: shortest, to: Some(longest), observations }
}

/// The form with the best likelihood, less what its figures cost.
fn best(sights: &[Sight]) -> Form {
    let cost = (sights.len() as f64).ln() / 2.0;
    let fixed = split(sights, |_| true);
    let mut best = (likelihood(sights, |s| step(s, fixed.value)) - cost, Form::Fixed(fixed));
    let mut offer = |score: f64, form: Form| {
        if score > best.0 + 1e-9 {
            best = (score, form);
        }
    };
    let (last, spare) = (split(sights, |s| !s.has_others), split(sights, |s| s.has_others));
    if last.observations > 0 && spare.observations > 0 {
        let by_others = |s: &Sight| step(s, if s.has_others { spare.value } else { last.value });
        offer(likelihood(sights, by_others) - 2.0 * cost, Form::LastAndSpare(last, spare));
    }
    if let Some((score, every)) = halving(sights) {
        offer(score - cost, Form::Halving(every));
    }
    if let Some((score, mean, cv)) = lognormal(sights) {
        offer(score - 2.0 * cost, Form::Random(mean, cv));
    }
    best.1
}

fn split(sights: &[Sight], of: impl Fn(&Sight) -> bool) -> Estimate {
    let idle = |is_there: bool| {
        let of_kind = sights.iter().filter(|s| s.is_there == is_there && of(s));
        of_kind.map(|s| s.idle).collect::<Vec<f64>>()
    };
    threshold(idle(true), idle(false))
}

fn step(sight: &Sight, keep_alive: f64) -> f64 {
    if sight.idle <= keep_alive { 1.0 } else { 0.0 }
}

/// The logarithm of the likelihood where `survival` is the share that is still there.
fn likelihood(sights: &[Sight], survival: impl Fn(&Sight) -> f64) -> f64 {
    let of = |sight: &Sight| {
        let there = survival(sight);
        let share = if sight.is_there { there } else { 1.0 - there };
        (BELIEF * share + (1.0 - BELIEF) * (1.0 - share)).ln()
    };
    sights.iter().map(of).sum()
}

/// The share of idle environments that are left after a time, where a half goes at the end of every period.
pub fn halved(idle: f64, every: f64) -> f64 {
    0.5_f64.powf((idle / every).ceil() - 1.0).min(1.0)
}

/// Twice the fall of the likelihood that 95 % of samples stay within.
const CHI_SQUARE: f64 = 3.841;

fn halving(sights: &[Sight]) -> Option<(f64, Estimate)> {
    let grid = logarithmic(sights, 600)?;
    let tried: Vec<(f64, f64)> =
        grid.iter().map(|every| (likelihood(sights, |s| halved(s.idle, *every)), *every)).collect();
    Some(profile(&tried, sights.len()))
}

fn lognormal(sights: &[Sight]) -> Option<(f64, Estimate, f64)> {
    use statrs::distribution::{ContinuousCDF, LogNormal};
    let grid = logarithmic(sights, 60)?;
    let mut best: Option<(f64, f64)> = None;
    let mut tried = Vec::new();
    for mean in &grid {
        let mut of_mean = f64::NEG_INFINITY;
        for cv in [0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 1.0, 1.5, 2.0] {
            let square = (cv * cv as f64).ln_1p();
            let law = LogNormal::new(mean.ln() - square / 2.0, square.sqrt()).ok()?;
            let score = likelihood(sights, |s| 1.0 - law.cdf(s.idle));
            if best.is_none_or(|(most, _)| score > most) {
                best = Some((score, cv));
            }
            of_mean = of_mean.max(score);
        }
        tried.push((of_mean, *mean));
    }
    let (score, mean) = profile(&tried, sights.len());
    best.map(|(_, cv)| (score, mean, cv))
}

/// Even steps of the logarithm over the idle times.
fn logarithmic(sights: &[Sight], steps: usize) -> Option<Vec<f64>> {
    let idle = || sights.iter().map(|sight| sight.idle).filter(|idle| *idle > 1e-3);
    let (least, most) = (idle().fold(f64::INFINITY, f64::min).max(1.0), 2.0 * idle().fold(0.0, f64::max));
    let at = |i: usize| least * (most / least).powf(i as f64 / steps as f64);
    (most > least).then(|| (0..=steps).map(at).collect())
}

/// The best of what was tried, with the interval of those that are nearly as good, a step wider on both sides.
fn profile(tried: &[(f64, f64)], observations: usize) -> (f64, Estimate) {
    let best = tried.iter().fold(tried[0], |best, next| if next.0 > best.0 { *next } else { best });
    let near: Vec<usize> = (0..tried.len()).filter(|i| 2.0 * (best.0 - tried[*i].0) <= CHI_SQUARE).collect();
    let (first, last) = (near[0].saturating_sub(1), (near[near.len() - 1] + 1).min(tried.len() - 1));
    let (from, to) = (tried[first].1, Some(tried[last].1));
    (best.0, Estimate { value: best.1, from, to, observations })
}

#[cfg(test)]
mod tests {
    use rand::RngExt as _;

    use super::*;
    use crate::numeric::streams::Streams;

    /// Sights at uniform idle times of environments with these stays.
    fn sights(n: usize, mut stay: impl FnMut(bool) -> f64) -> Vec<Sight> {
        let mut stream = Streams::new(4).stream("sights");
        let mut one = |_| {
            let (idle, has_others) = (stream.random_range(1.0..2000.0), stream.random_bool(0.5));
            let is_there = stay(has_others) >= idle;
            Sight { idle, age: 3000.0, is_there, has_others, at: 0.0 }
        };
        (0..n).map(&mut one).collect()
    }

    #[test]
    fn every_form_is_told_from_the_others() {
        let mut stream = Streams::new(5).stream("stays");
        let Some(Form::Fixed(fixed)) = Stays::of(&sights(200, |_| 600.0)).form else { panic!() };
        assert!(fixed.holds(600.0) && fixed.to.unwrap() - fixed.from < 100.0, "{fixed:?}");
        let by_others = |has_others| if has_others { 900.0 } else { 640.0 };
        let Some(Form::LastAndSpare(last, spare)) = Stays::of(&sights(200, by_others)).form else { panic!() };
        assert!(last.holds(640.0) && spare.holds(900.0), "{last:?} {spare:?}");
        let half = |_| 380.0 * (1.0 + f64::from(stream.random::<u64>().trailing_zeros()));
        let Some(Form::Halving(every)) = Stays::of(&sights(600, half)).form else { panic!() };
        assert!(every.holds(380.0) && (every.value / 380.0 - 1.0).abs() < 0.1, "{every:?}");
        let none = Stays::of(&sights(50, |_| 1e9));
        assert!(none.form.is_none() && none.are_few() && none.longest_outlived > 1500.0);
    }

    #[test]
    fn an_age_limit_is_seen_where_environments_go_that_were_hardly_idle() {
        let sight = |idle: f64, age: f64, is_there| Sight { idle, age, is_there, has_others: false, at: 0.0 };
        let mut all: Vec<Sight> = (0..200).map(|i| sight(f64::from(i) * 3.0, f64::from(i) * 36.0, true)).collect();
        assert_eq!(Stays::of(&all).max_age, None);
        all.extend((0..4).map(|i| sight(20.0, 7250.0 + 10.0 * f64::from(i), false)));
        let limit = Stays::of(&all).max_age.unwrap();
        assert_eq!((limit.from, limit.to), (7164.0, Some(7250.0)));
    }

    #[test]
    fn the_share_left_falls_at_the_end_of_every_period() {
        let left = [0.0, 380.0, 380.1, 760.0, 760.1].map(|idle| halved(idle, 380.0));
        assert_eq!(left, [1.0, 1.0, 0.5, 0.5, 0.25]);
    }
}
