//! Reads the amounts of a Chinese sentence.
//!
//! Walks the text; where a numeral begins, what follows says what it is: 块 money ([`money`]), 点 a time ([`calendar`]), 折 a discount,
//! 箱 a quantity. What only looks like a number (一起, 万一, 四川, 零售) is passed over by [`idiom`], and so is a single digit in front
//! of something unknown. Called by [`super::read`].

mod calendar;
mod idiom;
mod money;
mod numeral;
mod shares;

use rust_decimal::Decimal;

use self::numeral::{Numeral, numeral};
use super::{
    Draft,
    literal::{DateOrder, written},
    scan::Scan,
    sides::sides,
};
use crate::trade::{
    amount::{Amount, Context, Kind, Unit, Value},
    money::Currency,
    units::Measure,
};

/// All amounts of `text`, in order.
pub(super) fn read(text: &str, context: &Context) -> Vec<Amount> {
    let scan = Scan::new(text);
    let mut reader = Reader { scan: &scan, context: *context };
    let mut found = Vec::new();
    let mut i = 0;
    while i < scan.len() {
        if let Some(next) = idiom::skip(&scan, i) {
            i = next.max(i + 1);
            continue;
        }
        match reader.at(i) {
            Some(draft) if draft.span.end > i => {
                i = draft.span.end;
                let amount = draft.finish(&scan);
                reader.context.note(std::slice::from_ref(&amount));
                found.push(amount);
            }
            _ => i = reader.past(i),
        }
    }
    found
}

/// A counting word at `i`, not the beginning of another word (包邮 is no bag).
fn counter_at(scan: &Scan, i: usize) -> Option<(Measure, usize)> {
    let (measure, bytes) = Measure::chinese_at(scan.rest(i))?;
    let end = scan.after_bytes(i, bytes);
    let next = scan.get(end);
    let other_word = match scan.get(i)? {
        '包' => next.is_some_and(|c| "邮装运税换退括含".contains(c)),
        '打' => next.is_some_and(|c| "样折版包底印个电开样".contains(c)),
        '本' => next.is_some_and(|c| "来金身地".contains(c)),
        '个' => next == Some('体'),
        '件' => false,
        '条' => next.is_some_and(|c| "件形码款".contains(c)),
        '台' => next.is_some_and(|c| "湾州币".contains(c)),
        '单' => next.is_some_and(|c| "价独色".contains(c)),
        '方' => next.is_some_and(|c| "式便案形面法".contains(c)),
        '面' => next.is_some_and(|c| "料积子议".contains(c)),
        '头' => next.is_some_and(|c| "发".contains(c)),
        '度' | '人' | '名' | '位' | '家' | '项' | '类' | '样' => next.is_some_and(|c| "假民字置具目似品".contains(c)),
        '把' => next.is_some_and(|c| "握关".contains(c)),
        '支' => next.is_some_and(|c| "持付".contains(c)),
        '对' => next.is_some_and(|c| "比面应方不".contains(c)),
        '年' => next.is_some_and(|c| "底初前".contains(c)),
        '升' => next.is_some_and(|c| "级高到至".contains(c)),
        '块' => !money::is_piece(scan, end),
        _ => false,
    };
    (!other_word).then_some((measure, end))
}

/// Other things that count: no unit of the table, but what stands before them is a number.
const COUNTERS: &str = "锅筐桶罐杯碗盘板排串挂幅扇床席顿声句段节课集部册页滴股堆车船艘架门口井幢所处道封期班场轮圈袋瓶节寸丝目针股路格行列键孔位码岁笔拍";
/// Places in a row.
const PLACES: [&str; 17] =
    ["号楼", "号馆", "号厅", "号门", "号", "楼", "区", "街", "排", "栋", "馆", "期", "室", "级", "页", "路", "门"];
/// What may stand behind a single digit that counts nothing: a sign, or a word that a number may precede.
const AFTER_BARE: &str = "，。！？、；：,.!?;:)）的加减乘除等和或是行吧吗呢啊呀嘛了比就才都还也到至起以之内外每左上差可能要给算卖太贵便好成不没,也得拿再最";

struct Reader<'s> {
    scan: &'s Scan,
    context: Context,
}

