//! The text of a journal: one record a line, its CRC-64 in front.

use crate::checkpoint::Record;
use crate::crc64::Crc64;

/// What a journal's bytes hold.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Lines {
    /// The records whose checksum holds.
    pub(super) records: Vec<Record>,
    /// Where the last of them ends. What follows is a torn tail.
    pub(super) len: u64,
    /// Lines before that whose checksum does not hold.
    pub(super) damaged: usize,
}

impl Lines {
    /// Reads what can be read. A line's checksum proves it alone, so a broken one takes no other with it.
    pub(super) fn parse(bytes: &[u8]) -> Self {
        let (mut lines, mut at, mut broken) = (Self::default(), 0, 0);
        for line in bytes.split_inclusive(|&byte| byte == b'\n') {
            at += line.len() as u64;
            match parse_line(line) {
                Some(record) => {
                    lines.records.push(record);
                    lines.len = at;
                    lines.damaged += std::mem::take(&mut broken);
                }
                None => broken += 1,
            }
        }
        lines
    }

    /// Whether the records begin as this version of the crate begins them.
    pub(super) fn are_usable(&self) -> bool {
        matches!(
            self.records.first(),
            Some(Record::Intent { version: Record::VERSION, .. } | Record::Orphan { .. })
        )
    }

    pub(super) fn upload_ids(&self) -> Vec<String> {
        let ids = self.records.iter().filter_map(|record| match record {
            Record::Started { upload_id, .. } => Some(upload_id.clone()),
            _ => None,
        });
        ids.collect()
    }

    /// Uploads that may be left over, and are not this journal's own.
    pub(super) fn orphans(&self) -> Vec<String> {
        let (mut orphans, ours) = (Vec::new(), self.upload_ids());
        for record in &self.records {
            match record {
                Record::Orphan { upload_id } if !ours.contains(upload_id) && !orphans.contains(upload_id) => {
                    orphans.push(upload_id.clone());
                }
                Record::Abandoned { upload_id } => orphans.retain(|orphan| orphan != upload_id),
                _ => {}
            }
        }
        orphans
    }
}

/// The line of a record, line break included.
pub(super) fn line(record: &Record) -> Result<Vec<u8>, serde_json::Error> {
    let json = serde_json::to_string(record)?;
    Ok(format!("{:016x} {json}\n", Crc64::of(json.as_bytes())).into_bytes())
}

fn parse_line(line: &[u8]) -> Option<Record> {
    let line = std::str::from_utf8(line.strip_suffix(b"\n")?).ok()?;
    let (crc, json) = line.split_once(' ')?;
    let holds = crc.len() == 16 && u64::from_str_radix(crc, 16).ok()? == Crc64::of(json.as_bytes());
    if holds { serde_json::from_str(json).ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checkpoint::CheckpointId;
    use crate::source::SourceIdentity;

    fn records() -> Vec<Record> {
        let id = CheckpointId {
            endpoint: "e".into(),
            bucket: "b".into(),
            key: "k".into(),
            source: "/a\n\"ä".into(),
        };
        let source = SourceIdentity::new("/a\n\"ä", 10, "1:2:3.000000004");
        let options = "0".into();
        let part = |number| Record::Part {
            number,
            size: 5,
            etag: "\"A\"".into(),
            crc64: u64::MAX - u64::from(number),
        };
        vec![
            Record::Intent { version: Record::VERSION, id, source, part_size: 5, options, since: 7 },
            Record::Started { upload_id: "U".into(), since: 7 },
            part(1),
            part(2),
            Record::Completing { crc64: 9, until: Some(7) },
        ]
    }

    fn written(records: &[Record]) -> Vec<u8> {
        records.iter().flat_map(|record| line(record).unwrap()).collect()
    }

    #[test]
    fn a_journal_cut_anywhere_keeps_its_whole_records() {
        let records = records();
        let bytes = written(&records);
        let ends: Vec<usize> = (0..=records.len()).map(|n| written(&records[..n]).len()).collect();
        for cut in 0..=bytes.len() {
            let lines = Lines::parse(&bytes[..cut]);
            let whole = ends.iter().rposition(|&end| end <= cut).unwrap();
            assert_eq!(lines.records, records[..whole], "cut at {cut}");
            assert_eq!((lines.len as usize, lines.damaged), (ends[whole], 0), "cut at {cut}");
        }
    }

    #[test]
    fn a_flipped_bit_takes_its_own_line_and_no_other() {
        let records = records();
        let bytes = written(&records);
        let ends: Vec<usize> = (0..=records.len()).map(|n| written(&records[..n]).len()).collect();
        for at in 0..bytes.len() {
            let hit = ends.iter().rposition(|&end| end <= at).unwrap();
            for bit in 0..8 {
                let mut flipped = bytes.clone();
                flipped[at] ^= 1 << bit;
                let lines = Lines::parse(&flipped);
                // Upper-case hex is the same number.
                if flipped[at].eq_ignore_ascii_case(&bytes[at]) && at < ends[hit] + 16 {
                    assert_eq!(lines.records, records);
                    continue;
                }
                // A lost line break joins two lines, and both are lost.
                let lost = if at + 1 == ends[hit + 1] { hit..hit + 2 } else { hit..hit + 1 };
                let mut left = records.clone();
                left.drain(lost.start..lost.end.min(left.len()));
                assert_eq!(lines.records, left, "bit {bit} of byte {at}");
                assert_eq!(lines.are_usable(), hit > 0);
                assert_eq!(lines.damaged > 0, lost.end < records.len(), "bit {bit} of byte {at}");
            }
        }
    }

    #[test]
    fn zeros_after_a_power_cut_are_no_records() {
        let mut bytes = written(&records());
        let len = bytes.len() as u64;
        bytes.extend([0; 4096]);
        let lines = Lines::parse(&bytes);
        assert_eq!((lines.records.len(), lines.len, lines.damaged), (5, len, 0));
        assert_eq!(Lines::parse(&[0; 4096]), Lines::default());
    }

    #[test]
    fn an_upload_id_is_read_from_a_journal_whose_beginning_is_lost() {
        let bytes = written(&records());
        let lines = Lines::parse(&bytes[10..]);
        assert!(!lines.are_usable());
        assert_eq!(lines.upload_ids(), ["U"]);
    }

    #[test]
    fn orphans_are_read_from_it_too_unless_they_are_its_own_or_given_up() {
        let orphan = |id: &str| Record::Orphan { upload_id: id.into() };
        let mut all = vec![orphan("x"), orphan("y"), orphan("x"), orphan("U")];
        all.extend(records());
        all.push(Record::Abandoned { upload_id: "y".into() });
        let lines = Lines::parse(&written(&all)[10..]);
        assert_eq!((lines.orphans(), lines.upload_ids()), (vec!["x".to_owned()], vec!["U".to_owned()]));
    }
}
