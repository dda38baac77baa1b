//! The commands of the built program: their output and exit codes.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Stdio;
use std::time::Duration;

use common::clock::Clock;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UnixDatagram};
use tokio::process::Command;
use tokio::time::{Instant, timeout};
use wiremock::MockServer;

use crate::harness::{KEY, PATIENCE, REPORTS, SUBSCRIPTIONS, asked, json, refusal, until_within};
use crate::program::{Process, config_file, config_flag, file, finish, get, program, value};

const HOUR: Duration = Duration::from_secs(3_600);

#[tokio::test]
async fn a_wrong_configuration_is_refused_with_every_fault_on_its_own_line() {
    let account = format!("[accounts.main]\napi_key = '{KEY}'\n");
    for (name, text, faults) in [
        (
            "no account",
            "[collect.cost]\ninterval = '30m'\n".to_owned(),
            vec![
                "accounts: no account is configured: set GCORE_API_KEY, or add a table [accounts.NAME] with \
                 api_key_file, api_key_credential or api_key to the configuration file, or set \
                 GCORE_EXPORTER_ACCOUNTS__NAME__API_KEY_FILE",
            ],
        ),
        (
            "a misspelt key",
            format!("{account}[collect.cost]\nintreval = '1h'\n"),
            vec!["collect.cost.intreval (FILE): unknown key; did you mean \"interval\"?"],
        ),
        (
            "three faults",
            format!("{account}page_size = 0\n[collect.usage]\ninterval = '5'\n[collect.usages]\nenabled = true\n"),
            vec![
                "accounts.main.page_size (FILE): must be between 1 and 1000, is 0",
                "collect.usage.interval (FILE): 5 has no unit: write \"5s\" for seconds, \"5m\", \"5h\" or \"5d\"",
                "collect.usages (FILE): unknown key; did you mean \"usage\"?",
            ],
        ),
    ] {
        let config = file(&text);
        for command in ["run", "once", "check-config"] {
            let ended = finish(program(&[command, &config_flag(&config)])).await;
            assert_eq!(ended.code, Some(2), "{command}, {name}");
            assert_eq!(ended.stdout, "", "{command}, {name}");
            let said = ended.stderr.replace(&config.path().display().to_string(), "FILE");
            assert_eq!(said.lines().collect::<Vec<_>>(), faults, "{command}, {name}");
        }
    }
    let ended = finish(program(&[])).await;
    assert_eq!(ended.code, Some(2), "nothing at all is set");
    assert!(ended.stderr.starts_with("accounts: no account is configured: set GCORE_API_KEY"), "{}", ended.stderr);
}

#[tokio::test]
async fn check_config_says_what_a_good_configuration_means() {
    let config = config_file("https://api.example", "projects = [16, 17]", &["cost", "reports"]);
    let ended = finish(program(&["check-config", &config_flag(&config)])).await;
    let meaning = "\
accounts:
  main: https://api.example, only projects 16, 17, at most 100 requests/s
collectors:
  cost: every 1s, today, yesterday, month_to_date, previous_month, method auto
  usage: off
  reports: every 1s, tasks of the last 7d
  subscriptions: off
  commitments: off
  names: off
  history: off
alerts: 24 of 24 rules, 0 thresholds, 0 mutes
storage: in memory only

The configuration is good.
";
    assert_eq!((ended.code, ended.stdout.as_str(), ended.stderr.as_str()), (Some(0), meaning, ""));
}

#[tokio::test]
async fn what_a_configuration_calls_things_moves_no_terminal() {
    let config = config_file("https://api.example", "", &["cost", "history"]);
    let more = "[[alerts.budget]]\nname = \"a\\u001b[2J\\nalerts: none\\u202e\"\namount = 1\ncurrency = \"EUR\"\n";
    std::fs::write(config.path(), std::fs::read_to_string(config.path()).unwrap() + more).unwrap();
    let ended = finish(program(&["check-config", &config_flag(&config)])).await;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let line = "\n  budget a\\u001b[2J\\nalerts: none\\u202e of main: 1 EUR a month\n";
    assert!(ended.stdout.contains(line), "{:?}", ended.stdout);
}

