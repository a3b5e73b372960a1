use std::ops::Range;

use crate::error::Error;

/// How a source is cut into parts: all of one size, the last one of the rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Plan {
    size: u64,
    part_size: u64,
}

impl Plan {
    /// Cuts `size` bytes, into parts of `wish` bytes if that makes at most 10,000 of them.
    pub(crate) fn new(size: u64, wish: Option<u64>) -> Result<Self, Error> {
        if let Some(wish) = wish
            && !(MIN_PART..=MAX_PART).contains(&wish)
        {
            let reason =
                format!("is {wish}; OSS takes parts of {MIN_PART} (100 KiB) to {MAX_PART} bytes (5 GiB)");
            return Err(Error::invalid("part_size", reason));
        }
        // Rounded up to whole MiB, so that the same file gives the same parts whatever its last bytes are.
        let least = size.div_ceil(MAX_PARTS).next_multiple_of(MIB);
        if least > MAX_PART {
            let reason = format!("has {size} bytes, more than 10,000 parts of 5 GiB");
            return Err(Error::invalid("content", reason));
        }
        let part_size = match wish {
            Some(wish) if size.div_ceil(wish) <= MAX_PARTS => wish,
            Some(_) => least,
            None => size.div_ceil(AIMED_PARTS).next_multiple_of(MIB).clamp(DEFAULT_PART, MAX_PART).max(least),
        };
        Ok(Self { size, part_size })
    }

    /// The plan of an earlier run, if it still cuts these bytes.
    pub(crate) fn resumed(size: u64, part_size: u64) -> Option<Self> {
        let fits = (MIN_PART..=MAX_PART).contains(&part_size) && size.div_ceil(part_size) <= MAX_PARTS;
        fits.then_some(Self { size, part_size })
    }

    pub(crate) fn part_size(&self) -> u64 {
        self.part_size
    }

    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    /// How many parts there are.
    pub(crate) fn parts(&self) -> u16 {
        // At most 10,000 by construction.
        self.size.div_ceil(self.part_size) as u16
    }

    /// The bytes of the part, counted from 1.
    pub(crate) fn range(&self, number: u16) -> Range<u64> {
        let start = u64::from(number - 1) * self.part_size;
        start..(start + self.part_size).min(self.size)
    }
}

const MIB: u64 = 1024 * 1024;
const MIN_PART: u64 = 100 * 1024;
const MAX_PART: u64 = 5 * 1024 * MIB;
const DEFAULT_PART: u64 = 8 * MIB;
const MAX_PARTS: u64 = 10_000;
/// Complete and ListParts take longer the more parts there are, and a part is what a failure costs.
const AIMED_PARTS: u64 = 1_000;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_parts_cover_the_source_exactly(
            size in 1u64..=MAX_PARTS * MAX_PART,
            wish in proptest::option::of(MIN_PART..=MAX_PART),
        ) {
            let plan = Plan::new(size, wish).unwrap();
            let (parts, mut next) = (plan.parts(), 0);
            prop_assert!((1..=10_000).contains(&parts));
            for number in 1..=parts {
                let range = plan.range(number);
                prop_assert_eq!(range.start, next);
                let len = range.end - range.start;
                prop_assert!(len <= MAX_PART && (number == parts || len >= MIN_PART) && len > 0);
                next = range.end;
            }
            prop_assert_eq!(next, size);
        }
    }

    #[test]
    fn sizes_that_broke_others() {
        assert_eq!(Plan::new(200_000_009_999, Some(20 * 1_000_000)).unwrap().parts(), 9_537);
        assert_eq!(Plan::new(200_000_000_000, Some(20 * 1_000_000)).unwrap().parts(), 10_000);
        assert_eq!(Plan::new(DEFAULT_PART, None).unwrap().parts(), 1);
        assert_eq!(Plan::new(DEFAULT_PART + 1, None).unwrap().parts(), 2);
        assert_eq!(Plan::new(300 * MIB, None).unwrap().parts(), 38);
        assert!(Plan::new(MAX_PARTS * MAX_PART + 1, None).is_err());
        assert!(Plan::new(1, Some(MIN_PART - 1)).is_err());
    }
}
