//! Reads CTranslate2's binary model format: a list of named tensors.
//!
//! Little endian: version u32, specification name, revision u32, number of variables u32; per variable its name, rank u8, that
//! many u32 sizes, type u8, bytes u32, data; then aliases, which Whisper does not need. A string is a u16 length (with its
//! terminating NUL) and the bytes. Layout from `ModelSpec._serialize` in CTranslate2's `model_spec.py`.
//!
//! The tensors borrow the input. Nothing here trusts a length: every one is checked against what is left.

use std::collections::HashMap;

use half::f16;

/// Versions whose layout is the one above.
const VERSIONS: std::ops::RangeInclusive<u32> = 5..=6;

/// A model file, as borrowed tensors.
pub(super) struct Model<'a> {
    tensors: HashMap<&'a str, Tensor<'a>>,
}

/// One named tensor.
pub(super) struct Tensor<'a> {
    /// Outermost dimension first; empty for a scalar.
    pub(super) shape: Vec<usize>,
    kind: u8,
    data: &'a [u8],
}

/// Element types by CTranslate2's number: name and bytes.
fn kind_of(number: u8) -> Option<(&'static str, usize)> {
    Some(match number {
        0 => ("float32", 4),
        1 => ("int8", 1),
        2 => ("int16", 2),
        3 => ("int32", 4),
        4 => ("float16", 2),
        5 => ("bfloat16", 2),
        _ => return None,
    })
}

/// Floating-point values where they lie in the file.
#[derive(Debug, Clone, Copy)]
pub(super) enum Values<'a> {
    /// Two bytes each.
    F16(&'a [u8]),
    /// Four bytes each.
    F32(&'a [u8]),
}

impl<'a> Values<'a> {
    /// The `index`th of `of` equal parts.
    pub(super) fn part(self, index: usize, of: usize) -> Self {
        let cut = |bytes: &'a [u8]| {
            let len = bytes.len() / of;
            &bytes[index * len..(index + 1) * len]
        };
        match self {
            Values::F16(bytes) => Values::F16(cut(bytes)),
            Values::F32(bytes) => Values::F32(cut(bytes)),
        }
    }

    /// The values, widened to 32 bits.
    pub(super) fn iter(self) -> Box<dyn Iterator<Item = f32> + 'a> {
        match self {
            Values::F16(bytes) => Box::new(bytes.as_chunks().0.iter().map(|b| f16::from_le_bytes(*b).to_f32())),
            Values::F32(bytes) => Box::new(bytes.as_chunks().0.iter().map(|b| f32::from_le_bytes(*b))),
        }
    }
}

impl<'a> Tensor<'a> {
    /// The tensor's values.
    pub(super) fn values(&self) -> Result<Values<'a>, String> {
        match self.kind {
            0 => Ok(Values::F32(self.data)),
            4 => Ok(Values::F16(self.data)),
            other => {
                let name = kind_of(other).map_or("unknown", |(name, _)| name);
                Err(format!("its weights are {name}: use the float16 or float32 model, quantised ones cannot be converted"))
            }
        }
    }

    /// The value of a small integer attribute.
    pub(super) fn scalar(&self) -> Result<usize, String> {
        let value = match (self.kind, self.data) {
            (1, [a]) => i32::from(i8::from_le_bytes([*a])),
            (2, [a, b]) => i32::from(i16::from_le_bytes([*a, *b])),
            (3, [a, b, c, d]) => i32::from_le_bytes([*a, *b, *c, *d]),
            _ => return Err("an attribute is not an integer".into()),
        };
        usize::try_from(value).map_err(|_| "an attribute is negative".into())
    }
}

impl<'a> Model<'a> {
    /// Reads all of `bytes`.
    pub(super) fn parse(bytes: &'a [u8]) -> Result<Self, String> {
        let mut reader = Reader { bytes };
        let version = reader.u32("version")?;
        if !VERSIONS.contains(&version) {
            return Err(format!("CTranslate2 format version {version} is not supported ({VERSIONS:?} are)"));
        }
        let specification = reader.string()?;
        if specification != "WhisperSpec" {
            return Err("it is not a CTranslate2 Whisper model".into());
        }
        let _revision = reader.u32("revision")?;
        let count = reader.u32("number of variables")?;
        let mut tensors = HashMap::new();
        for _ in 0..count {
            let name = reader.string()?;
            let tensor = reader.tensor(name)?;
            if tensors.insert(name, tensor).is_some() {
                return Err(format!("{name} appears twice"));
            }
        }
        let aliases = reader.u32("number of aliases")?;
        for _ in 0..aliases {
            let (_alias, _target) = (reader.string()?, reader.string()?);
        }
        if reader.bytes.is_empty() { Ok(Self { tensors }) } else { Err("there are bytes after its end".into()) }
    }

    /// The tensor `name`.
    pub(super) fn tensor(&self, name: &str) -> Result<&Tensor<'a>, String> {
        self.tensors.get(name).ok_or_else(|| format!("it has no {name}: not a Whisper model"))
    }

    /// How many layers `side` (encoder or decoder) has.
    pub(super) fn layers(&self, side: &str) -> usize {
        (0..self.tensors.len())
            .take_while(|n| self.tensors.contains_key(format!("{side}/layer_{n}/ffn/linear_0/weight").as_str()))
            .count()
    }
}

struct Reader<'a> {
    bytes: &'a [u8],
}

impl<'a> Reader<'a> {
    fn take(&mut self, len: usize, what: &str) -> Result<&'a [u8], String> {
        let (taken, rest) = self.bytes.split_at_checked(len).ok_or_else(|| format!("it ends inside {what}"))?;
        self.bytes = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self, what: &str) -> Result<[u8; N], String> {
        self.take(N, what)?.try_into().map_err(|_| format!("it ends inside {what}"))
    }

    fn u32(&mut self, what: &str) -> Result<u32, String> {
        Ok(u32::from_le_bytes(self.array(what)?))
    }

    fn string(&mut self) -> Result<&'a str, String> {
        let len = usize::from(u16::from_le_bytes(self.array("the length of a name")?));
        let bytes = self.take(len, "a name")?;
        let bytes = bytes.strip_suffix(&[0]).ok_or("a name does not end in NUL")?;
        std::str::from_utf8(bytes).map_err(|_| "a name is not UTF-8".into())
    }

    fn tensor(&mut self, name: &str) -> Result<Tensor<'a>, String> {
        let [rank] = self.array(name)?;
        let mut shape = Vec::new();
        let mut elements = 1_usize;
        for _ in 0..rank {
            let size = self.u32(name)? as usize;
            elements = elements.checked_mul(size).ok_or_else(|| format!("{name} is impossibly large"))?;
            shape.push(size);
        }
        let [kind] = self.array(name)?;
        let (_, width) = kind_of(kind).ok_or_else(|| format!("{name} has the unknown element type {kind}"))?;
        let len = self.u32(name)? as usize;
        if elements.checked_mul(width) != Some(len) {
            return Err(format!("{name} holds {len} bytes, which does not fit its shape {shape:?}"));
        }
        Ok(Tensor { shape, kind, data: self.take(len, name)? })
    }
}
