//! Gauss-Legendre quadrature.

/// Nodes and weights of the eight-point rule on [0, 1]; exact for polynomials up to degree 15.
/// Source: Abramowitz and Stegun, table 25.4, moved from [-1, 1].
pub const GAUSS: [(f64, f64); 8] = [
    (0.019_855_071_751_231_884, 0.050_614_268_145_188_13),
    (0.101_666_761_293_186_63, 0.111_190_517_226_687_24),
    (0.237_233_795_041_835_5, 0.156_853_322_938_943_64),
    (0.408_282_678_752_175_1, 0.181_341_891_689_181),
    (0.591_717_321_247_825, 0.181_341_891_689_181),
    (0.762_766_204_958_164_5, 0.156_853_322_938_943_64),
    (0.898_333_238_706_813_4, 0.111_190_517_226_687_24),
    (0.980_144_928_248_768_1, 0.050_614_268_145_188_13),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_highest_degree_is_exact() {
        let sum: f64 = GAUSS.iter().map(|(x, w)| w * x.powi(15)).sum();
        assert!((sum - 1.0 / 16.0).abs() < 1e-15, "{sum}");
    }
}
