//! Chinese shares of a whole: 百分之三十, 三成, 八折, 便宜百分之五, 三分之一.
//!
//! Called by the Chinese reader: 百分之 begins an amount, the others follow a numeral that was read.

use rust_decimal::Decimal;

use super::{
    Reader, counter_at,
    numeral::{Numeral, numeral},
};
use crate::trade::{
    amount::{Kind, Value},
    numbers::Draft,
};

impl Reader<'_> {
    /// 百分之三十, 千分之三, 百分之三到五, 百分百.
    pub(super) fn per_hundred(&self, i: usize) -> Option<Draft> {
        let scan = self.scan;
        let (at, parts) = if let Some(at) = scan.eat(i, "百分之") {
            (at, 100)
        } else if let Some(at) = scan.eat(i, "千分之") {
            (at, 1000)
        } else if let Some(at) = scan.eat(i, "万分之") {
            (at, 10_000)
        } else {
            let at = scan.eat(i, "百分百")?;
            return Some(Draft::new(Kind::Percent, Value::One(Decimal::ONE_HUNDRED), i..at));
        };
        let share = |v: Decimal| v.checked_mul(Decimal::ONE_HUNDRED)?.checked_div(Decimal::from(parts));
        let (n, end) = match scan.eat(at, "百") {
            Some(end) => (Decimal::ONE_HUNDRED, end),
            None => {
                let n = numeral(scan, at)?;
                let (low, mut high, mut end) = (n.low, n.high, n.end);
                let to = scan.eat_any(end, &["到", "至"]).and_then(|at| numeral(scan, scan.eat(at, "百分之").unwrap_or(at)));
                if let Some(to) = to.filter(|to| to.low > n.low) {
                    (high, end) = (to.high, to.end);
                }
                if low != high {
                    let mut draft = Draft::new(Kind::Percent, Value::Range(share(low)?, share(high)?), i..end);
                    draft.exact = n.exact;
                    return Some(self.reduced(draft));
                }
                (low, end)
            }
        };
        Some(self.reduced(self.with_about(Draft::new(Kind::Percent, Value::One(share(n)?), i..end))))
    }

    /// 便宜20%, 百分之五的折扣: a percentage that is taken off.
    pub(super) fn reduced(&self, mut draft: Draft) -> Draft {
        let head = self.scan.head(draft.span.start).trim_end_matches(['了', '个', '您', '你', '是', '为', '到', '约', ' ']);
        let head = head.strip_suffix("给").unwrap_or(head);
        let tail = self.scan.rest(draft.span.end);
        let off = ["优惠", "便宜", "折扣", "让利", "减", "减免", "降价", "降"].iter().any(|w| head.ends_with(w))
            || ["折扣", "的折扣", "优惠", "的优惠"].iter().any(|w| tail.starts_with(w));
        if off && matches!(draft.value, Value::One(_)) {
            draft.kind = Kind::Discount;
        }
        draft
    }

    /// 三分之一, 百分之… with the whole first: 五分之二.
    pub(super) fn fraction(&self, i: usize, n: &Numeral) -> Option<Draft> {
        if let Some(at) = self.scan.eat(n.end, "分之") {
            let above = numeral(self.scan, at)?;
            let value = above.one()?.checked_div(n.one()?)?;
            return Some(Draft::new(Kind::Fraction, Value::One(value), i..above.end));
        }
        // 1/3, not 3/4/25.
        let at = self.scan.eat(n.end, "/")?;
        let below = numeral(self.scan, at).filter(|b| b.written && n.written && self.scan.get(b.end) != Some('/'))?;
        let value = n.one()?.checked_div(below.one()?)?;
        (n.low < below.low && below.low <= Decimal::ONE_HUNDRED)
            .then(|| Draft::new(Kind::Fraction, Value::One(value), i..below.end))
    }

    /// 八折, 八五折, 三成, 30%, 3‰.
    pub(super) fn reduction(&self, i: usize, n: &Numeral) -> Option<Draft> {
        let scan = self.scan;
        let next = scan.get(n.end)?;
        if next == '折' && !scan.get(n.end + 1).is_some_and(|c| "叠页合边".contains(c)) {
            let paid = match &n.digits {
                // 八五折, 85折, 七八折 said as one number.
                Some(digits) if digits.len() == 2 => Decimal::from_str_exact(digits).ok()?,
                _ if n.low == n.high => n.low.checked_mul(Decimal::TEN)?,
                _ => n.low.checked_mul(Decimal::TEN)?.checked_add(n.high)?,
            };
            let off = Decimal::ONE_HUNDRED.checked_sub(paid).filter(|off| *off >= Decimal::ZERO)?;
            let start = ["打个", "打了", "打"].iter().find(|w| scan.head(i).ends_with(*w)).map_or(i, |w| i - w.chars().count());
            let mut draft = Draft::new(Kind::Discount, Value::One(off), start..scan.eat(n.end, "折扣").unwrap_or(n.end + 1));
            draft.number = draft.span.clone();
            return Some(draft);
        }
        if next == '成' && n.low <= Decimal::TEN && !scan.get(n.end + 1).is_some_and(|c| "熟品员功本人交立为了".contains(c))
        {
            let half = numeral(scan, n.end + 1).filter(|d| d.single && d.one().is_some() && counter_at(scan, d.end).is_none());
            let (more, end) = half.map_or((Decimal::ZERO, n.end + 1), |d| (d.low, d.end));
            let ten = |v: Decimal| v.checked_mul(Decimal::TEN)?.checked_add(more);
            let value = if n.low == n.high { Value::One(ten(n.low)?) } else { Value::Range(ten(n.low)?, ten(n.high)?) };
            return Some(Draft::new(Kind::Percent, value, i..end));
        }
        let at = scan.skip_spaces(n.end);
        match scan.get(at)? {
            '%' => {
                let to = scan.eat_any(at + 1, &["到", "至", "-", "~", "～", "–"]).and_then(|to| numeral(scan, to));
                if let Some(to) = to.filter(|to| to.low > n.low && scan.get(to.end) == Some('%')) {
                    return Some(Draft::new(Kind::Percent, Value::Range(n.low, to.low), i..to.end + 1));
                }
                Some(self.reduced(Draft::new(Kind::Percent, Value::One(n.one()?), i..at + 1)))
            }
            '‰' => Some(Draft::new(Kind::Percent, Value::One(n.one()?.checked_div(Decimal::TEN)?), i..at + 1)),
            _ => None,
        }
    }
}
