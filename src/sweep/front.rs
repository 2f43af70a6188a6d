//! The Pareto front: the configurations that no other one beats in both latency and cost.

use super::row::Row;

/// Which rows are on the front. Of rows with equal figures only the first is.
pub fn on_front(rows: &[Row]) -> Vec<bool> {
    let mut order: Vec<usize> = (0..rows.len()).collect();
    let key = |i: usize| (rows[i].figures().latency_s, rows[i].figures().usd_per_million);
    order.sort_by(|&a, &b| {
        let ((x, y), (other_x, other_y)) = (key(a), key(b));
        x.total_cmp(&other_x).then(y.total_cmp(&other_y)).then(a.cmp(&b))
    });
    let mut front = vec![false; rows.len()];
    let mut least = f64::INFINITY;
    for i in order {
        let cost = key(i).1;
        if cost < least {
            (least, front[i]) = (cost, true);
        }
    }
    front
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::Setting;
    use crate::sweep::row::Figures;
    use crate::units::{MemoryMb, Span};
    use proptest::prelude::*;

    fn row((latency_s, usd_per_million): (f64, f64)) -> Row {
        let setting = Setting::new(MemoryMb(1), 1, Span::ZERO);
        let predicted = Some(Figures { latency_s, usd_per_million });
        Row { setting, predicted, simulated: None, interval_s: None, meets_slo: None, counts: None }
    }

    proptest! {
        #[test]
        fn the_front_is_what_nothing_dominates(points in prop::collection::vec((0u8..12, 0u8..12), 1..40)) {
            let rows: Vec<Row> = points.iter().map(|(x, y)| row((f64::from(*x), f64::from(*y)))).collect();
            for (i, on) in on_front(&rows).into_iter().enumerate() {
                let (x, y) = points[i];
                let beaten = points.iter().enumerate().any(|(j, (a, b))| {
                    *a <= x && *b <= y && ((*a, *b) != (x, y) || j < i)
                });
                prop_assert_eq!(on, !beaten);
            }
        }
    }
}
