import { PassThrough } from "node:stream";
import { describe, expect, it } from "vitest";
import { Output } from "../../../src/cli/output.ts";
import { Mask } from "../../../src/mask/mask.ts";
import { Secret } from "../../../src/secret/secret.ts";

describe("Output.json", () => {
  it.each([
    ["k7Vq2xw9", { a: ["x k7Vq2xw9 y"], k7Vq2xw9: null }, { a: ["x *** y"], "***": null }],
    ["4096", { offset: 40960, text: "at 4096" }, { offset: 40960, text: "at ***" }],
    ['q"7"Vx\\w9', { a: { b: 'q"7"Vx\\w9' } }, { a: { b: "***" } }],
    ["k7Vq2xw9", { mode: 0o440, is: true }, { mode: "0440", is: true }],
  ])("masks %j in strings and names alone", (value, data, shown) => {
    const [stdout, stderr] = [new PassThrough(), new PassThrough()];
    using out = new Output({ stdout, stderr }, { isJson: true, wantsColor: false });
    out.protect(new Mask([Secret.take("S", Buffer.from(value))]));
    out.json(data);
    expect(JSON.parse(String(stdout.read()))).toEqual(shown);
  });
});
