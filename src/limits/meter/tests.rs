use super::*;
use magic_domain::ids::{TokenId, UserId};
use magic_domain::limits::WindowLimit;
use proptest::prelude::*;

const DAY: Day = Day(20_261_126);

fn seat<'l>(meter: &Arc<Meter>, limits: &'l Limits) -> Seat<'l> {
    let elsewhere = (Nano::ZERO, Nano::ZERO);
    Seat { scope: Scope::Token(TokenId(1)), meter: meter.clone(), limits, elsewhere, among: Among::ALONE }
}

fn at(now_ms: u64) -> Asking {
    Asking { now_ms, day: DAY, ..Asking::default() }
}

/// Lets a call in at one object and keeps it.
fn enter(meter: &Arc<Meter>, limits: &Limits, asking: Asking) -> Result<Place, Reached> {
    let (mut places, _) = admit(&[seat(meter, limits)], &asking)?;
    let place = places.remove(0);
    place.keep();
    Ok(place)
}

fn rpm(max: u32) -> Limits {
    Limits { rpm: Some(max), ..Limits::default() }
}

#[test]
fn a_refused_call_uses_up_nothing() {
    let meter = Arc::new(Meter::default());
    for _ in 0..2 {
        enter(&meter, &rpm(2), at(0)).unwrap();
    }
    for _ in 0..5 {
        let reached = enter(&meter, &rpm(2), at(1)).unwrap_err();
        assert_eq!(reached.what, "this API key has reached its limit of 2 requests per minute");
        assert_eq!(reached.retry_after, 63);
    }
    assert_eq!(Meter::standing(&seat(&meter, &rpm(2)), 1, DAY).in_flight, 0);
    assert!(enter(&meter, &rpm(2), at(62_999)).is_err());
    assert!(enter(&meter, &rpm(2), at(63_000)).is_ok());
}

#[test]
fn all_limits_let_a_call_in_or_none() {
    let (token, user) = (Arc::new(Meter::default()), Arc::new(Meter::default()));
    let (wide, narrow) = (rpm(9), rpm(1));
    let both = |now: u64| {
        let token = seat(&token, &wide);
        let user = Seat { scope: Scope::User(UserId(1)), ..seat(&user, &narrow) };
        admit(&[token, user], &at(now))
    };
    let (places, told) = both(0).unwrap();
    places.iter().for_each(Place::keep);
    assert_eq!(told.requests.map(|gauge| (gauge.limit, gauge.remaining)), Some((1, 0)));
    let reached = both(0).unwrap_err();
    assert!(reached.what.starts_with("your account"), "{}", reached.what);
    let used =
        |meter, limits| Meter::standing(&seat(meter, limits), 0, DAY).windows[0].requests.unwrap().used;
    assert_eq!((used(&token, &wide), used(&user, &narrow)), (1, 1));
}

#[test]
fn the_wait_is_that_of_the_limit_that_holds_the_longest() {
    let (token, user) = (Arc::new(Meter::default()), Arc::new(Meter::default()));
    let hour = WindowLimit { seconds: 3600, requests: Some(1), tokens: None };
    let (short, long) = (rpm(1), Limits { windows: vec![hour], ..rpm(1) });
    let both = || {
        let user = Seat { scope: Scope::User(UserId(1)), ..seat(&user, &long) };
        admit(&[seat(&token, &short), user], &at(0))
    };
    both().unwrap().0.iter().for_each(Place::keep);
    let reached = both().unwrap_err();
    assert_eq!(reached.what, "your account has reached its limit of 1 requests per hour");
    assert_eq!(reached.retry_after, 3780);
}

#[test]
fn what_comes_to_nothing_is_taken_back() {
    let meter = Arc::new(Meter::default());
    let limits = Limits { concurrency: Some(1), ..rpm(2) };
    for _ in 0..3 {
        drop(admit(&[seat(&meter, &limits)], &at(0)).unwrap());
    }
    let place = enter(&meter, &limits, at(0)).unwrap();
    assert!(enter(&meter, &limits, at(0)).unwrap_err().what.contains("1 calls in flight"));
    drop(place);
    drop(enter(&meter, &limits, at(0)).unwrap());
    assert!(enter(&meter, &limits, at(0)).unwrap_err().what.contains("2 requests per minute"));
}

