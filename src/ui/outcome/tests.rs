use super::*;

fn key(text: &str) -> Key {
    text.parse().unwrap()
}

fn ended(failed: bool) -> Outcome {
    let ms = Duration::from_millis;
    let error = Error {
        operation: Some("rds:CreateDBInstance".into()),
        code: Some("InstanceQuotaExceeded".into()),
        request_id: Some("1a2b3c4d-0000-1111-2222-333344445555".into()),
        ..Error::new(Class::Limit, "Requesting 1 DB instance would exceed the account's limit of \u{1b}[31m40 instances")
    }
    .hint("ask for more under Service Quotas, quota `L-7B6409FD`")
    .hint("or delete a database that nobody uses any more, which is a longer hint that needs to be wrapped somewhere");
    let link = |k, from, to, status: &str| {
        let status = (!status.is_empty()).then(|| status.to_owned());
        Link { key: key(k), verb: Verb::Create, from: ms(from), to: ms(to), status }
    };
    Outcome {
        done: vec![
            (key("ec2.vpc/main"), Verb::Create, ms(1200)),
            (key("ec2.nat_gateway/a"), Verb::Create, ms(95_000)),
            (key("ecs.service/web"), Verb::Update, ms(160_000)),
            (key("logs.log_group/old"), Verb::Delete, ms(300)),
        ],
        failed: if failed { vec![(key("rds.instance/main"), Verb::Create, error)] } else { Vec::new() },
        skipped: if failed {
            vec![
                (key("ecs.service/web"), Verb::Create, Some(key("rds.instance/main"))),
                (key("ecs.task_definition/web"), Verb::Create, Some(key("rds.instance/main"))),
                (key("ecs.service/old"), Verb::Delete, None),
            ]
        } else {
            Vec::new()
        },
        elapsed: ms(257_000),
        chain: vec![
            link("ec2.vpc/main", 0, 1200, ""),
            link("ec2.subnet/public-a", 1200, 1300, ""),
            link("ec2.nat_gateway/a", 1300, 96_200, "pending"),
            link("ec2.route/app-a", 96_200, 96_250, ""),
            link("ecs.service/web", 96_250, 257_000, "2 of 3 tasks run, 1 starts\u{1b}[31m"),
        ],
        ..Outcome::default()
    }
}

#[test]
fn how_it_ended() {
    let text = |failed, width| outcome(&ended(failed), &Terminal::plain(width), false);
    let stopped = Outcome {
        stopped: true,
        under_way: vec![
            (key("rds.instance/main"), Verb::Create, "backing-up".into()),
            (key("ecs.service/web"), Verb::Update, String::new()),
        ],
        skipped: vec![(key("ecs.service/old"), Verb::Delete, None)],
        elapsed: Duration::from_secs(70),
        ..ended(false)
    };
    let stopped = outcome(&stopped, &Terminal::plain(60), false);
    assert!(stopped.lines().all(|line| width(line) <= 60), "{stopped}");
    let quick = Outcome { elapsed: Duration::from_millis(1500), ..ended(false) };
    let told = |verbose| outcome(&quick, &Terminal::plain(80), verbose).contains("ec2.subnet/public-a");
    assert!(told(true) && !told(false));
    for failed in [false, true] {
        assert!(text(failed, 60).lines().all(|line| width(line) <= 60));
    }
    let nothing = outcome(&Outcome::default(), &Terminal::plain(80), false);
    insta::assert_snapshot!([text(false, 100), text(true, 60), stopped, nothing].join("\n=====\n"));
}

#[test]
fn what_failed_for_one_reason_is_told_once() {
    let expired = |code: &str| {
        let error = Error::new(Class::Credentials, "the token is expired").hint("get a new one");
        Error { code: Some(code.into()), ..error }
    };
    let failed = vec![
        (key("ec2.vpc/main"), Verb::Create, expired("RequestExpired")),
        (key("ec2.vpc/other"), Verb::Create, Error::new(Class::Limit, "too many")),
        (key("rds.instance/main"), Verb::Wait, expired("ExpiredToken")),
        (key("logs.log_group/web"), Verb::Delete, expired("ExpiredTokenException")),
    ];
    insta::assert_snapshot!(outcome(&Outcome { failed, ..Outcome::default() }, &Terminal::plain(60), false));
}

#[test]
fn what_to_do_next_depends_on_what_failed() {
    let ended = |classes: &[Class]| {
        let failed = |class: &Class| (key("ec2.vpc/main"), Verb::Create, Error::new(*class, "no"));
        outcome(&Outcome { failed: classes.iter().map(failed).collect(), ..Outcome::default() }, &Terminal::plain(200), false)
    };
    let again = "Run the same command again: it continues from here.";
    assert!(ended(&[Class::Throttled, Class::Late]).ends_with(&format!("{again}\n")));
    for class in [Class::Invalid, Class::Failed, Class::Exists, Class::Internal] {
        let text = ended(&[class, Class::Throttled]);
        assert!(!text.contains(again), "{text}");
    }
    assert!(ended(&[Class::Denied]).contains("Allow what is denied above, then run"));
    // A key that nobody has, a principal that is misspelled: refused until patience was over.
    let refused = Error { code: Some("KMSKeyNotAccessibleFault".into()), ..Error::new(Class::NotYet, "no") };
    let failed = vec![(key("rds.instance/main"), Verb::Create, refused)];
    let text = outcome(&Outcome { failed, ..Outcome::default() }, &Terminal::plain(200), false);
    assert!(!text.contains(again) && text.contains("kept refusing"), "{text}");
    let stopped = Outcome { stopped: true, ..Outcome::default() };
    assert!(outcome(&stopped, &Terminal::plain(80), false).contains(again));
    assert!(outcome(&Outcome { late: true, ..stopped }, &Terminal::plain(80), false).contains("by `--timeout`"));
}

#[test]
fn the_cause_comes_first_and_log_lines_stand_apart() {
    let error = Error::new(Class::Failed, "`web` exited with 1\nlast log lines of `web`:\n  | fatal: no \u{1b}[31mdatabase");
    let failed = vec![(key("ecs.service/web"), Verb::Create, error)];
    let text = outcome(&Outcome { failed, ..Outcome::default() }, &Terminal::plain(80), false);
    let lines: Vec<&str> = text.lines().take(4).collect();
    let expected = [
        "✗ ecs.service/web could not be created",
        "    `web` exited with 1",
        "    last log lines of `web`:",
        "    │ fatal: no \\u{1b}[31mdatabase",
    ];
    assert_eq!(lines, expected);
}

#[test]
fn how_it_ended_as_json() {
    let json = OutcomeJson { time: "2026-01-02T03:04:05.678Z".into(), ..outcome_json(&ended(true)) };
    insta::assert_snapshot!(serde_json::to_string_pretty(&json).unwrap());
}

#[test]
fn what_went_wrong_before() {
    let list = [
        Error::new(Class::Credentials, "no credentials were found").hint("run `aws sso login`"),
        Error::internal("x").about(&key("ec2.vpc/main")),
    ];
    insta::assert_snapshot!(errors(&list, &Terminal::plain(80)), @"
    ✗ error
        no credentials were found
        • run `aws sso login`
    ✗ ec2.vpc/main
        x
        • this is a bug in `stack`: please report it with the command and the file
    ");
}
