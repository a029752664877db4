//! The messages that the emulator knows, with the names and numbers of `flyteidl2` 2.0.51 and
//! `cloudidl`. A message that is not here is passed on as JSON and has no binary form.

/// A message: its fields.
pub(super) struct Message(pub(super) &'static [Field]);

/// A field of a message.
pub(super) struct Field {
    pub(super) number: u32,
    /// As in JSON.
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) repeated: bool,
}

/// What a field holds.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    Text,
    Bool,
    /// `uint32` and `int32`: a number in JSON.
    Int,
    /// `google.protobuf.Timestamp`: RFC 3339 in JSON.
    Time,
    /// A name in JSON, or its number. The names in order of their numbers, after what they all begin with.
    Enum(&'static str, &'static [&'static str]),
    Message(&'static Message),
    /// A tree that nobody here looks into.
    Opaque,
}

const fn one(number: u32, name: &'static str, kind: Kind) -> Field {
    Field { number, name, kind, repeated: false }
}

const fn many(number: u32, name: &'static str, kind: Kind) -> Field {
    Field { number, name, kind, repeated: true }
}

use Kind::{Bool, Int, Opaque, Text, Time};

pub(super) static EMPTY: Message = Message(&[]);

/// `flyteidl2.common`.
static RUN_ID: Message =
    Message(&[one(1, "org", Text), one(2, "project", Text), one(3, "domain", Text), one(4, "name", Text)]);
static ACTION_ID: Message = Message(&[one(1, "run", Kind::Message(&RUN_ID)), one(2, "name", Text)]);
static PROJECT_ID: Message = Message(&[one(1, "organization", Text), one(2, "domain", Text), one(3, "name", Text)]);
static SORT: Message =
    Message(&[one(1, "key", Text), one(2, "direction", Kind::Enum("", &["DESCENDING", "ASCENDING"]))]);
static FILTER: Message =
    Message(&[one(1, "function", Kind::Enum("", FUNCTIONS)), one(2, "field", Text), many(3, "values", Text)]);
const FUNCTIONS: &[&str] = &[
    "EQUAL",
    "NOT_EQUAL",
    "GREATER_THAN",
    "GREATER_THAN_OR_EQUAL",
    "LESS_THAN",
    "LESS_THAN_OR_EQUAL",
    "CONTAINS",
    "VALUE_IN",
];
static LIST: Message = Message(&[
    one(1, "limit", Int),
    one(2, "token", Text),
    one(3, "sortBy", Kind::Message(&SORT)),
    many(4, "filters", Kind::Message(&FILTER)),
]);

const RUN_SOURCE: Kind = Kind::Enum("RUN_SOURCE_", &["UNSPECIFIED", "WEB", "CLI"]);

const PHASE: Kind = Kind::Enum(
    "ACTION_PHASE_",
    &[
        "UNSPECIFIED",
        "QUEUED",
        "WAITING_FOR_RESOURCES",
        "INITIALIZING",
        "RUNNING",
        "SUCCEEDED",
        "FAILED",
        "ABORTED",
        "TIMED_OUT",
        "PAUSED",
        "RECOVERED",
    ],
);

/// `flyteidl2.core` and `flyteidl2.workflow`.
static TASK_LOG: Message = Message(&[
    one(1, "uri", Text),
    one(2, "name", Text),
    one(7, "linkType", Kind::Enum("", &["EXTERNAL", "DASHBOARD", "IDE"])),
    one(8, "ready", Bool),
]);
static ERROR_INFO: Message = Message(&[
    one(1, "message", Text),
    one(2, "kind", Kind::Enum("KIND_", &["UNSPECIFIED", "USER", "SYSTEM"])),
    one(3, "code", Text),
]);
static ABORT_INFO: Message = Message(&[one(1, "reason", Text), one(2, "abortedBy", Text)]);
static ATTEMPT: Message = Message(&[
    one(1, "phase", PHASE),
    one(2, "startTime", Time),
    one(5, "attempt", Int),
    many(6, "logInfo", Kind::Message(&TASK_LOG)),
]);
static STATUS: Message =
    Message(&[one(1, "phase", PHASE), one(2, "startTime", Time), one(3, "endTime", Time), one(4, "attempts", Int)]);
static DETAILS: Message = Message(&[
    one(1, "id", Kind::Message(&ACTION_ID)),
    one(3, "status", Kind::Message(&STATUS)),
    one(4, "errorInfo", Kind::Message(&ERROR_INFO)),
    one(5, "abortInfo", Kind::Message(&ABORT_INFO)),
    one(6, "task", Opaque),
    many(7, "attempts", Kind::Message(&ATTEMPT)),
]);
static ACTION: Message = Message(&[one(1, "id", Kind::Message(&ACTION_ID)), one(3, "status", Kind::Message(&STATUS))]);
static RUN: Message = Message(&[one(1, "action", Kind::Message(&ACTION))]);

pub(super) static BY_ACTION: Message = Message(&[one(1, "actionId", Kind::Message(&ACTION_ID))]);
pub(super) static ACTION_DETAILS: Message = Message(&[one(1, "details", Kind::Message(&DETAILS))]);
pub(super) static BY_RUN: Message = Message(&[one(1, "runId", Kind::Message(&RUN_ID))]);
static FULL_RUN: Message = Message(&[one(1, "runSpec", Opaque), one(2, "action", Kind::Message(&DETAILS))]);
pub(super) static RUN_DETAILS: Message = Message(&[one(1, "details", Kind::Message(&FULL_RUN))]);
pub(super) static ABORT_RUN: Message = Message(&[one(1, "runId", Kind::Message(&RUN_ID)), one(2, "reason", Text)]);
pub(super) static ABORT_ACTION: Message =
    Message(&[one(1, "actionId", Kind::Message(&ACTION_ID)), one(2, "reason", Text)]);
static OFFLOADED: Message = Message(&[one(1, "uri", Text), one(2, "inputsHash", Text)]);
pub(super) static CREATE_RUN: Message = Message(&[
    one(1, "runId", Kind::Message(&RUN_ID)),
    one(6, "projectId", Kind::Message(&PROJECT_ID)),
    one(2, "taskId", Opaque),
    one(3, "taskSpec", Opaque),
    one(4, "inputs", Opaque),
    one(9, "offloadedInputData", Kind::Message(&OFFLOADED)),
    one(5, "runSpec", Opaque),
    one(8, "source", RUN_SOURCE),
]);
pub(super) static CREATED_RUN: Message = Message(&[one(1, "run", Kind::Message(&RUN))]);
pub(super) static LIST_RUNS: Message = Message(&[
    one(1, "request", Kind::Message(&LIST)),
    one(2, "org", Text),
    one(4, "projectId", Kind::Message(&PROJECT_ID)),
]);
pub(super) static RUNS: Message = Message(&[many(1, "runs", Kind::Message(&RUN)), one(2, "token", Text)]);
pub(super) static LIST_ACTIONS: Message =
    Message(&[one(1, "request", Kind::Message(&LIST)), one(2, "runId", Kind::Message(&RUN_ID))]);
pub(super) static ACTIONS: Message = Message(&[many(1, "actions", Kind::Message(&ACTION)), one(2, "token", Text)]);

/// `flyteidl2.cluster` and `flyteidl2.dataproxy`.
pub(super) static SELECT_CLUSTER: Message = Message(&[
    one(4, "actionId", Kind::Message(&ACTION_ID)),
    one(2, "projectId", Kind::Message(&PROJECT_ID)),
    one(8, "operation", Kind::Enum("OPERATION_", OPERATIONS)),
]);
const OPERATIONS: &[&str] = &["UNSPECIFIED", "CREATE_UPLOAD_LOCATION", "UPLOAD_INPUTS", "GET_ACTION_DATA"];
pub(super) static CLUSTER: Message = Message(&[one(1, "clusterEndpoint", Text), one(2, "cluster", Text)]);
pub(super) static GET_ACTION_DATA: Message =
    Message(&[one(1, "actionId", Kind::Message(&ACTION_ID)), one(2, "runSource", RUN_SOURCE)]);
pub(super) static ACTION_DATA: Message = Message(&[
    one(1, "inputs", Opaque),
    one(2, "outputs", Opaque),
    one(3, "inputsUri", Text),
    one(4, "outputsUri", Text),
]);
pub(super) static UPLOAD_INPUTS: Message = Message(&[
    one(1, "runId", Kind::Message(&RUN_ID)),
    one(2, "projectId", Kind::Message(&PROJECT_ID)),
    one(3, "taskId", Opaque),
    one(4, "taskSpec", Opaque),
    one(6, "inputs", Opaque),
    one(7, "baseDir", Text),
]);
pub(super) static UPLOADED: Message = Message(&[one(1, "offloadedInputData", Kind::Message(&OFFLOADED))]);

/// `flyteidl2.auth`.
pub(super) static OAUTH2_METADATA: Message = Message(&[
    one(1, "issuer", Text),
    one(2, "authorizationEndpoint", Text),
    one(3, "tokenEndpoint", Text),
    many(4, "responseTypesSupported", Text),
    many(5, "scopesSupported", Text),
    many(6, "tokenEndpointAuthMethodsSupported", Text),
    many(8, "codeChallengeMethodsSupported", Text),
    many(9, "grantTypesSupported", Text),
    one(10, "deviceAuthorizationEndpoint", Text),
]);
pub(super) static PUBLIC_CLIENT: Message = Message(&[
    one(1, "clientId", Text),
    one(2, "redirectUri", Text),
    many(3, "scopes", Text),
    one(4, "authorizationMetadataKey", Text),
    one(5, "serviceHttpEndpoint", Text),
    one(6, "audience", Text),
    one(7, "dataplaneDomain", Text),
]);

pub(super) static USER_INFO: Message =
    Message(&[one(1, "subject", Text), one(2, "name", Text), one(8, "additionalClaims", Opaque)]);

/// `cloudidl.identity`.
const RESPONSE_TYPES: &[&str] = &["CODE", "TOKEN", "ID_TOKEN"];
const GRANT_TYPES: &[&str] =
    &["AUTHORIZATION_CODE", "IMPLICIT", "PASSWORD", "CLIENT_CREDENTIALS", "REFRESH_TOKEN", "DEVICE_CODE"];
const AUTH_METHODS: &[&str] = &["NONE", "CLIENT_SECRET_POST", "CLIENT_SECRET_BASIC"];
pub(super) static CREATE_APP: Message = Message(&[
    one(1, "organization", Text),
    one(2, "clientId", Text),
    many(4, "redirectUris", Text),
    many(5, "responseTypes", Kind::Enum("", RESPONSE_TYPES)),
    many(6, "grantTypes", Kind::Enum("", GRANT_TYPES)),
    one(7, "applicationType", Kind::Enum("", &["WEB", "NATIVE"])),
    one(9, "clientName", Text),
    one(15, "tokenEndpointAuthMethod", Kind::Enum("", AUTH_METHODS)),
    one(16, "consentMethod", Kind::Enum("CONSENT_METHOD_", &["NONE", "TRUSTED", "REQUIRED"])),
    one(17, "skipDefaultPolicyAssignments", Bool),
]);
pub(super) static BY_APP: Message = Message(&[one(1, "organization", Text), one(2, "clientId", Text)]);
static APP_FIELDS: Message = Message(&[
    one(1, "organization", Text),
    one(2, "clientId", Text),
    many(4, "redirectUris", Text),
    many(5, "responseTypes", Kind::Enum("", RESPONSE_TYPES)),
    many(6, "grantTypes", Kind::Enum("", GRANT_TYPES)),
    one(9, "clientName", Text),
    one(15, "tokenEndpointAuthMethod", Kind::Enum("", AUTH_METHODS)),
    one(16, "clientSecret", Text),
]);
pub(super) static APP: Message = Message(&[one(1, "app", Kind::Message(&APP_FIELDS))]);
