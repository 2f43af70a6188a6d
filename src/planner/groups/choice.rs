//! The cheapest configuration of one group of classes.

use crate::analytic::exact::{SharedSizes, Variation};
use crate::error::InputError;
use crate::numeric::bracket::crossing;
use crate::planner::laws::{batch_cost, variation};
use crate::planner::shared::{ClassParts, GroupLaws, MarkedPart};
use crate::profile::device::Size;
use crate::scenario::Scenario;
use crate::scenario::class::{Class, ClassSlo, Classes};
use crate::scenario::platform::check_memory;
use crate::units::{MemoryMb, Span};

/// Of so many configurations the longest waits are raised class by class.
const RAISED: usize = 3;
/// Longest waits are found to this [s].
const TOLERANCE: f64 = 1e-5;
/// A longest wait is raised by up to so many times the latency that is asked for.
const FARTHEST: f64 = 2.0;
/// What a share may lack for rounding.
const ROUNDING: f64 = 1e-12;

/// A group with its configuration.
#[derive(Debug, Clone, PartialEq)]
pub struct GroupChoice {
    /// The classes, by their places in the scenario.
    pub members: Vec<usize>,
    /// The function.
    pub size: Size,
    /// Largest batch.
    pub batch: u32,
    /// The longest wait of each member.
    pub longest_wait: Vec<Span>,
    /// The expected cost of a second [$].
    pub usd_per_s: f64,
}

/// What is common to all groups of a scenario.
#[derive(Debug)]
pub struct Planner {
    arrivals: ClassParts,
    slo: Vec<ClassSlo>,
    functions: Vec<Function>,
    batches: Vec<u32>,
    rate: f64,
}

/// A function with its service times and prices, by batch size less one.
#[derive(Debug, Clone, PartialEq)]
pub struct Function {
    /// Its size.
    pub size: Size,
    /// Service times \[s\].
    pub service: Vec<f64>,
    /// How they vary.
    pub variation: Variation,
    /// Prices [$].
    pub cost: Vec<f64>,
}

/// A group at one memory size and largest batch.
struct Place<'a> {
    function: &'a Function,
    batch: u32,
    parts: &'a [MarkedPart],
    slo: &'a [ClassSlo],
}

impl Planner {
    /// Chooses among the memory sizes and batches of `[sweep]`.
    ///
    /// # Errors
    /// A class without an objective, or with one that cannot be kept for sure; nothing to choose from; the profile does not
    /// cover it.
    pub fn new(scenario: &Scenario, classes: &Classes) -> Result<Planner, InputError> {
        let Some((memory, batches)) = &classes.grid else {
            return Err(InputError::new(&scenario.name, "there is nothing to choose from")
                .help("give [sweep] with `memory_mb` and `batch`"));
        };
        let largest = batches[batches.len() - 1];
        let function = |memory: &MemoryMb| platform_function(scenario, *memory, largest);
        let functions = memory.iter().map(function).collect::<Result<Vec<_>, _>>()?;
        Planner::among(scenario, classes, functions, batches.clone())
    }

    /// Chooses among functions, each with as many of the `batches` as it has times for.
    ///
    /// # Errors
    /// A class without an objective, or with one that cannot be kept for sure.
    pub fn among(
        scenario: &Scenario,
        classes: &Classes,
        functions: Vec<Function>,
        batches: Vec<u32>,
    ) -> Result<Planner, InputError> {
        let error = |message: String| InputError::new(&scenario.name, message);
        let slo = |class: &Class| {
            class.slo.ok_or_else(|| {
                error(format!("class `{}` has nothing to plan for", class.name))
                    .help("give it `slo = { percentile = 95, latency = \"500ms\" }`, or all of them [slo]")
            })
        };
        let slo = classes.list.iter().map(slo).collect::<Result<Vec<_>, _>>()?;
        let sure = classes.list.iter().find(|class| class.slo.is_some_and(|slo| slo.percentile >= 1.0));
        if let Some(class) = sure.filter(|_| functions.iter().any(|function| function.variation.is_random()))
        {
            let message = format!("class `{}` may have no request over its latency", class.name);
            let help = "service times with a service_cv have no largest value: ask for percentile = 99.9";
            return Err(error(message).help(help));
        }
        let arrivals = ClassParts::new(scenario, classes)?;
        let all: Vec<usize> = (0..classes.list.len()).collect();
        let rate = rate(&arrivals.of(&all));
        Ok(Planner { arrivals, slo, functions, batches, rate })
    }

