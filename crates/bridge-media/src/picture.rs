//! Pictures made anew: still, of a safe form, within bounds, and without what is hidden in them.
//!
//! Whoever sends a picture chooses what its header claims, so its sides and the memory it needs are
//! looked at before anything is made of it.

use std::{
    fs::File,
    io::{BufReader, Cursor, Read as _},
    path::Path,
};

use bridge_core::{
    error::Cause,
    media::{MediaError, PictureBounds},
};
use image::{
    DynamicImage, ImageDecoder as _, ImageError, ImageFormat, ImageReader, Limits,
    codecs::jpeg::JpegEncoder, metadata::Orientation,
};

use crate::kind::{self, HEAD};

/// Longest side of a picture that is read.
const SIDE: u32 = 16_384;
/// Most pixels of a picture that is read.
const PIXELS: u64 = 50_000_000;
/// Most memory its reading may take.
const MEMORY: u64 = 256 * 1024 * 1024;
/// Largest file that is read: one of the readers holds it whole.
const FILE: u64 = 64 * 1024 * 1024;
/// How good a JPEG is, best first.
const QUALITIES: [u8; 3] = [88, 75, 60];
/// Smallest longer side a picture is made smaller to.
const LEAST: u32 = 16;

/// Reads a picture's sides from its header; none when there are none to believe.
pub(crate) fn dimensions(path: &Path) -> Option<(u32, u32)> {
    let (width, height) = reader(path).ok()?.into_dimensions().ok()?;
    is_sane(width, height).then_some((width, height))
}

/// Makes a picture anew: a PNG where it has transparent parts, else a JPEG, smaller until it fits.
///
/// Of a moving picture the first frame is kept: avatars and previews stand still. It is turned as its
/// EXIF says, and that is left out.
pub(crate) fn remake(path: &Path, bounds: PictureBounds) -> Result<Vec<u8>, MediaError> {
    shrink(read(path)?, bounds)
}

/// As [`remake`], always a PNG.
pub(crate) fn remake_as_png(path: &Path, bounds: PictureBounds) -> Result<Vec<u8>, MediaError> {
    shrink(read(path)?.into_rgba8().into(), bounds)
}

fn shrink(mut picture: DynamicImage, bounds: PictureBounds) -> Result<Vec<u8>, MediaError> {
    let mut side = bounds.side;
    loop {
        if picture.width().max(picture.height()) > side {
            picture = picture.thumbnail(side, side);
        }
        if let Some(bytes) = smallest_loss(&picture, bounds.bytes)? {
            return Ok(bytes);
        }
        side = picture.width().max(picture.height()) * 2 / 3;
        if side < LEAST {
            return Err(MediaError::TooLarge { limit: bounds.bytes });
        }
    }
}

/// Writes a picture in the best form that has at most so many bytes.
fn smallest_loss(picture: &DynamicImage, most: u64) -> Result<Option<Vec<u8>>, MediaError> {
    let fits = |bytes: &[u8]| u64::try_from(bytes.len()).is_ok_and(|size| size <= most);
    if picture.color().has_alpha() {
        let mut bytes = Cursor::new(Vec::new());
        picture.write_to(&mut bytes, ImageFormat::Png).map_err(unreadable)?;
        return Ok(Some(bytes.into_inner()).filter(|bytes| fits(bytes)));
    }
    let flat = picture.to_rgb8();
    for quality in QUALITIES {
        let mut bytes = Vec::new();
        let encoder = JpegEncoder::new_with_quality(&mut bytes, quality);
        flat.write_with_encoder(encoder).map_err(unreadable)?;
        if fits(&bytes) {
            return Ok(Some(bytes));
        }
    }
    Ok(None)
}

pub(crate) fn read(path: &Path) -> Result<DynamicImage, MediaError> {
    let size = std::fs::metadata(path).map_err(|error| gone(&error))?.len();
    if size > FILE {
        return Err(MediaError::NotAPicture("its file is too large to be read".into()));
    }
    let mut decoder = reader(path)?.into_decoder().map_err(unreadable)?;
    let (width, height) = decoder.dimensions();
    if !is_sane(width, height) || decoder.total_bytes() > MEMORY {
        return Err(MediaError::NotAPicture("it claims to be too large to be read".into()));
    }
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let mut picture = DynamicImage::from_decoder(decoder).map_err(unreadable)?;
    picture.apply_orientation(orientation);
    Ok(picture)
}

fn is_sane(width: u32, height: u32) -> bool {
    let pixels = u64::from(width) * u64::from(height);
    pixels > 0 && width <= SIDE && height <= SIDE && pixels <= PIXELS
}

/// Tells what a file is by its bytes.
pub(crate) fn mime(path: &Path) -> Result<&'static str, MediaError> {
    let file = File::open(path).map_err(|error| gone(&error))?;
    let mut head = Vec::new();
    let read = file.take(u64::try_from(HEAD).unwrap_or_default()).read_to_end(&mut head);
    read.map_err(|error| gone(&error))?;
    Ok(kind::of(&head).mime)
}

/// Opens a picture of a form that is read, told by its bytes.
fn reader(path: &Path) -> Result<ImageReader<BufReader<File>>, MediaError> {
    let format = match mime(path)? {
        "image/bmp" => ImageFormat::Bmp,
        "image/gif" => ImageFormat::Gif,
        "image/jpeg" => ImageFormat::Jpeg,
        "image/png" => ImageFormat::Png,
        _ => return Err(MediaError::NotAPicture("it is of no form that is read".into())),
    };
    let file = File::open(path).map_err(|error| gone(&error))?;
    let mut reader = ImageReader::with_format(BufReader::new(file), format);
    let mut limits = Limits::default();
    limits.max_image_width = Some(SIDE);
    limits.max_image_height = Some(SIDE);
    limits.max_alloc = Some(MEMORY);
    reader.limits(limits);
    Ok(reader)
}

pub(crate) fn gone(error: &std::io::Error) -> MediaError {
    match error.kind() {
        std::io::ErrorKind::NotFound => MediaError::Gone,
        _ => MediaError::Disk(error.to_string().into()),
    }
}

fn unreadable(error: ImageError) -> MediaError {
    MediaError::NotAPicture(Cause::new(error))
}
