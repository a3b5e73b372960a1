//! What may be uploaded, and how it is sent.

use std::time::Duration;

use serde::Serialize;

/// What the application takes. The same rules are shown to the page, so that it can say no before a byte is sent, and
/// pinned in what the server signs, so that it need not trust the page.
#[derive(Clone, Debug)]
pub struct Rules {
    /// The content types that may be stored.
    pub types: Vec<FileType>,
    /// The largest file, in bytes.
    pub max_bytes: u64,
    /// A file of more bytes than this is sent in parts, so that a broken connection costs one part.
    pub parts_from: u64,
    /// Bytes of every part but the last; OSS wants at least 102,400.
    pub part_bytes: u64,
    /// How long a form or the URL of a part may be used. Long enough to begin sending, not to pass it around.
    pub expires_in: Duration,
    /// How long after that an upload may still be under way: the callback's token lives so much longer.
    pub longest_upload: Duration,
}

/// A content type and what it is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct FileType {
    /// The content type, as the object gets it.
    #[serde(rename = "type")]
    pub content_type: &'static str,
    /// The end of the object's key.
    pub extension: &'static str,
    /// What a person calls it.
    pub label: &'static str,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            types: TYPES.to_vec(),
            max_bytes: 1_000_000_000,
            parts_from: 16 * 1024 * 1024,
            part_bytes: 8 * 1024 * 1024,
            expires_in: Duration::from_secs(10 * 60),
            longest_upload: Duration::from_secs(60 * 60),
        }
    }
}

impl Rules {
    /// The entry of a content type that may be stored.
    pub(crate) fn file_type(&self, content_type: &str) -> Option<FileType> {
        self.types.iter().copied().find(|known| known.content_type == content_type)
    }

    /// How many parts a file of `size` bytes has.
    pub(crate) fn parts(&self, size: u64) -> u64 {
        size.div_ceil(self.part_bytes)
    }

    /// Where part `number` begins and how long it is; `None` if the file has no such part.
    pub(crate) fn part(&self, size: u64, number: u16) -> Option<(u64, u64)> {
        let start = u64::from(number.checked_sub(1)?).checked_mul(self.part_bytes)?;
        (start < size).then(|| (start, self.part_bytes.min(size - start)))
    }
}

/// No SVG and no HTML: they run scripts, should the bucket ever be put behind the application's own domain.
const TYPES: &[FileType] = &[
    FileType { content_type: "image/jpeg", extension: "jpg", label: "JPEG" },
    FileType { content_type: "image/png", extension: "png", label: "PNG" },
    FileType { content_type: "image/gif", extension: "gif", label: "GIF" },
    FileType { content_type: "image/webp", extension: "webp", label: "WebP" },
    FileType { content_type: "application/pdf", extension: "pdf", label: "PDF" },
    FileType { content_type: "text/plain", extension: "txt", label: "Text" },
    FileType { content_type: "application/zip", extension: "zip", label: "ZIP" },
    FileType { content_type: "video/mp4", extension: "mp4", label: "MP4" },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_cover_the_file_once() {
        let rules = Rules { part_bytes: 10, ..Rules::default() };
        for size in [1, 9, 10, 11, 99, 100] {
            let parts: Vec<_> = (1..).map_while(|number| rules.part(size, number)).collect();
            assert_eq!(parts.len() as u64, rules.parts(size));
            let mut end = 0;
            for (start, length) in parts {
                assert_eq!(start, end);
                end += length;
            }
            assert_eq!(end, size);
        }
        assert_eq!(rules.part(100, 0), None);
    }
}
