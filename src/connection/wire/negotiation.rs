//! Negotiates permessage-deflate (RFC 7692 §7.1), in both roles.
//!
//! A server ignores offers that it does not understand. A client rejects a response that does not match its
//! offer, since both sides would compress differently.

use std::{error, fmt};

/// The extension's name in `Sec-WebSocket-Extensions`.
pub const NAME: &str = "permessage-deflate";

const SERVER_NO_CONTEXT_TAKEOVER: &str = "server_no_context_takeover";
const CLIENT_NO_CONTEXT_TAKEOVER: &str = "client_no_context_takeover";
const SERVER_MAX_WINDOW_BITS: &str = "server_max_window_bits";
const CLIENT_MAX_WINDOW_BITS: &str = "client_max_window_bits";

/// The maximum window, as the base-2 logarithm of its size in bytes (RFC 7692 §7.1.2).
pub const MAX_WINDOW_BITS: u8 = 15;
/// The minimum window, likewise.
const MIN_WINDOW_BITS: u8 = 8;

/// Why an offer or a response is invalid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NegotiationError {
    /// The header is not a valid list of extensions (RFC 6455 §9.1).
    Malformed(String),
    /// An extension that was not offered, by name.
    NotOffered(String),
    /// The response contains the extension twice.
    AnsweredTwice,
    /// An unknown parameter.
    UnknownParameter(String),
    /// A repeated parameter.
    DuplicateParameter(String),
    /// A parameter whose value is missing, not allowed, or out of range.
    BadValue {
        /// The parameter.
        parameter: &'static str,
        /// Its value, if it has one.
        value: Option<String>,
    },
    /// A parameter in the response that was not offered.
    ParameterNotOffered(&'static str),
    /// A parameter that the offer requires and the response lacks.
    ParameterMissing(&'static str),
    /// A window larger than the offer allows.
    WindowTooLarge {
        /// The parameter.
        parameter: &'static str,
        /// The offered window, as a base-2 logarithm.
        offered: u8,
        /// The window in the response, likewise.
        answered: u8,
    },
}

impl fmt::Display for NegotiationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed(header) => {
                write!(
                    f,
                    "the extension list '{header}' is malformed (RFC 6455 §9.1)"
                )
            }
            Self::NotOffered(name) => {
                write!(f, "the extension '{name}' was not offered (RFC 6455 §4.1)")
            }
            Self::AnsweredTwice => write!(f, "{NAME} is accepted twice (RFC 7692 §5.1)"),
            Self::UnknownParameter(name) => {
                write!(f, "{NAME} has no parameter '{name}' (RFC 7692 §7.1)")
            }
            Self::DuplicateParameter(name) => {
                write!(f, "the parameter '{name}' is given twice (RFC 7692 §7.1)")
            }
            Self::BadValue {
                parameter,
                value: Some(value),
            } => write!(
                f,
                "the parameter {parameter} cannot be '{value}' (RFC 7692 §7.1)"
            ),
            Self::BadValue {
                parameter,
                value: None,
            } => write!(f, "the parameter {parameter} has no value (RFC 7692 §7.1)"),
            Self::ParameterNotOffered(parameter) => {
                write!(
                    f,
                    "the parameter {parameter} was not offered (RFC 7692 §7.1)"
                )
            }
            Self::ParameterMissing(parameter) => write!(
                f,
                "the parameter {parameter} was offered but is missing from the response (RFC 7692 §7.1)"
            ),
            Self::WindowTooLarge {
                parameter,
                offered,
                answered,
            } => write!(
                f,
                "the parameter {parameter} is {answered}, but {offered} was offered (RFC 7692 §7.1.2)"
            ),
        }
    }
}

impl error::Error for NegotiationError {}

/// The negotiated parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NegotiatedDeflate {
    /// Whether the server compresses each message on its own.
    pub server_no_context_takeover: bool,
    /// Whether the client compresses each message on its own.
    pub client_no_context_takeover: bool,
    /// The server's window, as the base-2 logarithm of its size, 8 to 15; `None` if not given.
    pub server_max_window_bits: Option<u8>,
    /// The client's window, likewise.
    pub client_max_window_bits: Option<u8>,
}

