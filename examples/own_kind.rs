//! Embeds the engine with a cloud and a kind of one's own: books on a shelf, in memory.
//!
//! `cargo run --example own_kind` creates two books, changes one, deletes both, and prints the events as JSON lines.

use std::collections::BTreeMap;
use std::error::Error;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use stack::engine::{
    self, Class, Cloud, Cx, Diff, Event, Graph, Observed, Plan, Readiness, Registry, Reporter, Resource, Rule, Scope, Snapshot,
    apply,
};
use stack::ui;
use tokio::sync::watch;

/// The cloud: what is there, by identifier.
#[derive(Default)]
struct Shelf(Mutex<BTreeMap<String, Book>>);

impl Cloud for Shelf {
    const NAME: &'static str = "the shelf";
}

impl Shelf {
    fn books(&self) -> MutexGuard<'_, BTreeMap<String, Book>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A kind: what is desired of an object, and what is observed of it.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
struct Book {
    /// What is printed on it.
    title: String,
    /// The engine writes here which stack the book belongs to.
    #[serde(default)]
    tags: BTreeMap<String, String>,
}

/// What other objects may refer to.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
struct BookLive {
    /// Its place on the shelf.
    id: String,
}

impl Resource for Book {
    const KIND: &'static str = "shelf.book";
    const RULES: &'static [Rule] = &[Rule::owned("tags")];
    type Cloud = Shelf;
    type Live = BookLive;

    async fn observe(cx: &Cx<Shelf>) -> engine::Result<Vec<Observed<Self>>> {
        let observed = |(id, book): (&String, &Book)| Observed {
            claim: cx.scope.claim(Self::KIND, &book.tags, false),
            live: BookLive { id: id.clone() },
            fields: book.clone(),
            state: Readiness::Ready,
        };
        Ok(cx.cloud.books().iter().map(observed).collect())
    }

    async fn create(&self, cx: &Cx<Shelf>) -> engine::Result<BookLive> {
        let id = format!("place-{}", cx.key.name);
        cx.cloud.books().insert(id.clone(), self.clone());
        Ok(BookLive { id })
    }

    async fn update(&self, cx: &Cx<Shelf>, live: &BookLive, _diff: &Diff) -> engine::Result<BookLive> {
        match cx.cloud.books().get_mut(&live.id) {
            Some(book) => *book = self.clone(),
            None => return Err(engine::Error::new(Class::NotFound, "the book does not exist")),
        }
        Ok(live.clone())
    }

    async fn delete(cx: &Cx<Shelf>, live: &BookLive) -> engine::Result<()> {
        cx.cloud.books().remove(&live.id);
        Ok(())
    }
}

/// Prints each event.
struct Printer;

impl Reporter for Printer {
    fn event(&self, event: &Event) {
        if let Ok(line) = serde_json::to_string(event) {
            // A reader that has gone away does not stop the run.
            let _ = ui::out(&format!("{line}\n"));
        }
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let registry = Registry::default().with::<Book>();
    let of = |text: &str| text.to_owned();
    let scope = Scope { stack: of("library"), env: of("default"), region: of("here"), account: of("me"), partition: of("shelf") };
    let cx = Cx::new(Arc::new(Shelf::default()), Arc::new(scope));

    for titles in [&[("go", "Emma"), ("stay", "Persuasion")][..], &[("stay", "Persuasion, second edition")], &[]] {
        ui::out(&format!("\nThe shelf is to have: {titles:?}\n"))?;
        let plan = plan(&registry, &cx, titles).await?;
        let (_keep, stop) = watch::channel(false);
        let outcome = apply(&registry, &cx, &plan, &Printer, stop).await?;
        if !outcome.is_complete() || !self::plan(&registry, &cx, titles).await?.is_empty() {
            return Err("something is left to do".into());
        }
    }
    Ok(())
}

/// Compares the books that are wanted with those that are there.
async fn plan(registry: &Registry<Shelf>, cx: &Cx<Shelf>, titles: &[(&str, &str)]) -> Result<Plan, Box<dyn Error>> {
    let mut graph = Graph::default();
    for (name, title) in titles {
        graph.add(*name, "books", &Book { title: (*title).to_owned(), tags: BTreeMap::new() })?;
    }
    graph.own(registry, &cx.scope, &BTreeMap::new())?;
    let snapshot = Snapshot::read(registry, cx)
        .await
        .map_err(|errors| errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))?;
    Ok(Plan::make(registry, &cx.scope, Some(&graph), &snapshot)?)
}
