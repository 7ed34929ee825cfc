//! Reads GGUF files (version 2 and 3, little endian): metadata and tensors, from a byte slice that is usually a memory map.
//!
//! Owns the container format and knows nothing of any model in it; [`blocks`] holds the quantised formats. The bytes come from
//! outside: every length is checked before it is used, and anything odd is an error. Called by `gguf_to_onnx`.
//! Format: <https://github.com/ggml-org/ggml/blob/master/docs/gguf.md>.

pub mod blocks;

use std::collections::BTreeMap;

use blocks::Format;

/// Not a GGUF file that this reader understands.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GgufError {
    /// It ends in the middle of something.
    #[error("the file ends in the middle of its {0}: download it again")]
    Truncated(&'static str),
    /// The first bytes are not `GGUF`.
    #[error("not a GGUF file")]
    Magic,
    /// A version of the format that is not 2 or 3.
    #[error("GGUF version {0} is not supported: versions 2 and 3 are")]
    Version(u32),
    /// A value that the format does not allow.
    #[error("malformed GGUF: {0}")]
    Malformed(&'static str),
    /// A tensor in a quantisation that has no reader here.
    #[error("tensor {name} has type {kind}, which is not supported: use a Q4_K_M, Q8_0 or F16 file")]
    Kind {
        /// Which tensor.
        name: String,
        /// Its type number in ggml.
        kind: u32,
    },
    /// A metadata key that is needed is missing or has another type.
    #[error("the metadata has no usable {0}")]
    Metadata(String),
    /// A tensor that is needed is missing or has another shape.
    #[error("tensor {0} is missing or has another shape than the metadata says")]
    Tensor(String),
}

/// One metadata value.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Any integer type.
    Int(i128),
    /// Either float type.
    Float(f64),
    /// A boolean.
    Bool(bool),
    /// A string (UTF-8 is required of it).
    Text(String),
    /// An array.
    Array(Vec<Value>),
}

/// One tensor: a view into the file.
#[derive(Debug, Clone)]
pub struct Tensor<'a> {
    /// Elements of one row (ggml's `ne[0]`, the fastest dimension).
    pub columns: usize,
    /// Number of rows: the product of the other dimensions.
    pub rows: usize,
    /// How a row is stored.
    pub format: Format,
    data: &'a [u8],
}

impl Tensor<'_> {
    /// Dequantises row `row` into `out`.
    ///
    /// # Errors
    /// [`GgufError::Malformed`] when there is no such row or `out` is not [`Tensor::columns`] long.
    pub fn read_row(&self, row: usize, out: &mut [f32]) -> Result<(), GgufError> {
        let bytes = self.format.row_bytes(self.columns).ok_or(GgufError::Malformed("row length"))?;
        let start = row.checked_mul(bytes).ok_or(GgufError::Malformed("row number"))?;
        let stored = start.checked_add(bytes).and_then(|end| self.data.get(start..end));
        match stored {
            Some(stored) if out.len() == self.columns => {
                self.format.dequantize(stored, out);
                Ok(())
            }
            _ => Err(GgufError::Malformed("row number")),
        }
    }

    /// The whole tensor, row after row.
    ///
    /// # Errors
    /// As [`Tensor::read_row`].
    pub fn read_all(&self) -> Result<Vec<f32>, GgufError> {
        let mut values = vec![0.0; self.columns * self.rows];
        for (row, out) in values.chunks_exact_mut(self.columns.max(1)).enumerate() {
            self.read_row(row, out)?;
        }
        Ok(values)
    }
}

/// A parsed file.
#[derive(Debug)]
pub struct Gguf<'a> {
    metadata: BTreeMap<String, Value>,
    tensors: BTreeMap<String, Tensor<'a>>,
}

