//! The description of the routes, for programs, from the table that makes them.

use schemars::{SchemaGenerator, generate::SchemaSettings};
use serde_json::{Map, Value, json};

use super::{BASE, ROUTES, Route, Verb};

/// Writes the description: OpenAPI 3.1.
pub(super) fn document() -> Value {
    let settings = SchemaSettings::draft2020_12()
        .with(|settings| settings.definitions_path = "/components/schemas".into());
    let mut schemas = settings.into_generator();
    let mut paths = Map::new();
    for route in ROUTES {
        let verb = match route.verb {
            Verb::Get => "get",
            Verb::Post => "post",
        };
        let path = paths.entry(route.path).or_insert_with(|| json!({}));
        if let Some(path) = path.as_object_mut() {
            path.insert(verb.to_owned(), operation(route, &mut schemas));
        }
    }
    let mut schemas = schemas.take_definitions(true);
    schemas.insert(
        "Error".to_owned(),
        json!({
            "type": "object",
            "required": ["errcode", "error"],
            "properties": {
                "errcode": { "type": "string" },
                "error": { "type": "string", "description": "What is wrong, for people." },
                "retry_after_ms": { "type": "integer" },
            },
        }),
    );
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "msn-bridge provisioning",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Signs people in to MSN and opens chats for them.",
        },
        "servers": [{ "url": BASE }],
        "security": [{ "token": [] }],
        "paths": paths,
        "components": {
            "securitySchemes": {
                "token": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "A person's own Matrix token, or the shared secret with user_id.",
                },
            },
            "schemas": schemas,
        },
    })
}

fn operation(route: &Route, schemas: &mut SchemaGenerator) -> Value {
    let parts = route.path.split('/').filter_map(|part| part.strip_prefix('{'));
    let parts = parts.filter_map(|part| part.strip_suffix('}'));
    let mut parameters: Vec<Value> = parts
        .map(|name| {
            json!({ "name": name, "in": "path", "required": true, "schema": { "type": "string" } })
        })
        .collect();
    let user = ("user_id", "whom it is done for: with the shared secret it must be said");
    for (name, says) in route.query.iter().chain([&user]) {
        parameters.push(json!({
            "name": name, "in": "query", "description": says, "schema": { "type": "string" },
        }));
    }
    let body = |schema: Value| json!({ "application/json": { "schema": schema } });
    let failed = json!({ "$ref": "#/components/schemas/Error" });
    let mut operation = json!({
        "operationId": route.id,
        "summary": route.does,
        "parameters": parameters,
        "responses": {
            "2XX": { "description": "Done.", "content": body((route.answers)(schemas).to_value()) },
            "default": { "description": "Not done.", "content": body(failed) },
        },
    });
    if let (Some(asks), Some(operation)) = (route.asks, operation.as_object_mut()) {
        let content = body(asks(schemas).to_value());
        operation.insert("requestBody".to_owned(), json!({ "required": true, "content": content }));
    }
    operation
}
