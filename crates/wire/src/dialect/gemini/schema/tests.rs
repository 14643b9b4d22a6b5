use super::*;
use proptest::prelude::*;

fn low(schema: &str) -> String {
    lower(&Json::from_text(schema).unwrap())
}

#[test]
fn c22_every_word_the_subset_lacks_is_said_in_another_way() {
    for (schema, expected) in [
        (
            r#"{"$schema":"x","type":"object","properties":{"z":{"type":"string"},"a":{"type":["integer","null"]}},"required":["z","q"],"additionalProperties":false}"#,
            r#"{"type":"OBJECT","properties":{"z":{"type":"STRING"},"a":{"nullable":true,"type":"INTEGER"}},"required":["z"]}"#,
        ),
        (
            r#"{"anyOf":[{"type":"string"},{"type":"null"}],"description":"d"}"#,
            r#"{"nullable":true,"type":"STRING","description":"d"}"#,
        ),
        (r#"{"const":"c"}"#, r#"{"type":"STRING","enum":["c"]}"#),
        (r#"{"enum":[1,2]}"#, r#"{"type":"INTEGER","description":"one of 1, 2"}"#),
        (
            r#"{"type":"number","exclusiveMinimum":0,"multipleOf":5,"description":"n"}"#,
            r#"{"type":"NUMBER","description":"n (greater than 0; multipleOf: 5)","minimum":0}"#,
        ),
        (
            r##"{"type":"object","properties":{"p":{"$ref":"#/$defs/P","description":"who"}},"$defs":{"P":{"type":"object","properties":{"n":{"type":"string","format":"email"}}}}}"##,
            r#"{"type":"OBJECT","properties":{"p":{"type":"OBJECT","description":"who","properties":{"n":{"type":"STRING","description":"format: \"email\""}}}}}"#,
        ),
        (
            r#"{"oneOf":[{"type":"string"},{"type":"integer"}]}"#,
            r#"{"anyOf":[{"type":"STRING"},{"type":"INTEGER"}]}"#,
        ),
        (
            r#"{"allOf":[{"properties":{"a":{"type":"string"}},"required":["a"]},{"properties":{"b":{"type":"string"}},"required":["b"]}]}"#,
            r#"{"type":"OBJECT","properties":{"a":{"type":"STRING"},"b":{"type":"STRING"}},"required":["a","b"]}"#,
        ),
        (r#"{"type":"array"}"#, r#"{"type":"ARRAY","items":{"type":"STRING"}}"#),
        (r#"{"type":"object","properties":{}}"#, r#"{"type":"OBJECT"}"#),
    ] {
        assert_eq!(low(schema), expected, "{schema}");
    }
}

#[test]
fn c22_a_schema_that_refers_to_itself_ends() {
    let own = r##"{"type":"object","properties":{"next":{"$ref":"#"}}}"##;
    assert!(low(own).contains(r#""next":{"type":"OBJECT"#));
    // Each level refers twice to the next: without a limit this would be 2^40 nodes.
    let mut defs = Vec::new();
    for n in 0..40 {
        let next = n + 1;
        defs.push(format!(
            r##""d{n}":{{"properties":{{"a":{{"$ref":"#/$defs/d{next}"}},"b":{{"$ref":"#/$defs/d{next}"}}}}}}"##
        ));
    }
    let bomb = format!(r##"{{"$ref":"#/$defs/d0","$defs":{{{},"d40":{{}}}}}}"##, defs.join(","));
    assert!(low(&bomb).len() < 1_000_000);
}

#[test]
fn googles_words_become_json_schema() {
    let schema = r#"{"type":"OBJECT","properties":{"b":{"type":"STRING","nullable":true,"format":"enum","enum":["x"]},"a":{"type":"ARRAY","items":{"type":"NUMBER"},"min_items":"2"}},"propertyOrdering":["b","a"]}"#;
    assert_eq!(
        raise(&Json::from_text(schema).unwrap()),
        r#"{"type":"object","properties":{"b":{"type":["string","null"],"enum":["x"]},"a":{"type":"array","items":{"type":"number"},"minItems":2}}}"#
    );
}

proptest! {
    #[test]
    fn any_text_is_lowered_to_json(text in r#"[{}\[\]":,a-z$/#0-9]{0,60}"#) {
        if let Ok(json) = Json::from_text(text) {
            prop_assert!(Json::from_text(lower(&json)).is_ok());
            prop_assert!(Json::from_text(raise(&json)).is_ok());
        }
    }
}
