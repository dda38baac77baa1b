//! Families of the process: its build, and its resource usage.
//!
//! The `prometheus` crate has the same families. But its library for `/proc` takes longer to compile than most others,
//! and its CPU time has whole seconds only.

use std::fs;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use prometheus::core::{Collector, Desc};
use prometheus::proto::MetricFamily;
use prometheus::{Counter, Gauge, IntGaugeVec, Opts, Registry};
use rustix::param::{clock_ticks_per_second, page_size};
use tokio::time::Instant;

/// The lifetime of the process values, because reading them takes a quarter of the time of a scrape.
const GOOD_FOR: Duration = Duration::from_secs(1);

/// Registers `gcore_exporter_build_info` and the `process_*` families.
///
/// # Errors
/// Fails when the registry already has them.
pub fn register(registry: &Registry) -> prometheus::Result<()> {
    let help = "Version, source revision and compiler of this build, always 1.";
    let build_info = IntGaugeVec::new(Opts::new("gcore_exporter_build_info", help), &["version", "revision", "rustc"])?;
    build_info
        .with_label_values(&[env!("CARGO_PKG_VERSION"), env!("EXPORTER_REVISION"), env!("EXPORTER_RUSTC")])
        .set(1);
    registry.register(Box::new(build_info))?;
    registry.register(Box::new(Process::new()?))
}

/// The `process_*` families, read at most once a second. A value that cannot be read has no series.
struct Process {
    cpu: Counter,
    gauges: [Gauge; 6],
    last: Mutex<Option<(Instant, Vec<MetricFamily>)>>,
}

impl Process {
    fn new() -> prometheus::Result<Self> {
        let cpu = Counter::new("process_cpu_seconds_total", "Total user and system CPU time spent in seconds.")?;
        let gauges = [
            Gauge::new("process_open_fds", "Number of open file descriptors.")?,
            Gauge::new("process_max_fds", "Maximum number of open file descriptors.")?,
            Gauge::new("process_virtual_memory_bytes", "Virtual memory size in bytes.")?,
            Gauge::new("process_resident_memory_bytes", "Resident memory size in bytes.")?,
            Gauge::new("process_start_time_seconds", "Start time of the process since unix epoch in seconds.")?,
            Gauge::new("process_threads", "Number of OS threads in the process.")?,
        ];
        Ok(Self { cpu, gauges, last: Mutex::default() })
    }

    fn read(&self) -> Vec<MetricFamily> {
        let stat = read("/proc/self/stat").and_then(|text| Stat::parse(&text));
        let boot = read("/proc/stat").and_then(|text| field(&text, "btime", 1));
        let mut families = Vec::new();
        if let Some(stat) = &stat {
            self.cpu.inc_by((stat.cpu_seconds - self.cpu.get()).max(0.0));
            families.extend(self.cpu.collect());
        }
        let of_stat = |value: fn(&Stat) -> f64| stat.as_ref().map(value);
        let values = [
            open_fds(),
            read("/proc/self/limits").and_then(|text| field(&text, "Max open files", 1)),
            of_stat(|stat| stat.virtual_bytes),
            of_stat(|stat| stat.resident_bytes),
            boot.zip(of_stat(|stat| stat.started_after_boot)).map(|(boot, after)| (boot + after).floor()),
            of_stat(|stat| stat.threads),
        ];
        for (gauge, value) in self.gauges.iter().zip(values) {
            if let Some(value) = value {
                gauge.set(value);
                families.extend(gauge.collect());
            }
        }
        families
    }
}

impl Collector for Process {
    fn desc(&self) -> Vec<&Desc> {
        self.cpu.desc().into_iter().chain(self.gauges.iter().flat_map(Collector::desc)).collect()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        match &*last {
            Some((at, families)) if at.elapsed() < GOOD_FOR => families.clone(),
            _ => last.insert((Instant::now(), self.read())).1.clone(),
        }
    }
}

/// Fields of `/proc/PID/stat`.
#[derive(Debug, PartialEq)]
struct Stat {
    cpu_seconds: f64,
    threads: f64,
    /// In seconds.
    started_after_boot: f64,
    virtual_bytes: f64,
    resident_bytes: f64,
}