    /// Requests a second of all classes.
    pub fn rate(&self) -> f64 {
        self.rate
    }

    /// The cheapest configuration of a group in which every class keeps its objective, if there is one; and how many were
    /// predicted. One time is left for the service of all classes: each may wait as long as its latency leaves beside it.
    pub fn best(&self, members: &[usize]) -> (Option<GroupChoice>, usize) {
        let parts = self.arrivals.of(members);
        let slo = self.slo(members);
        let places = self.places(&parts, &slo);
        let evaluated = places.len();
        (cheapest(places, members, 1).into_iter().next(), evaluated)
    }

    /// A cost [$/s] that no configuration of a group is below, infinite if there is none; and the number of configurations.
    pub fn bound(&self, members: &[usize]) -> (f64, usize) {
        let parts = self.arrivals.of(members);
        let slo = self.slo(members);
        let places = self.places(&parts, &slo);
        (places.first().map_or(f64::INFINITY, |(_, bound)| *bound), places.len())
    }

    /// The cheapest configurations of a group by the law, at most so many, the best first.
    pub fn near(&self, members: &[usize], most: usize) -> Vec<GroupChoice> {
        let parts = self.arrivals.of(members);
        let slo = self.slo(members);
        cheapest(self.places(&parts, &slo), members, most)
    }

    /// Requests a second of some classes.
    pub fn rate_of(&self, members: &[usize]) -> f64 {
        rate(&self.arrivals.of(members))
    }

    /// What arrives.
    pub fn arrivals(&self) -> &ClassParts {
        &self.arrivals
    }

    /// A group's choice with the longest waits raised one by one, as far as every class keeps its objective: of this
    /// configuration and the next best ones.
    pub fn raised(&self, choice: GroupChoice) -> GroupChoice {
        let slo = self.slo(&choice.members);
        if slo.iter().all(|slo| slo.percentile >= 1.0) {
            // Longer waits would let a request be over.
            return choice;
        }
        let parts = self.arrivals.of(&choice.members);
        let near = cheapest(self.places(&parts, &slo), &choice.members, RAISED);
        let raised = near.into_iter().filter_map(|choice| {
            let function = self.functions.iter().find(|function| function.size == choice.size)?;
            let place = Place { function, batch: choice.batch, parts: &parts, slo: &slo };
            let waits = place.raised(choice.longest_wait);
            let usd_per_s = place.usd_per_s(&waits);
            Some(place.choice(&choice.members, waits, usd_per_s))
        });
        raised
            .chain([choice])
            .min_by(|a, b| a.usd_per_s.total_cmp(&b.usd_per_s))
            .expect("at least the choice")
    }

    fn slo(&self, members: &[usize]) -> Vec<ClassSlo> {
        members.iter().map(|member| self.slo[*member]).collect()
    }

    /// The configurations that are not hopeless, each with a cost [$/s] that it cannot be below: that of the longest waits
    /// that may do. The least comes first.
    fn places<'b>(&'b self, parts: &'b [MarkedPart], slo: &'b [ClassSlo]) -> Vec<(Place<'b>, f64)> {
        let places = self.functions.iter().flat_map(|function| {
            let batches = self.batches.iter().filter(|batch| **batch as usize <= function.service.len());
            batches.map(move |batch| Place { function, batch: *batch, parts, slo })
        });
        let bounded = places.filter_map(|place| {
            let waits = place.longest()?;
            let bound = place.usd_per_s(&waits);
            Some((place, bound))
        });
        let mut bounded: Vec<_> = bounded.collect();
        let key = |place: &Place<'_>| (place.function.size, place.batch);
        bounded.sort_by(|(a, x), (b, y)| x.total_cmp(y).then_with(|| key(a).cmp(&key(b))));
        bounded
    }
}