#[tokio::test]
async fn what_an_api_calls_things_reaches_programs_but_no_terminal() {
    let api = MockServer::start().await;
    let task = r#"{"count": 1, "results": [{"uuid": "t1", "task_type": "Re\u001b[31mport", "status": "Failed"}]}"#;
    asked(REPORTS).respond_with(json(task)).mount(&api).await;
    let config = config_file(&api.uri(), "", &["reports"]);
    let flag = config_flag(&config);
    let piped = finish(program(&["once", &flag])).await;
    assert!(piped.stdout.contains("task_type=\"Re\u{1b}[31mport\""), "{:?}", piped.stdout);
    // `script` runs its command in a terminal.
    let mut terminal = Command::new("script");
    let command = format!("'{}' once '{flag}'", env!("CARGO_BIN_EXE_gcore-billing-exporter"));
    terminal.args(["-qec", &command, "/dev/null"]).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let shown = finish(terminal).await;
    assert!(shown.stdout.contains(r#"task_type="Re\u001b[31mport""#), "{:?}", shown.stdout);
    assert!(!shown.stdout.contains('\u{1b}'), "{:?}", shown.stdout);
}

#[tokio::test]
async fn a_wrong_flag_is_refused_with_what_would_be_right() {
    for (arguments, hint) in [
        (vec!["--nope"], "unexpected argument '--nope'"),
        (vec!["checkconfig"], "'check-config'"),
        (vec!["run", "more"], "unexpected argument 'more'"),
        (vec!["--web.listen-address=here"], "expected IP:PORT such as 127.0.0.1:10061, or :PORT"),
        (vec!["once", "--web.listen-address=127.0.0.1"], "expected IP:PORT such as 127.0.0.1:10061, or :PORT"),
        (vec!["--web.telemetry-path=metrics"], "expected a path such as /metrics"),
        (vec!["--web.telemetry-path=/"], "another page has it"),
        (vec!["--web.telemetry-path=/api/v1/alerts"], "another page has it"),
        (vec!["--web.telemetry-path=/api/v1/anomalies"], "another page has it"),
        (vec!["--web.telemetry-path=/runbooks"], "another page has it"),
        (vec!["--web.telemetry-path=/projects/5"], "another page has it"),
        (vec!["--web.telemetry-path=/-/ready"], "not below /-/"),
        (vec!["--shard=9/3"], "'9/3' for '--shard <I/N>': expected I/N such as 2/3"),
        (vec!["run", "--shard=0/3"], "'--shard <I/N>': expected I/N such as 2/3: the shard I, from 1 to N"),
        (vec!["once", "--shard=a/b"], "'--shard <I/N>': expected I/N such as 2/3"),
        (vec!["run", "--shard=1"], "'--shard <I/N>': expected I/N such as 2/3"),
        (vec!["run", "--shard=1/0"], "'--shard <I/N>': expected I/N such as 2/3"),
        (vec!["run", "--shard=1/101"], "of N shards, at most 100"),
        (vec!["run", "--shard"], "a value is required for '--shard <I/N>'"),
        (vec!["--log.level=loud"], "[possible values: error, warn, info, debug, trace]"),
        (vec!["--log.format=xml"], "[possible values: logfmt, json]"),
        (vec!["demo", "--demo.api-address=x"], "--demo.api-address <IP:PORT>"),
        (vec!["demo", "--demo.alertmanager=http://am.example.com"], "only a loopback host"),
        (vec!["alerts", "--alerts.url=here"], "expected a URL such as http://127.0.0.1:10061"),
        (vec!["alerts", "--alerts.url=ftp://here/"], "expected a URL such as http://127.0.0.1:10061"),
        (vec!["alerts", "--alerts.url=http://user:pass@here/"], "put it into a file for --alerts.password-file"),
    ] {
        let ended = finish(program(&arguments)).await;
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(2), ""), "{arguments:?}");
        assert!(ended.stderr.contains(hint), "{arguments:?}: {}", ended.stderr);
    }
}

