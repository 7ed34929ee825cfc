//! What a reading gives: an [`Amount`] with its value, unit and place in the text; and the [`Context`] that fills in what was left unsaid.
//!
//! Plain data. Knows no language: the readers under [`super::numbers`] make amounts, [`mod@super::compare`], [`super::rewrite`] and
//! [`super::write`] use them.

use std::ops::Range;

use rust_decimal::Decimal;

use super::{money::Currency, units::Measure};

/// What an amount is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A number by itself.
    Number,
    /// Something counted or measured: pieces, days, kilograms.
    Quantity,
    /// A place in a row: third, 3rd floor, District 2, page 12.
    Ordinal,
    /// A price or a sum.
    Money,
    /// Per hundred; per-mille amounts are turned into it (3 ‰ is 0.3).
    Percent,
    /// A reduction. The value is what is taken off in per cent: 八折 and "20 % off" are both 20.
    Discount,
    /// A part of one: a third is 1/3, to 28 digits.
    Fraction,
    /// A day, a month, a year or a part of these.
    Date,
    /// A time of day.
    Time,
    /// Sides of a thing: 60×40×35.
    Size,
    /// A telephone number.
    Phone,
    /// Digits that count nothing: barcodes, order and booth numbers, models such as A4.
    Code,
}

/// The value of an amount, exact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// One number.
    One(Decimal),
    /// From the first to the second.
    Range(Decimal, Decimal),
    /// One number per side, in the order in which they were said.
    Sides(Vec<Decimal>),
    /// Digits as they stand: leading zeros count. Phones may begin with `+`; models keep their letters, in upper case.
    Digits(String),
    /// A date; what was not said is `None`.
    Date {
        /// Four digits.
        year: Option<u16>,
        /// 1 to 12.
        month: Option<u8>,
        /// 1 to 31.
        day: Option<u8>,
    },
    /// A time of day.
    Time {
        /// 0 to 24.
        hour: u8,
        /// 0 to 59.
        minute: u8,
        /// True when the half of the day is known (下午, pm, or an hour above 12); else 2:30 may be 14:30.
        sure: bool,
    },
}

/// What a number counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Money.
    Money(Currency),
    /// Anything else.
    Measure(Measure),
}

/// An amount that was read in a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Amount {
    /// What it is.
    pub kind: Kind,
    /// How much.
    pub value: Value,
    /// Of what; none when nothing known was named.
    pub unit: Option<Unit>,
    /// Its bytes in the text, unit or currency included.
    pub span: Range<usize>,
    /// The part of `span` that is the number without its unit.
    pub number: Range<usize>,
    /// False for "about", 左右, 十五六, 两百来个.
    pub exact: bool,
    /// The unit or currency was not said but taken from the [`Context`].
    pub implied: bool,
    /// Says little: the "one" of 一个 and "a carton", "both", "first". A translation may leave it out, or bring it in.
    pub optional: bool,
}

impl Amount {
    /// The currency, when it is money and the currency is known.
    pub fn currency(&self) -> Option<Currency> {
        match self.unit {
            Some(Unit::Money(currency)) => Some(currency),
            _ => None,
        }
    }

    /// The measure, when it has one.
    pub fn measure(&self) -> Option<Measure> {
        match self.unit {
            Some(Unit::Measure(measure)) => Some(measure),
            _ => None,
        }
    }

    /// The other reading of a discount: what is still paid, in per cent (80 for 八折).
    pub fn paid_percent(&self) -> Option<Decimal> {
        match (self.kind, &self.value) {
            (Kind::Discount, Value::One(off)) => Decimal::ONE_HUNDRED.checked_sub(*off),
            _ => None,
        }
    }
}

/// What the conversation said before. Small and copied: keep one per room and give it to every reading.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Context {
    /// The last currency that was said; it fills an unspoken one.
    pub currency: Option<Currency>,
}

impl Context {
    /// Remembers what an utterance said.
    pub fn note(&mut self, amounts: &[Amount]) {
        for amount in amounts {
            if let (Some(currency), false) = (amount.currency(), amount.implied) {
                self.currency = Some(currency);
            }
        }
    }
}
