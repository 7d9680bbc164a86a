//! What must hold of the engine on any cloud.

use super::*;

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    /// The cloud refuses every wrong order, so a run without failures was in order.
    #[test]
    fn any_stack_becomes_any_other_and_nothing_is_left(a in file(), b in file()) {
        run(async {
            let world = World::new();
            for file in [Some(&a), Some(&b), None] {
                let (_, outcome) = world.apply(file).await;
                prop_assert!(outcome.is_complete(), "{:?}", outcome.failed);
                world.assert_is(file.unwrap_or(&File(BTreeMap::new())));
                let again = world.plan(file).await;
                prop_assert!(again.is_empty(), "{:?}", again.changes().collect::<Vec<_>>());
            }
            Ok(())
        })?;
    }

    /// What goes may be in use in ways that no reference tells: it goes when everything that is made and changed serves.
    #[test]
    fn nothing_goes_before_everything_serves(a in file(), b in file()) {
        run(async {
            let world = World::new();
            world.apply(Some(&a)).await;
            let (_, outcome) = world.apply(Some(&b)).await;
            prop_assert!(outcome.is_complete(), "{:?}", outcome.failed);
            let early = world.cloud.state.lock().unwrap().early.clone();
            prop_assert!(early.is_empty(), "{early:?}");
            Ok(())
        })?;
    }

    /// As long as one of them does not move, all that was there is there.
    #[test]
    fn nothing_is_deleted_when_a_create_or_update_fails(
        a in file(), b in file(), pick in any::<prop::sample::Index>(),
    ) {
        run(async {
            let world = World::new();
            world.apply(Some(&a)).await;
            let plan = world.plan(Some(&b)).await;
            let moving = |item: &&Item| matches!(item.action, Action::Create | Action::Update | Action::Replace);
            let moving: Vec<String> = plan.changes().filter(moving).map(|item| item.key.name.clone()).collect();
            prop_assume!(!moving.is_empty());
            let before: Vec<String> = world.cloud.state.lock().unwrap().things.keys().cloned().collect();
            world.cloud.state.lock().unwrap().refuse_names = vec![pick.get(&moving).clone()];
            let (_, outcome) = world.apply(Some(&b)).await;
            prop_assert_eq!(outcome.failed.len(), 1);
            let failed = &outcome.failed[0].0;
            let goes = |item: &&Item| matches!(item.action, Action::Delete | Action::Replace);
            let kept = outcome.skipped.iter().filter(|(_, verb, because)| *verb == Verb::Delete && because.as_ref() == Some(failed));
            prop_assert_eq!(kept.count(), plan.changes().filter(goes).count(), "the report names what was kept, and why");
            {
                let mut state = world.cloud.state.lock().unwrap();
                prop_assert!(before.iter().all(|id| state.things.contains_key(id)));
                state.refuse_names.clear();
            }
            let (_, outcome) = world.apply(Some(&b)).await;
            prop_assert!(outcome.is_complete(), "{:?}", outcome.failed);
            world.assert_is(&b);
            Ok(())
        })?;
    }

    /// Whatever the index missed (a tag, whose an object is, that it is there at all), what is to be done is never told from it.
    #[test]
    fn a_plan_by_a_stale_index_is_exact_or_empty(
        a in file(), b in file(), same in any::<bool>(), drift in 0..4usize, pick in any::<prop::sample::Index>(), when in 0..3usize,
    ) {
        run(async {
            let world = World::new();
            let index = |at: usize| if at == when {
                let mut state = world.cloud.state.lock().unwrap();
                state.index = state.things.iter().map(|(id, t)| (id.clone(), t.fields.tags.clone())).collect();
            };
            index(0);
            world.apply(Some(&a)).await;
            index(1);
            {
                let mut state = world.cloud.state.lock().unwrap();
                let count = state.things.len();
                if let Some(thing) = state.things.values_mut().nth(if count == 0 { 0 } else { pick.index(count) }) {
                    match drift {
                        0 => drop(thing.fields.tags.insert("team".into(), "other".into())),
                        1 => drop(thing.fields.tags.insert(TAG_STACK.into(), "other".into())),
                        2 => drop(thing.fields.tags.remove(TAG_KEY)),
                        _ => {}
                    }
                }
            }
            index(2);
            let file = if same { &a } else { &b };
            let read = Snapshot::read_by_index(&registry(), &world.cx()).await.unwrap();
            let plan = Plan::make_by_index(&registry(), &world.cx(), &graph(file), read).await.unwrap();
            let exact = world.plan(Some(file)).await;
            prop_assert!(plan == exact || plan.is_empty() && when == 1 && drift < 3, "{plan:#?}\nis not\n{exact:#?}");
            Ok(())
        })?;
    }

    #[test]
    fn a_failure_skips_only_what_depends_on_it(a in file(), pick in any::<prop::sample::Index>()) {
        prop_assume!(!a.0.is_empty());
        run(async {
            let names: Vec<usize> = a.0.keys().copied().collect();
            let bad = *pick.get(&names);
            let world = World::new();
            world.cloud.state.lock().unwrap().refuse_names = vec![format!("t{bad}")];
            let (_, outcome) = world.apply(Some(&a)).await;
            // Who depends on it, through whatever lies between.
            let mut lost = vec![bad];
            for (name, (needs, ..)) in &a.0 {
                if needs.iter().any(|n| lost.contains(n)) && !lost.contains(name) {
                    lost.push(*name);
                }
            }
            let built: Vec<String> = names.iter().filter(|n| !lost.contains(n)).map(|n| format!("t{n}")).collect();
            let mut done: Vec<String> = outcome.done.iter().map(|(k, ..)| k.name.clone()).collect();
            done.sort_by_key(|n| n[1..].parse::<usize>().unwrap());
            prop_assert_eq!(done, built);
            prop_assert_eq!(outcome.failed.len(), 1);
            prop_assert_eq!(outcome.skipped.len(), lost.len() - 1);
            // Once it works, the same command goes on from there.
            world.cloud.state.lock().unwrap().refuse_names.clear();
            let (_, outcome) = world.apply(Some(&a)).await;
            prop_assert!(outcome.is_complete());
            world.assert_is(&a);
            Ok(())
        })?;
    }

    #[test]
    fn a_run_that_dies_at_any_call_is_simply_run_again(a in file(), b in file(), at in 0..40usize, after: bool) {
        run(async {
            let world = World::new();
            world.apply(Some(&a)).await;
            {
                let mut state = world.cloud.state.lock().unwrap();
                let fault = if after { Fault::DieAfter } else { Fault::DieBefore };
                let call = state.mutating + at;
                state.faults.insert(call, fault);
            }
            world.apply_until_death(Some(&b)).await;
            let (_, outcome) = world.apply(Some(&b)).await;
            prop_assert!(outcome.is_complete(), "{:?}", outcome.failed);
            world.assert_is(&b);
            let early = world.cloud.state.lock().unwrap().early.clone();
            prop_assert!(early.is_empty(), "{early:?}");
            let again = world.plan(Some(&b)).await;
            prop_assert!(again.is_empty(), "{:?}", again.changes().collect::<Vec<_>>());
            Ok(())
        })?;
    }
}

