//! Puts the URL and the options of an endpoint in the place of `@NAME` in a command line.
//!
//! The keys of an endpoint are long options, so they are checked and explained as typed ones. What is typed wins.

use std::ffi::{OsStr, OsString};
use std::path::Path;

use clap::builder::ValueHint;
use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Command, CommandFactory, Parser};

use super::{UsageError, usage};
use crate::cli::Cli;
use crate::endpoints::{Endpoint, EndpointError, EndpointSetting, EndpointsFile, SettingValue};
use crate::nearest::nearest;
use crate::secret::guess::looks_secret;
use crate::secret::{is_credential_header, redact_url};

/// The arguments that may be a URL.
const URLS: [&str; 2] = ["url", "targets"];

/// Options whose values may name a file: `@FILE`.
const SOURCES: [&str; 5] = ["header", "bearer", "execute", "user", "subprotocol"];

/// The groups of options, and the options of other groups, that belong to a connection.
const OF_CONNECTION: [&str; 3] = ["Handshake", "TLS", "Network"];
const TAKEN_OVER: [&str; 4] = ["execute", "connect-timeout", "close-timeout", "max-size"];

/// Long options that are no keys.
const NO_KEYS: [&str; 3] = ["endpoints", "help", "version"];

/// A command line without endpoints.
#[derive(Debug)]
pub struct ExpandedCommand {
    /// The words of the command line.
    pub arguments: Vec<OsString>,
    /// Warnings about the file.
    pub warnings: Vec<String>,
    endpoint: Endpoint,
}

impl ExpandedCommand {
    /// A note about the keys that a running session cannot take over: it takes those of the connection.
    pub fn note_for_session(&self) -> Option<String> {
        let mut command = Cli::command();
        command.build();
        let connect = command.find_subcommand("connect")?;
        let is_taken = |setting: &EndpointSetting| {
            let option = connect
                .get_arguments()
                .find(|option| option.get_long() == Some(&setting.key));
            let heading = option.and_then(Arg::get_help_heading);
            heading.is_none_or(|heading| OF_CONNECTION.contains(&heading))
                || TAKEN_OVER.contains(&setting.key.as_str())
        };
        let left = self
            .endpoint
            .settings
            .iter()
            .filter(|setting| !is_taken(setting));
        let left: Vec<&str> = left.map(|setting| setting.key.as_str()).collect();
        (!left.is_empty()).then(|| {
            let name = &self.endpoint.name;
            format!(
                "not taken over in a session: {} (wsprobe connect @{name})",
                left.join(", ")
            )
        })
    }
}

/// The command line of a verb for an endpoint, as [`expand`].
///
/// # Errors
/// The same.
pub fn expand_name(
    verb: &str,
    name: &str,
    file: Option<&Path>,
) -> Result<ExpandedCommand, UsageError> {
    let mut arguments: Vec<OsString> = ["wsprobe", verb, name].map(OsString::from).into();
    if let Some(file) = file {
        arguments.extend(["--endpoints".into(), file.into()]);
    }
    let expanded = expand(&arguments)?;
    expanded.ok_or_else(|| UsageError::usage(format!("{name} is no endpoint")))
}

