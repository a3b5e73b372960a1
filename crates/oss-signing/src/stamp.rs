//! One instant in the three notations OSS uses: Unix seconds, RFC 1123 and compact ISO 8601.

use std::time::{Duration, SystemTime};

const DAY: u64 = 86_400;
/// The first second of the year 10000, which no four-digit notation can hold.
const END: u64 = 253_402_300_800;
const WEEKDAYS: [&[u8; 3]; 7] = [b"Thu", b"Fri", b"Sat", b"Sun", b"Mon", b"Tue", b"Wed"];
const MONTHS: [&[u8; 3]; 12] =
    [b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec"];

/// A second between 1970 and 9999, split into its calendar parts once, so that the date of the key, of the scope
/// and of the header can never be of different days.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stamp {
    seconds: u64,
    year: u64,
    month: u64,
    day_of_month: u64,
}

impl Stamp {
    /// `None` before 1970 and from the year 10000 on. Fractions of a second are dropped.
    pub(crate) fn new(time: SystemTime) -> Option<Self> {
        Self::from_unix(time.duration_since(SystemTime::UNIX_EPOCH).ok()?.as_secs())
    }

    pub(crate) fn from_unix(seconds: u64) -> Option<Self> {
        if seconds >= END {
            return None;
        }
        let (year, month, day_of_month) = civil(seconds / DAY);
        Some(Self { seconds, year, month, day_of_month })
    }

    pub(crate) fn time(self) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(self.seconds)
    }

    pub(crate) fn unix(self) -> u64 {
        self.seconds
    }

    /// `20241213T032307Z`
    pub(crate) fn compact(self) -> [u8; 16] {
        let [a, b, c, d, e, f, g, h] = self.day();
        let (hour, minute, second) = self.clock();
        let ([i, j], [k, l], [m, n]) = (two(hour), two(minute), two(second));
        [a, b, c, d, e, f, g, h, b'T', i, j, k, l, m, n, b'Z']
    }

    /// `20241213`
    pub(crate) fn day(self) -> [u8; 8] {
        let ([a, b, c, d], [e, f], [g, h]) = (four(self.year), two(self.month), two(self.day_of_month));
        [a, b, c, d, e, f, g, h]
    }

    /// `Fri, 13 Dec 2024 03:23:07 GMT`, always with two digits for the day.
    pub(crate) fn rfc1123(self) -> [u8; 29] {
        let mut out = *b"Thu, 00 Jan 0000 00:00:00 GMT";
        let (hour, minute, second) = self.clock();
        out[..3].copy_from_slice(WEEKDAYS[(self.seconds / DAY % 7) as usize]);
        out[5..7].copy_from_slice(&two(self.day_of_month));
        out[8..11].copy_from_slice(MONTHS[(self.month - 1) as usize]);
        out[12..16].copy_from_slice(&four(self.year));
        out[17..19].copy_from_slice(&two(hour));
        out[20..22].copy_from_slice(&two(minute));
        out[23..25].copy_from_slice(&two(second));
        out
    }

    /// `2024-12-13T03:23:07.000Z`, the notation of a POST policy and of OSS's error documents.
    pub(crate) fn extended(self) -> String {
        let (hour, minute, second) = self.clock();
        let Self { year, month, day_of_month: day, .. } = self;
        format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.000Z")
    }

    pub(crate) fn parse_compact(text: &[u8]) -> Option<Self> {
        if text.len() != 16 || text[8] != b'T' || text[15] != b'Z' {
            return None;
        }
        let date = (number(&text[..4])?, number(&text[4..6])?, number(&text[6..8])?);
        Self::from_parts(date, (number(&text[9..11])?, number(&text[11..13])?, number(&text[13..15])?))
    }

    pub(crate) fn parse_rfc1123(text: &[u8]) -> Option<Self> {
        if text.len() != 29 {
            return None;
        }
        let month = MONTHS.iter().position(|name| text[8..11] == name[..])? as u64 + 1;
        let date = (number(&text[12..16])?, month, number(&text[5..7])?);
        let stamp =
            Self::from_parts(date, (number(&text[17..19])?, number(&text[20..22])?, number(&text[23..25])?))?;
        // Writing it again also checks the weekday and every separator.
        (stamp.rfc1123() == text).then_some(stamp)
    }

    /// Reads `2024-12-13T03:23:07Z` with or without a fraction of a second, which is dropped.
    pub(crate) fn parse_extended(text: &[u8]) -> Option<Self> {
        let (fixed, tail) = text.split_at_checked(19)?;
        let fraction = tail.strip_suffix(b"Z")?;
        let separators = [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':')];
        if separators.iter().any(|&(at, byte)| fixed[at] != byte) {
            return None;
        }
        if let Some((first, decimals)) = fraction.split_first()
            && (*first != b'.' || decimals.is_empty() || !decimals.iter().all(u8::is_ascii_digit))
        {
            return None;
        }
        let date = (number(&fixed[..4])?, number(&fixed[5..7])?, number(&fixed[8..10])?);
        Self::from_parts(date, (number(&fixed[11..13])?, number(&fixed[14..16])?, number(&fixed[17..19])?))
    }

    fn from_parts(
        (year, month, day): (u64, u64, u64),
        (hour, minute, second): (u64, u64, u64),
    ) -> Option<Self> {
        if hour > 23 || minute > 59 || second > 59 {
            return None;
        }
        let days = days_since_1970(year, month, day)?;
        let stamp = Self::from_unix(days * DAY + hour * 3600 + minute * 60 + second)?;
        // A day such as 31 February comes back as another one.
        (stamp.year == year && stamp.month == month && stamp.day_of_month == day).then_some(stamp)
    }

    fn clock(self) -> (u64, u64, u64) {
        let of_day = self.seconds % DAY;
        (of_day / 3600, of_day / 60 % 60, of_day % 60)
    }
}

