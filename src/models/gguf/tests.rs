//! Tiny files made here, broken in every way; blocks computed by hand.

use half::f16;

use super::{blocks::Format, *};

/// Writes GGUF files, for this test and the converter's.
#[derive(Default)]
pub(crate) struct Builder {
    metadata: Vec<u8>,
    keys: u64,
    tensors: Vec<(String, Vec<u64>, u32, Vec<u8>)>,
}

impl Builder {
    fn text(out: &mut Vec<u8>, text: &str) {
        out.extend((text.len() as u64).to_le_bytes());
        out.extend(text.as_bytes());
    }

    fn entry(&mut self, key: &str, kind: u32) -> &mut Vec<u8> {
        self.keys += 1;
        Self::text(&mut self.metadata, key);
        self.metadata.extend(kind.to_le_bytes());
        &mut self.metadata
    }

    pub(crate) fn u32(mut self, key: &str, value: u32) -> Self {
        self.entry(key, 4).extend(value.to_le_bytes());
        self
    }

    pub(crate) fn f32(mut self, key: &str, value: f32) -> Self {
        self.entry(key, 6).extend(value.to_le_bytes());
        self
    }

    pub(crate) fn string(mut self, key: &str, value: &str) -> Self {
        Self::text(self.entry(key, 8), value);
        self
    }

    pub(crate) fn strings(mut self, key: &str, values: &[String]) -> Self {
        let out = self.entry(key, 9);
        out.extend(8u32.to_le_bytes());
        out.extend((values.len() as u64).to_le_bytes());
        for value in values {
            Self::text(out, value);
        }
        self
    }

    pub(crate) fn ints(mut self, key: &str, values: &[i32]) -> Self {
        let out = self.entry(key, 9);
        out.extend(5u32.to_le_bytes());
        out.extend((values.len() as u64).to_le_bytes());
        out.extend(values.iter().flat_map(|v| v.to_le_bytes()));
        self
    }

    /// A tensor in ggml's order of dimensions, row length first.
    pub(crate) fn tensor(mut self, name: &str, dims: &[u64], kind: u32, data: Vec<u8>) -> Self {
        self.tensors.push((name.into(), dims.to_vec(), kind, data));
        self
    }

    pub(crate) fn floats(self, name: &str, dims: &[u64], values: &[f32]) -> Self {
        self.tensor(name, dims, 0, values.iter().flat_map(|v| v.to_le_bytes()).collect())
    }

    pub(crate) fn build(self) -> Vec<u8> {
        let mut file = b"GGUF".to_vec();
        file.extend(3u32.to_le_bytes());
        file.extend((self.tensors.len() as u64).to_le_bytes());
        file.extend(self.keys.to_le_bytes());
        file.extend(self.metadata);
        let mut data = Vec::new();
        for (name, dims, kind, bytes) in self.tensors {
            data.resize(data.len().next_multiple_of(32), 0);
            Self::text(&mut file, &name);
            file.extend((dims.len() as u32).to_le_bytes());
            file.extend(dims.iter().flat_map(|d| d.to_le_bytes()));
            file.extend(kind.to_le_bytes());
            file.extend((data.len() as u64).to_le_bytes());
            data.extend(bytes);
        }
        file.resize(file.len().next_multiple_of(32), 0);
        file.extend(data);
        file
    }
}

fn small_file() -> Vec<u8> {
    Builder::default()
        .string("general.architecture", "qwen2")
        .u32("layers", 3)
        .f32("epsilon", 0.5)
        .strings("tokens", &["a".into(), "你".into()])
        .ints("types", &[1, -3])
        .floats("norm", &[2], &[1.5, -2.0])
        .floats("matrix", &[2, 3], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0])
        .build()
}

