//! Requests that carry their own size, as records of a trace do, and may be of several classes.

use super::class_streams::{ClassArrivals, Request};
use super::transform::{Cut, Each, Flow, Timed};
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
    #[inline]
    fn at(&self) -> Time {
        self.at
    }

    #[inline]
    fn moved(self, at: Time) -> SizedRequest {
        SizedRequest { at, ..self }
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

/// Each request is of class k with probability `shares[k]`, as of [`super::class_streams::drawn`].
pub fn drawn(source: Box<dyn SizedArrivals>, shares: &[f64], stream: Stream) -> Box<dyn SizedArrivals> {
    let (choice, mut bytes) = (Choice::new(shares), Bytes::new(stream));
    source.each(move |request| Some(SizedRequest { class: choice.draw(&mut bytes), ..request }))
}

/// The requests without their sizes.
pub fn classes(source: Box<dyn SizedArrivals>) -> Box<dyn ClassArrivals> {
    Box::new(Unsized { source, block: Vec::new() })
}

/// The requests with marks: the class times the number of `values`, and the place of the size among these. `name` is what
/// the trace is called.
pub fn marked(source: Box<dyn SizedArrivals>, values: &[f64], name: &str) -> Box<dyn ClassArrivals> {
    Box::new(Marked { source, values: values.to_vec(), name: name.to_owned(), block: Vec::new() })
}

impl Flow for dyn SizedArrivals {
    type Item = SizedRequest;

    #[inline]
    fn next_block(&mut self, block: &mut Vec<SizedRequest>) -> Result<(), InputError> {
        self.fill(block)
    }

    fn each(
        self: Box<Self>,
        change: impl FnMut(SizedRequest) -> Option<SizedRequest> + Send + 'static,
    ) -> Box<dyn SizedArrivals> {
        Box::new(Each { source: self, change })
    }

    fn cut(self: Box<Self>, end: Time, requests: u64) -> Box<dyn SizedArrivals> {
        Box::new(Cut { source: self, end, left: requests })
    }
}

impl<F> SizedArrivals for Each<dyn SizedArrivals, F>
where
    F: FnMut(SizedRequest) -> Option<SizedRequest> + Send,
{
    fn fill(&mut self, block: &mut Vec<SizedRequest>) -> Result<(), InputError> {
        self.next_block(block)
    }
}

impl SizedArrivals for Cut<dyn SizedArrivals> {
    fn fill(&mut self, block: &mut Vec<SizedRequest>) -> Result<(), InputError> {
        self.next_block(block)
    }
}

struct Unsized {
    source: Box<dyn SizedArrivals>,
    block: Vec<SizedRequest>,
}

impl ClassArrivals for Unsized {
    fn fill(&mut self, block: &mut Vec<Request>) -> Result<(), InputError> {
        self.block.clear();
        self.source.fill(&mut self.block)?;
        block.extend(self.block.iter().map(|request| Request { at: request.at, class: request.class }));
        Ok(())
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
    use crate::arrivals::tests::all;
    use crate::arrivals::transform::{limit, scale, thin, until};
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

    fn pairs(mut source: Box<dyn SizedArrivals>) -> Vec<(u64, u64)> {
        all(|block| source.fill(block)).iter().map(|request| (request.at.0, request.size as u64)).collect()
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
        let other = || limit(tens(), 3).each(|r| Some(SizedRequest { class: (r.at.0 / 10 % 2) as u16, ..r }));
        let (mut plain, mut marks) = (Vec::new(), Vec::new());
        classes(other()).fill(&mut plain).unwrap();
        marked(other(), &[1.0, 2.0, 3.0], "it").fill(&mut marks).unwrap();
        let of = |requests: &[Request]| requests.iter().map(|r| (r.at.0, r.class)).collect::<Vec<_>>();
        assert_eq!(of(&plain), [(0, 0), (10, 1), (20, 0)]);
        assert_eq!(of(&marks), [(0, 0), (10, 3 + 1), (20, 2)]);
        let error = marked(tens(), &[1.0, 2.0], "it").fill(&mut marks).unwrap_err().to_string();
        assert!(error.contains("size 3 now"), "{error}");
    }

    #[test]
    fn classes_are_drawn_as_those_of_requests_without_sizes() {
        use crate::arrivals::Arrivals;
        use crate::arrivals::class_streams;

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
        let mut sized = drawn(Box::new(Tens(0)), &shares, stream());
        let found = all(|block| sized.fill(block));
        let mut plain = class_streams::drawn(Box::new(Times(Tens(0))), &shares, stream());
        let expected = all(|block| plain.fill(block));
        let found: Vec<_> = found.iter().map(|r| Request { at: r.at, class: r.class }).collect();
        assert_eq!(found, expected);
    }
}