impl Stat {
    fn parse(text: &str) -> Option<Self> {
        // The second field, the program's name in parentheses, may contain any character.
        let (_, rest) = text.rsplit_once(") ")?;
        let fields: Vec<&str> = rest.split_whitespace().collect();
        // Field numbers of the manual page proc_pid_stat(5).
        let number = |field: usize| fields.get(field - 3)?.parse::<f64>().ok();
        #[expect(clippy::cast_precision_loss, reason = "small numbers")]
        let (ticks, page) = (clock_ticks_per_second() as f64, page_size() as f64);
        Some(Self {
            cpu_seconds: (number(14)? + number(15)?) / ticks,
            threads: number(20)?,
            started_after_boot: number(22)? / ticks,
            virtual_bytes: number(23)?,
            resident_bytes: number(24)? * page,
        })
    }
}

/// A word of the line with the prefix `line`. The first word after the prefix is 1.
fn field(text: &str, line: &str, word: usize) -> Option<f64> {
    let words = line.split_whitespace().count();
    let line = text.lines().find(|candidate| candidate.starts_with(line))?;
    line.split_whitespace().nth(words + word - 1)?.parse().ok()
}

/// The number of open files, without the directory that is read to count them.
fn open_fds() -> Option<f64> {
    let files = fs::read_dir("/proc/self/fd").ok()?.count();
    u32::try_from(files).ok().map(|files| f64::from(files.saturating_sub(1)))
}

fn read(path: &str) -> Option<String> {
    fs::read_to_string(path).ok()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use prometheus::TextEncoder;

    use common::clock::Clock;

    use super::*;

    #[test]
    fn the_fields_of_stat_are_found_whatever_the_program_is_called() {
        let stat = "12 (a) b (c)) S 1 12 12 0 -1 4194304 2110 0 3 0 1234 66 0 0 20 0 9 0 8700 225280000 1931 1 2 3";
        #[expect(clippy::cast_precision_loss, reason = "small numbers")]
        let page = page_size() as f64;
        let want = Stat {
            cpu_seconds: 13.0,
            threads: 9.0,
            started_after_boot: 87.0,
            virtual_bytes: 225_280_000.0,
            resident_bytes: 1931.0 * page,
        };
        assert_eq!(Stat::parse(stat), Some(want));
        assert_eq!(Stat::parse("12 (cut) S 1 12"), None);
    }

    #[test]
    fn a_word_is_found_by_its_line() {
        let limits = "Limit   Soft Limit  Hard Limit  Units\nMax open files   1024   4096   files\nMax x  unlimited  2";
        assert_eq!(field(limits, "Max open files", 1), Some(1024.0));
        assert_eq!(field(limits, "Max x", 1), None, "unlimited");
        assert_eq!(field(limits, "btime", 1), None);
    }

    #[test]
    fn the_values_are_those_of_this_process() {
        let told = || -> BTreeMap<String, f64> {
            let text = TextEncoder::new().encode_to_string(&Process::new().unwrap().collect()).unwrap();
            let series = text.lines().filter(|line| !line.starts_with('#')).map(|line| line.split_once(' ').unwrap());
            series.map(|(name, value)| (name.to_owned(), value.parse().unwrap())).collect()
        };
        let seen = told();
        assert_eq!(seen.len(), 7, "{seen:?}");
        let resident = seen["process_resident_memory_bytes"];
        assert!(resident > 1e6 && resident < seen["process_virtual_memory_bytes"], "{seen:?}");
        assert!(seen["process_threads"] >= 1.0 && seen["process_open_fds"] >= 3.0, "{seen:?}");
        assert!(seen["process_max_fds"] >= seen["process_open_fds"], "{seen:?}");
        #[expect(clippy::cast_precision_loss, reason = "seconds since 1970 fit a float")]
        let now = Clock::system().now().as_second() as f64;
        assert!((now - 86_400.0..=now).contains(&seen["process_start_time_seconds"]), "{seen:?}, now {now}");
        assert!(told()["process_cpu_seconds_total"] >= seen["process_cpu_seconds_total"]);
    }
}