/// What comes has been begun by a run that died; all that is left is to wait for it, and then what it follows goes.
#[test]
fn deletions_wait_for_what_an_earlier_run_began() {
    run(async {
        let world = World::new();
        world.apply(Some(&File([(0, (vec![], 0, 0))].into()))).await;
        {
            let mut state = world.cloud.state.lock().unwrap();
            let call = state.mutating + 1; // that after the creation: a label comes late
            state.faults.insert(call, Fault::DieAfter);
        }
        let other = File([(1, (vec![], 0, 0))].into());
        world.apply_until_death(Some(&other)).await;
        assert_eq!(world.cloud.state.lock().unwrap().idle.len(), 1);
        let (plan, outcome) = world.apply(Some(&other)).await;
        assert!(outcome.is_complete(), "{:?}", outcome.failed);
        assert_eq!(plan.changes().map(|item| item.action).collect::<Vec<_>>(), [Action::Delete]);
        world.assert_is(&other);
        assert_eq!(world.cloud.state.lock().unwrap().early, Vec::<String>::new());
    });
}

/// The name of the new half that failed is taken as long as it is there.
#[test]
fn a_failed_replacement_is_retried_with_another_name() {
    run(async {
        let world = World::new();
        let file = |fixed: i64| File([(0, (vec![], 0, fixed))].into());
        world.apply(Some(&file(0))).await;
        world.cloud.state.lock().unwrap().fails = BTreeSet::from(["t0".to_owned()]);
        for times in 1..3 {
            let (_, outcome) = world.apply(Some(&file(1))).await;
            let failed: Vec<&str> = outcome.failed.iter().map(|(_, _, error)| error.message.as_str()).collect();
            assert_eq!(failed, ["it crashes"]);
            let state = world.cloud.state.lock().unwrap();
            assert!(state.things.contains_key("thing-0"), "what serves stays");
            assert_eq!(state.failed.len(), times);
        }
        world.cloud.state.lock().unwrap().fails.clear();
        let (plan, outcome) = world.apply(Some(&file(1))).await;
        assert!(outcome.is_complete(), "{:?}", outcome.failed);
        assert_eq!(plan.items[0].generation, 4);
        world.assert_is(&file(1));
        assert!(world.plan(Some(&file(1))).await.is_empty());
    });
}

