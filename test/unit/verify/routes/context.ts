import { NeedleSearch } from "../../../../src/needles/search.ts";
import { NeedleTable } from "../../../../src/needles/table.ts";
import { needlesOf } from "../../../../src/needles/variants.ts";
import { Secret } from "../../../../src/secret/secret.ts";
import { Blobs } from "../../../../src/verify/blobs.ts";
import { MemberQueue } from "../../../../src/verify/members/queue.ts";

/** Blobs that are searched for one value. */
export function blobsFor(value: string): Blobs {
  const table = new NeedleTable(needlesOf(Secret.take("prod/KEY", Buffer.from(value))));
  const search = new NeedleSearch(table);
  const members = new MemberQueue(table);
  return new Blobs({ table, search, members, checkDigests: false, budget: { left: 1e6 } });
}
