//! A tiny model in CTranslate2's format, written by hand here, goes through the converter and is read back by a second,
//! independent reader of the GGML format.

use std::{collections::BTreeMap, path::PathBuf};

use super::*;

const STATE: usize = 32;
const VOCAB: usize = 9;
const MELS: usize = 80;

/// What a CTranslate2 file is made of; tests break one thing of [`tiny`].
#[derive(Clone)]
struct Variable {
    name: String,
    shape: Vec<usize>,
    kind: u8,
    data: Vec<u8>,
}

/// Values that survive 16-bit floats exactly and differ everywhere.
fn value(name: &str, index: usize) -> f32 {
    let seed = name.bytes().fold(7_usize, |sum, b| (sum * 31 + usize::from(b)) % 509);
    ((seed + index * 3) % 1021) as f32 / 64.0 - 4.0
}

fn floats(name: &str, shape: &[usize]) -> Variable {
    let count: usize = shape.iter().product();
    let data = (0..count).flat_map(|i| f16::from_f32(value(name, i)).to_le_bytes()).collect();
    Variable { name: name.into(), shape: shape.to_vec(), kind: 4, data }
}

fn tiny() -> Vec<Variable> {
    let n = STATE;
    let heads = |side: &str| Variable { name: format!("{side}/num_heads"), shape: vec![], kind: 2, data: vec![2, 0] };
    let mut all = vec![
        heads("encoder"),
        heads("decoder"),
        floats("encoder/position_encodings/encodings", &[6, n]),
        floats("encoder/conv1/weight", &[n, MELS, 3]),
        floats("encoder/conv1/bias", &[n]),
        floats("encoder/conv2/weight", &[n, n, 3]),
        floats("encoder/conv2/bias", &[n]),
        floats("decoder/position_encodings/encodings", &[5, n]),
        floats("decoder/embeddings/weight", &[VOCAB, n]),
    ];
    let mut linear = |name: String, rows: usize, columns: usize| {
        all.push(floats(&format!("{name}/weight"), &[rows, columns]));
        all.push(floats(&format!("{name}/bias"), &[rows]));
    };
    for layer in ["encoder/layer_0", "decoder/layer_0"] {
        linear(format!("{layer}/self_attention/linear_0"), 3 * n, n);
        linear(format!("{layer}/self_attention/linear_1"), n, n);
        linear(format!("{layer}/ffn/linear_0"), 4 * n, n);
        linear(format!("{layer}/ffn/linear_1"), n, 4 * n);
    }
    linear("decoder/layer_0/attention/linear_0".into(), n, n);
    linear("decoder/layer_0/attention/linear_1".into(), 2 * n, n);
    linear("decoder/layer_0/attention/linear_2".into(), n, n);
    for norm in [
        "encoder/layer_norm",
        "decoder/layer_norm",
        "encoder/layer_0/self_attention/layer_norm",
        "encoder/layer_0/ffn/layer_norm",
        "decoder/layer_0/self_attention/layer_norm",
        "decoder/layer_0/attention/layer_norm",
        "decoder/layer_0/ffn/layer_norm",
    ] {
        all.push(floats(&format!("{norm}/gamma"), &[n]));
        all.push(floats(&format!("{norm}/beta"), &[n]));
    }
    all
}

fn string(text: &str) -> Vec<u8> {
    let mut bytes = u16::try_from(text.len() + 1).unwrap().to_le_bytes().to_vec();
    bytes.extend(text.bytes());
    bytes.push(0);
    bytes
}

fn number(value: usize) -> [u8; 4] {
    u32::try_from(value).unwrap().to_le_bytes()
}

fn ct2_file(variables: &[Variable]) -> Vec<u8> {
    let mut bytes = number(6).to_vec();
    bytes.extend(string("WhisperSpec"));
    bytes.extend(number(3));
    bytes.extend(number(variables.len()));
    for v in variables {
        bytes.extend(string(&v.name));
        bytes.push(u8::try_from(v.shape.len()).unwrap());
        v.shape.iter().for_each(|size| bytes.extend(number(*size)));
        bytes.push(v.kind);
        bytes.extend(number(v.data.len()));
        bytes.extend(&v.data);
    }
    bytes.extend(number(1));
    bytes.extend(string("decoder/projection/weight"));
    bytes.extend(string("decoder/embeddings/weight"));
    bytes
}

