//! A tiny random Qwen2 is converted and run; the same forward pass, written plainly below, must give the same logits.

use ort::value::Tensor as OrtTensor;

use super::{
    quantize::{self, BLOCK, Bits, Quantized},
    *,
};
use crate::{
    inference::onnx,
    models::gguf::{Tensor, tests::Builder},
};

const LAYERS: usize = 2;
const HIDDEN: usize = 64;
const HEADS: usize = 4;
const KV_HEADS: usize = 2;
const HEAD: usize = HIDDEN / HEADS;
const FEED_FORWARD: usize = 96;
const VOCABULARY: usize = 48;
const ROPE_BASE: f32 = 10_000.0;
const EPSILON: f32 = 1e-6;

/// Numbers around 0, the same in every run (splitmix64).
fn random(seed: &mut u64, count: usize, size: f32) -> Vec<f32> {
    (0..count)
        .map(|_| {
            *seed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let z = (*seed ^ (*seed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            ((z >> 40) as f32 / (1u64 << 23) as f32 - 1.0) * size
        })
        .collect()
}

fn tiny_model(tied: bool) -> Vec<u8> {
    let mut seed = 7;
    let tokens: Vec<String> = (0..VOCABULARY)
        .map(|i| match i {
            0..26 => char::from(b'a' + i as u8).to_string(),
            26 => "ab".into(),
            27 => "<|im_end|>".into(),
            _ => format!("[PAD{i}]"),
        })
        .collect();
    let types: Vec<i32> = (0..VOCABULARY)
        .map(|i| {
            if i == 27 {
                3
            } else if i > 27 {
                5
            } else {
                1
            }
        })
        .collect();
    let mut file = Builder::default()
        .string("general.architecture", "qwen2")
        .u32("qwen2.block_count", LAYERS as u32)
        .u32("qwen2.context_length", 128)
        .u32("qwen2.embedding_length", HIDDEN as u32)
        .u32("qwen2.feed_forward_length", FEED_FORWARD as u32)
        .u32("qwen2.attention.head_count", HEADS as u32)
        .u32("qwen2.attention.head_count_kv", KV_HEADS as u32)
        .f32("qwen2.rope.freq_base", ROPE_BASE)
        .f32("qwen2.attention.layer_norm_rms_epsilon", EPSILON)
        .string("tokenizer.ggml.model", "gpt2")
        .string("tokenizer.ggml.pre", "qwen2")
        .strings("tokenizer.ggml.tokens", &tokens)
        .ints("tokenizer.ggml.token_type", &types)
        .strings("tokenizer.ggml.merges", &["a b".into()]);
    let mut add = |file: Builder, name: String, rows: usize, columns: usize, size: f32, around: f32| {
        let values: Vec<f32> = random(&mut seed, rows * columns, size).iter().map(|x| x + around).collect();
        let dims = if rows == 1 { vec![columns as u64] } else { vec![columns as u64, rows as u64] };
        file.floats(&name, &dims, &values)
    };
    file = add(file, "token_embd.weight".into(), VOCABULARY, HIDDEN, 1.0, 0.0);
    if !tied {
        file = add(file, "output.weight".into(), VOCABULARY, HIDDEN, 1.0, 0.0);
    }
    file = add(file, "output_norm.weight".into(), 1, HIDDEN, 0.2, 1.0);
    for layer in 0..LAYERS {
        let kv = KV_HEADS * HEAD;
        for (part, rows, columns, size, around) in [
            ("attn_norm.weight", 1, HIDDEN, 0.2, 1.0),
            ("attn_q.weight", HIDDEN, HIDDEN, 0.2, 0.0),
            ("attn_q.bias", 1, HIDDEN, 0.5, 0.0),
            ("attn_k.weight", kv, HIDDEN, 0.2, 0.0),
            ("attn_k.bias", 1, kv, 0.5, 0.0),
            ("attn_v.weight", kv, HIDDEN, 0.2, 0.0),
            ("attn_v.bias", 1, kv, 0.5, 0.0),
            ("attn_output.weight", HIDDEN, HIDDEN, 0.2, 0.0),
            ("ffn_norm.weight", 1, HIDDEN, 0.2, 1.0),
            ("ffn_gate.weight", FEED_FORWARD, HIDDEN, 0.2, 0.0),
            ("ffn_up.weight", FEED_FORWARD, HIDDEN, 0.2, 0.0),
            ("ffn_down.weight", HIDDEN, FEED_FORWARD, 0.2, 0.0),
        ] {
            file = add(file, format!("blk.{layer}.{part}"), rows, columns, size, around);
        }
    }
    file.build()
}

/// What the stored codes say, row after row.
fn dequantized(q: &Quantized) -> Vec<f32> {
    let blocks = q.columns / BLOCK;
    let mut values = Vec::new();
    for i in 0..q.rows * q.columns {
        let (row, column) = (i / q.columns, i % q.columns);
        let block = column / BLOCK;
        let scale = q.scales[row * blocks + block];
        let (code, zero) = match q.bits {
            Bits::Eight => (q.codes[i], 128),
            Bits::Four => {
                let zeros = q.zero_points[row * blocks.div_ceil(2) + block / 2];
                ((q.codes[i / 2] >> (4 * (i % 2))) & 15, (zeros >> (4 * (block % 2))) & 15)
            }
        };
        values.push(scale * (f32::from(code) - f32::from(zero)));
    }
    values
}

/// The reference: one position at a time, `f32`, nothing fused, on the weights as stored.
struct Reference<'a> {
    model: &'a Gguf<'a>,
}

impl Reference<'_> {
    fn tensor(&self, name: &str) -> &Tensor<'_> {
        self.model.find(name).unwrap()
    }

    fn matrix(&self, name: &str, bits: Bits) -> Vec<f32> {
        dequantized(&quantize::rows(&[self.tensor(name)], bits).unwrap())
    }

    fn times(&self, name: &str, bits: Bits, x: &[f32]) -> Vec<f32> {
        self.matrix(name, bits).chunks(x.len()).map(|row| row.iter().zip(x).map(|(a, b)| a * b).sum()).collect()
    }

    fn norm(&self, name: &str, x: &[f32]) -> Vec<f32> {
        let weight = self.tensor(name).read_all().unwrap();
        let rms = (x.iter().map(|v| v * v).sum::<f32>() / x.len() as f32 + EPSILON).sqrt();
        x.iter().zip(weight).map(|(v, w)| v / rms * w).collect()
    }

    fn rotate(x: &mut [f32], position: usize) {
        for head in x.chunks_mut(HEAD) {
            for i in 0..HEAD / 2 {
                let angle = position as f32 * ROPE_BASE.powf(-2.0 * i as f32 / HEAD as f32);
                let (a, b) = (head[i], head[i + HEAD / 2]);
                head[i] = a * angle.cos() - b * angle.sin();
                head[i + HEAD / 2] = b * angle.cos() + a * angle.sin();
            }
        }
    }

    fn logits(&self, tokens: &[usize]) -> Vec<f32> {
        // What the graph shares when the model is tied.
        let output = if self.model.find("output.weight").is_some() { "output.weight" } else { "token_embd.weight" };
        let embedding = self.matrix("token_embd.weight", Bits::Eight);
        let mut stream: Vec<Vec<f32>> = tokens.iter().map(|t| embedding[t * HIDDEN..(t + 1) * HIDDEN].to_vec()).collect();
        for layer in 0..LAYERS {
            let name = |part: &str| format!("blk.{layer}.{part}");
            let project = |part: &str, x: &[f32], position: Option<usize>| {
                let bias = self.tensor(&name(&format!("{part}.bias"))).read_all().unwrap();
                let mut y = self.times(&name(&format!("{part}.weight")), Bits::Four, x);
                y.iter_mut().zip(bias).for_each(|(y, b)| *y += b);
                position.into_iter().for_each(|p| Self::rotate(&mut y, p));
                y
            };
            let normed: Vec<Vec<f32>> = stream.iter().map(|x| self.norm(&name("attn_norm.weight"), x)).collect();
            let keys: Vec<Vec<f32>> = normed.iter().enumerate().map(|(p, x)| project("attn_k", x, Some(p))).collect();
            let values: Vec<Vec<f32>> = normed.iter().map(|x| project("attn_v", x, None)).collect();
            for (position, x) in normed.iter().enumerate() {
                let query = project("attn_q", x, Some(position));
                let mut mixed = Vec::new();
                for (head, q) in query.chunks(HEAD).enumerate() {
                    let kv = head / (HEADS / KV_HEADS) * HEAD..(head / (HEADS / KV_HEADS) + 1) * HEAD;
                    let score = |key: &Vec<f32>| {
                        (q.iter().zip(&key[kv.clone()]).map(|(a, b)| a * b).sum::<f32>() / (HEAD as f32).sqrt()).exp()
                    };
                    let weights: Vec<f32> = keys[..=position].iter().map(score).collect();
                    let total: f32 = weights.iter().sum();
                    mixed.extend(kv.map(|i| weights.iter().zip(&values).map(|(w, v)| w * v[i]).sum::<f32>() / total));
                }
                let attention = self.times(&name("attn_output.weight"), Bits::Four, &mixed);
                stream[position].iter_mut().zip(attention).for_each(|(s, a)| *s += a);
                let x = self.norm(&name("ffn_norm.weight"), &stream[position]);
                let gate = self.times(&name("ffn_gate.weight"), Bits::Four, &x);
                let up = self.times(&name("ffn_up.weight"), Bits::Four, &x);
                let gated: Vec<f32> = gate.iter().zip(up).map(|(g, u)| g / (1.0 + (-g).exp()) * u).collect();
                let down = self.times(&name("ffn_down.weight"), Bits::Four, &gated);
                stream[position].iter_mut().zip(down).for_each(|(s, d)| *s += d);
            }
        }
        self.times(output, Bits::Eight, &self.norm("output_norm.weight", stream.last().unwrap()))
    }
}

