//! iFlytek Spark: one WebSocket a call. Its messages become events, one each.

use super::{Answer, Broken, Call, Outcome};
use crate::proxy::attempt;
use bytes::Bytes;
use futures::StreamExt;
use magic_wire::dialect::xunfei;
use magic_wire::sign::spark;
use magic_wire::vendors::{home, pair};
use pingora_core::connectors::TransportConnector;
use pingora_core::protocols::ALPN;
use serde_json::Value;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Error, Message};

/// The longest message.
const MESSAGE_MAX: usize = 4 << 20;

pub async fn chat(call: Call) -> Outcome {
    let bad = |error: magic_wire::WireError| Broken(error.message);
    let account = pair(&call.channel).map_err(bad)?;
    let app = account.app.clone().ok_or_else(|| Broken("the key must be appid|secret|key".into()))?;
    let address = home(&call.channel).map_err(bad)?;
    let configured = call.channel.config.get("api_version").map(String::as_str);
    let path = format!("{}{}", address.path, xunfei::path_of(&xunfei::number(&call.model, configured)));
    let mut target = crate::fetch::target_of(address, path.clone());
    // One-api's key is app|secret|key: what a pair calls its id is the secret here.
    let (secret, key) = (&account.id, account.secret.expose());
    let signed = spark::url(&target.host_header, &path, key, secret, crate::clock::seconds());
    let query = signed.split_once('?').map_or("", |(_, query)| query);
    target.path_and_query = format!("{path}?{query}");
    let mut ask: Value =
        serde_json::from_slice(&call.body).map_err(|_| Broken("the request is no JSON".into()))?;
    ask["header"]["app_id"] = app.into();

    let timers = attempt::timers(&call.gateway, &call.channel);
    let mut peer = attempt::peer(&call.gateway, &call.channel, &target, &timers)
        .await
        .map_err(|fault| Broken(fault.message))?;
    peer.options.alpn = ALPN::H1;
    let stream = TransportConnector::new(None)
        .new_stream(peer.as_ref())
        .await
        .map_err(|error| Broken(error.etype().as_str().to_owned()))?;
    let config = WebSocketConfig::default().max_message_size(Some(MESSAGE_MAX));
    let scheme = if target.tls { "wss" } else { "ws" };
    let uri = format!("{scheme}://{}{}", target.host_header, target.path_and_query);
    let opened = tokio_tungstenite::client_async_with_config(uri, stream, Some(config)).await;
    let mut socket = match opened {
        Ok((socket, _)) => socket,
        // The vendor's own words on why the handshake failed, a bad signature for one.
        Err(Error::Http(answer)) => {
            let status = answer.status().as_u16();
            return Ok(Answer::Whole { status, body: answer.into_body().unwrap_or_default() });
        }
        Err(_) => return Err(Broken("the WebSocket can't be opened".into())),
    };
    futures::SinkExt::send(&mut socket, Message::text(ask.to_string()))
        .await
        .map_err(|_| Broken("the connection broke".into()))?;
    let events = futures::stream::unfold(Some(socket), |socket| async move {
        let mut socket = socket?;
        loop {
            match socket.next().await? {
                Ok(Message::Text(text)) => {
                    let last = is_last(&text);
                    let event = Bytes::from(format!("data: {}\n\n", text.replace(['\r', '\n'], " ")));
                    return Some((Ok(event), (!last).then_some(socket)));
                }
                Ok(Message::Close(_)) => return None,
                Ok(_) => {}
                Err(_) => return Some((Err(std::io::Error::other("the connection broke")), None)),
            }
        }
    });
    Ok(Answer::Events(Box::pin(events)))
}

/// The vendor marks its last message, and sends none after an error.
fn is_last(text: &str) -> bool {
    let message: Value = serde_json::from_str(text).unwrap_or_default();
    message["header"]["status"] == 2 || message["header"]["code"].as_i64().is_some_and(|code| code != 0)
}
