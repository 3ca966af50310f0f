//! `/api/docs`: the description of the API for people, made once at the start. One file, no script, nothing from
//! anywhere else, so that it can be read without a network and saved as it is.

use emit_api::problem::Code;
use serde_json::{Map, Value};

use super::html::Html;

const STYLE: &str = include_str!("docs.css");
/// Which paths stand under which heading: the first that fits.
const CHAPTERS: &[(&str, &str)] = &[
    ("Streams", "/api/v1/realtime/"),
    ("Keys", "/tokens"),
    ("Keys", "/me"),
    ("One job", "/api/v1/jobs"),
    ("Jobs of a space", "/jobs"),
    ("Jobs of a space", "/counts"),
    ("Spaces", "/spaces"),
    ("The server", "/"),
];
const ORDER: &[&str] = &["Jobs of a space", "One job", "Streams", "Spaces", "Keys", "The server"];

/// The page of this description.
pub(super) fn render(description: &str) -> String {
    let description: Value = serde_json::from_str(description).unwrap_or_default();
    let mut out = Html::default();
    out.raw("<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>Emit: the API</title>");
    out.raw("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><style>");
    out.raw(STYLE);
    out.raw("</style></head><body><nav><b>Emit</b>");
    ORDER.iter().for_each(|chapter| out.link(&format!("#{}", anchor(chapter)), chapter));
    out.link("#bodies", "Bodies and answers");
    out.link("#errors", "Errors");
    out.raw("</nav><main>");
    introduction(&mut out, &description);
    for chapter in ORDER {
        out.raw(&format!("<h2 id=\"{}\">{chapter}</h2>", anchor(chapter)));
        for (path, method, call) in calls(&description).filter(|(path, ..)| chapter_of(path) == *chapter) {
            self::call(&mut out, path, method, call);
        }
    }
    schemas(&mut out, &description["components"]["schemas"]);
    errors(&mut out);
    out.raw("</main></body></html>\n");
    out.finish()
}

fn introduction(out: &mut Html, description: &Value) {
    out.raw("<h1>Emit <small>");
    out.text(text(&description["info"]["version"]));
    out.raw("</small></h1><p>");
    out.text(text(&description["info"]["description"]));
    out.raw("</p><p>A key stands in <code>x-api-key</code> or <code>Authorization: Bearer</code>; on streams also in ");
    out.raw("<code>?token=</code>. Bodies are JSON. This page shows <a href=\"/api/openapi.json\">openapi.json</a>; ");
    out.raw("the messages of streams stand in <a href=\"/api/asyncapi.json\">asyncapi.json</a>.</p>");
}

/// Path, method and call, in the order of the table.
fn calls(description: &Value) -> impl Iterator<Item = (&str, &str, &Value)> {
    let paths = description["paths"].as_object().into_iter().flatten();
    paths.flat_map(|(path, methods)| {
        let methods = methods.as_object().into_iter().flatten();
        methods.map(move |(method, call)| (path.as_str(), method.as_str(), call))
    })
}

fn chapter_of(path: &str) -> &'static str {
    let found = CHAPTERS.iter().find(|(_, part)| {
        path.starts_with(part) || (path.starts_with("/api/v1/spaces") && path.contains(part))
    });
    found.map_or("The server", |(chapter, _)| chapter)
}

fn call(out: &mut Html, path: &str, method: &str, call: &Value) {
    out.raw(&format!("<details id=\"{}\"><summary><b class=\"{method}\">", text(&call["operationId"])));
    out.text(&method.to_uppercase());
    out.raw("</b> <code>");
    out.text(path);
    out.raw("</code> <span>");
    out.text(text(&call["summary"]));
    out.raw("</span></summary><p>");
    out.text(call["description"].as_str().unwrap_or("No key is needed."));
    out.raw("</p>");
    let parameters = call["parameters"].as_array().map_or(&[][..], Vec::as_slice);
    if !parameters.is_empty() {
        out.raw("<table><tr><th>parameter<th>in<th>type<th>meaning</tr>");
        for parameter in parameters {
            let cells = [text(&parameter["name"]), text(&parameter["in"])];
            row(out, &cells, &parameter["schema"], text(&parameter["description"]));
        }
        out.raw("</table>");
    }
    let body = content(&call["requestBody"]);
    if let Some(schema) = body {
        out.raw("<p>Body: ");
        kind(out, schema);
        out.raw("</p>");
    }
    for (status, answer) in call["responses"].as_object().into_iter().flatten() {
        if status == "default" {
            continue;
        }
        out.raw("<p>Answer: ");
        out.text(status);
        if let Some(schema) = content(answer) {
            out.raw(", ");
            kind(out, schema);
        }
        out.raw("</p>");
    }
    out.raw("</details>");
}