#[tokio::test]
async fn help_teaches_and_the_version_is_told() {
    let help = finish(program(&["--help"])).await;
    assert_eq!((help.code, help.stderr.as_str()), (Some(0), ""));
    for taught in ["run ", "demo ", "once ", "check-config ", "GCORE_API_KEY", "GCORE_BASE_URL", "--config.file"] {
        assert!(help.stdout.contains(taught), "{taught} is not in:\n{}", help.stdout);
    }
    let words = help.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words.contains("collect.cost.interval is GCORE_EXPORTER_COLLECT__COST__INTERVAL"), "{words}");
    assert!(words.contains("Exit codes: 0 success or stopped on request; 1 a failure"), "{words}");
    for example in ["  gcore-billing-exporter demo\n", "  GCORE_API_KEY='1234$abcdef' gcore-billing-exporter\n"] {
        assert!(help.stdout.contains(example), "an example is a line that can be copied:\n{}", help.stdout);
    }
    let version = finish(program(&["--version"])).await;
    assert_eq!(version.code, Some(0));
    let expected = concat!("gcore-billing-exporter ", env!("CARGO_PKG_VERSION"), " (revision ");
    assert!(version.stdout.starts_with(expected), "{}", version.stdout);
}

#[tokio::test]
async fn the_help_of_a_command_lists_its_own_flags() {
    let [config, shard, listen, path, reload, web] = [
        "--config.file",
        "--shard",
        "--web.listen-address",
        "--web.telemetry-path",
        "--web.enable-lifecycle",
        "--web.config.file",
    ];
    for (command, own) in [
        (&[][..], &[config, shard, listen, path, reload, web][..]),
        (&["run"], &[config, shard, listen, path, reload, web]),
        (&["demo"], &["--demo.api-address", "--demo.store", "--demo.alertmanager", listen, path, web]),
        (&["once"], &[config, shard]),
        (&["check-config"], &[config, listen, web, "--online"]),
        (&["backfill"], &[config, "--from", "--to", "--out"]),
        (&["backtest"], &[config, "--csv", "--store", "--labels", "--without", "--detections", "--forecasts"]),
        (&["alerts", "test"], &[config]),
        (&["alerts", "dead-letters", "list"], &[config]),
        (&["alerts", "dead-letters", "replay"], &[config]),
    ] {
        let help = finish(program(&[command, &["--help"]].concat())).await.stdout;
        let words = help.lines().filter_map(|line| line.split_whitespace().next());
        let listed: BTreeSet<&str> = words.filter(|word| word.starts_with("--") && !word.ends_with('.')).collect();
        let own = own.iter().copied().chain(["--log.level", "--log.format"]).collect();
        assert_eq!(listed, own, "{command:?}: {help}");
    }
    let ended = finish(program(&["once", "--web.telemetry-path=/m", "--config.file=/nowhere"])).await;
    assert!(ended.stderr.contains("/nowhere: cannot read"), "a shared flag is taken anywhere: {}", ended.stderr);
}

/// Two demos on one machine with default ports. Another program may use these ports already.
#[tokio::test]
async fn a_second_demo_runs_beside_the_first_and_every_hint_can_be_typed() {
    let start = || Process::start(&mut program(&["demo"]));
    let (first, second) = (start(), start());
    let mut pages = BTreeSet::new();
    for demo in [&first, &second] {
        demo.until(async || demo.printed().contains("Start page ")).await;
        let welcome = demo.printed();
        let page = word_after(&welcome, "Start page ").to_owned();
        assert_eq!(get(&format!("{page}-/ready")).await, "ready\n", "the addresses come once it is ready");
        assert_eq!(welcome.lines().last().unwrap().trim(), format!("Start page   {page}"), "they come last");
        assert_eq!(demo.log(), "", "nothing is logged after them");
        let hint = welcome.lines().find(|line| line.contains("alerts --alerts.url=")).unwrap().trim();
        let typed = Command::new("sh").arg("-c").arg(hint).env_clear().output().await.unwrap();
        assert_eq!(typed.status.code(), Some(0), "{hint}: {}", String::from_utf8_lossy(&typed.stderr));
        assert!(String::from_utf8_lossy(&typed.stdout).contains("GcoreWatchdog"), "{hint}");
        pages.insert(page);
    }
    assert_eq!(pages.len(), 2, "{pages:?}");
    for demo in [first, second] {
        demo.signal("INT").await;
        assert_eq!(demo.end().await.code, Some(0));
    }
}