/// A run died between the two halves, and the old one has, since its section got another name, its tags alone.
#[test]
fn a_moved_old_half_is_deleted_if_it_is_vouched_for() {
    run(async {
        let world = World::new();
        let file = |fixed: i64| File([(0, (vec![], 0, fixed)), (1, (vec![0], 0, fixed))].into());
        world.apply(Some(&file(0))).await;
        {
            let mut state = world.cloud.state.lock().unwrap();
            let deletions = state.mutating + 4; // each of the two is made and gets its label
            state.faults.insert(deletions, Fault::DieBefore);
        }
        world.apply_until_death(Some(&file(1))).await;
        world.cloud.state.lock().unwrap().tagged = BTreeSet::from(["thing-0".to_owned(), "thing-1".to_owned()]);
        let mut plan = world.plan(Some(&file(1))).await;
        assert!(plan.is_empty(), "by itself neither is touched");
        assert_eq!(plan.items.iter().filter(|item| item.is_impostor()).count(), 2);
        plan.items.iter_mut().for_each(Item::vouch);
        let (_keep, stop) = watch::channel(false);
        let outcome = apply(&registry(), &world.cx(), &plan, &Silent, stop).await.unwrap();
        assert!(outcome.is_complete(), "{:?}", outcome.failed);
        world.assert_is(&file(1));
    });
}

#[test]
fn a_run_stopped_before_it_begins_does_nothing() {
    run(async {
        let world = World::new();
        let plan = world.plan(Some(&File([(0, (vec![], 0, 0)), (1, (vec![], 0, 0))].into()))).await;
        let (stop, mut stopped) = watch::channel(false);
        stop.send(true).unwrap();
        stopped.mark_unchanged();
        let outcome = apply(&registry(), &world.cx(), &plan, &Silent, stopped).await.unwrap();
        assert!(outcome.stopped && outcome.done.is_empty() && outcome.skipped.len() == 2);
        assert_eq!(world.cloud.state.lock().unwrap().mutating, 0);
    });
}

/// The waits in between are real seconds, so few cases: every call of one stack loses its answer once.
#[test]
fn a_lost_answer_makes_no_duplicate() {
    let file = File(BTreeMap::from([(0, (vec![], 1, 0)), (1, (vec![0], 2, 0)), (2, (vec![0, 1], 0, 1))]));
    for at in 0..6 {
        run(async {
            let world = World::new();
            world.cloud.state.lock().unwrap().faults.insert(at, Fault::LoseAnswer);
            let (_, outcome) = world.apply(Some(&file)).await;
            assert!(outcome.is_complete(), "{:?}", outcome.failed);
            world.assert_is(&file);
        });
    }
}

