//! ggml's storage formats of one row of numbers, and how each is turned back into `f32`.
//!
//! Pure arithmetic on slices whose lengths [`Format::row_bytes`] settled; called by the GGUF reader only. A row is a whole
//! number of blocks. The layouts are those of `ggml/src/ggml-common.h` and `ggml-quants.c` (llama.cpp, MIT); `d` is a block's scale.

use half::{bf16, f16};

/// How a row of numbers is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, non_camel_case_types, reason = "the names are ggml's own, and say it all to those who know them")]
pub enum Format {
    F32,
    F16,
    Bf16,
    Q4_0,
    Q4_1,
    Q5_0,
    Q5_1,
    Q8_0,
    Q4_K,
    Q5_K,
    Q6_K,
}

impl Format {
    /// From ggml's type number.
    pub fn from_ggml(kind: u32) -> Option<Self> {
        Some(match kind {
            0 => Self::F32,
            1 => Self::F16,
            2 => Self::Q4_0,
            3 => Self::Q4_1,
            6 => Self::Q5_0,
            7 => Self::Q5_1,
            8 => Self::Q8_0,
            12 => Self::Q4_K,
            13 => Self::Q5_K,
            14 => Self::Q6_K,
            30 => Self::Bf16,
            _ => return None,
        })
    }

    /// Numbers in a block, and its bytes.
    pub fn block(self) -> (usize, usize) {
        match self {
            Self::F32 => (1, 4),
            Self::F16 | Self::Bf16 => (1, 2),
            Self::Q4_0 => (32, 18),
            Self::Q4_1 => (32, 20),
            Self::Q5_0 => (32, 22),
            Self::Q5_1 => (32, 24),
            Self::Q8_0 => (32, 34),
            Self::Q4_K => (256, 144),
            Self::Q5_K => (256, 176),
            Self::Q6_K => (256, 210),
        }
    }

    /// Bytes of a row of `columns` numbers; nothing when that is not a whole number of blocks.
    pub fn row_bytes(self, columns: usize) -> Option<usize> {
        let (numbers, bytes) = self.block();
        if columns.is_multiple_of(numbers) { (columns / numbers).checked_mul(bytes) } else { None }
    }

    /// Dequantises whole blocks of `stored` into `out`; what does not make a whole block on both sides is left alone.
    pub fn dequantize(self, stored: &[u8], out: &mut [f32]) {
        let (numbers, bytes) = self.block();
        let one = match self {
            Self::F32 => f32_block,
            Self::F16 => f16_block,
            Self::Bf16 => bf16_block,
            Self::Q4_0 => q4_0,
            Self::Q4_1 => q4_1,
            Self::Q5_0 => q5_0,
            Self::Q5_1 => q5_1,
            Self::Q8_0 => q8_0,
            Self::Q4_K => q4_k,
            Self::Q5_K => q5_k,
            Self::Q6_K => q6_k,
        };
        for (block, out) in stored.chunks_exact(bytes).zip(out.chunks_exact_mut(numbers)) {
            one(block, out);
        }
    }
}

// Below, `b` is exactly one block and `out` exactly its numbers: `dequantize` cuts them so, and the constant offsets follow.

fn half_at(b: &[u8], at: usize) -> f32 {
    f16::from_le_bytes([b[at], b[at + 1]]).to_f32()
}

fn f32_block(b: &[u8], out: &mut [f32]) {
    out[0] = f32::from_le_bytes([b[0], b[1], b[2], b[3]]);
}

fn f16_block(b: &[u8], out: &mut [f32]) {
    out[0] = half_at(b, 0);
}

fn bf16_block(b: &[u8], out: &mut [f32]) {
    out[0] = bf16::from_le_bytes([b[0], b[1]]).to_f32();
}

/// The formats of 32 numbers keep number `j` in a low nibble and number `j + 16` in the high nibble of the same byte.
fn nibbles(qs: &[u8], out: &mut [f32], value: impl Fn(usize, u8) -> f32) {
    let (low, high) = out.split_at_mut(16);
    for (j, &q) in qs.iter().enumerate() {
        low[j] = value(j, q & 15);
        high[j] = value(j + 16, q >> 4);
    }
}