/// Replaces `@NAME` in a command line; `None` if there is none.
///
/// # Errors
/// The file or the name is missing, or the endpoint has a key or a value that is wrong.
pub fn expand(arguments: &[OsString]) -> Result<Option<ExpandedCommand>, UsageError> {
    if !arguments.iter().skip(2).any(|word| is_name(word)) {
        return Ok(None);
    }
    let mut command = Cli::command();
    // An invalid command line is explained where it is parsed for good.
    let Ok(matches) = command.try_get_matches_from_mut(arguments) else {
        return Ok(None);
    };
    let Some((verb, typed)) = matches.subcommand() else {
        return Ok(None);
    };
    let Some((at, name)) = used_name(arguments, typed) else {
        return Ok(None);
    };
    let named = named_file(typed);
    let (name, rest) = name.split_at(name.find(['/', '?']).unwrap_or(name.len()));
    let file = EndpointsFile::open(named.as_deref(), &format!("@{name}"))?;
    let endpoint = file.get(name)?.clone();
    let verb_command = command.find_subcommand(verb);
    let mut expanded = arguments.to_vec();
    expanded[at] = url(&file, &endpoint, rest)?.into();
    if let Some(verb_command) = verb_command {
        let options = options(&file, &endpoint, verb_command, typed)?;
        expanded.splice(2..2, options);
    }
    if let Err(error) = Cli::try_parse_from(&expanded)
        && error.use_stderr()
    {
        return Err(located(&error, verb, &file, &endpoint));
    }
    Ok(Some(ExpandedCommand {
        warnings: match typed.try_get_one::<u8>("quiet") {
            Ok(Some(1..)) => Vec::new(),
            _ => warnings(&file, &endpoint),
        },
        arguments: expanded,
        endpoint,
    }))
}

fn is_name(word: &OsStr) -> bool {
    word.as_encoded_bytes().starts_with(b"@")
}

fn named_file(typed: &ArgMatches) -> Option<std::path::PathBuf> {
    let named = typed.try_get_one::<std::path::PathBuf>("endpoints");
    named.ok().flatten().cloned()
}

/// The word that stands in the place of a URL, if it is the name of an endpoint, and where it stands.
fn used_name(arguments: &[OsString], typed: &ArgMatches) -> Option<(usize, String)> {
    let url = urls(typed).into_iter().find(|url| is_name(url))?;
    // The same word may also be the value of an option: another one in its place shows which is which.
    let is_url = |at: usize| {
        let mut changed = arguments.to_vec();
        changed[at] = "@\u{1}".into();
        let matches = Cli::command().try_get_matches_from(&changed);
        let matches = matches.ok()?;
        let (_, typed) = matches.subcommand()?;
        urls(typed).contains(&changed[at]).then_some(())
    };
    let same = (2..arguments.len()).filter(|at| arguments[*at] == url);
    let at = same.into_iter().find(|at| is_url(*at).is_some())?;
    Some((at, url.to_str()?[1..].to_owned()))
}

fn urls(typed: &ArgMatches) -> Vec<OsString> {
    let values = URLS.map(|id| typed.try_get_raw(id).ok().flatten());
    values
        .into_iter()
        .flatten()
        .flatten()
        .map(OsStr::to_owned)
        .collect()
}

/// The URL of an endpoint with a path and a query appended; its own query stays behind the path.
fn url(file: &EndpointsFile, endpoint: &Endpoint, rest: &str) -> Result<String, EndpointError> {
    let url = match endpoint
        .get("url")
        .map(|setting| (setting.line, &setting.value))
    {
        Some((_, SettingValue::One(url))) => url,
        Some((line, _)) => return Err(file.error(line, "url is not a text")),
        None => {
            let what = format!("[{}] has no url", endpoint.name);
            return Err(file.error(endpoint.line, what));
        }
    };
    if rest.is_empty() {
        return Ok(url.clone());
    }
    let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (base, own_query) = url.split_once('?').unwrap_or((url, ""));
    let is_unix = base.starts_with("ws+unix:") || base.starts_with("wss+unix:");
    let separator = match is_unix && base.matches(':').count() == 1 {
        true => ":",
        false => "",
    };
    let base = match path {
        "" => base,
        _ => base.trim_end_matches('/'),
    };
    let queries: Vec<&str> = [own_query, query]
        .into_iter()
        .filter(|query| !query.is_empty())
        .collect();
    let query = match queries.is_empty() {
        true => String::new(),
        false => format!("?{}", queries.join("&")),
    };
    Ok(format!("{base}{separator}{path}{query}"))
}

