//! CTranslate2 Whisper -> the GGML file that whisper.cpp loads.
//!
//! Owns the mapping of tensor names and the order of the GGML file; [`ct2`] reads the published file, [`mel`] computes the
//! filterbank that CTranslate2 leaves to its caller, [`vocab`] turns the tokenizer back into bytes. Knows nothing about
//! downloads or speech; called once per machine by the model store.
//!
//! The GGML layout is the one that `whisper_model_load` in whisper.cpp reads (and its `convert-pt-to-ggml.py` writes).

mod ct2;
mod mel;
#[cfg(test)]
mod tests;
mod vocab;

use std::{
    fs::{self, File},
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
};

use half::f16;

use self::ct2::{Model, Tensor, Values};
use super::ConvertError;

/// `ggml` in the byte order of the file.
const MAGIC: u32 = 0x6767_6d6c;
/// `ftype` of a file whose matrices are Q8_0, in version 2 of ggml's quantisation formats (2 * 1000 + 7).
const MOSTLY_Q8_0: u32 = 2007;
/// Values that share one scale in Q8_0.
const BLOCK: usize = 32;
/// Samples per transform of Whisper's spectrogram (25 ms at 16 kHz).
const FFT_SIZE: usize = 400;

/// Converts the CTranslate2 Whisper model `model_bin` (16- or 32-bit floats) with its Hugging Face `tokenizer_json` to a GGML
/// file at `output`: matrices as Q8_0 (8-bit integers, a scale per 32 of them), convolutions as 16-bit floats, vectors and position
/// tables as 32-bit floats, as whisper.cpp requires.
///
/// Why 8 bits: a token's price is reading the decoder once, and half the bytes are read in little more than half the time.
///
/// The file appears at `output` whole or not at all: it is written next to it and renamed.
///
/// # Errors
/// [`ConvertError::Format`] when an input is truncated, quantised, or not a Whisper model; [`ConvertError::Io`] when reading or
/// writing fails.
pub fn convert(model_bin: &Path, tokenizer_json: &Path, output: &Path) -> Result<(), ConvertError> {
    let format = |path: &Path| {
        let path = path.to_owned();
        move |reason: String| ConvertError::Format { path, reason }
    };
    let io = |path: &Path| {
        let path = path.to_owned();
        move |source: io::Error| ConvertError::Io { path, source }
    };
    let file = File::open(model_bin).map_err(io(model_bin))?;
    // SAFETY: the map is read-only and lives for this call; the model store writes its files under another name and renames
    // them, so nobody truncates this one meanwhile.
    let bytes = unsafe { memmap2::Mmap::map(&file) }.map_err(io(model_bin))?;
    let model = Model::parse(&bytes).map_err(format(model_bin))?;
    let plan = Plan::new(&model).map_err(format(model_bin))?;
    let tokenizer = fs::read(tokenizer_json).map_err(io(tokenizer_json))?;
    let tokens = vocab::base_tokens(&tokenizer).map_err(format(tokenizer_json))?;
    if tokens.len() >= plan.sizes.vocab {
        let reason = format!("{} base tokens do not fit the model's vocabulary of {}", tokens.len(), plan.sizes.vocab);
        return Err(ConvertError::Format { path: tokenizer_json.to_owned(), reason });
    }

    let partial = Partial::beside(output);
    let file = File::create(&partial.0).map_err(io(&partial.0))?;
    let mut out = BufWriter::with_capacity(1 << 20, file);
    let written =
        plan.write(&tokens, &mut out).and_then(|()| out.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all());
    written.map_err(io(&partial.0))?;
    fs::rename(&partial.0, output).map_err(io(output))
}

/// The file being written; removed when the conversion fails (after the rename there is nothing left to remove).
struct Partial(PathBuf);

