//! Picture: the table as plain bars, in one SVG that suits light and dark pages.

use std::fmt::Write;

use crate::compare::{Line, show};
use crate::rows::Unit;

const WIDTH: usize = 760;
const LEFT: usize = 210;
const BAR: usize = 400;
const STEP: usize = 14;

const STYLE: &str = "text{font:12px system-ui,sans-serif;fill:#24292f}.f{font-size:11px;fill:#57606a}\
.b0{fill:#0969da}.b1{fill:#bf8700}.b2{fill:#8250df}\
@media(prefers-color-scheme:dark){text{fill:#e6edf3}.f{fill:#9198a1}\
.b0{fill:#4493f8}.b1{fill:#d29922}.b2{fill:#ab7df8}}";

/// Bars for every line, each as long as its contender is fast beside the fastest of that line. The
/// last contender, the bare stream, is the table's yardstick only: it would dwarf them all.
pub fn draw(names: &[&str], table: &[Line]) -> String {
    let names = &names[..names.len() - 1];
    let mut body = String::new();
    let mut top = 44;
    for (index, name) in names.iter().enumerate() {
        let left = LEFT + index * 110;
        body += &format!(
            "<rect class=\"b{index}\" x=\"{left}\" y=\"12\" width=\"12\" height=\"12\"/>\n"
        );
        body += &format!(
            "<text x=\"{}\" y=\"22\">{}</text>\n",
            left + 18,
            escape(name)
        );
    }
    for line in table {
        top = draw_line(&mut body, line, top);
    }
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {top}\" width=\"{WIDTH}\" height=\"{top}\" role=\"img\">\n\
         <title>{}</title>\n<style>{STYLE}</style>\n{body}</svg>\n",
        escape(&names.join(", "))
    )
}

/// Draws one line and says where the next one begins.
fn draw_line(body: &mut String, line: &Line, top: usize) -> usize {
    let medians = &line.medians[..line.medians.len() - 1];
    let speeds = medians
        .iter()
        .map(|median| median.map(|median| speed(median, line.unit)));
    let fastest = speeds.clone().flatten().fold(f64::MIN_POSITIVE, f64::max);
    let title = escape(&line.title);
    let mut text = format!(
        "<text x=\"{}\" y=\"{}\" text-anchor=\"end\">{title}</text>\n",
        LEFT - 10,
        top + 11
    );
    let mut next = top;
    for (index, (speed, median)) in speeds.zip(medians).enumerate() {
        let (Some(speed), Some(median)) = (speed, median) else {
            continue;
        };
        let width = (speed / fastest * BAR as f64).max(1.0);
        let (height, figure) = (STEP - 3, show(*median, line.unit));
        write!(
            text,
            "<rect class=\"b{index}\" x=\"{LEFT}\" y=\"{next}\" width=\"{width:.1}\" height=\"{height}\"/>\n\
             <text class=\"f\" x=\"{:.1}\" y=\"{}\">{figure}</text>\n",
            LEFT as f64 + width + 6.0,
            next + 10,
        )
        .expect("text takes all that is written");
        next += STEP;
    }
    *body += &text;
    next + 10
}

/// The more the better, in every unit.
fn speed(figure: f64, unit: Unit) -> f64 {
    match unit {
        Unit::PerSecond => figure,
        _ => 1.0 / figure,
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}
