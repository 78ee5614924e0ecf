//! The probes that a table of frames and headers cannot say.

use std::time::Duration;

use tokio::time::{Instant, timeout};

use super::judgement::Judgement;
use super::observation::{Ending, Observation};
use super::probe::{Exchange, Requirement, Special, close};
use super::{Audit, Presence};
use crate::connection::dial::host_of;
use crate::connection::error::Error;
use crate::connection::probing::{RawAnswer, RawConnection, RawRequest, StreamEnd};
use crate::connection::tls::NegotiatedTls;
use crate::connection::tls::old::{HelloAnswer, OldVersion};
use crate::expectation::validity;
use crate::units;

/// A certificate that ends sooner is a warning: it is time to renew it.
const LEAST_DAYS: i64 = 14;

/// The usual exchange: a handshake, nothing else.
const HANDSHAKE: Exchange = Exchange {
    changes: &[],
    frames: &[],
    asks: false,
};

/// A closing handshake.
const CLOSE: Exchange = Exchange {
    changes: &[],
    frames: &[close(1000, "")],
    asks: false,
};

/// Runs a special probe.
///
/// # Errors
/// The program itself cannot go on.
pub async fn look(special: Special, audit: &Audit) -> Result<Judgement, Error> {
    Ok(match special {
        Special::Survival => survival(audit).await,
        Special::Encrypted => encrypted(audit),
        _ if special.is_of_tls() && !audit.settings.target.address.secure => {
            Judgement::Unknown("the URL is not wss://".to_owned())
        }
        Special::Certificate => of_session(audit, certificate).await?,
        Special::CertificateDays => of_session(audit, days).await?,
        Special::Tls13 => of_session(audit, version_13).await?,
        Special::OldTls(version) => old_tls(audit, version).await,
        Special::CloseNotify => close_notify(audit).await?,
        Special::SlowHead => slow_head(audit).await?,
        Special::HalfOpen(number) => half_open(audit, number).await?,
    })
}

async fn survival(audit: &Audit) -> Judgement {
    let suspects = audit.suspects.borrow().join(", ");
    if audit.is_gone.get() {
        let got = format!("the server accepts no connections any more; under way were {suspects}");
        return Judgement::Unmet(got);
    }
    match audit.presence().await {
        Presence::Gone => Judgement::Unmet("the server accepts no connections any more".to_owned()),
        _ => Judgement::Met("the server accepts connections".to_owned()),
    }
}

fn encrypted(audit: &Audit) -> Judgement {
    let address = &audit.settings.target.address;
    match (address.secure, address.is_local()) {
        (true, _) => Judgement::Met("wss://".to_owned()),
        (false, true) => Judgement::Unknown("the server is on this machine".to_owned()),
        (false, false) => Judgement::Unmet("ws://: others can read and change it".to_owned()),
    }
}

/// Judges the TLS session of a handshake.
async fn of_session(
    audit: &Audit,
    judge: fn(&NegotiatedTls) -> Judgement,
) -> Result<Judgement, Error> {
    let seen = audit.play(&HANDSHAKE, &Requirement::Opens).await?;
    Ok(match &seen.tls {
        Some(tls) => judge(tls),
        None => Judgement::Unknown(seen.handshake_in_words()),
    })
}

fn certificate(tls: &NegotiatedTls) -> Judgement {
    match &tls.distrust {
        None => Judgement::Met("accepted".to_owned()),
        Some(why) => Judgement::Unmet(format!("not accepted: {why}")),
    }
}

fn days(tls: &NegotiatedTls) -> Judgement {
    let Some(certificate) = &tls.certificate else {
        return Judgement::Unknown("the certificate cannot be read".to_owned());
    };
    let left = certificate.days_left();
    let words = validity(left);
    match left >= LEAST_DAYS {
        true => Judgement::Met(words),
        false => Judgement::Unmet(words),
    }
}

fn version_13(tls: &NegotiatedTls) -> Judgement {
    let words = format!("{}, {}", tls.version, tls.cipher);
    match tls.version.as_str() {
        "TLSv1.3" => Judgement::Met(words),
        _ => Judgement::Unmet(words),
    }
}