impl Reader<'_> {
    fn at(&self, i: usize) -> Option<Draft> {
        let scan = self.scan;
        let c = scan.get(i)?;
        if let Some(found) = written(scan, i, DateOrder::DayFirst) {
            return Some(self.with_day_part(Draft::new(found.kind, found.value, i..found.end)));
        }
        if scan.is_digit(i)
            && scan.before(i).is_some_and(|b| b.is_ascii_digit() || b.is_ascii_alphabetic() && !currency_code_before(scan, i))
        {
            return None;
        }
        if let Some(draft) = self.per_hundred(i).or_else(|| money::before(self, i)).or_else(|| self.spoken_phone(i)) {
            return Some(draft);
        }
        if c == '第' {
            let n = numeral(scan, i + 1)?;
            let mut draft = Draft::new(Kind::Ordinal, Value::One(n.one()?), i..n.end);
            draft.number = i + 1..n.end;
            draft.optional = n.one() == Some(Decimal::ONE);
            return Some(draft);
        }
        if let Some(end) = scan.eat(i, "一半") {
            return Some(Draft::new(Kind::Fraction, Value::One(Decimal::new(5, 1)), i..end));
        }
        if c == '半' {
            return self.half(i);
        }
        if matches!(c, '俩' | '仨') {
            let mut draft = Draft::new(Kind::Quantity, Value::One(Decimal::from(if c == '俩' { 2 } else { 3 })), i..i + 1);
            draft.optional = c == '俩';
            draft.unit = Measure::from_symbol("pcs").map(Unit::Measure);
            return Some(draft);
        }
        if c == '对' && scan.get(i + 1) == Some('折') {
            return Some(Draft::new(Kind::Discount, Value::One(Decimal::from(50)), i..i + 2));
        }
        if c == '-' && scan.is_digit(i + 1) && !scan.before(i).is_some_and(char::is_alphanumeric) {
            return None;
        }
        let n = numeral(scan, i)?;
        self.follow(i, n)
    }

    /// Where to look next when nothing was read at `i`.
    fn past(&self, i: usize) -> usize {
        // A word of Latin letters is passed as a whole, digits glued to it too.
        let mut end = i;
        while self.scan.get(end).is_some_and(|c| c.is_ascii_alphabetic()) {
            end += 1;
        }
        end.max(i + 1)
    }

    /// Marks an amount that the words around it call approximate.
    fn with_about(&self, mut draft: Draft) -> Draft {
        let head = self.scan.head(draft.span.start);
        let tail = self.scan.rest(draft.span.end);
        let about = ["大概", "大约", "差不多", "约", "将近", "近", "大致", "估计", "快"].iter().any(|w| head.ends_with(w));
        let around = ["左右", "上下", "来块", "的样子"].iter().any(|w| tail.starts_with(w));
        draft.exact &= !(about || around);
        draft
    }

    fn follow(&self, i: usize, n: Numeral) -> Option<Draft> {
        let found = self
            .fraction(i, &n)
            .or_else(|| calendar::time(self, i))
            .or_else(|| calendar::date(self, i, &n))
            .or_else(|| self.reduction(i, &n))
            .or_else(|| self.sides(i, &n))
            .or_else(|| self.range(i, &n))
            .or_else(|| self.counted(i, &n));
        let mut draft = found?;
        draft.exact &= n.exact;
        Some(self.with_about(draft))
    }

    /// 六十乘四十乘三十五厘米, 60×40×35cm.
    fn sides(&self, i: usize, n: &Numeral) -> Option<Draft> {
        let scan = self.scan;
        let joint = |at| scan.eat_any(at, &["乘以", "乘", "×", "x", "X", "*"]);
        let number = |at| numeral(scan, at).and_then(|n| Some((n.one()?, n.end)));
        sides(scan, i, (n.one()?, n.end), joint, number, |at| self.unit(at))
    }

    /// A unit at `i`, Chinese or a symbol.
    fn unit(&self, i: usize) -> Option<(Measure, usize)> {
        let at = self.scan.skip_spaces(i);
        if let Some(found) = counter_at(self.scan, at) {
            return Some(found);
        }
        let mut end = at;
        while self.scan.get(end).is_some_and(|c| c.is_ascii_alphabetic() || matches!(c, 'µ' | '²' | '³' | '°' | '℃' | '㎡'))
        {
            end += 1;
        }
        if self.scan.get(end).is_some_and(|c| c.is_ascii_digit()) {
            // m2, m3
            end += 1;
        }
        let word = self.scan.slice(at..end);
        Measure::word(word).or_else(|| Measure::word(&word.to_lowercase())).map(|m| (m, end))
    }

    /// 十五到十八天, 三到五百, 3-5块.
    fn range(&self, i: usize, n: &Numeral) -> Option<Draft> {
        let scan = self.scan;
        let mut joint = n.end;
        if n.digits.as_ref().is_some_and(|d| d.len() > 6) {
            return None;
        }
        joint = scan.eat_any(scan.skip_spaces(joint), &["到", "至", "-", "~", "～", "–", "—"])?;
        joint = scan.skip_spaces(joint);
        let to = numeral(scan, joint)?;
        let mut low = n.one()?;
        let high = to.one()?;
        if let (None, Some(power)) = (n.scale, to.scale) {
            // 三到五百: both are hundreds, unless the first is larger than the second's own digits.
            let unit = Decimal::from(10_i64.checked_pow(power)?);
            if low < high.checked_div(unit)? {
                low = low.checked_mul(unit)?;
            }
        }
        if low >= high || calendar::time(self, joint).is_some() {
            return None;
        }
        let both = Numeral { low, high, digits: None, single: false, ..to.clone() };
        let mut draft = self.counted(i, &both)?;
        // 十二到十三块五: the second end goes on behind the unit.
        if let Some(second) = money::after(self, joint, &to).filter(|second| second.span.end > draft.span.end)
            && let Value::One(value) = second.value
            && value.trunc() == high
        {
            (draft.value, draft.unit) = (Value::Range(low, value), second.unit);
            draft.span.end = second.span.end;
            draft.number = draft.span.clone();
        }
        if draft.unit.is_none() {
            draft.number = i..to.end;
        }
        Some(draft)
    }

    /// Money, a quantity, a place in a row, or a bare number.
    fn counted(&self, i: usize, n: &Numeral) -> Option<Draft> {
        let scan = self.scan;
        if let Some(draft) = money::after(self, i, n) {
            return Some(draft);
        }
        let value = if n.low == n.high { Value::One(n.low) } else { Value::Range(n.low, n.high) };
        if let Some(end) = scan.eat_any(n.end, &PLACES)
            && !(scan.slice(n.end..end) == "号" && scan.get(end).is_some_and(|c| "码".contains(c)))
        {
            let code = n.digits.as_ref().filter(|d| d.len() > 2 && n.one().is_some());
            let (kind, value) = code.map_or((Kind::Ordinal, value.clone()), |d| (Kind::Code, Value::Digits(d.clone())));
            let mut draft = Draft::new(kind, value, i..end);
            draft.number = i..n.end;
            return Some(draft);
        }
        if let Some(digits) = n.digits.as_ref().filter(|d| !n.written && d.len() >= 3) {
            let kind = if digits.len() >= 10 || phone_before(scan, i) { Kind::Phone } else { Kind::Code };
            return Some(Draft::new(kind, Value::Digits(digits.clone()), i..n.end));
        }
        if let Some((measure, end)) = self.unit(n.end) {
            let mut draft = Draft::new(Kind::Quantity, value, i..end);
            draft.unit = Some(Unit::Measure(measure));
            draft.number = i..n.end;
            draft.optional = n.single && n.one() == Some(Decimal::ONE) && (measure.is_count() || !n.written);
            self.halves(&mut draft, measure, n);
            return Some(draft);
        }
        let next = scan.get(n.end);
        let known = next.is_none_or(|c| AFTER_BARE.contains(c) || COUNTERS.contains(c) || !is_han(c));
        if n.single && !n.written && !(known || scan.slice(i..n.end) == "两") {
            return None;
        }
        if scan.slice(i..n.end) == "一" && !next.is_some_and(|c| COUNTERS.contains(c)) || scan.slice(i..n.end) == "零" {
            return None;
        }
        let mut draft = Draft::new(Kind::Number, value, i..n.end);
        draft.optional = n.single
            && (n.low == Decimal::ONE || n.low == Decimal::TWO && next.is_some_and(|c| "边者国方地头端侧样".contains(c)));
        self.price_without_currency(&mut draft, n);
        Some(draft)
    }

    /// 两斤半, 三个半, 一年半, 一米八; 三斤多.
    fn halves(&self, draft: &mut Draft, measure: Measure, n: &Numeral) {
        let next = self.scan.get(draft.span.end);
        let after = self.scan.get(draft.span.end + 1);
        if next == Some('半')
            && !after.is_some_and(|c| "成价自".contains(c))
            && let (Value::One(value), false) = (&mut draft.value, n.written && n.low.scale() > 0)
        {
            *value += Decimal::new(5, 1);
            draft.span.end += 1;
            draft.optional = false;
            // 三个半小时: the unit comes after the half.
            let unit = self.unit(draft.span.end).filter(|_| measure.symbol() == "pcs");
            draft.number.end = draft.span.end;
            match unit {
                Some((unit, end)) => {
                    draft.unit = Some(Unit::Measure(unit));
                    draft.span.end = end;
                }
                // The number's words enclose the unit: it is written as a whole.
                None => draft.number = draft.span.clone(),
            }
        } else if next == Some('多') && !after.is_some_and(|c| "少".contains(c)) {
            draft.exact = false;
        } else if matches!(measure.symbol(), "m" | "jin" | "t")
            && let Value::One(value) = &mut draft.value
            && value.scale() == 0
            && let Some((part, end)) = money::decimals(self.scan, draft.span.end)
        {
            // 一米八, 两斤三, 一米七五
            *value += part;
            draft.span.end = end;
            draft.optional = false;
            draft.number = draft.span.clone();
        }
    }

    /// 半小时, 半箱, 半价.
    fn half(&self, i: usize) -> Option<Draft> {
        let scan = self.scan;
        if scan.before(i).is_some_and(|c| "多大小前后上下过夜".contains(c)) {
            return None;
        }
        if scan.get(i + 1) == Some('价') {
            return Some(Draft::new(Kind::Discount, Value::One(Decimal::from(50)), i..i + 2));
        }
        let (measure, end) = self.unit(i + 1)?;
        let mut draft = Draft::new(Kind::Quantity, Value::One(Decimal::new(5, 1)), i..end);
        draft.unit = Some(Unit::Measure(measure));
        draft.number = i..i + 1;
        Some(draft)
    }

    /// The last currency fills a bare decimal, and a bare number in front of 一个 or 每…: 二十五一个.
    fn price_without_currency(&self, draft: &mut Draft, n: &Numeral) {
        let Some(currency) = self.context.currency else { return };
        let per = self.scan.eat_any(n.end, &["每", "一"]).is_some_and(|at| counter_at(self.scan, at).is_some());
        let priced = ["卖", "价格是", "单价", "价", "只要", "报价", "算你", "算您"]
            .iter()
            .any(|w| self.scan.head(draft.span.start).ends_with(w));
        let decimal = n.low.scale() > 0;
        if n.digits.as_ref().is_none_or(|d| d.len() < 3 || n.written) && !draft.optional && (per || priced || decimal) {
            draft.kind = Kind::Money;
            draft.unit = Some(Unit::Money(currency));
            draft.implied = true;
        }
    }

    /// 加四九，一五一，二三四…: digits one by one in groups, or after 电话.
    fn spoken_phone(&self, i: usize) -> Option<Draft> {
        let scan = self.scan;
        let plus = matches!(scan.get(i), Some('加' | '+'));
        let mut at = if plus { i + 1 } else { i };
        let mut digits = String::new();
        let mut end = at;
        while let Some(group) = numeral(scan, at).filter(|n| !n.written) {
            let Some(text) = group
                .digits
                .or_else(|| (group.single).then(|| group.low.to_string()))
                .or_else(|| (!group.exact && group.high < Decimal::TEN).then(|| format!("{}{}", group.low, group.high)))
            else {
                break;
            };
            // In 一万, 三个 the digit belongs to what follows.
            if text.len() < 2 && !plus && digits.is_empty() {
                break;
            }
            digits.push_str(&text);
            end = group.end;
            at = scan.skip_spaces(end);
            if matches!(scan.get(at), Some('，' | ',' | '、' | '-')) {
                at = scan.skip_spaces(at + 1);
            }
            if digits.len() > 20 {
                break;
            }
        }
        let cue = phone_before(scan, i);
        if !(digits.len() >= 8 || (cue && digits.len() >= 5)) || scan.get(end).is_some_and(|c| "十百千万亿块".contains(c)) {
            return None;
        }
        let kind = if plus || cue || digits.len() == 11 { Kind::Phone } else { Kind::Code };
        let text = if plus { format!("+{digits}") } else { digits };
        Some(Draft::new(kind, Value::Digits(text), i..end))
    }

    /// 下午2:30: the day part belongs to a time.
    fn with_day_part(&self, draft: Draft) -> Draft {
        match draft.value {
            Value::Time { hour, minute, sure } if draft.kind == Kind::Time => {
                calendar::in_day_part(self, draft, hour, minute, sure)
            }
            _ => draft,
        }
    }
}

fn currency_code_before(scan: &Scan, i: usize) -> bool {
    let head = scan.head(i);
    let letters = head.len() - head.trim_end_matches(|c: char| c.is_ascii_alphabetic()).len();
    head.get(head.len() - letters..).is_some_and(|w| Currency::from_code(w).is_some() || matches!(w, "x" | "X" | "No" | "NO"))
}

fn phone_before(scan: &Scan, i: usize) -> bool {
    let head = scan.head(i).trim_end_matches([' ', '：', ':', '，', ',', '是', '为']);
    ["电话", "手机", "号码", "手机号", "电话号", "微信", "微信号", "传真"].iter().any(|w| head.ends_with(w))
}

fn is_han(c: char) -> bool {
    matches!(c, '\u{4e00}'..='\u{9fff}')
}
