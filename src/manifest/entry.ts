import { Fields, isScalar } from "./fields.ts";
import { readFileTarget } from "./file-target.ts";
import { BUILD, type Entry, type FileTarget, type Scope, type Source } from "./model.ts";
import { isBase64, isDate } from "./names.ts";
import type { Problems } from "./problems.ts";
import { dottedKey } from "./toml-text.ts";
import type { Spot, TomlMember, TomlScalar, TomlTable } from "./tree-model.ts";

/** Attributes that say where a value comes from; an entry has one of these four sources at most. */
export const SOURCE_ATTRIBUTES = ["encrypted", "secret", "key", "template", "default"] as const;

const ATTRIBUTES = [
  ...SOURCE_ATTRIBUTES,
  "expires",
  "type",
  "description",
  "prompt",
  "generate",
] as const;

/** Of an entry that may be delivered as a file. */
const ALL_ATTRIBUTES = [...ATTRIBUTES, "file", "owner", "mode"] as const;

/** Of a build secret. */
const BUILD_ATTRIBUTES = [...ATTRIBUTES, "cache"] as const;

/** What is being read. */
export interface EntryContext {
  readonly problems: Problems;
  readonly scope: Scope;
  /** Path of the entry itself. */
  readonly path: readonly string[];
  /** Name that the sealed value is bound to. */
  readonly name: string;
  /** Whether `file`, `owner` and `mode` may stand on it. */
  readonly files: boolean;
}

/** Reads one entry: a bare value, or a table of attributes. Undefined when it is broken. */
export function readEntry(context: EntryContext, { at, node }: TomlMember): Entry | undefined {
  const { problems, path } = context;
  if (node.kind === "table") return readAttributes(context, { at, node });
  if (isScalar(node)) return readPlain(context, at, node);
  problems.add({
    at,
    path,
    message: "a list is no value",
    hint: "write one text in quotes, or several names",
  });
  return undefined;
}

function readPlain(context: EntryContext, at: Spot, { text }: TomlScalar): Entry | undefined {
  const { problems, path, name, scope } = context;
  if (text.includes("\0")) {
    problems.add({
      code: "VALUE_INVALID",
      at,
      path,
      message: "the value contains NUL, which no environment variable can hold",
      hint: "seal the bytes and deliver them as a file",
    });
    return undefined;
  }
  return { name, scope, place: problems.place(at, path), source: { kind: "plain", value: text } };
}

function readAttributes(
  context: EntryContext,
  member: { at: Spot; node: TomlTable },
): Entry | undefined {
  const { problems, path, name, scope, files } = context;
  const fields = new Fields(problems, path, member);
  const place = problems.place(member.at, path);
  if (member.node.members.size === 1 && fields.has("encrypted")) {
    // nearly every entry is one sealed value: nothing else to look for
    const source = readSealed(fields);
    return source && { name, scope, place, source };
  }
  const own = scope === BUILD ? BUILD_ATTRIBUTES : ATTRIBUTES;
  fields.refuseUnknown(files ? ALL_ATTRIBUTES : own, "attribute");
  const source = readSource(fields);
  const extras = { ...readExtras(fields), ...(scope === BUILD && readCache(fields)) };
  const file = files ? readFileTarget(fields) : undefined;
  return source && { name, scope, place, source, ...extras, ...fileOf(file) };
}

function fileOf(file: FileTarget | undefined): Pick<Entry, "file"> {
  return file ? { file } : {};
}

function readSource(fields: Fields): Source | undefined {
  const present = SOURCE_ATTRIBUTES.filter((name) => fields.has(name));
  const [first, second] = present.filter((name) => name !== "key" || !fields.has("secret"));
  if (first === undefined) return { kind: "unset" };
  if (second !== undefined) {
    return fields.complain(second, `the value has two sources: ${first} and ${second}`, {
      hint: "keep one of the two",
    });
  }
  return READERS[first](fields);
}

const READERS: Record<(typeof SOURCE_ATTRIBUTES)[number], (fields: Fields) => Source | undefined> =
  {
    encrypted: readSealed,
    secret: readKubernetes,
    key: readKubernetes,
    template: (fields) => {
      const template = fields.text("template");
      return template === undefined ? undefined : { kind: "template", template };
    },
    default: (fields) => {
      const value = fields.scalar("default");
      return value === undefined ? undefined : { kind: "plain", value };
    },
  };

function readSealed(fields: Fields): Source | undefined {
  const encrypted = fields.text("encrypted");
  if (encrypted === undefined) return undefined;
  if (isBase64(encrypted)) return { kind: "sealed", encrypted };
  return fields.complain("encrypted", "the sealed value is damaged: it is not base64", {
    code: "UNSEAL_BASE64",
    hint: "restore the line from version control, or set the value again",
  });
}

function readKubernetes(fields: Fields): Source | undefined {
  const secret = fields.text("secret");
  const key = fields.text("key");
  for (const [name, other] of [
    ["secret", "key"],
    ["key", "secret"],
  ] as const) {
    if (fields.has(name) || !fields.has(other)) continue;
    fields.complain(other, `${other} has no meaning without ${name}`, {
      hint: 'write { secret = "…", key = "…" }',
    });
  }
  return secret === undefined || key === undefined
    ? undefined
    : { kind: "kubernetes", secret, key };
}

type Extras = Pick<Entry, "expires" | "type" | "description" | "prompt" | "generate">;

function readExtras(fields: Fields): Extras {
  const extras: { -readonly [K in keyof Extras]: Extras[K] | undefined } = {
    expires: readExpires(fields),
    type: fields.text("type"),
    description: fields.text("description"),
    generate: fields.text("generate"),
    prompt: readPrompt(fields),
  };
  const present = Object.entries(extras).filter(([, value]) => value !== undefined);
  return Object.fromEntries(present);
}

function readPrompt(fields: Fields): string | true | undefined {
  if (fields.member("prompt")?.node.kind !== "boolean") return fields.text("prompt");
  return fields.flag("prompt") === true ? true : undefined;
}

function readExpires(fields: Fields): string | undefined {
  const node = fields.member("expires")?.node;
  if (node === undefined) return undefined;
  if ((node.kind === "string" || node.kind === "datetime") && isDate(node.text)) return node.text;
  return fields.complain("expires", "this is no date", { hint: "write expires = 2027-01-31" });
}

/** What decides whether a step that mounts a build secret runs again; `off` is docker's own way. */
function readCache(fields: Fields): Pick<Entry, "cache"> {
  const cache = fields.text("cache");
  if (cache === "value") return { cache };
  if (cache !== undefined && cache !== "off") {
    fields.complain("cache", "this is neither value nor off", {
      hint: 'write cache = "value": a step that mounts it runs again when the value has changed',
    });
  }
  return {};
}

/** Name that the secret of a slot is bound to: its dotted key. */
export function slotName(path: readonly string[]): string {
  return dottedKey(path);
}