async fn old_tls(audit: &Audit, version: OldVersion) -> Judgement {
    let settings = &audit.settings;
    let mut plain = settings.target.clone();
    plain.address.secure = false;
    audit.turn().await;
    let mut connection = match RawConnection::open(&plain, settings.connect).await {
        Ok(connection) => connection,
        Err(error) => return Judgement::Unknown(format!("no connection: {error}")),
    };
    let host = host_of(&settings.target.address.endpoint);
    let name = version.name();
    match timeout(settings.wait, connection.offer_old_tls(version, host)).await {
        Ok(HelloAnswer::Accepted) => Judgement::Unmet(format!("{name} is accepted")),
        Ok(HelloAnswer::Refused) => Judgement::Met(format!("{name} is refused")),
        Ok(HelloAnswer::Other) => Judgement::Unknown("an answer that is not TLS".to_owned()),
        Err(_) => Judgement::Unknown(format!("no answer within {}", units::shown(settings.wait))),
    }
}

async fn close_notify(audit: &Audit) -> Result<Judgement, Error> {
    let seen: Observation = audit.play(&CLOSE, &Requirement::Closes(&[1000])).await?;
    if !matches!(seen.ending, Ending::Close(_)) {
        return Ok(Judgement::Unknown(seen.ending_in_words()));
    }
    Ok(match seen.tcp_end {
        Some(StreamEnd::Orderly) => Judgement::Met("close_notify".to_owned()),
        Some(StreamEnd::WithoutCloseNotify) => {
            Judgement::Unmet("the end of TCP without close_notify".to_owned())
        }
        Some(StreamEnd::Broken) => Judgement::Unmet("a reset".to_owned()),
        None => Judgement::Unknown("the server did not end TCP".to_owned()),
    })
}

/// The first half of the usual request.
fn half_request(audit: &Audit) -> Result<Vec<u8>, Error> {
    let mut bytes = RawRequest::new(&audit.settings.target)?.to_bytes();
    bytes.truncate(bytes.len() / 2);
    Ok(bytes)
}

async fn slow_head(audit: &Audit) -> Result<Judgement, Error> {
    let half = half_request(audit)?;
    let settings = &audit.settings;
    audit.turn().await;
    let mut connection = match RawConnection::open(&settings.target, settings.connect).await {
        Ok(connection) => connection,
        Err(error) => return Ok(Judgement::Unknown(format!("no connection: {error}"))),
    };
    let begun = Instant::now();
    let answered = async {
        connection.write(&half).await?;
        connection.read().await
    };
    Ok(match timeout(settings.wait, answered).await {
        Ok(_) => Judgement::Met(format!(
            "the server ended it after {}",
            units::shown(begun.elapsed())
        )),
        Err(_) => Judgement::Met(format!(
            "it waits for more than {}",
            units::shown(settings.wait)
        )),
    })
}

async fn half_open(audit: &Audit, number: usize) -> Result<Judgement, Error> {
    let half = half_request(audit)?;
    let settings = &audit.settings;
    let mut held = Vec::new();
    for _ in 0..number {
        audit.turn().await;
        // A server that takes no more of them protects itself.
        let opened = RawConnection::open(&settings.target, Duration::from_secs(1)).await;
        let Ok(mut connection) = opened else { break };
        let _ = timeout(Duration::from_secs(1), connection.write(&half)).await;
        held.push(connection);
    }
    let seen = audit.play(&HANDSHAKE, &Requirement::Opens).await?;
    let words = format!(
        "beside {} half requests: {}",
        held.len(),
        seen.handshake_in_words()
    );
    Ok(match &seen.handshake {
        super::observation::HandshakeEnd::Answered(RawAnswer::Opened(..)) => Judgement::Met(words),
        super::observation::HandshakeEnd::Answered(_) => Judgement::Doubtful(words),
        _ => Judgement::Unmet(words),
    })
}