impl Partial {
    fn beside(output: &Path) -> Self {
        let mut name = output.file_name().unwrap_or_default().to_owned();
        name.push(format!(".converting-{}", std::process::id()));
        Self(output.with_file_name(name))
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// Sizes of the model, read off its tensors.
#[derive(Debug, Clone, Copy)]
struct Sizes {
    vocab: usize,
    mels: usize,
    audio_ctx: usize,
    audio_heads: usize,
    audio_layers: usize,
    text_ctx: usize,
    text_heads: usize,
    text_layers: usize,
    /// Width of encoder and decoder; Whisper has one for both.
    state: usize,
}

/// One tensor of the output.
struct Output<'m> {
    name: String,
    /// Outermost first, as PyTorch prints it; the file wants it the other way round.
    shape: Vec<usize>,
    values: Values<'m>,
    form: Form,
}

/// How a tensor is stored. The numbers are `ggml_type`'s.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    F32 = 0,
    F16 = 1,
    Q8_0 = 8,
}

/// Everything that will be written, checked before the first byte is.
struct Plan<'m> {
    sizes: Sizes,
    outputs: Vec<Output<'m>>,
}

/// Where an output comes from: tensor name, and part `index` of `of` equal parts along the first dimension.
struct Source<'s> {
    name: &'s str,
    index: usize,
    of: usize,
}

const fn whole(name: &str) -> Source<'_> {
    Source { name, index: 0, of: 1 }
}

const fn part(name: &str, index: usize, of: usize) -> Source<'_> {
    Source { name, index, of }
}

impl<'m> Plan<'m> {
    fn new(model: &Model<'m>) -> Result<Self, String> {
        let sizes = Sizes::of(model)?;
        let mut plan = Plan { sizes, outputs: Vec::new() };
        let Sizes { state, mels, .. } = sizes;
        plan.add(
            model,
            "",
            whole("encoder/position_encodings/encodings"),
            "encoder.positional_embedding",
            &[sizes.audio_ctx, state],
        )?;
        plan.add(model, "", whole("encoder/conv1/weight"), "encoder.conv1.weight", &[state, mels, 3])?;
        plan.add(model, "", whole("encoder/conv1/bias"), "encoder.conv1.bias", &[state])?;
        plan.add(model, "", whole("encoder/conv2/weight"), "encoder.conv2.weight", &[state, state, 3])?;
        plan.add(model, "", whole("encoder/conv2/bias"), "encoder.conv2.bias", &[state])?;
        plan.norm(model, "encoder/layer_norm", "encoder.ln_post")?;
        for layer in 0..sizes.audio_layers {
            let (from, to) = (format!("encoder/layer_{layer}/"), format!("encoder.blocks.{layer}."));
            plan.self_attention(model, &from, &to)?;
            plan.feed_forward(model, &from, &to)?;
        }
        let positions = whole("decoder/position_encodings/encodings");
        plan.add(model, "", positions, "decoder.positional_embedding", &[sizes.text_ctx, state])?;
        plan.add(model, "", whole("decoder/embeddings/weight"), "decoder.token_embedding.weight", &[sizes.vocab, state])?;
        plan.norm(model, "decoder/layer_norm", "decoder.ln")?;
        for layer in 0..sizes.text_layers {
            let (from, to) = (format!("decoder/layer_{layer}/"), format!("decoder.blocks.{layer}."));
            plan.self_attention(model, &from, &to)?;
            plan.cross_attention(model, &from, &to)?;
            plan.feed_forward(model, &from, &to)?;
        }
        Ok(plan)
    }

    /// Query, key and value are one fused matrix here. The key's bias is dropped: it adds the same number to the score of every
    /// position, which the softmax takes out again (OpenAI's model has none).
    fn self_attention(&mut self, model: &Model<'m>, from: &str, to: &str) -> Result<(), String> {
        let n = self.sizes.state;
        self.norm(model, &format!("{from}self_attention/layer_norm"), &format!("{to}attn_ln"))?;
        for (index, name) in ["query", "key", "value"].into_iter().enumerate() {
            let weight = part("self_attention/linear_0/weight", index, 3);
            self.add(model, from, weight, &format!("{to}attn.{name}.weight"), &[n, n])?;
            if name != "key" {
                self.add(model, from, part("self_attention/linear_0/bias", index, 3), &format!("{to}attn.{name}.bias"), &[n])?;
            }
        }
        self.linear(model, &format!("{from}self_attention/linear_1"), &format!("{to}attn.out"), n, n)
    }

