//! The OpenAPI 3.1 document, made of the table of routes.

use crate::describe::Access;
use crate::router::Route;
use serde_json::json;
use std::collections::BTreeMap;
use utoipa::openapi::extensions::ExtensionsBuilder;
use utoipa::openapi::path::{HttpMethod, OperationBuilder, PathItem, PathsBuilder};
use utoipa::openapi::schema::{ComponentsBuilder, ObjectBuilder, Schema, SchemaType, Type};
use utoipa::openapi::security::{
    ApiKey, ApiKeyValue, Http, HttpAuthScheme, SecurityRequirement, SecurityScheme,
};
use utoipa::openapi::{Content, InfoBuilder, OpenApi, OpenApiBuilder, Ref, RefOr, ResponseBuilder};

fn method(name: &str) -> HttpMethod {
    match name {
        "POST" => HttpMethod::Post,
        "PUT" => HttpMethod::Put,
        "DELETE" => HttpMethod::Delete,
        _ => HttpMethod::Get,
    }
}

/// `GET /api/user/{id}` is `get_user_id`.
fn operation_id(route: &Route) -> String {
    let mut id = route.method.to_ascii_lowercase();
    for part in route.path.trim_start_matches("/api/").split('/').filter(|part| !part.is_empty()) {
        id.push('_');
        id.push_str(part.trim_matches(['{', '}']));
    }
    id
}

fn securities(access: Access) -> Vec<SecurityRequirement> {
    let by = |name: &str| SecurityRequirement::new::<_, [&str; 0], &str>(name, []);
    match access {
        Access::Public => vec![],
        Access::Token => vec![by("relay_key")],
        _ => vec![by("access_token"), by("session")],
    }
}

fn error() -> Schema {
    let text = |says: &str| ObjectBuilder::new().schema_type(Type::String).description(Some(says));
    let object = ObjectBuilder::new()
        .property("success", ObjectBuilder::new().schema_type(Type::Boolean))
        .property("message", text("For people"))
        .property("code", text("Stable, for programs"))
        .property(
            "data",
            ObjectBuilder::new().schema_type(SchemaType::AnyValue).description(Some(
                "What the caller needs to go on, such as a passkey's `publicKey`; else null",
            )),
        )
        .required("success")
        .required("message")
        .required("code");
    Schema::Object(object.build())
}

/// Builds the document of all routes.
pub fn document(routes: &[Route], version: &str) -> OpenApi {
    let mut paths = PathsBuilder::new();
    let mut schemas: BTreeMap<String, RefOr<Schema>> = BTreeMap::new();
    let failure = ResponseBuilder::new()
        .description("An error; its status says of what kind")
        .content("application/json", Content::new(Some(Ref::from_schema_name("Error"))))
        .build();
    for route in routes {
        let draft = route.draft();
        let mut operation = OperationBuilder::new()
            .operation_id(Some(operation_id(route)))
            .summary(Some(route.says))
            .tag(route.path.trim_start_matches("/api/").split('/').next().unwrap_or_default())
            .securities(Some(securities(draft.access)))
            .request_body(draft.body)
            .response("default", failure.clone())
            .extensions(Some(ExtensionsBuilder::new().add("x-role", draft.access.name()).build()));
        if let Some(answer) = draft.answer {
            operation = operation.response("200", answer);
        }
        if !draft.parameters.is_empty() {
            operation = operation.parameters(Some(draft.parameters));
        }
        paths = paths.path(route.path, PathItem::new(method(route.method), operation));
        schemas.extend(draft.schemas);
    }
    let info = InfoBuilder::new()
        .title("MAGIC management API")
        .version(version)
        .description(Some(
            "one-api's routes and envelope, real status codes, and what docs/MANAGEMENT.md tells.",
        ))
        .build();
    let header = |says: &str| {
        SecurityScheme::ApiKey(ApiKey::Header(ApiKeyValue::with_description("Authorization", says)))
    };
    let components = ComponentsBuilder::new()
        .schemas_from_iter(schemas)
        .schema("Error", error())
        .security_scheme("access_token", header("An account's access token: POST /api/user/token"))
        .security_scheme(
            "session",
            SecurityScheme::ApiKey(ApiKey::Cookie(ApiKeyValue::new(crate::guard::COOKIE))),
        )
        .security_scheme("relay_key", SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer)))
        .build();
    OpenApiBuilder::new().info(info).paths(paths.build()).components(Some(components)).build()
}

/// The document as JSON text, each schema by its own name.
pub fn text(routes: &[Route], version: &str) -> String {
    serde_json::to_value(document(routes, version)).unwrap_or_else(|_| json!({})).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;
    use std::collections::BTreeSet;

    fn parsed() -> Value {
        serde_json::from_str(&text(&crate::router::table(), "0")).unwrap()
    }

    #[test]
    fn operations_have_names_of_their_own_and_say_what_they_do() {
        let document = parsed();
        assert_eq!(document["openapi"], "3.1.0");
        let mut seen = BTreeSet::new();
        for (path, item) in document["paths"].as_object().unwrap() {
            for (method, operation) in item.as_object().unwrap() {
                assert!(
                    operation["summary"].as_str().is_some_and(|text| !text.is_empty()),
                    "{method} {path}"
                );
                assert!(seen.insert(operation["operationId"].to_string()), "{method} {path}");
                assert!(operation["responses"]["200"].is_object(), "{method} {path}");
                assert!(operation["x-role"].is_string(), "{method} {path}");
            }
        }
    }

    #[test]
    fn one_name_is_one_schema() {
        let mut seen: BTreeMap<String, Value> = BTreeMap::new();
        for route in crate::router::table() {
            for (name, schema) in route.draft().schemas {
                let schema = serde_json::to_value(schema).unwrap();
                let known = seen.entry(name.clone()).or_insert_with(|| schema.clone());
                assert_eq!(*known, schema, "two types are called {name}");
            }
        }
    }

    #[test]
    fn every_reference_leads_somewhere() {
        let document = parsed();
        let text = document.to_string();
        for part in text.split("#/components/schemas/").skip(1) {
            let name = part.split('"').next().unwrap();
            assert!(document["components"]["schemas"][name].is_object(), "{name}");
        }
    }
}
