import { execFileSync } from "node:child_process";
import { describe, expect, it } from "vitest";
import { reportJunit } from "../../../../src/verify/report/junit.ts";
import { CLEAN, digest, INCOMPLETE, LEAKY, ON_NOTHING, UNPACKED, UNPROVED } from "../reports.ts";

describe("reportJunit", () => {
  it("a clean image: a suite for each layer, and one for the proof", () => {
    expect(reportJunit(CLEAN).split("\n")).toEqual([
      '<?xml version="1.0" encoding="UTF-8"?>',
      '<testsuites name="sealmount verify cats:1" tests="3" failures="0" errors="0" skipped="0">',
      '  <testsuite name="layer 1/2 sha256:aaaaaaaaaaaa" tests="1" failures="0" errors="0" skipped="0">',
      '    <testcase name="holds no known secret" classname="layer 1/2 sha256:aaaaaaaaaaaa"/>',
      "  </testsuite>",
      '  <testsuite name="layer 2/2 sha256:bbbbbbbbbbbb" tests="1" failures="0" errors="0" skipped="0">',
      '    <testcase name="holds no known secret" classname="layer 2/2 sha256:bbbbbbbbbbbb"/>',
      "  </testsuite>",
      '  <testsuite name="proof" tests="1" failures="0" errors="0" skipped="0">',
      '    <testcase name="verdict: clean" classname="proof"/>',
      "  </testsuite>",
      "</testsuites>",
      "",
    ]);
  });

  it("IT12: a finding is a failure in the suite of its layer or kind of place", () => {
    const xml = reportJunit(LEAKY);
    expect(xml).toContain('tests="4" failures="2" errors="0" skipped="0">');
    expect(xml).toContain(
      [
        '    <testcase name="prod/API_KEY in /app/.npmrc" classname="layer 2/2 sha256:bbbbbbbbbbbb">',
        '      <failure message="prod/API_KEY (raw, base64) in /app/.npmrc in layer 2 (sha256:bbbbbbbbbbbb), deleted by a later layer">at byte 19, 2 in all&#10;made by: COPY . .&#10;',
      ].join("\n"),
    );
    expect(xml).toContain('<testsuite name="env" tests="1" failures="1"');
  });

  it.each([
    ["unproved", UNPROVED, false, 'tests="4" failures="0" errors="0" skipped="2"'],
    ["unproved, strict", UNPROVED, true, 'tests="4" failures="2" errors="0" skipped="0"'],
    ["nothing to look for", ON_NOTHING, false, 'tests="3" failures="0" errors="0" skipped="1"'],
    ["nothing, strict", ON_NOTHING, true, 'tests="3" failures="1" errors="0" skipped="0"'],
    ["not unpacked", UNPACKED, false, 'tests="5" failures="0" errors="0" skipped="3"'],
    ["not unpacked, strict", UNPACKED, true, 'tests="5" failures="3" errors="0" skipped="0"'],
    ["not read", INCOMPLETE, false, 'tests="5" failures="0" errors="1" skipped="2"'],
    ["not listed", { ...LEAKY, omitted: 7 }, false, 'tests="4" failures="3" errors="0"'],
  ])("RI18: %s", (_, report, strict, counts) => {
    expect(reportJunit(report, { strict }).split("\n")[1]).toContain(counts);
  });

  it("is well-formed whatever the names are", () => {
    const path = `/a"b'<c>&d]]>\u0000\u0007\ud800\ufffe\n\té`;
    const layer = { index: 1, digest: digest("b"), createdBy: path };
    const findings = LEAKY.findings.map((finding) => ({ ...finding, layer, path, secret: path }));
    const xml = reportJunit({ ...LEAKY, image: path, findings });
    const parser = "import sys, xml.dom.minidom as m; d = m.parseString(sys.stdin.buffer.read());";
    const read = `${parser} print(ascii(d.getElementsByTagName('failure')[0].getAttribute('message')))`;
    const message = execFileSync("python3", ["-c", read], { input: xml, encoding: "utf8" });
    const shown = String.raw`/a"b\'<c>&d]]>\ufffd\ufffd\ufffd\ufffd\n\t\xe9`;
    expect(message).toContain(shown);
  });
});
