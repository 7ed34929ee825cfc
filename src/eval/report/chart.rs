//! Charts as inline SVG (pure): lines or dots over two axes, stacked bars, and a timeline of what was said and heard.

use std::fmt::Write as _;

use super::escape;

const WIDTH: f64 = 900.0;
const HEIGHT: f64 = 300.0;
const LEFT: f64 = 60.0;
const RIGHT: f64 = 20.0;
const TOP: f64 = 30.0;
const BOTTOM: f64 = 45.0;

/// Colours of the page's style.
const COLOURS: usize = 6;

/// Points with a name.
pub(super) struct Series {
    pub(super) name: String,
    pub(super) points: Vec<(f64, f64)>,
}

/// Two axes.
pub(super) struct Chart {
    /// What the horizontal axis is.
    pub(super) x: &'static str,
    /// What the vertical axis is.
    pub(super) y: &'static str,
    /// A vertical line to compare with.
    pub(super) mark: Option<f64>,
    /// Lines, else dots.
    pub(super) lines: bool,
}

impl Chart {
    pub(super) fn svg(&self, series: &[Series]) -> String {
        let all = || series.iter().flat_map(|s| s.points.iter());
        let x = Axis::over(all().map(|p| p.0).chain(self.mark), LEFT, WIDTH - RIGHT);
        let y = Axis::over(all().map(|p| p.1), HEIGHT - BOTTOM, TOP);
        let mut svg = open(HEIGHT);
        x.horizontal(&mut svg, HEIGHT - BOTTOM, self.x);
        y.vertical(&mut svg, LEFT, self.y);
        if let Some(mark) = self.mark {
            let at = x.at(mark);
            let _ =
                write!(svg, "<line class=\"mark\" x1=\"{at:.1}\" x2=\"{at:.1}\" y1=\"{TOP}\" y2=\"{:.1}\"/>", HEIGHT - BOTTOM);
        }
        for (n, series) in series.iter().enumerate() {
            let colour = n % COLOURS;
            if self.lines {
                let points: Vec<_> = series.points.iter().map(|(px, py)| format!("{:.1},{:.1}", x.at(*px), y.at(*py))).collect();
                let _ = write!(svg, "<polyline class=\"line c{colour}\" points=\"{}\"/>", points.join(" "));
            } else {
                for (px, py) in &series.points {
                    let _ = write!(svg, "<circle class=\"c{colour}\" cx=\"{:.1}\" cy=\"{:.1}\" r=\"3\"/>", x.at(*px), y.at(*py));
                }
            }
        }
        legend(&mut svg, series.iter().map(|s| s.name.as_str()));
        svg.push_str("</svg>");
        svg
    }
}

/// One bar of several parts.
pub(super) struct Bars {
    pub(super) name: String,
    pub(super) parts: Vec<(String, f64)>,
}

/// Horizontal stacked bars; parts of the same place have the same colour.
pub(super) fn stacked(bars: &[Bars]) -> String {
    const STEP: f64 = 34.0;
    let height = TOP + STEP * bars.len() as f64 + BOTTOM;
    let total = |bar: &Bars| bar.parts.iter().map(|(_, v)| v).sum::<f64>();
    let x = Axis::over(bars.iter().map(total).chain([0.0, 1.0]), LEFT + 60.0, WIDTH - RIGHT);
    let mut svg = open(height);
    x.horizontal(&mut svg, height - BOTTOM, "seconds per second");
    for (n, bar) in bars.iter().enumerate() {
        let (top, mut from) = (TOP + STEP * n as f64, 0.0);
        let _ = write!(svg, "<text x=\"4\" y=\"{:.1}\">{}</text>", top + 18.0, escape(&bar.name));
        for (colour, (stage, value)) in bar.parts.iter().enumerate() {
            let (left, width) = (x.at(from), x.at(from + value) - x.at(from));
            let _ = write!(
                svg,
                "<rect class=\"c{}\" x=\"{left:.1}\" y=\"{:.1}\" width=\"{width:.1}\" height=\"22\"><title>{} {value:.3}</title></rect>",
                colour % COLOURS,
                top + 2.0,
                escape(stage)
            );
            from += value;
        }
    }
    let longest = bars.iter().max_by_key(|bar| bar.parts.len());
    legend(&mut svg, longest.into_iter().flat_map(|bar| bar.parts.iter().map(|(stage, _)| stage.as_str())));
    svg.push_str("</svg>");
    svg
}

/// A row of a timeline.
pub(super) struct Lane {
    pub(super) name: String,
    /// From and to, in seconds.
    pub(super) bars: Vec<(f64, f64)>,
}

