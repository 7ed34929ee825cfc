//! The products of [`super`] with AVX-512's dot products of bytes (VNNI): a lane per row of weights.

use std::arch::x86_64::{
    __m512, __m512i, _MM_HINT_T1, _mm_and_si128, _mm_cvtsi64_si128, _mm_prefetch, _mm_set1_epi8, _mm_srli_epi16,
    _mm_storeu_si128, _mm_unpacklo_epi8, _mm256_loadu_si256, _mm512_abs_ps, _mm512_add_epi32, _mm512_and_si512,
    _mm512_cvtepi32_epi8, _mm512_cvtepi32_ps, _mm512_cvtepu8_epi32, _mm512_cvtph_ps, _mm512_cvtps_epi32, _mm512_dpbusd_epi32,
    _mm512_fmadd_ps, _mm512_fnmadd_ps, _mm512_loadu_ps, _mm512_loadu_si512, _mm512_max_ps, _mm512_mul_ps,
    _mm512_reduce_add_epi32, _mm512_reduce_max_ps, _mm512_set1_epi8, _mm512_set1_epi32, _mm512_set1_ps, _mm512_setzero_ps,
    _mm512_setzero_si512, _mm512_srli_epi16, _mm512_storeu_ps,
};

use half::f16;

use super::{
    Activations, BLOCK, TILE,
    packed::{BLOCKS, FourBits, Tile},
};

/// Bytes that are asked for before they are needed: four groups, the best of half of one to eight on an EPYC. They are brought into the
/// second cache: in the first one, which has few places for what is on its way, they would wait for each other.
const AHEAD: usize = 4 * size_of::<FourBits>();

/// A block's values 4 d to 4 d + 3 in vector d.
type Words = [__m512i; BLOCK / 4];

/// Quantises a row of activations.
#[target_feature(enable = "avx512f")]
pub(super) fn quantise(x: &[f32], codes: &mut [i32], scales: &mut [f32], sums: &mut [f32]) {
    let blocks = x.as_chunks::<BLOCK>().0.iter().zip(codes.as_chunks_mut::<{ BLOCK / 4 }>().0);
    for ((x, codes), (scale, sum)) in blocks.zip(scales.iter_mut().zip(sums)) {
        let codes = codes.as_chunks_mut::<4>().0;
        let [first, last] = x.as_chunks().0 else { continue };
        let (first, last) = (load(first), load(last));
        let top = _mm512_reduce_max_ps(_mm512_max_ps(_mm512_abs_ps(first), _mm512_abs_ps(last)));
        let inverse = _mm512_set1_ps(if top > 0.0 { 127.0 / top } else { 0.0 });
        let (first, last) = (_mm512_mul_ps(first, inverse), _mm512_mul_ps(last, inverse));
        let (first, last) = (_mm512_cvtps_epi32(first), _mm512_cvtps_epi32(last));
        for (codes, rounded) in codes.iter_mut().zip([first, last]) {
            // SAFETY: there is room for 16 bytes, no alignment is asked.
            unsafe { _mm_storeu_si128(codes.as_mut_ptr().cast(), _mm512_cvtepi32_epi8(rounded)) };
        }
        *scale = top / 127.0;
        *sum = *scale * _mm512_reduce_add_epi32(_mm512_add_epi32(first, last)) as f32;
    }
}

/// Adds the products of the rows of a tile with each row of activations.
#[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
pub(super) fn multiply(tile: Tile<'_>, a: &Activations, products: &mut [[f32; TILE]]) {
    match tile {
        Tile::Four(groups) => of_groups(groups, a, products, |group, n| {
            let scales = widen(&group.scales[n]);
            (four_bits(&group.codes[n]), [scales, _mm512_mul_ps(scales, nibbles(&group.zeros[n]))])
        }),
        Tile::Eight(groups) => of_groups(groups, a, products, |group, n| {
            let scales = widen(&group.scales[n]);
            (eight_bits(&group.codes[n]), [scales, _mm512_mul_ps(scales, _mm512_set1_ps(128.0))])
        }),
    }
}

