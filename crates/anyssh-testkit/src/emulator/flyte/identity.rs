//! Who the caller is, which matters where many organisations share a control plane.

use serde_json::{Value, json};

use super::rpc::{Call, Manner, Method};
use super::schema::{EMPTY, USER_INFO as OUTPUT};

pub(super) static USER_INFO: Method = Method {
    call: Call::UserInfo,
    path: "/flyteidl2.auth.IdentityService/UserInfo",
    input: &EMPTY,
    output: &OUTPUT,
    manner: Manner::Safe,
};

/// `UserInfo`: there is one user.
pub(super) fn user_info() -> Value {
    json!({"subject": "00u1", "name": "A Heron", "additionalClaims": {"userhandle": "heron"}})
}