/// The header value of the response.
impl fmt::Display for NegotiatedDeflate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(NAME)?;
        if self.server_no_context_takeover {
            write!(f, "; {SERVER_NO_CONTEXT_TAKEOVER}")?;
        }
        if self.client_no_context_takeover {
            write!(f, "; {CLIENT_NO_CONTEXT_TAKEOVER}")?;
        }
        if let Some(bits) = self.server_max_window_bits {
            write!(f, "; {SERVER_MAX_WINDOW_BITS}={bits}")?;
        }
        if let Some(bits) = self.client_max_window_bits {
            write!(f, "; {CLIENT_MAX_WINDOW_BITS}={bits}")?;
        }
        Ok(())
    }
}

/// The offer of a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeflateOffer {
    /// The offer as typed; it is sent unchanged.
    text: String,
    parameters: DeflateParameters,
}

impl Default for DeflateOffer {
    /// The offer of browsers.
    fn default() -> Self {
        Self {
            text: format!("{NAME}; {CLIENT_MAX_WINDOW_BITS}"),
            parameters: DeflateParameters {
                client_max_window_bits: Some(None),
                ..DeflateParameters::default()
            },
        }
    }
}

/// The header value of the offer.
impl fmt::Display for DeflateOffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl DeflateOffer {
    /// Parses an offer: `client_max_window_bits=10; server_no_context_takeover`, with or without
    /// `permessage-deflate` before the parameters, which may be empty.
    ///
    /// # Errors
    /// A client may not offer these parameters.
    pub fn with_parameters(parameters: &str) -> Result<Self, NegotiationError> {
        let parameters = parameters.trim();
        let named = extensions(parameters)
            .is_some_and(|list| list.first().is_some_and(Extension::is_deflate));
        let text = match parameters {
            "" => NAME.to_owned(),
            _ if named => parameters.to_owned(),
            _ => format!("{NAME}; {parameters}"),
        };
        let malformed = || NegotiationError::Malformed(text.clone());
        let extensions = extensions(&text).ok_or_else(malformed)?;
        let [extension] = &extensions[..] else {
            return Err(malformed());
        };
        let parameters = DeflateParameters::of(extension)?;
        Ok(Self { text, parameters })
    }

    /// The first offer of permessage-deflate in the values of `Sec-WebSocket-Extensions` headers that the user
    /// gave.
    pub fn in_header<'a>(values: impl IntoIterator<Item = &'a str>) -> Option<Self> {
        let offers = values.into_iter().filter_map(extensions).flatten();
        offers.filter(Extension::is_deflate).find_map(|extension| {
            let parameters = DeflateParameters::of(&extension).ok()?;
            Some(Self {
                text: NAME.to_owned(),
                parameters,
            })
        })
    }

    /// Reads the response of a server: the values of its `Sec-WebSocket-Extensions` headers. `None` if the
    /// server accepted no extension.
    ///
    /// # Errors
    /// The response does not match the offer: the client must fail the connection (RFC 7692 §7.1).
    pub fn read_answer<'a>(
        &self,
        headers: impl IntoIterator<Item = &'a str>,
    ) -> Result<Option<NegotiatedDeflate>, NegotiationError> {
        let mut negotiated = None;
        for header in headers {
            let extensions =
                extensions(header).ok_or_else(|| NegotiationError::Malformed(header.to_owned()))?;
            for extension in &extensions {
                if !extension.is_deflate() {
                    return Err(NegotiationError::NotOffered(extension.name.clone()));
                }
                let answer = self.agree(&DeflateParameters::of(extension)?)?;
                if negotiated.replace(answer).is_some() {
                    return Err(NegotiationError::AnsweredTwice);
                }
            }
        }
        Ok(negotiated)
    }

    fn agree(&self, answer: &DeflateParameters) -> Result<NegotiatedDeflate, NegotiationError> {
        let offer = &self.parameters;
        if offer.server_no_context_takeover && !answer.server_no_context_takeover {
            return Err(NegotiationError::ParameterMissing(
                SERVER_NO_CONTEXT_TAKEOVER,
            ));
        }
        let server_max_window_bits =
            match (offer.server_max_window_bits, answer.server_max_window_bits) {
                (Some(_), None) => {
                    return Err(NegotiationError::ParameterMissing(SERVER_MAX_WINDOW_BITS));
                }
                (offered, answered) => narrower(SERVER_MAX_WINDOW_BITS, offered, answered)?,
            };
        let client_max_window_bits =
            match (offer.client_max_window_bits, answer.client_max_window_bits) {
                (None, Some(_)) => {
                    return Err(NegotiationError::ParameterNotOffered(
                        CLIENT_MAX_WINDOW_BITS,
                    ));
                }
                (_, Some(None)) => {
                    return Err(NegotiationError::BadValue {
                        parameter: CLIENT_MAX_WINDOW_BITS,
                        value: None,
                    });
                }
                (offered, answered) => narrower(
                    CLIENT_MAX_WINDOW_BITS,
                    offered.flatten(),
                    answered.flatten(),
                )?,
            };
        Ok(NegotiatedDeflate {
            server_no_context_takeover: answer.server_no_context_takeover,
            // By offering it we commit to it, whatever the response says (RFC 7692 §7.1.1.2).
            client_no_context_takeover: answer.client_no_context_takeover
                || offer.client_no_context_takeover,
            server_max_window_bits,
            client_max_window_bits,
        })
    }
}

