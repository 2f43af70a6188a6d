//! Service times of a model by memory size and batch size: the table, its interpolation and its file.

pub mod beside;
pub mod device;
pub mod file;
pub mod import;
pub mod instance;
pub mod quantiles;
pub mod sizes;
pub mod surface;

use self::beside::{Beside, InitIn};
use self::quantiles::{Quantiles, Shape};
use self::sizes::BySize;
use crate::units::{MemoryMb, Span};

/// What is known of a model on a platform's functions.
///
/// `service_s[row][column]` is the mean time to serve a batch of `batch[column]` requests at
/// `memory_mb[row]`, in seconds.
#[derive(Debug, Clone, PartialEq)]
pub struct Profile {
    /// The model's name.
    pub model: String,
    /// Where the figures come from, and when.
    pub source: String,
    /// Memory sizes \[MB\], strictly ascending.
    pub memory_mb: Vec<u32>,
    /// Batch sizes, strictly ascending.
    pub batch: Vec<u32>,
    /// Mean service times \[s\], one row a memory size, one column a batch size.
    pub service_s: Vec<Vec<f64>>,
    /// Where times depend on the size of a batch's largest request; `service_s` is then that of the largest size.
    pub by_size: Option<BySize>,
    /// Coefficient of variation of a batch's service time (lognormal); 0 for a fixed time. With quantiles, theirs.
    pub service_cv: f64,
    /// Quantiles of the service times, in place of a lognormal law of `service_cv`.
    pub service_quantiles: Option<Quantiles>,
    /// Time to load the model \[s\], one a memory size.
    pub init_s: Vec<f64>,
    /// What calls take beside.
    pub beside: Beside,
    /// Memory that buys the platform's functions a whole processor \[MB\], where its book says so: up to there a
    /// program with one thread is faster with more memory.
    pub mb_per_vcpu: Option<u32>,
    /// Size of the deployed image \[MB\].
    pub image_mb: Option<f64>,
}

/// The largest batch that a profile may cover: tables by batch size are kept whole in memory.
pub const LARGEST_BATCH: u32 = 1024;

/// The largest coefficient of variation: beyond it, a mean of service times says nothing.
pub const LARGEST_CV: f64 = 100.0;

/// The service times at one memory size.
#[derive(Debug, Clone, PartialEq)]
pub struct ServiceTimes {
    /// The memory size.
    pub memory: MemoryMb,
    /// Mean service time of a batch of `n` at `mean[n - 1]`.
    pub mean: Vec<Span>,
    /// Coefficient of variation.
    pub cv: f64,
    /// How they vary where quantiles are known; else they are lognormal.
    pub shape: Option<Shape>,
    /// Mean time to load the model in a new environment.
    pub init: Span,
    /// What calls take beside.
    pub beside: Beside,
}

/// A memory or batch size outside the table.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{what} {asked} is outside the profile of {model}, which covers {least} to {most}")]
pub struct OutOfRange {
    what: &'static str,
    asked: u32,
    model: String,
    least: u32,
    most: u32,
}

impl OutOfRange {
    /// How to mend it.
    pub fn mend(&self) -> String {
        let Self { what, least, most, .. } = self;
        match least == most {
            true => format!("take {what} {least}, or measure {} too", self.asked),
            false => format!("take a {what} from {least} to {most}, or measure {} too", self.asked),
        }
    }
}

impl Profile {
    /// Does a batch take longer at one time than at another, or its answer longer than it is served?
    pub fn is_random(&self) -> bool {
        self.service_cv > 0.0 || self.service_quantiles.is_some() || self.beside.has_overhead()
    }

    /// Mean service time \[s\] of a batch of `n` at `memory`: straight between batch sizes, and by the share of the
    /// processor between memory sizes; so it is monotone wherever the table is and never leaves its range.
    pub fn service_s(&self, memory: MemoryMb, n: u32) -> Result<f64, OutOfRange> {
        let (row, _) = self.place("memory", &self.memory_mb, memory.0)?;
        let (column, right) = self.place("batch size", &self.batch, n)?;
        let ends = self.ends(row, column, right);
        Ok(blend(ends.0, ends.1, self.down(row, memory, ends)))
    }

