//! The prompts in force: compiled, with their parameters in the words of every face. Built with the routing
//! table; versions never change, so that those known already are taken over.

use magic_domain::prompt::{Spec, Target, Version, choose};
use magic_store::prompts::{LoadedPrompt, LoadedVersion};
use magic_wire::chat::{Dialect, Losses};
use magic_wire::prompt::params;
use serde_json::{Map, Value};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// The faces of chat that prompts are called from.
const FACES: [Dialect; 4] =
    [Dialect::OpenAiChat, Dialect::OpenAiResponses, Dialect::Anthropic, Dialect::Gemini];

/// What a face makes of a version's parameters, and what it has no words for.
#[derive(Debug, Default)]
pub struct Said {
    pub params: Map<String, Value>,
    pub lost: Losses,
}

/// A version, ready to be called.
#[derive(Debug)]
pub struct Ready {
    pub version: Version,
    digest: String,
    said: [Said; FACES.len()],
}

impl Ready {
    /// Compiles a version. The error is for whoever writes the prompt.
    pub fn new(number: i64, digest: &str, spec: &Spec) -> Result<Ready, String> {
        let version = Version::compile(number, spec)?;
        let mut said: [Said; FACES.len()] = Default::default();
        for (face, said) in FACES.iter().zip(&mut said) {
            let model = spec.model.as_deref().unwrap_or_default();
            let (params, lost) = params(*face, &spec.parameters, model)
                .map_err(|error| format!("parameters: {}", error.message))?;
            *said = Said { params, lost };
        }
        Ok(Ready { version, digest: digest.to_owned(), said })
    }

    /// The parameters for a face of chat.
    pub fn said(&self, face: Dialect) -> Option<&Said> {
        FACES.iter().position(|known| *known == face).and_then(|at| self.said.get(at))
    }
}

/// What is wrong with a version, if anything.
pub fn check(spec: &Spec) -> Result<(), String> {
    Ready::new(0, "", spec).map(|_| ())
}

/// A prompt with all its versions.
#[derive(Debug, Default)]
pub struct Prompt {
    labels: BTreeMap<String, Target>,
    versions: BTreeMap<i64, Arc<Ready>>,
}

impl Prompt {
    /// The version that a call means.
    pub fn choose(&self, wanted: Option<&str>, draw: u64) -> Option<&Arc<Ready>> {
        let newest = *self.versions.last_key_value()?.0;
        self.versions.get(&choose(&self.labels, newest, wanted, draw)?)
    }
}

/// All prompts, by name.
#[derive(Debug, Default)]
pub struct Prompts(HashMap<String, Prompt>);

impl Prompts {
    /// `before` are those in force until now.
    pub fn build(loaded: Vec<LoadedPrompt>, before: &Prompts) -> Prompts {
        let ready = |name: &str, version: &LoadedVersion| {
            let known = before.0.get(name).and_then(|prompt| prompt.versions.get(&version.number));
            if let Some(known) = known.filter(|known| known.digest == version.digest) {
                return Some((version.number, known.clone()));
            }
            let spec = serde_json::from_str(&version.spec).map_err(|error| error.to_string());
            match spec.and_then(|spec| Ready::new(version.number, &version.digest, &spec)) {
                Ok(ready) => Some((version.number, Arc::new(ready))),
                Err(error) => {
                    log::error!("version {} of the prompt {name} can't be used: {error}", version.number);
                    None
                }
            }
        };
        let prompt = |loaded: LoadedPrompt| {
            let versions =
                loaded.versions.iter().filter_map(|version| ready(&loaded.name, version)).collect();
            (loaded.name, Prompt { labels: loaded.labels, versions })
        };
        Prompts(loaded.into_iter().map(prompt).collect())
    }

    pub fn get(&self, name: &str) -> Option<&Prompt> {
        self.0.get(name)
    }
}
