//! What the commands print: tables for people, JSON for programs. JSON holds just the named fields.

use std::fmt::Write as _;
use std::time::SystemTime;

use anyssh_core::secrecy::ExposeSecret as _;
use anyssh_core::ssh_key::LineEnding;
use anyssh_core::{
    Credential, Expiry, HostTrust, OptionKind, ProviderInfo, Revocation, Session, SessionId, TargetSummary, Transport,
    Validity,
};
use serde::Serialize;
use serde_json::json;

/// Whether a credential is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Secrets {
    Hidden,
    Shown,
}

/// A session as it is printed.
#[derive(Serialize)]
pub(crate) struct SessionView {
    provider: String,
    target: String,
    session_id: String,
    user: String,
    host: Option<String>,
    port: Option<u16>,
    transport: &'static str,
    url: Option<String>,
    credential: &'static str,
    host_trust: &'static str,
    created_at: Option<String>,
    expires_at: Option<String>,
    state: &'static str,
    holders: u32,
    #[serde(flatten)]
    secrets: Option<SecretsView>,
}

/// What `--show-secrets` adds.
#[derive(Serialize)]
struct SecretsView {
    #[serde(skip_serializing_if = "Option::is_none")]
    password: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    private_key: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    certificate: Option<String>,
    known_hosts: Vec<String>,
}

impl SessionView {
    /// The view of a live session; fails only if its key cannot be written in OpenSSH's format.
    pub(crate) fn new(provider: &str, session: &Session, secrets: Secrets) -> Result<Self, String> {
        let (host, port, transport, url) = match &session.endpoint.transport {
            Transport::Tcp { host, port } => (Some(host.to_string()), Some(port.get()), "tcp", None),
            Transport::WebSocket { url, .. } => (None, None, "websocket", Some(url.to_string())),
        };
        let secrets = match secrets {
            Secrets::Hidden => None,
            Secrets::Shown => Some(SecretsView::new(session)?),
        };
        Ok(Self {
            provider: provider.to_owned(),
            target: session.target.to_string(),
            session_id: session.id.to_string(),
            user: session.login.user.to_string(),
            host,
            port,
            transport,
            url,
            credential: session.login.credential.kind().as_str(),
            host_trust: match session.endpoint.host_trust {
                HostTrust::CertAuthority { .. } => "cert_authority",
                HostTrust::Pinned(_) => "pinned",
                HostTrust::FirstUse(_) => "first_use",
            },
            created_at: session.created_at.and_then(rfc3339),
            expires_at: match session.expiry {
                Expiry::At(time) => rfc3339(time),
                Expiry::WithTarget | Expiry::WithProcess | Expiry::Unknown => None,
            },
            state: "live",
            holders: 0,
            secrets,
        })
    }

    /// As one line of JSON, or as lines `name: value`.
    pub(crate) fn text(&self, json: bool) -> String {
        if json {
            return line(&serde_json::to_value(self).unwrap_or_default());
        }
        let value = serde_json::to_value(self).unwrap_or_default();
        let mut text = String::new();
        for (name, value) in value.as_object().into_iter().flatten().filter(|(_, value)| !value.is_null()) {
            let values = value.as_array().cloned().unwrap_or_else(|| vec![value.clone()]);
            for value in values {
                let shown = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                // Writing to a String cannot fail.
                let _ = writeln!(text, "{name}: {}", shown.trim_end());
            }
        }
        text
    }
}

impl SecretsView {
    fn new(session: &Session) -> Result<Self, String> {
        let known_hosts = known_hosts(session);
        let mut view = Self { password: None, private_key: None, certificate: None, known_hosts };
        let key_text = |key: &anyssh_core::ssh_key::PrivateKey| match key.to_openssh(LineEnding::LF) {
            Ok(text) => Ok(Some(text.to_string())),
            Err(_) => Err("the private key cannot be written in OpenSSH's format".to_owned()),
        };
        match &session.login.credential {
            Credential::Password(password) => view.password = Some(password.secret().expose_secret().to_owned()),
            Credential::Certificate { key, certificate } => {
                view.private_key = key_text(key)?;
                view.certificate = Some(certificate.to_line());
            }
            Credential::CertificateOnly { certificate, .. } => view.certificate = Some(certificate.to_line()),
            Credential::Key(key) => view.private_key = key_text(key)?,
            Credential::KeyFile(_) => {}
        }
        Ok(view)
    }
}

/// The lines for the endpoint, where its keys are known already.
fn known_hosts(session: &Session) -> Vec<String> {
    let Transport::Tcp { host, port } = &session.endpoint.transport else { return Vec::new() };
    let lines = anyssh_openssh::known_hosts(host, *port, &session.endpoint.host_trust).unwrap_or_default();
    lines.lines().map(str::to_owned).collect()
}

/// The answer of `validate`.
pub(crate) fn validity(validity: &Validity, json: bool) -> String {
    let (valid, reason, until) = match validity {
        Validity::Valid { until } => (true, None, until.and_then(rfc3339)),
        Validity::Invalid { reason } => (false, Some(reason), None),
    };
    if json {
        return line(&json!({"valid": valid, "reason": reason, "expires_at": until}));
    }
    match (reason, until) {
        (Some(reason), _) => format!("not valid: {reason}\n"),
        (None, Some(until)) => format!("valid until {until}\n"),
        (None, None) => "valid\n".to_owned(),
    }
}

