/** The real engine, with one thing about it changed. */
import type { Engine } from "../../src/docker/engine.ts";

type Request = Engine["request"];

/** With something done before a container is created. */
export function withRequest(engine: Engine, before: (body: unknown) => Promise<void>): Engine {
  const request = async (...[method, path, o]: Parameters<Request>): Promise<unknown> => {
    if (path === "/containers/create") await before(o?.body);
    return engine.request(method, path, o);
  };
  return proxied(engine, { request });
}

/** With something done before a container is started. */
export function withStart(engine: Engine, before: () => Promise<void>): Engine {
  const startContainer = async (id: string): Promise<void> => {
    await before();
    await engine.startContainer(id);
  };
  return proxied(engine, { startContainer });
}

/** With other mount options for volumes; without any they lie on its disk. */
export function withVolumes(engine: Engine, change: (o: string) => string): Engine {
  const createVolume = async (body: object): Promise<string> => {
    const { DriverOpts, ...rest } = body as { DriverOpts: { o: string } };
    const o = change(DriverOpts.o);
    return engine.createVolume(o === "" ? rest : { ...rest, DriverOpts: { ...DriverOpts, o } });
  };
  return proxied(engine, { createVolume });
}

function proxied(engine: Engine, own: Readonly<Record<string, unknown>>): Engine {
  return new Proxy(engine, {
    get(target, key): unknown {
      const value: unknown = own[String(key)] ?? Reflect.get(target, key, target);
      // its private fields are behind the real one only
      return typeof value === "function" ? (value.bind(target) as unknown) : value;
    },
  });
}
