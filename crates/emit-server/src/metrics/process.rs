//! What the system knows of this process. Zeros where it does not tell.

use super::names;
use super::text::Text;

/// The kernel counts processor time for user space in hundredths of a second, on every machine.
const TICKS_PER_SECOND: f64 = 100.0;

pub(super) fn show(text: &mut Text) {
    let read = |file: &str| std::fs::read_to_string(file).unwrap_or_default();
    text.single(&names::MEMORY, resident_bytes(&read("/proc/self/status")));
    text.single(&names::CPU, cpu_seconds(&read("/proc/self/stat")));
    text.single(&names::FILES, std::fs::read_dir("/proc/self/fd").map_or(0, Iterator::count));
}

fn resident_bytes(status: &str) -> u64 {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.split_whitespace().next()).and_then(|kib| kib.parse::<u64>().ok());
    kib.unwrap_or_default() * 1_024
}

/// Fields 14 and 15, counted from before the program's name, which may hold anything but the last bracket.
fn cpu_seconds(stat: &str) -> f64 {
    let fields = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let ticks = fields.split_whitespace().skip(11).take(2).filter_map(|field| field.parse::<f64>().ok());
    ticks.sum::<f64>() / TICKS_PER_SECOND
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_files_are_read() {
        assert_eq!(resident_bytes("VmPeak:\t 9 kB\nVmRSS:\t  12 kB\n"), 12 * 1_024);
        assert_eq!(resident_bytes(""), 0);
        assert_eq!(cpu_seconds("1 (a) b) S 1 1 1 0 -1 4 0 0 0 0 150 50 0 0 20"), 2.0);
        assert_eq!(cpu_seconds(""), 0.0);
    }
}