    /// The decoder's attention over the audio: the query alone, key and value fused.
    fn cross_attention(&mut self, model: &Model<'m>, from: &str, to: &str) -> Result<(), String> {
        let n = self.sizes.state;
        self.norm(model, &format!("{from}attention/layer_norm"), &format!("{to}cross_attn_ln"))?;
        self.linear(model, &format!("{from}attention/linear_0"), &format!("{to}cross_attn.query"), n, n)?;
        self.add(model, from, part("attention/linear_1/weight", 0, 2), &format!("{to}cross_attn.key.weight"), &[n, n])?;
        self.add(model, from, part("attention/linear_1/weight", 1, 2), &format!("{to}cross_attn.value.weight"), &[n, n])?;
        self.add(model, from, part("attention/linear_1/bias", 1, 2), &format!("{to}cross_attn.value.bias"), &[n])?;
        self.linear(model, &format!("{from}attention/linear_2"), &format!("{to}cross_attn.out"), n, n)
    }

    fn feed_forward(&mut self, model: &Model<'m>, from: &str, to: &str) -> Result<(), String> {
        let n = self.sizes.state;
        self.norm(model, &format!("{from}ffn/layer_norm"), &format!("{to}mlp_ln"))?;
        self.linear(model, &format!("{from}ffn/linear_0"), &format!("{to}mlp.0"), 4 * n, n)?;
        self.linear(model, &format!("{from}ffn/linear_1"), &format!("{to}mlp.2"), n, 4 * n)
    }

    fn linear(&mut self, model: &Model<'m>, from: &str, to: &str, rows: usize, columns: usize) -> Result<(), String> {
        self.add(model, from, whole("/weight"), &format!("{to}.weight"), &[rows, columns])?;
        self.add(model, from, whole("/bias"), &format!("{to}.bias"), &[rows])
    }

    fn norm(&mut self, model: &Model<'m>, from: &str, to: &str) -> Result<(), String> {
        self.add(model, from, whole("/gamma"), &format!("{to}.weight"), &[self.sizes.state])?;
        self.add(model, from, whole("/beta"), &format!("{to}.bias"), &[self.sizes.state])
    }

    /// Plans the output `name` of `shape`, after checking that the source has it.
    fn add(&mut self, model: &Model<'m>, prefix: &str, source: Source<'_>, name: &str, shape: &[usize]) -> Result<(), String> {
        let from = format!("{prefix}{}", source.name);
        let tensor = model.tensor(&from)?;
        let mut expected = shape.to_vec();
        expected[0] *= source.of;
        if tensor.shape != expected {
            return Err(format!("{from} has the shape {:?} instead of {expected:?}: not a Whisper model", tensor.shape));
        }
        let values = tensor.values()?.part(source.index, source.of);
        let is_conv_bias = name.starts_with("encoder.conv") && shape.len() == 1;
        let form = match shape.len() {
            1 => Form::F32,
            2 if name.ends_with("positional_embedding") => Form::F32,
            2 => Form::Q8_0,
            _ => Form::F16,
        };
        // whisper.cpp adds a convolution's bias along time and wants it as a column.
        let shape = if is_conv_bias { vec![shape[0], 1] } else { shape.to_vec() };
        self.outputs.push(Output { name: name.to_owned(), shape, values, form });
        Ok(())
    }

    fn write(&self, tokens: &[Vec<u8>], out: &mut impl Write) -> io::Result<()> {
        let s = &self.sizes;
        put_u32(out, MAGIC as usize)?;
        for size in [
            s.vocab,
            s.audio_ctx,
            s.state,
            s.audio_heads,
            s.audio_layers,
            s.text_ctx,
            s.state,
            s.text_heads,
            s.text_layers,
            s.mels,
        ] {
            put_u32(out, size)?;
        }
        put_u32(out, MOSTLY_Q8_0 as usize)?;

        put_u32(out, s.mels)?;
        put_u32(out, FFT_SIZE / 2 + 1)?;
        for weight in mel::slaney_filterbank(s.mels, FFT_SIZE, mel::SAMPLE_RATE) {
            out.write_all(&weight.to_le_bytes())?;
        }

        put_u32(out, tokens.len())?;
        for token in tokens {
            put_u32(out, token.len())?;
            out.write_all(token)?;
        }
        self.outputs.iter().try_for_each(|output| output.write(out))
    }
}

