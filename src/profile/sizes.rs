//! Service times that depend on the size of a batch's largest request: the others are padded to it.

use super::Profile;

/// A table by memory size, batch size and size of the largest request.
#[derive(Debug, Clone, PartialEq)]
pub struct BySize {
    /// Sizes in a unit of the user's choice, strictly ascending.
    pub size: Vec<f64>,
    /// `service_s[row][column][at]` is the mean time \[s\] at the row's memory, the column's batch and the size at `at`.
    pub service_s: Vec<Vec<Vec<f64>>>,
}

impl BySize {
    /// The times by memory and batch of batches whose largest request is of a size, straight between the table's sizes; none
    /// outside them.
    pub fn at(&self, size: f64) -> Option<Vec<Vec<f64>>> {
        let last = self.size.len() - 1;
        if !(self.size[0]..=self.size[last]).contains(&size) {
            return None;
        }
        let low = self.size.partition_point(|point| *point <= size).saturating_sub(1);
        let high = (low + 1).min(last);
        let share = match high > low {
            true => (size - self.size[low]) / (self.size[high] - self.size[low]),
            false => 0.0,
        };
        let cell = |cells: &Vec<f64>| cells[low] + (cells[high] - cells[low]) * share;
        Some(self.service_s.iter().map(|row| row.iter().map(cell).collect()).collect())
    }
}

impl Profile {
    /// The profiles of batches by the size of their largest request; those of sizes that the table does not cover are left out.
    pub fn of_sizes(&self, sizes: &[f64]) -> impl Iterator<Item = Profile> {
        let table = self.by_size.as_ref();
        let plain = Profile { by_size: None, ..self.clone() };
        let times = sizes.iter().filter_map(move |size| table?.at(*size));
        times.map(move |service_s| Profile { service_s, ..plain.clone() })
    }

    /// The profile of batches whose largest request is of a size; none if the table does not cover it, or has no sizes.
    pub fn of_size(&self, size: f64) -> Option<Profile> {
        let service_s = self.by_size.as_ref()?.at(size)?;
        Some(Profile { service_s, by_size: None, ..self.clone() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_straight_between_the_points_and_none_outside() {
        let table = BySize { size: vec![10.0, 20.0, 60.0], service_s: vec![vec![vec![1.0, 2.0, 10.0]]] };
        for (size, time) in [(10.0, 1.0), (15.0, 1.5), (20.0, 2.0), (30.0, 4.0), (60.0, 10.0)] {
            assert_eq!(table.at(size), Some(vec![vec![time]]), "{size}");
        }
        assert_eq!((table.at(9.0), table.at(61.0)), (None, None));
    }
}
