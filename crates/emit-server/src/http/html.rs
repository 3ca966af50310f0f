//! HTML, written piece by piece.

/// HTML under way.
#[derive(Default)]
pub(super) struct Html(String);

impl Html {
    /// As it is.
    pub(super) fn raw(&mut self, html: &str) {
        self.0.push_str(html);
    }

    /// Escaped.
    pub(super) fn text(&mut self, text: &str) {
        for character in text.chars() {
            match character {
                '&' => self.raw("&amp;"),
                '<' => self.raw("&lt;"),
                '>' => self.raw("&gt;"),
                '"' => self.raw("&quot;"),
                other => self.0.push(other),
            }
        }
    }

    /// Text in which backticks mark code.
    pub(super) fn prose(&mut self, text: &str) {
        for (index, part) in text.split('`').enumerate() {
            self.raw(match (index, index % 2) {
                (0, _) => "",
                (_, 1) => "<code>",
                _ => "</code>",
            });
            self.text(part);
        }
    }

    /// A link. The target is ours.
    pub(super) fn link(&mut self, target: &str, words: &str) {
        self.raw(&format!("<a href=\"{target}\">"));
        self.text(words);
        self.raw("</a>");
    }

    pub(super) fn finish(self) -> String {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_escaped() {
        let mut html = Html::default();
        html.prose("<b>\"& `x` y");
        assert_eq!(html.0, "&lt;b&gt;&quot;&amp; <code>x</code> y");
    }
}
