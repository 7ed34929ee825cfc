//! What Whisper is told to expect: the words of a wholesale market, and how Chinese is written here.
//!
//! A prompt is text "that came before" the clip: Whisper spells and punctuates like it. It is short because every token of it is
//! decoded before the first word of the clip.

use crate::language::Language;

/// Simplified characters with punctuation, for Chinese in general.
const ZH_STYLE: &str = "以下是普通话的句子。";

/// The trade's words in Chinese. Only 、 and 。 separate them: Whisper spells ， and ？ with three tokens each, and having seen them
/// in a prompt it tries to write them and now and then gets the last byte wrong (Ｇ).
const ZH_MARKET: &str =
    "以下是义乌批发市场里的对话。现货、样品、起订量、批发价、打折、定金、尾款、装箱、包邮、货柜、多少钱一个。三块五、五百件。";

/// The trade's words in English.
const EN_MARKET: &str =
    "At the wholesale market: sample, in stock, MOQ, unit price, discount, deposit, balance, carton, yuan, shipping, lead time.";

/// How the language is written, when Whisper has to be told.
pub fn style(language: Language) -> Option<&'static str> {
    (language == Language::ZH).then_some(ZH_STYLE)
}

/// The words of a wholesale market in `language`, written like its captions; includes [`style`].
pub fn market_vocabulary(language: Language) -> Option<&'static str> {
    match language {
        Language::ZH => Some(ZH_MARKET),
        Language::EN => Some(EN_MARKET),
        _ => style(language),
    }
}