/// What was made is not always seen at once: it must not be made again for that.
#[test]
fn a_lost_answer_makes_no_duplicate_of_a_late_object() {
    let file = File(BTreeMap::from([(0, (vec![], 1, 0)), (1, (vec![0], 2, 0))]));
    for at in [0, 2] {
        run(async {
            let world = World::new();
            {
                let mut state = world.cloud.state.lock().unwrap();
                state.faults.insert(at, Fault::LoseAnswer);
                state.late = 4;
            }
            let (_, outcome) = world.apply(Some(&file)).await;
            assert!(outcome.is_complete(), "{:?}", outcome.failed);
            world.assert_is(&file);
        });
    }
}

/// "Not found" can be about something that the object refers to.
#[test]
fn not_found_of_another_object_ends_no_deletion() {
    run(async {
        let world = World::new();
        world.apply(Some(&File(BTreeMap::from([(0, (vec![], 1, 0))])))).await;
        world.cloud.state.lock().unwrap().misled = 2;
        let (_, outcome) = world.apply(None).await;
        assert!(outcome.is_complete(), "{:?}", outcome.failed);
        assert_eq!(world.keys(), Vec::<String>::new());
    });
}

/// The cloud's answers are of different times: what a list names, a question about it may not know yet, or no more.
#[test]
fn what_is_listed_but_not_found_is_read_again() {
    run(async {
        let world = World::new();
        let file = File(BTreeMap::from([(0, (vec![], 1, 0))]));
        world.apply(Some(&file)).await;
        world.cloud.state.lock().unwrap().torn = 2;
        assert!(world.plan(Some(&file)).await.is_empty());
        assert_eq!(world.cloud.state.lock().unwrap().torn, 0);
    });
}

#[test]
fn two_objects_with_one_key_stop_everything() {
    run(async {
        let world = World::new();
        let file = File(BTreeMap::from([(0, (vec![], 1, 0))]));
        world.apply(Some(&file)).await;
        {
            let mut state = world.cloud.state.lock().unwrap();
            let twin = state.things.values().next().unwrap().clone();
            state.things.insert("thing-twin".into(), twin);
        }
        let snapshot = Snapshot::read(&registry(), &world.cx()).await.unwrap();
        let error = Plan::make(&registry(), &scope(), Some(&graph(&file)), &snapshot).unwrap_err();
        assert!(error.message.contains("thing-0") && error.message.contains("thing-twin"), "{error}");
    });
}

#[test]
fn a_stopped_run_only_finishes_what_is_in_flight() {
    run(async {
        let world = World::new();
        let chain = File((0..10).map(|n| (n, (if n == 0 { vec![] } else { vec![n - 1] }, 0, 0))).collect());
        let plan = world.plan(Some(&chain)).await;
        let (stop, stopped) = watch::channel(false);
        struct StopAfterTwo(watch::Sender<bool>, Mutex<usize>);
        impl Reporter for StopAfterTwo {
            fn event(&self, event: &Event) {
                if let Event::Finished { .. } = event {
                    let mut n = self.1.lock().unwrap();
                    *n += 1;
                    if *n == 2 {
                        self.0.send(true).unwrap();
                    }
                }
            }
        }
        let reporter = StopAfterTwo(stop, Mutex::new(0));
        let outcome = apply(&registry(), &world.cx(), &plan, &reporter, stopped).await.unwrap();
        assert!(outcome.stopped);
        assert!(outcome.failed.is_empty());
        assert!(outcome.done.len() <= 4 && outcome.done.len() + outcome.skipped.len() == 10, "{}", outcome.done.len());
        let (_, outcome) = world.apply(Some(&chain)).await;
        assert!(outcome.is_complete());
        world.assert_is(&chain);
    });
}

/// Forty things that need nothing of each other, of which twelve are begun at once.
#[test]
fn nothing_is_begun_after_the_credentials_expire() {
    run(async {
        let world = World::new();
        let many = File((0..40).map(|n| (n, (vec![], 0, 0))).collect());
        world.cloud.state.lock().unwrap().expires = Some(10);
        let (_, outcome) = world.apply(Some(&many)).await;
        assert!((1..=12).contains(&outcome.failed.len()), "{:?}", outcome.failed);
        assert_eq!(outcome.done.len() + outcome.failed.len() + outcome.skipped.len(), 40);
        let first = &outcome.failed[0].0;
        assert!(outcome.skipped.len() > 20 && outcome.skipped.iter().all(|(_, _, because)| because.as_ref() == Some(first)));
        assert!(!outcome.stopped && !outcome.is_complete());
        world.cloud.state.lock().unwrap().expires = None;
        let (_, outcome) = world.apply(Some(&many)).await;
        assert!(outcome.is_complete());
        world.assert_is(&many);
    });
}