const TOKENIZER: &str = r#"{"model": {"vocab": {"a": 0, "Ġthe": 1, "ä¸Ģ": 2, "": 3, "Ċ": 4, "<|endoftext|>": 5}},
    "added_tokens": [{"id": 5, "content": "<|endoftext|>"}]}"#;

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn convert(&self, model: &[u8], tokenizer: &str) -> Result<Vec<u8>, ConvertError> {
        fs::write(self.path("model.bin"), model).unwrap();
        fs::write(self.path("tokenizer.json"), tokenizer).unwrap();
        convert(&self.path("model.bin"), &self.path("tokenizer.json"), &self.path("out.bin"))?;
        Ok(fs::read(self.path("out.bin")).unwrap())
    }
}

/// The GGML file as whisper.cpp's loader would see it.
struct Ggml {
    hparams: Vec<u32>,
    filters: Vec<f32>,
    tokens: Vec<Vec<u8>>,
    /// Name -> (sizes, innermost first; element type; values).
    tensors: BTreeMap<String, (Vec<u32>, u32, Vec<f32>)>,
}

fn read_ggml(mut bytes: &[u8]) -> Ggml {
    fn take<'a>(bytes: &mut &'a [u8], len: usize) -> &'a [u8] {
        let (taken, rest) = bytes.split_at(len);
        *bytes = rest;
        taken
    }
    fn u32_of(bytes: &mut &[u8]) -> u32 {
        u32::from_le_bytes(take(bytes, 4).try_into().unwrap())
    }
    assert_eq!(take(&mut bytes, 4), b"lmgg");
    let hparams: Vec<u32> = (0..11).map(|_| u32_of(&mut bytes)).collect();
    let count = u32_of(&mut bytes) * u32_of(&mut bytes);
    let filters = (0..count).map(|_| f32::from_bits(u32_of(&mut bytes))).collect();
    let tokens = (0..u32_of(&mut bytes))
        .map(|_| {
            let len = u32_of(&mut bytes) as usize;
            take(&mut bytes, len).to_vec()
        })
        .collect();
    let mut tensors = BTreeMap::new();
    while !bytes.is_empty() {
        let (rank, name_len, kind) = (u32_of(&mut bytes), u32_of(&mut bytes) as usize, u32_of(&mut bytes));
        let sizes: Vec<u32> = (0..rank).map(|_| u32_of(&mut bytes)).collect();
        let name = String::from_utf8(take(&mut bytes, name_len).to_vec()).unwrap();
        let count: u32 = sizes.iter().product();
        let half = |bytes: &mut &[u8]| f16::from_le_bytes(take(bytes, 2).try_into().unwrap()).to_f32();
        let values = match kind {
            0 => (0..count).map(|_| f32::from_bits(u32_of(&mut bytes))).collect(),
            1 => (0..count).map(|_| half(&mut bytes)).collect(),
            _ => (0..count / 32)
                .flat_map(|_| {
                    let scale = half(&mut bytes);
                    take(&mut bytes, 32).iter().map(move |step| f32::from(step.cast_signed()) * scale)
                })
                .collect(),
        };
        tensors.insert(name, (sizes, kind, values));
    }
    Ggml { hparams, filters, tokens, tensors }
}