/// A memory size of the scenario's platform.
///
/// # Errors
/// The platform does not offer it, or the profile does not cover it.
pub fn platform_function(
    scenario: &Scenario,
    memory: MemoryMb,
    largest: u32,
) -> Result<Function, InputError> {
    let error = |message: String| InputError::new(&scenario.name, message);
    check_memory(memory, &scenario.platform.book).map_err(error)?;
    let times = scenario.profile.at(memory, largest).map_err(|e| error(e.to_string()))?;
    let service: Vec<f64> = times.mean.iter().map(|span| span.as_secs_f64()).collect();
    let price = batch_cost(&scenario.platform.tariff, &times);
    let cost = (1..).zip(&service).map(|(n, mean)| price(n, *mean)).collect();
    Ok(Function { size: Size::Memory(memory), service, variation: variation(&times), cost })
}

/// The cheapest choices, at most so many, the best first.
fn cheapest(places: Vec<(Place<'_>, f64)>, members: &[usize], most: usize) -> Vec<GroupChoice> {
    let mut to_beat = first_to_beat(&places, most);
    let mut found: Vec<GroupChoice> = Vec::new();
    for (place, bound) in places {
        if bound > to_beat {
            break;
        }
        let Some(waits) = place.waits(to_beat) else { continue };
        let usd_per_s = place.usd_per_s(&waits);
        found.push(place.choice(members, waits, usd_per_s));
        found.sort_by(|a, b| a.usd_per_s.total_cmp(&b.usd_per_s));
        found.truncate(most);
        if found.len() == most {
            to_beat = to_beat.min(found[most - 1].usd_per_s);
        }
    }
    found
}

/// A cost [$/s] that so many of the places surely come to or below. Nobody is over where the longest service time is left: that
/// takes no law of waits. Where nobody may be over at all, the bounds are the costs already.
fn first_to_beat(places: &[(Place<'_>, f64)], most: usize) -> f64 {
    let never = places.iter().all(|(place, _)| place.slo.iter().all(|slo| slo.percentile >= 1.0));
    if never || places.iter().any(|(place, _)| place.function.variation.is_random()) {
        return f64::INFINITY;
    }
    let sure = places.iter().filter_map(|(place, _)| Some(place.usd_per_s(&place.leaving(place.latest())?)));
    let mut sure: Vec<f64> = sure.collect();
    sure.sort_unstable_by(f64::total_cmp);
    sure.get(most - 1).copied().unwrap_or(f64::INFINITY)
}

/// Requests a second.
fn rate(parts: &[MarkedPart]) -> f64 {
    let duration: f64 = parts.iter().map(|part| part.duration).sum();
    let requests = |part: &MarkedPart| part.duration * part.process.rates().iter().sum::<f64>();
    parts.iter().map(requests).sum::<f64>() / duration
}

impl Place<'_> {
    fn choice(&self, members: &[usize], longest_wait: Vec<Span>, usd_per_s: f64) -> GroupChoice {
        let (size, batch) = (self.function.size, self.batch);
        // Nobody waits for a batch of one.
        let longest_wait = if batch == 1 { vec![Span::ZERO; members.len()] } else { longest_wait };
        GroupChoice { members: members.to_vec(), size, batch, longest_wait, usd_per_s }
    }

    /// The expected cost of a second [$].
    fn usd_per_s(&self, waits: &[Span]) -> f64 {
        let duration: f64 = self.parts.iter().map(|part| part.duration).sum();
        let part = |part: &MarkedPart| {
            let sizes = SharedSizes::new(&part.process, waits, self.batch);
            let rate: f64 = part.process.rates().iter().sum();
            part.duration / duration * rate * sizes.per_request(|n| self.function.cost[n as usize - 1])
        };
        self.parts.iter().map(part).sum()
    }

    /// The longest service time of a batch that may come.
    fn slowest(&self) -> f64 {
        self.function.service[..self.batch as usize].iter().copied().fold(0.0, f64::max)
    }

    fn quickest(&self) -> f64 {
        self.function.service[..self.batch as usize].iter().copied().fold(f64::INFINITY, f64::min)
    }

    /// The longest waits that leave `service` for a batch: of a class that may have no request over, the longest service
    /// time; `None` where its latency is shorter.
    fn leaving(&self, service: f64) -> Option<Vec<Span>> {
        let wait = |slo: &ClassSlo| {
            let latency = slo.latency.as_secs_f64();
            match slo.percentile >= 1.0 {
                true => Span::from_secs_f64(latency - self.slowest()),
                false => Span::from_secs_f64((latency - service).max(0.0)),
            }
        };
        self.slo.iter().map(wait).collect()
    }

    /// Longer waits than these make every batch late that leaves at one of them.
    fn longest(&self) -> Option<Vec<Span>> {
        self.leaving(self.quickest())
    }

    /// The longest waits, with one time left for the service in all classes, at which each keeps its objective; `None` if
    /// there are none, or if they cost more than `to_beat` [$/s].
    ///
    /// The less time is left, the longer the waits and the lower the cost. So one look at the time that costs just as much
    /// tells whether to look closer.
    fn waits(&self, to_beat: f64) -> Option<Vec<Span>> {
        let (low, mut high) = (self.quickest(), self.latest());
        let longest = self.leaving(low)?;
        if self.slo.iter().all(|slo| slo.percentile >= 1.0) || self.spare(&longest) >= 0.0 {
            return Some(longest);
        }
        let more = |service: f64| {
            self.leaving(service).map_or(f64::INFINITY, |waits| self.usd_per_s(&waits) - to_beat)
        };
        if more(high) > 0.0 {
            high = crossing(more, low, high, TOLERANCE);
        }
        let spare =
            |service: f64| self.leaving(service).map_or(f64::NEG_INFINITY, |waits| self.spare(&waits));
        if spare(high) < 0.0 {
            return None;
        }
        self.leaving(crossing(spare, low, high, TOLERANCE))
    }

    /// The most time that is left for the service; a random service time may be longer than its mean.
    fn latest(&self) -> f64 {
        match self.function.variation.is_random() {
            true => self.slo.iter().map(|slo| slo.latency.as_secs_f64()).fold(self.slowest(), f64::max),
            false => self.slowest(),
        }
    }

    /// The least, over the classes, of the share of its requests that may still be over its latency.
    fn spare(&self, waits: &[Span]) -> f64 {
        let laws = GroupLaws::new(self.parts, waits, self.batch);
        let spare = |(class, slo): (usize, &ClassSlo)| {
            let law = laws.latency(class, &self.function.service, &self.function.variation);
            1.0 - slo.percentile - law.share_over(slo.latency.as_secs_f64()) + ROUNDING
        };
        self.slo.iter().enumerate().map(spare).fold(f64::INFINITY, f64::min)
    }

    /// Each longest wait as long as it may be beside the others, that of the least hurried class first.
    fn raised(&self, mut waits: Vec<Span>) -> Vec<Span> {
        let mut order: Vec<usize> = (0..waits.len()).filter(|at| self.slo[*at].percentile < 1.0).collect();
        order.sort_by_key(|at| std::cmp::Reverse(waits[*at]));
        for at in order {
            let from = waits[at].as_secs_f64();
            let to = from + FARTHEST * self.slo[at].latency.as_secs_f64();
            let with = |wait: f64| {
                let mut changed = waits.clone();
                changed[at] = Span::from_secs_f64(wait).unwrap_or(waits[at]);
                changed
            };
            // The crossing is found from above: towards shorter waits there is more to spare.
            let shorter = crossing(|less| self.spare(&with(to - less)), 0.0, to - from, TOLERANCE);
            let found = with(to - shorter);
            if self.spare(&found) >= 0.0 {
                waits = found;
            }
        }
        waits
    }
}