#[test]
fn reads_what_was_written() {
    let file = small_file();
    let gguf = Gguf::parse(&file).unwrap();
    assert_eq!(gguf.text("general.architecture"), Ok("qwen2"));
    assert_eq!((gguf.size("layers"), gguf.float("epsilon")), (Ok(3), Ok(0.5)));
    assert_eq!(gguf.array("types").unwrap(), [Value::Int(1), Value::Int(-3)]);
    assert_eq!(gguf.array("tokens").unwrap()[1], Value::Text("你".into()));
    let matrix = gguf.tensor("matrix", 3, 2).unwrap();
    let mut row = [0.0; 2];
    matrix.read_row(2, &mut row).unwrap();
    assert_eq!(row, [5.0, 6.0]);
    assert_eq!(gguf.tensor("norm", 1, 2).unwrap().read_all().unwrap(), [1.5, -2.0]);

    assert!(matrix.read_row(3, &mut row).is_err());
    assert!(matrix.read_row(0, &mut [0.0; 3]).is_err());
    assert_eq!(gguf.tensor("matrix", 2, 3).unwrap_err(), GgufError::Tensor("matrix".into()));
    assert_eq!(gguf.size("epsilon"), Err(GgufError::Metadata("epsilon".into())));
    assert_eq!(gguf.text("nothing"), Err(GgufError::Metadata("nothing".into())));
}

#[test]
fn every_prefix_is_an_error() {
    let file = small_file();
    for length in 0..file.len() {
        assert!(Gguf::parse(&file[..length]).is_err(), "{length} of {} bytes", file.len());
    }
}

#[test]
fn no_corrupted_byte_panics() {
    let file = small_file();
    for at in 0..file.len() {
        for flip in [0x01, 0x80, 0xff] {
            let mut broken = file.clone();
            broken[at] ^= flip;
            // Many corruptions give another valid file; what was read must still be readable within its bounds.
            if let Ok(gguf) = Gguf::parse(&broken) {
                for tensor in gguf.tensors.values() {
                    let mut row = vec![0.0; tensor.columns];
                    tensor.read_row(tensor.rows - 1, &mut row).unwrap();
                }
            }
        }
    }
}

#[test]
fn refuses_what_it_does_not_know() {
    let mut file = small_file();
    file[0] = b'X';
    assert_eq!(Gguf::parse(&file).unwrap_err(), GgufError::Magic);
    let mut file = small_file();
    file[4] = 1;
    assert_eq!(Gguf::parse(&file).unwrap_err(), GgufError::Version(1));
    let file = Builder::default().tensor("iq", &[256], 16, vec![0; 66]).build();
    assert_eq!(Gguf::parse(&file).unwrap_err(), GgufError::Kind { name: "iq".into(), kind: 16 });
    let file = Builder::default().tensor("odd", &[33], 8, vec![0; 68]).build();
    assert!(matches!(Gguf::parse(&file), Err(GgufError::Malformed(_))));
    let file = Builder::default().floats("a", &[1], &[1.0]).floats("a", &[1], &[1.0]).build();
    assert!(matches!(Gguf::parse(&file), Err(GgufError::Malformed(_))));
    // An array in an array in an array ...: bounded, not a stack overflow.
    let mut nested = b"GGUF".to_vec();
    nested.extend(3u32.to_le_bytes());
    nested.extend([0u64.to_le_bytes(), 1u64.to_le_bytes(), 1u64.to_le_bytes()].concat());
    nested.push(b'k');
    nested.extend(9u32.to_le_bytes());
    for _ in 0..100_000 {
        nested.extend(9u32.to_le_bytes());
        nested.extend(1u64.to_le_bytes());
    }
    assert_eq!(Gguf::parse(&nested).unwrap_err(), GgufError::Malformed("an unknown metadata type"));
}

fn half_bytes(x: f32) -> [u8; 2] {
    f16::from_f32(x).to_le_bytes()
}

fn dequantized(format: Format, stored: &[u8]) -> Vec<f32> {
    let (numbers, bytes) = format.block();
    assert_eq!(stored.len(), bytes, "{format:?}");
    let mut out = vec![f32::NAN; numbers];
    format.dequantize(stored, &mut out);
    out
}