#[test]
fn a_saved_plan_gives_back_its_graph() {
    run(async {
        let world = World::new();
        let file = File(BTreeMap::from([(0, (vec![], 1, 0)), (1, (vec![0], 2, 0))]));
        let plan = world.plan(Some(&file)).await;
        let text = serde_json::to_string(&plan).unwrap();
        let read: Plan = serde_json::from_str(&text).unwrap();
        assert_eq!(read, plan);
        let snapshot = Snapshot::read(&registry(), &world.cx()).await.unwrap();
        let again = Plan::make(&registry(), &scope(), read.graph().unwrap().as_ref(), &snapshot).unwrap();
        assert_eq!(again, plan);
    });
}

#[test]
fn a_saved_plan_keeps_moves_and_ignored_tags() {
    run(async {
        let world = World::new();
        let desired = |number: usize, name: &str| {
            let mut graph = Graph::default();
            let tags = BTreeMap::from([("cost".to_owned(), "1".to_owned())]);
            let thing = Thing { needs: vec![], value: 0, fixed: 0, late: Some(0), labels: vec![], tags };
            graph.add(format!("t{number}"), &format!("things.{name}"), &thing).unwrap();
            graph.own(&registry(), &scope(), &BTreeMap::new()).unwrap();
            graph.ignore_tags(&["cost".to_owned()]);
            graph
        };
        let make = async |graph: &Graph| {
            let snapshot = Snapshot::read(&registry(), &world.cx()).await.unwrap();
            Plan::make(&registry(), &scope(), Some(graph), &snapshot).unwrap()
        };
        let (_keep, stop) = watch::channel(false);
        let first = make(&desired(0, "t0")).await;
        apply(&registry(), &world.cx(), &first, &Silent, stop.clone()).await.unwrap();
        world.cloud.state.lock().unwrap().things.values_mut().for_each(|thing| {
            thing.fields.tags.insert("cost".into(), "9".into());
        });
        let mut graph = desired(1, "t1");
        graph.moved = vec![Moved { from: "things.t0".into(), to: "things.t1".into() }];
        let plan = make(&graph).await;
        assert_eq!(plan.items.iter().map(|item| item.action).collect::<Vec<_>>(), [Action::Update]);
        assert!(!plan.items[0].changes.touches("tags.cost"), "{:?}", plan.items[0].changes);
        let read: Plan = serde_json::from_str(&serde_json::to_string(&plan).unwrap()).unwrap();
        assert_eq!(make(&read.graph().unwrap().unwrap()).await, plan);
        let outcome = apply(&registry(), &world.cx(), &plan, &Silent, stop).await.unwrap();
        assert!(outcome.is_complete(), "{:?}", outcome.failed);
        assert!(make(&graph).await.is_empty());
    });
}

/// What names an attribute that a change makes another one is changed in the same run, not in the next.
#[test]
fn changed_attributes_are_written_to_their_users() {
    run(async {
        let world = World::new();
        let file = |value: i64| File([(0, (vec![], value, 0)), (1, (vec![0], 0, 0))].into());
        world.apply(Some(&file(0))).await;
        let (plan, outcome) = world.apply(Some(&file(1))).await;
        assert!(outcome.is_complete(), "{:?}", outcome.failed);
        let actions: Vec<(String, Action)> = plan.items.iter().map(|item| (item.key.name.clone(), item.action)).collect();
        assert_eq!(actions, [("t0".to_owned(), Action::Update), ("t1".to_owned(), Action::Update)]);
        assert!(world.plan(Some(&file(1))).await.items.iter().all(|item| item.action == Action::Keep));
    });
}
