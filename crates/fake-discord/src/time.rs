//! Moments: in ids, in JSON, in addresses of files.

use std::time::SystemTime;

/// Discord's epoch: ids count milliseconds from here (documentation, snowflakes).
const EPOCH: u64 = 1_420_070_400_000;

/// Milliseconds since 1970.
pub(crate) fn now() -> u64 {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(now.as_millis()).unwrap_or_default()
}

/// The lowest id of a moment.
pub(crate) fn id_at(millis: u64) -> u64 {
    millis.saturating_sub(EPOCH) << 22
}

/// The moment in an id.
pub(crate) fn moment_of(id: u64) -> u64 {
    (id >> 22) + EPOCH
}

/// A moment in Discord's form.
pub(crate) fn timestamp(millis: u64) -> String {
    let (seconds, fraction) = (millis / 1000, millis % 1000);
    let (days, second) = (seconds / 86_400, seconds % 86_400);
    // Days since 1970 to a date, by the civil calendar's 400-year cycle.
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!(
        "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{fraction:03}000+00:00"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_moment_of_an_id_is_read_from_it() {
        // The example of Discord's documentation.
        let moment = timestamp(moment_of(175_928_847_299_117_063));
        assert_eq!(moment, "2016-04-30T11:18:25.796000+00:00");
    }
}
