import { randomBytes } from "node:crypto";
import { describe, expect, it } from "vitest";

import { labelsOf } from "../../../../src/docker/labels.ts";
import { PolicyError } from "../../../../src/errors.ts";
import type { DigestKey } from "../../../../src/run/live/digest-key.ts";
import type { KnownContainer } from "../../../../src/run/live/find.ts";
import { distrust, refuseUntrusted, signLabels } from "../../../../src/run/live/sign.ts";
import { type LaunchSpec, readLabels, specLabels } from "../../../../src/run/live/spec.ts";
import { Secret } from "../../../../src/secret/secret.ts";

const RUN = "0123456789abcdef";
const IMAGE = `sha256:${"a".repeat(64)}`;
const OTHER_IMAGE = `sha256:${"b".repeat(64)}`;

const SPEC: LaunchSpec = {
  version: 1,
  files: [{ name: "A", mode: 0o440, uid: 1, gid: 2 }],
  folders: [{ key: "m0", target: "/run/secrets", files: [{ file: 0, path: "A" }] }],
  singles: [],
  volumes: [{ name: `sealmount-${RUN}-0`, key: null }],
  variables: [],
  hides: false,
};

function key(fingerprint = "0123456789abcdef"): DigestKey {
  const secret = Secret.take("key", randomBytes(32));
  return { key: secret, fingerprint, [Symbol.dispose]: () => secret.wipe() };
}

const KEY = key();

type Labels = Readonly<Record<string, string>>;

/** As `run` writes them. */
function signed(o: { readonly image?: string | null; readonly imageLabels?: Labels } = {}): Labels {
  const { image = IMAGE, imageLabels = {} } = o;
  const told = specLabels({ app: "cats", environment: "prod" }, SPEC, {
    digests: new Map([["A", "00ff"]]),
    fingerprint: KEY.fingerprint,
    reseed: true,
  });
  const labels = { ...labelsOf(RUN, "app"), "sealmount.folder": "/dev/shm/x", ...told };
  const Config = { Labels: imageLabels };
  const own = signLabels(labels, {
    digestKey: KEY,
    image: image === null ? null : { Id: image, Config },
  });
  // as the engine merges them
  return { ...imageLabels, ...own };
}

function container(rawLabels: Labels, o: Partial<KnownContainer> = {}): KnownContainer {
  const labels = readLabels(rawLabels);
  if (labels === null) throw new Error("labels that nobody could read");
  const { app, environment } = labels;
  return {
    id: "1",
    name: "web",
    app,
    environment,
    image: IMAGE,
    platform: undefined,
    state: "running",
    running: true,
    startedAt: 1,
    fromHere: true,
    rawLabels,
    labels,
    ...o,
  };
}

const spec = (more: Partial<LaunchSpec>): string => JSON.stringify({ ...SPEC, ...more });

describe("signed labels", () => {
  it("are trusted as they were written, whatever else is on the container", () => {
    expect(distrust(container(signed()), KEY)).toBeNull();
    const more = { ...signed(), "sealmount.owner": "1.1@aa", shop: "cats" };
    expect(distrust(container(more), KEY)).toBeNull();
    expect(() => refuseUntrusted(container(more), KEY)).not.toThrow();
  });

  it.each<readonly [string, Labels]>([
    ["app", { "sealmount.app": "dogs" }],
    ["environment", { "sealmount.env": "test" }],
    ["names", { "sealmount.spec": spec({ files: [{ name: "B", mode: 0o440, uid: 1, gid: 2 }] }) }],
    ["owners", { "sealmount.spec": spec({ files: [{ name: "A", mode: 0o440, uid: 7, gid: 2 }] }) }],
    ["volumes", { "sealmount.spec": spec({ volumes: [{ name: "mine", key: null }] }) }],
    ["variables", { "sealmount.spec": spec({ variables: ["B"], hides: true }) }],
    ["form of the spec", { "sealmount.spec": `${JSON.stringify(SPEC)} ` }],
    ["digests", { "sealmount.digests": "{}" }],
    ["run", { "sealmount.run": "fedcba9876543210" }],
    ["folder", { "sealmount.folder": "/dev/shm/y" }],
    ["reseed", { "sealmount.reseed": "" }],
    ["mac", { "sealmount.mac": "00".repeat(32) }],
    ["mac, cut", { "sealmount.mac": signed()["sealmount.mac"]?.slice(0, 32) ?? "" }],
    ["mac, empty", { "sealmount.mac": "" }],
    ["mac, of no digits", { "sealmount.mac": "\u001b[31m" }],
  ])("IX26: with another %s are not", (_title, more) => {
    const why = distrust(container({ ...signed(), ...more }), KEY);
    expect(why).toBe("its labels were changed, or signed for another image");
  });

  it.each(["sealmount.folder", "sealmount.reseed", "sealmount.digests"])(
    "without %s are not",
    (name) => {
      const { [name]: _gone, ...rest } = signed();
      expect(distrust(container(rest), KEY)).toContain("changed");
    },
  );

  it.each(["sealmount.mac", "sealmount.key"])("without %s are unsigned", (name) => {
    const { [name]: _gone, ...rest } = signed();
    expect(distrust(container(rest), KEY)).toBe("its labels are not signed");
  });

  it("IX26: copied to a container of another image are not", () => {
    const copied = container(signed(), { image: OTHER_IMAGE });
    expect(distrust(copied, KEY)).toContain("another image");
  });

  it("made without an image are: a run without files, to which nothing can be delivered", () => {
    expect(distrust(container(signed({ image: null })), KEY)).toBeNull();
  });

  it("count what the image brings, as an image by docker commit does", () => {
    const imageLabels = { "sealmount.folder": "/old", "sealmount.mac": "00" };
    expect(distrust(container(signed({ imageLabels })), KEY)).toBeNull();
  });

  it("by another key are not: the label's fingerprint is not believed", () => {
    expect(distrust(container(signed()), key())).toContain("changed");
    const other = key("fedcba9876543210");
    expect(distrust(container(signed()), other)).toBe(
      "its labels are signed by key 0123456789abcdef, and key fedcba9876543210 counts",
    );
    const renamed = { ...signed(), "sealmount.key": other.fingerprint };
    expect(distrust(container(renamed), other)).toContain("changed");
  });

  it("are signed by a key of their own: a digest is no mac", () => {
    const same = key();
    const digestLike = signLabels(signed(), { digestKey: same, image: null })["sealmount.mac"];
    expect(digestLike).toMatch(/^[0-9a-f]{64}$/);
    expect(digestLike).not.toBe(signed({ image: null })["sealmount.mac"]);
  });
});

describe("refuseUntrusted", () => {
  it("names the container, the fact and what mends it", () => {
    const { "sealmount.mac": _gone, ...rest } = signed();
    let error: unknown;
    try {
      refuseUntrusted(container(rest), KEY);
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toBeInstanceOf(PolicyError);
    expect(error).toMatchObject({
      code: "LABELS_UNTRUSTED",
      exitCode: 9,
      message: "container web gets no values: its labels are not signed",
      hint: "run the container anew; if it is none of yours: sealmount down web",
    });
  });

  it("without a key there is nothing to check by", () => {
    const { "sealmount.mac": _gone, ...rest } = signed();
    expect(() => refuseUntrusted(container(rest), undefined)).not.toThrow();
  });

  it("without a key nothing is signed", () => {
    expect(signLabels({ a: "b" }, { digestKey: undefined, image: null })).toEqual({ a: "b" });
  });
});
