//! `sim serve` in trouble: whatever happens, every request is answered, refused or failed, once, and the counts add up.

#![cfg(all(target_os = "linux", feature = "serve"))]

mod gateway;

use std::io::{BufReader, Write as _};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use gateway::{Ended, Function, Gateway, PATIENCE, Tally, read_message, request, scenario, send};

const FOURS: &str = "kind = \"batch\"\nbatch = 4\ntimeout = \"5ms\"";
const ONE: &str = "{\"instances\": [1]}";

/// `clients` at a time send `each` requests one after the other.
fn load(gateway: &Gateway, clients: u64, each: u64, tally: &Tally) {
    std::thread::scope(|scope| {
        for client in 0..clients {
            scope.spawn(move || {
                for i in 0..each {
                    let body = format!("{{\"instances\": [{}]}}", client * each + i);
                    let answer = request(gateway.address, "POST /m", body.as_bytes());
                    if let Some(answer) = answer.as_ref().filter(|answer| answer.status() == 200) {
                        let doubled = 2 * (client * each + i);
                        assert_eq!(answer.json(), serde_json::json!({ "predictions": [doubled] }));
                    }
                    tally.count(answer.as_ref());
                }
            });
        }
    });
}

/// What clients saw, what the gateway counted and what it logged must be the same.
fn adds_up(tally: &Tally, ended: &Ended) {
    let [sent, answered, refused, failed, silent] = tally.counts();
    assert_eq!(silent, 0, "no connection ends without an answer");
    assert_eq!(sent, answered + refused + failed);
    assert_eq!(ended.totals(), [answered, refused, failed, 0], "{}", ended.said);
    let status = |rows: &[csv::StringRecord], column: usize, wanted: &dyn Fn(u16) -> bool| {
        rows.iter().filter(|row| wanted(row[column].parse().unwrap())).count() as u64
    };
    let (requests, other) = (ended.rows("requests.csv"), ended.rows("refused.csv"));
    assert_eq!(status(&requests, 5, &|s| s == 200), answered);
    assert_eq!((requests.len() + other.len()) as u64, sent);
    let sizes: u64 = ended.rows("batches.csv").iter().map(|row| row[4].parse::<u64>().unwrap()).sum();
    assert_eq!(sizes, requests.len() as u64);
}

/// A function in a process of its own, to be killed. It takes 50 ms a call.
fn killable() -> (Child, String) {
    let code = "
import http.server, json, time
class Calls(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'
    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers['content-length'])))
        time.sleep(0.05)
        text = json.dumps({'predictions': [2 * i for i in body['instances']]}).encode()
        self.send_response(200)
        self.send_header('content-length', str(len(text)))
        self.end_headers()
        self.wfile.write(text)
    def log_message(self, *_): pass
server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Calls)
print(server.server_port, flush=True)
server.serve_forever()
";
    let mut child =
        Command::new("python3").args(["-c", code]).stdout(Stdio::piped()).spawn().expect("python3");
    let mut port = String::new();
    std::io::BufRead::read_line(&mut BufReader::new(child.stdout.take().unwrap()), &mut port).unwrap();
    (child, format!("http://127.0.0.1:{}", port.trim()))
}

#[test]
fn a_function_that_is_killed_fails_its_requests_with_a_reason() {
    let (mut function, url) = killable();
    let gateway = Gateway::start(FOURS, &url, &[]);
    let tally = Tally::default();
    load(&gateway, 8, 5, &tally);
    assert_eq!(tally.counts()[1], 40);
    std::thread::scope(|scope| {
        scope.spawn(|| load(&gateway, 8, 10, &tally));
        std::thread::sleep(Duration::from_millis(120));
        function.kill().unwrap();
    });
    function.wait().unwrap();
    let answer = gateway.post("/m", ONE);
    tally.count(Some(&answer));
    assert_eq!(answer.status(), 502);
    assert!(answer.json()["error"].as_str().unwrap().contains("could not be reached"), "{:?}", answer.json());
    assert!(gateway.metric("batchsim_upstream_retries_total") >= 2.0, "tried three times");
    let (ended, _folder) = gateway.stop();
    adds_up(&tally, &ended);
    assert!(tally.counts()[3] > 0);
}