/// Lanes over one axis of seconds; the same phrase has the same colour in each.
pub(super) fn timeline(lanes: &[Lane]) -> String {
    const STEP: f64 = 26.0;
    let height = 8.0 + STEP * lanes.len() as f64 + BOTTOM;
    let ends = lanes.iter().flat_map(|lane| lane.bars.iter().map(|bar| bar.1));
    let x = Axis::over(ends.chain([0.0]), LEFT, WIDTH - RIGHT);
    let mut svg = open(height);
    x.horizontal(&mut svg, height - BOTTOM, "s");
    for (n, lane) in lanes.iter().enumerate() {
        let top = 8.0 + STEP * n as f64;
        let _ = write!(svg, "<text x=\"4\" y=\"{:.1}\">{}</text>", top + 15.0, escape(&lane.name));
        for (number, (from, to)) in lane.bars.iter().enumerate() {
            let (left, width) = (x.at(*from), (x.at(*to) - x.at(*from)).max(1.0));
            let colour = number % COLOURS;
            let _ = write!(
                svg,
                "<rect class=\"c{colour}\" x=\"{left:.1}\" y=\"{top:.1}\" width=\"{width:.1}\" height=\"20\" fill-opacity=\"0.6\">\
                 <title>{from:.2} s to {to:.2} s</title></rect>"
            );
        }
    }
    svg.push_str("</svg>");
    svg
}

fn open(height: f64) -> String {
    format!("<svg viewBox=\"0 0 {WIDTH} {height}\" role=\"img\">")
}

fn legend<'a>(svg: &mut String, names: impl Iterator<Item = &'a str>) {
    let mut left = LEFT;
    for (n, name) in names.enumerate() {
        let _ = write!(svg, "<rect class=\"c{}\" x=\"{left:.0}\" y=\"6\" width=\"12\" height=\"12\"/>", n % COLOURS);
        let _ = write!(svg, "<text x=\"{:.0}\" y=\"16\">{}</text>", left + 17.0, escape(name));
        left += 40.0 + 8.0 * name.chars().count() as f64;
    }
}

/// From values to places.
struct Axis {
    low: f64,
    high: f64,
    step: f64,
    begin: f64,
    end: f64,
}

impl Axis {
    /// Over finite `values` and zero, between two places of the picture, with round steps.
    fn over(values: impl Iterator<Item = f64>, begin: f64, end: f64) -> Self {
        let (low, high) = values.filter(|v| v.is_finite()).fold((0.0_f64, 0.0_f64), |(low, high), v| (low.min(v), high.max(v)));
        let span = if high > low { high - low } else { 1.0 };
        let rough = span / 8.0;
        let power = 10.0_f64.powf(rough.log10().floor());
        let step = power * [1.0, 2.0, 5.0].into_iter().find(|m| m * power >= rough).unwrap_or(10.0);
        let low = (low / step).floor() * step;
        let high = ((low + span) / step).ceil() * step;
        Self { low, high: high.max(low + step), step, begin, end }
    }

    fn at(&self, value: f64) -> f64 {
        self.begin + (value - self.low) / (self.high - self.low) * (self.end - self.begin)
    }

    fn ticks(&self) -> impl Iterator<Item = f64> {
        let count = ((self.high - self.low) / self.step).round() as usize;
        let (low, step) = (self.low, self.step);
        (0..=count).map(move |n| low + n as f64 * step)
    }

    /// A number without needless digits.
    fn label(&self, value: f64) -> String {
        let digits = if self.step < 0.1 { 2 } else { usize::from(self.step < 1.0) };
        format!("{value:.digits$}")
    }

    fn horizontal(&self, svg: &mut String, y: f64, name: &str) {
        let _ = write!(svg, "<path class=\"axis\" d=\"M{:.1} {y:.1}H{:.1}\"/>", self.begin, self.end);
        for tick in self.ticks() {
            let at = self.at(tick);
            let _ = write!(svg, "<path class=\"axis\" d=\"M{at:.1} {y:.1}v5\"/>");
            let _ = write!(svg, "<text x=\"{at:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>", y + 18.0, self.label(tick));
        }
        let _ = write!(svg, "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>", self.end, y + 36.0, escape(name));
    }

    fn vertical(&self, svg: &mut String, x: f64, name: &str) {
        let _ = write!(svg, "<path class=\"axis\" d=\"M{x:.1} {:.1}V{:.1}\"/>", self.begin, self.end);
        for tick in self.ticks() {
            let at = self.at(tick);
            let _ = write!(svg, "<path class=\"axis\" d=\"M{x:.1} {at:.1}h{:.1}\"/>", WIDTH - RIGHT - x);
            let _ =
                write!(svg, "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>", x - 6.0, at + 4.0, self.label(tick));
        }
        let middle = self.begin.midpoint(self.end);
        let _ = write!(
            svg,
            "<text x=\"14\" y=\"{middle:.1}\" text-anchor=\"middle\" transform=\"rotate(-90 14 {middle:.1})\">{}</text>",
            escape(name)
        );
    }
}
