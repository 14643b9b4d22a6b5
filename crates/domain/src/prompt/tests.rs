use super::*;
use proptest::prelude::*;
use serde_json::json;
use std::collections::BTreeMap;

fn spec(value: Value) -> Spec {
    serde_json::from_value(value).unwrap()
}

fn support() -> Spec {
    spec(json!({
        "messages": [
            { "role": "system", "content": "You help {{customer}}." },
            { "role": "user", "content": "{{ question }} ({{customer}}, {{tries}})" },
        ],
        "variables": {
            "type": "object",
            "properties": {
                "customer": { "type": "string", "maxLength": 10, "pattern": "^[A-Z]" },
                "question": { "type": "string" },
                "tries": { "type": "integer", "default": 1 },
                "unused": { "type": "string" },
            },
            "required": ["customer"],
        },
    }))
}

fn given(value: Value) -> Map<String, Value> {
    value.as_object().unwrap().clone()
}

fn texts(spec: &Spec, variables: Value) -> Result<Vec<String>, Unfilled> {
    let said = Version::compile(1, spec).unwrap().render(given(variables), 1 << 20)?;
    Ok(said.into_iter().map(|said| said.text).collect())
}

#[test]
fn variables_are_filled_in_with_their_defaults() {
    assert_eq!(
        texts(&support(), json!({ "customer": "Ann", "question": "{{customer}} \\{{", "unused": "x" }))
            .unwrap(),
        ["You help Ann.", "{{customer}} \\{{ (Ann, 1)"]
    );
    let plain = spec(json!({ "messages": [{ "role": "user", "content": "\\{{x}} {{list}} {{on}}" }] }));
    assert_eq!(texts(&plain, json!({ "list": [1, "a"], "on": true })).unwrap(), ["{{x}} [1,\"a\"] true"]);
}

#[test]
fn what_does_not_fit_is_named() {
    let spec = support();
    for (variables, said) in [
        (json!({ "customer": "Ann" }), "the prompt needs the variables question"),
        (json!({ "question": null }), "the prompt needs the variables customer, question"),
        (json!({ "customer": "Ann", "question": "?", "a": 1, "b": 2 }), "the prompt knows no variables a, b"),
    ] {
        assert_eq!(texts(&spec, variables).unwrap_err().to_string(), said);
    }
    for variables in [
        json!({ "customer": "ann", "question": "?" }),
        json!({ "customer": "Anneliese-Marie", "question": "?" }),
        json!({ "customer": "Ann", "question": "?", "tries": "1" }),
    ] {
        let error = texts(&spec, variables).unwrap_err();
        assert!(matches!(&error, Unfilled::Mismatch(what) if what.starts_with('/')), "{error}");
    }
    let version = Version::compile(1, &spec).unwrap();
    let long = given(json!({ "customer": "Ann", "question": "x".repeat(100) }));
    assert_eq!(version.render(long, 100), Err(Unfilled::TooLong(100)));
}

#[test]
fn a_faulty_version_is_refused() {
    let user = json!([{ "role": "user", "content": "x" }]);
    for (faulty, said) in [
        (json!({ "messages": [] }), "1 to 128"),
        (json!({ "messages": [{ "role": "user", "content": "" }] }), "no text"),
        (json!({ "messages": [{ "role": "user", "content": "{{ a b }}" }] }), "is no variable"),
        (json!({ "messages": [{ "role": "user", "content": "{{a" }] }), "is no variable"),
        (json!({ "messages": [{ "role": "user", "content": "{{1a}}" }] }), "is no variable"),
        (
            json!({ "messages": [{ "role": "user", "content": "x" }, { "role": "system", "content": "x" }] }),
            "come before",
        ),
        (json!({ "messages": user, "model": "prompt:x" }), "name of a model"),
        (json!({ "messages": user, "parameters": { "stream": true } }), "can't set stream"),
        (json!({ "messages": user, "parameters": { "seed": null } }), "can't be null"),
        (json!({ "messages": user, "variables": [] }), "an object"),
        (json!({ "messages": user, "variables": { "type": "text" } }), "no valid JSON Schema"),
        (
            json!({ "messages": user, "variables": { "$ref": "http://127.0.0.1:1/x.json" } }),
            "no valid JSON Schema",
        ),
        (json!({ "messages": user, "variables": { "$ref": "file:///etc/passwd" } }), "no valid JSON Schema"),
        (json!({ "messages": [{ "role": "user", "content": "x".repeat(300_000) }] }), "256 KiB"),
    ] {
        let error = Version::compile(1, &spec(faulty.clone())).unwrap_err();
        assert!(error.contains(said), "{error} for {faulty}");
    }
}