fn converted(tied: bool) -> (tempfile::TempDir, Vec<u8>) {
    let dir = tempfile::tempdir().unwrap();
    let file = tiny_model(tied);
    std::fs::write(dir.path().join("tiny.gguf"), &file).unwrap();
    convert(&dir.path().join("tiny.gguf"), &dir.path().join("out")).unwrap();
    (dir, file)
}

/// One run of the converted graph: logits of the last `kept` positions and the new cache.
fn run(
    session: &mut ort::session::Session,
    tokens: &[usize],
    past: &[ort::value::DynValue],
    kept: usize,
) -> (Vec<f32>, Vec<ort::value::DynValue>) {
    let length = tokens.len() + past.first().map_or(0, |v| v.shape()[2] as usize);
    let ids: Vec<i64> = tokens.iter().map(|t| *t as i64).collect();
    let mut inputs: Vec<(String, ort::session::SessionInputValue<'_>)> = vec![
        ("input_ids".into(), OrtTensor::from_array(([1, ids.len()], ids)).unwrap().into()),
        ("attention_mask".into(), OrtTensor::from_array(([1, length], vec![1i64; length])).unwrap().into()),
        ("num_logits_to_keep".into(), OrtTensor::from_array(((), vec![kept as i64])).unwrap().into()),
    ];
    for i in 0..LAYERS * 2 {
        let name = format!("past_key_values.{}.{}", i / 2, ["key", "value"][i % 2]);
        let value = match past.get(i) {
            Some(value) => value.into(),
            None => OrtTensor::<f32>::new(session.allocator(), [1, KV_HEADS, 0, HEAD]).unwrap().into(),
        };
        inputs.push((name, value));
    }
    let mut outputs = session.run(inputs).unwrap();
    let logits = outputs.remove("logits").unwrap();
    let cache =
        (0..LAYERS * 2).map(|i| outputs.remove(format!("present.{}.{}", i / 2, ["key", "value"][i % 2])).unwrap()).collect();
    let (shape, scores) = logits.try_extract_tensor::<f32>().unwrap();
    let expected = if kept == 0 { tokens.len() } else { kept };
    assert_eq!(&shape[..], [1, expected as i64, VOCABULARY as i64]);
    (scores.to_vec(), cache)
}

