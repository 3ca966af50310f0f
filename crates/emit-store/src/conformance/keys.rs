//! Spaces' settings and keys.

use super::{Check, Driver};
use crate::Store;

pub const CHECKS: &[(&str, Check)] = &[
    ("keys: found by hash and by id within their space, changed, deleted", keys),
    ("keys: settings of a space", settings),
];

fn keys(store: &dyn Store) {
    let mut driver = Driver::new(store);
    let space = driver.space();
    let other = driver.space();
    let mut bound = driver.token(Some(&space));
    bound.secret = Some("readable".into());
    let free = driver.token(None);
    driver.commit(|driver| {
        driver.writer.insert_token(&bound).unwrap();
        driver.writer.insert_token(&free).unwrap();
    });
    let mut reader = store.reader().unwrap();
    assert_eq!(reader.token_by_hash(&bound.hash).unwrap(), Some(bound.clone()));
    assert_eq!(reader.tokens(Some(space.no), None, 10).unwrap(), [bound.clone()]);
    assert_eq!(reader.tokens(None, None, 10).unwrap(), std::slice::from_ref(&free));
    assert_eq!(reader.tokens(None, Some(free.id), 10).unwrap(), []);
    driver.writer.begin().unwrap();
    assert_eq!(driver.writer.token(Some(space.no), bound.id).unwrap(), Some(bound.clone()));
    assert_eq!(driver.writer.token(Some(other.no), bound.id).unwrap(), None);
    assert_eq!(driver.writer.token(None, bound.id).unwrap(), None);
    assert!(!driver.writer.has_admin_token(super::START).unwrap());
    bound.secret = None;
    bound.expires_at = Some(super::START + 5);
    driver.writer.update_token(&bound).unwrap();
    driver.writer.touch_tokens(&[(free.id, super::START + 9)]).unwrap();
    driver.writer.commit(&mut []).unwrap();
    assert_eq!(reader.token_by_hash(&bound.hash).unwrap(), Some(bound.clone()));
    assert_eq!(reader.token_by_hash(&free.hash).unwrap().unwrap().last_used_at, Some(super::START + 9));
    driver.commit(|driver| driver.writer.delete_token(bound.id).unwrap());
    assert_eq!(reader.token_by_hash(&bound.hash).unwrap(), None);
}

fn settings(store: &dyn Store) {
    let mut driver = Driver::new(store);
    let mut space = driver.space();
    driver.create(&space, super::plain("a"));
    space.name = "renamed".into();
    space.paused = true;
    space.max_pending = Some(7);
    space.max_deliveries = Some(3);
    space.retention_days = 1;
    driver.commit(|driver| driver.writer.update_space(&space).unwrap());
    let found = store.reader().unwrap().space(space.id).unwrap().unwrap();
    let counted = crate::Space { seq: 1, counts: [0, 1, 0, 0, 0, 0, 0], ..space };
    assert_eq!(found, counted);
    let later = driver.space();
    let page = store.reader().unwrap().spaces(Some(found.id), 10).unwrap();
    assert_eq!(page, [later]);
}
