//! The check files in `examples/`: each is run as its head says, against a server that plays its protocol and
//! insists on every message.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::decode::zlib_stream;
use crate::harness::{Probe, Server, serve};

/// The variable that the heads of the files take their secrets from, and its value here.
const TOKEN: (&str, &str) = ("TOKEN", "let-me-in");

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples")
}

/// The arguments of `wsprobe check` that the head of a file gives, with another server as `base`.
fn documented(name: &str, server: &str) -> Vec<String> {
    let path = folder().join(name);
    let text = std::fs::read_to_string(&path).unwrap();
    let start = format!("#   wsprobe check examples/{name} ");
    let line = text.lines().find_map(|line| line.strip_prefix(&start));
    let line = line.unwrap_or_else(|| panic!("{name} has no line that begins with {start:?}"));
    let file = path.into_os_string().into_string().unwrap();
    let server = server.trim_end_matches('/');
    let arguments = line.split(' ').map(|word| match word.split_once("://") {
        Some((scheme, place)) if scheme.starts_with("base=") => {
            let path = place.find('/').map_or("", |at| &place[at..]);
            format!("base={server}{path}")
        }
        _ => word.to_owned(),
    });
    [file].into_iter().chain(arguments).collect()
}

/// Runs an example as its head says; all its tests must pass.
#[track_caller]
fn passes(name: &str, server: &str, tests: usize) {
    let plural = if tests == 1 { "" } else { "s" };
    Probe::new(["check"])
        .args(documented(name, server))
        .env(TOKEN.0, TOKEN.1)
        .stdout_has(&format!("\n{tests} test{plural} passed"))
        .status(0);
}

#[test]
fn every_example_is_played_in_this_file() {
    let here = include_str!("examples.rs");
    let files = std::fs::read_dir(folder()).unwrap();
    let names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
    let examples: Vec<String> = names.filter(|name| name.ends_with(".wst")).collect();
    assert!(examples.len() > 10, "{examples:?}");
    for name in examples {
        assert!(
            here.contains(&format!("\"{name}\"")),
            "{name} is not played"
        );
    }
}

#[test]
fn examples_for_an_echo_server() {
    let (_serving, url) = serve(&[]);
    for (name, tests) in [
        ("blocks.wst", 1),
        ("echo.wst", 1),
        ("subscribe.wst", 2),
        ("two.wst", 1),
    ] {
        passes(name, &url, tests);
    }
}

