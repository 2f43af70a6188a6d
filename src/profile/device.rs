//! Functions with processors, or with a share of a GPU: their service times and prices by batch size.
//!
//! The model is that of HarmonyBatch (Chen et al., IWQoS 2024) and of its release. With c vCPU a batch of b takes
//! `alpha_b exp(-c / beta_b) + gamma_b`, one fit for the mean and one for the longest time. Alone on a GPU it takes
//! `L = xi_1 b + xi_2`. With m of its M GB it gets slices of `m tau` in turn with others: `M / m L` in the mean and
//! `ceil(L / (m tau)) (M - m) tau + L` at most, to which a margin is added unless m = M.

use std::fmt;

use crate::units::{MemoryMb, Price, Span};

/// The size of a function.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Size {
    /// Memory, which processors come with.
    Memory(MemoryMb),
    /// Hundredths of a vCPU.
    Processors(u32),
    /// GB of a GPU's memory.
    Gpu(u32),
}

/// A size with what its batches take and cost.
#[derive(Debug, Clone, PartialEq)]
pub struct Offered {
    /// The size.
    pub size: Size,
    /// The longest time of a batch of n, at `n - 1` \[s\].
    pub slowest: Vec<f64>,
    /// The price of a batch of n, at `n - 1` [$].
    pub usd: Vec<f64>,
}

/// What is known of a model on such functions, and their prices.
#[derive(Debug, Clone, PartialEq)]
pub struct Devices {
    /// Functions with processors.
    pub processors: Processors,
    /// Functions with a share of a GPU.
    pub gpu: Gpu,
    /// What they cost.
    pub prices: Prices,
}

/// Functions with processors.
#[derive(Debug, Clone, PartialEq)]
pub struct Processors {
    /// alpha, beta, gamma of the mean time by batch size less one.
    pub mean: Vec<[f64; 3]>,
    /// The same of the longest time.
    pub slowest: Vec<[f64; 3]>,
    /// The least of the sizes on offer, in hundredths of a vCPU.
    pub from: u32,
    /// The largest.
    pub to: u32,
    /// From one to the next.
    pub step: u32,
    /// What the model needs \[MB\], by request of a batch and besides.
    pub memory_mb: [f64; 2],
}

/// Functions with a share of a GPU.
#[derive(Debug, Clone, PartialEq)]
pub struct Gpu {
    /// xi_1, xi_2 \[s\].
    pub time_s: [f64; 2],
    /// Memory of the whole.
    pub memory_gb: u32,
    /// The least share.
    pub least_gb: u32,
    /// tau: what a GB gets of the GPU's time, in turn with others \[s\].
    pub slice: f64,
    /// A factor on the longest time of a share.
    pub margin: f64,
    /// The largest batch.
    pub largest: u32,
    /// vCPU that come with a GB of the GPU.
    pub vcpu_by_gb: f64,
    /// Memory beside the GPU's.
    pub ram_gb: f64,
    /// Time is billed in started units of this.
    pub granule: Span,
}

/// What functions cost, in any currency.
#[derive(Debug, Clone, PartialEq)]
pub struct Prices {
    /// A second of a vCPU.
    pub vcpu_s: Price,
    /// A second of a GB of memory.
    pub gb_s: Price,
    /// A second of a GB of the GPU.
    pub gpu_gb_s: Price,
    /// An invocation.
    pub call: Price,
    /// What one unit of the prices is worth [$].
    pub usd: f64,
}

/// Memory comes in such steps \[MB\], and at least so much with each vCPU.
const MEMORY_STEP_MB: f64 = 64.0;
const MB_A_VCPU: f64 = 1024.0;
impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Size::Memory(memory) => write!(f, "{memory}"),
            Size::Processors(hundredths) => write!(f, "{} vCPU", f64::from(*hundredths) / 100.0),
            Size::Gpu(gb) => write!(f, "{gb} GB of GPU"),
        }
    }
}

impl Devices {
    /// Every size on offer.
    pub fn all(&self) -> Vec<Offered> {
        let Processors { from, to, step, .. } = self.processors;
        let processors = (from..=to).step_by(step as usize).map(Size::Processors);
        processors
            .chain((self.gpu.least_gb..=self.gpu.memory_gb).map(Size::Gpu))
            .filter_map(|size| self.offered(size))
            .collect()
    }

    /// One size; `None` if it is not on offer.
    pub fn offered(&self, size: Size) -> Option<Offered> {
        match size {
            Size::Memory(_) => None,
            Size::Processors(hundredths) => {
                let Processors { from, to, step, .. } = self.processors;
                let on_offer = (from..=to).contains(&hundredths) && (hundredths - from).is_multiple_of(step);
                on_offer.then(|| self.with_processors(size, f64::from(hundredths) / 100.0))
            }
            Size::Gpu(gb) => (self.gpu.least_gb..=self.gpu.memory_gb)
                .contains(&gb)
                .then(|| self.with_gpu(size, f64::from(gb))),
        }
    }

    fn with_processors(&self, size: Size, vcpu: f64) -> Offered {
        let Processors { mean, slowest, memory_mb: [by_request, base], .. } = &self.processors;
        let time = |[alpha, beta, gamma]: &[f64; 3]| alpha * (-vcpu / beta).exp() + gamma;
        let Prices { vcpu_s, gb_s, call, usd, .. } = &self.prices;
        let price = |(n, fit): (usize, &[f64; 3])| {
            let needed = (by_request * (n + 1) as f64 + base).max(MB_A_VCPU * vcpu);
            let gb = (needed / MEMORY_STEP_MB).ceil() * MEMORY_STEP_MB / 1024.0;
            usd * (time(fit) * (vcpu * vcpu_s.as_f64() + gb * gb_s.as_f64()) + call.as_f64())
        };
        let usd = mean.iter().enumerate().map(price).collect();
        Offered { size, slowest: slowest.iter().map(time).collect(), usd }
    }

    fn with_gpu(&self, size: Size, gb: f64) -> Offered {
        let Gpu { time_s: [slope, offset], slice, margin, largest, vcpu_by_gb, ram_gb, granule, .. } =
            self.gpu;
        let whole = f64::from(self.gpu.memory_gb);
        let alone = |n: u32| slope * f64::from(n) + offset;
        let slowest = |n: u32| {
            let waits = (alone(n) / (gb * slice)).ceil() * (whole - gb) * slice;
            if gb == whole { alone(n) } else { margin * (waits + alone(n)) }
        };
        let Prices { vcpu_s, gb_s, gpu_gb_s, call, usd } = &self.prices;
        let second = gb * (gpu_gb_s.as_f64() + vcpu_by_gb * vcpu_s.as_f64()) + ram_gb * gb_s.as_f64();
        let billed = |n: u32| {
            let granule = granule.as_secs_f64();
            (whole / gb * alone(n) / granule).ceil() * granule
        };
        let price = |n| usd * (billed(n) * second + call.as_f64());
        Offered {
            size,
            slowest: (1..=largest).map(slowest).collect(),
            usd: (1..=largest).map(price).collect(),
        }
    }
}
