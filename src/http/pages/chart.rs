//! Drawings as inline SVG. Each is an image with a text, and holds no text of its own: it is stretched to its place.

use maud::{Markup, html};

/// The size of the bar chart's coordinate system.
const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 160.0;
/// The part of a bar's place that is free.
const GAP: f64 = 0.22;

/// One bar.
pub(super) struct Bar {
    /// Its day and amount, for a tooltip.
    pub(super) title: String,
    /// `None`: unknown, which is drawn as a full, pale column.
    pub(super) value: Option<f64>,
    /// Its kind, as the class of its style.
    pub(super) class: &'static str,
}

/// Bars from zero, with lines at the quarters of the largest.
pub(super) fn bars(bars: &[Bar], label: &str) -> Markup {
    let values = || bars.iter().filter_map(|bar| bar.value);
    let (most, least) = (values().fold(0.0, f64::max), values().fold(0.0, f64::min));
    let scale = if most > least { HEIGHT / (most - least) } else { 0.0 };
    let zero = most * scale;
    let zero = if scale > 0.0 { zero } else { HEIGHT };
    let pitch = WIDTH / f64::from(u32::try_from(bars.len().max(1)).unwrap_or(u32::MAX));
    html! {
        svg.bars viewBox=(format!("0 0 {WIDTH} {HEIGHT}")) preserveAspectRatio="none" role="img" aria-label=(label) {
            @for quarter in 0..=3 {
                @let y = number(HEIGHT * f64::from(quarter) / 4.0);
                line.grid x1="0" x2=(number(WIDTH)) y1=(y) y2=(y) {}
            }
            @for (bar, left) in bars.iter().zip(std::iter::successors(Some(0.0), |left| Some(left + pitch))) {
                @let x = number(left + pitch * GAP / 2.0);
                @let width = number(pitch * (1.0 - GAP));
                @match bar.value {
                    Some(value) => {
                        @let height = (value.abs() * scale).max(if value == 0.0 { 0.0 } else { 1.0 });
                        @let y = if value < 0.0 { zero } else { zero - height };
                        rect class=(bar.class) x=(x) y=(number(y)) width=(width) height=(number(height)) {
                            title { (bar.title) }
                        }
                    },
                    None => rect.missing x=(x) y="0" width=(width) height=(number(HEIGHT)) { title { (bar.title) } },
                }
            }
            line.zero x1="0" x2=(number(WIDTH)) y1=(number(zero)) y2=(number(zero)) {}
        }
    }
}

/// The largest known value, for the axis; at least zero. `None`: all are unknown.
pub(super) fn most(bars: &[Bar]) -> Option<f64> {
    bars.iter().filter_map(|bar| bar.value).reduce(f64::max).map(|most| most.max(0.0))
}

/// A share of a whole as a line that is filled from the left; above 1 it is full.
pub(super) fn meter(share: f64, class: &str, label: &str) -> Markup {
    let filled = share.clamp(0.0, 1.0) * 100.0;
    html! {
        svg.meter viewBox="0 0 100 6" preserveAspectRatio="none" role="img" aria-label=(label) {
            rect.track x="0" y="0" width="100" height="6" {}
            rect class=(class) x="0" y="0" width=(number(filled)) height="6" {}
        }
    }
}

/// The month: spent so far, if known, the band of the forecast, and its estimate, on one line from zero.
pub(super) fn month(spent: Option<f64>, [lower, estimate, upper]: [f64; 3], label: &str) -> Markup {
    let most = upper.max(spent.unwrap_or(0.0)).max(f64::MIN_POSITIVE) * 1.04;
    let at = |value: f64| (value / most).clamp(0.0, 1.0) * 300.0;
    html! {
        svg.month viewBox="0 0 300 12" preserveAspectRatio="none" role="img" aria-label=(label) {
            rect.track x="0" y="3" width="300" height="6" {}
            rect.band x=(number(at(lower))) y="0" width=(number((at(upper) - at(lower)).max(1.0))) height="12" {}
            @if let Some(spent) = spent { rect.spent x="0" y="3" width=(number(at(spent))) height="6" {} }
            rect.estimate x=(number(at(estimate) - 0.75)) y="0" width="1.5" height="12" {}
        }
    }
}

/// A coordinate, short enough for a page of many.
fn number(value: f64) -> String {
    let text = format!("{value:.1}");
    text.strip_suffix(".0").map_or_else(|| text.clone(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bar(value: Option<f64>) -> Bar {
        Bar { title: "22 Nov".into(), value, class: "day" }
    }

    #[test]
    fn bars_stand_on_zero_and_an_unknown_one_is_no_zero() {
        let drawn = bars(&[bar(Some(30.0)), bar(None), bar(Some(-10.0)), bar(Some(0.0))], "a <label>").into_string();
        assert!(drawn.contains("aria-label=\"a &lt;label&gt;\""), "{drawn}");
        assert!(drawn.contains("<rect class=\"day\" x=\"19.8\" y=\"0\" width=\"140.4\" height=\"120\">"), "{drawn}");
        assert!(drawn.contains("class=\"missing\" x=\"199.8\" y=\"0\" width=\"140.4\" height=\"160\""), "{drawn}");
        assert!(drawn.contains("y=\"120\" width=\"140.4\" height=\"40\""), "a credit hangs below: {drawn}");
        assert!(drawn.contains("height=\"0\""), "{drawn}");
        assert_eq!(
            [&[None, Some(-1.0)][..], &[Some(2.0)], &[None]]
                .map(|all| most(&all.iter().copied().map(bar).collect::<Vec<_>>())),
            [Some(0.0), Some(2.0), None]
        );
        let none = bars(&[bar(Some(0.0))], "").into_string();
        assert!(!none.contains("NaN") && !none.contains("inf"), "{none}");
    }

    #[test]
    fn a_share_above_the_whole_fills_its_line() {
        assert!(meter(1.35, "over", "").into_string().contains("width=\"100\" height=\"6\""));
        assert!(meter(0.423, "fine", "").into_string().contains("width=\"42.3\""));
        let line = month(Some(0.0), [0.0, 0.0, 0.0], "").into_string();
        assert!(!line.contains("NaN") && line.contains("class=\"spent\""), "{line}");
        assert!(!month(None, [1.0, 2.0, 3.0], "").into_string().contains("class=\"spent\""), "unknown is no bar");
    }
}
