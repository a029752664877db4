//! How calls fail: the codes of the Connect protocol (<https://connectrpc.com/docs/protocol/#error-codes>).

use serde_json::{Value, json};

use crate::emulator::http::Answer;

/// Why a call failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RpcCode {
    /// 499.
    Canceled,
    /// 500.
    Unknown,
    /// 400.
    InvalidArgument,
    /// 504.
    DeadlineExceeded,
    /// 404.
    NotFound,
    /// 409.
    AlreadyExists,
    /// 403.
    PermissionDenied,
    /// 429.
    ResourceExhausted,
    /// 400.
    FailedPrecondition,
    /// 409.
    Aborted,
    /// 501.
    Unimplemented,
    /// 500.
    Internal,
    /// 503.
    Unavailable,
    /// 401.
    Unauthenticated,
}

impl RpcCode {
    /// As it stands in the body.
    pub fn name(self) -> &'static str {
        self.row().0
    }

    /// The HTTP status of an answer that is no stream.
    pub fn status(self) -> u16 {
        self.row().1
    }

    fn row(self) -> (&'static str, u16) {
        match self {
            Self::Canceled => ("canceled", 499),
            Self::Unknown => ("unknown", 500),
            Self::InvalidArgument => ("invalid_argument", 400),
            Self::DeadlineExceeded => ("deadline_exceeded", 504),
            Self::NotFound => ("not_found", 404),
            Self::AlreadyExists => ("already_exists", 409),
            Self::PermissionDenied => ("permission_denied", 403),
            Self::ResourceExhausted => ("resource_exhausted", 429),
            Self::FailedPrecondition => ("failed_precondition", 400),
            Self::Aborted => ("aborted", 409),
            Self::Unimplemented => ("unimplemented", 501),
            Self::Internal => ("internal", 500),
            Self::Unavailable => ("unavailable", 503),
            Self::Unauthenticated => ("unauthenticated", 401),
        }
    }
}

/// A call that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Failure {
    pub(super) code: RpcCode,
    pub(super) message: String,
}

impl Failure {
    pub(super) fn new(code: RpcCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }

    pub(super) fn invalid(message: impl Into<String>) -> Self {
        Self::new(RpcCode::InvalidArgument, message)
    }

    pub(super) fn body(&self) -> Value {
        json!({"code": self.code.name(), "message": self.message})
    }

    /// The answer to a call that is no stream.
    pub(super) fn answer(&self) -> Answer {
        Answer::json(self.code.status(), &self.body())
    }
}
