/** A process of its own that builds with another builder: for a test that kills it. */
import { buildVia } from "../../src/build/via.ts";
import { Secret } from "../../src/secret/secret.ts";

const [cwd = "", path = "", value = ""] = process.argv.slice(2);
await buildVia({
  tool: "docker",
  context: ".",
  cwd,
  env: {},
  childEnv: { PATH: path },
  secrets: { ids: ["tok"], open: async (id) => Secret.take(id, Buffer.from(value)) },
});
