import { expect, it } from "vitest";
import { KEY_VARIABLES, scrubEnvironment } from "../../../src/keys/variables.ts";

it("RI13: key variables, and those that begin like them, reach no child process", () => {
  const env = {
    PATH: "/bin",
    SEALMOUNT_ENV: "prod",
    SEALMOUNT_KEY: "k",
    SEALMOUNT_KEY_FILE: "f",
    SEALMOUNT_KEY_PROD: "p",
    GONE: undefined,
  };
  expect(scrubEnvironment(env)).toEqual({ PATH: "/bin", SEALMOUNT_ENV: "prod" });
  expect(KEY_VARIABLES).toEqual(["SEALMOUNT_KEY", "SEALMOUNT_KEY_FILE"]);
});
