//! Pictures that stand for letters: left alone where they are well, else made small; bombs are refused.

use bridge_core::media::{MediaError, PictureBounds, Spool as _};
use bridge_media::FileSpool;
use image::{
    AnimationDecoder as _, Delay, DynamicImage, Frame, ImageFormat, Rgba, RgbaImage,
    codecs::gif::{GifDecoder, GifEncoder, Repeat},
};

use crate::support::{LIMITS, all_of, keep};

const BOUNDS: PictureBounds = PictureBounds { side: 50, bytes: 20_000 };

async fn made(bytes: &[u8]) -> Result<(&'static str, Vec<u8>), MediaError> {
    let home = tempfile::tempdir().expect("it works");
    let spool = FileSpool::open(home.path(), LIMITS, None).expect("it works");
    let media = keep(&spool, "emoticon", bytes).await.expect("it works");
    let made = spool.as_emoticon(&media, BOUNDS).await?;
    Ok((made.mime, all_of(&made).await))
}

/// A square of one colour a frame.
fn moving(side: u32, frames: u16) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = GifEncoder::new_with_speed(&mut bytes, 30);
    encoder.set_repeat(Repeat::Infinite).expect("it works");
    for number in 0..frames {
        let [number, _] = number.to_le_bytes();
        let square = RgbaImage::from_pixel(side, side, Rgba([number, 100, 0, 255]));
        let frame = Frame::from_parts(square, 0, 0, Delay::from_numer_denom_ms(120, 1));
        encoder.encode_frame(frame).expect("it works");
    }
    drop(encoder);
    bytes
}

fn still(side: u32, format: ImageFormat) -> Vec<u8> {
    let mut bytes = std::io::Cursor::new(Vec::new());
    let square = DynamicImage::from(RgbaImage::from_pixel(side, side, Rgba([1, 2, 3, 255])));
    square.to_rgb8().write_to(&mut bytes, format).expect("it works");
    bytes.into_inner()
}

#[tokio::test]
async fn what_is_small_and_of_a_known_form_stays_as_it_is() {
    for picture in [still(50, ImageFormat::Png), moving(50, 3)] {
        assert_eq!(made(&picture).await.unwrap().1, picture);
    }
}

#[tokio::test]
async fn what_is_larger_is_made_small_and_what_moved_moves() {
    for format in [ImageFormat::Bmp, ImageFormat::Jpeg, ImageFormat::Png] {
        let (mime, picture) = made(&still(200, format)).await.unwrap();
        let read = image::load_from_memory(&picture).unwrap();
        assert_eq!((mime, read.width(), read.height()), ("image/png", 50, 50), "{format:?}");
    }
    let (mime, picture) = made(&moving(128, 5)).await.unwrap();
    let frames = GifDecoder::new(std::io::Cursor::new(picture)).unwrap().into_frames();
    let frames = frames.collect_frames().unwrap();
    assert_eq!((mime, frames.len(), frames[0].buffer().width()), ("image/gif", 5, 50));
    assert_eq!(frames[0].delay().numer_denom_ms(), (120, 1));
    assert_eq!(frames.iter().map(|frame| frame.buffer()[(9, 9)].0[0]).max(), Some(4));
}

#[tokio::test]
async fn what_claims_too_much_or_cannot_be_read_is_refused() {
    // Sides of 60,000 in a header of some bytes, as a picture that moves and as one that does not.
    let mut wide = moving(4, 1);
    wide[6..10].copy_from_slice(&[0x60, 0xEA, 0x60, 0xEA]);
    let mut large = still(4, ImageFormat::Bmp);
    large[18..26].copy_from_slice(&[0x60, 0xEA, 0, 0, 0x60, 0xEA, 0, 0]);
    let cut = still(50, ImageFormat::Png);
    let cut = &cut[..cut.len() / 2];
    let big = still(2100, ImageFormat::Png);
    for bomb in [&wide, &large, &big, cut, b"\x89PNG\r\n\x1a\n", b"<svg/>", b""] {
        let refused = made(bomb).await;
        assert!(matches!(refused, Err(MediaError::NotAPicture(_))), "{refused:?}");
    }
}

#[tokio::test]
async fn too_many_frames_stand_still() {
    let (mime, picture) = made(&moving(2, 257)).await.unwrap();
    let read = image::load_from_memory(&picture).unwrap();
    assert_eq!((mime, read.width()), ("image/png", 2));
}
