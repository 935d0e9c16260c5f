import { expect, it } from "vitest";
import { jsonTexts } from "../../../src/verify/json.ts";

it("gives strings and names with their paths", () => {
  const document: unknown = JSON.parse('{"a":{"b":["c",1,null]},"d":"e"}');
  const texts = [...jsonTexts(document)].map(({ path, text }) => `${path.join(".")}=${text}`);
  expect(texts.toSorted()).toEqual(["a.b.0=c", "a.b=b", "a=a", "d=d", "d=e"]);
});

it("a million levels end soon, with what is in the deepest", () => {
  const depth = 1_000_000;
  const document: unknown = JSON.parse(`${"[".repeat(depth)}"deep"${"]".repeat(depth)}`);
  const began = process.cpuUsage();
  const [found, ...others] = [...jsonTexts(document)];
  const { user } = process.cpuUsage(began);
  expect(found?.text).toBe("deep");
  expect(found?.path).toHaveLength(64);
  expect(others).toEqual([]);
  // 10^12 copies take hours
  expect(user / 1e6).toBeLessThan(10);
});
