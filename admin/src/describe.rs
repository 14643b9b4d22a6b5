//! What a handler's signature says of its operation: its parameters, its body, its answer, and who may call it.
//! The OpenAPI document is made of nothing else, so it can't say what the handlers do not do.

use actix_web::{HttpRequest, HttpResponse, web};
use utoipa::ToSchema;
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::request_body::{RequestBody, RequestBodyBuilder};
use utoipa::openapi::response::{Response, ResponseBuilder};
use utoipa::openapi::schema::{Ref, Schema};
use utoipa::openapi::{Content, RefOr, Required};

/// Who may call an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Access {
    #[default]
    Public,
    /// A relay key, not an account.
    Token,
    User,
    Admin,
    Root,
}

impl Access {
    pub fn name(self) -> &'static str {
        match self {
            Access::Public => "public",
            Access::Token => "token",
            Access::User => "user",
            Access::Admin => "admin",
            Access::Root => "root",
        }
    }
}

/// An operation while it is being described.
#[derive(Default)]
pub struct Draft {
    pub path: &'static str,
    pub access: Access,
    pub parameters: Vec<Parameter>,
    pub body: Option<RequestBody>,
    pub answer: Option<Response>,
    pub schemas: Vec<(String, RefOr<Schema>)>,
}

impl Draft {
    /// The schema of a type: by name where it has members of its own.
    pub fn schema<T: ToSchema>(&mut self) -> RefOr<Schema> {
        T::schemas(&mut self.schemas);
        if T::name() == "Option" {
            // Every type's option goes by that name.
            return T::schema();
        }
        match T::schema() {
            RefOr::T(Schema::Object(object))
                if object.properties.is_empty() && object.enum_values.is_none() =>
            {
                RefOr::T(Schema::Object(object))
            }
            RefOr::T(Schema::Array(array)) => RefOr::T(Schema::Array(array)),
            RefOr::T(schema) => {
                let name = T::name().into_owned();
                self.schemas.push((name.clone(), RefOr::T(schema)));
                RefOr::Ref(Ref::from_schema_name(name))
            }
            other => other,
        }
    }

    /// A successful answer of JSON.
    pub fn answers(&mut self, schema: impl Into<RefOr<Schema>>) {
        self.answers_as("application/json", Some(schema.into()));
    }

    /// A successful answer of another kind.
    pub fn answers_as(&mut self, mime: &str, schema: Option<RefOr<Schema>>) {
        self.answer =
            Some(ResponseBuilder::new().description("Done").content(mime, Content::new(schema)).build());
    }
}

/// A part of a handler's signature.
pub trait Describe {
    fn describe(draft: &mut Draft);
}

impl Describe for HttpRequest {
    fn describe(_draft: &mut Draft) {}
}

impl<T: ?Sized> Describe for web::Data<T> {
    fn describe(_draft: &mut Draft) {}
}

/// A body in another's format.
impl Describe for web::Bytes {
    fn describe(draft: &mut Draft) {
        let any = Content::new(None::<RefOr<Schema>>);
        draft.body = Some(RequestBodyBuilder::new().content("application/octet-stream", any).build());
    }
}

/// An answer that is no JSON of ours says so through a type of its own; this one says nothing.
impl Describe for HttpResponse {
    fn describe(draft: &mut Draft) {
        draft.answers_as("*/*", None);
    }
}

impl<T: Describe, E> Describe for Result<T, E> {
    fn describe(draft: &mut Draft) {
        T::describe(draft);
    }
}

impl<T: ToSchema> Describe for web::Path<T> {
    fn describe(draft: &mut Draft) {
        let several = match T::schema() {
            RefOr::T(Schema::Object(object)) => object.properties,
            _ => Default::default(),
        };
        let schema = if several.is_empty() { Some(draft.schema::<T>()) } else { None };
        let names = draft.path.split('{').skip(1).filter_map(|rest| rest.split('}').next());
        let parameters = names.map(|name| {
            ParameterBuilder::new()
                .name(name)
                .parameter_in(ParameterIn::Path)
                .required(Required::True)
                .schema(several.get(name).cloned().or_else(|| schema.clone()))
                .build()
        });
        draft.parameters.extend(parameters);
    }
}

macro_rules! tuples {
    ($($name:ident)*) => {
        impl<$($name: Describe),*> Describe for ($($name,)*) {
            fn describe(_draft: &mut Draft) {
                $($name::describe(_draft);)*
            }
        }
    };
}
tuples!();
tuples!(A);
tuples!(A B);
tuples!(A B C);
tuples!(A B C D);
tuples!(A B C D E);
tuples!(A B C D E F);
tuples!(A B C D E F G);
