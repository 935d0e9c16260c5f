import type { ContainerOptions } from "../../index.ts";
import type { Values } from "../values.ts";

/** `docker run`'s own options, from what was typed to what the library takes. */
export function containerOptionsOf(values: Values): ContainerOptions {
  const all = { ...switchesOf(values), ...textsOf(values), ...listsOf(values) };
  return {
    ...Object.fromEntries(Object.entries(all).filter(([, value]) => isGiven(value))),
    ...(values.flag("no-sig-proxy") ? { sigProxy: false } : {}),
  };
}

/** A plan shows what was asked for, not every option that there is. */
function isGiven(value: unknown): boolean {
  return value !== undefined && value !== false && !(Array.isArray(value) && value.length === 0);
}

function switchesOf(values: Values): ContainerOptions {
  return {
    detach: values.flag("detach"),
    rm: values.flag("rm"),
    interactive: values.flag("interactive"),
    tty: values.flag("tty"),
    publishAll: values.flag("publish-all"),
    readOnly: values.flag("read-only"),
    init: values.flag("init"),
  };
}

function textsOf(values: Values): ContainerOptions {
  return {
    name: values.get("name"),
    workdir: values.get("workdir"),
    user: values.get("user"),
    network: values.get("network"),
    hostname: values.get("hostname"),
    restart: values.get("restart"),
    entrypoint: values.get("entrypoint"),
    platform: values.get("platform"),
    pull: values.get("pull") as ContainerOptions["pull"],
    stopSignal: values.get("stop-signal"),
    memory: values.get("memory"),
    cpus: values.get("cpus"),
  };
}

function listsOf(values: Values): ContainerOptions {
  return {
    publish: values.list("publish"),
    volume: values.list("volume"),
    mount: values.list("mount"),
    tmpfs: values.list("tmpfs"),
    env: values.list("env-var"),
    envFile: values.list("env-file"),
    addHost: values.list("add-host"),
    label: values.list("label"),
    capAdd: values.list("cap-add"),
    capDrop: values.list("cap-drop"),
    securityOpt: values.list("security-opt"),
    ulimit: values.list("ulimit"),
  };
}
