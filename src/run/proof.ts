/** For containers that others create: the request for one, proved as far as that can be. */
import { removeApps } from "./app-container.ts";
import type { CreateBody } from "./create-body.ts";
import { createHelper } from "./delivery/helper.ts";
import { type Make, wholeBody } from "./launch.ts";

/** Makes no container, but keeps what one would be made of. */
export interface Proof {
  readonly make: Make;
  /** The whole create request; `Env` holds values. */
  readonly body: () => CreateBody;
}

export function proof(): Proof {
  let body: CreateBody | undefined;
  return {
    async make(prepared, parts) {
      const { options, plan, cleanup, image, run } = prepared;
      const { engine } = options;
      const { delivery } = parts;
      if (delivery?.kind === "bind") {
        // an engine that does not see the folder refuses its mounts at once
        const { platform } = plan.container;
        const context = { engine, cleanup, run, image: image.Id, platform };
        const gate = parts.gate === null ? [] : [parts.gate.mount];
        const helper = await createHelper(context, [...delivery.mounts, ...gate]);
        await cleanup.run(helper.step);
      }
      body = wholeBody(prepared, parts);
      return { id: "", step: cleanup.add("the container", () => removeApps(engine, run)) };
    },
    body() {
      if (body === undefined) throw new Error("nothing was made");
      return body;
    },
  };
}
