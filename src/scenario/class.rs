//! `[[class]]`: several classes of requests that share one model, each with its own longest wait and objective.

use super::class_system::{ClassSystem, ListedGroup};
use super::slo::ROUNDING;
use super::trace_sizes;
use super::workload::Workload;
use crate::arrivals::Arrivals;
use crate::arrivals::class_streams::{self, ClassArrivals};
use crate::arrivals::map::Map;
use crate::arrivals::map_arrivals::MapArrivals;
use crate::arrivals::marked::MarkedMap;
use crate::arrivals::{sized, transform};
use crate::document::Section;
use crate::error::InputError;
use crate::numeric::streams::Streams;
use crate::profile::device::Devices;
use crate::scenario::whole;
use crate::units::{MemoryMb, Span, Time};

/// The classes of a scenario.
#[derive(Debug, Clone, PartialEq)]
pub struct Classes {
    /// In the order of the file.
    pub list: Vec<Class>,
    /// How requests come to be of a class.
    pub marks: Marks,
    /// The sizes of their requests, where these have any.
    pub sizes: Option<Sizes>,
    /// Memory sizes and largest batches among which `sim plan` chooses; none without `[sweep]`.
    pub grid: Option<(Vec<MemoryMb>, Vec<u32>)>,
    /// Functions with processors and with shares of a GPU, for `sim compare`.
    pub devices: Option<Devices>,
    /// The ways to group them that `sim compare` sets side by side.
    pub systems: Vec<ClassSystem>,
    /// The groups that the policy asks for; none where all are in one buffer.
    pub groups: Vec<ListedGroup>,
}

/// One class.
#[derive(Debug, Clone, PartialEq)]
pub struct Class {
    /// Its name in tables and files.
    pub name: String,
    /// The longest wait of its requests in the buffer.
    pub longest_wait: Span,
    /// What is asked for it.
    pub slo: Option<ClassSlo>,
}

/// What is asked for a class.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ClassSlo {
    /// The share of its requests that must keep the latency; 1: none may be over it.
    pub percentile: f64,
    /// The latency to keep.
    pub latency: Span,
}

impl ClassSlo {
    /// The share of its requests that may be over the latency.
    pub fn allowed(&self) -> f64 {
        1.0 - self.percentile
    }

    /// Is the latency kept where the share `late` of the requests is over it, failed ones included?
    pub fn is_kept(&self, late: f64) -> bool {
        late <= self.allowed() + ROUNDING
    }
}

/// Which classes share a buffer, and how it is set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// The classes by their places in the scenario.
    pub members: Vec<usize>,
    /// Memory size of the function.
    pub memory: MemoryMb,
    /// Largest batch.
    pub batch: u32,
    /// The longest wait of each member.
    pub longest_wait: Vec<Span>,
}

/// How requests come to be of a class.
#[derive(Debug, Clone, PartialEq)]
pub enum Marks {
    /// Each request of the workload is of class k with this probability, whatever came before.
    Shares(Vec<f64>),
    /// Each class has a process of its own.
    Own(Vec<Map>),
    /// One process with arrival rates by class.
    Process(MarkedMap),
    /// A trace of which this column has the class's name.
    Column(String),
}

/// The sizes of requests. A batch takes as long as if all its requests were of the largest one's size.
#[derive(Debug, Clone, PartialEq)]
pub struct Sizes {
    /// All that there are, ascending.
    pub values: Vec<f64>,
    /// Of each class, the share of its requests that are of each.
    pub shares: Vec<Vec<f64>>,
    /// What is known of them where each record of a trace has its own.
    pub recorded: Option<Recorded>,
}

/// Sizes that stand in the records of a trace.
#[derive(Debug, Clone, PartialEq)]
pub struct Recorded {
    /// The column that has them.
    pub column: String,
    /// What the law takes in place of many.
    pub grouped: Option<Grouped>,
}

/// Fewer sizes, to which many are rounded up.
#[derive(Debug, Clone, PartialEq)]
pub struct Grouped {
    /// The fewer sizes.
    pub sizes: Box<Sizes>,
    /// By how much that makes batches longer: in the mean, and at most.
    pub longer: (f64, f64),
}

impl Sizes {
    /// Those that the law takes: the same unless they are too many.
    pub fn of_law(&self) -> &Sizes {
        match self.recorded.as_ref().and_then(|recorded| recorded.grouped.as_ref()) {
            Some(grouped) => &grouped.sizes,
            None => self,
        }
    }

