import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { neededStages, readDockerfile, type SecretMount } from "../../../src/build/dockerfile.ts";
import { splitDockerfile } from "../../../src/build/instructions.ts";

const lines = (...text: readonly string[]): string => text.join("\n");

function mounts(text: string): string[] {
  return readDockerfile(text).mounts.map(
    (mount) => `${mount.line}:${mount.id ?? "?"}${mount.required ? "!" : ""}`,
  );
}

function first(text: string): SecretMount | undefined {
  return readDockerfile(text).mounts[0];
}

describe("secret mounts, with their lines", () => {
  it.each<[string, string, string[]]>([
    ["one", "FROM a\nRUN --mount=type=secret,id=tok cat", ["2:tok"]],
    ["lower case", "from a\nrun --mount=type=SECRET,ID=tok cat", ["2:tok"]],
    ["another type", "FROM a\nRUN --mount=type=cache,id=tok,target=/x cat", []],
    ["no type is a bind", "FROM a\nRUN --mount=id=tok,target=/x cat", []],
    ["not a flag but an argument", "FROM a\nRUN echo --mount=type=secret,id=tok", []],
    ["after a bare --", "FROM a\nRUN -- --mount=type=secret,id=tok cat", []],
    ["other flags before", "FROM a\nRUN --network=none --mount=type=secret,id=tok cat", ["2:tok"]],
    ["in COPY it is nothing", "FROM a\nCOPY --mount=type=secret,id=tok a b", []],
    ["a comment", "FROM a\n# RUN --mount=type=secret,id=tok cat", []],
    ["an indented comment", "FROM a\n   # RUN --mount=type=secret,id=tok cat", []],
    [
      "CRLF",
      "FROM a\r\nRUN --mount=type=secret,id=tok \\\r\n  --mount=type=secret,id=b cat\r\n",
      ["2:tok", "3:b"],
    ],
    ["BOM", "\ufeffFROM a\nRUN --mount=type=secret,id=tok cat", ["2:tok"]],
    [
      "several mounts on lines of their own",
      lines(
        "FROM a",
        "RUN --mount=type=secret,id=one \\",
        "    --mount=type=secret,id=two,required \\",
        "    make",
      ),
      ["2:one", "3:two!"],
    ],
    [
      "comments and empty lines inside a continuation",
      lines(
        "FROM a",
        "RUN \\",
        "  # why",
        "",
        "  --mount=type=secret,id=tok \\",
        "# more",
        "  make",
      ),
      ["5:tok"],
    ],
    [
      "blanks after the backslash",
      lines("FROM a", "RUN --mount=type=secret,id=a \\  ", " --mount=type=secret,id=b x"),
      ["2:a", "3:b"],
    ],
    [
      "two backslashes are no continuation",
      lines("FROM a", "RUN echo \\\\", "RUN --mount=type=secret,id=a x"),
      ["3:a"],
    ],
    [
      "escape directive",
      lines(
        "# escape=`",
        "FROM a",
        "RUN --mount=type=secret,id=a `",
        " --mount=type=secret,id=b x \\",
        "RUN --mount=type=secret,id=c x",
      ),
      ["3:a", "4:b", "5:c"],
    ],
    [
      "an escape directive below the first instruction is a comment",
      lines(
        "FROM a",
        "# escape=`",
        "RUN --mount=type=secret,id=a \\",
        " --mount=type=secret,id=b x",
      ),
      ["3:a", "4:b"],
    ],
    [
      "a here-document is not an instruction",
      lines(
        "FROM a",
        "RUN <<EOF",
        "RUN --mount=type=secret,id=no x",
        "EOF",
        "RUN --mount=type=secret,id=yes x",
      ),
      ["5:yes"],
    ],
    [
      "a mount before a here-document",
      lines(
        "FROM a",
        "RUN --mount=type=secret,id=a <<-'END' cat",
        "RUN --mount=type=secret,id=no",
        "\t\tEND",
        "RUN --mount=type=secret,id=b x",
      ),
      ["2:a", "5:b"],
    ],
    [
      "two here-documents",
      lines(
        "FROM a",
        "COPY <<A <<B /x/",
        "RUN --mount=type=secret,id=1 x",
        "A",
        "RUN --mount=type=secret,id=2 x",
        "B",
        "RUN --mount=type=secret,id=3 x",
      ),
      ["7:3"],
    ],
    [
      "a quoted << is no here-document",
      lines("FROM a", 'RUN echo "<<EOF"', "RUN --mount=type=secret,id=a x"),
      ["3:a"],
    ],
    [
      "the JSON form has no here-document",
      lines("FROM a", 'RUN ["cat", "<<EOF"]', "RUN --mount=type=secret,id=a x"),
      ["3:a"],
    ],
    [
      "ENV takes no here-document",
      lines("FROM a", "ENV X=<<EOF", "RUN --mount=type=secret,id=a x"),
      ["3:a"],
    ],
    [
      "a here-document without end",
      lines("FROM a", "RUN <<EOF", "RUN --mount=type=secret,id=a x"),
      [],
    ],
    ["a backslash at the end of the file", "FROM a\nRUN --mount=type=secret,id=a x \\", ["2:a"]],
    ["nothing at all", "", []],
  ])("%s", (_name, text, expected) => {
    expect(mounts(text)).toEqual(expected);
  });
});

