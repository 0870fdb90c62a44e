//! HTML from a template. Every value is escaped by the template's engine; the data and our own style and scripts are
//! not, so the data is written as JSON without a `<`: no name in it ends the element that it stands in.

use std::io::{self, Write};

use minijinja::value::{Serde, Value};
use minijinja::{Environment, context};
use serde::Serialize;

const TEMPLATES: [(&str, &str); 2] =
    [("report.html", include_str!("report.html")), ("index.html", include_str!("index.html"))];
const STYLE: &str = include_str!("style.css");
/// In the order in which they need each other.
const SCRIPTS: [&str; 5] = [
    include_str!("core.js"),
    include_str!("diagram.js"),
    include_str!("state.js"),
    include_str!("list.js"),
    include_str!("page.js"),
];

/// Writes a page: what its template shows, and the data that its script draws.
pub(super) fn write(
    template: &str,
    shown: &impl Serialize,
    data: &str,
    writer: &mut dyn Write,
) -> io::Result<()> {
    let mut templates = Environment::new();
    for (name, text) in TEMPLATES {
        templates.add_template(name, text).map_err(io::Error::other)?;
    }
    let safe = |text: String| Value::from_safe_string(text);
    let page = context! {
        page => Serde(shown),
        style => safe(STYLE.to_owned()),
        script => safe(SCRIPTS.concat()),
        data => safe(harmless(data)),
    };
    let template = templates.get_template(template).map_err(io::Error::other)?;
    let html = template.render(page).map_err(io::Error::other)?;
    writer.write_all(html.as_bytes())
}

/// JSON that may stand in a script element: `<` is in strings only, and may be written as its number there.
fn harmless(json: &str) -> String {
    json.replace('<', "\\u003c")
}

#[cfg(test)]
mod tests {
    use super::harmless;

    #[test]
    fn no_name_ends_the_element() {
        let name = "</script><!--<script>";
        let json = serde_json::to_string(&name).expect("it is a string");
        let written = harmless(&json);
        assert!(!written.contains('<'), "{written}");
        assert_eq!(serde_json::from_str::<String>(&written).expect("it is JSON"), name);
    }
}