#[test]
fn the_graph_computes_what_the_model_means() {
    crate::models::load_test_runtime();
    for tied in [true, false] {
        let (dir, file) = converted(tied);
        let model = Gguf::parse(&file).unwrap();
        let tokens = [3, 17, 5, 40, 11, 8, 8, 29, 1];
        let expected = Reference { model: &model }.logits(&tokens);
        let mut session = onnx::session(&dir.path().join("out").join(MODEL_FILE), &onnx::SessionOptions::cpu(1)).unwrap();
        let (whole, _) = run(&mut session, &tokens, &[], 1);
        // The same in two steps, through the cache.
        let (_, cache) = run(&mut session, &tokens[..6], &[], 1);
        let (stepped, _) = run(&mut session, &tokens[6..], &cache, 1);

        // The runtime rounds activations to 8 bits per block of 32, the reference does not: about 1 % per product.
        let norm = expected.iter().map(|x| x * x).sum::<f32>().sqrt();
        for (name, logits) in [("whole", &whole), ("stepped", &stepped)] {
            let error = logits.iter().zip(&expected).map(|(a, b)| (a - b).powi(2)).sum::<f32>().sqrt() / norm;
            assert!(error < 0.05, "tied {tied}, {name}: relative error {error}");
        }
        // What follows the positions before the last: as many as are wanted, or all.
        let (last, _) = run(&mut session, &tokens[6..], &cache, 2);
        let (all, _) = run(&mut session, &tokens, &[], 0);
        let (before, _) = run(&mut session, &tokens[..8], &[], 1);
        assert_eq!((&last[VOCABULARY..], &all[8 * VOCABULARY..]), (&stepped[..], &whole[..]));
        for row in [&last[..VOCABULARY], &all[7 * VOCABULARY..8 * VOCABULARY]] {
            let apart = row.iter().zip(&before).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert!(apart < 1e-3 * norm, "tied {tied}: {apart}");
        }
    }
}

