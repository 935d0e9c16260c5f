/** From an owner as written (`app`, `1000:1000`, `USER`) to numbers, with the image's own tables. */
import { DockerError } from "../errors.ts";
import { nearMiss } from "../manifest/near-miss.ts";

/** Stands for the user that the container runs as: `-u`, else the image's USER, else root. */
export const IMAGE_USER = "USER";

/** Numbers inside the container. */
export interface Ids {
  readonly uid: number;
  readonly gid: number;
}

/** Reads a text file of the image; null when there is none. */
export type ReadImageFile = (path: string) => Promise<string | null>;

interface User extends Ids {
  readonly name: string;
}

interface Group {
  readonly name: string;
  readonly gid: number;
}

const ROOT: Ids = { uid: 0, gid: 0 };

/** Largest id that means somebody: the highest one is "no change" for chown(2). */
const MAX_ID = 0xfffffffe;

/** The owner in numbers where no table is needed, else null. */
export function numericOwner(owner: string): Ids | null {
  if (["", "root", "0", "root:root", "0:0"].includes(owner)) return ROOT;
  const match = /^(\d{1,10}):(\d{1,10})$/.exec(owner);
  if (match === null) return null;
  const ids = { uid: Number(match[1]), gid: Number(match[2]) };
  return ids.uid <= MAX_ID && ids.gid <= MAX_ID ? ids : null;
}

/**
 * Resolves `USER[:GROUP]`, each a name or a number. Without a group it is the user's own group; a
 * number that the image does not list is its own group too, as with `COPY --chown`.
 *
 * @param owner - as written; {@link IMAGE_USER} must be replaced before
 * @throws {@link DockerError} DELIVERY_OWNER naming a near miss
 */
export async function resolveOwner(owner: string, read: ReadImageFile): Promise<Ids> {
  const numbers = numericOwner(owner);
  if (numbers !== null) return numbers;
  const [userText = "", groupText] = owner.split(":");
  const users = parsePasswd((await read("/etc/passwd")) ?? "");
  const user = findUser(userText, users);
  if (groupText === undefined) return { uid: user.uid, gid: user.gid };
  return { uid: user.uid, gid: findGroup(groupText, parseGroup((await read("/etc/group")) ?? "")) };
}

/** Rows of /etc/passwd; damaged lines are left out, as libc does. */
function parsePasswd(text: string): User[] {
  return text.split("\n").flatMap((line) => {
    const [name = "", , uid = "", gid = ""] = line.split(":");
    return isId(uid) && isId(gid) ? [{ name, uid: Number(uid), gid: Number(gid) }] : [];
  });
}

function parseGroup(text: string): Group[] {
  return text.split("\n").flatMap((line) => {
    const [name = "", , gid = ""] = line.split(":");
    return isId(gid) ? [{ name, gid: Number(gid) }] : [];
  });
}

function findUser(text: string, users: readonly User[]): Ids {
  const user = users.find(({ name, uid }) => name === text || String(uid) === text);
  if (user !== undefined) return user;
  if (text === "root") return ROOT;
  if (isId(text)) return { uid: Number(text), gid: Number(text) };
  throw unknown("user", text, users);
}

function findGroup(text: string, groups: readonly Group[]): number {
  const group = groups.find(({ name }) => name === text);
  if (group !== undefined) return group.gid;
  if (text === "root") return ROOT.gid;
  if (isId(text)) return Number(text);
  throw unknown("group", text, groups);
}

function isId(text: string): boolean {
  return /^\d{1,10}$/.test(text) && Number(text) <= MAX_ID;
}

function unknown(
  kind: "user" | "group",
  text: string,
  rows: readonly { readonly name: string }[],
): DockerError {
  const names = rows.map(({ name }) => name);
  const near = nearMiss(text, names);
  const table = kind === "user" ? "/etc/passwd" : "/etc/group";
  const fact = names.length === 0 ? `the image has no ${table}` : `${table} of the image lacks it`;
  return new DockerError("DELIVERY_OWNER", `unknown ${kind} ${JSON.stringify(text)}: ${fact}`, {
    hint:
      near !== undefined
        ? `did you mean ${near}?`
        : "give numbers, such as owner=1000:1000, or owner=USER for the user the container runs as",
  });
}
