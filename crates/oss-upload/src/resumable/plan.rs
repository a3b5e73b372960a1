use std::ops::Range;

use crate::error::Error;
use crate::multipart;

/// How a source is cut into parts: all of one size, the last one of the rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Plan {
    size: u64,
    part_size: u64,
}

impl Plan {
    /// Cuts `size` bytes, into parts of `wish` bytes if that makes at most 10,000 of them.
    pub(crate) fn new(size: u64, wish: Option<u64>) -> Result<Self, Error> {
        check_wish(wish)?;
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

    /// Whether a part of this number has so many bytes.
    pub(crate) fn fits(&self, number: u16, size: u64) -> bool {
        (1..=self.parts()).contains(&number) && {
            let range = self.range(number);
            range.end - range.start == size
        }
    }
}

/// How a stream of unknown length is cut: each thousand parts are twice as long as the thousand before, so that a short
/// stream has small parts and 10,000 of them reach far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Growth {
    first: u64,
    most: u64,
}

impl Growth {
    /// Begins with parts of `wish` bytes and never makes one longer than `memory`, where each is kept whole.
    pub(crate) fn new(wish: Option<u64>, memory: u64) -> Result<Self, Error> {
        check_wish(wish)?;
        check_memory(wish.unwrap_or(MIN_PART), memory)?;
        let most = memory.min(MAX_PART);
        Ok(Self { first: wish.unwrap_or(DEFAULT_PART).min(most), most })
    }

    /// The bytes of the part, counted from 1; `None` behind the last.
    pub(crate) fn part_size(&self, number: u16) -> Option<u64> {
        if !(1..=MAX_PARTS).contains(&u64::from(number)) {
            return None;
        }
        let doublings = (u64::from(number) - 1) / AIMED_PARTS;
        Some((self.first << doublings).min(self.most))
    }

    /// The longest stream that can be cut so.
    #[cfg(test)]
    pub(crate) fn reach(&self) -> u64 {
        let thousands = (0..MAX_PARTS / AIMED_PARTS).map(|n| (self.first << n).min(self.most) * AIMED_PARTS);
        thousands.sum()
    }
}

/// How a stream is cut, whether its length is known or not.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Cut {
    Even(Plan),
    Growing(Growth),
}

impl Cut {
    pub(crate) fn new(len: Option<u64>, wish: Option<u64>, memory: u64) -> Result<Self, Error> {
        let Some(len) = len else { return Ok(Self::Growing(Growth::new(wish, memory)?)) };
        let plan = Plan::new(len, wish)?;
        // A stream's part is kept whole, and a shorter one would make too many of them.
        check_memory(plan.part_size().min(len), memory)?;
        Ok(Self::Even(plan))
    }

    /// The most bytes the part may have; `None` if there is no such part.
    pub(crate) fn part_size(&self, number: u16) -> Option<u64> {
        match self {
            Self::Even(plan) => (number <= plan.parts()).then(|| {
                let range = plan.range(number);
                range.end - range.start
            }),
            Self::Growing(growth) => growth.part_size(number),
        }
    }
}

fn check_wish(wish: Option<u64>) -> Result<(), Error> {
    match wish {
        Some(wish) if !(MIN_PART..=MAX_PART).contains(&wish) => {
            let reason =
                format!("is {wish}; OSS takes parts of {MIN_PART} (100 KiB) to {MAX_PART} bytes (5 GiB)");
            Err(Error::invalid("part_size", reason))
        }
        _ => Ok(()),
    }
}

fn check_memory(part: u64, memory: u64) -> Result<(), Error> {
    if part > memory {
        let reason = format!(
            "is {memory} bytes, less than one part of {part}; a stream's parts are kept whole until OSS has them"
        );
        return Err(Error::invalid("memory_limit", reason));
    }
    Ok(())
}

const MIB: u64 = 1024 * 1024;
const MIN_PART: u64 = 100 * 1024;
const MAX_PART: u64 = 5 * 1024 * MIB;
const DEFAULT_PART: u64 = 8 * MIB;
const MAX_PARTS: u64 = multipart::MAX_PARTS as u64;
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
                prop_assert!(plan.fits(number, len) && !plan.fits(number, len + 1));
                next = range.end;
            }
            prop_assert_eq!(next, size);
            prop_assert!(!plan.fits(parts + 1, 0) && !plan.fits(0, 0));
        }

        #[test]
        fn without_a_wish_there_are_about_a_thousand_parts_in_whole_mebibytes(size in 1u64..=4 << 40) {
            let plan = Plan::new(size, None).unwrap();
            prop_assert_eq!(plan.part_size() % MIB, 0);
            prop_assert!(plan.parts() <= 1000);
            prop_assert!(plan.part_size() == DEFAULT_PART || plan.parts() > 800);
        }

        #[test]
        fn growing_parts_never_shrink_and_stay_within_the_memory(
            wish in proptest::option::of(MIN_PART..=MAX_PART),
            memory in MIN_PART..=2 * MAX_PART,
        ) {
            prop_assume!(wish.unwrap_or(MIN_PART) <= memory);
            let growth = Growth::new(wish, memory).unwrap();
            let sizes: Vec<u64> = (1..=10_000).map(|number| growth.part_size(number).unwrap()).collect();
            prop_assert!(sizes.windows(2).all(|pair| pair[0] <= pair[1]));
            prop_assert!(sizes[9_999] <= memory.min(MAX_PART) && sizes[0] >= MIN_PART);
            prop_assert_eq!(sizes.iter().sum::<u64>(), growth.reach());
            prop_assert_eq!(growth.part_size(10_001), None);
            prop_assert!(growth.reach() <= MAX_PARTS * MAX_PART);
        }
    }

    #[test]
    fn sizes_that_broke_others() {
        assert_eq!(Plan::new(200_000_009_999, Some(20 * 1_000_000)).unwrap().parts(), 9_537);
        assert_eq!(Plan::new(200_000_000_000, Some(20 * 1_000_000)).unwrap().parts(), 10_000);
        assert_eq!(Plan::new(200_000_009_999, None).unwrap().parts(), 999);
        assert_eq!(Plan::new(DEFAULT_PART, None).unwrap().parts(), 1);
        assert_eq!(Plan::new(DEFAULT_PART + 1, None).unwrap().parts(), 2);
        assert_eq!(Plan::new(300 * MIB, None).unwrap().parts(), 38);
        assert_eq!(Plan::new(MAX_PARTS * MAX_PART, None).unwrap().parts(), 10_000);
        assert!(Plan::new(MAX_PARTS * MAX_PART + 1, None).is_err());
        assert!(Plan::new(1, Some(MIN_PART - 1)).is_err());
    }

    #[test]
    fn a_stream_reaches_as_far_as_its_memory() {
        let growth = Growth::new(None, u64::MAX).unwrap();
        assert_eq!((growth.part_size(1), growth.part_size(10_000)), (Some(8 * MIB), Some(4096 * MIB)));
        assert_eq!(growth.reach() >> 40, 7, "7.8 TiB");
        // A long first part reaches the 48.8 TB of OSS and not more.
        assert!(Growth::new(Some(MAX_PART), u64::MAX).unwrap().reach() == MAX_PARTS * MAX_PART);
        let default = Growth::new(None, 64 * MIB).unwrap();
        assert_eq!(default.reach(), 504_000 * MIB);
        assert!(Growth::new(Some(MIB), MIB - 1).is_err());
        assert!(Cut::new(Some(1 << 40), None, MIB).is_err(), "a terabyte needs longer parts");
        assert!(Cut::new(Some(10), None, 1 << 20).is_ok(), "a short one is kept whole");
    }
}
