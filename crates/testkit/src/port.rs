//! Ports for programs that must be told theirs.

use std::{
    fs::{self, File, TryLockError},
    net::TcpListener,
    ops::RangeInclusive,
    process,
};

/// Ports to choose from where the system does not say which it hands out by itself.
const USUAL: RangeInclusive<u16> = 20_000..=32_000;

/// A port of the loopback that nobody else gets while this lives: other tests find it locked, and
/// the system does not hand it out to connections, as it would one that was merely free a moment
/// ago.
#[derive(Debug)]
pub struct Port {
    number: u16,
    _lock: File,
}

impl Port {
    /// Reserves one.
    ///
    /// # Panics
    /// When none is free.
    pub fn reserve() -> Self {
        let locks = std::env::temp_dir().join("msn-bridge-test-ports");
        fs::create_dir_all(&locks).expect("the directory for temporary files can be written");
        let ports = outside_of_the_systems();
        let many = u32::from(ports.end() - ports.start()) + 1;
        // Processes begin in different places, so that they seldom try the same ones.
        let begin = process::id().wrapping_mul(97) % many;
        let mut candidates = (0..many)
            .map(|step| (begin + step) % many)
            .filter_map(|offset| ports.start().checked_add(u16::try_from(offset).ok()?));
        let reserved = candidates.find_map(|number| {
            let lock = File::create(locks.join(number.to_string())).ok()?;
            match lock.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock | TryLockError::Error(_)) => return None,
            }
            let free = TcpListener::bind(("127.0.0.1", number)).is_ok();
            free.then_some(Self { number, _lock: lock })
        });
        reserved.expect("one of many ports is free")
    }

    /// Gives its number.
    pub fn number(&self) -> u16 {
        self.number
    }
}

/// A range the system does not take the local ends of connections from.
fn outside_of_the_systems() -> RangeInclusive<u16> {
    let range = fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").unwrap_or_default();
    let mut ends = range.split_whitespace().filter_map(|number| number.parse::<u16>().ok());
    match (ends.next(), ends.next()) {
        (Some(first), _) if first > 12_000 => 10_000..=first - 1,
        (_, Some(last)) if last < 63_000 => last + 1..=u16::MAX,
        _ => USUAL,
    }
}