impl<'a> Gguf<'a> {
    /// Parses `file`; tensors stay views into it.
    ///
    /// # Errors
    /// Any [`GgufError`] but the last two.
    pub fn parse(file: &'a [u8]) -> Result<Self, GgufError> {
        let mut reader = Reader { rest: file, part: "header" };
        if reader.take(4)? != b"GGUF" {
            return Err(GgufError::Magic);
        }
        let version = reader.u32()?;
        if !(2..=3).contains(&version) {
            return Err(GgufError::Version(version));
        }
        let (tensor_count, metadata_count) = (reader.u64()?, reader.u64()?);

        reader.part = "metadata";
        let mut metadata = BTreeMap::new();
        for _ in 0..metadata_count {
            let key = reader.text()?;
            let kind = reader.u32()?;
            metadata.insert(key, reader.value(kind, 0)?);
        }
        let alignment = match metadata.get("general.alignment") {
            None => 32,
            Some(Value::Int(n)) if (8..=65_536).contains(n) && n % 8 == 0 => usize::try_from(*n).unwrap_or(32),
            Some(_) => return Err(GgufError::Malformed("general.alignment")),
        };

        reader.part = "tensor list";
        let mut entries = Vec::new();
        for _ in 0..tensor_count {
            entries.push(reader.tensor_entry()?);
        }
        let read = file.len() - reader.rest.len();
        let data_start = read.checked_next_multiple_of(alignment).ok_or(GgufError::Malformed("alignment"))?;
        let mut tensors = BTreeMap::new();
        for TensorEntry { name, columns, rows, format, offset } in entries {
            let bytes = format
                .row_bytes(columns)
                .and_then(|row| row.checked_mul(rows))
                .ok_or(GgufError::Malformed("a tensor's row is not a whole number of blocks"))?;
            let start = data_start.checked_add(offset).ok_or(GgufError::Malformed("a tensor's offset"))?;
            let data =
                start.checked_add(bytes).and_then(|end| file.get(start..end)).ok_or(GgufError::Truncated("tensor data"))?;
            if tensors.insert(name, Tensor { columns, rows, format, data }).is_some() {
                return Err(GgufError::Malformed("two tensors with one name"));
            }
        }
        Ok(Self { metadata, tensors })
    }

    /// The value of `key`, when there is one.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.metadata.get(key)
    }

    /// A non-negative integer.
    ///
    /// # Errors
    /// [`GgufError::Metadata`] when it is missing or something else.
    pub fn size(&self, key: &str) -> Result<usize, GgufError> {
        match self.get(key) {
            Some(Value::Int(n)) => usize::try_from(*n).map_err(|_| GgufError::Metadata(key.into())),
            _ => Err(GgufError::Metadata(key.into())),
        }
    }

    /// A float.
    ///
    /// # Errors
    /// [`GgufError::Metadata`] when it is missing or something else.
    pub fn float(&self, key: &str) -> Result<f64, GgufError> {
        match self.get(key) {
            Some(Value::Float(x)) => Ok(*x),
            _ => Err(GgufError::Metadata(key.into())),
        }
    }

    /// A string.
    ///
    /// # Errors
    /// [`GgufError::Metadata`] when it is missing or something else.
    pub fn text(&self, key: &str) -> Result<&str, GgufError> {
        match self.get(key) {
            Some(Value::Text(text)) => Ok(text),
            _ => Err(GgufError::Metadata(key.into())),
        }
    }

    /// An array.
    ///
    /// # Errors
    /// [`GgufError::Metadata`] when it is missing or something else.
    pub fn array(&self, key: &str) -> Result<&[Value], GgufError> {
        match self.get(key) {
            Some(Value::Array(items)) => Ok(items),
            _ => Err(GgufError::Metadata(key.into())),
        }
    }

    /// Tensor `name`, when there is one.
    pub fn find(&self, name: &str) -> Option<&Tensor<'a>> {
        self.tensors.get(name)
    }

    /// Tensor `name`, which must be `rows` by `columns`.
    ///
    /// # Errors
    /// [`GgufError::Tensor`] when it is missing or of another shape.
    pub fn tensor(&self, name: &str, rows: usize, columns: usize) -> Result<&Tensor<'a>, GgufError> {
        self.find(name).filter(|t| t.rows == rows && t.columns == columns).ok_or_else(|| GgufError::Tensor(name.into()))
    }
}

struct TensorEntry {
    name: String,
    columns: usize,
    rows: usize,
    format: Format,
    offset: usize,
}