#[test]
fn the_same_bytes_every_time_and_one_copy_of_a_tied_embedding() {
    let read = |dir: &tempfile::TempDir, name: &str| std::fs::read(dir.path().join("out").join(name)).unwrap();
    let ((first, _), (second, _)) = (converted(true), converted(true));
    for name in [MODEL_FILE, DATA_FILE, TOKENIZER_FILE] {
        assert!(read(&first, name) == read(&second, name), "{name}");
    }
    assert_eq!(std::fs::read_dir(first.path().join("out")).unwrap().count(), 3, "nothing unfinished is left");
    let (untied, _) = converted(false);
    assert!(read(&untied, DATA_FILE).len() >= read(&first, DATA_FILE).len() + VOCABULARY * HIDDEN);
}

#[test]
fn broken_models_are_errors_and_leave_no_model() {
    let dir = tempfile::tempdir().unwrap();
    let file = tiny_model(true);
    let input = dir.path().join("broken.gguf");
    let out = dir.path().join("out");
    // Every length in the header and a sample of those in the data.
    for length in (0..file.len()).step_by(997) {
        std::fs::write(&input, &file[..length]).unwrap();
        assert!(convert(&input, &out).is_err(), "{length} bytes");
    }
    let other = Builder::default().string("general.architecture", "llama").build();
    std::fs::write(&input, other).unwrap();
    assert!(matches!(convert(&input, &out), Err(ConvertError::Format { .. })));
    assert!(matches!(convert(&dir.path().join("none.gguf"), &out), Err(ConvertError::Io { .. })));
    assert_eq!(std::fs::read_dir(&out).map_or(0, Iterator::count), 0);
}

#[test]
fn the_tokenizer_merges_and_keeps_control_apart() {
    let (dir, _) = converted(true);
    let tokenizer = crate::mt::tokenizer::Tokenizer::load(&dir.path().join("out").join(TOKENIZER_FILE)).unwrap();
    assert_eq!(tokenizer.encode("cab").unwrap(), [2, 26]);
    assert_eq!(tokenizer.control("<|im_end|>").unwrap(), 27);
    assert!(tokenizer.control("<|im_start|>").is_err());
    assert!(!tokenizer.encode("a<|im_end|>b").unwrap().contains(&27));
    assert_eq!(tokenizer.decode(&[2, 26]).unwrap(), "cab");
}