#[tokio::test]
async fn an_address_that_is_taken_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = taken.local_addr().unwrap();
    let (listen, api) = (format!("--web.listen-address={address}"), format!("--demo.api-address={address}"));
    for (arguments, remedy) in [
        (vec!["run", &listen], "cannot serve; another address can be chosen with --web.listen-address"),
        (
            vec!["demo", &api, "--web.listen-address=127.0.0.1:0"],
            "the simulated API cannot start; choose another address with --demo.api-address",
        ),
    ] {
        let mut command = program(&arguments);
        command.env("GCORE_API_KEY", KEY).env("GCORE_BASE_URL", "http://127.0.0.1:1");
        let ended = finish(command).await;
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(1), ""), "{arguments:?}");
        let cause = format!("cannot listen on {address}: Address already in use (os error 98)");
        assert_eq!(ended.stderr, format!("gcore-billing-exporter: {remedy}: {cause}\n"));
    }
}

/// Once idle, and once busy: with polls that wait for an answer, a client that keeps its connection, and one that never
/// finishes its request.
#[tokio::test]
async fn a_signal_ends_the_daemon_within_seconds() {
    let api = MockServer::start().await;
    let empty = || json(r#"{"count": 0, "results": []}"#);
    asked(REPORTS).respond_with(empty()).mount(&api).await;
    asked(SUBSCRIPTIONS).respond_with(empty().set_delay(HOUR)).mount(&api).await;
    let ends = async |signal, collector, is_busy: bool| {
        let daemon = Process::serving(config_file(&api.uri(), "", &[collector]), &[]);
        let url = daemon.url().await;
        let mut clients = Vec::new();
        if is_busy {
            daemon
                .until(async || api.received_requests().await.unwrap().iter().any(|r| r.url.path() == SUBSCRIPTIONS))
                .await;
            for request in ["GET /-/healthy HTTP/1.1\r\nhost: x\r\n\r\n", "GET /metrics HTTP/1.1\r\nho"] {
                let mut client = TcpStream::connect(url.trim_start_matches("http://")).await.unwrap();
                client.write_all(request.as_bytes()).await.unwrap();
                clients.push(client);
            }
            let mut answer = [0; 15];
            clients[0].read_exact(&mut answer).await.unwrap();
            assert_eq!(&answer, b"HTTP/1.1 200 OK");
        } else {
            daemon.until(async || get(&format!("{url}/-/ready")).await == "ready\n").await;
        }
        let told = Instant::now();
        daemon.signal(signal).await;
        let ended = daemon.end().await;
        assert_eq!(ended.code, Some(0), "SIG{signal}, {collector}: {}", ended.stderr);
        assert!(ended.stderr.contains(&format!("signal=SIG{signal}")), "{}", ended.stderr);
        told.elapsed()
    };
    let soon = async |signal, collector, is_busy| {
        until_within("the end", Duration::from_secs(5), async || ends(signal, collector, is_busy).await).await;
    };
    tokio::join!(
        soon("TERM", "reports", false),
        soon("INT", "reports", false),
        soon("TERM", "subscriptions", true),
        soon("INT", "subscriptions", true),
    );
}

#[tokio::test]
async fn a_service_manager_is_told_when_it_listens() {
    let api = MockServer::start().await;
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("notify");
    let manager = UnixDatagram::bind(&socket).unwrap();
    let config = config_file(&api.uri(), "", &["names"]);
    let mut command = program(&["run", &config_flag(&config), "--web.listen-address=127.0.0.1:0"]);
    let daemon = Process::start(command.env("NOTIFY_SOCKET", &socket));
    let mut told = [0; 64];
    let length = timeout(PATIENCE, manager.recv(&mut told)).await;
    let length = length.unwrap_or_else(|_| panic!("nothing is told:\n{}", daemon.log())).unwrap();
    assert_eq!(String::from_utf8_lossy(&told[..length]), "READY=1\n");
    assert_eq!(get(&(daemon.url().await + "/-/healthy")).await.trim(), "alive");
    daemon.stop().await;
}

#[tokio::test]
async fn a_service_manager_hears_from_a_daemon_whose_pollers_live() {
    let api = MockServer::start().await;
    let folder = tempfile::tempdir().unwrap();
    let (socket, key) = (folder.path().join("notify"), folder.path().join("key"));
    std::fs::write(&key, KEY).unwrap();
    let manager = UnixDatagram::bind(&socket).unwrap();
    let text = format!(
        "[accounts.main]\napi_key_file = '{}'\napi_url = '{}'\n[storage]\npath = \"\"\n[collect.names]\ninterval = '1s'\n",
        key.display(),
        api.uri()
    );
    let config = file(&text);
    let mut command = program(&["run", &config_flag(&config), "--web.listen-address=127.0.0.1:0"]);
    let daemon = Process::start(command.env("NOTIFY_SOCKET", &socket).env("WATCHDOG_USEC", "200000"));
    let mut told = [0; 64];
    let mut hears = async |limit| {
        let length = timeout(limit, manager.recv(&mut told)).await.ok()?.unwrap();
        Some(String::from_utf8_lossy(&told[..length]).into_owned())
    };
    assert_eq!(hears(PATIENCE).await.as_deref(), Some("READY=1\n"));
    for _ in 0..30 {
        assert_eq!(hears(PATIENCE).await.as_deref(), Some("WATCHDOG=1\n"), "{}", daemon.log());
    }
    // Reading a named pipe without a writer blocks, and would block the whole daemon.
    std::fs::remove_file(&key).unwrap();
    let made = std::process::Command::new("mkfifo").arg(&key).status().unwrap();
    assert!(made.success());
    let silence = async { while hears(Duration::from_secs(2)).await.is_some() {} };
    timeout(PATIENCE, silence).await.expect("a daemon that hangs still feeds the watchdog");
}

#[tokio::test]
async fn a_health_check_asks_the_daemon() {
    let api = MockServer::start().await;
    let daemon = Process::serving(config_file(&api.uri(), "", &["names"]), &[]);
    let url = daemon.url().await;
    let check = async || finish(program(&["healthcheck", &format!("--healthcheck.url={url}")])).await;
    let ended = check().await;
    assert_eq!((ended.code, &*ended.stdout, &*ended.stderr), (Some(0), "", ""));
    daemon.stop().await;
    let ended = check().await;
    assert_eq!(ended.code, Some(1));
    let word = format!("gcore-billing-exporter: {url}/-/healthy is not healthy; --healthcheck.url says where");
    assert!(ended.stderr.starts_with(&word), "{}", ended.stderr);
    assert_eq!(ended.stderr.lines().count(), 1, "{}", ended.stderr);
}

#[tokio::test]
async fn packages_get_pages_and_completions_of_every_command() {
    let folder = tempfile::tempdir().unwrap();
    let pages = folder.path().join("man1");
    let ended = finish(program(&["man", pages.to_str().unwrap()])).await;
    assert_eq!((ended.code, &*ended.stdout, &*ended.stderr), (Some(0), "", ""));
    let page = |name: &str| std::fs::read_to_string(pages.join(name)).unwrap();
    let main = page("gcore-billing-exporter.1");
    for word in ["Prometheus exporter and alerting daemon for the Gcore cloud\\*(Aqs billing APIs\n", "GCORE_API_KEY"] {
        assert!(main.contains(word), "{word}: {main}");
    }
    assert!(page("gcore-billing-exporter-alerts-dead-letters-replay.1").contains("from `list`"));
    let names = std::fs::read_dir(&pages).unwrap().map(|entry| entry.unwrap().file_name());
    let of_help: Vec<_> = names.filter(|name| name.to_str().unwrap().contains("help")).collect();
    assert!(of_help.is_empty(), "{of_help:?}");
    for shell in ["bash", "zsh", "fish"] {
        let ended = finish(program(&["completions", shell])).await;
        assert_eq!((ended.code, &*ended.stderr), (Some(0), ""), "{shell}");
        for word in ["dead-letters", "healthcheck.url", "check-config"] {
            assert!(ended.stdout.contains(word), "{shell}: {word}");
        }
    }
}

#[tokio::test]
async fn once_prints_the_exposition_and_nothing_else() {
    for (name, reports, subscriptions, code, up) in [
        ("all is good", 200, 200, 0, "1"),
        ("one collector failed", 400, 200, 3, "0"),
        ("one may not be read", 403, 200, 0, "0"),
        ("nothing may be read", 403, 404, 3, "0"),
    ] {
        let api = MockServer::start().await;
        let answer = |status| match status {
            200 => json(r#"{"count": 0, "results": []}"#),
            _ => refusal(status),
        };
        asked(REPORTS).respond_with(answer(reports)).mount(&api).await;
        asked(SUBSCRIPTIONS).respond_with(answer(subscriptions)).mount(&api).await;
        let config = config_file(&api.uri(), "", &["reports", "subscriptions"]);
        let ended = finish(program(&["once", &config_flag(&config), "--log.level=debug"])).await;
        assert_eq!(ended.code, Some(code), "{name}: {}", ended.stderr);
        let is_exposition =
            |line: &str| line.starts_with("# ") || line.starts_with("gcore_") || line.starts_with("process_");
        assert!(ended.stdout.lines().all(is_exposition), "{name}: {}", ended.stdout);
        let series = r#"gcore_up{account="main",collector="reports"}"#;
        assert_eq!(value(&ended.stdout, series).as_deref(), Some(up), "{name}");
        assert!(ended.stderr.contains("level="), "{name}: the log is on standard error");
    }
}

/// The value of every series with one of the prefixes, with the same name for the account.
fn series<'a>(exposition: &'a str, account: &str, prefixes: &[&str]) -> BTreeMap<String, &'a str> {
    exposition
        .lines()
        .filter(|line| prefixes.iter().any(|prefix| line.starts_with(prefix)))
        .map(|line| line.rsplit_once(' ').unwrap())
        .map(|(series, value)| (series.replace(&format!("account=\"{account}\""), "account=\"*\""), value))
        .collect()
}

