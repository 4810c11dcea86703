//! Objects in a folder: whole or not there, and never outside of it.

use embedded::{Embedded, ErrorKind, ObjectStore, Options};

#[tokio::test]
async fn objects_come_back_and_are_listed_by_prefix() {
    let embedded = Embedded::temporary(Options::default()).unwrap();
    let store = embedded.object_store();
    drop(embedded);
    assert_eq!(store.list("").await.unwrap(), Vec::<String>::new());
    store.put("runs/1/b.json", b"two".to_vec()).await.unwrap();
    store.put("runs/1/a.json", b"one".to_vec()).await.unwrap();
    store.put("runs/2/a.json", b"three".to_vec()).await.unwrap();
    store.put("runs/1/a.json", b"one again".to_vec()).await.unwrap();
    assert_eq!(store.list("runs/1/").await.unwrap(), ["runs/1/a.json", "runs/1/b.json"]);
    assert_eq!(store.get("runs/1/a.json").await.unwrap(), b"one again");
    store.delete("runs/1/a.json").await.unwrap();
    store.delete("runs/1/a.json").await.unwrap();
    assert_eq!(store.get("runs/1/a.json").await.unwrap_err().kind(), ErrorKind::NotFound);
}

#[tokio::test]
async fn a_key_never_leads_out_of_the_folder() {
    let folder = tempfile::tempdir().unwrap();
    let store = ObjectStore::at(folder.path().join("objects"));
    for key in ["../secret", "/etc/passwd", "a/../../b", "", "a//b", ".incoming/x", "a/", "c:\\x"] {
        let refused = store.put(key, Vec::new()).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Invalid, "{key:?}");
    }
    assert!(store.list("").await.unwrap().is_empty());
}
