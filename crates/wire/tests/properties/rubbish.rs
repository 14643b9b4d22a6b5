//! No bytes make a codec panic: rubbish, JSON of any shape, and samples of every dialect with bytes changed.

use bytes::Bytes;
use magic_domain::endpoint::Endpoint;
use magic_wire::chat::{Dialect, Event, Losses};
use magic_wire::codec::{Asked, Echo, Pipe, To};
use magic_wire::dialect;
use magic_wire::frame::Caps;
use proptest::prelude::*;
use proptest::sample::Index;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

const FACES: &[(Dialect, Endpoint)] = &[
    (Dialect::OpenAiChat, Endpoint::Chat),
    (Dialect::OpenAiChat, Endpoint::Completions),
    (Dialect::OpenAiChat, Endpoint::Edits),
    (Dialect::OpenAiResponses, Endpoint::Responses),
    (Dialect::Anthropic, Endpoint::Raw),
    (Dialect::Gemini, Endpoint::Raw),
];

/// The samples that the fuzz targets begin with.
static SAMPLES: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/seeds");
    let list = |path: &Path| -> Vec<PathBuf> {
        let mut all: Vec<PathBuf> =
            std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()).collect();
        all.sort();
        all
    };
    let files = list(&root).into_iter().flat_map(|folder| {
        let skip = if folder.file_name().is_some_and(|name| name.to_string_lossy().starts_with("reply")) {
            4
        } else {
            0
        };
        list(&folder).into_iter().map(move |file| (file, skip))
    });
    files.map(|(file, skip)| std::fs::read(file).unwrap().split_off(skip)).collect()
});

fn run(body: &[u8]) {
    for (face, endpoint) in FACES {
        let Ok(mut chat) = dialect::face(*face, *endpoint).unwrap().read_request(body, Some("m")) else {
            continue;
        };
        let _ = dialect::abroad(&mut chat);
        for vendor in dialect::VENDOR_DIALECTS {
            let to = To { model: "m", kind: 1, default_max_output: 4096 };
            let _ = dialect::vendor(*vendor).unwrap().write_request(&chat, &to, &mut Losses::default());
        }
    }
    for vendor in dialect::VENDOR_DIALECTS {
        let codec = dialect::vendor(*vendor).unwrap();
        if let Ok(reply) = codec.read_reply(body, &Asked::default()) {
            for (face, endpoint) in FACES {
                let _ = dialect::face(*face, *endpoint).unwrap().write_reply(&reply, &Echo::default());
            }
        }
        let mut pipe = Pipe::new(codec.reader(&Asked::default()), codec.framing(), Caps::default());
        let mut events: Vec<Event> = Vec::new();
        let _ = pipe.push(Bytes::copy_from_slice(body), &mut events);
        let _ = pipe.end(&mut events);
        for (face, endpoint) in FACES {
            let mut writer = dialect::face(*face, *endpoint).unwrap().writer(Echo::default());
            let mut out = Vec::new();
            events.iter().for_each(|event| writer.event(event, &mut out));
            writer.end(&mut out);
        }
    }
}

#[test]
fn samples_of_every_dialect_are_read_by_every_codec() {
    assert!(SAMPLES.len() > 100, "{}", SAMPLES.len());
    SAMPLES.iter().for_each(|sample| run(sample));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn no_bytes_make_a_codec_panic(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
        run(&bytes);
    }

    #[test]
    fn no_changed_sample_makes_a_codec_panic(which in any::<Index>(), changes in prop::collection::vec((any::<Index>(), 0usize..4, "[\\]\\[{}\",:0-9a-z]{0,3}"), 0..5)) {
        let mut sample = which.get(&SAMPLES).clone();
        for (place, skip, with) in changes {
            let at = place.index(sample.len() + 1);
            let to = (at + skip).min(sample.len());
            sample.splice(at..to, with.into_bytes());
        }
        run(&sample);
    }
}
