//! Requests that carry their own size, as records of a trace do: faster, thinner, shorter, of several classes.

use rand::RngExt;

use super::class_streams::{ClassArrivals, Request};
use super::merge::{Fill, Merge, Timed};
use super::transform::divide;
use crate::error::InputError;
use crate::numeric::choice::{Bytes, Choice};
use crate::numeric::streams::Stream;
use crate::units::Time;

/// A request and how large it is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SizedRequest {
    /// When it comes.
    pub at: Time,
    /// Its class, from 0.
    pub class: u16,
    /// Its size, in the unit of the trace.
    pub size: f64,
}

impl Timed for SizedRequest {
    fn at(&self) -> Time {
        self.at
    }
}

/// A stream of requests with their sizes, as [`super::Arrivals`] is one without.
pub trait SizedArrivals: Send {
    /// Appends the next requests, in non-decreasing order; appends nothing at the end.
    ///
    /// # Errors
    /// A trace file that cannot be read, with the line.
    fn fill(&mut self, block: &mut Vec<SizedRequest>) -> Result<(), InputError>;
}

/// What becomes of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It comes then.
    At(Time),
    /// It is left out.
    Dropped,
    /// Neither it comes nor any after it.
    End,
}

/// Changes or drops each request by its time, order kept.
pub fn each(
    source: Box<dyn SizedArrivals>,
    fate: impl FnMut(Time) -> Fate + Send + 'static,
) -> Box<dyn SizedArrivals> {
    Box::new(Each { source, fate, ended: false })
}

/// Multiplies the rate by `factor`, as [`super::transform::scale`] does.
pub fn scale(source: Box<dyn SizedArrivals>, factor: f64) -> Box<dyn SizedArrivals> {
    match factor == 1.0 {
        true => source,
        false => each(source, move |at| Fate::At(Time(divide(at.0, factor)))),
    }
}

/// Keeps each request with probability `keep`, as [`super::transform::thin`] does.
pub fn thin(source: Box<dyn SizedArrivals>, keep: f64, mut stream: Stream) -> Box<dyn SizedArrivals> {
    match keep == 1.0 {
        true => source,
        false => each(source, move |at| if stream.random_bool(keep) { Fate::At(at) } else { Fate::Dropped }),
    }
}

/// Only the requests before `end`.
pub fn until(source: Box<dyn SizedArrivals>, end: Time) -> Box<dyn SizedArrivals> {
    each(source, move |at| if at < end { Fate::At(at) } else { Fate::End })
}

/// Only the first `requests`.
pub fn limit(source: Box<dyn SizedArrivals>, requests: u64) -> Box<dyn SizedArrivals> {
    let mut left = requests;
    each(source, move |at| match left.checked_sub(1) {
        Some(fewer) => {
            left = fewer;
            Fate::At(at)
        }
        None => Fate::End,
    })
}

/// Each request is of class k with probability `shares[k]`, as of [`super::class_streams::drawn`].
pub fn drawn(source: Box<dyn SizedArrivals>, shares: &[f64], stream: Stream) -> Box<dyn SizedArrivals> {
    Box::new(Drawn { source, class: Choice::new(shares), bytes: Bytes::new(stream) })
}

/// Several streams side by side, each a class. Of equal times the lower class comes first.
pub fn merged(sources: Vec<Box<dyn SizedArrivals>>) -> Box<dyn SizedArrivals> {
    let streams =
        sources.into_iter().map(|mut source| -> Fill<_> { Box::new(move |block| source.fill(block)) });
    Box::new(Merged(Merge::new(streams.collect())))
}

/// The requests with marks: the class times the number of `values`, and the place of the size among these. `name` is what
/// the trace is called.
pub fn marked(source: Box<dyn SizedArrivals>, values: &[f64], name: &str) -> Box<dyn ClassArrivals> {
    Box::new(Marked { source, values: values.to_vec(), name: name.to_owned(), block: Vec::new() })
}

struct Each<F> {
    source: Box<dyn SizedArrivals>,
    fate: F,
    ended: bool,
}

impl<F: FnMut(Time) -> Fate + Send> SizedArrivals for Each<F> {
    fn fill(&mut self, block: &mut Vec<SizedRequest>) -> Result<(), InputError> {
        let first = block.len();
        // Empty means the end, so go on until something is kept.
        while block.len() == first && !self.ended {
            self.source.fill(block)?;
            if block.len() == first {
                break;
            }
            let mut kept = first;
            for i in first..block.len() {
                match (self.fate)(block[i].at) {
                    Fate::At(at) => {
                        block[kept] = SizedRequest { at, ..block[i] };
                        kept += 1;
                    }
                    Fate::Dropped => {}
                    Fate::End => {
                        self.ended = true;
                        break;
                    }
                }
            }
            block.truncate(kept);
        }
        Ok(())
    }
}

struct Drawn {
    source: Box<dyn SizedArrivals>,
    class: Choice,
    bytes: Bytes,
}

impl SizedArrivals for Drawn {
    fn fill(&mut self, block: &mut Vec<SizedRequest>) -> Result<(), InputError> {
        let first = block.len();
        self.source.fill(block)?;
        for request in &mut block[first..] {
            request.class = self.class.draw(&mut self.bytes);
        }
        Ok(())
    }
}