#[test]
fn a_slow_function_is_given_up_and_a_busy_one_is_passed_on() {
    let calls = AtomicU64::new(0);
    let function = Function::start(move |call| {
        let sum = call.json()["instances"][0].as_i64().unwrap();
        match (sum, calls.fetch_add(1, Ordering::SeqCst)) {
            (1, _) => std::thread::sleep(Duration::from_millis(900)),
            (2, _) => return (503, "later".into()),
            _ => {}
        }
        (200, format!("{{\"predictions\": [{}]}}", 2 * sum))
    });
    let policy = "kind = \"unbatched\"";
    let gateway = Gateway::start(policy, &function.url(), &["--upstream-timeout", "200ms"]);
    let tally = Tally::default();
    let post = |instance: u32| {
        let answer = gateway.post("/m", &format!("{{\"instances\": [{instance}]}}"));
        tally.count(Some(&answer));
        answer
    };
    let slow = post(1);
    assert_eq!(slow.status(), 504);
    assert!(slow.json()["error"].as_str().unwrap().contains("within 200 ms"));
    let busy = post(2);
    assert_eq!((busy.status(), busy.header("retry-after")), (503, Some("1")));
    assert_eq!(post(3).status(), 200);
    assert_eq!(gateway.metric("batchsim_upstream_retries_total"), 2.0, "only the 503 is tried again");
    let (ended, _folder) = gateway.stop();
    // 503 is counted with the refused ones: the client may try again.
    adds_up(&tally, &ended);
}

#[test]
fn refused_connections_are_tried_again_and_then_reported() {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let gateway = Gateway::start(FOURS, &format!("http://{port}"), &[]);
    let tally = Tally::default();
    load(&gateway, 4, 3, &tally);
    assert_eq!(tally.counts()[3], 12);
    let answer = gateway.post("/m", ONE);
    tally.count(Some(&answer));
    assert!(
        answer.json()["error"].as_str().unwrap().to_lowercase().contains("refused"),
        "{:?}",
        answer.json()
    );
    let (ended, _folder) = gateway.stop();
    adds_up(&tally, &ended);
}

#[test]
fn clients_that_leave_are_taken_out_of_the_open_batch() {
    let function = Function::doubling(Duration::ZERO);
    let gateway = Gateway::start("kind = \"batch\"\nbatch = 4\ntimeout = \"10s\"", &function.url(), &[]);
    let leavers: Vec<TcpStream> =
        (0..3).map(|_| send(gateway.address, "POST /m", &[], b"{\"instances\": [9]}").unwrap()).collect();
    gateway.wait_for("three joined", |g| g.metric("batchsim_open_requests") == 3.0);
    drop(leavers);
    gateway.wait_for("three left", |g| g.metric("batchsim_open_requests") == 0.0);
    let tally = Tally::default();
    load(&gateway, 4, 1, &tally);
    assert_eq!(tally.counts()[1], 4);
    let (ended, _folder) = gateway.stop();
    assert_eq!(ended.totals(), [4, 0, 0, 3]);
    assert_eq!(ended.rows("batches.csv").len(), 1);
    let left: Vec<String> = ended.rows("refused.csv").iter().map(|row| row[1].to_owned()).collect();
    assert_eq!(left, ["499", "499", "499"]);
    assert!(
        function.calls.lock().unwrap().iter().all(|call| !String::from_utf8_lossy(&call.body).contains('9'))
    );
}

#[test]
fn a_client_that_leaves_during_the_call_costs_the_others_nothing() {
    let function = Function::doubling(Duration::from_millis(300));
    let gateway = Gateway::start("kind = \"batch\"\nbatch = 2\ntimeout = \"10s\"", &function.url(), &[]);
    let leaver = send(gateway.address, "POST /m", &[], ONE.as_bytes()).unwrap();
    gateway.wait_for("it joined", |g| g.metric("batchsim_open_requests") == 1.0);
    let stayer = send(gateway.address, "POST /m", &[], b"{\"instances\": [2]}").unwrap();
    gateway.wait_for("the batch left", |g| g.metric("batchsim_batches_under_way") == 1.0);
    drop(leaver);
    let answer = read_message(&mut BufReader::new(stayer)).unwrap();
    assert_eq!(answer.json(), serde_json::json!({ "predictions": [4] }));
    let (ended, _folder) = gateway.stop();
    assert_eq!(ended.totals(), [1, 0, 0, 1]);
    let statuses: Vec<String> = ended.rows("requests.csv").iter().map(|row| row[5].to_owned()).collect();
    assert_eq!(statuses, ["499", "200"]);
}

