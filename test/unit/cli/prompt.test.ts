import { PassThrough } from "node:stream";
import { describe, expect, it } from "vitest";
import type { Host } from "../../../src/cli/host.ts";
import { HiddenLine, promptHidden } from "../../../src/cli/prompt.ts";

const bytes = (text: string): Buffer => Buffer.from(text);

function typed(...chunks: string[]): Buffer {
  const line = new HiddenLine();
  let end: ReturnType<HiddenLine["feed"]> = null;
  for (const chunk of chunks) end = line.feed(bytes(chunk), end);
  expect(end).toBe("done");
  return line.take("--stdin");
}

describe("the hidden line", () => {
  it.each([
    [["abc\r"], "abc"],
    [["a", "b", "\n"], "ab"],
    [["abx\u007fc\r"], "abc"],
    [["\u007f\u0008ab\r"], "ab"],
    [["aö\u007fb\r"], "ab"],
    [["a\u{1f511}\u007fb\r"], "ab"],
    [["wrong\u0015right\r"], "right"],
    [["ab\u0004"], "ab"],
    [["tab\there\r"], "tab\there"],
    [["Grüße \u{1f511}\r"], "Grüße \u{1f511}"],
    [["ab\r\n"], "ab"],
  ])("%j gives %j", (chunks, value) => {
    expect(typed(...chunks).toString()).toBe(value);
  });

  it.each([
    [["\r"], "no value was given"],
    [["\u0004"], "no value was given"],
    [["one\ntwo\n"], "the value has several lines: the prompt takes one"],
    [["one\r", "two\r"], "the value has several lines: the prompt takes one"],
    [["ab\u001b[Dc\r"], "the value holds a control character, such as an arrow key"],
    [
      ["x".repeat(65 * 1024), "\r"],
      "the value is longer than the 65536 bytes that the prompt takes",
    ],
  ])("refuses %#", (chunks, message) => {
    expect(() => typed(...chunks)).toThrow(message);
  });

  it("ends by Ctrl-C, also after Enter", () => {
    expect(new HiddenLine().feed(bytes("ab\u0003"), null)).toBe("interrupt");
    expect(new HiddenLine().feed(bytes("\u0003"), "done")).toBe("interrupt");
  });
});

describe("the prompt", () => {
  it("asks for the flags where there is no terminal", async () => {
    const { host } = fakeTerminal({ isTTY: false });
    await expect(promptHidden(host, "value of A", "--stdin")).rejects.toMatchObject({
      code: "USAGE_NO_TERMINAL",
      hint: "use one of: --stdin",
    });
  });

  it("shows the question, nothing that is typed, and leaves raw mode", async () => {
    const { host, stdin, raw, shown } = fakeTerminal({ isTTY: true });
    const asked = promptHidden(host, "value of A", "--stdin");
    stdin.write("hush-4711\r");
    expect((await asked).toString()).toBe("hush-4711");
    expect(shown()).toBe("value of A (hidden): \n");
    expect(raw).toEqual([true, false]);
  });

  it.each([
    ["Ctrl-C", (stdin: PassThrough) => void stdin.write("ab\u0003")],
    ["SIGTERM", (_: PassThrough, stop: AbortController) => stop.abort()],
  ])("ends by %s as interrupted", async (_name, interrupt) => {
    const { host, stdin, raw, stop } = fakeTerminal({ isTTY: true });
    const asked = promptHidden(host, "value of A", "--stdin");
    interrupt(stdin, stop);
    await expect(asked).rejects.toMatchObject({ code: "INTERRUPTED" });
    expect(raw).toEqual([true, false]);
  });
});

function fakeTerminal({ isTTY }: { isTTY: boolean }) {
  const raw: boolean[] = [];
  const stop = new AbortController();
  const stdin = Object.assign(new PassThrough(), {
    isTTY,
    setRawMode: (on: boolean) => raw.push(on),
  });
  const stderr = new PassThrough();
  const host: Host = {
    env: {},
    cwd: "/",
    home: "/",
    platform: "linux",
    stdin,
    stdout: new PassThrough(),
    stderr,
    signal: stop.signal,
    readerIsGone: () => false,
    onSignal: () => () => undefined,
    program: "sealmount",
    version: () => "0",
  };
  return { host, stdin, raw, stop, shown: () => String(stderr.read() ?? "") };
}
