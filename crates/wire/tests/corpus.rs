//! Recorded traffic through the sans-IO readers, cut at every byte: where bytes are cut makes no difference.
#![expect(clippy::unwrap_used, reason = "a test that can't go on fails")]

use bytes::Bytes;
use magic_domain::endpoint::Endpoint;
use magic_testkit::corpus::{Exchange, exchanges};
use magic_wire::reply::{JsonReply, StreamOptions, StreamReply, StreamState};

/// Streams up to this long are cut at every byte; longer ones at this many places, spread evenly.
const EVERY: usize = 4_000;
const PLACES: usize = 250;

fn endpoint(exchange: &Exchange) -> Option<Endpoint> {
    let (_, name) = exchange.endpoint.split_once('.')?;
    match name {
        "chat.completions" => Some(Endpoint::Chat),
        "completions" => Some(Endpoint::Completions),
        "responses" => Some(Endpoint::Responses),
        "embeddings" => Some(Endpoint::Embeddings),
        _ => None,
    }
}

fn follow(endpoint: Endpoint, strip: bool, pieces: &[&[u8]]) -> (Vec<u8>, StreamState, String) {
    let options = StreamOptions { strip_usage: strip, ..StreamOptions::default() };
    let mut reply = StreamReply::new(endpoint, options);
    let mut out = Vec::new();
    for piece in pieces {
        reply.push(Bytes::copy_from_slice(piece), &mut out).unwrap();
    }
    reply.finish(&mut out);
    (out.concat(), reply.state().clone(), reply.take_text())
}

fn places(length: usize) -> Vec<usize> {
    if length <= EVERY { (0..=length).collect() } else { (0..PLACES).map(|n| n * length / PLACES).collect() }
}

#[test]
fn recorded_streams_cut_anywhere_are_the_same_stream() {
    let all =
        exchanges(|exchange| exchange.stream && exchange.status() == 200 && endpoint(exchange).is_some());
    let (mut streams, mut cuts) = (0, 0);
    for exchange in &all {
        let (Some(bytes), Some(endpoint)) = (exchange.answer(), endpoint(exchange)) else { continue };
        for strip in [false, true] {
            let whole = follow(endpoint, strip, &[&bytes]);
            if !strip {
                assert_eq!(whole.0, bytes, "{}", exchange.id);
            }
            for place in places(bytes.len()) {
                let (a, b) = bytes.split_at(place);
                assert_eq!(follow(endpoint, strip, &[a, b]), whole, "{} cut at {place}", exchange.id);
                cuts += 1;
            }
            let single: Vec<&[u8]> = bytes.chunks(1).collect();
            assert_eq!(follow(endpoint, strip, &single), whole, "{} byte by byte", exchange.id);
        }
        streams += 1;
    }
    println!("{streams} recorded streams, {cuts} cuts");
    assert!(all.is_empty() || streams > 120, "{streams}");
}

#[test]
fn recorded_answers_cut_anywhere_say_the_same() {
    let all = exchanges(|exchange| !exchange.stream && endpoint(exchange).is_some());
    let mut answers = 0;
    for exchange in &all {
        let (Some(bytes), Some(endpoint)) = (exchange.answer(), endpoint(exchange)) else { continue };
        let read = |pieces: &[&[u8]]| {
            let mut reply = JsonReply::new(endpoint);
            pieces.iter().for_each(|piece| reply.push(piece));
            reply.finish()
        };
        let whole = read(&[&bytes]);
        for place in places(bytes.len()) {
            let (a, b) = bytes.split_at(place);
            assert_eq!(read(&[a, b]), whole, "{} cut at {place}", exchange.id);
        }
        answers += 1;
    }
    println!("{answers} recorded answers");
    assert!(all.is_empty() || answers > 150, "{answers}");
}
