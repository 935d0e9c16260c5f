import { describe, expect, it } from "vitest";

import { numericOwner, resolveOwner } from "../../../src/run/owner.ts";

const PASSWD = `root:x:0:0::/root:/bin/sh
# not a row
app:x:1234:2345::/srv:/bin/sh
broken
other:x:nan:1:::
12:x:77:78:::
`;
const GROUP = "root:x:0:\nreaders:x:3456:app\n";

async function read(path: string): Promise<string | null> {
  return { "/etc/passwd": PASSWD, "/etc/group": GROUP }[path] ?? null;
}

const nothing = async (): Promise<null> => null;
const never = async (): Promise<never> => {
  throw new Error("no table is needed");
};

describe("resolveOwner", () => {
  it.each([
    ["app", 1234, 2345],
    ["app:readers", 1234, 3456],
    ["app:77", 1234, 77],
    ["1234", 1234, 2345],
    ["4321", 4321, 4321],
    ["12", 77, 78],
    ["4321:readers", 4321, 3456],
  ])("IX16: %s", async (owner, uid, gid) => {
    expect(await resolveOwner(owner, read)).toMatchObject({ uid, gid });
  });

  it.each([
    ["", 0, 0],
    ["root", 0, 0],
    ["0:0", 0, 0],
    ["1:2", 1, 2],
  ])("%j needs no table", async (owner, uid, gid) => {
    expect(await resolveOwner(owner, never)).toEqual({ uid, gid });
  });

  it.each([
    ["5", 5, 5],
    ["root:7", 0, 7],
  ])("%s works in an image without tables", async (owner, uid, gid) => {
    expect(await resolveOwner(owner, nothing)).toEqual({ uid, gid });
  });

  it.each([
    ["apps", "did you mean app?"],
    ["app:reader", "did you mean readers?"],
  ])("DELIVERY_OWNER: %s", async (owner, hint) => {
    await expect(resolveOwner(owner, read)).rejects.toMatchObject({ code: "DELIVERY_OWNER", hint });
  });

  it.each(["nobody-like-this", "other", "app:", "4294967295", "-1"])(
    "DELIVERY_OWNER: %j",
    async (owner) => {
      await expect(resolveOwner(owner, read)).rejects.toMatchObject({ code: "DELIVERY_OWNER" });
    },
  );

  it("takes no number that chown would read as: no change", () => {
    expect(numericOwner("4294967295:1")).toBeNull();
    expect(numericOwner("4294967294:1")).toEqual({ uid: 4_294_967_294, gid: 1 });
  });
});
