//! Deflate, read (RFC 1951): enough for a wink of some kilobytes, one bit at a time.
//!
//! Written here because the whole of it is shorter than a word on why a dependency is well: it reads what
//! strangers send, and never writes more than it is told to.

/// Longest code, in bits.
const LONGEST: usize = 15;
/// Lengths of a repetition and the bits that follow each, from symbol 257 on.
const LENGTHS: [(u16, u8); 29] = [
    (3, 0),
    (4, 0),
    (5, 0),
    (6, 0),
    (7, 0),
    (8, 0),
    (9, 0),
    (10, 0),
    (11, 1),
    (13, 1),
    (15, 1),
    (17, 1),
    (19, 2),
    (23, 2),
    (27, 2),
    (31, 2),
    (35, 3),
    (43, 3),
    (51, 3),
    (59, 3),
    (67, 4),
    (83, 4),
    (99, 4),
    (115, 4),
    (131, 5),
    (163, 5),
    (195, 5),
    (227, 5),
    (258, 0),
];
/// Distances back, and the bits that follow each.
const DISTANCES: [(u16, u8); 30] = [
    (1, 0),
    (2, 0),
    (3, 0),
    (4, 0),
    (5, 1),
    (7, 1),
    (9, 2),
    (13, 2),
    (17, 3),
    (25, 3),
    (33, 4),
    (49, 4),
    (65, 5),
    (97, 5),
    (129, 6),
    (193, 6),
    (257, 7),
    (385, 7),
    (513, 8),
    (769, 8),
    (1025, 9),
    (1537, 9),
    (2049, 10),
    (3073, 10),
    (4097, 11),
    (6145, 11),
    (8193, 12),
    (12289, 12),
    (16385, 13),
    (24577, 13),
];
/// In which order the lengths of the codes of lengths come.
const ORDER: [usize; 19] = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];

/// Unpacks bytes behind what `out` holds already, which they may repeat; none where they are broken or
/// would make it longer than `end`.
pub(super) fn inflate(bytes: &[u8], out: &mut Vec<u8>, end: usize) -> Option<()> {
    let mut bits = Bits { bytes, at: 0 };
    loop {
        let last = bits.take(1)? == 1;
        match bits.take(2)? {
            0 => stored(&mut bits, out, end)?,
            1 => {
                let lengths: Vec<u8> = (0..288_u16)
                    .map(|symbol| match symbol {
                        0..=143 => 8,
                        144..=255 => 9,
                        256..=279 => 7,
                        _ => 8,
                    })
                    .collect();
                packed(&mut bits, &Code::new(&lengths)?, &Code::new(&[5; 30])?, out, end)?;
            }
            2 => {
                let (symbols, distances) = codes(&mut bits)?;
                packed(&mut bits, &symbols, &distances, out, end)?;
            }
            _ => return None,
        }
        if last {
            return Some(());
        }
    }
}

fn stored(bits: &mut Bits<'_>, out: &mut Vec<u8>, end: usize) -> Option<()> {
    bits.at = bits.at.next_multiple_of(8);
    let (length, check) = (bits.take(16)?, bits.take(16)?);
    if length != !check & 0xFFFF {
        return None;
    }
    let (from, length) = (bits.at / 8, usize::try_from(length).ok()?);
    let bytes = bits.bytes.get(from..from + length)?;
    bits.at += 8 * length;
    if out.len() + length > end {
        return None;
    }
    out.extend_from_slice(bytes);
    Some(())
}

fn packed(
    bits: &mut Bits<'_>,
    symbols: &Code,
    distances: &Code,
    out: &mut Vec<u8>,
    end: usize,
) -> Option<()> {
    loop {
        let symbol = symbols.next(bits)?;
        if let Ok(byte) = u8::try_from(symbol) {
            if out.len() >= end {
                return None;
            }
            out.push(byte);
            continue;
        }
        let Some(number) = symbol.checked_sub(257) else {
            return Some(());
        };
        let length = bits.number(LENGTHS.get(usize::from(number))?)?;
        let number = distances.next(bits)?;
        let distance = bits.number(DISTANCES.get(usize::from(number))?)?;
        let from = out.len().checked_sub(distance)?;
        if out.len() + length > end {
            return None;
        }
        for at in from..from + length {
            let byte = *out.get(at)?;
            out.push(byte);
        }
    }
}

/// Reads the codes of a block that brings its own.
fn codes(bits: &mut Bits<'_>) -> Option<(Code, Code)> {
    let symbols = usize::try_from(bits.take(5)?).ok()? + 257;
    let distances = usize::try_from(bits.take(5)?).ok()? + 1;
    let many = usize::try_from(bits.take(4)?).ok()? + 4;
    let mut lengths = [0; 19];
    for place in ORDER.into_iter().take(many) {
        *lengths.get_mut(place)? = u8::try_from(bits.take(3)?).ok()?;
    }
    let code = Code::new(&lengths)?;
    let mut lengths: Vec<u8> = Vec::new();
    while lengths.len() < symbols + distances {
        let (length, times) = match code.next(bits)? {
            16 => (*lengths.last()?, bits.take(2)? + 3),
            17 => (0, bits.take(3)? + 3),
            18 => (0, bits.take(7)? + 11),
            length => (u8::try_from(length).ok()?, 1),
        };
        lengths.extend(std::iter::repeat_n(length, usize::try_from(times).ok()?));
    }
    if lengths.len() > symbols + distances {
        return None;
    }
    let (symbols, distances) = lengths.split_at_checked(symbols)?;
    Some((Code::new(symbols)?, Code::new(distances)?))
}

