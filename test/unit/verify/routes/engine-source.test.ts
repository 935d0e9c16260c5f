import { describe, expect, it } from "vitest";
import { DockerError } from "../../../../src/errors.ts";
import type { Blobs } from "../../../../src/verify/blobs.ts";
import type { RouteName } from "../../../../src/verify/model.ts";
import { NO_RECORDS } from "../../../../src/verify/routes/build-records.ts";
import { EngineSource } from "../../../../src/verify/routes/engine-source.ts";
import { RouteError } from "../../../../src/verify/routes/route.ts";
import type { Route } from "../../../../src/verify/routes/route.ts";
import { blobsFor } from "./context.ts";

async function* whole(text: string): AsyncGenerator<Buffer> {
  await Promise.resolve();
  yield Buffer.from(text);
}

interface Steps {
  readonly open?: Error;
  readonly read?: Error;
  readonly seen?: string[];
}

/** A way that writes one file of its name, and then fails if it has to. */
function route(name: RouteName, { open, read, seen = [] }: Steps = {}): Route {
  return {
    name,
    open: async () => {
      await Promise.resolve();
      if (open !== undefined) throw open;
      return {
        roots: [`root of ${name}`],
        read: async (blobs: Blobs) => {
          await blobs.read(name, whole(name));
          if (read !== undefined) throw read;
        },
        close: () => void seen.push(`close ${name}`),
      };
    },
  };
}

describe("the ways to an engine's image", () => {
  it("are tried in their order, each from the beginning", async () => {
    const seen: string[] = [];
    const source = await EngineSource.open("id", [
      route("content", { open: new RouteError("no store") }),
      route("folders", { read: new RouteError("a file changed"), seen }),
      route("save", { seen }),
    ]);
    expect(source.route).toEqual({
      name: "folders",
      skipped: [{ name: "content", reason: "no store" }],
    });
    const blobs = blobsFor("0123456789");
    await source.read(blobs);
    expect(blobs.all.map(({ name }) => name)).toEqual(["save"]);
    expect(source.roots).toEqual(["root of save"]);
    expect(source.route).toEqual({
      name: "save",
      skipped: [
        { name: "content", reason: "no store" },
        { name: "folders", reason: "a file changed" },
      ],
    });
    expect(seen).toEqual(["close folders"]);
    source.close();
    expect(seen).toEqual(["close folders", "close save"]);
  });

  it("end with the error of the last", async () => {
    const missing = new DockerError("IMAGE_MISSING", "gone");
    const routes = [
      route("content", { open: new RouteError("no") }),
      route("save", { open: missing }),
    ];
    await expect(EngineSource.open("id", routes)).rejects.toBe(missing);
    const later = await EngineSource.open("id", [
      route("folders", { read: new RouteError("no") }),
      route("save", { open: missing }),
    ]);
    await expect(later.read(blobsFor("0123456789"))).rejects.toBe(missing);
  });

  it("a bug is no reason for another way", async () => {
    const bug = new TypeError("bug");
    const source = await EngineSource.open("id", [route("folders", { read: bug }), route("save")]);
    await expect(source.read(blobsFor("0123456789"))).rejects.toBe(bug);
  });

  it("no other is tried once it is closed", async () => {
    const seen: string[] = [];
    const routes = [route("folders", { read: new RouteError("stopped"), seen }), route("save")];
    const source = await EngineSource.open("id", routes);
    source.close();
    const blobs = blobsFor("0123456789");
    await source.read(blobs);
    expect(blobs.all).toEqual([]);
  });

  it("build records are read after the image, and missing ones said", async () => {
    const records = async (blobs: Blobs): Promise<readonly string[]> => {
      await blobs.read("build-record/1", whole("record"));
      return [NO_RECORDS];
    };
    const source = await EngineSource.open("id", [route("save")], {
      readRecords: records,
    });
    const blobs = blobsFor("0123456789");
    await source.read(blobs);
    expect(blobs.all.map(({ name }) => name)).toEqual(["save", "build-record/1"]);
    expect(source.limits).toEqual([NO_RECORDS]);
  });
});
