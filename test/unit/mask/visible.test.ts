import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { visible, visibleLine } from "../../../src/mask/visible.ts";

describe("visibleLine", () => {
  it("keeps a name in its line", () => {
    expect(visibleLine("a\n\tb\u001b")).toBe("a\\x0a\\x09b\\x1b");
  });
});

describe("visible", () => {
  it.each([
    ["plain text, ümlaut, 😀\n\ttab", "plain text, ümlaut, 😀\n\ttab"],
    ["\u001b[31mred\u001b[0m", "\\x1b[31mred\\x1b[0m"],
    ["over\rwritten", "over\\x0dwritten"],
    ["title \u001b]0;x\u0007 bell", "title \\x1b]0;x\\x07 bell"],
    ["nul\0del\u007f", "nul\\x00del\\x7f"],
    ["c1 \u009b31m", "c1 \\x9b31m"],
    ["user\u202etxt.exe", "user\\u202etxt.exe"],
    ["marks \u200e\u200f\u061c, ends \u2028", "marks \\u200e\\u200f\\u061c, ends \\u2028"],
  ])("%j", (text, expected) => {
    expect(visible(text)).toBe(expected);
  });

  it("leaves no control character in any text, and changes nothing twice", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (text) => {
        const shown = visible(text);
        // oxlint-disable-next-line no-control-regex -- that there are none is the point
        expect(shown).toMatch(/^[^\u0000-\u0008\u000b-\u001f\u007f-\u009f]*$/u);
        expect(visible(shown)).toBe(shown);
      }),
    );
  });
});