#[test]
fn every_value_arrives_where_whisper_cpp_looks_for_it() {
    let ggml = read_ggml(&Folder::new().convert(&ct2_file(&tiny()), TOKENIZER).unwrap());
    assert_eq!(ggml.hparams, [9, 6, 32, 2, 1, 5, 32, 2, 1, 80, 2007]);
    assert_eq!(ggml.filters.len(), 80 * 201);
    assert_eq!(ggml.tokens, [b"a".to_vec(), b" the".to_vec(), "一".into(), vec![], b"\n".to_vec()]);
    // 5 + 15 per encoder layer + 24 per decoder layer, and the two final norms, two position tables and the embedding.
    assert_eq!(ggml.tensors.len(), 5 + 2 + 15 + 4 + 24);

    let square = STATE * STATE;
    let expect = |name: &str, sizes: &[u32], kind: u32, source: &str, first: usize| {
        let (got_sizes, got_kind, values) = &ggml.tensors[name];
        assert_eq!((got_sizes.as_slice(), *got_kind), (sizes, kind), "{name}");
        let expected: Vec<f32> = (0..values.len()).map(|i| value(source, first + i)).collect();
        // Half a step of the coarsest block (magnitudes are below 12), and a scale of 11 bits.
        let error = if kind == 8 { 0.5 * 12.0 / 127.0 + 12.0 / 2048.0 } else { 0.0 };
        assert_eq!(values.len(), expected.len(), "{name}");
        assert!(values.iter().zip(&expected).all(|(value, expected)| (value - expected).abs() <= error), "{name}");
    };
    let own = "encoder/layer_0/self_attention/linear_0";
    expect("encoder.blocks.0.attn.query.weight", &[32, 32], 8, &format!("{own}/weight"), 0);
    expect("encoder.blocks.0.attn.key.weight", &[32, 32], 8, &format!("{own}/weight"), square);
    expect("encoder.blocks.0.attn.value.weight", &[32, 32], 8, &format!("{own}/weight"), 2 * square);
    expect("encoder.blocks.0.attn.query.bias", &[32], 0, &format!("{own}/bias"), 0);
    expect("encoder.blocks.0.attn.value.bias", &[32], 0, &format!("{own}/bias"), 2 * STATE);
    assert!(!ggml.tensors.contains_key("encoder.blocks.0.attn.key.bias"));
    let cross = "decoder/layer_0/attention/linear_1";
    expect("decoder.blocks.0.cross_attn.query.weight", &[32, 32], 8, "decoder/layer_0/attention/linear_0/weight", 0);
    expect("decoder.blocks.0.cross_attn.key.weight", &[32, 32], 8, &format!("{cross}/weight"), 0);
    expect("decoder.blocks.0.cross_attn.value.weight", &[32, 32], 8, &format!("{cross}/weight"), square);
    expect("decoder.blocks.0.cross_attn.value.bias", &[32], 0, &format!("{cross}/bias"), STATE);
    expect("decoder.blocks.0.cross_attn.out.bias", &[32], 0, "decoder/layer_0/attention/linear_2/bias", 0);
    expect("decoder.blocks.0.mlp.2.weight", &[128, 32], 8, "decoder/layer_0/ffn/linear_1/weight", 0);
    expect("decoder.token_embedding.weight", &[32, 9], 8, "decoder/embeddings/weight", 0);
    expect("decoder.positional_embedding", &[32, 5], 0, "decoder/position_encodings/encodings", 0);
    expect("encoder.conv1.weight", &[3, 80, 32], 1, "encoder/conv1/weight", 0);
    expect("encoder.conv2.bias", &[1, 32], 0, "encoder/conv2/bias", 0);
    expect("encoder.ln_post.weight", &[32], 0, "encoder/layer_norm/gamma", 0);
}

#[test]
fn a_block_is_its_largest_magnitude_and_steps_of_it() {
    let mut values = [0.0; BLOCK];
    values[..4].copy_from_slice(&[127.0, -127.0, 2.5, -0.4]);
    let block = q8_0(&values);
    assert_eq!(block[..2], f16::ONE.to_le_bytes());
    assert_eq!(block[2..6], [127, 0x81, 3, 0]);
    assert_eq!(q8_0(&[0.0; BLOCK]), [0; 2 + BLOCK]);
    // What no whole model has must not bring the converter down.
    q8_0(&[f32::NAN; BLOCK]);
    q8_0(&[f32::INFINITY; BLOCK]);
}

#[test]
fn weights_of_32_bits_give_the_same_file() {
    let wide: Vec<Variable> = tiny()
        .into_iter()
        .map(|v| match v.kind {
            4 => {
                let data = v.data.chunks(2).flat_map(|b| f16::from_le_bytes([b[0], b[1]]).to_f32().to_le_bytes()).collect();
                Variable { kind: 0, data, ..v }
            }
            _ => v,
        })
        .collect();
    let folder = Folder::new();
    assert_eq!(folder.convert(&ct2_file(&wide), TOKENIZER).unwrap(), folder.convert(&ct2_file(&tiny()), TOKENIZER).unwrap());
}

#[test]
fn a_model_cut_short_anywhere_is_an_error() {
    let whole = ct2_file(&tiny());
    for len in 0..whole.len() {
        assert!(Model::parse(&whole[..len]).is_err(), "{len} of {} bytes", whole.len());
    }
    let folder = Folder::new();
    for len in [0, 1, 40, whole.len() / 2, whole.len() - 1] {
        let error = folder.convert(&whole[..len], TOKENIZER).unwrap_err();
        assert!(error.to_string().contains("model.bin"), "{error}");
    }
    assert_eq!(fs::read_dir(folder.0.path()).unwrap().count(), 2, "a failed conversion leaves nothing behind");
}

#[test]
fn a_corrupt_byte_never_panics() {
    let whole = ct2_file(&tiny());
    for at in 0..whole.len() {
        for flip in [0x01, 0x80, 0xFF] {
            let mut bytes = whole.clone();
            bytes[at] ^= flip;
            let _ = Model::parse(&bytes).and_then(|model| Plan::new(&model).map(|_| ()));
        }
    }
}

