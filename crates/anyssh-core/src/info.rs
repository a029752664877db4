//! What a provider is, as one static value.

use std::fmt;
use std::sync::Arc;

use crate::{GatewayMessage, ProviderError, Settings, SshProvider, TargetDirectory, UntrustedFile};

/// Builds a provider from settings, without any request.
type Build = fn(&Settings) -> Result<Arc<dyn SshProvider>, ProviderError>;

/// Builds the list of targets from settings, without any request.
type BuildDirectory = fn(&Settings) -> Result<Arc<dyn TargetDirectory>, ProviderError>;

/// Finds the files that are passed over until the user trusts them.
type FindUntrusted = fn(&Settings) -> Vec<UntrustedFile>;

/// A provider's name, what it needs and how to build it: one `pub static PROVIDER` for each crate.
///
/// ```
/// use anyssh_core::{Capabilities, ErrorKind, ProviderError, ProviderInfo, SettingInfo};
///
/// pub static PROVIDER: ProviderInfo = ProviderInfo::new("duck", "Ponds of Duck Inc.", |_settings| {
///     Err(ProviderError::new(ErrorKind::Local, "no pond here"))
/// })
/// .with_settings(&[SettingInfo::required("DUCK_API_KEY", "from https://duck.example/keys").secret()])
/// .with_capabilities(Capabilities::NONE.caller_key());
/// assert_eq!(PROVIDER.name, "duck");
/// ```
#[non_exhaustive]
pub struct ProviderInfo {
    /// The word typed on the command line: lower-case letters, digits and `-`, starting with a letter.
    pub name: &'static str,
    /// One line for people.
    pub summary: &'static str,
    /// What a target is, for help texts: `MACHINE`, `RUN[/ACTION]`.
    pub target_form: &'static str,
    /// What a target is called in messages: `machine`, `sandbox`, `run`.
    pub target_noun: &'static str,
    /// What it reads from the environment or the configuration file.
    pub settings: &'static [SettingInfo],
    /// What it takes on the command line.
    pub options: &'static [OptionInfo],
    /// What it can do; the same as [`SshProvider::capabilities`] of what `build` gives.
    pub capabilities: Capabilities,
    /// What its gateway may say in place of the machine. Read by the SDK, which has the launch look for it.
    pub gateway_messages: &'static [GatewayMessage],
    /// What to try when a machine refuses the login, where this provider knows better than to look at ssh's
    /// log. Read by the command.
    pub refused_login_hint: Option<&'static str>,
    build: Build,
    directory: Option<BuildDirectory>,
    untrusted: Option<FindUntrusted>,
}

impl ProviderInfo {
    /// A provider without settings, options or a list of targets.
    pub const fn new(name: &'static str, summary: &'static str, build: Build) -> Self {
        Self {
            name,
            summary,
            target_form: "TARGET",
            target_noun: "target",
            settings: &[],
            options: &[],
            capabilities: Capabilities::NONE,
            gateway_messages: &[],
            refused_login_hint: None,
            build,
            directory: None,
            untrusted: None,
        }
    }

    /// The same with the form of its targets.
    #[must_use]
    pub const fn with_target_form(mut self, target_form: &'static str) -> Self {
        self.target_form = target_form;
        self
    }

    /// The same with the word for its targets in messages.
    #[must_use]
    pub const fn with_target_noun(mut self, target_noun: &'static str) -> Self {
        self.target_noun = target_noun;
        self
    }

    /// The same with settings.
    #[must_use]
    pub const fn with_settings(mut self, settings: &'static [SettingInfo]) -> Self {
        self.settings = settings;
        self
    }

    /// The same with options.
    #[must_use]
    pub const fn with_options(mut self, options: &'static [OptionInfo]) -> Self {
        self.options = options;
        self
    }

    /// The same with capabilities.
    #[must_use]
    pub const fn with_capabilities(mut self, capabilities: Capabilities) -> Self {
        self.capabilities = capabilities;
        self
    }

    /// The same with what its gateway may say in place of the machine.
    #[must_use]
    pub const fn with_gateway_messages(mut self, messages: &'static [GatewayMessage]) -> Self {
        self.gateway_messages = messages;
        self
    }

    /// The same with one thing to try when a machine refuses the login.
    #[must_use]
    pub const fn with_refused_login_hint(mut self, hint: &'static str) -> Self {
        self.refused_login_hint = Some(hint);
        self
    }

    /// The same with a list of targets.
    #[must_use]
    pub const fn with_directory(mut self, directory: BuildDirectory) -> Self {
        self.directory = Some(directory);
        self
    }

    /// The same with a look for files that it passes over until the user trusts them.
    #[must_use]
    pub const fn with_untrusted_files(mut self, untrusted: FindUntrusted) -> Self {
        self.untrusted = Some(untrusted);
        self
    }

    /// The files that this provider would read with these settings, had the user trusted them. Whoever can
    /// ask the user does so before [`build`](Self::build).
    pub fn untrusted_files(&self, settings: &Settings) -> Vec<UntrustedFile> {
        self.untrusted.map(|find| find(settings)).unwrap_or_default()
    }

