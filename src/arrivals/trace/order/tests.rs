use super::super::point::{Mark, MarkedPoint};
use super::*;
use crate::arrivals::tests::tried;

struct Listed(Vec<i64>);

impl Raw for Listed {
    fn fill(&mut self, floor: i64, block: &mut Vec<i64>) -> Result<(), InputError> {
        let count = self.0.len().min(BLOCK);
        let some: Vec<i64> = self.0.drain(..count).collect();
        if some.iter().any(|value| *value < floor) {
            return Err(InputError::new("listed", "too late"));
        }
        block.extend(some);
        Ok(())
    }

    fn report(&self, _reading: &mut Reading) {}

    fn name(&self) -> &str {
        "listed"
    }

    fn others(&self) -> String {
        "choose another".into()
    }
}

fn all(mut raw: impl Raw) -> Result<Vec<i64>, InputError> {
    tried(|block| raw.fill(i64::MIN, block))
}

/// 0, 1, 2, ... with every hundredth value `late` places behind its own.
fn shuffled(count: i64, late: i64) -> Vec<i64> {
    let mut values: Vec<(i64, i64)> =
        (0..count).map(|i| (if i % 100 == 0 { i + late } else { i }, i)).collect();
    values.sort_unstable();
    values.into_iter().map(|(_, value)| value).collect()
}

#[test]
fn what_is_out_of_place_within_the_window_is_sorted_and_beyond_it_refused() {
    let count = 4 * WINDOW as i64;
    for late in [0, 10, WINDOW as i64 - 200] {
        let sorted = all(Ordered::new(Box::new(Listed(shuffled(count, late))))).unwrap();
        assert!(sorted.iter().copied().eq(0..count), "{late}");
    }
    let beyond = shuffled(count, 3 * WINDOW as i64);
    assert!(all(Ordered::new(Box::new(Listed(beyond.clone())))).is_err());
    assert!(all(Sorted::new(Box::new(Listed(beyond)))).unwrap().into_iter().eq(0..count));
}

#[test]
fn runs_on_disk_give_what_sorting_in_memory_gives() {
    let values: Vec<i64> = (0..50_000_i64).map(|i| i * 7919 % 50_021 - 9).collect();
    let mut expected = values.clone();
    expected.sort_unstable();
    let mut sorted = Sorted::new(Box::new(Listed(values)));
    sorted.merge = Some(sorted.sort(6000).unwrap());
    assert_eq!(sorted.merge.as_ref().unwrap().feeds.len(), 7);
    assert_eq!(all(sorted).unwrap(), expected);
}

/// Points of these times whose marks are their places.
struct Numbered(Vec<i64>, usize);

impl Raw<MarkedPoint> for Numbered {
    fn fill(&mut self, _floor: i64, block: &mut Vec<MarkedPoint>) -> Result<(), InputError> {
        let end = (self.1 + BLOCK).min(self.0.len());
        let place = |i: usize| Mark { size: i as f64, class: (i % 1000) as u16 };
        block.extend((self.1..end).map(|i| MarkedPoint::new(self.0[i], place(i))));
        self.1 = end;
        Ok(())
    }

    fn report(&self, _reading: &mut Reading) {}

    fn name(&self) -> &str {
        "numbered"
    }

    fn others(&self) -> String {
        String::new()
    }
}

#[test]
fn records_of_one_time_keep_the_order_of_the_file_also_on_disk() {
    let values: Vec<i64> = (0..50_000_i64).map(|i| i * 7919 % 13).collect();
    let mut expected: Vec<usize> = (0..values.len()).collect();
    expected.sort_by_key(|i| values[*i]);
    for in_memory in [6000, usize::MAX] {
        let mut sorted = Sorted::new(Box::new(Numbered(values.clone(), 0)));
        sorted.merge = Some(sorted.sort(in_memory).unwrap());
        let found = tried(|block| sorted.fill(i64::MIN, block)).unwrap();
        assert!(found.iter().map(|point| point.mark.size as usize).eq(expected.iter().copied()));
        assert!(found.iter().all(|point| usize::from(point.mark.class) == point.mark.size as usize % 1000));
        assert!(found.iter().all(|point| point.at() == values[point.mark.size as usize]));
    }
}

#[test]
fn values_that_are_no_times_are_refused_unless_they_are_to_be_sorted() {
    let values: Vec<i64> = (0..1000_i64).map(|i| i * i * 7919 % 1009).collect();
    let error = all(Ordered::new(Box::new(Listed(values.clone())))).unwrap_err().to_string();
    assert!(error.contains("up and down") && error.contains("choose another"), "{error}");
    assert!(all(Sorted::new(Box::new(Listed(values)))).unwrap().is_sorted());
    // The newest first, as some exports have it.
    assert!(all(Ordered::new(Box::new(Listed((0..1000).rev().collect())))).unwrap().is_sorted());
}

#[test]
fn several_files_come_in_the_order_of_time() {
    let file = |values: Vec<i64>| -> Box<dyn Raw> { Box::new(Ordered::new(Box::new(Listed(values)))) };
    let files = vec![file(vec![5, 7, 9]), file(vec![]), file(vec![1, 7, 20])];
    assert_eq!(all(Several::new("both".into(), files).unwrap()).unwrap(), [1, 5, 7, 7, 9, 20]);
}
