//! Size and format of a picture, read from its first bytes, for the variables `imageInfo.*`.

use super::template::Image;

/// Far enough for the size of a JPEG behind a large EXIF block.
pub(crate) const HEAD: u64 = 512 * 1024;

/// Recognises JPEG, PNG, GIF, BMP and WebP; OSS knows TIFF and HEIC as well, which count as no picture here.
pub(crate) fn identify(bytes: &[u8]) -> Option<Image> {
    let (width, height, format) = png(bytes)
        .or_else(|| gif(bytes))
        .or_else(|| bmp(bytes))
        .or_else(|| webp(bytes))
        .or_else(|| jpeg(bytes))?;
    Some(Image { width, height, format })
}

type Found = Option<(u32, u32, &'static str)>;

fn png(bytes: &[u8]) -> Found {
    let rest = bytes.strip_prefix(b"\x89PNG\r\n\x1a\n")?;
    (rest.get(4..8)? == b"IHDR").then_some(())?;
    Some((be32(rest.get(8..12)?)?, be32(rest.get(12..16)?)?, "png"))
}

fn gif(bytes: &[u8]) -> Found {
    (bytes.starts_with(b"GIF87a") || bytes.starts_with(b"GIF89a")).then_some(())?;
    Some((le16(bytes.get(6..8)?)?, le16(bytes.get(8..10)?)?, "gif"))
}

fn bmp(bytes: &[u8]) -> Found {
    bytes.starts_with(b"BM").then_some(())?;
    let number = |at: usize| Some(i32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?));
    // A negative height means that the rows are stored from the top.
    Some((number(18)?.unsigned_abs(), number(22)?.unsigned_abs(), "bmp"))
}

fn webp(bytes: &[u8]) -> Found {
    (bytes.starts_with(b"RIFF") && bytes.get(8..12)? == b"WEBP").then_some(())?;
    let (width, height) = match bytes.get(12..16)? {
        b"VP8X" => (1 + le24(bytes.get(24..27)?)?, 1 + le24(bytes.get(27..30)?)?),
        b"VP8L" => {
            let bits = u32::from_le_bytes(bytes.get(21..25)?.try_into().ok()?);
            (1 + (bits & 0x3fff), 1 + (bits >> 14 & 0x3fff))
        }
        b"VP8 " => (le16(bytes.get(26..28)?)? & 0x3fff, le16(bytes.get(28..30)?)? & 0x3fff),
        _ => return None,
    };
    Some((width, height, "webp"))
}

/// Walks over the segments to the one that starts the frame.
fn jpeg(bytes: &[u8]) -> Found {
    let mut rest = bytes.strip_prefix(b"\xff\xd8")?;
    loop {
        let marker = match rest {
            // Any number of fill bytes may stand before a marker.
            [0xff, 0xff, ..] => {
                rest = &rest[1..];
                continue;
            }
            [0xff, marker, ..] => *marker,
            _ => return None,
        };
        let length = usize::try_from(be16(rest.get(2..4)?)?).ok()?;
        let starts_frame = matches!(marker, 0xc0..=0xcf) && !matches!(marker, 0xc4 | 0xc8 | 0xcc);
        if starts_frame {
            return Some((be16(rest.get(7..9)?)?, be16(rest.get(5..7)?)?, "jpg"));
        }
        rest = rest.get(2 + length..)?;
    }
}

fn be16(bytes: &[u8]) -> Option<u32> {
    Some(u32::from(u16::from_be_bytes(bytes.try_into().ok()?)))
}

fn be32(bytes: &[u8]) -> Option<u32> {
    Some(u32::from_be_bytes(bytes.try_into().ok()?))
}

fn le16(bytes: &[u8]) -> Option<u32> {
    Some(u32::from(u16::from_le_bytes(bytes.try_into().ok()?)))
}

fn le24(bytes: &[u8]) -> Option<u32> {
    let [a, b, c] = bytes else { return None };
    Some(u32::from_le_bytes([*a, *b, *c, 0]))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn formats() {
        let png = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\x03\x2a\0\0\x02\x1b\x08\x06\0\0\0".to_vec();
        let gif = b"GIF89a\x2a\x03\x1b\x02".to_vec();
        let bmp = [&b"BM"[..], &[0; 16], &810_i32.to_le_bytes(), &(-539_i32).to_le_bytes()].concat();
        let webp = [&b"RIFF\0\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0"[..], &[0x29, 3, 0, 0x1a, 2, 0]].concat();
        let jpeg = b"\xff\xd8\xff\xe0\x00\x04ab\xff\xff\xc0\x00\x11\x08\x02\x1b\x03\x2a\x03".to_vec();
        for (bytes, format) in [(png, "png"), (gif, "gif"), (bmp, "bmp"), (webp, "webp"), (jpeg, "jpg")] {
            assert_eq!(identify(&bytes), Some(Image { width: 810, height: 539, format }), "{format}");
        }
        assert_eq!(identify(b"hello world"), None);
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(
            start in prop_oneof![Just(&b"\xff\xd8"[..]), Just(&b"RIFF\0\0\0\0WEBPVP8"[..]), Just(&b"BM"[..]), Just(&b""[..])],
            rest in proptest::collection::vec(any::<u8>(), 0..60),
        ) {
            let _ = identify(&[start, &rest].concat());
        }
    }
}