/// The window that results from the offer and the response.
fn narrower(
    parameter: &'static str,
    offered: Option<u8>,
    answered: Option<u8>,
) -> Result<Option<u8>, NegotiationError> {
    match (offered, answered) {
        (Some(offered), Some(answered)) if answered > offered => {
            Err(NegotiationError::WindowTooLarge {
                parameter,
                offered,
                answered,
            })
        }
        _ => Ok(answered.or(offered)),
    }
}

/// Whether a `Sec-WebSocket-Extensions` header is a list of extensions, whatever they are (RFC 6455 §9.1).
pub fn is_extension_list(header: &str) -> bool {
    extensions(header).is_some()
}

/// The parameters that a server accepts from a client's `Sec-WebSocket-Extensions` headers: the first offer
/// of permessage-deflate that it understands (RFC 7692 §5.1). `None` declines.
///
/// Other extensions, and offers that it does not understand, are ignored, as the RFC requires.
pub fn choose<'a>(headers: impl IntoIterator<Item = &'a str>) -> Option<NegotiatedDeflate> {
    headers
        .into_iter()
        .filter_map(extensions)
        .flatten()
        .filter(Extension::is_deflate)
        .find_map(|extension| DeflateParameters::of(&extension).ok())
        .map(|offer| NegotiatedDeflate {
            server_no_context_takeover: offer.server_no_context_takeover,
            client_no_context_takeover: offer.client_no_context_takeover,
            server_max_window_bits: offer.server_max_window_bits,
            client_max_window_bits: offer.client_max_window_bits.flatten(),
        })
}

/// The parameters of permessage-deflate in an offer or a response.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct DeflateParameters {
    server_no_context_takeover: bool,
    client_no_context_takeover: bool,
    server_max_window_bits: Option<u8>,
    /// `Some(None)` is the parameter without a value, which is allowed only in an offer.
    client_max_window_bits: Option<Option<u8>>,
}

impl DeflateParameters {
    fn of(extension: &Extension) -> Result<Self, NegotiationError> {
        let mut seen = Vec::new();
        let mut parameters = Self::default();
        for (name, value) in &extension.parameters {
            let value = value.as_deref();
            match &*name.to_ascii_lowercase() {
                SERVER_NO_CONTEXT_TAKEOVER => {
                    flag(SERVER_NO_CONTEXT_TAKEOVER, value)?;
                    parameters.server_no_context_takeover = true;
                }
                CLIENT_NO_CONTEXT_TAKEOVER => {
                    flag(CLIENT_NO_CONTEXT_TAKEOVER, value)?;
                    parameters.client_no_context_takeover = true;
                }
                SERVER_MAX_WINDOW_BITS => {
                    parameters.server_max_window_bits =
                        Some(window_bits(SERVER_MAX_WINDOW_BITS, value)?);
                }
                CLIENT_MAX_WINDOW_BITS => {
                    parameters.client_max_window_bits = Some(match value {
                        None => None,
                        value => Some(window_bits(CLIENT_MAX_WINDOW_BITS, value)?),
                    });
                }
                _ => return Err(NegotiationError::UnknownParameter(name.clone())),
            }
            if seen
                .iter()
                .any(|seen: &&String| seen.eq_ignore_ascii_case(name))
            {
                return Err(NegotiationError::DuplicateParameter(name.clone()));
            }
            seen.push(name);
        }
        Ok(parameters)
    }
}

