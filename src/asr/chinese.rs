//! Traditional to simplified characters: Whisper learned both and mixes them.
//!
//! Called by the engine for Chinese only. The conversion is OpenCC's `t2s` table (crate `ferrous-opencc`, embedded).

use std::{borrow::Cow, sync::LazyLock};

use ferrous_opencc::{OpenCC, config::BuiltinConfig};

/// Loaded at the first use (or by [`warm_up`]) and shared; nothing when the embedded table does not load.
static TO_SIMPLIFIED: LazyLock<Option<OpenCC>> = LazyLock::new(|| {
    OpenCC::from_config(BuiltinConfig::T2s).inspect_err(|error| tracing::error!(%error, "no table for simplified Chinese")).ok()
});

/// Loads the table now rather than in front of the first listener.
pub(super) fn warm_up() {
    LazyLock::force(&TO_SIMPLIFIED);
}

/// `text` in simplified characters.
pub(super) fn simplified(text: &str) -> Cow<'_, str> {
    match &*TO_SIMPLIFIED {
        Some(table) if !text.is_ascii() => Cow::Owned(table.convert(text)),
        _ => Cow::Borrowed(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn traditional_becomes_simplified_and_the_rest_stays() {
        assert_eq!(simplified("這個價錢可以嗎？"), "这个价钱可以吗？");
        assert_eq!(simplified("头发和发票，干净和干部"), "头发和发票，干净和干部");
        assert_eq!(simplified("头发，OK 3.5 元"), "头发，OK 3.5 元");
        assert_eq!(simplified("OK"), "OK");
    }
}
