//! What the tests of bodies share.

use utoipa::PartialSchema;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::Schema;

use crate::fields::Rejection;

/// The names of a described object's properties, in order.
pub(crate) fn properties<T: PartialSchema>() -> Vec<String> {
    match T::schema() {
        RefOr::T(Schema::Object(object)) => object.properties.keys().cloned().collect(),
        _ => panic!("not an object"),
    }
}

/// The paths of a rejection, or none.
pub(crate) fn wrong<T>(read: Result<T, Rejection>) -> Vec<String> {
    read.map_or_else(
        |rejection| rejection.errors.into_iter().map(|error| error.path).collect(),
        |_| Vec::new(),
    )
}
