//! The cheapest configuration of one group of classes.

use rayon::prelude::*;

use super::place::{Asked, AskedSizes, Place};
use crate::analytic::exact::Variation;
use crate::error::InputError;
use crate::planner::laws::{batch_cost, variation};
use crate::planner::shared::{ClassParts, MarkedPart};
use crate::profile::Profile;
use crate::profile::device::Size;
use crate::scenario::Scenario;
use crate::scenario::class::{Class, ClassSlo, Classes, Sizes};
use crate::scenario::platform::check_memory;
use crate::units::{MemoryMb, Span};

/// Of so many configurations the longest waits are raised class by class.
const RAISED: usize = 3;
/// Where requests have sizes, these shares of the longest waits that may do are tried.
const SHORTER: [f64; 8] = [1.0, 0.8, 0.6, 0.45, 0.3, 0.15, 0.05, 0.0];

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
        Ok(Planner {
            arrivals,
            slo,
            functions,
            batches,
            rate,
            sizes: classes.sizes.as_ref().map(|sizes| sizes.of_law().clone()),
        })
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
    let of = |profile: &Profile| -> Result<SizeTimes, InputError> {
        let times = profile.at(memory, largest).map_err(|e| error(e.to_string()))?;
        let service: Vec<f64> = times.mean.iter().map(|span| span.as_secs_f64()).collect();
        let price = batch_cost(&scenario.platform.tariff, &times);
        let cost = (1..).zip(&service).map(|(n, mean)| price(n, *mean)).collect();
        Ok(SizeTimes { service, variation: variation(&times), cost })
    };
    let SizeTimes { service, variation, cost } = of(&scenario.profile)?;
    let sizes = scenario.classes.as_ref().and_then(|classes| classes.sizes.as_ref());
    let values = sizes.map_or(&[][..], |sizes| &sizes.of_law().values);
    let by_size = scenario.profile.of_sizes(values).map(|profile| of(&profile)).collect::<Result<_, _>>()?;
    Ok(Function { size: Size::Memory(memory), service, variation, cost, by_size })
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

/// Requests a second.
fn rate(parts: &[MarkedPart]) -> f64 {
    let duration: f64 = parts.iter().map(|part| part.duration).sum();
    let requests = |part: &MarkedPart| part.duration * part.process.rates().iter().sum::<f64>();
    parts.iter().map(requests).sum::<f64>() / duration
}
