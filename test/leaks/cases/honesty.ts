/** Values that can't be proved, values that are equal, and values inside of others. */
import { inArgument, inEnv, inFile, inHistory, inLabel } from "../model.ts";
import type { LeakCase } from "../model.ts";
import { word } from "../values.ts";
import { BASE } from "./dockerfile.ts";

const PIN = { secrets: { "prod/PIN": "pin" } } as const;
const DEBUG = { secrets: { "prod/DEBUG": () => "true" } } as const;

const WEAK: readonly Omit<LeakCase, "group">[] = [
  {
    name: "a short value in the variable of its own name",
    ...PIN,
    dockerfile: [BASE, "ENV PIN={{PIN}}"],
    expect: [inEnv("PIN", { secret: "prod/PIN" }), inHistory(1, { secret: "prod/PIN" })],
    unproved: ["prod/PIN"],
  },
  {
    name: "a short value in a variable of another name",
    ...PIN,
    dockerfile: [BASE, "ENV ENTRY_CODE={{PIN}}"],
    expect: [inEnv("ENTRY_CODE", { secret: "prod/PIN" })],
    unproved: ["prod/PIN"],
  },
  {
    name: "a short value in a label",
    ...PIN,
    dockerfile: [BASE, "LABEL org.example.code={{PIN}}"],
    expect: [inLabel("org.example.code", { secret: "prod/PIN" })],
    unproved: ["prod/PIN"],
  },
  {
    name: "a short value as a build argument",
    ...PIN,
    dockerfile: [BASE, "ARG PIN", 'RUN test -n "$PIN"'],
    buildArgs: { PIN: "{{PIN}}" },
    expect: [inArgument(1, { secret: "prod/PIN" }), inHistory(2, { secret: "prod/PIN", layer: 1 })],
    unproved: ["prod/PIN"],
  },
  {
    name: "a common word in the variable of its own name",
    ...DEBUG,
    dockerfile: [BASE, "ENV DEBUG=true"],
    expect: [inEnv("DEBUG", { secret: "prod/DEBUG" }), inHistory(1, { secret: "prod/DEBUG" })],
    unproved: ["prod/DEBUG"],
  },
  {
    name: "a common word in files and in another variable: no finding, and not proved",
    ...DEBUG,
    dockerfile: [BASE, "ENV VERBOSE=true", "RUN echo true > /etc/debug"],
    expect: [],
    unproved: ["prod/DEBUG"],
  },
  {
    name: "a short value in a file: no finding, and not proved",
    ...PIN,
    dockerfile: [BASE, "COPY pin /pin"],
    context: { pin: "{{PIN}}" },
    expect: [],
    unproved: ["prod/PIN"],
  },
  {
    name: "8 digits are no accident",
    secrets: { "prod/KEY": "digits" },
    dockerfile: [BASE, "COPY key /key"],
    context: { key: "number: {{KEY}}\n" },
    expect: [inFile("/key")],
  },
];

const RELATED: readonly Omit<LeakCase, "group">[] = [
  {
    name: "two secrets with the same value",
    secrets: { "prod/KEY": "password", "staging/OTHER": ({ KEY = "" }) => KEY },
    dockerfile: [BASE, "COPY key /key"],
    context: { key: "{{KEY}}" },
    expect: [inFile("/key"), inFile("/key", { secret: "staging/OTHER" })],
  },
  {
    name: "a secret inside of another: the longer one leaks, so both do",
    secrets: {
      "prod/KEY": "password",
      "prod/LONG": ({ KEY = "" }) => `${word(8)}${KEY}${word(8)}`,
    },
    dockerfile: [BASE, "COPY key /key"],
    context: { key: "{{LONG}}" },
    expect: [inFile("/key"), inFile("/key", { secret: "prod/LONG" })],
  },
  {
    name: "a secret inside of another: the shorter one leaks alone",
    secrets: {
      "prod/KEY": "password",
      "prod/LONG": ({ KEY = "" }) => `${word(8)}${KEY}${word(8)}`,
    },
    dockerfile: [BASE, "COPY key /key"],
    context: { key: "{{KEY}}" },
    expect: [inFile("/key")],
  },
  {
    name: "a secret that begins as another does",
    secrets: { "prod/KEY": "password", "prod/LONG": ({ KEY = "" }) => `${KEY}${word(8)}` },
    dockerfile: [BASE, "COPY key /key"],
    context: { key: "{{LONG}}" },
    expect: [inFile("/key"), inFile("/key", { secret: "prod/LONG" })],
  },
  {
    name: "one of two secrets leaks",
    secrets: { "prod/KEY": "password", "prod/OTHER": "password" },
    dockerfile: [BASE, "COPY key /key"],
    context: { key: "{{OTHER}}" },
    expect: [inFile("/key", { secret: "prod/OTHER" })],
  },
  {
    name: "two secrets in one file",
    secrets: { "prod/KEY": "password", "prod/OTHER": "special" },
    dockerfile: [BASE, "COPY key /key"],
    context: { key: "{{OTHER}}{{KEY}}" },
    expect: [inFile("/key"), inFile("/key", { secret: "prod/OTHER" })],
  },
];

export const HONESTY_CASES: readonly LeakCase[] = [...WEAK, ...RELATED].map((one) => ({
  ...one,
  group: "honesty",
}));
