//! Pictures made anew, and pictures made to do harm.

use std::io::Cursor;

use bridge_core::media::{MediaError, PictureBounds, Spool as _};
use bridge_media::FileSpool;
use image::{DynamicImage, ImageFormat, Rgb, RgbImage, Rgba, RgbaImage};

use crate::support::{LIMITS, all_of, keep};

const BOUNDS: PictureBounds = PictureBounds { side: 64, bytes: 20_000 };

fn encoded(picture: &DynamicImage, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    picture.write_to(&mut bytes, format).expect("it works");
    bytes.into_inner()
}

/// A picture with a dark left half.
fn halves(width: u32, height: u32) -> DynamicImage {
    RgbImage::from_fn(width, height, |x, _| Rgb([if x < width / 2 { 0 } else { 255 }; 3])).into()
}

async fn remade(
    bytes: &[u8],
    bounds: PictureBounds,
) -> Result<(&'static str, Vec<u8>), MediaError> {
    let home = tempfile::tempdir().expect("it works");
    let spool = FileSpool::open(home.path(), LIMITS, None).expect("it works");
    let media = keep(&spool, "a.png", bytes).await.expect("it works");
    let made = spool.as_picture(&media, bounds).await?;
    Ok((made.mime, all_of(&made).await))
}

#[tokio::test]
async fn any_form_becomes_a_safe_one_within_bounds() {
    let picture = halves(200, 100);
    for format in [ImageFormat::Bmp, ImageFormat::Gif, ImageFormat::Jpeg, ImageFormat::Png] {
        let bytes = encoded(&picture, format);
        let (mime, made) = remade(&bytes, BOUNDS).await.unwrap();
        let read = image::load_from_memory(&made).unwrap();
        assert_eq!((read.width(), read.height()), (64, 32), "{format:?}");
        assert!(matches!(mime, "image/jpeg" | "image/png"), "{format:?}: {mime}");
    }
    let clear = RgbaImage::from_pixel(10, 10, Rgba([1, 2, 3, 0]));
    let (mime, made) = remade(&encoded(&clear.into(), ImageFormat::Png), BOUNDS).await.unwrap();
    assert_eq!(mime, "image/png");
    assert_eq!(image::load_from_memory(&made).unwrap().to_rgba8().get_pixel(5, 5).0[3], 0);
}

#[tokio::test]
async fn a_picture_is_made_smaller_until_its_bytes_fit() {
    // Noise, which no form makes small.
    let mut seed = 1_u32;
    let noise = RgbImage::from_fn(300, 300, |_, _| {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let [.., high] = seed.to_le_bytes();
        Rgb([high, high.wrapping_mul(3), high.wrapping_mul(7)])
    });
    let bytes = encoded(&noise.into(), ImageFormat::Png);
    let bounds = PictureBounds { side: 300, bytes: 8000 };
    let (_, made) = remade(&bytes, bounds).await.unwrap();
    assert!(made.len() <= 8000, "{}", made.len());
    let none = PictureBounds { side: 300, bytes: 10 };
    assert!(matches!(remade(&bytes, none).await, Err(MediaError::TooLarge { limit: 10 })));
}

#[tokio::test]
async fn where_it_was_taken_is_left_out_and_how_it_was_held_is_heeded() {
    let plain = encoded(&halves(40, 20), ImageFormat::Jpeg);
    // An EXIF block after the first two bytes: turned by 90 degrees, and a place that must not be told.
    let mut exif =
        b"Exif\0\0MM\0\x2a\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0".to_vec();
    exif.extend(b"52.3702N 4.8952E");
    let length = u16::try_from(exif.len() + 2).unwrap().to_be_bytes();
    let mut bytes = plain[..2].to_vec();
    bytes.extend([0xff, 0xe1]);
    bytes.extend(length);
    bytes.extend(&exif);
    bytes.extend(&plain[2..]);
    let (_, made) = remade(&bytes, BOUNDS).await.unwrap();
    let read = image::load_from_memory(&made).unwrap();
    assert_eq!((read.width(), read.height()), (20, 40), "turned");
    for hidden in [&b"Exif"[..], b"52.3702N"] {
        assert!(!made.windows(hidden.len()).any(|window| window == hidden));
    }
}

#[tokio::test]
async fn a_header_that_claims_too_much_is_refused_before_anything_is_made_of_it() {
    let side = 60_000_u32;
    let mut png = encoded(&halves(1, 1), ImageFormat::Png);
    png[16..20].copy_from_slice(&side.to_be_bytes());
    png[20..24].copy_from_slice(&side.to_be_bytes());
    // With the right checksum over the wrong header.
    let checksum = crc(&png[12..29]);
    png[29..33].copy_from_slice(&checksum.to_be_bytes());
    let mut bmp = encoded(&halves(1, 1), ImageFormat::Bmp);
    bmp[18..22].copy_from_slice(&side.to_le_bytes());
    bmp[22..26].copy_from_slice(&side.to_le_bytes());
    let mut gif = encoded(&halves(1, 1), ImageFormat::Gif);
    gif[6..10].copy_from_slice(&[0x60, 0xea, 0x60, 0xea]);
    let mut jpeg = encoded(&halves(8, 8), ImageFormat::Jpeg);
    let frame = jpeg.windows(2).position(|mark| mark == [0xff, 0xc0]).unwrap();
    jpeg[frame + 5..frame + 9].copy_from_slice(&[0xea, 0x60, 0xea, 0x60]);
    for (name, bytes) in [("png", png), ("bmp", bmp), ("gif", gif), ("jpeg", jpeg)] {
        let home = tempfile::tempdir().unwrap();
        let spool = FileSpool::open(home.path(), LIMITS, None).unwrap();
        // It is kept as a file all the same, and its claim is not believed.
        let media = keep(&spool, "bomb", &bytes).await.unwrap();
        assert_eq!(media.dimensions, None, "{name}");
        let refused = spool.as_picture(&media, BOUNDS).await.map(drop);
        assert!(matches!(refused, Err(MediaError::NotAPicture(_))), "{name}: {refused:?}");
    }
}

#[tokio::test]
async fn cut_and_strange_pictures_are_refused() {
    let whole = encoded(&halves(50, 50), ImageFormat::Png);
    for cut in [8, 20, 40, whole.len() / 2] {
        let refused = remade(&whole[..cut], BOUNDS).await;
        assert!(matches!(refused, Err(MediaError::NotAPicture(_))), "{cut}: {refused:?}");
    }
    let mut page = b"GIF89a".to_vec();
    page.extend(b"<html><script>alert(1)</script></html>");
    for strange in [&page[..], b"RIFF\0\0\0\0WEBPVP8 ", b"<svg/>", b"", b"BM"] {
        let refused = remade(strange, BOUNDS).await;
        assert!(matches!(refused, Err(MediaError::NotAPicture(_))), "{refused:?}");
    }
}

/// The checksum of a PNG's part.
fn crc(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |mut crc, byte| {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 };
        }
        crc
    })
}