fn flag(parameter: &'static str, value: Option<&str>) -> Result<(), NegotiationError> {
    match value {
        None => Ok(()),
        Some(value) => Err(NegotiationError::BadValue {
            parameter,
            value: Some(value.to_owned()),
        }),
    }
}

/// Parses a decimal number from 8 to 15 without leading zeros (RFC 7692 §7.1.2).
fn window_bits(parameter: &'static str, value: Option<&str>) -> Result<u8, NegotiationError> {
    value
        .filter(|value| value.bytes().all(|byte| byte.is_ascii_digit()) && !value.starts_with('0'))
        .and_then(|value| value.parse().ok())
        .filter(|bits| (MIN_WINDOW_BITS..=MAX_WINDOW_BITS).contains(bits))
        .ok_or_else(|| NegotiationError::BadValue {
            parameter,
            value: value.map(str::to_owned),
        })
}

/// One element of a `Sec-WebSocket-Extensions` header.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Extension {
    name: String,
    parameters: Vec<(String, Option<String>)>,
}

impl Extension {
    fn is_deflate(&self) -> bool {
        self.name.eq_ignore_ascii_case(NAME)
    }
}

/// Parses a `Sec-WebSocket-Extensions` header (RFC 6455 §9.1); `None` if it is malformed. Empty elements
/// of the list are ignored (RFC 9110 §5.6.1).
fn extensions(header: &str) -> Option<Vec<Extension>> {
    let mut rest = HeaderParser(header);
    let mut extensions = Vec::new();
    loop {
        while rest.takes(',') {}
        if rest.is_empty() {
            return Some(extensions);
        }
        let mut extension = Extension {
            name: rest.token()?.to_owned(),
            parameters: Vec::new(),
        };
        while rest.takes(';') {
            let name = rest.token()?.to_owned();
            let value = if rest.takes('=') {
                Some(rest.value()?)
            } else {
                None
            };
            extension.parameters.push((name, value));
        }
        extensions.push(extension);
        if !rest.is_empty() && !rest.takes(',') {
            return None;
        }
    }
}

/// The unparsed rest of a header. Whitespace between tokens is ignored.
struct HeaderParser<'a>(&'a str);

impl<'a> HeaderParser<'a> {
    fn skip_space(&mut self) {
        self.0 = self.0.trim_start_matches([' ', '\t']);
    }

    fn is_empty(&mut self) -> bool {
        self.skip_space();
        self.0.is_empty()
    }

    fn takes(&mut self, separator: char) -> bool {
        self.skip_space();
        self.0
            .strip_prefix(separator)
            .inspect(|rest| self.0 = rest)
            .is_some()
    }

    fn token(&mut self) -> Option<&'a str> {
        self.skip_space();
        let end = self.0.find(|c| !is_token(c)).unwrap_or(self.0.len());
        let (token, rest) = self.0.split_at(end);
        self.0 = rest;
        (!token.is_empty()).then_some(token)
    }

    /// A token, or a quoted string that contains a token.
    fn value(&mut self) -> Option<String> {
        if !self.takes('"') {
            return self.token().map(str::to_owned);
        }
        let mut value = String::new();
        let mut chars = self.0.chars();
        loop {
            match chars.next()? {
                '"' => break,
                '\\' => value.push(chars.next()?),
                c => value.push(c),
            }
        }
        self.0 = chars.as_str();
        (!value.is_empty() && value.chars().all(is_token)).then_some(value)
    }
}

