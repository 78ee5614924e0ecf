//! Changes the upgrade request as a probe says.

use std::io;
use std::time::Duration;

use super::probe::{Change, OriginForm};
use super::settings::AuditSettings;
use crate::connection::probing::{RawConnection, RawRequest};
use crate::connection::target::{Address, Endpoint, RequestHeader};

/// The pause between the pieces of a request.
const PAUSE: Duration = Duration::from_millis(20);

/// Applies changes in their order. Returns the size of the pieces in which the request is written, if it is.
pub fn change(
    request: &mut RawRequest,
    changes: &[Change],
    settings: &AuditSettings,
) -> Option<usize> {
    let mut pieces = None;
    for change in changes {
        match *change {
            Change::Method(method) => request.method = method.to_owned(),
            Change::Version(version) => request.version = version.to_owned(),
            Change::AbsoluteTarget => {
                let address = &settings.target.address;
                let scheme = scheme(address.secure);
                request.target = format!("{scheme}://{}{}", address.host_header, request.target);
            }
            Change::LongTarget(bytes) => {
                let sign = if request.target.contains('?') {
                    '&'
                } else {
                    '?'
                };
                request.target = format!("{}{sign}wsprobe={}", request.target, "a".repeat(bytes));
            }
            Change::Without(name) => remove(request, name),
            Change::With(name, value) => set(request, name, value),
            Change::Again(name, value) => request.headers.push(RequestHeader::new(name, value)),
            Change::LongHeader(name, bytes) => set(request, name, &"a".repeat(bytes)),
            Change::ManyHeaders(number) => {
                let more = (1..=number).map(|n| RequestHeader::new(&format!("X-Wsprobe-{n}"), "1"));
                request.headers.extend(more);
            }
            Change::Origin(form) => match origin(form, settings) {
                Some(origin) => set(request, "Origin", &origin),
                None => remove(request, "Origin"),
            },
            Change::LowerCase => rename(request, str::to_ascii_lowercase),
            Change::UpperCase => rename(request, str::to_ascii_uppercase),
            Change::Colon(colon) => request.colon = colon,
            Change::InPieces(bytes) => pieces = Some(bytes),
        }
    }
    pieces
}

/// Writes a request, in pieces if a probe wants that.
///
/// # Errors
/// The operating system's.
pub async fn write_request(
    connection: &mut RawConnection,
    request: &RawRequest,
    pieces: Option<usize>,
) -> io::Result<()> {
    let bytes = request.to_bytes();
    let Some(size) = pieces else {
        return connection.write(&bytes).await;
    };
    for piece in bytes.chunks(size) {
        connection.write(piece).await?;
        tokio::time::sleep(PAUSE).await;
    }
    Ok(())
}

fn remove(request: &mut RawRequest, name: &str) {
    request
        .headers
        .retain(|header| !header.name.eq_ignore_ascii_case(name));
}

/// Puts a value in the place of the first line of a header, or behind all.
fn set(request: &mut RawRequest, name: &str, value: &str) {
    let at = request
        .headers
        .iter()
        .position(|header| header.name.eq_ignore_ascii_case(name));
    remove(request, name);
    let at = at
        .unwrap_or(request.headers.len())
        .min(request.headers.len());
    request.headers.insert(at, RequestHeader::new(name, value));
}

fn rename(request: &mut RawRequest, case: impl Fn(&str) -> String) {
    for header in &mut request.headers {
        header.name = case(&header.name);
    }
}

fn scheme(is_secure: bool) -> &'static str {
    if is_secure { "https" } else { "http" }
}

/// An `Origin`, made from the own one: that of `-o`, or of a page of the server itself.
pub fn origin(form: OriginForm, settings: &AuditSettings) -> Option<String> {
    let own = own_origin(settings);
    let (scheme, rest) = own.split_once("://").unwrap_or(("https", "localhost"));
    let (host, port) = match rest.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (rest, None),
    };
    let with_port = port.map_or_else(String::new, |port| format!(":{port}"));
    Some(match form {
        OriginForm::Missing => return None,
        OriginForm::Own => own,
        OriginForm::Foreign => "https://wsprobe.invalid".to_owned(),
        OriginForm::Null => "null".to_owned(),
        OriginForm::NameAsPrefix => format!("{scheme}://{}.wsprobe.invalid{with_port}", name(host)),
        OriginForm::NameAsSuffix => format!("{scheme}://wsprobe{}{with_port}", name(host)),
        OriginForm::Subdomain => format!("{scheme}://wsprobe.{}{with_port}", name(host)),
        OriginForm::OtherScheme => match scheme {
            "https" => format!("http://{rest}"),
            _ => format!("https://{rest}"),
        },
        OriginForm::OtherPort => match port {
            Some("8443") => format!("{scheme}://{host}:9443"),
            _ => format!("{scheme}://{host}:8443"),
        },
    })
}

/// A host as part of a longer name: an IPv6 address cannot be one.
fn name(host: &str) -> String {
    host.trim_matches(['[', ']']).replace(':', "-")
}

fn own_origin(settings: &AuditSettings) -> String {
    let given = settings.target.request.headers.iter();
    let mut given = given.filter(|header| header.name.eq_ignore_ascii_case("Origin"));
    if let Some(origin) = given.next().and_then(|header| header.value.clone()) {
        return origin;
    }
    let Address {
        secure,
        host_header,
        endpoint,
        ..
    } = &settings.target.address;
    match endpoint {
        Endpoint::Unix(_) => "http://localhost".to_owned(),
        Endpoint::Tcp { .. } => format!("{}://{host_header}", scheme(*secure)),
    }
}
