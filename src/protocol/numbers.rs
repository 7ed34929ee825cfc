//! The `numbers` message: which amounts somebody said, and whether the translation says the same.
//!
//! Data for the wire only, made from what a lane found ([`SaidAmount`]). Part of [`super::message`].

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    ids::{ParticipantId, UtteranceId},
    language::Language,
    pipeline::event::{SaidAmount, Stretch},
    privacy::Redacted,
    trade::Kind,
};

/// What a number is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum NumberKind {
    /// A number by itself.
    Number,
    /// Something counted or measured; `unit` is the measure.
    Quantity,
    /// A place in a row: 3rd floor.
    Ordinal,
    /// A price or a sum; `unit` is the currency's ISO 4217 code.
    Money,
    /// Per hundred.
    Percent,
    /// Taken off, in per cent: 八折 is 20.
    Discount,
    /// A part of one, as a decimal.
    Fraction,
    /// `2025-03-05`, with what was not said left out.
    Date,
    /// `14:30`.
    Time,
    /// Sides of a thing: `60×40×35`.
    Size,
    /// A telephone number.
    Phone,
    /// Digits that count nothing: barcodes, booths, models.
    Code,
    /// Of a later version.
    #[serde(other)]
    Other,
}

/// A stretch of a caption: characters that are not white space, counted from the beginning of the utterance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Place {
    /// The first character.
    pub from: usize,
    /// After the last one.
    pub to: usize,
}

/// One amount that somebody said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Number {
    /// What it is.
    pub kind: NumberKind,
    /// The value with a decimal point and no other separators: `3.8`; a range as `15-18`.
    pub value: Redacted,
    /// Currency code or symbol of the measure, when known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<Redacted>,
    /// "About" was said.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub about: bool,
    /// The translation was found to say the same amount. Show the value beside it when not.
    #[serde(default)]
    pub verified: bool,
    /// The recogniser is not sure that this is what was said: show "?" beside it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub doubtful: bool,
    /// Where it stands in the source caption.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<Place>,
    /// Where it stands in the translation, when it was found there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<Place>,
}

/// The amounts of a part of an utterance, to be shown large. Comes once per sentence and language with amounts, after its caption.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Numbers {
    /// Which utterance.
    pub utterance: UtteranceId,
    /// Who said them.
    pub speaker: ParticipantId,
    /// Language of the translation that was compared.
    pub lang: Language,
    /// In the order they were said; may be empty when the translation says one that nobody said.
    pub numbers: Vec<Number>,
    /// The translation says these amounts and no others. When not, mark its caption.
    #[serde(default)]
    pub verified: bool,
}

impl From<Kind> for NumberKind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Number => Self::Number,
            Kind::Quantity => Self::Quantity,
            Kind::Ordinal => Self::Ordinal,
            Kind::Money => Self::Money,
            Kind::Percent => Self::Percent,
            Kind::Discount => Self::Discount,
            Kind::Fraction => Self::Fraction,
            Kind::Date => Self::Date,
            Kind::Time => Self::Time,
            Kind::Size => Self::Size,
            Kind::Phone => Self::Phone,
            Kind::Code => Self::Code,
        }
    }
}

impl From<Stretch> for Place {
    fn from(Stretch { from, to }: Stretch) -> Self {
        Self { from, to }
    }
}

impl From<&SaidAmount> for Number {
    fn from(amount: &SaidAmount) -> Self {
        Self {
            kind: amount.kind.into(),
            value: amount.value.clone(),
            unit: amount.unit.map(Redacted::from),
            about: !amount.exact,
            verified: amount.verified,
            doubtful: amount.doubtful,
            source: Some(amount.source.into()),
            target: amount.target.map(Place::from),
        }
    }
}