/// The answer of `revoke`.
pub(crate) fn revocation(id: &SessionId, revocation: Revocation, json: bool) -> String {
    let gone = revocation == Revocation::AlreadyGone;
    if json {
        let ids = |listed: bool| if listed { vec![id.as_str()] } else { Vec::new() };
        let none: [&str; 0] = [];
        return line(&json!({"revoked": ids(!gone), "already_gone": ids(gone), "failed": none, "unknown": none}));
    }
    match revocation {
        Revocation::Revoked => format!("revoked {id}\n"),
        Revocation::AlreadyGone => format!("{id} was gone already\n"),
        Revocation::LocalOnly => format!("forgot {id}; nothing of it lives at the provider\n"),
    }
}

/// The list of targets.
pub(crate) fn targets(targets: &[TargetSummary], json: bool) -> String {
    if json {
        let list: Vec<_> = targets
            .iter()
            .map(|target| json!({"target": target.target.as_str(), "name": target.name, "state": target.state}))
            .collect();
        return line(&json!(list));
    }
    let width = targets.iter().map(|target| target.target.as_str().len()).max().unwrap_or_default();
    let row = |target: &TargetSummary| {
        let name = target.name.as_deref().unwrap_or_default();
        let row = format!("{:width$}  {}  {name}", target.target.as_str(), target.state);
        row.trim_end().to_owned() + "\n"
    };
    targets.iter().map(row).collect()
}

/// The list of providers; `is_set` tells which settings have a value.
pub(crate) fn providers(
    providers: &[&'static ProviderInfo],
    is_set: impl Fn(&ProviderInfo, &str) -> bool,
    json: bool,
) -> String {
    if json {
        let list: Vec<_> = providers.iter().map(|info| provider_json(info, |name| is_set(info, name))).collect();
        return line(&json!(list));
    }
    providers.iter().map(|info| provider_text(info, |name| is_set(info, name))).collect()
}

fn provider_json(info: &ProviderInfo, is_set: impl Fn(&str) -> bool) -> serde_json::Value {
    let setting = |setting: &anyssh_core::SettingInfo| json!({"name": setting.name, "required": setting.required, "set": is_set(setting.name), "help": setting.help});
    let option = |option: &anyssh_core::OptionInfo| {
        let value = match option.kind {
            OptionKind::Flag => None,
            OptionKind::Value { placeholder } => Some(placeholder),
        };
        json!({"name": option.name, "value": value, "help": option.help})
    };
    json!({
        "name": info.name,
        "summary": info.summary,
        "settings": info.settings.iter().map(setting).collect::<Vec<_>>(),
        "options": info.options.iter().map(option).collect::<Vec<_>>(),
        "capabilities": {
            "targets": info.lists_targets(),
            "caller_key": info.capabilities.caller_key,
            "validate_needs_password": info.capabilities.validate_needs_password,
            "ends_with_process": info.capabilities.ends_with_process,
            "takes_over": info.capabilities.takes_over,
            "old_credential_stays": info.capabilities.old_credential_stays,
        },
    })
}

fn provider_text(info: &ProviderInfo, is_set: impl Fn(&str) -> bool) -> String {
    // Writing to a String cannot fail.
    let mut text = format!("{} {}\n  {}\n", info.name, info.target_form, info.summary);
    for setting in info.settings {
        let state = match (is_set(setting.name), setting.required) {
            (true, _) => "set",
            (false, true) => "not set, required",
            (false, false) => "not set",
        };
        let _ = writeln!(text, "  {} ({state}): {}", setting.name, setting.help);
    }
    for option in info.options {
        let value = match option.kind {
            OptionKind::Flag => String::new(),
            OptionKind::Value { placeholder } => format!(" {placeholder}"),
        };
        let _ = writeln!(text, "  --{}{value}: {}", option.name, option.help);
    }
    let abilities = abilities(info);
    if !abilities.is_empty() {
        let _ = writeln!(text, "  {}", abilities.join("; "));
    }
    text
}

/// The capabilities in words.
fn abilities(info: &ProviderInfo) -> Vec<&'static str> {
    let can = info.capabilities;
    let all = [
        (info.lists_targets(), "lists its targets"),
        (can.caller_key, "binds sessions to a key of yours"),
        (can.validate_needs_password, "validates sessions only with their password"),
        (can.ends_with_process, "its sessions end with the command"),
        (can.takes_over, "regenerates also a credential that nobody here knows"),
        (can.old_credential_stays, "cannot end the credential that it replaces"),
    ];
    all.into_iter().filter(|(has, _)| *has).map(|(_, words)| words).collect()
}

fn rfc3339(time: SystemTime) -> Option<String> {
    jiff::Timestamp::try_from(time).ok().map(|time| time.to_string())
}

fn line(value: &serde_json::Value) -> String {
    format!("{value}\n")
}
