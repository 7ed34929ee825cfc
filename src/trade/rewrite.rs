//! Changes texts: spoken numbers of a source into digits that a small language model copies, wrong amounts of a translation into right ones.
//!
//! [`digits`] runs before the translation, [`fill`] after it, when a comparison found a wrong amount and the model did not mend it.
//! Pure; nothing here guesses: [`fill`] gives a text only if reading it again finds every amount of the source.

use rust_decimal::Decimal;

use super::{
    amount::{Amount, Context, Kind, Value},
    compare::{Comparison, compare},
    locale,
    money::Currency,
    numbers, write,
};
use crate::language::Language;

/// `text` with its spoken numbers in digits: 三块八 becomes `3.8元`, 一万两千五 `12500`, "twelve hundred pieces" `1200 pieces`.
///
/// `amounts` are those that were read in `text`. Units keep their words; what may be left out (一个) stays as it is. In Chinese a comma
/// parts two counts that were heard without one, as recognisers often write them: of 六百条一包装十条 a small model makes 600 to the pack.
pub fn digits(text: &str, language: Language, amounts: &[Amount]) -> String {
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    let mut last: Option<&Amount> = None;
    for amount in amounts.iter().filter(|a| !a.optional) {
        let (range, new) = replacement(text, language, amount);
        let (Some(between), Some(old)) = (text.get(at..range.start), text.get(range.clone())) else { continue };
        let last = last.replace(amount).filter(|_| language == Language::ZH);
        let comma = last.and_then(|last| next_count(text, last, amount)?.checked_sub(at));
        match comma.and_then(|comma| between.split_at_checked(comma)) {
            Some((before, next)) => out.extend([before, "，", next]),
            None => out.push_str(between),
        }
        let spaced = language == Language::EN || !language.is_unspaced();
        let glued = spaced && out.ends_with(char::is_alphanumeric) && new.starts_with(|c: char| c.is_ascii_digit());
        if glued && !old.starts_with(|c: char| c.is_ascii_digit()) {
            out.push(' ');
        }
        out.push_str(&new);
        at = range.end;
    }
    out.push_str(text.get(at..).unwrap_or(""));
    out
}

/// Where the clause of `next` begins in a Chinese text, when it is another one than that of `last` and no mark or space is between them:
/// 一…装 behind what is counted, 每… behind all but a price (there it is what the price is for), 总共 and the like right in front of `next`.
fn next_count(text: &str, last: &Amount, next: &Amount) -> Option<usize> {
    const SUMS: [&str; 8] = ["一共", "总共", "共计", "总计", "合计", "剩下", "剩余", "其余"];
    let start = last.span.end;
    let between = text.get(start..next.span.start).filter(|between| between.chars().all(char::is_alphanumeric))?;
    let packed = last.kind == Kind::Quantity && between.starts_with('一') && between.ends_with('装');
    if packed || (last.kind != Kind::Money && between.starts_with('每')) {
        return Some(start);
    }
    let before = between.trim_end_matches(['的', '是', '要', '付']);
    SUMS.iter().find_map(|word| before.strip_suffix(word)).map(|before| start + before.len())
}