fn q4_0(b: &[u8], out: &mut [f32]) {
    let d = half_at(b, 0);
    nibbles(&b[2..], out, |_, q| d * (f32::from(q) - 8.0));
}

fn q4_1(b: &[u8], out: &mut [f32]) {
    let (d, m) = (half_at(b, 0), half_at(b, 2));
    nibbles(&b[4..], out, |_, q| d * f32::from(q) + m);
}

/// The fifth bit of number `j` is bit `j` of a 32-bit word.
fn fifth_bit(word: &[u8], j: usize) -> u8 {
    ((word[j / 8] >> (j % 8)) & 1) << 4
}

fn q5_0(b: &[u8], out: &mut [f32]) {
    let d = half_at(b, 0);
    nibbles(&b[6..], out, |j, q| d * (f32::from(q | fifth_bit(&b[2..6], j)) - 16.0));
}

fn q5_1(b: &[u8], out: &mut [f32]) {
    let (d, m) = (half_at(b, 0), half_at(b, 2));
    nibbles(&b[8..], out, |j, q| d * f32::from(q | fifth_bit(&b[4..8], j)) + m);
}

fn q8_0(b: &[u8], out: &mut [f32]) {
    let d = half_at(b, 0);
    for (o, q) in out.iter_mut().zip(&b[2..]) {
        *o = d * f32::from(q.cast_signed());
    }
}

/// Scale and minimum (6 bits each) of sub-block `j` of 8, packed in 12 bytes.
fn scale_min(scales: &[u8], j: usize) -> (f32, f32) {
    let (scale, min) = if j < 4 {
        (scales[j] & 63, scales[j + 4] & 63)
    } else {
        (scales[j + 4] & 15 | (scales[j - 4] >> 6) << 4, scales[j + 4] >> 4 | (scales[j] >> 6) << 4)
    };
    (f32::from(scale), f32::from(min))
}

fn q4_k(b: &[u8], out: &mut [f32]) {
    k_block(b, &b[16..], out, |_, _| 0);
}

fn q5_k(b: &[u8], out: &mut [f32]) {
    k_block(b, &b[48..], out, |sub, l| ((b[16 + l] >> sub) & 1) << 4);
}

/// Q4_K and Q5_K: 8 sub-blocks of 32; two of them share 32 bytes of nibbles. `w = d * scale * q - dmin * min`.
fn k_block(b: &[u8], qs: &[u8], out: &mut [f32], high: impl Fn(usize, usize) -> u8) {
    let (d, dmin) = (half_at(b, 0), half_at(b, 2));
    for (sub, out) in out.chunks_exact_mut(32).enumerate() {
        let (scale, min) = scale_min(&b[4..16], sub);
        let (scale, min) = (d * scale, dmin * min);
        let shift = 4 * (sub % 2);
        for (l, (o, q)) in out.iter_mut().zip(&qs[sub / 2 * 32..]).enumerate() {
            *o = scale * f32::from((q >> shift) & 15 | high(sub, l)) - min;
        }
    }
}

/// 16 sub-blocks of 16 with signed 8-bit scales; six bits per number: four in `ql`, two in `qh`.
fn q6_k(b: &[u8], out: &mut [f32]) {
    let d = half_at(b, 208);
    for (half, out) in out.chunks_exact_mut(128).enumerate() {
        let ql = &b[half * 64..half * 64 + 64];
        let qh = &b[128 + half * 32..128 + half * 32 + 32];
        let scales = &b[192 + half * 8..192 + half * 8 + 8];
        for (quarter, out) in out.chunks_exact_mut(32).enumerate() {
            for (l, o) in out.iter_mut().enumerate() {
                let low = (ql[quarter % 2 * 32 + l] >> (quarter / 2 * 4)) & 15;
                let high = (qh[l] >> (quarter * 2)) & 3;
                let q = f32::from(low | high << 4) - 32.0;
                *o = d * f32::from(scales[quarter * 2 + l / 16].cast_signed()) * q;
            }
        }
    }
}
