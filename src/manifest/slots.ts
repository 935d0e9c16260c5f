import { readEntry, slotName } from "./entry.ts";
import type { Fields } from "./fields.ts";
import { COMMON } from "./model.ts";
import type { Slot } from "./model.ts";

/** Name of the attribute that holds the secret of each kind of slot. */
const SECRET_OF = { registries: "password", git: "token" } as const;

/** What docker calls its own registry. */
const DOCKER_HUB = "docker.io";
/** Other names of it; with docker, an empty server address is one. */
const DOCKER_HUB_NAMES = new Set(["", DOCKER_HUB, "index.docker.io", "registry-1.docker.io"]);

/** Reads `[registries."host"]` or `[git."host"]`. */
export function readSlots(root: Fields, kind: keyof typeof SECRET_OF): Slot[] {
  const section = root.table(kind);
  const slots: Slot[] = [];
  for (const [host] of section?.members() ?? []) {
    const fields = section?.table(host);
    if (fields) slots.push(readSlot(fields, host, SECRET_OF[kind]));
  }
  return slots;
}

function readSlot(fields: Fields, host: string, attribute: string): Slot {
  const { problems } = fields;
  fields.refuseUnknown(["username", attribute], "attribute");
  const isHub = attribute === SECRET_OF.registries && DOCKER_HUB_NAMES.has(host);
  if (!isHub && !/^[^\s\p{C}/]+$/u.test(host)) {
    problems.add({
      at: fields.at,
      path: fields.path,
      message: "this is no host name",
      hint: 'write a host, with its port when it has one, such as "ghcr.io" or "localhost:5000"',
    });
  }
  const username = fields.text("username");
  const member = fields.member(attribute);
  const path = [...fields.path, attribute];
  const secret =
    member &&
    readEntry({ problems, scope: COMMON, path, name: slotName(path), files: false }, member);
  return {
    host: isHub ? DOCKER_HUB : host,
    name: host,
    place: problems.place(fields.at, fields.path),
    ...(username === undefined ? {} : { username }),
    ...(secret ? { secret } : {}),
  };
}