/// What of the text to replace, and with what.
fn replacement(text: &str, language: Language, amount: &Amount) -> (std::ops::Range<usize>, String) {
    let chinese = language == Language::ZH;
    let old = text.get(amount.span.clone()).unwrap_or("");
    let whole = |new: String| (amount.span.clone(), new);
    let number = |new: String| (amount.number.clone(), new);
    let about = if amount.exact || !old.contains(['来', '余']) { "" } else { "约" };
    match (&amount.value, amount.kind) {
        (Value::One(v), Kind::Money) if !amount.implied => {
            whole(format!("{about}{}", money(amount, &locale::plain(*v), *v, language, old)))
        }
        (Value::Range(low, high), Kind::Money) if !amount.implied => whole(money(
            amount,
            &format!("{}{}{}", locale::plain(*low), joint(text, amount), locale::plain(*high)),
            *high,
            language,
            old,
        )),
        // "eight forty" after prices in yuan
        (Value::One(v), Kind::Money) => match amount.currency() {
            Some(_) => whole(money(amount, &locale::plain(*v), *v, language, old)),
            None => whole(format!("{:.2}", v)),
        },
        (Value::One(v), Kind::Percent) => whole(format!("{}%", locale::plain(*v))),
        (Value::Range(low, high), Kind::Percent) => whole(format!("{}%-{}%", locale::plain(*low), locale::plain(*high))),
        (Value::One(off), Kind::Discount) if chinese => whole(format!("优惠{}%", locale::plain(*off))),
        (Value::One(off), Kind::Discount) => whole(
            format!("{}% {}", locale::plain(*off), if old.ends_with("off") || old.starts_with("half") { "off" } else { "" })
                .trim_end()
                .to_owned(),
        ),
        (Value::One(v), Kind::Fraction) => whole(fraction(*v, old, chinese)),
        (Value::One(v), Kind::Ordinal) if !chinese => (amount.number.clone(), {
            let plain = locale::plain(*v);
            let ordinal = !old.starts_with(|c: char| c.is_ascii_digit())
                && old.ends_with(|c: char| c.is_alphabetic())
                && is_ordinal_word(old);
            if ordinal {
                write::caption(&Amount { unit: None, ..amount.clone() }, Language::EN)
            } else {
                old_or(text, amount, &plain)
            }
        }),
        (Value::One(v), _) => {
            // Dozens are counted in pieces: 打 means other things too, and "a dozen" has no digit.
            let dozen = amount.measure().is_some_and(|m| m.symbol() == "dozen");
            match v.checked_mul(Decimal::from(12)).filter(|_| dozen) {
                Some(pieces) => whole(format!("{}{}", locale::plain(pieces), if chinese { "个" } else { "" })),
                None if amount.number == amount.span && amount.unit.is_some() => {
                    // 两斤半: the number encloses the unit.
                    let name = amount.measure().map_or("", |m| if chinese { m.chinese() } else { m.english().1 });
                    let gap = if chinese { "" } else { " " };
                    whole(format!("{}{gap}{name}", locale::plain(*v)))
                }
                None if !about.is_empty() => number(format!("{about}{}", locale::plain(*v))),
                // 半年, 半箱: models know these better than 0.5.
                None if old.starts_with('半') => whole(old.to_owned()),
                None if chinese && old.starts_with(['俩', '仨']) => whole(format!("{}个", locale::plain(*v))),
                None => number(vague(text, amount, &locale::plain(*v))),
            }
        }
        (Value::Range(low, high), _) => number(format!("{}{}{}", locale::plain(*low), joint(text, amount), locale::plain(*high))),
        (Value::Sides(_), _) => number(write::plain(&amount.value)),
        (Value::Digits(digits), _) => number(digits.clone()),
        (Value::Date { year, month, day }, _) if chinese => {
            let mut new = year.map(|y| format!("{y}年")).unwrap_or_default();
            new.extend(month.map(|m| format!("{m}月")));
            new.extend(day.map(|d| format!("{d}{}", if old.ends_with('日') { "日" } else { "号" })));
            whole(new)
        }
        (Value::Date { month: Some(_), .. }, _) => whole(write::caption(amount, Language::EN)),
        (Value::Date { .. }, _) => whole(old.to_owned()),
        (Value::Time { hour, minute, .. }, _) => {
            // The words for the half of the day stay, so the hour is the one that was said.
            let hour = if amount.number != amount.span && *hour > 12 { hour - 12 } else { *hour };
            number(format!("{hour}:{minute:02}"))
        }
    }
}

/// 二十多 keeps its 多, which models translate well.
fn vague(text: &str, amount: &Amount, plain: &str) -> String {
    let number = text.get(amount.number.clone()).unwrap_or("");
    let end = if number.ends_with('多') { "多" } else { "" };
    format!("{plain}{end}")
}

/// What stands between the ends of a range: "between 4 and 5", "2 or 3", else a hyphen.
fn joint(text: &str, amount: &Amount) -> &'static str {
    let words = text.get(amount.number.clone()).unwrap_or("");
    let between = text.get(..amount.span.start).is_some_and(|head| head.trim_end().ends_with("between"));
    match between {
        true if words.contains(" and ") => " and ",
        _ if words.contains(" or ") => " or ",
        _ => "-",
    }
}

fn old_or(text: &str, amount: &Amount, plain: &str) -> String {
    let number = text.get(amount.number.clone()).unwrap_or("");
    if number.chars().any(|c| c.is_ascii_digit()) { number.to_owned() } else { plain.to_owned() }
}

