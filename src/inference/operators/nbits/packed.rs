//! Weights as the kernels read them: one stretch of memory per tile of rows, from its beginning to its end.

use std::io;

use half::f16;
use memmap2::MmapMut;

use super::{BLOCK, GROUP, TILE};

/// Bytes of a large page. The weights are read from beginning to end for every token; with pages of 4 KiB the processor would look up
/// where each lies and read a tenth slower.
const PAGE: usize = 1 << 21;

/// Blocks that lie side by side: as many as make few cache lines begin in the middle.
pub(super) const BLOCKS: usize = GROUP / BLOCK;

/// Weights as a graph's file holds them.
pub(super) struct Source<'a> {
    pub(super) bits: usize,
    pub(super) columns: usize,
    pub(super) rows: usize,
    pub(super) codes: &'a [u8],
    /// f32, the lowest byte first.
    pub(super) scales: &'a [[u8; 4]],
    pub(super) zeros: Option<&'a [u8]>,
}

/// A tile's rows over four blocks. Word d of a row has its values 4 d to 4 d + 3 in the low halves of bytes, and those 16 further in the
/// high halves.
#[repr(C)]
pub(super) struct FourBits {
    /// Of each block word 0 of all rows, then word 1, up to word 3.
    pub(super) codes: [[[u8; 4 * TILE]; 4]; BLOCKS],
    /// They are a tenth of what is read if they are not shortened; the weights have fewer digits.
    pub(super) scales: [[f16; TILE]; BLOCKS],
    /// Of row 2 n in the low half of byte n.
    pub(super) zeros: [[u8; TILE / 2]; BLOCKS],
}

/// A tile's rows over four blocks. Word d of a row has its values 4 d to 4 d + 3. Zero points are 128.
#[repr(C)]
pub(super) struct EightBits {
    /// Of each block word 0 of all rows, then word 1, up to word 7.
    pub(super) codes: [[[u8; 4 * TILE]; 8]; BLOCKS],
    pub(super) scales: [[f16; TILE]; BLOCKS],
}

/// The same for [`super::avx512`].
pub(super) struct Packed {
    bits: usize,
    memory: MmapMut,
    /// Where the first tile begins.
    start: usize,
    /// Of a tile.
    bytes: usize,
}

/// The groups of a tile of rows.
pub(super) enum Tile<'a> {
    Four(&'a [FourBits]),
    Eight(&'a [EightBits]),
}

impl Packed {
    /// Lays `source` out, on all cores: the program waits for it.
    ///
    /// # Errors
    /// When there is no memory for it.
    pub(super) fn new(source: &Source<'_>) -> io::Result<Self> {
        let Source { bits, columns, rows, .. } = *source;
        let bytes = columns / GROUP * if bits == 4 { size_of::<FourBits>() } else { size_of::<EightBits>() };
        let length = rows / TILE * bytes;
        let mut memory = MmapMut::map_anon(length + PAGE)?;
        #[cfg(target_os = "linux")]
        // Without large pages it is only slower.
        let _ = memory.advise(memmap2::Advice::HugePage);
        let start = memory.as_ptr().align_offset(PAGE).min(PAGE);
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let share = (rows / TILE).div_ceil(cores);
        std::thread::scope(|scope| {
            for (n, tiles) in memory[start..start + length].chunks_mut(share * bytes).enumerate() {
                scope.spawn(move || {
                    for (tile, into) in (n * share..).zip(tiles.chunks_mut(bytes)) {
                        // SAFETY: the types are made of numbers, for which any bytes will do, and a page begins at any multiple of
                        // their alignment.
                        unsafe {
                            match bits {
                                4 => pack_four(source, tile * TILE, into.align_to_mut().1),
                                _ => pack_eight(source, tile * TILE, into.align_to_mut().1),
                            }
                        }
                    }
                });
            }
        });
        Ok(Self { bits, memory, start, bytes })
    }

    /// Tile `n`.
    pub(super) fn tile(&self, n: usize) -> Tile<'_> {
        let tile = &self.memory[self.start + n * self.bytes..][..self.bytes];
        // SAFETY: as in `new`.
        unsafe {
            match self.bits {
                4 => Tile::Four(tile.align_to().1),
                _ => Tile::Eight(tile.align_to().1),
            }
        }
    }
}

/// Rows `first` to `first + TILE`.
fn pack_four(source: &Source<'_>, first: usize, into: &mut [FourBits]) {
    for n in 0..TILE {
        let blocks = (first + n) * into.len() * BLOCKS..;
        let codes = source.codes.as_chunks::<{ BLOCK / 2 }>().0;
        for (at, block) in blocks.zip(0..into.len() * BLOCKS) {
            let (group, block) = (&mut into[block / BLOCKS], block % BLOCKS);
            // Of two values in a byte the first is in its low half.
            let values: [u8; BLOCK] = std::array::from_fn(|k| codes[at][k / 2] >> (4 * (k % 2)) & 15);
            for d in 0..4 {
                for i in 0..4 {
                    group.codes[block][d][4 * n + i] = values[4 * d + i] | values[16 + 4 * d + i] << 4;
                }
            }
            group.scales[block][n] = f16::from_f32(f32::from_le_bytes(source.scales[at]));
            // Eight is what is meant where there are none.
            let zero = source.zeros.map_or(8, |zeros| zeros[at / 2] >> (4 * (at % 2)) & 15);
            group.zeros[block][n / 2] |= zero << (4 * (n % 2));
        }
    }
}

/// Rows `first` to `first + TILE`.
fn pack_eight(source: &Source<'_>, first: usize, into: &mut [EightBits]) {
    for n in 0..TILE {
        let blocks = (first + n) * into.len() * BLOCKS..;
        let codes = source.codes.as_chunks::<BLOCK>().0;
        for (at, block) in blocks.zip(0..into.len() * BLOCKS) {
            let (group, block) = (&mut into[block / BLOCKS], block % BLOCKS);
            for (d, word) in codes[at].as_chunks::<4>().0.iter().enumerate() {
                group.codes[block][d][4 * n..4 * n + 4].copy_from_slice(word);
            }
            group.scales[block][n] = f16::from_f32(f32::from_le_bytes(source.scales[at]));
        }
    }
}