#[test]
fn what_is_not_a_convertible_whisper_model_is_refused_by_name() {
    let refusal = |change: &dyn Fn(&mut Vec<Variable>)| {
        let mut variables = tiny();
        change(&mut variables);
        Folder::new().convert(&ct2_file(&variables), TOKENIZER).unwrap_err().to_string()
    };
    let position = |v: &[Variable], name: &str| v.iter().position(|v| v.name == name).unwrap();
    let quantised = refusal(&|v| {
        let at = position(v, "decoder/layer_0/ffn/linear_0/weight");
        v[at].kind = 1;
        v[at].data.truncate(4 * STATE * STATE);
    });
    assert!(quantised.contains("int8"), "{quantised}");
    let missing = refusal(&|v| v.retain(|v| v.name != "encoder/conv2/bias"));
    assert!(missing.contains("encoder/conv2/bias"), "{missing}");
    let reshaped = refusal(&|v| {
        let at = position(v, "encoder/layer_0/self_attention/linear_0/weight");
        v[at].shape = vec![STATE, 3 * STATE];
    });
    assert!(reshaped.contains("linear_0/weight"), "{reshaped}");
    let twice = refusal(&|v| v.push(v[0].clone()));
    assert!(twice.contains("twice"), "{twice}");
}

#[test]
fn a_tokenizer_with_a_hole_a_double_or_foreign_letters_is_refused() {
    for tokenizer in [
        "",
        "{}",
        r#"{"model": {"vocab": {"a": 0}}}"#,
        r#"{"model": {"vocab": {"a": 0, "b": 2, "<|endoftext|>": 3}}}"#,
        r#"{"model": {"vocab": {"a": 0, "b": 0, "<|endoftext|>": 2}}}"#,
        r#"{"model": {"vocab": {"一": 0, "<|endoftext|>": 1}}}"#,
        r#"{"model": {"vocab": {"a": 0, "<|endoftext|>": 4000000000}}}"#,
    ] {
        let error = Folder::new().convert(&ct2_file(&tiny()), tokenizer).unwrap_err();
        assert!(error.to_string().contains("tokenizer.json"), "{error}");
    }
}

#[test]
fn every_byte_has_one_letter() {
    let tokens: Vec<String> = (0..=255_u8).map(|byte| format!("\"{}\": {byte}", letter(byte))).collect();
    let json = format!(r#"{{"model": {{"vocab": {{{}, "<|endoftext|>": 256}}}}}}"#, tokens.join(", "));
    let bytes: Vec<Vec<u8>> = (0..=255_u8).map(|byte| vec![byte]).collect();
    assert_eq!(vocab::base_tokens(json.as_bytes()).unwrap(), bytes);
}

/// GPT-2's `bytes_to_unicode`, straight from its definition, escaped for JSON.
fn letter(byte: u8) -> String {
    let printable = |b: u8| (b'!'..=b'~').contains(&b) || (0xA1..=0xAC).contains(&b) || b >= 0xAE;
    let c = if printable(byte) { u32::from(byte) } else { 256 + (0..byte).filter(|b| !printable(*b)).count() as u32 };
    format!("\\u{c:04x}")
}

#[test]
fn the_filterbank_is_the_one_openai_ships() {
    let filters = mel::slaney_filterbank(80, FFT_SIZE, mel::SAMPLE_RATE);
    let band = |n: usize| &filters[n * 201..(n + 1) * 201];
    // From mel_filters.npz in OpenAI's whisper repository.
    let shipped: [(usize, usize, &[f32]); 4] = [
        (0, 1, &[0.024_862_595]),
        (1, 1, &[0.001_990_822, 0.022_871_772]),
        (40, 42, &[0.005_411_105, 0.014_735_566, 0.006_518_19]),
        (
            79,
            186,
            &[
                0.000_366_742,
                0.000_833_07,
                0.001_299_398,
                0.001_765_727,
                0.002_232_055,
                0.002_698_383,
                0.003_164_712,
                0.003_141_313,
                0.002_692_554,
                0.002_243_795,
                0.001_795_036,
                0.001_346_277,
                0.000_897_518,
                0.000_448_759,
            ],
        ),
    ];
    for (number, first, weights) in shipped {
        for (bin, weight) in band(number).iter().enumerate() {
            let expected = bin.checked_sub(first).and_then(|i| weights.get(i)).copied().unwrap_or(0.0);
            assert!((weight - expected).abs() < 1e-8, "band {number}, bin {bin}: {weight} instead of {expected}");
        }
    }
    let sum: f64 = filters.iter().map(|w| f64::from(*w)).sum();
    assert!((sum - 1.999_024_092).abs() < 1e-6, "{sum}");
    for n in 0..80 {
        let first = band(n).iter().position(|w| *w > 0.0).unwrap();
        let last = band(n).iter().rposition(|w| *w > 0.0).unwrap();
        assert!(band(n)[first..=last].iter().all(|w| *w > 0.0), "band {n} is one triangle");
        assert!(first > 0 && last < 201, "band {n} leaves out the constant");
    }
}