impl Output<'_> {
    fn write(&self, out: &mut impl Write) -> io::Result<()> {
        put_u32(out, self.shape.len())?;
        put_u32(out, self.name.len())?;
        put_u32(out, self.form as usize)?;
        for size in self.shape.iter().rev() {
            put_u32(out, *size)?;
        }
        out.write_all(self.name.as_bytes())?;
        match (self.form, self.values) {
            (Form::Q8_0, values) => {
                let values: Vec<f32> = values.iter().collect();
                values.chunks(BLOCK).try_for_each(|block| out.write_all(&q8_0(block)))
            }
            (Form::F16, Values::F16(bytes)) => out.write_all(bytes),
            (Form::F16, values) => values.iter().try_for_each(|value| out.write_all(&f16::from_f32(value).to_le_bytes())),
            (Form::F32, values) => values.iter().try_for_each(|value| out.write_all(&value.to_le_bytes())),
        }
    }
}

/// One block: its scale, the largest magnitude over 127, and the values in steps of it (`quantize_row_q8_0_ref` in ggml).
fn q8_0(values: &[f32]) -> [u8; 2 + BLOCK] {
    let scale = values.iter().fold(0.0_f32, |top, value| top.max(value.abs())) / 127.0;
    let per_step = if scale > 0.0 { 1.0 / scale } else { 0.0 };
    let mut block = [0; 2 + BLOCK];
    block[..2].copy_from_slice(&f16::from_f32(scale).to_le_bytes());
    for (byte, value) in block[2..].iter_mut().zip(values) {
        #[allow(clippy::cast_possible_truncation, reason = "at most 127 by the scale; what is not a number becomes 0")]
        let step = (value * per_step).round() as i8;
        *byte = step.to_le_bytes()[0];
    }
    block
}

impl Sizes {
    fn of(model: &Model<'_>) -> Result<Self, String> {
        let [vocab, state] = dims(model, "decoder/embeddings/weight")?;
        let [audio_ctx, _] = dims(model, "encoder/position_encodings/encodings")?;
        let [text_ctx, _] = dims(model, "decoder/position_encodings/encodings")?;
        let [_, mels, _] = dims(model, "encoder/conv1/weight")?;
        let sizes = Sizes {
            vocab,
            mels,
            audio_ctx,
            audio_heads: model.tensor("encoder/num_heads")?.scalar()?,
            audio_layers: model.layers("encoder"),
            text_ctx,
            text_heads: model.tensor("decoder/num_heads")?.scalar()?,
            text_layers: model.layers("decoder"),
            state,
        };
        let all =
            [vocab, mels, audio_ctx, sizes.audio_heads, sizes.audio_layers, text_ctx, sizes.text_heads, sizes.text_layers, state];
        // Above 2^24 nothing real lies, and below it products of two sizes stay far from overflow.
        if all.iter().any(|size| *size == 0 || *size > 1 << 24) {
            return Err(format!("impossible sizes: {sizes:?}"));
        }
        if !state.is_multiple_of(BLOCK) {
            return Err(format!("its width {state} is no multiple of {BLOCK}: not a Whisper model"));
        }
        Ok(sizes)
    }
}

/// The tensor's shape when it has exactly `N` dimensions.
fn dims<const N: usize>(model: &Model<'_>, name: &str) -> Result<[usize; N], String> {
    let Tensor { shape, .. } = model.tensor(name)?;
    shape.as_slice().try_into().map_err(|_| format!("{name} has {} dimensions instead of {N}", shape.len()))
}

/// Writes a size as the format's 32-bit integer; sizes were bounded when they were read.
fn put_u32(out: &mut impl Write, size: usize) -> io::Result<()> {
    let size = u32::try_from(size).map_err(|_| io::Error::new(io::ErrorKind::InvalidInput, "a size does not fit 32 bits"))?;
    out.write_all(&size.to_le_bytes())
}
