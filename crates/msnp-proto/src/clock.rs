//! The wall clock, as the web services write it.

const DAY: u64 = 86_400;

/// Writes seconds since 1970 as `2026-11-24T02:45:35Z`; the years end with 9999.
pub(crate) fn text(seconds: u64) -> String {
    let seconds = seconds.min(253_402_300_799);
    let (mut days, rest) = (seconds / DAY, seconds % DAY);
    let is_leap = |year: u64| {
        year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
    };
    let mut year = 1970;
    loop {
        let length = if is_leap(year) { 366 } else { 365 };
        if days < length {
            break;
        }
        (days, year) = (days - length, year + 1);
    }
    let february = if is_leap(year) { 29 } else { 28 };
    let mut month = 1;
    for length in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] {
        if days < length {
            break;
        }
        (days, month) = (days - length, month + 1);
    }
    let (hour, minute, second) = (rest / 3600, rest / 60 % 60, rest % 60);
    format!("{year:04}-{month:02}-{:02}T{hour:02}:{minute:02}:{second:02}Z", days + 1)
}

/// Reads such a text, with a fraction of a second or without, to seconds since 1970; none when it is no
/// time, or before then.
pub(crate) fn seconds(text: &str) -> Option<u64> {
    let (date, time) = text.trim().split_once('T')?;
    let mut date = date.split('-').map(|part| part.parse::<u64>().ok());
    let (year, month, day) = (date.next()??, date.next()??, date.next()??);
    let time = time.strip_suffix('Z').unwrap_or(time);
    let time = time.split_once('.').map_or(time, |(whole, _)| whole);
    let mut time = time.split(':').map(|part| part.parse::<u64>().ok());
    let (hour, minute, second) = (time.next()??, time.next()??, time.next()??);
    if !(1970..=9999).contains(&year) || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    if hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    // The year begins with March, so that the day that some years have more is its last.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = year * 365 + year / 4 - year / 100 + year / 400 + (month * 153 + 2) / 5 + day - 1;
    let days = days.checked_sub(719_468)?;
    Some(days * DAY + hour * 3600 + minute * 60 + second)
}

#[cfg(test)]
mod tests {
    use super::{seconds, text};

    #[test]
    fn times_read_back() {
        for wanted in [0, 951_782_400, 4_107_542_399, 4_107_542_400, 1_795_401_068] {
            assert_eq!(seconds(&text(wanted)), Some(wanted));
        }
        assert_eq!(seconds("2026-11-23T02:31:08.1234567Z"), Some(1_795_401_068));
        for odd in ["", "now", "2026-11-23", "2026-13-01T00:00:00Z", "1969-12-31T23:59:59Z"] {
            assert_eq!(seconds(odd), None, "{odd}");
        }
        assert_eq!(seconds("99999999999999999999-01-01T00:00:00Z"), None);
    }

    #[test]
    fn days_are_counted_over_leap_years() {
        for (seconds, wanted) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (4_107_542_399, "2100-02-28T23:59:59Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
            (1_795_401_068, "2026-11-23T02:31:08Z"),
            (u64::MAX, "9999-12-31T23:59:59Z"),
        ] {
            assert_eq!(text(seconds), wanted);
        }
    }
}