#[test]
fn several_windows_hold_at_once() {
    let meter = Arc::new(Meter::default());
    let hour = WindowLimit { seconds: 3600, requests: Some(3), tokens: None };
    let limits = Limits { windows: vec![hour], ..rpm(2) };
    let tries = [(0, true), (0, true), (0, false), (63_000, true), (63_000, false), (200_000, false)];
    for (now, fine) in tries {
        assert_eq!(enter(&meter, &limits, at(now)).is_ok(), fine, "at {now}");
    }
    let reached = enter(&meter, &limits, at(200_000)).unwrap_err();
    assert!(reached.what.contains("3 requests per hour"), "{}", reached.what);
    assert_eq!(reached.retry_after, 3580);
}

#[test]
fn tokens_are_held_and_then_counted() {
    let meter = Arc::new(Meter::default());
    let limits = Limits { tpm: Some(100), ..Limits::default() };
    let asking = |tokens| Asking { tokens, ..at(0) };
    let place = enter(&meter, &limits, asking(60)).unwrap();
    let second = enter(&meter, &limits, asking(60)).unwrap();
    // The first may still use less than it asked for: soon is an honest answer.
    assert_eq!(enter(&meter, &limits, asking(1)).unwrap_err().retry_after, 1);
    place.settle(10, Nano::ZERO, Day::default(), 0);
    assert_eq!(Meter::standing(&seat(&meter, &limits), 0, DAY).in_flight, 1, "settled is over");
    assert!(enter(&meter, &limits, asking(1)).is_ok());
    second.settle(90, Nano::ZERO, Day::default(), 0);
    assert_eq!(enter(&meter, &limits, asking(1)).unwrap_err().retry_after, 63);
}

#[test]
fn a_budget_holds_what_is_reserved_and_keeps_what_is_spent() {
    let meter = Arc::new(Meter::default());
    let budgets = Budgets { day: Some(Nano(100)), month: Some(Nano(150)) };
    let limits = Limits { budgets, ..Limits::default() };
    let asking = |money, day| Asking { money: Nano(money), day, ..Asking::default() };
    let place = enter(&meter, &limits, asking(60, DAY)).unwrap();
    assert_eq!(enter(&meter, &limits, asking(60, DAY)).unwrap_err().retry_after, 1);
    place.settle(0, Nano(50), DAY, 0);
    enter(&meter, &limits, asking(50, DAY)).unwrap().settle(0, Nano(50), DAY, 0);
    let full = enter(&meter, &limits, asking(1, DAY)).unwrap_err();
    assert!(
        full.what.contains("a budget of $0.000000100 for the day: $0.000000100 are spent"),
        "{}",
        full.what
    );
    let tomorrow = Day(DAY.0 + 1);
    assert!(enter(&meter, &limits, asking(51, tomorrow)).unwrap_err().what.contains("for the month"));
    assert!(enter(&meter, &limits, asking(50, tomorrow)).is_ok());
    assert!(enter(&meter, &limits, asking(100, Day(20_261_201))).is_ok());
    let elsewhere = Seat { elsewhere: (Nano(1), Nano(1)), ..seat(&meter, &limits) };
    assert!(admit(&[elsewhere], &asking(100, Day(20_261_201))).is_err());
}

#[test]
fn a_call_that_ends_after_midnight_counts_for_its_month() {
    let mut spent = Spent::default();
    spent.add(Nano(1), Day(20_261_127));
    spent.add(Nano(2), DAY);
    assert_eq!((spent.today, spent.this_month), (Nano(1), Nano(3)));
    spent.roll(DAY);
    spent.add(Nano(4), Day(20_261_030));
    assert_eq!((spent.today, spent.this_month), (Nano(1), Nano(3)));
}

#[test]
fn a_meter_is_small() {
    let windows =
        (1..=8).map(|n| WindowLimit { seconds: n * 100, requests: Some(9), tokens: Some(9) }).collect();
    let limits = Limits { tpm: Some(9), windows, ..rpm(9) };
    let meter = Arc::new(Meter::default());
    enter(&meter, &limits, at(0)).unwrap();
    let tracks = meter.state.lock().tracks.capacity();
    assert!(tracks * size_of::<Track>() + size_of::<Meter>() < 8 << 10);
    enter(&meter, &rpm(9), at(0)).unwrap();
    assert_eq!(meter.state.lock().tracks.len(), 1);
}