    /// The times at a row of the table and at the next.
    fn ends(&self, row: usize, column: usize, right: f64) -> (f64, f64) {
        let along = |row: usize| {
            let cells = &self.service_s[row];
            blend(cells[column], cells[(column + 1).min(cells.len() - 1)], right)
        };
        (along(row), along((row + 1).min(self.service_s.len() - 1)))
    }

    /// How far `memory` is from a row to the next, in what a time does between them, from `ends.0` to `ends.1`.
    ///
    /// A time is taken as a + b / share, with the share of the processors that the model can use: in proportion to the
    /// memory, up to as many threads as it has. One thread is enough where the times fall by no more than its share
    /// grows; where they fall by more, more threads were at work, and the shares that explain it are taken. Without a
    /// book, the share has no bound.
    ///
    /// Source: CPU share = MB / 1769 on Lambda (provider's documentation); 46 memory sizes of six functions, measured
    /// (docs/validation.md).
    fn down(&self, row: usize, memory: MemoryMb, ends: (f64, f64)) -> f64 {
        let Some(next) = self.memory_mb.get(row + 1).filter(|_| memory.0 > self.memory_mb[row]) else {
            return 0.0;
        };
        let (from, to) = (f64::from(self.memory_mb[row]), f64::from(*next));
        let most = match self.mb_per_vcpu.map(f64::from) {
            Some(knee) if knee > from => (ends.0 / ends.1 * from).max(knee).min(to),
            // Beyond one processor, whatever falls is due to more threads.
            Some(_) | None => to,
        };
        let inverse = |memory: f64| 1.0 / memory.min(most);
        (inverse(from) - inverse(f64::from(memory.0))) / (inverse(from) - inverse(to))
    }

    /// The service times of batches of 1 to `largest` at `memory`.
    pub fn at(&self, memory: MemoryMb, largest: u32) -> Result<ServiceTimes, OutOfRange> {
        let (row, linear) = self.place("memory", &self.memory_mb, memory.0)?;
        let ends = (self.init_s[row], self.init_s[(row + 1).min(self.init_s.len() - 1)]);
        let down = match self.beside.init_in {
            InitIn::Handler if ends.0 > 0.0 && ends.1 > 0.0 => self.down(row, memory, ends),
            InitIn::Init | InitIn::Handler => linear,
        };
        let knee = f64::from(self.mb_per_vcpu.filter(|_| self.beside.init_at_one_vcpu).unwrap_or(memory.0));
        let init = blend(ends.0, ends.1, down) * (knee / f64::from(memory.0)).max(1.0);
        let span = |seconds| Span::from_secs_f64(seconds).unwrap_or(Span::MAX);
        // The size that was asked for is named, not the first that is missing.
        self.place("batch size", &self.batch, largest)?;
        let mean = (1..=largest).map(|n| self.service_s(memory, n).map(span)).collect::<Result<_, _>>()?;
        let shape = self.shape(row, memory, largest);
        let beside = self.beside.clone();
        Ok(ServiceTimes { memory, mean, cv: self.service_cv, shape, init: span(init), beside })
    }

    /// The quantiles over the mean for batches of 1 to `largest` at a memory size between a row and the next.
    fn shape(&self, row: usize, memory: MemoryMb, largest: u32) -> Option<Shape> {
        let quantiles = self.service_quantiles.as_ref()?;
        let columns = self.batch.len();
        let next = (row + 1).min(self.memory_mb.len() - 1);
        let cell = |row: usize, column: usize| quantiles.relative(row * columns + column);
        let between = |from: Vec<f64>, to: Vec<f64>, share: f64| -> Vec<f64> {
            from.iter().zip(&to).map(|(from, to)| blend(*from, *to, share)).collect()
        };
        let factors = (1..=largest).map(|n| {
            let (column, right) = self.place("batch size", &self.batch, n).ok()?;
            let beyond = (column + 1).min(columns - 1);
            let along = |row: usize| between(cell(row, column), cell(row, beyond), right);
            let down = self.down(row, memory, self.ends(row, column, right));
            Some(between(along(row), along(next), down))
        });
        Some(Shape { shares: quantiles.shares.clone(), factors: factors.collect::<Option<_>>()? })
    }

