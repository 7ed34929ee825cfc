//! Amounts of trade: reads them in what people say, writes them in other languages, and compares a translation with its source.
//!
//! [`numbers`] reads, [`mod@write`] and [`speech`] write, [`mod@compare`] tells whether a translation kept every amount, [`rewrite`] puts
//! spoken numbers into the digits that a small language model copies, and repairs a translation; [`guard`] puts these together around the
//! translation of one segment. [`glossary`] has the trade's words. Pure: text and values, no model, no clock. Nothing here fails; what is not understood is no amount.
//!
//! # How ambiguous amounts are read
//!
//! - 三块八 is 3.8 yuan and 三块八五 3.85: behind 块 or 元, one digit is tenths and two are hundredths, unless a counting word claims them
//!   (十块三个 is ten yuan for three). 一万两千五 is 12,500, 三百五 350: a last digit without its place is the next place's; 零 stops that.
//! - 块 and 毛 are yuan unless a currency's name ends the amount (一块六毛五美元).
//! - "Three eighty" is a price, 3.80, in the last currency of the conversation ([`Context`]); "eight forty" after prices in yuan is
//!   8.40 yuan. It is a time before "am" or behind "at" while no currency was named, a code behind "booth" or "room", and hundreds in front of
//!   things that are counted ("one fifty pieces" are 150). "Twenty-six yuan eighty" is 26.80.
//! - The last currency fills bare decimals and numbers with "each", 每个 or 一个 behind them; other bare numbers stay without one.
//!   Cents belong to it too; "pounds" are money only when it is the pound.
//! - 八折 is 20 % off and means that 80 % is paid: [`Amount::paid_percent`]. 八五折 is 15 % off.
//! - 三点半, 三点二十 and anything behind a part of the day are times, 三点五 is 3.5. 2:30 may be 14:30 until 下午 or pm says so.
//! - 十五六, 两三百, "two or three" are ranges and approximate; 两百来个 and "about 200" are approximate.
//! - 一个, "a carton", "one" are amounts that a translation may drop ([`Amount::optional`]); 一起, 万一, 零售, 星期三 are none.
//! - Separators are those of the language (CLDR): `1.234` is 1234 in German. 10/12/2025 begins with the month in English only.

pub mod amount;
pub mod compare;
pub mod doubt;
pub mod glossary;
pub mod guard;
pub mod locale;
pub mod money;
pub mod numbers;
pub mod numerals;
pub mod rewrite;
pub mod speech;
pub mod units;
pub mod write;

pub use amount::{Amount, Context, Kind, Unit, Value};
pub use compare::{Check, Comparison, check, compare};
pub use glossary::{Glossary, word_bounds};
pub use numbers::read;
