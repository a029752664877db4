//! The calls that there are.

use super::identity;
use super::schema::{self as message, Message};

/// A call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Call {
    GetActionDetails,
    WatchActionDetails,
    GetRunDetails,
    CreateRun,
    AbortRun,
    AbortAction,
    ListRuns,
    ListActions,
    SelectCluster,
    GetActionData,
    UploadInputs,
    OAuth2Metadata,
    PublicClient,
    CreateApp,
    GetApp,
    DeleteApp,
    UserInfo,
}

/// How a call is made.
pub(super) struct Method {
    pub(super) call: Call,
    pub(super) path: &'static str,
    pub(super) input: &'static Message,
    pub(super) output: &'static Message,
    pub(super) manner: Manner,
}

/// What may be asked how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Manner {
    /// POST.
    Unary,
    /// GET too: it changes nothing.
    Safe,
    /// As `Safe`, without a token.
    Public,
    /// A stream of messages.
    Stream,
}

impl Method {
    /// The last part of the path.
    pub(super) fn name(&self) -> &'static str {
        self.path.rsplit('/').next().unwrap_or_default()
    }
}

/// The call at this path.
pub(super) fn method(path: &str) -> Option<&'static Method> {
    METHODS.iter().chain([&identity::USER_INFO]).find(|method| method.path == path)
}

static METHODS: &[Method] = &[
    Method {
        call: Call::GetActionDetails,
        path: "/flyteidl2.workflow.RunService/GetActionDetails",
        input: &message::BY_ACTION,
        output: &message::ACTION_DETAILS,
        manner: Manner::Safe,
    },
    Method {
        call: Call::WatchActionDetails,
        path: "/flyteidl2.workflow.RunService/WatchActionDetails",
        input: &message::BY_ACTION,
        output: &message::ACTION_DETAILS,
        manner: Manner::Stream,
    },
    Method {
        call: Call::GetRunDetails,
        path: "/flyteidl2.workflow.RunService/GetRunDetails",
        input: &message::BY_RUN,
        output: &message::RUN_DETAILS,
        manner: Manner::Safe,
    },
    Method {
        call: Call::CreateRun,
        path: "/flyteidl2.workflow.RunService/CreateRun",
        input: &message::CREATE_RUN,
        output: &message::CREATED_RUN,
        manner: Manner::Unary,
    },
    Method {
        call: Call::AbortRun,
        path: "/flyteidl2.workflow.RunService/AbortRun",
        input: &message::ABORT_RUN,
        output: &message::EMPTY,
        manner: Manner::Unary,
    },
    Method {
        call: Call::AbortAction,
        path: "/flyteidl2.workflow.RunService/AbortAction",
        input: &message::ABORT_ACTION,
        output: &message::EMPTY,
        manner: Manner::Unary,
    },
    Method {
        call: Call::ListRuns,
        path: "/flyteidl2.workflow.RunService/ListRuns",
        input: &message::LIST_RUNS,
        output: &message::RUNS,
        manner: Manner::Safe,
    },
    Method {
        call: Call::ListActions,
        path: "/flyteidl2.workflow.RunService/ListActions",
        input: &message::LIST_ACTIONS,
        output: &message::ACTIONS,
        manner: Manner::Safe,
    },
    Method {
        call: Call::SelectCluster,
        path: "/flyteidl2.cluster.ClusterService/SelectCluster",
        input: &message::SELECT_CLUSTER,
        output: &message::CLUSTER,
        manner: Manner::Unary,
    },
    Method {
        call: Call::GetActionData,
        path: "/flyteidl2.dataproxy.DataProxyService/GetActionData",
        input: &message::GET_ACTION_DATA,
        output: &message::ACTION_DATA,
        manner: Manner::Safe,
    },
    Method {
        call: Call::UploadInputs,
        path: "/flyteidl2.dataproxy.DataProxyService/UploadInputs",
        input: &message::UPLOAD_INPUTS,
        output: &message::UPLOADED,
        manner: Manner::Unary,
    },
    Method {
        call: Call::OAuth2Metadata,
        path: "/flyteidl2.auth.AuthMetadataService/GetOAuth2Metadata",
        input: &message::EMPTY,
        output: &message::OAUTH2_METADATA,
        manner: Manner::Public,
    },
    Method {
        call: Call::PublicClient,
        path: "/flyteidl2.auth.AuthMetadataService/GetPublicClientConfig",
        input: &message::EMPTY,
        output: &message::PUBLIC_CLIENT,
        manner: Manner::Public,
    },
    Method {
        call: Call::CreateApp,
        path: "/cloudidl.identity.AppsService/Create",
        input: &message::CREATE_APP,
        output: &message::APP,
        manner: Manner::Unary,
    },
    Method {
        call: Call::GetApp,
        path: "/cloudidl.identity.AppsService/Get",
        input: &message::BY_APP,
        output: &message::APP,
        manner: Manner::Unary,
    },
    Method {
        call: Call::DeleteApp,
        path: "/cloudidl.identity.AppsService/Delete",
        input: &message::BY_APP,
        output: &message::EMPTY,
        manner: Manner::Unary,
    },
];