    /// The point at or below `asked`, and how far it is to the next, in [0, 1).
    fn place(&self, what: &'static str, points: &[u32], asked: u32) -> Result<(usize, f64), OutOfRange> {
        let (least, most) = (points[0], points[points.len() - 1]);
        if asked < least || asked > most {
            return Err(OutOfRange { what, asked, model: self.model.clone(), least, most });
        }
        let at = points.partition_point(|p| *p <= asked) - 1;
        match points.get(at + 1) {
            Some(next) => Ok((at, f64::from(asked - points[at]) / f64::from(next - points[at]))),
            None => Ok((at, 0.0)),
        }
    }
}

impl ServiceTimes {
    /// Does a batch take longer at one time than at another, or its answer longer than it is served? Then each batch
    /// is looked at by itself.
    pub fn is_random(&self) -> bool {
        self.varies() || self.beside.has_overhead()
    }

    /// Does a batch take longer at one time than at another?
    pub fn varies(&self) -> bool {
        self.cv > 0.0 || self.shape.is_some()
    }

    /// Times that do not vary, with nothing beside them.
    pub fn fixed(memory: MemoryMb, mean: Vec<Span>) -> ServiceTimes {
        let (init, beside) = (Span::ZERO, Beside::default());
        ServiceTimes { memory, mean, cv: 0.0, shape: None, init, beside }
    }

    /// The mean service time of a batch of `n`. Panics if the table was cut below `n`.
    #[inline]
    pub fn of(&self, n: u32) -> Span {
        self.mean[n as usize - 1]
    }
}

