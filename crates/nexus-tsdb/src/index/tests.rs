use super::*;
use nexus_series::labels::pack;
use nexus_series::matcher::{Matcher, MatcherSpec, Op};
use nexus_series::policy::{Condition, Sight, SightSpec};

fn matcher(name: &str, op: Op, value: &str) -> Matcher {
    Matcher::new(&MatcherSpec { name: name.into(), op, value: value.into() }).unwrap()
}

fn index_of(count: u32) -> Index {
    let index = Index::default();
    for number in 0..count {
        let (job, host) = (format!("job{}", number % 3), format!("h{}", number % 10));
        let zone = if number % 4 == 0 { "eu" } else { "" };
        let name = format!("m{}", number % 2);
        let id = number.to_string();
        let packed = pack([("__name__", &*name), ("job", &job), ("host", &host), ("zone", zone), ("id", &id)]);
        let (given, new) = index.add(&packed);
        assert!(new && given == number);
        index.series(number).activity.note(1000);
    }
    index
}

#[test]
fn selection_is_what_asking_every_series_gives() {
    let index = index_of(240);
    let values = ["", "job1", "job1|job2", "job.*", ".+", "m0", "eu", "h[1-3]", "nothing", "eu|", "7|11|13"];
    let names = ["__name__", "job", "host", "zone", "id", "absent"];
    let ops = [Op::Equal, Op::NotEqual, Op::Matches, Op::NotMatches];
    let mut sets = Vec::new();
    for name in names {
        for value in values {
            sets.extend(ops.map(|op| matcher(name, op, value)));
        }
    }
    let sight = Sight::default();
    for (at, first) in sets.iter().enumerate() {
        for second in [&sets[(at * 7 + 3) % sets.len()], &sets[(at * 31 + 11) % sets.len()]] {
            let set = vec![first.clone(), second.clone()];
            let wanted: Vec<u32> = (0..index.len())
                .filter(|&number| {
                    set.iter().all(|matcher| {
                        let value = index.symbols.get(&matcher.name).and_then(|name| index.value(number, name));
                        matcher.matches(value.map_or("", |value| index.symbols.text(value)))
                    })
                })
                .collect();
            assert_eq!(index.select(std::slice::from_ref(&set), &sight, 0, 2000), wanted, "{set:?}");
        }
    }
    assert_eq!(index.select(&[], &sight, 0, 2000).len(), 240);
    assert_eq!(index.select(&[], &sight, 1001, 2000).len(), 0);
}

#[test]
fn many_added_at_once_are_as_if_added_one_after_the_other() {
    let one_by_one = index_of(2000);
    let packed: Vec<Vec<u8>> = (0..2000).map(|number| one_by_one.packed(number)).collect();
    let together = Index::default();
    assert_eq!(together.add(&packed[700]), (0, true));
    // Some twice in one call, some known before.
    let first: Vec<&[u8]> = packed[..1000].iter().chain(&packed[900..1000]).map(Vec::as_slice).collect();
    let added = together.add_all(&first);
    assert_eq!(added.iter().filter(|(_, new)| *new).count(), 999);
    assert_eq!(added[700], (0, false));
    assert_eq!(added[1000..], added[900..1000].iter().map(|(number, _)| (*number, false)).collect::<Vec<_>>());
    together.add_all(&packed.iter().map(Vec::as_slice).collect::<Vec<_>>());
    assert_eq!((together.len(), together.known(), together.num_pairs()), (2000, 2000, one_by_one.num_pairs()));
    for (number, packed) in packed.iter().enumerate() {
        let found = together.lookup().find(labels::series_id(packed)).unwrap();
        assert_eq!(&together.packed(found), packed, "{number}");
        together.series(found).activity.note(1000);
    }
    for (name, value) in [("job", "job1"), ("zone", "eu"), ("id", "1234"), ("__name__", "m0")] {
        let set = [vec![matcher(name, Op::Equal, value)]];
        let ids = |index: &Index| {
            let numbers = index.select(&set, &Sight::default(), 0, 2000);
            assert!(numbers.is_sorted());
            let mut ids: Vec<SeriesId> = numbers.iter().map(|&number| index.series(number).id).collect();
            ids.sort_unstable();
            ids
        };
        assert_eq!(ids(&together), ids(&one_by_one), "{name}");
    }
}

