//! What both images share: text in XML, and sizes of text in common fonts.

use unicode_width::UnicodeWidthStr;

use crate::ui::style::{Terminal, clean, fit};

/// What a character of the labels takes at most, and one of the smaller text.
pub(in crate::ui) const LABEL: f64 = 8.4;
pub(in crate::ui) const SMALL: f64 = 6.9;
/// Longer texts are cut.
const LONGEST: usize = 40;

/// Text that XML takes literally.
pub(in crate::ui) fn escaped(text: &str) -> String {
    clean(text).replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;").replace('\'', "&apos;")
}

/// As much of a text as a box takes.
pub(in crate::ui) fn cut(text: &str) -> String {
    fit(&Terminal::plain(80), &clean(text), LONGEST)
}

/// What a text takes when each of its characters takes `each`.
pub(in crate::ui) fn wide(text: &str, each: f64) -> f64 {
    text.width() as f64 * each
}

/// The image around what was drawn.
pub(in crate::ui) fn image(title: &str, style: &str, (width, height): (f64, f64), drawn: &[String]) -> String {
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width:.0} {height:.0}\" width=\"{width:.0}\" height=\"{height:.0}\" role=\"img\">\n\
         <title>{}</title>\n<style>{style}</style>\n<defs><marker id=\"head\" viewBox=\"0 0 8 8\" refX=\"1\" refY=\"4\" markerWidth=\"8\" \
         markerHeight=\"8\" markerUnits=\"userSpaceOnUse\" orient=\"auto\"><path class=\"head\" d=\"M0 0L8 4L0 8z\"/></marker></defs>\n\
         <rect class=\"paper\" width=\"100%\" height=\"100%\" rx=\"8\"/>\n{}\n</svg>\n",
        escaped(title),
        drawn.join("\n"),
    )
}
