//! The description of the API (OpenAPI 3.1): made from the server's own table of routes and from the types of
//! bodies and answers, so that it cannot name what does not exist.

use std::borrow::Cow;

use serde_json::{Map, Value, json};
use utoipa::ToSchema;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::Schema;

use crate::problem::Problem;

type Schemas = Vec<(String, RefOr<Schema>)>;

/// A type with a name of its own in the description.
#[derive(Clone, Copy)]
pub struct Named {
    name: fn() -> Cow<'static, str>,
    schema: fn() -> RefOr<Schema>,
    within: fn(&mut Schemas),
}

/// The type as the description knows it.
pub const fn named<T: ToSchema>() -> Named {
    Named { name: T::name, schema: T::schema, within: T::schemas }
}

/// What a body or an answer looks like.
#[derive(Clone, Copy)]
pub enum Shape {
    /// One of these.
    One(Named),
    /// An array of these.
    Many(Named),
    /// Either.
    OneOrMany(Named),
    /// Any object.
    AnyObject,
    /// Any JSON value.
    Any,
    /// Text that is no JSON.
    Text,
}

/// Where a parameter stands.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// Behind the question mark.
    Query,
    /// In the head.
    Header,
}

/// A parameter that is no part of the path.
#[derive(Clone, Copy)]
pub struct Parameter {
    /// Its name.
    pub name: &'static str,
    /// Where it stands.
    pub place: Place,
    /// What it does.
    pub what: &'static str,
    /// `string`, `integer`, `number` or `boolean`, and for numbers the range.
    pub kind: (&'static str, Option<(i64, i64)>),
}

/// One call.
pub struct Operation {
    /// The method, in lower case.
    pub method: String,
    /// The path, with `{names}`.
    pub path: &'static str,
    /// What it does.
    pub summary: &'static str,
    /// What a key needs for it; `None`: no key.
    pub scope: Option<String>,
    /// Whether the key may stand in the query.
    pub key_in_query: bool,
    /// Parameters beside those of the path.
    pub parameters: Vec<Parameter>,
    /// The body.
    pub body: Option<Shape>,
    /// The status of success.
    pub status: u16,
    /// The answer.
    pub answer: Option<Shape>,
}

/// The whole description as JSON.
pub fn describe(operations: &[Operation], version: &str) -> String {
    let mut schemas = Schemas::new();
    let mut paths: Map<String, Value> = Map::new();
    collect(named::<Problem<'static>>(), &mut schemas);
    for operation in operations {
        let path = paths.entry(operation.path).or_insert_with(|| json!({}));
        path[operation.method.as_str()] = call(operation, &mut schemas);
    }
    let schemas: Map<String, Value> = schemas
        .into_iter()
        .map(|(name, schema)| (name, serde_json::to_value(schema).unwrap_or_default()))
        .collect();
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Emit",
            "version": version,
            "description": "Background jobs over plain HTTP, watched live over WebSockets.",
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
        },
        "servers": [{ "url": "/" }],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "header": { "type": "apiKey", "in": "header", "name": "x-api-key" },
                "bearer": { "type": "http", "scheme": "bearer" },
                "query": { "type": "apiKey", "in": "query", "name": "token" },
            },
        },
    })
    .to_string()
}

fn call(operation: &Operation, schemas: &mut Schemas) -> Value {
    let mut description = json!({
        "summary": operation.summary,
        "operationId": operation_id(operation),
        "parameters": parameters(operation),
        "responses": {
            operation.status.to_string(): answer(operation, schemas),
            "default": {
                "description": "An error; its code has a page at `type`.",
                "content": { "application/problem+json": { "schema": reference("Problem") } },
            },
        },
    });
    if let Some(scope) = &operation.scope {
        let mut keys = vec![json!({ "header": [] }), json!({ "bearer": [] })];
        if operation.key_in_query {
            keys.push(json!({ "query": [] }));
        }
        description["security"] = keys.into();
        description["description"] = format!("Required scope: {scope}").into();
    }
    if let Some(body) = operation.body {
        let schema = shape(body, schemas);
        description["requestBody"] = json!({ "content": { "application/json": { "schema": schema } } });
    }
    description
}