/// The word after `before` in a text.
fn word_after<'a>(text: &'a str, before: &str) -> &'a str {
    let at = text.find(before).unwrap_or_else(|| panic!("no {before:?} in:\n{text}"));
    text[at + before.len()..].split_whitespace().next().unwrap()
}

#[tokio::test]
async fn once_reads_the_same_of_the_demo_as_the_daemon() {
    let arguments = ["demo", "--demo.api-address=127.0.0.1:0", "--web.listen-address=127.0.0.1:0"];
    let demo = Process::start(&mut program(&arguments));
    demo.until(async || demo.printed().contains("Start page ")).await;
    let welcome = demo.printed();
    let metrics = word_after(&welcome, "Metrics ");
    let page = word_after(&welcome, "Start page ");
    let target = page.trim_start_matches("http://").trim_end_matches('/');
    let scraped = format!("      metrics_path: /metrics\n      static_configs:\n        - targets: ['{target}']\n");
    assert!(welcome.contains(&scraped), "{welcome}");

    let closed = ["gcore_cost_yesterday_amount{", "gcore_cost_previous_month_amount{", "gcore_usage_yesterday_"];
    let mut tries = 3;
    let (day, by_daemon, by_once) = loop {
        let day = || Clock::system().now().to_string()[..10].to_owned();
        let is_read = |metrics: String| closed.iter().all(|family| metrics.contains(family));
        demo.until(async || is_read(get(metrics).await)).await;
        let (before, by_daemon) = (day(), get(metrics).await);
        let mut once = program(&["once"]);
        once.env("GCORE_BASE_URL", word_after(&welcome, "GCORE_BASE_URL="));
        once.env("GCORE_API_KEY", word_after(&welcome, "GCORE_API_KEY=").trim_matches('\''));
        let ended = finish(once).await;
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
        // At midnight every window changes its days, and late records of yesterday arrive each hour. Such a difference
        // must be gone after the next poll.
        tries -= 1;
        let is_same = series(&by_daemon, "demo", &closed) == series(&ended.stdout, "default", &closed);
        if before == day() && (is_same || tries == 0) {
            break (before, by_daemon, ended.stdout);
        }
        tokio::time::sleep(Duration::from_secs(6)).await;
    };
    let (daemon, once) = (series(&by_daemon, "demo", &closed), series(&by_once, "default", &closed));
    assert!(closed.iter().all(|family| once.keys().any(|key| key.starts_with(family))), "{once:#?}");
    assert_eq!(daemon, once, "closed windows, on {day}");

    let open = ["gcore_cost_today_amount{", "gcore_usage_today_", "gcore_cost_month_to_date_amount{"];
    let (daemon, once) = (series(&by_daemon, "demo", &open), series(&by_once, "default", &open));
    assert!(!daemon.is_empty(), "nothing was read of today");
    let number = |text: &str| text.parse::<f64>().unwrap();
    for (series, earlier) in daemon {
        let later = once.get(&series).unwrap_or_else(|| panic!("{series} is gone"));
        assert!(number(later) >= number(earlier), "{series}: {earlier}, then {later}");
    }
    demo.signal("INT").await;
    assert_eq!(demo.end().await.code, Some(0));
}
