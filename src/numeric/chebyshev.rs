//! Smooth functions on a panel, by their values at Chebyshev-Lobatto nodes: interpolation, integration and
//! a measure of how well the nodes resolve the function.
//!
//! Source: L. N. Trefethen, "Approximation Theory and Approximation Practice" (2013), chapters 2 to 5 and 19.

use std::f64::consts::PI;
use std::sync::LazyLock;

/// The polynomial degree on a panel; a panel has `DEGREE + 1` nodes, both ends among them.
pub const DEGREE: usize = 12;
/// The number of nodes on a panel.
pub const NODES: usize = DEGREE + 1;

/// The nodes on `[0, 1]`, ascending and symmetric, with what integrates and interpolates on them.
#[derive(Debug)]
pub struct Panel {
    /// `nodes[i] = (1 - cos(pi i / DEGREE)) / 2`.
    pub nodes: [f64; NODES],
    /// `integral[i][k]`: the share of the value at node `k` in the integral from 0 to node `i`.
    pub integral: [[f64; NODES]; NODES],
    /// The last two Chebyshev coefficients as sums over the values: what the nodes fail to resolve is about as
    /// large.
    pub tail: [[f64; NODES]; 2],
}

/// The one panel that all others are scaled from.
pub static PANEL: LazyLock<Panel> = LazyLock::new(Panel::new);

impl Panel {
    fn new() -> Panel {
        let mut nodes = [0.0; NODES];
        for i in 0..=DEGREE / 2 {
            nodes[i] = (PI * i as f64 / DEGREE as f64 / 2.0).sin().powi(2);
            nodes[DEGREE - i] = 1.0 - nodes[i];
        }
        let mut integral = [[0.0; NODES]; NODES];
        for (node, row) in nodes.iter().zip(&mut integral) {
            for order in 0..NODES {
                let up_to = integrated(order, 2.0 * node - 1.0) / 2.0;
                for (share, weight) in row.iter_mut().zip(coefficient(order)) {
                    *share += up_to * weight;
                }
            }
        }
        Panel { nodes, integral, tail: [coefficient(DEGREE), coefficient(DEGREE - 1)] }
    }

    /// The interpolant of `values` at places in `[0, 1]`: the barycentric formula (Trefethen, theorem 5.2).
    #[inline]
    pub fn interpolate<const N: usize>(&self, values: &[f64], at: [f64; N]) -> [f64; N] {
        let (mut above, mut below) = ([0.0; N], [0.0; N]);
        for ((value, node), sign) in values.iter().zip(&self.nodes).zip(&SIGNS) {
            for place in 0..N {
                let weight = sign / (at[place] - node);
                above[place] += weight * value;
                below[place] += weight;
            }
        }
        std::array::from_fn(|place| {
            let value = above[place] / below[place];
            // At a node a weight is infinite.
            let node = || self.nodes.iter().position(|node| *node == at[place]);
            if value.is_nan() { node().map_or(value, |node| values[node]) } else { value }
        })
    }
}

/// The weights of the barycentric formula: they alternate, and those of the ends are halves.
const SIGNS: [f64; NODES] = {
    let mut signs = [1.0; NODES];
    let mut node = 1;
    while node < NODES {
        signs[node] = -1.0;
        node += 2;
    }
    signs[0] = 0.5;
    signs[DEGREE] = 0.5;
    signs
};

/// The coefficient of the Chebyshev polynomial `order` as a sum over the values at the ascending nodes.
fn coefficient(order: usize) -> [f64; NODES] {
    let half = |k: usize| if k == 0 || k == DEGREE { 0.5 } else { 1.0 };
    std::array::from_fn(|k| {
        // Ascending nodes run from angle pi to 0.
        let angle = PI * ((DEGREE - k) * order % (2 * DEGREE)) as f64 / DEGREE as f64;
        2.0 / DEGREE as f64 * half(k) * half(order) * angle.cos()
    })
}

/// The integral of the Chebyshev polynomial `order` from -1 to `x`.
fn integrated(order: usize, x: f64) -> f64 {
    let chebyshev = |k: usize| (k as f64 * x.clamp(-1.0, 1.0).acos()).cos();
    let sign = if order.is_multiple_of(2) { 1.0 } else { -1.0 };
    let n = order as f64;
    match order {
        0 => x + 1.0,
        1 => (x * x - 1.0) / 2.0,
        _ => {
            (chebyshev(order + 1) + sign) / (2.0 * (n + 1.0))
                - (chebyshev(order - 1) + sign) / (2.0 * (n - 1.0))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn polynomials_of_the_degree_are_interpolated_and_integrated_exactly() {
        let f = |x: f64| x.powi(DEGREE as i32) - 3.0 * x.powi(5) + 0.5;
        let integral = |x: f64| x.powi(NODES as i32) / NODES as f64 - 0.5 * x.powi(6) + 0.5 * x;
        let values = PANEL.nodes.map(f);
        for step in 0..=50 {
            let at = f64::from(step) / 50.0;
            let [value, first] = PANEL.interpolate(&values, [at, 0.0]);
            assert!((value - f(at)).abs() < 1e-13 && first == values[0]);
        }
        for (node, row) in PANEL.nodes.iter().zip(&PANEL.integral) {
            let sum: f64 = row.iter().zip(&values).map(|(w, v)| w * v).sum();
            assert!((sum - integral(*node)).abs() < 1e-14, "{sum} {}", integral(*node));
        }
    }

    #[test]
    fn the_tail_is_the_last_coefficients() {
        // T_k on [0, 1] is cos(k acos(2x - 1)).
        for (order, tail) in [DEGREE, DEGREE - 1].into_iter().zip(&PANEL.tail) {
            let values = PANEL.nodes.map(|x| (order as f64 * (2.0 * x - 1.0).acos()).cos() + x);
            let sum: f64 = tail.iter().zip(&values).map(|(w, v)| w * v).sum();
            assert!((sum - 1.0).abs() < 1e-13, "{sum}");
        }
    }
}
