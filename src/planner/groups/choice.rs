//! The cheapest configuration of one group of classes.

use rayon::prelude::*;

use super::judge::{Judge, Judged};
use crate::analytic::exact::{SharedLimits, SharedSizes, SizedBatches, Variation};
use crate::error::InputError;
use crate::numeric::bracket::{crossing, crossing_between};
use crate::planner::laws::{batch_cost, variation};
use crate::planner::shared::{ClassParts, GroupLaws, MarkedPart};
use crate::profile::Profile;
use crate::profile::device::Size;
use crate::scenario::Scenario;
use crate::scenario::class::{Class, ClassSlo, Classes, Sizes};
use crate::scenario::platform::check_memory;
use crate::units::{MemoryMb, Span};

/// Of so many configurations the longest waits are raised class by class.
const RAISED: usize = 3;
/// Longest waits are found to this [s].
const TOLERANCE: f64 = 1e-5;
/// A longest wait is raised by up to so many times the latency that is asked for.
const FARTHEST: f64 = 2.0;
/// Where requests have sizes, these shares of the longest waits that may do are tried.
const SHORTER: [f64; 8] = [1.0, 0.8, 0.6, 0.45, 0.3, 0.15, 0.05, 0.0];
/// What costs as much as what is to beat is found to one part in so many of the times that may be left.
const COARSE: f64 = 64.0;
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
    sizes: Option<Sizes>,
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
    /// Where requests have sizes: the same by the size of the largest; above stands the largest of all.
    pub by_size: Vec<SizeTimes>,
}

/// What batches take and cost whose largest request is of one size, by batch size less one.
#[derive(Debug, Clone, PartialEq)]
pub struct SizeTimes {
    /// Service times \[s\].
    pub service: Vec<f64>,
    /// How they vary.
    pub variation: Variation,
    /// Prices [$].
    pub cost: Vec<f64>,
}

/// What is asked of a group.
pub(super) struct Asked {
    members: Vec<usize>,
    parts: Vec<MarkedPart>,
    /// Of each part, the requests of each class by second.
    rates: Vec<Vec<f64>>,
    pub slo: Vec<ClassSlo>,
    /// Requests a second.
    rate: f64,
    /// Where requests have sizes.
    sizes: Option<AskedSizes>,
}

/// The sizes of a group's requests.
struct AskedSizes {
    /// By size and member: the share of its requests that are of this or a smaller one.
    up_to: Vec<Vec<f64>>,
    /// By member and size: requests a second.
    rates: Vec<Vec<f64>>,
}