fn blend(from: f64, to: f64, share: f64) -> f64 {
    if share == 0.0 { from } else { from + (to - from) * share }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::Document;
    use crate::error::InputError;

    const TEXT: &str = "model = \"m\"\nmemory_mb = [1000, 3000]\nbatch = [1, 2, 5]\n\
        service_s = [[2.0, 3.0, 6.0], [1.0, 2.0, 4.0]]\ninit_s = [4.0, 2.0]\n";

    fn read(text: &str) -> Result<Profile, InputError> {
        Profile::from_section(&Document::parse("p.toml", text).unwrap().root())
    }

    #[test]
    fn interpolates_between_points_and_never_beyond() {
        let profile = read(TEXT).unwrap();
        let at = |memory, n| profile.service_s(MemoryMb(memory), n);
        assert_eq!(at(1000, 2), Ok(3.0));
        assert_eq!(at(3000, 5), Ok(4.0));
        // 1 / 2000 is three quarters of the way from 1 / 1000 to 1 / 3000; a batch of 3 takes 4 and 8/3 s there.
        assert!((at(2000, 3).unwrap() - (4.0 - 0.75 * 4.0 / 3.0)).abs() < 1e-12);
        assert_eq!(
            at(3001, 1).unwrap_err().to_string(),
            "memory 3001 is outside the profile of m, which covers 1000 to 3000"
        );
        let mend = at(1000, 6).unwrap_err().mend();
        assert_eq!(mend, "take a batch size from 1 to 5, or measure 6 too");
        let service = profile.at(MemoryMb(2000), 5).unwrap();
        assert_eq!((service.init, service.of(1)), (Span::from_secs(3), Span::from_millis(1250)));
    }

    #[test]
    fn between_memory_sizes_a_time_goes_with_the_processor_s_share() {
        // Overhead and work of one thread, and of two: the truth at every size from the two ends of the table.
        let knee = 1769.0;
        let truth = |memory: f64, threads: f64| 0.5 + 2.0 / (memory / knee).min(threads);
        let profile = |(from, to): (u32, u32), threads: f64| {
            let times = [from, to].map(|memory| truth(f64::from(memory), threads));
            let text = format!(
                "memory_mb = [{from}, {to}]\nbatch = [1]\nservice_s = [[{}], [{}]]\n",
                times[0], times[1]
            );
            Profile { mb_per_vcpu: Some(1769), ..read(&text).unwrap() }
        };
        for (ends, threads) in
            [((128, 1769), 1.0), ((512, 10240), 1.0), ((1769, 3538), 2.0), ((2000, 3000), 2.0)]
        {
            let profile = profile(ends, threads);
            for memory in (ends.0..=ends.1).step_by(97) {
                let found = profile.service_s(MemoryMb(memory), 1).unwrap();
                let wanted = truth(f64::from(memory), threads);
                assert!((found / wanted - 1.0).abs() < 1e-9, "{memory} of {ends:?}: {found}, {wanted}");
            }
        }
        // All work, two threads: the fall of 5.875 from 512 to 3008 MB is more than one thread explains.
        let text = "memory_mb = [512, 3008]\nbatch = [1]\nservice_s = [[5.875], [1.0]]\n";
        let profile = Profile { mb_per_vcpu: Some(1769), ..read(text).unwrap() };
        assert!((profile.service_s(MemoryMb(1504), 1).unwrap() - 2.0).abs() < 1e-9);
    }

    #[test]
    fn what_cannot_act_beside_the_service_is_refused() {
        let with = |line: &str| read(&format!("{}{line}\n", TEXT.replace("init_s = [4.0, 2.0]\n", "")));
        for line in [
            "overhead_cv = 0.1",
            "init_in = \"handler\"",
            "init_quantiles = { shares = [0, 1], factor = [1, 1] }",
        ] {
            assert!(with(line).unwrap_err().to_string().contains("cannot act"), "{line}");
        }
        let both = "init_s = 1\ninit_cv = 0.5\ninit_quantiles = { shares = [0, 1], factor = [0, 1] }";
        assert!(with(both).is_err() && with("overhead_s = -1").is_err());
        let spread =
            with("init_s = 1\ninit_quantiles = { shares = [0, 0.5, 1], factor = [0, 0, 8] }").unwrap();
        let beside::InitSpread::Quantiles(shape) = spread.beside.init else { panic!() };
        // The mean of the row is 2.
        assert_eq!((shape.factor(1, 0.25), shape.factor(1, 1.0)), (0.0, 4.0));
    }

    #[test]
    fn loading_in_the_handler_goes_with_the_share_and_before_it_does_not() {
        let at = |place: &str, init: &str| {
            let text =
                TEXT.replace("init_s = [4.0, 2.0]", &format!("init_s = {init}\ninit_in = \"{place}\""));
            let profile = Profile { mb_per_vcpu: Some(1769), ..read(&text).unwrap() };
            profile.at(MemoryMb(1500), 1).unwrap().init.as_secs_f64()
        };
        assert_eq!((at("init", "[4.0, 2.0]"), at("init", "3.0")), (3.5, 3.0));
        // One time is that with a whole processor.
        assert!((at("handler", "3.0") - 3.0 * 1769.0 / 1500.0).abs() < 1e-6);
        // From 4 to 2 s is what the share of 2,000 MB explains: 4000 s / MB.
        assert!((at("handler", "[4.0, 2.0]") - 4000.0 / 1500.0).abs() < 1e-6);
    }

    #[test]
    fn a_table_of_the_wrong_shape_is_refused_with_the_right_one() {
        let error = read(&TEXT.replace("[1.0, 2.0, 4.0]", "[1.0, 2.0, 4.0], [1.0, 1.0, 1.0]")).unwrap_err();
        assert!(error.to_string().contains("expected 2 rows (memory_mb) of 3 columns (batch)"), "{error}");
        assert!(read(&TEXT.replace("[1, 2, 5]", "[1, 5, 2]")).is_err());
        assert!(read(&TEXT.replace("6.0", "-6.0")).is_err());
        let error = read(&TEXT.replace("[1, 2, 5]", "[1, 2, 4000000000]")).unwrap_err().to_string();
        assert!(error.contains("at most 1024 requests, one is 4000000000"), "{error}");
    }
}
