//! How much memory the process may use: the machine's, or what a container's or a service's control group leaves of it.

use std::path::Path;

/// In bytes; `None` where it is not known.
pub fn limit() -> Option<u64> {
    let read = |path: &Path| std::fs::read_to_string(path).ok();
    let machine = read(Path::new("/proc/meminfo")).and_then(|text| {
        let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
        line.split_whitespace().next()?.parse::<u64>().ok()
    });
    let groups = read(Path::new("/proc/self/cgroup")).and_then(|groups| of_groups(&groups, read));
    machine.map(|kilobytes| kilobytes << 10).into_iter().chain(groups).min()
}

/// The lowest limit of the control groups a process is in, and of those around them. `groups` is what the kernel says of
/// them in `/proc/self/cgroup`.
fn of_groups(groups: &str, read: impl Fn(&Path) -> Option<String>) -> Option<u64> {
    let limits = groups.lines().filter_map(|line| {
        let mut parts = line.splitn(3, ':').skip(1);
        let (controllers, group) = (parts.next()?, parts.next()?);
        let (root, file) = match controllers {
            "" => ("/sys/fs/cgroup", "memory.max"),
            first if first.split(',').any(|name| name == "memory") => {
                ("/sys/fs/cgroup/memory", "memory.limit_in_bytes")
            }
            _ => return None,
        };
        // In a container the path may be the host's, of which only the root is to be seen.
        let around = Path::new(group.trim_start_matches('/')).ancestors();
        around
            .filter_map(|group| read(&Path::new(root).join(group).join(file))?.trim().parse::<u64>().ok())
            .min()
    });
    limits.min()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(groups: &str, files: &[(&str, &str)]) -> Option<u64> {
        of_groups(groups, |path| {
            files.iter().find(|(name, _)| Path::new(name) == path).map(|(_, text)| format!("{text}\n"))
        })
    }

    #[test]
    fn the_lowest_limit_counts() {
        let service = "0::/system.slice/magic.service\n";
        let of = |slice: &'static str, service: &'static str| {
            [
                ("/sys/fs/cgroup/system.slice/memory.max", slice),
                ("/sys/fs/cgroup/system.slice/magic.service/memory.max", service),
            ]
        };
        assert_eq!(found(service, &of("max", "536870912")), Some(536_870_912));
        assert_eq!(found(service, &of("1024", "max")), Some(1024));
        assert_eq!(found(service, &of("max", "max")), None);
        let container = "0::/\n";
        assert_eq!(found(container, &[("/sys/fs/cgroup/memory.max", "7")]), Some(7));
        // The first version of control groups, seen from a container and from the host.
        let old = "9:cpu,cpuacct:/docker/1\n4:memory:/docker/1\n1:name=systemd:/docker/1\n0::/\n";
        assert_eq!(found(old, &[("/sys/fs/cgroup/memory/memory.limit_in_bytes", "9")]), Some(9));
        assert_eq!(found(old, &[("/sys/fs/cgroup/memory/docker/1/memory.limit_in_bytes", "8")]), Some(8));
        for strange in ["", "\n", "0:", "x", "0::", "::/../../etc"] {
            assert_eq!(found(strange, &[]), None, "{strange}");
        }
    }

    #[test]
    fn there_is_a_limit_here() {
        assert!(limit().is_some_and(|bytes| bytes > 64 << 20));
    }
}