describe("fields of a mount", () => {
  it.each<[string, string | null]>([
    ["id=tok", "tok"],
    ["src=tok", "tok"],
    ["source=tok", "tok"],
    ["target=/run/x/tok", "tok"],
    ["dst=/run/x/tok", "tok"],
    ["destination=tok/", "tok"],
    ["id=a/b.c-d", "a/b.c-d"],
    ["target=/x,id=tok", "tok"],
    ['"id=a,b"', "a,b"],
    ["id=$TOK", null],
    ["id=tok-${ENV}", null],
    ["target=/x/$TOK", null],
    ["required=true", null],
  ])("IT18: %s has the id %s", (fields, id) => {
    // in single quotes, because the flag's own quoting would take the double ones away
    expect(first(`FROM a\nRUN --mount='type=secret,${fields}' x`)?.id).toBe(id);
  });

  it.each([
    ["required", true],
    ["required=true", true],
    ["required=1", true],
    ["required=TRUE", true],
    ["required=false", false],
    ["mode=0400", false],
  ])("%s", (fields, required) => {
    expect(first(`FROM a\nRUN --mount=type=secret,id=t,${fields} x`)?.required).toBe(required);
  });

  it("IT19: keeps the target and env=", () => {
    const text = "FROM a\nRUN --mount=type=secret,id=t,dst=/etc/t,env=TOKEN x";
    expect(first(text)).toMatchObject({ target: "/etc/t", env: "TOKEN" });
    expect(first("FROM a\nRUN --mount=type=secret,id=t x")).toMatchObject({
      target: null,
      env: null,
    });
  });

  it("takes quotes off a flag", () => {
    expect(first(`FROM a\nRUN --mount="type=secret,id=t" x`)?.id).toBe("t");
    expect(first(`FROM a\nRUN --mount=type=secret,id='t' x`)?.id).toBe("t");
  });

  it("an ONBUILD asks later", () => {
    const text = "FROM a\nONBUILD RUN --mount=type=secret,id=t,required x";
    expect(first(text)).toMatchObject({ id: "t", onbuild: true, line: 2 });
  });

  it("tells the syntax directive", () => {
    expect(readDockerfile("# syntax=docker/dockerfile:1\nFROM a").syntax).toBe(
      "docker/dockerfile:1",
    );
    expect(readDockerfile("FROM a").syntax).toBeNull();
  });
});

describe("stages that a build needs", () => {
  const text = lines(
    "FROM a AS base",
    "FROM base AS tools",
    "FROM b AS unused",
    "FROM base AS app",
    "COPY --from=tools /x /x",
    "FROM c AS test",
    "RUN --mount=type=bind,from=app,target=/app x",
    "FROM scratch",
    "COPY --from=3 /x /x",
  );

  it.each<[string | undefined, number[]]>([
    [undefined, [0, 1, 3, 5]],
    ["app", [0, 1, 3]],
    ["APP", [0, 1, 3]],
    ["tools", [0, 1]],
    ["test", [0, 1, 3, 4]],
    ["2", [2]],
  ])("target %s", (target, expected) => {
    expect([...neededStages(readDockerfile(text), target)].toSorted((a, b) => a - b)).toEqual(
      expected,
    );
  });

  it("are all of them when a name is a variable, or the target is unknown", () => {
    const facts = readDockerfile("ARG B=x\nFROM a AS x\nFROM $B\nFROM scratch");
    expect(neededStages(facts).size).toBe(3);
    expect(neededStages(readDockerfile(text), "nope").size).toBe(6);
  });

  it("end where stages name each other in a circle", () => {
    const facts = readDockerfile("FROM y AS x\nCOPY --from=x a b\nFROM x AS y");
    expect(neededStages(facts).size).toBe(2);
  });

  it("a stage's name is looked for above it only", () => {
    const facts = readDockerfile("FROM late AS early\nFROM a AS late\nFROM early");
    expect([...neededStages(facts)].toSorted()).toEqual([0, 2]);
  });
});

describe("any text", () => {
  it("is split without an error, and every line number is within it", () => {
    const piece = fc.constantFrom(
      "RUN ",
      "FROM a\n",
      "--mount=type=secret,id=x ",
      "\\\n",
      "<<EOF",
      "EOF\n",
      "# c\n",
      '"',
      "'",
      " ",
      "\n",
      "ONBUILD ",
      "\\",
      ",",
      "=",
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 30 }), (pieces) => {
        const text = pieces.join("");
        const count = text.split("\n").length;
        for (const { line, flagLines } of splitDockerfile(text).instructions) {
          for (const one of [line, ...flagLines]) expect(one).toBeLessThanOrEqual(count);
        }
        readDockerfile(text);
      }),
    );
  });
});