#[test]
fn malformed_and_oversized_bodies_hurt_their_senders_alone() {
    let function = Function::doubling(Duration::ZERO);
    let gateway = Gateway::start(FOURS, &function.url(), &["--max-body", "1 MB"]);
    let tally = Tally::default();
    let huge = vec![b' '; 100_000_000];
    std::thread::scope(|scope| {
        scope.spawn(|| load(&gateway, 4, 20, &tally));
        for body in ["{\"instances\": [1", "", "[]", "{\"instances\": []}", "{\"inputs\": [1]}", "\u{0}"] {
            let answer = request(gateway.address, "POST /m", body.as_bytes());
            assert_eq!(answer.as_ref().unwrap().status(), 400, "{body}");
            assert!(answer.as_ref().unwrap().json()["error"].is_string());
            tally.count(answer.as_ref());
        }
        let answer = request(gateway.address, "POST /m", &huge);
        assert_eq!(answer.as_ref().expect("an answer to 100 MB").status(), 413);
        tally.count(answer.as_ref());
    });
    assert_eq!(tally.counts(), [87, 80, 7, 0, 0]);
    let peak = std::fs::read_to_string(format!("/proc/{}/status", gateway.pid())).unwrap();
    let peak = peak.lines().find(|line| line.starts_with("VmHWM")).unwrap();
    let kilobytes: u64 = peak.split_whitespace().nth(1).unwrap().parse().unwrap();
    assert!(kilobytes < 90_000, "100 MB were not kept: {peak}");
    let (ended, _folder) = gateway.stop();
    adds_up(&tally, &ended);
}

#[test]
fn one_bad_instance_does_not_fail_its_batch() {
    let function = Function::start(|call| {
        let instances = call.json()["instances"].as_array().unwrap().clone();
        match instances.iter().any(|instance| instance.is_string()) {
            true => (400, "{\"error\": \"no number\"}".into()),
            false => (200, serde_json::json!({ "predictions": instances }).to_string()),
        }
    });
    let gateway = Gateway::start("kind = \"batch\"\nbatch = 3\ntimeout = \"10s\"", &function.url(), &[]);
    let bodies = ["{\"instances\": [1]}", "{\"instances\": [\"x\"]}", "{\"instances\": [3]}"];
    let statuses = std::thread::scope(|scope| {
        let posts = bodies.map(|body| scope.spawn(|| gateway.post("/m", body).status()));
        posts.map(|post| post.join().unwrap())
    });
    assert_eq!(statuses, [200, 400, 200]);
    assert_eq!(gateway.metric("batchsim_batches_isolated_total"), 1.0);
}

#[test]
fn limits_refuse_with_a_time_to_try_again() {
    let function = Function::doubling(Duration::from_millis(500));
    let gateway = Gateway::start(
        "kind = \"unbatched\"",
        &function.url(),
        &["--max-batches", "2", "--max-requests", "100"],
    );
    let tally = Tally::default();
    load(&gateway, 10, 1, &tally);
    let [sent, answered, refused, ..] = tally.counts();
    assert_eq!((sent, answered, refused), (10, 2, 8));
    let held: Vec<TcpStream> =
        (0..2).map(|_| send(gateway.address, "POST /m", &[], ONE.as_bytes()).unwrap()).collect();
    gateway.wait_for("both under way", |g| g.metric("batchsim_batches_under_way") == 2.0);
    let answer = gateway.post("/m", ONE);
    assert_eq!((answer.status(), answer.header("retry-after")), (429, Some("1")));
    for stream in held {
        assert_eq!(read_message(&mut BufReader::new(stream)).unwrap().status(), 200);
    }
    drop(gateway);

    let few = ["--max-requests", "3"];
    let gateway = Gateway::start("kind = \"batch\"\nbatch = 8\ntimeout = \"300ms\"", &function.url(), &few);
    let tally = Tally::default();
    load(&gateway, 10, 1, &tally);
    assert_eq!(tally.counts(), [10, 3, 7, 0, 0]);
    let (ended, _folder) = gateway.stop();
    adds_up(&tally, &ended);
    assert!(ended.rows("refused.csv").iter().all(|row| &row[1] == "503" && &row[2] == "requests"));
}

