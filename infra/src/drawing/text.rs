//! What is written in a picture, how much room it takes, and the shapes around it.

use std::fmt::Write as _;

use asl::{State, StateName};

/// A line in a state's box.
pub(super) struct Line {
    text: String,
    is_name: bool,
}

/// A picture on light and on dark paper. Plain rules, as few renderers know variables.
pub(super) const STYLE: &str = "\
<style>
text { font: 14px system-ui, 'Segoe UI', Helvetica, Arial, sans-serif; text-anchor: middle; fill: #1f2430 }
.note { font-size: 11px; fill: #5b6472 }
.paper { fill: #ffffff }
.task { fill: #eef2fd; stroke: #4a67c8 }
.choice { fill: #fdf4df; stroke: #b7791f }
.wait { fill: #e8f6ee; stroke: #2f8f5b }
.end { fill: #f1f2f5; stroke: #5b6472; stroke-width: 2 }
.fail { fill: #fdecec; stroke: #c53d3d; stroke-width: 2 }
.map { fill: #f7f8fc; stroke: #4a67c8; stroke-dasharray: 6 3 }
.start, .head { fill: #5b6472 }
.arrow { fill: none; stroke: #5b6472; stroke-width: 1.4; marker-end: url(#head) }
.fails { stroke-dasharray: 4 4 }
@media (prefers-color-scheme: dark) {
text { fill: #e6e9f0 }
.note { fill: #a7b0c0 }
.paper { fill: #0f1420 }
.task { fill: #1b2440; stroke: #8ea6f5 }
.choice { fill: #33290f; stroke: #e0a94a }
.wait { fill: #12301f; stroke: #5fc48d }
.end { fill: #262c39; stroke: #a7b0c0 }
.fail { fill: #3a1717; stroke: #f08a8a }
.map { fill: #151b2c; stroke: #8ea6f5 }
.start, .head { fill: #a7b0c0 }
.arrow { stroke: #a7b0c0 }
}
</style>
<defs><marker id=\"head\" viewBox=\"0 0 10 10\" refX=\"9\" refY=\"5\" markerWidth=\"7\" markerHeight=\"7\" orient=\"auto\">\
<path class=\"head\" d=\"M0 1 L9 5 L0 9 z\"/></marker></defs>
";

/// A state's name, and what it does about errors.
pub(super) fn lines(name: &StateName, state: &State) -> Vec<Line> {
    let name = match state {
        State::Map(..) => format!("{name}, for each item"),
        _ => name.to_string(),
    };
    // What is left out means three attempts.
    let attempts = state.retriers().iter().map(|retry| retry.max_attempts.unwrap_or(3)).max().unwrap_or(0);
    let note = (attempts > 0).then(|| Line { text: format!("retried {attempts} times"), is_name: false });
    [Line { text: name, is_name: true }].into_iter().chain(note).collect()
}

/// The size of a box for these lines.
pub(super) fn size(lines: &[Line]) -> (f64, f64) {
    let width = lines.iter().map(|line| width(&line.text, line.is_name)).fold(0.0, f64::max) + 28.0;
    let height = lines.iter().map(height).sum::<f64>() + 16.0;
    (width, height)
}

/// The size of what an arrow says.
pub(super) fn label(said: &str) -> (f64, f64) {
    (width(said, false) + 8.0, 16.0)
}

/// About: which font a viewer has isn't known. Rather too wide.
fn width(text: &str, is_name: bool) -> f64 {
    let characters = u32::try_from(text.chars().count()).unwrap_or(u32::MAX);
    f64::from(characters) * if is_name { 7.9 } else { 6.3 }
}

fn height(line: &Line) -> f64 {
    if line.is_name { 18.0 } else { 14.0 }
}

/// A state's shape with its lines, around a centre.
pub(super) fn place(state: &State, lines: &[Line], centre: (f64, f64), size: (f64, f64)) -> String {
    let ((x, y), (width, height)) = (centre, size);
    let (left, top, right, bottom) = (x - width / 2.0, y - height / 2.0, x + width / 2.0, y + height / 2.0);
    let rect = |class: &str, radius: f64| {
        format!(
            "<rect class=\"{class}\" x=\"{left:.1}\" y=\"{top:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" rx=\"{radius:.1}\"/>"
        )
    };
    let (shape, is_filled) = match state {
        // A hexagon: arrows from above and below meet its flat sides.
        State::Choice(_) => {
            let (inner, outer) = (left + 10.0, right - 10.0);
            let points = format!(
                "{left:.1},{y:.1} {inner:.1},{top:.1} {outer:.1},{top:.1} {right:.1},{y:.1} {outer:.1},{bottom:.1} \
                 {inner:.1},{bottom:.1}"
            );
            (format!("<polygon class=\"choice\" points=\"{points}\"/>"), false)
        }
        State::Wait(..) => (rect("wait", height / 2.0), false),
        State::Succeed(_) => (rect("end", height / 2.0), false),
        State::Fail(_) => (rect("fail", height / 2.0), false),
        State::Map(..) | State::Parallel(..) => (rect("map", 8.0), true),
        _ => (rect("task", 4.0), false),
    };
    let mut drawn = format!("<g class=\"state\" data-box=\"{x:.1} {y:.1} {width:.1} {height:.1}\">{shape}");
    let all: f64 = lines.iter().map(self::height).sum();
    let mut line_top = if is_filled { top + 6.0 } else { y - all / 2.0 };
    for line in lines {
        let baseline = line_top + self::height(line) * 0.72;
        let class = if line.is_name { "" } else { " class=\"note\"" };
        let _infallible = write!(drawn, "<text{class} x=\"{x:.1}\" y=\"{baseline:.1}\">{}</text>", escaped(&line.text));
        line_top += self::height(line);
    }
    drawn + "</g>\n"
}

/// What an arrow says, on a piece of paper of its own.
pub(super) fn said(said: &str, x: f64, y: f64) -> String {
    let (width, height) = label(said);
    let (left, top) = (x - width / 2.0, y - height / 2.0);
    format!(
        "<rect class=\"paper\" x=\"{left:.1}\" y=\"{top:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" rx=\"3\"/>\
         <text class=\"note\" x=\"{x:.1}\" y=\"{:.1}\">{}</text>\n",
        y + 4.0,
        escaped(said)
    )
}

/// As text in XML.
pub(super) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