/// `POST /api/v1/jobs/{jobId}/ack` becomes `post_jobs_jobId_ack`.
fn operation_id(operation: &Operation) -> String {
    let path = operation.path.trim_start_matches("/api").trim_start_matches("/v1");
    let words = path.split(['/', '.']).filter(|word| !word.is_empty());
    let words = words.map(|word| word.trim_matches(['{', '}']).to_owned());
    std::iter::once(operation.method.clone()).chain(words).collect::<Vec<_>>().join("_")
}

fn parameters(operation: &Operation) -> Vec<Value> {
    let in_path = operation.path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
    let in_path = in_path
        .map(|name| json!({ "name": name, "in": "path", "required": true, "schema": { "type": "string" } }));
    let others = operation.parameters.iter().map(|parameter| {
        let mut schema = json!({ "type": parameter.kind.0 });
        if let Some((min, max)) = parameter.kind.1 {
            schema["minimum"] = min.into();
            schema["maximum"] = max.into();
        }
        let place = if parameter.place == Place::Query { "query" } else { "header" };
        json!({ "name": parameter.name, "in": place, "description": parameter.what, "schema": schema })
    });
    in_path.chain(others).collect()
}

fn answer(operation: &Operation, schemas: &mut Schemas) -> Value {
    match operation.answer {
        None => json!({ "description": "Done." }),
        Some(answer) => {
            let schema = shape(answer, schemas);
            let kind = if matches!(answer, Shape::Text) { "text/plain" } else { "application/json" };
            json!({ "description": "Done.", "content": { kind: { "schema": schema } } })
        }
    }
}

fn shape(shape: Shape, schemas: &mut Schemas) -> Value {
    match shape {
        Shape::One(named) => collect(named, schemas),
        Shape::Many(named) => json!({ "type": "array", "items": collect(named, schemas) }),
        Shape::OneOrMany(named) => {
            let one = collect(named, schemas);
            json!({ "oneOf": [one.clone(), { "type": "array", "items": one, "minItems": 1, "maxItems": 1_000 }] })
        }
        Shape::AnyObject => json!({ "type": "object" }),
        Shape::Any => json!({}),
        Shape::Text => json!({ "type": "string" }),
    }
}

fn collect(named: Named, schemas: &mut Schemas) -> Value {
    let name = (named.name)().into_owned();
    if !schemas.iter().any(|(known, _)| *known == name) {
        schemas.push((name.clone(), (named.schema)()));
        (named.within)(schemas);
    }
    reference(&name)
}

fn reference(name: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{name}") })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jobs::{CreateRequest, Job};

    #[test]
    fn every_reference_leads_somewhere() {
        let operation = Operation {
            method: "post".into(),
            path: "/api/v1/spaces/{spaceId}/jobs",
            summary: "Creates jobs",
            scope: Some("jobs:create".into()),
            key_in_query: false,
            parameters: Vec::new(),
            body: Some(Shape::OneOrMany(named::<CreateRequest>())),
            status: 201,
            answer: Some(Shape::OneOrMany(named::<Job>())),
        };
        let text = describe(&[operation], "0");
        let description: Value = serde_json::from_str(&text).unwrap();
        let mut found = 0;
        for part in text.split("#/components/schemas/").skip(1) {
            let name = part.split('"').next().unwrap();
            assert!(description["components"]["schemas"].get(name).is_some(), "{name}");
            found += 1;
        }
        assert!(found >= 5);
        let call = &description["paths"]["/api/v1/spaces/{spaceId}/jobs"]["post"];
        assert_eq!(call["operationId"], "post_spaces_spaceId_jobs");
        assert_eq!(call["parameters"][0]["name"], "spaceId");
    }
}