#[test]
fn ten_thousand_connections_are_held_and_each_gets_its_answer() {
    let limit = String::from_utf8(Command::new("sh").args(["-c", "ulimit -n"]).output().unwrap().stdout);
    let limit: usize = limit.unwrap().trim().parse().unwrap_or(1024);
    // Each needs a file here and one in the gateway, whose limit is the same; a few are for other things.
    let many = limit.saturating_sub(200).min(10_000);
    if many < 10_000 {
        eprintln!("ulimit -n is {limit}: {many} connections are tried, not 10000");
    }
    let function = Function::doubling(Duration::ZERO);
    let words = ["--max-connections", &(many + 1).to_string(), "--max-requests", &many.to_string()];
    let gateway = Gateway::start("kind = \"batch\"\nbatch = 32\ntimeout = \"50ms\"", &function.url(), &words);
    let mut all: Vec<TcpStream> = (0..many).map(|_| TcpStream::connect(gateway.address).unwrap()).collect();
    gateway.wait_for("all are open", |g| g.metric("batchsim_connections") >= many as f64);
    // One more of each than may be open waits until another closes.
    let last = TcpStream::connect(gateway.address).unwrap();
    let address = gateway.address;
    let waiting = std::thread::spawn(move || request(address, "POST /m", ONE.as_bytes()).unwrap().status());
    for (i, stream) in all.iter_mut().enumerate() {
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let body = format!("{{\"instances\": [{i}]}}");
        let length = body.len();
        write!(stream, "POST /m HTTP/1.1\r\nhost: x\r\ncontent-length: {length}\r\n\r\n{body}").unwrap();
    }
    for (i, stream) in all.iter().enumerate() {
        let answer = read_message(&mut BufReader::new(stream.try_clone().unwrap())).unwrap();
        assert_eq!((answer.status(), answer.json()), (200, serde_json::json!({ "predictions": [2 * i] })));
    }
    assert!(!waiting.is_finished());
    drop((all, last));
    assert_eq!(waiting.join().unwrap(), 200);
    let (ended, _folder) = gateway.stop();
    assert_eq!(ended.totals(), [many as u64 + 1, 0, 0, 0]);
    assert_eq!(ended.rows("requests.csv").len(), many + 1);
}

#[test]
fn a_signal_under_load_loses_nobody() {
    let function = Function::doubling(Duration::from_millis(100));
    let gateway = Gateway::start("kind = \"batch\"\nbatch = 32\ntimeout = \"20s\"", &function.url(), &[]);
    let streams: Vec<TcpStream> =
        (0..20).map(|_| send(gateway.address, "POST /m", &[], ONE.as_bytes()).unwrap()).collect();
    gateway.wait_for("all joined", |g| g.metric("batchsim_open_requests") == 20.0);
    let start = Instant::now();
    gateway.terminate();
    let tally = Tally::default();
    for stream in streams {
        tally.count(read_message(&mut BufReader::new(stream)).as_ref());
    }
    let (ended, _folder) = gateway.wait();
    assert!(start.elapsed() < Duration::from_secs(10), "it did not wait for the deadline");
    assert_eq!(tally.counts(), [20, 20, 0, 0, 0]);
    adds_up(&tally, &ended);
    assert_eq!(&ended.rows("batches.csv")[0][3], "drain");
}

#[test]
fn requests_that_come_while_it_drains_are_refused() {
    let function = Function::doubling(Duration::from_millis(600));
    let gateway = Gateway::start("kind = \"unbatched\"", &function.url(), &[]);
    // Two connections are kept alive: one with a call under way, one that sends its request too late.
    let mut late = TcpStream::connect(gateway.address).unwrap();
    let early = send(gateway.address, "POST /m", &[], ONE.as_bytes()).unwrap();
    let head = "POST /m HTTP/1.1\r\nhost: x\r\ncontent-length: 18\r\n\r\n{\"instan";
    late.write_all(head.as_bytes()).unwrap();
    gateway.wait_for("under way", |g| g.metric("batchsim_batches_under_way") == 1.0);
    gateway.terminate();
    std::thread::sleep(Duration::from_millis(100));
    late.write_all(b"ces\": [1]}").unwrap();
    let refused = read_message(&mut BufReader::new(late)).unwrap();
    assert_eq!((refused.status(), refused.header("retry-after")), (503, Some("1")));
    assert_eq!(read_message(&mut BufReader::new(early)).unwrap().status(), 200);
    assert_eq!(gateway.wait().0.totals(), [1, 1, 0, 0]);
}

#[test]
fn a_full_disk_costs_rows_but_no_request() {
    let function = Function::doubling(Duration::ZERO);
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    std::fs::create_dir(&log).unwrap();
    std::os::unix::fs::symlink("/dev/full", log.join("requests.csv")).unwrap();
    let gateway = Gateway::start_in(folder, &scenario(FOURS), &function.url(), &[]);
    let tally = Tally::default();
    load(&gateway, 4, 25, &tally);
    assert_eq!(tally.counts(), [100, 100, 0, 0, 0]);
    gateway.wait_for("rows are dropped", |g| g.metric("batchsim_log_rows_dropped") > 0.0);
    let (ended, _folder) = gateway.stop();
    assert_eq!(ended.totals(), [100, 0, 0, 0]);
    assert!(ended.said.contains("requests go on"), "{}", ended.said);
    assert!(ended.said.contains("100 rows of the log were dropped"), "{}", ended.said);
    let sizes: u64 = ended.rows("batches.csv").iter().map(|row| row[4].parse::<u64>().unwrap()).sum();
    assert_eq!(sizes, 100);
}