/// A code of symbols: how many have each length, and the symbols in the order of their codes.
struct Code {
    counts: [u16; LONGEST + 1],
    symbols: Vec<u16>,
}

impl Code {
    /// Makes one of each symbol's length; none where there are more codes than bits can tell.
    fn new(lengths: &[u8]) -> Option<Self> {
        let mut counts = [0; LONGEST + 1];
        for length in lengths {
            *counts.get_mut(usize::from(*length))? += 1;
        }
        let mut room = 1_i32;
        for count in counts.iter().skip(1) {
            room = 2 * room - i32::from(*count);
            if room < 0 {
                return None;
            }
        }
        let mut symbols: Vec<(u8, u16)> =
            lengths.iter().copied().zip(0_u16..).filter(|(length, _)| *length > 0).collect();
        symbols.sort_unstable();
        Some(Self { counts, symbols: symbols.into_iter().map(|(_, symbol)| symbol).collect() })
    }

    fn next(&self, bits: &mut Bits<'_>) -> Option<u16> {
        let (mut code, mut first, mut before) = (0_u32, 0_u32, 0_u32);
        for count in self.counts.iter().skip(1) {
            let count = u32::from(*count);
            code |= bits.take(1)?;
            if code < first + count {
                let at = before + code.checked_sub(first)?;
                return self.symbols.get(usize::try_from(at).ok()?).copied();
            }
            before += count;
            first = (first + count) << 1;
            code <<= 1;
        }
        None
    }
}

/// Bits, the least of each byte first.
struct Bits<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Bits<'_> {
    fn take(&mut self, many: u8) -> Option<u32> {
        let mut number = 0;
        for place in 0..many {
            let byte = self.bytes.get(self.at / 8)?;
            number |= u32::from(byte >> (self.at % 8) & 1) << place;
            self.at += 1;
        }
        Some(number)
    }

    /// Reads a number that has a base and bits that follow.
    fn number(&mut self, (base, bits): &(u16, u8)) -> Option<usize> {
        usize::try_from(u32::from(*base) + self.take(*bits)?).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unhex(text: &str) -> Vec<u8> {
        let digits = text.as_bytes().chunks(2);
        let bytes = digits.map(|two| u8::from_str_radix(std::str::from_utf8(two).unwrap(), 16));
        bytes.map(Result::unwrap).collect()
    }

    fn inflated(hex: &str, before: &[u8], end: usize) -> Option<Vec<u8>> {
        let mut out = before.to_vec();
        inflate(&unhex(hex), &mut out, end).map(|()| out)
    }

    /// Packed by zlib, with its fixed code, with codes of its own, and behind what was there before.
    #[test]
    fn what_another_program_packed_is_unpacked() {
        let fixed = "4b4c240e2425a70000";
        let wanted = ["a".repeat(40), "bcd".to_owned()].concat();
        assert_eq!(inflated(fixed, b"", 43), Some(wanted.into_bytes()));
        let own = "8d96310ac24010457b4f117200cdccecccee40b4f7180a5103462c62e1edb5b492d72eaf5878bccf8cc7755abaf5fd9c \
            f6fd7a7b2de7c769bef7dd65be7f1f8665fb7c5cfbdd6133fec3b240b03583a006036b2404451918ee0cf46c102cc2c0 \
            d20a04b532d02a346302cda8433392d08c1468a641310abd64505084fe100aac0905569a56d0b482a6e5342da769159a \
            96d1b48ca6a5342da569094d4b685ab4ac4c0a5ad25da609aad35d6e749785ee72a1bb5ce92e0f74978dee323463b42d \
            a36d296d4b685b42dbc26955bacb14147a77b8d15da677074d2b685af193d607";
        let lines = (0..60)
            .map(|at| format!("<Item type=\"thumbnail\" file=\"{}m.png\"/>\n", at * 7919 % 997));
        let wanted: String = lines.collect();
        let unpacked = inflated(&own.replace(char::is_whitespace, ""), b"", wanted.len());
        assert_eq!(unpacked, Some(wanted.into_bytes()));
        let before = b"Messenger winks at everybody";
        let wanted = b"Messenger winks at everybodyMessenger winks at you";
        assert_eq!(inflated("f3c594abcc2f0500", before, 50), Some(wanted.to_vec()));
        assert_eq!(inflated("f3c594abcc2f0500", b"", 22), None);
    }

    #[test]
    fn nothing_is_written_past_the_end() {
        assert_eq!(inflated("4b4c240e2425a70000", b"", 42), None);
    }
}
