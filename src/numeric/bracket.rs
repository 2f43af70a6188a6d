//! Where a rising function crosses zero.

/// The crossing of a non-decreasing `f` in `[low, high]` to within `tolerance`, from above:
/// `f(result) >= 0` if `f(high) >= 0`.
///
/// Regula falsi with the Illinois weights (Dowell and Jarratt, BIT 11, 1971), and a bisection whenever two steps have
/// not halved the bracket.
pub fn crossing(f: impl Fn(f64) -> f64, low: f64, high: f64, tolerance: f64) -> f64 {
    let ends = [(low, f(low)), (high, f(high))];
    crossing_between(f, ends, tolerance)
}

/// The same where `f` is known at both ends of the interval.
pub fn crossing_between(f: impl Fn(f64) -> f64, ends: [(f64, f64); 2], tolerance: f64) -> f64 {
    let [(mut low, mut below), (mut high, mut above)] = ends;
    if below >= 0.0 {
        return low;
    }
    let mut width = high - low;
    let mut step = 0;
    while high - low > tolerance {
        let stalled = step % 2 == 1 && high - low > width / 2.0;
        if step % 2 == 1 {
            width = high - low;
        }
        let share = if stalled || above <= below { 0.5 } else { below / (below - above) };
        // Ends count as found only from both sides.
        let at = (low + (high - low) * share).clamp(low + tolerance / 2.0, high - tolerance / 2.0);
        let value = f(at);
        if value >= 0.0 {
            (high, above) = (at, value);
            below *= 0.5;
        } else {
            (low, below) = (at, value);
            above *= 0.5;
        }
        step += 1;
    }
    high
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_smooth_steep_and_flat_crossings() {
        for (f, root) in [
            ((|x: f64| x * x - 2.0) as fn(f64) -> f64, 2.0_f64.sqrt()),
            (|x| x.powi(25) - 1e-9, 1e-9_f64.powf(1.0 / 25.0)),
            (|x| if x < 1.25 { -1e-9 } else { 1.0 }, 1.25),
        ] {
            let at = crossing(f, 0.0, 3.0, 1e-11);
            assert!((at - root).abs() < 1e-10 && f(at) >= 0.0, "{at} {root}");
        }
    }
}