/// The same. `block(group, n)` gives block n of a group, a lane for each row: weights, [scales, zero points times scales]. Memory is asked
/// for what comes next: the processor does not do that by itself while it works on many rows, and not early enough with one.
#[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
#[inline]
fn of_groups<G>(groups: &[G], a: &Activations, products: &mut [[f32; TILE]], block: impl Fn(&G, usize) -> (Words, [__m512; 2])) {
    // With one row, its products stay in a register.
    let mut of_one = if let [only] = products { load(only) } else { _mm512_setzero_ps() };
    for (at, group) in groups.iter().enumerate() {
        ahead(group);
        for n in 0..BLOCKS {
            let weights = block(group, n);
            if let [_] = products {
                of_one = add(&weights, a.block(0, at * BLOCKS + n), of_one);
                continue;
            }
            for (m, products) in products.iter_mut().enumerate() {
                store(products, add(&weights, a.block(m, at * BLOCKS + n), load(products)));
            }
        }
    }
    if let [only] = products {
        store(only, of_one);
    }
}

/// Asks for what lies [`AHEAD`] of a group.
#[target_feature(enable = "avx512f")]
#[inline]
fn ahead<T>(group: &T) {
    let from = std::ptr::from_ref(group).cast::<i8>().wrapping_add(AHEAD);
    for line in (0..size_of::<T>()).step_by(64) {
        _mm_prefetch::<_MM_HINT_T1>(from.wrapping_add(line));
    }
}

/// `products` and those of one block.
#[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
#[inline]
fn add(
    (weights, [scales, zeros]): &(Words, [__m512; 2]),
    (codes, scale, sum): (&[i32; BLOCK / 4], f32, f32),
    products: __m512,
) -> __m512 {
    // Two sums by turns: the next product of one need not wait for the last one of the other.
    let mut sums = [_mm512_setzero_si512(); 2];
    for (d, (codes, weights)) in codes.iter().zip(weights).enumerate() {
        sums[d % 2] = _mm512_dpbusd_epi32(sums[d % 2], *weights, _mm512_set1_epi32(*codes));
    }
    let sum_of_codes = _mm512_cvtepi32_ps(_mm512_add_epi32(sums[0], sums[1]));
    let products = _mm512_fmadd_ps(sum_of_codes, _mm512_mul_ps(*scales, _mm512_set1_ps(scale)), products);
    _mm512_fnmadd_ps(*zeros, _mm512_set1_ps(sum), products)
}

#[target_feature(enable = "avx512f,avx512bw")]
#[inline]
fn four_bits(codes: &[[u8; 4 * TILE]; 4]) -> Words {
    let nibble = _mm512_set1_epi8(15);
    let mut words = [nibble; BLOCK / 4];
    for (d, codes) in codes.iter().enumerate() {
        let codes = bytes(codes);
        words[d] = _mm512_and_si512(codes, nibble);
        words[d + 4] = _mm512_and_si512(_mm512_srli_epi16::<4>(codes), nibble);
    }
    words
}

#[target_feature(enable = "avx512f")]
#[inline]
fn eight_bits(codes: &[[u8; 4 * TILE]; 8]) -> Words {
    let mut words = [_mm512_setzero_si512(); BLOCK / 4];
    for (word, codes) in words.iter_mut().zip(codes) {
        *word = bytes(codes);
    }
    words
}

/// 16 numbers of four bits, the first in the low half of a byte.
#[target_feature(enable = "avx512f")]
#[inline]
fn nibbles(packed: &[u8; TILE / 2]) -> __m512 {
    let packed = _mm_cvtsi64_si128(i64::from_le_bytes(*packed));
    let nibble = _mm_set1_epi8(15);
    let each = _mm_unpacklo_epi8(_mm_and_si128(packed, nibble), _mm_and_si128(_mm_srli_epi16::<4>(packed), nibble));
    _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(each))
}

#[target_feature(enable = "avx512f")]
#[inline]
fn widen(values: &[f16; TILE]) -> __m512 {
    // SAFETY: 32 bytes are there, no alignment is asked.
    _mm512_cvtph_ps(unsafe { _mm256_loadu_si256(values.as_ptr().cast()) })
}

#[target_feature(enable = "avx512f")]
#[inline]
fn bytes(values: &[u8; 64]) -> __m512i {
    // SAFETY: 64 bytes are there, no alignment is asked.
    unsafe { _mm512_loadu_si512(values.as_ptr().cast()) }
}

#[target_feature(enable = "avx512f")]
#[inline]
fn load(values: &[f32; TILE]) -> __m512 {
    // SAFETY: 16 floats are there, no alignment is asked.
    unsafe { _mm512_loadu_ps(values.as_ptr()) }
}

#[target_feature(enable = "avx512f")]
#[inline]
fn store(into: &mut [f32; TILE], values: __m512) {
    // SAFETY: there is room for 16 floats, no alignment is asked.
    unsafe { _mm512_storeu_ps(into.as_mut_ptr(), values) };
}