    /// Builds the provider; nothing is requested yet. The error names a setting that is missing or
    /// does not fit.
    pub fn build(&self, settings: &Settings) -> Result<Arc<dyn SshProvider>, ProviderError> {
        (self.build)(settings)
    }

    /// Builds the list of targets, if this provider has one.
    pub fn directory(&self, settings: &Settings) -> Option<Result<Arc<dyn TargetDirectory>, ProviderError>> {
        self.directory.map(|build| build(settings))
    }

    /// What to do about a line that its gateway wrote, if it is one of its messages.
    pub fn gateway_hint(&self, line: &str) -> Option<&'static str> {
        self.gateway_messages.iter().find(|message| message.is_in(line)).map(|message| message.hint)
    }

    /// Whether this provider can list its targets.
    pub fn lists_targets(&self) -> bool {
        self.directory.is_some()
    }
}

impl fmt::Debug for ProviderInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProviderInfo").field("name", &self.name).finish_non_exhaustive()
    }
}

/// Something a provider reads from the environment or the configuration file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SettingInfo {
    /// The vendor's own name for it.
    pub name: &'static str,
    /// What it is and where to get it.
    pub help: &'static str,
    /// Whether nothing works without it.
    pub required: bool,
    /// Whether it is a secret: then a file that holds it must be private.
    pub secret: bool,
}

impl SettingInfo {
    /// A setting without which nothing works.
    pub const fn required(name: &'static str, help: &'static str) -> Self {
        Self { name, help, required: true, secret: false }
    }

    /// A setting that may be missing.
    pub const fn optional(name: &'static str, help: &'static str) -> Self {
        Self { name, help, required: false, secret: false }
    }

    /// The same, marked as a secret.
    #[must_use]
    pub const fn secret(mut self) -> Self {
        self.secret = true;
        self
    }
}

/// Something a provider takes on the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct OptionInfo {
    /// The flag without its dashes: lower-case words joined with `-`.
    pub name: &'static str,
    /// What it does.
    pub help: &'static str,
    /// What it takes.
    pub kind: OptionKind,
    /// Whether it names a file with the caller's own key. Then the SDK reads it into the request's key
    /// pair, and the provider never sees it.
    pub is_identity: bool,
}

impl OptionInfo {
    /// A flag without a value.
    pub const fn flag(name: &'static str, help: &'static str) -> Self {
        Self { name, help, kind: OptionKind::Flag, is_identity: false }
    }

    /// An option with a value, called `placeholder` in help texts.
    pub const fn value(name: &'static str, placeholder: &'static str, help: &'static str) -> Self {
        Self { name, help, kind: OptionKind::Value { placeholder }, is_identity: false }
    }

    /// An option that names a file with the caller's own key, for providers that can bind a session to it.
    pub const fn identity(name: &'static str, help: &'static str) -> Self {
        Self { name, help, kind: OptionKind::Value { placeholder: "FILE" }, is_identity: true }
    }
}

/// What a provider's option takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OptionKind {
    /// Nothing.
    Flag,
    /// One word.
    Value {
        /// The word's name in help texts, in capitals.
        placeholder: &'static str,
    },
}

/// What a provider can do. Each has a reader; one that nobody branches on is deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Capabilities {
    /// It can bind a session to a key that the caller keeps (`KeyPair::Caller`). Read by the SDK,
    /// which refuses such a request otherwise.
    pub caller_key: bool,
    /// It can only validate a session with its password. Read by the command, which asks for
    /// `--password-fd` first.
    pub validate_needs_password: bool,
    /// Its sessions end with the process. Read by the command, which says so when asked to keep one.
    pub ends_with_process: bool,
    /// It can put a new credential in place of one that nobody here knows: `regenerate` of an attempt that made
    /// nothing takes over what is there. Read by the command, which asks for `--session-id` otherwise.
    pub takes_over: bool,
    /// It has no way to end a credential that `regenerate` replaced: the old one is good until it ends by
    /// itself (clause 9 of [`SshProvider`]). Read by the command, which says so.
    pub old_credential_stays: bool,
}

impl Capabilities {
    /// None of them.
    pub const NONE: Self = Self {
        caller_key: false,
        validate_needs_password: false,
        ends_with_process: false,
        takes_over: false,
        old_credential_stays: false,
    };

    /// These and [`caller_key`](Self::caller_key).
    #[must_use]
    pub const fn caller_key(mut self) -> Self {
        self.caller_key = true;
        self
    }

    /// These and [`validate_needs_password`](Self::validate_needs_password).
    #[must_use]
    pub const fn validate_needs_password(mut self) -> Self {
        self.validate_needs_password = true;
        self
    }

    /// These and [`ends_with_process`](Self::ends_with_process).
    #[must_use]
    pub const fn ends_with_process(mut self) -> Self {
        self.ends_with_process = true;
        self
    }

    /// These and [`takes_over`](Self::takes_over).
    #[must_use]
    pub const fn takes_over(mut self) -> Self {
        self.takes_over = true;
        self
    }

    /// These and [`old_credential_stays`](Self::old_credential_stays).
    #[must_use]
    pub const fn old_credential_stays(mut self) -> Self {
        self.old_credential_stays = true;
        self
    }
}
