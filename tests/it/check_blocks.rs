//! Steps of check files that contain other steps, and the files that they include.

use crate::harness::{Nobody, Probe, Server, ms};

/// A run of a file with this text; `{{base}}` is the server's URL.
fn check(server: &Server, text: &str) -> Probe {
    let probe = Probe::new(["check"]);
    let file = probe.file("x.wst", text);
    let base = server.url();
    let base = base.trim_end_matches('/');
    probe.args([&file, "--var", &format!("base={base}")])
}

/// A run of these steps after a connect to a server that sends these texts.
fn receive(texts: &[&str], steps: &str) -> (Server, Probe) {
    let mut server = Server::new().accept();
    for text in texts {
        server = server.send_text(text);
    }
    let server = server.close_when_asked();
    let text = format!("timeout 300ms\nconnect {{{{base}}}}\n{steps}");
    let probe = check(&server, &text);
    (server, probe)
}

#[test]
fn expectations_are_met_in_any_order_each_by_its_own_message() {
    for (texts, steps) in [
        (&["b", "a"][..], "any-order\n< a\n< b\nend\n"),
        // The first message meets both: it is left for the one that nothing else meets.
        (&["ab", "a"], "any-order\n< /a/\n< /b/\nend\n"),
        (&["a", "x", "a"], "any-order\n< a\n< a\nend\n"),
        (
            &["b", "a", "c"],
            "any-order\n< a\nsample a\nwithin 2s < b\nend\n< c\n",
        ),
        (&[r#"{"id":7}"#, "a"], "any-order\n< a\n< .id == 7\nend\n"),
        (
            &["a", r#"{"id":7}"#],
            "any-order\n< .id\n< a\nend\ncapture id = .id\nassert .id == {{id}}\n",
        ),
    ] {
        let steps = steps.replace("< .id\n", "< .id > 0\n");
        let (_server, probe) = receive(texts, &steps);
        probe.stdout_has("1 test passed").status(0);
    }
}

#[test]
fn any_order_takes_binary_messages_as_well() {
    let server = Server::new()
        .accept()
        .send_binary([0, 7])
        .send_text("a")
        .close_when_asked();
    check(
        &server,
        "connect {{base}}\nany-order\n< a\nwithin 2s <hex 00 ??\nend\n",
    )
    .stdout_has("1 test passed")
    .status(0);
}

#[test]
fn a_failed_any_order_names_what_was_not_met_and_the_nearest_messages() {
    let texts = [r#"{"n":1,"ok":true}"#, r#"{"n":2,"ok":false}"#, "noise"];
    let (_server, probe) = receive(
        &texts,
        "any-order\n< {\"n\":1}\n< {\"n\":2,\"ok\":true}\n< never\nend\n",
    );
    probe
        .stdout_has("x.wst:3")
        .stdout_has("    3 | any-order\n")
        .stdout_has("      2 of 3 expectations not met within 300 ms (3 messages received)\n")
        .stdout_has("      not met: line 5: < {\"n\":2,\"ok\":true}\n")
        .stdout_has("      closest: {\"n\":2,\"ok\":false}\n")
        .stdout_has(".ok: expected true, got false\n")
        .stdout_has("      not met: line 6: < never\n")
        .status(1);
    let (_server, probe) = receive(&["b", "a"], "< a\nany-order\n< b\nend\n");
    probe
        .stdout_has("1 of 1 expectation not met within 300 ms (nothing more received, 2 before this step)\n")
        .stdout_has("not met: line 5: < b (1 matching message came before and was passed over at line 3: < a)\n")
        .status(1);
    // One message cannot meet two expectations.
    let (_server, probe) = receive(&["a"], "any-order\n< a\n< a\nend\n");
    probe
        .stdout_has("1 of 2 expectations not met within 300 ms")
        .status(1);
    // The one that ends first counts, though a later message would have freed this one.
    let (_server, probe) = receive(
        &["b"],
        "any-order\nwithin 5s < /[ab]/\nwithin 100ms < a\nend\n",
    );
    probe
        .stdout_has("1 of 2 expectations not met within 100 ms")
        .stdout_has("not met: line 5: within 100ms < a")
        .within(ms(4000))
        .status(1);
}

#[test]
fn any_order_ends_with_its_connection() {
    let server = Server::new().accept().send_text("a").close(1008, "no");
    check(&server, "connect {{base}}\nany-order\n< a\n< b\nend\n")
        .stdout_has("the server closed with 1008 (Policy Violation): no, before 1 of 2 expectations were met")
        .within(ms(4000))
        .status(1);
}

#[test]
fn a_message_that_any_order_passed_over_is_named_later() {
    let (_server, probe) = receive(&["b", "a"], "any-order\n< a\nend\n< b\n");
    probe
        .stdout_has("x.wst:6")
        .stdout_has("(nothing more received, 2 before this step; 1 matching message came before and was passed over at line 3: any-order)")
        .status(1);
    // A second one that fits is not needed, and is passed over as well.
    let (_server, probe) = receive(&["a", "a", "b"], "any-order\n< a\n< b\nend\n< a\n");
    probe
        .stdout_has("1 matching message came before and was passed over at line 3: any-order")
        .status(1);
}

#[test]
fn repeated_steps_run_as_often_as_they_say() {
    let server = Server::new().accept().echo_until_closed();
    let text = "connect {{base}}\nrepeat 2\n> a\nrepeat 3\n> b\n<next {{x}}\nend\nend\n";
    let text = text.replace("<next {{x}}", "< b");
    check(&server, &text).stdout_has("1 test passed").status(0);
    let server = Server::new()
        .accept()
        .expect_text("1")
        .close_when_asked()
        .accept()
        .expect_text("1")
        .close_when_asked();
    check(&server, "repeat 2\nconnect {{base}}\n> 1\nclose\nend\n")
        .stdout_has("1 test passed")
        .status(0);
}

#[test]
fn a_failure_says_which_repetition_it_was() {
    let (_server, probe) = receive(&["a", "a"], "repeat 3\n< a\nend\n");
    probe
        .stdout_has("x.wst:4")
        .stdout_has("    4 | < a\n")
        .stdout_has("in repetition 3 of 3")
        .status(1);
}

#[test]
fn final_steps_run_after_a_failure_which_stays_the_reported_one() {
    let server = Server::new()
        .accept()
        .expect_text("clean up")
        .expect_text("more")
        .close_when_asked();
    check(
        &server,
        "timeout 200ms\nconnect {{base}}\n< no\n> not sent\nfinally\n> clean up\n< nothing\n> more\n",
    )
    .stdout_has("x.wst:3")
    .stdout_has("    3 | < no\n")
    .stdout_has("finally, line 7: < nothing: no message matching 'nothing' within 200 ms")
    .stdout_has("1 of 1 test failed")
    .status(1);
}

#[test]
fn a_failure_in_the_final_steps_fails_the_test() {
    let server = Server::new().accept().echo_until_closed();
    check(
        &server,
        "timeout 200ms\nconnect {{base}}\nping\nfinally\n> a\n< b\n",
    )
    .stdout_has("x.wst:6")
    .stdout_has("1 of 1 test failed")
    .status(1);
    let server = Server::new().accept().echo_until_closed();
    check(&server, "connect {{base}}\nping\nfinally\n> a\n< a\n")
        .stdout_has("x.wst  (4 steps")
        .status(0);
}

#[test]
fn final_steps_pass_over_what_was_not_reached() {
    let nobody = Nobody::listens();
    let server = Server::new()
        .accept()
        .expect_text("clean up")
        .close_when_asked();
    let text = format!(
        "connect a {}\na > x\nconnect b {{{{base}}}}\nfinally\na > y\nb > z\nconnect c {{{{base}}}}\nc > clean up\n",
        nobody.url()
    );
    check(&server, &text)
        .stdout_has("x.wst:1")
        .stdout_has("Connection refused")
        .stdout_has("finally, line 5: a > y: its connection was not opened")
        .status(1);
}

#[test]
fn a_forbidden_message_does_not_keep_the_final_steps_from_running() {
    let server = Server::new()
        .accept()
        .expect_text("go")
        .send_text("bad")
        .send_text("bad")
        .expect_text("clean up")
        .close_when_asked();
    check(
        &server,
        "never bad\nconnect {{base}}\n> go\nwait 5s\nfinally\nwait 100ms\n> clean up\n",
    )
    .stdout_has("x.wst:4")
    .stdout_has("'never bad' forbids")
    .stdout_lacks("finally,")
    .within(ms(4000))
    .status(1);
}

#[cfg(unix)]
#[cfg(unix)]
#[test]
fn final_steps_run_after_ctrl_c_and_have_two_seconds() {
    let server = Server::new().accept().expect_text("hi");
    let mut running = check(
        &server,
        "connect {{base}}\n> hi\nwait 30s\nfinally\n> clean up\n",
    )
    .stdout_has("x.wst:3  interrupted at wait 30s")
    .spawn();
    let server = server.played();
    running.interrupt();
    let server = server
        .expect_text("clean up")
        .expect_close(1000)
        .close(1000, "");
    running.status(130);
    drop(server);

    let server = Server::new().accept().expect_text("hi");
    let mut running = check(
        &server,
        "connect {{base}}\n> hi\nwait 30s\nfinally\nwait 30s\n",
    )
    .stdout_has("interrupted at wait 30s")
    .within(ms(6000))
    .spawn();
    let server = server.played();
    running.interrupt();
    let server = server.expect_close(1000).close(1000, "");
    running.status(130);
    drop(server);
}

#[test]
fn never_before_the_first_test_holds_for_every_connection() {
    let text =
        "never /bad/\ntest \"a\"\nconnect echo:\nclose\nconnect {{base}}\nwithin 3s < never\n";
    let server = Server::new()
        .accept()
        .send_text("so bad")
        .close_when_asked();
    check(&server, text)
        .stdout_has("received a message that 'never /bad/' forbids")
        .within(ms(2500))
        .status(1);
}

#[test]
fn a_connect_is_tried_again_until_it_succeeds() {
    let at_once = ["--backoff", "1ms..10ms"];
    let server = Server::new()
        .refuse("503 Starting", "", "")
        .refuse("404 Not Found", "", "")
        .accept()
        .echo_until_closed();
    check(&server, "retry 10s\nconnect {{base}}\n> a\n< a\n")
        .args(at_once)
        .stdout_has("1 test passed")
        .status(0);
    // Its expectations must hold as well.
    let server = Server::new()
        .accept()
        .close_when_asked()
        .refuse("403 Forbidden", "", "")
        .refuse("401 Unauthorized", "", "");
    check(&server, "retry 10s\nconnect {{base}}\nexpect status 401\n")
        .args(at_once)
        .stdout_has("1 test passed")
        .status(0);
}

#[test]
fn a_connect_that_never_succeeds_fails_when_the_time_is_over() {
    let nobody = Nobody::listens();
    let text = format!("retry 300ms\nconnect {}\n", nobody.url());
    let probe = Probe::new(["check", "--backoff", "1ms..50ms"]);
    let file = probe.file("x.wst", text);
    probe
        .args([file])
        .stdout_has("x.wst:2")
        .stdout_has("Connection refused")
        .stdout_has("attempts in 300 ms")
        .within(ms(4000))
        .status(1);
}

#[test]
fn a_failure_in_an_included_file_names_both_files() {
    let server = Server::new()
        .accept()
        .send_text("hi")
        .expect_text("{\"a\":1}")
        .close_when_asked();
    let probe = check(
        &server,
        "timeout 200ms\ntest \"a\"\nconnect {{base}}\ninclude lib/steps.wst\n",
    );
    probe.file("lib/steps.wst", "< hi\n> {\"a\":1}\n< no\n");
    let junit = probe.file("report.xml", "");
    let tap = probe.file("report.tap", "");
    let _home = probe
        .args(["--junit", &junit, "--tap", &tap])
        .env("GITHUB_ACTIONS", "true")
        .stdout_has("x.wst:4  a\n")
        .stdout_has("lib/steps.wst:3 | < no\n")
        .stdout_has("lib/steps.wst,line=3,title=a::no message matching 'no'")
        .status(1);
    let junit = std::fs::read_to_string(&junit).unwrap();
    assert!(junit.contains("lib/steps.wst:3 | &lt; no"), "{junit}");
    let tap = std::fs::read_to_string(&tap).unwrap();
    assert!(tap.contains("lib/steps.wst\"\n    line: 3\n"), "{tap}");
}

#[test]
fn included_steps_and_settings_run_and_their_paths_start_at_their_folder() {
    let server = Server::new()
        .accept()
        .expect_text("me")
        .expect_binary([1, 2])
        .close_when_asked();
    let probe = check(
        &server,
        "include lib/settings.wst\ntest \"a\"\nconnect {{base}}\ninclude lib/steps.wst\nclose\n",
    );
    probe.file("lib/settings.wst", "set user = me\ntimeout 2s\nnever bad\n");
    probe.file("lib/steps.wst", "> {{user}}\n>file data.bin\n");
    probe.file("lib/data.bin", [1, 2]);
    probe.stdout_has("x.wst  a  (4 steps").status(0);
}

#[test]
fn a_bad_included_file_is_named_before_anything_connects() {
    let server = Server::new().expect_nobody();
    for (included, words) in [
        ("pign\n", "y.wst:1: unknown step 'pign'"),
        (
            "> {{env.NOT_SET_AT_ALL}}\n",
            "y.wst:1: the environment variable",
        ),
        ("include y.wst\n", "y.wst includes itself"),
        ("include gone.wst\n", "gone.wst: No such file"),
    ] {
        let probe = check(&server, "connect {{base}}\ninclude y.wst\n");
        probe.file("y.wst", included);
        probe.stderr_has(words).status(2);
    }
}

#[test]
fn pauses_are_kept_only_with_pace() {
    let text = "connect {{base}}\npause 400ms\n> a\n< a\n";
    let took = |args: &[&str]| {
        let server = Server::new().accept().echo_until_closed();
        let begun = std::time::Instant::now();
        check(&server, text)
            .args(args)
            .stdout_has("1 test passed")
            .status(0);
        begun.elapsed()
    };
    assert!(took(&["--pace"]) >= ms(400));
    assert!(took(&[]) < ms(400));
    Probe::new(["check", "ws://x", "--pace"])
        .stderr_has("require a check file")
        .status(2);
}