/// The schema of a body or an answer, whatever its media type.
fn content(body: &Value) -> Option<&Value> {
    body["content"].as_object()?.values().next().map(|media| &media["schema"])
}

fn schemas(out: &mut Html, schemas: &Value) {
    out.raw("<h2 id=\"bodies\">Bodies and answers</h2>");
    for (name, schema) in schemas.as_object().into_iter().flatten() {
        out.raw(&format!("<section id=\"{name}\"><h3>{name}</h3><p>"));
        out.prose(text(&schema["description"]));
        out.raw("</p><table><tr><th>field<th><th>type<th>meaning</tr>");
        let required = schema["required"].as_array().map_or(&[][..], Vec::as_slice);
        for (field, schema) in schema["properties"].as_object().into_iter().flatten() {
            let needed = if required.iter().any(|name| name == field) { "always" } else { "" };
            row(out, &[field, needed], schema, meaning(schema));
        }
        out.raw("</table></section>");
    }
}

/// A description may stand on the reference inside.
fn meaning(schema: &Value) -> &str {
    let inside = || schema["oneOf"].as_array()?.iter().find_map(|one| one["description"].as_str());
    schema["description"].as_str().or_else(inside).unwrap_or_default()
}

fn errors(out: &mut Html) {
    out.raw(
        "<h2 id=\"errors\">Errors</h2><p>All are <a href=\"#Problem\">Problem</a>; each code has a page.</p>",
    );
    out.raw("<table><tr><th>code<th>status<th>meaning</tr>");
    for code in Code::ALL {
        let (word, status, title) = (code.as_str(), code.status(), code.title());
        out.raw(&format!("<tr><td><a href=\"/errors/{word}\"><code>{word}</code></a><td>{status}<td>"));
        out.text(title);
        out.raw("</tr>");
    }
    out.raw("</table>");
}

/// A schema in words.
fn kind(out: &mut Html, schema: &Value) {
    if let Some(name) = schema["$ref"].as_str().and_then(|target| target.rsplit('/').next()) {
        return out.link(&format!("#{name}"), name);
    }
    if let Some(choices) = schema["oneOf"].as_array() {
        for (index, choice) in choices.iter().enumerate() {
            out.raw(if index > 0 { " or " } else { "" });
            kind(out, choice);
        }
        return;
    }
    if !schema["items"].is_null() {
        out.raw("array of ");
        return kind(out, &schema["items"]);
    }
    let types = match &schema["type"] {
        Value::Array(types) => types.iter().map(text).collect::<Vec<_>>().join(" or "),
        Value::String(one) => one.clone(),
        _ => "any JSON".to_owned(),
    };
    out.text(&types);
    if let Value::Object(schema) = schema {
        limits(out, schema);
    }
}

fn limits(out: &mut Html, schema: &Map<String, Value>) {
    for (name, before) in [
        ("format", ", "),
        ("enum", ", one of "),
        ("minimum", ", from "),
        ("maximum", " to "),
        ("minLength", ", from "),
        ("maxLength", " to "),
        ("default", ", by default "),
    ] {
        let Some(value) = schema.get(name).filter(|value| !value.is_null() && *value != "int64") else {
            continue;
        };
        out.text(before);
        out.text(&value.as_str().map_or_else(|| value.to_string(), str::to_owned));
        out.raw(if name == "maxLength" { " characters" } else { "" });
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn anchor(chapter: &str) -> String {
    chapter.to_lowercase().replace(' ', "-")
}

/// A row of a table: cells, a type, a meaning.
fn row(out: &mut Html, cells: &[&str; 2], schema: &Value, meaning: &str) {
    out.raw("<tr><td><code>");
    out.text(cells[0]);
    out.raw("</code><td>");
    out.text(cells[1]);
    out.raw("<td>");
    kind(out, schema);
    out.raw("<td>");
    out.prose(meaning);
    out.raw("</tr>");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::openapi::{describe_routes, is_page};
    use crate::http::router::routes;

    #[test]
    fn every_call_and_every_body_stands_on_the_page_and_every_link_leads_somewhere() {
        let html = render(&describe_routes(&routes()));
        for route in routes().iter().filter(|route| !is_page(route)) {
            assert!(html.contains(&format!("<code>{}</code>", route.path)), "{}", route.path);
        }
        for link in html.split("href=\"#").skip(1).filter_map(|rest| rest.split('"').next()) {
            assert!(html.contains(&format!("id=\"{link}\"")), "#{link}");
        }
        assert!(!html.contains("http://") && !html.contains("https://") && !html.contains("<script"));
    }
}
