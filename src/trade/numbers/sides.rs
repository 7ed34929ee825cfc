//! Sizes: sides joined by a sign or a word (60×40×35 cm). One walk for all readers; each says what joins, what is a number and what
//! a unit in its languages.

use rust_decimal::Decimal;

use super::{
    super::{
        amount::{Kind, Unit, Value},
        units::{Dimension, Measure},
    },
    Draft,
    scan::Scan,
};

/// More sides than anything has.
const MOST: usize = 7;

/// The size whose first side `first` (value, and where it ends) begins at `i`. `joint` eats what joins two sides and gives where it
/// ends, `number` and `unit` read at a place and say where that ends. `None` for a single side.
pub(super) fn sides(
    scan: &Scan,
    i: usize,
    first: (Decimal, usize),
    joint: impl Fn(usize) -> Option<usize>,
    number: impl Fn(usize) -> Option<(Decimal, usize)>,
    unit: impl Fn(usize) -> Option<(Measure, usize)>,
) -> Option<Draft> {
    let length = |end| match unit(end) {
        Some((measure, unit_end)) if measure.dimension() == Dimension::Length => (unit_end, Some(measure)),
        _ => (end, None),
    };
    let (value, mut number_end) = first;
    let mut sides = vec![value];
    let (mut end, mut measure) = length(number_end);
    while sides.len() < MOST {
        let next = joint(scan.skip_spaces(end)).and_then(|at| number(scan.skip_spaces(at)));
        let Some((value, next_end)) = next else { break };
        sides.push(value);
        number_end = next_end;
        let (unit_end, own) = length(next_end);
        (end, measure) = (unit_end, own.or(measure));
    }
    if sides.len() < 2 {
        return None;
    }
    let mut draft = Draft::new(Kind::Size, Value::Sides(sides), i..end);
    draft.number = i..if measure.is_some() { number_end } else { end };
    draft.unit = measure.map(Unit::Measure);
    Some(draft)
}