/// A group at one memory size and largest batch.
pub(super) struct Place<'a> {
    function: &'a Function,
    batch: u32,
    pub group: &'a Asked,
    /// A cost [$/s] that it cannot be below: every batch would be of the size that is cheapest by request.
    floor: f64,
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
        Ok(Planner { arrivals, slo, functions, batches, rate, sizes: classes.sizes.clone() })
    }

    /// Requests a second of all classes.
    pub fn rate(&self) -> f64 {
        self.rate
    }

    /// The cheapest configuration of a group in which every class keeps its objective, if there is one. One time is left
    /// for the service of all classes: each may wait as long as its latency leaves beside it.
    pub fn best(&self, members: &[usize]) -> Option<GroupChoice> {
        self.best_within(members, f64::INFINITY)
    }

    /// The same if it costs no more than `most` [$/s]; less is looked at where much is too dear.
    pub fn best_within(&self, members: &[usize], most: f64) -> Option<GroupChoice> {
        let group = self.asked(members);
        cheapest(self.places(&group), 1, most).into_iter().next().filter(|best| best.usd_per_s <= most)
    }

    /// A cost [$/s] that no configuration of a group is below, infinite if there is none; and the number of configurations.
    pub fn bound(&self, members: &[usize]) -> (f64, usize) {
        let group = self.asked(members);
        let places = self.places(&group);
        let mut least = f64::INFINITY;
        for (place, waits) in &places {
            if place.floor > least {
                break;
            }
            least = least.min(if group.sizes.is_some() { place.floor } else { place.usd_per_s(waits) });
        }
        (least, places.len())
    }

    /// The cheapest configurations of a group by the law, at most so many, the best first.
    pub fn near(&self, members: &[usize], most: usize) -> Vec<GroupChoice> {
        let group = self.asked(members);
        cheapest(self.places(&group), most, f64::INFINITY)
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
        let group = self.asked(&choice.members);
        if group.is_sure() || group.sizes.is_some() {
            // Longer waits would let a request be over; where requests have sizes they need not be cheaper.
            return choice;
        }
        let near = cheapest(self.places(&group), RAISED, f64::INFINITY);
        let raised = near.into_par_iter().filter_map(|choice| {
            let function = self.functions.iter().find(|function| function.size == choice.size)?;
            let place = Place::new(function, choice.batch, &group);
            let waits = place.raised(choice.longest_wait);
            let usd_per_s = place.usd_per_s(&waits);
            Some(place.choice(waits, usd_per_s))
        });
        let raised: Vec<GroupChoice> = raised.collect();
        raised
            .into_iter()
            .chain([choice])
            .min_by(|a, b| a.usd_per_s.total_cmp(&b.usd_per_s))
            .expect("at least the choice")
    }

    fn asked(&self, members: &[usize]) -> Asked {
        let parts = self.arrivals.of(members);
        let rates: Vec<Vec<f64>> = parts.iter().map(|part| part.process.rates()).collect();
        let slo = members.iter().map(|member| self.slo[*member]).collect();
        let rate = rate(&parts);
        let sizes = self.sizes.as_ref().map(|sizes| {
            let of = |(at, member): (usize, &usize)| {
                let rate = class_rate(&parts, &rates, at);
                sizes.shares[*member].iter().map(|share| rate * share).collect()
            };
            AskedSizes { up_to: sizes.up_to(members), rates: members.iter().enumerate().map(of).collect() }
        });
        Asked { members: members.to_vec(), parts, rates, slo, rate, sizes }
    }

    /// The configurations that are not hopeless, each with the longest waits that may do. The least floor comes first.
    fn places<'b>(&'b self, group: &'b Asked) -> Vec<(Place<'b>, Vec<Span>)> {
        let places = self.functions.iter().flat_map(|function| {
            let batches = self.batches.iter().filter(|batch| **batch as usize <= function.service.len());
            batches.map(move |batch| Place::new(function, *batch, group))
        });
        let mut places: Vec<_> = places.filter_map(|place| Some((place.longest()?, place))).collect();
        places.sort_by(|(_, a), (_, b)| a.floor.total_cmp(&b.floor).then_with(|| a.key().cmp(&b.key())));
        places.into_iter().map(|(waits, place)| (place, waits)).collect()
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
    let by_size = match scenario.classes.as_ref().and_then(|classes| classes.sizes.as_ref()) {
        None => Vec::new(),
        Some(sizes) => {
            let of = |profile: &Profile| {
                let times = profile.at(memory, largest).map_err(|e| error(e.to_string()))?;
                let service: Vec<f64> = times.mean.iter().map(|span| span.as_secs_f64()).collect();
                let price = batch_cost(&scenario.platform.tariff, &times);
                let cost = (1..).zip(&service).map(|(n, mean)| price(n, *mean)).collect();
                Ok(SizeTimes { service, variation: variation(&times), cost })
            };
            sizes.profiles.iter().map(of).collect::<Result<_, InputError>>()?
        }
    };
    Ok(Function { size: Size::Memory(memory), service, variation: variation(&times), cost, by_size })
}

