//! An authenticator of software: a P-256 key, attestation "none", and every part of an answer open to be spoilt.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest::{SHA256, digest};
use ring::rand::{SecureRandom, SystemRandom};
use ring::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair};
use serde_json::{Value, json};

const PRESENT: u8 = 0x01;
const VERIFIED: u8 = 0x04;
const ATTESTED: u8 = 0x40;

/// A passkey and the device that it lives on.
pub struct Authenticator {
    key: EcdsaKeyPair,
    id: Vec<u8>,
    /// The host it was made for.
    pub rp_id: String,
    /// Whose it is, as the site has said.
    pub handle: Option<Vec<u8>>,
    /// What it has signed so far; it does not count while this is `None`.
    pub counter: Option<u32>,
    /// Its owner proves who they are.
    pub verified: bool,
    /// The page that asks.
    pub origin: String,
}

fn b64(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn plain(value: &Value) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(value.as_str().expect("text")).expect("base64url")
}

/// A CBOR byte string of up to 65,535 bytes.
fn cbor_bytes(bytes: &[u8]) -> Vec<u8> {
    let length = u16::try_from(bytes.len()).expect("short").to_be_bytes();
    [&[0x59], length.as_slice(), bytes].concat()
}

impl Authenticator {
    /// Makes a passkey as a site's `publicKey` asks: it, and what `navigator.credentials.create()` gives.
    pub fn create(asked: &Value, origin: &str) -> (Authenticator, Value) {
        let random = SystemRandom::new();
        let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &random).expect("a key");
        let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, document.as_ref(), &random)
            .expect("a key");
        let mut id = vec![0; 32];
        random.fill(&mut id).expect("chance");
        let device = Authenticator {
            key,
            id,
            rp_id: asked["rp"]["id"].as_str().expect("a host").to_owned(),
            handle: Some(plain(&asked["user"]["id"])),
            counter: Some(0),
            verified: true,
            origin: origin.to_owned(),
        };
        let answer = device.register(asked);
        (device, answer)
    }

    /// What `navigator.credentials.create()` gives for this passkey.
    pub fn register(&self, asked: &Value) -> Value {
        let point = self.key.public_key().as_ref();
        // {1: 2 (EC2), 3: -7 (ES256), -1: 1 (P-256), -2: x, -3: y}
        let mut cose = vec![0xa5, 0x01, 0x02, 0x03, 0x26, 0x20, 0x01, 0x21];
        cose.extend(cbor_bytes(&point[1..33]));
        cose.push(0x22);
        cose.extend(cbor_bytes(&point[33..65]));
        let length = u16::try_from(self.id.len()).expect("short").to_be_bytes();
        let attested = [[0; 16].as_slice(), &length, &self.id, &cose].concat();
        let data = [self.head(ATTESTED), attested].concat();
        // {"fmt": "none", "attStmt": {}, "authData": data}
        let mut object = vec![0xa3];
        object.extend(b"\x63fmt\x64none\x67attStmt\xa0\x68authData");
        object.extend(cbor_bytes(&data));
        let client = self.client_data("webauthn.create", asked);
        self.credential(json!({ "clientDataJSON": b64(client.as_bytes()), "attestationObject": b64(&object),
            "transports": ["internal"] }))
    }

    /// What `navigator.credentials.get()` gives. The counter goes on.
    pub fn sign(&mut self, asked: &Value) -> Value {
        self.counter = self.counter.map(|counter| counter + 1);
        let data = self.head(0);
        let client = self.client_data("webauthn.get", asked);
        let signed = [data.as_slice(), digest(&SHA256, client.as_bytes()).as_ref()].concat();
        let signature = self.key.sign(&SystemRandom::new(), &signed).expect("a signature");
        self.credential(json!({ "clientDataJSON": b64(client.as_bytes()), "authenticatorData": b64(&data),
            "signature": b64(signature.as_ref()), "userHandle": self.handle.as_ref().map(|handle| b64(handle)) }))
    }

    fn head(&self, flags: u8) -> Vec<u8> {
        let flags = flags | PRESENT | if self.verified { VERIFIED } else { 0 };
        let counter = self.counter.unwrap_or_default().to_be_bytes();
        [digest(&SHA256, self.rp_id.as_bytes()).as_ref(), &[flags], &counter].concat()
    }

    fn client_data(&self, kind: &str, asked: &Value) -> String {
        json!({ "type": kind, "challenge": asked["challenge"], "origin": self.origin, "crossOrigin": false })
            .to_string()
    }

    fn credential(&self, response: Value) -> Value {
        let id = b64(&self.id);
        json!({ "id": id, "rawId": id, "type": "public-key", "response": response,
            "clientExtensionResults": {}, "authenticatorAttachment": "platform" })
    }
}