/// What is left of the file, and the name of the part being read (for errors).
struct Reader<'a> {
    rest: &'a [u8],
    part: &'static str,
}

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], GgufError> {
        let (taken, rest) = self.rest.split_at_checked(count).ok_or(GgufError::Truncated(self.part))?;
        self.rest = rest;
        Ok(taken)
    }

    fn bytes<const N: usize>(&mut self) -> Result<[u8; N], GgufError> {
        let (taken, rest) = self.rest.split_first_chunk::<N>().ok_or(GgufError::Truncated(self.part))?;
        self.rest = rest;
        Ok(*taken)
    }

    fn u32(&mut self) -> Result<u32, GgufError> {
        Ok(u32::from_le_bytes(self.bytes()?))
    }

    fn u64(&mut self) -> Result<u64, GgufError> {
        Ok(u64::from_le_bytes(self.bytes()?))
    }

    fn size(&mut self) -> Result<usize, GgufError> {
        usize::try_from(self.u64()?).map_err(|_| GgufError::Truncated(self.part))
    }

    fn text(&mut self) -> Result<String, GgufError> {
        let length = self.size()?;
        let bytes = self.take(length)?;
        Ok(std::str::from_utf8(bytes).map_err(|_| GgufError::Malformed("a string is not UTF-8"))?.to_owned())
    }

    /// A value of ggml's type `kind`, inside `depth` arrays.
    fn value(&mut self, kind: u32, depth: usize) -> Result<Value, GgufError> {
        // Nested arrays exist in the format but not in real files; the limit keeps a hostile one off the stack.
        const MAX_DEPTH: usize = 4;
        Ok(match kind {
            0 => Value::Int(u8::from_le_bytes(self.bytes()?).into()),
            1 => Value::Int(i8::from_le_bytes(self.bytes()?).into()),
            2 => Value::Int(u16::from_le_bytes(self.bytes()?).into()),
            3 => Value::Int(i16::from_le_bytes(self.bytes()?).into()),
            4 => Value::Int(self.u32()?.into()),
            5 => Value::Int(i32::from_le_bytes(self.bytes()?).into()),
            6 => Value::Float(f32::from_le_bytes(self.bytes()?).into()),
            7 => match self.bytes::<1>()? {
                [0] => Value::Bool(false),
                [1] => Value::Bool(true),
                _ => return Err(GgufError::Malformed("a boolean that is neither 0 nor 1")),
            },
            8 => Value::Text(self.text()?),
            9 if depth < MAX_DEPTH => {
                let item = self.u32()?;
                let count = self.u64()?;
                // No capacity is reserved: the count is only a claim, and each item takes at least a byte of the file.
                let mut items = Vec::new();
                for _ in 0..count {
                    items.push(self.value(item, depth + 1)?);
                }
                Value::Array(items)
            }
            10 => Value::Int(self.u64()?.into()),
            11 => Value::Int(i64::from_le_bytes(self.bytes()?).into()),
            12 => Value::Float(f64::from_le_bytes(self.bytes()?)),
            _ => return Err(GgufError::Malformed("an unknown metadata type")),
        })
    }

    fn tensor_entry(&mut self) -> Result<TensorEntry, GgufError> {
        let name = self.text()?;
        let dimensions = self.u32()?;
        if !(1..=4).contains(&dimensions) {
            return Err(GgufError::Malformed("a tensor's number of dimensions is not 1 to 4"));
        }
        let columns = self.size()?;
        let mut rows = 1usize;
        for _ in 1..dimensions {
            rows = rows.checked_mul(self.size()?).ok_or(GgufError::Malformed("a tensor's size"))?;
        }
        let kind = self.u32()?;
        let format = Format::from_ggml(kind).ok_or_else(|| GgufError::Kind { name: name.clone(), kind })?;
        if columns == 0 || rows == 0 {
            return Err(GgufError::Malformed("a tensor with a dimension of 0"));
        }
        Ok(TensorEntry { name, columns, rows, format, offset: self.size()? })
    }
}

#[cfg(test)]
pub(crate) mod tests;
