//! Linear least squares by orthogonalisation, with each point's leave-one-out residual.

/// The solution of a least-squares problem.
#[derive(Debug, Clone, PartialEq)]
pub struct LeastSquares {
    /// One coefficient a column of the design.
    pub coefficients: Vec<f64>,
    /// What each point misses by when it alone is left out of the fit: `r_i / (1 - h_ii)` with the residual
    /// `r_i` and the leverage `h_ii` (Allen 1974, the PRESS statistic); infinite where the fit needs the point.
    pub left_out: Vec<f64>,
}

type Columns = Vec<Vec<f64>>;

/// A column whose part orthogonal to the earlier ones is below this share of its length depends on them.
const DEPENDENT: f64 = 1e-9;

/// Minimises `sum (y_i - sum_j x_ij c_j)^2` over `c`; `columns[j][i]` is `x_ij`.
///
/// `None` if there are fewer points than columns or if the columns depend on each other.
pub fn least_squares(columns: &[Vec<f64>], y: &[f64]) -> Option<LeastSquares> {
    if columns.len() > y.len() {
        return None;
    }
    let (basis, upper) = orthonormal(columns)?;
    let mut residual = y.to_vec();
    let mut along = Vec::with_capacity(basis.len());
    for direction in &basis {
        let part = dot(direction, &residual);
        subtract(&mut residual, direction, part);
        along.push(part);
    }
    let mut coefficients = along;
    for j in (0..coefficients.len()).rev() {
        let known: f64 = (j + 1..coefficients.len()).map(|i| upper[i][j] * coefficients[i]).sum();
        coefficients[j] = (coefficients[j] - known) / upper[j][j];
    }
    let left_out = residual.iter().enumerate().map(|(i, r)| {
        let leverage: f64 = basis.iter().map(|q| q[i] * q[i]).sum();
        if leverage > 1.0 - 1e-9 { f64::INFINITY } else { r / (1.0 - leverage) }
    });
    Some(LeastSquares { left_out: left_out.collect(), coefficients })
}

/// `basis` with orthonormal columns and the upper triangle `upper[j][i]` (i <= j) of `X = basis * upper`.
fn orthonormal(columns: &[Vec<f64>]) -> Option<(Columns, Columns)> {
    let (mut basis, mut upper) = (Columns::new(), Columns::new());
    for column in columns {
        let mut rest = column.clone();
        let mut parts = vec![0.0; basis.len()];
        // A second pass removes what rounding left of the first (Giraud et al. 2005: twice is enough).
        for _ in 0..2 {
            for (direction, part) in basis.iter().zip(&mut parts) {
                let along = dot(direction, &rest);
                subtract(&mut rest, direction, along);
                *part += along;
            }
        }
        let length = dot(&rest, &rest).sqrt();
        if length.is_nan() || length <= DEPENDENT * dot(column, column).sqrt() {
            return None;
        }
        rest.iter_mut().for_each(|x| *x /= length);
        parts.push(length);
        basis.push(rest);
        upper.push(parts);
    }
    Some((basis, upper))
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(x, y)| x * y).sum()
}

fn subtract(from: &mut [f64], direction: &[f64], part: f64) {
    from.iter_mut().zip(direction).for_each(|(x, d)| *x -= part * d);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_through_four_points() {
        let (ones, x) = (vec![1.0; 4], vec![0.0, 1.0, 2.0, 3.0]);
        let fit = least_squares(&[ones, x], &[1.0, 3.0, 5.0, 8.0]).unwrap();
        assert!((fit.coefficients[0] - 0.8).abs() < 1e-12 && (fit.coefficients[1] - 2.3).abs() < 1e-12);
        // Without the last point the line is 1 + 2x, which misses 8 by 1.
        assert!((fit.left_out[3] - 1.0).abs() < 1e-12, "{:?}", fit.left_out);
    }

    #[test]
    fn what_cannot_be_solved_is_refused() {
        assert_eq!(least_squares(&[vec![1.0, 1.0], vec![2.0, 2.0]], &[1.0, 2.0]), None);
        assert_eq!(least_squares(&[vec![1.0], vec![2.0]], &[1.0]), None);
        assert_eq!(least_squares(&[vec![1.0, f64::NAN]], &[1.0, 2.0]), None);
    }
}
