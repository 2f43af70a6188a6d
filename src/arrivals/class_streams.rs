//! Streams of arrivals that carry their class: drawn marks, streams side by side, marked processes.

use rand::RngExt;
use rand_distr::{Distribution, Exp1};

use super::marked::MarkedMap;
use super::merge::Merge;
use super::transform::{Cut, Each, Flow, Timed};
use super::{Arrivals, BLOCK};
use crate::error::InputError;
use crate::numeric::choice::{Bytes, Choice};
use crate::numeric::streams::Stream;
use crate::units::{Span, Time};

/// A request of one of several classes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Request {
    /// When it comes.
    pub at: Time,
    /// Its class, from 0.
    pub class: u16,
}

/// A stream of arrivals with their classes, as [`Arrivals`] is one without.
pub trait ClassArrivals: Send {
    /// Appends the next arrivals, in non-decreasing order; appends nothing at the end.
    ///
    /// # Errors
    /// A trace file that cannot be read, with the line.
    fn fill(&mut self, block: &mut Vec<Request>) -> Result<(), InputError>;
}

impl Timed for Request {
    #[inline]
    fn at(&self) -> Time {
        self.at
    }

    #[inline]
    fn moved(self, at: Time) -> Request {
        Request { at, ..self }
    }
}

impl ClassArrivals for Box<dyn ClassArrivals> {
    fn fill(&mut self, block: &mut Vec<Request>) -> Result<(), InputError> {
        (**self).fill(block)
    }
}

/// Each arrival of `source` is of class k with probability `shares[k]`, independently of everything.
pub fn drawn(source: Box<dyn Arrivals>, shares: &[f64], stream: Stream) -> Box<dyn ClassArrivals> {
    Box::new(Drawn { source, class: Choice::new(shares), bytes: Bytes::new(stream), times: Vec::new() })
}

/// Several streams side by side, each a class. Of equal times the lower class comes first.
pub fn merged(sources: Vec<Box<dyn Arrivals>>) -> Box<dyn ClassArrivals> {
    Box::new(Merged(Merge::new(sources)))
}

/// The arrivals of a marked process in `[0, end)`, from its stationary phase law on.
pub fn process(map: &MarkedMap, end: Time, mut stream: Stream) -> Box<dyn ClassArrivals> {
    let law = map.unmarked().phase_law();
    let mut draw: f64 = stream.random();
    let first = law.iter().position(|p| {
        draw -= p;
        draw < 0.0
    });
    let phase = first.unwrap_or(law.len() - 1);
    let phases = (0..map.order()).map(|i| Phase::of(map, i)).collect();
    Box::new(Process { phases, phase, now: Time::ZERO, end, stream })
}

/// Each arrival of class k is of the i-th of m sizes with probability `shares[k][i]`, independently of everything; its mark
/// becomes k m + i.
pub fn sized(source: Box<dyn ClassArrivals>, shares: &[Vec<f64>], stream: Stream) -> Box<dyn ClassArrivals> {
    let (count, mut bytes) = (shares.first().map_or(1, Vec::len), Bytes::new(stream));
    let sizes: Vec<Choice> = shares.iter().map(|shares| Choice::new(shares)).collect();
    source.each(move |request| {
        let class = usize::from(request.class);
        let size = usize::from(sizes[class].draw(&mut bytes));
        Some(Request { class: (class * count + size) as u16, ..request })
    })
}

/// Only the arrivals of `classes`, numbered by their places in that list.
pub fn only(source: Box<dyn ClassArrivals>, classes: &[usize]) -> Box<dyn ClassArrivals> {
    let most = classes.iter().copied().max().map_or(0, |most| most + 1);
    let mut numbers = vec![None; most];
    for (number, class) in classes.iter().enumerate() {
        numbers[*class] = Some(number as u16);
    }
    source.each(move |request| {
        let number = numbers.get(usize::from(request.class)).copied().flatten();
        number.map(|class| Request { class, ..request })
    })
}

struct Drawn {
    source: Box<dyn Arrivals>,
    class: Choice,
    bytes: Bytes,
    times: Vec<Time>,
}

impl ClassArrivals for Drawn {
    fn fill(&mut self, block: &mut Vec<Request>) -> Result<(), InputError> {
        self.times.clear();
        self.source.fill(&mut self.times)?;
        let Drawn { class, bytes, times, .. } = self;
        block.extend(times.iter().map(|at| Request { at: *at, class: class.draw(bytes) }));
        Ok(())
    }
}

impl Flow for dyn ClassArrivals {
    type Item = Request;

    #[inline]
    fn next_block(&mut self, block: &mut Vec<Request>) -> Result<(), InputError> {
        self.fill(block)
    }

    fn each(
        self: Box<Self>,
        change: impl FnMut(Request) -> Option<Request> + Send + 'static,
    ) -> Box<dyn ClassArrivals> {
        Box::new(Each { source: self, change })
    }

    fn cut(self: Box<Self>, end: Time, requests: u64) -> Box<dyn ClassArrivals> {
        Box::new(Cut { source: self, end, left: requests })
    }
}

