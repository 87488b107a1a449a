//! Pictures that stand for letters: small, safe, and moving where they did.
//!
//! Nothing is read whose header claims more than a few million pixels, and of one that moves no more than so
//! many frames and pixels in all: a file of some kilobytes may hold gigabytes of them.

use std::{fs::File, io::BufReader, path::Path};

use bridge_core::media::{MediaError, PictureBounds};
use image::{
    AnimationDecoder as _, Frame, ImageDecoder as _, Limits,
    codecs::gif::{GifDecoder, GifEncoder, Repeat},
    imageops::thumbnail,
};

use crate::picture;

/// Most pixels of one that is read.
const PIXELS: u64 = 4 * 1024 * 1024;
/// Most pixels of all frames together.
const MOVING_PIXELS: u64 = 16 * 1024 * 1024;
/// Most frames.
const FRAMES: usize = 256;
/// How fast frames are written anew, from 1, best, to 30.
const SPEED: i32 = 10;

/// Makes a picture fit; none where it is well as it is.
pub(crate) fn remake(path: &Path, bounds: PictureBounds) -> Result<Option<Vec<u8>>, MediaError> {
    let none = || MediaError::NotAPicture("it is of no form that is read, or too large".into());
    let (width, height) = picture::dimensions(path).ok_or_else(none)?;
    if u64::from(width) * u64::from(height) > PIXELS {
        return Err(none());
    }
    let size = std::fs::metadata(path).map_err(|error| picture::gone(&error))?.len();
    let fits = width.max(height) <= bounds.side && size <= bounds.bytes;
    match picture::mime(path)? {
        "image/gif" => match frames(path, u64::from(width) * u64::from(height)) {
            Some(_) if fits => return Ok(None),
            Some(frames) if frames.len() > 1 => {
                if let Some(moving) = smaller(frames, (width, height), bounds) {
                    return Ok(Some(moving));
                }
            }
            _ => {}
        },
        "image/png" if fits => {
            picture::read(path)?; // one that cannot be read is none
            return Ok(None);
        }
        _ => {}
    }
    picture::remake_as_png(path, bounds).map(Some)
}

/// Reads the frames of a picture; none where they are too many, or one cannot be read.
fn frames(path: &Path, pixels: u64) -> Option<Vec<Frame>> {
    let mut decoder = GifDecoder::new(BufReader::new(File::open(path).ok()?)).ok()?;
    let mut limits = Limits::default();
    limits.max_alloc = Some(MOVING_PIXELS * 4);
    decoder.set_limits(limits).ok()?;
    let most = usize::try_from(MOVING_PIXELS / pixels.max(1)).unwrap_or(FRAMES).min(FRAMES);
    let mut frames = Vec::new();
    for frame in decoder.into_frames() {
        if frames.len() >= most {
            return None;
        }
        frames.push(frame.ok()?);
    }
    (!frames.is_empty()).then_some(frames)
}

/// Writes frames anew, each as small as it must be.
fn smaller(
    frames: Vec<Frame>,
    (width, height): (u32, u32),
    bounds: PictureBounds,
) -> Option<Vec<u8>> {
    let longer = width.max(height).max(1);
    let side = longer.min(bounds.side);
    let scaled = |length: u32| (length * side / longer).max(1);
    let (width, height) = (scaled(width), scaled(height));
    let mut bytes = Vec::new();
    {
        let mut encoder = GifEncoder::new_with_speed(&mut bytes, SPEED);
        encoder.set_repeat(Repeat::Infinite).ok()?;
        for frame in frames {
            let delay = frame.delay();
            let picture = thumbnail(frame.buffer(), width, height);
            encoder.encode_frame(Frame::from_parts(picture, 0, 0, delay)).ok()?;
        }
    }
    u64::try_from(bytes.len()).is_ok_and(|size| size <= bounds.bytes).then_some(bytes)
}
