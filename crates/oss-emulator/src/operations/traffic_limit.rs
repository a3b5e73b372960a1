//! The speed that a client asks to be held to (OSS page "Single-connection bandwidth throttling").

use crate::core::Exchange;
use crate::error::OssError;

/// The header, the query parameter and the form field.
pub(crate) const TRAFFIC_LIMIT: &str = "x-oss-traffic-limit";

/// What OSS takes, in bits per second: 100 KB/s to 100 MB/s.
const SPEEDS: std::ops::RangeInclusive<u64> = 819_200..=838_860_800;

/// Holds the reading of the body to the limit of the request, if it has one.
pub(crate) fn apply(exchange: &mut Exchange<'_>) -> Result<(), OssError> {
    let text = match exchange.header(TRAFFIC_LIMIT)? {
        Some(text) => Some(text),
        None => exchange.query.value(TRAFFIC_LIMIT),
    };
    if let Some(text) = text {
        let bits_per_second = parse(text)?;
        exchange.body.set_pace(bits_per_second);
    }
    Ok(())
}

/// Bits per second.
pub(crate) fn parse(text: &str) -> Result<u64, OssError> {
    match text.trim().parse() {
        Ok(speed) if SPEEDS.contains(&speed) => Ok(speed),
        _ => Err(OssError::invalid_argument(
            TRAFFIC_LIMIT,
            text,
            format!("{TRAFFIC_LIMIT} must be an integer between {} and {}.", SPEEDS.start(), SPEEDS.end()),
        )),
    }
}