/// The cheapest choices, at most so many, the best first; those that cost more than `limit` [$/s] may be missing.
///
/// Costs that are surely come to, and floors, leave few places. Of these the bounds are worked out, which are the costs of
/// the longest waits that may do; in their order longest waits are looked for until no bound is low enough.
fn cheapest(places: Vec<(Place<'_>, Vec<Span>)>, most: usize, limit: f64) -> Vec<GroupChoice> {
    if places.iter().any(|(place, _)| place.group.sizes.is_some()) {
        return cheapest_sized(&places, most, limit);
    }
    let mut to_beat = first_to_beat(&places, most).min(limit);
    let possible = places.into_iter().take_while(|(place, _)| place.floor <= to_beat);
    let bounded = possible.map(|(place, waits)| (place.usd_per_s(&waits), place));
    let mut bounded: Vec<(f64, Place<'_>)> = bounded.collect();
    bounded.sort_by(|(x, a), (y, b)| x.total_cmp(y).then_with(|| a.key().cmp(&b.key())));
    let mut found: Vec<GroupChoice> = Vec::new();
    // Two at a time, whatever the number of threads.
    for pair in bounded.chunks(2) {
        let look = |(bound, place): &(f64, Place<'_>)| {
            let waits = if *bound > to_beat { None } else { place.waits(*bound, to_beat) }?;
            let usd_per_s = place.usd_per_s(&waits);
            Some(place.choice(waits, usd_per_s))
        };
        if pair[0].0 > to_beat {
            break;
        }
        let new: Vec<Option<GroupChoice>> = pair.par_iter().map(look).collect();
        found.extend(new.into_iter().flatten());
        found.sort_by(|a, b| a.usd_per_s.total_cmp(&b.usd_per_s));
        found.truncate(most);
        if found.len() == most {
            to_beat = to_beat.min(found[most - 1].usd_per_s);
        }
    }
    found
}

/// The same where requests have sizes: longer waits make larger batches, but these are padded to larger requests, so shorter
/// ones are tried as well.
fn cheapest_sized(places: &[(Place<'_>, Vec<Span>)], most: usize, limit: f64) -> Vec<GroupChoice> {
    let mut to_beat = limit;
    let mut found: Vec<GroupChoice> = Vec::new();
    for (place, waits) in places {
        if place.floor > to_beat {
            break;
        }
        let longest = match place.group.is_sure() {
            true => Some(waits.clone()),
            false => place.least_left(place.quickest(), place.latest()).and_then(|left| place.leaving(left)),
        };
        let Some(longest) = longest else { continue };
        let tried = SHORTER.iter().filter_map(|share| {
            let shorter = |wait: &Span| Span((wait.0 as f64 * share) as u64);
            let waits: Vec<Span> = longest.iter().map(shorter).collect();
            let keeps = *share == 1.0 || place.group.is_sure() || place.spare(&waits) >= 0.0;
            keeps.then(|| (place.usd_per_s(&waits), waits))
        });
        let best = tried.min_by(|(a, _), (b, _)| a.total_cmp(b));
        found.extend(best.map(|(usd_per_s, waits)| place.choice(waits, usd_per_s)));
        found.sort_by(|a, b| a.usd_per_s.total_cmp(&b.usd_per_s));
        found.truncate(most);
        if found.len() == most {
            to_beat = to_beat.min(found[most - 1].usd_per_s);
        }
    }
    found
}

/// A cost [$/s] that so many of the places surely come to or below. Nobody is over where the longest service time is left: that
/// takes no law of waits.
fn first_to_beat(places: &[(Place<'_>, Vec<Span>)], most: usize) -> f64 {
    if places.iter().any(|(place, _)| place.function.variation.is_random()) {
        return f64::INFINITY;
    }
    let mut least: Vec<f64> = Vec::new();
    for (place, _) in places {
        if least.len() == most && place.floor > least[most - 1] {
            break;
        }
        let Some(waits) = place.leaving(place.latest()) else { continue };
        least.push(place.usd_per_s(&waits));
        least.sort_unstable_by(f64::total_cmp);
        least.truncate(most);
    }
    least.get(most - 1).copied().unwrap_or(f64::INFINITY)
}

/// Requests of a class a second.
fn class_rate(parts: &[MarkedPart], rates: &[Vec<f64>], class: usize) -> f64 {
    let duration: f64 = parts.iter().map(|part| part.duration).sum();
    parts.iter().zip(rates).map(|(part, rates)| part.duration / duration * rates[class]).sum()
}

/// A cost [$/s] that no batches of up to `batch` are below: each request is in the cheapest batch that its size may be in.
fn floor_of_sizes(sizes: &AskedSizes, times: &[SizeTimes], batch: u32) -> f64 {
    let cheapest = |times: &SizeTimes| {
        let by_request = times.cost[..batch as usize].iter().zip(1..).map(|(cost, n)| cost / f64::from(n));
        by_request.fold(f64::INFINITY, f64::min)
    };
    let mut least: Vec<f64> = times.iter().map(cheapest).collect();
    // The largest of a batch is of a request's own size or a larger one.
    for at in (0..least.len() - 1).rev() {
        least[at] = least[at].min(least[at + 1]);
    }
    let of = |rates: &Vec<f64>| rates.iter().zip(&least).map(|(rate, cost)| rate * cost).sum::<f64>();
    sizes.rates.iter().map(of).sum()
}

/// Requests a second.
fn rate(parts: &[MarkedPart]) -> f64 {
    let duration: f64 = parts.iter().map(|part| part.duration).sum();
    let requests = |part: &MarkedPart| part.duration * part.process.rates().iter().sum::<f64>();
    parts.iter().map(requests).sum::<f64>() / duration
}

impl Asked {
    /// May no request of any class be over?
    fn is_sure(&self) -> bool {
        self.slo.iter().all(|slo| slo.percentile >= 1.0)
    }

    /// The share of a class's requests that come in a part, of each part.
    pub fn weights(&self, class: usize) -> Vec<f64> {
        let requests = self.parts.iter().zip(&self.rates).map(|(part, rates)| part.duration * rates[class]);
        let requests: Vec<f64> = requests.collect();
        let total: f64 = requests.iter().sum();
        requests.iter().map(|some| some / total).collect()
    }
}

impl<'a> Place<'a> {
    fn new(function: &'a Function, batch: u32, group: &'a Asked) -> Place<'a> {
        let by_request = function.cost[..batch as usize].iter().zip(1..).map(|(cost, n)| cost / f64::from(n));
        let floor = match &group.sizes {
            None => group.rate * by_request.fold(f64::INFINITY, f64::min),
            Some(sizes) => floor_of_sizes(sizes, &function.by_size, batch),
        };
        // Less what a sum may lack for rounding.
        let floor = floor * (1.0 - ROUNDING);
        Place { function, batch, group, floor }
    }

    fn key(&self) -> (Size, u32) {
        (self.function.size, self.batch)
    }

    fn choice(&self, longest_wait: Vec<Span>, usd_per_s: f64) -> GroupChoice {
        let (size, batch) = (self.function.size, self.batch);
        let members = self.group.members.clone();
        // Nobody waits for a batch of one.
        let longest_wait = if batch == 1 { vec![Span::ZERO; members.len()] } else { longest_wait };
        GroupChoice { members, size, batch, longest_wait, usd_per_s }
    }

    /// The expected cost of a second [$].
    fn usd_per_s(&self, waits: &[Span]) -> f64 {
        let Asked { parts, rates, .. } = self.group;
        let duration: f64 = parts.iter().map(|part| part.duration).sum();
        let part = |(part, rates): (&MarkedPart, &Vec<f64>)| {
            let rate: f64 = rates.iter().sum();
            let per_request = match &self.group.sizes {
                None => {
                    let sizes = SharedSizes::new(&part.process, waits, self.batch);
                    sizes.per_request(|n| self.function.cost[n as usize - 1])
                }
                Some(sizes) => {
                    let batches = SizedBatches::new(&part.process, waits, self.batch, &sizes.up_to);
                    batches.per_request(|at, n| self.function.by_size[at].cost[n as usize - 1])
                }
            };
            part.duration / duration * rate * per_request
        };
        parts.iter().zip(rates).map(part).sum()
    }

    /// The longest service time of a batch that may come.
    fn slowest(&self) -> f64 {
        self.times().flatten().copied().fold(0.0, f64::max)
    }

    fn quickest(&self) -> f64 {
        self.times().flatten().copied().fold(f64::INFINITY, f64::min)
    }

    /// The service times of batches that may come, by the size of their largest request.
    fn times(&self) -> impl Iterator<Item = &[f64]> {
        let by_size = self.group.sizes.iter().flat_map(|sizes| {
            let comes = |at: &usize| sizes.rates.iter().any(|rates| rates[*at] > 0.0);
            (0..sizes.up_to.len()).filter(comes).map(|at| &self.function.by_size[at].service)
        });
        let plain = Some(&self.function.service).filter(|_| self.group.sizes.is_none());
        by_size.chain(plain).map(|service| &service[..self.batch as usize])
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
        self.group.slo.iter().map(wait).collect()
    }

    /// Longer waits than these make every batch late that leaves at one of them.
    fn longest(&self) -> Option<Vec<Span>> {
        self.leaving(self.quickest())
    }

    /// The longest waits, with one time left for the service in all classes, at which each keeps its objective; `None` if
    /// there are none, or if they cost more than `to_beat` [$/s]. `bound` is the cost of the longest that may do.
    ///
    /// The less time is left, the longer the waits and the lower the cost. So one look at a time that costs a little more
    /// than what is to beat tells whether to look closer.
    fn waits(&self, bound: f64, to_beat: f64) -> Option<Vec<Span>> {
        let (low, mut high) = (self.quickest(), self.latest());
        if self.group.is_sure() {
            return self.leaving(low);
        }
        let more = |service: f64| {
            self.leaving(service).map_or(f64::INFINITY, |waits| self.usd_per_s(&waits) - to_beat)
        };
        if to_beat.is_finite() {
            let most = more(high);
            if most > 0.0 {
                let ends = [(low, bound - to_beat), (high, most)];
                high = crossing_between(more, ends, (high - low) / COARSE);
            }
        }
        self.leaving(self.least_left(low, high)?)
    }

    /// The least time left for the service at which every class keeps its objective, up to `high`.
    ///
    /// It is the largest of the classes' own; so one class is followed alone, beginning with the most hurried, and the
    /// others are asked where it ends.
    fn least_left(&self, mut low: f64, high: f64) -> Option<f64> {
        let judge = |service: f64| self.leaving(service).map(|waits| self.judge(&waits));
        let last = judge(high)?;
        let hurried = (0..self.group.slo.len()).min_by_key(|class| self.group.slo[*class].latency)?;
        if last.spare(hurried) < 0.0 || last.least().0 < 0.0 {
            return None;
        }
        let mut class = hurried;
        loop {
            let spare = |service: f64| judge(service).map_or(f64::NEG_INFINITY, |judge| judge.spare(class));
            low = crossing_between(spare, [(low, spare(low)), (high, last.spare(class))], TOLERANCE);
            match judge(low)?.least() {
                (spare, _) if spare >= 0.0 => return Some(low),
                (_, other) => class = other,
            }
        }
    }

    /// The most time that is left for the service; a random service time may be longer than its mean.
    fn latest(&self) -> f64 {
        match self.function.variation.is_random() {
            true => self.group.slo.iter().map(|slo| slo.latency.as_secs_f64()).fold(self.slowest(), f64::max),
            false => self.slowest(),
        }
    }

    /// The least, over the classes, of the share of its requests that may still be over its latency.
    fn spare(&self, waits: &[Span]) -> f64 {
        self.judge(waits).least().0
    }

    fn judge(&self, waits: &[Span]) -> Judge<'_> {
        if let Some(sizes) = &self.group.sizes {
            let laws = GroupLaws::sized(&self.group.parts, waits, self.batch, &sizes.up_to);
            let (service, variation) = self
                .function
                .by_size
                .iter()
                .map(|times| (times.service.clone(), times.variation.clone()))
                .unzip();
            return Judge { place: self, laws: Judged::Whole(laws, service, variation) };
        }
        let service = &self.function.service[..self.batch as usize];
        let fixed = service.iter().map(|service| self.function.variation.fixed(*service));
        let laws = match fixed.collect::<Option<Vec<f64>>>() {
            Some(times) => {
                let law = |part: &MarkedPart| SharedLimits::new(&part.process, waits, self.batch);
                Judged::Fixed(self.group.parts.iter().map(law).collect(), times)
            }
            None => {
                let Function { service, variation, .. } = self.function;
                let laws = GroupLaws::new(&self.group.parts, waits, self.batch);
                Judged::Whole(laws, vec![service.clone()], vec![variation.clone()])
            }
        };
        Judge { place: self, laws }
    }

    /// Each longest wait as long as it may be beside the others, that of the least hurried class first.
    fn raised(&self, mut waits: Vec<Span>) -> Vec<Span> {
        let mut order: Vec<usize> =
            (0..waits.len()).filter(|at| self.group.slo[*at].percentile < 1.0).collect();
        order.sort_by_key(|at| std::cmp::Reverse(waits[*at]));
        for at in order {
            let from = waits[at].as_secs_f64();
            let to = from + FARTHEST * self.group.slo[at].latency.as_secs_f64();
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
