import { describe, expect, it } from "vitest";
import { findDockerfileLeaks } from "../../../src/build/dockerfile-leaks.ts";

const MOUNT = "RUN --mount=type=secret,id=npm-token";
const SECRET = "/run/secrets/npm-token";

function linesOf(...lines: readonly string[]): number[] {
  const text = ["FROM busybox", ...lines].join("\n");
  return findDockerfileLeaks(text, ["npm-token", "API_KEY"]).map(({ line }) => line);
}

describe("IT4: a step that moves a secret into the image", () => {
  it.each([
    `cp ${SECRET} /app/.npmrc`,
    `cp "${SECRET}" /app/.npmrc && npm ci`,
    `mkdir /app && install -m 600 ${SECRET} /app/key`,
    `mv ${SECRET} /app/key; true`,
    `dd if=${SECRET} of=/app/key`,
    `cat ${SECRET} > /root/.npmrc`,
    `cat ${SECRET} >> "/root/.npmrc"`,
    `cat < ${SECRET} | base64 > /app/b64`,
    `cat ${SECRET} | tee -a /app/key >/dev/null`,
    `echo "token=$(cat ${SECRET})" > /app/.env && npm ci`,
    `printf %s "$(cat ${SECRET})" >/app/key`,
    `cp ${SECRET} /app/key && rm /app/other`,
    `/bin/cp \\\n    ${SECRET} \\\n    /app/key`,
  ])("%s", (step) => {
    expect(linesOf(`${MOUNT} ${step}`)).toEqual([2]);
  });

  it.each([
    ["target=/root/.npmrc", "cp /root/.npmrc /app/.npmrc"],
    ["dst=/k", "cat /k > /app/k"],
    ["env=TOKEN", "echo $TOKEN > /app/k"],
    ["env=TOKEN", 'printf %s "${TOKEN}" > /app/k'],
  ])("by its own path or variable: %s, %s", (field, step) => {
    expect(linesOf(`${MOUNT},${field} ${step}`)).toEqual([2]);
  });

  it.each([
    "npm ci",
    `npm ci --userconfig ${SECRET} > /log`,
    `export TOKEN=$(cat ${SECRET}) && make > /log`,
    `wc -c < ${SECRET} > /length`,
    `sha256sum ${SECRET} > /sum`,
    `cat ${SECRET} > /dev/null`,
    `cat ${SECRET} | base64 >/dev/null`,
    `cat ${SECRET} 2>/errors | head -c 0`,
    `cp ${SECRET} /root/.npmrc && npm ci && rm -f /root/.npmrc`,
    `cp ${SECRET}-of-another /app/key`,
    "cp a b && cat c > d",
    `test -s ${SECRET} && echo "this is where npm ci runs" > /done`,
    `ln -s ${SECRET} /root/.npmrc`,
  ])("not: %s", (step) => {
    expect(linesOf(`${MOUNT} ${step}`)).toEqual([]);
  });

  it("nor what has no mount, or stands in a comment", () => {
    expect(linesOf(`RUN cp ${SECRET} /app`, `# ${MOUNT} cp ${SECRET} /app`)).toEqual([]);
  });
});

describe("IT4: ARG and ENV with the name of a secret", () => {
  it.each([
    "ARG NPM_TOKEN",
    "ARG npm_token=x",
    "ARG A B NPM_TOKEN",
    "ENV API_KEY=x",
    "ENV API_KEY x",
  ])("%s", (line) => {
    expect(linesOf(line)).toEqual([2]);
  });

  it.each(["ARG NPM_TOKENS", "ENV API_KEY=", 'ENV API_KEY=""', "ENV API_KEY_FILE=/run/secrets/k"])(
    "not: %s",
    (line) => {
      expect(linesOf(line)).toEqual([]);
    },
  );
});

it("says what is wrong and what to do, without a word of the line but names", () => {
  const text = `FROM a\nENV API_KEY=abc\n${MOUNT} cp ${SECRET} /app/k\n`;
  expect(findDockerfileLeaks(text, ["API_KEY"])).toEqual([
    {
      line: 2,
      message: "ENV API_KEY is named as the secret API_KEY: its value would be in the image",
      hint: "leave it out, and give it when the container starts: sealmount run",
    },
    {
      line: 3,
      message:
        "this step writes the secret npm-token to /app/k: it stays in the image, also when a later step deletes it",
      hint: "use the mounted file where it is, or delete the copy in the same RUN",
    },
  ]);
});
