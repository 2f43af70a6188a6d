//! Small dense square matrices and row vectors: the phase algebra of MAPs.

use std::ops::{Add, Index, IndexMut, Mul, Sub};

/// A square matrix, row by row.
#[derive(Debug, Clone, PartialEq)]
pub struct Matrix {
    order: usize,
    cells: Vec<f64>,
}

impl Matrix {
    /// The zero matrix.
    pub fn zero(order: usize) -> Matrix {
        Matrix { order, cells: vec![0.0; order * order] }
    }

    /// The identity.
    pub fn identity(order: usize) -> Matrix {
        Matrix::from_fn(order, |i, j| f64::from(u8::from(i == j)))
    }

    /// The matrix with `cell(row, column)` everywhere.
    pub fn from_fn(order: usize, mut cell: impl FnMut(usize, usize) -> f64) -> Matrix {
        let cells = (0..order * order).map(|at| cell(at / order, at % order)).collect();
        Matrix { order, cells }
    }

    /// The matrix of `rows`; `None` unless it is square and not empty.
    pub fn from_rows(rows: &[Vec<f64>]) -> Option<Matrix> {
        let order = rows.len();
        let square = order > 0 && rows.iter().all(|row| row.len() == order);
        square.then(|| Matrix { order, cells: rows.concat() })
    }

    /// The number of rows.
    pub fn order(&self) -> usize {
        self.order
    }

    /// All cells, row by row.
    pub fn cells(&self) -> &[f64] {
        &self.cells
    }

    /// One row.
    pub fn row(&self, row: usize) -> &[f64] {
        &self.cells[row * self.order..(row + 1) * self.order]
    }

    /// All rows, as lists.
    pub fn rows(&self) -> Vec<Vec<f64>> {
        (0..self.order).map(|i| self.row(i).to_vec()).collect()
    }

    /// The sum of each row: `self e`.
    pub fn row_sums(&self) -> Vec<f64> {
        (0..self.order).map(|i| self.row(i).iter().sum()).collect()
    }

    /// The matrix times a number.
    pub fn scaled(&self, by: f64) -> Matrix {
        Matrix { order: self.order, cells: self.cells.iter().map(|cell| cell * by).collect() }
    }

    /// The row vector `left self`.
    pub fn left(&self, left: &[f64]) -> Vec<f64> {
        let mut out = vec![0.0; self.order];
        self.left_into(left, &mut out);
        out
    }

    /// Writes the row vector `left self` to `out`.
    pub fn left_into(&self, left: &[f64], out: &mut [f64]) {
        out.fill(0.0);
        for (i, weight) in left.iter().enumerate() {
            for (cell, sum) in self.row(i).iter().zip(&mut *out) {
                *sum += weight * cell;
            }
        }
    }

    /// The column vector `self right`.
    pub fn right(&self, right: &[f64]) -> Vec<f64> {
        (0..self.order).map(|i| dot(self.row(i), right)).collect()
    }

    /// The inverse by Gauss-Jordan elimination with partial pivoting; `None` if singular.
    pub fn inverse(&self) -> Option<Matrix> {
        let n = self.order;
        let mut from = self.clone();
        let mut to = Matrix::identity(n);
        for column in 0..n {
            let size = |row: &usize| from[(*row, column)].abs();
            let pivot = (column..n).max_by(|a, b| size(a).total_cmp(&size(b)))?;
            let value = from[(pivot, column)];
            if value == 0.0 || !value.is_finite() {
                return None;
            }
            for j in 0..n {
                from.cells.swap(pivot * n + j, column * n + j);
                to.cells.swap(pivot * n + j, column * n + j);
            }
            for j in 0..n {
                from[(column, j)] /= value;
                to[(column, j)] /= value;
            }
            for i in (0..n).filter(|i| *i != column) {
                let factor = from[(i, column)];
                for j in 0..n {
                    from[(i, j)] -= factor * from[(column, j)];
                    to[(i, j)] -= factor * to[(column, j)];
                }
            }
        }
        Some(to)
    }

    /// The stationary row vector of a stochastic matrix: `x self = x`, `x e = 1`.
    ///
    /// `None` if the chain has more than one closed class.
    pub fn stationary(&self) -> Option<Vec<f64>> {
        (self - &Matrix::identity(self.order)).null_distribution()
    }

    /// The stationary row vector of a generator: `x self = 0`, `x e = 1`.
    ///
    /// `None` if the chain has more than one closed class.
    pub fn null_distribution(&self) -> Option<Vec<f64>> {
        // Replace the last column, which depends on the others, by the normalisation.
        let n = self.order;
        let system = Matrix::from_fn(n, |i, j| if j + 1 == n { 1.0 } else { self[(i, j)] });
        let inverse = system.inverse()?;
        let mut x: Vec<f64> = inverse.row(n - 1).iter().map(|v| v.max(0.0)).collect();
        let total: f64 = x.iter().sum();
        x.iter_mut().for_each(|v| *v /= total);
        (x.iter().all(|v| v.is_finite())).then_some(x)
    }
}

/// The inner product.
#[inline]
pub fn dot(left: &[f64], right: &[f64]) -> f64 {
    left.iter().zip(right).map(|(a, b)| a * b).sum()
}

impl Index<(usize, usize)> for Matrix {
    type Output = f64;
    fn index(&self, (i, j): (usize, usize)) -> &f64 {
        &self.cells[i * self.order + j]
    }
}

impl IndexMut<(usize, usize)> for Matrix {
    fn index_mut(&mut self, (i, j): (usize, usize)) -> &mut f64 {
        &mut self.cells[i * self.order + j]
    }
}

impl Add for &Matrix {
    type Output = Matrix;
    fn add(self, other: &Matrix) -> Matrix {
        let cells = self.cells.iter().zip(&other.cells).map(|(a, b)| a + b).collect();
        Matrix { order: self.order, cells }
    }
}

impl Sub for &Matrix {
    type Output = Matrix;
    fn sub(self, other: &Matrix) -> Matrix {
        let cells = self.cells.iter().zip(&other.cells).map(|(a, b)| a - b).collect();
        Matrix { order: self.order, cells }
    }
}

impl Mul for &Matrix {
    type Output = Matrix;
    fn mul(self, other: &Matrix) -> Matrix {
        let cells = (0..self.order).flat_map(|i| other.left(self.row(i))).collect();
        Matrix { order: self.order, cells }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inverse_times_matrix_is_the_identity() {
        let matrix =
            Matrix::from_rows(&[vec![0.0, 2.0, 1.0], vec![1.0, 3.0, 0.0], vec![4.0, 1.0, 1.0]]).unwrap();
        let product = &matrix * &matrix.inverse().unwrap();
        for (a, b) in product.cells().iter().zip(Matrix::identity(3).cells()) {
            assert!((a - b).abs() < 1e-14);
        }
        assert_eq!(Matrix::zero(2).inverse(), None);
    }

    #[test]
    fn stationary_vector_of_a_two_state_generator() {
        let generator = Matrix::from_rows(&[vec![-1.0, 1.0], vec![3.0, -3.0]]).unwrap();
        let x = generator.null_distribution().unwrap();
        assert!((x[0] - 0.75).abs() < 1e-15 && (x[1] - 0.25).abs() < 1e-15);
    }

    #[test]
    fn two_closed_classes_have_no_single_stationary_vector() {
        assert_eq!(Matrix::identity(2).stationary(), None);
    }
}
