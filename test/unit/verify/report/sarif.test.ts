import { describe, expect, it } from "vitest";
import { reportSarif } from "../../../../src/verify/report/sarif.ts";
import { CLEAN, digest, INCOMPLETE, LEAKY, ON_NOTHING, UNPACKED, UNPROVED } from "../reports.ts";
import { faultsOf } from "./sarif-form.ts";

describe("reportSarif", () => {
  it.each([
    ["clean", CLEAN],
    ["leak", LEAKY],
    ["unproved", UNPROVED],
    ["not unpacked", UNPACKED],
    ["incomplete", INCOMPLETE],
  ])("%s: has the form of SARIF 2.1.0", (_, report) => {
    expect(faultsOf(reportSarif(report, { version: "1.2.3" }))).toEqual([]);
  });

  it("the check of the form can fail", () => {
    const { runs, ...log } = reportSarif(LEAKY);
    expect(faultsOf({ ...log, version: "2.0.0", runs })).not.toEqual([]);
    const broken = runs.map((run) => ({ ...run, results: [{ ruleId: "x", level: "bad" }] }));
    expect(faultsOf({ ...log, runs: broken })).not.toEqual([]);
    expect(faultsOf({ ...log, runs: runs.map(({ results }) => ({ results })) })).not.toEqual([]);
    expect(faultsOf({ ...log, runs: runs.map((run) => ({ ...run, surplus: 1 })) })).not.toEqual([]);
  });

  it("IT12: a result for each finding, with rule, path, layer and how to mend it", () => {
    const [run] = reportSarif(LEAKY).runs;
    expect(run?.tool.driver.rules.map(({ id, name }) => [id, name])).toEqual([
      ["secret-in-layer", "SecretInLayer"],
      ["secret-in-env", "SecretInEnv"],
    ]);
    expect(run?.results).toMatchObject([
      {
        ruleId: "secret-in-layer",
        ruleIndex: 0,
        level: "error",
        message: {
          text: expect.stringMatching(
            /^prod\/API_KEY \(raw, base64\) is in \/app\/\.npmrc in layer 2 .*Change prod\/API_KEY at its issuer/u,
          ) as string,
        },
        locations: [
          {
            physicalLocation: {
              artifactLocation: { uri: "app/.npmrc", uriBaseId: "IMAGE" },
              region: { startLine: 1 },
            },
            logicalLocations: [
              {
                fullyQualifiedName: "layer 2 (sha256:bbbbbbbbbbbb): /app/.npmrc",
                kind: "resource",
              },
            ],
          },
        ],
        properties: { encodings: ["raw", "base64"], offset: 19, count: 2, isDeleted: true },
      },
      {
        ruleId: "secret-in-env",
        ruleIndex: 1,
        locations: [
          {
            physicalLocation: {
              artifactLocation: { uri: "env/NPM_TOKEN", uriBaseId: "IMAGE_DOCUMENTS" },
            },
          },
        ],
      },
    ]);
  });

  it("says what was searched, and gives each image a category of its own", () => {
    const [run] = reportSarif({ ...CLEAN, image: "acme/cats:1" }).runs;
    expect(run?.properties).toMatchObject({ verdict: "clean", configs: [digest("c")], files: 403 });
    expect(run?.properties).not.toHaveProperty("findings");
    expect(run?.automationDetails.id).toBe("sealmount/verify/acme%2Fcats%3A1/");
  });

  it.each([
    [UNPROVED, true, ["unproved", "unproved"]],
    [ON_NOTHING, true, ["unproved"]],
    [UNPACKED, true, ["unseen-member", "unseen-member", "unseen-member"]],
    [INCOMPLETE, false, ["unseen", "unproved", "unproved"]],
    [LEAKY, true, []],
  ])(
    "RI18: doubts are notifications, and only what was not read is no success",
    (report, ok, ids) => {
      const [invocation] = reportSarif(report).runs[0]?.invocations ?? [];
      expect(invocation?.executionSuccessful).toBe(ok);
      const notes = invocation?.toolExecutionNotifications ?? [];
      expect(notes.map(({ descriptor }) => descriptor.id)).toEqual(ids);
    },
  );

  it("a fingerprint outlives a new build of the image, and tells places apart", () => {
    const prints = (report: typeof LEAKY): unknown[] =>
      reportSarif(report).runs[0]?.results.map((one) => one.partialFingerprints) ?? [];
    const [first] = LEAKY.findings;
    if (first === undefined) throw new Error("no finding");
    const again = {
      ...first,
      offset: 7,
      count: 9,
      layer: { index: 4, digest: digest("e"), createdBy: "COPY x x" },
    };
    const before = prints({ ...LEAKY, findings: [first] });
    expect(prints({ ...LEAKY, findings: [again] })).toEqual(before);
    const all = prints({ ...LEAKY, findings: [first, again, { ...first, path: "/other" }] });
    expect(new Set(all.map((one) => JSON.stringify(one))).size).toBe(3);
    expect(all[0]).toEqual(before[0]);
  });

  it("lists 5,000 findings, the first ones of each secret, and says how many there are more", () => {
    const [first] = LEAKY.findings;
    if (first === undefined) throw new Error("no finding");
    const many = Array.from({ length: 7000 }, (_, i) => ({ ...first, path: `/${i}` }));
    const last = { ...first, secret: "prod/LAST" };
    const [run] = reportSarif({ ...LEAKY, findings: [...many, last], omitted: 3 }).runs;
    expect(run?.results).toHaveLength(5000);
    expect(run?.results[1]?.properties["secret"]).toBe("prod/LAST");
    expect(run?.results[4999]?.properties["path"]).toBe("/4998");
    expect(run?.invocations[0]?.toolExecutionNotifications).toMatchObject([
      { descriptor: { id: "unlisted" }, message: { text: "2001 more places: --json lists them" } },
      {
        descriptor: { id: "unlisted" },
        message: { text: "3 more occurrences in places not listed" },
      },
    ]);
  });

  it("an image may have any name", () => {
    const [run] = reportSarif({ ...CLEAN, image: "a\ud800/b" }).runs;
    expect(run?.automationDetails.id).toBe("sealmount/verify/a%EF%BF%BD%2Fb/");
  });

  it.each([
    ["/../../etc/a b%#?", "etc/a%20b%25%23%3F"],
    ["", "."],
    ["/a.jar!/c/d.yml", "a.jar!/c/d.yml"],
    ["/\ud800é", "%EF%BF%BD%C3%A9"],
  ])("the path %j becomes a reference that leads nowhere else", (path, uri) => {
    const findings = LEAKY.findings.slice(0, 1).map((finding) => ({ ...finding, path }));
    const [result] = reportSarif({ ...LEAKY, findings }).runs[0]?.results ?? [];
    expect(result?.locations[0]?.physicalLocation.artifactLocation.uri).toBe(uri);
  });
});