    /// By size and member: the share of the member's requests that are of this or a smaller size.
    pub fn up_to(&self, members: &[usize]) -> Vec<Vec<f64>> {
        let last = self.values.len() - 1;
        let up_to = |at: usize, member: &usize| match at == last {
            true => 1.0,
            false => self.shares[*member][..=at].iter().sum::<f64>().min(1.0),
        };
        (0..=last).map(|at| members.iter().map(|member| up_to(at, member)).collect()).collect()
    }

    /// The place of the largest size that some classes' requests may be of.
    pub fn largest(&self, members: &[usize]) -> usize {
        let comes = |at: &usize| members.iter().any(|member| self.shares[*member][*at] > 0.0);
        (0..self.values.len()).rev().find(comes).unwrap_or(0)
    }

    /// The marks of some classes' requests: each size of a class has its own.
    fn marks(&self, members: &[usize]) -> Vec<usize> {
        let count = self.values.len();
        members.iter().flat_map(|member| member * count..(member + 1) * count).collect()
    }

    /// The mean size of a class's requests.
    pub fn mean(&self, class: usize) -> f64 {
        self.shares[class].iter().zip(&self.values).map(|(share, size)| share * size).sum()
    }
}

impl ClassSlo {
    /// The percentile's name: `p95`, `p99.9`; `all` where no request may be over.
    pub fn name(&self) -> String {
        match self.percentile >= 1.0 {
            true => "all".to_owned(),
            false => format!("p{}", (self.percentile * 1e8).round() / 1e6),
        }
    }
}

impl Classes {
    /// Reads `[functions]` and `[[system]]`.
    pub(super) fn compared(mut self, root: &Section<'_>) -> Result<Classes, InputError> {
        let devices =
            root.optional("functions").map(|value| whole(&value, Devices::from_section)).transpose()?;
        if let Some(list) = root.optional("system") {
            self.systems = ClassSystem::list(&list, &self, devices.as_ref())?;
        }
        self.devices = devices;
        Ok(self)
    }

    fn names(&self) -> Vec<String> {
        self.list.iter().map(|class| class.name.clone()).collect()
    }

    /// All of them in one buffer.
    pub fn together(&self, memory: MemoryMb, batch: u32) -> Group {
        let longest_wait = self.list.iter().map(|class| class.longest_wait).collect();
        Group { members: (0..self.list.len()).collect(), memory, batch, longest_wait }
    }

    /// The arrivals of some classes in one replication, which are the same whichever others are left out; they are
    /// numbered by their places in `members`, or where they have sizes, by these within them.
    ///
    /// # Errors
    /// A trace that cannot be opened.
    pub fn open(
        &self,
        workload: &Workload,
        streams: Streams,
        members: &[usize],
    ) -> Result<Box<dyn ClassArrivals>, InputError> {
        let end = workload.duration.map_or(Time::NEVER, |duration| Time::ZERO + duration);
        let limited = |all| match workload.requests {
            Some(requests) => transform::limit(all, requests),
            None => all,
        };
        if let Some(sizes) = self.sizes.as_ref().filter(|sizes| sizes.recorded.is_some()) {
            let all = trace_sizes::open(workload, &self.marks, &self.names(), streams)?;
            let marked = sized::marked(all, &sizes.values, "the trace");
            return Ok(class_streams::only(marked, &sizes.marks(members)));
        }
        let all = match &self.marks {
            Marks::Shares(shares) => {
                class_streams::drawn(workload.open(streams)?, shares, streams.stream("classes"))
            }
            Marks::Own(own) => {
                let source = |(class, map)| -> Box<dyn Arrivals> {
                    let stream = streams.part(class as u64).stream("arrivals");
                    Box::new(MapArrivals::new(map, Time::ZERO, end, stream))
                };
                limited(class_streams::merged(own.iter().enumerate().map(source).collect()))
            }
            Marks::Process(map) => limited(class_streams::process(map, end, streams.stream("arrivals"))),
            Marks::Column(_) => {
                sized::classes(trace_sizes::open(workload, &self.marks, &self.names(), streams)?)
            }
        };
        let Some(sizes) = &self.sizes else {
            let is_all = members.iter().copied().eq(0..self.list.len());
            return Ok(if is_all { all } else { class_streams::only(all, members) });
        };
        let sized = class_streams::sized(all, &sizes.shares, streams.stream("sizes"));
        Ok(class_streams::only(sized, &sizes.marks(members)))
    }
}