/// A character of a token (RFC 9110 §5.6.2).
const fn is_token(c: char) -> bool {
    c.is_ascii_alphanumeric()
        || matches!(
            c,
            '!' | '#'
                | '$'
                | '%'
                | '&'
                | '\''
                | '*'
                | '+'
                | '-'
                | '.'
                | '^'
                | '_'
                | '`'
                | '|'
                | '~'
        )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ALL: NegotiatedDeflate = NegotiatedDeflate {
        server_no_context_takeover: false,
        client_no_context_takeover: false,
        server_max_window_bits: None,
        client_max_window_bits: None,
    };

    fn answer(offer: &str, answer: &str) -> Result<Option<NegotiatedDeflate>, String> {
        let offer = DeflateOffer::with_parameters(offer).unwrap();
        offer
            .read_answer([answer])
            .map_err(|error| error.to_string())
    }

    #[test]
    fn the_default_is_what_browsers_offer() {
        let offer = DeflateOffer::default();
        assert_eq!(
            offer.to_string(),
            "permessage-deflate; client_max_window_bits"
        );
        assert_eq!(
            DeflateOffer::with_parameters("client_max_window_bits"),
            Ok(offer)
        );
    }

    #[test]
    fn an_offer_is_sent_as_typed() {
        for (typed, sent) in [
            ("", "permessage-deflate"),
            (
                " client_max_window_bits=\"10\" ",
                "permessage-deflate; client_max_window_bits=\"10\"",
            ),
            (
                "Permessage-Deflate;server_max_window_bits=9",
                "Permessage-Deflate;server_max_window_bits=9",
            ),
        ] {
            assert_eq!(
                DeflateOffer::with_parameters(typed).unwrap().to_string(),
                sent
            );
        }
    }

    #[test]
    fn an_invalid_offer_is_rejected() {
        for (typed, why) in [
            (
                "server_max_window_bits",
                "the parameter server_max_window_bits has no value",
            ),
            (
                "server_max_window_bits=16",
                "the parameter server_max_window_bits cannot be '16'",
            ),
            (
                "client_max_window_bits=07",
                "the parameter client_max_window_bits cannot be '07'",
            ),
            (
                "client_max_window_bits=+9",
                "the parameter client_max_window_bits cannot be '+9'",
            ),
            ("client_max_window_bits=(9)", "the extension list"),
            (
                "mem_level=9",
                "permessage-deflate has no parameter 'mem_level'",
            ),
            (
                "permessage-deflate, permessage-deflate",
                "the extension list",
            ),
            ("permessage-deflates", "permessage-deflate has no parameter"),
            (
                "client_no_context_takeover; client_no_context_takeover",
                "the parameter 'client_no_context_takeover' is given twice",
            ),
            (";", "the extension list"),
        ] {
            let error = DeflateOffer::with_parameters(typed)
                .expect_err(typed)
                .to_string();
            assert!(error.starts_with(why), "{typed}: {error}");
        }
    }

    #[test]
    fn an_answer_that_fits_its_offer_is_agreed() {
        let takeover = "server_no_context_takeover; client_no_context_takeover";
        let none = NegotiatedDeflate {
            server_no_context_takeover: true,
            client_no_context_takeover: true,
            ..ALL
        };
        let cases: &[(&str, &str, NegotiatedDeflate)] = &[
            ("client_max_window_bits", "permessage-deflate", ALL),
            ("", "PerMessage-Deflate", ALL),
            (
                "",
                "permessage-deflate; server_no_context_takeover; client_no_context_takeover",
                none,
            ),
            (
                takeover,
                "permessage-deflate; server_no_context_takeover",
                none,
            ),
            (
                "",
                "permessage-deflate; server_max_window_bits=8",
                NegotiatedDeflate {
                    server_max_window_bits: Some(8),
                    ..ALL
                },
            ),
            (
                "client_max_window_bits",
                "permessage-deflate;client_max_window_bits=\"9\"",
                NegotiatedDeflate {
                    client_max_window_bits: Some(9),
                    ..ALL
                },
            ),
            (
                "client_max_window_bits=10",
                "permessage-deflate",
                NegotiatedDeflate {
                    client_max_window_bits: Some(10),
                    ..ALL
                },
            ),
            (
                "server_max_window_bits=10",
                "permessage-deflate; server_max_window_bits=9",
                NegotiatedDeflate {
                    server_max_window_bits: Some(9),
                    ..ALL
                },
            ),
        ];
        for (offered, answered, negotiated) in cases {
            assert_eq!(
                answer(offered, answered),
                Ok(Some(*negotiated)),
                "{offered}: {answered}"
            );
        }
        assert_eq!(DeflateOffer::default().read_answer([]), Ok(None));
        assert_eq!(DeflateOffer::default().read_answer(["", " , "]), Ok(None));
    }

    #[test]
    fn an_answer_that_breaks_the_rfc_is_refused_and_names_the_parameter() {
        for (offered, answered, why) in [
            (
                "",
                "permessage-deflate; client_max_window_bits=10",
                "the parameter client_max_window_bits was not offered",
            ),
            (
                "client_max_window_bits",
                "permessage-deflate; client_max_window_bits",
                "the parameter client_max_window_bits has no value",
            ),
            (
                "client_max_window_bits=10",
                "permessage-deflate; client_max_window_bits=11",
                "the parameter client_max_window_bits is 11, but 10 was offered",
            ),
            (
                "client_max_window_bits",
                "permessage-deflate; client_max_window_bits=7",
                "the parameter client_max_window_bits cannot be '7'",
            ),
            (
                "server_max_window_bits=10",
                "permessage-deflate",
                "the parameter server_max_window_bits was offered but is missing from the response",
            ),
            (
                "server_max_window_bits=10",
                "permessage-deflate; server_max_window_bits=15",
                "the parameter server_max_window_bits is 15, but 10 was offered",
            ),
            (
                "server_no_context_takeover",
                "permessage-deflate",
                "the parameter server_no_context_takeover was offered but is missing from the response",
            ),
            (
                "",
                "permessage-deflate; server_no_context_takeover=1",
                "the parameter server_no_context_takeover cannot be '1'",
            ),
            (
                "",
                "permessage-deflate; foo=1",
                "permessage-deflate has no parameter 'foo'",
            ),
            (
                "",
                "permessage-deflate; server_max_window_bits=9; Server_Max_Window_Bits=9",
                "the parameter 'Server_Max_Window_Bits' is given twice",
            ),
            (
                "",
                "permessage-deflate, permessage-deflate",
                "permessage-deflate is accepted twice",
            ),
            (
                "",
                "permessage-deflate, x-other",
                "the extension 'x-other' was not offered",
            ),
            ("", "permessage-deflate; a=\"b", "the extension list"),
            ("", "permessage-deflate foo", "the extension list"),
        ] {
            let error = answer(offered, answered).expect_err(answered);
            assert!(error.starts_with(why), "{answered}: {error}");
        }
    }

    #[test]
    fn a_server_takes_the_first_offer_it_understands() {
        for (offers, chosen) in [
            (
                "permessage-deflate; client_max_window_bits",
                Some("permessage-deflate"),
            ),
            (
                "permessage-deflate; foo, permessage-deflate; server_max_window_bits=9",
                Some("permessage-deflate; server_max_window_bits=9"),
            ),
            (
                "x-webkit-deflate-frame, permessage-deflate; client_max_window_bits=12; server_no_context_takeover; client_no_context_takeover",
                Some(
                    "permessage-deflate; server_no_context_takeover; client_no_context_takeover; client_max_window_bits=12",
                ),
            ),
            ("permessage-deflate; server_max_window_bits=7", None),
            ("permessage-bzip2", None),
            ("", None),
        ] {
            let negotiated = choose([offers]);
            assert_eq!(
                negotiated
                    .map(|negotiated| negotiated.to_string())
                    .as_deref(),
                chosen,
                "{offers}"
            );
        }
        assert_eq!(choose(["foo", "permessage-deflate"]), Some(ALL));
    }

    proptest! {
        #[test]
        fn any_header_is_read_without_a_panic(header in "[a-z;,= \"\\\\]{0,40}|.{0,40}") {
            let _ = choose([&*header]);
            let _ = DeflateOffer::default().read_answer([&*header]);
            let _ = DeflateOffer::with_parameters(&header);
        }

        #[test]
        fn what_a_server_answers_a_client_agrees_to(
            server_no: bool, client_no: bool, server in prop::option::of(8u8..=15), client in prop::option::of(prop::option::of(8u8..=15)),
        ) {
            let mut parameters = Vec::new();
            if server_no { parameters.push(SERVER_NO_CONTEXT_TAKEOVER.to_owned()) }
            if client_no { parameters.push(CLIENT_NO_CONTEXT_TAKEOVER.to_owned()) }
            if let Some(bits) = server { parameters.push(format!("{SERVER_MAX_WINDOW_BITS}={bits}")) }
            match client {
                Some(Some(bits)) => parameters.push(format!("{CLIENT_MAX_WINDOW_BITS}={bits}")),
                Some(None) => parameters.push(CLIENT_MAX_WINDOW_BITS.to_owned()),
                None => {}
            }
            let offer = DeflateOffer::with_parameters(&parameters.join("; ")).unwrap();
            let chosen = choose([&*offer.to_string()]).unwrap();
            prop_assert_eq!(offer.read_answer([&*chosen.to_string()]), Ok(Some(chosen)));
        }
    }
}
