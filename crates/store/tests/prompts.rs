//! Prompts on SQLite, MariaDB and PostgreSQL.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that can't go on fails")]

mod common;

use common::{each, page};
use magic_domain::prompt::{Document, Spec, Target};
use magic_store::owned::Owned;
use magic_store::prompts::Imported;
use magic_store::{Store, StoreError};
use serde_json::{Value, json};

fn document(value: Value) -> Document {
    let document: Document = serde_json::from_value(value).unwrap();
    document.check().unwrap();
    document
}

fn spec(text: &str) -> Spec {
    serde_json::from_value(json!({ "messages": [{ "role": "user", "content": text }] })).unwrap()
}

fn one(name: &str, text: &str) -> Document {
    let messages = json!([{ "role": "user", "content": text }]);
    document(
        json!({ "name": name, "versions": [{ "version": 1, "messages": messages }], "labels": { "prod": 1 } }),
    )
}

async fn numbers(store: &Store, name: &str) -> Vec<i64> {
    let prompt = store.prompt(name).await.unwrap();
    store.prompt_versions(&prompt, page()).await.unwrap().0.iter().map(|row| row.number).collect()
}

#[tokio::test]
async fn versions_stay_and_labels_move() {
    each(async |store, _| {
        let before = store.version().await.unwrap();
        store.create_prompt(one("a", "1 é")).await.unwrap();
        assert!(matches!(store.create_prompt(one("a", "x")).await, Err(StoreError::Conflict(_))));
        assert_eq!(store.add_prompt_version("a", &spec("2")).await.unwrap(), (2, true));
        assert_eq!(store.add_prompt_version("a", &spec("2")).await.unwrap(), (2, false));
        assert_eq!(store.add_prompt_version("a", &spec("1 é")).await.unwrap(), (3, true));
        let split: Target =
            serde_json::from_value(json!([{ "version": 2, "percent": 60 }, { "version": 3, "percent": 40 }]))
                .unwrap();
        store.set_prompt_label("a", "canary", split.clone()).await.unwrap();
        assert!(matches!(
            store.set_prompt_label("a", "x", Target::one(9)).await,
            Err(StoreError::Invalid(_))
        ));
        store.set_prompt_label("a", "prod", Target::one(2)).await.unwrap();
        store.describe_prompt("a", "what it is").await.unwrap();
        assert!(store.version().await.unwrap() >= before + 7, "every node is told");
        let row = store.prompt("a").await.unwrap();
        assert_eq!((row.description.as_str(), row.newest, row.owner.as_str()), ("what it is", 3, "db"));
        assert_eq!(row.labels, [("canary".to_owned(), split), ("prod".to_owned(), Target::one(2))].into());
        assert_eq!(numbers(&store, "a").await, [3, 2, 1]);
        assert_eq!(store.prompt_version(&row, 1).await.unwrap().spec, spec("1 é"));
        assert_eq!(
            store.prompt_version(&row, 4).await.unwrap_err(),
            StoreError::NotFound("version of the prompt")
        );
        store.delete_prompt_label("a", "canary").await.unwrap();
        assert!(store.delete_prompt_label("a", "canary").await.is_err());
        store.create_prompt(one("b_c", "x")).await.unwrap();
        let listed = async |keyword: &str| {
            let (rows, total) = store.prompts(page(), keyword.into()).await.unwrap();
            (rows.into_iter().map(|row| row.name).collect::<Vec<_>>(), total)
        };
        assert_eq!(listed("").await, (vec!["a".to_owned(), "b_c".to_owned()], 2));
        assert_eq!(listed("b_").await, (vec!["b_c".to_owned()], 1));
        let loaded = store.load().await.unwrap().prompts;
        assert_eq!(loaded[0].versions.iter().map(|version| version.number).collect::<Vec<_>>(), [1, 2, 3]);
        store.delete_prompt("a").await.unwrap();
        assert_eq!(store.delete_prompt("a").await.unwrap_err(), StoreError::NotFound("prompt"));
        assert_eq!(store.load().await.unwrap().prompts.len(), 1);
    })
    .await;
}

#[tokio::test]
async fn an_import_again_changes_nothing() {
    each(async |store, _| {
        store.create_prompt(one("a", "1")).await.unwrap();
        store.add_prompt_version("a", &spec("2")).await.unwrap();
        let taken = store.export_prompts().await.unwrap();
        let again = store.import_prompts(taken.clone()).await.unwrap();
        assert_eq!(again, Imported { versions_known: 2, ..Imported::default() });
        assert_eq!(store.export_prompts().await.unwrap(), taken);
        // The same texts under other numbers, and a new one: labels follow their texts.
        let other = document(json!({
            "name": "a",
            "versions": [
                { "version": 5, "messages": [{ "role": "user", "content": "2" }] },
                { "version": 7, "messages": [{ "role": "user", "content": "3" }] },
            ],
            "labels": { "prod": 7, "old": 5 },
        }));
        let done = store.import_prompts(vec![other, one("b", "1")]).await.unwrap();
        assert_eq!(done, Imported { prompts_created: 1, versions_created: 2, versions_known: 1 });
        let row = store.prompt("a").await.unwrap();
        assert_eq!(row.newest, 3);
        assert_eq!(
            row.labels,
            [("prod".to_owned(), Target::one(3)), ("old".to_owned(), Target::one(2))].into()
        );
    })
    .await;
}

#[tokio::test]
async fn the_file_owns_its_prompts() {
    each(async |store, _| {
        let file = |prompts: Vec<Document>| Owned { prompts, ..Owned::default() };
        let both = json!([
            { "version": 1, "messages": [{ "role": "user", "content": "1" }] },
            { "version": 2, "messages": [{ "role": "user", "content": "2" }] },
        ]);
        let two = document(json!({ "name": "f", "versions": both, "labels": { "prod": 2 } }));
        store.apply_owned(file(vec![two.clone()])).await.unwrap();
        store.apply_owned(file(vec![two])).await.unwrap();
        assert_eq!(
            (numbers(&store, "f").await, store.prompt("f").await.unwrap().owner),
            (vec![2, 1], "file".into())
        );
        let refused =
            |done: Result<(), StoreError>| assert!(matches!(done, Err(StoreError::Conflict(_))), "{done:?}");
        refused(store.delete_prompt("f").await);
        refused(store.set_prompt_label("f", "prod", Target::one(1)).await);
        refused(store.add_prompt_version("f", &spec("3")).await.map(|_| ()));
        refused(store.import_prompts(vec![one("f", "1")]).await.map(|_| ()));
        refused(store.apply_owned(file(vec![one("f", "another text")])).await);
        assert_eq!(numbers(&store, "f").await, [2, 1], "a refused file changes nothing");
        store.apply_owned(file(vec![one("f", "1")])).await.unwrap();
        assert_eq!(numbers(&store, "f").await, [1]);
        store.create_prompt(one("mine", "1")).await.unwrap();
        refused(store.apply_owned(file(vec![one("mine", "1")])).await);
        store.apply_owned(file(vec![])).await.unwrap();
        assert_eq!(
            store.load().await.unwrap().prompts.iter().map(|p| p.name.clone()).collect::<Vec<_>>(),
            ["mine"]
        );
    })
    .await;
}
