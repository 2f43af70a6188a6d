//! A real CPU quota for a process, by a control group of Linux, where the machine allows it.

use std::path::{Path, PathBuf};

/// CPU time a group may use is renewed every so long [us]; Linux's default and what Lambda's documentation implies.
const PERIOD_US: u64 = 100_000;

/// A control group with a CPU quota, and beside it one that gets only what nobody else wants.
#[derive(Debug)]
pub struct Quota {
    limited: Group,
    rest: Group,
}

/// A control group. Removed when dropped.
#[derive(Debug)]
struct Group {
    folder: PathBuf,
}

/// The two interfaces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Version {
    One,
    Two,
}

impl Quota {
    /// A new group whose processes get `share` of a core (2.0 for two cores). The reason if that is refused.
    pub fn new(share: f64) -> Result<Quota, String> {
        let mounts = read(Path::new("/proc/self/mountinfo"))?;
        let groups = read(Path::new("/proc/self/cgroup"))?;
        let mut reasons = Vec::new();
        for (version, parent) in parents(&mounts, &groups) {
            match Quota::below(&parent, version, share) {
                Ok(quota) => return Ok(quota),
                Err(reason) => reasons.push(reason),
            }
        }
        match reasons.is_empty() {
            true => Err("no control group with a CPU controller is mounted".into()),
            false => Err(reasons.join("; ")),
        }
    }

    fn below(parent: &Path, version: Version, share: f64) -> Result<Quota, String> {
        let limited = Group::new(parent, "limited")?;
        let rest = Group::new(parent, "rest")?;
        let allowed = (share * PERIOD_US as f64).round() as u64;
        match version {
            Version::One => {
                limited.write("cpu.cfs_period_us", &PERIOD_US.to_string())?;
                limited.write("cpu.cfs_quota_us", &allowed.to_string())?;
                rest.write("cpu.shares", "2")?;
            }
            Version::Two => {
                limited.write("cpu.max", &format!("{allowed} {PERIOD_US}"))?;
                rest.write("cpu.weight", "1")?;
            }
        }
        Ok(Quota { limited, rest })
    }

    /// Puts a process under the quota.
    pub fn admit(&self, process: u32) -> Result<(), String> {
        self.limited.write("cgroup.procs", &process.to_string())
    }

    /// Lets a process have what of the cores the quota leaves.
    pub fn leave_the_rest_to(&self, process: u32) -> Result<(), String> {
        self.rest.write("cgroup.procs", &process.to_string())
    }
}

impl Group {
    fn new(parent: &Path, name: &str) -> Result<Group, String> {
        let folder = parent.join(format!("batchsim-{name}-{}", std::process::id()));
        std::fs::create_dir(&folder).map_err(|e| format!("{}: {e}", folder.display()))?;
        Ok(Group { folder })
    }

    fn write(&self, name: &str, text: &str) -> Result<(), String> {
        let path = self.folder.join(name);
        std::fs::write(&path, text).map_err(|e| format!("{}: {e}", path.display()))
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // Its processes have ended; a group that cannot be removed holds nothing and harms nothing.
        let _ = std::fs::remove_dir(&self.folder);
    }
}

fn read(path: &Path) -> Result<String, String> {
    std::fs::read_to_string(path).map_err(|e| format!("{}: {e}", path.display()))
}

/// The folders of this process's own groups that could have a CPU quota, from /proc/self/mountinfo and cgroup.
fn parents(mounts: &str, groups: &str) -> Vec<(Version, PathBuf)> {
    let mut found = Vec::new();
    for line in mounts.lines() {
        let Some((before, after)) = line.split_once(" - ") else { continue };
        let Some(mount) = before.split_whitespace().nth(4) else { continue };
        let kind = after.split_whitespace().next().unwrap_or("");
        let options = after.rsplit(' ').next().unwrap_or("");
        let version = match kind {
            "cgroup2" => Version::Two,
            "cgroup" if options.split(',').any(|o| o == "cpu") => Version::One,
            _ => continue,
        };
        let own = groups.lines().find_map(|line| {
            let mut parts = line.splitn(3, ':').skip(1);
            let (controllers, path) = (parts.next()?, parts.next()?);
            let mine = match version {
                Version::Two => controllers.is_empty(),
                Version::One => controllers.split(',').any(|c| c == "cpu"),
            };
            mine.then(|| path.trim_start_matches('/'))
        });
        found.push((version, Path::new(mount).join(own.unwrap_or(""))));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_versions_are_found_in_the_tables_of_mounts() {
        let mounts = "31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw\n\
            32 31 0:29 / /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu,cpuacct\n\
            33 31 0:30 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory\n\
            34 31 0:31 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw\n";
        let groups = "4:memory:/m\n2:cpu,cpuacct:/jobs/a\n0::/user.slice\n";
        let wanted = [
            (Version::One, PathBuf::from("/sys/fs/cgroup/cpu/jobs/a")),
            (Version::Two, PathBuf::from("/sys/fs/cgroup/unified/user.slice")),
        ];
        assert_eq!(parents(mounts, groups), wanted);
    }
}