/// Days in years that begin on 1 March, so that the leap day is the last of its year: the Gregorian calendar then
/// needs no table. 719,468 is the number of days from 1 March of the year 0 to 1 January 1970.
fn civil(days: u64) -> (u64, u64, u64) {
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    (era * 400 + year_of_era + u64::from(month <= 2), month, day)
}

fn days_since_1970(year: u64, month: u64, day: u64) -> Option<u64> {
    if year < 1970 || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let shifted_year = year - u64::from(month <= 2);
    let (era, year_of_era) = (shifted_year / 400, shifted_year % 400);
    let shifted_month = if month > 2 { month - 3 } else { month + 9 };
    let day_of_year = (153 * shifted_month + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    Some(era * 146_097 + day_of_era - 719_468)
}

fn two(value: u64) -> [u8; 2] {
    [b'0' + (value / 10) as u8, b'0' + (value % 10) as u8]
}

fn four(value: u64) -> [u8; 4] {
    let ([a, b], [c, d]) = (two(value / 100), two(value % 100));
    [a, b, c, d]
}

fn number(text: &[u8]) -> Option<u64> {
    text.iter().try_fold(0, |value, byte| byte.is_ascii_digit().then(|| value * 10 + u64::from(byte - b'0')))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{ProptestConfig, any, proptest};

    use super::*;

    fn oracle(seconds: u64, format: &str) -> String {
        jiff::Timestamp::from_second(seconds as i64).unwrap().strftime(format).to_string()
    }

    #[test]
    fn leap_days_and_century_turns() {
        for (text, valid) in [
            ("20240229T000000Z", true),
            ("20230229T000000Z", false),
            ("21000229T000000Z", false),
            ("20000229T235959Z", true),
            ("99991231T235959Z", true),
            ("20241301T000000Z", false),
            ("20240100T000000Z", false),
            ("19691231T235959Z", false),
            ("20240101T240000Z", false),
            ("20240101T0000 0Z", false),
        ] {
            assert_eq!(Stamp::parse_compact(text.as_bytes()).is_some(), valid, "{text}");
        }
    }

    #[test]
    fn a_wrong_weekday_or_one_digit_day_is_refused() {
        assert!(Stamp::parse_rfc1123(b"Fri, 13 Dec 2024 03:23:07 GMT").is_some());
        assert!(Stamp::parse_rfc1123(b"Mon, 13 Dec 2024 03:23:07 GMT").is_none());
        assert!(Stamp::parse_rfc1123(b"Tue,  3 Dec 2024 03:23:07 GMT").is_none());
        assert!(Stamp::parse_rfc1123(b"Fri, 13 Dec 2024 03:23:07 UTC").is_none());
    }

    #[test]
    fn times_outside_four_digit_years_have_no_stamp() {
        assert!(Stamp::new(SystemTime::UNIX_EPOCH - Duration::from_secs(1)).is_none());
        assert!(Stamp::from_unix(END).is_none());
        assert!(Stamp::from_unix(END - 1).is_some());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(512))]

        #[test]
        fn every_notation_agrees_with_jiff_and_reads_back(seconds in 0..END - 2 * DAY) {
            let stamp = Stamp::from_unix(seconds).unwrap();
            assert_eq!(stamp.compact(), oracle(seconds, "%Y%m%dT%H%M%SZ").as_bytes());
            assert_eq!(stamp.rfc1123(), oracle(seconds, "%a, %d %b %Y %H:%M:%S GMT").as_bytes());
            assert_eq!(stamp.extended(), oracle(seconds, "%Y-%m-%dT%H:%M:%S.000Z"));
            for read in [
                Stamp::parse_compact(&stamp.compact()),
                Stamp::parse_rfc1123(&stamp.rfc1123()),
                Stamp::parse_extended(stamp.extended().as_bytes()),
            ] {
                assert_eq!(read.map(Stamp::unix), Some(seconds));
            }
        }

        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
            let _ = (Stamp::parse_compact(&bytes), Stamp::parse_rfc1123(&bytes), Stamp::parse_extended(&bytes));
        }
    }
}