#[test]
fn graphql() {
    const SUBSCRIBE: &str =
        r#"{"id":"1","type":"subscribe","payload":{"query":"subscription { greetings }"}}"#;
    let accept = |server: Server| {
        server
            .accept_with("Sec-WebSocket-Protocol: graphql-transport-ws\r\n")
            .expect_request_line("GET /graphql HTTP/1.1")
            .expect_header("sec-websocket-protocol", &["graphql-transport-ws"])
    };
    let server = accept(Server::new())
        .expect_text(r#"{"type":"connection_init","payload":{"token":"let-me-in"}}"#)
        .send_text(r#"{"type":"ping"}"#)
        .expect_text(r#"{"type":"pong"}"#)
        .send_text(r#"{"type":"connection_ack"}"#)
        .expect_text(SUBSCRIBE)
        .send_text(r#"{"id":"1","type":"next","payload":{"data":{"greetings":"Hi"}}}"#)
        .send_text(r#"{"id":"1","type":"complete"}"#)
        .expect_text(r#"{"type":"ping"}"#)
        .send_text(r#"{"type":"pong"}"#)
        .close_when_asked();
    let server = accept(server)
        .expect_text(r#"{"type":"connection_init","payload":{"token":"not a token"}}"#)
        .close(4403, "Forbidden")
        .expect_close(4403);
    let server = accept(server)
        .expect_text(SUBSCRIBE)
        .close(4401, "Unauthorized")
        .expect_close(4401);
    passes("graphql.wst", &server.url(), 3);
}

#[test]
fn socket_io() {
    let open = |server: Server| {
        let packet = r#"0{"sid":"a1","upgrades":[],"pingInterval":25000,"pingTimeout":20000}"#;
        server
            .accept()
            .expect_request_line("GET /socket.io/?EIO=4&transport=websocket HTTP/1.1")
            .send_text(packet)
    };
    let server = open(Server::new())
        .expect_text(r#"40{"token":"let-me-in"}"#)
        .send_text(r#"40{"sid":"b2"}"#)
        .expect_text(r#"421["add",2,3]"#)
        .send_text("2")
        .expect_text("3")
        .send_text("431[5]")
        .expect_text(r#"42["say","hello"]"#)
        .send_text(r#"42["said","hello"]"#)
        .expect_text("41")
        .close_when_asked();
    let server = open(server)
        .expect_text(r#"40{"token":"not a token"}"#)
        .send_text(r#"44{"message":"not authorized"}"#)
        .close_when_asked();
    passes("socketio.wst", &server.url(), 2);
}

#[test]
fn stomp() {
    let server = Server::new()
        .accept_with("Sec-WebSocket-Protocol: v12.stomp\r\n")
        .expect_request_line("GET /stomp HTTP/1.1")
        .expect_header("sec-websocket-protocol", &["v12.stomp"])
        .expect_text(
            "CONNECT\naccept-version:1.2\nhost:/\nlogin:me\npasscode:let-me-in\nheart-beat:0,0\n\n\0",
        )
        .send_text("CONNECTED\nserver:test\nversion:1.2\n\n\0")
        .expect_text(
            "SUBSCRIBE\nid:s-1\ndestination:/topic/wsprobe\nack:auto\nreceipt:subscribed\n\n\0",
        )
        .send_text("RECEIPT\nreceipt-id:subscribed\n\n\0")
        .expect_text(
            "SEND\ndestination:/topic/wsprobe\ncontent-type:application/json\nreceipt:sent\n\n{\"price\":42.5}\0",
        )
        .send_text("MESSAGE\nmessage-id:1\nsubscription:s-1\na:b\n\n{\"price\":42.5}\0\n")
        .send_text("RECEIPT\nreceipt-id:sent\n\n\0")
        .expect_text("DISCONNECT\n\n\0")
        .close_when_asked();
    passes("stomp.wst", &server.url(), 1);
}

#[test]
fn json_rpc() {
    let accept = |server: Server| {
        server
            .accept()
            .expect_header("authorization", &["Bearer let-me-in"])
    };
    let server = accept(Server::new())
        .expect_text(r#"{"jsonrpc":"2.0","id":1,"method":"subtract","params":[42,23]}"#)
        .send_text(r#"{"jsonrpc":"2.0","id":1,"result":19}"#)
        .expect_text(r#"{"jsonrpc":"2.0","id":2,"method":"subtract","params":[3,1]}"#)
        .expect_text(r#"{"jsonrpc":"2.0","id":3,"method":"subtract","params":[1,3]}"#)
        .send_text(r#"{"jsonrpc":"2.0","id":3,"result":-2}"#)
        .send_text(r#"{"jsonrpc":"2.0","id":2,"result":2}"#)
        .expect_text(r#"{"jsonrpc":"2.0","method":"update","params":[1,2,3]}"#)
        .close_when_asked();
    let server = accept(server)
        .expect_text(r#"{"jsonrpc":"2.0","id":1,"method":"no_such_method"}"#)
        .send_text(r#"{"jsonrpc":"2.0","id":1,"error":{"code":-32601,"message":"not found"}}"#)
        .expect_text(r#"{"jsonrpc":"2.0","id":2,"method":7}"#)
        .send_text(r#"{"jsonrpc":"2.0","id":2,"error":{"code":-32600,"message":"invalid"}}"#)
        .expect_text(r#"{"jsonrpc": no JSON"#)
        .send_text(r#"{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"parse"}}"#)
        .close_when_asked();
    passes("jsonrpc.wst", &server.url(), 2);
}

/// The id of an OCPP request, if it has this action and payload; a time is left out of the comparison.
fn ocpp_request(text: &str, action: &str, payload: &Value) -> Result<String, String> {
    let mut request: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let id = request[1].as_str().unwrap_or_default().to_owned();
    let time = request[3]
        .as_object_mut()
        .and_then(|o| o.remove("timestamp"));
    let is_timed = time.is_some_and(|time| time.as_str().is_some_and(|t| t.ends_with('Z')));
    let must_be_timed = action.ends_with("Transaction");
    let expected = json!([2, id, action, payload]);
    match id.len() == 36 && is_timed == must_be_timed && request == expected {
        true => Ok(id),
        false => Err(format!("{text} came instead of {expected}")),
    }
}

#[test]
fn ocpp() {
    let answered = |server: Server, action: &'static str, payload: Value, result: Value| {
        server.answer_with(move |text| {
            let id = ocpp_request(text, action, &payload)?;
            Ok(vec![json!([3, id, result]).to_string()])
        })
    };
    let accepted = json!({"status": "Accepted"});
    let server = Server::new()
        .accept_with("Sec-WebSocket-Protocol: ocpp1.6\r\n")
        .expect_request_line("GET /ocpp/CP-1 HTTP/1.1")
        .expect_header("sec-websocket-protocol", &["ocpp1.6"])
        .answer_with(|text| {
            let payload = json!({"chargePointVendor": "wsprobe", "chargePointModel": "Probe"});
            let id = ocpp_request(text, "BootNotification", &payload)?;
            let result = json!({"status": "Accepted", "interval": 300, "currentTime": "now"});
            let asked = json!([2, "q-1", "GetConfiguration", {}]).to_string();
            Ok(vec![asked, json!([3, id, result]).to_string()])
        })
        .expect_text(r#"[4,"q-1","NotImplemented","",{}]"#);
    let status = json!({"connectorId": 1, "errorCode": "NoError", "status": "Available"});
    let server = answered(server, "StatusNotification", status, json!({}));
    let start = json!({"connectorId": 1, "idTag": "let-me-in", "meterStart": 0});
    let started = json!({"transactionId": 17, "idTagInfo": accepted});
    let server = answered(server, "StartTransaction", start, started);
    let stop = json!({"transactionId": 17, "meterStop": 7});
    let server = answered(server, "StopTransaction", stop, json!({})).close_when_asked();
    passes("ocpp.wst", &server.url(), 1);
}

#[test]
fn mqtt() {
    let server = Server::new()
        .accept_with("Sec-WebSocket-Protocol: mqtt\r\n")
        .expect_request_line("GET /mqtt HTTP/1.1")
        .expect_header("sec-websocket-protocol", &["mqtt"])
        .expect_binary(b"\x10\x13\0\x04MQTT\x04\x02\0\x3c\0\x07wsprobe")
        .send_binary(b"\x20\x02\0\0")
        .expect_binary(b"\x82\x0c\0\x01\0\x07probe/1\0")
        .send_binary(b"\x90\x03\0\x01\0")
        .expect_binary(b"\x30\x0b\0\x07probe/1hi")
        .send_binary(b"\x31\x0b\0\x07probe/1hi")
        .expect_binary(b"\xc0\0")
        .send_binary(b"\xd0\0")
        .expect_binary(b"\xe0\0")
        .close_when_asked();
    passes("mqtt.wst", &server.url(), 1);
}

#[test]
fn phoenix() {
    let accept = |server: Server| {
        let line = "GET /socket/websocket?vsn=2.0.0&token=let-me-in HTTP/1.1";
        server.accept().expect_request_line(line)
    };
    let mut server = accept(Server::new())
        .expect_text(r#"["1","1","room:lobby","phx_join",{}]"#)
        .send_text(r#"["1","1","room:lobby","phx_reply",{"status":"ok","response":{}}]"#);
    for beat in ["beat-1", "beat-2"] {
        server = server
            .expect_text(format!(r#"[null,"{beat}","phoenix","heartbeat",{{}}]"#))
            .send_text(format!(
                r#"[null,"{beat}","phoenix","phx_reply",{{"status":"ok","response":{{}}}}]"#
            ));
    }
    let server = server
        .expect_text(r#"["1","2","room:lobby","shout",{"body":"hello"}]"#)
        .send_text(r#"[null,null,"room:lobby","shout",{"body":"hello"}]"#)
        .send_text(r#"["1","2","room:lobby","phx_reply",{"status":"ok","response":{}}]"#)
        .expect_text(r#"["1","3","room:lobby","phx_leave",{}]"#)
        .send_text(r#"["1","3","room:lobby","phx_reply",{"status":"ok","response":{}}]"#)
        .send_text(r#"["1","1","room:lobby","phx_close",{}]"#)
        .close_when_asked();
    let refused = r#"{"status":"error","response":{"reason":"unmatched topic"}}"#;
    let server = accept(server)
        .expect_text(r#"["1","1","no-such-topic","phx_join",{}]"#)
        .send_text(format!(
            r#"[null,"1","no-such-topic","phx_reply",{refused}]"#
        ))
        .close_when_asked()
        .refuse("403 Forbidden", "", "")
        .expect_request_line("GET /socket/websocket?vsn=2.0.0&token=no HTTP/1.1");
    passes("phoenix.wst", &server.url(), 3);
}

#[test]
fn home_assistant() {
    let accept = |server: Server| {
        server
            .accept()
            .expect_request_line("GET /api/websocket HTTP/1.1")
            .send_text(r#"{"type":"auth_required","ha_version":"2026.11.0"}"#)
    };
    let mut server = accept(Server::new())
        .expect_text(r#"{"type":"auth","access_token":"let-me-in"}"#)
        .send_text(r#"{"type":"auth_ok","ha_version":"2026.11.0"}"#);
    for id in 1..=3 {
        server = server
            .expect_text(format!(r#"{{"id":{id},"type":"ping"}}"#))
            .send_text(format!(r#"{{"id":{id},"type":"pong"}}"#));
    }
    let reused = r#"{"code":"id_reuse","message":"Identifier values have to increase."}"#;
    let server = server
        .expect_text(r#"{"id":4,"type":"subscribe_events","event_type":"state_changed"}"#)
        .send_text(r#"{"id":4,"type":"result","success":true,"result":null}"#)
        .expect_text(r#"{"id":5,"type":"get_states"}"#)
        .send_text(r#"{"id":4,"type":"event","event":{"event_type":"state_changed"}}"#)
        .send_text(r#"{"id":5,"type":"result","success":true,"result":[{"state":"on"}]}"#)
        .expect_text(r#"{"id":5,"type":"ping"}"#)
        .send_text(format!(
            r#"{{"id":5,"type":"result","success":false,"error":{reused}}}"#
        ))
        .close_when_asked();
    let server = accept(server)
        .expect_text(r#"{"type":"auth","access_token":"not a token"}"#)
        .send_text(r#"{"type":"auth_invalid","message":"Invalid access token or password"}"#)
        .close_when_asked();
    passes("home-assistant.wst", &server.url(), 2);
}

#[test]
fn gateway() {
    const HELLO: &str = r#"{"op":10,"t":null,"s":null,"d":{"heartbeat_interval":41250}}"#;
    let accept = |server: Server| {
        let line = "GET /?v=10&encoding=json&compress=zlib-stream HTTP/1.1";
        server.accept().expect_request_line(line)
    };
    let stream = zlib_stream(&[
        HELLO,
        r#"{"op":1,"t":null,"s":null,"d":null}"#,
        r#"{"op":0,"t":"READY","s":1,"d":{"session_id":"s-17"}}"#,
        r#"{"op":11,"t":null,"s":null,"d":null}"#,
    ]);
    // One message may arrive in two.
    let (first, second) = stream[2].split_at(7);
    let server = accept(Server::new())
        .send_binary(&stream[0])
        .expect_text(
            r#"{"op":2,"d":{"token":"let-me-in","intents":513,"properties":{"os":"linux","browser":"wsprobe","device":"wsprobe"}}}"#,
        )
        .send_binary(&stream[1])
        .expect_text(r#"{"op":1,"d":null}"#)
        .send_binary(first)
        .send_binary(second)
        .expect_text(r#"{"op":1,"d":1}"#)
        .send_binary(&stream[3])
        .expect_close(4000)
        .close(4000, "");
    let server = accept(server)
        .send_binary(&zlib_stream(&[HELLO])[0])
        .expect_text(r#"{"op":2,"d":{"token":"not a token","intents":513,"properties":{}}}"#)
        .close(4004, "Authentication failed.")
        .expect_close(4004);
    passes("gateway.wst", &server.url(), 2);
}