/// The options of an endpoint that a command has and that nothing typed replaces.
fn options(
    file: &EndpointsFile,
    endpoint: &Endpoint,
    command: &Command,
    typed: &ArgMatches,
) -> Result<Vec<OsString>, EndpointError> {
    let mut options = Vec::new();
    for setting in endpoint
        .settings
        .iter()
        .filter(|setting| setting.key != "url")
    {
        let key = setting.key.as_str();
        let option = command
            .get_arguments()
            .find(|option| option.get_long() == Some(key));
        match option.filter(|_| !NO_KEYS.contains(&key)) {
            Some(option) if is_typed(option, typed) && key != "header" => {}
            Some(option) if conflicts(command, option, typed) => {}
            Some(option) => options.extend(words(file, setting, option, typed)?),
            None => known_elsewhere(file, setting)?,
        }
    }
    Ok(options)
}

fn is_typed(option: &Arg, typed: &ArgMatches) -> bool {
    typed.value_source(option.get_id().as_str()) == Some(ValueSource::CommandLine)
}

/// Whether something was typed that excludes an option.
fn conflicts(command: &Command, option: &Arg, typed: &ArgMatches) -> bool {
    let excludes = |one: &Arg, other: &Arg| {
        let conflicts = command.get_arg_conflicts_with(one);
        conflicts.iter().any(|arg| arg.get_id() == other.get_id())
    };
    // Messages that are typed are not sent again after a reconnect: the command refuses the two together.
    if option.get_long() == Some("reconnect") && typed.try_contains_id("messages").unwrap_or(false)
    {
        return true;
    }
    let mut others = command
        .get_arguments()
        .filter(|other| is_typed(other, typed));
    others.any(|other| {
        other.get_id() != option.get_id() && (excludes(option, other) || excludes(other, option))
    })
}

/// A key that this command does not have: another one must have it.
fn known_elsewhere(file: &EndpointsFile, setting: &EndpointSetting) -> Result<(), EndpointError> {
    let mut command = Cli::command();
    command.build();
    let options = command.get_subcommands().flat_map(Command::get_arguments);
    let keys: Vec<&str> = options
        .filter_map(Arg::get_long)
        .filter(|key| !NO_KEYS.contains(key))
        .collect();
    if keys.contains(&setting.key.as_str()) {
        return Ok(());
    }
    let what = match nearest(&setting.key, keys.into_iter().chain(["url"])) {
        Some(nearest) => format!("unknown key {}; did you mean {nearest}?", setting.key),
        None => format!(
            "unknown key {}: keys are url and the long options",
            setting.key
        ),
    };
    Err(file.error(setting.line, what))
}

/// The words of the command line for a key.
fn words(
    file: &EndpointsFile,
    setting: &EndpointSetting,
    option: &Arg,
    typed: &ArgMatches,
) -> Result<Vec<OsString>, EndpointError> {
    let key = setting.key.as_str();
    let fail = |what: &str| Err(file.error(setting.line, format!("{key} {what}")));
    let alone = || OsString::from(format!("--{key}"));
    let takes_value = option.get_action().takes_values();
    let may_be_alone = option
        .get_num_args()
        .is_some_and(|range| range.min_values() == 0);
    let values = match &setting.value {
        SettingValue::Switch(false) if !takes_value || may_be_alone => return Ok(Vec::new()),
        SettingValue::Switch(true) if !takes_value || may_be_alone => return Ok(vec![alone()]),
        SettingValue::Switch(_) => return fail("needs a value, not true or false"),
        SettingValue::One(times) if matches!(option.get_action(), ArgAction::Count) => {
            let times: Option<usize> = times.parse().ok().filter(|times| *times <= 9);
            return times.map_or_else(
                || fail("is a number up to 9"),
                |times| Ok(vec![alone(); times]),
            );
        }
        SettingValue::One(_) | SettingValue::Many(_) if !takes_value => {
            return fail("is true or false");
        }
        SettingValue::Many(_) if !matches!(option.get_action(), ArgAction::Append) => {
            return fail("takes one value");
        }
        SettingValue::One(value) => std::slice::from_ref(value),
        SettingValue::Many(values) => values,
        SettingValue::Other(kind) => return fail(&format!("cannot be {kind}")),
    };
    let values = values
        .iter()
        .filter(|value| key != "header" || !is_header_typed(value, typed));
    let words = values.map(|value| {
        let mut word = OsString::from(format!("--{key}="));
        word.push(resolved(file, option, key, value));
        word
    });
    Ok(words.collect())
}

