//! Adapter: what the machine says of itself. Linux; elsewhere nothing is said.

use std::fs;

/// The load average over one minute.
pub fn load() -> Option<f32> {
    fs::read_to_string("/proc/loadavg").ok()?.split_whitespace().next()?.parse().ok()
}

/// The hottest sensor, degrees Celsius.
pub fn temperature_c() -> Option<f32> {
    let zones = fs::read_dir("/sys/class/thermal").ok()?;
    let milli = zones.filter_map(|zone| fs::read_to_string(zone.ok()?.path().join("temp")).ok());
    milli.filter_map(|text| text.trim().parse::<f32>().ok()).map(|m| m / 1000.0).reduce(f32::max)
}
