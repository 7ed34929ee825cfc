//! What every language needs first: full-width forms, markdown, links, emoji and invisible characters.
//!
//! Keeps letters, digits, punctuation and the signs that a language's own rules read out; drops the rest.

use std::sync::LazyLock;

use regex::{Captures, Regex};

use super::{Rule, group};
use crate::language::Language;

static LINKS: LazyLock<[Rule; 3]> = LazyLock::new(|| {
    [
        Rule::new(r"!?\[([^\[\]]*)\]\([^()\s]*\)", |m| Some(group(m, 1).to_owned())),
        // The host is enough to recognise an address by ear; paths and queries are not meant for ears.
        Rule::new(r"(?i)\b(?:https?|ftp)://(?:www\.)?([a-z0-9.-]+)[^\s\u{3000}-\u{ffff}]*", |m| Some(host(m))),
        Rule::new(r"(?i)\bwww\.([a-z0-9-]+(?:\.[a-z0-9-]+)+)[^\s\u{3000}-\u{ffff}]*", |m| Some(host(m))),
    ]
});
static ADDRESS: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?i)[a-z][a-z0-9_-]*(?:\.[a-z0-9_-]+)*@?[a-z0-9.-]*\.(?:com|cn|net|org|io|ru|shop)\b")
        .unwrap_or_else(|e| panic!("{e}"))
});

fn host(found: &Captures<'_>) -> String {
    format!(" {} ", group(found, 1).trim_end_matches(['.', '-']))
}

pub(super) fn clean(language: Language, text: &str) -> String {
    let mut text: String = text.chars().filter_map(fold).collect();
    for rule in LINKS.iter() {
        text = rule.apply(text);
    }
    let (dot, at) = match language {
        Language::ZH => ("点", " at "),
        Language::EN => (" dot ", " at "),
        _ => (".", "@"),
    };
    if dot != "." {
        text = ADDRESS.replace_all(&text, |m: &Captures<'_>| group(m, 0).replace('.', dot).replace('@', at)).into_owned();
    }
    text.chars()
        .filter(|c| keep(*c))
        .map(|c| if matches!(c, '`' | '|' | '\\' | '_' | '<' | '>' | '^') { ' ' } else { c })
        .collect()
}

/// Full-width ASCII becomes ASCII (but sentence punctuation stays: Chinese rules tell `，` from `,`); invisible characters go.
fn fold(c: char) -> Option<char> {
    Some(match c {
        '，' | '！' | '？' | '：' | '；' | '（' | '）' => c,
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(c as u32 - 0xfee0).unwrap_or(c),
        '￥' => '¥',
        '\u{a0}' | '\u{2000}'..='\u{200a}' | '\u{202f}' | '\u{3000}' | '\t' | '\n' | '\r' => ' ',
        '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fe00}'..='\u{fe0f}' => {
            return None;
        }
        '’' | '‘' | 'ʼ' => '\'',
        '−' | '‐' | '‑' => '-',
        '∼' | '〜' => '~',
        '①'..='⑨' => char::from_u32(c as u32 - '①' as u32 + u32::from(b'1')).unwrap_or(c),
        _ => c,
    })
}

/// Letters of any script with their marks, digits, punctuation, and the signs that are read out. Emoji and drawings are not.
fn keep(c: char) -> bool {
    match c {
        '#' | '*' | '×' | '÷' | '±' | '°' | '²' | '³' | '℃' | '℉' | '㎡' | '㎏' | '½' | '¼' | '¾' | '‰' | '€' | '£' | '¥'
        | '₽' | '₹' | '₩' | '≈' | '≤' | '≥' => true,
        '\u{2190}'..='\u{2bff}' | '\u{e000}'..='\u{f8ff}' | '\u{1f000}'..='\u{1faff}' | '\u{e0000}'..='\u{10ffff}' => false,
        _ => !c.is_control(),
    }
}

/// One space where there were several, none at the ends or before closing punctuation.
pub(super) fn collapse_spaces(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for word in text.split_whitespace() {
        if !out.is_empty()
            && !word.starts_with([',', '.', '!', '?', ';', ':', '，', '。', '！', '？', '；', '：', '、', ')', '）'])
        {
            out.push(' ');
        }
        out.push_str(word);
    }
    out
}