impl<F: FnMut(Request) -> Option<Request> + Send> ClassArrivals for Each<dyn ClassArrivals, F> {
    fn fill(&mut self, block: &mut Vec<Request>) -> Result<(), InputError> {
        self.next_block(block)
    }
}

impl ClassArrivals for Cut<dyn ClassArrivals> {
    fn fill(&mut self, block: &mut Vec<Request>) -> Result<(), InputError> {
        self.next_block(block)
    }
}

struct Merged(Merge);

impl ClassArrivals for Merged {
    fn fill(&mut self, block: &mut Vec<Request>) -> Result<(), InputError> {
        self.0.next_block(|at, class| block.push(Request { at, class }))
    }
}

/// A phase of a marked process.
struct Phase {
    /// The mean time until anything happens [ns].
    mean_ns: f64,
    /// What may happen, with cumulated probabilities.
    ways: Vec<Way>,
}

#[derive(Debug, Clone, Copy)]
struct Way {
    up_to: f64,
    phase: usize,
    class: Option<u16>,
}

impl Phase {
    fn of(map: &MarkedMap, i: usize) -> Phase {
        let changes = (0..map.order()).filter(|j| *j != i).map(|j| (map.d0()[(i, j)], j, None));
        let marked = (0..map.classes())
            .flat_map(|class| (0..map.order()).map(move |j| (map.d1(class)[(i, j)], j, Some(class as u16))));
        let all: Vec<_> = changes.chain(marked).filter(|(rate, ..)| *rate > 0.0).collect();
        let total = all.iter().fold(0.0, |sum, (rate, ..)| sum + rate);
        let mut sum = 0.0;
        let ways = all.into_iter().map(|(rate, phase, class)| {
            sum += rate / total;
            Way { up_to: sum, phase, class }
        });
        Phase { mean_ns: 1e9 / total, ways: ways.collect() }
    }
}

struct Process {
    phases: Vec<Phase>,
    phase: usize,
    now: Time,
    end: Time,
    stream: Stream,
}

impl ClassArrivals for Process {
    fn fill(&mut self, block: &mut Vec<Request>) -> Result<(), InputError> {
        let full = block.len() + BLOCK;
        while block.len() < full {
            let Phase { mean_ns, ways } = &self.phases[self.phase];
            let wait: f64 = Exp1.sample(&mut self.stream);
            self.now += Span((mean_ns * wait).round() as u64);
            if self.now >= self.end {
                self.now = self.end;
                break;
            }
            let draw: f64 = self.stream.random();
            let way = ways.iter().find(|way| draw < way.up_to).unwrap_or(&ways[ways.len() - 1]);
            self.phase = way.phase;
            block.extend(way.class.map(|class| Request { at: self.now, class }));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arrivals::map::Map;
    use crate::arrivals::map_arrivals::MapArrivals;
    use crate::arrivals::tests;
    use crate::arrivals::transform::limit;
    use crate::numeric::streams::Streams;

    fn all(mut source: Box<dyn ClassArrivals>) -> Vec<Request> {
        tests::all(|block| source.fill(block))
    }

    fn end() -> Time {
        Time::ZERO + Span::from_secs(2_000)
    }

    fn source(map: &Map, index: u64) -> Box<dyn Arrivals> {
        let stream = Streams::new(3).part(index).stream("arrivals");
        Box::new(MapArrivals::new(map, Time::ZERO, end(), stream))
    }

    /// Counts by class are near the rates: five standard deviations of a Poisson count, widened by `burst`.
    fn near(requests: &[Request], rates: &[f64], burst: f64) {
        assert!(requests.is_sorted_by_key(|request| request.at));
        for (class, rate) in rates.iter().enumerate() {
            let count = requests.iter().filter(|r| usize::from(r.class) == class).count() as f64;
            let expected = rate * end().as_secs_f64();
            assert!((count - expected).abs() < 5.0 * burst * expected.sqrt(), "{class}: {count} {expected}");
        }
    }

    #[test]
    fn marks_streams_and_processes_have_their_rates() {
        let map = Map::mmpp(&[5.0, 50.0], &[1.0, 0.2]).unwrap();
        let marks = drawn(source(&map, 0), &[0.2, 0.5, 0.3], Streams::new(3).stream("classes"));
        near(&all(marks), &[2.5, 6.25, 3.75], 4.0);
        let two = || merged(vec![source(&map, 0), source(&Map::poisson(10.0), 1)]);
        near(&all(two()), &[12.5, 10.0], 4.0);
        let marked = MarkedMap::merged(&[map.clone(), Map::poisson(10.0)]);
        near(&all(process(&marked, end(), Streams::new(3).stream("arrivals"))), &[12.5, 10.0], 4.0);
        let first = all(limit(two(), 777));
        assert_eq!(first, all(two())[..777]);
        let second: Vec<Request> = all(two()).into_iter().filter(|request| request.class == 1).collect();
        let renumbered = second.iter().map(|request| Request { class: 0, ..*request }).collect::<Vec<_>>();
        assert_eq!(all(only(two(), &[1])), renumbered);
    }
}
