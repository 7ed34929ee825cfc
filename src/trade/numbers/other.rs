//! Reads the amounts of every language but Chinese and English: digits in their separators with signs, units and currencies around
//! them, and the number words of [`lexicons`].
//!
//! Weaker than the other two readers on purpose: what the two people say is mostly Chinese or English, what is read here is mostly a
//! translation whose source had digits. Called by [`super::read`].

mod lexicons;

use rust_decimal::Decimal;

use super::{
    Draft,
    literal::{DateOrder, date_value, written},
    scan::Scan,
    sides::sides,
    words::{Cardinal, Lexicon, Word, cardinal, gap},
};
use crate::{
    language::Language,
    trade::{
        amount::{Amount, Context, Kind, Unit, Value},
        locale::separators,
        money::Currency,
        units::Measure,
    },
};

/// True when the language's names of months are read: else a date's month cannot be compared.
pub(in crate::trade) fn knows_months(language: Language) -> bool {
    matches!(language, Language::ZH | Language::EN) || lexicons::knows_months(language.tag())
}

/// All amounts of `text`, in order.
pub(super) fn read(text: &str, language: Language, context: &Context) -> Vec<Amount> {
    let scan = Scan::new(text);
    let word: fn(&str) -> Option<Word> = match language.tag() {
        "es" | "ca" => |w| lexicons::word("es", w),
        "pt" => |w| lexicons::word("pt", w),
        "fr" => |w| lexicons::word("fr", w),
        "it" => |w| lexicons::word("it", w),
        "de" => |w| lexicons::word("de", w),
        "ru" => |w| lexicons::word("ru", w),
        _ => |w| lexicons::word("", w),
    };
    let (and, point, half): (&[&str], &[&str], &[&str]) = match language.tag() {
        "es" => (&["y"], &["coma", "punto"], &["y medio", "y media"]),
        "pt" => (&["e"], &["vírgula", "ponto"], &["e meio", "e meia"]),
        "fr" => (&["et"], &["virgule"], &["et demi", "et demie"]),
        "it" => (&["e"], &["virgola"], &["e mezzo", "e mezza"]),
        "de" => (&["und"], &["komma"], &[]),
        "ru" => (&[], &["запятая"], &["с половиной"]),
        _ => (&[], &[], &[]),
    };
    let lexicon = Lexicon { word, and, point, half, separators: separators(language), vigesimal: language.tag() == "fr" };
    let mut reader = Reader { scan: &scan, context: *context, language, lexicon };
    let mut found = Vec::new();
    let mut i = 0;
    while i < scan.len() {
        match reader.at(i) {
            Some(draft) if draft.span.end > i => {
                i = draft.span.end;
                let amount = draft.finish(&scan);
                reader.context.note(std::slice::from_ref(&amount));
                found.push(amount);
            }
            _ => i += 1,
        }
    }
    found
}

struct Reader<'s> {
    scan: &'s Scan,
    context: Context,
    language: Language,
    lexicon: Lexicon,
}

