//! Frames as zlib streams, of blocks that are stored as they are (RFC 1950 and 1951).

/// Most bytes of a block.
const BLOCK: usize = 65_535;

/// Wraps bytes in a zlib stream.
pub(crate) fn wrapped(bytes: &[u8]) -> Vec<u8> {
    let mut stream = vec![0x78, 0x01];
    let mut blocks = bytes.chunks(BLOCK).peekable();
    while let Some(block) = blocks.next() {
        stream.push(u8::from(blocks.peek().is_none()));
        let length = u16::try_from(block.len()).unwrap_or(u16::MAX);
        stream.extend(length.to_le_bytes());
        stream.extend((!length).to_le_bytes());
        stream.extend(block);
    }
    let (mut low, mut high) = (1_u32, 0_u32);
    for byte in bytes {
        low = (low + u32::from(*byte)) % 65_521;
        high = (high + low) % 65_521;
    }
    stream.extend((high << 16 | low).to_be_bytes());
    stream
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sum_is_adler32() {
        // The sum of "Wikipedia" is 0x11E60398.
        assert!(wrapped(b"Wikipedia").ends_with(&[0x11, 0xe6, 0x03, 0x98]));
    }
}