proptest! {
    /// Whatever is asked, refused, given up and settled: no window lets more than its limit of requests through,
    /// tokens go over by one call's at most, and when all calls have ended nothing is held.
    #[test]
    fn limits_hold(
        max in 1u64..6,
        tpm in 1u64..300,
        steps in prop::collection::vec((0u64..4_000, 1u64..120, 0u8..4), 1..200),
    ) {
        let windows = vec![
            WindowLimit { seconds: 5, requests: Some(max), tokens: None },
            WindowLimit { seconds: 17, requests: Some(max * 2), tokens: Some(tpm) },
        ];
        let limits = Limits { concurrency: Some(3), windows, ..Limits::default() };
        let meter = Arc::new(Meter::default());
        let (mut now, mut passed, mut used, mut open) = (0, Vec::new(), Vec::new(), Vec::new());
        for (wait, tokens, what) in steps {
            now += wait;
            match admit(&[seat(&meter, &limits)], &Asking { tokens, ..at(now) }) {
                Ok((mut places, _)) if what > 0 => {
                    let place = places.remove(0);
                    place.keep();
                    passed.push(now);
                    open.push((place, tokens));
                    prop_assert!(open.len() <= 3);
                }
                _ => {}
            }
            if what > 1 && !open.is_empty() {
                let (place, tokens) = open.remove(0);
                place.settle(tokens, Nano::ZERO, Day::default(), now);
                used.push((now, tokens));
            }
        }
        for (index, start) in passed.iter().enumerate() {
            let within = |ms: u64| passed[index..].iter().take_while(|at| **at < start + ms).count() as u64;
            prop_assert!(within(5_000) <= max && within(17_000) <= max * 2);
        }
        for (index, (start, _)) in used.iter().enumerate() {
            let inside = used[index..].iter().take_while(|(at, _)| *at < start + 17_000);
            let (sum, most) = inside.fold((0, 0), |(sum, most), (_, n)| (sum + n, n.max(&most).to_owned()));
            prop_assert!(sum < tpm + most, "{sum} tokens, {tpm} allowed");
        }
        drop(open);
        let state = meter.state.lock();
        prop_assert_eq!((state.held_tokens, meter.in_flight.load(Ordering::Acquire)), (0, 0));
    }
}

/// Nodes that tell each other every 200 ms, a message under way for up to as long: all together let in the limit and a
/// node's part of it at most, and one call for each other node; and in the end as many as the limit says.
#[test]
fn nodes_share_a_limit() {
    for (nodes, max) in [(2u32, 1u32), (3, 10), (3, 60), (5, 7), (4, 1000)] {
        for only in [None, Some(0)] {
            let limits = rpm(max);
            let among = Among { nodes, shared: true };
            let meters: Vec<Arc<Meter>> = (0..nodes).map(|_| Arc::new(Meter::default())).collect();
            let (mut passed, mut under_way) = (0, Vec::new());
            for now in (0..20_000).step_by(10) {
                for (at, meter) in meters.iter().enumerate() {
                    // Each has rounds of its own.
                    if (now + at as u64 * 70).is_multiple_of(200) {
                        under_way.extend(meter.tell().into_iter().map(|told| (now + 190, at, told)));
                    }
                }
                under_way.retain(|(due, from, told)| {
                    if *due > now {
                        return true;
                    }
                    for (_, meter) in meters.iter().enumerate().filter(|(at, _)| at != from) {
                        meter.hear(&limits, *told, now);
                    }
                    false
                });
                for meter in meters.iter().enumerate().filter(|(at, _)| only.is_none_or(|only| only == *at)) {
                    for _ in 0..20 {
                        let seat = Seat { among, ..seat(meter.1, &limits) };
                        if let Ok((places, _)) = admit(&[seat], &at(now)) {
                            places[0].keep();
                            passed += 1;
                        }
                    }
                }
            }
            println!("{nodes} nodes, {only:?}: {passed} of {max}");
            let most = max + max.div_ceil(nodes) + nodes - 1;
            assert!((max..=most).contains(&passed), "{nodes} nodes, {max}: {passed}");
        }
    }
}

/// Nodes that hear nothing of each other keep to their part, of calls in flight too.
#[test]
fn a_node_alone_with_itself_keeps_to_its_part() {
    let among = Among { nodes: 3, shared: false };
    let limits = Limits { concurrency: Some(100), ..rpm(10) };
    let meter = Arc::new(Meter::default());
    meter.hear(&limits, (60, false, 9), 0);
    let enter = |limits: &Limits| {
        let seat = Seat { among, ..seat(&meter, limits) };
        admit(&[seat], &at(1)).map(|(mut places, _)| places.remove(0))
    };
    let open: Vec<_> = (0..4).map(|_| enter(&limits).unwrap()).collect();
    let reached = enter(&limits).unwrap_err();
    assert!(reached.what.contains("10 requests per minute") && reached.retry_after > 50, "{reached:?}");
    let few = Limits { concurrency: Some(12), ..Limits::default() };
    assert_eq!(enter(&few).unwrap_err().retry_after, 1, "four of twelve");
    drop(open);
    assert!(enter(&few).is_ok());
}