/// Whether a header of this name was typed.
fn is_header_typed(header: &str, typed: &ArgMatches) -> bool {
    let name = header_name(header);
    let typed = typed
        .try_get_raw("headers")
        .ok()
        .flatten()
        .into_iter()
        .flatten();
    let mut names = typed.filter_map(OsStr::to_str).map(header_name);
    names.any(|typed| typed.eq_ignore_ascii_case(name))
}

fn header_name(header: &str) -> &str {
    header.split([':', ';']).next().unwrap_or_default().trim()
}

/// A value in which paths are relative to the file.
fn resolved(file: &EndpointsFile, option: &Arg, key: &str, value: &str) -> OsString {
    let is_path = matches!(
        option.get_value_hint(),
        ValueHint::FilePath | ValueHint::AnyPath
    );
    let prefixed = |prefix: &str, path: &str| {
        let mut value = OsString::from(prefix);
        value.push(file.resolve(path));
        value
    };
    if is_path && value != "-" {
        return file.resolve(value).into();
    }
    if let Some(path) = value.strip_prefix('@').filter(|_| SOURCES.contains(&key)) {
        return prefixed("@", path);
    }
    if let (Some((name, path)), "secret") = (value.split_once("=@"), key) {
        return prefixed(&format!("{name}=@"), path);
    }
    match value.strip_prefix("schema:") {
        Some(path) => prefixed("schema:", path),
        None => value.into(),
    }
}

/// An error of the options of an endpoint: the typed ones alone were valid.
fn located(
    error: &clap::Error,
    verb: &str,
    file: &EndpointsFile,
    endpoint: &Endpoint,
) -> UsageError {
    let option = usage::option_of(error);
    let setting = option.and_then(|option| endpoint.get(option.trim_start_matches('-')));
    let line = setting.map_or(endpoint.line, |setting| setting.line);
    let place = format!("{}:{line}: [{}]: ", file.path.display(), endpoint.name);
    usage::explain(error, verb).at(&place)
}

/// Warnings about secrets that others may read.
fn warnings(file: &EndpointsFile, endpoint: &Endpoint) -> Vec<String> {
    if !is_readable_by_others(&file.path) {
        return Vec::new();
    }
    let written_out = endpoint.settings.iter().filter(|setting| {
        let values = match &setting.value {
            SettingValue::One(value) => std::slice::from_ref(value),
            SettingValue::Many(values) => values,
            SettingValue::Switch(_) | SettingValue::Other(_) => &[],
        };
        values.iter().any(|value| is_secret(&setting.key, value))
    });
    let path = file.path.display();
    let warning = |setting: &EndpointSetting| {
        format!(
            "{path}:{}: others may read the secret in {}: use env:NAME or @FILE, or chmod 600 {path}",
            setting.line, setting.key
        )
    };
    written_out.map(warning).collect()
}

/// Whether a value is a secret that is written out.
fn is_secret(key: &str, value: &str) -> bool {
    if value.starts_with("env:") || value.starts_with('@') {
        return false;
    }
    match key {
        "bearer" | "cookie" => true,
        "user" => value.contains(':'),
        "secret" => value
            .split_once('=')
            .is_some_and(|(_, value)| !is_secret_source(value)),
        "header" => is_credential_header(header_name(value)),
        "url" | "proxy" => redact_url(value) != value,
        "execute" => looks_secret(value),
        _ => false,
    }
}

fn is_secret_source(value: &str) -> bool {
    value.starts_with("env:") || value.starts_with('@')
}

#[cfg(unix)]
fn is_readable_by_others(path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    path.metadata().is_ok_and(|file| file.mode() & 0o044 != 0)
}

#[cfg(not(unix))]
fn is_readable_by_others(_: &Path) -> bool {
    false
}
