//! The products of [`super`] with AVX-512's dot products of bytes (VNNI): a lane per row of weights.

use std::arch::x86_64::{
    __m512, __m512i, _MM_HINT_T0, _mm_and_si128, _mm_cvtsi64_si128, _mm_prefetch, _mm_set1_epi8, _mm_srli_epi16,
    _mm_storeu_si128, _mm_unpacklo_epi8, _mm256_loadu_si256, _mm512_abs_ps, _mm512_add_epi32, _mm512_and_si512,
    _mm512_cvtepi32_epi8, _mm512_cvtepi32_ps, _mm512_cvtepu8_epi32, _mm512_cvtph_ps, _mm512_cvtps_epi32, _mm512_dpbusd_epi32,
    _mm512_fmadd_ps, _mm512_fnmadd_ps, _mm512_loadu_ps, _mm512_loadu_si512, _mm512_max_ps, _mm512_mul_ps,
    _mm512_reduce_add_epi32, _mm512_reduce_max_ps, _mm512_set1_epi8, _mm512_set1_epi32, _mm512_set1_ps, _mm512_setzero_ps,
    _mm512_setzero_si512, _mm512_srli_epi16, _mm512_storeu_ps,
};

use half::f16;

use super::{
    Activations, BLOCK, TILE,
    packed::{BLOCKS, Tiles},
};

/// Bytes that are asked for before they are needed: about as many as memory gives in the time that it takes to answer. More would drive
/// each other out.
const AHEAD: usize = 1152;

/// A block's values 4 d to 4 d + 3 in vector d.
type Words = [__m512i; BLOCK / 4];

/// Quantises a row of activations.
#[target_feature(enable = "avx512f")]
pub(super) fn quantise(x: &[f32], codes: &mut [i32], scales: &mut [f32], sums: &mut [f32]) {
    let blocks = x.as_chunks::<BLOCK>().0.iter().zip(codes.as_chunks_mut::<{ BLOCK / 4 }>().0);
    for ((x, codes), (scale, sum)) in blocks.zip(scales.iter_mut().zip(sums)) {
        let codes = codes.as_chunks_mut::<4>().0;
        let mut halves = [_mm512_setzero_ps(); 2];
        load(x.as_chunks::<TILE>().0, &mut halves);
        let [first, last] = halves;
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

/// Adds the products of the rows of `T` tiles with each row of activations.
#[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
pub(super) fn multiply<const T: usize>(tiles: Tiles<'_>, a: &Activations, products: &mut [[[f32; TILE]; T]]) {
    match tiles {
        Tiles::Four(groups) => of_groups(groups, a, products, |group, n| {
            let scales = widen(&group.scales[n]);
            (four_bits(&group.codes[n]), [scales, _mm512_mul_ps(scales, nibbles(&group.zeros[n]))])
        }),
        Tiles::Eight(groups) => of_groups(groups, a, products, |group, n| {
            let scales = widen(&group.scales[n]);
            (eight_bits(&group.codes[n]), [scales, _mm512_mul_ps(scales, _mm512_set1_ps(128.0))])
        }),
    }
}

/// The same. `block(group, n)` gives block n of a group, a lane for each row: weights, [scales, zero points times scales]. Memory is asked
/// for what comes next: the processor does not do that by itself while it works on many rows, and not early enough with one. It gives more
/// when it is asked for several stretches by turns.
#[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
#[inline]
fn of_groups<const T: usize, G>(
    groups: &[G],
    a: &Activations,
    products: &mut [[[f32; TILE]; T]],
    block: impl Fn(&G, usize) -> (Words, [__m512; 2]),
) {
    let per_tile = groups.len() / T;
    // With one row, its products stay in registers.
    let mut of_one = [_mm512_setzero_ps(); T];
    if let [only] = products {
        load(only, &mut of_one);
    }
    for at in 0..per_tile {
        for t in 0..T {
            ahead(&groups[t * per_tile + at]);
        }
        for n in 0..BLOCKS {
            let blocks: [_; T] = std::array::from_fn(|t| block(&groups[t * per_tile + at], n));
            if let [_] = products {
                add(&blocks, a.block(0, at * BLOCKS + n), &mut of_one);
                continue;
            }
            for (m, products) in products.iter_mut().enumerate() {
                let mut sums = [_mm512_setzero_ps(); T];
                load(products, &mut sums);
                add(&blocks, a.block(m, at * BLOCKS + n), &mut sums);
                store(products, &sums);
            }
        }
    }
    if let [only] = products {
        store(only, &of_one);
    }
}

/// Asks for what lies [`AHEAD`] of a group.
#[target_feature(enable = "avx512f")]
#[inline]
fn ahead<T>(group: &T) {
    let from = std::ptr::from_ref(group).cast::<i8>().wrapping_add(AHEAD);
    for line in (0..size_of::<T>()).step_by(64) {
        _mm_prefetch::<_MM_HINT_T0>(from.wrapping_add(line));
    }
}

/// `products` and those of one block of each tile.
#[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
#[inline]
fn add<const T: usize>(
    blocks: &[(Words, [__m512; 2]); T],
    (codes, scale, sum): (&[i32; BLOCK / 4], f32, f32),
    products: &mut [__m512; T],
) {
    // Two sums by turns: the next product of one need not wait for the last one of the other.
    let mut sums = [[_mm512_setzero_si512(); 2]; T];
    for (d, codes) in codes.iter().enumerate() {
        let codes = _mm512_set1_epi32(*codes);
        for (sums, (weights, _)) in sums.iter_mut().zip(blocks) {
            sums[d % 2] = _mm512_dpbusd_epi32(sums[d % 2], weights[d], codes);
        }
    }
    let (scale, sum) = (_mm512_set1_ps(scale), _mm512_set1_ps(sum));
    for (products, (sums, (_, [scales, zeros]))) in products.iter_mut().zip(sums.iter().zip(blocks)) {
        let sum_of_codes = _mm512_cvtepi32_ps(_mm512_add_epi32(sums[0], sums[1]));
        *products = _mm512_fmadd_ps(sum_of_codes, _mm512_mul_ps(*scales, scale), *products);
        *products = _mm512_fnmadd_ps(*zeros, sum, *products);
    }
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
fn load(values: &[[f32; TILE]], into: &mut [__m512]) {
    for (values, into) in values.iter().zip(into) {
        // SAFETY: 16 floats are there, no alignment is asked.
        *into = unsafe { _mm512_loadu_ps(values.as_ptr()) };
    }
}

#[target_feature(enable = "avx512f")]
#[inline]
fn store(into: &mut [[f32; TILE]], values: &[__m512]) {
    for (values, into) in values.iter().zip(into) {
        // SAFETY: there is room for 16 floats, no alignment is asked.
        unsafe { _mm512_storeu_ps(into.as_mut_ptr(), *values) };
    }
}