impl Reader<'_> {
    fn at(&self, i: usize) -> Option<Draft> {
        let scan = self.scan;
        let c = scan.get(i)?;
        let glued =
            scan.before(i).is_some_and(|b| if c.is_ascii_digit() { b.is_ascii_alphanumeric() } else { b.is_alphanumeric() });
        if glued && !(c.is_ascii_digit() && self.currency_ends_at(i)) {
            return None;
        }
        if let Some(found) = written(scan, i, DateOrder::DayFirst) {
            return Some(Draft::new(found.kind, found.value, i..found.end));
        }
        if let Some(draft) = self.money_before(i) {
            return Some(draft);
        }
        if c == '½' {
            return self.counted(i, i + 1, Decimal::new(5, 1), Decimal::new(5, 1), false);
        }
        let n = self.number(i)?;
        if let Some(draft) = self.date(i, &n) {
            return Some(draft);
        }
        self.percent(i, &n).or_else(|| self.sides(i, &n)).or_else(|| self.range(i, &n)).or_else(|| {
            let one = n.spoken && n.value == Decimal::ONE;
            if n.spoken && n.value.is_zero() {
                return None;
            }
            let mut draft = self.counted(i, n.end, n.value, n.value, one)?;
            draft.optional |= one && draft.kind != Kind::Money;
            Some(draft)
        })
    }

    fn currency_ends_at(&self, i: usize) -> bool {
        let head = self.scan.head(i);
        Currency::all().any(|c| head.ends_with(c.code()))
    }

    /// A number; East Asian multipliers and a scale glued to the digits are taken in: 1万2千, 1만 2천, 15k.
    fn number(&self, i: usize) -> Option<Cardinal> {
        let mut n = cardinal(self.scan, i, &self.lexicon)?;
        if n.spoken || !matches!(self.language.tag(), "ja" | "ko") {
            return Some(n);
        }
        let place = |at: usize| match self.scan.get(at) {
            Some('千' | '천') => Some(3_u32),
            Some('万' | '만') => Some(4),
            Some('亿' | '億' | '억') => Some(8),
            Some('百' | '백') => Some(2),
            _ => None,
        };
        let size = |p: u32| 10_i64.checked_pow(p).map(Decimal::from);
        let (mut total, mut last) = (Decimal::ZERO, 9_u32);
        let mut part = n.value;
        loop {
            let Some(p) = place(n.end).filter(|p| *p < last) else {
                total = total.checked_add(part)?;
                break;
            };
            total = total.checked_add(part.checked_mul(size(p)?)?)?;
            (last, n.end, n.digits, n.scale) = (p, n.end + 1, None, Some(p));
            let at = self.scan.skip_spaces(n.end);
            match cardinal(self.scan, at, &self.lexicon).filter(|m| !m.spoken && size(p).is_some_and(|s| m.value < s)) {
                Some(more) if self.unit(n.end).is_none() => (part, n.end) = (more.value, more.end),
                _ => break,
            }
        }
        n.value = total;
        Some(n)
    }

    fn percent_sign(&self, i: usize) -> Option<(usize, Decimal)> {
        let scan = self.scan;
        let at = scan.skip_spaces(i);
        match scan.get(at)? {
            '%' => return Some((at + 1, Decimal::ONE)),
            '‰' => return Some((at + 1, Decimal::new(1, 1))),
            _ => {}
        }
        let rest = scan.rest(at);
        let words = [
            "por ciento",
            "por cento",
            "pour cent",
            "per cento",
            "prozent",
            "процентов",
            "процента",
            "процент",
            "بالمئة",
            "في المئة",
            "بالمائة",
            "퍼센트",
            "프로",
            "パーセント",
            "प्रतिशत",
            "yüzde",
            "phần trăm",
            "persen",
            "peratus",
            "เปอร์เซ็นต์",
            "procent",
            "відсотків",
        ];
        let found = words.iter().find(|w| rest.to_lowercase().starts_with(**w))?;
        Some((at + found.chars().count(), Decimal::ONE))
    }

    fn percent(&self, i: usize, n: &Cardinal) -> Option<Draft> {
        let (end, factor) = self.percent_sign(n.end)?;
        let minus = i > 0 && self.scan.get(i - 1) == Some('-') && !self.scan.before(i - 1).is_some_and(char::is_alphanumeric);
        let kind = if minus { Kind::Discount } else { Kind::Percent };
        Some(Draft::new(kind, Value::One(n.value.checked_mul(factor)?), if minus { i - 1 } else { i }..end))
    }

    fn sides(&self, i: usize, n: &Cardinal) -> Option<Draft> {
        let scan = self.scan;
        let joint = |at| {
            scan.eat_any(at, &["×", "*", "х"]).or_else(|| {
                let (word, word_end) = scan.word(at)?;
                matches!(word.as_str(), "x" | "por" | "par" | "mal" | "на" | "per").then_some(word_end)
            })
        };
        let number = |at| self.number(at).map(|n| (n.value, n.end));
        sides(scan, i, (n.value, n.end), joint, number, |at| self.unit(at))
    }

    fn range(&self, i: usize, n: &Cardinal) -> Option<Draft> {
        let scan = self.scan;
        let at = scan.skip_spaces(n.end);
        let joint = scan.eat_any(at, &["-", "–", "—", "~", "～", "〜", "から", "에서"]).or_else(|| {
            let (word, word_end) = scan.word(at)?;
            matches!(word.as_str(), "a" | "à" | "bis" | "до" | "إلى" | "sampai" | "đến" | "ถึง" | "ile" | "do" | "tot" | "से")
                .then_some(word_end)
        })?;
        let high = self.number(scan.skip_spaces(joint))?;
        let mut low = n.value;
        if let (None, Some(power)) = (n.scale, high.scale) {
            let unit = Decimal::from(10_i64.checked_pow(power)?);
            if low < high.value.checked_div(unit)? {
                low = low.checked_mul(unit)?;
            }
        }
        if low >= high.value {
            return None;
        }
        if let Some((end, factor)) = self.percent_sign(high.end) {
            return Some(Draft::new(
                Kind::Percent,
                Value::Range(low.checked_mul(factor)?, high.value.checked_mul(factor)?),
                i..end,
            ));
        }
        self.counted(i, high.end, low, high.value, false)
    }

    /// 10 de diciembre de 2025, 10. Dezember, 10 декабря.
    fn date(&self, i: usize, n: &Cardinal) -> Option<Draft> {
        let scan = self.scan;
        let day = u8::try_from(n.value).ok().filter(|d| (1..=31).contains(d) && n.value.scale() == 0)?;
        let at = scan.eat(n.end, ".").unwrap_or(n.end);
        let (mut word, mut end) = scan.word(scan.skip_spaces(at))?;
        if matches!(word.as_str(), "de" | "er") {
            (word, end) = scan.word(scan.skip_spaces(end))?;
        }
        let month = lexicons::month(self.language.tag(), &word)?;
        let at = scan.skip_spaces(end);
        let at = scan.word(at).filter(|(w, _)| w == "de").map_or(at, |(_, end)| scan.skip_spaces(end));
        let year = self.number(at).filter(|y| y.digits.as_ref().is_some_and(|d| d.len() == 4));
        let (year, end) = match year.and_then(|y| u16::try_from(y.value).ok().map(|v| (v, y.end))) {
            Some((value, end)) if (1900..=2100).contains(&value) => (Some(value), end),
            _ => (None, end),
        };
        Some(Draft::new(Kind::Date, date_value(year, Some(month), Some(day))?, i..end))
    }

    /// A unit behind `i`: a word, or in languages without spaces the longest name that begins there.
    fn unit(&self, i: usize) -> Option<(Measure, usize)> {
        let at = gap(self.scan, i);
        if let Some((word, mut end)) = self.scan.word(at) {
            let mut word = word;
            if let Some(power) = self.scan.get(end).filter(|c| matches!(c, '2' | '3' | '²' | '³')) {
                word.push(power);
                end += 1;
            }
            if let Some(measure) = Measure::word(&word) {
                let lone = word.len() == 1 && !self.scan.is_digit(i.saturating_sub(1));
                return (!lone).then_some((measure, end));
            }
        }
        if !matches!(self.language.tag(), "ja" | "ko" | "th" | "my") {
            return None;
        }
        let rest = self.scan.rest(at);
        let found = Measure::word_at(rest).or_else(|| Measure::chinese_at(rest).filter(|_| self.language.tag() == "ja"));
        let (measure, bytes) = found.filter(|_| !rest.starts_with(|c: char| c.is_ascii()))?;
        Some((measure, self.scan.after_bytes(at, bytes)))
    }

    fn currency_name(&self, i: usize) -> Option<(Currency, usize)> {
        let scan = self.scan;
        let at = gap(scan, i);
        let sign = Currency::sign_at(scan.rest(at)).map(|(c, bytes)| (c, scan.after_bytes(at, bytes)));
        if let Some(found) = sign.filter(|(_, end)| !scan.is_digit(*end)) {
            return Some(found);
        }
        if let Some((word, end)) = scan.word(at) {
            let upper = scan.slice(at..end).chars().all(|c| c.is_ascii_uppercase());
            if let Some(currency) = Currency::word(&word).or_else(|| Currency::from_code(&word).filter(|_| upper)) {
                // dólares estadounidenses, долларов США
                let more = scan.word(scan.skip_spaces(end)).filter(|(w, _)| {
                    matches!(
                        w.as_str(),
                        "estadounidenses"
                            | "americanos"
                            | "americani"
                            | "américains"
                            | "сша"
                            | "أمريكي"
                            | "أمريكية"
                            | "chinois"
                            | "chinos"
                            | "chineses"
                    )
                });
                return Some((currency, more.map_or(end, |(_, e)| e)));
            }
        }
        let (currency, bytes) =
            Currency::word_at(scan.rest(at)).filter(|_| matches!(self.language.tag(), "ja" | "ko" | "th" | "my"))?;
        Some((currency, scan.after_bytes(at, bytes)))
    }

    fn money_before(&self, i: usize) -> Option<Draft> {
        let scan = self.scan;
        let sign = Currency::sign_at(scan.rest(i)).map(|(c, bytes)| (c, scan.after_bytes(i, bytes)));
        let code = || {
            let mut end = i;
            while scan.get(end).is_some_and(|c| c.is_ascii_uppercase()) {
                end += 1;
            }
            Currency::from_code(scan.slice(i..end)).map(|c| (c, end))
        };
        let (currency, end) = sign.or_else(code)?;
        let n = self.number(scan.skip_spaces(end)).filter(|n| !n.spoken)?;
        let mut draft = Draft::new(Kind::Money, Value::One(n.value), i..n.end);
        draft.unit = Some(Unit::Money(currency));
        Some(draft)
    }

    fn counted(&self, i: usize, end: usize, low: Decimal, high: Decimal, one: bool) -> Option<Draft> {
        let value = if low == high { Value::One(low) } else { Value::Range(low, high) };
        let scan = self.scan;
        if let Some((currency, name_end)) = self.currency_name(end) {
            // "un dólar" is an amount, "un" alone hardly.
            let mut draft = Draft::new(Kind::Money, value, i..name_end);
            draft.unit = Some(Unit::Money(currency));
            return Some(draft);
        }
        // A word between: 3 de euros does not happen, "12.500 (USD)" does not either.
        let mut draft = Draft::new(Kind::Number, value, i..end);
        if let Some((measure, unit_end)) = self.unit(end) {
            (draft.kind, draft.unit, draft.span.end) = (Kind::Quantity, Some(Unit::Measure(measure)), unit_end);
        } else if one && scan.get(end).is_some_and(|c| c != ' ') {
            draft.optional = true;
        }
        Some(draft)
    }
}