fn is_ordinal_word(text: &str) -> bool {
    text.ends_with("th") || text.ends_with("first") || text.ends_with("second") || text.ends_with("third")
}

fn money(amount: &Amount, digits: &str, value: Decimal, language: Language, old: &str) -> String {
    let Some(currency) = amount.currency() else { return digits.to_owned() };
    if language == Language::ZH {
        let more = if old.contains('多') { "多" } else { "" };
        return format!("{digits}{more}{}", currency.chinese());
    }
    let two =
        if value.normalize().scale() == 1 && !digits.contains(['-', ' ']) { format!("{digits}0") } else { digits.to_owned() };
    if language != Language::EN {
        return format!("{two} {}", currency.code());
    }
    let (one, many) = currency.english();
    if currency == Currency::USD && old.contains("US") {
        return format!("{two} US dollars");
    }
    format!("{two} {}", if value == Decimal::ONE { one } else { many })
}

/// Halves, thirds and the like keep their words, which models translate well; others become a decimal.
fn fraction(value: Decimal, old: &str, chinese: bool) -> String {
    for below in [2_u32, 3, 4, 5, 8, 10] {
        let above = (value * Decimal::from(below)).round_dp(10);
        if above.normalize().scale() == 0 && chinese && old.contains("分之") {
            return format!("{}/{below}", locale::plain(above));
        }
    }
    old.to_owned()
}

/// `target` with its wrong amounts replaced by those of the source, if that makes it faithful.
///
/// `context` is what was known before the source. `None` when an amount is missing without a wrong one in its place, when something
/// was brought in, or when the result does not read back as the source.
pub fn fill(
    target_text: &str,
    to: Language,
    source: &[Amount],
    target: &[Amount],
    comparison: &Comparison,
    context: &Context,
) -> Option<String> {
    if !comparison.missing.is_empty() || !comparison.added.is_empty() {
        return None;
    }
    let mut changes: Vec<(std::ops::Range<usize>, String)> = Vec::new();
    for (s, t) in &comparison.changed {
        let (wanted, wrong) = (source.get(*s)?, target.get(*t)?);
        changes.push(slot(wanted, wrong, to));
    }
    changes.sort_by_key(|(range, _)| range.start);
    let mut out = String::with_capacity(target_text.len());
    let mut at = 0;
    for (range, new) in &changes {
        out.push_str(target_text.get(at..range.start)?);
        out.push_str(new);
        at = range.end;
    }
    out.push_str(target_text.get(at..)?);
    let mut known = *context;
    known.note(source);
    let again = numbers::read(&out, to, &known);
    compare(source, &again, context, to).is_faithful().then_some(out)
}

/// The bytes of the target to replace, and the right amount for them.
fn slot(wanted: &Amount, wrong: &Amount, to: Language) -> (std::ops::Range<usize>, String) {
    let plain = |kind: Kind| matches!(kind, Kind::Number | Kind::Quantity | Kind::Size | Kind::Fraction);
    if plain(wanted.kind) && plain(wrong.kind) && wrong.number != wrong.span {
        // The unit's words stay where they mean the same thing.
        let value = match (&wanted.value, wanted.measure(), wrong.measure()) {
            (Value::One(v), Some(m), Some(n))
                if m.dimension() == n.dimension() && !(m.is_count() && m.per_base() == n.per_base()) =>
            {
                v.checked_mul(m.per_base()).and_then(|v| v.checked_div(n.per_base())).map(Value::One)
            }
            (_, Some(m), Some(n)) if m.dimension() != n.dimension() => None,
            _ => Some(wanted.value.clone()),
        };
        if let Some(value) = value {
            let bare = Amount { kind: Kind::Number, value, unit: None, ..wanted.clone() };
            return (wrong.number.clone(), write::caption(&bare, to));
        }
    }
    let bare_number = plain(wanted.kind)
        && wrong.unit.is_none()
        && wanted.measure().is_none_or(|m| m.is_count() && m.per_base() == Decimal::ONE);
    if bare_number {
        let bare = Amount { unit: None, ..wanted.clone() };
        return (wrong.span.clone(), write::caption(&bare, to));
    }
    (wrong.span.clone(), write::caption(wanted, to))
}

#[cfg(test)]
mod tests;