struct Merged(Merge<SizedRequest>);

impl SizedArrivals for Merged {
    fn fill(&mut self, block: &mut Vec<SizedRequest>) -> Result<(), InputError> {
        self.0.next_block(|request, class| block.push(SizedRequest { class, ..request }))
    }
}

struct Marked {
    source: Box<dyn SizedArrivals>,
    values: Vec<f64>,
    name: String,
    block: Vec<SizedRequest>,
}

impl ClassArrivals for Marked {
    fn fill(&mut self, block: &mut Vec<Request>) -> Result<(), InputError> {
        self.block.clear();
        self.source.fill(&mut self.block)?;
        let count = self.values.len();
        for request in &self.block {
            let place = self.values.binary_search_by(|value| value.total_cmp(&request.size));
            let Ok(place) = place else {
                let message = format!("has a request of size {} now, and had none", request.size);
                return Err(InputError::new(&self.name, message)
                    .help("the file was changed while it was read: run again once it is complete"));
            };
            let mark = usize::from(request.class) * count + place;
            block.push(Request { at: request.at, class: mark as u16 });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::numeric::streams::Streams;

    /// Requests at 0, 10, 20, ... ns in blocks of three; the i-th is of size i + 1.
    struct Tens(u64);

    impl SizedArrivals for Tens {
        fn fill(&mut self, block: &mut Vec<SizedRequest>) -> Result<(), InputError> {
            let next = (self.0 + 3).min(1000);
            let one = |i| SizedRequest { at: Time(i * 10), class: 0, size: (i + 1) as f64 };
            block.extend((self.0..next).map(one));
            self.0 = next;
            Ok(())
        }
    }

    fn all(mut source: Box<dyn SizedArrivals>) -> Vec<SizedRequest> {
        let mut all = Vec::new();
        loop {
            let before = all.len();
            source.fill(&mut all).unwrap();
            if all.len() == before {
                return all;
            }
        }
    }

    fn pairs(source: Box<dyn SizedArrivals>) -> Vec<(u64, u64)> {
        all(source).iter().map(|request| (request.at.0, request.size as u64)).collect()
    }

    #[test]
    fn whatever_is_changed_each_request_keeps_its_size() {
        let tens = || -> Box<dyn SizedArrivals> { Box::new(Tens(0)) };
        assert_eq!(pairs(limit(tens(), 4)), [(0, 1), (10, 2), (20, 3), (30, 4)]);
        assert_eq!(pairs(until(tens(), Time(31))), [(0, 1), (10, 2), (20, 3), (30, 4)]);
        assert_eq!(pairs(scale(limit(tens(), 3), 2.0)), [(0, 1), (5, 2), (10, 3)]);
        assert_eq!(pairs(limit(tens(), 0)), []);
        let kept = pairs(thin(tens(), 0.25, Streams::new(1).stream("thin")));
        assert!((150..350).contains(&kept.len()) && kept.iter().all(|(at, size)| at / 10 + 1 == *size));
        let other = || scale(limit(tens(), 3), 2.0);
        let both = all(merged(vec![limit(tens(), 2), other()]));
        let found: Vec<_> = both.iter().map(|r| (r.at.0, r.class, r.size as u64)).collect();
        assert_eq!(found, [(0, 0, 1), (0, 1, 1), (5, 1, 2), (10, 0, 2), (10, 1, 3)]);
        let mut marks = Vec::new();
        let source = merged(vec![limit(tens(), 2), other()]);
        marked(source, &[1.0, 2.0, 3.0], "it").fill(&mut marks).unwrap();
        assert_eq!(marks.iter().map(|request| request.class).collect::<Vec<_>>(), [0, 3, 4, 1, 5]);
        let error = marked(tens(), &[1.0, 2.0], "it").fill(&mut marks).unwrap_err().to_string();
        assert!(error.contains("size 3 now"), "{error}");
    }

    #[test]
    fn classes_are_drawn_as_those_of_requests_without_sizes() {
        use crate::arrivals::class_streams;
        use crate::arrivals::{Arrivals, transform};

        struct Times(Tens);
        impl Arrivals for Times {
            fn fill(&mut self, block: &mut Vec<Time>) -> Result<(), InputError> {
                let mut own = Vec::new();
                self.0.fill(&mut own)?;
                block.extend(own.iter().map(|request| request.at));
                Ok(())
            }
        }
        let (shares, stream) = ([0.2, 0.5, 0.3], || Streams::new(3).stream("classes"));
        let found = all(drawn(Box::new(Tens(0)), &shares, stream()));
        let plain = transform::until(Box::new(Times(Tens(0))), Time::NEVER);
        let (mut plain, mut expected) = (class_streams::drawn(plain, &shares, stream()), Vec::new());
        while expected.len() < found.len() {
            plain.fill(&mut expected).unwrap();
        }
        let found: Vec<_> = found.iter().map(|r| Request { at: r.at, class: r.class }).collect();
        assert_eq!(found, expected);
    }
}
