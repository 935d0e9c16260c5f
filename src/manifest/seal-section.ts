import type { Fields } from "./fields.ts";
import { BUILD, COMMON } from "./model.ts";
import type { Scope, Seal } from "./model.ts";
import { isAppName, isEnvironmentName, publicKeyShape } from "./names.ts";

/** What applies when the manifest itself says nothing. */
export interface SealDefaults {
  readonly folderName: string;
  /** The parent's, for an appling. */
  readonly inherited?: Seal | undefined;
}

/**
 * Reads `[seal]`. What an appling leaves out comes from its parent; the app's name comes from
 * `[seal] app`, else the parent, else the platform's `name`, else the folder.
 */
export function readSeal(root: Fields, { folderName, inherited }: SealDefaults): Seal {
  const own = readOwn(root.table("seal"));
  const parent = inherited ?? {
    app: undefined,
    keys: new Map<Scope, string>(),
    requireBound: false,
    verify: false,
  };
  const publicKey = own.publicKey ?? inherited?.publicKey;
  return {
    app: own.app ?? parent.app ?? nameOf(root, folderName),
    keys: new Map([...parent.keys, ...own.keys]),
    requireBound: own.requireBound ?? parent.requireBound,
    verify: own.verify ?? parent.verify,
    ...(publicKey === undefined ? {} : { publicKey }),
  };
}

interface OwnSeal {
  readonly app?: string | undefined;
  readonly publicKey?: string | undefined;
  readonly keys: readonly [Scope, string][];
  readonly requireBound?: boolean | undefined;
  readonly verify?: boolean | undefined;
}

function readOwn(fields: Fields | undefined): OwnSeal {
  if (!fields) return { keys: [] };
  fields.refuseUnknown(["app", "public_key", "keys", "require_bound", "verify"], "key of [seal]");
  return {
    app: readApp(fields),
    publicKey: readPublicKey(fields, "public_key"),
    keys: readKeys(fields.table("keys")),
    requireBound: fields.flag("require_bound"),
    verify: fields.flag("verify"),
  };
}

function readApp(fields: Fields): string | undefined {
  const app = fields.text("app");
  if (app === undefined || isAppName(app)) return app;
  return fields.complain("app", "this can't name an app: it becomes a file name", {
    hint: "use letters, digits, - and _; no slash and no space",
  });
}

function nameOf(root: Fields, folderName: string): string {
  const node = root.member("name")?.node;
  const name = node?.kind === "string" && isAppName(node.text) ? node.text : folderName;
  if (isAppName(name)) return name;
  root.problems.add({
    at: root.at,
    message: "the app has no name, and its folder's name can't be one",
    hint: 'add app = "name" to [seal]',
  });
  return "app";
}

function readKeys(fields: Fields | undefined): [Scope, string][] {
  if (!fields) return [];
  const keys: [Scope, string][] = [];
  for (const [scope] of fields.members()) {
    if (!isEnvironmentName(scope) && scope !== COMMON && scope !== BUILD) {
      fields.complain(scope, "this can't name an environment");
      continue;
    }
    const key = readPublicKey(fields, scope);
    if (key !== undefined) keys.push([scope, key]);
  }
  return keys;
}

function readPublicKey(fields: Fields, name: string): string | undefined {
  const text = fields.text(name);
  if (text === undefined) return undefined;
  const shape = publicKeyShape(text);
  if (shape === "public") return text;
  if (shape === "private") {
    return fields.complain(name, "a private key stands here: whoever has the file can open all", {
      hint: "make a new pair (sealmount key new), write its public key here, seal all values again",
    });
  }
  return fields.complain(name, "this is no public key", {
    hint: "write smp1_ and 43 characters, as sealmount key ls shows it",
  });
}
