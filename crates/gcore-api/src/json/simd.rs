//! Operations on many bytes at once (SIMD).

use wide::u8x32;

/// [`Block::SIZE`] consecutive bytes of a text.
#[derive(Clone, Copy)]
pub(crate) struct Block(u8x32);

/// One bit for each byte of a block. The lowest bit is the first byte.
pub(crate) type Bits = u32;

impl Block {
    pub(crate) const SIZE: usize = 32;

    /// The bytes from `at` on. `None` when there are too few.
    #[inline]
    pub(crate) fn at(text: &[u8], at: usize) -> Option<Self> {
        text.get(at..)?.first_chunk().map(|bytes| Self(u8x32::new(*bytes)))
    }

    /// The first bytes of a text, padded with zeros.
    pub(crate) fn padded(text: &[u8]) -> Self {
        let mut bytes = [0; Self::SIZE];
        bytes.iter_mut().zip(text).for_each(|(to, from)| *to = *from);
        Self(u8x32::new(bytes))
    }

    /// A mask of the bytes that are equal in both blocks.
    #[inline]
    pub(crate) fn same(self, other: Self) -> Bits {
        self.0.simd_eq(other.0).to_bitmask()
    }

    /// A mask of the bytes that equal `byte`.
    #[inline]
    pub(crate) fn equal(self, byte: u8) -> Bits {
        self.0.simd_eq(u8x32::splat(byte)).to_bitmask()
    }

    /// A mask of the bytes that are no decimal digits.
    #[inline]
    pub(crate) fn no_digits(self) -> Bits {
        let distance = self.0 - u8x32::splat(b'0');
        !distance.min(u8x32::splat(9)).simd_eq(distance).to_bitmask()
    }
}

/// The position of the first wanted byte from `at` on, or the end of the text.
#[inline]
pub(crate) fn find(text: &[u8], mut at: usize, wanted: impl Fn(Block) -> Bits) -> usize {
    while let Some(block) = Block::at(text, at) {
        let bits = wanted(block);
        if bits != 0 {
            return at + bits.trailing_zeros() as usize;
        }
        at += Block::SIZE;
    }
    find_at_end(text, at, wanted)
}

/// The same for the last bytes, which fill no block. A separate function keeps blocks in registers.
#[cold]
#[inline(never)]
fn find_at_end(text: &[u8], at: usize, wanted: impl Fn(Block) -> Bits) -> usize {
    let rest = text.get(at..).unwrap_or_default();
    let bits = wanted(Block::padded(rest));
    text.len().min(at + bits.trailing_zeros() as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_byte_is_found_wherever_it_stands() {
        for length in 0..3 * Block::SIZE {
            let text = format!("{}x{}", "7".repeat(length), "7x".repeat(Block::SIZE));
            for text in [&text[..], &text[..=length]] {
                assert_eq!(find(text.as_bytes(), 0, |block| block.equal(b'x')), length, "after {length}");
                assert_eq!(find(text.as_bytes(), 0, Block::no_digits), length, "after {length} digits");
            }
            assert_eq!(find(&text.as_bytes()[..length], 0, |block| block.equal(b'x')), length, "at the end");
            assert_eq!(find(&text.as_bytes()[..length], 0, Block::no_digits), length, "at the end of digits");
        }
    }

    #[test]
    fn digits_are_told_from_all_other_bytes() {
        for byte in 0..=u8::MAX {
            let bits = Block::padded(&[byte; Block::SIZE]).no_digits();
            assert_eq!(bits, if byte.is_ascii_digit() { 0 } else { Bits::MAX }, "{byte}");
        }
    }
}
