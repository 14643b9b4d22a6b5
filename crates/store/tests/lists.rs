//! What the dashboard's lists are chosen by, on each engine.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that can't go on fails")]

mod common;

use common::{each, page};
use magic_domain::channel::{Channel, ChannelStatus};
use magic_domain::ids::{ChannelId, UserId};
use magic_domain::secret::Secret;
use magic_store::channels::NewChannel;
use magic_store::choice::ChannelFilter;
use magic_store::users::Page;
use magic_store::views::{VIEWS_MAX, View};
use magic_store::{Store, StoreError};

fn channel(name: &str, kind: u16, groups: &str, tags: &str, models: &str) -> NewChannel {
    let list = |text: &str| text.split(',').filter(|item| !item.is_empty()).map(str::to_owned).collect();
    let channel = Channel {
        id: ChannelId(0),
        kind,
        name: name.into(),
        status: ChannelStatus::Enabled,
        key: Secret::new("sk-1"),
        key_id: 0,
        keys: vec![],
        base_url: String::new(),
        models: list(models),
        model_mapping: Default::default(),
        groups: list(groups),
        priority: i64::from(kind),
        weight: 0,
        tags: list(tags),
        system_prompt: None,
        proxy: None,
        ca_pem: None,
        limits: Default::default(),
        timeouts: Default::default(),
        headers: Default::default(),
        params: Default::default(),
        config: Default::default(),
    };
    NewChannel { channel, other: String::new() }
}

/// The names of what a filter chooses, and the total.
async fn names(store: &Store, order: &str, filter: ChannelFilter) -> (Vec<String>, i64) {
    let (rows, total) = store.channels(Page { order: order.into(), ..page() }, filter).await.unwrap();
    (rows.into_iter().map(|row| row.channel.name).collect(), total)
}

#[tokio::test(flavor = "multi_thread")]
async fn channels_are_chosen_by_each_of_their_values() {
    each(async |store, _| {
        let new = vec![
            channel("b one", 1, "default,vip", "eu,fast", "gpt-4o,gpt-4o-mini"),
            channel("a two", 14, "vip", "eu", "claude"),
            channel("c three", 14, "default", "", "gpt-4o"),
        ];
        let ids = store.create_channels(new).await.unwrap();
        store.auto_disable_channel(ids[2], "refused").await.unwrap();
        let all = ChannelFilter::default;
        let chosen = async |filter| names(&store, "name", filter).await.0;
        assert_eq!(
            names(&store, "", all()).await,
            (vec!["c three".into(), "a two".into(), "b one".into()], 3)
        );
        assert_eq!(chosen(all()).await, ["a two", "b one", "c three"]);
        assert_eq!(names(&store, "priority", all()).await.0, ["a two", "c three", "b one"]);
        assert_eq!(chosen(ChannelFilter { keyword: "a t".into(), ..all() }).await, ["a two"]);
        assert_eq!(chosen(ChannelFilter { status: Some(3), ..all() }).await, ["c three"]);
        assert_eq!(chosen(ChannelFilter { kind: Some(14), ..all() }).await, ["a two", "c three"]);
        assert_eq!(chosen(ChannelFilter { group: "vip".into(), ..all() }).await, ["a two", "b one"]);
        assert_eq!(chosen(ChannelFilter { tag: "eu".into(), ..all() }).await, ["a two", "b one"]);
        // A whole item, not a part of one; and nothing in it is a pattern.
        assert_eq!(chosen(ChannelFilter { model: "gpt-4o".into(), ..all() }).await, ["b one", "c three"]);
        assert!(chosen(ChannelFilter { tag: "e".into(), ..all() }).await.is_empty());
        assert!(chosen(ChannelFilter { group: "%".into(), ..all() }).await.is_empty());
        assert_eq!(chosen(ChannelFilter { ids: Some(vec![ids[0].0]), ..all() }).await, ["b one"]);
        assert!(chosen(ChannelFilter { ids: Some(vec![]), ..all() }).await.is_empty());
        let except = vec![ids[0].0, ids[1].0];
        assert_eq!(chosen(ChannelFilter { except, ..all() }).await, ["c three"]);
        for (id, ok) in [(ids[0], false), (ids[1], true), (ids[2], false)] {
            store.channel_tested(id, ok, "m", 0.1, "said").await.unwrap();
        }
        assert_eq!(chosen(ChannelFilter { test_failed: true, ..all() }).await, ["b one"]);
        let both = ChannelFilter { kind: Some(14), group: "vip".into(), ..all() };
        assert_eq!(names(&store, "", both).await, (vec!["a two".into()], 1));

        let facets = store.channel_facets().await.unwrap();
        assert_eq!(facets.statuses, [(1, 2), (3, 1)].into());
        assert_eq!(facets.kinds, [(1, 1), (14, 2)].into());
        assert_eq!(facets.groups, [("default".into(), 2), ("vip".into(), 2)].into());
        assert_eq!(facets.tags, [("eu".into(), 2), ("fast".into(), 1)].into());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn views_are_their_users_and_replaced_by_name() {
    each(async |store, _| {
        let (me, other) = (UserId(1), UserId(2));
        let view =
            |name: &str, query: &str| View { page: "/logs".into(), name: name.into(), query: query.into() };
        store.keep_view(me, view("failed", "type=5")).await.unwrap();
        store.keep_view(me, view("Failed", "type=2")).await.unwrap();
        store.keep_view(me, view("failed", "type=5&model_name=m")).await.unwrap();
        assert_eq!(
            store.views(me).await.unwrap(),
            [view("Failed", "type=2"), view("failed", "type=5&model_name=m")]
        );
        assert!(store.views(other).await.unwrap().is_empty());
        assert_eq!(store.drop_view(other, "/logs", "failed").await, Err(StoreError::NotFound("view")));
        store.drop_view(me, "/logs", "failed").await.unwrap();
        assert_eq!(store.views(me).await.unwrap(), [view("Failed", "type=2")]);
        for number in 1..VIEWS_MAX {
            store.keep_view(me, view(&number.to_string(), "")).await.unwrap();
        }
        assert!(matches!(store.keep_view(me, view("one more", "")).await, Err(StoreError::Conflict(_))));
        store.keep_view(me, view("Failed", "type=4")).await.unwrap();
        assert_eq!(store.views(me).await.unwrap().len() as i64, VIEWS_MAX);
        store.delete_user(me).await.unwrap();
        assert!(store.views(me).await.unwrap().is_empty(), "they go with the account");
    })
    .await;
}