#[test]
fn blocks_of_32() {
    // Byte j is 0xF0 + j: number j is j, number 16 + j is 15.
    let qs: Vec<u8> = (0..16).map(|j| 0xf0 | j).collect();
    let q4_0 = dequantized(Format::Q4_0, &[&half_bytes(0.5)[..], &qs].concat());
    assert_eq!((q4_0[0], q4_0[9], q4_0[31]), (-4.0, 0.5, 3.5));
    let q4_1 = dequantized(Format::Q4_1, &[&half_bytes(0.5)[..], &half_bytes(-1.0), &qs].concat());
    assert_eq!((q4_1[0], q4_1[9], q4_1[31]), (-1.0, 3.5, 6.5));
    // High bits of numbers 0, 9 and 31.
    let high = (1u32 | 1 << 9 | 1 << 31).to_le_bytes();
    let q5_0 = dequantized(Format::Q5_0, &[&half_bytes(0.5)[..], &high, &qs].concat());
    assert_eq!((q5_0[0], q5_0[1], q5_0[9], q5_0[30], q5_0[31]), (0.0, -7.5, 4.5, -0.5, 7.5));
    let q5_1 = dequantized(Format::Q5_1, &[&half_bytes(0.5)[..], &half_bytes(1.0), &high, &qs].concat());
    assert_eq!((q5_1[0], q5_1[1], q5_1[31]), (9.0, 1.5, 16.5));
    let signed: Vec<u8> = (0..32i8).map(|j| ((j - 16) * 8 + 4).cast_unsigned()).collect();
    let q8_0 = dequantized(Format::Q8_0, &[&half_bytes(0.25)[..], &signed].concat());
    assert_eq!((q8_0[0], q8_0[31]), (-31.0, 31.0));
}

#[test]
fn blocks_of_256() {
    // Sub-block scales 1..=8 and minimums 8..=1 except two that need all six bits, in ggml's packing.
    let (scales, mins) = ([1u8, 2, 3, 4, 37, 6, 7, 8], [8u8, 7, 6, 5, 4, 58, 2, 1]);
    let mut packed = [0u8; 12];
    for j in 0..4 {
        packed[j] = scales[j] | (scales[j + 4] >> 4) << 6;
        packed[j + 4] = mins[j] | (mins[j + 4] >> 4) << 6;
        packed[j + 8] = scales[j + 4] & 15 | (mins[j + 4] & 15) << 4;
    }
    // Low nibble 3, high nibble 12: even sub-blocks hold 3, odd ones 12.
    let head = [&half_bytes(0.5)[..], &half_bytes(0.25), &packed].concat();
    let q4_k = dequantized(Format::Q4_K, &[&head[..], &[0xc3; 128]].concat());
    let expected = |sub: usize, q: f32| 0.5 * f32::from(scales[sub]) * q - 0.25 * f32::from(mins[sub]);
    for (sub, out) in q4_k.chunks(32).enumerate() {
        assert!(out.iter().all(|w| *w == expected(sub, if sub % 2 == 0 { 3.0 } else { 12.0 })), "sub-block {sub}");
    }
    // Fifth bits: set in sub-blocks 0 and 5.
    let q5_k = dequantized(Format::Q5_K, &[&head[..], &[1 | 1 << 5; 32], &[0xc3; 128]].concat());
    for (sub, out) in q5_k.chunks(32).enumerate() {
        let q = if sub % 2 == 0 { 3.0 } else { 12.0 } + if sub == 0 || sub == 5 { 16.0 } else { 0.0 };
        assert!(out.iter().all(|w| *w == expected(sub, q)), "sub-block {sub}");
    }
    // Q6_K: low nibbles 3 (quarters 0, 1) and 12 (2, 3), high pairs 0, 1, 2, 3 by quarter; scales -8..8.
    let scales: Vec<u8> = (0..16i8).map(|s| (s - 8).cast_unsigned()).collect();
    let q6_k = dequantized(Format::Q6_K, &[&[0xc3; 128][..], &[0b1110_0100; 64], &scales, &half_bytes(0.5)].concat());
    for (i, w) in q6_k.iter().enumerate() {
        let quarter = i % 128 / 32;
        let q = (if quarter < 2 { 3.0 } else { 12.0 }) + 16.0 * quarter as f32 - 32.0;
        assert_eq!(*w, 0.5 * (i as f32 / 16.0).floor().mul_add(1.0, -8.0) * q, "{i}");
    }
}

#[test]
fn whole_numbers() {
    assert_eq!(dequantized(Format::F16, &half_bytes(-1.5)), [-1.5]);
    assert_eq!(dequantized(Format::Bf16, &half::bf16::from_f32(-1.5).to_le_bytes()), [-1.5]);
    assert_eq!(dequantized(Format::F32, &0.1f32.to_le_bytes()), [0.1]);
}
