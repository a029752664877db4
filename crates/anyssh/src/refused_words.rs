//! Words that clap refuses, as one line and one hint of ours.

use anyssh_core::{ProviderInfo, escape};
use clap::error::{ContextKind, ContextValue, ErrorKind};

use crate::provider_list;
use crate::report::Report;

/// clap's refusal as one line and one hint.
pub(crate) fn explain(error: &clap::Error, providers: &[&'static ProviderInfo]) -> Box<Report> {
    let text = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text.as_str()),
        _ => None,
    };
    if let (ErrorKind::InvalidSubcommand, Some(word)) = (error.kind(), text(ContextKind::InvalidSubcommand)) {
        return unknown_word(word, error, providers).boxed();
    }
    let rendered = error.render().to_string();
    let line = rendered.lines().next().unwrap_or("the words do not fit").trim_start_matches("error: ").to_owned();
    let listed: Vec<_> = rendered.lines().skip(1).take_while(|line| line.starts_with("  ")).map(str::trim).collect();
    let message = if listed.is_empty() { line } else { format!("{line} {}", listed.join(" ")) };
    let message = escape::printable(&message, escape::MESSAGE_CAP);
    let report = Report::usage(message).with_hint(suggestion(error));
    let report = match text(ContextKind::InvalidArg) {
        Some(field) => report.with_field(&escape::printable(field, 80)),
        None => report,
    };
    report.boxed()
}

/// A first word that is neither a provider nor a command of today.
fn unknown_word(word: &str, error: &clap::Error, providers: &[&'static ProviderInfo]) -> Report {
    let shown = escape::quoted(word);
    if matches!(word, "help" | "version") {
        return Report::usage(format!("there is no command {shown}")).with_hint(format!("anyssh --{word}"));
    }
    if provider_list::is_reserved(word) {
        let report = Report::usage(format!("the command {shown} does not exist yet"));
        return report.with_hint("anyssh --help lists the commands of today");
    }
    let names: Vec<_> = providers.iter().map(|info| info.name).collect();
    let similar = match error.get(ContextKind::SuggestedSubcommand) {
        Some(ContextValue::Strings(similar)) if !similar.is_empty() => format!("did you mean {}? ", similar[0]),
        _ => String::new(),
    };
    let hint = format!("{similar}providers: {}; commands: anyssh --help", names.join(", "));
    Report::usage(format!("there is no provider or command {shown}")).with_hint(hint)
}

fn suggestion(error: &clap::Error) -> String {
    if let (ErrorKind::MissingRequiredArgument, Some(ContextValue::StyledStr(usage))) =
        (error.kind(), error.get(ContextKind::Usage))
    {
        return usage.to_string().lines().next().unwrap_or_default().trim_start_matches("Usage: ").to_owned();
    }
    match error.get(ContextKind::SuggestedArg) {
        Some(ContextValue::String(similar)) => format!("did you mean {similar}?"),
        _ => "anyssh --help lists the words, anyssh PROVIDER --help those of a provider".to_owned(),
    }
}