#[test]
fn calls_choose_by_label_number_or_default() {
    let mut labels = BTreeMap::new();
    assert_eq!(choose(&labels, 7, None, 0), Some(7));
    labels.insert("prod".to_owned(), Target::one(3));
    for (wanted, chosen) in
        [(None, Some(3)), (Some("prod"), Some(3)), (Some("latest"), Some(7)), (Some("2"), Some(2))]
    {
        assert_eq!(choose(&labels, 7, wanted, 0), chosen, "{wanted:?}");
    }
    assert_eq!(choose(&labels, 7, Some("staging"), 0), None);
    for (label, fine) in
        [("prod", true), ("v2.1-eu_x", true), ("12", false), ("latest", false), ("Prod", false), ("", false)]
    {
        assert_eq!(is_label(label), fine, "{label}");
    }
    let called = |text: &str| Reference::parse(text);
    assert_eq!(called("a@b"), Reference { name: "a".into(), version: Some("b".into()) });
    assert_eq!(called("a"), Reference { name: "a".into(), version: None });
}

#[test]
fn a_split_gives_each_version_its_share() {
    let target: Target =
        serde_json::from_value(json!([{ "version": 1, "percent": 90 }, { "version": 2, "percent": 10 }]))
            .unwrap();
    let labels = [("prod".to_owned(), target)].into();
    // Draws as request ids make them: the low half of a UUIDv7, whose first two bits are always 10.
    let draws = (0..20_000u64).map(|n| n.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 2 | 1 << 63);
    let canary = draws.filter(|draw| choose(&labels, 2, None, *draw) == Some(2)).count();
    assert!((1_800..2_200).contains(&canary), "{canary} of 20000");
    for faulty in [
        json!([]),
        json!([{ "version": 1, "percent": 50 }]),
        json!([{ "version": 1, "percent": 100 }, { "version": 2, "percent": 0 }]),
        json!([{ "version": 1, "percent": 50 }, { "version": 1, "percent": 50 }]),
        json!([{ "version": 1, "percent": 99 }, { "version": 2, "percent": 2 }]),
    ] {
        assert!(serde_json::from_value::<Target>(faulty.clone()).is_err(), "{faulty}");
    }
    assert_eq!(serde_json::to_value(Target::one(4)).unwrap(), json!(4));
}

proptest! {
    #[test]
    fn any_text_stays_one_text_of_its_message(text in ".{0,200}") {
        let spec = spec(json!({ "messages": [
            { "role": "system", "content": "[{{a}}]" }, { "role": "user", "content": "<{{a}}{{b}}>" },
        ] }));
        let said = Version::compile(1, &spec).unwrap().render(given(json!({ "a": &text, "b": "{{a}}" })), 1 << 20).unwrap();
        let said: Vec<_> = said.into_iter().map(|said| (said.role, said.text)).collect();
        prop_assert_eq!(said, vec![(Role::System, format!("[{text}]")), (Role::User, format!("<{text}{{{{a}}}}>"))]);
    }

    #[test]
    fn any_template_is_read_or_refused(text in "[{}\\\\a \n]{0,40}") {
        if let Ok(template) = Template::parse(&text) {
            let names = template.variables().count();
            prop_assert!(names <= text.matches("{{").count());
        }
    }
}

/// Whoever writes a prompt may err: neither what refers to itself nor a slow pattern may hold a call up.
#[test]
fn odd_schemas_end_nothing() {
    for (schema, fine) in [
        (json!({ "$ref": "#" }), true),
        (json!({ "allOf": [{ "$ref": "#" }] }), true),
        (json!({ "properties": { "a": { "$ref": "#/properties/a" } } }), true),
        (
            json!({ "$defs": { "x": { "not": { "$ref": "#/$defs/x" } } }, "properties": { "a": { "$ref": "#/$defs/x" } } }),
            true,
        ),
        (json!({ "properties": { "a": { "pattern": "(a+)+$" } } }), true),
        (json!({ "properties": { "a": { "pattern": "(?=x)" } } }), false),
        (json!({ "$schema": "http://nowhere.example/draft" }), false),
        (json!({ "properties": { "a": { "multipleOf": 0 } } }), false),
    ] {
        let spec =
            spec(json!({ "messages": [{ "role": "user", "content": "{{a}}" }], "variables": &schema }));
        let compiled = Version::compile(1, &spec);
        assert_eq!(compiled.is_ok(), fine, "{schema}");
        if let Ok(version) = compiled {
            let _ = version.render(given(json!({ "a": "a".repeat(5_000) + "!" })), 1 << 20);
        }
    }
}
