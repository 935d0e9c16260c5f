/**
 * The part of the form of SARIF 2.1.0 that our logs use, written down from the standard: which
 * properties an object must and may have, and what is in them.
 *
 * @see OASIS SARIF 2.1.0, sarif-schema-2.1.0.json
 */

/** What is wrong with a value, by its path. */
type Check = (value: unknown, path: string) => string[];

const text: Check = (value, path) => (typeof value === "string" ? [] : [`${path}: no string`]);
const yes: Check = () => [];
const flag: Check = (value, path) => (typeof value === "boolean" ? [] : [`${path}: no boolean`]);
const from =
  (least: number): Check =>
  (value, path) =>
    Number.isInteger(value) && (value as number) >= least ? [] : [`${path}: no number`];
const oneOf =
  (...words: string[]): Check =>
  (value, path) =>
    words.includes(value as string) ? [] : [`${path}: not of ${words.join(", ")}`];
const list =
  (each: Check, unique = false): Check =>
  (value, path) => {
    if (!Array.isArray(value)) return [`${path}: no array`];
    const texts = value.map((item) => JSON.stringify(item));
    const twice = unique && new Set(texts).size < texts.length ? [`${path}: items twice`] : [];
    return [...twice, ...value.flatMap((item, i) => each(item, `${path}[${i}]`))];
  };
const record =
  (each: Check): Check =>
  (value, path) =>
    isObject(value)
      ? Object.entries(value).flatMap(([name, item]) => each(item, `${path}.${name}`))
      : [`${path}: no object`];

/** An object without further properties; those with `!` must be there. */
const object =
  (form: Readonly<Record<string, Check>>): Check =>
  (value, path) => {
    if (!isObject(value)) return [`${path}: no object`];
    const names = Object.keys(form).map((name) => name.replace("!", ""));
    const surplus = Object.keys(value).filter((name) => !names.includes(name));
    return [
      ...surplus.map((name) => `${path}.${name}: unknown`),
      ...Object.entries(form).flatMap(([key, check]) => {
        const name = key.replace("!", "");
        if (name in value) return check(value[name], `${path}.${name}`);
        return key.endsWith("!") ? [`${path}.${name}: missing`] : [];
      }),
    ];
  };

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

const uriReference: Check = (value, path) =>
  typeof value === "string" && /^(?:[\w.~!$&'()*+,;=:@/-]|%[\dA-F]{2})*$/u.test(value)
    ? []
    : [`${path}: no reference`];
const message = object({ "text!": text });
const bag = record(yes);
const level = oneOf("none", "note", "warning", "error");

const descriptor = object({
  "id!": text,
  name: text,
  shortDescription: message,
  fullDescription: message,
  help: message,
  defaultConfiguration: object({ level }),
  properties: bag,
});

const location = object({
  physicalLocation: object({
    artifactLocation: object({ uri: uriReference, uriBaseId: text, index: from(0) }),
    region: object({ startLine: from(1), byteOffset: from(0) }),
  }),
  logicalLocations: list(object({ name: text, fullyQualifiedName: text, kind: text }), true),
});

const result = object({
  ruleId: text,
  ruleIndex: from(0),
  level,
  "message!": message,
  locations: list(location),
  partialFingerprints: record(text),
  properties: bag,
});

const invocation = object({
  "executionSuccessful!": flag,
  toolExecutionNotifications: list(
    object({ descriptor: object({ "id!": text }), level, "message!": message }),
  ),
});

const run = object({
  "tool!": object({
    "driver!": object({
      "name!": text,
      version: text,
      rules: list(descriptor, true),
      notifications: list(descriptor, true),
    }),
  }),
  automationDetails: object({ id: text }),
  originalUriBaseIds: record(object({ uri: uriReference, description: message })),
  invocations: list(invocation),
  results: list(result),
  properties: bag,
});

const log = object({ $schema: text, "version!": oneOf("2.1.0"), "runs!": list(run) });

/** @returns what a log has that the form does not allow; empty for a good one */
export function faultsOf(value: unknown): string[] {
  return log(JSON.parse(JSON.stringify(value)), "log");
}
