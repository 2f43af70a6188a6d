//! The machine's clocks, cores and memory, as the operating system tells them.

use std::time::Instant;

/// A stopwatch for wall time and CPU time.
#[derive(Debug)]
pub struct Stopwatch {
    wall: Instant,
    cpu: f64,
    scope: Scope,
}

/// Whose CPU time is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// This thread's.
    Thread,
    /// All threads' of this process.
    Process,
}

/// A lap's times \[s\].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Lap {
    /// Wall time.
    pub wall_s: f64,
    /// CPU time.
    pub cpu_s: f64,
}

impl Stopwatch {
    /// Starts.
    pub fn start(scope: Scope) -> Stopwatch {
        // The wall clock is the outermost, so that it never runs for less than the CPU clock.
        let wall = Instant::now();
        Stopwatch { wall, cpu: cpu_seconds(scope), scope }
    }

    /// The times since the start.
    pub fn lap(&self) -> Lap {
        let cpu_s = cpu_seconds(self.scope) - self.cpu;
        Lap { wall_s: self.wall.elapsed().as_secs_f64(), cpu_s }
    }
}

/// CPU time used so far \[s\].
#[cfg(unix)]
fn cpu_seconds(scope: Scope) -> f64 {
    let clock = match scope {
        Scope::Thread => libc::CLOCK_THREAD_CPUTIME_ID,
        Scope::Process => libc::CLOCK_PROCESS_CPUTIME_ID,
    };
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` is a valid timespec for the call to fill.
    let failed = unsafe { libc::clock_gettime(clock, &mut time) };
    assert_eq!(failed, 0, "every POSIX system has CPU-time clocks");
    time.tv_sec as f64 + time.tv_nsec as f64 * 1e-9
}

/// Without CPU-time clocks, wall time stands for it: interference then goes unseen.
#[cfg(not(unix))]
fn cpu_seconds(_: Scope) -> f64 {
    static START: std::sync::OnceLock<Instant> = std::sync::OnceLock::new();
    START.get_or_init(Instant::now).elapsed().as_secs_f64()
}

/// Binds this process to the last `threads` of the cores it may use; whether that was possible.
///
/// The last ones, since interrupts and other programs' first threads prefer the first.
#[cfg(target_os = "linux")]
pub fn pin(threads: usize) -> bool {
    // SAFETY: a zeroed cpu_set_t is the empty set, and the calls read or fill `size_of` bytes of it.
    unsafe {
        let mut allowed: libc::cpu_set_t = std::mem::zeroed();
        if libc::sched_getaffinity(0, size_of::<libc::cpu_set_t>(), &mut allowed) != 0 {
            return false;
        }
        let mut chosen: libc::cpu_set_t = std::mem::zeroed();
        let cores = (0..libc::CPU_SETSIZE as usize).rev().filter(|core| libc::CPU_ISSET(*core, &allowed));
        for core in cores.take(threads) {
            libc::CPU_SET(core, &mut chosen);
        }
        libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), &chosen) == 0
    }
}

/// Not possible here.
#[cfg(not(target_os = "linux"))]
pub fn pin(_threads: usize) -> bool {
    false
}

/// The most memory that this process has held \[MB\]; 0 where the system does not tell.
pub fn peak_mb() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kb = line.and_then(|rest| rest.split_whitespace().next()?.parse::<f64>().ok());
    kb.map_or(0.0, |kb| kb / 1024.0)
}

/// "AMD EPYC, 2 cores".
pub fn machine() -> String {
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info.lines().find_map(|line| line.strip_prefix("model name")?.split_once(':'));
    let name = model.map_or(std::env::consts::ARCH, |(_, name)| name.trim());
    format!("{name}, {} cores", cores())
}

/// The cores that this process may use.
pub fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

/// Mean number of runnable tasks over the last minute; `None` where the system does not tell.
pub fn load() -> Option<f64> {
    std::fs::read_to_string("/proc/loadavg").ok()?.split_whitespace().next()?.parse().ok()
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn sleeping_takes_wall_time_only() {
        let watch = Stopwatch::start(Scope::Thread);
        std::thread::sleep(std::time::Duration::from_millis(30));
        let lap = watch.lap();
        assert!(lap.wall_s >= 0.03 && lap.cpu_s < 0.02, "{lap:?}");
    }
}
