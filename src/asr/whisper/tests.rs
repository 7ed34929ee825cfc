//! The window's arithmetic, and the engine on real weights: known recordings, silence, cancellation, bad input.

use super::*;

/// The converted model; the tests of engines need `make models` to have run.
fn model() -> &'static SharedModel {
    static MODEL: std::sync::LazyLock<SharedModel> = std::sync::LazyLock::new(|| {
        let path = crate::models::test_file("whisper-base", "ggml-base.bin");
        // One thread: the tests run side by side, and threads that wait for each other would make each other slow.
        Whisper::load(&path, WhisperOptions { threads: 1, ..WhisperOptions::default() }).unwrap_or_else(|e| panic!("{e}"))
    });
    &MODEL
}

fn fixture(name: &str) -> Vec<f32> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name);
    let reader = hound::WavReader::open(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    assert_eq!((reader.spec().sample_rate, reader.spec().channels), (16_000, 1));
    reader.into_samples::<i16>().map(|s| f32::from(s.unwrap()) / 32_768.0).collect()
}

fn job(samples: Vec<f32>, language: Spoken) -> AsrJob {
    AsrJob {
        samples: samples.into(),
        language,
        candidates: vec![Language::ZH, Language::EN],
        prompt: None,
        committed: None,
        partial: false,
    }
}

fn hear(job: &AsrJob) -> Hypothesis {
    model().recogniser().unwrap().recognise(job, &JobContext::detached()).unwrap()
}

#[test]
fn the_window_fits_the_clip() {
    assert_eq!(fitted_window(0, MARGIN), fitted_window(16_000, MARGIN), "short clips are padded to a second");
    assert_eq!(fitted_window(4 * 16_000, 192), 400);
    for samples in (0..480_000).step_by(1_237) {
        let window = fitted_window(samples, MARGIN);
        assert!(window * 320 >= samples + MARGIN * 320 && window.is_multiple_of(WINDOW_STEP));
    }
}

#[test]
fn a_missing_and_a_broken_model_say_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ggml-base.bin");
    let message = |path: &Path| Whisper::load(path, WhisperOptions::default()).err().unwrap().to_string();
    assert!(message(&path).contains("make models"));
    std::fs::write(&path, b"not a model").unwrap();
    assert!(message(&path).contains("models verify"));
}

#[test]
fn english_is_heard_with_times_and_probabilities() {
    let heard = hear(&job(fixture("jfk.wav"), Spoken::Fixed(Language::EN)));
    let text = heard.text.expose().to_lowercase();
    assert!(text.contains("my fellow americans") && text.contains("what you can do for your country"), "{text}");
    assert!(heard.no_speech < 0.3);
    let joined: String = heard.tokens.iter().map(|t| t.text.expose()).collect();
    assert_eq!(joined.trim(), heard.text.expose());
    assert!(
        heard.tokens.iter().all(|t| t.from <= t.to && t.to <= Duration::from_secs(11) && (0.0..=1.0).contains(&t.probability))
    );
    assert!(heard.tokens.is_sorted_by_key(|t| t.from));
}

#[test]
fn chinese_is_heard_in_simplified_characters_and_the_language_is_found() {
    let heard = hear(&job(fixture("aishell_trade.wav"), Spoken::Auto));
    assert_eq!(heard.language, Language::ZH);
    let text = heard.text.expose();
    assert!(text.contains("甚至出现交易几乎") && text.contains("的情况"), "{text}");
    assert_eq!(hear(&job(fixture("jfk.wav"), Spoken::Auto)).language, Language::EN);
}

#[test]
fn the_same_clip_gives_the_same_words_twice_in_one_state() {
    let mut whisper = model().recogniser().unwrap();
    let mut hear = |job: &AsrJob| whisper.recognise(job, &JobContext::detached()).unwrap();
    let chinese = job(fixture("aishell_trade.wav"), Spoken::Fixed(Language::ZH));
    let first = hear(&chinese);
    hear(&job(fixture("jfk.wav"), Spoken::Fixed(Language::EN)));
    assert_eq!(hear(&chinese), first, "nothing of another clip is left in the state");
}

#[test]
fn silence_and_faint_noise_are_empty() {
    for samples in [vec![], vec![0.0; 100], vec![0.0; 48_000]] {
        let heard = hear(&job(samples, Spoken::Fixed(Language::ZH)));
        assert!(heard.text.is_blank() && heard.tokens.is_empty());
    }
    let mut seed = 1_u32;
    let hiss: Vec<f32> = std::iter::repeat_with(|| {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        ((seed >> 16) as f32 / 32_768.0 - 1.0) * 0.01
    })
    .take(48_000)
    .collect();
    for language in [Language::ZH, Language::EN] {
        assert!(hear(&job(hiss.clone(), Spoken::Fixed(language))).text.is_blank(), "{language}");
    }
}

#[test]
fn a_cancelled_job_stops() {
    let context = JobContext::detached();
    context.cancel.cancel();
    let result = model().recogniser().unwrap().recognise(&job(fixture("jfk.wav"), Spoken::Auto), &context);
    assert_eq!(result, Err(JobError::Cancelled));
}

#[test]
fn input_that_no_microphone_gives_is_an_error() {
    let mut whisper = model().recogniser().unwrap();
    let mut refused =
        |samples: Vec<f32>| whisper.recognise(&job(samples, Spoken::Auto), &JobContext::detached()).unwrap_err().to_string();
    assert!(refused(vec![0.1; 31 * 16_000]).contains("longer"));
    assert!(refused(vec![f32::NAN; 16_000]).contains("not a number"));
}

#[test]
fn a_prompt_of_any_length_and_content_is_cut_to_fit() {
    let long = "起订量 discount \0 ".repeat(2_000);
    let tokens = model().prompt_tokens(Language::ZH, Some(&long), true).unwrap();
    assert_eq!(tokens.len(), MAX_PROMPT_TOKENS + 1);
    for language in Language::all() {
        let tokens = model().prompt_tokens(language, None, true).unwrap();
        assert!(tokens.len() <= 96, "{language}: the market's words take {} tokens", tokens.len());
    }
    let mut with_prompt = job(fixture("aishell_trade.wav"), Spoken::Fixed(Language::ZH));
    with_prompt.prompt = Some(Redacted::new(long));
    assert!(!hear(&with_prompt).text.is_blank(), "a full prompt still leaves room to answer");
}