#[test]
fn forgotten_series_are_found_no_more() {
    let index = index_of(12);
    index.forget(&[4]);
    index.forget(&[4]);
    assert_eq!((index.len(), index.known()), (12, 11));
    let packed = index.packed(4);
    let m0 = vec![matcher("__name__", Op::Equal, "m0")];
    assert_eq!(index.select(std::slice::from_ref(&m0), &Sight::default(), 0, 2000), [0, 2, 6, 8, 10]);
    assert_eq!(index.lookup().find(labels::series_id(&packed)), None);
    assert_eq!(index.add(&packed), (12, true));
    index.series(12).activity.note(1000);
    assert_eq!(index.select(&[m0], &Sight::default(), 0, 2000), [0, 2, 6, 8, 10, 12]);
}

#[test]
fn lists_are_the_same_as_if_the_forgotten_had_never_been() {
    for step in 1..7 {
        let index = index_of(200);
        let gone: Vec<u32> = (0..200).filter(|number| number * number % 7 < step).collect();
        index.forget(&gone);
        let left: Vec<u32> = (0..200).filter(|number| !gone.contains(number)).collect();
        assert_eq!(index.select(&[], &Sight::default(), 0, 2000), left);
        let mut pairs = std::collections::BTreeSet::new();
        for (name, value) in left.iter().flat_map(|&number| index.series(number).labels.iter()) {
            let matching = vec![matcher(index.symbols.text(*name), Op::Equal, index.symbols.text(*value))];
            let has = |number: &u32| index.value(*number, *name) == Some(*value);
            let wanted: Vec<u32> = left.iter().copied().filter(has).collect();
            assert_eq!(index.select(&[matching], &Sight::default(), 0, 2000), wanted);
            pairs.insert((*name, *value));
        }
        assert_eq!(index.num_pairs(), pairs.len());
    }
}

#[test]
fn policy_hides_series_and_masks_keep_them_apart() {
    let index = index_of(12);
    let spec = MatcherSpec { name: String::new(), op: Op::Equal, value: "job1".into() };
    let policy = Condition::Label { names: vec!["job".into()], matcher: spec };
    let sight =
        Sight::new(&SightSpec { policy: Some(policy), masked: vec!["id".into(), "host".into()], mask: "***".into() })
            .unwrap();
    let found = index.select(&[], &sight, 0, 2000);
    assert_eq!(found, [1, 4, 7, 10]);
    let masked = Masked::new(&sight).unwrap();
    let labels = masked.labels(&index, &found, &sight.mask);
    let texts: Vec<String> = labels
        .iter()
        .map(|labels| {
            let text = |symbol| masked.symbols.text(symbol);
            let pairs: Vec<_> =
                labels.iter().map(|&(name, value)| format!("{}={} ", text(name), text(value))).collect();
            pairs.concat()
        })
        .collect();
    // 1 and 7 are alike but for what is hidden.
    assert!(texts[0].contains("host=***") && texts[0].contains("id=*** "), "{texts:?}");
    assert_ne!(texts[0], texts[2]);
    let mut numbers = [&texts[0], &texts[2]].map(|text| text.contains("host=***1"));
    numbers.sort_unstable();
    assert_eq!(numbers, [false, true]);
    assert!(texts[1].contains("host=*** "), "{texts:?}");
    // A matcher sees the mask, not the value.
    assert!(index.select(&[vec![matcher("id", Op::Equal, "1")]], &sight, 0, 2000).is_empty());
    assert_eq!(index.select(&[vec![matcher("id", Op::Matches, ".+")]], &sight, 0, 2000).len(), 4);
    assert_eq!(index.select(&[vec![matcher("id", Op::NotEqual, "1")]], &sight, 0, 2000).len(), 4);
    assert!(index.select(&[vec![matcher("id", Op::Equal, "")]], &sight, 0, 2000).is_empty());
}
